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
  #deadlines: { readonly from: number; readonly until: number; readonly stalledThen: number; readonly of: Called }[] =
    []

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
    this.called = undefined
    for (const call of this.#early.length > 0 ? [...this.#early, ...this.open.values()] : this.open.values()) {
      const { seen } = call
      if (call.begin !== undefined || seen.aborted === true || KINDS[seen.call] !== event.operation) continue
      if (seen.target !== event.target) continue
      call.begin = event
      if (call === this.#early[0]) this.#early.shift()
      call.beganAt = now
      this.called = call
      this.operations.set(event.id, call)
      if (event.operation !== 'register') this.#deadline(call, now)
      return
    }
  }

  /** Whether some operation may be in the last tenth of its time, in which no order is kept (R31). */
  isHurried(now: number, stalled: number): boolean {
    for (const { from, until, stalledThen, of } of this.#deadlines)
      if (from <= now && (now <= until + stalled - stalledThen + 1 || of.end === undefined)) return true
    return false
  }

  /** It counts from when the operation began, which was not before the call and may be told late: its turn can block. */
  #deadline(call: Called, now: number): void {
    const { seen } = call
    const stops =
      seen.call === 'stop' || seen.call === 'stopService' || seen.call === 'unregister' || seen.call === 'dispose'
    const timeout = (stops ? seen.timeout : undefined) ?? this.#shutdownTimeout
    this.#deadlines = this.#deadlines.filter(
      ({ until, stalledThen, of }) => of.end === undefined || until + call.stalledThen - stalledThen + 1 >= now,
    )
    this.#deadlines.push({
      from: seen.at + timeout - Math.min(1_000, timeout / 10),
      until: seen.at + timeout,
      stalledThen: call.stalledThen,
      of: call,
    })
  }

  /** A refused call has no events: those that were taken for its own belong to the next of its kind, and so on. */
  #refused(call: Called): void {
    let { begin, beganAt, end } = call
    for (const next of this.open.values()) {
      if (begin === undefined) break
      const { seen } = next
      if (seen.id < call.seen.id || seen.aborted === true) continue
      if (KINDS[seen.call] !== begin.operation || seen.target !== begin.target) continue
      if (end === undefined) this.operations.set(begin.id, next)
      const { begin: nextBegin, beganAt: nextBeganAt, end: nextEnd } = next
      Object.assign(next, { begin, beganAt, end })
      begin = nextBegin
      beganAt = nextBeganAt
      end = nextEnd
      if (begin === undefined) Object.assign(call, { begin: undefined, beganAt: -1, end: undefined })
    }
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
    end: undefined,
    abortedAt: -1,
    abortReason: undefined,
    settled: undefined,
  }
}
