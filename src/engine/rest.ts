// A service without an instance: where an ended epoch leaves it (R17-R20), and what keeps it from starting (R7).
// The one function that says what it waits for decides, shows it in `waiting` and answers `blockedBy`.

import { told } from '../errors.js'
import { backoff } from '../kernel/backoff.js'
import { afterFailure } from '../kernel/restart.js'
import type { StopReason } from '../service.js'
import type { Deadlines } from './deadlines.js'
import type { EventLog } from './event-log.js'
import type { Neighbours } from './neighbours.js'
import type { Moment, Random } from './ports.js'
import { Down, type Edge, type Record } from './record.js'
import { type Writer, who } from './writer.js'

/** What is wrong when a service waits for a hook that it gave up on. */
export const UNSETTLED = 'an abandoned hook of an earlier epoch has not settled; let its hooks heed their signal'

/** What stands between a service that is desired up and its next epoch, in the order in which it shows. */
export type Blocker = 'gave up' | 'completed' | 'backoff' | 'hook' | 'dependency' | 'delay' | 'permit'

/** What keeps `record` from starting at this moment, besides permits that it has not asked for; `undefined` is nothing. */
export function blocker(record: Record, now: number): Blocker | undefined {
  const { pause } = record
  if (record.gaveUp) return 'gave up'
  if (record.completedForGood) return 'completed'
  if (pause.dueAt > now) return 'backoff'
  if (record.unsettled > 0) return 'hook'
  if (record.unmet > 0) return 'dependency'
  if (record.settings.startDelay > 0 && (pause.delayedUntil === 0 || pause.delayedUntil > now)) return 'delay'
  return pause.ticket === 0 ? undefined : 'permit'
}

/** Whether the end of the epoch was asked for, whatever its hooks did: then its reason is none of its own. */
function askedFor({ stopReason }: Record): boolean {
  return stopReason !== 'failed' && stopReason !== 'unhealthy' && stopReason !== 'completed'
}

/** A start by name was asked for: from the next state on no retry is told. */
export function renew(record: Record): void {
  if (record.pause.renewed) record.attempt = 0
}

export interface RestTools {
  readonly moment: Moment
  readonly random: Random
  readonly deadlines: Deadlines
  readonly log: EventLog
  readonly writer: Writer
  readonly neighbours: Neighbours
}

export class Rest {
  readonly #tools: RestTools

  constructor(tools: RestTools) {
    this.#tools = tools
  }

  /** Where the epoch that has just ended leaves the service. */
  after(record: Record): void {
    const { stop, stopReason: reason = 'manual' } = record
    const fate = stop?.fate
    const again = stop?.remembered === true || record.leastEpoch > record.epoch
    // Asked to run again, or stopped with all the others: what it completed is over (lifecycle.md §4).
    record.completed = fate === 'completed' && reason !== 'shutdown' && !again
    record.unpause()
    record.retrying = false
    if (record.exchanging?.next !== undefined) return this.#idle(record, reason)
    if (fate === 'failed' && !askedFor(record)) return this.#failed(record, again)
    if (fate === 'completed' && !askedFor(record)) {
      if (again || !record.desired || record.settings.restart.policy !== 'always') return this.#idle(record, reason)
      const { initialBackoff, maxBackoff } = record.settings.restart
      this.#backOff(record, Math.min(initialBackoff, maxBackoff), 'waiting', reason)
      return
    }
    if (reason === 'dependency' && record.desired) {
      this.#tools.writer.move(record, 'waiting', 'unknown', reason)
      this.#startWaiting(record)
    } else if (record.pause.culprit !== undefined && !record.desired) {
      record.lastError = record.pause.culprit
      this.giveUp(record, 'failed')
    } else this.#idle(record, reason)
  }

