// Lesson 7: operations. Every call that waits gives a report, takes `{ signal, timeout }`, and rejects with an error
// that names the culprits. What a failed start leaves behind is yours to choose: `rollback`, `keep` or `retry`.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineService, isKeelsonError, type OperationReport, Orchestrator } from 'keelson'

let works = false
const db = defineService('db', { start: () => sleep(20), stop: () => sleep(10) })
const api = defineService('api', {
  dependsOn: ['db'],
  restart: { initialBackoff: 10, jitter: 0 },
  start: async () => {
    await sleep(5)
    if (!works) throw new Error('port 8080 is taken')
  },
})
const app = new Orchestrator({ services: [db, api] })
const states = (): string =>
  app
    .getAllServices()
    .map(({ name, state }) => `${name} ${state}`)
    .join(', ')
const reportOf = (thrown: unknown): OperationReport => {
  assert.ok(isKeelsonError(thrown, 'START_INCOMPLETE'))
  return thrown.report as OperationReport
}

// 1. `rollback`, the default of start(): all or nothing. What came up is stopped again, the culprit stays `failed`.
const failure = reportOf(await app.start().catch((error: unknown) => error))
assert.equal(states(), 'db stopped, api failed')
assert.deepEqual(
  failure.services.map(({ name, outcome }) => `${name} ${outcome}`),
  ['db stopped', 'api failed'],
)

// 2. `keep`, the default of startService(): the promise rejects at once, the restart policy goes on.
await assert.rejects(app.startService('api'), { code: 'START_INCOMPLETE' })
assert.equal(app.getServiceStatus('db').state, 'running')
works = true
while (app.getServiceStatus('api').state !== 'running') await sleep(1)

// 3. `retry` waits while the restart policy works (lesson 4). A start of what is up changes nothing.
const again = await app.start({ onFailure: 'retry' })
assert.ok(again.services.every(({ outcome }) => outcome === 'unchanged'))

// 4. A report says what each service waited for, how long its hook took, and what the whole duration depended on.
await app.stop()
const report = await app.start()
assert.deepEqual(report.criticalPath, ['db', 'api'])
const row = report.services.find(({ name }) => name === 'api')
assert.equal(row?.waitedFor[0]?.name, 'db')
console.log(
  `db was waited for ${Math.round(row?.waitedFor[0]?.duration ?? 0)} ms, start took ${Math.round(report.duration)} ms`,
)

// 5. plan() is the dry run: in which order, and why.
for (const { action, name, after, because } of app.plan('stop').steps)
  console.log(`${action} ${name} after [${after}]: ${because}`)

// 6. Aborting a start undoes what it alone wanted, and rejects with your own reason.
await app.stop()
const abort = new AbortController()
const aborted = app.start({ signal: abort.signal })
abort.abort(new Error('changed my mind'))
await assert.rejects(aborted, /changed my mind/)
assert.equal(states(), 'db stopped, api stopped')

// 7. stop() settles by its deadline whatever the hooks do, and names who did not stop cleanly.
const stubborn = defineService('stubborn', { stop: () => new Promise(() => {}) })
await app.register(stubborn)
await app.start()
const began = performance.now()
const thrown: unknown = await app.stop({ timeout: 200 }).catch((error: unknown) => error)
assert.ok(isKeelsonError(thrown, 'STOP_INCOMPLETE'))
assert.match(thrown.message, /stubborn/)
assert.ok(performance.now() - began < 1_000)
assert.equal(states(), 'db stopped, api stopped, stubborn stopped')
