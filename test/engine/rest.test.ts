/** Where an ended epoch leaves a service, and what keeps it from starting: cases in which two things come together. */
import type { Orchestrator } from 'keelson'
import { describe, expect, it } from 'vitest'
import { deferred, service, settled, world } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const

describe('after an epoch', () => {
  it('R17 always: a start remembered while it ended of itself does not wait for the backoff', async () => {
    const db = service('db', {
      restart: { policy: 'always' },
      run: ({ epoch }) => (epoch === 1 ? undefined : hang),
      stop: { takes: 10 },
    })
    const hang = new Promise<void>(() => {})
    const { app, clock, log } = world({ services: [db] })
    await app.start()
    await clock.advance(5)
    settled(app.restartService('db'))
    await clock.advance(5)
    expect(log.states('db')).toEqual(['starting', 'running', 'stopping', 'stopped', 'starting', 'running'])
    settled(app.stop())
    await clock.advance(20_000)
  })

  it('R21 a start by name is no retry, although a retry was in flight when the service was stopped', async () => {
    const options = { start: { takes: 50, fails: 1 }, restart: { initialBackoff: 10 } }
    const { app, clock } = world({
      maxConcurrentRetries: 1,
      services: [service('a', options), service('b', { ...options, start: { takes: 60, fails: 1 } })],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(65)
    expect(app.getServiceStatus('a')).toMatchObject({ state: 'starting', epoch: 2 })
    await app.stopService('a')
    await clock.advance(10)
    expect(app.getServiceStatus('b')).toMatchObject({ state: 'starting', epoch: 2 })
    settled(app.startService('a'))
    await clock.settle()
    expect(app.getServiceStatus('a').state).toBe('starting')
  })

  it('R14 R29 one that stops for its dependency and is wanted no longer comes to rest, and does not wait first', async () => {
    const gate = deferred()
    const db = service('db', never)
    const api = service('api', { dependsOn: ['db'], stop: { takes: 20 } })
    const late = service('late', { ...never, start: () => gate.promise })
    const { app, clock, log } = world({ services: [db, api, late] })
    const start = settled(app.start())
    await clock.settle()
    db.crash()
    await clock.advance(5)
    expect(app.getServiceStatus('api')).toMatchObject({ state: 'stopping', stopReason: 'dependency' })
    gate.reject(new Error('boom'))
    await clock.advance(20)
    expect(start.status).toBe('rejected')
    expect(log.states('api')).toEqual(['waiting', 'starting', 'running', 'stopping', 'stopped'])
  })

  it.each<[string, (app: Orchestrator) => Promise<unknown>]>([
    ['by name', (app) => app.startService('db')],
    ['of all', (app) => app.start({ onFailure: 'keep' })],
  ])('R20 a start %s remembered while a failed epoch ends renews the budget', async (_, start) => {
    const db = service('db', {
      start: { fails: true },
      stop: { takes: 10 },
      restart: { maxRetries: 1, initialBackoff: 100, multiplier: 1 },
    })
    const { app, clock } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(115)
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'stopping', epoch: 2 })
    settled(start(app))
    await clock.advance(10)
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'retrying', attempt: 1 })
    await clock.advance(110)
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'failed', epoch: 3, stopReason: 'failed' })
  })

  it('R19 one that waits for credentials tells no attempt', async () => {
    const auth = Object.assign(new Error('who are you?'), { status: 401 })
    const db = service('db', {
      start: ({ epoch }) => {
        throw epoch === 1 ? new Error('boom') : auth
      },
    })
    const { app, clock, log } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(1_000)
    expect(
      log
        .lines()
        .filter((line) => line.startsWith('db:'))
        .at(-1),
    ).toBe('db: stopping → auth_required (failed) START_FAILED: who are you?')
    expect(app.getServiceStatus('db').attempt).toBeUndefined()
  })

  it('R20 one that is exhausted says so in its event, and goes on saying why it stopped', async () => {
    const db = service('db', { start: { fails: true }, restart: { maxRetries: 1, initialBackoff: 10 } })
    const { app, clock, log } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(10)
    expect(
      log
        .lines()
        .filter((line) => line.startsWith('db:'))
        .at(-1),
    ).toBe('db: stopping → failed (exhausted) START_FAILED: db start failed')
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'failed', stopReason: 'failed' })
    expect(clock.pending).toBe(0)
  })
})

