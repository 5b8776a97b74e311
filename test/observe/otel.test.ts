/** otelObserver on the real API and SDK: the registered providers, the active span, errors of all kinds. */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  type ContextManager,
  context,
  metrics,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { KeelsonError } from 'keelson'
import { otelObserver } from 'keelson/observe/otel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { telemetry } from '../support/telemetry.js'

/** The context manager of the Node SDK, as far as this needs it. */
class Contexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>()
  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    of: Context,
    call: F,
    self?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(of, () => call.call(self as never, ...args))
  }
  bind<T>(_: Context, target: T): T {
    return target
  }
  enable(): this {
    return this
  }
  disable(): this {
    return this
  }
}

const exporter = new InMemorySpanExporter()
const numbers = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const metering = new MeterProvider({
  readers: [new PeriodicExportingMetricReader({ exporter: numbers, exportIntervalMillis: 1e9 })],
})

describe('otelObserver', () => {
  const early = otelObserver()
  beforeAll(() => {
    context.setGlobalContextManager(new Contexts())
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
    metrics.setGlobalMeterProvider(metering)
  })
  afterAll(async () => {
    context.disable()
    trace.disable()
    metrics.disable()
    await metering.shutdown()
  })

  it('uses the providers that the program registers, also after it was made', async () => {
    early.startSpan('late').end()
    early.counter('things', { unit: '{thing}', description: 'Things.' }).add(2, { kind: 'a' })
    early.histogram('sizes').record(3)
    await metering.forceFlush()
    const scope = numbers.getMetrics().at(-1)?.scopeMetrics[0]
    expect(scope?.scope.name).toBe('keelson')
    expect(scope?.metrics.map(({ descriptor: { name, unit, description } }) => [name, unit, description])).toEqual([
      ['things', '{thing}', 'Things.'],
      ['sizes', '', ''],
    ])
    expect(
      exporter.getFinishedSpans().map(({ name, instrumentationScope }) => [name, instrumentationScope.name]),
    ).toEqual([['late', 'keelson']])
  })

  it('sorts seconds into buckets that tell milliseconds from minutes, whatever else as the SDK does', async () => {
    early.histogram('short', { unit: 's' }).record(0.004)
    early.histogram('short', { unit: 's' }).record(0.04)
    early.histogram('bytes', { unit: 'By' }).record(4)
    await metering.forceFlush()
    const bounds = (of: string): unknown => {
      const metric = numbers
        .getMetrics()
        .at(-1)
        ?.scopeMetrics[0]?.metrics.find(({ descriptor: { name } }) => name === of)
      return (metric?.dataPoints[0]?.value as { buckets: { boundaries: number[] } } | undefined)?.buckets.boundaries
    }
    expect(bounds('short')).toEqual([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300])
    expect(bounds('bytes')).toContain(10_000)
  })

  it('puts a span below its parent, without one below the active span, with null below none', () => {
    exporter.reset()
    const observer = otelObserver()
    const tracer = trace.getTracer('program')
    const request = tracer.startSpan('request')
    context.with(trace.setSpan(context.active(), request), () => {
      const work = observer.startSpan('work')
      observer.startSpan('part', {}, work).end()
      observer.startSpan('stranger', {}, { setAttribute() {}, setError() {}, end() {} }).end()
      observer.startSpan('root', {}, null).end()
      work.end()
    })
    request.end()
    const spans = exporter.getFinishedSpans()
    const names = new Map(spans.map((span) => [span.spanContext().spanId, span.name]))
    expect(spans.map(({ name, parentSpanContext }) => [name, names.get(parentSpanContext?.spanId ?? '')])).toEqual([
      ['part', 'work'],
      ['stranger', 'request'],
      ['root', undefined],
      ['work', 'request'],
      ['request', undefined],
    ])
  })
})

it('times are those that were told, to the nanosecond, of long ago as well', () => {
  const { observer, span } = telemetry()
  observer.startSpan('past', {}, null, 1_000.000_001).end(1_704_067_200_000.5)
  expect([span('past')?.startTime, span('past')?.endTime]).toEqual([
    [1, 1],
    [1_704_067_200, 500_000],
  ])
  observer.startSpan('carry', {}, null, 1_999.999_999_9).end(2_000)
  expect(span('carry')?.startTime).toEqual([1, 999_999_999])
})

it('a failed span has the status, error.type and the exceptions; the first error is the cause', () => {
  const { observer, span } = telemetry()
  const cases: { [name: string]: [thrown: unknown, type: string, message: string] } = {
    keelson: [new KeelsonError('CRASHED', 'it crashed'), 'CRASHED', 'it crashed'],
    system: [Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED', 'refused'],
    plain: [new TypeError('not a function'), 'TypeError', 'not a function'],
    text: ['just text', '_OTHER', 'just text'],
    nothing: [undefined, '_OTHER', 'undefined'],
    number: [{ code: 42, message: 'answer' }, '_OTHER', 'answer'],
  }
  for (const [name, [thrown, type, message]] of Object.entries(cases)) {
    const failed = observer.startSpan(name)
    failed.setError(thrown)
    failed.setError(new Error('later'))
    failed.end()
    failed.end()
    const { status, attributes, events } = span(name) ?? {}
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message })
    expect(attributes).toEqual({ 'error.type': type })
    expect(events?.map(({ attributes: of }) => of?.['exception.message'])).toEqual([message, 'later'])
    expect(events?.[0]?.attributes?.['exception.type']).toBe(type)
  }
  observer.startSpan('good').end()
  expect(span('good')).toMatchObject({ status: { code: SpanStatusCode.UNSET }, attributes: {}, events: [] })
})

it.each<[unknown, string]>([
  [null, 'options is no object; pass { tracer, meter }'],
  [{ tracr: 1 }, 'tracr is no option; known are tracer, meter'],
  [{ tracer: {} }, 'tracer has no startSpan(); pass a tracer'],
  [{ meter: { createCounter: () => {} } }, 'meter has no createHistogram(); pass a meter'],
])('R51 what otelObserver cannot take is refused when it is made: %#', (options, message) => {
  expect(() => otelObserver(options as never)).toThrowError(
    new KeelsonError('CONFIG_INVALID', `otelObserver(): ${message}`),
  )
})
