// The class to extend: a service whose life is driven by an engine - its own while it is alone, its orchestrator's once
// it is registered. One path: `start`, `stop` and `restart` of a registered service go through its orchestrator (R47).
// The hooks are protected; nobody but the engine calls them.

import { CORE, type HookTable, type Keeper, ServiceCore } from './engine/core.js'
import { Engine } from './engine/engine.js'
import { systemClock, systemRandom } from './engine/ports.js'
import { Subscribers } from './engine/subscribers.js'
import { KeelsonError } from './errors.js'
import { edges } from './kernel/edge.js'
import { CALL_FIELDS, checkServiceOptions, refuseIdle } from './kernel/settings.js'
import { check, FUNCTION, type Kind, show, TEXT } from './kernel/validate.js'
import type {
  CallOptions,
  CheckContext,
  CheckResult,
  Dependency,
  HealthStatus,
  Logger,
  RunContext,
  Service,
  ServiceOptions,
  ServiceState,
  StartContext,
  StateChange,
  StatusUpdate,
  StopContext,
  Unsubscribe,
} from './service.js'

/** Silence: a library does not write to anybody's console unasked. */
export const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Which hooks a service has beside `onStart` and `onStop`. */
interface Has {
  readonly runs: boolean
  readonly checks: boolean
}

/** What `BaseService` and `defineService` share: a service of keelson, whatever its hooks are. */
export abstract class ManagedService implements Service {
  readonly #core: ServiceCore

  protected constructor(
    name: string,
    options: ServiceOptions,
    table: HookTable,
    has: Has,
    fields?: Readonly<Record<string, Kind>>,
  ) {
    if (!TEXT.takes(name))
      throw new KeelsonError(
        'SERVICE_INVALID',
        `a service - its name is ${show(name)}; give it a string that is not empty`,
      )
    const subject = `service ${show(name)}`
    checkServiceOptions(subject, options, fields)
    refuseIdle(subject, options, has.checks)
    const { runs, checks } = has
    this.#core = new ServiceCore(this, name, table, { options, edges: edges(subject, options.dependsOn), runs, checks })
  }

  static {
    // By this an orchestrator, of whichever copy of the module, knows the service for one of keelson's.
    Object.defineProperty(ManagedService.prototype, CORE, {
      get(this: ManagedService): ServiceCore {
        return this.#core
      },
    })
  }

  /** The name it is registered under. */
  get name(): string {
    return this.#core.name
  }

  /** Its free-form kind. */
  get type(): string {
    return this.#core.type
  }

  /** What it depends on, every field filled in. */
  get dependencies(): readonly Dependency[] {
    return this.#core.edges
  }

  /** Where it is now. */
  get state(): ServiceState {
    return this.#core.told.state
  }

  /** How it is now; `unknown` while not active. */
  get health(): HealthStatus {
    return this.#core.told.health
  }

  /** Why it is not up, or was not; cleared on becoming active (R4). */
  get lastError(): unknown {
    return this.#core.told.lastError
  }

  /** The number of its present or last life, 0 before the first. */
  get epoch(): number {
    return this.#core.told.epoch
  }

