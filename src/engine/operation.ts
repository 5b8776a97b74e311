// What all calls that wait have in common: a promise that settles once and after its events (R33), its own signal and
// timeout (R34), a deadline for what it brings to rest (R31), and its report. What it is for, its kinds say.

import { KeelsonError, suppress } from '../errors.js'
import type { OperationKind, OperationOutcome, OperationReport, ServiceOutcome } from '../events.js'
import type { Bucket, Timed } from './deadlines.js'
import { append } from './list.js'
import type { Reconciler } from './reconciler.js'
import { type Driver, Part, type Record } from './record.js'
import { criticalPath, row } from './report.js'
import type { Topology } from './topology.js'
import { inPieces, type Piecework } from './turn.js'

/** The engine as its operations see it. */
export interface OperationHost {
  readonly reconciler: Reconciler
  readonly topology: Topology
  readonly shutdownTimeout: number
  /** From `start()` until `stop()` or the rollback of that start: registrations come up by themselves. */
  running: boolean
  /** Something was told to be down, and what that brings down has not been drawn yet: nobody counts as up for good. */
  falling: boolean
  /** The operations under way that bring everything to rest. */
  readonly shutdowns: ReadonlySet<Operation>
  nextId(): number
  /** A mark that no record bears yet, for walks over the graph. */
  nextMark(): number
  /** Wants what a service requires, for good. */
  require(record: Record): void
  /** To be judged when everything has fallen into place. */
  touch(operation: Operation): void
  /** Its promise is to settle at the end of the turn. */
  finish(operation: Operation): void
}

/** What is under way: something comes up, something comes to rest, or it is over. */
export type Stage = 'queued' | 'up' | 'down' | 'over'

/** Tells that these are over: first their events, then whoever waits for them (R33). */
export function* settled(operations: Iterable<Operation>): Piecework {
  for (const operation of operations) operation.publishEnd()
  for (const operation of operations) yield* operation.settle()
}

export abstract class Operation implements Driver, Timed {
  readonly kind: OperationKind
  readonly target: string | undefined
  readonly host: OperationHost
  readonly promise: Promise<OperationReport>
  readonly signal: AbortSignal | undefined
  id = 0
  beginSeq = 0
  stage: Stage = 'queued'
  parts: Part[] = []
  bucket: Bucket | undefined
  slot = 0
  /** Parts that have not come to rest; the deadline for them, and whether its last tenth has begun. */
  protected left = 0
  #stopBy: number = Infinity
  /** What it brings to rest; what is wanted up again meanwhile is done. */
  #brought: readonly Part[] = []
  #hurried = false
  #beganAt = 0
  #outcome: OperationOutcome = 'done'
  #error: unknown
  #rejects = false
  #settled = false
  #resolve: (report: OperationReport) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(host: OperationHost, kind: OperationKind, target: string | undefined, signal: AbortSignal | undefined) {
    this.host = host
    this.kind = kind
    this.target = target
    this.signal = signal
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#beganAt = host.reconciler.moment.now
    signal?.addEventListener('abort', this.#onAbort, { once: true })
    host.reconciler.deadlines.awake(1)
    host.reconciler.post(() => {
      if (this.stage !== 'queued') return
      this.id = host.nextId()
      this.beginSeq = host.reconciler.log.publish('operation', 0, {
        operation: kind,
        ...(target === undefined ? {} : { target }),
        id: this.id,
        phase: 'begin',
      })
      this.#beganAt = host.reconciler.moment.now
      host.reconciler.turn.proceed(this.apply())
    })
  }

