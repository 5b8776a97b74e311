// The side of every other thread: reads the table, sleeps on it, asks the owner, and houses services of its own.

import type { MessagePort } from 'node:worker_threads'
import {
  type CallOptions,
  type DependencyGraph,
  type EventsOptions,
  type Explanation,
  type HealthReport,
  KeelsonError,
  type OperationReport,
  type OrchestratorEvent,
  type Service,
  type ServiceStatus,
  type StartOptions,
  type StateChange,
  type StopOptions,
  type StopReason,
  type UnregisterOptions,
} from '../index.js'
import { type Answers, gone, Link } from './link.js'
import { Lodger } from './lodger.js'
import { type Address, alarm, here, inherited, isOpen, opened } from './ports.js'
import { isHere, type ThreadHandle } from './share.js'
import { type Place, TableReader } from './table-reader.js'
import { ThreadEvents } from './thread-events.js'
import { type ServiceView, View, type WaitCondition } from './view.js'
import { checkOptions, checkSignal, type WaitOptions, Waits } from './waits.js'
import { type Listed, unlist } from './wire.js'

/** Options of `attachRegistry`. */
export interface AttachOptions {
  /** Which of the registries that are shared with this thread. Default `default`. */
  readonly name?: string
}

/** What the arguments of calls are called. */
const ASKED = { names: ['name', 'options'] } as const

/** How long the data of a service in another thread is waited for. */
const PATIENCE = 1_000

const attached = new Map<string, AttachedRegistry>()
const keyOf = ({ thread, id }: Address): string => `${thread}.${id}`

/**
 * Attaches this thread to an application that is shared with it.
 *
 * *Guarantees:* what `get` gives is read from shared memory, now; what the calls give is what the same calls in the
 * owner's thread give, errors and their causes included; when this thread ends, however, nothing of it is left there.
 *
 * Runnable: `examples/16-threads.ts`.
 * @throws `CONFIG_INVALID` when no registry of this name is shared with this thread, or the handle is none of this
 * process and version; `SERVICE_IN_USE` in the owner's own thread, and in one that is attached already; `CLOSED` when the
 * owner is gone, or the handle was used before.
 */
export async function attachRegistry(to: AttachOptions | ThreadHandle = {}): Promise<AttachedRegistry> {
  const handle = isHandle(to) ? to : undefined
  const address = handle ?? named(to as AttachOptions)
  const key = keyOf(address)
  const subject = `attachRegistry() - the registry '${address.name}'`
  if (isHere(address)) throw new KeelsonError('SERVICE_IN_USE', `${subject} lives in this thread; use its orchestrator`)
  const table = new TableReader(address.table)
  if (table.closed) throw gone()
  const twice = (): KeelsonError =>
    new KeelsonError('SERVICE_IN_USE', `${subject} is attached to this thread already; use that, or close it first`)
  if (attached.has(key)) throw twice()
  // Only a thread can outlive the owner's; the process ends with the main one.
  const spare = address.thread === 0 ? undefined : await opened(subject, address)
  const port = handle?.port ?? (await opened(subject, address))
  if (attached.has(key) || !isOpen(port)) {
    spare?.close()
    if (!attached.has(key)) throw gone()
    if (handle === undefined) port.close()
    throw twice()
  }
  const made = new Attached(address.name, table, port, spare, () => attached.delete(key))
  attached.set(key, made)
  return made
}

/** Detaches this thread from all that it is attached to. */
export async function closeAll(): Promise<void> {
  await Promise.all([...attached.values()].map((registry) => registry.close()))
}

