// Names → services, in registration order. Held by an orchestrator it is the same door as the orchestrator's own
// `register` (R47); before that it is a list that a program fills.

import type { Engine } from './engine/engine.js'
import { coreOf } from './engine/foreign.js'
import { KeelsonError } from './errors.js'
import { PHASE } from './kernel/state.js'
import { show } from './kernel/validate.js'
import type { Service } from './service.js'

const HOLD = Symbol.for('keelson.registry')

/**
 * Gives a registry to the engine that holds it from now on, which registers what is in it and `more`, or throws.
 * Returns `false` for what is no registry.
 */
export function hold(registry: object, engine: Engine, more: readonly Service[]): boolean {
  const take = (registry as { readonly [HOLD]?: (engine: Engine, more: readonly Service[]) => void })[HOLD]
  if (take === undefined) return false
  take.call(registry, engine, more)
  return true
}

/**
 * The services of a program, by name.
 *
 * *Guarantees:* iteration and every list follow the order of registration; lists are copies (R47).
 */
export class ServiceRegistry {
  #services = new Map<string, Service>()
  #engine: Engine | undefined

  /**
   * Adds a service.
   * @throws `SERVICE_INVALID` for a non-service, `SERVICE_DUPLICATE` for a name that is taken, `SERVICE_IN_USE` for a
   * service that is not at rest or belongs to another orchestrator, `DEPENDENCY_CYCLE` naming the shortest cycle;
   * the registry is then as it was.
   */
  register(service: Service): void {
    if (this.#engine !== undefined) return this.#engine.add(service)
    const { name } = coreOf(service)
    if (this.#services.has(name))
      throw new KeelsonError('SERVICE_DUPLICATE', `service ${show(name)} - the name is taken; choose another`)
    if (PHASE[service.state] !== 'idle')
      throw new KeelsonError(
        'SERVICE_IN_USE',
        `service ${show(name)} - is ${service.state}; register it while it is at rest`,
      )
    this.#services.set(name, service)
  }

  /**
   * Removes a service at rest that no other requires.
   * @throws `SERVICE_NOT_FOUND`, or `SERVICE_IN_USE` with nothing removed; `orchestrator.unregister` stops it first.
   */
  unregister(name: string): void {
    if (this.#engine !== undefined) return this.#engine.drop(name)
    if (!this.#services.delete(name))
      throw new KeelsonError('SERVICE_NOT_FOUND', `service ${show(name)} - is not registered; register it first`)
  }

  /** The service of this name. */
  get(name: string): Service | undefined {
    return this.#engine === undefined ? this.#services.get(name) : this.#engine.topology.get(name)?.core?.service
  }

  /** Whether the name is registered. */
  has(name: string): boolean {
    return this.get(name) !== undefined
  }

  /** All services, as a copy. */
  getAll(): Service[] {
    return [...this]
  }

  /** All services of this `type`, as a copy. */
  getByType(type: string): Service[] {
    return this.getAll().filter((service) => service.type === type)
  }

  /** How many there are. */
  get size(): number {
    return this.#engine === undefined ? this.#services.size : this.#engine.topology.records.size
  }

  /** Iterates over a copy: the registry may change meanwhile. */
  [Symbol.iterator](): IterableIterator<Service> {
    if (this.#engine === undefined) return [...this.#services.values()][Symbol.iterator]()
    const services = [...this.#engine.topology.records.values()].flatMap(({ core }) =>
      core === undefined ? [] : [core.service],
    )
    return services[Symbol.iterator]()
  }

  static {
    // By this an orchestrator, of whichever copy of the module, takes hold of the registry.
    Object.defineProperty(ServiceRegistry.prototype, HOLD, {
      value(this: ServiceRegistry, engine: Engine, more: readonly Service[]): void {
        this.#hold(engine, more)
      },
    })
  }

  #hold(engine: Engine, more: readonly Service[]): void {
    if (this.#engine !== undefined)
      throw new KeelsonError('SERVICE_IN_USE', 'a registry - belongs to another orchestrator; make one for each')
    engine.addAll([...this.#services.values(), ...more])
    this.#engine = engine
    this.#services = new Map()
  }
}
