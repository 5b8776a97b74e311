// Lesson 6: events and explain. Every change is one event, in one order, readable before it is told.
// Listeners run outside the engine: a slow or throwing one disturbs nobody else.
// `explain(name)` answers "why is it not up?" with the chain to the root cause, as data and as a sentence.
import assert from 'node:assert/strict'
import { defineService, Orchestrator } from 'keelson'

let reachable = false
const db = defineService('db', {
  restart: { initialBackoff: 50, jitter: 0 },
  start: ({ status }) => {
    status('connecting', '127.0.0.1:5432')
    if (!reachable) throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
  },
})
const cache = defineService('cache', { dependsOn: ['db'] })
const api = defineService('api', { dependsOn: ['cache'] })
const app = new Orchestrator({ services: [db, cache, api] })

// 1. `on` and `once`: a function that ends the subscription comes back, and is Disposable.
const seqs: number[] = []
const end = app.on('state', ({ seq }) => seqs.push(seq))
const failures: unknown[] = []
app.on('listenerError', ({ error }) => failures.push(error))
app.once('status', () => {
  throw new Error('a clumsy listener')
})

// 2. `events()`: everything as an async iterator, from now on. A reader that is too slow loses its own oldest events
// and is told by a `gap`; nobody waits for it.
const abort = new AbortController()
const kinds = new Map<string, number>()
const reader = (async () => {
  for await (const event of app.events({ signal: abort.signal, buffer: 1_000 })) {
    kinds.set(event.type, (kinds.get(event.type) ?? 0) + 1)
  }
})()

const retried = new Promise((resolve) => app.once('retry', resolve))
const started = app.start({ onFailure: 'retry' })
await retried

// 3. Why is api not up? Not because of cache, which only waits itself.
const { up, because, text } = app.explain('api')
console.log(text)
assert.equal(up, false)
assert.deepEqual(
  because.map(({ name, kind }) => `${name}: ${kind}`),
  ['cache: dependency', 'db: backoff'],
)
assert.match(
  text,
  /^api is waiting: needs cache, which needs db, which is retrying \(attempt 1, due in .* ms\) after .*ECONNREFUSED/,
)
assert.deepEqual(
  app.getServiceStatus('api').blockedBy?.map(({ name }) => name),
  ['cache'], // what it waits for itself
)

reachable = true
await started
assert.match(app.explain('api').text, /^api is running/)

// 4. A snapshot is a consistent cut; `since` its `seq` nothing is missing and nothing comes twice.
const { seq, services } = app.snapshot()
assert.deepEqual(
  services.map(({ name, state }) => `${name} ${state}`),
  ['db running', 'cache running', 'api running'],
)
assert.ok(seq >= Math.max(...seqs))
end()
await app.stop()
assert.ok(seqs.every((each) => each <= seq)) // ended before the stop

abort.abort() // ends the iteration and releases everything
await reader
console.log(Object.fromEntries(kinds))
assert.equal(kinds.get('retry'), 1)
assert.equal(failures.length, 1)
