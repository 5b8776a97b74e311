// One turn after the other (R44): inputs are applied, services are stepped to a fixed point, hooks entered, events
// delivered. A turn that would hold the host for long continues in a later task, cut between two services (R45).
// Knows the order of these things and nothing of what they are.

import type { Clock } from './ports.js'

/** The parts of a turn, in their order. */
export interface TurnWork {
  /** Time may have passed: called at the beginning, and after hooks and listeners have run. Returns what time it is. */
  passed(): number
  /** One more service closer to the fixed point; `false` when it is reached. */
  step(): boolean
  /** Hooks are about to be entered: what was decided may be shown. */
  decided(): void
  /** Delivers what is queued; returns how much that was. */
  deliver(): number
  /** The turn is over: what it decided may be told to those who wait; if that is much, in pieces. */
  ended(): Piecework | undefined
}

/** Units of work after which the time is looked at, and the milliseconds that a slice may last. */
const UNITS = 32
const SLICE = 8

/** Two turns with no more milliseconds between them are taken for parts of one task. */
const GAP = 1

/** Hooks that are entered together; they are the user's, and may take any time. */
const HOOKS = 64

const settled = Promise.resolve()

const NOTHING: unknown[] = []

/** Work that stops at every `yield`, so that the host may have its thread back in between. */
export type Piecework<Result = void> = Generator<undefined, Result>

/** Goes over a list, however long. */
export function* inPieces<Item>(list: readonly Item[], visit: (item: Item, i: number) => void): Piecework {
  for (let i = 0; i < list.length; i++) {
    visit(list[i] as Item, i)
    if (i % UNITS === UNITS - 1) yield
  }
}

/** What is to be called, and with what: no closure is made for what happens to every service. */
type Call<A, B> = (a: A, b: B) => void

/** Queues an input for the next turn. */
export type Post = <A, B>(input: Call<A, B>, a?: A, b?: B) => void

/** Queues user code, to be entered when the present slice has decided all it will. */
export type Enter = <A>(hook: (a: A) => void, a?: A) => void

export class Turn {
  readonly #work: TurnWork
  readonly #clock: Clock
  /** Each call takes three places: what, and with which two arguments. */
  #inputs: unknown[] = []
  #hooks: unknown[] = []
  /** The inputs of the present turn, and how far they have been applied. */
  #turn: unknown[] = NOTHING
  #applied = 0
  /** What is left of the input that is being applied, or of the end of a turn. */
  #rest: Piecework | undefined
  #running = false
  #scheduled = false
  #paused = false
  /** The fixed point of the turn has not been reached. */
  #open = false
  #faults: unknown[] = []
  #units = 0
  #lookAt = UNITS
  /** A look has shown that the time is over. */
  #spent = false
  /** When the present measure began, and when the last turn ended. */
  #began = -Infinity
  #endedAt = -Infinity
  /** The time that was read last. */
  #now = -Infinity

  constructor(work: TurnWork, clock: Clock) {
    this.#work = work
    this.#clock = clock
  }

  readonly post: Post = (input, a, b) => {
    this.#inputs.push(input, a, b)
    this.wake()
  }

  readonly enter: Enter = (hook, a) => {
    this.#hooks.push(hook, a, undefined)
    this.wake()
  }

  /** Goes on with this before any other input is applied. */
  proceed(work: Piecework): void {
    this.#rest = work
  }

  /** No input is half applied any more: who changes what inputs are about asks for that first. */
  whole(): void {
    while (this.#rest !== undefined) this.#resume(this.#rest)
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
    // Only a task of the host lets time pass between two turns: what follows sooner shares one measure with the last.
    if (this.#clock.now() - this.#endedAt > GAP) this.#measure()
    try {
      this.#now = this.#work.passed()
      while (this.#slice());
    } finally {
      this.#running = false
      this.#endedAt = this.#clock.now()
    }
    if (this.#faults.length > 0) throw this.#faults.splice(0)[0]
  }

  /** Returns whether there is more to do now. */
  #slice(): boolean {
    if (!this.#open && !this.#apply()) {
      this.#enter()
      this.#deliver()
      return this.#pause()
    }
    let more = true
    do {
      while (more && this.#hooks.length < 3 * HOOKS && !this.#tired()) more = this.#work.step()
      this.#enter()
    } while (more && !this.#late())
    this.#deliver()
    if (more) return this.#pause()
    if (this.#hooks.length > 0) return true
    this.#open = false
    this.#rest = this.#work.ended()
    while (this.#rest !== undefined) {
      this.#resume(this.#rest)
      if (this.#rest !== undefined && this.#tired()) return this.#pause()
    }
    if (this.#inputs.length === 0 && this.#hooks.length === 0 && this.#deliver() === 0) return false
    return this.#tired() ? this.#pause() : true
  }

  /** Applies the inputs of a turn, as far as there is time; returns whether that was all of them. */
  #apply(): boolean {
    if (this.#turn.length === 0) {
      this.#turn = this.#inputs
      this.#inputs = []
      this.#applied = 0
    }
    while (this.#rest !== undefined || this.#applied < this.#turn.length) {
      if (this.#rest !== undefined) this.#resume(this.#rest)
      else {
        this.#call(this.#turn, this.#applied)
        this.#applied += 3
      }
      if (this.#tired() && (this.#rest !== undefined || this.#applied < this.#turn.length)) return false
    }
    this.#turn = NOTHING // an engine that rests holds on to no epoch
    this.#open = true
    return true
  }

  #resume(work: Piecework): void {
    try {
      if (work.next().done !== true) {
        this.#units += UNITS
        return
      }
    } catch (error) {
      this.#faults.push(error)
    }
    this.#rest = undefined
  }

  /** Counts a unit of work; looks at the time now and then. */
  #tired(): boolean {
    if (this.#spent) return true
    if (++this.#units < this.#lookAt) return false
    this.#lookAt = this.#units + UNITS
    this.#now = this.#clock.now()
    this.#spent = this.#late()
    return this.#spent
  }

  /** Whether the host has been held long enough, by the time that was read last. */
  #late(): boolean {
    return this.#now - this.#began > SLICE
  }

  #measure(): void {
    this.#began = this.#clock.now()
    this.#units = 0
    this.#lookAt = UNITS
    this.#spent = false
  }

  #enter(): void {
    this.#work.decided()
    if (this.#hooks.length === 0) return
    const hooks = this.#hooks
    this.#hooks = []
    for (let i = 0; i < hooks.length; i += 3) this.#call(hooks, i)
    this.#units += hooks.length / 3
    this.#now = this.#work.passed()
  }

  #deliver(): number {
    const delivered = this.#work.deliver()
    this.#units += delivered
    if (delivered > 0) this.#now = this.#work.passed()
    return delivered
  }

  /** Nothing that goes wrong in one of them may cost another one its turn; it surfaces when the turn is over. */
  #call(calls: readonly unknown[], i: number): void {
    try {
      ;(calls[i] as Call<unknown, unknown>)(calls[i + 1], calls[i + 2])
    } catch (error) {
      this.#faults.push(error)
    }
  }

  #pause(): false {
    this.#paused = true
    this.#clock.defer(this.#task)
    return false
  }

  /** A new task of the host: a new measure. */
  readonly #task = (): void => {
    this.#paused = false
    this.#measure()
    this.run()
  }
}
