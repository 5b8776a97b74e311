// The only writer of observed state: every change of state, health or error passes here, is checked against the table
// and becomes exactly one event (R1, R37). Decides nothing.

import type { KeelsonError } from '../errors.js'
import type { Observed } from '../events.js'
import { serves } from '../kernel/health.js'
import { PHASE, step } from '../kernel/state.js'
import type { HealthStatus, ServiceState, StateChange, StateUpdater, StopReason, Unsubscribe } from '../service.js'
import type { EventBody, EventLog, Writable } from './event-log.js'
import type { Moment } from './ports.js'
import type { Record } from './record.js'
import { NO_WAITS, shown, waitsOf } from './report.js'
import { type Delivery, Subscribers } from './subscribers.js'

export class Writer {
  readonly #log: EventLog
  readonly #moment: Moment
  /** Transitions that were refused. */
  dropped = 0
  readonly #mirrors = new Subscribers<readonly Observed[]>()
  /** What the mirrors have not been told. */
  #changed: Record[] = []
  readonly #delivery: Delivery = { place: Infinity, threw: (error) => this.#log.threw(error, 'state', 0) }

  constructor(log: EventLog, moment: Moment) {
    this.#log = log
    this.#moment = moment
  }

  /** Enters a state. `attempt`, `epoch` and `lastError` of the record must be what they are in the new state. */
  move(record: Record, state: ServiceState, health: HealthStatus, reason?: StopReason | 'exhausted'): boolean {
    const old = record.state
    if (!step(old, state)) {
      this.dropped++
      this.warn(
        'ILLEGAL_TRANSITION',
        `service '${record.name}' cannot go from ${old} to ${state}; the change was dropped`,
        record,
      )
      return false
    }
    record.state = state
    record.phase = PHASE[state]
    record.changed = this.#moment.instant
    this.#setHealth(record, health)
    const seq = this.#log.count()
    const causedBy = record.cause === 0 ? record.lastSeq : record.cause
    record.lastSeq = seq
    record.cause = 0
    if (this.#log.heard) {
      const { attempt, lastError } = record
      // Field by field: this is made for every change, and spreads of what may be absent cost more than all the rest.
      const body: Writable<EventBody<'state'>> = {
        name: record.name,
        serviceType: record.core?.type ?? 'service',
        epoch: record.epoch,
        oldState: old,
        newState: state,
        health,
      }
      if (lastError !== undefined) body.error = lastError
      if (reason !== undefined) body.reason = reason
      if (attempt > 0) body.attempt = attempt
      const waits = state === 'starting' ? waitsOf(record) : NO_WAITS
      if (waits.length > 0) body.waitedFor = shown(waits)
      const unclean = old === 'stopping' ? record.stop?.unclean : undefined
      if (unclean !== undefined) body.unclean = Object.freeze([...unclean])
      this.#log.record('state', seq, causedBy, body)
    }
    this.note(record)
    this.#tellService(record, old, reason)
    return true
  }

  /** Changes health or error while the state stays. */
  assess(record: Record, health: HealthStatus, error: KeelsonError | undefined): void {
    const old = record.health
    if (old === health && error === record.lastError) return
    record.lastError = error
    this.#setHealth(record, health)
    record.lastSeq = this.#log.publish('health', record.cause === 0 ? record.lastSeq : record.cause, {
      ...who(record),
      oldHealth: old,
      newHealth: health,
      state: record.state,
      ...(error !== undefined ? { error } : {}),
    })
    record.cause = 0
    this.note(record)
    this.#tellUpdater(record)
  }

  mirror(listener: (changed: readonly Observed[]) => unknown): Unsubscribe {
    return this.#mirrors.add(listener, 0)
  }

  /** It has changed, was registered or removed: the mirrors are to be told, if there are any. */
  note(record: Record): void {
    if (this.#mirrors.size > 0) this.#changed.push(record)
  }

  /** Tells the mirrors what has changed, as it is now. */
  reflect(): void {
    if (this.#changed.length === 0) return
    const changed = this.#changed.map(observed)
    this.#changed = []
    this.#mirrors.emit(changed, this.#delivery)
  }

  warn(code: 'DEPENDENCY_TIMEOUT' | 'STOP_FAILED' | 'ILLEGAL_TRANSITION', message: string, record: Record): void {
    this.#log.publish('warning', record.lastSeq, { code, message, name: record.name })
  }

  #setHealth(record: Record, health: HealthStatus): void {
    record.health = health
    const stable = record.active && serves(health)
    if (stable) record.stable ??= this.#moment.instant
    else if (record.stable !== undefined) {
      // The budget is whole again after enough good time, looked at when that time ends (R19).
      if (this.#moment.now - record.stable.now >= record.settings.restart.stableAfter) record.failures = 0
      record.stable = undefined
    }
  }

  #tellService(record: Record, oldState: ServiceState, reason: StopReason | 'exhausted' | undefined): void {
    const { core } = record
    if (core === undefined) return
    if (core.changes !== undefined && core.changes.size > 0) {
      const change: StateChange = {
        name: record.name,
        oldState,
        newState: record.state,
        health: record.health,
        ...(record.lastError !== undefined ? { error: record.lastError } : {}),
        ...(reason !== undefined ? { reason } : {}),
        epoch: record.epoch,
        timestamp: record.changed.wall,
      }
      this.#log.tell(core.changes, Object.freeze(change), 'state')
    }
    this.#tellUpdater(record)
  }

  #tellUpdater({ core, state, health, lastError }: Record): void {
    const service = core?.service as Partial<StateUpdater> | undefined
    if (core?.updates === true)
      this.#log.call(() => (service as StateUpdater).updateState(state, health, lastError), 'state')
  }
}

function observed({ name, core, state, health, epoch, attempt, stopReason, changed, lastSeq }: Record): Observed {
  const registered = core !== undefined
  return { name, registered, state, health, epoch, attempt, stopReason, since: changed.wall, seq: lastSeq }
}

/** The fields that name a service in its events. */
export function who(record: Record): { name: string; serviceType: string; epoch: number } {
  return { name: record.name, serviceType: record.core?.type ?? 'service', epoch: record.epoch }
}
