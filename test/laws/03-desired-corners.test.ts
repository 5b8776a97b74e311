/** §3, where intents meet what is not up and not at rest: jobs that are ending, waits, backoffs, what nobody wants (R6, R8, R9). */

import { describe, expect, it } from 'vitest'
import { fail, heed, type Part, scene } from '../support/laws1.js'
import { service, settled, world } from '../support/world.js'

const lazy = { autoStart: false } as const

describe('a job that has ended of itself and is stopping', () => {
  const parts = (clock: () => Promise<void>): Record<string, Part> => ({
    job: { run: () => undefined, stop: clock },
    a: { ...lazy, dependsOn: [{ name: 'job', condition: 'completed' }] },
  })

  it('R6 is not run again by a start of everything', async () => {
    const { app, clock, call, hooks, state } = scene(parts(() => clock.sleep(10)))
    call(app.start())
    await clock.advance(5)
    expect(state('job')).toBe('stopping')
    const again = call(app.start())
    await clock.advance(50)
    expect(again.outcome).toBe('done')
    expect(hooks()).toEqual(['job start 1', 'job run 1', 'job stop 1 completed'])
    expect(state('job')).toBe('stopped')
  })

  it('R6 is not run again by the start of a dependent, which comes up when it has completed', async () => {
    const { app, clock, call, hooks } = scene(parts(() => clock.sleep(10)))
    call(app.start())
    await clock.advance(5)
    const start = call(app.startService('a'))
    await clock.advance(50)
    expect(start).toMatchObject({ outcome: 'done', at: 10 })
    expect(hooks()).toEqual(['job start 1', 'job run 1', 'job stop 1 completed', 'a start 1'])
  })

  it.each(['startService', 'restartService'] as const)('R6 is run again by %s with its name', async (method) => {
    const { app, clock, call, hooks } = scene(parts(() => clock.sleep(10)))
    call(app.start())
    await clock.advance(5)
    const start = call(app[method]('job'))
    await clock.advance(5)
    expect(start.outcome).toBe('done')
    expect(hooks().slice(3)).toEqual(['job start 2', 'job run 2', 'job stop 2 completed'])
    await clock.advance(50)
    expect(hooks()).toHaveLength(6)
  })
})

describe('a stop and a start of one turn', () => {
  const states: [state: string, parts: Record<string, Part>][] = [
    ['waiting', { a: { dependsOn: ['b'] }, b: { start: heed } }],
    ['retrying', { a: { start: () => fail('boom') } }],
    ['auth_required', { a: { start: () => fail({ status: 401 }) } }],
  ]
  it.each(states)(
    'R8 on a service that is %s: the stop is overtaken, for it never came to rest',
    async (state, parts) => {
      const all = scene(parts)
      const { app, clock, call, forget } = all
      call(app.startService('a'))
      await clock.advance(10)
      expect(all.state('a')).toBe(state)
      forget()
      const stop = call(app.stopService('a'))
      call(app.startService('a'))
      await clock.settle()
      expect(all.moves('a')).not.toContain(`${state} → stopped`)
      expect(stop.outcome).toBe('CANCELLED')
    },
  )

  it('R8 on everything, while a service waits: the stop is overtaken, too', async () => {
    const { app, clock, call, moves, forget } = scene({
      a: { dependsOn: ['b'] },
      b: { ...lazy, start: () => fail('no') },
    })
    call(app.start({ onFailure: 'keep' }))
    await clock.settle()
    forget()
    const stop = call(app.stop())
    call(app.start({ onFailure: 'keep' }))
    await clock.settle()
    expect(stop.outcome).toBe('CANCELLED')
    expect(moves('a')).toEqual([])
  })

  it('R8 on everything: what start() does not want comes to rest, stopped by the shutdown', async () => {
    const { app, clock, call, up, hooks, states, status } = scene({ a: {}, x: lazy })
    await up()
    await app.startService('x')
    const [stop, start] = [call(app.stop()), call(app.start())]
    await clock.settle()
    expect([stop.outcome, start.outcome]).toEqual(['CANCELLED', 'done'])
    expect(states()).toBe('a: running, x: stopped')
    expect(hooks()).toEqual(['x start 1', 'x stop 1 shutdown'])
    expect(status('x').stopReason).toBe('shutdown')
  })

  it('R8 on everything, one after the other: the same', async () => {
    const { app, clock, call, up, hooks, states } = scene({ a: { stop: () => clock.sleep(10) }, x: lazy })
    await up()
    await app.startService('x')
    call(app.stop())
    await clock.advance(5)
    call(app.start())
    await clock.advance(5)
    expect(states()).toBe('a: running, x: stopped')
    expect(hooks().slice(1)).toEqual(['a stop 1 shutdown', 'x stop 1 shutdown', 'a start 2'])
  })

  it('R8 on a service that waits, then a stop: at rest, the start cancelled', async () => {
    const { app, clock, call, moves, forget } = scene({ a: { dependsOn: ['b'] }, b: { start: heed } })
    call(app.startService('a'))
    await clock.settle()
    forget()
    const calls = [
      call(app.startService('a')),
      call(app.stopService('a')),
      call(app.restartService('a')),
      call(app.stopService('a')),
    ]
    await clock.settle()
    expect(calls.map(({ outcome }) => outcome)).toEqual([
      'CANCELLED',
      expect.stringMatching(/CANCELLED|done/),
      'CANCELLED',
      'done',
    ])
    expect(moves('a')).toEqual(['waiting → stopped'])
  })
})

describe('a non-essential service', () => {
  it('R8 whose dependency is stopped while start() waits for others stays desired up, and comes with it', async () => {
    const { app, clock, call, status, state } = scene({
      a: { essential: false, dependsOn: ['b'] },
      b: { essential: false, start: (context) => (context.epoch === 1 ? heed(context) : undefined) },
      c: { start: () => clock.sleep(100) },
    })
    const start = call(app.start())
    await clock.advance(10)
    call(app.stopService('b'))
    await clock.settle()
    expect(status('a')).toMatchObject({ state: 'waiting', blockedBy: [{ name: 'b', kind: 'dependency' }] })
    call(app.startService('b'))
    await clock.settle()
    expect([state('a'), state('b'), start.outcome]).toEqual(['running', 'running', 'pending'])
    await clock.advance(100)
    expect([state('a'), start.outcome]).toEqual(['running', 'done'])
  })
})

it('R8 a start of all overtakes a stop() that only waits for what does not start by itself', async () => {
  const { app, clock } = world({ services: [service('a'), service('m', { autoStart: false, stop: { takes: 50 } })] })
  settled(app.start())
  settled(app.startService('m'))
  await clock.settle()
  const stop = settled(app.stop())
  await clock.advance(10)
  const start = settled(app.start())
  await clock.advance(10)
  expect([stop.error, start.status]).toEqual([expect.objectContaining({ code: 'CANCELLED' }), 'fulfilled'])
  const single = settled(app.startService('m'))
  await clock.advance(60)
  expect([single.status, app.getServiceStatus('m').state]).toEqual(['fulfilled', 'running'])
})
