// What the gateway tells OpenTelemetry: the real SDK, exporting into memory, where the story can look at it.
import { type HrTime, SpanStatusCode } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { Observer } from 'keelson/observe'
import { otelObserver } from 'keelson/observe/otel'

const milliseconds = ([seconds, nanos]: HrTime): number => seconds * 1_000 + nanos / 1e6

export class Traces {
  readonly #exporter = new InMemorySpanExporter()
  readonly observer: Observer

  constructor() {
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#exporter)] })
    this.observer = otelObserver({ tracer: provider.getTracer('gateway') })
  }

  /** The finished spans of a name, about this service or target if one is given. */
  spans(name: string, about?: string): ReadableSpan[] {
    return this.#exporter
      .getFinishedSpans()
      .filter((span) => span.name === name && (about === undefined || aboutOf(span) === about))
  }

  /** The spans right below one, in the order in which they ended: `service.stop home`, `service.start home !START_FAILED`. */
  below(parent: ReadableSpan | undefined): string[] {
    const id = parent?.spanContext().spanId
    return this.#exporter
      .getFinishedSpans()
      .filter(({ parentSpanContext }) => id !== undefined && parentSpanContext?.spanId === id)
      .map((span) => `${span.name.replace('keelson.', '')} ${aboutOf(span)}${errorOf(span)}`)
  }
}

const aboutOf = ({ attributes }: ReadableSpan): unknown =>
  attributes['keelson.service.name'] ?? attributes['keelson.operation.target'] ?? attributes['url.path']

/** `!` and the type of its error, for a span that failed. */
export const errorOf = ({ status, attributes }: ReadableSpan): string =>
  status.code === SpanStatusCode.ERROR ? ` !${attributes['error.type']}` : ''

export const took = ({ startTime, endTime }: ReadableSpan): number => milliseconds(endTime) - milliseconds(startTime)
