// One service at run time: what is desired of it, what is observed, and what its neighbours keep it from.
// A record exists for every name that is registered or depended on; without a core it stands for a missing service.
// It is data with a few readings of it; `state` and `health` are written by Writer alone, the rest by the reconciler.

import type { KeelsonError } from '../errors.js'
import { type EdgeSpec, Fact, hopeless, leans, open } from '../kernel/edge.js'
import { serves } from '../kernel/health.js'
import type { Settings } from '../kernel/settings.js'
import { PHASE } from '../kernel/state.js'
import type { FailureClass, HealthStatus, Service, ServicePhase, ServiceState, StopReason } from '../service.js'
import type { ServiceCore } from './core.js'
import type { Bucket, Timed } from './deadlines.js'
import type { Epoch, Owner } from './epoch.js'

/** A declared dependency between two records, with what the reconciler keeps about it on change. */
export class Edge {
  readonly from: Record
  to: Record
  readonly spec: EdgeSpec
  /** Added by `order: 'registration'`, not declared. */
  readonly implied: boolean
  /** Lets the dependent start. */
  open = false
  /** The wait for it ended in `warn` or `continue`: open for the next start. */
  waived = false
  /** Required, closed, and its target has settled: the dependent waits for one that is not coming. */
  stuck = false
  /** Monotonic end of the wait for it; `Infinity` while it stands still. */
  deadline: number = Number.POSITIVE_INFINITY
  /** Monotonic time since which the dependent waits for it, and how long it did; for reports. */
  waitedSince = -1
  waited = 0

  constructor(from: Record, to: Record, spec: EdgeSpec, implied: boolean) {
    this.from = from
    this.to = to
    this.spec = spec
    this.implied = implied
  }

  /** What `open` has to be, given the facts of the target. */
  opens(): boolean {
    const { facts } = this.to
    if ((facts & Fact.ending) !== 0 && leans(this.spec)) return false
    return this.waived || open(this.spec, facts)
  }

  get hopeless(): boolean {
    return hopeless(this.spec, this.to.facts)
  }
}

/** An operation, as the services that it drives see it. */
export interface Driver {
  readonly id: number
  /** The service is or is no longer what the operation waits for. */
  changed(part: Part): void
  /** Its start has failed (R29); `final` if it gave up, or waits in vain. */
  failed(part: Part, error: KeelsonError, final: boolean): void
  /** It has come to rest. */
  rested(part: Part): void
  /** Something about its stop was not clean (R31). */
  unclean(part: Part, error: KeelsonError): void
  /** A later intent of the other direction (R8). */
  overtaken(part: Part): void
}

/** Who asked for an exchange of a service by another. */
export interface Exchanging {
  exchanged(): void
  notExchanged(error: unknown): void
}

/** What one operation wants of one service, and what became of it. */
export class Part {
  readonly driver: Driver
  readonly record: Record
  /** The operation waits for it. */
  readonly essential: boolean
  /** It was named by the operation, or is one of all; not merely brought down with one. */
  readonly target: boolean
  /** Epochs below this one are not what the operation asked for. */
  readonly least: number
  readonly epochBefore: number
  readonly wasLive: boolean
  /** The operation wants it down, not up. */
  wantsDown = false
  ok = false
  /** Monotonic time at which it last became what the operation waits for. */
  okAt = 0
  done = false
  error: KeelsonError | undefined = undefined

  constructor(driver: Driver, record: Record, essential: boolean, target: boolean) {
    this.driver = driver
    this.record = record
    this.essential = essential
    this.target = target
    this.least =
      record.state === 'stopping' || record.ending || record.current === undefined
        ? record.epoch + 1
        : Math.max(record.epoch, record.leastEpoch)
    this.epochBefore = record.epoch
    this.wasLive = record.current !== undefined
  }
}

/** How an epoch came to its end: by a decision of somebody, by a failure, or of itself. */
export type Fate = 'asked' | 'failed' | 'completed'

const NO_EDGES: Edge[] = []
const NO_PARTS: Part[] = []

export class Record implements Timed, Owner {
  readonly name: string
  /** Place in the registration order. */
  index = 0
  core: ServiceCore | undefined = undefined
  settings: Settings
  deps: Edge[] = NO_EDGES
  dependents: Edge[] = NO_EDGES

