/**
 * The reconciler where a slip in it would pass unnoticed elsewhere: what happens between two services of one turn, which
 * reason of two stays, and who is told of what only looks like a failure of its own.
 */
import { type BaseService, type HealthStatus, Orchestrator, type StopReason } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { Foreign } from '../support/laws4-foreign.js'
import { deferred, type Scripted, service, settled, world } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const

describe('reasons', () => {
  const acts = {
    manual: ({ app }: ReturnType<typeof world>) => app.stopService('api'),
    shutdown: ({ app }: ReturnType<typeof world>) => app.stop(),
    removed: ({ app }: ReturnType<typeof world>) => app.unregister('api'),
  }
  const rank = ['dependency', 'manual', 'shutdown', 'removed']
  const names = Object.keys(acts) as (keyof typeof acts)[]
  const pairs = names.flatMap((first) => names.map((then) => [first, then] as const))

  it.each(pairs)('R9 of a stop by a lost dependency, then %s, then %s the weightiest stays', async (first, then) => {
    const all = world({ services: [service('db', never), service('api', { dependsOn: ['db'], stop: { takes: 50 } })] })
    const { app, clock } = all
    await app.start()
    settled(app.stopService('db'))
    await clock.advance(10)
    const seen: (StopReason | undefined)[] = [app.getServiceStatus('api').stopReason]
    for (const reason of [first, then]) {
      settled<unknown>(acts[reason](all))
      await clock.advance(10)
      seen.push(app.getServiceStatus('api').stopReason)
    }
    const weightiest = rank[Math.max(rank.indexOf(first), rank.indexOf(then))]
    expect(seen).toEqual(['dependency', first, weightiest])
  })

  it('R13 a stop of one that is starting waits for nobody, and takes nobody down', async () => {
    const db = service('db', { start: { takes: 100 } })
    const api = service('api', { dependsOn: [{ name: 'db', timeout: 10, onTimeout: 'continue' }], stop: { takes: 30 } })
    const { app, clock } = world({ services: [db, api] })
    const start = settled(app.start())
    await clock.advance(50)
    expect([start.status, app.getServiceStatus('api').state]).toEqual(['pending', 'running'])
    const stop = settled(app.stopService('db'))
    await clock.settle()
    expect([stop.status, app.getServiceStatus('db').state]).toEqual(['fulfilled', 'stopped'])
    expect([app.getServiceStatus('api').state, api.calls]).toMatchObject(['running', { start: 1, stop: 0 }])
  })
})

describe('one turn', () => {
  it('R13 nobody starts against one that a later call of the turn restarts', async () => {
    const { app, clock, log } = world({
      services: [service('db', { stop: { takes: 10 } }), service('api', { dependsOn: ['db'], autoStart: false })],
    })
    await app.start()
    log.clear()
    const calls = [settled(app.startService('api')), settled(app.restartService('db'))]
    await clock.advance(10)
    expect(calls.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
    expect(log.lines().filter((line) => /→ (starting|stopping)/.test(line))).toEqual([
      'db: running → stopping (restart)',
      'db: stopped → starting',
      'api: waiting → starting',
    ])
  })

  it('R12 as many begin in a turn as permits have come free, also when nobody listens', async () => {
    const clock = new VirtualClock()
    const services = ['a', 'b', 'c', 'd'].map((name) => service(name, { start: { takes: 10 } }, clock))
    const app = new Orchestrator({ clock, services, maxConcurrentStarts: 2 })
    const start = settled(app.start())
    await clock.advance(10)
    expect(app.getAllServices().map(({ state }) => state)).toEqual(['running', 'running', 'starting', 'starting'])
    await clock.advance(10)
    expect(start.status).toBe('fulfilled')
    await app.stop()
  })

  it('R8 one that is withdrawn in the turn in which it could begin holds up nobody, also when nobody listens', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({
      clock,
      services: [
        service('free', {}, clock),
        service('job', { ...never, start: { fails: true } }, clock),
        service('late', { dependsOn: ['job'] }, clock),
        service('own', { autoStart: false }, clock),
      ],
    })
    await settled(app.startService('job'))
    await clock.settle()
    const rollback = settled(app.startService('late', { onFailure: 'rollback' }))
    const own = settled(app.startService('own'))
    await clock.settle()
    expect([rollback.status, own.status]).toEqual(['rejected', 'fulfilled'])
    await app.stop()
  })

  it('R6 a restart of one whose start fails in the same turn is judged by its own epoch', async () => {
    const first = deferred()
    const db = service('db', { ...never, start: ({ epoch }) => (epoch === 1 ? first.promise : undefined) })
    const { app, clock } = world({ services: [db] })
    settled(app.startService('db'))
    await clock.settle()
    first.reject(new Error('boom'))
    const restart = settled(app.restartService('db'))
    await clock.settle()
    expect([restart.status, app.getServiceStatus('db').state]).toEqual(['pending', 'retrying'])
    await clock.advance(1_000)
    expect([restart.status, app.getServiceStatus('db')]).toMatchObject(['fulfilled', { state: 'running', epoch: 2 }])
  })
})