describe('a rollback', () => {
  it('R29 leaves the culprit failed, and forgets that when it starts again', async () => {
    const db = service('db', { ...never, start: { fails: 1 } })
    const { app, clock } = world({ services: [db] })
    const start = settled(app.start())
    await clock.settle()
    expect([start.status, app.getServiceStatus('db').state]).toEqual(['rejected', 'failed'])
    await app.startService('db')
    await app.stopService('db')
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'stopped', stopReason: 'manual' })
    expect(app.getServiceStatus('db').error).toBeUndefined()
  })

  it('R29 leaves the culprit failed, also if that ends of itself while it waits for its dependents', async () => {
    const end = deferred()
    const job = service('job', {
      run: () => end.promise,
      check: { returns: 'unhealthy' },
      healthCheck: { failureThreshold: 1, startGrace: 10, onUnhealthy: 'report' },
    })
    const api = service('api', { dependsOn: [{ name: 'job', condition: 'started' }], stop: { takes: 50 } })
    const { app, clock } = world({ services: [job, api] })
    const start = settled(app.start())
    await clock.advance(20)
    expect(app.getServiceStatus('job')).toMatchObject({ state: 'running', blockedBy: [{ name: 'api', kind: 'stop' }] })
    end.resolve()
    await clock.advance(50)
    expect([start.status, app.getServiceStatus('job')]).toMatchObject(['rejected', { state: 'failed' }])
  })

  it('R29 leaves one failed that it stopped while it backed off, and a start by name takes it up', async () => {
    const db = service('db', { start: { fails: 2 }, restart: { initialBackoff: 100 } })
    const { app, clock } = world({ services: [db] })
    const start = settled(app.start())
    await clock.settle()
    expect([start.status, app.getServiceStatus('db').state]).toEqual(['rejected', 'failed'])
    const again = settled(app.startService('db'))
    await clock.settle()
    expect([again.status, app.getServiceStatus('db').state]).toEqual(['rejected', 'retrying'])
    await app.stopService('db')
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'stopped', stopReason: 'manual' })
  })

  it('R14 one that failed by a mere wait comes up when the wait is over, and may fail by it again', async () => {
    const gate = deferred()
    const db = service('db', { start: ({ epoch }) => (epoch === 1 ? gate.promise : undefined) })
    const api = service('api', { dependsOn: [{ name: 'db', timeout: 10 }] })
    const { app, clock, log } = world({ services: [db, api] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(10)
    expect(app.getServiceStatus('api')).toMatchObject({ state: 'failed', error: { code: 'DEPENDENCY_TIMEOUT' } })
    gate.resolve()
    await clock.settle()
    expect(log.states('api')).toEqual(['waiting', 'failed', 'starting', 'running'])
    await app.stopService('api')
    expect(app.getServiceStatus('api')).toMatchObject({ state: 'stopped' })
    await app.startService('api')
    expect(app.getServiceStatus('api').state).toBe('running')
  })
})

