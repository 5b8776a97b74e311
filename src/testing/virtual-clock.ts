// A clock for tests: time stands still until the test moves it, and then everything happens in order.
// It is a Clock like the host's and nothing more: it patches no globals, so only what was given it obeys it.
// Between two callbacks it lets the host take a task of its own, which is when every microtask has run.

import { type Clock, KeelsonError, systemClock } from '../index.js'
import { Timer, TimerQueue } from './timer-queue.js'

/** Where a virtual clock begins, and what it leaves to others. */
export interface VirtualClockOptions {
  /** First value of `now()`, in milliseconds. Default 0. */
  readonly now?: number
  /** First value of `wall()`, in milliseconds since the Unix epoch. Default 1 704 067 200 000: 2024-01-01T00:00:00Z. */
  readonly wall?: number
  /**
   * Which of `count` timers that are due in the same millisecond fires next, from 0 for the one set first; asked before
   * each of them, with at least 2. Default 0. A whole number below `count`, else the advance rejects with `CONFIG_INVALID`.
   */
  readonly order?: (count: number) => number
}

const NEW_YEAR_2024 = 1_704_067_200_000
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * A {@link Clock} that a test moves by hand: `new Orchestrator({ clock: new VirtualClock() })`.
 *
 * *Guarantees:* callbacks fire in order of due time, then of insertion or as `order` says; after each of them all
 * microtasks and all deferred tasks have run before the next fires or time moves on. Calls of `advance` and `settle` that overlap are
 * served one after the other, in the order of the calls. Work that waits for the real world - sockets, files, timers
 * of the host - is not waited for.
 *
 * @throws `CONFIG_INVALID` for a start or a duration that is not a finite number; nothing has moved then.
 */
export class VirtualClock implements Clock {
  readonly #timers = new TimerQueue()
  readonly #order: ((count: number) => number) | undefined
  readonly #deferred = new Set<{ readonly callback: () => void }>()
  #now: number
  /** What the wall clock is ahead of the monotonic one. */
  #offset: number
  #inserted = 0
  /** The end of the last `advance` or `settle`. */
  #idle: Promise<unknown> = Promise.resolve()

  constructor(options: VirtualClockOptions = {}) {
    this.#now = finite('new VirtualClock', 'now', options.now ?? 0)
    this.#offset = finite('new VirtualClock', 'wall', options.wall ?? NEW_YEAR_2024) - this.#now
    this.#order = options.order
  }

  /** Monotonic milliseconds: what `advance` and `stall` have added to the start. */
  now(): number {
    return this.#now
  }

  /** Milliseconds since the Unix epoch; runs with `now()`, and `jump` moves it alone. */
  wall(): number {
    return this.#now + this.#offset
  }

  /** How many timers, sleeps and deferred tasks have not been called back yet; 0 says that nothing leaks. */
  get pending(): number {
    return this.#timers.size + this.#deferred.size
  }

  /** When the next timer falls due, as `now()` counts; `undefined` if none is set. In the past if the host was stalled. */
  get next(): number | undefined {
    return this.#timers.first?.due
  }

  /**
   * Calls back once when `ms` milliseconds have been advanced or stalled. 0 and less is due at once: at the next
   * `advance` or `settle`, never inside this call.
   *
   * @throws `CONFIG_INVALID` for `NaN` and for more than 2^31 - 1, which a host's timer would take for 1.
   */
  setTimeout(callback: () => void, ms: number): unknown {
    if (!(ms <= LONGEST_TIMEOUT)) throw refused('VirtualClock.setTimeout', 'ms', ms, 'at most 2^31 - 1 milliseconds')
    return this.#insert(callback, ms)
  }

  /** Takes a timer back; anything else, and a timer that has fired, is ignored. */
  clearTimeout(handle: unknown): void {
    if (handle instanceof Timer) this.#timers.remove(handle)
  }

  /** Calls back in a task of its own, at the time at which it was asked for, before any timer that is due then. */
  defer(callback: () => void): void {
    this.#deferred.add({ callback })
  }

