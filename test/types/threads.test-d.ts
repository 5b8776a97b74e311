/** What the compiler must know of threads. Checked by `npm run typecheck`, never run; see services.test-d.ts. */
import type { HealthStatus, OperationReport, Orchestrator, Service, ServiceState } from 'keelson'
import {
  type AttachedRegistry,
  attachRegistry,
  type ServiceView,
  type SharedRegistry,
  shareRegistry,
  type ThreadHandle,
  type WaitCondition,
  workerReady,
  workerService,
} from 'keelson/threads'
import type { Equal, Expect } from './expect.js'

/** All of it in one function: what it declares is nobody's but its own. */
export async function threads(app: Orchestrator, service: Service, handle: ThreadHandle): Promise<unknown> {
  await using shared: SharedRegistry = shareRegistry(app, { name: 'default' })
  await using services = await attachRegistry()
  const store = services.get('store')
  const started = services.startService('store', { onFailure: 'retry', timeout: 5, signal: AbortSignal.abort() })
  const waited = services.waitFor('store', ({ epoch, state }) => epoch > 1 && state === 'running', { timeout: 5 })
  type Values = [
    Expect<Equal<typeof services, AttachedRegistry>>,
    Expect<Equal<typeof store, ServiceView | undefined>>,
    Expect<Equal<ServiceView['state'], ServiceState>>,
    Expect<Equal<ServiceView['health'], HealthStatus>>,
    Expect<Equal<typeof started, Promise<OperationReport>>>,
    Expect<Equal<typeof waited, Promise<ServiceView>>>,
  ]
  for await (const event of services.events({ since: 0 }))
    if (event.type === 'state') event.newState satisfies ServiceState

  // Known by its shape: whoever tests his own code makes one of his own.
  const view: ServiceView = {
    name: 'store',
    registered: true,
    state: 'running',
    health: 'healthy',
    epoch: 1,
    attempt: 0,
    since: 0,
    read: () => ({ state: 'running', health: 'healthy', epoch: 1, attempt: 0, since: 0, seq: 1 }),
    is: () => true,
    toJSON: () => ({ name: 'store', ...view.read() }),
  }
  const fake: AttachedRegistry = { ...services, get: () => view }
  const all: WaitCondition[] = ['started', 'healthy', 'completed', 'retrying', () => true]

  // @ts-expect-error it is read-only
  view.state = 'stopped'
  // @ts-expect-error no state is called so
  services.waitFor('store', 'runing')
  // @ts-expect-error a promise is no answer
  services.waitFor('store', async () => true)
  // @ts-expect-error what blocks cannot be cancelled
  services.waitForSync('store', 'running', { signal: AbortSignal.abort() })
  // @ts-expect-error no such option
  attachRegistry({ nme: 'default' })
  // @ts-expect-error a thread needs its module
  workerService('resizer', { restart: { policy: 'always' } })
  // @ts-expect-error its module does that
  workerService('resizer', { url: './resizer.js', stop: () => {} })
  // @ts-expect-error no such duty
  workerReady({ start: () => {} })

  await services.register(service)
  await attachRegistry(handle)
  const made = [
    workerService('resizer', {
      url: new URL('file:///a.js'),
      worker: { resourceLimits: { maxOldGenerationSizeMb: 64 } },
    }),
    workerService('resizer', { url: './a.js', worker: () => ({ workerData: 1 }) }),
  ]
  await workerReady({ stop: async () => {}, check: ({ signal }) => !signal.aborted })
  return [fake, all, made, shared.connect().port] as unknown as Values
}
