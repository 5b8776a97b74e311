// Where events come from: the operation, or the incident, at the beginning of the chain of `causedBy` (R42).
// Follows the chain forward, one look per event, and forgets what is long past: a chain can be as long as a process lives.

import type { Span } from './observer.js'

/** What a start or stop is part of: a call, or what a service did by itself. */
export interface Origin {
  /** The span that what comes from it is a child of; `undefined` until it has one, or if the observer made none. */
  span: Span | undefined
  /** The call is under way: what its services do by themselves is still part of it. */
  open: boolean
  /** What a call asked of which service; absent of what a service did by itself. */
  readonly key?: string
  /** Of the event that it began with. */
  readonly seq: number
  /** When it began: its times run with the monotonic clock from here. */
  readonly wall: number
  readonly now: number
}

/** The wall-clock time of a monotonic one, as the spans of an origin tell it. */
export function timeIn(origin: Origin, now: number): number {
  return origin.wall + now - origin.now
}

/** How many stretches of events of one origin are remembered. */
const STRETCHES = 4_096

/** Origins of events by their `seq`. */
export class Origins {
  /** Where a stretch of events of one origin begins; a list of its own for each field, since both are long. */
  #from: number[] = []
  #origin: Origin[] = []

  /** The event of this number, higher than all before, comes from there. */
  note(seq: number, origin: Origin): void {
    if (this.#origin.at(-1) === origin) return
    this.#from.push(seq)
    this.#origin.push(origin)
    if (this.#from.length < 2 * STRETCHES) return
    this.#from = this.#from.slice(STRETCHES)
    this.#origin = this.#origin.slice(STRETCHES)
  }

  /** Where the event of this number comes from, if it was noted and is not long past. */
  of(seq: number): Origin | undefined {
    let [low, high] = [0, this.#from.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#from[middle] as number) <= seq) low = middle + 1
      else high = middle
    }
    return this.#origin[low - 1]
  }
}
