// The calls of a scene and the operations that they became: which `begin` and `end` belongs to which call, what is open,
// and when time runs short. Part of the chronicle; judges nothing.

import { isKeelsonError, type OperationEvent } from '../../index.js'
import type { Observation } from '../observation.js'

type Seen<Kind extends Observation['kind']> = Extract<Observation, { readonly kind: Kind }>

/** A call and what became of it. */
export interface Called {
  readonly seen: Seen<'call'>
  readonly stalledThen: number
  /** Its `begin` and `end` events; a call that was refused has none. */
  begin: OperationEvent | undefined
  beganAt: number
  /** Calls that the operation may belong to as well, should this one turn out to have been refused. */
  rivals: readonly Called[]
  end: OperationEvent | undefined
  abortedAt: number
  abortReason: unknown
  settled: Seen<'settled'> | undefined
}

/** Which kind of operation a call becomes. */
export const KINDS: Readonly<Record<Seen<'call'>['call'], string>> = {
  start: 'start',
  startService: 'start',
  restartService: 'restart',
  stop: 'stop',
  stopService: 'stop',
  dispose: 'stop',
  register: 'register',
  unregister: 'unregister',
  replace: 'replace',
}

/** Calls that have not settled, and operations that have not ended. */
export class Calls {
  readonly open: Map<number, Called> = new Map()
  /** Operations that have begun and not ended, by the id of their events. */
  readonly operations: Map<number, Called> = new Map()
  /** The call that the last observation was about. */
  called: Called | undefined
  /** Calls that resolved in a turn whose events are still to be told. */
  readonly #early: Called[] = []
  readonly #shutdownTimeout: number
  /** By the id of its operation, the last tenth of its time and when it may have ended at the latest. */
  readonly #deadlines = new Map<
    number,
    { readonly from: number; readonly until: number; readonly stalledThen: number }
  >()

  constructor(shutdownTimeout: number) {
    this.#shutdownTimeout = shutdownTimeout
  }

  call(seen: Seen<'call'>, stalledThen: number): void {
    this.called = called(seen, stalledThen)
    this.open.set(seen.id, this.called)
  }

  abort({ id, at, reason }: Seen<'abort'>): void {
    this.called = this.open.get(id)
    if (this.called === undefined) return
    this.called.abortedAt = at
    this.called.abortReason = reason
  }

  settled(seen: Seen<'settled'>): void {
    this.called = this.open.get(seen.id)
    this.open.delete(seen.id)
    if (this.called === undefined) return
    this.called.settled = seen
    if (this.called.begin === undefined && !seen.rejected) this.#early.push(this.called)
    if (this.called.begin !== undefined && this.called.end?.error !== seen.value && isRefusal(seen))
      this.#refused(this.called)
  }

  /** What was refused has settled by now: what is open is not. */
  quiet(): void {
    for (const call of this.operations.values()) call.rivals = []
  }

  /** An operation begins or ends; the call that began is the first of its kind that has not. */
  operation(event: OperationEvent, now: number): void {
    if (event.phase === 'end') {
      const ended = this.operations.get(event.id)
      this.operations.delete(event.id)
      this.called = ended
      if (ended !== undefined) ended.end = event
      return
    }
    // Calls take effect in the order in which they were made.
    const [call, ...rivals] = [...this.#early, ...this.open.values()].filter(
      ({ begin, seen }) =>
        begin === undefined &&
        seen.aborted !== true &&
        KINDS[seen.call] === event.operation &&
        seen.target === event.target,
    )
    this.called = call
    if (call === undefined) return
    if (call === this.#early[0]) this.#early.shift()
    this.#begins(call, event, now, rivals)
  }

  #begins(call: Called, event: OperationEvent, now: number, rivals: readonly Called[]): void {
    Object.assign(call, { begin: event, beganAt: now, rivals })
    this.operations.set(event.id, call)
    if (event.operation !== 'register') this.#deadline(event.id, call, now)
  }

  /** Whether some operation may be in the last tenth of its time, in which no order is kept (R31). */
  isHurried(now: number, stalled: number): boolean {
    for (const [id, { from, until, stalledThen }] of this.#deadlines)
      if (from <= now && (now <= until + stalled - stalledThen + 1 || this.operations.has(id))) return true
    return false
  }

  /** It counts from when the operation began, which was not before the call and may be told late: its turn can block. */
  #deadline(id: number, { seen, stalledThen }: Called, now: number): void {
    for (const [other, deadline] of this.#deadlines)
      if (!this.operations.has(other) && deadline.until + stalledThen - deadline.stalledThen + 1 < now)
        this.#deadlines.delete(other)
    const stops =
      seen.call === 'stop' || seen.call === 'stopService' || seen.call === 'unregister' || seen.call === 'dispose'
    const until = seen.at + ((stops ? seen.timeout : undefined) ?? this.#shutdownTimeout)
    this.#deadlines.set(id, { from: until - Math.min(1_000, (until - seen.at) / 10), until, stalledThen })
  }

  /** A refused call has no events: those that were taken for its own belong to the next of its kind, and so on. */
  #refused(call: Called): void {
    const { begin, beganAt, end, rivals } = call
    Object.assign(call, { begin: undefined, beganAt: -1, rivals: [], end: undefined })
    const [next, ...others] = rivals.filter(({ settled }) => settled === undefined)
    if (begin === undefined || next === undefined) return
    if (next.begin !== undefined) this.#refused(next)
    this.#begins(next, begin, beganAt, others)
    next.end = end
    if (end !== undefined) this.operations.delete(begin.id)
  }
}

const REFUSALS: readonly unknown[] = [
  'CLOSED',
  'SERVICE_NOT_FOUND',
  'SERVICE_IN_USE',
  'SERVICE_INVALID',
  'CONFIG_INVALID',
  'DEPENDENCY_CYCLE',
]

/** Whether a call may have been turned down at once, without ever becoming an operation. */
function isRefusal({ rejected, value }: Seen<'settled'>): boolean {
  return rejected && isKeelsonError(value) && REFUSALS.includes(value.code)
}

function called(seen: Seen<'call'>, stalledThen: number): Called {
  return {
    seen,
    stalledThen,
    begin: undefined,
    beganAt: -1,
    rivals: [],
    end: undefined,
    abortedAt: -1,
    abortReason: undefined,
    settled: undefined,
  }
}
