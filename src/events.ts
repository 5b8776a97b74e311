// The shapes that an orchestrator gives out: events, statuses, reports, plans, explanations.
// Plain and frozen when read, JSON-safe (errors by their toJSON). Types only; who makes them is named at each.
// Times: `timestamp`, `since`, `nextRetryAt`, `dueAt`, `until` are wall-clock; durations are milliseconds.

import type {
  FailureClass,
  HealthStatus,
  ServicePhase,
  ServiceState,
  StateChange,
  StatusUpdate,
  StopReason,
} from './service.js'

/** Fields of every event: its kind, its place in the one total order, the event that caused it (R37, R42). */
interface Base<Type extends string> {
  readonly type: Type
  /** Grows by one per event, without gaps. */
  readonly seq: number
  readonly timestamp: number
  /** `seq` of the event that caused this one. */
  readonly causedBy?: number
}

/** Fields of every event of a service. */
interface Of<Type extends string> extends Base<Type> {
  readonly name: string
  readonly serviceType: string
  readonly epoch: number
}

/** A service changed its state; `error` and `attempt` are what the status tells from now on. */
export interface StateEvent
  extends Of<'state'>,
    Pick<StateChange, 'oldState' | 'newState' | 'health' | 'error' | 'reason'> {
  /** Number of the retry, from 1; told from `retrying` until it is active (R19). */
  readonly attempt?: number
  /** On `starting`: how long it waited for its dependencies, in milliseconds; absent if for none. */
  readonly waitedFor?: readonly { readonly name: string; readonly duration: number }[]
  /** On the end of `stopping`: what was unclean about the stop, `STOP_FAILED` or `STOP_TIMEOUT`; absent if nothing was (R31). */
  readonly unclean?: readonly unknown[]
}

/** A service's health or error changed while its state did not. */
export interface HealthEvent extends Of<'health'> {
  /** Its health until now; equal to `newHealth` if only the error changed. */
  readonly oldHealth: HealthStatus
  /** Its health from now on. */
  readonly newHealth: HealthStatus
  /** The state that it is and stays in. */
  readonly state: ServiceState
  /** Its `lastError` from now on, a `KeelsonError`; absent if there is none. */
  readonly error?: unknown
}

/** A service said what it is doing. */
export interface StatusEvent extends Of<'status'>, Pick<StatusUpdate, 'text' | 'detail'> {}

/** A service entered a backoff. `delay` in milliseconds, `dueAt` wall-clock. */
export interface RetryEvent extends Of<'retry'> {
  /** Number of the retry that will follow, from 1; counts against `maxRetries`. */
  readonly attempt: number
  /** How long it backs off, in milliseconds, jitter included (R18). */
  readonly delay: number
  /** When the backoff ends, wall-clock; what it depends on may hold the start longer (R22). */
  readonly dueAt: number
  /** The class of the failure, by `classify` or the default. */
  readonly failure: FailureClass
  /** What it failed with: a `KeelsonError` with the thing thrown as its `cause`. */
  readonly error: unknown
}

/** A service was registered. */
export interface RegisteredEvent extends Of<'registered'> {}

/** A service was removed. */
export interface UnregisteredEvent extends Of<'unregistered'> {}

/** The calls that are reported as `operation` events. */
export type OperationKind = 'start' | 'stop' | 'restart' | 'replace' | 'register' | 'unregister'

/** How an operation ended. */
export type OperationOutcome = 'done' | 'failed' | 'cancelled'

/** A call began or ended; `id` pairs the two. */
export interface OperationEvent extends Base<'operation'> {
  /** Which call it was. */
  readonly operation: OperationKind
  /** The service that the call named; absent for `start()` and `stop()` of all. */
  readonly target?: string
  /** Pairs the `begin` with the `end` of one call; unique in an orchestrator. */
  readonly id: number
  /** `begin` when the call takes effect, `end` before its promise settles (R33). */
  readonly phase: 'begin' | 'end'
  /** How it ended; on `end` only. */
  readonly outcome?: OperationOutcome
  /** What the promise of the call rejects with; on `end` only, absent if it resolves. */
  readonly error?: unknown
}

/** Something that nobody's promise can tell (lifecycle.md §8). */
export interface WarningEvent extends Base<'warning'> {
  /** Which kind: a wait ended in `warn`, a stop or disposal failed unheard, an illegal step was dropped (R1). */
  readonly code: 'DEPENDENCY_TIMEOUT' | 'STOP_FAILED' | 'ILLEGAL_TRANSITION'
  /** The whole story in a line for people, the service included. */
  readonly message: string
  /** The service that it is about. */
  readonly name?: string
}

