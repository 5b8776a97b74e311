/** runMain in real processes, with real signals. What the services do is in main-program.ts. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How a program ended: exit code or signal, its output, how long it lived after the last signal that the test sent. */
interface Ended {
  end: number | NodeJS.Signals | null
  out: string[]
  err: string
  took: number
}

/** Runs a program; sends it the signals in turn, each a moment after its line was printed. */
function program(name: string, ...signals: [after: string, signal: NodeJS.Signals][]): Promise<Ended> {
  const file = 'test/real/main-program.ts'
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' }
  const child = spawn(process.execPath, ['--import', 'tsx', file, name], { cwd: root, env, timeout: 20_000 })
  let out = ''
  let err = ''
  let last = performance.now()
  const next = (): void => {
    const [line, signal] = signals[0] ?? []
    if (line === undefined || !out.split('\n').includes(line)) return
    signals.shift()
    setTimeout(() => {
      last = performance.now()
      child.kill(signal)
      next()
    }, 50)
  }
  child.stdout.on('data', (data) => {
    out += data
    next()
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  return new Promise((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ end: code ?? signal, out: out.split('\n').slice(0, -1), err, took: performance.now() - last }),
    )
  })
}

describe.concurrent('R35 runMain', { timeout: 30_000 }, () => {
  it.for(['SIGTERM', 'SIGINT'] as const)('ends with 0 after a clean stop by %s, in order', async (signal) => {
    const { end, out, err } = await program('serves', ['up', signal])
    expect({ end, out, err }).toEqual({ end: 0, out: ['db up', 'up', 'api down', 'db down', 'flushed'], err: '' })
  })

  it('hears the signals it is told to, and only these', async () => {
    expect(await program('serves until SIGUSR2', ['up', 'SIGUSR2'])).toMatchObject({ end: 0, err: '' })
    expect(await program('serves until SIGUSR2', ['up', 'SIGTERM'])).toMatchObject({ end: 'SIGTERM', err: '' })
  })

  it('ends with 0 when a signal comes in the middle of the start, and stops what was up', async () => {
    const { end, out, err } = await program('starts slowly', ['starting', 'SIGTERM'])
    expect({ end, out, err }).toEqual({ end: 0, out: ['db up', 'starting', 'db down'], err: '' })
  })

  it('ends with 0 when all services have completed', async () => {
    expect(await program('counts its handlers')).toMatchObject({ end: 0, err: '' })
  })

  it('ends with 1 after a failed start and prints the culprit and what it threw', async () => {
    const { end, out, err } = await program('fails to start')
    expect({ end, out }).toEqual({ end: 1, out: ['db up', 'db down'] })
    expect(err).toMatch(/^keelson: START_INCOMPLETE: .*api/)
    expect(err).toMatch(/^ {2}api: failed - START_FAILED: /m)
    expect(err).toMatch(/caused by Error: connect ECONNREFUSED 127.0.0.1:5432\n +at .*main-program/)
    expect(err.match(/caused by/g)).toHaveLength(1)
    expect(err).not.toMatch(/^ {2}db/m)
  })

  it('ends with 1 when an essential service gives up, and stops the others', async () => {
    const { end, out, err } = await program('gives up')
    expect({ end, out }).toEqual({ end: 1, out: ['db up', 'db down'] })
    expect(err).toMatch(/^keelson: CRASHED: .*worker/)
    expect(err).toMatch(/caused by Error: the journal is corrupt/)
  })

  it('ends with 1 after an unclean stop and prints who did not stop cleanly', async () => {
    const { end, out, err } = await program('stops uncleanly', ['up', 'SIGTERM'])
    expect({ end, out }).toEqual({ end: 1, out: ['db up', 'up', 'db down'] })
    expect(err).toMatch(/^keelson: STOP_INCOMPLETE: .*queue/)
    expect(err).toMatch(/^ {2}queue: failed - STOP_FAILED: /m)
    expect(err).toMatch(/caused by Error: flush failed/)
  })

  it('ends with 1 and one readable line whatever was thrown', async () => {
    const { end, err } = await program('throws nonsense')
    expect(end).toBe(1)
    expect(err).toMatch(/^keelson: START_INCOMPLETE: .*odd/)
  })

  it('a second signal stops with a timeout of 1 000 and ends with 128 + its number', async () => {
    const { end, took, err } = await program('is stuck', ['up', 'SIGTERM'], ['stopping', 'SIGINT'])
    expect(end).toBe(128 + 2)
    expect(took).toBeGreaterThan(800)
    expect(took).toBeLessThan(5_000)
    expect(err).toMatch(/^keelson: STOP_INCOMPLETE: .*stuck/)
    expect(err).toMatch(/^ {2}stuck: abandoned/m)
  })

  it('a third signal ends the process at once', async () => {
    const { end } = await program('is stuck', ['up', 'SIGINT'], ['stopping', 'SIGINT'], ['stopping', 'SIGTERM'])
    expect(end).toBe(128 + 15) // not 128 + 2, the end of the second signal
  })

  it('ends a program that leaves a handle open, with what is printed after the call', async () => {
    const { end, out } = await program('leaves a handle open')
    expect({ end, out }).toEqual({ end: 0, out: ['db up', 'db down', 'at rest'] })
  })

  it('keeps an exit code that the program has set itself', async () => {
    expect((await program('has its own exit code')).end).toBe(3)
  })

  it('refuses a second orchestrator in one process', async () => {
    const { end, out } = await program('runs two')
    const message = 'runMain: app is the second of this process; nest it in the first by asService()'
    expect({ end, out }).toEqual({ end: 0, out: [`CONFIG_INVALID ${message}`] })
  })

  it('refuses nonsense with CONFIG_INVALID and its path, and starts nothing', async () => {
    const { end, out } = await program('passes nonsense')
    expect(end).toBe(0)
    const says = [
      'app is no orchestrator; pass one',
      'app is no orchestrator; pass one',
      'options is no object; pass { signals }',
      'signal is no option; known is signals',
      'signals is no array; pass names such as SIGTERM',
      "signals.1 is 'SIGNONE', which is no signal; pass names such as SIGTERM",
      'signals.0 is number, which is no signal; pass names such as SIGTERM',
      "signals.0 is 'SIGKILL', which no process can catch; leave it out",
      "signals.1 is 'SIGHUP' for the second time; name it once",
    ]
    expect(out).toEqual([...says.map((what) => `CONFIG_INVALID runMain: ${what}`), 'handlers 0'])
  })
})

it('R46 the handlers of runMain are there during the call only', { timeout: 30_000 }, async () => {
  const { out } = await program('counts its handlers')
  expect(out).toEqual(['handlers 0 0', 'handlers 1 1', 'handlers 0 0'])
})
