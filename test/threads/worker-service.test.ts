/** A worker thread as a service: spawned, waited for, watched, stopped by message and by force, restarted by policy. */
import { defineService, type KeelsonError, Orchestrator, type OrchestratorOptions } from 'keelson'
import { recordEvents, VirtualClock } from 'keelson/testing'
import { shareRegistry, type WorkerServiceOptions, workerReady, workerService } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { settled } from '../support/promises.js'
import { Air, after, farThread, farUrl, reaches, type There, until } from '../support/threads-far.js'

type Options = Omit<WorkerServiceOptions, 'url'>

/** An application with one worker service that does `act`. */
function stage(act: (there: There, url: string) => unknown, options: Options = {}, more: OrchestratorOptions = {}) {
  const air = new Air()
  const clock = new VirtualClock()
  const app = new Orchestrator({ clock, random: () => 0.5, ...more })
  const { worker, ...rest } = options
  const made = workerService('resizer', {
    url: farUrl(),
    restart: { policy: 'never' },
    ...rest,
    worker: { ...worker, workerData: air.does(act, undefined, farUrl().href) },
  })
  const log = recordEvents(app, { types: ['state'] })
  after(async () => {
    const stop = settled(app.stop())
    while (stop.status === 'pending')
      await clock.advance(1_000).then(() => new Promise((resolve) => setImmediate(resolve)))
  })
  const errorOf = (): KeelsonError => app.getServiceStatus('resizer').error as KeelsonError
  const causeOf = (): unknown => errorOf()?.cause
  const threadOf = (): unknown => app.getServiceStatus('resizer').data?.threadId
  return { air, clock, app, service: made, log, errorOf, causeOf, threadOf, registered: app.register(made) }
}

/** One that shares its application, whose threads register `thumbs` there. */
function sharing(options: Options = {}, more: OrchestratorOptions = {}) {
  const air = new Air()
  const app = new Orchestrator(more)
  shareRegistry(app)
  after(() => app[Symbol.asyncDispose]().catch(() => {}))
  const act = async ({ services, threads, puppet, tell }: There): Promise<void> => {
    await services.register(puppet('thumbs', { dependsOn: ['store'], owns: ['memory'] }))
    await threads.workerReady({ stop: () => tell('duties done') })
  }
  const resizer = workerService('resizer', {
    url: farUrl(),
    dependsOn: ['store'],
    restart: { initialBackoff: 1 },
    ...options,
    worker: { workerData: air.does(act, {}) },
  })
  return { air, app, resizer }
}

const ready = ({ threads, tell }: There): Promise<void> => threads.workerReady({ stop: () => tell('stops') })
const states = (app: Orchestrator): string[] => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R2 R32 the start of a worker service', () => {
  it('R2 is over when the thread says that it is ready; each life has a thread of its own, and none is left', async () => {
    const { app, air, threadOf, registered } = stage(async ({ threads, tell }) => {
      tell('made')
      await threads.workerReady({ stop: () => tell('stops') })
      tell('ready')
    })
    await registered
    await app.startService('resizer')
    const first = threadOf()
    expect(first).toEqual(expect.any(Number))
    await air.hears('ready')
    await app.restartService('resizer')
    expect(threadOf()).not.toBe(first)
    await air.hears('ready', 2)
    await app.stop()
    await air.hears('stops', 2)
    expect(air.heard).toEqual(['made', 'ready', 'stops', 'made', 'ready', 'stops'])
    expect(process.listenerCount('workerMessage')).toBe(0)
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R32 a thread that is never ready is ended when startTimeout is over', async () => {
    const { app, air, clock, errorOf, registered } = stage(
      ({ tell }) => {
        setInterval(() => {}, 1_000)
        tell('idles')
      },
      { startTimeout: 500 },
    )
    await registered
    const start = settled(app.startService('resizer'))
    await air.hears('idles')
    await clock.advance(500)
    await reaches(app, 'resizer', 'failed')
    expect(errorOf().code).toBe('START_TIMEOUT')
    expect(start.error?.code).toBe('START_INCOMPLETE')
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it.each([
    [
      'throws',
      () => {
        throw new RangeError('too early')
      },
      /RangeError: too early/,
    ],
    ['exits with 0', () => process.exit(0), /exited with code 0/],
    ['exits with 4', () => process.exit(4), /exited with code 4/],
    ['has nothing to do', () => {}, /exited with code 0/],
    [
      'has an unhandled rejection',
      () => new Promise((_, reject) => reject(new TypeError('nobody cares'))),
      /TypeError: nobody cares/,
    ],
  ])('R4 R20 one that %s before it is ready has failed, with what it threw as the cause', async (_, act, cause) => {
    const { app, errorOf, causeOf, registered } = stage(act as () => void)
    await registered
    expect(await codeOf(() => app.startService('resizer'))).toBe('START_INCOMPLETE')
    await reaches(app, 'resizer', 'failed')
    expect(errorOf().code).toBe('START_FAILED')
    expect(`${causeOf()}`).toMatch(cause)
  })

  it('R4 a module that is not there, or is no module, has failed', async () => {
    for (const url of [
      new URL('file:///nowhere/at/all.mjs'),
      new URL('data:text/javascript,this is none'),
      'not absolute',
    ]) {
      const app = new Orchestrator({ services: [workerService('resizer', { url, restart: { policy: 'never' } })] })
      expect(await codeOf(() => app.startService('resizer'))).toBe('START_INCOMPLETE')
      expect((app.getServiceStatus('resizer').error as KeelsonError).code).toBe('START_FAILED')
      await app.stop()
    }
  })

  it('R34 a start that is aborted ends the thread', async () => {
    const { app, air, registered } = stage(({ tell }) => {
      setInterval(() => {}, 1_000)
      tell('idles')
    })
    await registered
    const abort = new AbortController()
    const start = app.startService('resizer', { signal: abort.signal }).catch((error: unknown) => error)
    await air.hears('idles')
    abort.abort('enough')
    expect([await start, app.getServiceStatus('resizer').stopReason]).toEqual(['enough', 'cancelled'])
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })
})

