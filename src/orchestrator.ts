// The façade that programs use: checks what they hand in, passes it to the engine, gives out readings.
// Holds nothing of its own but the engine and the registry.

import { silent } from './base-service.js'
import { Engine } from './engine/engine.js'
import { type Clock, systemClock, systemRandom } from './engine/ports.js'
import { stayUp } from './engine/run.js'
import { KeelsonError } from './errors.js'
import type {
  DependencyGraph,
  EventMap,
  EventsOptions,
  EventType,
  Explanation,
  HealthReport,
  Observed,
  OperationReport,
  OrchestratorEvent,
  Plan,
  ServiceStatus,
  Snapshot,
} from './events.js'
import { CALL_FIELDS, checkOrchestratorOptions } from './kernel/settings.js'
import { check, FLAG, FUNCTION, invalid, oneOf, SIGNAL, show } from './kernel/validate.js'
import { NestedService } from './nested.js'
import { hold, ServiceRegistry } from './registry.js'
import type {
  CallOptions,
  HealthCheckOptions,
  LiveOptions,
  Logger,
  RestartOptions,
  Service,
  ServiceOptions,
  Unsubscribe,
} from './service.js'

/** Options of an orchestrator; checked as a whole at construction (R51). Durations in milliseconds. */
export interface OrchestratorOptions {
  /** Registered at construction; their order does not matter. */
  readonly services?: readonly Service[]
  /** A registry to hold instead of an empty one; it becomes this orchestrator's door (R47). */
  readonly registry?: ServiceRegistry
  /** Defaults for all its services. */
  readonly restart?: RestartOptions
  /** Defaults for all its services that have a check. */
  readonly healthCheck?: HealthCheckOptions
  /** How many `onStart` may be in flight. Default `Infinity`. */
  readonly maxConcurrentStarts?: number
  /** How many retries may be in flight. Default 5 (R21). */
  readonly maxConcurrentRetries?: number
  /** How many checks may be in flight. Default 64 (R27). */
  readonly maxConcurrentChecks?: number
  /** Default for all its services: 30 000. */
  readonly startTimeout?: number
  /** Default for all its services: 10 000. */
  readonly stopTimeout?: number
  /** Bound of `stop()` and of every rollback. Default 30 000 (R31). */
  readonly shutdownTimeout?: number
  /** Default for all its services: 1 000, at most half of `stopTimeout`. */
  readonly abortGrace?: number
  /** How many past events `events({ since })` can replay. Default 1 024 (R40). */
  readonly history?: number
  /** `registration` adds an optional edge from each service to the one registered before it. Default `dependencies`. */
  readonly order?: 'dependencies' | 'registration'
  /** Where unclean stops and throwing listeners are written. Default: nowhere. */
  readonly logger?: Logger
  /** Time. Default: the host's. */
  readonly clock?: Clock
  /** Randomness of jitter, 0 to 1. Default: the host's. */
  readonly random?: () => number
}

/** Options of a call that starts something. */
export interface StartOptions extends CallOptions {
  /** What a failure does. Default `rollback` for `start`, `keep` for a single service (R29). */
  readonly onFailure?: 'rollback' | 'keep' | 'retry'
}

/** What becomes of those that require a service which is to be removed; refused unless one of the two is `true`. */
export interface UnregisterOptions {
  /** They are removed, too. Default `false`. */
  readonly cascade?: boolean
  /** They stay, and wait for the name. Default `false`. */
  readonly force?: boolean
}

/** Options of a call that stops something; `timeout` takes the place of `shutdownTimeout`. */
export interface StopOptions extends CallOptions {}

const SUBJECT = 'orchestrator'
const START = { ...CALL_FIELDS, onFailure: oneOf('rollback', 'keep', 'retry') }
const EVENTS: readonly string[] = [
  'state',
  'health',
  'status',
  'retry',
  'registered',
  'unregistered',
  'operation',
  'warning',
  'listenerError',
] satisfies EventType[]

/**
 * Starts services in the order their dependencies ask for, keeps them up, tells how they are, stops them.
 *
 * *Guarantees:* the rules R1-R51 of `lifecycle.md`. Nothing happens before `start()`; no signal handler, timer or
 * listener is installed unasked, and none is left after `stop()` (R46).
 *
 * Runnable: `examples/01-five-minutes.ts`.
 */
export class Orchestrator {
  /** What is registered; its `register` and `unregister` obey R47. */
  readonly registry: ServiceRegistry
  readonly #engine: Engine
  readonly #over = new AbortController()

