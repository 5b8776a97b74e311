/** Strange things that hooks, duties and listeners throw and give in one thread: told as they are, or in words, in the other. */
import { defineService, type KeelsonError, Orchestrator } from 'keelson'
import { workerService } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { Air, after, farThread, farUrl, reaches, shared } from '../support/threads-far.js'

const STRANGE: readonly (readonly [what: string, make: () => unknown, told: unknown])[] = [
  ['a function', () => function why() {}, 'Error: a function why'],
  ['a symbol', () => Symbol('why'), 'Error: Symbol(why)'],
  ['a promise', () => Promise.resolve(1), 'Error: [object Promise]'],
  ['an object with a function', () => ({ act() {} }), 'Error: [object Object]'],
  [
    'an object that throws when it is read',
    () => ({
      get field() {
        throw new Error('no')
      },
    }),
    'Error: [object Object]',
  ],
  [
    'a proxy that is revoked',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    },
    'Error: something that throws when it is read',
  ],
  ['a port', () => new MessageChannel().port1, 'Error: [object EventTarget]'],
  [
    'an error whose message throws',
    () =>
      Object.defineProperty(new Error(), 'message', {
        get: () => {
          throw new Error('no')
        },
      }),
    'Error: something that throws when it is read',
  ],
  ['nothing', () => undefined, 'undefined'],
  ['a big integer', () => 12n, '12'],
]

describe('R50 what cannot cross to another thread is told in words', () => {
  it.each(STRANGE)('R2 R4 %s, thrown by onStart, is a failed start; its thread goes on', async (_, make, told) => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, keelson }, source) => {
      const start = (): void => {
        throw new Function(`return (${source})()`)()
      }
      await services.register(keelson.defineService('odd', { start, restart: { policy: 'never' } }))
      await services.startService('odd').catch(() => {})
    }, `${make}`)
    const { state, error } = app.getServiceStatus('odd')
    expect([state, (error as KeelsonError).code, `${(error as KeelsonError).cause}`]).toEqual([
      'failed',
      'START_FAILED',
      told,
    ])
  })

  it.each(STRANGE)('R32 %s, given to ctx.fail(), ends the epoch', async (_, make, told) => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept }, source) => {
      await services.register(puppet('odd', { restart: { policy: 'never' } }))
      await services.startService('odd')
      kept.odd.context.fail(new Function(`return (${source})()`)())
    }, `${make}`)
    await reaches(app, 'odd', 'failed')
    expect(`${(app.getServiceStatus('odd').error as KeelsonError).cause}`).toBe(told)
  })

  it('R25 thrown by the check of a worker service it is one failure, and the thread goes on', async () => {
    const air = new Air()
    const app = new Orchestrator()
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const act = ({ threads }: { threads: typeof import('keelson/threads') }): Promise<void> =>
      threads.workerReady({
        check: () => {
          throw () => {}
        },
      })
    await app.register(
      workerService('resizer', {
        url: farUrl(),
        worker: { workerData: air.does(act) },
        healthCheck: { failureThreshold: 1, onUnhealthy: 'report' },
      }),
    )
    await app.startService('resizer').catch(() => {})
    expect(app.getServiceStatus('resizer')).toMatchObject({ state: 'running', health: 'unhealthy', epoch: 1 })
  })

  it('R39 thrown by a listener of the application it ends no iteration of its events elsewhere', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    await far.run(async ({ services, kept }) => {
      const events = services.events()
      kept.done = (async () => {
        const seen: string[] = []
        for await (const event of events) {
          if (event.type === 'listenerError') seen.push(`${event.error}`)
          if (seen.length === 2) return seen
        }
        return seen
      })()
      await services.health()
    })
    const off = app.on('state', ({ newState }) => {
      throw newState === 'running' ? Symbol('why') : () => {}
    })
    await app.start()
    off()
    expect(await far.run(({ kept }) => kept.done)).toEqual([
      expect.stringContaining('Error: a function'),
      'Error: Symbol(why)',
    ])
  })

  it('R50 errors that hold one another are told as far as a thousand of them go', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, keelson }) => {
      const error = new AggregateError([], 'round')
      Object.assign(error, { errors: [error, error, error], cause: error })
      const start = (): void => {
        throw error
      }
      await services.register(keelson.defineService('odd', { start, restart: { policy: 'never' } }))
      await services.startService('odd').catch(() => {})
    })
    const { cause } = app.getServiceStatus('odd').error as { cause: AggregateError }
    expect([cause.message, cause.errors.length, `${cause.errors[2]}`]).toEqual([
      'round',
      3,
      'Error: AggregateError: round',
    ])
  })
})