describe('R17 R25 the end of a worker service', () => {
  it.each([
    ['an exit with 1', () => process.exit(1), /exited with code 1/],
    [
      'an uncaught error',
      () =>
        setImmediate(() => {
          throw new RangeError('late')
        }),
      /RangeError: late/,
    ],
    ['an unhandled rejection', () => void Promise.reject(new TypeError('nobody cares')), /TypeError: nobody cares/],
    [
      'running out of memory',
      () => {
        const hoard: unknown[] = []
        for (;;) hoard.push(new Array(1_000).fill(hoard.length))
      },
      /ERR_WORKER_OUT_OF_MEMORY/,
    ],
  ])('R17 %s is a crash, with its cause', async (_, act, cause) => {
    const { app, air, errorOf, causeOf, registered } = stage(ready, {
      worker: { resourceLimits: { maxOldGenerationSizeMb: 24 } },
    })
    await registered
    await app.startService('resizer')
    air.tell(act)
    await reaches(app, 'resizer', 'failed')
    expect(errorOf().code).toBe('CRASHED')
    expect(`${causeOf()} ${(causeOf() as { code?: string }).code}`).toMatch(cause)
  })

  it('R17 an exit with 0 is a clean end: completed, or begun again by policy always', async () => {
    const once = stage(ready)
    await once.registered
    await once.app.startService('resizer')
    once.air.tell(() => process.exit(0))
    await reaches(once.app, 'resizer', 'stopped')
    expect(once.app.getServiceStatus('resizer')).toMatchObject({ stopReason: 'completed' })
    expect(once.errorOf()).toBeUndefined()

    const always = stage(ready, { restart: { policy: 'always', initialBackoff: 10 } })
    await always.registered
    await always.app.startService('resizer')
    always.air.tell(() => process.exit(0))
    await reaches(always.app, 'resizer', 'waiting')
    await always.clock.advance(10)
    await reaches(always.app, 'resizer', 'running')
    expect(always.app.getServiceStatus('resizer').epoch).toBe(2)
  })

  it('R18 R20 a crash is retried by policy, until the retries are used up', async () => {
    const { app, air, clock, registered, log } = stage(ready, {
      restart: { maxRetries: 2, initialBackoff: 10, jitter: 0 },
    })
    await registered
    await app.startService('resizer')
    for (const ms of [10, 20]) {
      air.tell(() => process.exit(1))
      await reaches(app, 'resizer', 'retrying')
      await clock.advance(ms)
      await reaches(app, 'resizer', 'running')
    }
    air.tell(() => process.exit(1))
    await reaches(app, 'resizer', 'failed')
    expect(log.lines().at(-1)).toMatch(/stopping → failed \(exhausted\)/)
  })

  it('R24 R25 a thread whose event loop is blocked becomes unhealthy, is ended by force and begun again', async () => {
    const { app, air, clock, registered, threadOf } = stage(ready, {
      restart: { initialBackoff: 10, jitter: 0 },
      healthCheck: { interval: 100, timeout: 50, failureThreshold: 2 },
      stopTimeout: 200,
    })
    await registered
    await app.startService('resizer')
    await until(app, () => app.getServiceStatus('resizer').health === 'healthy')
    const first = threadOf()
    air.tell(({ tell }) => {
      tell('blocked')
      for (;;);
    })
    await air.hears('blocked')
    for (let i = 0; i < 60 && app.getServiceStatus('resizer').epoch < 2; i++) await clock.advance(10)
    // The thread is ended in time of its own.
    await until(app, () => ['retrying', 'starting', 'running'].includes(app.getServiceStatus('resizer').state))
    await clock.advance(10)
    await reaches(app, 'resizer', 'running')
    expect(threadOf()).not.toBe(first)
    expect(app.getServiceStatus('resizer').epoch).toBe(2)
  })

  it('R24 a check of its own is asked there: degraded, unhealthy, or an error', async () => {
    const { app, air, clock, registered } = stage(
      ({ threads, kept }) => {
        kept.health = 'degraded'
        return threads.workerReady({
          check: () => {
            if (kept.health === 'throws') throw new Error('sick')
            return kept.health
          },
        })
      },
      { healthCheck: { interval: 100, failureThreshold: 1, onUnhealthy: 'report' } },
    )
    await registered
    await app.startService('resizer')
    await until(app, () => app.getServiceStatus('resizer').health === 'degraded')
    air.tell(({ kept, tell }) => {
      kept.health = 'throws'
      tell('sick')
    })
    await air.hears('sick')
    await clock.advance(120)
    await until(app, () => app.getServiceStatus('resizer').health === 'unhealthy')
  })
})

