/** R14 and R15: who goes down with whom, who comes back, and who is left in peace. */
import { describe, expect, it } from 'vitest'
import { type Script, stage } from '../support/laws2.js'

const on = (...dependsOn: Script['dependsOn'] & {}): Script => ({ dependsOn })
/** Comes back 100 ms after a crash, as often as one likes. */
const restart = { initialBackoff: 100, multiplier: 1, maxRetries: 0, jitter: 0 }

describe('R14 a cascade undoes itself', () => {
  it('R14 dependents stop with reason dependency, wait, and come back once each, without anybody asking', async () => {
    const s = stage({
      db: { up: 10, down: 10, restart },
      api: { dependsOn: ['db'], up: 5, down: 20 },
      web: { dependsOn: ['api'], up: 5, down: 20 },
    })
    await s.boot(20)
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.states('db')).toEqual(['20 stopping (failed)', '30 retrying', '130 starting', '140 running'])
    expect(s.states('web')).toEqual(['20 stopping (dependency)', '40 waiting', '145 starting', '150 running'])
    expect(s.states('api')).toEqual(['40 stopping (dependency)', '60 waiting', '140 starting', '145 running'])
  })

  it('R14 what they wait for is readable: the dependency, and behind it the root cause', async () => {
    const s = stage({ db: { restart }, api: on('db'), web: on('api') })
    await s.boot()
    s.the('db').crash()
    await s.clock.settle()
    expect(s.app.getServiceStatus('web')).toMatchObject({
      state: 'waiting',
      stopReason: 'dependency',
      blockedBy: [{ name: 'api', state: 'waiting', kind: 'dependency' }],
    })
    expect(s.app.getServiceStatus('web')).not.toHaveProperty('error')
    expect(s.app.explain('web').because.at(-1)).toMatchObject({ name: 'db', state: 'retrying', kind: 'backoff' })
  })

  it('R14 a return is no matter of the dependent’s restart policy and costs it no attempt', async () => {
    const s = stage({ db: { restart }, api: { dependsOn: ['db'], restart: { policy: 'never' } } })
    await s.boot()
    for (let round = 0; round < 8; round += 1) {
      s.the('db').crash()
      await s.clock.advance(100)
    }
    expect(s.state('api')).toBe('running')
    expect(s.the('api').starts).toBe(9)
    expect(s.events.filter((event) => event.type === 'retry' && event.name === 'api')).toEqual([])
  })

  it('R14 exactly those come back that went: one that was never up stays as it was', async () => {
    const s = stage({ db: { restart }, api: on('db'), idle: { dependsOn: ['db'], autoStart: false } })
    await s.boot()
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.stirred()).toEqual(['api', 'db'])
    expect(s.state('idle')).toBe('unknown')
  })

  it('R14 one that lost two dependencies comes back once, when both are there', async () => {
    const s = stage({ db: { restart }, mq: { restart: { ...restart, initialBackoff: 300 } }, api: on('db', 'mq') })
    await s.boot()
    s.the('db').crash()
    await s.clock.advance(50)
    s.the('mq').crash()
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 stopping (dependency)', '0 waiting', '350 starting', '350 running'])
  })

  it('R14 a dependency that comes and goes while its dependent is still stopping is one return', async () => {
    const s = stage({ db: { restart }, api: { dependsOn: ['db'], down: 250 } })
    await s.boot()
    s.the('db').crash()
    await s.clock.advance(120)
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 stopping (dependency)', '250 waiting', '250 starting', '250 running'])
    expect(s.the('db').starts).toBe(3)
  })

  it('R14 one that is lost while its dependent starts takes it down, without an error or an attempt', async () => {
    const s = stage({ db: { restart }, api: { dependsOn: ['db'], up: 50, down: 5 } })
    const start = s.watch(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(20)
    s.the('db').crash()
    await s.clock.advance(500)
    expect(s.states('api')).toEqual([
      '0 waiting',
      '0 starting',
      '20 stopping (dependency)',
      '25 waiting',
      '120 starting',
      '170 running',
    ])
    const errors = s.events.flatMap((event) =>
      event.type === 'state' && event.name === 'api' ? [event.error, event.attempt] : [],
    )
    expect(errors.filter((one) => one !== undefined)).toEqual([])
    expect(start).toMatchObject({ state: 'resolved', at: 170 })
  })

  it('R14 R22 one that backs off itself when its dependency goes waits for that once its own backoff is over', async () => {
    const s = stage({
      db: { restart: { ...restart, initialBackoff: 500 } },
      api: { dependsOn: ['db'], restart: { ...restart, initialBackoff: 200 } },
    })
    await s.boot()
    s.the('api').crash()
    await s.clock.advance(50)
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 stopping (failed)', '0 retrying', '200 waiting', '550 starting', '550 running'])
  })

  it('R14 a bad verdict alone is no loss', async () => {
    const healthCheck = { interval: 100, timeout: 50, failureThreshold: 1, onUnhealthy: 'report' as const }
    const s = stage({ db: { says: 'healthy', healthCheck }, api: on('db') })
    await s.boot()
    s.the('db').health = 'unhealthy'
    await s.clock.advance(1_000)
    expect(s.app.getServiceStatus('db').health).toBe('unhealthy')
    expect([s.stirred(), s.hooks]).toEqual([[], []])
  })

  it('R14 a clean end is a loss over a healthy edge and none over a started one', async () => {
    const s = stage({ job: { loop: true }, needs: on('job'), after: on({ name: 'job', condition: 'started' }) })
    await s.boot()
    s.the('job').end()
    await s.clock.advance(1_000)
    expect(s.states('needs')).toEqual(['0 stopping (dependency)', '0 waiting'])
    expect(s.states('after')).toEqual([])
  })

  it('R14 a completed edge has no loss: the job may run again and die under its dependents', async () => {
    const s = stage({ job: { loop: true }, after: on({ name: 'job', condition: 'completed' }) })
    s.watch(s.app.start())
    await s.clock.settle()
    s.the('job').end()
    await s.clock.settle()
    expect(s.state('after')).toBe('running')
    s.forget()
    s.watch(s.app.startService('job'))
    await s.clock.settle()
    s.the('job').crash()
    await s.clock.settle()
    s.watch(s.app.stopService('job'))
    await s.clock.advance(100)
    expect(s.stirred()).toEqual(['job'])
  })

  it('R14 starting the dependents of a completed job does not run it again', async () => {
    const edge = { name: 'job', condition: 'completed' as const }
    const s = stage({ job: { loop: true }, after: on(edge), later: { dependsOn: [edge], autoStart: false } })
    s.watch(s.app.start())
    await s.clock.settle()
    s.the('job').end()
    await s.clock.settle()
    const started = [
      s.watch(s.app.startService('later')),
      s.watch(s.app.restartService('after')),
      s.watch(s.app.start()),
    ]
    await s.clock.settle()
    expect(started.map(({ state }) => state)).toEqual(['resolved', 'resolved', 'resolved'])
    expect([s.the('job').starts, s.state('later'), s.the('after').starts]).toEqual([1, 'running', 2])
    s.watch(s.app.startService('job'))
    await s.clock.settle()
    expect(s.the('job').starts).toBe(2)
  })

  it('R14 after a stop of the orchestrator a job has completed no longer', async () => {
    const s = stage({ job: { loop: true }, after: on({ name: 'job', condition: 'completed' }) })
    s.watch(s.app.start())
    await s.clock.settle()
    s.the('job').end()
    await s.clock.settle()
    s.watch(s.app.stop())
    await s.clock.settle()
    s.watch(s.app.start())
    await s.clock.settle()
    expect([s.the('job').starts, s.state('after')]).toEqual([2, 'waiting'])
    s.the('job').end()
    await s.clock.settle()
    expect(s.state('after')).toBe('running')
  })

  it('R14 a job that ended without error while it was being stopped has completed', async () => {
    const s = stage({ job: { loop: true, down: 20 }, after: on({ name: 'job', condition: 'completed' }) })
    const start = s.watch(s.app.start())
    await s.clock.settle()
    s.the('job').end()
    await s.clock.advance(5)
    const stop = s.watch(s.app.stopService('job'))
    await s.clock.advance(100)
    expect(stop.state).toBe('resolved')
    expect(start).toMatchObject({ state: 'rejected', code: 'CANCELLED' })
    expect(s.states('after')).toEqual(['0 waiting', '20 starting', '20 running'])
  })
})

