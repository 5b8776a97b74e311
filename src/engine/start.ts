// Operations that bring services up: start, startService, restartService (R6, R29, R34).
// A start is a set of claims. Success, or `keep`, makes them permanent; rollback and abortion withdraw them and let the
// reconciler do the rest. The promise reports; it drives nothing.

import { KeelsonError, suppress } from '../errors.js'
import type { OperationKind } from '../events.js'
import { Operation, type OperationHost } from './operation.js'
import { Down, type Part, type Record } from './record.js'
import type { Need, Topology } from './topology.js'
import { inPieces, type Piecework } from './turn.js'

/** What happens to what a start wanted when it fails. */
export type OnFailure = 'rollback' | 'keep' | 'retry'

export interface StartRequest {
  readonly kind: OperationKind
  /** The service it names; without one it is all that start by themselves. */
  readonly target: string | undefined
  readonly onFailure: OnFailure
  readonly timeout: number
  readonly signal: AbortSignal | undefined
}

export class StartOperation extends Operation {
  protected readonly onFailure: OnFailure
  protected readonly timeout: number
  #pending = 0
  /** Why it fails, and the service it fails by, if it is one. */
  protected failure: { readonly cause: KeelsonError; readonly part: Part | undefined } | undefined
  /** The orchestrator was running before this start. */
  #ran = false
  #abortedWith: readonly unknown[] | undefined

  constructor(host: OperationHost, { kind, target, onFailure, timeout, signal }: StartRequest) {
    super(host, kind, target, signal)
    this.onFailure = onFailure
    this.timeout = timeout
  }

  protected override *apply(): Piecework {
    if (this.target !== undefined && this.host.topology.get(this.target)?.removing === true) {
      this.end('cancelled', this.cancelled('unregister'))
      return
    }
    try {
      yield* this.raise(this.roots())
    } catch (error) {
      this.end('failed', error)
      return
    }
    yield* this.begun()
  }

  /** Its claims are made: from now on it waits. */
  protected *begun(): Piecework {
    const { reconciler } = this.host
    this.stage = 'up'
    yield* inPieces(this.parts, ({ record }) => {
      reconciler.look(record, this.beginSeq)
      reconciler.neighbours.refresh(record)
    })
    this.recount()
    this.host.touch(this)
    if (this.timeout < Infinity) reconciler.deadlines.arm(this, this.now + this.timeout)
  }

  protected recount(): void {
    this.#pending = this.parts.filter(({ essential, ok }) => essential && !ok).length
  }

  /** The services it is about, before what they require. */
  protected roots(): Record[] {
    const { topology } = this.host
    if (this.target === undefined)
      return [...topology.records.values()].filter((record) => record.settings.autoStart && !record.removing)
    return [topology.find(this.target)]
  }

  /** Wants the roots and all they require, as far as it is not up; checks all of it before it touches any (R6, R10). */
  protected *raise(roots: readonly Record[]): Piecework {
    const wanted = yield* this.closure(roots)
    if (this.target === undefined) this.#reopen()
    const mark = this.host.nextMark()
    if (this.target === undefined) markEssential(this.host.topology, roots, mark)
    const essential = wanted.map((record) => this.target !== undefined || record.mark === mark)
    yield* inPieces(wanted, (record, i) => {
      this.want(record, essential[i] === true, i < roots.length)
    })
  }

