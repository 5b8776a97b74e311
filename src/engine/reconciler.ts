// The reconciler: brings every service closer to what is desired of it, looking at what is true now (R7).
// Its work list holds the services whose desires or neighbours changed, nothing else (R45). Falls come before starts,
// so that nobody starts against a service that is about to stop. Knows desires, not the operations that made them.

import { describe, type KeelsonError, suppress, type Thrown, told } from '../errors.js'
import type { Snapshot } from '../events.js'
import { resultOf } from '../kernel/health.js'
import type { HealthStatus, Logger, Resource, StopReason } from '../service.js'
import { Checks } from './checks.js'
import type { ServiceCore } from './core.js'
import { Deadlines } from './deadlines.js'
import { disposerOf } from './epoch.js'
import { EventLog } from './event-log.js'
import { Life, type LifeHost } from './life.js'
import { Neighbours } from './neighbours.js'
import { Permits } from './permits.js'
import { asLogger, type Clock, Moment, type Random, tamed } from './ports.js'
import { Down, type Exchanging, type Part, type Record } from './record.js'
import { Rest, renew, UNSETTLED } from './rest.js'
import { isThenable } from './subscribers.js'
import { type Enter, type Piecework, type Post, Turn, type TurnWork } from './turn.js'
import { Writer, who } from './writer.js'

/** The outside of an engine, and its limits. */
export interface Ports {
  /** The orchestrator, or the service that lives alone: who is named on diagnostics channels. */
  readonly owner: object
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly maxConcurrentStarts: number
  readonly maxConcurrentRetries: number
  readonly maxConcurrentChecks: number
  readonly history: number
}

/** Reasons that replace another while a stop is under way, the weakest first (R9). */
const RANK: readonly (StopReason | undefined)[] = ['manual', 'shutdown', 'removed']

/** What the operations hear of the reconciler. */
export interface OperationsHost {
  /** Everything fell into place for now: what has operations waiting may be judged. Returns whether that changed desires. */
  judge(): boolean
  /** The turn is over: promises may settle. */
  settle(): Piecework | undefined
  /** A replacement may take its place: the old one is at rest. */
  exchange(record: Record, by: Exchanging, next: ServiceCore): void
  readonly view: { snapshot(): Snapshot }
  /** A service is at rest: it stopped, ended of itself or gave up. */
  ended(): void
}

export class Reconciler implements LifeHost, TurnWork {
  readonly owner: object
  readonly logger: Logger
  readonly turn: Turn
  readonly post: Post
  readonly enter: Enter
  readonly clock: Clock
  readonly moment: Moment
  readonly random: Random
  readonly deadlines: Deadlines
  readonly permits: Permits
  readonly log: EventLog
  readonly writer: Writer
  readonly neighbours: Neighbours
  readonly life: Life
  readonly #rest: Rest
  readonly #checks: Checks
  readonly #host: OperationsHost
  #work: Record[] = []
  #next = 0
  /** Able to start, but for permits; last in registration order first once sorted. */
  #ready: Record[] = []
  #sorted = true

  constructor(ports: Ports, host: OperationsHost) {
    const { clock, owner } = ports
    this.owner = owner
    this.clock = clock
    this.random = tamed(ports.random)
    const logger = asLogger(ports.logger)
    this.logger = logger
    this.#host = host
    this.moment = new Moment(clock)
    this.turn = new Turn(this, clock)
    this.post = this.turn.post
    this.enter = this.turn.enter
    this.deadlines = new Deadlines(clock, this, this.turn.run)
    this.permits = new Permits(ports.maxConcurrentStarts, ports.maxConcurrentRetries)
    this.log = new EventLog(
      {
        owner,
        logger,
        wake: () => this.turn.wake(),
        snapshot: () => host.view.snapshot(),
        wall: () => this.moment.wall,
      },
      ports.history,
    )
    this.writer = new Writer(this.log, this.moment)
    this.neighbours = new Neighbours(this)
    this.life = new Life(this)
    this.#rest = new Rest(this)
    this.#checks = new Checks(this, ports.maxConcurrentChecks)
  }

  /** Puts a service on the work list; `cause` is the event that gives reason to. */
  look(record: Record, cause = 0): void {
    if (cause > 0) record.cause = cause
    if (record.queued) return
    record.queued = true
    this.#work.push(record)
  }

  /** It was registered or removed by a call that is answered at once: so are the mirrors told, also while a turn pauses. */
  note(record: Record): void {
    this.writer.note(record)
    this.writer.reflect()
  }

