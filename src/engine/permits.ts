// Who may start now: at most so many starts at once, at most so many retries in flight (R12, R21).
// Two queues in the order of becoming able to run; one that no longer may is passed over. A grant is made inside a turn
// and never waits for a later microtask, which is why this is no promise queue: R21 and R23 hold after every turn.

import type { Record } from './record.js'

interface Waiting {
  readonly record: Record
  readonly ticket: number
}

export class Permits {
  readonly #starts: Line
  readonly #retries: Line
  #ticket = 0

  constructor(maxStarts: number, maxRetries: number) {
    this.#starts = new Line(maxStarts)
    this.#retries = new Line(maxRetries)
  }

  /** Takes what `record` needs to start, if it is to be had and nobody waits for it longer. */
  take(record: Record): boolean {
    const { retrying } = record
    if (record.pause.ticket !== 0) return false // waits in line
    if (
      this.#starts.free &&
      (!retrying || this.#retries.free) &&
      this.#starts.empty &&
      (!retrying || this.#retries.empty)
    ) {
      this.#grant(record)
      return true
    }
    const ticket = ++this.#ticket
    record.pausing.ticket = ticket
    ;(retrying ? this.#retries : this.#starts).queue.push({ record, ticket })
    return false
  }

  /** The next in line that can have what it needs, with its permits taken; `undefined` when there is none. */
  next(): Record | undefined {
    if (!this.#starts.free) return undefined
    const start = this.#starts.head
    const retry = this.#retries.free ? this.#retries.head : undefined
    const first = start === undefined || (retry !== undefined && retry.ticket < start.ticket) ? retry : start
    if (first === undefined) return undefined
    first.record.pausing.ticket = 0
    this.#grant(first.record)
    return first.record
  }

  /** Gives back what `record` holds; harmless if it holds nothing. */
  release(record: Record): void {
    if (record.permits > 0) this.#starts.busy--
    if (record.permits > 1) this.#retries.busy--
    record.permits = 0
  }

  #grant(record: Record): void {
    record.permits = record.retrying ? 2 : 1
    this.#starts.busy++
    if (record.retrying) this.#retries.busy++
  }
}

class Line {
  busy = 0
  readonly #limit: number
  queue: Waiting[] = []
  #first = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get free(): boolean {
    return this.busy < this.#limit
  }

  get empty(): boolean {
    return this.head === undefined
  }

  /** The first that still waits. */
  get head(): Waiting | undefined {
    for (; this.#first < this.queue.length; this.#first++) {
      const waiting = this.queue[this.#first] as Waiting
      if (waiting.record.pause.ticket === waiting.ticket) return waiting
    }
    if (this.#first > 0) {
      this.queue = []
      this.#first = 0
    }
    return undefined
  }
}
