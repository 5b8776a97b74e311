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
  readonly attempt?: number
}

/** A service's health or error changed while its state did not. */
export interface HealthEvent extends Of<'health'> {
  readonly oldHealth: HealthStatus
  readonly newHealth: HealthStatus
  readonly state: ServiceState
  readonly error?: unknown
}

/** A service said what it is doing. */
export interface StatusEvent extends Of<'status'>, Pick<StatusUpdate, 'text' | 'detail'> {}

/** A service entered a backoff. `delay` in milliseconds, `dueAt` wall-clock. */
export interface RetryEvent extends Of<'retry'> {
  readonly attempt: number
  readonly delay: number
  readonly dueAt: number
  readonly failure: FailureClass
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
  readonly operation: OperationKind
  readonly target?: string
  readonly id: number
  readonly phase: 'begin' | 'end'
  readonly outcome?: OperationOutcome
  readonly error?: unknown
}

/** Something that nobody's promise can tell (lifecycle.md §8). */
export interface WarningEvent extends Base<'warning'> {
  readonly code: 'DEPENDENCY_TIMEOUT' | 'STOP_FAILED' | 'ILLEGAL_TRANSITION'
  readonly message: string
  readonly name?: string
}

/** A listener threw or rejected (R39). */
export interface ListenerErrorEvent extends Base<'listenerError'> {
  readonly error: unknown
  /** The kind of event that it was handling. */
  readonly event: EventType
}

/** Every event, by kind. */
export interface EventMap {
  state: StateEvent
  health: HealthEvent
  status: StatusEvent
  retry: RetryEvent
  registered: RegisteredEvent
  unregistered: UnregisteredEvent
  operation: OperationEvent
  warning: WarningEvent
  listenerError: ListenerErrorEvent
}

/** A kind of event. */
export type EventType = keyof EventMap

/** What `on` delivers. */
export type AnyEvent = EventMap[EventType]

/** An iterator lost this many events here; it has no `seq` of its own (R40). */
export interface GapItem {
  readonly type: 'gap'
  readonly dropped: number
}

/** What an iterator is given where the past it asked for is gone; it has no `seq` of its own (R40). */
export interface SnapshotItem {
  readonly type: 'snapshot'
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
  readonly name: string
  readonly state: ServiceState
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
  readonly error?: unknown
  readonly until?: number
}

/** The answer to "why is it not up?": the chain to the root cause, root cause last (R42). */
export interface Explanation {
  readonly name: string
  readonly up: boolean
  readonly because: readonly Cause[]
  readonly text: string
}

/** A plain snapshot of one service. */
export interface ServiceStatus {
  readonly name: string
  readonly type: string
  readonly phase: ServicePhase
  readonly state: ServiceState
  readonly health: HealthStatus
  readonly error?: unknown
  readonly essential: boolean
  readonly dependencies: readonly string[]
  /** What it waits for itself, while pending. */
  readonly blockedBy?: readonly Cause[]
  /** Number of the retry, from `retrying` until it is active. */
  readonly attempt?: number
  readonly nextRetryAt?: number
  readonly epoch: number
  /** When it entered its state. */
  readonly since: number
  /** How long it has been active, in milliseconds. */
  readonly uptime?: number
  readonly stopReason?: StopReason
  readonly data?: Readonly<Record<string, unknown>>
}

/** A consistent cut with its place in the order of events (R41). */
export interface Snapshot {
  readonly seq: number
  readonly timestamp: number
  readonly services: readonly ServiceStatus[]
}

/** The worst of all that is desired up, and who is to blame for it (R28). */
export interface HealthReport {
  readonly status: HealthStatus
  /** Root cause first. */
  readonly because: readonly {
    readonly name: string
    readonly health: HealthStatus
    readonly state: ServiceState
    readonly error?: unknown
  }[]
  readonly services: readonly ServiceStatus[]
}

/** One line of a report. Rolled back: `stopped`; unclean: `failed`; unsettled: `abandoned`; ended of itself: `completed`. */
export interface ServiceOutcome {
  readonly name: string
  readonly outcome: 'started' | 'stopped' | 'completed' | 'unchanged' | 'failed' | 'cancelled' | 'abandoned'
  readonly state: ServiceState
  readonly waitedFor: readonly { readonly name: string; readonly duration: number }[]
  /** How long its hook took, in milliseconds. */
  readonly hookDuration?: number
  readonly error?: unknown
}

/** What an operation did (lifecycle.md §7). */
export interface OperationReport {
  readonly operation: OperationKind
  readonly target?: string
  readonly outcome: OperationOutcome
  /** From the call to its end, in milliseconds. */
  readonly duration: number
  readonly services: readonly ServiceOutcome[]
  /** The services that the duration depended on, in the order in which they were waited for. */
  readonly criticalPath: readonly string[]
}

/** One step of a dry run; it begins when all of `after` are done. */
export interface PlanStep {
  readonly name: string
  readonly action: 'start' | 'stop'
  readonly after: readonly string[]
  readonly because: string
}

/** A dry run: what an operation would do now, in order. */
export interface Plan {
  readonly operation: 'start' | 'stop'
  readonly steps: readonly PlanStep[]
}

/** The graph as data and as text for Mermaid and Graphviz. */
export interface DependencyGraph {
  readonly nodes: readonly { readonly name: string; readonly type?: string; readonly state?: ServiceState }[]
  readonly edges: readonly {
    readonly from: string
    readonly to: string
    readonly condition: string
    readonly optional: boolean
    readonly onLoss: string
  }[]
  toMermaid(): string
  toDot(): string
  toJSON(): Pick<DependencyGraph, 'nodes' | 'edges'>
}
