// One life of a service: the context its hooks are given, its abort signal, and the resources it owns (R2, R3).
// Made when `onStart` is entered, finished when the last disposer has run; after that everything it offers is inert.
// Nothing is allocated before somebody asks for it.

import { KeelsonError } from '../errors.js'
import { show } from '../kernel/validate.js'
import type { HealthStatus, Logger, Resource, Service, StartContext, StopReason } from '../service.js'
import { asLogger, type Instant } from './ports.js'
import { LazySignal } from './signal.js'

/** Whose life it is. */
export interface Owner {
  readonly name: string
  /** The service that a declared dependency names: `undefined` if there is none, `null` if it is not declared. */
  dependency(name: string): Service | undefined | null
}

/** What an epoch needs of the engine. */
export interface EpochHost<Of extends Owner> {
  readonly logger: Logger
  failed(owner: Of, epoch: number, error: unknown): void
  status(owner: Of, epoch: number, text: string, detail: string | undefined): void
  reported(owner: Of, epoch: number, health: HealthStatus): void
  lateResource(name: string, resource: Resource): void
}

/** What the context offers to adapters, beside what hooks are given. */
export interface Reports {
  /** A health that was told instead of asked for; judged like a check's result (R36). */
  report(health: HealthStatus): void
}

export class Epoch<Of extends Owner> extends LazySignal implements StartContext, Reports {
  readonly epoch: number
  readonly began: Instant
  /** The owner, until the epoch is over: a hook that keeps its context must not keep the service's whole graph. */
  #owner: Of | undefined
  readonly #name: string
  readonly #host: EpochHost<Of>
  /** What ended it: an error, or a decision of somebody. */
  #end: KeelsonError | StopReason | undefined
  #resources: Resource[] | undefined

  constructor(owner: Of, epoch: number, began: Instant, host: EpochHost<Of>) {
    super()
    this.began = began
    this.#owner = owner
    this.epoch = epoch
    this.#name = owner.name
    this.#host = host
  }

  // Getters that give bound functions, since hooks destructure their context.
  get own(): StartContext['own'] {
    return (resource) => {
      if (disposerOf(resource) === undefined)
        throw new KeelsonError(
          'CONFIG_INVALID',
          `service ${show(this.#name)}: own() takes a disposable or a function, not ${show(resource)}`,
        )
      if (this.#owner === undefined) this.#host.lateResource(this.#name, resource)
      else if (this.#resources === undefined) this.#resources = [resource]
      else this.#resources.push(resource)
      return resource
    }
  }

  get status(): StartContext['status'] {
    return (text, detail) => {
      if (this.#owner !== undefined) this.#host.status(this.#owner, this.epoch, text, detail)
    }
  }

  get fail(): StartContext['fail'] {
    return (error) => {
      if (this.#owner !== undefined) this.#host.failed(this.#owner, this.epoch, error)
    }
  }

  report(health: HealthStatus): void {
    if (this.#owner !== undefined) this.#host.reported(this.#owner, this.epoch, health)
  }

  get log(): Logger {
    return asLogger(this.#host.logger, { service: this.#name, epoch: this.epoch })
  }

  get service(): StartContext['service'] {
    return <T extends Service>(name: string): T => {
      const found = this.#owner === undefined ? null : this.#owner.dependency(name)
      if (found) return found as T
      const why =
        this.#owner === undefined
          ? 'belongs to an epoch that is over'
          : found === null
            ? 'is not among its dependencies; declare it in dependsOn'
            : 'is not registered'
      throw new KeelsonError('SERVICE_NOT_FOUND', `service ${show(this.#name)}: ${show(name)} ${why}`)
    }
  }

  /** Whose it is; `undefined` once it is over. */
  get owner(): Of | undefined {
    return this.#owner
  }

  /** It ends. Aborting a signal that somebody has seen runs code of theirs, so that is for `enter`. */
  end(why: KeelsonError | StopReason | undefined, enter: (hook: () => void) => void): void {
    this.#end = why
    if (this.seen) enter(() => this.abort())
    else this.abort()
  }

  protected override why(): unknown {
    const why = this.#end
    if (typeof why !== 'string') return why
    return new KeelsonError('CANCELLED', `service '${this.#name}' - epoch ${this.epoch} ends (${why})`)
  }

  /** Takes the resource that was owned last. */
  pop(): Resource | undefined {
    return this.#resources?.pop()
  }

  get owns(): boolean {
    return this.#resources !== undefined && this.#resources.length > 0
  }

  /** From now on `own()` disposes at once. */
  finish(): void {
    this.#owner = undefined
    this.#resources = undefined
  }
}

/** How to dispose of a resource, or `undefined` if it is none. */
export function disposerOf(resource: unknown): (() => unknown) | undefined {
  if (typeof resource === 'function') return resource as () => unknown
  if (typeof resource !== 'object' || resource === null) return undefined
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = resource as Partial<AsyncDisposable & Disposable>
  const method = later ?? now
  return typeof method === 'function' ? () => method.call(resource) : undefined
}
