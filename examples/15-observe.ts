// Lesson 15: observing. `observe(app, observer)` makes spans and numbers of what an orchestrator does: for the console,
// for OpenTelemetry, or for a tool of your own. `createLogger` makes a logger on pino where there is none yet.
import assert from 'node:assert/strict'
import { tracingChannel } from 'node:diagnostics_channel'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { defineService, Orchestrator } from 'keelson'
import { createLogger, logObserver, observe, parseLevel } from 'keelson/observe'
import { otelObserver } from 'keelson/observe/otel'

// 1. A logger; each record that a service writes carries its name and epoch. A pino or winston of yours will do as well.
const lines: string[] = []
const logger = createLogger({
  level: parseLevel('INFO', 'warn'), // such as an environment variable says it
  format: 'text',
  source: 'shop',
  stream: { write: (line) => lines.push(line) },
})

let attempts = 0
const db = defineService('db', {
  restart: { initialBackoff: 20, jitter: 0 },
  start: async ({ log }) => {
    attempts += 1
    log.info('connecting', { attempt: attempts })
    if (attempts === 1) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  },
})
const api = defineService('api', { dependsOn: ['db'] })
const app = new Orchestrator({ services: [api, db], logger })

// 2. OpenTelemetry: a program registers its SDK and says `otelObserver()`; this one keeps its spans for itself.
const exporter = new InMemorySpanExporter()
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
const observation = observe(app, otelObserver({ tracer: provider.getTracer('shop') }))

// 3. Several observers do not know of each other. This one writes failed spans to the logger, others at debug.
observe(app, logObserver(logger))

// 4. Agents of the host need no observer: hooks run inside the diagnostics channels `keelson:start` and `keelson:stop`.
const entered: string[] = []
tracingChannel('keelson:start').start.subscribe((message) => entered.push((message as { name: string }).name))

await app.start({ onFailure: 'retry' })
await app.stop()
observation() // ends it, and leaves nothing behind

const spans = exporter.getFinishedSpans()
const nameOf = (id: string | undefined): string | undefined =>
  spans.find((span) => span.spanContext().spanId === id)?.name
const tree = spans.map(({ name, attributes, status, parentSpanContext }) => {
  const service = attributes['keelson.service.name'] ?? ''
  const failed = status.code === 2 ? ` ${attributes['error.type']}` : ''
  return `${name} ${service}${failed} < ${nameOf(parentSpanContext?.spanId)}`
})
console.log(tree.join('\n'))
assert.deepEqual(tree, [
  'keelson.service.start db START_FAILED < keelson.start', // a failed attempt, of a start that went well
  'keelson.service.stop db < keelson.start',
  'keelson.service.start db < keelson.start',
  'keelson.service.start api < keelson.start',
  'keelson.start  < undefined',
  'keelson.service.stop api < keelson.stop',
  'keelson.service.stop db < keelson.stop',
  'keelson.stop  < undefined',
])
assert.deepEqual(entered, ['db', 'db', 'api'])

console.log(lines.join(''))
assert.match(lines[0] ?? '', /INFO {2}shop: connecting attempt=1 service=db epoch=1\n$/)
assert.match(lines[1] ?? '', /ERROR shop: keelson\.service\.start - \d+(\.\d)? ms - service 'db' - onStart failed/)
assert.match(lines[2] ?? '', /INFO {2}shop: connecting attempt=2 service=db epoch=2\n$/)
assert.equal(lines.length, 3)
