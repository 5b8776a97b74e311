/** §3, reasons: every stop has one before it begins, it can only grow weightier, and it stays readable (R9). */
import type { Orchestrator } from 'keelson'
import { describe, expect, it } from 'vitest'
import { fail, heed, type Part, type Scene, scene, serve } from '../support/laws1.js'

const never = { restart: { policy: 'never' } } as const
const slow =
  (ms: number): NonNullable<Part['stop']> =>
  () =>
    latest.clock.sleep(ms)
/** Falls ill at 5 000. */
const ill: Part = { check: () => latest.clock.now() < 5_000, healthCheck: { interval: 1_000, failureThreshold: 1 } }
let latest: Scene
/** A scene whose clock the hooks of its parts can use. */
function set(parts: Record<string, Part>): Scene {
  latest = scene(parts)
  return latest
}

describe('the reasons', () => {
  const cases: [reason: string, parts: Record<string, Part>, act: (scene: Scene) => unknown][] = [
    ['manual', { a: {} }, ({ app }) => app.stopService('a')],
    ['shutdown', { a: {} }, ({ app }) => app.stop()],
    ['dependency', { a: { dependsOn: ['b'] }, b: {} }, ({ app }) => app.stopService('b')],
    ['dependency', { a: { dependsOn: ['b'] }, b: never }, ({ context }) => context('b').fail('crash')],
    ['restart', { a: {} }, ({ app }) => app.restartService('a')],
    ['failed', { a: never }, ({ context }) => context('a').fail('crash')],
    ['unhealthy', { a: { ...never, ...ill } }, ({ clock }) => clock.advance(60_000)],
    ['completed', { a: { run: () => latest.clock.sleep(5_000) } }, ({ clock }) => clock.advance(5_000)],
    ['removed', { a: {} }, ({ app }) => app.unregister('a')],
    ['replaced', { a: {} }, ({ app, make }) => app.replace(make('a'))],
  ]
  it.each(cases)(
    'R9 %s is told by the event, by the hook and by the status, before the stop begins',
    async (reason, parts, act) => {
      const all = set({ ...parts, a: { ...parts.a, stop: () => void stops.push(all.status('a').stopReason) } })
      const { clock, call, up, moves, services } = all
      const stops: unknown[] = []
      await up()
      const old = services.a
      await call(Promise.resolve(act(all)))
      await clock.settle()
      expect(moves('a')[0]).toBe(`running → stopping (${reason})`)
      expect(old?.contexts.stop.map((context) => context.reason)).toEqual([reason])
      expect(stops[0]).toBe(reason)
    },
  )

  it('R9 rollback: what a failed start had brought up', async () => {
    const { app, clock, call, moves, status, hooks } = scene({ a: {}, b: { ...never, start: () => fail('boom') } })
    call(app.start())
    await clock.settle()
    expect(moves('a').slice(-2)).toEqual(['running → stopping (rollback)', 'stopping → stopped'])
    expect(hooks()).toContain('a stop 1 rollback')
    expect([status('a').stopReason, status('b').stopReason]).toEqual(['rollback', 'failed'])
  })

  it('R9 cancelled: what an aborted start had begun', async () => {
    const { app, clock, call, moves, status, hooks } = scene({ a: { dependsOn: ['b'], start: heed }, b: {} })
    const controller = new AbortController()
    call(app.startService('a', { signal: controller.signal }))
    await clock.advance(10)
    controller.abort()
    await clock.settle()
    expect(moves('a').slice(-2)).toEqual(['starting → stopping (cancelled)', 'stopping → stopped'])
    expect(moves('b').slice(-2)).toEqual(['running → stopping (cancelled)', 'stopping → stopped'])
    expect(hooks().slice(-2)).toEqual(['a stop 1 cancelled', 'b stop 1 cancelled'])
    expect([status('a').stopReason, status('b').stopReason]).toEqual(['cancelled', 'cancelled'])
  })
})

