// The contract of a service: what a service is, which options it takes, what its hooks are given.
// Types and the words they are made of, no behaviour; whoever implements `Service` can be registered.
// The states and the way through them stand in kernel/state.ts; the promises in lifecycle.md.

/** The twelve states (lifecycle.md §2). `connected` and `disconnected` are `running` and `stopped` of a `remote` service. */
export type ServiceState =
  | 'unknown'
  | 'stopped'
  | 'disconnected'
  | 'failed'
  | 'waiting'
  | 'retrying'
  | 'unreachable'
  | 'auth_required'
  | 'starting'
  | 'stopping'
  | 'running'
  | 'connected'

/** What a state is worth: nothing there, nothing there but wanted, a hook in flight, or up. */
export type ServicePhase = 'idle' | 'pending' | 'moving' | 'active'

/** `unknown` while not active, `checking` until the first verdict, `degraded` serves and counts as healthy (R24). */
export type HealthStatus = 'unknown' | 'checking' | 'healthy' | 'degraded' | 'unhealthy'

/** Why a service was stopped, set before the stop begins and readable until the next start (R9). */
export type StopReason =
  | 'manual'
  | 'shutdown'
  | 'dependency'
  | 'restart'
  | 'failed'
  | 'unhealthy'
  | 'completed'
  | 'removed'
  | 'replaced'
  | 'rollback'
  | 'cancelled'

/** The class of a failure: it decides whether and how the restart policy tries again (lifecycle.md §5). */
export type FailureClass = 'transient' | 'connectivity' | 'permanent' | 'auth'

/** What must hold of a dependency before the dependent starts (lifecycle.md §4). */
export type Condition = 'started' | 'healthy' | 'completed'

/** A declared dependency; a bare name stands for `{ name }`. */
export interface Dependency {
  /** The name of the service that this one needs. */
  readonly name: string
  /** What must hold before the dependent starts. Default `healthy`. */
  readonly condition?: Condition
  /** May be absent; the start waits only until it is satisfied or has settled without being so. Default `false`. */
  readonly optional?: boolean
  /** Bound of the wait in milliseconds; `Infinity` waits for ever. Default 300 000. */
  readonly timeout?: number
  /** What the end of that wait means. Default `fail`; `continue` if optional. */
  readonly onTimeout?: 'fail' | 'warn' | 'continue'
  /** What the dependent does when the dependency leaves its active phase. Default `stop`; `keep` if optional. */
  readonly onLoss?: 'stop' | 'keep'
}

/** When and how often a service that ended comes back by itself (R17-R21). */
export interface RestartOptions {
  /** `always` also after a clean end, `never` not at all. Default `on-failure`. */
  readonly policy?: 'never' | 'on-failure' | 'always'
  /** Retries before the service is `failed`; 0 is unlimited. Default 5, 0 if `remote`. */
  readonly maxRetries?: number
  /** Delay before the first retry, in milliseconds. Default 1 000. */
  readonly initialBackoff?: number
  /** Upper bound of every delay, in milliseconds. Default 60 000. */
  readonly maxBackoff?: number
  /** Growth from one delay to the next, at least 1. Default 2. */
  readonly multiplier?: number
  /** Share of the delay by which it is randomly changed, 0 to 1. Default 0.25. */
  readonly jitter?: number
  /** Active and healthy time after which the budget is whole again, in milliseconds. Default 60 000. */
  readonly stableAfter?: number
}

/** How a service's health is checked while it is active (R24-R27). */
export interface HealthCheckOptions {
  /** Time between two checks, in milliseconds, ±10 %. Default 10 000. */
  readonly interval?: number
  /** Time after which a check counts as failed, in milliseconds. Default 5 000. */
  readonly timeout?: number
  /** Time from active to the first check, in milliseconds. Default 0. */
  readonly startGrace?: number
  /** Consecutive failures that make the service unhealthy. Default 3. */
  readonly failureThreshold?: number
  /** Consecutive successes that make it healthy. Default 1. */
  readonly successThreshold?: number
  /** `restart` ends the epoch and asks the restart policy, `report` only tells. Default `restart`. */
  readonly onUnhealthy?: 'restart' | 'report'
}

