// A service in the thread that it lives in: runs its hooks when the owner's thread says so, keeps what it owns.
// Decides nothing. When the owner is gone it ends what is still up, so that nothing leaks.

import {
  type CallOptions,
  type FailureClass,
  type HostedService,
  hostService,
  KeelsonError,
  type Logger,
  type Resource,
  type Service,
  type ServiceHost,
  type StartContext,
  type StateChange,
  type StopReason,
} from '../index.js'
import type { Link } from './link.js'
import type { Failure, Lodged } from './lodging.js'
import { wall } from './ports.js'
import type { Place, Reading } from './table-reader.js'
import { crossing, uncrossable } from './wire.js'

/** What a lodger needs of the thread that it lives in. */
export interface House extends Omit<ServiceHost, 'told'> {
  readonly link: Link
  /** A service by its name: itself if it lives here, else a view. */
  neighbour(name: string): unknown
  /** Whether it is registered no more, as far as this thread can see; it has moved out then. */
  left(lodger: Lodger): boolean
  /** What the table says of a name now. */
  look(name: string): Reading | undefined
}

/** One life of it. */
interface Stay {
  readonly life: AbortController
  readonly context: StartContext
  /** Where its stop is, once it has one. */
  end?: AbortController
  isStopped?: boolean
}

export class Lodger {
  readonly key: number
  readonly service: Service
  /** Where it stands in the table, once it is registered. */
  place: Place | undefined
  readonly #house: House
  readonly #hosted: HostedService
  readonly #stays = new Map<number, Stay>()
  readonly #owned = new Map<number, Resource>()
  /** What it was told last. */
  #last!: StateChange
  #isLeft = false
  /** Whether data of it was told. */
  #hasData = false
  #id = 0