  /**
   * Lets `ms` milliseconds pass, and everything happen that falls due in them, each thing at its own time. Time that a
   * callback stalls is part of these, and beyond their end as far as it is longer.
   *
   * With `until` it ends as soon as that is true, and time stands still there; asked whenever nothing more happens
   * without time passing.
   *
   * Resolves when nothing is left to do at the new time. Rejects with what a callback threw - an `AggregateError` if
   * several did - after all the others were called.
   */
  async advance(ms: number, until?: () => boolean): Promise<void> {
    await this.#queue(duration('advance', ms), until)
  }

  /** Lets everything happen that can without time passing: microtasks, deferred tasks, timers that are due or late. */
  async settle(): Promise<void> {
    await this.#queue(0)
  }

  /**
   * Blocks the host for `ms` milliseconds, as a long computation does: both clocks jump forward and nothing fires. What
   * fell due meanwhile fires late - in order, seeing the late `now()` - when the host runs again: in the rest of the
   * `advance` in which a callback or hook has called this, otherwise in the next `advance` or `settle`.
   */
  stall(ms: number): void {
    this.#now += duration('stall', ms)
  }

  /** Moves the wall clock by `ms` milliseconds, back if negative, as a time server does; no timer cares. */
  jump(ms: number): void {
    this.#offset += finite('VirtualClock.jump', 'ms', ms)
  }

  /** A promise for the code that a test simulates: resolves when `ms` milliseconds have passed; counts as `pending`. */
  async sleep(ms: number): Promise<void> {
    duration('sleep', ms)
    await new Promise<void>((resolve) => this.#insert(resolve, ms))
  }

  #insert(callback: () => void, ms: number): Timer {
    const timer = new Timer(this.#now + Math.max(ms, 0), this.#inserted++, callback)
    this.#timers.add(timer)
    return timer
  }

  #queue(ms: number, until?: () => boolean): Promise<void> {
    const done = this.#idle.then(() => this.#pass(ms, until))
    this.#idle = done.catch(() => undefined)
    return done
  }

  async #pass(ms: number, until: (() => boolean) | undefined): Promise<void> {
    const end = this.#now + ms
    const errors: unknown[] = []
    await this.#quiet(errors)
    let over = until?.() === true
    for (let next = this.#timers.first; next && !over; next = this.#timers.first) {
      if (next.due > Math.max(end, this.#now)) break
      if (this.#order) next = this.#chosen(this.#order)
      this.#timers.remove(next)
      this.#now = Math.max(this.#now, next.due)
      attempt(next.callback, errors)
      await this.#quiet(errors)
      over = until?.() === true
    }
    if (!over) this.#now = Math.max(this.#now, end)
    if (errors.length > 1) throw new AggregateError(errors, `${errors.length} callbacks of the clock threw`)
    if (errors.length > 0) throw errors[0]
  }

  /** The next of those that are due together, by somebody else's choice. */
  #chosen(order: (count: number) => number): Timer {
    const { firsts } = this.#timers
    const index = firsts.length > 1 ? order(firsts.length) : 0
    const timer = firsts[index]
    if (timer) return timer
    throw refused('new VirtualClock', 'order', index, `a function that gives one of 0 to ${firsts.length - 1}`)
  }

  /** Microtasks until there are none, then one deferred task, and again. */
  async #quiet(errors: unknown[]): Promise<void> {
    await hostTask()
    // The loop also meets what is added while it runs.
    for (const task of this.#deferred) {
      this.#deferred.delete(task)
      attempt(task.callback, errors)
      await hostTask()
    }
  }
}

/** Resolves in a later task of the host: all microtasks, however long their chains, have run by then. */
const hostTask = (): Promise<void> => new Promise((resolve) => systemClock.defer(resolve))

function attempt(callback: () => void, errors: unknown[]): void {
  try {
    callback()
  } catch (error) {
    errors.push(error)
  }
}

function duration(method: string, ms: number): number {
  if (Number.isFinite(ms) && ms >= 0) return ms
  throw refused(`VirtualClock.${method}`, 'ms', ms, 'finite milliseconds, 0 or more')
}

function finite(subject: string, field: string, value: number): number {
  if (Number.isFinite(value)) return value
  throw refused(subject, field, value, 'finite milliseconds')
}

function refused(subject: string, field: string, value: unknown, allowed: string): KeelsonError {
  return new KeelsonError('CONFIG_INVALID', `${subject}: ${field} is ${String(value)}; pass ${allowed}`)
}