  // The parts of a turn

  passed(): number {
    return this.moment.refresh()
  }

  step(): boolean {
    if (this.#next < this.#work.length) {
      const record = this.#work[this.#next++] as Record
      record.queued = false
      this.#step(record)
      if (!record.ready) record.cause = 0
      return true
    }
    this.#work = []
    this.#next = 0
    return this.#host.judge() || this.#start()
  }

  decided(): void {
    this.writer.reflect()
  }

  deliver(): number {
    return this.log.deliver()
  }

  ended(): Piecework | undefined {
    return this.#host.settle()
  }

  /** One service closer to what is desired of it. */
  #step(record: Record): void {
    if (record.core !== undefined) {
      if (record.isLive) this.#steer(record)
      else this.#atRest(record)
    }
    this.neighbours.refresh(record)
  }

  /** A service with an instance: ends it if it is to end, upgrades the reason if it is ending. */
  #steer(record: Record): void {
    const reason = this.#whyEnd(record)
    if (record.state === 'stopping' || record.ending) {
      if (RANK.indexOf(reason) > RANK.indexOf(record.stopReason)) record.stopReason = reason
      if (record.awaited === 0) this.life.end(record, record.stopReason ?? 'manual', 'asked')
      return
    }
    if (reason === undefined) return
    if (record.state === 'starting') return this.life.end(record, reason, 'asked')
    record.ending = true
    const stop = record.stopping(this.moment.instant)
    stop.asked = this.moment.instant
    stop.orderAll = (record.down & Down.shut) !== 0
    record.stopReason = reason
    this.neighbours.lost(record, false, record.cause === 0 ? record.lastSeq : record.cause)
    if (record.awaited === 0) this.life.end(record, reason, 'asked')
  }

  #whyEnd(record: Record): StopReason | undefined {
    if (!record.desired) return record.downReason
    if (record.exchanging?.next !== undefined) return 'replaced'
    if (record.leastEpoch > record.epoch) return 'restart'
    return record.lost ? 'dependency' : undefined
  }

  #atRest(record: Record): void {
    const { exchanging } = record
    if (exchanging?.next !== undefined) this.#host.exchange(record, exchanging, exchanging.next)
    if (!record.desired) {
      this.#rest.withdraw(record, record.downReason)
      this.#rested(record)
      return
    }
    if (this.#rest.pursue(record)) {
      if (record.ready) return
      record.ready = true
      this.#ready.push(record)
      this.#sorted = false
    } else if (record.claims.length > 0) this.#judgeWait(record)
  }

  /** Tells the operations that want a service whether they wait for it in vain. */
  #judgeWait(record: Record): void {
    if (record.gaveUp) return this.#fail(record, record.lastError, true)
    if (record.completedForGood) return
    const edge = record.unmet === 0 ? undefined : record.deps.find((e) => !e.open && e.hopeless)
    if (edge !== undefined) {
      const { to } = edge
      const has = to.gaveUp ? `is ${to.state}` : 'has completed'
      const what = `needs '${to.name}' ${edge.spec.condition}, which ${has}; start '${to.name}' by name`
      const cause: Thrown = to.lastError === undefined ? [] : [to.lastError]
      this.#fail(record, told('START_FAILED', `service '${record.name}' - ${what}`, cause), true)
    } else if (record.unsettled > 0 && record.pause.dueAt <= this.moment.now)
      this.#fail(record, told('START_FAILED', `service '${record.name}' - ${UNSETTLED}`, []), false)
  }

  #fail(record: Record, error: KeelsonError | undefined, final: boolean): void {
    if (error === undefined) return
    for (const part of record.claims) part.driver.failed(part, error, final)
  }

  /** Begins what is able to begin, in registration order, as far as there are permits. Returns whether it did anything. */
  #start(): boolean {
    if (this.#ready.length > 0) {
      if (!this.#sorted) this.#ready.sort((a, b) => b.index - a.index)
      this.#sorted = true
      const record = this.#ready.pop() as Record
      record.ready = false
      if (!record.desired) return true
      // What it waited for may have gone since it was looked at.
      const able = this.#rest.pursue(record)
      if (able && this.permits.take(record)) this.#begin(record)
      else {
        if (able) this.#rest.queued(record)
        this.neighbours.refresh(record)
      }
      return true
    }
    const next = this.permits.next()
    if (next === undefined) return false
    this.#begin(next)
    return true
  }

  #begin(record: Record): void {
    renew(record)
    record.resume()
    this.neighbours.entered(record)
    this.life.begin(record)
    this.neighbours.unwaive(record) // good for one start only
    this.look(record)
  }

  // What a life reports

  started(record: Record): void {
    if (record.core?.checks === true) this.#checks.begin(record)
    this.look(record)
  }

  lost(record: Record, clean: boolean): void {
    this.#checks.end(record)
    this.neighbours.lost(record, clean, record.lastSeq)
    // An orderly end is one until it is over: nobody starts against it meanwhile (R13).
    if (record.stop?.fate !== 'asked') record.ending = false
    this.look(record)
  }

  failing(record: Record): void {
    const { lastError, fulfilled, epoch } = record
    if (!fulfilled && lastError !== undefined)
      for (const part of record.claims) if (epoch >= part.least) part.driver.failed(part, lastError, false)
    this.look(record)
  }

  over(record: Record): void {
    const { stop, lastError } = record
    for (const error of stop?.unclean ?? []) {
      if (stop?.fate === 'failed' && lastError !== undefined) suppress(lastError, error)
      else if (record.stops.length === 0) this.writer.warn('STOP_FAILED', error.message, record)
      for (const part of record.stops) part.driver.unclean(part, error)
      this.logger.warn(error.message, { service: record.name, epoch: record.epoch, error })
    }
    this.#rest.after(record)
    this.neighbours.left(record)
    this.look(record)
    this.#rested(record)
  }

  /** Tells those who wait for its rest that it has come to it. */
  #rested(record: Record): void {
    // Each takes itself off the list; where there is but one, the list is left as it is.
    const stops = record.stops.length > 1 ? record.stops.slice() : record.stops
    for (let i = 0; i < stops.length; i++) (stops[i] as Part).driver.rested(stops[i] as Part)
    this.#host.ended()
  }

  failed(record: Record, epoch: number, error: unknown): void {
    this.post(() => this.life.failed(record, epoch, error))
  }

  reported(record: Record, epoch: number, health: HealthStatus): void {
    const result = resultOf(health)
    if (result !== undefined) this.post(() => this.#checks.reported(record, epoch, result))
  }

  status(record: Record, epoch: number, text: string, detail: string | undefined): void {
    const line = (said: unknown): string => (typeof said === 'string' ? said : describe(said))
    this.post(() => {
      if (record.current?.epoch !== epoch) return
      const update = { text: line(text), ...(detail === undefined ? {} : { detail: line(detail) }) }
      this.log.publish('status', record.lastSeq, { ...who(record), ...update })
      const statuses = record.core?.statuses
      if (statuses !== undefined && statuses.size > 0)
        this.log.tell(statuses, Object.freeze({ name: record.name, ...update, timestamp: this.moment.wall }), 'status')
    })
  }

  /** Something was handed to an epoch that is over: it is disposed of at once (R3). */
  lateResource(name: string, resource: Resource): void {
    const failed = (error: unknown): void =>
      this.post(() => {
        this.log.publish('warning', 0, {
          code: 'STOP_FAILED',
          message: `service '${name}' - a resource that came after its epoch could not be disposed of: ${describe(error)}`,
          name,
        })
      })
    try {
      const answer = disposerOf(resource)?.()
      if (isThenable(answer)) answer.then(undefined, failed)
    } catch (error) {
      failed(error)
    }
  }

  /** A hook that was abandoned in an earlier registration has settled. */
  late(record: Record): void {
    this.post(() => {
      record.unsettled--
      this.look(record)
    })
  }

  /** The deadline of a service has passed. */
  due(record: Record): void {
    this.post(this.#due, record)
  }

  readonly #due = (record: Record): void => {
    if (record.isLive) return this.life.due(record)
    this.#rest.due(record)
    this.look(record)
    if (record.state === 'failed') this.#host.ended()
  }

  // What a check reports

  judged(record: Record, health: HealthStatus, thrown: Thrown): void {
    if (health === 'unhealthy') {
      const what = thrown.length > 0 ? `its check failed: ${describe(thrown[0])}` : 'its check found it unhealthy'
      if (record.settings.healthCheck.onUnhealthy === 'restart')
        return this.life.fail(record, 'UNHEALTHY', what, thrown)
      const error = told('UNHEALTHY', `service '${record.name}' - ${what}`, thrown)
      this.writer.assess(record, health, error)
      if (!record.fulfilled) for (const part of record.claims) part.driver.failed(part, error, false)
    } else {
      this.writer.assess(record, health, undefined)
      record.fulfilled = true
    }
    this.look(record)
  }
}
