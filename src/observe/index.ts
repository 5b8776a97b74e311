// The door of keelson/observe: spans, numbers and logs of an orchestrator for whatever tool a program has.
// Loading it needs none of the tools: pino is loaded by createLogger, OpenTelemetry by keelson/observe/otel.

export { createLogger, type LoggerOptions } from './create-logger.js'
export { consoleObserver, type LogObserverOptions, logObserver } from './log-observer.js'
export { type Observation, type ObserveOptions, observe } from './observe.js'
export {
  type Attributes,
  type AttributeValue,
  type Counter,
  type Histogram,
  type InstrumentOptions,
  nopObserver,
  type Observer,
  type Span,
} from './observer.js'
export { type Level, parseLevel } from './parse-level.js'
