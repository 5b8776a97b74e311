// Exchanging a service for another of the same name (R49): stop the old one, swap at rest, start the new one.
// If that start fails the old one is put back and started again, by the very same way.

import { KeelsonError } from '../errors.js'
import type { ServiceCore } from './core.js'
import type { OperationHost } from './operation.js'
import { type Exchanging, Part, type Record } from './record.js'
import { StartOperation, type StartRequest } from './start.js'

export class ReplaceOperation extends StartOperation implements Exchanging {
  readonly #next: ServiceCore
  readonly #record: Record
  #old: ServiceCore | undefined
  #swapped = false
  #undoing = false

  constructor(host: OperationHost, request: StartRequest, record: Record, next: ServiceCore) {
    super(host, request)
    this.#record = record
    this.#next = next
  }

  protected override apply(): void {
    const record = this.#record
    const { topology } = this.host
    try {
      topology.find(record.name)
      topology.fits(record, this.#next)
      if (record.desired) this.#requirements()
    } catch (error) {
      this.#next.keeper = undefined
      this.end('failed', error)
      return
    }
    this.#old = record.core
    record.replacement = this.#next
    record.exchanging = this
    if (record.desired) {
      this.claim(record, true, true)
      this.begun()
      return
    }
    // It is down, or on its way: only exchanged.
    const part = new Part(this, record, true, true)
    this.parts.push(part)
    this.host.reconciler.look(record, this.beginSeq)
    this.stage = 'down'
  }

  /** All that the new one requires must be there before the old one is touched. */
  #requirements(): void {
    for (const { name, optional } of this.#next.declared.edges) {
      if (optional || (this.host.topology.get(name) !== undefined && this.host.topology.get(name)?.removing === false)) continue
      throw new KeelsonError('DEPENDENCY_MISSING', `service '${this.#record.name}' - requires '${name}', which is not registered${this.host.topology.hint(name)}`)
    }
  }

  exchanged(): void {
    const record = this.#record
    record.exchanging = undefined
    record.gaveUp = record.completed = record.retrying = false
    record.failedWait = undefined
    record.failures = record.dueAt = record.attempt = record.ticket = record.connectivity = 0
    this.host.touch(this)
    if (this.#undoing) return
    this.#swapped = true
    if (this.#old !== undefined) this.#old.keeper = this.#next.keeper // it may come back
    if (this.stage === 'up') {
      try {
        for (const required of this.#required()) {
          this.want(required, true, false)
          this.host.reconciler.look(required, this.beginSeq)
          this.host.reconciler.neighbours.refresh(required)
        }
        this.recount()
      } catch (error) {
        this.failure = { cause: error as KeelsonError, part: undefined }
      }
    }
  }

  *#required(): Iterable<Record> {
    const seen = new Set<Record>([this.#record])
    for (const record of seen) {
      if (record !== this.#record) yield record
      if (record.active && record.wanted) continue
      for (const { to, spec } of record.deps) if (!spec.optional && to.core !== undefined && !(to.active && to.wanted && to.desired && !to.ending)) seen.add(to)
    }
  }

  notExchanged(error: unknown): void {
    this.#record.exchanging = undefined
    this.failure = { cause: error as KeelsonError, part: undefined }
    this.#swapped = false
    this.host.touch(this)
  }

  override judge(): void {
    if (this.stage === 'down' && this.#record.exchanging === this) return
    if (this.stage !== 'down' || this.#undoing) return super.judge()
    this.#forget()
    this.end('done') // it was down, and is exchanged
  }

  /** The old one will not come back: it may go elsewhere. */
  #forget(): void {
    if (this.#old !== undefined && this.#record.core !== this.#old) this.#old.keeper = undefined
  }

  protected override undo(why: 'rollback' | 'cancelled'): void {
    const record = this.#record
    this.#undoing = true
    record.replacement = this.#swapped ? this.#old : undefined
    record.exchanging = this.#swapped ? this : undefined
    // Whatever becomes of this call, the service itself stays wanted.
    if (!record.manual && !record.shut) record.wanted = true
    super.undo(why)
    this.host.reconciler.look(record, this.beginSeq)
  }

  protected override persist(): void {
    super.persist()
    if (!this.#swapped) {
      // A stop came before anything was exchanged: nothing is.
      this.#record.replacement = undefined
      this.#record.exchanging = undefined
      this.#next.keeper = undefined
    } else this.#forget()
  }

  protected override undone(): void {
    if (this.#record.core !== this.#next) this.#next.keeper = undefined
    super.undone()
  }
}

