// Lesson 11: testing your services. On the virtual clock of `keelson/testing` a minute takes no time and the same thing
// happens in the same order each time; the recorder gives the whole event log as lines, so a test asserts all of it.
// Only what was given the clock obeys it: no globals are patched.
import assert from 'node:assert/strict'
import { defineService, Orchestrator } from 'keelson'
import { recordEvents, VirtualClock } from 'keelson/testing'

const clock = new VirtualClock()
let outage = false
const feed = defineService('feed', {
  start: () => clock.sleep(200), // a hook that takes its time, on the same clock
  check: () => !outage,
  healthCheck: { interval: 10_000, failureThreshold: 3 },
})
const board = defineService('board', { dependsOn: ['feed'], startDelay: 1_000 })

// `random: () => 0.5` is the middle of every jitter: backoffs and intervals are exactly what the options say.
const app = new Orchestrator({ services: [feed, board], clock, random: () => 0.5 })
const record = recordEvents(app, { types: ['state', 'health', 'retry'] })
const zero = clock.wall()

const started = app.start()
await clock.advance(1_200)
await started
assert.deepEqual(record.lines(zero), [
  '0 board: unknown → waiting',
  '0 feed: unknown → starting',
  '200 feed: starting → running [checking]',
  '200 health feed: checking → healthy',
  '1200 board: waiting → starting',
  '1200 board: starting → running',
])

// An outage: three bad checks in a row, half a minute, in no time at all.
record.clear()
outage = true
await clock.advance(29_500)
console.log(record.lines(zero).join('\n'))
assert.deepEqual(record.lines(zero), [
  '30200 feed: running → stopping (unhealthy) UNHEALTHY',
  '30200 board: running → stopping (dependency)',
  '30200 feed: stopping → retrying (unhealthy) #1 UNHEALTHY',
  '30200 retry feed #1 in 1000 (transient)',
  '30200 board: stopping → waiting (dependency)',
])

// It recovers, and so does what needs it: 1 000 of backoff, 200 of start, 1 000 of delay.
record.clear()
outage = false
await clock.advance(2_400)
assert.deepEqual(record.states('board'), ['starting', 'running'])
assert.deepEqual(record.states('feed'), ['starting', 'running'])

// A host that was blocked does not shoot its services: a check in flight while the loop stood still is void.
clock.stall(60_000)
await clock.settle()
assert.equal(app.health().status, 'healthy')

await app.stop()
assert.equal(clock.pending, 0) // no timer is left: nothing leaks
record.stop()