describe('R14 a manual stop outlives every cascade', () => {
  const two = () => stage({ db: { restart, down: 10 }, api: { dependsOn: ['db'], down: 20 }, other: on('db') })
  const storm = async (s: ReturnType<typeof two>) => {
    for (let round = 0; round < 3; round += 1) {
      s.the('db').crash()
      await s.clock.advance(500)
    }
  }

  it.each([
    ['before them', 0, ['0 stopping (manual)', '20 stopped']],
    ['while it stops for its dependency', 5, ['0 stopping (dependency)', '20 stopped']],
    ['while it waits', 50, ['0 stopping (dependency)', '20 waiting', '50 stopped']],
  ])('R14 stopped by hand %s it stays down', async (_, at, log) => {
    const s = two()
    await s.boot()
    if (at > 0) s.the('db').crash()
    await s.clock.advance(at)
    const stop = s.watch(s.app.stopService('api'))
    await s.clock.advance(500 - at)
    await storm(s)
    expect(s.states('api')).toEqual(log)
    expect(s.app.getServiceStatus('api').stopReason).toBe('manual')
    expect(stop.state).toBe('resolved')
    expect(s.state('other')).toBe('running')
  })

  it('R14 a start of its dependency by hand does not bring it back either', async () => {
    const s = two()
    await s.boot()
    s.watch(s.app.stopService('api'))
    await s.clock.advance(100)
    for (const act of ['stopService', 'startService', 'restartService'] as const) {
      s.watch(s.app[act]('db'))
      await s.clock.advance(100)
    }
    s.watch(s.app.replace(s.make('db').service))
    await s.clock.advance(100)
    expect([s.state('db'), s.state('other'), s.state('api')]).toEqual(['running', 'running', 'stopped'])
  })

  it('R14 what was stopped with a dependency that was stopped by hand comes back with it', async () => {
    const s = two()
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.advance(1_000)
    expect([s.state('db'), s.state('api'), s.state('other')]).toEqual(['stopped', 'waiting', 'waiting'])
    s.watch(s.app.startService('db'))
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 stopping (dependency)', '20 waiting', '1000 starting', '1000 running'])
  })

  it('R14 a manual stop in the middle of a chain holds back what is above it and nobody else', async () => {
    const s = stage({ db: { restart }, api: on('db'), web: on('api') })
    await s.boot()
    s.watch(s.app.stopService('api'))
    await s.clock.advance(10)
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect([s.state('db'), s.state('api'), s.state('web')]).toEqual(['running', 'stopped', 'waiting'])
    s.watch(s.app.startService('api'))
    await s.clock.advance(10)
    expect([s.state('api'), s.state('web')]).toEqual(['running', 'running'])
    expect(s.the('web').starts).toBe(2)
  })
})

