/** §3, how intents meet: what joins, what overtakes, what is remembered (R8). */
import { describe, expect, it } from 'vitest'
import { fail, heed, scene, serve } from '../support/laws1.js'

const cycle = (reason: string) => [
  `running → stopping (${reason})`,
  'stopping → stopped',
  'stopped → starting',
  'starting → running',
]

describe('intents of one direction join', () => {
  it('R8 starts of one service share its epoch, in one turn and later', async () => {
    const { app, clock, call, hooks } = scene({ a: { start: () => clock.sleep(10) } })
    const calls = [call(app.startService('a')), call(app.startService('a')), call(app.start())]
    await clock.advance(5)
    calls.push(call(app.startService('a')), call(app.start()))
    await clock.advance(5)
    expect(calls.map(({ outcome, at }) => `${outcome} at ${at}`)).toEqual(Array(5).fill('done at 10'))
    expect(hooks()).toEqual(['a start 1'])
  })

  it('R8 a start joins the restart that came before it', async () => {
    const { app, clock, call, up, moves } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    const restart = call(app.restartService('a'))
    await clock.advance(5)
    const start = call(app.startService('a'))
    await clock.advance(5)
    expect([restart.outcome, start.outcome]).toEqual(['done', 'done'])
    expect(moves('a')).toEqual(cycle('restart'))
  })

  it('R8 restarts of one turn are one restart', async () => {
    const { app, clock, call, up, hooks } = scene({ a: {} })
    await up()
    const calls = [1, 2, 3].map(() => call(app.restartService('a')))
    await clock.settle()
    expect(calls.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done'])
    expect(hooks()).toEqual(['a stop 1 restart', 'a start 2'])
  })

  it('R8 a restart joins the stop of an epoch that is ending already', async () => {
    const { app, clock, call, up, hooks } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    const first = call(app.restartService('a'))
    await clock.advance(5)
    const second = call(app.restartService('a'))
    await clock.advance(5)
    expect([first.outcome, second.outcome]).toEqual(['done', 'done'])
    expect(hooks()).toEqual(['a stop 1 restart', 'a start 2'])
  })

  it('R8 a stop by hand, a removal and a stop of everything share one onStop', async () => {
    const { app, clock, call, up, hooks } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    const calls = [call(app.stopService('a'))]
    await clock.advance(2)
    calls.push(call(app.stop()) as never)
    await clock.advance(2)
    calls.push(call(app.unregister('a')) as never, call(app.stopService('a')))
    await clock.advance(6)
    expect(calls.map(({ outcome, at }) => `${outcome} at ${at}`)).toEqual(Array(4).fill('done at 1010'))
    expect(hooks()).toEqual(['a stop 1 manual'])
  })
})

describe('a start that a later stop takes down', () => {
  it.each(['a', 'b', 'c'])('R8 rejects with CANCELLED when what it needs is stopped: %s', async (stopped) => {
    const { app, clock, call, state } = scene({
      a: { dependsOn: ['b'] },
      b: { dependsOn: ['c'] },
      c: { start: () => clock.sleep(50) },
      other: {},
    })
    const start = call(app.start())
    await clock.advance(10)
    const stop = call(app.stopService(stopped))
    await clock.settle()
    expect(start).toMatchObject({ outcome: 'CANCELLED', at: 10 })
    await clock.advance(50)
    expect(stop.outcome).toBe('done')
    expect(state('other')).toBe('running')
  })

  it('R8 rejects also when what is stopped was up before: what needs it goes down with it', async () => {
    const { app, clock, call, up, states, moves } = scene({
      a: { autoStart: false, dependsOn: ['b'] },
      b: { autoStart: false, dependsOn: ['c'], start: heed },
      c: {},
    })
    await up()
    const start = call(app.startService('a'))
    await clock.advance(10)
    const stop = call(app.stopService('c'))
    await clock.settle()
    expect(start).toMatchObject({ outcome: 'CANCELLED', at: 1_010 })
    expect(stop.outcome).toBe('done')
    expect(moves('b')).toEqual(['unknown → starting', 'starting → stopping (dependency)', 'stopping → waiting'])
    expect(states()).toBe('a: waiting, b: waiting, c: stopped')
  })

  it('R8 is not rolled back: the rest stays desired up, and comes when what was stopped is started again', async () => {
    const { app, clock, call, states } = scene({
      a: { dependsOn: ['b'] },
      b: { dependsOn: ['c'] },
      c: { start: (context) => (context.epoch === 1 ? heed(context) : undefined) },
      d: {},
    })
    const start = call(app.start())
    await clock.advance(10)
    call(app.stopService('c'))
    await clock.settle()
    expect(start.outcome).toBe('CANCELLED')
    expect(states()).toBe('a: waiting, b: waiting, c: stopped, d: running')
    call(app.startService('c'))
    await clock.settle()
    expect(states()).toBe('a: running, b: running, c: running, d: running')
  })

  it('R8 goes on when what is stopped is none of what it needs', async () => {
    const { app, clock, call } = scene({ a: { start: () => clock.sleep(50) }, other: {} })
    const start = call(app.startService('a'))
    call(app.startService('other'))
    await clock.advance(10)
    call(app.stopService('other'))
    await clock.advance(40)
    expect(start).toMatchObject({ outcome: 'done', at: 50 })
  })

  it('R8 in the same turn is cancelled before a hook is entered', async () => {
    const { app, clock, call, hooks, moves } = scene({ a: {} })
    const start = call(app.startService('a'))
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect([start.outcome, stop.outcome]).toEqual(['CANCELLED', 'done'])
    expect(hooks()).toEqual([])
    expect([[], ['unknown → stopped']]).toContainEqual(moves('a'))
  })

  it('R8 by a stop of everything is cancelled', async () => {
    const { app, clock, call, moves } = scene({ a: { start: heed }, b: { dependsOn: ['a'] } })
    const start = call(app.start())
    await clock.advance(10)
    const stop = call(app.stop())
    await clock.settle()
    expect([start.outcome, stop.outcome]).toEqual(['CANCELLED', 'done'])
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (shutdown)', 'stopping → stopped'])
    expect(moves('b')).toEqual(['unknown → waiting', 'waiting → stopped'])
  })

  it.each(['stop', 'stopService'] as const)(
    'R8 when it is already rolling back keeps its first cause: %s',
    async (method) => {
      const { app, clock, call, states } = scene({
        a: { stop: () => clock.sleep(50) },
        b: { start: () => clock.sleep(10).then(() => fail('boom')), restart: { policy: 'never' } },
      })
      const start = call(app.start())
      await clock.advance(20)
      expect(states()).toBe('a: stopping, b: failed')
      const stop = call<unknown>(method === 'stop' ? app.stop() : app.stopService('a'))
      await clock.advance(40)
      expect([start.outcome, stop.outcome]).toEqual(['START_INCOMPLETE', 'done'])
      expect(states()).toBe('a: stopped, b: failed')
    },
  )
})

describe('a stop that a later start overtakes', () => {
  it('R8 rejects with CANCELLED; its onStop is not interrupted, and the service starts when it is over', async () => {
    const { app, clock, call, up, moves, hooks, services } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    const stop = call(app.stopService('a'))
    await clock.advance(5)
    const start = call(app.startService('a'))
    await clock.settle()
    expect(stop).toMatchObject({ outcome: 'CANCELLED', at: 1_005 })
    expect([services.a?.contexts.stop[0]?.signal.aborted, hooks()]).toEqual([false, ['a stop 1 manual']])
    await clock.advance(5)
    expect(start).toMatchObject({ outcome: 'done', at: 1_010 })
    expect(moves('a')).toEqual(cycle('manual'))
    expect(hooks()).toEqual(['a stop 1 manual', 'a start 2'])
  })

  it('R8 in the same turn leaves the service as it was: no hook, the same epoch', async () => {
    const { app, clock, call, up, hooks, moves, status } = scene({ a: {} })
    await up()
    const stop = call(app.stopService('a'))
    const start = call(app.startService('a'))
    await clock.settle()
    expect([stop.outcome, start.outcome]).toEqual(['CANCELLED', 'done'])
    expect([hooks(), moves('a'), status('a').epoch]).toEqual([[], [], 1])
  })

  it('R8 is over once its service is at rest: a start that comes then is another story', async () => {
    const { app, clock, call, up } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    const stop = call(app.stopService('a'))
    await clock.advance(10)
    const start = call(app.startService('a'))
    await clock.settle()
    expect([stop.outcome, start.outcome]).toEqual(['done', 'done'])
  })

  it('R8 rejects also while dependents stop first, though its end stands', async () => {
    const { app, clock, call, up, moves, states } = scene({
      a: { dependsOn: ['b'], stop: () => clock.sleep(10) },
      b: {},
    })
    await up()
    const stop = call(app.stopService('b'))
    await clock.advance(5)
    expect(states()).toBe('a: stopping, b: running')
    const start = call(app.startService('b'))
    await clock.settle()
    expect(stop).toMatchObject({ outcome: 'CANCELLED', at: 1_005 })
    expect(states()).toBe('a: stopping, b: running')
    await clock.advance(5)
    expect(start).toMatchObject({ outcome: 'done', at: 1_010 })
    expect(moves('b')).toEqual(cycle('manual'))
    expect(states()).toBe('a: running, b: running')
  })

  it('R8 is overtaken by the start of anything that requires its service', async () => {
    const { app, clock, call, up, moves, states } = scene({
      a: { dependsOn: ['b'] },
      b: { stop: () => clock.sleep(10) },
    })
    await up()
    const stop = call(app.stopService('b'))
    await clock.advance(5)
    const start = call(app.startService('a'))
    await clock.settle()
    expect(stop).toMatchObject({ outcome: 'CANCELLED', at: 1_005 })
    await clock.advance(5)
    expect(start.outcome).toBe('done')
    expect(moves('b')).toEqual(cycle('manual'))
    expect(states()).toBe('a: running, b: running')
  })

  it('R8 is overtaken by a start of everything', async () => {
    const { app, clock, call, up, states, status } = scene({ a: { stop: () => clock.sleep(10) }, b: {} })
    await up()
    const stop = call(app.stop())
    await clock.advance(5)
    const start = call(app.start())
    await clock.settle()
    expect(stop).toMatchObject({ outcome: 'CANCELLED', at: 1_005 })
    await clock.advance(5)
    expect([start.outcome, states()]).toEqual(['done', 'a: running, b: running'])
    expect([status('a').epoch, status('b').epoch]).toEqual([2, 2])
  })

  it('R8 and is overtaken itself by a stop again, ends in one onStop and at rest', async () => {
    const { app, clock, call, up, hooks, states } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    const calls = [call(app.stopService('a'))]
    await clock.advance(3)
    calls.push(call(app.startService('a')))
    await clock.advance(3)
    calls.push(call(app.stopService('a')))
    await clock.advance(4)
    expect(calls.map(({ outcome }) => outcome)).toEqual(['CANCELLED', 'CANCELLED', 'done'])
    expect([hooks(), states()]).toEqual([['a stop 1 manual'], 'a: stopped'])
  })
})

describe('a stop', () => {
  it('R8 while waiting calls no hook', async () => {
    const { app, clock, call, hooks, moves } = scene({ a: { dependsOn: ['b'] }, b: { start: heed } })
    const start = call(app.startService('a'))
    await clock.settle()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect([start.outcome, stop.outcome]).toEqual(['CANCELLED', 'done'])
    expect(hooks().filter((line) => line.startsWith('a'))).toEqual([])
    expect(moves('a')).toEqual(['unknown → waiting', 'waiting → stopped'])
  })

  it('R8 while backing off calls no hook, and the backoff ends', async () => {
    const { app, clock, call, hooks, moves, forget } = scene({ a: { start: () => fail('boom') } })
    call(app.startService('a'))
    await clock.advance(500)
    forget()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(stop).toMatchObject({ outcome: 'done', at: 500 })
    expect(clock.pending).toBe(0)
    await clock.advance(100_000)
    expect([hooks(), moves('a')]).toEqual([[], ['retrying → stopped']])
  })

  it('R8 while starting aborts the start and runs onStop once', async () => {
    const { app, clock, call, hooks, moves, context } = scene({ a: { start: heed } })
    const start = call(app.startService('a'))
    await clock.advance(10)
    const { signal } = context('a')
    expect(signal.aborted).toBe(false)
    call(app.stopService('a'))
    await clock.settle()
    expect(signal.aborted).toBe(true)
    expect(start.outcome).toBe('CANCELLED')
    expect(hooks()).toEqual(['a start 1', 'a stop 1 manual'])
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (manual)', 'stopping → stopped'])
  })

  it('R8 while running aborts the signal that start and loop were given', async () => {
    const { app, clock, up, call, services } = scene({ a: { run: serve } })
    await up()
    const [started, looped] = [services.a?.contexts.start[0], services.a?.contexts.run[0]]
    call(app.stopService('a'))
    await clock.settle()
    expect([started?.signal.aborted, looped?.signal]).toEqual([true, started?.signal])
  })
})