  readonly #onAbort = (): void => {
    const { signal } = this
    this.host.reconciler.post(() => {
      if (this.stage !== 'over') this.aborted(signal?.reason)
    })
  }

  /** Applies the intent, at the beginning of its turn. */
  protected abstract apply(): Piecework
  protected abstract aborted(reason: unknown): void
  /** Everything has fallen into place for now. */
  abstract judge(): void
  abstract changed(part: Part): void
  abstract failed(part: Part, error: KeelsonError, final: boolean): void
  abstract overtaken(part: Part): void
  /** A later intent of the other direction for all it is about. */
  overtake(): void {}
  /** Its own deadline has passed, in a turn. */
  protected abstract timedOut(): void

  protected get now(): number {
    return this.host.reconciler.moment.now
  }

  /** Brings parts to rest within `timeout` milliseconds from now. */
  protected bring(parts: readonly Part[], timeout: number): void {
    this.stage = 'down'
    this.host.falling = true
    this.left = 0
    this.#hurried = false
    for (const part of parts) {
      const { record } = part
      if (!record.isLive && record.phase !== 'pending') {
        part.done = true
        continue
      }
      this.left++
      record.stops = append(record.stops, part)
    }
    this.#brought = parts
    this.#stopBy = this.now + timeout
    this.host.touch(this)
    if (this.left > 0) this.host.reconciler.deadlines.arm(this, this.#stopBy - Math.min(1_000, timeout / 10))
  }

  /** A deadline of this operation has passed. */
  due(): void {
    this.host.reconciler.post(() => {
      if (this.stage === 'down') this.#hurry()
      else if (this.stage === 'up') this.timedOut()
    })
  }

  /** The last tenth: no order any more, what is still up is stopped at once; half of what is left is for its hooks (R31). */
  #hurry(): void {
    const { reconciler } = this.host
    if (!this.#hurried && this.left > 0) {
      this.#hurried = true
      const half = this.now + (this.#stopBy - this.now) / 2
      for (const { record, done } of this.#brought) {
        if (done) continue
        reconciler.life.hurry(record, half, this.#stopBy)
        reconciler.life.end(record, record.stopReason ?? record.downReason, 'asked')
      }
    }
  }

  rested(part: Part): void {
    part.record.unawait(part)
    if (part.done) return
    part.done = true
    if (--this.left === 0) this.host.touch(this)
  }

  unclean(part: Part, error: KeelsonError): void {
    if (part.error === undefined) part.error = error
    else if (part.error !== error) suppress(part.error, error)
  }

  /** No longer waits for what it was bringing to rest. */
  protected letGo(): void {
    for (const part of this.parts) if (!part.done) part.record.unawait(part)
    this.left = 0
  }

  /** It is over: its promise settles when this turn is. */
  protected end(outcome: OperationOutcome, ...error: [] | [unknown]): void {
    if (this.stage === 'over') return
    this.stage = 'over'
    this.#outcome = outcome
    this.#rejects = error.length > 0
    this.#error = error[0]
    this.signal?.removeEventListener('abort', this.#onAbort)
    this.host.reconciler.deadlines.disarm(this)
    this.host.finish(this)
  }

  /** The waiting is over before the operation is: its caller gave up on it. */
  protected rejectEarly(reason: unknown): void {
    this.#rejects = true
    this.#error = reason
    this.#outcome = 'cancelled'
    this.signal?.removeEventListener('abort', this.#onAbort)
    this.host.finish(this)
  }

  /** Settles the promise; called once the turn is over, its events are queued by now. */
  *settle(): Piecework {
    if (this.#settled) return
    this.#settled = true
    if (this.#rejects) this.#reject(this.#error)
    else {
      const { now } = this
      const services: ServiceOutcome[] = []
      yield* inPieces(this.parts, (part) => void services.push(row(part)))
      this.#resolve(this.report('done', services, now))
    }
  }

  /** Publishes its end; what it is about must be readable by now. */
  publishEnd(): void {
    if (this.#settled || this.id === 0) return
    this.host.reconciler.log.publish('operation', this.beginSeq, {
      operation: this.kind,
      ...(this.target === undefined ? {} : { target: this.target }),
      id: this.id,
      phase: 'end',
      outcome: this.#outcome,
      ...(this.#rejects ? { error: this.#error } : {}),
    })
  }

  report(
    outcome: OperationOutcome,
    services: ServiceOutcome[] = this.parts.map(row),
    now: number = this.now,
  ): OperationReport {
    const { kind, target, parts } = this
    return Object.freeze({
      operation: kind,
      ...(target === undefined ? {} : { target }),
      outcome,
      duration: now - this.#beganAt,
      services: Object.freeze(services),
      criticalPath: Object.freeze(criticalPath(kind, parts, this.host.nextMark())),
    })
  }

  /** The parts whose stop was not clean, as one error; `undefined` if all were. */
  protected incomplete(): KeelsonError | undefined {
    const culprits = this.parts.filter((part) => part.error !== undefined)
    const first = culprits[0]
    if (first?.error === undefined) return undefined
    const error = new KeelsonError(
      'STOP_INCOMPLETE',
      `${this.subject} - did not stop cleanly: ${culprits.map(({ error: e }) => e?.message).join('; ')}`,
      {
        cause: first.error,
        report: this.report('failed'),
      },
    )
    for (const { error: other } of culprits.slice(1)) suppress(error, other)
    return error
  }

  protected cancelled(by: string): KeelsonError {
    return new KeelsonError(
      'CANCELLED',
      `${this.subject} - was overtaken by a later ${by}; call it again if it is still wanted`,
      { report: this.report('cancelled') },
    )
  }

  protected get subject(): string {
    return this.target === undefined ? this.kind : `${this.kind} '${this.target}'`
  }

  /** Makes a part that wants `record` up. */
  protected claim(record: Record, essential: boolean, isTarget: boolean): Part {
    const part = new Part(this, record, essential, isTarget)
    record.claims = append(record.claims, part)
    this.parts.push(part)
    return part
  }
}
