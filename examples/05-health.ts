// Lesson 5: health. A service with a check is `checking` until the first verdict, and only then counts for those that
// need it healthy. A few bad results in a row make it `unhealthy`: its epoch ends and the restart policy decides.
// With `onUnhealthy: 'report'` it is only told.
import assert from 'node:assert/strict'
import { defineService, type HealthStatus, Orchestrator } from 'keelson'

let answer: HealthStatus = 'healthy'
const cache = defineService('cache', {
  start: () => {
    answer = 'healthy' // a new epoch, a new chance
  },
  check: () => answer,
  healthCheck: { interval: 10, failureThreshold: 2 },
  restart: { initialBackoff: 10, jitter: 0 },
})

let lag = 0
const replica = defineService('replica', {
  check: ({ signal }) => {
    signal.throwIfAborted() // aborted when the check has timed out or the epoch has ended
    return lag > 100 ? 'degraded' : true // true, false and undefined are answers, too
  },
  healthCheck: { interval: 10, onUnhealthy: 'report' },
  essential: false,
})

const api = defineService('api', { dependsOn: ['cache'] })
const app = new Orchestrator({ services: [api, cache, replica] })
const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) await new Promise((resume) => setTimeout(resume, 1))
}

await app.start()
assert.equal(app.health().status, 'healthy')

// Degraded serves and counts as healthy for dependents; the whole says so and names who it is.
lag = 500
await until(() => replica.health === 'degraded')
assert.equal(app.health().status, 'degraded')
assert.deepEqual(
  app.health().because.map(({ name }) => name),
  ['replica'],
)
lag = 0
await until(() => app.health().status === 'healthy')

// Two bad results in a row: stopped with the reason `unhealthy`, `retrying`, and up again after the backoff.
const seen: string[] = []
let blamed: string | undefined
app.on('state', ({ name, newState, reason }) => {
  seen.push(`${name} ${newState}${reason ? ` (${reason})` : ''}`)
  if (name === 'cache' && newState === 'retrying') blamed = app.health().because[0]?.name
})
answer = 'unhealthy'
await until(() => seen.includes('api running'))
console.log(seen.join('\n'))
assert.ok(seen.includes('cache stopping (unhealthy)'))
assert.ok(seen.includes('cache retrying (unhealthy)'))
assert.ok(seen.includes('api waiting (dependency)'))
assert.equal(blamed, 'cache') // the root cause, not those that wait for it
await app.stop()