describe('waiting', () => {
  it('R16 a delay counts anew when a dependency is lost in it, and takes its place in line only then', async () => {
    const db = service('db', { restart: { initialBackoff: 10 } })
    const api = service('api', { dependsOn: ['db'], startDelay: 100 })
    const { app, clock, log } = world({ services: [db, api] })
    settled(app.start())
    await clock.advance(60)
    db.crash()
    await clock.advance(109)
    expect(log.states('api')).toEqual(['waiting'])
    await clock.advance(1)
    expect(log.states('api')).toEqual(['waiting', 'starting', 'running'])
  })

  it('R21 one that stands in line and loses its dependency gives up its place', async () => {
    const db = service('db', { restart: { initialBackoff: 10 } })
    const slow = service('slow', { start: { takes: 100 } })
    const api = service('api', { dependsOn: ['db'] })
    const last = service('last')
    const { app, clock, log } = world({ maxConcurrentStarts: 1, services: [db, slow, api, last] })
    settled(app.start())
    await clock.advance(50)
    expect(app.getServiceStatus('api').blockedBy).toMatchObject([{ kind: 'permit' }])
    db.crash()
    await clock.advance(55)
    expect(log.lines().flatMap((line) => /^.* → starting/.exec(line)?.[0] ?? [])).toEqual([
      'db: unknown → starting',
      'slow: waiting → starting',
      'last: waiting → starting',
      'db: waiting → starting',
      'api: waiting → starting',
    ])
  })

  it('R32 the bound of the wait for an abandoned hook is one, whatever happens meanwhile', async () => {
    const db = service('db', { startTimeout: 100, stopTimeout: 10, stop: { hangs: true, ignoresAbort: true } })
    const other = service('other', { autoStart: false })
    const { app, clock } = world({ services: [db, other] })
    await app.start()
    settled(app.stopService('db'))
    await clock.advance(10)
    settled(app.startService('db', { onFailure: 'keep' }))
    await clock.advance(60)
    settled(app.startService('db', { onFailure: 'keep' }))
    await clock.advance(39)
    expect(app.getServiceStatus('db').state).toBe('waiting')
    await clock.advance(1)
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'failed', error: { code: 'START_TIMEOUT' } })
  })

  it('the waits of several dependencies end each at its own time, the last of them with the start', async () => {
    const names = ['one', 'two', 'three']
    const gates = names.map((name) => service(name, { start: { hangs: true } }))
    const timeouts = [30, 10, 20]
    const dependsOn = names.map((name, i) => ({ name, timeout: timeouts[i] as number, onTimeout: 'warn' as const }))
    const { app, clock, log } = world({ services: [...gates, service('api', { dependsOn })] })
    const start = clock.wall()
    settled(app.start())
    await clock.advance(40)
    expect(log.lines(start).filter((line) => /api/.test(line))).toEqual([
      '0 api: unknown → waiting',
      '10 warning DEPENDENCY_TIMEOUT api',
      '20 warning DEPENDENCY_TIMEOUT api',
      '30 warning DEPENDENCY_TIMEOUT api',
      '30 api: waiting → starting',
      '30 api: starting → running',
    ])
  })

  describe.each<[string, (app: Orchestrator) => Promise<unknown>, (app: Orchestrator) => Promise<unknown> | undefined]>(
    [
      ['has failed', (app) => app.stopService('other'), () => undefined],
      ['was withdrawn', (app) => app.stopService('api'), (app) => app.startService('api')],
    ],
  )('when a start %s', (_, end, again) => {
    it('R11 what it did not wait for any more is waited for anew in the next', async () => {
      const gate = deferred()
      const slow = service('slow', { autoStart: false, start: { hangs: true } })
      const db = service('db', { autoStart: false, start: () => gate.promise })
      const dependsOn = [
        { name: 'slow', timeout: 10, onTimeout: 'continue' as const },
        { name: 'db', timeout: 20 },
      ]
      const { app, clock } = world({ services: [slow, db, service('api', { dependsOn }), service('other')] })
      settled(app.start({ onFailure: 'keep' }))
      await clock.advance(15)
      settled(end(app))
      await clock.advance(10)
      expect(app.getServiceStatus('api').phase).toBe('idle')
      gate.resolve()
      settled(again(app) ?? Promise.resolve())
      await clock.advance(9)
      expect(app.getServiceStatus('api').state).toBe('waiting')
      await clock.advance(1)
      expect(app.getServiceStatus('api').state).toBe('running')
    })
  })

  it('R11 a wait that fails says what it waited for, and how that is', async () => {
    const db = service('db', { start: { hangs: true } })
    const { app, clock } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    settled(app.register(service('b', { dependsOn: [{ name: 'db', timeout: 10 }] })))
    await clock.advance(10)
    expect(app.getServiceStatus('b').error).toMatchObject({
      message: expect.stringContaining("service 'b' - 'db' was not healthy within 10 ms, it is starting"),
    })
  })
})
