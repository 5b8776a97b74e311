// A service as another thread sees it: read-only, always as it is now, straight from the shared table.

import { type HealthStatus, KeelsonError, type ServiceState } from '../index.js'
import { healthIn, reasonIn, STATES, stateIn } from './layout.js'
import type { Place, Reading, TableReader } from './table-reader.js'

/** What a service is at this instant; `undefined` fields do not occur. */
export type ServiceReading = Reading

const REMOVED: Reading = { state: 'unknown', health: 'unknown', epoch: 0, attempt: 0, since: 0, seq: 0 }
const ACTIVE: ReadonlySet<ServiceState> = new Set(['running', 'connected'])

/** What can be waited for: a condition as of dependencies, a state, or a question that is asked anew at every change. */
export type WaitCondition = 'started' | 'healthy' | 'completed' | ServiceState | ((service: ServiceView) => boolean)

/** Words that `waitFor` takes. */
export const AWAITED: readonly string[] = ['started', 'healthy', 'completed', ...STATES]

/**
 * A service of the application, read from any thread without a message and without a lock.
 *
 * *Guarantees:* every property is read anew when it is asked for; none is ever older than one that was read before in
 * the same thread; `read()` is one instant, never half of a change. After the service was removed it tells `unknown`,
 * also if another one has taken its name: `get` that one.
 */
export type ServiceView = Pick<View, keyof View>

/** What `get` makes; outside it is known by its shape alone, so that anybody can have one of his own for his tests. */
export class View {
  /** The name it is registered under. */
  readonly name: string
  readonly #table: TableReader
  readonly #place: Place

  constructor(name: string, table: TableReader, place: Place) {
    this.name = name
    this.#table = table
    this.#place = place
  }

  /** Whether it is still registered. */
  get registered(): boolean {
    return this.#table.lives(this.#place)
  }

  /** Where it is now. */
  get state(): ServiceState {
    const word = this.#table.now(this.#place)
    return word === undefined ? 'unknown' : stateIn(word)
  }

  /** How it is now; `unknown` while not active. */
  get health(): HealthStatus {
    const word = this.#table.now(this.#place)
    return word === undefined ? 'unknown' : healthIn(word)
  }

  /** The number of its present or last life; 0 before the first. */
  get epoch(): number {
    return this.read().epoch
  }

  /** Number of the retry, from `retrying` until it is active; else 0. */
  get attempt(): number {
    return this.read().attempt
  }

  /** When it entered its state, wall-clock, in whole milliseconds. */
  get since(): number {
    return this.read().since
  }

  /** All of it, as it was at one instant. */
  read(): ServiceReading {
    return this.#table.read(this.#place) ?? REMOVED
  }

  /** Whether what is awaited holds now. */
  is(what: WaitCondition): boolean {
    if (typeof what === 'function') {
      const answer: unknown = what(this)
      if (!(answer instanceof Promise)) return Boolean(answer)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${this.name}' - a promise is no answer to what it is now; pass a function that answers at once`,
      )
    }
    const word = this.#table.now(this.#place)
    if (word === undefined) return false
    const state = stateIn(word)
    const health = healthIn(word)
    const hasCompleted = (state === 'stopped' || state === 'disconnected') && reasonIn(word) === 'completed'
    if (what === 'started') return ACTIVE.has(state) || hasCompleted
    if (what === 'healthy') return ACTIVE.has(state) && (health === 'healthy' || health === 'degraded')
    if (what === 'completed') return hasCompleted
    return state === what
  }

  /** What a log or a message shows. */
  toJSON(): ServiceReading & { readonly name: string } {
    return { name: this.name, ...this.read() }
  }
}
