/** What runMain does with a process, one decision at a time; the same in real processes: test/real/run-main.test.ts. */
import { type CallOptions, KeelsonError, type OperationReport } from 'keelson'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Deferred, deferred, settled } from '../support/promises.js'

let printed: string
let exits: unknown[]

beforeEach(() => {
  printed = ''
  exits = []
  vi.resetModules() // a process has one runMain
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  vi.spyOn(process, 'exit').mockImplementation((code) => exits.push(code ?? process.exitCode) as never)
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    printed += text
    return true
  })
})

afterEach(() => {
  process.exitCode = undefined
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** The two methods that runMain uses: `run` ends when the test says so, `stop` keeps what it was given. */
function setup(stop: () => Promise<OperationReport> = () => new Promise(() => {})) {
  const end: Deferred<void> = deferred()
  const stops: unknown[] = []
  let signal: AbortSignal | undefined
  const app = {
    run: (options: { signal?: AbortSignal } = {}) => {
      signal = options.signal
      return end.promise
    },
    stop: (options?: CallOptions) => {
      stops.push(options)
      return stop()
    },
  }
  const main = async (options?: { signals?: NodeJS.Signals[] }) => (await import('keelson/main')).runMain(app, options)
  const isTold = () => signal?.aborted
  return { app, end, stops, main, isTold }
}

/** Delivers a signal to the handlers of this process without sending it. */
const send = (signal: NodeJS.Signals): boolean => process.emit(signal, signal)

const handlers = (): number => process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')

describe('R35', () => {
  it('a clean end leaves the exit code alone and the program a second to end by itself', async () => {
    const { main, end } = setup()
    end.resolve()
    await main()
    expect([process.exitCode, exits, printed]).toEqual([undefined, [], ''])
    vi.advanceTimersByTime(1_000)
    expect(exits).toEqual([undefined])
  })

  it('the first signal aborts the run, the second stops with 1 000, the third exits', async () => {
    const { main, end, stops, isTold } = setup(() => Promise.reject(new Error('is told by run')))
    const before = handlers()
    const call = settled(main())
    await vi.waitFor(() => expect(handlers()).toBe(before + 2))
    expect(isTold()).toBe(false)
    send('SIGTERM')
    expect([isTold(), stops, exits]).toEqual([true, [], []])
    send('SIGINT')
    expect([stops, exits]).toEqual([[{ timeout: 1_000 }], []])
    send('SIGTERM')
    expect([stops.length, exits]).toEqual([1, [143]])
    end.resolve()
    await vi.waitFor(() => expect(call.status).toBe('fulfilled'))
    expect(exits).toEqual([143, 130])
  })

  it('a run that rejects sets the exit code to 1, in spite of another one', async () => {
    const { main, end } = setup()
    process.exitCode = 3
    end.reject(new Error('boom'))
    await main()
    expect([process.exitCode, exits]).toEqual([1, []])
    vi.advanceTimersByTime(1_000)
    expect(exits).toEqual([1])
  })

  it('hears no signal if it is told so', async () => {
    const { main, end } = setup()
    const before = handlers()
    const call = main({ signals: [] })
    await Promise.resolve()
    expect(handlers()).toBe(before)
    end.resolve()
    await call
  })

  it('refuses what is no orchestrator, a bad option or a second call with CONFIG_INVALID before anything starts', async () => {
    const { app, end } = setup()
    const { runMain } = await import('keelson/main')
    const before = handlers()
    const bad: [unknown, unknown, string][] = [
      [undefined, {}, 'app'],
      [{ run: app.run }, {}, 'app'],
      [app, null, 'options'],
      [app, 1, 'options'],
      [app, { timeout: 5 }, 'timeout'],
      [app, { signals: 'SIGTERM' }, 'signals'],
      [app, { signals: [5] }, 'signals.0'],
      [app, { signals: ['SIGTERM', 'SIGNONE'] }, 'signals.1'],
      [app, { signals: ['SIGSTOP'] }, 'signals.0'],
      [app, { signals: ['SIGTERM', 'SIGTERM'] }, 'signals.1'],
    ]
    for (const [what, options, path] of bad) {
      const message = expect.stringContaining(`runMain: ${path} is`)
      await expect(runMain(what as never, options as never)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message })
    }
    expect(handlers()).toBe(before)
    const first = runMain(app)
    await expect(runMain(app)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    end.resolve()
    await first
  })
})

it('R46 its handlers are removed before it resolves, also after a failure', async () => {
  const { main, end } = setup()
  const before = handlers()
  end.reject(new Error('boom'))
  await main()
  expect(handlers()).toBe(before)
})

describe('R50 the error is printed for people:', () => {
  const print = async (error: unknown): Promise<string[]> => {
    const { main, end } = setup()
    end.reject(error)
    await main()
    return printed.split('\n').filter((line) => !/^\s+at /.test(line))
  }
  const incomplete = (services: object[], cause?: unknown) =>
    new KeelsonError('STOP_INCOMPLETE', 'stop: two services', { report: { services }, cause })

  it('message, culprits, and under each what was thrown', async () => {
    const db = new KeelsonError('STOP_FAILED', 'db: onStop threw', { cause: 'no disk' })
    const error = incomplete(
      [
        { name: 'db', outcome: 'failed', error: db },
        { name: 'api', outcome: 'stopped' },
        { name: 'queue', outcome: 'abandoned', error: new KeelsonError('STOP_TIMEOUT', 'queue: onStop took too long') },
        { name: 'odd', outcome: 'abandoned' },
      ],
      db,
    )
    expect(await print(error)).toEqual([
      'keelson: STOP_INCOMPLETE: stop: two services',
      '  db: failed - STOP_FAILED: db: onStop threw',
      '    caused by no disk',
      '  queue: abandoned - STOP_TIMEOUT: queue: onStop took too long',
      '  odd: abandoned',
      '',
    ])
  })

  it('the first cause too if no culprit has told it', async () => {
    const cause = new KeelsonError('CRASHED', 'db: crashed', { cause: new Error('boom', { cause: 'disk' }) })
    const lines = await print(incomplete([], cause))
    expect(lines.slice(0, 2)).toEqual(['keelson: STOP_INCOMPLETE: stop: two services', '  caused by Error: boom'])
    expect(lines.join('\n')).toContain("[cause]: 'disk'")
  })

  it('an error of the library without a foreign cause is its own cause', async () => {
    const cause = new KeelsonError('UNHEALTHY', 'db: unhealthy')
    expect(await print(incomplete([], cause))).toEqual([
      'keelson: STOP_INCOMPLETE: stop: two services',
      '  caused by UNHEALTHY: db: unhealthy',
      '',
    ])
  })

  it.for<[thrown: unknown, text: string]>([
    ['text', 'keelson: text'],
    [undefined, 'keelson: undefined'],
    [{ a: 1 }, 'keelson: { a: 1 }'],
  ])('%o', async ([thrown, text]) => {
    expect(await print(thrown)).toEqual([text, ''])
  })

  it('an error that cannot be read', async () => {
    const report = {
      get services() {
        throw new Error('hands off')
      },
    }
    expect(await print(new KeelsonError('STOP_INCOMPLETE', 'stop', { report }))).toEqual([
      'keelson: the program failed with an error that cannot be read',
      '',
    ])
  })
})
