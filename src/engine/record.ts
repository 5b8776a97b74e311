// One service at run time: what is desired of it, what is observed, and what its neighbours keep it from.
// A record exists for every name that is registered or depended on; without a core it stands for a missing service.
// It is data with a few readings of it; `state`, `phase` and `health` are written by Writer alone, the rest by the reconciler.

import type { KeelsonError } from '../errors.js'
import { type EdgeSpec, Fact, hopeless, leans, open } from '../kernel/edge.js'
import { serves } from '../kernel/health.js'
import type { Settings } from '../kernel/settings.js'
import { PHASE } from '../kernel/state.js'
import type { HealthStatus, Service, ServicePhase, ServiceState, StopReason } from '../service.js'
import type { ServiceCore } from './core.js'
import type { Bucket, DueHost, Timed } from './deadlines.js'
import { Ending } from './ending.js'
import type { Epoch, Owner } from './epoch.js'
import { without } from './list.js'
import type { Instant } from './ports.js'

/** A declared dependency between two records, with what the reconciler keeps about it on change. */
export class Edge {
  readonly from: Record
  to: Record
  readonly spec: EdgeSpec
  /** Where it stands among the dependents of its target. */
  place: number
  /** Added by `order: 'registration'`, not declared. */
  readonly implied: boolean
  /** Lets the dependent start; until it is read for the first time it holds nobody. */
  open = true
  /** The wait for it ended in `warn` or `continue`: open for the next start. */
  waived = false
  /** Required, closed, and its target has settled: the dependent waits for one that is not coming. */
  stuck = false
  /** Monotonic end of the wait for it; `Infinity` while it stands still. */
  deadline: number = Infinity
  /** Monotonic time since which the dependent waits for it, and how long it did; for reports. */
  waitedSince = -1
  waited = 0

