// An observer on the OpenTelemetry API: spans, counters and histograms go to whichever SDK the program has registered.
// Names and errors by the semantic conventions; needs no SDK itself, and without one everything goes nowhere.

import {
  context,
  type Meter,
  metrics,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { KeelsonError } from '../../index.js'
import { errorText, errorType } from '../error-type.js'
import type { AttributeValue, Observer, Span } from '../observer.js'

/** Options of {@link otelObserver}. */
export interface OtelOptions {
  /** Where spans go. Default: the tracer `keelson` of the registered provider. */
  readonly tracer?: Tracer
  /** Where numbers go. Default: the meter `keelson` of the provider that is registered when the first is asked for. */
  readonly meter?: Meter
}

/**
 * An observer on OpenTelemetry: `observe(app, otelObserver())`, once the program has registered its SDK.
 *
 * A failed span has the status `ERROR` with the message, `error.type` - the code of a `KeelsonError` - and the exception
 * recorded. A span without a parent is below the active one; one with `null` for a parent is a root. Histograms in
 * seconds advise buckets from 5 ms to 5 min, which a view of the SDK may change.
 *
 * @throws `CONFIG_INVALID` for an unknown or wrong option.
 */
export function otelObserver(options: OtelOptions = {}): Observer {
  check(options)
  const tracer = options.tracer ?? trace.getTracer('keelson')
  let { meter } = options
  const spans = new WeakMap<Span, OtelSpan>()
  const numbers = (): Meter => {
    meter ??= metrics.getMeter('keelson')
    return meter
  }
  return {
    startSpan(name, attributes = {}, parent, at) {
      const above = parent == null ? undefined : spans.get(parent)
      const within = parent === null ? ROOT_CONTEXT : context.active()
      const started = tracer.startSpan(
        name,
        { attributes: { ...attributes }, ...(at === undefined ? {} : { startTime: hrTime(at) }) },
        above === undefined ? within : trace.setSpan(within, above),
      )
      const span = new ApiSpan(started)
      spans.set(span, started)
      return span
    },
    counter: (name, said = {}) => numbers().createCounter(name, said),
    histogram: (name, said = {}) =>
      numbers().createHistogram(
        name,
        said.unit === 's' ? { ...said, advice: { explicitBucketBoundaries: SECONDS } } : said,
      ),
  }
}

/** Buckets for durations: those of the SDKs are made for milliseconds, and would put nearly every start into the first. */
const SECONDS: number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

const TAKES: Readonly<Record<string, readonly string[]>> = {
  tracer: ['startSpan'],
  meter: ['createCounter', 'createHistogram'],
}

function check(options: OtelOptions): void {
  const invalid = (what: string): KeelsonError => new KeelsonError('CONFIG_INVALID', `otelObserver(): ${what}`)
  if (typeof options !== 'object' || options === null) throw invalid('options is no object; pass { tracer, meter }')
  for (const [name, value] of Object.entries(options)) {
    const methods = Object.hasOwn(TAKES, name) ? TAKES[name] : undefined
    if (methods === undefined) throw invalid(`${name} is no option; known are tracer, meter`)
    const missing = methods.find((method) => typeof Object(value)[method] !== 'function')
    if (value !== undefined && missing !== undefined) throw invalid(`${name} has no ${missing}(); pass a ${name}`)
  }
}

class ApiSpan implements Span {
  readonly #span: OtelSpan
  readonly #errors: unknown[] = []

  constructor(span: OtelSpan) {
    this.#span = span
  }

  setAttribute(name: string, value: AttributeValue): void {
    this.#span.setAttribute(name, value)
  }

  setError(error: unknown): void {
    this.#errors.push(error)
  }

  end(at?: number): void {
    const time = at === undefined ? undefined : hrTime(at)
    // Told at the end, since an exception has a time, too.
    for (const error of this.#errors) this.#span.recordException(exceptionOf(error), time)
    if (this.#errors.length > 0) {
      const first = this.#errors[0]
      this.#span.setAttribute('error.type', errorType(first))
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: errorText(first) })
    }
    this.#errors.length = 0
    this.#span.end(time)
  }
}

/** Seconds and nanoseconds: a plain number of long ago would be taken for one of the process's own clock. */
function hrTime(at: number): [number, number] {
  const seconds = Math.floor(at / 1_000)
  return [seconds, Math.min(999_999_999, Math.round((at - seconds * 1_000) * 1_000_000))]
}

/** What the API takes for an exception, of anything that can be thrown. */
function exceptionOf(thrown: unknown): { code: string; name: string; message: string; stack?: string } {
  const type = errorType(thrown)
  const stack = thrown instanceof Error ? thrown.stack : undefined
  return { code: type, name: type, message: errorText(thrown), ...(stack === undefined ? {} : { stack }) }
}
