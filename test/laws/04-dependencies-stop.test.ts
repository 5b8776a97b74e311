/** R13: who stops before whom, and what holds of a service that is about to stop. */
import { describe, expect, it } from 'vitest'
import { type Script, stage } from '../support/laws2.js'

const on = (...dependsOn: Script['dependsOn'] & {}): Script => ({ dependsOn, down: 10 })

/** web → api → db, and a stranger. */
const three = (): Record<string, Script> => ({ db: on(), api: on('db'), web: on('api'), stranger: on() })

describe('an orderly stop', () => {
  it('R13 brings its dependents to rest first, deepest first, and is itself up until then', async () => {
    const s = stage(three())
    await s.boot()
    const stop = s.watch(s.app.stopService('db'))
    await s.clock.advance(19)
    expect([s.state('web'), s.state('api'), s.state('db')]).toEqual(['waiting', 'stopping', 'running'])
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 web stop (dependency)', '10 api stop (dependency)', '20 db stop (manual)'])
    expect([s.states('web'), s.states('api'), s.states('db'), s.states('stranger')]).toEqual([
      ['0 stopping (dependency)', '10 waiting'],
      ['10 stopping (dependency)', '20 waiting'],
      ['20 stopping (manual)', '30 stopped'],
      [],
    ])
    expect(stop).toMatchObject({ state: 'resolved', at: 30 })
  })

  it('R13 serves its dependents while they stop', async () => {
    const seen: string[] = []
    const s = stage({ db: { down: 10 }, api: on('db') })
    s.app.on('state', ({ name, newState }) => name === 'api' && newState === 'stopping' && seen.push(s.state('db')))
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(9)
    expect([seen, s.state('db'), s.app.getServiceStatus('db').health]).toEqual([['running'], 'running', 'healthy'])
  })

  it.each([
    ['restartService', 'restart', (s: ReturnType<typeof stage>) => s.app.restartService('db')],
    ['replace', 'replaced', (s: ReturnType<typeof stage>) => s.app.replace(s.make('db', { down: 10 }).service)],
  ])('R13 %s is orderly, and the dependents return', async (_, reason, act) => {
    const s = stage(three())
    await s.boot()
    const done = s.watch(act(s))
    await s.clock.advance(100)
    expect(s.hooks).toEqual([
      '0 web stop (dependency)',
      '10 api stop (dependency)',
      `20 db stop (${reason})`,
      '30 db start',
      '30 api start',
      '30 web start',
    ])
    expect(done.state).toBe('resolved')
  })

  it('R13 unregister with cascade is orderly', async () => {
    const s = stage(three())
    await s.boot()
    const done = s.watch(s.app.unregister('db', { cascade: true }))
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 web stop (removed)', '10 api stop (removed)', '20 db stop (removed)'])
    expect(done).toMatchObject({ state: 'resolved', at: 30 })
  })

  it('R13 a shutdown is orderly and stops what is unrelated at the same time', async () => {
    const s = stage(three())
    await s.boot()
    const done = s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(s.hooks.filter((line) => !line.includes('stranger'))).toEqual([
      '0 web stop (shutdown)',
      '10 api stop (shutdown)',
      '20 db stop (shutdown)',
    ])
    expect(s.hooks).toContain('0 stranger stop (shutdown)')
    expect(done).toMatchObject({ state: 'resolved', at: 30 })
  })

  it('R13 a stop by dependency is orderly too: the middle waits for its own dependents though its root is gone', async () => {
    const s = stage({ ...three(), db: { down: 10, restart: { policy: 'never' } } })
    await s.boot()
    s.the('db').crash()
    await s.clock.advance(100)
    expect(s.hooks.sort()).toEqual(['0 db stop (failed)', '0 web stop (dependency)', '10 api stop (dependency)'])
    expect([s.states('db'), s.states('api'), s.states('web')]).toEqual([
      ['0 stopping (failed)', '10 failed (failed)'],
      ['10 stopping (dependency)', '20 waiting'],
      ['0 stopping (dependency)', '10 waiting'],
    ])
  })

  it('R13 waits for the slowest of several dependents', async () => {
    const s = stage({
      db: on(),
      a: { dependsOn: ['db'], down: 5 },
      b: { dependsOn: ['db'], down: 30 },
      c: { dependsOn: ['db'], down: 20 },
    })
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(s.hooks.at(-1)).toBe('30 db stop (manual)')
    expect(s.hooks.slice(0, -1).sort()).toEqual([
      '0 a stop (dependency)',
      '0 b stop (dependency)',
      '0 c stop (dependency)',
    ])
  })

  it('R13 an abandoned dependent is none: its hook holds nobody back any longer', async () => {
    const s = stage({ db: on(), api: { dependsOn: ['db'], down: 5_000, stopTimeout: 100 } })
    await s.boot()
    const stop = s.watch(s.app.stopService('db'))
    await s.clock.advance(10_000)
    expect(s.hooks).toEqual(['0 api stop (dependency)', '100 db stop (manual)'])
    expect(stop).toMatchObject({ state: 'rejected', code: 'STOP_INCOMPLETE', at: 110 })
  })

  it('R13 a dependent that is starting is an instance: it is aborted and stopped first', async () => {
    const s = stage({ db: on(), api: { dependsOn: ['db'], up: 100, down: 10 } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(50)
    s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 db start', '0 api start', '50 api stop (dependency)', '60 db stop (manual)'])
    expect(s.states('api')).toEqual(['0 waiting', '0 starting', '50 stopping (dependency)', '60 waiting'])
    expect(s.app.getServiceStatus('api')).not.toHaveProperty('error')
  })

  it('R13 a dependent that is stopping already is waited for, not stopped twice', async () => {
    const s = stage({ db: on(), api: on('db') })
    await s.boot()
    s.watch(s.app.stopService('api'))
    await s.clock.advance(6)
    s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 api stop (manual)', '10 db stop (manual)'])
    expect(s.states('api')).toEqual(['0 stopping (manual)', '10 stopped'])
  })

  it('R13 over a chain of keep edges nobody is stopped and nobody waited for', async () => {
    const s = stage({ db: on(), a: on({ name: 'db', onLoss: 'keep' }), b: on({ name: 'db', optional: true }) })
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 db stop (manual)'])
    expect(s.stirred()).toEqual(['db'])
  })

  it.each([
    ['healthy', { name: 'db', onLoss: 'keep' as const }],
    ['completed', { name: 'db', condition: 'completed' as const, timeout: 10, onTimeout: 'continue' as const }],
  ])(
    'R13 R33 a dependent over a keep edge that is just starting goes on, and the stop does not wait for it (%s)',
    async (_, edge) => {
      const s = stage({ db: { down: 10, loop: true }, api: { dependsOn: [edge], up: 1_000 } })
      s.watch(s.app.start({ onFailure: 'keep' }))
      await s.clock.advance(50)
      const stop = s.watch(s.app.stopService('db'))
      await s.clock.advance(100_000)
      expect(stop).toMatchObject({ state: 'resolved', at: 60 })
      expect([s.state('db'), s.state('api'), s.the('api').stops]).toEqual(['stopped', 'running', 0])
    },
  )

  it('R13 a dependent of a keep dependent stays as well', async () => {
    const s = stage({ db: on(), a: on({ name: 'db', onLoss: 'keep' }), b: on('a') })
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(s.stirred()).toEqual(['db'])
  })
})

describe('in a shutdown all edges order', () => {
  it.each([
    ['keep', { name: 'db', onLoss: 'keep' as const }],
    ['optional', { name: 'db', optional: true }],
    ['optional and stop', { name: 'db', optional: true, onLoss: 'stop' as const }],
    ['started and keep', { name: 'db', condition: 'started' as const, onLoss: 'keep' as const }],
  ])('R13 %s', async (_, edge) => {
    const s = stage({ db: on(), api: on(edge) })
    await s.boot()
    s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 api stop (shutdown)', '10 db stop (shutdown)'])
    expect(s.states('api')).toEqual(['0 stopping (shutdown)', '10 stopped'])
  })

  it('R13 completed: a job that still runs outlives those that gave up waiting for it', async () => {
    const edge = { name: 'job', condition: 'completed' as const, timeout: 50, onTimeout: 'continue' as const }
    const s = stage({ job: { loop: true, down: 10 }, api: on(edge) })
    await s.boot(60)
    s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['60 api stop (shutdown)', '70 job stop (shutdown)'])
  })

  it('R13 a stop by hand that was under way keeps its own order', async () => {
    const s = stage({ db: { down: 30 }, api: on({ name: 'db', onLoss: 'keep' }) })
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(5)
    s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 db stop (manual)', '5 api stop (shutdown)'])
    expect(s.app.getServiceStatus('db').stopReason).toBe('shutdown')
  })
})

describe('what is gone or sick is not waited for', () => {
  it('R13 a crash: its onStop is entered at once, and the dependents stop at the same time', async () => {
    const s = stage({ db: on(), api: on('db') })
    await s.boot()
    s.the('db').crash()
    await s.clock.settle()
    expect(s.hooks.sort()).toEqual(['0 api stop (dependency)', '0 db stop (failed)'])
  })

  it('R13 a bad verdict that restarts', async () => {
    const healthCheck = { interval: 100, timeout: 50, failureThreshold: 1 }
    const s = stage({ db: { ...on(), says: 'healthy', healthCheck }, api: on('db') })
    await s.boot()
    s.the('db').health = 'unhealthy'
    await s.clock.advance(100)
    expect(s.hooks.sort()).toEqual(['100 api stop (dependency)', '100 db stop (unhealthy)'])
  })

  it('R13 a clean end', async () => {
    const s = stage({ db: { ...on(), loop: true }, api: on('db') })
    await s.boot()
    s.the('db').end()
    await s.clock.settle()
    expect(s.hooks.sort()).toEqual(['0 api stop (dependency)', '0 db stop (completed)'])
  })

  it('R13 one that breaks while its dependents are still stopping waits for them no longer', async () => {
    const s = stage({ db: on(), api: on('db') })
    await s.boot()
    const stop = s.watch(s.app.stopService('db'))
    await s.clock.advance(4)
    s.the('db').crash()
    await s.clock.advance(100)
    expect(s.hooks.map((line) => line.replace(/ \(.*/, ''))).toEqual(['0 api stop', '4 db stop'])
    expect(stop.state).not.toBe('pending')
    expect(s.app.getServiceStatus('db').phase).toBe('idle')
    expect(s.state('api')).toBe('waiting')
    await s.clock.advance(100_000)
    expect(s.the('db').starts).toBe(1)
  })
})

describe('about to stop', () => {
  /** db is told to stop at 0 and can at 10, when api is at rest. */
  const leaving = async () => {
    const s = stage({ db: { up: 5, down: 10 }, api: on('db'), late: { dependsOn: ['db'], autoStart: false } })
    await s.boot(5)
    const stop = s.watch(s.app.stopService('db'))
    await s.clock.advance(3)
    return { s, stop }
  }

  it('R13 it satisfies nothing: what is registered meanwhile waits', async () => {
    const { s } = await leaving()
    await s.app.register(s.make('new', { dependsOn: [{ name: 'db', condition: 'started' }] }).service)
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['5 api stop (dependency)', '15 db stop (manual)'])
    expect(s.states('new')).toEqual(['8 waiting'])
  })

  it('R13 its end stands: a start of it meanwhile is remembered, and it comes back as a new epoch', async () => {
    const { s, stop } = await leaving()
    const start = s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['5 api stop (dependency)', '15 db stop (manual)', '25 db start', '30 api start'])
    expect(stop).toMatchObject({ state: 'rejected', code: 'CANCELLED' })
    expect(start).toMatchObject({ state: 'resolved', at: 30 })
    expect(s.app.getServiceStatus('db').epoch).toBe(2)
  })

  it('R13 a start of a dependent meanwhile starts nothing against it', async () => {
    const { s, stop } = await leaving()
    const start = s.watch(s.app.startService('late'))
    await s.clock.advance(100)
    expect(s.hooks.slice(0, 3)).toEqual(['5 api stop (dependency)', '15 db stop (manual)', '25 db start'])
    expect(s.hooks.slice(3).sort()).toEqual(['30 api start', '30 late start'])
    expect([stop.code, start.state]).toEqual(['CANCELLED', 'resolved'])
  })

  it('R13 a start of the dependent that is being stopped for it is remembered as well', async () => {
    const { s, stop } = await leaving()
    const start = s.watch(s.app.startService('api'))
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['5 api stop (dependency)', '15 db stop (manual)', '25 db start', '30 api start'])
    expect([stop.code, start.state]).toEqual(['CANCELLED', 'resolved'])
  })

  it.each(['continue', 'warn'] as const)(
    'R13 one whose wait ends in %s while it is about to stop does not keep it from stopping',
    async (onTimeout) => {
      const s = stage({
        db: {},
        slow: { dependsOn: ['db'], down: 100 },
        api: { dependsOn: [{ name: 'db', timeout: 50, onTimeout }], autoStart: false },
      })
      await s.boot()
      const restart = s.watch(s.app.restartService('db'))
      await s.clock.advance(10)
      const start = s.watch(s.app.startService('api'))
      await s.clock.advance(100_000)
      expect([restart.state, start.state, s.the('db').starts]).toEqual(['resolved', 'resolved', 2])
      expect(s.app.getAllServices().map(({ state }) => state)).toEqual(['running', 'running', 'running'])
      // Whether it waits on or is started and stopped again: it has no instance when its dependency goes.
      const before = s.hooks.slice(0, s.hooks.indexOf('100 db stop (restart)')).filter((line) => line.includes('api'))
      expect(before.length % 2).toBe(0)
    },
  )

  it('R7 R13 one whose wait has ended so and that is stopped before it could start can be started again', async () => {
    const s = stage({
      db: {},
      slow: { dependsOn: ['db'], down: 100 },
      api: { dependsOn: [{ name: 'db', timeout: 50, onTimeout: 'continue' }], autoStart: false },
    })
    await s.boot()
    s.watch(s.app.restartService('db'))
    s.watch(s.app.startService('api'))
    await s.clock.advance(70)
    s.watch(s.app.stopService('api'))
    await s.clock.advance(1_000)
    const start = s.watch(s.app.startService('api'))
    await s.clock.advance(1_000)
    expect([start.state, s.state('db'), s.state('api')]).toEqual(['resolved', 'running', 'running'])
  })

  it('R13 a middle service about to stop for its own dependency satisfies nothing either', async () => {
    const s = stage({ ...three(), late: { dependsOn: ['api'], autoStart: false } })
    await s.boot()
    s.watch(s.app.restartService('db'))
    await s.clock.advance(3)
    expect([s.state('api'), s.state('db')]).toEqual(['running', 'running'])
    const start = s.watch(s.app.startService('late'))
    await s.clock.advance(100)
    expect(s.hooks.slice(0, 5)).toEqual([
      '0 web stop (dependency)',
      '10 api stop (dependency)',
      '20 db stop (restart)',
      '30 db start',
      '30 api start',
    ])
    expect(s.hooks.slice(5).sort()).toEqual(['30 late start', '30 web start'])
    expect(start.state).toBe('resolved')
  })
})
