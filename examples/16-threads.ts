// Lesson 16: threads. A pool of worker threads counts the words of many pages and asks a database for each. The workers
// read its health from shared memory - no message, no lock -, go slow by themselves while it suffers, and wait while it
// is away. Run by itself this file is the application; run by a `workerService` it is one worker of the pool.
import assert from 'node:assert/strict'
import { isMainThread, threadId, workerData } from 'node:worker_threads'
import { defineService, type HealthStatus, Orchestrator } from 'keelson'
import { attachRegistry, shareRegistry, workerReady, workerService } from 'keelson/threads'

const pages = Array.from({ length: 2_880 }, (_, i) => 'all is well on board '.repeat(1 + (i % 7)).trim())
/** What the threads share of the work: pages given out, taken and done, how many of them in haste; the counts. */
const [GIVEN, TAKEN, DONE, HASTY, COUNTS] = [0, 1, 2, 3, 4] as const
const shared = new Int32Array(isMainThread ? new SharedArrayBuffer(4 * (COUNTS + pages.length)) : workerData)
/** The module of a worker. A built program says `new URL('./worker.js', import.meta.url)`; this one is TypeScript, run by tsx. */
const url = `import('tsx/esm/api').then(({ register }) => (register(), import('${import.meta.url}')))`
const changed = (word: number, from: number) => Atomics.waitAsync(shared, word, from).value

async function work(): Promise<void> {
  // 1. A worker finds the application by itself, as `shareRegistry` was called before its thread was made.
  const services = await attachRegistry()
  const database = await services.waitFor('database')
  // 2. It may offer services of its own: their hooks run here, their life is the application's.
  await services.register(defineService(`cache ${threadId}`, { type: 'cache', dependsOn: ['database'] }))
  await workerReady()

  for (;;) {
    const taken = Atomics.load(shared, TAKEN)
    const given = Atomics.load(shared, GIVEN)
    if (taken === given) await changed(GIVEN, given)
    // 3. What the database is at this instant: a property, read from memory. It was stopped: asleep until it is back.
    else if (database.state !== 'running') await services.waitFor('database')
    else {
      const end = Math.min(taken + (database.health === 'healthy' ? 16 : 1), given)
      if (Atomics.compareExchange(shared, TAKEN, taken, end) !== taken) continue
      for (let i = taken; i < end; i++) shared[COUNTS + i] = pages[i]?.split(' ').length ?? 0
      if (end > taken + 1) Atomics.add(shared, HASTY, end - taken)
      Atomics.add(shared, DONE, end - taken)
      Atomics.notify(shared, DONE)
    }
  }
}

async function main(): Promise<void> {
  let mood: HealthStatus = 'healthy'
  const database = defineService('database', { check: () => mood, healthCheck: { interval: 10 } })
  const app = new Orchestrator({ services: [database] })
  shareRegistry(app)
  for (const name of ['counter 1', 'counter 2', 'counter 3'])
    await app.register(workerService(name, { url, worker: { eval: true, workerData: shared.buffer } }))
  await app.start()
  // Registered in three threads, these are services of this application like any other.
  const caches = (): string[] => app.registry.getByType('cache').map(({ state }) => state)
  assert.equal(caches().length, 3)

  const give = (): void => {
    Atomics.add(shared, GIVEN, 960)
    Atomics.notify(shared, GIVEN)
  }
  const done = async (all: number): Promise<void> => {
    for (let now = 0; now < all; now = Atomics.load(shared, DONE)) await changed(DONE, now)
  }
  give()
  await done(960)
  assert.equal(shared[HASTY], 960) // the database is well: sixteen pages at a time
  mood = 'degraded'
  await new Promise((resolve) => app.once('health', resolve))
  give()
  await done(1_920)
  assert.equal(shared[HASTY], 960) // it suffers: nobody told the workers, and each went page by page
  mood = 'healthy'
  await app.stopService('database')
  give()
  assert.deepEqual([shared[DONE], caches()], [1_920, ['waiting', 'waiting', 'waiting']]) // it is away: all sleep
  await app.startService('database')
  await done(pages.length)
  assert.ok(pages.every((page, i) => shared[COUNTS + i] === page.split(' ').length))
  await app.stop() // each worker is asked first; what lives in it is stopped, and leaves
  assert.equal(app.registry.size, 4)
}

await (isMainThread ? main() : work())
