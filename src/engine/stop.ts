// Operations that bring services to rest: stop, stopService, unregister (R6, R31, R48).
// They change desires and set a deadline; the order is the reconciler's. Aborting one ends the waiting, not the stop.

import type { OperationKind } from '../events.js'
import { leans } from '../kernel/edge.js'
import type { CallOptions } from '../service.js'
import { Operation, type OperationHost } from './operation.js'
import { Part, type Record } from './record.js'
import { inPieces, type Piecework } from './turn.js'

export interface StopRequest {
  readonly kind: OperationKind & ('stop' | 'unregister')
  /** The service it names; without one it is all of them. */
  readonly target: string | undefined
  readonly options: CallOptions
  /** What it wants down; it must not be empty for a named service. */
  readonly targets: () => readonly Record[]
  /** Makes it known that they are to be down. */
  readonly mark: (record: Record) => void
  /** Called when all is at rest, before the promise settles. */
  readonly done?: () => void
}

export class StopOperation extends Operation {
  readonly #request: StopRequest

  constructor(host: OperationHost, request: StopRequest) {
    super(host, request.kind, request.target, request.options.signal)
    this.#request = request
  }

  protected override *apply(): Piecework {
    const { reconciler } = this.host
    let targets: readonly Record[]
    try {
      targets = this.#request.targets()
    } catch (error) {
      this.end('failed', error)
      return
    }
    const isAll = this.target === undefined
    const taken = isAll ? targets : [...takenDown(targets)]
    yield* inPieces(taken, (record) => {
      const part = new Part(this, record, true, this.parts.length < targets.length)
      part.wantsDown = true
      this.parts.push(part)
    })
    yield* inPieces(targets, (record) => {
      this.#request.mark(record)
      record.wanted = false
      if (record.stop !== undefined) record.stop.remembered = false
      record.leastEpoch = 0
    })
    const vain = isAll ? targets : [...needing(targets)]
    yield* inPieces(vain, ({ claims }) => {
      if (claims.length > 0) for (const part of [...claims]) part.driver.overtaken(part)
    })
    yield* inPieces(targets, (record) => {
      record.unclaim()
      reconciler.look(record, this.beginSeq)
    })
    this.bring(this.parts, this.#request.options.timeout ?? this.host.shutdownTimeout)
  }

  override judge(): void {
    if (this.stage !== 'down' || this.left > 0) return
    this.#request.done?.()
    const error = this.incomplete()
    if (error === undefined) this.end('done')
    else this.end('failed', error)
  }

  protected override aborted(reason: unknown): void {
    this.rejectEarly(reason)
  }

  /** A later start wants it up before it was at rest. */
  override overtaken(part: Part): void {
    if (!part.done && part.target) this.overtake()
  }

  override overtake(): void {
    if (this.stage !== 'down' || this.left === 0 || this.kind === 'unregister') return
    this.letGo()
    this.end('cancelled', this.cancelled('start'))
  }

  override changed(): void {}
  override failed(): void {}
  protected override timedOut(): void {}
}

/** The targets and behind them what goes down with them. */
function takenDown(targets: readonly Record[]): Set<Record> {
  const taken = new Set(targets)
  for (const record of taken)
    for (const { from, spec } of record.dependents) if (from.isLive && record.active && leans(spec)) taken.add(from)
  return taken
}

/** The targets and behind them what cannot be up without them: what is asked of it now is in vain. */
function needing(targets: readonly Record[]): Set<Record> {
  const all = new Set(targets)
  for (const record of all) {
    for (const { from, spec } of record.dependents) {
      const isDown = !from.isLive || from.lost || from.ending || from.state === 'stopping'
      if (!spec.optional && (isDown ? from.claims.length > 0 : record.active && leans(spec))) all.add(from)
    }
  }
  return all
}
