// One turn after the other (R44): inputs are applied, services are stepped to a fixed point, hooks entered, events
// delivered. A turn that would hold the host for long continues in a later task, cut between two services (R45).
// Knows the order of these things and nothing of what they are.

import type { Clock } from './ports.js'

/** The parts of a turn, in their order. */
export interface TurnWork {
  /** Called at the beginning of every slice, and after hooks have run. */
  began(): void
  /** One more service closer to the fixed point; `false` when it is reached. */
  step(): boolean
  /** Delivers what is queued; returns how much that was. */
  deliver(): number
  /** The turn is over: what it decided may be told to those who wait. */
  ended(): void
}

/** Units of work after which the time is looked at, and the milliseconds that a slice may last. */
const UNITS = 32
const SLICE = 8

/** Hooks that are entered together; they are the user's, and may take any time. */
const HOOKS = 64

const settled = Promise.resolve()

export class Turn {
  readonly #work: TurnWork
  readonly #clock: Clock
  #inputs: (() => void)[] = []
  #hooks: (() => void)[] = []
  #running = false
  #scheduled = false
  #paused = false
  /** The fixed point of the turn has not been reached. */
  #open = false
  #units = 0
  #lookAt = UNITS
  #sliceBegan = 0
  #awaitingTask = false

  constructor(work: TurnWork, clock: Clock) {
    this.#work = work
    this.#clock = clock
  }

  /** An input for the next turn. */
  post(input: () => void): void {
    this.#inputs.push(input)
    this.wake()
  }

  /** User code, to be entered when this slice has decided all it will. */
  enter(hook: () => void): void {
    this.#hooks.push(hook)
    this.wake()
  }

  /** Sees to it that there will be a turn. A reaction to a settled promise is the cheapest way to a microtask. */
  wake(): void {
    if (this.#running || this.#scheduled || this.#paused) return
    this.#scheduled = true
    void settled.then(this.run)
  }

  /** Runs turns until there is nothing left to do, or the host wants its thread back. */
  readonly run = (): void => {
    this.#scheduled = false
    if (this.#running || this.#paused) return
    this.#running = true
    try {
      do this.#work.began()
      while (this.#slice())
    } finally {
      this.#running = false
    }
  }

  /** Returns whether there is more to do now. */
  #slice(): boolean {
    if (!this.#open) {
      const inputs = this.#inputs
      this.#inputs = []
      for (const input of inputs) input()
      this.#units += inputs.length
      this.#open = true
    }
    let more = true
    do {
      while (more && this.#hooks.length < HOOKS && !this.#tired()) more = this.#work.step()
      this.#enter()
    } while (more && !this.#late())
    this.#units += this.#work.deliver()
    if (more) return this.#pause()
    if (this.#hooks.length > 0) return true
    this.#open = false
    this.#work.ended()
    if (this.#inputs.length === 0 && this.#hooks.length === 0 && this.#work.deliver() === 0) return false
    return this.#tired() ? this.#pause() : true
  }

  /** Counts a unit of work; looks at the time now and then. Turns that no task separates share one measure. */
  #tired(): boolean {
    if (++this.#units < this.#lookAt) return false
    this.#lookAt = this.#units + UNITS
    if (!this.#awaitingTask) {
      this.#awaitingTask = true
      this.#sliceBegan = this.#clock.now()
      this.#clock.defer(this.#task)
    }
    return this.#clock.now() - this.#sliceBegan > SLICE
  }

  #enter(): void {
    if (this.#hooks.length === 0) return
    const hooks = this.#hooks
    this.#hooks = []
    for (const hook of hooks) hook()
    this.#units += hooks.length
    this.#work.began() // they took their time
  }

  /** Whether this slice has lasted long enough; a slice of few units is not measured. */
  #late(): boolean {
    return this.#units >= UNITS && (this.#tired() || this.#clock.now() - this.#sliceBegan > SLICE)
  }

  #pause(): false {
    this.#paused = true
    return false
  }

  /** A new task of the host: a new measure. */
  readonly #task = (): void => {
    this.#awaitingTask = false
    this.#units = 0
    this.#lookAt = UNITS
    if (!this.#paused) return
    this.#paused = false
    this.run()
  }
}