  // Desired
  /** Wanted for good: an operation that wanted it has succeeded or persists. */
  wanted = false
  /** Parts of the operations under way that want it up. */
  claims: Part[] = NO_PARTS
  /** Parts of the operations under way that wait for it to come to rest. */
  stops: Part[] = NO_PARTS
  /** Told to be down by hand, which nothing automatic undoes; told to be down with all the others. */
  manual = false
  shut = false
  removing = false
  /** Why its desire was withdrawn, if that is what happened to it. */
  withdrawn: 'rollback' | 'cancelled' | 'shutdown' = 'rollback'
  /** An epoch below this one is to be ended (restart). */
  leastEpoch = 0

  // Observed
  state: ServiceState = 'unknown'
  health: HealthStatus = 'unknown'
  epoch = 0
  /** Number of the retry, told from `retrying` until active; 0 is none. */
  attempt = 0
  lastError: KeelsonError | undefined = undefined
  stopReason: StopReason | undefined = undefined
  /** Wall-clock and monotonic time of the last change of state. */
  since = 0
  changedAt = 0
  /** `seq` of its last event, and of the event that is about to change it. */
  lastSeq = 0
  cause = 0

  // Known to the neighbours
  facts: number = Fact.settled
  /** Closed edges among `deps`; stuck ones among them. */
  unmet = 0
  stuck = 0
  /** Dependents with an instance over edges that lean on this one; dependents over any edge that are in use. */
  leaning = 0
  users = 0

  // The live epoch
  current: Epoch<Record> | undefined = undefined
  startPending = false
  runPending = false
  stopPending = false
  disposing = false
  fate: Fate = 'asked'
  failure: FailureClass = 'transient'
  /** An orderly stop has begun; it waits for the dependents in `leaning`, or in `users` if `orderAll`. */
  ending = false
  orderAll = false
  /** A dependency was lost in this epoch. */
  lost = false
  /** Was active and healthy once in this epoch. */
  fulfilled = false
  /** The bounds that an operation's deadline sets to `hookBy` and `stopBy` of any stop. */
  hookCap: number = Number.POSITIVE_INFINITY
  stopCap: number = Number.POSITIVE_INFINITY
  /** The time for the stop is over: what is left to dispose of is no longer waited for. */
  rushed = false
  /** Asked to start anew while it waited: the attempt that it tells is over with its state. */
  renewed = false
  /** Asked to start while this epoch was ending. */
  remembered = false
  unclean: KeelsonError[] | undefined = undefined
  /** What the `onStop` in flight was given; the disposer that is waited for. */
  closing: { abort(): void } | undefined = undefined
  awaitedDisposer: unknown = undefined
  /** When its hook was entered, and how long it took; for reports. */
  hookAt = 0
  hookTook = -1
  /** Monotonic times at which its last stop was asked for, began and ended; for reports. */
  endingAt = 0
  stoppingAt = 0
  restedAt = 0
  /** Monotonic bounds of what is in flight: `onStart`, the hooks that a stop waits for, the whole stop. */
  startBy: number = Number.POSITIVE_INFINITY
  hookBy: number = Number.POSITIVE_INFINITY
  stopBy: number = Number.POSITIVE_INFINITY

  // Between two epochs
  /** Abandoned hooks that have not settled, and until when they are waited for. */
  unsettled = 0
  unsettledBy = 0
  /** The earliest end of a wait for a dependency. */
  waitBy: number = Number.POSITIVE_INFINITY
  /** End of a backoff, 0 if none, and what it looks like. */
  dueAt = 0
  backoffState: 'retrying' | 'unreachable' | 'waiting' = 'retrying'
  /** End of the `startDelay` that is running, 0 if none. */
  delayedUntil = 0
  /** The next start is one of the restart policy and needs a retry permit. */
  retrying = false
  /** Place in the queue for permits, 0 if none; the permits held. */
  ticket = 0
  holdsStart = false
  holdsRetry = false
  /** Does not start by itself: gave up, or waits for credentials. */
  gaveUp = false
  /** The wait that was all that failed. */
  failedWait: Edge | undefined = undefined
  /** Why it is left `failed` when the operation that it failed has been rolled back. */
  culprit: KeelsonError | undefined = undefined
  /** The last ended epoch ended of itself without error. */
  completed = false
  failures = 0
  connectivity = 0
  /** Since when it has been active and healthy, -1 if it is not. */
  stableSince = -1
  /** The edge whose opening let it start; for critical paths. */
  gate: Edge | undefined = undefined
  /** The service to take this one's place as soon as it is at rest. */
  replacement: ServiceCore | undefined = undefined
  /** Who is told when it has. */
  exchanging: Exchanging | undefined = undefined