describe('R31 the stop of a worker service', () => {
  it('R31 is a message first; a thread that does not answer is terminated when stopTimeout is over, and that is told', async () => {
    const { app, air, clock, registered } = stage(
      ({ threads, tell }) =>
        threads.workerReady({
          stop: () => {
            tell('stops')
            return new Promise(() => {})
          },
        }),
      { stopTimeout: 300 },
    )
    await registered
    await app.startService('resizer')
    const stop = codeOf(() => app.stopService('resizer'))
    await air.hears('stops')
    await clock.advance(300)
    expect(await stop).toBe('STOP_INCOMPLETE')
    expect(app.getServiceStatus('resizer').state).toBe('stopped')
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R31 one whose stop fails is ended all the same, and the error is told', async () => {
    const { app, registered } = stage(({ threads }) =>
      threads.workerReady({
        stop: () => {
          throw new RangeError('cannot flush')
        },
      }),
    )
    await registered
    await app.startService('resizer')
    const error = (await app.stop().catch((error: unknown) => error)) as KeelsonError
    expect(error.code).toBe('STOP_INCOMPLETE')
    expect(`${(error.cause as Error).cause}`).toBe('RangeError: cannot flush')
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R31 one that exits by itself when it is told to stop has stopped cleanly, unless its code says otherwise', async () => {
    const { app, registered } = stage(({ threads }) => threads.workerReady({ stop: () => process.exit(0) }))
    await registered
    await app.startService('resizer')
    await app.stopService('resizer')
    expect(app.getServiceStatus('resizer').state).toBe('stopped')
    const other = stage(({ threads }) => threads.workerReady({ stop: () => process.exit(9) }))
    await other.registered
    await other.app.startService('resizer')
    const error = (await other.app.stopService('resizer').catch((error: unknown) => error)) as KeelsonError
    expect(error.code).toBe('STOP_INCOMPLETE')
    expect(`${(error.cause as Error).cause}`).toMatch(/exited with code 9/)
  })
})