/** What a service declares about itself; checked as a whole at construction (R51). */
export interface ServiceOptions {
  /** A free-form kind for lists and displays. Default `service`. */
  readonly type?: string
  /** What must be up before this service, by name or in detail. Default none. */
  readonly dependsOn?: readonly (string | Dependency)[]
  /** When and how often the service comes back by itself. */
  readonly restart?: RestartOptions
  /** How its health is checked; needs a check. */
  readonly healthCheck?: HealthCheckOptions
  /** Pause before every start once all it waits for is there, in milliseconds. Default 0 (R16). */
  readonly startDelay?: number
  /** Bound of `onStart`, in milliseconds. Default 30 000 (R32). */
  readonly startTimeout?: number
  /** Bound of a stop from its first to its last hook, in milliseconds. Default 10 000 (R31). */
  readonly stopTimeout?: number
  /** How long an aborted `onStart` may take to settle, in milliseconds. Default 1 000, at most half of `stopTimeout` (R32). */
  readonly abortGrace?: number
  /** Whether its failed start fails `start()`. Default `true` (R29, R30). */
  readonly essential?: boolean
  /** Whether `start()` wants it without being asked. Default `true`. */
  readonly autoStart?: boolean
  /** Lives elsewhere: `connected` and `disconnected`, retries without end, `unreachable`. Default `false`. */
  readonly remote?: boolean
  /** Tells the class of what a hook threw; `undefined` leaves it to the default. */
  readonly classify?: (error: unknown) => FailureClass | undefined
}

/** The options that may change while a service lives; `undefined` is what the orchestrator sets for all, or the default. */
export type LiveOptions = {
  readonly [Option in
    | 'restart'
    | 'healthCheck'
    | 'startDelay'
    | 'startTimeout'
    | 'stopTimeout'
    | 'abortGrace'
    | 'essential']?: ServiceOptions[Option] | undefined
}

/** Any logger with these four methods: console, winston, called as `log.error(message, fields)`; pino, which takes the fields first, is given them so. */
export interface Logger {
  /** For details of no interest in production; keelson itself writes none, hooks may through `context.log`. */
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void
  /** For the normal course of things; keelson itself writes none, hooks may through `context.log`. */
  info(message: string, fields?: Readonly<Record<string, unknown>>): void
  /** For what is unclean yet goes on; keelson writes stops that were not clean (R31), with service, epoch and error. */
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  /** For mistakes of the program; keelson writes listeners that threw, with the error (R39). */
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}

/** What `own()` accepts: something disposable, or a function that disposes. */
export type Resource = Disposable | AsyncDisposable | (() => unknown)

/** What `onStart` and `onRun` are given: one object per epoch (R2, R3, R32). */
export interface StartContext {
  /** Aborted when the epoch ends, with the error or reason that ended it. */
  readonly signal: AbortSignal
  /** The number of this life of the service, from 1. */
  readonly epoch: number
  /** Hands a resource to the epoch: disposed once, last in first out, after `onStop`; at once if the epoch is over (R2, R3). */
  own<T extends Resource>(resource: T): T
  /** Publishes a `status` event: a line for people, such as *replaying journal, 40 %*. */
  status(text: string, detail?: string): void
  /** Ends the epoch as failed: `START_FAILED` before the start resolved, `CRASHED` after it (R32). */
  fail(error: unknown): void
  /** The orchestrator's logger; every record carries the service's name and epoch. */
  readonly log: Logger
  /** A declared dependency. Throws `SERVICE_NOT_FOUND` if it is not declared, or is optional and absent. */
  service<T extends Service = Service>(name: string): T
}

/** What `onRun` is given: the same object as `onStart` of its epoch. */
export type RunContext = StartContext

/** What `onStop` is given. */
export interface StopContext {
  /** Aborted when the time for the stop is over and the hook is abandoned (R32). */
  readonly signal: AbortSignal
  /** The number of the life that ends. */
  readonly epoch: number
  /** Why it ends (R9). */
  readonly reason: StopReason
  /** The orchestrator's logger; every record carries the service's name and epoch. */
  readonly log: Logger
}

/** What a check is given. */
export interface CheckContext {
  /** Aborted when the check has timed out or the epoch has ended. */
  readonly signal: AbortSignal
  /** The number of the life that is checked. */
  readonly epoch: number
}

/** What a check may answer: a health, or `true`/`undefined` for healthy and `false` for unhealthy. */
export type CheckResult = HealthStatus | boolean | undefined | void

