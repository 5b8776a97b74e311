// An engine: one reconciler, one graph, and the operations under way on them. What Orchestrator and a service alone
// are a façade of. Turns calls into operations, refuses what cannot be, hands out readings.

import { KeelsonError } from '../errors.js'
import type { EventMap, EventsOptions, EventType, OperationReport } from '../events.js'
import type { Defaults } from '../kernel/settings.js'
import { PHASE } from '../kernel/state.js'
import type { CallOptions, LiveOptions, Service, Unsubscribe } from '../service.js'
import type { Keeper, ServiceCore } from './core.js'
import type { EventStream } from './event-stream.js'
import { coreOf } from './foreign.js'
import { type Operation, type OperationHost, settled } from './operation.js'
import { type OperationsHost, type Ports, Reconciler } from './reconciler.js'
import { Down, type Exchanging, type Record } from './record.js'
import { ReplaceOperation } from './replace.js'
import { type OnFailure, StartOperation } from './start.js'
import { StopOperation } from './stop.js'
import { Topology } from './topology.js'
import type { Piecework } from './turn.js'
import { View } from './view.js'
import { who } from './writer.js'

/** Options of calls that bring something up. */
export interface StartCall extends CallOptions {
  readonly onFailure?: OnFailure
}

export interface EngineOptions extends Ports {
  readonly defaults: Defaults
  readonly shutdownTimeout: number
  readonly chained: boolean
  readonly solo: boolean
}

export class Engine implements OperationHost, OperationsHost, Keeper {
  readonly reconciler: Reconciler
  readonly topology: Topology
  readonly view: View
  readonly shutdownTimeout: number
  readonly solo: boolean
  running = false
  falling = false
  readonly shutdowns: Set<Operation> = new Set()
  /** Told when a service ended of itself or gave up, and when everything is being stopped. */
  readonly watchers: Set<() => void> = new Set()
  #touched = new Set<Operation>()
  #finished = new Set<Operation>()
  #id = 0
  #mark = 0
  closed = false
  #closing: Promise<void> | undefined

  constructor(options: EngineOptions) {
    this.shutdownTimeout = options.shutdownTimeout
    this.solo = options.solo
    this.reconciler = new Reconciler(options, this)
    this.topology = new Topology(
      {
        keeper: this,
        defaults: options.defaults,
        chained: options.chained,
        late: (record) => this.reconciler.late(record),
      },
      () => this.reconciler.neighbours,
    )
    this.view = new View(this.topology, options.clock, () => this.reconciler.log.seq)
  }

  get seq(): number {
    return this.reconciler.log.seq
  }

  // Calls

  start(options: StartCall = {}): Promise<OperationReport> {
    return this.#call(options, () => this.#starting('start', undefined, 'rollback', options), false)
  }

  startService(name: string, options: StartCall = {}): Promise<OperationReport> {
    return this.#call(options, () => this.#starting('start', this.topology.find(name).name, 'keep', options))
  }

  restartService(name: string, options: StartCall = {}): Promise<OperationReport> {
    return this.#call(options, () => this.#starting('restart', this.topology.find(name).name, 'keep', options))
  }

