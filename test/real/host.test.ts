/** What the library costs its host and leaves to it, in processes of their own (R45, R46). See host-program.ts. */
import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { root } from '../support/house.js'

/** Runs a program to its end; its lines, and how it ended. */
async function program(
  name: string,
  file = 'host-program.ts',
): Promise<{ end: number | NodeJS.Signals | null; out: string[]; err: string; took: number }> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--expose-gc', '--import', 'tsx', `test/real/${file}`, name], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '', NODE_V8_COVERAGE: '', NO_COLOR: '1' },
    timeout: 60_000,
  })
  let [out, err] = ['', '']
  child.stdout.on('data', (data) => (out += data))
  child.stderr.on('data', (data) => (err += data))
  return new Promise((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ end: code ?? signal, out: out.split('\n').slice(0, -1), err, took: performance.now() - began }),
    )
  })
}

describe('R45 by counting the blocks of code that are entered', { timeout: 90_000 }, () => {
  it('R45 one transition costs the same among 50 and among 5 000 unrelated services', async () => {
    const { out, err } = await program('one transition', 'host-cost-program.ts')
    expect(err).toBe('')
    const [few = {}, many = {}] = JSON.parse(out[0] ?? '[]') as Record<string, number>[]
    // V8 loses some counts where it optimises; a cost that grows with the crowd would be a hundred times as high.
    const dearer = Object.entries(many).filter(([deed, cost]) => cost > (few[deed] ?? 0) * 2 + 20)
    expect(dearer, JSON.stringify(few)).toEqual([])
    expect(Object.values(few).every((cost) => cost > 0)).toBe(true)
    expect(Object.keys(few)).toHaveLength(10)
  })

  it('R45 a whole start and stop costs in proportion to services and edges', async () => {
    const { out, err } = await program('a whole start', 'host-cost-program.ts')
    expect(err).toBe('')
    expect(out).toHaveLength(4)
    for (const line of out) {
      const [shape, some, four] = JSON.parse(line) as [string, number, number]
      // Four times as many: 4 but for the counts that V8 loses where it optimises; what is quadratic gives 16.
      expect(four / some, shape).toBeLessThan(6)
      expect(four / some, shape).toBeGreaterThan(2)
    }
  })
})

describe.concurrent('R46 memory and process', { timeout: 60_000 }, () => {
  it('R46 an ended epoch is collected: context, signal, resources - after a restart and after a stop', async () => {
    const { out, err } = await program('lets go of ended epochs')
    expect([err, out]).toEqual(['', [JSON.stringify(Array(3).fill(true)), JSON.stringify(Array(6).fill(true))]])
  })

  it('R46 a service that was removed or replaced is collected', async () => {
    const { out, err } = await program('lets go of services')
    expect([err, out]).toEqual(['', ['[true,true]']])
  })

  it('R46 an orchestrator is collected although a signal that its calls were given lives on', async () => {
    const { out, err } = await program('lets go of orchestrators')
    expect([err, out]).toEqual(['', ['[true,true]']])
  })

  it('R46 services that are up and checked do not keep the process alive', async () => {
    const { end, out, took } = await program('is up')
    expect({ end, out }).toEqual({ end: 0, out: ['started', 'running'] })
    expect(took).toBeLessThan(9_000)
  })

  it('R46 nor does a retry that nobody waits for', async () => {
    const { end, out } = await program('retries in the background')
    expect({ end, out }).toEqual({ end: 0, out: ['START_INCOMPLETE', 'retrying'] })
  })

  it('R46 an operation that waits for retries, a delay or a stop does', async () => {
    expect(await program('retries in an operation')).toMatchObject({ end: 0, out: ['running'] })
    expect(await program('waits for its delay')).toMatchObject({ end: 0, out: ['running', '[]'] })
    expect(await program('stops')).toMatchObject({ end: 0, out: ['STOP_INCOMPLETE', 'stopped'] })
  })

  it('R46 run does, though nothing is due', async () => {
    expect(await program('runs')).toMatchObject({ end: 0, out: ['stopped'] })
  })

  it('R46 an import installs nothing', async () => {
    const { out } = await program('an import', 'host-cost-program.ts')
    const [before, after] = JSON.parse(out[0] ?? '[]') as unknown[]
    expect(after).toEqual(before)
    expect(after).toHaveLength(2)
  })
})