  // The reconciler's
  queued = false
  ready = false
  mark = 0
  bucket: Bucket | undefined = undefined
  slot = 0
  readonly #onDue: (record: Record) => void

  constructor(name: string, settings: Settings, onDue: (record: Record) => void) {
    this.name = name
    this.settings = settings
    this.#onDue = onDue
  }

  due(): void {
    this.#onDue(this)
  }

  get phase(): ServicePhase {
    return PHASE[this.state]
  }

  get active(): boolean {
    return this.state === 'running' || this.state === 'connected'
  }

  /** Has an instance: a hook of it has been entered and its last disposer has not run. */
  get isLive(): boolean {
    return this.current !== undefined
  }

  /** Has an instance, or stands between what it depends on and a dependent that has one: a shutdown goes by this (R13). */
  get inUse(): boolean {
    return this.current !== undefined || this.users > 0
  }

  get desired(): boolean {
    return !this.manual && !this.shut && !this.removing && (this.wanted || this.claims.length > 0)
  }

  /** Why it is not desired up. */
  get downReason(): 'removed' | 'shutdown' | 'manual' | 'rollback' | 'cancelled' {
    return this.removing ? 'removed' : this.shut ? 'shutdown' : this.manual ? 'manual' : this.withdrawn
  }

  /** Ended of itself and does not run again by itself. */
  get completedForGood(): boolean {
    return this.completed && !this.isLive && this.settings.restart.policy !== 'always'
  }

  dependency(name: string): Service | undefined | null {
    const edge = this.deps.find((e) => !e.implied && e.spec.name === name)
    return edge === undefined ? null : edge.to.core?.service
  }

  /** What an operation that wants it waits for: active and healthy in an epoch that stays, or completed. */
  get ok(): boolean {
    if (this.active) return !this.ending && serves(this.health) && this.epoch >= this.leastEpoch
    return this.completed && this.state !== 'starting' && this.desired
  }

  /** Dependents that an orderly stop still waits for. */
  get awaited(): number {
    return this.orderAll ? this.users : this.leaning
  }

  /** The facts as they are now; `facts` are those that the neighbours have been told. */
  get factsNow(): number {
    if (this.core === undefined) return Fact.settled
    let facts = 0
    if (this.ending && this.active) facts |= Fact.ending
    else {
      if (this.active) facts |= serves(this.health) ? Fact.started | Fact.healthy : Fact.started
      if (this.completed) facts |= Fact.started | Fact.completed
    }
    if (this.desired) facts |= Fact.wanted
    if (this.gaveUp && this.failedWait === undefined) facts |= Fact.gaveUp
    if (this.completedForGood) facts |= Fact.ended
    if (this.settled) facts |= Fact.settled
    return facts
  }

  /** An optional wait for it is over (lifecycle.md §4). One that is being stopped has settled when it is at rest. */
  private get settled(): boolean {
    switch (this.phase) {
      case 'idle':
        return this.state === 'failed' || this.completed || !this.desired
      case 'pending':
        return this.state !== 'waiting' || this.completed || this.stuck > 0 || !this.desired
      case 'active':
        return this.health === 'unhealthy'
      default:
        return false
    }
  }
}

/** Appends to a list that may be the shared empty one. */
export function append<Item>(list: Item[], item: Item): Item[] {
  if (list.length === 0) return [item]
  list.push(item)
  return list
}

/** Takes an item out of a list, whose order does not matter. */
export function without<Item>(list: Item[], item: Item): void {
  const at = list.lastIndexOf(item) // what came last mostly goes first
  if (at < 0) return
  const last = list.pop() as Item
  if (at < list.length) list[at] = last
}
