/** The demo as a stranger meets it: a process that is started, used, and told to go. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { root } from '../support/house.js'

const PATIENCE = 60_000

/** A running demo, its output so far, and the wait for a line of it. */
class Demo {
  readonly process: ChildProcess
  readonly exit: Promise<number | null>
  output = ''

  constructor(...args: string[]) {
    const command = ['--import', 'tsx', 'examples/demo/main.ts', ...args]
    this.process = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.process.stdout, this.process.stderr]) stream?.on('data', (text) => (this.output += text))
    this.exit = once(this.process, 'close').then(([code]) => code as number | null)
  }

  /** The first group of the first match, as soon as there is one. */
  async says(pattern: RegExp): Promise<string> {
    for (const late = Date.now() + PATIENCE / 2; Date.now() < late; ) {
      const match = pattern.exec(this.output)
      if (match) return match[1] ?? match[0]
      await new Promise((done) => setTimeout(done, 20))
    }
    throw new Error(`the demo never said ${pattern}; it said:\n${this.output}`)
  }

  /** Whether the patterns are found one after the other. */
  saidInOrder(...patterns: RegExp[]): boolean {
    let rest = this.output
    return patterns.every((pattern) => {
      const at = rest.search(pattern)
      rest = rest.slice(at + 1)
      return at >= 0
    })
  }
}

let demo: Demo
afterEach(() => demo.process.kill('SIGKILL'))

it(
  'the demo serves until Ctrl-C, stops in order and ends with 0 (R13, R35)',
  async () => {
    demo = new Demo()
    const folder = await demo.says(/opening: (\S+)/)
    const url = await demo.says(/listening: (\S+)/)
    await demo.says(/dispatch +starting → running/)
    const order = await fetch(url, { method: 'POST', body: 'tea' })
    expect([order.status, await order.json()]).toEqual([201, { id: 1 }])
    demo.process.kill('SIGINT')
    expect(await demo.exit, demo.output).toBe(0)
    const stopped = [/api +stopping → stopped/, /database +running → stopping/, /database +stopping → stopped/]
    expect(demo.saidInOrder(/stop the shop\n/, ...stopped, /stop the shop: done/), demo.output).toBe(true)
    expect(existsSync(folder)).toBe(false)
    await expect(fetch(url)).rejects.toThrow()
  },
  PATIENCE,
)

it(
  'SIGTERM in the middle of the boot ends the demo with 0 and leaves nothing behind (R34, R35)',
  async () => {
    demo = new Demo()
    const folder = await demo.says(/opening: (\S+)/)
    demo.process.kill('SIGTERM')
    expect(await demo.exit, demo.output).toBe(0)
    expect(demo.output).not.toMatch(/database +starting → running/)
    expect(existsSync(folder)).toBe(false)
  },
  PATIENCE,
)

it(
  'the story comes out as promised',
  async () => {
    demo = new Demo('--story')
    expect(await demo.exit, demo.output).toBe(0)
    expect(demo.output).toMatch(/As promised\. \d+ checks/)
    expect(demo.output).not.toContain('✗')
  },
  PATIENCE,
)