  constructor(from: Record, to: Record, spec: EdgeSpec, implied: boolean) {
    this.from = from
    this.to = to
    this.spec = spec
    this.place = to.dependents.length
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
  /** What is to take the place as soon as the service is at rest. */
  readonly next: ServiceCore | undefined
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
  /** When it last became what the operation waits for. */
  okAt: Instant | undefined
  done = false
  error: KeelsonError | undefined
  /** How long the last hook that the operation waited for took; -1 if none has. */
  took = -1

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

/** What a service without an instance waits for. Times are monotonic, 0 is none. */
export class Pause {
  /** Until when its abandoned hooks are waited for. */
  unsettledBy = 0
  /** The earliest end of a wait for a dependency. */
  waitBy: number = Infinity
  /** End of the backoff. */
  dueAt = 0
  /** End of the `startDelay` that is running. */
  delayedUntil = 0
  /** Place in the queue for permits. */
  ticket = 0
  /** Asked to start anew: the attempt that it tells is over with its state. */
  renewed = false
  /** The wait that was all that failed. */
  failedWait: Edge | undefined
  /** Why it is left `failed` when the operation that it failed has been rolled back. */
  culprit: KeelsonError | undefined
}

/** That of all services which wait for nothing. */
const NO_PAUSE: Readonly<Pause> = Object.freeze(new Pause())

/** Why a service is to be down, whoever wants it: bits of `Record.down`. */
export const Down = {
  /** By hand, which nothing automatic undoes. */
  manual: 1,
  /** With all the others. */
  shut: 2,
  removing: 4,
} as const

/** Lists of nothing; shared, so nothing is ever put into them, see `append`. */
export const NO_EDGES: Edge[] = []
const NO_PARTS: Part[] = []

export class Record implements Timed, Owner {
  readonly name: string
  /** Place in the registration order. */
  index = 0
  core: ServiceCore | undefined
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
  /** Told to be down: bits of {@link Down}. */
  down = 0
  /** Why its desire was withdrawn, if that is what happened to it. */
  withdrawn: 'rollback' | 'cancelled' | 'shutdown' = 'rollback'
  /** An epoch below this one is to be ended (restart). */
  leastEpoch = 0

  // Observed
  state: ServiceState = 'unknown'
  /** That of its state. */
  phase: ServicePhase = PHASE.unknown
  health: HealthStatus = 'unknown'
  epoch = 0
  /** Number of the retry, told from `retrying` until active; 0 is none. */
  attempt = 0
  lastError: KeelsonError | undefined
  stopReason: StopReason | undefined
  /** When it last changed its state. */
  changed: Instant
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
  current: Epoch<Record> | undefined
  /** The hook that is in flight, of which there is one at most (R43). */
  inFlight: 'onStart' | 'onRun' | 'onStop' | 'disposers' | undefined
  /** Its end, asked for or over. */
  stop: Ending | undefined
  /** An orderly stop has begun; it waits for dependents. */
  ending = false
  /** A dependency was lost in this epoch. */
  lost = false
  /** Was active and healthy once in this epoch. */
  fulfilled = false

  // Between two epochs
  #pause: Readonly<Pause> = NO_PAUSE
  /** Abandoned hooks that have not settled. */
  unsettled = 0
  /** The next start is one of the restart policy and needs a retry permit. */
  retrying = false
  /** How many permits it holds: 1 for a start, 2 for a retry. */
  permits: 0 | 1 | 2 = 0
  /** Does not start by itself: gave up, or waits for credentials. */
  gaveUp = false
  /** The last ended epoch ended of itself without error. */
  completed = false
  failures = 0
  connectivity = 0
  /** Since when it has been active and healthy. */
  stable: Instant | undefined
  /** The edge whose opening let it start; for critical paths. */
  gate: Edge | undefined
  /** An exchange of it that is under way. */
  exchanging: Exchanging | undefined

  // The reconciler's
  queued = false
  ready = false
  mark = 0
  bucket: Bucket | undefined
  slot = 0

  constructor(name: string, settings: Settings, now: Instant) {
    this.name = name
    this.settings = settings
    this.changed = now
  }

  due(host: DueHost): void {
    host.due(this)
  }

  /** What it waits for, to be read. */
  get pause(): Readonly<Pause> {
    return this.#pause
  }

  /** What it waits for, to be written. */
  get pausing(): Pause {
    if (this.#pause === NO_PAUSE) this.#pause = new Pause()
    return this.#pause
  }

  get paused(): boolean {
    return this.#pause !== NO_PAUSE
  }

  /** Waits for nothing any more. */
  resume(): void {
    this.#pause = NO_PAUSE
  }

  /** Waits for nothing any more; what it failed by stays. */
  unpause(): void {
    const { failedWait, culprit } = this.#pause
    this.#pause = NO_PAUSE
    if (failedWait !== undefined) this.pausing.failedWait = failedWait
    if (culprit !== undefined) this.pausing.culprit = culprit
  }

  /** An operation wants it up no longer, or no operation does. */
  unclaim(part?: Part): void {
    if (part === undefined || (this.claims.length === 1 && this.claims[0] === part)) this.claims = NO_PARTS
    else without(this.claims, part)
  }

  /** An operation waits for its rest no longer. */
  unawait(part: Part): void {
    if (this.stops.length === 1 && this.stops[0] === part) this.stops = NO_PARTS
    else without(this.stops, part)
  }

  /** It is wanted again: who waits for its rest hears of it, and it is nobody's culprit any more. */
  overtake(): void {
    if (this.paused) this.pausing.culprit = undefined
    for (const part of this.stops.slice()) part.driver.overtaken(part)
  }

  /** Its end, asked for now unless it has been. */
  stopping(now: Instant): Ending {
    this.stop ??= new Ending(now)
    return this.stop
  }

  get active(): boolean {
    return this.phase === 'active'
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
    return this.down === 0 && (this.wanted || this.claims.length > 0)
  }

  /** Why it is not desired up. */
  get downReason(): 'removed' | 'shutdown' | 'manual' | 'rollback' | 'cancelled' {
    const { down } = this
    if (down === 0) return this.withdrawn
    return (down & Down.removing) !== 0 ? 'removed' : (down & Down.shut) !== 0 ? 'shutdown' : 'manual'
  }

  /** Being unregistered. */
  get removing(): boolean {
    return (this.down & Down.removing) !== 0
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
    return this.completed && !this.isLive && this.desired
  }

  /** Dependents that an orderly stop still waits for. */
  get awaited(): number {
    return this.stop?.orderAll === true ? this.users : this.leaning
  }

  /** The facts as they are now; `facts` are those that the neighbours have been told. */
  get factsNow(): number {
    if (this.core === undefined) return Fact.settled
    let facts = 0
    if (this.ending) facts |= Fact.ending
    else {
      if (this.active) facts |= serves(this.health) ? Fact.started | Fact.healthy : Fact.started
      if (this.completed) facts |= Fact.started | Fact.completed
    }
    if (this.desired) facts |= Fact.wanted
    if (this.gaveUp && this.pause.failedWait === undefined) facts |= Fact.gaveUp
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
