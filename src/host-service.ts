// The door for whoever runs the hooks of a service elsewhere than its orchestrator lives - in another thread, say.
// Hands out the hooks, and takes over what the service tells and where its own calls go. Decides nothing, times nothing.

import type { Keeper, ServiceCore } from './engine/core.js'
import { coreOf } from './engine/foreign.js'
import type { Delivery } from './engine/subscribers.js'
import { KeelsonError } from './errors.js'
import { PHASE } from './kernel/state.js'
import type {
  CallOptions,
  CheckContext,
  Dependency,
  Service,
  ServiceOptions,
  StartContext,
  StateChange,
  StateUpdater,
  StatusUpdate,
  StopContext,
} from './service.js'

/** Who drives a hosted service: its own `start`, `stop` and `restart` go there. */
export interface ServiceHost {
  /** Called by the service's `start`. */
  startService(name: string, options?: CallOptions): Promise<unknown>
  /** Called by the service's `stop`. */
  stopService(name: string, options?: CallOptions): Promise<unknown>
  /** Called by the service's `restart`. */
  restartService(name: string, options?: CallOptions): Promise<unknown>
  /** What the service tells of itself; read anew whenever it is asked. */
  readonly told: Pick<Service, 'state' | 'health' | 'lastError'> & { readonly epoch: number }
}

/** The inside of a service, for its host: what it declares, its hooks, and how it is told what became of it. */
export interface HostedService {
  /** The name it was declared with. */
  readonly name: string
  /** What it declares, as it was given. */
  readonly options: ServiceOptions
  /** What it depends on, every field filled in. */
  readonly dependencies: readonly Dependency[]
  /** Whether it has an `onRun`, and may end of itself. */
  readonly runs: boolean
  /** Whether it has an `onCheck`. */
  readonly checks: boolean
  /** Calls `onStart`; throws and returns what the hook does, and bounds nothing. */
  start(context: StartContext): unknown
  /** Calls `onRun`. */
  run(context: StartContext): unknown
  /** Calls `onStop`. */
  stop(context: StopContext): unknown
  /** Calls `onCheck`. */
  check(context: CheckContext): unknown
  /** What `getServiceData` gives. */
  data(): unknown
  /** Tells those who listen to its state (R38, R39). */
  tell(change: StateChange): void
  /** Tells those who listen to its status. */
  say(update: StatusUpdate): void
  /** Lets go: it can be registered or hosted again, and what it told last stays readable. */
  release(): void
}

const UNHEARD: Delivery = { place: Infinity, threw: () => {} }

/**
 * Takes a service over, as an orchestrator does with what is registered: until `release()` nobody else can, and its own
 * `start`, `stop` and `restart` go to `host`.
 *
 * The host keeps the order of an epoch: `start`, then `run`, then `stop` once, then what was owned (R2, R43).
 * @throws `SERVICE_INVALID` for what is no service; `SERVICE_IN_USE` for one that is registered, hosted or not at rest.
 */
export function hostService(service: Service, host: ServiceHost): HostedService {
  const core = coreOf(service)
  const { name, table, keeper } = core
  if ((keeper !== undefined && !keeper.solo && !keeper.closed) || PHASE[service.state] !== 'idle')
    throw new KeelsonError(
      'SERVICE_IN_USE',
      `service '${name}' - is ${service.state} and may be registered elsewhere; host one that is at rest and registered nowhere`,
    )
  const mine: Keeper = {
    startService: (...call) => host.startService(...call),
    stopService: (...call) => host.stopService(...call),
    restartService: (...call) => host.restartService(...call),
    seq: 0,
    solo: false,
    closed: false,
  }
  core.keeper = mine
  core.told = host.told
  return {
    name,
    options: core.options,
    dependencies: core.edges,
    runs: core.runs,
    checks: core.checks,
    start: (context) => table.start(service, context),
    run: (context) => table.run(service, context),
    stop: (context) => table.stop(service, context),
    check: (context) => table.check(service, context),
    data: () => table.data(service),
    tell: (change) => tell(core, service, change),
    say: (update) => core.statuses?.emit(update, UNHEARD),
    release: () => {
      if (core.keeper === mine) core.release() // it may live elsewhere by now
    },
  }
}

function tell(core: ServiceCore, service: Service & Partial<StateUpdater>, change: StateChange): void {
  core.changes?.emit(change, UNHEARD)
  try {
    service.updateState?.(change.newState, change.health, change.error)
  } catch {} // its own trouble (R39)
}
