// A service that keeps a configuration in step with its file. It looks, again and again, at what the file says now -
// not at its dates and not at events, which miss a swapped link, an edit within one tick of the clock, a mounted volume.
// Applies only what two looks in a row have found the same; the configuration itself decides whether it is any good.

import {
  BaseService,
  type Clock,
  type HealthStatus,
  isKeelsonError,
  type KeelsonError,
  type RunContext,
  type ServiceOptions,
  systemClock,
} from '../index.js'
import { type Config, type Inside, inside } from './config.js'
import type { ConfigChange } from './snapshot.js'
import { line, refused, show } from './tree.js'

/** Options of a {@link ConfigWatcher}, beside those of every service. */
export interface ConfigWatcherOptions extends ServiceOptions {
  /** The name of the service. Default `config-watcher`. */
  readonly name?: string
  /** Time from one look at the file to the next, in milliseconds. Default 1 000. */
  readonly interval?: number
  /** How long a new text must have stayed the same before it is applied, in milliseconds. Default 200. */
  readonly debounce?: number
  /** What it waits by. Default the host's clock. */
  readonly clock?: Clock
}

/** What a look has found: a text, or why there is none. */
type Found = {
  readonly mark: string
  readonly text?: string
  readonly error?: KeelsonError
  readonly over?: string | undefined
}

/**
 * A service that reloads a configuration whenever its file has changed: edited in place, replaced by renaming, or behind
 * a link that was swapped, as in a mounted volume of Kubernetes; also between the load and the start of the service.
 *
 * *Guarantees:*
 * - What changed is applied within `interval` + `debounce`, and the time that it takes to read the file.
 * - A text is applied when two looks, `debounce` apart, have found it the same. One that is malformed or refused is
 *   looked at again until it is whole; when it is still the same after another `interval` it is reported once - an
 *   error in the log, a `status` event, `problem`, health `degraded` - and the version before stays. So it is with a
 *   file that is empty or missing. One that was cut off and says something whole all the same, as YAML may, is taken for
 *   what it says, if the schema takes it; who writes beside the file and then renames does not run that risk.
 * - The environment is read anew with each reload, but not watched.
 * - Stopping it ends a wait at once; its timer keeps no process alive.
 *
 * Runnable: `examples/13-configuration.ts`.
 */
export class ConfigWatcher extends BaseService {
  readonly #config: Config
  readonly #inside: Inside
  readonly #interval: number
  readonly #debounce: number
  readonly #clock: Clock
  /** What the last look found and is not applied yet. */
  #pending: { readonly mark: string; error?: KeelsonError } | undefined
  #reported: { readonly mark: string; readonly error: KeelsonError } | undefined

  /** Declares the service. @throws `CONFIG_INVALID` for a configuration without a file, and for a wrong option. */
  constructor(config: Config, options: ConfigWatcherOptions = {}) {
    const { name = 'config-watcher', interval = 1_000, debounce = 200, clock = systemClock, ...rest } = options
    super(name, { type: 'config', ...rest })
    const subject = `service '${name}'`
    const found = insideOf(subject, config)
    if (found.path === undefined)
      throw refused(subject, 'the configuration has no file to watch; make it with Config.load')
    this.#config = config
    this.#inside = found
    this.#interval = time(subject, 'interval', interval, 1)
    this.#debounce = time(subject, 'debounce', debounce, 0)
    this.#clock = clock
  }

  /** What is wrong with the file now, once that has been reported; `undefined` while it is in step. */
  get problem(): KeelsonError | undefined {
    return this.#reported?.error
  }

  /** The file, the version of the configuration, and what is wrong, if anything is. */
  override getServiceData(): Record<string, unknown> {
    const { version } = this.#config.current
    return { file: this.#inside.path, version, ...(this.problem && { problem: this.problem.message }) }
  }

  protected override onCheck(): HealthStatus {
    return this.problem ? 'degraded' : 'healthy'
  }

  protected override async onRun(context: RunContext): Promise<void> {
    this.#pending = undefined
    while (!context.signal.aborted) await this.#sleep(await this.#look(context), context.signal)
  }

  /** Looks at the file once; resolves to the time until it should look again. */
  async #look(context: RunContext): Promise<number> {
    const found = await this.#read()
    if (context.signal.aborted) return 0
    if (found.text !== undefined && found.text === this.#inside.applied()) {
      this.#settle(context, 'is as before')
      return this.#interval
    }
    if (found.mark === this.#reported?.mark) {
      this.#pending = undefined
      return this.#interval
    }
    if (found.mark !== this.#pending?.mark) {
      this.#pending = { mark: found.mark }
      return this.#debounce
    }
    if (this.#pending.error) this.#report(context, found.mark, this.#pending.error)
    else await this.#apply(context, found)
    return this.#interval
  }

  async #read(): Promise<Found> {
    const over = this.#inside.applied()
    try {
      const text = await this.#inside.read()
      return { mark: `text ${text}`, text, over }
    } catch (error) {
      const known = isKeelsonError(error) ? error : refused(this.#config.name, 'it cannot be read', { cause: error })
      return { mark: `error ${known.message}`, error: known }
    }
  }

  async #apply(context: RunContext, { mark, text, error, over }: Found): Promise<void> {
    try {
      if (text === undefined) throw error
      const change = await this.#inside.apply(text, over)
      if (change === 'overtaken')
        this.#pending = undefined // by a reload(): the next look will tell
      else this.#settle(context, change === undefined ? 'says the same in other words' : `changed: ${list(change)}`)
    } catch (thrown) {
      this.#pending = { mark, error: thrown as KeelsonError }
    }
  }

  #settle({ log, status }: RunContext, what: string): void {
    const isNews = this.#reported !== undefined || what !== 'is as before'
    this.#pending = undefined
    this.#reported = undefined
    if (isNews) log.info(`${this.#config.name} ${what}`)
    if (isNews) status(what)
  }

  #report({ log, status }: RunContext, mark: string, error: KeelsonError): void {
    this.#pending = undefined
    this.#reported = { mark, error }
    log.error(`${error.message}; version ${this.#config.current.version} stays`, { error })
    status('the old version stays', error.message)
  }

  #sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end)
        this.#clock.clearTimeout(timer)
        resolve()
      }
      const timer: unknown = this.#clock.setTimeout(end, ms)
      ;(timer as { unref?: () => unknown } | undefined)?.unref?.()
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
    })
  }
}

function insideOf(subject: string, config: Config): Inside {
  try {
    return inside(config)
  } catch (error) {
    throw refused(subject, `the configuration is ${show(config)}; pass one of Config.load`, { cause: error })
  }
}

function time(subject: string, field: string, value: unknown, least: number): number {
  if (typeof value === 'number' && value >= least && value < 2 ** 31) return value
  throw refused(subject, `${field} is ${show(value)}; pass milliseconds from ${least} to 2^31 - 1`)
}

function list({ paths }: ConfigChange): string {
  const shown = paths.slice(0, 5).map((path) => line(path, 100))
  return paths.length > 5 ? `${shown.join(', ')} and ${paths.length - 5} more` : shown.join(', ')
}
