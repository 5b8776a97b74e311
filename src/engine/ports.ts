// The only place where the engine meets the outside world: time, later tasks, randomness.
// Everything else takes a Clock and a random source, so that a test or a simulator can supply its own.

import type { Logger } from '../service.js'

/** Time as the engine sees it. The default is the host's; `keelson/testing` has a virtual one. */
export interface Clock {
  /** Monotonic milliseconds. */
  now(): number
  /** Milliseconds since the Unix epoch. */
  wall(): number
  /** Calls back once, not before `ms` milliseconds have passed; `ms` is at most 2^31 - 1. */
  setTimeout(callback: () => void, ms: number): unknown
  /** Cancels by the handle that `setTimeout` returned; of one that has fired or was cancelled nothing happens. */
  clearTimeout(handle: unknown): void
  /** Calls back in a later task of the host: how long turns yield (R45). */
  defer(callback: () => void): void
}

/** A number from 0 inclusive to 1 exclusive. */
export type Random = () => number

/** The longest delay that a host timer takes. */
export const LONGEST_TIMEOUT: number = 2 ** 31 - 1

/** The host's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
  defer: (callback) => void setImmediate(callback),
}

/** The host's own randomness. */
export const systemRandom: Random = () => Math.random()

/** Lets a timer of the clock keep the process alive, or not, where the clock's handles know of such a thing (R46). */
export function keepAlive(handle: unknown, alive: boolean): void {
  if (typeof handle !== 'object' || handle === null) return
  const timer = handle as { ref?: () => unknown; unref?: () => unknown }
  if (alive) timer.ref?.()
  else timer.unref?.()
}

/** One instant on both clocks; shared by all that happens in it. */
export interface Instant {
  readonly now: number
  readonly wall: number
}

/** The time of a slice of a turn, read once: what happens in it happens at one instant. */
export class Moment {
  instant: Instant = { now: 0, wall: 0 }
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.refresh()
  }

  get now(): number {
    return this.instant.now
  }

  get wall(): number {
    return this.instant.wall
  }

  /** Reads the clocks; returns what the monotonic one says. */
  refresh(): number {
    const now = this.#clock.now()
    this.instant = { now, wall: this.#clock.wall() }
    return now
  }
}

/** A random source that may be anybody's, kept to its word: a number from 0 to 1, whatever it does. */
export function tamed(random: Random): Random {
  return () => {
    try {
      const number = random()
      return number >= 0 && number <= 1 ? number : 0.5
    } catch {
      return 0.5
    }
  }
}

/**
 * A logger that may be anybody's - console, winston, pino -, to be called as {@link Logger} says: fields go where it wants
 * them, and what it throws or rejects with has nobody left to be told to. `own` are fields that each record carries, over
 * those of the call. For whoever takes a logger, as keelson itself does.
 */
export function asLogger(logger: Logger, own?: Readonly<Record<string, unknown>>): Logger {
  // pino takes the fields first; after a message it would take them for values of placeholders, and drop them.
  const fieldsFirst = typeof (logger as { bindings?: unknown }).bindings === 'function'
  const call =
    (level: keyof Logger): Logger['info'] =>
    (message, said) => {
      try {
        const fields = own ? { ...said, ...own } : said
        const given = fields === undefined ? [message] : fieldsFirst ? [fields, message] : [message, fields]
        const answer: unknown = logger[level](...(given as [string]))
        if (answer instanceof Promise) answer.catch(() => {})
      } catch {
        // see above
      }
    }
  return { debug: call('debug'), info: call('info'), warn: call('warn'), error: call('error') }
}