/** Options of every call that waits (R34). */
export interface CallOptions {
  /** Ends the call: a start is undone, the waiting for a stop ends. */
  readonly signal?: AbortSignal
  /** Bound of the call in milliseconds. */
  readonly timeout?: number
}

/** Ends a subscription; also by `using`. Calling it twice is harmless. */
export interface Unsubscribe extends Disposable {
  (): void
}

/** One change of state of one service. */
export interface StateChange {
  /** The service that changed. */
  readonly name: string
  /** The state it left; the step to `newState` is one of the table of legal transitions (R1). */
  readonly oldState: ServiceState
  /** The state it entered; readable from the service before this is delivered (R38). */
  readonly newState: ServiceState
  /** Its health on entering the state: `unknown` unless active. */
  readonly health: HealthStatus
  /** Its `lastError` in the new state, a `KeelsonError`; absent if there is none (R4). */
  readonly error?: unknown
  /** Why it stopped or does not start (R9); `exhausted` if its retries are used up (R20). */
  readonly reason?: StopReason | 'exhausted'
  /** The number of its present or last life; 0 before the first. */
  readonly epoch: number
  /** When it changed, wall-clock. */
  readonly timestamp: number
}

/** One line for people about what a service is doing. */
export interface StatusUpdate {
  /** The service that speaks. */
  readonly name: string
  /** What it is doing, in a few words, as given to `status()`. */
  readonly text: string
  /** More about it, if anything more was given. */
  readonly detail?: string
  /** When it said so, wall-clock. */
  readonly timestamp: number
}

/**
 * The contract. Foreign implementations are welcome: of an object of this shape `start` and `stop` are used as its
 * hooks, and what it reports through `onStateChange` is heard (R36). `BaseService` is the implementation to extend.
 *
 * ```mermaid
 * stateDiagram-v2
 *   [*] --> idle
 *   idle --> pending
 *   idle --> starting
 *   pending --> starting
 *   pending --> idle
 *   starting --> active
 *   starting --> stopping
 *   active --> stopping
 *   stopping --> idle
 *   stopping --> pending
 *   idle: idle (unknown, stopped, disconnected, failed)
 *   pending: pending (waiting, retrying, unreachable, auth_required)
 *   active: active (running, connected)
 * ```
 */
export interface Service {
  /** Unique in an orchestrator. */
  readonly name: string
  /** A free-form kind; default `service`. */
  readonly type: string
  /** What it waits for, as declared. */
  readonly dependencies: readonly Dependency[]
  /** Where it is now. */
  readonly state: ServiceState
  /** How it is now; `unknown` while not active. */
  readonly health: HealthStatus
  /** Why it is not up, or was not (R4). */
  readonly lastError: unknown
  /** Resolves when the service is active and healthy. */
  start(options?: CallOptions): Promise<void>
  /** Resolves when the service is at rest. */
  stop(options?: CallOptions): Promise<void>
  /** Stops, then starts: a new epoch. */
  restart(options?: CallOptions): Promise<void>
  /** Subscribes to changes of state; a listener that throws disturbs nobody (R39). */
  onStateChange(listener: (change: StateChange) => void): Unsubscribe
}

/** Optional capability, found by shape: a foreign service that can be checked. */
export interface HealthChecker {
  /** Called while it is active, as `HealthCheckOptions` says; a throw, a rejection and a timeout are failures (R24). */
  checkHealth(context: CheckContext): HealthStatus | Promise<HealthStatus>
}

/** Optional capability, found by shape: what `getServiceStatus(name).data` shows. */
export interface ServiceDataProvider {
  /** Called whenever a status is read: synchronous, plain, JSON-safe; if it throws, `data` is absent. */
  getServiceData(): Record<string, unknown>
}

/** Optional capability, found by shape: is told every state that the engine enters (R36). */
export interface StateUpdater {
  /** Called after the turn, once per change of state, health or error, with the values after that change. */
  updateState(state: ServiceState, health: HealthStatus, error?: unknown): void
}

/** Optional capability, found by shape: its updates are published as `status` events. */
export interface StatusReporter {
  /** Subscribed to when an epoch begins; what it returns is called when the epoch ends. */
  onStatusUpdate(listener: (update: StatusUpdate) => void): Unsubscribe
}