  /**
   * Starts the service and what it requires; resolves when it is active and healthy.
   *
   * *Guarantees:* a service that is up keeps its epoch (R29); aborting undoes what this call alone wants (R34).
   * @throws `START_INCOMPLETE` when the start failed - the restart policy goes on trying -, `DEPENDENCY_MISSING` with
   * nothing started, `CLOSED` while its orchestrator stops.
   */
  async start(options: CallOptions = {}): Promise<void> {
    check(`service '${this.name}'.start()`, '', options, CALL_FIELDS)
    await keeperOf(this, this.#core).startService(this.name, options)
  }

  /**
   * Stops the service, its dependents first; resolves when it is at rest (R13, R31).
   * @throws `STOP_INCOMPLETE` when it came to rest uncleanly; the error names the culprits.
   */
  async stop(options: CallOptions = {}): Promise<void> {
    check(`service '${this.name}'.stop()`, '', options, CALL_FIELDS)
    await keeperOf(this, this.#core).stopService(this.name, options)
  }

  /** Stops and starts again: a new epoch (R6). Throws like `start`. */
  async restart(options: CallOptions = {}): Promise<void> {
    check(`service '${this.name}'.restart()`, '', options, CALL_FIELDS)
    await keeperOf(this, this.#core).restartService(this.name, options)
  }

  /** Subscribes to its changes of state, from now on; a listener that throws disturbs nobody (R39). */
  onStateChange(listener: (change: StateChange) => void): Unsubscribe {
    if (!FUNCTION.takes(listener))
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${this.name}': onStateChange takes a function, not ${show(listener)}`,
      )
    this.#core.changes ??= new Subscribers()
    return this.#core.changes.add(listener, this.#core.keeper?.seq ?? 0)
  }

  /** Subscribes to what it says through `status()` of its contexts, from now on. */
  onStatusUpdate(listener: (update: StatusUpdate) => void): Unsubscribe {
    if (!FUNCTION.takes(listener))
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${this.name}': onStatusUpdate takes a function, not ${show(listener)}`,
      )
    this.#core.statuses ??= new Subscribers()
    return this.#core.statuses.add(listener, this.#core.keeper?.seq ?? 0)
  }
}

/** Its orchestrator, or an engine of its own that behaves as if it were the only service of one (R47). */
function keeperOf(service: Service, core: ServiceCore): Keeper {
  if (core.keeper !== undefined) return core.keeper
  const alone = new Engine({
    owner: service,
    clock: systemClock,
    random: systemRandom,
    logger: silent,
    maxConcurrentStarts: Infinity,
    maxConcurrentRetries: 5,
    maxConcurrentChecks: 64,
    history: 0,
    defaults: {},
    shutdownTimeout: 30_000,
    chained: false,
    solo: true,
  })
  alone.add(service)
  return alone
}

/**
 * A service of your own: extend it and fill in the hooks that you need.
 *
 * *Guarantees:* per epoch `onStart` is entered once, and `onStop` exactly once for every entered `onStart` (R2); at most
 * one epoch is live (R3); no hook overlaps another of the same service, except a check (R43).
 *
 * Runnable: `examples/02-a-service-of-your-own.ts`.
 */
export abstract class BaseService extends ManagedService {
  /**
   * Declares the service. Options are checked as a whole, here.
   * @throws `SERVICE_INVALID` for a bad name, `CONFIG_INVALID` with the path of an offending option (R51).
   */
  constructor(name: string, options: ServiceOptions = {}) {
    const { prototype } = new.target
    super(name, options, BaseService.#hooks, {
      runs: typeof prototype.onRun === 'function',
      checks: typeof prototype.onCheck === 'function',
    })
  }

  /** Brings it up; the service is active once this has resolved. Bounded by `startTimeout` (R32). */
  protected onStart(_context: StartContext): void | Promise<void> {}

  /** Its own loop, entered once `onStart` has resolved: resolving means *ended of itself*, rejecting *crashed*. */
  protected onRun?(context: RunContext): void | Promise<void>

  /** Brings it down, once `onStart` and `onRun` have settled or were abandoned. Bounded by `stopTimeout` (R32). */
  protected onStop(_context: StopContext): void | Promise<void> {}

  /** Says how it is, while it is active (R24). */
  protected onCheck?(context: CheckContext): CheckResult | Promise<CheckResult>

  /** What `getServiceStatus(name).data` shows of it; plain, JSON-safe values. */
  getServiceData(): Record<string, unknown> {
    return {}
  }

  static readonly #hooks: HookTable = {
    start: (service, context) => (service as BaseService).onStart(context),
    run: (service, context) => (service as BaseService).onRun?.(context),
    stop: (service, context) => (service as BaseService).onStop(context),
    check: (service, context) => (service as BaseService).onCheck?.(context),
    data: (service) => (service as BaseService).getServiceData(),
  }
}
