// Exchanging a service for another of the same name (R49): stop the old one, swap at rest, start the new one.
// If that start fails the old one is put back and started again, by the very same way.

import { type KeelsonError, suppress } from '../errors.js'
import type { ServiceCore } from './core.js'
import type { OperationHost } from './operation.js'
import { Down, type Exchanging, Part, type Record } from './record.js'
import { StartOperation, type StartRequest } from './start.js'
import type { Piecework } from './turn.js'

export class ReplaceOperation extends StartOperation implements Exchanging {
  readonly #record: Record
  readonly #new: ServiceCore
  readonly #old: ServiceCore
  /** What is to take the place as soon as the service is at rest. */
  next: ServiceCore | undefined
  #undoing = false
  /** The service was down, or on its way there, when the exchange was asked for. */
  #onlySwaps = false

  /** From here on both services belong to the engine, and no other exchange of them begins. */
  constructor(host: OperationHost, request: StartRequest, record: Record, old: ServiceCore, next: ServiceCore) {
    super(host, request)
    this.#record = record
    this.#old = old
    this.#new = next
    next.keeper = old.keeper
    record.exchanging = this
  }

  protected override *apply(): Piecework {
    const record = this.#record
    if (record.removing) return this.end('cancelled', this.cancelled('unregister'))
    try {
      this.host.topology.find(record.name)
      this.host.topology.fits(record, this.#new)
      // All that the new one requires is there, and wanted, before the old one is touched.
      const required = record.desired ? yield* this.closure(this.#required(), false) : []
      this.#swap(this.#new)
      if (record.desired) this.claim(record, true, true)
      for (const each of required) this.want(each, true, false)
    } catch (error) {
      this.#free()
      this.end('failed', error)
      return
    }
    if (record.desired) yield* this.begun()
    else {
      // It is down, or on its way there: only exchanged.
      this.parts.push(new Part(this, record, true, true))
      this.stage = 'down'
      this.#onlySwaps = true
      this.host.reconciler.deadlines.arm(this, this.now + this.timeout)
    }
  }

  override due(): void {
    if (!this.#onlySwaps) return super.due()
    this.host.reconciler.post(() => {
      if (this.next !== undefined) this.timedOut()
    })
  }

  protected override giveUp(): void {
    if (!this.#onlySwaps) return super.giveUp()
    this.next = undefined
    this.end('failed', this.incompleteStart())
  }

  protected override aborted(reason: unknown): void {
    if (!this.#onlySwaps || this.next === undefined) return super.aborted(reason)
    this.next = undefined
    this.end('cancelled', reason)
  }

  #required(): Record[] {
    return this.#new.edges.flatMap(({ name, optional }) => {
      if (optional) return []
      const record = this.host.topology.get(name)
      if (record !== undefined && !record.removing) return [record]
      throw this.host.topology.missing(this.#record.name, name)
    })
  }

  #swap(core: ServiceCore): void {
    this.next = core
    this.host.reconciler.look(this.#record, this.beginSeq)
  }

  exchanged(): void {
    const record = this.#record
    this.next = undefined
    record.gaveUp = record.completed = record.retrying = false
    record.failures = record.connectivity = 0
    record.gate = undefined
    if (record.paused) Object.assign(record.pausing, { failedWait: undefined, dueAt: 0, delayedUntil: 0, ticket: 0 })
    if (record.attempt > 0) record.pausing.renewed = true
    // The one that was taken out may come back, and goes nowhere until it is clear that it does not.
    const out = record.core === this.#new ? this.#old : this.#new
    out.keeper = record.core?.keeper
    // It is wanted for good, whatever becomes of this call: so is what it requires now. Starts have claimed that.
    if (this.stage === 'down' && record.wanted && record.down === 0) this.host.require(record)
    // It waits for whoever is gone by now; the starts that wanted it do not (R10).
    const gone = record.deps.find(({ to, spec }) => !spec.optional && to.core === undefined)?.to.name
    if (gone !== undefined)
      for (const part of record.claims) part.driver.failed(part, this.host.topology.missing(record.name, gone), true)
    else if (this.#isInVain()) for (const part of record.claims.slice()) part.driver.overtaken(part)
    this.host.touch(this)
  }

  /** It waits, transitively, for one that was told to be down when nobody knew that it would be needed (R8). */
  #isInVain(): boolean {
    const awaited = new Set([this.#record])
    for (const { deps } of awaited)
      for (const edge of deps)
        if (!edge.spec.optional && ((edge.to.down > 0 && edge.to.isLive) || !edge.opens())) awaited.add(edge.to)
    return [...awaited].some(({ down }) => down > 0)
  }

  notExchanged(error: unknown): void {
    this.next = undefined
    if (this.#onlySwaps) return this.end('failed', error)
    // If it was to put the old one back, the new one goes on in its place, and why it failed comes first.
    if (this.failure === undefined) this.failure = { cause: error as KeelsonError, part: undefined }
    else suppress(this.failure.cause, error as KeelsonError)
    this.host.touch(this)
  }

  override judge(): void {
    if (this.stage === 'down' && this.next !== undefined) return
    if (this.stage !== 'down' || this.#undoing) return super.judge()
    this.end('done')
  }

  protected override undo(why: 'rollback' | 'cancelled'): void {
    const record = this.#record
    this.#undoing = true
    if (record.core === this.#new) this.#swap(this.#old)
    else this.next = undefined
    // Whatever becomes of this call, the service itself stays wanted.
    if ((record.down & (Down.manual | Down.shut)) === 0) record.wanted = true
    super.undo(why)
    this.host.reconciler.look(record, this.beginSeq)
  }

  /** The one that failed is gone before the old one is back. */
  protected override rests(record: Record): boolean {
    return record === this.#record && record.isLive && this.next !== undefined
  }

  /** A stop came: what has not been exchanged by then is not. */
  protected override persist(): void {
    super.persist()
    if (this.#record.core !== this.#new) this.next = undefined
  }

  protected override end(outcome: 'done' | 'failed' | 'cancelled', ...error: [] | [unknown]): void {
    this.#free()
    super.end(outcome, ...error)
  }

  /** The one that is not registered is free to go elsewhere. */
  #free(): void {
    if (this.#record.exchanging === this) this.#record.exchanging = undefined
    for (const core of [this.#old, this.#new]) if (core !== this.#record.core) core.keeper = undefined
  }
}