describe('waiting', () => {
  it('R29 one that waits for what has completed says so, and has no cause', async () => {
    const job = service('job', { run: () => undefined })
    const api = service('api', { dependsOn: ['job'], autoStart: false })
    const { app, clock } = world({ services: [job, api] })
    await app.start()
    await clock.settle()
    const call = settled(app.startService('api'))
    await clock.settle()
    const { cause } = call.error
    expect(cause).toMatchObject({ code: 'START_FAILED' })
    expect(cause.message).toContain("needs 'job' healthy, which has completed; start 'job' by name")
    expect(Object.hasOwn(cause, 'cause')).toBe(false)
  })

  it('R29 one that waits for what gave up names the first of them, with its error as the cause', async () => {
    const auth = Object.assign(new Error('who are you?'), { status: 401 })
    const [one, two] = [service('one'), service('two')]
    const slow = service('slow', { autoStart: false, start: { takes: 100 } })
    const api = service('api', { autoStart: false, dependsOn: ['slow', 'one', 'two'] })
    const { app, clock } = world({ services: [one, two, slow, api] })
    await app.start()
    const call = settled(app.startService('api'))
    await clock.advance(10)
    two.crash(auth)
    one.crash(auth)
    await clock.settle()
    expect([call.status, call.error]).toMatchObject(['rejected', { code: 'START_INCOMPLETE' }])
    const { cause } = call.error
    expect(cause).toMatchObject({ code: 'START_FAILED', cause: { code: 'CRASHED', cause: auth } })
    expect(cause.message).toContain("needs 'one' healthy, which is auth_required; start 'one' by name")
  })

  it('R11 a wait that was waived is waited for anew in the next start', async () => {
    const db = service('db', { start: { takes: 100 } })
    const api = service('api', { dependsOn: [{ name: 'db', timeout: 10, onTimeout: 'continue' }] })
    const { app, clock, log } = world({ services: [db, api] })
    settled(app.start())
    await clock.advance(15)
    expect(log.states('api')).toEqual(['waiting', 'starting', 'running'])
    log.clear()
    settled(app.restartService('api'))
    await clock.settle()
    expect(log.states('api')).toEqual(['stopping', 'stopped', 'waiting'])
    await clock.advance(10)
    expect(log.states('api').slice(3)).toEqual(['starting', 'running'])
  })

  it('R11 nobody starts against one that has ended and still stops', async () => {
    const end = deferred()
    const db = service('db', { ...never, run: () => end.promise, stop: { takes: 50 } })
    const { app, clock } = world({ services: [db, service('api', { dependsOn: ['db'], autoStart: false })] })
    await app.start()
    end.resolve()
    await clock.advance(10)
    expect(app.getServiceStatus('db').state).toBe('stopping')
    settled(app.startService('api', { onFailure: 'keep' }))
    await clock.advance(10)
    expect(app.getServiceStatus('api').state).toBe('waiting')
  })

  it('R11 one that waited for somebody else does not start against one that has ended meanwhile and still stops', async () => {
    const end = deferred()
    const db = service('db', { run: () => end.promise, stop: { takes: 50 } })
    const slow = service('slow', { start: { takes: 20 } })
    const { app, clock } = world({ services: [db, slow, service('api', { dependsOn: ['db', 'slow'] })] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(10)
    end.resolve()
    await clock.advance(20)
    expect(['db', 'slow', 'api'].map((name) => app.getServiceStatus(name).state)).toEqual([
      'stopping',
      'running',
      'waiting',
    ])
  })

  it('R32 a wait for an abandoned hook is in vain when the backoff is over, and not before', async () => {
    const gate = deferred()
    const db = service('db', {
      stopTimeout: 10,
      restart: { initialBackoff: 100 },
      stop: ({ epoch }) => (epoch === 1 ? gate.promise : undefined),
    })
    const { app, clock } = world({ services: [db, service('api', { dependsOn: ['db'], autoStart: false })] })
    await app.start()
    db.crash()
    await clock.advance(20)
    expect(app.getServiceStatus('db').state).toBe('retrying')
    const call = settled(app.startService('api'))
    await clock.advance(89)
    expect(call.status).toBe('pending')
    await clock.advance(1)
    expect([call.status, app.getServiceStatus('db').state]).toEqual(['rejected', 'waiting'])
    gate.resolve()
    await clock.settle()
  })

  it('R20 a start by name of one that backs off tells no attempt', async () => {
    const { app, clock, log } = world({ services: [service('db', { start: { fails: 1 } })] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    log.clear()
    await app.startService('db')
    expect(log.lines().filter((line) => line.startsWith('db:'))).toEqual([
      'db: retrying → starting START_FAILED: db start failed',
      'db: starting → running',
    ])
  })

  it('R32 a hook that was abandoned in an earlier registration holds it up until it settles', async () => {
    const gate = deferred()
    const db = service('db', { stopTimeout: 10, stop: ({ epoch }) => (epoch === 1 ? gate.promise : undefined) })
    const { app, clock } = world({ services: [db] })
    await app.start()
    settled(app.unregister('db'))
    await clock.advance(10)
    await app.register(db)
    await clock.advance(10)
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'waiting', blockedBy: [{ name: 'db', kind: 'hook' }] })
    gate.resolve()
    await clock.settle()
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'running' })
  })
})