describe('R15 nobody else is touched', () => {
  it('R15 a crash stirs its dependents’ closure over stop edges, and nobody else', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `s${i}`)
    const needs = names.map((_, i) =>
      [1, 2].map((k) => Math.floor((i - k) / (k + 1))).filter((j, k, all) => j >= 0 && all.indexOf(j) === k),
    )
    const s = stage(
      Object.fromEntries(names.map((name, i) => [name, { restart, dependsOn: (needs[i] ?? []).map((j) => `s${j}`) }])),
    )
    await s.boot()
    for (const [i, name] of names.entries()) {
      const closure = new Set([i])
      for (let k = i + 1; k < names.length; k += 1) if (needs[k]?.some((j) => closure.has(j))) closure.add(k)
      s.forget()
      s.the(name).crash()
      await s.clock.advance(100)
      expect(s.stirred()).toEqual([...closure].map((k) => `s${k}`).sort())
      expect(s.app.getAllServices().filter(({ state }) => state !== 'running')).toEqual([])
    }
  })

  it('R15 a service that gives up leaves its neighbours and its own dependencies alone', async () => {
    const s = stage({
      base: {},
      db: { dependsOn: ['base'], restart: { policy: 'never' } },
      api: on('db'),
      beside: on('base'),
    })
    await s.boot()
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.stirred()).toEqual(['api', 'db'])
  })

  it('R15 a failed start with onFailure keep stops nothing that is up', async () => {
    const s = stage({
      base: {},
      other: on('base'),
      bad: { dependsOn: ['base'], fails: 9, restart: { policy: 'never' } },
      top: on('bad'),
    })
    const start = s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(1_000)
    expect(start.code).toBe('START_INCOMPLETE')
    expect(s.app.getAllServices().map(({ name, state }) => `${name} ${state}`)).toEqual([
      'base running',
      'other running',
      'bad failed',
      'top waiting',
    ])
  })
})
