/** Findings of hostile readings of the engine, one test each: what user code may do without costing anybody else. */
import { BaseService, defineService, Orchestrator, type Service } from 'keelson'
import { describe, expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

describe('user code costs nobody else a turn', () => {
  it('R39 R44 a status text that cannot be printed harms nobody', async () => {
    const talker = defineService('talker', { start: ({ status }) => status(Object.create(null)) })
    const { app, clock } = world({ services: [talker, service('other')] })
    const start = settled(app.start())
    await clock.settle()
    expect(start.status).toBe('fulfilled')
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no dice')
      },
    ],
    ['is not a number', () => Number.NaN],
  ])('R18 a random source that %s counts as the middle', async (_, random) => {
    const { app, clock, log } = world({ random, services: [service('db', { start: { fails: 1 } })] })
    settled(app.start({ onFailure: 'retry' }))
    await clock.advance(1_000)
    expect(log.lines()).toContain('retry db #1 in 1000 (transient)')
    expect(app.getServiceStatus('db').state).toBe('running')
  })

  it('R36 R39 an updateState that rejects, or cannot be read, is reported and harms nobody', async () => {
    const rejects = Object.assign(defineService('rejects'), { updateState: () => Promise.reject(new Error('us')) })
    const hidden = Object.defineProperty(defineService('hidden'), 'updateState', {
      get() {
        throw new Error('hidden')
      },
    })
    const { app, clock, log } = world({ services: [rejects, hidden] })
    const start = settled(app.start())
    await clock.settle()
    expect(start.status).toBe('fulfilled')
    expect(log.lines()).toContain('listenerError state: us')
  })

  it('R39 a logger that rejects or throws harms nobody', async () => {
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => Promise.reject(new Error('full')),
      error: () => {
        throw new Error('full')
      },
    }
    const { app, clock } = world({ logger, services: [service('db', { stop: { fails: true } })] })
    app.on('state', () => {
      throw new Error('listener')
    })
    settled(app.start())
    await clock.settle()
    const stop = settled(app.stop())
    await clock.settle()
    expect(stop.error).toMatchObject({ code: 'STOP_INCOMPLETE' })
  })
})

