// One epoch of a service, read top to bottom: begin, start settles, active, end, hooks settle, onStop, disposers, over.
// Enters hooks and bounds them (R2, R3, R32, R43). What an epoch is begun or ended for is decided by the reconciler.
// A hook's result comes back as an input of a later turn and is dropped unless its hook is the one in flight.

import { describe, type ErrorCode, type Thrown, told } from '../errors.js'
import { classOf } from '../kernel/restart.js'
import type { StopReason } from '../service.js'
import { HOOKS, traced } from './channels.js'
import { Closing } from './closing.js'
import type { Abandoned, ServiceCore } from './core.js'
import type { Deadlines } from './deadlines.js'
import type { Fate } from './ending.js'
import { disposerOf, Epoch, type EpochHost } from './epoch.js'
import type { Permits } from './permits.js'
import type { Moment } from './ports.js'
import type { Part, Record } from './record.js'
import { isThenable } from './subscribers.js'
import type { Enter, Post } from './turn.js'
import type { Writer } from './writer.js'

/** What a life asks of the reconciler. */
export interface LifeHost extends EpochHost<Record> {
  /** Who its messages on diagnostics channels name. */
  readonly owner: object
  readonly moment: Moment
  readonly deadlines: Deadlines
  readonly permits: Permits
  readonly writer: Writer
  readonly post: Post
  readonly enter: Enter
  /** The service became active. */
  started(record: Record): void
  /** The service is leaving its active phase; `clean` if it ended of itself. */
  lost(record: Record, clean: boolean): void
  /** Its start failed, or it ended by a failure. */
  failing(record: Record): void
  /** The epoch is over: no instance is left. */
  over(record: Record): void
  /** An abandoned hook has settled: look again. */
  look(record: Record): void
}

const NOTHING: Thrown = []

type Settled = (epoch: Epoch<Record>, thrown: Thrown) => void

// What is entered or posted once per epoch is a method that is given the epoch, and no closure: these are hot.
export class Life {
  readonly #host: LifeHost
  /** Hooks that were given up on, by the epoch whose they are. */
  readonly #abandoned = new WeakMap<Epoch<Record>, Abandoned[]>()

  constructor(host: LifeHost) {
    this.#host = host
  }

  /** Begins a new epoch; its permits must have been taken. */
  begin(record: Record): void {
    record.epoch++
    record.current = new Epoch(record, record.epoch, this.#host.moment.instant, this.#host)
    record.stopReason = record.stop = undefined
    record.ending = record.lost = record.fulfilled = false
    record.inFlight = 'onStart'
    this.#host.writer.move(record, 'starting', 'unknown')
    this.#host.enter(this.#enterStart, record.current)
  }

  readonly #enterStart = (epoch: Epoch<Record>): void => {
    const record = epoch.owner
    const core = record?.core
    if (record === undefined || core === undefined) return
    if (!this.#call('start', core, epoch, epoch, this.#startSettled)) return
    this.#host.deadlines.arm(record, this.#host.moment.now + record.settings.startTimeout)
  }

  /** Calls a hook; a plain value settles it without a promise. Returns whether it is still in flight. */
  #call(
    hook: 'start' | 'run' | 'stop',
    core: ServiceCore,
    context: Epoch<Record> | Closing,
    epoch: Epoch<Record>,
    settled: Settled,
  ): boolean {
    try {
      const answer =
        hook !== 'run' && HOOKS[hook].hasSubscribers
          ? traced(hook, this.#host.owner, core, context)
          : core.table[hook](core.service, context as never)
      if (isThenable(answer)) {
        this.#wait(answer, epoch, settled)
        return true
      }
      this.#host.post(settled, epoch, NOTHING)
    } catch (error) {
      this.#host.post(settled, epoch, [error])
    }
    return false
  }

  #wait(answer: PromiseLike<unknown>, epoch: Epoch<Record>, settled: Settled): void {
    // Whatever it is, it settles once.
    Promise.resolve(answer).then(
      () => this.#host.post(settled, epoch, NOTHING),
      (error: unknown) => this.#host.post(settled, epoch, [error]),
    )
  }

