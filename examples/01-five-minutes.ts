// Lesson 1: five minutes. A service is a name and a few functions; the orchestrator works out when each of them runs.
// `api` needs `store`, so it starts after it and stops before it - whatever the order in the list below.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defineService, Orchestrator } from 'keelson'

const visits = new Map<string, number>()
const server = createServer((request, response) => {
  const count = (visits.get(request.url ?? '/') ?? 0) + 1
  visits.set(request.url ?? '/', count)
  response.end(`visit ${count}`)
})

const store = defineService('store', {
  start: () => console.log('store up'),
  stop: () => console.log(`store down, ${visits.size} page`),
})

const api = defineService('api', {
  dependsOn: ['store'],
  start: () => once(server.listen(0, '127.0.0.1'), 'listening'),
  stop: () => new Promise((done) => server.close(done)),
})

const app = new Orchestrator({ services: [api, store] })
const changes: string[] = []
app.on('state', ({ name, oldState, newState }) => {
  changes.push(`${name}: ${oldState} → ${newState}`)
})

const report = await app.start() // resolves when both are up and healthy
assert.deepEqual(report.criticalPath, ['store', 'api'])

const { port } = server.address() as AddressInfo
const answer = await fetch(`http://127.0.0.1:${port}/`)
assert.equal(await answer.text(), 'visit 1')
assert.equal(app.getServiceStatus('api').state, 'running')

await app.stop() // resolves when both are at rest, never later than shutdownTimeout
assert.equal(server.listening, false)

console.log(changes.join('\n'))
assert.deepEqual(changes, [
  'api: unknown → waiting', // it is wanted, and says that it waits
  'store: unknown → starting',
  'store: starting → running',
  'api: waiting → starting',
  'api: starting → running',
  'api: running → stopping',
  'api: stopping → stopped',
  'store: running → stopping',
  'store: stopping → stopped',
])
