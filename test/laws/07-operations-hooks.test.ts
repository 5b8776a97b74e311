/** Hooks are bounded: the signal, the grace, the split of stopTimeout (R32). */
import { isKeelsonError, type StartContext } from 'keelson'
import { describe, expect, it } from 'vitest'
import { boom, causes, deferred, fail, hang, type Part, rows, said, stage, untilAborted } from '../support/laws4.js'

const never = { restart: { policy: 'never' } } as const

/** Settles so many milliseconds after the abort. */
const lingers =
  (ms: number): NonNullable<Part['start']> =>
  (context, { clock }) =>
    untilAborted(context).then(() => clock.sleep(ms))

describe('startTimeout', () => {
  it('R32 a start that outlasts it is aborted, and has failed when onStart settles', async () => {
    const s = stage({ db: { ...never, start: lingers(300), startTimeout: 100 } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(500)
    expect(s.story('db')).toEqual(['0 starting', '100 stopping (failed)', '400 failed'])
    expect(s.hooks).toEqual(['0 db start', '400 db stop'])
    expect(rows(call)).toEqual({ db: 'failed START_TIMEOUT' })
    expect(s.app.getServiceStatus('db').error).toMatchObject({ code: 'START_TIMEOUT' })
  })

  it('R32 it is 30 000 by default, and a start just within it succeeds', async () => {
    const s = stage({ db: { ...never, start: untilAborted }, api: { starts: 29_999 } })
    s.watch(s.app.startService('db'))
    s.watch(s.app.startService('api'))
    await s.clock.advance(30_000)
    expect(s.stories()).toEqual({
      db: ['0 starting', '30000 stopping (failed)', '30000 failed'],
      api: ['0 starting', '29999 running'],
    })
  })

  it('R32 an option of the orchestrator is the default of its services', async () => {
    const s = stage({ db: { ...never, start: untilAborted } }, { startTimeout: 70 })
    s.watch(s.app.startService('db'))
    await s.clock.advance(70)
    expect(s.states()).toEqual({ db: 'failed' })
  })

  it('R32 Infinity never ends a start', async () => {
    const s = stage({ db: { start: untilAborted, startTimeout: Number.POSITIVE_INFINITY } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(10_000_000)
    expect(s.states()).toEqual({ db: 'starting' })
  })

  it('R32 an onStart that ignores the abort is abandoned after abortGrace, 1 000, and onStop runs', async () => {
    const s = stage({ db: { ...never, start: hang, startTimeout: 100, stops: 20 } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(2_000)
    expect(s.story('db').slice(0, 2)).toEqual(['0 starting', '100 stopping (failed)'])
    expect(s.hooks).toEqual(['0 db start', '1100 db stop'])
    expect(s.app.getServiceStatus('db')).toMatchObject({ state: 'failed', error: { code: 'START_TIMEOUT' } })
    expect(s.story('db').at(-1)).toBe('1120 failed')
  })

  it('R32 what an abandoned onStart acquires later is disposed at once, and it changes nothing', async () => {
    const late = deferred()
    const done: string[] = []
    const start: Part['start'] = async ({ own }) => {
      own(() => done.push('early'))
      await late.promise
      own(() => done.push('late'))
    }
    const s = stage({ db: { ...never, start, startTimeout: 100 } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(1_100)
    expect(done).toEqual(['early'])
    const before = s.app.snapshot()
    late.resolve()
    await s.clock.settle()
    expect(done).toEqual(['early', 'late'])
    expect(s.app.snapshot().services).toEqual(before.services)
  })
})

describe('ctx.fail', () => {
  it('R32 before the start resolved it is a failed start, whatever onStart still returns', async () => {
    const start: Part['start'] = async (context, { clock }) => {
      context.fail(boom)
      await clock.sleep(50)
    }
    const s = stage({ db: { ...never, start } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect(s.story('db')).toEqual(['0 starting', '0 stopping (failed)', '50 failed'])
    expect(s.hooks).toEqual(['0 db start', '50 db stop'])
    expect(rows(call)).toEqual({ db: 'failed START_FAILED' })
    expect(causes(s.app.getServiceStatus('db').error)).toContain(boom)
  })

  it('R32 the first error is the one that counts', async () => {
    const start: Part['start'] = (context) => {
      context.fail(boom)
      context.fail(new Error('second'))
      throw new Error('third')
    }
    const s = stage({ db: { ...never, start } })
    s.watch(s.app.startService('db'))
    await s.clock.settle()
    expect(s.app.getServiceStatus('db').error).toMatchObject({ code: 'START_FAILED', cause: boom })
    expect(s.hooks).toEqual(['0 db start', '0 db stop'])
  })

  it('R32 after the start resolved it is a crash', async () => {
    const contexts: StartContext[] = []
    const s = stage({ db: { ...never, start: (context) => contexts.push(context), run: untilAborted } })
    await s.app.start()
    contexts[0]?.fail(boom)
    await s.clock.settle()
    expect(s.story('db').slice(-2)).toEqual(['0 stopping (failed)', '0 failed'])
    expect(s.app.getServiceStatus('db').error).toMatchObject({ code: 'CRASHED', cause: boom })
  })

  it('R32 on a finished epoch it changes nothing', async () => {
    const fails: ((error: unknown) => void)[] = []
    const s = stage({ db: { start: (context) => void fails.push(context.fail) } })
    await s.app.start()
    await s.app.restartService('db')
    s.clear()
    fails[0]?.(boom)
    await s.clock.settle()
    expect([s.states(), s.stories()]).toEqual([{ db: 'running' }, {}])
  })
})

describe('a stop', () => {
  it('R32 it aborts the signal of the epoch, one for onStart and onRun, with the reason to read', async () => {
    const signals: AbortSignal[] = []
    const run: Part['run'] = (context) => {
      signals.push(context.signal)
      return untilAborted(context)
    }
    const s = stage({ db: { start: ({ signal }) => signals.push(signal), run } })
    await s.app.start()
    expect([signals[0] === signals[1], signals[0]?.aborted]).toEqual([true, false])
    await s.app.stop()
    expect([signals[0]?.aborted, signals[0]?.reason === undefined]).toEqual([true, false])
  })

  it('R32 the signal of a start that timed out says so', async () => {
    const contexts: StartContext[] = []
    const start: Part['start'] = (context) => {
      contexts.push(context)
      return untilAborted(context)
    }
    const s = stage({ db: { ...never, startTimeout: 100, start } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect(isKeelsonError(contexts[0]?.signal.reason, 'START_TIMEOUT')).toBe(true)
  })

  it('R32 the epoch is stopping even if onStart resolves after the abort', async () => {
    const s = stage({ db: { start: lingers(200) } })
    const start = s.watch(s.app.startService('db'))
    await s.clock.advance(50)
    const stop = s.watch(s.app.stopService('db'))
    await s.clock.advance(200)
    expect([said(start), said(stop)]).toEqual(['rejected at 50 with CANCELLED', 'resolved at 250'])
    expect(s.story('db')).toEqual(['0 starting', '50 stopping (manual)', '250 stopped'])
    expect(s.hooks).toEqual(['0 db start', '250 db stop'])
  })

  it('R32 an onStart that rejects after the abort has not failed', async () => {
    const s = stage({ db: { start: (c) => untilAborted(c).then(fail) } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(50)
    const stop = s.watch(s.app.stopService('db'))
    await s.clock.settle()
    expect([said(stop), s.app.getServiceStatus('db').error]).toEqual(['resolved at 50', undefined])
    expect(s.story('db').at(-1)).toBe('50 stopped')
  })

  it('R32 an onStart that ignores it has abortGrace, then onStop has what is left of stopTimeout', async () => {
    const signals: boolean[] = []
    const stop: Part['stop'] = ({ signal }) => {
      signal.addEventListener('abort', () => signals.push(true))
      return hang()
    }
    const s = stage({ db: { start: hang, stop, abortGrace: 400, stopTimeout: 1_000 } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(50)
    const call = s.watch(s.app.stopService('db'))
    await s.clock.advance(999)
    expect([said(call), signals]).toEqual(['pending', []])
    await s.clock.advance(1)
    expect([said(call), signals]).toEqual(['rejected at 1050 with STOP_INCOMPLETE', [true]])
    expect(s.hooks).toEqual(['0 db start', '450 db stop'])
  })

  it('R32 abortGrace is half of stopTimeout at most', async () => {
    const s = stage({ db: { start: hang, stopTimeout: 600 } })
    s.watch(s.app.startService('db'))
    await s.clock.settle()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(600)
    expect(s.hooks).toEqual(['0 db start', '300 db stop'])
  })

  it('R32 an onRun that ignores it has stopTimeout less abortGrace', async () => {
    const s = stage({ db: { run: hang, abortGrace: 200, stopTimeout: 1_000, stop: hang } })
    await s.app.start()
    const call = s.watch(s.app.stopService('db'))
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['0 db start', '0 db run', '800 db stop'])
    expect(said(call)).toBe('rejected at 1000 with STOP_INCOMPLETE')
  })

  it('R32 an onRun has 9 000 by default, and at least half of stopTimeout', async () => {
    const s = stage({ db: { run: hang }, api: { run: hang, stopTimeout: 600 } })
    await s.app.start()
    s.watch(s.app.stop())
    await s.clock.advance(10_000)
    expect(s.hooks.slice(-2)).toEqual(['300 api stop', '9000 db stop'])
  })

  it('R32 an onRun that heeds it leaves the rest of stopTimeout to onStop', async () => {
    const s = stage({ db: { run: lingers(300), stopTimeout: 1_000, stop: hang } })
    await s.app.start()
    const call = s.watch(s.app.stopService('db'))
    await s.clock.advance(1_000)
    expect(s.hooks.at(-1)).toBe('300 db stop')
    expect(said(call)).toBe('rejected at 1000 with STOP_INCOMPLETE')
  })

  it('R32 disposers run after an abandoned onStop, each once, last in first out', async () => {
    const done: string[] = []
    const s = stage({
      db: {
        start: ({ own }, { now }) => {
          own(() => done.push(`${now()} first`))
          own(() => done.push(`${now()} last`))
        },
        stop: hang,
        stopTimeout: 500,
      },
    })
    await s.app.start()
    s.watch(s.app.stop())
    await s.clock.advance(600)
    expect(done).toEqual(['500 last', '500 first'])
  })

  it('R32 a crash gives onStop the whole stopTimeout', async () => {
    const s = stage({
      db: { ...never, run: (_, { clock }) => clock.sleep(10).then(fail), stop: hang, stopTimeout: 500 },
    })
    await s.app.start()
    await s.clock.advance(600)
    expect(s.hooks.at(-1)).toBe('10 db stop')
    expect(s.story('db').slice(-2)).toEqual(['10 stopping (failed)', '510 failed'])
    expect(causes(s.app.getServiceStatus('db').error)).toContain(boom)
  })
})

it.each([
  ['ends of itself', async () => {}],
  ['crashes', fail],
])('R32 the signal of an epoch is aborted, too, when it %s: what was begun with it ends', async (_, run) => {
  const ended: string[] = []
  const s = stage({
    job: {
      ...never,
      start: ({ signal, epoch }) => signal.addEventListener('abort', () => ended.push(`signal ${epoch}`)),
      run: (_context, { clock }) => clock.sleep(10).then(run),
      stop: () => void ended.push('onStop'),
    },
  })
  await s.app.start()
  await s.clock.advance(20)
  expect(ended).toEqual(['signal 1', 'onStop'])
})
