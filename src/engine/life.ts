// One epoch of a service, read top to bottom: begin, start settles, active, end, hooks settle, onStop, disposers, over.
// Enters hooks and bounds them (R2, R3, R32, R43). What an epoch is begun or ended for is decided by the reconciler.
// A hook's result comes back as an input of a later turn and is dropped unless its hook is the one in flight.

import { describe, type ErrorCode, KeelsonError } from '../errors.js'
import { classOf } from '../kernel/restart.js'
import type { Logger, StopContext, StopReason } from '../service.js'
import type { HeldUp, ServiceCore } from './core.js'
import type { Deadlines } from './deadlines.js'
import { disposerOf, Epoch, type EpochHost, serviceLogger } from './epoch.js'
import type { Permits } from './permits.js'
import type { Moment } from './ports.js'
import type { Fate, Record } from './record.js'
import { LazySignal } from './signal.js'
import { isThenable } from './subscribers.js'
import type { Writer } from './writer.js'

/** What a life asks of the reconciler. */
export interface LifeHost extends EpochHost<Record> {
  readonly moment: Moment
  readonly deadlines: Deadlines
  readonly permits: Permits
  readonly writer: Writer
  /** An input for the next turn. */
  post(input: () => void): void
  /** User code, to be entered at the end of this slice. */
  enter(hook: () => void): void
  /** The service became active. */
  started(record: Record): void
  /** The service is leaving its active phase; `clean` if it ended of itself. */
  lost(record: Record, clean: boolean): void
  /** Its start failed, or it ended by a failure. */
  failing(record: Record): void
  /** The epoch is over: no instance is left. */
  over(record: Record): void
  /** An abandoned hook has settled, or a permit came free: look again. */
  look(record: Record): void
}

type Hook = 'onStart' | 'onRun' | 'onStop' | 'a disposer'

export class Life {
  readonly #host: LifeHost

  constructor(host: LifeHost) {
    this.#host = host
  }

  /** Begins a new epoch; its permits must have been taken. */
  begin(record: Record): void {
    record.epoch++
    record.current = new Epoch(record, record.epoch, this.#host)
    record.stopReason = undefined
    record.fate = 'asked'
    record.ending = record.orderAll = record.lost = record.fulfilled = record.remembered = record.rushed = false
    record.hookTook = -1
    record.startPending = true
    this.#host.writer.move(record, 'starting', 'unknown')
    this.#host.enter(() => this.#enterStart(record))
  }

  #enterStart(record: Record): void {
    const { core, current: epoch } = record
    if (core === undefined || epoch === undefined) return
    record.hookAt = this.#host.moment.now
    const settled = (failed: boolean, error: unknown): void => this.#startSettled(record, core, epoch, failed, error)
    if (!this.#call(() => core.table.start(core.service, epoch), settled)) return
    record.startBy = record.hookAt + record.settings.startTimeout
    this.#host.deadlines.arm(record, record.startBy)
  }

  /** Calls a hook; a plain value settles it without a promise. Returns whether it is still in flight. */
  #call(hook: () => unknown, settled: (failed: boolean, error: unknown) => void): boolean {
    try {
      const answer = hook()
      if (isThenable(answer)) {
        // Whatever it is, it settles once.
        Promise.resolve(answer).then(
          () => this.#host.post(() => settled(false, undefined)),
          (error: unknown) => this.#host.post(() => settled(true, error)),
        )
        return true
      }
      this.#host.post(() => settled(false, undefined))
    } catch (error) {
      this.#host.post(() => settled(true, error))
    }
    return false
  }