describe('R13 R14 services that live in a worker service', () => {
  it('R14 are lost when it crashes; their dependents wait, and return when it registers them again', async () => {
    const { app, air, resizer } = sharing()
    await app.register(defineService('store', {}))
    await app.register(resizer)
    await app.start()
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await reaches(app, 'api', 'running')
    air.tell(() => process.exit(1))
    await until(app, () => app.registry.get('api')?.state === 'waiting')
    await until(app, () => app.registry.get('api')?.state === 'running')
    expect(app.getServiceStatus('resizer').epoch).toBe(2)
    expect(app.getServiceStatus('api').epoch).toBe(2)
    expect(app.getServiceStatus('store').epoch).toBe(1)
    await app.stop()
  })

  it('R13 R31 a stop of all stops them in order, cleanly; a start of all brings them back', async () => {
    const { app, air, resizer } = sharing()
    await app.register(defineService('store', {}))
    await app.register(resizer)
    await app.start()
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await reaches(app, 'api', 'running')
    const log = recordEvents(app, { types: ['state', 'unregistered'] })
    await app.stop()
    const order = log
      .lines()
      .filter((line) => / → stopped/.test(line))
      .map((line) => line.split(':', 1)[0])
    expect(order.indexOf('api')).toBeLessThan(order.indexOf('thumbs'))
    expect(order.indexOf('thumbs')).toBeLessThan(order.indexOf('store'))
    expect(order.indexOf('resizer')).toBeLessThan(order.indexOf('store'))
    await air.hears('duties done')
    expect(air.heard).toEqual([
      'thumbs start 1',
      expect.stringMatching(/^thumbs stop 1 (shutdown|removed)$/),
      'thumbs disposes of memory',
      'duties done',
    ])
    expect(states(app)).toEqual(['store stopped', 'resizer stopped', 'api stopped'])
    await app.unregister('api')
    await app.start()
    await reaches(app, 'thumbs', 'running')
    await app.stop()
  })

  it('R13 R14 a stop of the worker service alone stops and removes them first; the others wait for them', async () => {
    const { app, resizer } = sharing()
    await app.register(defineService('store', {}))
    await app.register(resizer)
    await app.start()
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await reaches(app, 'api', 'running')
    await app.stopService('resizer')
    expect(states(app)).toEqual(['store running', 'resizer stopped', 'api waiting'])
    await app.startService('resizer')
    await reaches(app, 'api', 'running')
    await app.stop()
  })

  it('R13 R31 a stop before it is ready stops them, too, before the thread is ended', async () => {
    const air = new Air()
    const app = new Orchestrator()
    shareRegistry(app)
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const act = async ({ services, puppet }: There): Promise<void> => {
      await services.register(puppet('thumbs', { owns: ['memory'] }))
    }
    await app.register(workerService('resizer', { url: farUrl(), worker: { workerData: air.does(act, {}) } }))
    const start = codeOf(() => app.start())
    await reaches(app, 'thumbs', 'running')
    await app.stop()
    expect(await start).toBe('CANCELLED')
    await air.hears('thumbs disposes of memory')
    expect(states(app)).toEqual(['resizer stopped'])
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R13 they may depend on the worker service itself', async () => {
    const air = new Air()
    const app = new Orchestrator()
    shareRegistry(app)
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const act = async ({ services, threads, puppet }: There): Promise<void> => {
      await services.register(puppet('thumbs', { dependsOn: ['resizer'] }))
      await threads.workerReady()
    }
    await app.register(workerService('resizer', { url: farUrl(), worker: { workerData: air.does(act, {}) } }))
    await app.start()
    await reaches(app, 'thumbs', 'running')
    await app.restartService('resizer')
    await reaches(app, 'thumbs', 'running')
    await app.stop()
    expect(states(app)).toEqual(['resizer stopped'])
  })
})

describe('R51 bad input', () => {
  it('R51 options are checked when it is made', async () => {
    const url = farUrl()
    const make =
      (options: object): (() => unknown) =>
      () =>
        workerService('w', options as WorkerServiceOptions)
    const bad = [
      undefined,
      null,
      {},
      { url: '' },
      { url: 5 },
      { url, worker: 5 },
      { url, worker: null },
      { url, startTimeout: 0 },
      { url, nonsense: 1 },
    ]
    for (const options of bad) expect(await codeOf(make(options as object))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => workerService('', { url }))).toBe('SERVICE_INVALID')
  })

  it('R51 workerReady() is refused where no worker service is, and a second time', async () => {
    expect(await codeOf(() => workerReady())).toBe('CONFIG_INVALID')
    const far = await farThread({})
    expect(await far.run(({ threads, codeOf }) => codeOf(() => threads.workerReady()))).toBe('CONFIG_INVALID')
    const { app, air, registered } = stage(async ({ threads, codeOf, tell }) => {
      await threads.workerReady()
      tell(await codeOf(() => threads.workerReady()))
    })
    await registered
    await app.startService('resizer')
    await air.hears('CONFIG_INVALID')
  })

  it('R51 a thread that such a thread makes is no worker service', async () => {
    const { app, air, registered } = stage(async ({ threads, kept }, url) => {
      const { Worker, workerData } = process.getBuiltinModule('node:worker_threads')
      await threads.workerReady()
      const source =
        '({ threads, codeOf, tell }) => codeOf(() => threads.workerReady()).then((code) => tell(`child ${code}`))'
      kept.child = new Worker(new URL(url), { workerData: { ...workerData, source } })
    })
    await registered
    await app.startService('resizer').catch(() => {})
    await air.hears('child CONFIG_INVALID')
  })
})