describe('telling', () => {
  it('R2 an unclean end of a start that was asked to end is warned of and logged, and spoils no older error', async () => {
    const warned: string[] = []
    const note = (message: string): void => void warned.push(message)
    const logger = { debug: () => {}, info: () => {}, warn: note, error: () => {} }
    const hang = deferred()
    const db = service('db', {
      start: ({ epoch }) => {
        if (epoch === 1) throw new Error('first')
        return epoch === 2 ? hang.promise : undefined
      },
      stop: ({ epoch }) => {
        if (epoch === 2) throw new Error('unclean')
      },
    })
    const { app, clock, log } = world({ services: [db], logger })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(1_000)
    const before = app.getServiceStatus('db')
    expect(before).toMatchObject({ state: 'starting', epoch: 2 })
    log.clear()
    settled(app.restartService('db'))
    hang.resolve()
    await clock.settle()
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'running', epoch: 3 })
    expect(log.lines()).toContain('warning STOP_FAILED db')
    expect(warned.filter((message) => message.includes('unclean'))).toHaveLength(1)
    expect(before.error).toMatchObject({ suppressed: [] })
  })

  it('R3 a status that an epoch says when it is over is dropped', async () => {
    const db = service('db')
    const { app, log } = world({ services: [db] })
    await app.start()
    const context = db.contexts.start[0]
    context?.status('ready', 'port 80')
    await app.stop()
    context?.status('late')
    await app.start()
    context?.status('later')
    db.contexts.start[1]?.status(7 as unknown as string, new Error('8') as unknown as string)
    await app.stop()
    expect(log.lines().filter((line) => line.startsWith('status'))).toEqual([
      'status db: ready - port 80',
      'status db: 7 - 8',
    ])
    const told = log.events.filter((event) => event.type === 'status')
    expect(told.at(-1)).toMatchObject({ text: '7', detail: '8' })
  })

  it('a status is told to a subscriber of the service alone', async () => {
    const told: unknown[] = []
    const db = service('db') as Scripted & Pick<BaseService, 'onStatusUpdate'>
    const end = db.onStatusUpdate(({ name, text, detail }) => told.push([name, text, detail]))
    const { app, clock } = world({ services: [db] })
    await app.start()
    db.contexts.start[0]?.status('ready', 'port 80')
    await clock.settle()
    end()
    db.contexts.start[0]?.status('busy')
    await clock.settle()
    expect(told).toEqual([['db', 'ready', 'port 80']])
  })

  it('R36 a foreign service that reports what is no health reports nothing', async () => {
    const ext = new Foreign('ext')
    const { app, clock, log } = world()
    await app.register(ext)
    await app.start()
    log.clear()
    ext.report('running', { health: 'splendid' as HealthStatus })
    await clock.settle()
    expect([log.lines(), app.getServiceStatus('ext').health]).toEqual([[], 'healthy'])
    ext.report('running', { health: 'degraded' })
    await clock.settle()
    expect(app.getServiceStatus('ext').health).toBe('degraded')
  })

  it('R25 a bad verdict says what the check said', async () => {
    const [throws, answers] = [new Error('no route'), false]
    for (const [what, says] of [
      [() => Promise.reject(throws), 'its check failed: no route'],
      [() => answers, 'its check found it unhealthy'],
    ] as const) {
      const db = service('db', { ...never, check: what, healthCheck: { failureThreshold: 1 } })
      const { app, clock } = world({ services: [db] })
      settled(app.start({ onFailure: 'keep' }))
      await clock.settle()
      expect(app.getServiceStatus('db').error).toMatchObject({
        code: 'UNHEALTHY',
        message: expect.stringContaining(says),
      })
    }
  })

  it('R29 one that was healthy once fails no start by a later bad verdict', async () => {
    const [clock, bad] = [new VirtualClock(), { now: false }]
    const healthCheck = { interval: 10, failureThreshold: 1, onUnhealthy: 'report' } as const
    const db = service('db', { check: () => !bad.now, healthCheck })
    const { app } = world({ clock, services: [db, service('slow', { start: { takes: 100 } })] })
    const start = settled(app.start())
    await clock.advance(5)
    bad.now = true
    await clock.advance(45)
    expect([start.status, app.getServiceStatus('db').health]).toEqual(['pending', 'unhealthy'])
    bad.now = false
    await clock.advance(50)
    expect(start.status).toBe('fulfilled')
  })
})

describe('run', () => {
  it('R35 ends when the last one that is wanted is stopped while it backs off', async () => {
    const job = service('job', { run: () => undefined })
    const late = service('late', { essential: false, start: { fails: true } })
    const { app, clock } = world({ services: [job, late] })
    const run = settled(app.run())
    await clock.advance(10)
    expect([run.status, app.getServiceStatus('late').state]).toEqual(['pending', 'retrying'])
    settled(app.stopService('late'))
    await clock.settle()
    expect(run.status).toBe('fulfilled')
  })

  it('R32 R35 ends when a service gives up because its abandoned hook never settles', async () => {
    const db = service('db', { startTimeout: 100, stopTimeout: 10, stop: { hangs: true, ignoresAbort: true } })
    const { app, clock } = world({ services: [db] })
    const run = settled(app.run())
    await clock.settle()
    db.crash()
    await clock.advance(1_010)
    expect(run.status).toBe('pending')
    await clock.advance(200)
    expect([run.status, run.error]).toMatchObject(['rejected', { code: 'START_TIMEOUT' }])
  })
})
