// One version of a configuration: what was written, what the environment laid over it, what the schema made of it.
// Made as a whole or not at all, and never changed afterwards; who holds one reads from one version only.

import { type ConfigWarning, overlay, type Variables } from './environment.js'
import { ConfigSection, type Place, placeOf } from './reader.js'
import { type Accepted, accept, type Step } from './schema.js'
import type { Shape } from './shape.js'
import type { SchemaResult, StandardSchema } from './standard-schema.js'
import { type ConfigPath, type ConfigTree, changes, type Draft, freeze, keysOf } from './tree.js'

/** An immutable version of a configuration. Its sections belong to it: what is read from it never mixes two versions. */
export class ConfigSnapshot<Value = unknown> extends ConfigSection {
  /** What the schema made of the tree; without a schema the tree itself. Frozen, instances of classes excepted. */
  readonly value: Value
  /** 1 for the first, and one more with each change. */
  readonly version: number
  /** The overrides that were skipped. */
  readonly warnings: readonly ConfigWarning[]

  constructor(place: Place, value: Value, version: number, warnings: readonly ConfigWarning[]) {
    super(place)
    this.value = value
    this.version = version
    this.warnings = warnings
  }
}

/** One step from a version of a configuration to the next. */
export class ConfigChange<Value = unknown> {
  /**
   * The paths that changed, keys with dots between them: the deepest that both versions have; a list, and an object that
   * came or went, as a whole.
   */
  readonly paths: readonly string[]
  /** The version that is current now. */
  readonly current: ConfigSnapshot<Value>
  /** The one before. */
  readonly previous: ConfigSnapshot<Value>
  readonly #keys: readonly (readonly string[])[]

  constructor(previous: ConfigSnapshot<Value>, current: ConfigSnapshot<Value>, keys: readonly (readonly string[])[]) {
    this.previous = previous
    this.current = current
    this.#keys = keys
    this.paths = Object.freeze(keys.map((each) => each.join('.')))
    Object.freeze(this)
  }

  /** Whether what stands at the path, below it or around it has changed: `touches('link')`. */
  touches(path: ConfigPath): boolean {
    const asked = keysOf('config change', path)
    return this.#keys.some((keys) => keys.every((key, index) => index >= asked.length || key === asked[index]))
  }
}

/** From what a snapshot is made. */
export interface Recipe {
  readonly subject: string
  readonly schema: StandardSchema | undefined
  readonly shape: Shape
  readonly prefix: string
  readonly variables: Variables
  readonly draft: Draft
  readonly version: number
}

/** Makes a snapshot; asks the schema on the way. */
export function* snapshot(recipe: Recipe): Generator<Step, ConfigSnapshot, SchemaResult<unknown>> {
  const { subject, schema, shape, draft, version } = recipe
  const { origins, guesses, warnings } = overlay(subject, draft, shape, recipe.prefix, recipe.variables)
  const { tree, value }: Accepted = schema
    ? yield* accept(subject, schema, draft, guesses, origins)
    : { tree: freeze(draft), value: draft }
  const place = { subject, tree: tree as ConfigTree, base: [], origins }
  return new ConfigSnapshot(place, value, version, Object.freeze(warnings))
}

/** What changed from one version to the next; `undefined` if nothing did. */
export function changeOf<Value>(
  previous: ConfigSnapshot<Value>,
  current: ConfigSnapshot<Value>,
): ConfigChange<Value> | undefined {
  const keys = changes(previous.toJSON(), current.toJSON())
  return keys.length === 0 ? undefined : new ConfigChange(previous, current, keys)
}

/** Whether two versions also agree on what was skipped, and on where each value came from. */
export function isAlike(previous: ConfigSnapshot, current: ConfigSnapshot): boolean {
  const sources = (of: ConfigSnapshot): string => JSON.stringify([[...placeOf(of).origins], of.warnings])
  return sources(previous) === sources(current)
}

/** The same version, with what was skipped and where each value came from as it is now. */
export function retold<Value>(previous: ConfigSnapshot<Value>, current: ConfigSnapshot): ConfigSnapshot<Value> {
  return new ConfigSnapshot(placeOf(current), previous.value, previous.version, current.warnings)
}