  /** At rest and not wanted again at once: `stopped`, or what that is called, with a whole budget. */
  #idle(record: Record, reason: StopReason): void {
    record.attempt = record.failures = 0
    this.#tools.writer.move(record, record.settings.remote ? 'disconnected' : 'stopped', 'unknown', reason)
  }

  #failed(record: Record, again: boolean): void {
    if (again) record.failures = 0
    record.failures++
    const { settings, stop, failures } = record
    const failure = stop?.failure ?? 'transient'
    // What was asked of a failing epoch renews its budget, not its backoff (R20).
    const next = again ? 'retry' : afterFailure(settings, failure, failures)
    if (next === 'auth') {
      record.attempt = 0
      record.gaveUp = true
      this.#tools.writer.move(record, 'auth_required', 'unknown', record.stopReason)
    } else if (next !== 'retry' || !record.desired)
      this.giveUp(record, next === 'exhausted' && record.desired ? 'exhausted' : (record.stopReason ?? 'failed'))
    else {
      record.attempt = failures
      const delay = backoff(settings.restart, failures, this.#tools.random())
      this.#backOff(
        record,
        delay,
        settings.remote && record.connectivity >= 3 ? 'unreachable' : 'retrying',
        record.stopReason,
      )
      const { log, moment } = this.#tools
      const seq = log.count()
      if (!log.heard) return
      const told = { attempt: failures, delay, dueAt: moment.wall + delay, failure, error: record.lastError }
      log.record('retry', seq, record.lastSeq, { ...who(record), ...told })
    }
  }

  #backOff(
    record: Record,
    delay: number,
    state: 'retrying' | 'unreachable' | 'waiting',
    reason: StopReason | undefined,
  ): void {
    record.pausing.dueAt = this.#tools.moment.now + delay
    record.retrying = true
    this.#tools.writer.move(record, state, 'unknown', reason)
    if (state === 'waiting') this.#startWaiting(record)
  }

  /** Enters `failed`; `lastError` says why. */
  giveUp(record: Record, reason: StopReason | 'exhausted'): void {
    record.gaveUp = true
    record.attempt = 0
    this.#clear(record)
    if (reason !== 'exhausted') record.stopReason = reason
    this.#tools.writer.move(record, 'failed', 'unknown', reason)
  }

  /** Forgets what it waited for. */
  #clear(record: Record): void {
    record.unpause()
    record.retrying = false
    this.#tools.neighbours.unwaive(record)
    this.#tools.deadlines.disarm(record)
  }

  /** Not desired up: no longer waits for anything. */
  withdraw(record: Record, reason: StopReason): void {
    if (record.phase !== 'pending' && record.state !== 'unknown') {
      this.#clear(record)
      return
    }
    if (record.state === 'unknown' && (record.down & (Down.manual | Down.shut)) === 0) return
    this.#clear(record)
    record.gaveUp = false
    if (record.pause.culprit !== undefined) {
      record.lastError = record.pause.culprit
      this.giveUp(record, 'failed')
    } else {
      record.stopReason = reason
      this.#idle(record, reason)
    }
  }

  /**
   * Desired up: shows what it waits for and sets the deadline of that. Returns `true` if nothing but permits is left to
   * wait for.
   */
  pursue(record: Record): boolean {
    const { moment, deadlines } = this.#tools
    if (record.pause.failedWait?.open === true) {
      record.gaveUp = false
      record.pausing.failedWait = undefined
    }
    const why = blocker(record, moment.now)
    if (record.paused) {
      const { pausing } = record
      if (why !== 'permit') pausing.ticket = 0
      if (why !== undefined && why !== 'delay' && why !== 'permit') pausing.delayedUntil = 0
      if (record.unsettled === 0) pausing.unsettledBy = 0
    }
    switch (why) {
      case 'completed':
        // It waited to run again when its policy was changed.
        if (record.state === 'waiting') this.#idle(record, 'completed')
        return false
      case 'gave up':
        return false
      case 'backoff':
        deadlines.arm(record, record.pause.dueAt)
        return false
      case 'hook':
        if (record.pause.unsettledBy === 0) record.pausing.unsettledBy = moment.now + record.settings.startTimeout
        this.#wait(record, record.pause.unsettledBy)
        return false
      case 'dependency':
        this.#wait(record, Infinity)
        return false
      case 'delay':
        if (record.pause.delayedUntil === 0) record.pausing.delayedUntil = moment.now + record.settings.startDelay
        this.#wait(record, record.pause.delayedUntil)
        return false
      case 'permit':
        this.#wait(record, Infinity)
        return false
      case undefined:
        return true
    }
  }

  /** Able to start, but for a permit. */
  queued(record: Record): void {
    this.#wait(record, Infinity)
  }

  #wait(record: Record, until: number): void {
    if (record.state !== 'waiting') {
      renew(record)
      this.#tools.writer.move(record, 'waiting', 'unknown')
      this.#startWaiting(record)
    }
    const by = Math.min(until, record.unmet > 0 ? record.pause.waitBy : Infinity)
    if (by === Infinity) this.#tools.deadlines.disarm(record)
    else this.#tools.deadlines.arm(record, by)
  }

  /** The waits for its dependencies begin anew. */
  #startWaiting(record: Record): void {
    if (record.paused) record.pausing.waitBy = Infinity
    const { deps } = record
    for (let i = 0; i < deps.length; i++) {
      const edge = deps[i] as Edge
      edge.waited = 0
      edge.waitedSince = -1
      if (!edge.open) this.#tools.neighbours.time(edge)
    }
  }

  /** The deadline of what it waits for has passed: the waits that are over end as their edges say. */
  due(record: Record): void {
    const { now } = this.#tools.moment
    const { unsettledBy } = record.pause
    if (record.unsettled > 0 && unsettledBy > 0 && unsettledBy <= now) {
      record.lastError = told(
        'START_TIMEOUT',
        `service '${record.name}' - ${UNSETTLED}`,
        record.lastError === undefined ? [] : [record.lastError],
      )
      this.giveUp(record, 'failed')
      return
    }
    if (record.state !== 'waiting' || record.unmet === 0) return
    const { pausing } = record
    pausing.waitBy = Infinity
    for (const edge of record.deps) {
      if (edge.open) continue
      if (edge.deadline <= now && this.#timedOut(record, edge)) return
      if (!edge.open && edge.deadline < pausing.waitBy) pausing.waitBy = edge.deadline
    }
  }

  /** Returns whether that was the end of the start. */
  #timedOut(record: Record, edge: Edge): boolean {
    const { name, onTimeout, timeout, condition } = edge.spec
    const what = `service '${record.name}' - '${name}' was not ${condition} within ${timeout} ms, it is ${edge.to.state}`
    if (onTimeout === 'fail') {
      const cause = edge.to.lastError
      record.lastError = told(
        'DEPENDENCY_TIMEOUT',
        `${what}; look at '${name}', or raise the timeout`,
        cause === undefined ? [] : [cause],
      )
      record.pausing.failedWait = edge
      this.giveUp(record, 'dependency')
      return true
    }
    if (onTimeout === 'warn') this.#tools.writer.warn('DEPENDENCY_TIMEOUT', `${what}; it starts without`, record)
    edge.waived = true
    edge.deadline = Infinity
    // One that is about to stop is not started against, wait or no wait (R13).
    if (edge.opens()) this.#tools.neighbours.set(edge, true, record.lastSeq)
    this.#tools.neighbours.settle(edge, record.lastSeq)
    return false
  }
}
