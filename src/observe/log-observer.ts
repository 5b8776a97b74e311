// An observer that writes: each span as one record when it ends, at debug, a failed one at error, with its duration.
// For development and for hosts without a tracing backend. Numbers are not written: they are for tools that add them up.

import { asLogger, type Clock, KeelsonError, type Logger, systemClock } from '../index.js'
import { errorText } from './error-type.js'
import { type Attributes, type AttributeValue, nopObserver, type Observer, type Span } from './observer.js'

/** Options of {@link logObserver}. */
export interface LogObserverOptions {
  /** Time of spans that do not say when they begin or end. Default: the host's. */
  readonly clock?: Clock
}

/**
 * An observer that writes each span to a logger when it ends: `debug`, or `error` if it failed.
 *
 * The message is the span's name and its duration, `keelson.service.start - 12 ms`; the fields are `span`, `duration` in
 * milliseconds, the name of the `parent` if there is one, the `error` if it failed, and the attributes. Counters and
 * histograms are not written.
 *
 * @throws `CONFIG_INVALID` for something that is no logger, and for an unknown or wrong option.
 */
export function logObserver(logger: Logger, options: LogObserverOptions = {}): Observer {
  check(logger, options)
  const { clock = systemClock } = options
  const log = asLogger(logger)
  return {
    startSpan: (name, attributes, parent, at) => new LogSpan(log, clock, name, attributes, parent, at),
    counter: nopObserver.counter,
    histogram: nopObserver.histogram,
  }
}

/** Writes each span to the console when it ends, a failed one to stderr. */
export const consoleObserver: Observer = /* @__PURE__ */ logObserver(console)

function check(logger: unknown, options: LogObserverOptions): void {
  const lacks = (what: unknown, methods: readonly string[]): string | undefined =>
    methods.find((method) => typeof (Object(what) as Record<string, unknown>)[method] !== 'function')
  const invalid = (what: string): KeelsonError => new KeelsonError('CONFIG_INVALID', `logObserver(): ${what}`)
  const method = lacks(logger, ['debug', 'error'])
  if (method !== undefined) throw invalid(`logger has no ${method}(); pass a logger, such as console`)
  if (typeof options !== 'object' || options === null) throw invalid('options is no object; pass { clock }')
  for (const key of Object.keys(options)) if (key !== 'clock') throw invalid(`${key} is no option; known is clock`)
  const missing = options.clock === undefined ? undefined : lacks(options.clock, ['now', 'wall'])
  if (missing !== undefined) throw invalid(`clock has no ${missing}(); pass a Clock`)
}

class LogSpan implements Span {
  readonly #log: Logger
  readonly #clock: Clock
  readonly #name: string
  readonly #parent: string | undefined
  readonly #attributes: { [name: string]: AttributeValue }
  readonly #began: { readonly now: number; readonly at: number | undefined }
  #failed = false
  #error: unknown
  #open = true

  constructor(log: Logger, clock: Clock, name: string, attributes: Attributes = {}, parent?: Span | null, at?: number) {
    this.#log = log
    this.#clock = clock
    this.#name = name
    this.#parent = LogSpan.#nameOf(parent)
    this.#attributes = { ...attributes }
    this.#began = { now: clock.now(), at }
  }

  static #nameOf(span: Span | null | undefined): string | undefined {
    return span != null && #name in span ? span.#name : undefined
  }

  setAttribute(name: string, value: AttributeValue): void {
    this.#attributes[name] = value
  }

  setError(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    this.#error = error
  }

  end(at?: number): void {
    if (!this.#open) return
    this.#open = false
    const duration = Math.max(0, this.#duration(at))
    const fields: { [name: string]: unknown } = { span: this.#name, duration }
    if (this.#parent !== undefined) fields.parent = this.#parent
    Object.assign(fields, this.#attributes)
    const line = `${this.#name} - ${Math.round(duration * 10) / 10} ms`
    if (!this.#failed) return this.#log.debug(line, fields)
    fields.error = this.#error
    this.#log.error(`${line} - ${errorText(this.#error)}`, fields)
  }

  /** Between two times that were told by the wall clock, else by the monotonic one. */
  #duration(at: number | undefined): number {
    const { now, at: began } = this.#began
    if (began !== undefined) return (at ?? this.#clock.wall()) - began
    return at === undefined ? this.#clock.now() - now : at - (this.#clock.wall() - (this.#clock.now() - now))
  }
}