function isHandle(to: AttachOptions | ThreadHandle): to is ThreadHandle {
  if (typeof to !== 'object' || to === null)
    throw new KeelsonError('CONFIG_INVALID', `attachRegistry() - takes { name } or a handle, not ${String(to)}`)
  if (!('keelson' in to || 'port' in to || 'table' in to)) {
    checkOptions('attachRegistry()', to, ['name'])
    return false
  }
  const { pid, table, port, name } = to as Partial<ThreadHandle>
  const bad =
    pid !== here.pid
      ? `is of process ${String(pid)}, this is ${here.pid}`
      : !(table instanceof SharedArrayBuffer)
        ? 'has no table; send it as it is, by postMessage'
        : typeof port?.postMessage !== 'function'
          ? 'has no port; put handle.port into the transfer list'
          : undefined
  if (bad !== undefined)
    throw new KeelsonError('CONFIG_INVALID', `attachRegistry() - the handle of '${String(name)}' ${bad}`)
  return true
}

function named({ name = 'default' }: AttachOptions): Address {
  const { shared } = inherited()
  const address = shared.get(name)
  if (address !== undefined) return address
  const known = [...shared.keys()].map((each) => `'${each}'`).join(', ')
  throw new KeelsonError(
    'CONFIG_INVALID',
    `attachRegistry() - no registry '${String(name)}' is shared with this thread${known === '' ? '' : `, only ${known}`}; call shareRegistry(app) before the thread is made, or pass the handle of connect()`,
  )
}

/** An application as another thread sees it. */
export type AttachedRegistry = Pick<Attached, keyof Attached>

class Attached implements AsyncDisposable {
  /** The name it is shared under. */
  readonly name: string
  readonly #table: TableReader
  readonly #link: Link
  /** Views given out: one per service, as long as it lives. */
  readonly #views = new Map<string, { readonly view: View; readonly place: Place }>()
  readonly #lodgers = new Map<number, Lodger>()
  readonly #waits: Waits
  readonly #detached: () => void
  /** How many views there may be before those of removed services are looked for. */
  #most = 64
  #key = 0
  #closed = false