  /** An abandoned hook has settled at last: what it holds of the next epoch is released, its result is dropped. */
  #late(epoch: Epoch<Record>, hook: string): void {
    const abandoned = this.#abandoned.get(epoch)?.find((each) => each.hook === hook)
    if (abandoned === undefined) return
    abandoned.core.abandoned?.delete(abandoned)
    for (const tell of abandoned.held.values()) tell()
  }

  readonly #startSettled: Settled = (epoch, thrown) => {
    const record = epoch.owner
    if (record?.inFlight !== 'onStart') return this.#late(epoch, 'onStart')
    record.inFlight = undefined
    const took = this.#host.moment.now - epoch.began.now
    const { claims } = record
    for (let i = 0; i < claims.length; i++) (claims[i] as Part).took = took
    this.#host.permits.release(record)
    if (record.state === 'stopping') return this.#proceed(record)
    this.#host.deadlines.disarm(record)
    if (thrown.length > 0) this.fail(record, 'START_FAILED', `onStart failed: ${describe(thrown[0])}`, thrown)
    else this.#activate(record, epoch)
  }

  #activate(record: Record, epoch: Epoch<Record>): void {
    const { core, settings } = record
    if (core === undefined) return
    const { runs, checks } = core
    record.attempt = 0
    record.connectivity = 0
    record.retrying = false
    record.lastError = undefined
    record.fulfilled = !checks
    this.#host.writer.move(record, settings.remote ? 'connected' : 'running', checks ? 'checking' : 'healthy')
    if (runs) {
      record.inFlight = 'onRun'
      this.#host.enter(this.#enterRun, epoch)
    }
    this.#host.started(record)
  }

  readonly #enterRun = (epoch: Epoch<Record>): void => {
    const record = epoch.owner
    if (record?.core !== undefined && record.inFlight === 'onRun')
      this.#call('run', record.core, epoch, epoch, this.#runSettled)
  }

  readonly #runSettled: Settled = (epoch, thrown) => {
    const record = epoch.owner
    if (record?.inFlight !== 'onRun') return this.#late(epoch, 'onRun')
    record.inFlight = undefined
    if (record.state === 'stopping') return this.#proceed(record)
    if (thrown.length > 0) this.fail(record, 'CRASHED', `onRun failed: ${describe(thrown[0])}`, thrown)
    else this.end(record, record.desired ? 'completed' : (record.stopReason ?? 'completed'), 'completed')
  }

  /** `ctx.fail`, or a report of a foreign service: ends the epoch as failed, unless it is ending already. */
  failed(record: Record, epoch: number, error: unknown): void {
    if (record.current?.epoch !== epoch || record.state === 'stopping') return
    if (record.state === 'starting')
      this.fail(record, 'START_FAILED', `it reported a failure while starting: ${describe(error)}`, [error])
    else this.fail(record, 'CRASHED', `it reported a failure: ${describe(error)}`, [error])
  }

  /** Ends the epoch as failed, with this error. */
  fail(record: Record, code: ErrorCode, what: string, thrown: Thrown): void {
    const advice = code === 'START_TIMEOUT' ? '; raise startTimeout or look at what it waits for' : ''
    const error = told(code, `service '${record.name}' - ${what}${advice}`, thrown)
    record.lastError = error
    const failure = thrown.length > 0 ? classOf(record.settings, thrown[0]) : 'transient'
    record.connectivity = failure === 'connectivity' ? record.connectivity + 1 : 0
    const reason = code === 'UNHEALTHY' ? 'unhealthy' : 'failed'
    record.stopping(this.#host.moment.instant).failure = failure
    this.end(record, record.desired ? reason : (record.stopReason ?? reason), 'failed')
    this.#host.failing(record)
  }

  /** Begins the end: from now on the epoch is `stopping`, whatever its hooks still return. */
  end(record: Record, reason: StopReason, fate: Fate): void {
    const { current: epoch, settings, inFlight } = record
    if (epoch === undefined || record.state === 'stopping') return
    const { now, instant } = this.#host.moment
    const wasActive = record.active
    const stop = record.stopping(instant)
    stop.fate = fate
    if (fate !== 'completed') record.completed = false
    record.stopReason = reason
    if (inFlight !== undefined)
      stop.hookBy = Math.min(
        stop.hookBy,
        now + (inFlight === 'onStart' ? settings.abortGrace : settings.stopTimeout - settings.abortGrace),
      )
    stop.stopBy = Math.min(stop.stopBy, now + settings.stopTimeout)
    stop.began = instant
    this.#host.writer.move(record, 'stopping', 'unknown', reason)
    if (wasActive) this.#host.lost(record, fate === 'completed')
    epoch.end(fate === 'failed' ? record.lastError : reason, this.#host.enter)
    if (inFlight !== undefined) this.#host.deadlines.arm(record, Math.min(stop.hookBy, stop.stopBy))
    else this.#proceed(record)
  }

  /** An operation's deadline came closer: what is in flight, or will be, has only so much time. */
  hurry(record: Record, hookBy: number, stopBy: number): void {
    const { now, instant } = this.#host.moment
    const stop = record.stopping(instant)
    stop.hookBy = Math.min(stop.hookBy, hookBy)
    stop.stopBy = Math.min(stop.stopBy, stopBy)
    if (record.state !== 'stopping') return
    const { core, inFlight } = record
    const waits = inFlight === 'onStart' || inFlight === 'onRun'
    if (inFlight !== undefined)
      this.#host.deadlines.arm(record, waits ? Math.min(stop.hookBy, stop.stopBy) : stop.stopBy)
    if (core?.nests !== undefined) this.#host.enter(() => core.nests?.hurried?.(stop.stopBy - now))
  }

  /** The hooks that the stop waited for have settled or were abandoned. */
  #proceed(record: Record): void {
    const { current } = record
    if (record.inFlight !== undefined || current === undefined) return
    this.#host.deadlines.disarm(record)
    record.inFlight = 'onStop'
    this.#host.enter(this.#enterStop, current)
  }

  readonly #enterStop = (epoch: Epoch<Record>): void => {
    const record = epoch.owner
    if (record?.core === undefined) return
    const { now, instant } = this.#host.moment
    const stop = record.stopping(instant)
    const context = new Closing(record, stop.stopBy - now, this.#host.logger)
    stop.closing = context
    stop.entered = instant
    if (this.#call('stop', record.core, context, epoch, this.#stopSettled))
      this.#host.deadlines.arm(record, stop.stopBy)
  }

  readonly #stopSettled: Settled = (epoch, thrown) => {
    const record = epoch.owner
    const stop = record?.stop
    if (record?.inFlight !== 'onStop' || stop === undefined) return this.#late(epoch, 'onStop')
    if (stop.fate === 'asked') {
      const { now } = this.#host.moment
      const took = now - (stop.entered?.now ?? now)
      const { stops } = record
      for (let i = 0; i < stops.length; i++) (stops[i] as Part).took = took
    }
    if (thrown.length > 0) this.#unclean(record, 'STOP_FAILED', `onStop failed: ${describe(thrown[0])}`, thrown)
    this.#dispose(record, epoch)
  }

  #dispose(record: Record, epoch: Epoch<Record>): void {
    this.#host.deadlines.disarm(record)
    if (record.stop !== undefined) record.stop.closing = undefined
    record.inFlight = 'disposers'
    if (epoch.owns) this.#host.enter(this.#enterDisposers, epoch)
    else this.#over(record)
  }

  /** Disposes of what the epoch owns, last in first out, one after the other; without waiting once the time is over. */
  readonly #enterDisposers = (epoch: Epoch<Record>): void => {
    const record = epoch.owner
    const stop = record?.stop
    if (record === undefined || stop === undefined) return
    for (let resource = epoch.pop(); resource !== undefined; resource = epoch.pop()) {
      let answer: unknown
      let waits = false
      try {
        answer = disposerOf(resource)?.()
        waits = isThenable(answer)
      } catch (error) {
        this.#unclean(record, 'STOP_FAILED', `a disposer failed: ${describe(error)}`, [error])
      }
      if (!waits) continue
      const { rushed } = stop
      const settled: Settled = (_, thrown) => {
        const awaited = stop.awaitedDisposer === settled
        if (thrown.length > 0) {
          if (awaited) this.#unclean(record, 'STOP_FAILED', `a disposer failed: ${describe(thrown[0])}`, thrown)
          else
            this.#host.writer.warn(
              'STOP_FAILED',
              `service '${record.name}' - a disposer of epoch ${epoch.epoch} failed after its time: ${describe(thrown[0])}`,
              record,
            )
        }
        if (!awaited) return
        stop.awaitedDisposer = undefined
        this.#host.enter(this.#enterDisposers, epoch)
      }
      this.#wait(answer as PromiseLike<unknown>, epoch, settled)
      if (rushed) continue
      stop.awaitedDisposer = settled
      this.#host.deadlines.arm(record, stop.stopBy)
      return
    }
    this.#host.post(this.#disposed, epoch)
  }

  readonly #disposed = (epoch: Epoch<Record>): void => {
    const record = epoch.owner
    if (record === undefined || record.stop?.awaitedDisposer !== undefined) return
    if (epoch.owns) this.#host.enter(this.#enterDisposers, epoch)
    else this.#over(record)
  }

  #over(record: Record): void {
    const { instant } = this.#host.moment
    record.current?.finish()
    record.current = record.inFlight = undefined
    record.ending = false
    record.stopping(instant).over = instant
    this.#host.deadlines.disarm(record)
    this.#host.over(record)
  }

  /** The record's deadline has passed while a hook was in flight. */
  due(record: Record): void {
    const { stop, current, settings } = record
    const { now } = this.#host.moment
    if (current === undefined) return
    if (record.state === 'starting') {
      const by = current.began.now + settings.startTimeout
      if (now < by) return this.#host.deadlines.arm(record, by)
      return this.fail(record, 'START_TIMEOUT', `onStart has not settled within ${settings.startTimeout} ms`, NOTHING)
    }
    if (record.state !== 'stopping' || stop === undefined) return
    if (record.inFlight === 'onStart' || record.inFlight === 'onRun') {
      const by = Math.min(stop.hookBy, stop.stopBy)
      if (now < by) return this.#host.deadlines.arm(record, by)
      this.#abandon(record, record.inFlight)
      this.#host.permits.release(record)
      record.inFlight = undefined
      return this.#proceed(record)
    }
    if (now < stop.stopBy) return this.#host.deadlines.arm(record, stop.stopBy)
    stop.rushed = true
    if (record.inFlight === 'onStop') {
      this.#abandon(record, 'onStop')
      const { closing } = stop
      this.#host.enter(() => closing?.abort())
      this.#dispose(record, current)
    } else if (stop.awaitedDisposer !== undefined) {
      this.#unclean(record, 'STOP_TIMEOUT', 'a disposer did not settle in time', NOTHING)
      stop.awaitedDisposer = undefined
      this.#host.enter(this.#enterDisposers, current)
    }
  }

  /** Gives up on a hook: it is fenced from now on, and holds up the next epoch until it settles. */
  #abandon(record: Record, hook: string): void {
    const { core, current } = record
    if (core === undefined || current === undefined) return
    const tell = (): void => {
      record.unsettled--
      this.#host.look(record)
    }
    const abandoned: Abandoned = { core, hook, held: new Map([[record, tell]]) }
    core.abandoned ??= new Set()
    core.abandoned.add(abandoned)
    this.#abandoned.set(current, [...(this.#abandoned.get(current) ?? []), abandoned])
    record.unsettled++
    this.#unclean(record, 'STOP_TIMEOUT', `${hook} did not settle in time and was abandoned`, NOTHING)
  }

  #unclean(record: Record, code: 'STOP_FAILED' | 'STOP_TIMEOUT', what: string, thrown: Thrown): void {
    const error = told(
      code,
      `service '${record.name}' - ${what}; look at what it does when its signal is aborted`,
      thrown,
    )
    const stop = record.stopping(this.#host.moment.instant)
    if (stop.unclean === undefined) stop.unclean = [error]
    else stop.unclean.push(error)
  }
}