describe('a weightier reason that comes while a service stops', () => {
  const manual = (app: Orchestrator) => app.stopService('a')
  const shutdown = (app: Orchestrator) => app.stop()
  const removed = (app: Orchestrator) => app.unregister('a')
  const under: [first: string, parts: Record<string, Part>, begin: (scene: Scene) => unknown][] = [
    ['dependency', { a: { dependsOn: ['b'] }, b: {} }, ({ app }) => app.stopService('b')],
    ['restart', { a: {} }, ({ app }) => app.restartService('a')],
    ['failed', { a: { restart: { initialBackoff: 100 } } }, ({ context }) => context('a').fail('crash')],
    ['unhealthy', { a: ill }, () => {}],
    ['completed', { a: { run: () => latest.clock.sleep(2_000), restart: { policy: 'always' } } }, () => {}],
  ]
  const upgrades: [to: string, act: (app: Orchestrator) => Promise<unknown>][] = [
    ['manual', manual],
    ['shutdown', shutdown],
    ['removed', removed],
  ]
  describe.each(under)('R9 for the reason %s', (first, parts, begin) => {
    it.each(upgrades)('R9 is told as %s from then on, and decides where the service stays', async (to, act) => {
      const all = set({ ...parts, a: { ...parts.a, stop: slow(50) } })
      const { app, clock, call, up, hooks, status, moves, state } = all
      await up()
      call(Promise.resolve(begin(all)))
      for (let i = 0; i < 10_000 && state('a') !== 'stopping'; i += 10) await clock.advance(10)
      expect(status('a').stopReason).toBe(first)
      await clock.advance(5)
      const stop = call(act(app))
      await clock.advance(5)
      expect([state('a'), status('a').stopReason]).toEqual(['stopping', to])
      await clock.advance(100_000)
      expect(stop.outcome).toBe('done')
      expect(moves('a').filter((line) => line.includes('→ stopping'))).toEqual([`running → stopping (${first})`])
      expect(hooks().filter((line) => line.startsWith('a stop'))).toEqual([`a stop 1 ${first}`])
      if (to !== 'removed') {
        expect(['stopped', ...(first === 'failed' || first === 'unhealthy' ? ['failed'] : [])]).toContain(state('a'))
        expect(status('a').stopReason).toBe(to)
      } else expect(app.registry.has('a')).toBe(false)
    })
  })

  it.each([
    ['manual', manual, 'shutdown', shutdown],
    ['manual', manual, 'removed', removed],
    ['shutdown', shutdown, 'removed', removed],
  ])('R9 %s gives way to %s', async (first, begin, then, act) => {
    const { app, clock, call, up, status, hooks } = set({ a: { stop: slow(10) } })
    await up()
    const calls = [call<unknown>(begin(app))]
    await clock.advance(5)
    expect(status('a').stopReason).toBe(first)
    calls.push(call<unknown>(act(app)))
    await clock.settle()
    expect(status('a').stopReason).toBe(then)
    await clock.advance(5)
    expect(calls.map(({ outcome }) => outcome)).toEqual(['done', 'done'])
    expect(hooks()).toEqual([`a stop 1 ${first}`])
  })

  it.each([
    ['shutdown', shutdown, 'manual', manual],
    ['removed', removed, 'manual', manual],
    ['removed', removed, 'shutdown', shutdown],
  ])('R9 %s does not give way to %s', async (first, begin, _, act) => {
    const { app, clock, call, up, status } = set({ a: { stop: slow(10) } })
    await up()
    call<unknown>(begin(app))
    await clock.advance(5)
    call<unknown>(act(app))
    await clock.settle()
    expect(status('a').stopReason).toBe(first)
    await clock.advance(10)
  })

  it('R9 the weightiest of one turn is the reason', async () => {
    const { app, clock, call, up, hooks, moves } = set({ a: {} })
    await up()
    const calls = [call<unknown>(app.stopService('a')), call<unknown>(app.unregister('a')), call<unknown>(app.stop())]
    await clock.settle()
    expect(moves('a')).toEqual(['running → stopping (removed)', 'stopping → stopped'])
    expect(hooks()).toEqual(['a stop 1 removed'])
    expect(calls.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done'])
  })

  it.each(['rollback', 'cancelled'])('R9 %s gives way to manual', async (reason) => {
    const { app, clock, call, status, hooks } = set({
      a: { stop: slow(50) },
      b: {
        ...never,
        start: (context) => Promise.race([heed(context), latest.clock.sleep(10).then(() => fail('boom'))]),
      },
    })
    const controller = new AbortController()
    const start = call(app.start({ signal: controller.signal }))
    await clock.advance(reason === 'rollback' ? 10 : 5)
    controller.abort('never mind')
    await clock.advance(5)
    expect(status('a')).toMatchObject({ state: 'stopping', stopReason: reason })
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(status('a')).toMatchObject({ state: 'stopping', stopReason: 'manual' })
    await clock.advance(50)
    expect([start.outcome, stop.outcome]).toEqual([
      reason === 'rollback' ? 'START_INCOMPLETE' : 'threw never mind',
      'done',
    ])
    expect(status('a')).toMatchObject({ state: 'stopped', stopReason: 'manual' })
    expect(hooks()).toContain(`a stop 1 ${reason}`)
  })

  it('R9 is told to an onStop that is entered after it', async () => {
    const { app, clock, call, hooks } = set({
      a: { startTimeout: 50, start: (context) => heed(context).catch(() => latest.clock.sleep(20)) },
    })
    call(app.startService('a'))
    await clock.advance(60)
    call(app.stopService('a'))
    await clock.advance(20)
    expect(hooks()).toEqual(['a start 1', 'a stop 1 manual'])
  })

  it('R9 changes no order: a crashed service goes on ending beside its dependent', async () => {
    const { app, clock, call, up, log, states, context } = set({
      a: { dependsOn: ['b'], stop: slow(20) },
      b: { stop: slow(10) },
    })
    await up()
    context('b').fail('crash')
    await clock.settle()
    expect(states()).toBe('a: stopping, b: stopping')
    const stop = call(app.stop())
    await clock.advance(10)
    expect(states('b')).toMatch(/stopped|failed/)
    expect(states('a')).toBe('a: stopping')
    await clock.advance(10)
    expect([stop.outcome, log.states('a')]).toEqual(['done', ['stopping', 'stopped']])
  })

  it.each([
    ['manual', ({ app }: Scene) => app.stopService('a')],
    ['failed', ({ context }: Scene) => context('a').fail('crash')],
  ] as const)('R9 %s does not give way to the loss of a dependency', async (reason, begin) => {
    const all = set({ a: { dependsOn: ['b'], stop: slow(10), run: serve, ...never }, b: { stop: slow(1) } })
    const { clock, call, up, context, status } = all
    await up()
    call(Promise.resolve(begin(all)))
    await clock.advance(5)
    context('b').fail('crash')
    await clock.advance(2)
    expect(status('a')).toMatchObject({ state: 'stopping', stopReason: reason })
    await clock.advance(5)
    expect(status('a')).toMatchObject({ state: reason === 'manual' ? 'stopped' : 'failed', stopReason: reason })
  })
})

describe('stopReason', () => {
  it('R9 stays readable until the next start, however long that is', async () => {
    const { app, clock, call, up, status } = set({ a: { start: () => latest.clock.sleep(10) } })
    await up()
    expect(status('a').stopReason).toBeUndefined()
    await app.stopService('a')
    await clock.advance(10_000_000)
    expect(status('a').stopReason).toBe('manual')
    call(app.startService('a'))
    await clock.settle()
    expect(status('a')).toMatchObject({ state: 'starting' })
    expect(status('a').stopReason).toBeUndefined()
    await clock.advance(10)
    expect(status('a').stopReason).toBeUndefined()
  })

  it('R9 tells why a service waits or backs off', async () => {
    const { clock, up, status, context } = set({ a: { dependsOn: ['b'] }, b: { restart: { initialBackoff: 100 } } })
    await up()
    context('b').fail('crash')
    await clock.advance(50)
    expect([status('a'), status('b')]).toMatchObject([
      { state: 'waiting', stopReason: 'dependency' },
      { state: 'retrying', stopReason: 'failed' },
    ])
    await clock.advance(50)
    expect([status('a').stopReason, status('b').stopReason]).toEqual([undefined, undefined])
  })

  it('R9 of one that waits and is then stopped by hand is manual: that is why it is down', async () => {
    const { app, clock, call, up, status } = set({ a: { dependsOn: ['b'] }, b: {} })
    await up()
    call(app.stopService('b'))
    await clock.settle()
    expect(status('a')).toMatchObject({ state: 'waiting', stopReason: 'dependency' })
    call(app.stopService('a'))
    await clock.settle()
    expect(status('a')).toMatchObject({ state: 'stopped', stopReason: 'manual' })
  })
})