  constructor(name: string, table: TableReader, port: MessagePort, spare: MessagePort | undefined, left: () => void) {
    this.name = name
    this.#table = table
    this.#detached = left
    this.#link = new Link(port, this.#answers(), () => this.#gone())
    const lookup = {
      seen: (name: string) => (this.get(name) === undefined ? undefined : this.#views.get(name)),
      hold: (sleeps: boolean) => (sleeps ? this.#link.hold() : this.#link.release()),
    }
    this.#waits = new Waits(table, lookup, spare)
  }

  // Reading

  /**
   * The service of this name as it is now, or `undefined`: no message, no lock. The same object each time, as long as
   * that service is registered.
   * @throws `CLOSED`
   */
  get(name: string): ServiceView | undefined {
    if (this.#closed) throw gone()
    const known = this.#views.get(name)
    if (known !== undefined && this.#table.lives(known.place)) return known.view
    const place = typeof name === 'string' ? this.#table.find(name) : undefined
    if (place === undefined) {
      if (known !== undefined) this.#views.delete(name)
      return undefined
    }
    const view = new View(name, this.#table, place)
    this.#views.set(name, { view, place })
    if (this.#views.size > this.#most) this.#forget()
    return view
  }

  /** Names that nobody asks for again must not pile up. */
  #forget(): void {
    for (const [name, { place }] of this.#views) if (!this.#table.lives(place)) this.#views.delete(name)
    this.#most = Math.max(64, this.#views.size * 2)
  }

  /** Whether a service of this name is registered. @throws `CLOSED` */
  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** The names of all services, in the order of registration, as a copy. @throws `CLOSED` */
  names(): string[] {
    if (this.#closed) throw gone()
    return this.#table.names()
  }

  /** How many services there are. @throws `CLOSED` */
  get size(): number {
    if (this.#closed) throw gone()
    return this.#table.size
  }

  // Waiting

  /**
   * Resolves when the service is what is awaited - also one that is not registered yet -, without asking anybody; a
   * function is asked at every change.
   * @throws `DEPENDENCY_TIMEOUT` after `timeout`; the reason of `signal`; `CLOSED` when the owner is gone.
   */
  async waitFor(name: string, what: WaitCondition = 'healthy', options: WaitOptions = {}): Promise<ServiceView> {
    if (this.#closed) throw gone()
    return this.#waits.waitFor(name, what, options)
  }

  /**
   * Blocks this thread until the service is what is awaited. For workers that have nothing else to do: no message, timer
   * or promise of this thread goes on meanwhile.
   * @throws `CONFIG_INVALID` in the main thread; `DEPENDENCY_TIMEOUT` after `timeout`, `CLOSED` when the owner is gone.
   */
  waitForSync(name: string, what: WaitCondition = 'healthy', options: { readonly timeout?: number } = {}): ServiceView {
    if (this.#closed) throw gone()
    return this.#waits.waitForSync(name, what, options)
  }

  // Driving

  /** `startService` of the orchestrator: the same report, the same errors. */
  startService(name: string, options?: StartOptions): Promise<OperationReport> {
    return this.#report('startService', name, options)
  }

  /** `stopService` of the orchestrator: the same report, the same errors. */
  stopService(name: string, options?: StopOptions): Promise<OperationReport> {
    return this.#report('stopService', name, options)
  }

  /** `restartService` of the orchestrator: the same report, the same errors. */
  restartService(name: string, options?: StartOptions): Promise<OperationReport> {
    return this.#report('restartService', name, options)
  }

  /**
   * Registers a service of this thread: its hooks, its checks and what it owns run here, its life is the application's.
   * It is lost when this thread ends, and comes back when it is registered again; its dependents wait meanwhile (R14).
   * A service that requires one of a thread must not be started before that has registered it (R10), or by an `optional`
   * edge.
   * @throws what `register` of the orchestrator throws, with nothing registered.
   */
  async register(service: Service): Promise<void> {
    if (this.#closed) throw gone()
    for (const each of [...this.#lodgers.values()]) if (each.service === service) this.#left(each)
    const lodger = new Lodger(++this.#key, service, {
      link: this.#link,
      neighbour: (name) => this.#neighbour(name),
      left: (each) => this.#left(each),
      look: (name) => this.get(name)?.read(),
      startService: (name, options) => this.startService(name, options),
      stopService: (name, options) => this.stopService(name, options),
      restartService: (name, options) => this.restartService(name, options),
    })
    this.#lodgers.set(lodger.key, lodger)
    this.#link.hold()
    try {
      await this.#link.call('register', [lodger.declared])
      lodger.place = this.#table.find(lodger.name)
    } catch (error) {
      this.#moveOut(lodger)
      throw error
    }
  }

  /** `unregister` of the orchestrator, for services of any thread: the same errors. */
  async unregister(name: string, options?: UnregisterOptions): Promise<void> {
    await this.#ask('unregister', name, options)
  }

  /** `explain` of the orchestrator. @throws `SERVICE_NOT_FOUND` */
  async explain(name: string): Promise<Explanation> {
    return (await this.#ask('explain', name)) as Explanation
  }

  /**
   * `getServiceStatus` of the orchestrator. A service that lives in another thread than the orchestrator is asked for its
   * `data`; if that thread has not answered within a second, it is what it said after its last hook or check.
   * @throws `SERVICE_NOT_FOUND`; `SERVICE_INVALID` naming a field of its data that cannot cross.
   */
  async getServiceStatus(name: string): Promise<ServiceStatus> {
    const late = new AbortController()
    const quiet = alarm(PATIENCE, () => late.abort())
    try {
      return (await this.#ask('getServiceStatus', name, { signal: late.signal })) as ServiceStatus
    } finally {
      quiet()
    }
  }

  /** `health` of the orchestrator. */
  async health(): Promise<HealthReport> {
    return (await this.#ask('health')) as HealthReport
  }

  /** `graph` of the orchestrator. */
  async graph(): Promise<DependencyGraph> {
    const { nodes, edges, mermaid, dot } = (await this.#ask('graph')) as DependencyGraph &
      Record<'mermaid' | 'dot', string>
    return { nodes, edges, toMermaid: () => mermaid, toDot: () => dot, toJSON: () => ({ nodes, edges }) }
  }

  /**
   * `events` of the orchestrator, from when the call arrives there - before any later call of this thread - or from
   * `since`, with the same bounded buffer and `gap`s (R40). The iteration throws `CLOSED` when the owner is gone.
   */
  events(options: EventsOptions = {}): AsyncIterableIterator<OrchestratorEvent> {
    if (this.#closed) throw gone()
    checkOptions('events()', options, ['since', 'buffer', 'signal'])
    checkSignal('events()', options.signal)
    return new ThreadEvents(this.#link, options)
  }

  // Ending

  /** Removes what this thread has registered - stopped first; who requires it waits - and detaches. */
  async close(): Promise<void> {
    if (this.#closed) return
    await this.#link.call('leave', []).catch(() => {}) // removed all the same
    this.#link.close()
  }

  /** `close()`, by `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #gone(): void {
    if (this.#closed) return
    this.#closed = true
    this.#detached()
    this.#views.clear()
    this.#waits.close()
    for (const lodger of this.#lodgers.values()) void lodger.abandon()
    this.#lodgers.clear()
  }

  /** @throws at once what is wrong with the call here. */
  #ask(call: string, name?: string, options?: object): Promise<unknown> {
    if (this.#closed) throw gone()
    if (options === undefined) return this.#link.call(call, [name], ASKED)
    if (typeof options !== 'object' || options === null) return this.#link.call(call, [name, options], ASKED)
    const { signal, ...rest } = options as CallOptions
    checkSignal(`${call}('${String(name)}')`, signal)
    return this.#link.call(call, [name, rest], { ...ASKED, signal })
  }

  async #report(call: string, name: string, options: object | undefined): Promise<OperationReport> {
    return unlist((await this.#ask(call, name, options)) as Listed)
  }

  #neighbour(name: string): unknown {
    for (const lodger of this.#lodgers.values()) if (lodger.name === name) return lodger.service
    return this.get(name)
  }

  /** Another thread may know that it was removed before this one has been told. */
  #left(lodger: Lodger): boolean {
    const isGone = lodger.place !== undefined && !this.#table.lives(lodger.place)
    if (isGone) this.#moveOut(lodger)
    return isGone
  }

  #moveOut(lodger: Lodger): void {
    if (this.#lodgers.delete(lodger.key)) this.#link.release()
    lodger.release()
  }

  /** What the owner's thread asks of the services that live here. */
  #answers(): Answers {
    const known = (key: unknown): Lodger | undefined => this.#lodgers.get(key as number)
    const lodger = (key: unknown): Lodger => {
      const found = known(key)
      if (found !== undefined) return found
      throw new KeelsonError('CLOSED', 'a service of another thread - lives there no more; register it again')
    }
    return {
      start: ([key, epoch]) => lodger(key).start(epoch as number),
      run: ([key, epoch]) => lodger(key).run(epoch as number),
      stop: ([key, epoch, reason]) => lodger(key).stop(epoch as number, reason as StopReason),
      check: ([key, epoch], { signal }) => lodger(key).check(epoch as number, signal),
      dispose: ([key, id]) => lodger(key).dispose(id as number),
      data: ([key]) => known(key)?.tellData(),
      abort: ([key, epoch, reason]) => known(key)?.abort(epoch as number, reason),
      hurry: ([key, epoch]) => known(key)?.hurry(epoch as number),
      over: ([key, epoch]) => known(key)?.over(epoch as number),
      told: ([key, change]) => known(key)?.told(change as StateChange),
      gone: ([key]) => {
        const left = known(key)
        if (left !== undefined) this.#moveOut(left)
      },
    }
  }
}
