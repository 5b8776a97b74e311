/** R48: services go while everything runs, and what is gone does not come back. */
import { describe, expect, it } from 'vitest'
import { codeOf, type Script, type Stage, stage } from '../support/laws2.js'

const on = (...dependsOn: Script['dependsOn'] & {}): Script => ({ dependsOn, down: 10 })
const names = (s: Stage) => s.app.registry.getAll().map(({ name }) => name)

/** Every promise in flight, every timer: if anything could bring it back, an hour would. */
async function anHour(s: Stage): Promise<void> {
  await s.clock.advance(3_600_000)
}

describe('R48 removed in any state', () => {
  const x: Script = { startDelay: 10, up: 10, down: 10, restart: { initialBackoff: 100, jitter: 0 }, says: 'healthy' }
  const wait = (ms: number) => (s: Stage) => s.clock.advance(ms)
  const crashAt = (ms: number, then: number) => async (s: Stage) => {
    await s.clock.advance(ms)
    s.the('x').crash()
    await s.clock.advance(then)
  }
  const stopAt = (ms: number, then: number) => async (s: Stage) => {
    await s.clock.advance(ms)
    s.watch(s.app.stopService('x'))
    await s.clock.advance(then)
  }
  /** How it got there, the state it is in, hooks until it is gone, when it is gone. */
  const cases: [
    how: string,
    state: string,
    script: Script,
    act: (s: Stage) => Promise<unknown>,
    hooks: string[],
    gone: number,
  ][] = [
    ['in its delay', 'waiting', x, wait(5), [], 5],
    ['while starting', 'starting', x, wait(15), ['10 x start', '15 x stop (removed)'], 25],
    ['while running', 'running', x, wait(50), ['10 x start', '50 x stop (removed)'], 60],
    ['while it stops after a crash', 'stopping', x, crashAt(50, 5), ['10 x start', '50 x stop (failed)'], 60],
    ['while backing off', 'retrying', x, crashAt(50, 40), ['10 x start', '50 x stop (failed)'], 90],
    ['in the delay of a retry', 'waiting', x, crashAt(50, 115), ['10 x start', '50 x stop (failed)'], 165],
    [
      'in the middle of a retry',
      'starting',
      x,
      crashAt(50, 125),
      ['10 x start', '50 x stop (failed)', '170 x start', '175 x stop (removed)'],
      185,
    ],
    ['while it is stopped by hand', 'stopping', x, stopAt(50, 5), ['10 x start', '50 x stop (manual)'], 60],
    ['stopped', 'stopped', x, stopAt(50, 20), ['10 x start', '50 x stop (manual)'], 70],
    [
      'failed',
      'failed',
      { ...x, restart: { policy: 'never' } },
      crashAt(50, 20),
      ['10 x start', '50 x stop (failed)'],
      70,
    ],
    [
      'without credentials',
      'auth_required',
      { ...x, classify: () => 'auth' },
      crashAt(50, 20),
      ['10 x start', '50 x stop (failed)'],
      70,
    ],
    ['never started', 'unknown', { ...x, autoStart: false }, wait(50), [], 50],
  ]
  it.each(cases)('R48 %s (%s)', async (_, state, script, act, hooks, gone) => {
    const s = stage({ x: script, beside: {} })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await act(s)
    expect(s.state('x')).toBe(state)
    const done = s.watch(s.app.unregister('x'))
    await anHour(s)
    expect(done).toMatchObject({ state: 'resolved', at: gone })
    expect(s.hooks.filter((line) => line.includes(' x '))).toEqual(hooks)
    expect([names(s), s.listed(), s.clock.pending]).toEqual([['beside'], ['-x'], 0])
    expect(s.events.filter((event) => 'name' in event && event.name === 'x').at(-1)?.type).toBe('unregistered')
    expect(await codeOf(() => s.app.getServiceStatus('x'))).toBe('SERVICE_NOT_FOUND')
  })

  it('R48 waiting for a dependency', async () => {
    const s = stage({ db: { up: 100 }, x: on('db') })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    expect(s.state('x')).toBe('waiting')
    const done = s.watch(s.app.unregister('x'))
    await anHour(s)
    expect(done).toMatchObject({ state: 'resolved', at: 10 })
    expect([s.hooks, names(s)]).toEqual([['0 db start'], ['db']])
  })

  it('R48 in the middle of a restart', async () => {
    const s = stage({ x: { down: 10 } })
    await s.boot()
    const restart = s.watch(s.app.restartService('x'))
    await s.clock.advance(5)
    const done = s.watch(s.app.unregister('x'))
    await anHour(s)
    expect([restart.code, done]).toMatchObject(['CANCELLED', { state: 'resolved', at: 10 }])
    expect(s.hooks).toEqual(['0 x stop (restart)'])
    expect(s.the('x').service.state).toBe('stopped')
  })

  it('R48 in the same breath in which it is started', async () => {
    const s = stage({ x: {} })
    const start = s.watch(s.app.startService('x'))
    const done = s.watch(s.app.unregister('x'))
    await anHour(s)
    expect([start.code, done.state, s.hooks]).toEqual(['CANCELLED', 'resolved', []])
  })

  it('R48 whatever it still reports, a removed service never comes back', async () => {
    const s = stage({ x: { deaf: true, up: 5_000, down: 10, abortGrace: 100, restart: { initialBackoff: 1 } } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    const { context } = s.the('x')
    const done = s.watch(s.app.unregister('x'))
    await s.clock.advance(1_000)
    expect(names(s)).toEqual([])
    let disposed = 0
    context?.fail(new Error('late'))
    context?.own(() => {
      disposed += 1
    })
    context?.status('still here')
    await anHour(s)
    // Its start was abandoned (R31), so the removal tells of it, and removes all the same.
    expect(done).toMatchObject({ state: 'rejected', code: 'STOP_INCOMPLETE' })
    expect([s.the('x').starts, s.the('x').stops, disposed, names(s)]).toEqual([1, 1, 1, []])
  })

  it('R48 removed in the middle of a start of all, it fails that start and nothing else', async () => {
    const s = stage({ a: { up: 10 }, x: { up: 100 } })
    const start = s.watch(s.app.start())
    await s.clock.advance(50)
    s.watch(s.app.unregister('x'))
    await anHour(s)
    expect(start).toMatchObject({ state: 'rejected', code: 'CANCELLED' })
    expect(s.state('a')).toBe('running')
  })
})

describe('R48 dependents', () => {
  it.each<[string, Script, boolean]>([
    ['running', {}, true],
    ['never started', { autoStart: false }, true],
    ['failed', { fails: 1, restart: { policy: 'never' } }, true],
    ['not started at all, like its dependency', {}, false],
  ])('R48 with a dependent that is %s it is refused, and nobody is touched', async (_, script, started) => {
    const s = stage({ db: {}, api: { ...script, dependsOn: ['db'] } })
    if (started) s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    s.forget()
    expect(await codeOf(() => s.app.unregister('db'))).toBe('SERVICE_IN_USE')
    await s.clock.advance(1_000)
    expect([s.stirred(), s.hooks, names(s)]).toEqual([[], [], ['db', 'api']])
  })

  it.each([
    ['keep', { name: 'db', onLoss: 'keep' as const }],
    ['started', { name: 'db', condition: 'started' as const }],
    ['completed', { name: 'db', condition: 'completed' as const }],
  ])('R48 a dependent over a required edge counts, of whatever kind: %s', async (_, edge) => {
    const s = stage({ db: { loop: true }, api: { dependsOn: [edge], autoStart: false } })
    expect(await codeOf(() => s.app.unregister('db'))).toBe('SERVICE_IN_USE')
  })

  it('R48 the refusal names who is in the way', async () => {
    const s = stage({ db: {}, api: on('db') })
    await expect(s.app.unregister('db')).rejects.toThrow(/api/)
  })

  it('R48 a dependent over an optional edge is no obstacle and stays', async () => {
    const s = stage({ cache: {}, api: on({ name: 'cache', optional: true }) })
    await s.boot()
    const done = s.watch(s.app.unregister('cache'))
    await s.clock.settle()
    expect([done.state, names(s), s.stirred()]).toEqual(['resolved', ['api'], ['cache']])
  })

  it('R48 cascade unregisters them too, deepest first, and leaves the others', async () => {
    const s = stage({
      db: on(),
      api: on('db'),
      web: on('api'),
      soft: on({ name: 'api', optional: true }),
      beside: on(),
    })
    await s.boot()
    const done = s.watch(s.app.unregister('db', { cascade: true }))
    await anHour(s)
    expect(s.hooks).toEqual(['0 web stop (removed)', '10 api stop (removed)', '20 db stop (removed)'])
    expect(s.listed()).toEqual(['-web', '-api', '-db'])
    expect([names(s), done]).toMatchObject([['soft', 'beside'], { state: 'resolved', at: 30 }])
  })

  it('R48 cascade without dependents is a removal like any other', async () => {
    const s = stage({ db: on() })
    const done = s.watch(s.app.unregister('db', { cascade: true }))
    await s.clock.settle()
    expect([done.state, names(s)]).toEqual(['resolved', []])
  })

  it('R48 after its dependents are gone it may go', async () => {
    const s = stage({ db: {}, api: on('db') })
    await s.boot()
    const done = s.watch(s.app.unregister('api'))
    await s.clock.advance(10)
    expect(done.state).toBe('resolved')
    expect(await codeOf(() => s.app.unregister('db'))).toBe('no error')
  })
})

describe('R48 what else is in flight', () => {
  it('R48 from the call on its starts are refused', async () => {
    const s = stage({ x: { down: 50 } })
    await s.boot()
    const done = s.watch(s.app.unregister('x'))
    const starts = [
      s.watch(s.app.startService('x')),
      s.watch(s.app.restartService('x')),
      s.watch(s.the('x').service.start()),
    ]
    await s.clock.advance(20)
    starts.push(s.watch(s.app.startService('x')))
    await anHour(s)
    expect(starts.map(({ code }) => code)).toEqual(Array(4).fill('SERVICE_NOT_FOUND'))
    expect([done.state, s.hooks]).toEqual(['resolved', ['0 x stop (removed)']])
  })

  it('R48 from the call on the starts of a whole cascade are refused', async () => {
    const s = stage({ db: on(), api: on('db') })
    await s.boot()
    const done = s.watch(s.app.unregister('db', { cascade: true }))
    const start = s.watch(s.app.startService('api'))
    await anHour(s)
    expect([start.code, done.state, names(s)]).toEqual(['SERVICE_NOT_FOUND', 'resolved', []])
  })

  it('R48 a start of all meanwhile leaves it out', async () => {
    const s = stage({ x: { down: 50 }, y: {} })
    await s.boot()
    s.watch(s.app.unregister('x'))
    await s.clock.advance(10)
    const start = s.watch(s.app.start())
    await anHour(s)
    expect([start.state, names(s), s.the('x').starts]).toEqual(['resolved', ['y'], 1])
  })

  it('R48 a name that is not there is refused', async () => {
    const s = stage({ database: {} })
    expect(await codeOf(() => s.app.unregister('nobody'))).toBe('SERVICE_NOT_FOUND')
    expect(await codeOf(() => s.app.unregister('nobody', { cascade: true }))).toBe('SERVICE_NOT_FOUND')
    expect(names(s)).toEqual(['database'])
  })

  it('R31 R48 an unclean stop is reported, and removes all the same', async () => {
    const s = stage({
      db: on(),
      api: { dependsOn: ['db'], entered: ({ own }) => own(() => Promise.reject(new Error('sticks'))) },
    })
    await s.boot()
    const done = s.watch(s.app.unregister('db', { cascade: true }))
    await anHour(s)
    expect(done).toMatchObject({ state: 'rejected', code: 'STOP_INCOMPLETE' })
    expect(done.error).toHaveProperty(
      'report.services',
      expect.arrayContaining([expect.objectContaining({ name: 'api', outcome: 'failed' })]),
    )
    expect([names(s), s.listed()]).toEqual([[], ['-api', '-db']])
  })

  it('R48 what is registered meanwhile and needs it waits for the name, not for the one that goes', async () => {
    const s = stage({ x: { down: 50 } })
    await s.boot()
    const done = s.watch(s.app.unregister('x'))
    await s.clock.advance(10)
    await s.app.register(s.make('api', { dependsOn: ['x'] }).service)
    await s.clock.advance(1_000)
    expect([done.state, names(s), s.state('api')]).toEqual(['resolved', ['api'], 'waiting'])
    await s.app.register(s.make('x').service)
    await s.clock.advance(10)
    expect(s.states('api').at(-1)).toBe('1010 running')
  })

  it('R9 a removal outranks a stop by hand and a shutdown that are under way', async () => {
    const s = stage({ x: { down: 100 } })
    await s.boot()
    const stop = s.watch(s.app.stopService('x'))
    await s.clock.advance(10)
    const done = s.watch(s.app.unregister('x'))
    await s.clock.settle()
    expect(s.app.getServiceStatus('x').stopReason).toBe('removed')
    await anHour(s)
    expect([stop.state, done.state, s.hooks]).toEqual(['resolved', 'resolved', ['0 x stop (manual)']])
  })

  it('R48 during a shutdown a removal is no quarrel', async () => {
    const s = stage({ x: { down: 100 }, y: { down: 50 } })
    await s.boot()
    const stop = s.watch(s.app.stop())
    await s.clock.advance(10)
    const done = s.watch(s.app.unregister('x'))
    await anHour(s)
    expect([stop.state, done.state, names(s)]).toEqual(['resolved', 'resolved', ['y']])
  })

  it('R13 R48 a removal in a shutdown that a start overtakes waits for nobody who has come up again', async () => {
    const s = stage({
      db: {},
      slow: { dependsOn: ['db'], down: 20 },
      idle: { dependsOn: ['db'], autoStart: false },
      soft: { dependsOn: [{ name: 'idle', optional: true }], up: 15 },
    })
    await s.boot(15)
    s.watch(s.app.stop())
    await s.clock.advance(5)
    const done = s.watch(s.app.unregister('db', { cascade: true }))
    await s.clock.advance(5)
    const start = s.watch(s.app.start())
    await s.clock.advance(100_000)
    expect(done).toMatchObject({ state: 'resolved', at: 35 })
    expect([start.state, names(s), s.state('soft')]).toEqual(['resolved', ['soft'], 'running'])
  })

  it('R48 the name is free afterwards, for another service and for the same one', async () => {
    const s = stage({ x: {}, api: on({ name: 'x', optional: true }) })
    await s.boot()
    const { service } = s.the('x')
    await s.app.unregister('x')
    await s.app.register(s.make('x').service)
    await s.clock.settle()
    expect(s.state('x')).toBe('running')
    await s.app.unregister('x')
    await s.app.register(service)
    await s.clock.settle()
    expect([s.state('x'), s.app.registry.get('x') === service]).toEqual(['running', true])
  })
})