  /** An abandoned hook has settled at last: what it holds of the next epoch is released, its result is dropped. */
  #late(core: ServiceCore, epoch: Epoch<Record>, hook: Hook): void {
    const held = epoch.abandoned?.get(hook)
    if (held === undefined) return
    core.abandoned.delete(held)
    for (const tell of held.values()) tell()
  }

  #startSettled(record: Record, core: ServiceCore, epoch: Epoch<Record>, failed: boolean, error: unknown): void {
    if (record.current !== epoch || !record.startPending) return this.#late(core, epoch, 'onStart')
    record.startPending = false
    record.hookTook = this.#host.moment.now - record.hookAt
    this.#release(record)
    if (record.state === 'stopping') return this.#proceed(record)
    this.#host.deadlines.disarm(record)
    if (failed) this.fail(record, 'START_FAILED', `onStart failed: ${describe(error)}`, error)
    else this.#activate(record, epoch)
  }

  #release(record: Record): void {
    this.#host.permits.release(record)
    this.#host.look(record)
  }

  #activate(record: Record, epoch: Epoch<Record>): void {
    const { core, settings } = record
    if (core === undefined) return
    const { runs, checks } = core.declared
    record.attempt = 0
    record.connectivity = 0
    record.retrying = false
    record.lastError = undefined
    record.fulfilled = !checks
    this.#host.writer.move(record, settings.remote ? 'connected' : 'running', checks ? 'checking' : 'healthy')
    if (runs) {
      record.runPending = true
      this.#host.enter(() => {
        if (record.current === epoch && record.runPending)
          this.#call(
            () => core.table.run(core.service, epoch),
            (failed, error) => this.#runSettled(record, core, epoch, failed, error),
          )
      })
    }
    this.#host.started(record)
  }

  #runSettled(record: Record, core: ServiceCore, epoch: Epoch<Record>, failed: boolean, error: unknown): void {
    if (record.current !== epoch || !record.runPending) return this.#late(core, epoch, 'onRun')
    record.runPending = false
    if (record.state === 'stopping') return this.#proceed(record)
    if (failed) this.fail(record, 'CRASHED', `onRun failed: ${describe(error)}`, error)
    else this.end(record, record.desired ? 'completed' : (record.stopReason ?? 'completed'), 'completed')
  }

  /** `ctx.fail`, or a report of a foreign service: ends the epoch as failed, unless it is ending already. */
  failed(record: Record, epoch: number, error: unknown): void {
    if (record.current?.epoch !== epoch || record.state === 'stopping') return
    if (record.state === 'starting')
      this.fail(record, 'START_FAILED', `it reported a failure while starting: ${describe(error)}`, error)
    else this.fail(record, 'CRASHED', `it reported a failure: ${describe(error)}`, error)
  }

  /** Ends the epoch as failed, with this error. */
  fail(record: Record, code: ErrorCode, what: string, ...thrown: readonly [] | readonly [unknown]): void {
    const advice = code === 'START_TIMEOUT' ? '; raise startTimeout or look at what it waits for' : ''
    const error = new KeelsonError(
      code,
      `service '${record.name}' - ${what}${advice}`,
      thrown.length > 0 ? { cause: thrown[0] } : {},
    )
    record.lastError = error
    record.failure = thrown.length > 0 ? classOf(record.settings, thrown[0]) : 'transient'
    record.connectivity = record.failure === 'connectivity' ? record.connectivity + 1 : 0
    const reason = code === 'UNHEALTHY' ? 'unhealthy' : 'failed'
    this.end(record, record.desired ? reason : (record.stopReason ?? reason), 'failed')
    this.#host.failing(record)
  }

  /** Begins the end: from now on the epoch is `stopping`, whatever its hooks still return. */
  end(record: Record, reason: StopReason, fate: Fate): void {
    const { current: epoch, settings, name, lastError } = record
    if (epoch === undefined || record.state === 'stopping') return
    const { now } = this.#host.moment
    const wasActive = record.active
    record.fate = fate
    record.stopReason = reason
    record.hookBy = Math.min(
      record.hookCap,
      now + (record.startPending ? settings.abortGrace : settings.stopTimeout - settings.abortGrace),
    )
    record.stopBy = Math.min(record.stopCap, now + settings.stopTimeout)
    record.startBy = Number.POSITIVE_INFINITY
    record.stoppingAt = now
    this.#host.writer.move(record, 'stopping', 'unknown', reason)
    if (wasActive) this.#host.lost(record, fate === 'completed')
    // Listeners of the signal are user code too.
    this.#host.enter(() =>
      epoch.abort(() =>
        fate === 'failed'
          ? lastError
          : new KeelsonError('CANCELLED', `service '${name}' - epoch ${epoch.epoch} ends (${reason})`),
      ),
    )
    if (record.startPending || record.runPending)
      this.#host.deadlines.arm(record, Math.min(record.hookBy, record.stopBy))
    else this.#proceed(record)
  }

  /** An operation's deadline came closer: what is in flight, or will be, has only so much time. */
  hurry(record: Record, hookCap: number, stopCap: number): void {
    record.hookCap = Math.min(record.hookCap, hookCap)
    record.stopCap = Math.min(record.stopCap, stopCap)
    if (record.state !== 'stopping') return
    record.hookBy = Math.min(record.hookBy, record.hookCap)
    record.stopBy = Math.min(record.stopBy, record.stopCap)
    const waits = record.startPending || record.runPending
    if (waits || record.stopPending || record.disposing)
      this.#host.deadlines.arm(record, waits ? Math.min(record.hookBy, record.stopBy) : record.stopBy)
    const left = record.stopBy - this.#host.moment.now
    const { core } = record
    if (core?.hurried !== undefined) this.#host.enter(() => core.hurried?.(left))
  }

  /** The hooks that the stop waited for have settled or were abandoned. */
  #proceed(record: Record): void {
    if (record.startPending || record.runPending || record.stopPending || record.disposing) return
    this.#host.deadlines.disarm(record)
    record.stopPending = true
    this.#host.enter(() => this.#enterStop(record))
  }

  #enterStop(record: Record): void {
    const { core, current: epoch } = record
    if (core === undefined || epoch === undefined) return
    const context = new Closing(
      epoch.epoch,
      record.stopReason ?? 'manual',
      record.name,
      record.stopBy - this.#host.moment.now,
      this.#host.logger,
    )
    record.closing = context
    const entered = this.#host.moment.now
    const settled = (failed: boolean, error: unknown): void => {
      if (record.current !== epoch || !record.stopPending) return this.#late(core, epoch, 'onStop')
      record.stopPending = false
      if (record.fate === 'asked') record.hookTook = this.#host.moment.now - entered
      if (failed) this.#unclean(record, 'STOP_FAILED', `onStop failed: ${describe(error)}`, error)
      this.#dispose(record)
    }
    if (this.#call(() => core.table.stop(core.service, context), settled))
      this.#host.deadlines.arm(record, record.stopBy)
  }

  #dispose(record: Record): void {
    this.#host.deadlines.disarm(record)
    record.closing = undefined
    record.disposing = true
    if (record.current?.owns === true) this.#host.enter(() => this.#enterDisposers(record))
    else this.#over(record)
  }

  /** Disposes of what the epoch owns, last in first out, one after the other; without waiting once the time is over. */
  #enterDisposers(record: Record): void {
    const { current: epoch } = record
    if (epoch === undefined) return
    for (let resource = epoch.pop(); resource !== undefined; resource = epoch.pop()) {
      let answer: unknown
      let waits = false
      try {
        answer = disposerOf(resource)?.()
        waits = isThenable(answer)
      } catch (error) {
        this.#unclean(record, 'STOP_FAILED', `a disposer failed: ${describe(error)}`, error)
      }
      if (!waits) continue
      const rushed = record.rushed
      const settled = (failed: boolean, error: unknown): void => {
        const awaited = record.current === epoch && record.awaitedDisposer === settled
        if (failed) {
          if (awaited) this.#unclean(record, 'STOP_FAILED', `a disposer failed: ${describe(error)}`, error)
          else
            this.#host.writer.warn(
              'STOP_FAILED',
              `service '${record.name}' - a disposer of epoch ${epoch.epoch} failed after its time: ${describe(error)}`,
              record,
            )
        }
        if (!awaited) return
        record.awaitedDisposer = undefined
        this.#host.enter(() => this.#enterDisposers(record))
      }
      this.#call(() => answer, settled)
      if (rushed) continue
      record.awaitedDisposer = settled
      this.#host.deadlines.arm(record, record.stopBy)
      return
    }
    this.#host.post(() => {
      if (record.current === epoch && record.awaitedDisposer === undefined) {
        if (epoch.owns) this.#host.enter(() => this.#enterDisposers(record))
        else this.#over(record)
      }
    })
  }

  #over(record: Record): void {
    record.current?.finish()
    record.current = undefined
    record.disposing = false
    record.ending = false
    record.restedAt = this.#host.moment.now
    record.hookBy = record.stopBy = Number.POSITIVE_INFINITY
    this.#host.deadlines.disarm(record)
    this.#host.over(record)
  }

  /** The record's deadline has passed while a hook was in flight. */
  due(record: Record): void {
    const { now } = this.#host.moment
    if (record.state === 'starting') {
      if (record.startPending && now >= record.startBy)
        this.fail(record, 'START_TIMEOUT', `onStart has not settled within ${record.settings.startTimeout} ms`)
      return
    }
    if (record.startPending || record.runPending) {
      if (now < Math.min(record.hookBy, record.stopBy))
        return this.#host.deadlines.arm(record, Math.min(record.hookBy, record.stopBy))
      this.#abandon(record, record.startPending ? 'onStart' : 'onRun')
      if (record.startPending) this.#release(record)
      record.startPending = record.runPending = false
      return this.#proceed(record)
    }
    if (now < record.stopBy) return this.#host.deadlines.arm(record, record.stopBy)
    record.rushed = true
    if (record.stopPending) {
      this.#abandon(record, 'onStop')
      record.stopPending = false
      const { closing } = record
      this.#host.enter(() => closing?.abort())
      this.#dispose(record)
    } else if (record.awaitedDisposer !== undefined) {
      this.#unclean(record, 'STOP_TIMEOUT', 'a disposer did not settle in time')
      record.awaitedDisposer = undefined
      this.#host.enter(() => this.#enterDisposers(record))
    }
  }

  /** Gives up on a hook: it is fenced from now on, and holds up the next epoch until it settles. */
  #abandon(record: Record, hook: Hook): void {
    const tell = (): void => {
      record.unsettled--
      this.#host.look(record)
    }
    const held: HeldUp = new Map([[record, tell]])
    record.core?.abandoned.add(held)
    const { current } = record
    if (current !== undefined) current.abandoned = new Map(current.abandoned).set(hook, held)
    record.unsettled++
    record.unsettledBy = 0
    this.#unclean(record, 'STOP_TIMEOUT', `${hook} did not settle in time and was abandoned`)
  }

  #unclean(
    record: Record,
    code: 'STOP_FAILED' | 'STOP_TIMEOUT',
    what: string,
    ...thrown: readonly [] | readonly [unknown]
  ): void {
    const error = new KeelsonError(
      code,
      `service '${record.name}' - ${what}; look at what it does when its signal is aborted`,
      thrown.length > 0 ? { cause: thrown[0] } : {},
    )
    if (record.unclean === undefined) record.unclean = [error]
    else record.unclean.push(error)
  }
}

/** What one `onStop` is given; its signal is made when it is asked for. */
export class Closing implements StopContext {
  readonly epoch: number
  readonly reason: StopReason
  /** Milliseconds that were left for the stop when its hook was entered. */
  readonly left: number
  readonly #name: string
  readonly #logger: Logger
  readonly #lazy: LazySignal = new LazySignal()

  constructor(epoch: number, reason: StopReason, name: string, left: number, logger: Logger) {
    this.epoch = epoch
    this.reason = reason
    this.left = left
    this.#name = name
    this.#logger = logger
  }

  get signal(): AbortSignal {
    return this.#lazy.signal
  }

  get log(): Logger {
    return serviceLogger(this.#logger, this.#name, this.epoch)
  }

  abort(): void {
    this.#lazy.abort(() => new KeelsonError('STOP_TIMEOUT', `service '${this.#name}' - the time for its stop is over`))
  }
}
