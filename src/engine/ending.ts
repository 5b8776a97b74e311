// The end of an epoch as data: what it came of, how long its hooks have, what went wrong in it, and when it was what.
// Made when it is asked for and kept for reports until the next epoch begins; written by the reconciler and Life.

import type { KeelsonError } from '../errors.js'
import type { FailureClass } from '../service.js'
import type { Instant } from './ports.js'

/** How an epoch came to its end: by a decision of somebody, by a failure, or of itself. */
export type Fate = 'asked' | 'failed' | 'completed'

/** The end of an epoch, from its being asked for until the next epoch begins. */
export class Ending {
  fate: Fate = 'asked'
  failure: FailureClass = 'transient'
  /** It waits for the dependents in `users`, not only for those in `leaning`. */
  orderAll = false
  /** When it was asked for, began, `onStop` was entered, and it was over; for reports. */
  asked: Instant
  began: Instant | undefined
  entered: Instant | undefined
  over: Instant | undefined
  /** Monotonic times until which the hooks that it waits for have time, and it as a whole. */
  hookBy: number = Infinity
  stopBy: number = Infinity
  /** Asked to start meanwhile. */
  remembered = false
  /** The time for it is over: what is left to dispose of is no longer waited for. */
  rushed = false
  unclean: KeelsonError[] | undefined
  /** What the `onStop` in flight was given; the disposer that is waited for. */
  closing: { abort(): void } | undefined
  awaitedDisposer: unknown = undefined

  constructor(asked: Instant) {
    this.asked = asked
  }
}
