// The numbers of an orchestrator: which instruments there are, in which units, with which attributes.
// Seconds and names by the semantic conventions of OpenTelemetry; knows no spans. Owned by one observation.

import type { StateEvent } from '../index.js'
import { errorType } from './error-type.js'
import type { Fence } from './fence.js'
import type { Attributes, Counter, Histogram, Observer } from './observer.js'

/** Why a service that starts again had stopped, where that makes it a restart and not a new start. */
const RESTARTS: ReadonlySet<string> = new Set(['dependency', 'restart', 'replaced'])

/** Instruments of one orchestrator. */
export class Numbers {
  readonly #call: Fence['call']
  readonly #all: Attributes
  readonly #transitions: Counter | undefined
  readonly #restarts: Counter | undefined
  readonly #checkFailures: Counter | undefined
  readonly #dropped: Counter | undefined
  readonly #starts: Histogram | undefined
  readonly #stops: Histogram | undefined
  readonly #waits: Histogram | undefined

  constructor(observer: Observer, { call }: Fence, all: Attributes) {
    this.#call = call
    this.#all = all
    const counter = (name: string, unit: string, description: string): Counter | undefined =>
      call(() => observer.counter(name, { unit, description }))
    const seconds = (name: string, description: string): Histogram | undefined =>
      call(() => observer.histogram(name, { unit: 's', description }))
    this.#transitions = counter('keelson.service.transitions', '{transition}', 'Changes of state of services.')
    this.#restarts = counter('keelson.service.restarts', '{restart}', 'Starts of services that had been up or failed.')
    this.#checkFailures = counter('keelson.service.check.failures', '{failure}', 'Health checks that failed.')
    this.#dropped = counter('keelson.events.dropped', '{event}', 'Events that slow readers of events() have lost.')
    this.#starts = seconds('keelson.service.start.duration', 'From starting to active, or to the failure.')
    this.#stops = seconds('keelson.service.stop.duration', 'From stopping to rest.')
    this.#waits = seconds('keelson.service.dependency_wait.duration', 'How long a start waited for a dependency.')
  }

  /** A service changed its state. */
  transition({ name, serviceType, oldState, newState }: StateEvent): void {
    this.#add(this.#transitions, 1, {
      ...this.#of(name, serviceType),
      'keelson.service.previous_state': oldState,
      'keelson.service.state': newState,
    })
  }

  /** A service is starting; `reason` is why it had stopped, `backedOff` that it comes back from a backoff. */
  starting({ name, serviceType, waitedFor = [] }: StateEvent, reason: string | undefined, backedOff: boolean): void {
    const of = this.#of(name, serviceType)
    if (reason !== undefined && (backedOff || RESTARTS.has(reason)))
      this.#add(this.#restarts, 1, { ...of, 'keelson.stop.reason': reason })
    for (const { name: dependency, duration } of waitedFor)
      this.#record(this.#waits, duration, { ...of, 'keelson.dependency.name': dependency })
  }

  /** A start or stop is over after so many milliseconds; `errors` is empty unless it failed. */
  moved(kind: 'start' | 'stop', duration: number, { name, serviceType }: StateEvent, errors: readonly unknown[]): void {
    this.#record(kind === 'start' ? this.#starts : this.#stops, duration, {
      ...this.#of(name, serviceType),
      ...(errors.length > 0 ? { 'error.type': errorType(errors[0]) } : {}),
    })
  }

  /** A check failed. */
  checkFailed({ name, type, ...failure }: { name: string; type: string; error?: unknown }): void {
    const error = 'error' in failure ? errorType(failure.error) : 'UNHEALTHY'
    this.#add(this.#checkFailures, 1, { ...this.#of(name, type), 'error.type': error })
  }

  /** A slow reader lost events. */
  lost(events: number): void {
    this.#add(this.#dropped, events, this.#all)
  }

  #of(name: string, type: string): Attributes {
    return { ...this.#all, 'keelson.service.name': name, 'keelson.service.type': type }
  }

  #add(counter: Counter | undefined, value: number, attributes: Attributes): void {
    this.#call(() => counter?.add(value, attributes))
  }

  #record(histogram: Histogram | undefined, milliseconds: number, attributes: Attributes): void {
    this.#call(() => histogram?.record(milliseconds / 1_000, attributes))
  }
}
