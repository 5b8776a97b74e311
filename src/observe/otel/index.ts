// The door of keelson/observe/otel: the observer of programs that use OpenTelemetry.
// The only place that loads @opentelemetry/api, which is an optional peer.

export { type OtelOptions, otelObserver } from './otel-observer.js'