describe('what an operation leaves behind', () => {
  it('R6 R34 an aborted second start() leaves the orchestrator running', async () => {
    const { app, clock } = world({ services: [service('a'), service('b', { start: { takes: 100 } })] })
    settled(app.start())
    await clock.advance(100)
    settled(app.restartService('b'))
    await clock.advance(10)
    const abort = new AbortController()
    settled(app.start({ signal: abort.signal }))
    await clock.settle()
    abort.abort(new Error('enough'))
    await clock.advance(1_000)
    await app.register(service('c'))
    await clock.settle()
    expect(['a', 'b', 'c'].map((name) => app.getServiceStatus(name).state)).toEqual(['running', 'running', 'running'])
  })

  it('R6 R8 a start that ends takes nothing up again that was stopped by hand meanwhile', async () => {
    const slow = service('slow', { start: { takes: 100 } })
    const side = service('side', { essential: false })
    const { app, clock } = world({ services: [slow, side] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(10)
    settled(app.stopService('side'))
    await clock.settle()
    const abort = new AbortController()
    const start = settled(app.startService('side', { signal: abort.signal }))
    abort.abort(new Error('no'))
    await clock.advance(200)
    expect(start.status).toBe('rejected')
    expect(app.getServiceStatus('side')).toMatchObject({ phase: 'idle' })
    expect(app.getServiceStatus('side').blockedBy).toBeUndefined()
  })

  it('R31 what only looks like a signal is refused before anything is stopped', async () => {
    const { app, clock } = world({ services: [service('a')] })
    settled(app.start())
    await clock.settle()
    const stop = settled(app.stop({ signal: { aborted: false } as AbortSignal }))
    await clock.settle()
    expect(stop.error).toMatchObject({ code: 'CONFIG_INVALID' })
    await app.register(service('b'))
    await clock.settle()
    expect(app.getServiceStatus('b').state).toBe('running')
  })

  it('R33 a second disposal resolves when the first does', async () => {
    const { app, clock } = world({ services: [service('a', { stop: { takes: 50 } })] })
    settled(app.start())
    await clock.settle()
    const both = [settled(app[Symbol.asyncDispose]()), settled(app[Symbol.asyncDispose]())]
    await clock.advance(49)
    expect(both.map(({ status }) => status)).toEqual(['pending', 'pending'])
    await clock.advance(1)
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled'])
  })

  it('R47 a service of a disposed orchestrator may go elsewhere', async () => {
    const a = service('a')
    const first = world({ services: [a] })
    await first.app[Symbol.asyncDispose]()
    const second = world({ services: [a] })
    settled(second.app.start())
    await second.clock.settle()
    expect(a.state).toBe('running')
  })

  it('R32 R43 an abandoned hook holds its service up wherever it is registered next', async () => {
    const a = service('a', { startTimeout: 100, stopTimeout: 100, start: { takes: 10_000, ignoresAbort: true } })
    const { app, clock } = world({ services: [a] })
    settled(app.startService('a'))
    await clock.advance(50)
    settled(app.unregister('a'))
    await clock.advance(200)
    const next = new Orchestrator({ clock, services: [a] })
    const start = settled(next.startService('a'))
    await clock.advance(50)
    expect(a.calls.start).toBe(1)
    expect(start.error).toMatchObject({ code: 'START_INCOMPLETE' })
    expect(next.getServiceStatus('a').blockedBy).toMatchObject([{ kind: 'hook' }])
    settled(next.stop())
    await clock.settle()
  })
})

describe('the graph', () => {
  it('R47 a foreign service whose name changes keeps the one it was registered under', async () => {
    let asked = 0
    const odd = {
      type: 'service',
      dependencies: [],
      state: 'stopped',
      health: 'unknown',
      lastError: undefined,
      start: async () => {},
      stop: async () => {},
      restart: async () => {},
      onStateChange: () => () => {},
      get name() {
        return asked++ === 0 ? 'odd' : undefined
      },
    } as unknown as Service
    const { app } = world({ services: [odd] })
    expect(app.getAllServices().map(({ name }) => name)).toEqual(['odd'])
  })

  it('R10 R36 an orchestrator nested in itself is refused, also over another one', () => {
    const { app } = world()
    const inner = new Orchestrator()
    inner.registry.register(app.asService('outer'))
    expect(() => app.registry.register(app.asService('self'))).toThrow(/cycle|itself/i)
    expect(() => app.registry.register(inner.asService('inner'))).toThrow(/itself/)
    expect(app.registry.size).toBe(0)
  })

  it('R13 the order of registration survives removals and replacements', async () => {
    const down: string[] = []
    const make = (name: string, ...dependsOn: string[]) =>
      service(name, { dependsOn, stop: () => void down.push(name), start: () => {} })
    const { app, clock } = world({
      order: 'registration',
      services: [make('s0'), make('s1', 's0'), make('s2', 's0'), make('s3'), make('s4')],
    })
    settled(app.start())
    await clock.settle()
    settled(app.unregister('s1'))
    settled(app.replace(make('s3')))
    await clock.settle()
    expect(app.graph().edges.map(({ from, to }) => `${from} ${to}`)).toEqual(['s2 s0', 's3 s2', 's4 s3'])
    down.length = 0
    settled(app.stop())
    await clock.settle()
    expect(down).toEqual(['s4', 's3', 's2', 's0'])
  })

  it('R49 a replacement of a service that waits has waits of its own', async () => {
    const { app, clock } = world({
      services: [
        service('db', { start: { hangs: true }, startTimeout: 60_000 }),
        service('api', { dependsOn: ['db'] }),
      ],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(10)
    settled(app.replace(service('api', { dependsOn: [{ name: 'db', timeout: 100, onTimeout: 'continue' }] })))
    await clock.advance(100)
    expect(app.getServiceStatus('api').state).toBe('running')
  })

  it('R21 one that waits for its permit has not settled', async () => {
    const hog = service('hog', { start: { fails: 1, takes: 10 }, restart: { initialBackoff: 10 } })
    const x = service('x', { start: { fails: 1 }, restart: { initialBackoff: 20 } })
    const { app, clock } = world({ maxConcurrentRetries: 1, services: [hog, x] })
    settled(app.start({ onFailure: 'retry' }))
    await clock.advance(25)
    expect(app.getServiceStatus('x').blockedBy).toMatchObject([{ kind: 'permit' }])
    await app.register(service('y', { dependsOn: [{ name: 'x', optional: true }] }))
    await clock.settle()
    expect(app.getServiceStatus('y').state).toBe('waiting')
  })

  it('R7 one that was about to start when its dependency went is waiting, and has not settled', async () => {
    const db = service('db', { stop: { takes: 100 } })
    const job = service('job', { dependsOn: ['db'], restart: { policy: 'never' } })
    const { app, clock } = world({ services: [db, job] })
    settled(app.start())
    await clock.settle()
    job.crash()
    await clock.settle()
    settled(app.startService('job'))
    settled(app.stopService('db'))
    await clock.settle()
    expect(app.getServiceStatus('job').state).toBe('waiting')
    await app.register(service('side', { dependsOn: [{ name: 'job', optional: true }] }))
    await clock.advance(50)
    expect(app.getServiceStatus('side').state).toBe('waiting')
    await clock.advance(50)
    expect(app.getServiceStatus('side').state).toBe('running')
  })

  it('R4 a culprit that recovers while it is rolled back is left failed with its error', async () => {
    let health: 'healthy' | 'unhealthy' = 'unhealthy'
    const options = { healthCheck: { interval: 10, failureThreshold: 1, onUnhealthy: 'report' } } as const
    class Sick extends BaseService {
      protected override onStart(): void {}
      protected override onCheck() {
        return health
      }
    }
    const sick = new Sick('sick', options)
    const leaning = service('leaning', {
      essential: false,
      dependsOn: [{ name: 'sick', condition: 'started' }],
      stop: { takes: 100 },
    })
    const { app, clock } = world({ services: [sick, leaning] })
    const start = settled(app.start())
    await clock.advance(5)
    health = 'healthy'
    await clock.advance(200)
    expect(start.error).toMatchObject({ code: 'START_INCOMPLETE' })
    expect(sick).toMatchObject({ state: 'failed', lastError: { code: 'UNHEALTHY' } })
  })
})