/** A listener threw or rejected (R39). */
export interface ListenerErrorEvent extends Base<'listenerError'> {
  /** The thing thrown, as it is. */
  readonly error: unknown
  /** The kind of event that it was handling. */
  readonly event: EventType
}

/** Every event, by kind. */
export interface EventMap {
  /** A service changed its state: one step of the table (R1). */
  state: StateEvent
  /** Health or error changed alone. */
  health: HealthEvent
  /** A service said what it is doing. */
  status: StatusEvent
  /** A failed service backs off; follows its `state` event. */
  retry: RetryEvent
  /** A service is listed; its status can be read. */
  registered: RegisteredEvent
  /** A service is gone; no list or snapshot shows it any more. */
  unregistered: UnregisteredEvent
  /** A call began or ended. */
  operation: OperationEvent
  /** Something is amiss that no call's promise tells. */
  warning: WarningEvent
  /** A listener threw or rejected; one for these themselves goes to the log only (R39). */
  listenerError: ListenerErrorEvent
}

/** A kind of event. */
export type EventType = keyof EventMap

/** What `on` delivers. */
export type AnyEvent = EventMap[EventType]

/** An iterator lost this many events here; it has no `seq` of its own (R40). */
export interface GapItem {
  /** Tells it from events, which have other kinds. */
  readonly type: 'gap'
  /** How many events are missing between the item before and the item after. */
  readonly dropped: number
}

/** What an iterator is given where the past it asked for is gone; it has no `seq` of its own (R40). */
export interface SnapshotItem {
  /** Tells it from events, which have other kinds. */
  readonly type: 'snapshot'
  /** What is true now: fold the events that follow into it (R37). */
  readonly snapshot: Snapshot
}

/** What `events()` yields. */
export type OrchestratorEvent = AnyEvent | GapItem | SnapshotItem

/** Options of `events()`. */
export interface EventsOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal
  /** Replays what came after this `seq`, as far as it is still known. */
  readonly since?: number
  /** How many undelivered events are kept before the oldest are dropped. Default 1 024. */
  readonly buffer?: number
}

/** What stands between a service and being up, or why it is down. `until` is wall-clock. */
export interface Cause {
  /** The service that stands in the way: the one asked about itself, or a neighbour. */
  readonly name: string
  /** The state that it is in. */
  readonly state: ServiceState
  /** What about it stands in the way; `hook`: one in flight, or an abandoned one that has not settled (R32). */
  readonly kind:
    | 'dependency'
    | 'backoff'
    | 'delay'
    | 'permit'
    | 'stop'
    | 'hook'
    | 'failed'
    | 'manual'
    | 'auth'
    | 'missing'
  /** What it failed with, a `KeelsonError`, if that is why. */
  readonly error?: unknown
  /** When the backoff, the `startDelay` or the patience with the hook ends, wall-clock; absent for other kinds. */
  readonly until?: number
}

/** The answer to "why is it not up?": the chain to the root cause, root cause last (R42). */
export interface Explanation {
  /** The service that was asked about. */
  readonly name: string
  /** Whether it is active and not `unhealthy`. */
  readonly up: boolean
  /** The chain to the root cause, which is last; one item per service; empty if up or never started. */
  readonly because: readonly Cause[]
  /** The same as one sentence for people. */
  readonly text: string
}

/** A plain snapshot of one service. */
export interface ServiceStatus {
  /** The name it is registered under. */
  readonly name: string
  /** Its free-form kind. Default `service`. */
  readonly type: string
  /** What its state is worth: `active` is up. */
  readonly phase: ServicePhase
  /** Where it is now. */
  readonly state: ServiceState
  /** How it is now; `unknown` while not active. */
  readonly health: HealthStatus
  /** Why it is not up or not healthy: a `KeelsonError`, whose `cause` is the thing thrown; absent if none (R4). */
  readonly error?: unknown
  /** Whether its failed start fails `start()` (R29, R30). */
  readonly essential: boolean
  /** Names of the services that it declares to need, in that order, registered or not. */
  readonly dependencies: readonly string[]
  /** What it waits for itself, while pending. */
  readonly blockedBy?: readonly Cause[]
  /** Number of the retry, from `retrying` until it is active. */
  readonly attempt?: number
  /** When its backoff ends, wall-clock; while pending only, past once it waits for something else (R22). */
  readonly nextRetryAt?: number
  /** The number of its present or last life; 0 before the first. */
  readonly epoch: number
  /** When it entered its state. */
  readonly since: number
  /** How long it has been active, in milliseconds. */
  readonly uptime?: number
  /** Why it is down; from the beginning of a stop until the next start (R9). */
  readonly stopReason?: StopReason
  /** What its `getServiceData` gave just now; absent if nothing. */
  readonly data?: Readonly<Record<string, unknown>>
}