  #starting(
    kind: 'start' | 'restart',
    target: string | undefined,
    otherwise: OnFailure,
    { onFailure = otherwise, timeout = Infinity, signal }: StartCall,
  ): Operation {
    return new StartOperation(this, { kind, target, onFailure, timeout, signal })
  }

  stop(options: CallOptions = {}): Promise<OperationReport> {
    return this.#call(options, () => this.#shutdown(options), false)
  }

  #shutdown(options: CallOptions): Operation {
    const targets = (): Record[] => {
      this.running = false // also if a start of the same turn said otherwise
      return [...this.topology.records.values()]
    }
    const mark = (record: Record): void => {
      record.down |= Down.shut
      record.completed = false
    }
    const operation = new StopOperation(this, { kind: 'stop', target: undefined, options, targets, mark })
    this.running = false
    this.shutdowns.add(operation)
    this.ended()
    return operation
  }

  stopService(name: string, options: CallOptions = {}): Promise<OperationReport> {
    return this.#call(
      options,
      () => {
        const record = this.topology.get(name) ?? this.topology.find(name)
        return new StopOperation(this, {
          kind: 'stop',
          target: name,
          options,
          targets: () => [record],
          mark: (target) => {
            target.down |= Down.manual
          },
        })
      },
      false,
    )
  }

  /** Adds all of them or, throwing, none. */
  addAll(services: Iterable<Service>): void {
    const added: ServiceCore[] = []
    const before: Pick<ServiceCore, 'keeper' | 'told'>[] = []
    this.reconciler.moment.refresh()
    try {
      for (const service of services) {
        const core = coreOf(service)
        // Of most there is nothing to remember.
        const { keeper, told } = core
        if (keeper !== undefined || told.epoch > 0) before[added.length] = { keeper, told }
        this.#add(core)
        added.push(core)
      }
    } catch (error) {
      for (const [i, core] of added.entries()) {
        if (before[i] === undefined) core.release()
        else Object.assign(core, before[i])
      }
      throw error
    }
  }

  /** Registers a service, at once. */
  add(service: Service): void {
    this.#enter()
    this.reconciler.moment.refresh()
    this.#add(coreOf(service))
  }

  #add(core: ServiceCore): void {
    this.topology.admit(core)
    const record = this.topology.add(core)
    const { log, moment } = this.reconciler
    record.changed = moment.instant
    const id = ++this.#id
    const begin = log.count()
    record.lastSeq = log.count()
    const end = log.count()
    if (log.heard) {
      const operation = { operation: 'register', target: record.name, id } as const
      log.record('operation', begin, 0, { ...operation, phase: 'begin' })
      log.record('registered', record.lastSeq, begin, who(record))
      log.record('operation', end, begin, { ...operation, phase: 'end', outcome: 'done' })
    }
    this.reconciler.note(record)
    if (this.running) this.#adopt(record)
  }

  /** A service registered into a running orchestrator comes up by itself, with what it requires; clears nothing (R6). */
  #adopt(record: Record): void {
    const needed = record.dependents.some(({ from, spec }) => !spec.optional && from.desired)
    if (!record.settings.autoStart && !needed) return
    record.wanted = true
    this.reconciler.post(() => this.reconciler.look(record, record.lastSeq))
    this.require(record)
  }

  /** Wants what `record` requires, as far as it is not up; clears nothing. */
  require(record: Record): void {
    const raised = new Set([record])
    for (const each of raised) {
      if (each !== record) {
        if (each.active && each.wanted) continue
        if (each.down === 0) {
          each.wanted = true // who was told to be down is not told otherwise by that
          each.overtake()
        }
        this.reconciler.post(() => this.reconciler.look(each, record.lastSeq))
      }
      for (const { to, spec } of each.deps) if (!spec.optional && to.core !== undefined && !to.removing) raised.add(to)
    }
  }

  unregister(name: string, cascade: boolean, force: boolean): Promise<void> {
    const call = this.#call(
      {},
      () => {
        const record = this.topology.find(name)
        const all = force ? [record] : this.#removal(record, cascade)
        for (const each of all) each.down |= Down.removing
        const operation: StopOperation = new StopOperation(this, {
          kind: 'unregister',
          target: name,
          options: {},
          targets: () => all,
          mark: () => {},
          done: () => {
            for (const each of all) this.#remove(each, operation.beginSeq)
          },
        })
        return operation
      },
      false,
    )
    return call.then(() => {})
  }

  /** Removes a service at rest without dependents, at once. */
  drop(name: string): void {
    this.#enter()
    const record = this.topology.find(name)
    this.#removal(record, false)
    if (record.isLive || record.phase !== 'idle' || record.desired)
      throw new KeelsonError(
        'SERVICE_IN_USE',
        `service '${name}' - is ${record.state}${record.desired ? ' and wanted up' : ''}; stop it first, or use the orchestrator's unregister()`,
      )
    record.down |= Down.removing
    this.#remove(record, record.lastSeq)
    this.reconciler.writer.reflect()
  }

  /** What goes with `record`, deepest first; refuses if that is more than itself and not asked for. */
  #removal(record: Record, cascade: boolean): Record[] {
    const requiring = this.topology.requiring(record)
    if (requiring.length === 0) return [record]
    if (cascade) return this.topology.closure(record)
    const names = requiring.map(({ name }) => `'${name}'`).join(', ')
    throw new KeelsonError(
      'SERVICE_IN_USE',
      `service '${record.name}' - is required by ${names}; unregister these first, or pass { cascade: true }`,
    )
  }

  #remove(record: Record, cause: number): void {
    const { log, deadlines } = this.reconciler
    if (this.topology.get(record.name) !== record) return
    deadlines.disarm(record)
    record.resume()
    log.publish('unregistered', cause, who(record))
    this.topology.remove(record)
    this.reconciler.writer.note(record)
  }

  reconfigure(name: string, options: LiveOptions): void {
    this.#enter()
    const record = this.topology.find(name)
    this.topology.reconfigure(record, options)
    this.reconciler.post(() => this.reconciler.look(record))
  }

  replace(service: Service, options: CallOptions = {}): Promise<OperationReport> {
    return this.#call(options, () => {
      const core = coreOf(service)
      const record = this.topology.find(core.name)
      const subject = `service '${record.name}'`
      if (core.keeper !== undefined && !core.keeper.solo && !core.keeper.closed)
        throw new KeelsonError(
          'SERVICE_IN_USE',
          `${subject} - the replacement belongs to an orchestrator; pass one that is registered nowhere`,
        )
      const { state } = core.service
      if (PHASE[state] === 'moving' || PHASE[state] === 'active')
        throw new KeelsonError('SERVICE_IN_USE', `${subject} - the replacement is ${state}; pass one that is at rest`)
      if (record.exchanging !== undefined)
        throw new KeelsonError('SERVICE_IN_USE', `${subject} - is being replaced; wait for that first`)
      if ((core.options.remote ?? false) !== record.settings.remote)
        throw new KeelsonError(
          'CONFIG_INVALID',
          `${subject}: remote is ${core.options.remote ?? false}; a replacement cannot change it, unregister and register instead`,
        )
      this.topology.fits(record, core)
      const { timeout = Infinity, signal } = options
      return new ReplaceOperation(
        this,
        { kind: 'replace', target: record.name, onFailure: 'rollback', timeout, signal },
        record,
        record.core as ServiceCore,
        core,
      )
    })
  }

  /** Stops, and refuses everything but reading from then on. */
  close(): Promise<void> {
    this.reconciler.turn.whole()
    this.closed = true
    this.#closing ??= this.#shutdown({}).promise.then(() => {})
    return this.#closing
  }

  /** Refuses what cannot be, at once and with nothing changed; else makes the operation and gives its promise. */
  #call(options: CallOptions, make: () => Operation, refusedWhileStopping = true): Promise<OperationReport> {
    try {
      this.#enter()
      if (refusedWhileStopping && this.shutdowns.size > 0)
        throw new KeelsonError('CLOSED', 'the orchestrator - is stopping; wait for stop(), or call start() for all')
      return options.signal?.aborted === true ? Promise.reject(options.signal.reason) : make().promise
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Refuses everything once closed; whoever comes in finds no intent half applied. */
  #enter(): void {
    this.reconciler.turn.whole()
    if (this.closed) throw new KeelsonError('CLOSED', 'the orchestrator - is disposed of; make a new one')
  }

  // Subscriptions

  on<Type extends EventType>(type: Type, listener: (event: EventMap[Type]) => unknown): Unsubscribe {
    return this.reconciler.log.on(type, listener)
  }

  events(options: EventsOptions): EventStream {
    return this.reconciler.log.stream(options)
  }

  // What operations and the reconciler ask for

  nextId(): number {
    return ++this.#id
  }

  nextMark(): number {
    return ++this.#mark
  }

  touch(operation: Operation): void {
    this.#touched.add(operation)
  }

  finish(operation: Operation): void {
    this.#finished.add(operation)
    if (operation.stage !== 'over') return
    this.shutdowns.delete(operation)
    this.reconciler.deadlines.awake(-1)
  }

  judge(): boolean {
    this.falling = false
    if (this.#touched.size === 0) return false
    const touched = this.#touched
    this.#touched = new Set()
    for (const operation of touched) operation.judge()
    return true
  }

  settle(): Piecework | undefined {
    if (this.#finished.size === 0) return undefined
    const finished = this.#finished
    this.#finished = new Set()
    return settled(finished)
  }

  exchange(record: Record, by: Exchanging, next: ServiceCore): void {
    try {
      this.topology.exchange(record, next)
      by.exchanged()
    } catch (error) {
      by.notExchanged(error)
    }
  }

  ended(): void {
    for (const watcher of this.watchers) watcher()
  }
}
