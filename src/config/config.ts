// A configuration: a file or plain data, with an environment laid over it, read through dot paths.
// Owns the current snapshot - the only thing that ever changes here, all at once - and who is told.
// Watches nothing: `ConfigWatcher` does, and comes in through `inside`.

import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asLogger, isKeelsonError, type Logger, type Unsubscribe } from '../index.js'
import type { ConfigWarning, Variables } from './environment.js'
import { draftOf, formatOf, jsonDraft, textOf } from './formats.js'
import { ConfigReader, placeOf } from './reader.js'
import { atOnce, inTime } from './schema.js'
import { type Shape, shapeOf } from './shape.js'
import { type ConfigChange, type ConfigSnapshot, changeOf, isAlike, type Recipe, retold, snapshot } from './snapshot.js'
import type { InferOutput, StandardSchema } from './standard-schema.js'
import { type ConfigTree, copy, type Draft, freeze, line, refused, saidBy, show } from './tree.js'

/** Options of {@link Config.load} and {@link Config.parse}. */
export interface ConfigOptions {
  /** Any Standard Schema, such as one of zod: its output is `value`, and what it declares guides the overrides. */
  readonly schema?: StandardSchema | undefined
  /** Variables that begin with this and an underscore are overrides: with `APP`, `APP_LINK_TIMEOUT` is `link.timeout`. */
  readonly envPrefix?: string | undefined
  /** Where variables are looked for, anew with each `reload()`: usually `process.env`. Goes with `envPrefix`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Is told of overrides that were skipped, and of listeners that threw. Default: nobody is. */
  readonly logger?: Logger | undefined
}

type WithSchema<Schema> = ConfigOptions & { readonly schema: Schema }

/** What a watcher sees of a configuration. */
export interface Inside {
  /** The file; `undefined` if there is none. */
  readonly path: string | undefined
  /** The text of the file that the current snapshot was made of. */
  applied(): string | undefined
  /** Reads the file. */
  read(): Promise<string>
  /** Makes the next snapshot of a text, unless another was made since that of the text `over`. */
  apply(text: string, over: string | undefined): Promise<ConfigChange | undefined | 'overtaken'>
}

/** The inside of a configuration, for this room. */
export let inside: (config: Config) => Inside

type Listener<Value> = { call(change: ConfigChange<Value>): unknown }

/** What a configuration is made of, apart from what may change. */
interface Source {
  readonly subject: string
  readonly path: string | undefined
  readonly base: ConfigTree | undefined
  readonly options: ConfigOptions
  readonly shape: Shape
}

/**
 * A hierarchical configuration, read through dot paths; `value` is the whole of it, typed by the schema. Paths read the
 * tree as it was written, overrides laid over it: what a schema fills in or transforms is in `value` only. Each read is
 * from the snapshot that is current then; who needs several values of one version takes `current` and reads from that.
 *
 * Messages tell values, for they are what is wrong. Those whose key or variable is called as secrets are - `password`,
 * `token`, `apiKey` - are not shown, nor is the password of an address.
 *
 * Runnable: `examples/13-configuration.ts`.
 */
export class Config<Value = unknown> extends ConfigReader {
  /** What messages begin with: `config`, and the file if there is one. */
  readonly name: string
  readonly #source: Source
  readonly #logger: Logger | undefined
  readonly #held: { current: ConfigSnapshot<Value>; text: string | undefined }
  readonly #listeners = new Set<Listener<Value>>()
  #warned: ReadonlySet<string> = new Set()
  /** The end of the last reload: they follow one another. */
  #idle: Promise<unknown> = Promise.resolve()
  /** The reload that has not begun yet; further calls share it. */
  #next: Promise<ConfigChange<Value> | undefined> | undefined

  private constructor(source: Source, first: ConfigSnapshot<Value>, text: string | undefined) {
    const held = { current: first, text }
    super(() => placeOf(held.current))
    this.name = source.subject
    this.#source = source
    this.#logger = source.options.logger && asLogger(source.options.logger)
    this.#held = held
    this.#warn(first.warnings)
  }

