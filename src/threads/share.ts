// The owner's side: keeps the table true, answers the threads that attach, lets their services live in the application.
// Comes in through the front door like anybody: it listens, reads and calls.

import { MessageChannel, type MessagePort } from 'node:worker_threads'
import {
  type Explanation,
  type HealthReport,
  KeelsonError,
  type Observed,
  type Orchestrator,
  type OrchestratorEvent,
  type ServiceStatus,
  type StateChange,
  type StopReason,
} from '../index.js'
import { onAbort } from './aborts.js'
import { type Answers, type Asked, Link } from './link.js'
import { type Failure, type Lodged, Lodging } from './lodging.js'
import { type Address, address, bequeath, type Door, door, here, inherited } from './ports.js'
import { TableWriter } from './table-writer.js'
import { checkOptions } from './waits.js'
import { crossing, list, uncrossable } from './wire.js'

/** Options of `shareRegistry`. */
export interface ShareOptions {
  /** Tells it from other registries that are shared with the same threads. Default `default`. */
  readonly name?: string
}

/** What attaches a thread that was there before the registry was shared; transfer its `port`. */
export interface ThreadHandle extends Address {
  /** This thread's end of the connection. It must be in the transfer list. */
  readonly port: MessagePort
}

/** An orchestrator that every thread can see. */
export interface SharedRegistry extends AsyncDisposable {
  /** What `attachRegistry({ name })` asks for. */
  readonly name: string
  /**
   * Makes a handle for one thread that was there before: `worker.postMessage(handle, [handle.port])`, and there
   * `attachRegistry(handle)`.
   * @throws `CLOSED`
   */
  connect(): ThreadHandle
  /** Ends it: services that live in other threads are removed, their dependents wait; every use of it in other threads is `CLOSED`. */
  close(): Promise<void>
}

const shares = new Map<string, Share>()

/**
 * Shares an orchestrator with all threads that are made from now on, and with those that `connect()` is for.
 *
 * *Guarantees:* a service is found in every thread as soon as its `register` has resolved, and its state is what was
 * delivered last; it ends when the orchestrator is disposed of. While nothing is shared it costs nothing.
 *
 * Runnable: `examples/16-threads.ts`.
 * @throws `CONFIG_INVALID` for what is no orchestrator; `SERVICE_DUPLICATE` for a name that this thread shares already;
 * `CLOSED` for one that is disposed of.
 */
export function shareRegistry(app: Orchestrator, options: ShareOptions = {}): SharedRegistry {
  checkOptions('shareRegistry()', options, ['name'])
  const { name = 'default' } = options
  if (typeof app?.getServiceStatus !== 'function' || !(app.signal instanceof AbortSignal))
    throw new KeelsonError('CONFIG_INVALID', 'shareRegistry() - takes an Orchestrator; pass the one to share')
  if (typeof name !== 'string' || name === '')
    throw new KeelsonError(
      'CONFIG_INVALID',
      `shareRegistry(): name is ${String(name)}; pass a string that is not empty`,
    )
  if (app.signal.aborted)
    throw new KeelsonError('CLOSED', 'shareRegistry() - the orchestrator is disposed of; make a new one')
  const known = inherited().shared.get(name)
  if (known !== undefined && isHere(known))
    throw new KeelsonError(
      'SERVICE_DUPLICATE',
      `shareRegistry() - this thread shares a registry '${name}' already; give this one another name`,
    )
  return new Share(app, name)
}

class Share implements SharedRegistry {
  readonly name: string
  readonly #app: Orchestrator
  readonly #door: Door
  /** What was shared with this thread under the same name, by the thread that made it. */
  readonly #above: Address | undefined
  readonly #table = new TableWriter()
  readonly #tenants = new Set<Tenant>()
  /** The services that live in other threads, by name. */
  readonly #lodgings = new Map<string, Lodging>()
  readonly #ends: (() => void)[] = []
  #tells = false
  #closed = false
  #closing: Promise<void> | undefined

  constructor(app: Orchestrator, name: string) {
    this.#app = app
    this.name = name
    this.#feed()
    this.#door = door('registry', (port, thread) => this.#accept(port, thread))
    shares.set(name, this)
    this.#above = inherited().shared.get(name)
    this.#announce((shared) => shared.set(name, address(this.#door.id, name, this.#table.buffer)))
    const close = (): void => void this.close()
    app.signal.addEventListener('abort', close, { once: true })
    this.#ends.push(() => app.signal.removeEventListener('abort', close))
  }

