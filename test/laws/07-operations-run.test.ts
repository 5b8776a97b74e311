/** `run`: start, stay, stop (R35). */
import { type Clock, Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { boom, causes, fail, failing, hang, type Part, said, stage, untilAborted } from '../support/laws4.js'

const never = { restart: { policy: 'never' } } as const

/** A loop that crashes after so many milliseconds. */
const crashesAfter = (ms: number): Pick<Part, 'run'> => ({ run: (_, { clock }) => clock.sleep(ms).then(fail) })

/** A loop that ends of itself after so many milliseconds. */
const endsAfter = (ms: number): Pick<Part, 'run'> => ({ run: (_, { clock }) => clock.sleep(ms) })

describe('run stays up', () => {
  it('R35 it starts, stays until the signal, stops and resolves', async () => {
    const end = new AbortController()
    const s = stage({ db: { starts: 10, stops: 20 }, api: { dependsOn: ['db'] }, tool: { autoStart: false } })
    const call = s.watch(s.app.run({ signal: end.signal }))
    await s.clock.advance(1_000_000)
    expect([said(call), s.states()]).toEqual(['pending', { db: 'running', api: 'running', tool: 'unknown' }])
    end.abort()
    await s.clock.advance(100)
    expect([said(call), call.value]).toEqual(['resolved at 1000020', undefined])
    expect(s.stories()).toMatchObject({
      db: ['0 starting', '10 running', '1000000 stopping (shutdown)', '1000020 stopped'],
      api: ['0 waiting', '10 starting', '10 running', '1000000 stopping (shutdown)', '1000000 stopped'],
    })
  })

  it('R35 until a stop by anybody', async () => {
    const s = stage({ db: { stops: 20 } })
    const call = s.watch(s.app.run())
    await s.clock.advance(100)
    const stop = s.watch(s.app.stop())
    await s.clock.advance(20)
    expect([said(call), said(stop)]).toEqual(['resolved at 120', 'resolved at 120'])
  })

  it('R35 until a stop by one of its own services', async () => {
    const s = stage({ db: { run: (_, { app, clock }) => clock.sleep(100).then(() => void app.stop()) } })
    const call = s.watch(s.app.run())
    await s.clock.advance(200)
    expect([said(call), s.states()]).toEqual(['resolved at 100', { db: 'stopped' }])
  })

  it('R35 until every service desired up has completed', async () => {
    const s = stage({
      one: endsAfter(100),
      two: { ...endsAfter(300), dependsOn: [{ name: 'one', condition: 'completed' }] },
      tool: { autoStart: false },
    })
    const call = s.watch(s.app.run())
    await s.clock.advance(1_000)
    expect(said(call)).toBe('resolved at 400')
    expect(s.states()).toMatchObject({ one: 'stopped', two: 'stopped' })
  })

  it('R35 it takes over what was started before', async () => {
    const end = new AbortController()
    const s = stage({ db: {} })
    await s.app.start()
    const call = s.watch(s.app.run({ signal: end.signal }))
    await s.clock.advance(100)
    expect([said(call), s.app.getServiceStatus('db').epoch]).toEqual(['pending', 1])
    end.abort()
    await s.clock.settle()
    expect([said(call), s.states()]).toEqual(['resolved at 100', { db: 'stopped' }])
  })

  it('R35 two that run it end together', async () => {
    const end = new AbortController()
    const s = stage({ db: { stops: 20 } })
    const calls = [s.watch(s.app.run()), s.watch(s.app.run({ signal: end.signal }))]
    await s.clock.advance(100)
    end.abort()
    await s.clock.advance(100)
    expect(calls.map(said)).toEqual(['resolved at 120', 'resolved at 120'])
  })

  it('R35 not while one of them goes on', async () => {
    const s = stage({ job: endsAfter(100), db: {} })
    const call = s.watch(s.app.run())
    await s.clock.advance(100_000)
    expect([said(call), s.states()]).toEqual(['pending', { job: 'stopped', db: 'running' }])
  })

  it('R35 not because a service is stopped by hand, unless all others have completed', async () => {
    const s = stage({ job: endsAfter(100), db: {} })
    const call = s.watch(s.app.run())
    await s.clock.advance(200)
    expect(said(call)).toBe('pending')
    s.watch(s.app.stopService('db'))
    await s.clock.advance(10)
    expect(said(call)).toBe('resolved at 200')
  })

  it('R35 not while a crashed service is retried', async () => {
    const run: Part['run'] = (context, { clock }) =>
      context.epoch < 3 ? clock.sleep(100).then(fail) : untilAborted(context)
    const s = stage({ db: { run } })
    const call = s.watch(s.app.run())
    await s.clock.advance(10_000)
    expect([said(call), s.app.getServiceStatus('db').epoch]).toEqual(['pending', 3])
  })

  it('R35 not because one that is not essential gives up', async () => {
    const s = stage({
      db: {},
      metrics: { ...never, ...crashesAfter(100), essential: false },
      bad: { ...never, start: fail, essential: false },
    })
    const call = s.watch(s.app.run())
    await s.clock.advance(10_000)
    expect([said(call), s.states()]).toEqual(['pending', { db: 'running', metrics: 'failed', bad: 'failed' }])
  })

  it('R35 not because credentials are missing, once it has started', async () => {
    const s = stage({ db: { ...crashesAfter(100), classify: () => 'auth' } })
    const call = s.watch(s.app.run())
    await s.clock.advance(10_000)
    expect([said(call), s.states()]).toEqual(['pending', { db: 'auth_required' }])
  })
})

describe('run rejects', () => {
  it('R35 when an essential service gives up, after the stop, with its error', async () => {
    const s = stage({ db: { ...never, ...crashesAfter(100) }, mail: { stops: 30 } })
    const call = s.watch(s.app.run())
    await s.clock.advance(1_000)
    expect([call.how, call.at]).toEqual(['rejected', 130])
    expect(causes(call.error)).toContain(boom)
    expect(s.story('mail').slice(-2)).toEqual(['100 stopping (shutdown)', '130 stopped'])
    expect(s.states().db).toBe('failed')
  })

  it('R35 when the retries of an essential service are used up', async () => {
    const s = stage({ db: { start: (c) => c.epoch > 1 && fail(), ...crashesAfter(100), restart: { maxRetries: 2 } } })
    const call = s.watch(s.app.run())
    await s.clock.advance(10_000)
    expect([call.how, call.at]).toEqual(['rejected', 3_100])
    expect(causes(call.error)).toContain(boom)
  })

  it('R35 when what an essential one requires gives up', async () => {
    const s = stage({ api: { dependsOn: ['db'] }, db: { ...never, ...crashesAfter(100), essential: false } })
    const call = s.watch(s.app.run())
    await s.clock.advance(10_000)
    expect([call.how, call.at]).toEqual(['rejected', 100])
  })

  it('R35 when a start failed, after the rollback', async () => {
    const s = stage({ db: { stops: 30 }, api: { ...never, start: (_, { clock }) => clock.sleep(50).then(fail) } })
    const call = s.watch(s.app.run())
    await s.clock.advance(1_000)
    expect([call.how, call.at]).toEqual(['rejected', 80])
    expect(causes(call.error)).toContain(boom)
    expect(s.states()).toEqual({ db: 'stopped', api: 'failed' })
  })

  it('R35 when credentials are missing during the start', async () => {
    const s = stage({ db: { start: fail, classify: () => 'auth' } })
    const call = s.watch(s.app.run())
    await s.clock.settle()
    expect(call.how).toBe('rejected')
  })

  it('R35 when a name is missing, and nothing was started', async () => {
    const s = stage({ api: { dependsOn: ['db'] } })
    const call = s.watch(s.app.run())
    await s.clock.settle()
    expect([said(call), s.hooks]).toEqual(['rejected at 0 with DEPENDENCY_MISSING', []])
  })

  it('R35 when the stop was unclean', async () => {
    const end = new AbortController()
    const s = stage({ db: { stop: fail } })
    const call = s.watch(s.app.run({ signal: end.signal }))
    await s.clock.settle()
    end.abort()
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with STOP_INCOMPLETE')
  })

  it('R35 when the stop by somebody else was unclean', async () => {
    const s = stage({ db: { stop: fail } })
    const call = s.watch(s.app.run())
    await s.clock.settle()
    s.watch(s.app.stop())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with STOP_INCOMPLETE')
  })

  it('R35 with the first cause, also when the stop after it is unclean', async () => {
    const s = stage({
      db: { ...never, ...crashesAfter(100) },
      mail: { stop: () => Promise.reject(new Error('dirty')) },
    })
    const call = s.watch(s.app.run())
    await s.clock.advance(1_000)
    expect(call.how).toBe('rejected')
    expect(causes(call.error)).toContain(boom)
  })
})

describe('the signal of run', () => {
  it('R35 during the start it ends the start, and run resolves', async () => {
    const end = new AbortController()
    const s = stage({ db: { stops: 20 }, api: { dependsOn: ['db'], start: untilAborted } })
    const call = s.watch(s.app.run({ signal: end.signal }))
    await s.clock.advance(50)
    end.abort()
    await s.clock.advance(100)
    expect([said(call), s.states()]).toEqual(['resolved at 70', { db: 'stopped', api: 'stopped' }])
  })

  it('R35 during a start whose undoing is unclean, run rejects', async () => {
    const end = new AbortController()
    const s = stage({ db: { stop: fail }, api: { start: untilAborted } })
    const call = s.watch(s.app.run({ signal: end.signal }))
    await s.clock.advance(50)
    end.abort()
    await s.clock.advance(100)
    expect(call.how).toBe('rejected')
  })

  it('R35 already aborted, it starts nothing', async () => {
    const s = stage({ db: {} })
    const call = s.watch(s.app.run({ signal: AbortSignal.abort() }))
    await s.clock.advance(100)
    expect([call.how === 'pending', s.hooks, s.stories()]).toEqual([false, [], {}])
  })

  it('R35 a second run after the first one works', async () => {
    const s = stage({ job: endsAfter(100) })
    const first = s.watch(s.app.run())
    await s.clock.advance(200)
    const second = s.watch(s.app.run())
    await s.clock.advance(200)
    expect([said(first), said(second)]).toEqual(['resolved at 100', expect.stringMatching(/^resolved at (200|300)$/)])
  })

  it('R35 the stop is bounded by shutdownTimeout', async () => {
    const end = new AbortController()
    const s = stage({ db: { stop: hang } }, { shutdownTimeout: 700 })
    const call = s.watch(s.app.run({ signal: end.signal }))
    await s.clock.settle()
    end.abort()
    await s.clock.advance(700)
    expect(said(call)).toBe('rejected at 700 with STOP_INCOMPLETE')
  })

  it('R35 a start by name after a failed one is no business of run once it has ended', async () => {
    const s = stage({ db: { start: failing(1), ...never } })
    const call = s.watch(s.app.run())
    await s.clock.settle()
    const again = s.watch(s.app.startService('db'))
    await s.clock.settle()
    expect([call.how, said(again)]).toEqual(['rejected', 'resolved at 0'])
  })
})

describe('the process', () => {
  it('R35 run touches neither signals nor handlers of the process', async () => {
    const count = () => process.eventNames().map((name) => [name, process.listenerCount(name)])
    const before = count()
    const end = new AbortController()
    const s = stage({ db: {} })
    s.watch(s.app.run({ signal: end.signal }))
    await s.clock.settle()
    expect(count()).toEqual(before)
    end.abort()
    await s.clock.settle()
    expect(count()).toEqual(before)
  })

  it('R35 run keeps the process alive, an orchestrator that is merely up does not', async () => {
    const { clock, alive } = counted()
    const app = new Orchestrator({ clock, services: [stage().make('db')] })
    await app.start()
    expect(alive()).toBe(0)
    const end = new AbortController()
    const run = app.run({ signal: end.signal })
    await settle()
    expect(alive()).toBeGreaterThan(0)
    end.abort()
    await run
    expect(alive()).toBe(0)
  })
})

const settle = () => new Promise((resolve) => setImmediate(resolve))

/** A clock whose handles can be told, as those of the host, whether they keep the process alive. */
function counted(): { clock: Clock; alive: () => number } {
  const virtual = new VirtualClock()
  const held = new Set<object>()
  const clock: Clock = {
    now: () => virtual.now(),
    wall: () => virtual.wall(),
    defer: (callback) => virtual.defer(callback),
    setTimeout: (callback, ms) => {
      const handle = { inner: undefined as unknown, ref: () => held.add(handle), unref: () => held.delete(handle) }
      held.add(handle)
      handle.inner = virtual.setTimeout(() => {
        held.delete(handle)
        callback()
      }, ms)
      return handle
    },
    clearTimeout: (handle) => {
      if (typeof handle !== 'object' || handle === null) return
      held.delete(handle)
      virtual.clearTimeout((handle as { inner: unknown }).inner)
    },
  }
  return { clock, alive: () => held.size }
}
