// Lesson 4: failure and retry. A failed start, a crash and a bad verdict are retried after a growing, jittered backoff,
// `maxRetries` times; then the service is `failed` and stays so until somebody starts it. What the error is decides:
// `transient` and `connectivity` are retried, `permanent` is not, `auth` waits for credentials and runs no timer.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineService, isKeelsonError, Orchestrator } from 'keelson'

const restart = { initialBackoff: 10, multiplier: 2, jitter: 0, maxRetries: 3 }

// 1. Two refused connections, then up. `onFailure: 'retry'` lets start() wait while the restart policy works.
let calls = 0
const flaky = defineService('flaky', {
  restart,
  start: () => {
    if (++calls < 3) throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
  },
})
const first = new Orchestrator({ services: [flaky] })
const delays: number[] = []
first.on('retry', ({ delay, failure }) => {
  assert.equal(failure, 'connectivity') // found by the error's code, through its causes
  delays.push(delay)
})
await first.start({ onFailure: 'retry' })
assert.deepEqual(delays, [10, 20])
assert.equal(flaky.lastError, undefined) // cleared on becoming active
await first.stop()

// 2. One that never comes up: three retries, then `failed`, exactly once.
const broken = defineService('broken', { restart, start: () => Promise.reject(new Error('disk full')) })
const second = new Orchestrator({ services: [broken] })
const thrown: unknown = await second.start({ onFailure: 'retry' }).catch((error: unknown) => error)
assert.ok(isKeelsonError(thrown, 'START_INCOMPLETE'))
assert.equal(broken.state, 'failed')
const why = broken.lastError
assert.ok(isKeelsonError(why, 'START_FAILED')) // keelson's error says what happened to the service,
assert.equal((why.cause as Error).message, 'disk full') // its cause is what was thrown

// 3. Classes of your own: what is known to be hopeless is not retried.
let attempts = 0
const licensed = defineService('licensed', {
  classify: (error) => ((error as Error).message === 'licence expired' ? 'permanent' : undefined), // undefined: the default
  start: () => {
    attempts++
    throw new Error('licence expired')
  },
})
await assert.rejects(new Orchestrator({ services: [licensed] }).start())
assert.deepEqual([licensed.state, attempts], ['failed', 1])

// 4. A 401 is no matter of patience: `auth_required`, until somebody starts it again.
let token = 'expired'
const remote = defineService('remote', {
  remote: true, // lives elsewhere: `connected`, `disconnected`, `unreachable`, and retries without end
  essential: false, // never fails start()
  start: () => {
    if (token === 'expired') throw Object.assign(new Error('Unauthorized'), { status: 401 })
  },
})
const third = new Orchestrator({ services: [remote] })
await third.start()
await sleep(20)
assert.equal(remote.state, 'auth_required')
token = 'fresh'
await third.startService('remote')
assert.equal(remote.state, 'connected')
await third.stop()
