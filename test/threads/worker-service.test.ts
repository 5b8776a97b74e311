/** A worker thread as a service: spawned, waited for, watched, restarted by policy. */
import { type KeelsonError, Orchestrator } from 'keelson'
import { workerService } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { settled } from '../support/promises.js'
import { reaches, type There, until } from '../support/threads-far.js'
import { stage } from '../support/threads-worker.js'

const ready = ({ threads, tell }: There): Promise<void> => threads.workerReady({ stop: () => tell('stops') })

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
        // Bit by bit: a loop without end in a message's handler takes the whole process with it on Node 24.
        const hoard: unknown[] = []
        setInterval(() => {
          for (let i = 0; i < 100; i++) hoard.push(new Array(1_000).fill(hoard.length))
        }, 0)
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
