/** §9, one hook at a time (R43), and turns: synchronous, shared by one stretch of calls, without recursion (R44). */
import { defineService, Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { fail, hang, heed, scene, serve } from '../support/laws1.js'
import { deferred } from '../support/world.js'

describe('one hook of a service at a time', () => {
  it('R43 onStart, onRun, onStop and disposers follow one another, through any stop and restart', async () => {
    const { app, clock, call, overlaps, hooks, context } = scene({
      a: {
        start: async ({ own }) => {
          own(() => clock.sleep(2))
          await clock.sleep(5)
        },
        run: (context) => serve(context).then(() => clock.sleep(3)),
        stop: () => clock.sleep(4),
        restart: { initialBackoff: 1, maxRetries: 0 },
      },
    })
    for (let i = 0; i < 120; i++) {
      if (i % 2 === 0) call(app.startService('a'))
      if (i % 3 === 0) call(app.stopService('a'))
      if (i % 5 === 0) call(app.restartService('a'))
      if (i % 7 === 0) context('a')?.fail('crash')
      await clock.advance(i % 9)
    }
    expect(overlaps).toEqual([])
    expect(hooks().length).toBeGreaterThan(30)
  })

  it('R43 a start is in flight until it settles, though it is aborted: onStop waits for it', async () => {
    const { app, clock, call, hooks, note } = scene({
      a: {
        start: (context) => heed(context).catch(() => clock.sleep(30).then(() => note(`start over at ${clock.now()}`))),
      },
    })
    call(app.startService('a'))
    await clock.advance(10)
    call(app.stopService('a'))
    await clock.advance(30)
    expect(hooks()).toEqual(['a start 1', 'start over at 40', 'a stop 1 manual'])
  })

  it('R43 no stop waits for a check', async () => {
    const { app, clock, call, moves, services } = scene({ a: { check: hang } })
    call(app.startService('a'))
    await clock.advance(10)
    expect(services.a?.calls.check).toBe(1)
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(stop).toMatchObject({ outcome: 'done', at: 10 })
    expect(moves('a').slice(-2)).toEqual(['running → stopping (manual)', 'stopping → stopped'])
    expect(services.a?.contexts.check[0]?.signal.aborted).toBe(true)
  })

  it('R43 a check runs beside the loop', async () => {
    const { clock, up, services } = scene({ a: { run: serve, check: () => true, healthCheck: { interval: 100 } } })
    await up()
    await clock.advance(1_000)
    expect(services.a?.calls).toMatchObject({ run: 1, check: expect.toSatisfy((count: number) => count > 10) })
  })

  it('R43 onStop after an abandoned hook is the one exception, and there is never a second epoch beside it', async () => {
    const late = deferred()
    const { app, clock, call, state, hooks, beside } = scene({
      a: { start: (context) => (context.epoch === 1 ? late.promise : undefined), abortGrace: 10, startTimeout: 10_000 },
    })
    beside.push('a: stop beside start')
    call(app.startService('a'))
    await clock.advance(10)
    call(app.restartService('a'))
    await clock.advance(100)
    expect([state('a'), hooks()]).toEqual(['waiting', ['a start 1', 'a stop 1 restart']])
    late.resolve()
    await clock.settle()
    expect([state('a'), hooks()]).toEqual(['running', ['a start 1', 'a stop 1 restart', 'a start 2']])
  })
})

describe('a hook that settles more than once', () => {
  // biome-ignore lint/suspicious/noThenProperty: a thenable of somebody else's is what is tested
  const thrice = () => ({ then: (resolve: () => void) => [resolve(), resolve(), resolve()] })

  it('R43 has settled once: a hook abandoned later still holds up the next epoch', async () => {
    const starts = [thrice, hang]
    const { app, clock, call, state, hooks, beside } = scene({
      a: { start: () => starts.shift()?.(), stop: thrice, abortGrace: 10 },
    })
    beside.push('a: stop beside start')
    for (const expected of ['running', 'starting']) {
      call(app.restartService('a'))
      await clock.advance(5)
      expect(state('a')).toBe(expected)
    }
    call(app.restartService('a'))
    await clock.advance(15)
    expect(state('a')).toBe('waiting')
    expect(hooks()).toEqual(['a start 1', 'a stop 1 restart', 'a start 2', 'a stop 2 restart'])
  })

  it('R43 the first way in which it settles counts', async () => {
    const both = () => ({
      // biome-ignore lint/suspicious/noThenProperty: as above
      then: (resolve: () => void, reject: (error: unknown) => void) => {
        resolve()
        reject('late')
        throw new Error('later still')
      },
    })
    const { app, clock, call, moves } = scene({ a: { start: both } })
    call(app.startService('a'))
    await clock.advance(100)
    expect(moves('a')).toEqual(['unknown → starting', 'starting → running'])
  })
})

describe('turns', () => {
  it('R44 an intent from outside waits for a microtask: nothing happens in the call', async () => {
    const { app, clock, call, hooks, states, log } = scene({ a: {}, b: {} })
    await clock.settle()
    log.clear()
    const before = states()
    call(app.start())
    call(app.restartService('a'))
    expect([hooks(), states(), log.lines()]).toEqual([[], before, []])
    await clock.settle()
    expect([hooks(), states()]).toEqual([['a start 1', 'b start 1'], 'a: running, b: running'])
  })

  it('R44 a stop, too', async () => {
    const { app, clock, call, up, hooks, states } = scene({ a: {} })
    await up()
    call(app.stop())
    expect([hooks(), states()]).toEqual([[], 'a: running'])
    await clock.settle()
    expect([hooks(), states()]).toEqual([['a stop 1 shutdown'], 'a: stopped'])
  })

  it('R44 calls of one synchronous stretch share a turn, however many services they name', async () => {
    const { app, clock, call, hooks, states } = scene({ a: {}, b: { dependsOn: ['a'] }, c: {} })
    call(app.startService('b'))
    call(app.startService('c'))
    call(app.stopService('a'))
    await clock.settle()
    expect(hooks()).toEqual(['c start 1'])
    expect(states('b', 'c')).toBe('b: waiting, c: running')
  })

  it('R44 hooks are entered when the whole turn is decided, and events are delivered after the hooks', async () => {
    const { app, clock, call, hooks, note, states } = scene({
      a: { start: () => look() },
      b: { start: () => look() },
      c: { dependsOn: ['a'] },
    })
    const look = () => {
      note(states())
      return clock.sleep(10)
    }
    app.on('state', ({ name, newState }) => note(`event ${name} ${newState}`))
    call(app.start())
    await clock.settle()
    const decided = 'a: starting, b: starting, c: waiting'
    const lines = hooks()
    expect(lines.slice(0, 4)).toEqual(['a start 1', decided, 'b start 1', decided])
    expect(lines.slice(4).sort()).toEqual(['event a starting', 'event b starting', 'event c waiting'])
  })

  it('R44 what a hook calls is handled in the next turn, after all hooks of this one', async () => {
    const { app, clock, call, hooks, states, note } = scene({
      a: {
        start: () => {
          call(app.stopService('b'))
          note(states('b'))
        },
      },
      b: {},
    })
    call(app.start())
    await clock.settle()
    expect(hooks()).toEqual(['a start 1', 'b: starting', 'b start 1', 'b stop 1 manual'])
    expect(states('b')).toBe('b: stopped')
  })

  it('R44 what a listener calls is handled in the next turn', async () => {
    const { app, clock, call, hooks, states, note } = scene({ a: {}, b: {} })
    app.on('state', ({ name, newState }) => {
      if (name !== 'a' || newState !== 'running') return
      call(app.stopService('b'))
      note(states('b'))
    })
    call(app.start())
    await clock.settle()
    expect(hooks()).toEqual(['a start 1', 'b start 1', 'b: running', 'b stop 1 manual'])
  })

  it('R44 a hook that throws keeps no other hook of its turn from being entered', async () => {
    const { app, clock, call, hooks } = scene({ a: { start: () => fail('boom') }, b: {}, c: {} })
    call(app.start({ onFailure: 'keep' }))
    await clock.settle()
    expect(hooks().filter((line) => line.includes('start'))).toEqual(['a start 1', 'b start 1', 'c start 1'])
  })

  it('R44 a hook may await operations on others', async () => {
    const { app, clock, call, states, hooks } = scene({
      a: {
        start: async () => void (await app.startService('b')),
        stop: async () => void (await app.stopService('b')),
      },
      b: { autoStart: false, start: () => clock.sleep(10), stop: () => clock.sleep(10) },
    })
    const start = call(app.start())
    await clock.advance(10)
    expect([start.outcome, states()]).toEqual(['done', 'a: running, b: running'])
    const stop = call(app.stopService('a'))
    await clock.advance(10)
    expect([stop.outcome, states()]).toEqual(['done', 'a: stopped, b: stopped'])
    expect(hooks()).toEqual(['a start 1', 'b start 1', 'a stop 1 manual', 'b stop 1 manual'])
  })

  it.each(['stopService', 'restartService'] as const)(
    'R44 a start that awaits its own %s is freed, and everything settles',
    async (method) => {
      const { app, clock, call, beside, state } = scene({
        a: {
          abortGrace: 50,
          startTimeout: 1_000,
          start: async (context) => {
            if (context.epoch > 1) return
            const own = app[method]('a')
            inner = call(own)
            await own.catch(() => {})
          },
        },
      })
      let inner = { outcome: 'never called' }
      beside.push('a: stop beside start')
      const start = call(app.startService('a'))
      await clock.advance(5_000)
      expect([start.outcome, inner.outcome]).not.toContain('pending')
      expect(inner.outcome).not.toBe('never called')
      expect(state('a')).toBe(method === 'stopService' ? 'stopped' : 'running')
    },
  )
})

describe('without recursion', () => {
  const LENGTH = 100_000
  /** Each requires the one before it. */
  function chain(clock: VirtualClock): Orchestrator {
    const services = Array.from({ length: LENGTH }, (_, i) =>
      defineService(`s${i}`, i === 0 ? {} : { dependsOn: [`s${i - 1}`] }),
    )
    return new Orchestrator({ services, clock, shutdownTimeout: Number.POSITIVE_INFINITY })
  }

  it('R44 a chain of 100 000 starts, loses its first link, explains itself, returns and stops', async () => {
    const clock = new VirtualClock()
    const app = chain(clock)
    const run = async <T>(promise: Promise<T>): Promise<T> => {
      promise.catch(() => {})
      await clock.settle()
      return promise
    }
    const last = `s${LENGTH - 1}`
    const report = await run(app.start())
    expect(report.outcome).toBe('done')
    expect(app.getServiceStatus(last).state).toBe('running')
    expect(report.criticalPath).toHaveLength(LENGTH)
    await run(app.stopService('s0'))
    expect(app.getServiceStatus(last)).toMatchObject({ state: 'waiting', stopReason: 'dependency' })
    expect(app.explain(last).because.at(-1)).toMatchObject({ name: 's0', kind: 'manual' })
    expect(app.graph().edges).toHaveLength(LENGTH - 1)
    expect(app.plan('start').steps.length).toBeGreaterThan(0)
    expect(app.health().services).toHaveLength(LENGTH)
    await run(app.startService('s0'))
    expect(app.getServiceStatus(last)).toMatchObject({ state: 'running', epoch: 2 })
    await run(app.stop())
    expect(app.getAllServices().filter(({ state }) => state !== 'stopped')).toEqual([])
    expect(clock.pending).toBe(0)
  }, 60_000)
})
