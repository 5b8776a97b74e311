// Objects that merely have the shape of a service (R36): their `start` and `stop` are hooks, what they report is heard.
// Turns each into a core, once; from there on the engine knows no difference.

import { KeelsonError } from '../errors.js'
import { edges } from '../kernel/edge.js'
import { PHASE } from '../kernel/state.js'
import { OBJECT, show, TEXT } from '../kernel/validate.js'
import type {
  Dependency,
  HealthChecker,
  Service,
  ServiceDataProvider,
  StartContext,
  StatusReporter,
} from '../service.js'
import { CORE, type HookTable, ServiceCore } from './core.js'
import type { Reports } from './epoch.js'

const known = new WeakMap<Service, ServiceCore>()

/** The core of anything that has the shape of a service; `SERVICE_INVALID` names what it lacks (R47). */
export function coreOf(candidate: unknown): ServiceCore {
  if (!OBJECT.takes(candidate))
    throw new KeelsonError(
      'SERVICE_INVALID',
      `a service - ${show(candidate)} is no object; pass an instance of BaseService or of the Service shape`,
    )
  const service = candidate as Service & { [CORE]?: ServiceCore }
  const core = service[CORE] ?? known.get(service)
  if (core !== undefined) return core
  const { name, state } = service
  if (!TEXT.takes(name))
    throw new KeelsonError(
      'SERVICE_INVALID',
      `a service - its name is ${show(name)}; give it a string that is not empty`,
    )
  for (const method of ['start', 'stop', 'onStateChange'] as const) {
    if (typeof service[method] !== 'function')
      throw new KeelsonError(
        'SERVICE_INVALID',
        `service ${show(name)} - ${method} is ${show(service[method])}; a service has start, stop and onStateChange`,
      )
  }
  if (!Object.hasOwn(PHASE, String(state)))
    throw new KeelsonError(
      'SERVICE_INVALID',
      `service ${show(name)} - its state is ${show(state)}; report one of ${Object.keys(PHASE).join(', ')}`,
    )
  const { type = 'service', dependencies } = service
  if (!TEXT.takes(type))
    throw new KeelsonError(
      'SERVICE_INVALID',
      `service ${show(name)} - its type is ${show(type)}; give it a string that is not empty`,
    )
  const made = adapt(service, name, type, dependencies)
  known.set(service, made)
  return made
}

function adapt(service: Service, name: string, type: string, dependencies: readonly Dependency[]): ServiceCore {
  const { checkHealth } = service as Partial<HealthChecker>
  return new ServiceCore(service, name, new ForeignHooks(), {
    options: { type },
    edges: edges(`service ${show(name)}`, dependencies),
    runs: true,
    checks: typeof checkHealth === 'function',
  })
}

/** The hooks of one foreign service; what it reports in an epoch ends that epoch, or is a check's result. */
class ForeignHooks implements HookTable {
  #ended: Promise<void> = Promise.resolve()

  async start(service: Service, context: StartContext & Partial<Reports>): Promise<void> {
    this.#ended = new Promise((end) => {
      const off: unknown = service.onStateChange(({ newState, health, error }) => {
        if (newState === 'failed') context.fail(error)
        else if (newState === 'stopped' || newState === 'disconnected') end()
        else context.report?.(health)
      })
      if (typeof off === 'function') context.own(() => off())
      context.signal.addEventListener('abort', () => end(), { once: true })
    })
    const { onStatusUpdate } = service as Partial<StatusReporter>
    if (typeof onStatusUpdate === 'function')
      context.own(
        onStatusUpdate.call(service, ({ text, detail }) =>
          detail === undefined ? context.status(text) : context.status(text, detail),
        ),
      )
    await service.start({ signal: context.signal })
  }

  run(): Promise<void> {
    return this.#ended
  }

  stop(service: Service, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    return service.stop({ signal })
  }

  check(service: Service, context: Parameters<HealthChecker['checkHealth']>[0]): unknown {
    return (service as Service & HealthChecker).checkHealth(context)
  }

  data(service: Service): unknown {
    return (service as Partial<ServiceDataProvider>).getServiceData?.()
  }
}