/** A consistent cut with its place in the order of events (R41). */
export interface Snapshot {
  /** Number of the last event that it contains: pass it to `events({ since })` to go on from here. */
  readonly seq: number
  /** When it was taken, wall-clock. */
  readonly timestamp: number
  /** The status of every service, in registration order. */
  readonly services: readonly ServiceStatus[]
}

/** What is observed of one service, in few fields: what a mirror is told. */
export interface Observed {
  /** The name it is, or was, registered under. */
  readonly name: string
  /** Whether it is registered; the next service of this name is another one. */
  readonly registered: boolean
  /** Where it is now. */
  readonly state: ServiceState
  /** How it is now; `unknown` while not active. */
  readonly health: HealthStatus
  /** The number of its present or last life; 0 before the first. */
  readonly epoch: number
  /** Number of the retry, from `retrying` until it is active; else 0. */
  readonly attempt: number
  /** Why it is down; from the beginning of a stop until the next start (R9). */
  readonly stopReason: StopReason | undefined
  /** When it entered its state, wall-clock. */
  readonly since: number
  /** Number of its last event (R37). */
  readonly seq: number
}

/** The worst of all that is desired up, and who is to blame for it (R28). */
export interface HealthReport {
  /** The worst of all; a service that is not essential makes it `degraded` at most. */
  readonly status: HealthStatus
  /** Root cause first. */
  readonly because: readonly {
    readonly name: string
    readonly health: HealthStatus
    readonly state: ServiceState
    readonly error?: unknown
  }[]
  /** The status of every service, in registration order, also of those desired down. */
  readonly services: readonly ServiceStatus[]
}

/** One line of a report. Rolled back: `stopped`; unclean: `failed`; unsettled: `abandoned`; ended of itself: `completed`. */
export interface ServiceOutcome {
  /** The service that the line is about. */
  readonly name: string
  /** What the operation did to it; `unchanged` if it was already where it was wanted. */
  readonly outcome: 'started' | 'stopped' | 'completed' | 'unchanged' | 'failed' | 'cancelled' | 'abandoned'
  /** Its state when the operation ended. */
  readonly state: ServiceState
  /** For a start its dependencies, for a stop its dependents, in milliseconds each; only waits above 0. */
  readonly waitedFor: readonly { readonly name: string; readonly duration: number }[]
  /** How long its hook took, in milliseconds. */
  readonly hookDuration?: number
  /** What went wrong with it, a `KeelsonError`; absent if nothing did. */
  readonly error?: unknown
}

/** What an operation did (lifecycle.md §7). */
export interface OperationReport {
  /** Which call it was. */
  readonly operation: OperationKind
  /** The service that the call named; absent for `start()` and `stop()` of all. */
  readonly target?: string
  /** `done` where the promise resolved; the others are found in the `report` of its error. */
  readonly outcome: OperationOutcome
  /** From the call to its end, in milliseconds. */
  readonly duration: number
  /** One line per service that the call was about, what it brought up or down with it included. */
  readonly services: readonly ServiceOutcome[]
  /** The services that the duration depended on, in the order in which they were waited for. */
  readonly criticalPath: readonly string[]
}

/** One step of a dry run; it begins when all of `after` are done. */
export interface PlanStep {
  /** The service to start or stop. */
  readonly name: string
  /** What would be done to it. */
  readonly action: 'start' | 'stop'
  /** Names of the steps that must be done before; those without one between them run in parallel (R12). */
  readonly after: readonly string[]
  /** Why it is a step at all, for people: `required by api`. */
  readonly because: string
}

/** A dry run: what an operation would do now, in order. */
export interface Plan {
  /** What was asked about. */
  readonly operation: 'start' | 'stop'
  /** What would be done, each after all that it waits for; services already there are left out. */
  readonly steps: readonly PlanStep[]
}

/** The graph as data and as text for Mermaid and Graphviz. */
export interface DependencyGraph {
  /** Services in registration order; a name that is needed but not registered has neither `type` nor `state`. */
  readonly nodes: readonly { readonly name: string; readonly type?: string; readonly state?: ServiceState }[]
  /** From each dependent to what it needs, with the defaults filled in. */
  readonly edges: readonly {
    readonly from: string
    readonly to: string
    readonly condition: string
    readonly optional: boolean
    readonly onLoss: string
  }[]
  /** A Mermaid flow chart; optional edges are dashed. */
  toMermaid(): string
  /** A Graphviz digraph; optional edges are dashed. */
  toDot(): string
  /** The data alone: what `JSON.stringify` shows. */
  toJSON(): Pick<DependencyGraph, 'nodes' | 'edges'>
}
