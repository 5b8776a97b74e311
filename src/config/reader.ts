// Reading by dot paths: the typed readers that a Config, its snapshots and their sections have in common.
// Owns what counts as which type and how a refusal reads; where the values come from it is told.

import { milliseconds } from './duration.js'
import { asBoolean, asNumber, type Origin, originKey } from './environment.js'
import {
  type ConfigPath,
  type ConfigTree,
  type ConfigValue,
  copy,
  freeze,
  isObject,
  keysOf,
  line,
  lookup,
  pathText,
  refused,
  shown,
} from './tree.js'

/** One version of a tree, or a part of one. */
export interface Place {
  /** What messages begin with: the file. */
  readonly subject: string
  readonly tree: ConfigTree
  /** Where in the whole `tree` stands. */
  readonly base: readonly string[]
  readonly origins: ReadonlyMap<string, Origin>
}

interface Kind<Value> {
  readonly says: string
  /** The value if it is of the kind. */
  readonly take: (value: ConfigValue) => Value | undefined
  /** The same for the text of a variable of which nothing else says what it is. */
  readonly read: (text: string) => Value | undefined
  /** Whether it is one that can be used. */
  readonly isInRange?: (value: Value) => boolean
}

const asNumeric = (value: ConfigValue): number | undefined =>
  typeof value === 'number' && !Number.isNaN(value) ? value : undefined
const asWhole = (value: number | undefined): number | undefined =>
  value === undefined || Number.isInteger(value) || !Number.isFinite(value) ? value : undefined

const STRING: Kind<string> = {
  says: 'text',
  take: (value) => (typeof value === 'string' ? value : undefined),
  read: (text) => text,
}
const NUMBER: Kind<number> = { says: 'a finite number', take: asNumeric, read: asNumber, isInRange: Number.isFinite }
const INTEGER: Kind<number> = {
  says: 'a whole number between ±(2^53 - 1)',
  take: (value) => asWhole(asNumeric(value)),
  read: (text) => asWhole(asNumber(text)),
  isInRange: Number.isSafeInteger,
}
const BOOLEAN: Kind<boolean> = {
  says: 'true or false',
  take: (value) => (typeof value === 'boolean' ? value : undefined),
  read: asBoolean,
}
const DURATION: Kind<number> = {
  says: "a duration such as '250ms', '5s' or '1m30s', or seconds, from 0 to 2^53 - 1 milliseconds",
  take: milliseconds,
  read: milliseconds,
  isInRange: (value) => value >= 0 && value <= Number.MAX_SAFE_INTEGER,
}
const OBJECT: Kind<ConfigTree> = {
  says: 'an object',
  take: (value) => (isObject(value) ? value : undefined),
  read: () => undefined,
}

/** What a reader reads from now, for this room. */
export let placeOf: (reader: ConfigReader) => Place

/** The readers by dot path of a `Config`, of a snapshot of it, and of a section of that. All answer at once. */
export abstract class ConfigReader {
  readonly #place: () => Place

  protected constructor(place: () => Place) {
    this.#place = place
  }

  static {
    placeOf = (reader) => reader.#place()
  }

  /**
   * The value at a path, whatever it is, frozen; `fallback` if there is none, which without one is `undefined`. Keys are
   * case-sensitive; a number is a position in a list: `'servers.0.host'`. A key with dots is reached by a list of keys.
   * @throws `CONFIG_INVALID` for a path with an empty part.
   */
  get(path: ConfigPath, fallback?: unknown): unknown {
    const found = this.#find(path)
    return found === undefined ? fallback : found
  }

  /** Whether there is a value at the path; `null` is one. */
  has(path: ConfigPath): boolean {
    return this.#find(path) !== undefined
  }

  /**
   * The text at a path; `fallback`, if one is passed, when there is none or something else. A variable of the
   * environment that neither file nor schema declares is read as the text that it is.
   * @throws `CONFIG_INVALID` with path, value and origin, when no fallback is passed.
   */
  string(path: ConfigPath): string
  string<Fallback>(path: ConfigPath, fallback: Fallback): string | Fallback
  string(path: ConfigPath, ...fallback: [unknown?]): unknown {
    return this.#read(STRING, path, fallback)
  }

