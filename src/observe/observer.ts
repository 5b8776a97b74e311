// What an observer is: the three things that observability tools have in common - spans, counters, histograms.
// An interface for whoever has a tool, and the observer that does nothing. What is observed of an orchestrator, and
// under which names, is observe.ts; the tools of OpenTelemetry are behind keelson/observe/otel.

/** What an attribute may be. */
export type AttributeValue = string | number | boolean

/** What is known of a span or a measured value, by name. */
export interface Attributes {
  /** Names are dotted and lower case: `keelson.service.name`. */
  readonly [name: string]: AttributeValue
}

/** Something that takes time, from `startSpan` to `end`. */
export interface Span {
  /** Says more about it; the last value of a name counts. */
  setAttribute(name: string, value: AttributeValue): void
  /** It failed, with this: anything that can be thrown. Of several the first is the cause. */
  setError(error: unknown): void
  /** It is over, now or at this time, wall-clock in milliseconds. Once; what comes later changes nothing. */
  end(at?: number): void
}

/** Counts things that happen. */
export interface Counter {
  /** Adds so many: not negative. */
  add(value: number, attributes?: Attributes): void
}

/** Collects values of which the distribution matters, such as durations. */
export interface Histogram {
  /** Adds one value; a duration in seconds if the unit is `s`. */
  record(value: number, attributes?: Attributes): void
}

/** What is said of a counter or histogram when it is made. */
export interface InstrumentOptions {
  /** The unit, as UCUM writes it: `s`, `By`, `{restart}`. */
  readonly unit?: string
  /** What it measures, in a sentence for people. */
  readonly description?: string
}

/** Where spans and numbers go. What it throws or rejects with disturbs nobody (R39). */
export interface Observer {
  /**
   * Begins a span, now or `at` this time, wall-clock in milliseconds. Its parent is a span of the same observer; `null`
   * is none; without the argument it is whatever the tool takes for the current one.
   */
  startSpan(name: string, attributes?: Attributes, parent?: Span | null, at?: number): Span
  /** The counter of this name. */
  counter(name: string, options?: InstrumentOptions): Counter
  /** The histogram of this name. */
  histogram(name: string, options?: InstrumentOptions): Histogram
}

const nopSpan: Span = Object.freeze({ setAttribute: () => {}, setError: () => {}, end: () => {} })
const nopCounter: Counter = Object.freeze({ add: () => {} })
const nopHistogram: Histogram = Object.freeze({ record: () => {} })

/** Observes nothing: the default wherever an observer can be given. `observe(app, nopObserver)` costs nothing either. */
export const nopObserver: Observer = Object.freeze({
  startSpan: () => nopSpan,
  counter: () => nopCounter,
  histogram: () => nopHistogram,
})
