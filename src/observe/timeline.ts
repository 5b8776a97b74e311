// The times of events, made fit for durations: their timestamps are of the wall clock, which may be set while they run.
// Each is taken to the monotonic clock by the distance of the two clocks when it is delivered.

import type { Clock } from '../index.js'

/** More than what two readings of whole milliseconds can differ by: somebody has set the wall clock. */
const SET = 1.5

/** Monotonic times of events. */
export class Timeline {
  readonly #clock: Clock
  #distance: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#distance = clock.wall() - clock.now()
  }

  /** The monotonic time of a wall-clock one that has just been. */
  of(timestamp: number): number {
    const distance = this.#clock.wall() - this.#clock.now()
    if (Math.abs(distance - this.#distance) > SET) this.#distance = distance
    return timestamp - this.#distance
  }

  /** Now, as a wall-clock time. */
  wall(): number {
    return this.#clock.wall()
  }
}