  /**
   * The number at a path; `fallback`, if one is passed, when there is none or something else.
   * @throws `CONFIG_INVALID` as `string`, and for an infinite one also with a fallback.
   */
  number(path: ConfigPath): number
  number<Fallback>(path: ConfigPath, fallback: Fallback): number | Fallback
  number(path: ConfigPath, ...fallback: [unknown?]): unknown {
    return this.#read(NUMBER, path, fallback)
  }

  /**
   * The whole number at a path; `fallback`, if one is passed, when there is none or something else.
   * @throws `CONFIG_INVALID` as `string`, and for one beyond ±(2^53 - 1), whose last digits are lost, also with a fallback.
   */
  integer(path: ConfigPath): number
  integer<Fallback>(path: ConfigPath, fallback: Fallback): number | Fallback
  integer(path: ConfigPath, ...fallback: [unknown?]): unknown {
    return this.#read(INTEGER, path, fallback)
  }

  /**
   * The boolean at a path; `fallback`, if one is passed, when there is none or something else.
   * @throws `CONFIG_INVALID` as `string`.
   */
  boolean(path: ConfigPath): boolean
  boolean<Fallback>(path: ConfigPath, fallback: Fallback): boolean | Fallback
  boolean(path: ConfigPath, ...fallback: [unknown?]): unknown {
    return this.#read(BOOLEAN, path, fallback)
  }

  /**
   * The duration at a path, in milliseconds: `'250ms'`, `'5s'`, `'1m30s'`, with the units d, h, m, s, ms, us and ns from
   * large to small; a bare number, in a file or a variable, is seconds. `fallback`, in milliseconds, if one is passed,
   * when there is none or something else.
   * @throws `CONFIG_INVALID` as `string`, and for one below 0 or above 2^53 - 1 milliseconds, also with a fallback.
   */
  duration(path: ConfigPath): number
  duration<Fallback extends number | null | undefined>(path: ConfigPath, fallback: Fallback): number | Fallback
  duration(path: ConfigPath, ...fallback: [unknown?]): unknown {
    return this.#read(DURATION, path, fallback)
  }

  /**
   * The object at a path, with readers of its own. It belongs to the version that is current now and never changes.
   * `fallback`, a plain object, if one is passed, stands in when there is none or something else.
   * @throws `CONFIG_INVALID` as `string`.
   */
  section(path: ConfigPath, fallback?: object): ConfigSection {
    const { subject, base, origins } = this.#place()
    const keys = keysOf(subject, path)
    const at = [...base, ...keys]
    const found = this.#read(OBJECT, keys, fallback === undefined ? [] : [undefined]) as ConfigTree | undefined
    if (found !== undefined) return new ConfigSection({ subject, tree: found, base: at, origins })
    const tree = freeze(copy(`${subject}: the default of ${pathText(at)}`, fallback))
    return new ConfigSection({ subject, tree, base: at, origins: new Map() })
  }

  /** The plain data that is read here, frozen all through. */
  toJSON(): ConfigTree {
    return this.#place().tree
  }

  #find(path: ConfigPath): ConfigValue | undefined {
    const { subject, tree } = this.#place()
    return lookup(tree, keysOf(subject, path))
  }

  #read<Value>(kind: Kind<Value>, path: ConfigPath, fallback: readonly unknown[]): unknown {
    const { subject, tree, base, origins } = this.#place()
    const keys = keysOf(subject, path)
    const value = lookup(tree, keys)
    const at = [...base, ...keys]
    const origin = origins.get(originKey(at))
    const taken = value === undefined ? undefined : origin?.isFree ? kind.read(origin.text) : kind.take(value)
    if (taken !== undefined && kind.isInRange?.(taken) !== false) return taken
    if (taken === undefined && fallback.length > 0) return fallback[0]
    const says = shown(origin?.text ?? value, [...at, origin?.variable])
    const found = origin === undefined ? says : `${says} (from ${line(origin.variable, 100)})`
    const what = taken === undefined ? found : `${found}, which is out of range`
    const hint = value === undefined ? 'set it, or pass a default' : `make it ${kind.says}`
    throw refused(subject, `${pathText(at)} is ${what}; ${hint}`)
  }
}

/** An object of a configuration, as of one version of it; it never changes. */
export class ConfigSection extends ConfigReader {
  /** Where it stands in the whole, keys with dots between them; empty for the whole. */
  readonly path: string

  constructor(place: Place) {
    super(() => place)
    this.path = place.base.join('.')
  }
}