  /**
   * Registers the services of the options, starts nothing.
   * @throws `CONFIG_INVALID` with the path of an offending option, and whatever `register` throws.
   */
  constructor(options: OrchestratorOptions = {}) {
    checkOrchestratorOptions(SUBJECT, options)
    const { services = [], registry = new ServiceRegistry(), logger = silent, clock = systemClock } = options
    checkPort('logger', logger, ['debug', 'info', 'warn', 'error'])
    checkPort('clock', clock, ['now', 'wall', 'setTimeout', 'clearTimeout', 'defer'])
    const { restart, healthCheck, startTimeout, stopTimeout, abortGrace } = options
    const defaults = { restart, healthCheck, startTimeout, stopTimeout, abortGrace }
    this.#engine = new Engine({
      owner: this,
      clock,
      random: options.random ?? systemRandom,
      logger,
      maxConcurrentStarts: options.maxConcurrentStarts ?? Infinity,
      maxConcurrentRetries: options.maxConcurrentRetries ?? 5,
      maxConcurrentChecks: options.maxConcurrentChecks ?? 64,
      history: options.history ?? 1_024,
      defaults: Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined)),
      shutdownTimeout: options.shutdownTimeout ?? 30_000,
      chained: options.order === 'registration',
      solo: false,
    })
    if (!hold(registry, this.#engine, services)) throw invalid(SUBJECT, 'registry', registry, 'a ServiceRegistry')
    this.registry = registry
  }

  /**
   * Starts everything with `autoStart` and what it requires; resolves when every essential service is active and healthy
   * or has completed (R29).
   * @throws `START_INCOMPLETE` with `report` after the rollback; `DEPENDENCY_MISSING` with nothing started; `CANCELLED`
   * when a later stop overtook it; the reason of `signal`.
   */
  async start(options: StartOptions = {}): Promise<OperationReport> {
    check('start()', '', options, START)
    return this.#engine.start(options)
  }

  /**
   * Brings everything to rest, dependents first; settles within `timeout` (default `shutdownTimeout`) whatever the hooks
   * do (R31).
   * @throws `STOP_INCOMPLETE` listing every service that did not stop cleanly; everything is at rest then all the same.
   */
  async stop(options: StopOptions = {}): Promise<OperationReport> {
    check('stop()', '', options, CALL_FIELDS)
    return this.#engine.stop(options)
  }

  /**
   * Starts, stays until `signal`, a `stop()` by anybody, an essential service giving up or all having completed, then
   * stops. Keeps the process alive meanwhile; touches neither signals nor exit codes, see `keelson/main` (R35).
   * @throws the first cause when a start failed, a service gave up or the stop was unclean.
   */
  async run(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    check('run()', '', options, { signal: SIGNAL })
    await stayUp(this.#engine, options.signal)
  }

  /**
   * Starts one service and what it requires; ends its manual stop, `failed`, `auth_required` or backoff (R6).
   * @throws `SERVICE_NOT_FOUND`, `DEPENDENCY_MISSING`, `CLOSED` with nothing started; `START_INCOMPLETE`, the restart
   * policy going on (`onFailure: 'keep'`).
   */
  async startService(name: string, options: StartOptions = {}): Promise<OperationReport> {
    check(`startService(${show(name)})`, '', options, START)
    return this.#engine.startService(name, options)
  }

  /**
   * Stops one service, the dependents that lean on it first; it stays down until it is started by name (R6, R13).
   * @throws `SERVICE_NOT_FOUND`; `STOP_INCOMPLETE` when something did not stop cleanly.
   */
  async stopService(name: string, options: StopOptions = {}): Promise<OperationReport> {
    check(`stopService(${show(name)})`, '', options, CALL_FIELDS)
    return this.#engine.stopService(name, options)
  }

  /** Ends the epoch that a service has and starts it again; its dependents return by themselves (R14). Throws like `startService`. */
  async restartService(name: string, options: StartOptions = {}): Promise<OperationReport> {
    check(`restartService(${show(name)})`, '', options, START)
    return this.#engine.restartService(name, options)
  }

  /**
   * Registers a service, at once; in a running orchestrator it comes up by itself (R47, R48).
   * @throws `SERVICE_INVALID`, `SERVICE_DUPLICATE`, `SERVICE_IN_USE`, `DEPENDENCY_CYCLE`; nothing is registered then.
   */
  async register(service: Service): Promise<void> {
    this.#engine.add(service)
  }

  /**
   * Stops a service and removes it; with `cascade` also what requires it, deepest first; with `force` alone: what
   * requires it stops with reason `dependency`, waits for the name, and returns when it is registered again (R14, R48).
   * @throws `SERVICE_NOT_FOUND`; `SERVICE_IN_USE` with nothing touched when others require it; `STOP_INCOMPLETE` when it
   * stopped uncleanly, removed all the same.
   */
  async unregister(name: string, options: UnregisterOptions = {}): Promise<void> {
    const subject = `unregister(${show(name)})`
    check(subject, '', options, { cascade: FLAG, force: FLAG })
    const { cascade = false, force = false } = options
    if (cascade && force) throw invalid(subject, 'force', force, 'either cascade or force')
    await this.#engine.unregister(name, cascade, force)
  }

  /**
   * Puts a service in the place of the one of the same name: stops the old one, starts the new one, dependents return.
   * If that start fails the old one is put back and started again (R49).
   * @throws `SERVICE_NOT_FOUND`, `SERVICE_INVALID`, `SERVICE_IN_USE`, `DEPENDENCY_MISSING`, `DEPENDENCY_CYCLE`,
   * `CONFIG_INVALID` with nothing touched; `START_INCOMPLETE` with the old one back.
   */
  async replace(service: Service, options: CallOptions = {}): Promise<OperationReport> {
    check('replace()', '', options, CALL_FIELDS)
    return this.#engine.replace(service, options)
  }

  /**
   * Gives a service other options while it lives: its next decisions go by them. No epoch ends, and nothing under way - a
   * backoff, a delay, a wait, a timeout - is changed. What is not named is as the service declared it, `undefined` as if
   * it had declared nothing; `replace` and `unregister` end it.
   * @throws `SERVICE_NOT_FOUND`, `CONFIG_INVALID` with nothing changed.
   */
  async reconfigure(name: string, options: LiveOptions): Promise<void> {
    this.#engine.reconfigure(name, options)
  }

  /** How one service is now. @throws `SERVICE_NOT_FOUND` */
  getServiceStatus(name: string): ServiceStatus {
    return this.#engine.view.status(name)
  }

  /** How all services are now, in registration order. */
  getAllServices(): ServiceStatus[] {
    return this.#engine.view.all()
  }

  /** The worst of all that is desired up, and who is to blame for it, root cause first (R28). */
  health(): HealthReport {
    return this.#engine.view.health()
  }

  /** Why a service is not up: the chain to the root cause, as data and as a sentence (R42). @throws `SERVICE_NOT_FOUND` */
  explain(name: string): Explanation {
    return this.#engine.view.explain(name)
  }

  /** The dependency graph; prints itself for Mermaid and Graphviz. */
  graph(): DependencyGraph {
    return this.#engine.view.graph()
  }

  /** A consistent cut with its place in the order of events (R41). */
  snapshot(): Snapshot {
    return this.#engine.view.snapshot()
  }

  /** What `start` or `stop` - of all, or of one service - would do now; does nothing. @throws `SERVICE_NOT_FOUND` */
  plan(operation: 'start' | 'stop', name?: string): Plan {
    if (operation !== 'start' && operation !== 'stop')
      throw invalid('plan()', 'operation', operation, "'start' or 'stop'")
    return this.#engine.view.plan(operation, name)
  }

  /** Calls `listener` for each event of a kind, after the turn that made it, in order (R37-R39). */
  on<Type extends EventType>(type: Type, listener: (event: EventMap[Type]) => void): Unsubscribe {
    if (!EVENTS.includes(type)) throw invalid('on()', 'type', type, EVENTS.join(', '))
    if (!FUNCTION.takes(listener)) throw invalid('on()', 'listener', listener, FUNCTION.says)
    return this.#engine.on(type, listener)
  }

  /** Like `on`, for the next event of that kind only. */
  once<Type extends EventType>(type: Type, listener: (event: EventMap[Type]) => void): Unsubscribe {
    if (!FUNCTION.takes(listener)) throw invalid('once()', 'listener', listener, FUNCTION.says)
    const end = this.on(type, (event) => {
      end()
      return listener(event)
    })
    return end
  }

  /**
   * All events from now on, or from `since`, as an async iterator with a bounded buffer; a slow reader loses its own
   * oldest events and is told by a `gap` (R40).
   */
  events(options: EventsOptions = {}): AsyncIterableIterator<OrchestratorEvent> {
    return this.#engine.events(options)
  }

  /**
   * Calls `listener` with what has changed when a turn has decided, before its hooks are entered and its events delivered,
   * and with what was registered or removed before that call returns: for copies that must not be behind what a hook sees. Several changes of one service between two calls may be one; the
   * last is what it is. Costs less than events; what it throws is told as a listener's (R39).
   */
  mirror(listener: (changed: readonly Observed[]) => void): Unsubscribe {
    if (!FUNCTION.takes(listener)) throw invalid('mirror()', 'listener', listener, FUNCTION.says)
    return this.#engine.reconciler.writer.mirror(listener)
  }

  /**
   * This orchestrator as a service of another one: its life is that of `run`, its roll-up its health (R36). Defaults:
   * `startTimeout` `Infinity`, `stopTimeout` its `shutdownTimeout`, `healthCheck.onUnhealthy` `report`.
   */
  asService(name: string, options: ServiceOptions = {}): Service {
    return new NestedService(name, this.#engine, options)
  }

  /** Aborted when it has been disposed of and everything is at rest. */
  get signal(): AbortSignal {
    return this.#over.signal
  }

  /** Stops, and refuses everything but reading from then on (`CLOSED`). */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#engine.close()
    } finally {
      this.#over.abort()
    }
  }
}

function checkPort(path: string, port: object, methods: readonly string[]): void {
  for (const method of methods) {
    const value = (port as Record<string, unknown>)[method]
    if (typeof value !== 'function')
      throw new KeelsonError('CONFIG_INVALID', `${SUBJECT}: ${path}.${method} is ${show(value)}; pass a function`)
  }
}