  static {
    inside = (config) => ({
      path: config.#source.path,
      applied: () => config.#held.text,
      read: () => textOf(config.name, config.#source.path as string),
      apply: (text, over) =>
        config.#queue(async () => (config.#held.text === over ? await config.#apply(text) : 'overtaken')),
    })
  }

  /**
   * Reads a file: JSON, or YAML or TOML by its extension if the optional peer is installed.
   *
   * *Guarantees:* when it resolves, the overrides are applied and the schema has accepted the whole.
   * @throws `CONFIG_INVALID` when the file cannot be read, is malformed, empty, nested deeper than 100 levels or larger
   * than 16 MiB, when its peer is not installed, and with all issues together when the schema refuses it.
   */
  static load<Schema extends StandardSchema>(
    path: string | URL,
    options: WithSchema<Schema>,
  ): Promise<Config<InferOutput<Schema>>>
  static load(path: string | URL, options?: ConfigOptions): Promise<Config<ConfigTree>>
  static async load(path: string | URL, options: ConfigOptions = {}): Promise<Config> {
    const file = fileOf(path)
    const source = sourceOf(`config ${line(file)}`, options, { path: file })
    formatOf(source.subject, file) // before anything is read
    const text = await textOf(source.subject, file)
    const draft = await draftOf(source.subject, text, file)
    return new Config(source, await inTime(source.subject, snapshot(recipe(source, draft))), text)
  }

  /**
   * Takes a text of JSON, or plain data - which is copied - for what `load` finds in a file. Answers at once, so the
   * schema must, too. A text of YAML or TOML is parsed by the caller and passed as data.
   * @throws `CONFIG_INVALID` as `load`.
   */
  static parse<Schema extends StandardSchema>(
    source: string | object,
    options: WithSchema<Schema>,
  ): Config<InferOutput<Schema>>
  static parse(source: string | object, options?: ConfigOptions): Config<ConfigTree>
  static parse(data: string | object, options: ConfigOptions = {}): Config {
    const base = freeze(typeof data === 'string' ? jsonDraft('config', data) : dataDraft('config', data))
    const source = sourceOf('config', options, { base })
    return new Config(source, atOnce(source.subject, snapshot(recipe(source, copy('config', base)))), undefined)
  }

  /** The present version: immutable, so that what is read from it, sections included, never mixes two versions. */
  get current(): ConfigSnapshot<Value> {
    return this.#held.current
  }

  /** What the schema made of the present version; without a schema the tree itself. Frozen. */
  get value(): Value {
    return this.current.value
  }

  /** The overrides of the present version that were skipped, each with its variable and path. */
  get warnings(): readonly ConfigWarning[] {
    return this.current.warnings
  }

  /**
   * Reads the file again, applies the environment as it is now, validates, and puts the new version in the place of the
   * old one: all of it, or nothing. Resolves to what changed, `undefined` if nothing did: then `value` and the version
   * are the same, and so is `current` unless another variable was skipped or says the same as the file.
   *
   * *Guarantees:* what it applies was read after the call; overlapping calls follow one another; the listeners of
   * `onChange` have been called when it resolves.
   * @throws `CONFIG_INVALID` as `load`; the old version stays.
   */
  reload(): Promise<ConfigChange<Value> | undefined> {
    const { subject, path } = this.#source
    this.#next ??= this.#queue(async () => {
      this.#next = undefined
      return this.#apply(path === undefined ? undefined : await textOf(subject, path))
    })
    return this.#next
  }

  /** Subscribes to changes, from now on: called after the swap. One that throws disturbs nobody and is logged. */
  onChange(listener: (change: ConfigChange<Value>) => void): Unsubscribe {
    if (typeof listener !== 'function') throw refused(this.name, `onChange takes a function, not ${show(listener)}`)
    const one: Listener<Value> = { call: listener }
    const end = (): void => void this.#listeners.delete(one)
    this.#listeners.add(one)
    return Object.assign(end, { [Symbol.dispose]: end })
  }

  async #apply(text: string | undefined): Promise<ConfigChange<Value> | undefined> {
    const { subject, path, base } = this.#source
    const draft = text === undefined ? copy(subject, base) : await draftOf(subject, text, path as string)
    const previous = this.current
    const made = await inTime(subject, snapshot({ ...recipe(this.#source, draft), version: previous.version + 1 }))
    const current = made as ConfigSnapshot<Value>
    const change = changeOf(previous, current)
    this.#held.text = text
    this.#warn(current.warnings)
    if (change === undefined) {
      if (!isAlike(previous, current)) this.#held.current = retold(previous, current)
      return undefined
    }
    this.#held.current = current
    for (const one of [...this.#listeners]) if (this.#listeners.has(one)) this.#tell(one, change)
    return change
  }

  #tell(one: Listener<Value>, change: ConfigChange<Value>): void {
    const failed = (error: unknown): void =>
      this.#logger?.error(`${this.name}: a listener of onChange threw: ${saidBy(error)}`, { error })
    try {
      const answer = one.call(change)
      if (answer instanceof Promise) answer.catch(failed)
    } catch (error) {
      failed(error)
    }
  }

  /** Logs what has not been logged yet. */
  #warn(warnings: readonly ConfigWarning[]): void {
    for (const { message, variable, path } of warnings) {
      if (!this.#warned.has(message)) this.#logger?.warn(message, { variable, path })
    }
    this.#warned = new Set(warnings.map(({ message }) => message))
  }

  #queue<Result>(task: () => Promise<Result>): Promise<Result> {
    const done = this.#idle.then(task)
    this.#idle = done.catch(() => undefined)
    return done
  }
}

function sourceOf(subject: string, options: ConfigOptions, from: Partial<Pick<Source, 'path' | 'base'>>): Source {
  check(subject, options)
  return { subject, path: from.path, base: from.base, options, shape: shapeOf(options.schema) }
}

function recipe({ subject, options, shape }: Source, draft: Draft): Recipe {
  const prefix = prefixOf(options)
  return {
    subject,
    schema: options.schema,
    shape,
    prefix,
    variables: variablesOf(subject, options, prefix),
    draft,
    version: 1,
  }
}

const prefixOf = ({ envPrefix = '' }: ConfigOptions): string => (envPrefix.endsWith('_') ? envPrefix : `${envPrefix}_`)

/** The overrides as they are now, in an order of their own. */
function variablesOf(subject: string, { env = {} }: ConfigOptions, prefix: string): Variables {
  const names = Object.keys(env).filter((name) => name.startsWith(prefix))
  return names.sort().flatMap((name): Variables => {
    const text: unknown = env[name]
    if (text === undefined) return []
    if (typeof text !== 'string') throw refused(subject, `options.env.${line(name, 100)} is ${show(text)}; pass text`)
    return [[name, text]]
  })
}

function fileOf(path: unknown): string {
  const isUrl = path instanceof URL && path.protocol === 'file:'
  if (!isUrl && (typeof path !== 'string' || path === '' || path.includes('\0'))) {
    throw refused('Config.load', `path is ${show(path)}; pass the path of a file, or a file: URL`)
  }
  return resolve(isUrl ? fileURLToPath(path) : (path as string))
}

function dataDraft(subject: string, data: object): Draft {
  try {
    return copy(subject, data)
  } catch (error) {
    if (isKeelsonError(error)) throw error
    throw refused(subject, 'the data cannot be read; pass plain data', { cause: error })
  }
}

const OPTIONS: Readonly<Record<string, readonly [says: string, takes: (value: unknown) => boolean]>> = {
  schema: [
    'a Standard Schema, such as one of zod',
    (value) => typeof (Object(value) as Partial<StandardSchema>)['~standard']?.validate === 'function',
  ],
  envPrefix: ['text that is not empty', (value) => typeof value === 'string' && value !== '' && value !== '_'],
  env: ['an object of variables, such as process.env', (value) => typeof value === 'object' && value !== null],
  logger: [
    'a logger with debug, info, warn and error',
    (value) => ['debug', 'info', 'warn', 'error'].every((level) => typeof Object(value)[level] === 'function'),
  ],
}

function check(subject: string, options: ConfigOptions): void {
  if (typeof options !== 'object' || options === null)
    throw refused(subject, `options is ${show(options)}; pass an object`)
  for (const [key, value] of Object.entries(options)) {
    const known = Object.hasOwn(OPTIONS, key) ? OPTIONS[key] : undefined
    if (!known) throw refused(subject, `options.${key} is no option; known are ${Object.keys(OPTIONS).join(', ')}`)
    if (value !== undefined && !known[1](value))
      throw refused(subject, `options.${key} is ${show(value)}; pass ${known[0]}`)
  }
  const { envPrefix, env } = options
  if (envPrefix !== undefined && env === undefined) {
    throw refused(subject, 'options.envPrefix has no effect without env; pass env: process.env, or leave it out')
  }
  if (env !== undefined && envPrefix === undefined) {
    throw refused(subject, "options.env has no effect without envPrefix; pass one such as 'APP', or leave it out")
  }
}