  /** @throws what `hostService` throws. */
  constructor(key: number, service: Service, house: House) {
    this.key = key
    this.service = service
    this.#house = house
    this.#hosted = hostService(service, {
      // One that was removed lives alone, also if this thread has not been told yet.
      startService: (name, options?: CallOptions) =>
        house.left(this) ? service.start(options) : house.startService(name, options),
      stopService: (name, options?: CallOptions) =>
        house.left(this) ? service.stop(options) : house.stopService(name, options),
      restartService: (name, options?: CallOptions) =>
        house.left(this) ? service.restart(options) : house.restartService(name, options),
      told: this.#told(),
    })
  }

  /** What it tells of itself: what the table says; without it what it was told last. */
  #told(): ServiceHost['told'] {
    const { name, lastError, state, health } = (this.service ?? {}) as Service // hostService says what is wrong with it
    this.#last = { newState: state, health, error: lastError, epoch: 0, oldState: state, name, timestamp: 0 }
    const now = (): Pick<Reading, 'state' | 'health' | 'epoch'> => {
      const { newState, health, epoch } = this.#last
      const found = this.#isLeft || this.#house.link.closed ? undefined : this.#house.look(name)
      return found ?? { state: newState, health, epoch }
    }
    const last = (): unknown => this.#last.error
    return {
      get state() {
        return now().state
      },
      get health() {
        return now().health
      },
      get epoch() {
        return now().epoch
      },
      get lastError() {
        return last()
      },
    }
  }

  get name(): string {
    return this.#hosted.name
  }

  /** What the owner's thread is told of it. */
  get declared(): Lodged {
    const { name, options, dependencies, runs, checks } = this.#hosted
    const plain = Object.fromEntries(
      Object.entries(options).filter(([key, value]) => key !== 'dependsOn' && typeof value !== 'function'),
    )
    return { key: this.key, name, options: plain, dependencies, runs, checks }
  }

  // Nobody looks at what start, run and stop give, and it may be something that cannot cross.

  async start(epoch: number): Promise<void> {
    const life = new AbortController()
    const context = this.#context(epoch, life.signal)
    this.#stays.set(epoch, { life, context })
    await this.#hook(() => this.#hosted.start(context))
  }

  async run(epoch: number): Promise<void> {
    const context = this.#stays.get(epoch)?.context
    await this.#hook(() => (context === undefined ? undefined : this.#hosted.run(context)))
  }

  async stop(epoch: number, reason: StopReason): Promise<void> {
    const stay = this.#stays.get(epoch)
    if (stay === undefined) return
    const end = new AbortController()
    stay.end = end
    stay.isStopped = true
    const { log } = stay.context
    await this.#hook(() => this.#hosted.stop({ signal: end.signal, epoch, reason, log }))
  }

  check(epoch: number, signal: AbortSignal): Promise<unknown> {
    return this.#hook(() => this.#hosted.check({ signal, epoch }))
  }

  abort(epoch: number, reason: unknown): void {
    this.#stays.get(epoch)?.life.abort(reason)
  }

  hurry(epoch: number): void {
    this.#stays.get(epoch)?.end?.abort()
  }

  async dispose(id: number): Promise<void> {
    const resource = this.#owned.get(id)
    this.#owned.delete(id)
    if (resource !== undefined) await disposed(resource)
  }

  over(epoch: number): void {
    this.#stays.delete(epoch)
  }

  told(change: StateChange): void {
    this.#last = change
    this.#hosted.tell(change)
  }

  /** It is registered no more; what it took when nobody was left to tell goes with it. */
  release(): void {
    const { name, newState: oldState, epoch } = this.#last
    // Nobody tells its last step any more.
    if (!['unknown', 'stopped', 'disconnected', 'failed'].includes(oldState)) {
      const newState = this.#hosted.options.remote === true ? 'disconnected' : 'stopped'
      this.told({ name, oldState, newState, health: 'unknown', epoch, timestamp: wall() })
    }
    this.#isLeft = true // what stands in the table now may be another one of its name
    this.#hosted.release()
    void this.#disposeAll()
  }

  async #disposeAll(): Promise<void> {
    for (const id of [...this.#owned.keys()].reverse()) await this.dispose(id).catch(() => {})
  }

  /** The owner is gone: nobody will say so, hence it ends by itself. */
  async abandon(): Promise<void> {
    for (const [epoch, stay] of [...this.#stays]) {
      stay.life.abort(new KeelsonError('CLOSED', `service '${this.name}' - its application is gone`))
      if (stay.isStopped !== true) await this.stop(epoch, 'removed').catch(() => {})
    }
    this.#stays.clear()
    await this.#disposeAll()
    this.release()
  }

  /** What a hook gives; the class of what it throws, and its data, go before it. */
  async #hook(call: () => unknown): Promise<unknown> {
    const { link } = this.#house
    try {
      return await call()
    } catch (error) {
      link.tell('failing', [this.key, this.#classOf(error)])
      throw error
    } finally {
      this.tellData()
    }
  }

  /** Tells its data, so that it is there when this is over. */
  tellData(): void {
    const data = this.#data()
    if (data === undefined && !this.#hasData) return
    this.#hasData = data !== undefined
    const { link } = this.#house
    if (!link.tell('data', [this.key, data])) link.tell('data', [this.key, undefined, uncrossable(data, 'data')])
  }

  #data(): unknown {
    try {
      const data = this.#hosted.data()
      return typeof data === 'object' && data !== null && Object.keys(data).length > 0 ? data : undefined
    } catch {
      return undefined // as in any status
    }
  }

  #classOf(error: unknown): FailureClass | undefined {
    try {
      return this.#hosted.options.classify?.(error)
    } catch {
      return undefined
    }
  }

  #context(epoch: number, signal: AbortSignal): StartContext {
    const { link } = this.#house
    const say = (what: string, ...args: readonly unknown[]): boolean => link.tell(what, [this.key, epoch, ...args])
    const log =
      (level: keyof Logger): Logger['info'] =>
      (message, fields) => {
        if (!say('log', level, message, fields)) say('log', level, message) // with what cannot cross left out
      }
    return {
      signal,
      epoch,
      own: (resource) => this.#own(epoch, resource),
      status: (text, detail) => {
        say('status', text, detail)
        this.#hosted.say({ name: this.name, text, ...(detail === undefined ? {} : { detail }), timestamp: wall() })
      },
      fail: (thrown) => {
        const failure: Failure = { thrown: crossing(thrown), failure: this.#classOf(thrown) }
        say('fail', failure)
      },
      log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
      service: <T extends Service>(name: string) => this.#dependency(name) as T,
    }
  }

  #own<T extends Resource>(epoch: number, resource: T): T {
    if (disposerOf(resource) === undefined)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${this.name}': own() takes a disposable or a function, not ${String(resource)}`,
      )
    const id = ++this.#id
    this.#owned.set(id, resource)
    // Nobody to tell when: at once.
    const isTold = !this.#isLeft && this.#house.link.tell('own', [this.key, epoch, id])
    if (!isTold || this.#house.link.closed) void this.dispose(id).catch(() => {})
    return resource
  }

  #dependency(name: string): unknown {
    const isDeclared = this.#hosted.dependencies.some((dependency) => dependency.name === name)
    const found = isDeclared ? this.#house.neighbour(name) : undefined
    if (found !== undefined) return found
    throw new KeelsonError(
      'SERVICE_NOT_FOUND',
      `service '${this.name}': '${name}' ${isDeclared ? 'is not registered' : 'is not among its dependencies; declare it in dependsOn'}`,
    )
  }
}

function disposerOf(resource: unknown): (() => unknown) | undefined {
  if (typeof resource === 'function') return resource as () => unknown
  if (typeof resource !== 'object' || resource === null) return undefined
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = resource as Partial<AsyncDisposable & Disposable>
  const method = later ?? now
  return typeof method === 'function' ? () => method.call(resource) : undefined
}

async function disposed(resource: Resource): Promise<void> {
  await disposerOf(resource)?.()
}