  /** All of it is to run: what was shut is so no longer, and a stop under way is overtaken. */
  #reopen(): void {
    this.#ran = this.host.running
    this.host.running = true
    this.host.topology.records.forEach((record) => {
      if ((record.down & Down.shut) !== 0) {
        record.wanted = false
        record.withdrawn = 'shutdown'
        record.down &= ~Down.shut
      }
      if (record.stop !== undefined) record.stop.orderAll = false // the order of a shutdown ends with it
      if (record.ending) this.host.reconciler.look(record)
    })
    for (const operation of [...this.host.shutdowns]) operation.overtake()
  }

  /**
   * The roots and behind them what they require, as far as that is not up; throws if something is missing. Looks behind a
   * root that is up only if it is `named`: it may run without what it requires (`onLoss: 'keep'`). Nobody else marks
   * records between its pieces: that is done at the end of a turn.
   */
  protected *closure(roots: readonly Record[], named = true): Piecework<Record[]> {
    const mark = this.host.nextMark()
    const wanted: Record[] = []
    roots.forEach((root) => {
      if (root.mark === mark) return
      root.mark = mark
      wanted.push(root)
    })
    yield* inPieces(wanted, (record) => {
      if (!named && this.#isUp(record)) return
      const needs = this.host.topology.needs(record)
      for (let k = 0; k < needs.length; k++) {
        const { to, spec } = needs[k] as Need
        if (spec.optional || to.mark === mark) continue
        if (to.core === undefined || to.removing) {
          throw this.host.topology.missing(record.name, to.name)
        }
        if (this.#isUp(to)) continue
        to.mark = mark
        wanted.push(to)
      }
    })
    return wanted
  }

  /** It and all it requires is up and stays so. */
  #isUp(record: Record): boolean {
    return record.active && !record.ending && record.wanted && record.desired && !this.host.falling
  }

  protected want(record: Record, essential: boolean, isRoot: boolean): void {
    const named = isRoot && this.target !== undefined
    if (named && (!record.active || this.kind === 'restart')) record.completed = false
    record.overtake()
    record.down &= ~(Down.manual | Down.shut)
    if (named && this.kind === 'restart' && record.isLive && record.state !== 'stopping')
      record.leastEpoch = record.epoch + 1
    this.claim(record, essential, isRoot)
    if (record.isLive) {
      // What is completing is not run again, unless it is named.
      if (record.ending || (record.state === 'stopping' && (named || record.stop?.fate !== 'completed')))
        record.stopping(this.host.reconciler.moment.instant).remembered = true
      if (named) record.failures = 0
      return
    }
    record.failures = 0
    record.gaveUp = false
    if (record.paused) record.pausing.failedWait = undefined
    if (!isRoot || (!named && record.completed)) return
    // A start by name, or of all, does not wait for a backoff.
    if (record.paused) record.pausing.dueAt = record.pausing.ticket = 0
    if (record.attempt > 0) record.pausing.renewed = true
    record.retrying = false
  }

  override judge(): void {
    if (this.stage === 'down') {
      if (this.left === 0) this.undone()
      return
    }
    if (this.stage !== 'up') return
    if (this.failure !== undefined) this.giveUp()
    else if (this.#pending === 0) {
      this.persist()
      if (this.target === undefined && this.host.shutdowns.size === 0) this.host.running = true
      this.end('done')
    }
  }

  override changed(part: Part): void {
    if (this.stage !== 'up' || !part.essential) return
    this.#pending += part.ok ? -1 : 1
    if (this.#pending === 0) this.host.touch(this)
  }

  override failed(part: Part, error: KeelsonError, final: boolean): void {
    if (this.stage !== 'up' || !part.essential || this.failure !== undefined) return
    if (this.onFailure === 'retry' && !final) return
    this.failure = { part, cause: error }
    this.host.touch(this)
  }

  protected override timedOut(): void {
    const late = this.parts
      .filter(({ essential, ok }) => essential && !ok)
      .map(({ record }) => `'${record.name}' is ${record.state}`)
    const cause = new KeelsonError(
      'START_TIMEOUT',
      `${this.subject} - was not done within ${this.timeout} ms: ${late.slice(0, 5).join(', ')}; raise the timeout, or ask explain()`,
    )
    this.failure = { cause, part: undefined }
    this.giveUp()
  }

  /** The start has failed: keeps what it wanted, or takes it back. */
  protected giveUp(): void {
    if (this.onFailure === 'keep') {
      this.persist()
      this.end('failed', this.incompleteStart())
    } else this.undo('rollback')
  }

  protected incompleteStart(): KeelsonError {
    const { cause } = this.failure ?? {}
    return new KeelsonError('START_INCOMPLETE', `${this.subject} - failed: ${cause?.message}`, {
      cause,
      report: this.report('failed'),
    })
  }

  protected override aborted(reason: unknown): void {
    if (this.stage === 'down') return // its first cause stands
    this.#abortedWith = [reason]
    this.undo('cancelled')
  }

  /** Withdraws what this call alone wants and brings it to rest, under a fresh deadline. */
  protected undo(why: 'rollback' | 'cancelled'): void {
    const { reconciler } = this.host
    const resting: Part[] = []
    reconciler.deadlines.disarm(this)
    if (this.target === undefined) this.host.running = this.#ran
    for (const part of this.parts) {
      const { record } = part
      record.unclaim(part)
      if (!record.desired) {
        record.withdrawn = why
        if (why === 'rollback' && part === this.failure?.part) {
          record.pausing.culprit = record.lastError ?? this.failure.cause
        }
        reconciler.look(record, this.beginSeq)
      } else if (!this.rests(record)) continue
      resting.push(part)
    }
    this.bring(resting, this.host.shutdownTimeout)
  }

  /** Whether what stays wanted has to come to rest all the same. */
  protected rests(_record: Record): boolean {
    return false
  }

  /** What was withdrawn is at rest. */
  protected undone(): void {
    if (this.#abortedWith !== undefined) {
      this.end('cancelled', this.#abortedWith[0])
      return
    }
    const error = this.incompleteStart()
    for (const part of this.parts)
      if (part.error !== undefined && part.error !== error.cause) suppress(error, part.error)
    this.end('failed', error)
  }

  /** What it wants stays wanted. */
  protected persist(): void {
    this.parts.forEach((part) => {
      const { record } = part
      if (!record.claims.includes(part)) return // a stop took it
      record.unclaim(part)
      if ((record.down & (Down.manual | Down.shut)) === 0) record.wanted = true
    })
  }

  /** A later stop takes down something it needs, or its rollback was joined by a later start (R8). */
  override overtaken(part: Part): void {
    if (this.stage === 'down') {
      // Wanted again before its end began: it stays up.
      if (!part.record.ending && part.record.state !== 'stopping') this.rested(part)
      return
    }
    if (this.stage !== 'up') return
    if (!part.essential) {
      if (!part.record.desired) part.record.unclaim(part)
      return
    }
    this.persist()
    this.end('cancelled', this.cancelled('stop'))
  }
}

/** Marks the essential ones among the roots, and what they require over edges whose timeout fails them (R29, R30). */
export function markEssential(topology: Topology, roots: readonly Record[], mark: number): void {
  const found: Record[] = []
  for (const record of roots) if (record.settings.essential) find(record)
  for (const record of found)
    for (const { to, spec } of topology.needs(record)) if (!spec.optional && spec.onTimeout === 'fail') find(to)

  function find(record: Record): void {
    if (record.mark === mark) return
    record.mark = mark
    found.push(record)
  }
}
