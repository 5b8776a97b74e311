/** §3, what changes a desire: intents, and nothing else (R6). */
import { describe, expect, it } from 'vitest'
import { fail, heed, scene, serve } from '../support/laws1.js'

const never = { restart: { policy: 'never' } } as const
const lazy = { autoStart: false } as const

describe('start(x)', () => {
  it('R6 brings up x and what it requires, transitively, and nothing else', async () => {
    const { app, clock, call, states, hooks } = scene({
      a: { ...lazy, dependsOn: ['b', { name: 'opt', optional: true }] },
      b: { ...lazy, dependsOn: ['c'] },
      c: lazy,
      opt: lazy,
      dependent: { dependsOn: ['a'] },
      other: {},
    })
    const start = call(app.startService('a'))
    await clock.settle()
    expect(start.outcome).toBe('done')
    expect(hooks()).toEqual(['c start 1', 'b start 1', 'a start 1'])
    expect(states()).toBe('a: running, b: running, c: running, opt: unknown, dependent: unknown, other: unknown')
  })

  it('R6 goes only as far as what it requires is not up', async () => {
    const { app, clock, call, up, states, hooks } = scene({
      a: lazy,
      b: { dependsOn: [{ name: 'c', onLoss: 'keep' }] },
      c: {},
      d: { ...lazy, dependsOn: ['b'] },
    })
    await up()
    call(app.stopService('c'))
    await clock.settle()
    const start = call(app.startService('d'))
    await clock.settle()
    expect(start.outcome).toBe('done')
    expect(states()).toBe('a: unknown, b: running, c: stopped, d: running')
    expect(hooks()).toEqual(['c stop 1 manual', 'd start 1'])
  })

  it('R6 ends a manual stop on x and on all that it requires', async () => {
    const { app, clock, call, up, states, hooks, forget } = scene({
      a: { dependsOn: ['b'] },
      b: { dependsOn: ['c'] },
      c: {},
    })
    await up()
    for (const name of ['a', 'b', 'c']) call(app.stopService(name))
    await clock.settle()
    forget()
    call(app.startService('a'))
    await clock.settle()
    expect(states()).toBe('a: running, b: running, c: running')
    expect(hooks()).toEqual(['c start 2', 'b start 2', 'a start 2'])
  })

  it.each(['a', 'b'])('R6 of %s ends failed, with a fresh budget', async (named) => {
    const { app, clock, call, moves, forget } = scene({
      a: { dependsOn: ['b'] },
      b: { start: () => fail('boom'), restart: { maxRetries: 1, initialBackoff: 10 } },
    })
    call(app.startService('b'))
    await clock.advance(1_000)
    expect(moves('b').at(-1)).toBe('stopping → failed (exhausted)')
    forget()
    call(app.startService(named))
    await clock.advance(1_000)
    expect(moves('b').map((line) => line.replace(/^(starting → stopping \(failed\)).*/, '$1'))).toEqual([
      'failed → starting',
      'starting → stopping (failed)',
      'stopping → retrying #1',
      'retrying → starting #1',
      'starting → stopping (failed)',
      'stopping → failed (exhausted)',
    ])
  })

  it('R6 ends auth_required of what it requires', async () => {
    let denied = true
    const { app, clock, call, states } = scene({
      a: { dependsOn: ['b'] },
      b: { start: () => (denied ? fail({ status: 401 }) : undefined) },
    })
    call(app.startService('a'))
    await clock.settle()
    expect(states()).toBe('a: waiting, b: auth_required')
    denied = false
    call(app.startService('a'))
    await clock.settle()
    expect(states()).toBe('a: running, b: running')
  })

  it('R6 ends a backoff on x, with a fresh budget', async () => {
    let failures = 3
    const { app, clock, call, moves, forget } = scene({
      x: {
        start: () => (failures-- > 0 ? fail('boom') : undefined),
        restart: { maxRetries: 2, initialBackoff: 1_000 },
      },
    })
    call(app.startService('x'))
    await clock.advance(1_500)
    expect(moves('x').at(-1)).toBe('stopping → retrying #2')
    forget()
    call(app.startService('x'))
    await clock.advance(1_000)
    expect(moves('x').map((line) => line.replace(/ #2/, ''))).toEqual([
      'retrying → starting',
      'starting → stopping (failed)',
      'stopping → retrying #1',
      'retrying → starting #1',
      'starting → running',
    ])
  })

  it('R6 leaves the backoff of what x requires', async () => {
    let failures = 1
    const { app, clock, call, status, moves, forget } = scene({
      x: { dependsOn: ['b'] },
      b: { start: () => (failures-- > 0 ? fail('boom') : undefined), restart: { initialBackoff: 1_000 } },
    })
    call(app.startService('b'))
    await clock.advance(400)
    const { nextRetryAt } = status('b')
    forget()
    const start = call(app.startService('x'))
    await clock.advance(599)
    expect(status('b')).toMatchObject({ state: 'retrying', nextRetryAt })
    expect([status('x').state, start.outcome]).toEqual(['waiting', 'pending'])
    await clock.advance(1)
    expect(moves('b')).toEqual(['retrying → starting #1', 'starting → running'])
    expect(start.outcome).toBe('done')
  })
})

describe('restart(x)', () => {
  it('R6 ends the epoch of x, and none of what it requires', async () => {
    const { app, clock, call, up, hooks, status } = scene({ a: { dependsOn: ['b'] }, b: {} })
    await up()
    const restart = call(app.restartService('a'))
    await clock.settle()
    expect(restart.outcome).toBe('done')
    expect(hooks()).toEqual(['a stop 1 restart', 'a start 2'])
    expect([status('a').epoch, status('b').epoch]).toEqual([2, 1])
  })

  it('R6 of one at rest is a start: it raises what x requires', async () => {
    const { app, clock, call, hooks, states } = scene({ a: { dependsOn: ['b'] }, b: {} })
    call(app.restartService('a'))
    await clock.settle()
    expect(hooks()).toEqual(['b start 1', 'a start 1'])
    expect(states()).toBe('a: running, b: running')
  })

  it('R6 ends a manual stop of what x requires', async () => {
    const { app, clock, call, up, states } = scene({ a: { dependsOn: ['b'] }, b: {} })
    await up()
    call(app.stopService('b'))
    await clock.settle()
    expect(states()).toBe('a: waiting, b: stopped')
    call(app.restartService('a'))
    await clock.settle()
    expect(states()).toBe('a: running, b: running')
  })

  it('R6 in the middle of a start begins a new one', async () => {
    const { app, clock, call, hooks, status } = scene({
      a: { start: (context) => (context.epoch === 1 ? heed(context) : undefined) },
    })
    call(app.startService('a'))
    await clock.advance(10)
    call(app.restartService('a'))
    await clock.settle()
    expect(hooks()).toEqual(['a start 1', 'a stop 1 restart', 'a start 2'])
    expect(status('a')).toMatchObject({ state: 'running', epoch: 2 })
  })
})

describe('stop(x)', () => {
  it('R6 makes x desired down by hand, and leaves the desire of its dependents', async () => {
    const { app, clock, call, up, moves, status } = scene({ a: { dependsOn: ['b'] }, b: {} })
    await up()
    const stop = call(app.stopService('b'))
    await clock.settle()
    expect(stop.outcome).toBe('done')
    expect(moves()).toEqual([
      'a: running → stopping (dependency)',
      'a: stopping → waiting',
      'b: running → stopping (manual)',
      'b: stopping → stopped',
    ])
    expect([status('a').stopReason, status('b').stopReason]).toEqual(['dependency', 'manual'])
  })

  it('R6 is cleared by nothing automatic: not by time, a dependency that returns, a new dependent or a crash', async () => {
    const { app, clock, call, up, state, make, context, hooks, forget } = scene({
      x: { dependsOn: ['b'], restart: { policy: 'always' }, run: serve },
      b: { restart: { initialBackoff: 10 } },
      dependent: { dependsOn: ['x'] },
    })
    await up()
    call(app.stopService('x'))
    await clock.settle()
    forget()
    context('b').fail('crash')
    await clock.advance(100)
    call(app.restartService('b'))
    await clock.advance(100)
    await app.register(make('newcomer', { dependsOn: ['x'] }))
    context('x').fail('from the grave')
    await clock.advance(100_000)
    expect(state('x')).toBe('stopped')
    expect([state('b'), state('dependent'), state('newcomer')]).toEqual(['running', 'waiting', 'waiting'])
    expect(hooks().filter((line) => line.startsWith('x'))).toEqual([])
  })

  it('R6 of one that waits for its dependency is not undone when that returns', async () => {
    const { app, clock, call, up, state } = scene({ x: { dependsOn: ['b'] }, b: { restart: { initialBackoff: 10 } } })
    await up()
    call(app.stopService('b'))
    await clock.settle()
    call(app.stopService('x'))
    await clock.settle()
    call(app.startService('b'))
    await clock.settle()
    expect([state('x'), state('b')]).toEqual(['stopped', 'running'])
  })
})

describe('start()', () => {
  it('R6 starts all with autoStart and what they require, and no other', async () => {
    const { app, clock, call, states } = scene({ a: { dependsOn: ['b'] }, b: lazy, c: lazy, d: {} })
    call(app.start())
    await clock.settle()
    expect(states()).toBe('a: running, b: running, c: unknown, d: running')
  })

  it('R6 ends manual stops and failures', async () => {
    let broken = true
    const { app, clock, call, states } = scene({
      a: {},
      b: { ...never, start: () => (broken ? fail('boom') : undefined) },
    })
    call(app.start({ onFailure: 'keep' }))
    await clock.settle()
    call(app.stopService('a'))
    await clock.settle()
    expect(states()).toBe('a: stopped, b: failed')
    broken = false
    const again = call(app.start())
    await clock.settle()
    expect(states()).toBe('a: running, b: running')
    expect(again.outcome).toBe('done')
  })

  it('R6 names nobody: what has completed is not run again, until it is named or everything was stopped', async () => {
    const { app, clock, call, hooks } = scene({
      job: { run: () => undefined },
      a: { dependsOn: [{ name: 'job', condition: 'completed' }] },
    })
    const runs = () => hooks().filter((line) => line.startsWith('job run'))
    call(app.start())
    await clock.settle()
    call(app.start())
    await clock.settle()
    call(app.restartService('a'))
    await clock.settle()
    expect(runs()).toEqual(['job run 1'])
    call(app.startService('job'))
    await clock.settle()
    expect(runs()).toEqual(['job run 1', 'job run 2'])
    call(app.restartService('job'))
    await clock.settle()
    expect(runs()).toHaveLength(3)
    call(app.stop())
    await clock.settle()
    call(app.start())
    await clock.settle()
    expect(runs()).toHaveLength(4)
  })
})

describe('register', () => {
  it('R6 in a running orchestrator starts what has autoStart, with what it requires', async () => {
    const { app, clock, up, make, states } = scene({ a: {}, b: lazy })
    await up()
    await app.register(make('c', { dependsOn: ['b'] }))
    await app.register(make('d', lazy))
    await clock.settle()
    expect(states()).toBe('a: running, b: running, c: running, d: unknown')
  })

  it('R6 clears nothing: a manual stop, a failure and missing credentials stay', async () => {
    const { app, clock, call, make, states, moves, forget } = scene({
      stopped: {},
      failed: { ...never, start: () => fail('boom') },
      denied: { start: () => fail({ status: 401 }) },
    })
    call(app.start({ onFailure: 'keep' }))
    await clock.settle()
    call(app.stopService('stopped'))
    await clock.settle()
    forget()
    for (const name of ['stopped', 'failed', 'denied']) await app.register(make(`needs ${name}`, { dependsOn: [name] }))
    await clock.advance(1_000)
    expect(states()).toBe(
      'stopped: stopped, failed: failed, denied: auth_required, needs stopped: waiting, needs failed: waiting, needs denied: waiting',
    )
    expect(moves('stopped').concat(moves('failed'), moves('denied'))).toEqual([])
  })

  it('R6 before start() and after stop() starts nothing', async () => {
    const { app, clock, up, make, states } = scene({ a: {} })
    await app.register(make('before'))
    await clock.settle()
    expect(states()).toBe('a: unknown, before: unknown')
    await up()
    await app.stop()
    await app.register(make('after'))
    await clock.settle()
    expect(states()).toBe('a: stopped, before: stopped, after: unknown')
  })

  it('R6 counts as running from the call of start() on', async () => {
    const { app, clock, call, make, states } = scene({ a: {} })
    call(app.start())
    call(app.register(make('b')))
    await clock.settle()
    expect(states()).toBe('a: running, b: running')
  })

  it('R6 after start() was rolled back starts nothing', async () => {
    const { app, clock, call, make, states } = scene({ a: {}, b: { ...never, start: () => fail('boom') } })
    const start = call(app.start())
    await clock.settle()
    expect(start.outcome).toBe('START_INCOMPLETE')
    await app.register(make('c'))
    await clock.advance(1_000)
    expect(states()).toBe('a: stopped, b: failed, c: unknown')
  })

  it('R6 beside single starts, without start(), starts nothing', async () => {
    const { app, clock, make, states } = scene({ a: {} })
    await app.startService('a')
    await app.register(make('b'))
    await clock.settle()
    expect(states()).toBe('a: running, b: unknown')
  })
})

describe('what is no intent', () => {
  it('R6 a crash, giving up and an end of itself change no desire: all that is not down by hand is looked after', async () => {
    const { app, clock, up, context, states, call } = scene({
      gone: never,
      hand: {},
      back: { restart: { initialBackoff: 10 } },
      waits: { dependsOn: ['gone'] },
    })
    await up()
    call(app.stopService('hand'))
    for (const name of ['gone', 'back']) context(name).fail('crash')
    await clock.advance(100)
    expect(states()).toBe('gone: failed, hand: stopped, back: running, waits: waiting')
    expect(app.health()).toMatchObject({ status: 'unhealthy', because: [{ name: 'gone', state: 'failed' }] })
    call(app.startService('gone'))
    await clock.settle()
    expect(states()).toBe('gone: running, hand: stopped, back: running, waits: running')
  })
})
