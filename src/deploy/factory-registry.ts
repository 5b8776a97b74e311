// Which types of services a deployment knows, and how each is built from a descriptor's config.
// Names to functions of the program: knows no files and no orchestrator, starts nothing and keeps nothing it has built.

import type { InferOutput, StandardSchema } from '../config/index.js'
import { isKeelsonError, KeelsonError, type Service } from '../index.js'
import { type Descriptor, nameOf } from './descriptor.js'
import { type Env, type FactoryEnv, factoryEnv } from './env.js'
import { type Issue, line, lineOf, list, several, show, textOf } from './wording.js'

/** Builds the service of a descriptor: at once, without starting anything. */
export type Factory<Config> = (config: Config, env: FactoryEnv) => Service

/** Options of {@link FactoryRegistry.register}. */
export interface FactoryOptions<Schema extends StandardSchema> {
  /** What `config` must be, as any Standard Schema, zod's for example; it must answer at once. */
  readonly schema: Schema
}

interface Entry {
  readonly factory: Factory<never>
  readonly schema: StandardSchema | undefined
}

/**
 * The types of services that descriptors can name.
 *
 * Runnable: `examples/14-deploy.ts`.
 */
export class FactoryRegistry {
  readonly #entries = new Map<string, Entry>()

  /**
   * Adds a type. What `schema` makes of a descriptor's `config` is what `factory` is given, typed; without a schema it
   * is given the plain data as it stands in the file.
   * @throws `SERVICE_DUPLICATE` for a type that is taken, `CONFIG_INVALID` for anything that is no factory or no schema.
   */
  register<Schema extends StandardSchema>(
    type: string,
    factory: Factory<InferOutput<Schema>>,
    options: FactoryOptions<Schema>,
  ): void
  register(type: string, factory: Factory<unknown>): void
  register(type: string, factory: Factory<never>, options: Partial<FactoryOptions<StandardSchema>> = {}): void {
    const subject = `factory ${show(type)}`
    const refuse = (what: string): KeelsonError => new KeelsonError('CONFIG_INVALID', `${subject}: ${what}`)
    if (typeof type !== 'string' || type === '') throw refuse('its type is no text; pass one that is not empty')
    if (typeof factory !== 'function') throw refuse(`it is ${show(factory)}; pass (config, env) => service`)
    if (typeof options !== 'object' || options === null) throw refuse(`options is ${show(options)}; pass { schema }`)
    for (const key of Object.keys(options)) if (key !== 'schema') throw refuse(`${key} is no option; known is schema`)
    const { schema } = options
    if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function')
      throw refuse(`schema is ${show(schema)}; pass a Standard Schema such as zod's`)
    if (this.#entries.has(type))
      throw new KeelsonError('SERVICE_DUPLICATE', `${subject}: the type is taken; choose another`)
    this.#entries.set(type, { factory, schema })
  }

  /** Whether the type is known. */
  has(type: string): boolean {
    return this.#entries.has(type)
  }

  /** The known types, in the order of their registration; a copy. */
  get types(): string[] {
    return [...this.#entries.keys()]
  }

  /**
   * The config of a descriptor as its factory is given it. `from` is the file, for messages.
   * @throws `CONFIG_INVALID` for a type that is not known, and with every path at which the config is wrong.
   */
  check(descriptor: Pick<Descriptor, 'name' | 'type' | 'config'>, from?: string): unknown {
    const { schema } = this.#find(descriptor, from)
    if (schema === undefined) return descriptor.config
    const subject = subjectOf(descriptor, from)
    const result = answerOf(schema, descriptor.config, subject)
    if (result.issues === undefined) return result.value
    const says = result.issues.map((issue) => lineOf(issue, descriptor.config, ['config']))
    throw new KeelsonError('CONFIG_INVALID', `${subject}: ${several(says)}`)
  }

  /**
   * Builds the service of a descriptor, checked; whatever `env` does not say has its default. Starts nothing.
   * @throws `CONFIG_INVALID` like `check`; `SERVICE_INVALID` when the factory threw, or made something that is no service
   * of this name with these dependencies. What it threw is the `cause`.
   */
  build(
    descriptor: Pick<Descriptor, 'name' | 'type' | 'config'> & Partial<Descriptor>,
    env: Partial<Env> = {},
    from?: string,
  ): Service {
    const subject = subjectOf(descriptor, from)
    const { factory } = this.#find(descriptor, from)
    const config = this.check(descriptor, from)
    const { type } = descriptor
    const refuse = (what: string): KeelsonError =>
      new KeelsonError('SERVICE_INVALID', `${subject}: its factory ${what}`)
    let given: unknown
    try {
      given = factory(config as never, factoryEnv(env, { ...descriptor, type }))
    } catch (error) {
      throw new KeelsonError('SERVICE_INVALID', `${subject}: its factory threw: ${textOf(error)}`, { cause: error })
    }
    if (given instanceof Promise) {
      given.catch(() => {}) // it is refused, whatever becomes of it
      throw refuse('gave a promise; build the service at once, and do what takes time in its start')
    }
    try {
      refuseOther(given, descriptor, refuse)
    } catch (error) {
      if (isKeelsonError(error)) throw error
      const what = `${subject}: its factory made a service that throws when it is looked at: ${textOf(error)}`
      throw new KeelsonError('SERVICE_INVALID', what, { cause: error })
    }
    return given as Service
  }

  #find(descriptor: Pick<Descriptor, 'name' | 'type'>, from: string | undefined): Entry {
    const entry = this.#entries.get(descriptor.type)
    if (entry !== undefined) return entry
    const known = this.#entries.size === 0 ? 'none is registered' : `known are ${list(this.#entries.keys())}`
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subjectOf(descriptor, from)}: its type has no factory; ${known}: correct the type, or register it`,
    )
  }
}

/** Throws if what a factory has given is not the service of that descriptor. */
function refuseOther(
  given: unknown,
  { name, dependsOn = [] }: Pick<Descriptor, 'name'> & Partial<Descriptor>,
  refuse: (what: string) => KeelsonError,
): void {
  const made = Object(given) as Partial<Service>
  if (typeof made.start !== 'function' || typeof made.stop !== 'function')
    throw refuse(`gave ${given === undefined ? 'nothing' : show(given)}, which is no service; return one`)
  if (made.name !== name)
    throw refuse(`made a service named ${show(made.name)}; name it env.name, which is '${line(name)}'`)
  const has = new Set((made.dependencies ?? []).map((edge) => edge.name))
  const lost = dependsOn.map(nameOf).filter((each) => !has.has(each))
  if (lost.length > 0)
    throw refuse(`made a service that does not depend on ${list(lost)}; give it env.options among its own options`)
}

/** How messages about a descriptor begin: its file, its name, its type. */
function subjectOf({ name, type }: Pick<Descriptor, 'name' | 'type'>, from: string | undefined): string {
  return `descriptor ${show(name)} of type ${show(type)}${from === undefined ? '' : ` in ${line(from)}`}`
}

type Answer = { readonly value: unknown; readonly issues?: undefined } | { readonly issues: readonly Issue[] }

function answerOf(schema: StandardSchema, config: unknown, subject: string): Answer {
  let result: Answer | Promise<Answer>
  try {
    result = schema['~standard'].validate(config)
  } catch (error) {
    throw new KeelsonError('CONFIG_INVALID', `${subject}: the schema of its config threw: ${textOf(error)}`, {
      cause: error,
    })
  }
  if (typeof (result as { readonly then?: unknown }).then !== 'function') return result as Answer
  Promise.resolve(result).catch(() => {}) // its answer comes too late
  throw new KeelsonError(
    'CONFIG_INVALID',
    `${subject}: the schema of its config answers later; use one that answers at once, and check in the service's start what takes time`,
  )
}