  connect(): ThreadHandle {
    if (this.#closed)
      throw new KeelsonError('CLOSED', `the shared registry '${this.name}' - is closed; share the orchestrator again`)
    const { port1, port2 } = new MessageChannel()
    this.#accept(port1)
    return { ...address(this.#door.id, this.name, this.#table.buffer), port: port2 }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    shares.delete(this.name)
    this.#announce((shared) => {
      if (this.#above === undefined) shared.delete(this.name)
      else shared.set(this.name, this.#above)
    })
    this.#door.shut()
    for (const end of this.#ends) end()
    const gone = [...this.#tenants].map((tenant) => tenant.evict())
    await Promise.all(gone)
    this.#table.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #announce(change: (shared: Map<string, Address>) => void): void {
    const before = inherited()
    const shared = new Map(before.shared)
    change(shared)
    bequeath({ ...before, shared })
  }

  /** Keeps the table true: before a hook is entered, it shows what has led to that. */
  #feed(): void {
    const table = this.#table
    const { seq, services } = this.#app.snapshot()
    for (const { attempt = 0, stopReason, ...status } of services) table.add({ ...status, attempt, stopReason, seq })
    const reflect = (each: Observed): void => {
      if (!each.registered) table.remove(each.name)
      else if (!table.update(each)) table.add(each)
    }
    this.#ends.push(
      this.#app.mirror((changed) => {
        for (const each of changed) reflect(each)
      }),
    )
  }

  /** From the first service of another thread on, these are told what becomes of them. */
  #tell(): void {
    if (this.#tells) return
    this.#tells = true
    this.#ends.push(
      this.#app.on('state', ({ name, oldState, newState, health, reason, epoch, timestamp, error }) =>
        this.#told({ name, oldState, newState, health, epoch, timestamp, ...only({ error, reason }) }),
      ),
      this.#app.on('health', ({ name, state, newHealth: health, epoch, timestamp, error }) =>
        this.#told({ name, oldState: state, newState: state, health, epoch, timestamp, ...only({ error }) }),
      ),
      this.#app.on('unregistered', ({ name }) => this.#left(name)),
      this.#app.on('operation', ({ operation, target = '', phase }) => {
        if (operation === 'replace' && phase === 'end') this.#left(target)
      }),
    )
  }

  #told(change: StateChange): void {
    const lodging = this.#lodgings.get(change.name)
    if (lodging !== undefined && change.epoch <= lodging.epoch) lodging.tell(change) // not of one that took its place
  }

  /** The one that lives in a thread may be registered no more: it was removed, or another is in its place for good. */
  #left(name: string): void {
    const lodging = this.#lodgings.get(name)
    if (lodging !== undefined && this.#app.registry.get(name) !== lodging.service) lodging.gone()
  }

  #lodge(lodging: Lodging): void {
    const { name } = lodging.service
    this.#tell()
    this.#lodgings.get(name)?.gone() // removed, and not told yet
    this.#lodgings.set(name, lodging)
  }

  /** A thread is about to be ended: its services leave the application first. */
  async evict(thread: number): Promise<void> {
    await Promise.all([...this.#tenants].map((tenant) => (tenant.thread === thread ? tenant.evict() : undefined)))
  }

  #accept(port: MessagePort, thread?: number): void {
    const tenant: Tenant = new Tenant(port, thread, {
      app: this.#app,
      lodging: (name) => this.#lodgings.get(name),
      lodge: (lodging) => this.#lodge(lodging),
      left: (lodging) => {
        if (this.#lodgings.get(lodging.service.name) === lodging) this.#lodgings.delete(lodging.service.name)
      },
      gone: () => this.#tenants.delete(tenant),
    })
    this.#tenants.add(tenant)
  }
}

/** Removes what lives in a thread from all that is shared here, cleanly. */
export async function evict(thread: number): Promise<void> {
  await Promise.all([...shares.values()].map((share) => share.evict(thread)))
}

function only(fields: { readonly error?: unknown; readonly reason?: StopReason | 'exhausted' | undefined }): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

interface TenantHost {
  readonly app: Orchestrator
  /** The service of this name, if it lives in another thread. */
  lodging(name: string): Lodging | undefined
  /** A service of that thread has been registered; it has left. */
  lodge(lodging: Lodging): void
  left(lodging: Lodging): void
  /** The thread is gone. */
  gone(): void
}

/** One thread that is attached. */
class Tenant {
  /** Which one it is; unknown if it came by a handle. */
  readonly thread: number | undefined
  readonly #host: TenantHost
  readonly #app: Orchestrator
  readonly #link: Link
  /** The services that live there, by their number. */
  readonly #own = new Map<number, Lodging>()

  constructor(port: MessagePort, thread: number | undefined, host: TenantHost) {
    this.thread = thread
    this.#host = host
    this.#app = host.app
    this.#link = new Link(port, this.#answers(), () => this.#gone())
  }

  /** The registry is closed: its services leave the application, then it is told. */
  async evict(): Promise<void> {
    await this.#leave()
    this.#link.close()
  }

  async #leave(): Promise<void> {
    await Promise.all([...this.#own.values()].map((lodging) => this.#remove(lodging)))
  }

  /** The thread is gone: what lived in it is lost, in this turn; who requires it waits for it. */
  #gone(): void {
    this.#host.gone()
    for (const lodging of [...this.#own.values()]) {
      lodging.lost()
      void this.#remove(lodging)
    }
    this.#own.clear()
  }

  async #remove({ service }: Lodging): Promise<void> {
    const { name } = service
    if (this.#app.registry.get(name) !== service) return // another one has taken its place
    try {
      await this.#app.unregister(name, { force: true })
    } catch {} // removed all the same, or the application is closed and nothing is up
  }

  #answers(): Answers {
    const app = this.#app
    const named = (name: unknown): string => name as string
    const lodging = (key: unknown): Lodging | undefined => this.#own.get(key as number)
    return {
      startService: ([name, options], { signal }) => app.startService(named(name), within(options, signal)).then(list),
      stopService: ([name, options], { signal }) => app.stopService(named(name), within(options, signal)).then(list),
      restartService: ([name, options], { signal }) =>
        app.restartService(named(name), within(options, signal)).then(list),
      register: ([lodged]) => this.#register(lodged as Lodged),
      unregister: ([name, options]) => app.unregister(named(name), options as object),
      explain: ([name]): Explanation => app.explain(named(name)),
      getServiceStatus: ([name], { signal }) => this.#status(named(name), signal),
      health: () => this.#health(),
      graph: () => {
        const graph = app.graph()
        return { ...graph.toJSON(), mermaid: graph.toMermaid(), dot: graph.toDot() }
      },
      events: ([options], asked) => this.#events(options as object, asked),
      // Of the services that live there
      leave: () => this.#leave(),
      own: ([key, epoch, id]) => lodging(key)?.own(epoch as number, id as number),
      status: ([key, epoch, text, detail]) => lodging(key)?.status(epoch as number, text as string, detail as string),
      log: ([key, epoch, level, message, fields]) =>
        lodging(key)?.log(epoch as number, level as 'info', message as string, fields as object),
      fail: ([key, epoch, failure]) => lodging(key)?.fail(epoch as number, failure as Failure),
      failing: ([key, failure]) => lodging(key)?.failing(failure as Failure['failure']),
      data: ([key, data, fault]) =>
        lodging(key)?.data(data as Record<string, unknown> | undefined, fault as string | undefined),
    }
  }

  /** In the table, for every thread, before this is answered. */
  #register(lodged: Lodged): void {
    const { key } = lodged
    const lodging: Lodging = new Lodging(lodged, this.#link, () => {
      this.#own.delete(key)
      this.#host.left(lodging)
    })
    this.#app.registry.register(lodging.service)
    // Known before the turn in which an application that runs starts it.
    this.#own.set(key, lodging)
    this.#host.lodge(lodging)
  }

  /** A status whose data can cross, or an error that says which field of it cannot; `signal` says who is asked too long. */
  async #status(name: string, signal: AbortSignal): Promise<ServiceStatus> {
    const lodging = this.#host.lodging(name)
    if (lodging !== undefined && !signal.aborted)
      await new Promise<void>((resolve) => {
        const off = onAbort(signal, resolve)
        lodging.refresh().finally(off).then(resolve, resolve)
      })
    const status = this.#app.getServiceStatus(name)
    const why = this.#host.lodging(name)?.fault ?? uncrossable(status.data, 'data')
    if (why !== undefined) throw new KeelsonError('SERVICE_INVALID', `service '${name}' - ${why}`)
    return status
  }

  #health(): HealthReport {
    const report = this.#app.health()
    return { ...report, services: crossable(report.services) }
  }

  async #events(options: object, asked: Asked): Promise<void> {
    const events: AsyncIterable<OrchestratorEvent> = this.#app.events(within(options, asked.signal))
    for await (const event of events) if (!(await asked.send(sendable(event)))) return
  }
}

function sendable(event: OrchestratorEvent): object {
  if (event.type === 'listenerError') return { ...event, error: crossing(event.error) }
  if (event.type !== 'snapshot') return event
  return { ...event, snapshot: { ...event.snapshot, services: crossable(event.snapshot.services) } }
}

/** A list must not fail for the data of one service: what cannot cross is left out. */
function crossable(services: readonly ServiceStatus[]): ServiceStatus[] {
  return services.map(({ data, ...status }) =>
    data === undefined || uncrossable(data, 'data') !== undefined ? status : { ...status, data },
  )
}

/** Options as they were given there, with the signal that stands for the one there. */
function within(options: unknown, signal: AbortSignal): object {
  if (options === undefined) return { signal }
  return typeof options === 'object' && options !== null ? { ...options, signal } : (options as object)
}

/** Whether this thread is where the registry of this address lives. */
export const isHere = ({ pid, thread }: Address): boolean => pid === here.pid && thread === here.thread
