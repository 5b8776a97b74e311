/**
 * What the real OpenTelemetry SDK makes of an observation, as text to assert on: no global provider, nothing exported.
 *
 * `traces(from)` has one line per span, each below its parent, in the order in which they began, else ended: name, what it is about,
 * `@` when it began since `from`, `+` how long it took, in milliseconds; then `reason`, `outcome` and, with `!`, the
 * `error.type` of a failed one. `numbers()` has one line per instrument and set of attributes: the sum of a counter, the
 * count and sum of a histogram in its unit.
 */
import { type HrTime, SpanStatusCode } from '@opentelemetry/api'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import type { Orchestrator } from 'keelson'
import { type Observation, type ObserveOptions, type Observer, observe } from 'keelson/observe'
import { otelObserver } from 'keelson/observe/otel'
import { afterEach } from 'vitest'

const observations: Observation[] = []
afterEach(() => {
  for (const end of observations.splice(0)) end()
})

/** `observe`, until the end of the test. */
export function observing(app: Orchestrator, observer: Observer, options?: ObserveOptions): Observation {
  const observation = observe(app, observer, options)
  observations.push(observation)
  return observation
}

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

export interface Telemetry {
  readonly observer: Observer
  spans(): ReadableSpan[]
  span(name: string, service?: string): ReadableSpan | undefined
  traces(from: number): string[]
  numbers(): Promise<string[]>
}

export function telemetry(): Telemetry {
  const exporter = new InMemorySpanExporter()
  const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
  const reader = new Reader()
  const metering = new MeterProvider({ readers: [reader] })
  const observer = otelObserver({ tracer: tracing.getTracer('test'), meter: metering.getMeter('test') })
  const spans = (): ReadableSpan[] => exporter.getFinishedSpans()
  return {
    observer,
    spans,
    span: (name, service) =>
      spans().find(
        (span) => span.name === name && (service === undefined || span.attributes['keelson.service.name'] === service),
      ),
    traces: (from) => traces(spans(), from),
    async numbers() {
      const { resourceMetrics } = await reader.collect()
      return resourceMetrics.scopeMetrics
        .flatMap(({ metrics }) => metrics)
        .flatMap(({ descriptor, dataPoints }) =>
          dataPoints.map(({ attributes, value }) => {
            const of = Object.entries(attributes).map(([key, each]) => `${key.replace(/^keelson\./, '')}=${each}`)
            const says = typeof value === 'number' ? value : `${value.count}x ${round(value.sum ?? 0)}`
            return `${descriptor.name.replace(/^keelson\./, '')} ${says}${descriptor.unit} ${of.join(' ')}`
          }),
        )
        .sort()
    },
  }
}

const round = (number: number): number => Math.round(number * 1e9) / 1e9
export const ms = ([seconds, nanos]: HrTime): number => seconds * 1_000 + nanos / 1e6

function traces(spans: readonly ReadableSpan[], from: number): string[] {
  const order = [...spans].sort((a, b) => ms(a.startTime) - ms(b.startTime))
  const below = (parent: string | undefined, indent: string): string[] =>
    order
      .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
      .flatMap((span) => [indent + line(span, from), ...below(span.spanContext().spanId, `${indent}  `)])
  return below(undefined, '')
}

function line({ name, attributes, startTime, endTime, status }: ReadableSpan, from: number): string {
  const at = (key: string): string =>
    attributes[`keelson.${key}`] === undefined ? '' : ` ${attributes[`keelson.${key}`]}`
  const service =
    attributes['keelson.service.name'] === undefined
      ? ''
      : `${at('service.name')}#${attributes['keelson.service.epoch']}`
  const error = status.code === SpanStatusCode.ERROR ? ` !${attributes['error.type']}` : ''
  const times = ` @${ms(startTime) - from} +${ms(endTime) - ms(startTime)}`
  return `${name.replace('keelson.', '')}${at('operation.target')}${service}${times}${at('stop.reason')}${at('operation.outcome')}${error}`
}
