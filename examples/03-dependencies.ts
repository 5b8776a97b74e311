// Lesson 3: dependencies. Each edge says what must hold before the dependent starts (`condition`), whether it may do
// without (`optional`), and what it does when the dependency goes away (`onLoss`). There are no start levels:
// a service starts the moment its own edges allow.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineService, Orchestrator } from 'keelson'
import { recordEvents } from 'keelson/testing'

let ready = false
const database = defineService('database', {
  start: () => {
    setTimeout(() => {
      ready = true
    }, 30)
  },
  check: () => ready || 'checking', // running, but not healthy until it says so
  healthCheck: { interval: 10 },
})

// A job: `run` resolves, so it completes. `completed` gates the start of others and is never lost.
const migration = defineService('migration', { dependsOn: ['database'], run: () => {} })

const api = defineService('api', {
  dependsOn: [
    'database', //                                   the short form of { name: 'database', condition: 'healthy' }
    { name: 'migration', condition: 'completed' },
    { name: 'cache', optional: true }, //            nobody registers a cache, and that is all right
  ],
})

const metrics = defineService('metrics', {
  dependsOn: [{ name: 'database', condition: 'started', onLoss: 'keep' }], // up as soon as it runs, up without it
})

const app = new Orchestrator({ services: [metrics, api, migration, database] })
const record = recordEvents(app, { types: ['state'] })
const upAt = (name: string): number =>
  record.events.findIndex((e) => e.type === 'state' && e.name === name && e.newState === 'running')

await app.start()
assert.ok(upAt('metrics') < upAt('migration'), 'started is less than healthy')
assert.ok(upAt('migration') < upAt('api'), 'completed before the dependent')
assert.equal(app.getServiceStatus('migration').state, 'stopped')
assert.equal(app.getServiceStatus('migration').stopReason, 'completed')

// The database is lost: who leans on it stops before it, waits, and comes back by itself - once, when it is healthy again.
record.clear()
await app.restartService('database')
while (api.state !== 'running') await sleep(1)
assert.deepEqual(record.states('api'), ['stopping', 'waiting', 'starting', 'running'])
assert.deepEqual(record.states('metrics'), []) // onLoss: 'keep'
assert.deepEqual(record.states('migration'), []) // completed stays completed
const order = record.lines().map((line) => line.replace(/ .* → /, ' '))
assert.ok(
  order.indexOf('api: waiting (dependency)') < order.indexOf('database: stopping (restart)'),
  'dependents first',
)
console.log(record.lines().join('\n'))

// What was stopped by hand stays down, however often its dependencies come and go.
await app.stopService('api')
await app.restartService('database')
assert.equal(app.getServiceStatus('api').stopReason, 'manual')
assert.match(app.explain('api').text, /by hand/)

console.log(app.graph().toMermaid())
await app.stop()

// Mistakes in the graph are found before anything starts.
await assert.rejects(
  new Orchestrator({ services: [defineService('a', { dependsOn: ['databse'] }), defineService('database')] }).start(),
  {
    code: 'DEPENDENCY_MISSING',
    message: /did you mean 'database'/,
  },
)
