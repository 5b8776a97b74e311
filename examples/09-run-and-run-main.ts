// Lesson 9: run and runMain. `run` starts, stays, stops: the main loop of a program, as a promise. It ends at a signal
// of yours, at somebody's stop(), when an essential service gives up, or when everything has completed.
// `runMain` of `keelson/main` adds the process: SIGTERM and SIGINT in, exit code out. It is the last line of a program.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineService, Orchestrator } from 'keelson'
import { runMain } from 'keelson/main'

// 1. Until you say so.
const server = defineService('server')
const abort = new AbortController()
const serving = new Orchestrator({ services: [server] }).run({ signal: abort.signal })
await sleep(10)
assert.equal(server.state, 'running')
abort.abort()
await serving // resolves: a signal is no failure
assert.equal(server.state, 'stopped')

// 2. Until all is done: a batch of jobs is a program that ends by itself.
const done: string[] = []
const load = defineService('load', { run: () => void done.push('load') })
const index = defineService('index', {
  dependsOn: [{ name: 'load', condition: 'completed' }],
  run: () => void done.push('index'),
})
await new Orchestrator({ services: [index, load] }).run()
assert.deepEqual(done, ['load', 'index'])

// 3. Until an essential service gives up: run rejects with the first cause, after everything was stopped.
const fragile = defineService('fragile', {
  restart: { policy: 'never' },
  run: async () => {
    await sleep(10)
    throw new Error('out of tape')
  },
})
const beside = defineService('beside')
await assert.rejects(new Orchestrator({ services: [fragile, beside] }).run(), {
  code: 'CRASHED',
  message: /out of tape/,
})
assert.equal(beside.state, 'stopped')

// 4. The whole program. Here it is told to stop by its own SIGTERM, as a container runtime would tell it.
const order: string[] = []
const queue = defineService('queue', { stop: () => void order.push('queue') })
const worker = defineService('worker', {
  dependsOn: ['queue'],
  run: async ({ signal }) => {
    setTimeout(() => process.kill(process.pid, 'SIGTERM'), 20)
    while (!signal.aborted) await sleep(1)
    order.push('worker drained')
  },
  stop: () => void order.push('worker'),
})
await runMain(new Orchestrator({ services: [worker, queue] }))
assert.deepEqual(order, ['worker drained', 'worker', 'queue'])
assert.equal(process.exitCode ?? 0, 0) // a clean stop by a signal ends with 0
assert.equal(process.listenerCount('SIGTERM'), 0) // and nothing of it is left
