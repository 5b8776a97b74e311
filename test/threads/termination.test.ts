/**
 * A thousand threads are terminated, each in the middle of something. Afterwards nothing of them is left: no promise is
 * pending, the application is at its fixpoint, what they registered is collected, and the table is as small as it was.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { defineService, Orchestrator } from 'keelson'
import { shareRegistry } from 'keelson/threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { type Bundled, bundled } from '../support/threads-bundle.js'
import { until } from '../support/threads-far.js'

const DEATHS = Number(process.env.DEATHS ?? 1_000)
const LANES = 6

/** What a thread is in the middle of when it dies. */
const KINDS = [
  'attach',
  'register',
  'wait',
  'wait blocked',
  'start',
  'stop',
  'own',
  'check',
  'call',
  'events',
  'close',
] as const

export interface Doomed {
  readonly what: (typeof KINDS)[number]
  /** Of the service that it registers. */
  readonly name: string
  /** Of the registry. */
  readonly owner: string
}

let program: Bundled
beforeAll(async () => {
  program = await bundled(new URL('./termination-worker.ts', import.meta.url), { minify: true, sourcemap: false })
})
afterAll(() => program[Symbol.asyncDispose]())

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

it(`R14 R33 R46 nothing is left of ${DEATHS} threads that were terminated in the middle of something`, async () => {
  const chance = new Chance(11)
  // Errors of events keep what their stacks name, as long as the events are kept.
  const app = new Orchestrator({ history: 1, services: [defineService('store', {})] })
  const shared = shareRegistry(app, { name: 'doomed' })
  const names = Array.from({ length: LANES }, (_, i) => `guest ${i}`)
  await app.start()
  for (const name of names) await app.register(defineService(`api of ${name}`, { dependsOn: [name] }))
  const lodged: WeakRef<object>[] = []
  app.on('registered', ({ name }) => {
    const service = app.registry.get(name)
    if (service !== undefined) lodged.push(new WeakRef(service))
  })
  const pending = new Set<Promise<unknown>>()
  const watched = (call: Promise<unknown>): void => {
    const settles = call.catch(() => {}).finally(() => pending.delete(settles))
    pending.add(settles)
  }

  /** One thread, from its making to its end. */
  const die = async (what: Doomed['what'], name: string): Promise<void> => {
    const workerData: Doomed = { what, name, owner: 'doomed' }
    const worker = new Worker(program.url, { workerData })
    worker.on('error', () => {}) // a death of its own accord, such as by a stop that was overtaken
    const exited = new Promise((resolve) => worker.once('exit', resolve))
    const event = (name: 'online' | 'message') => new Promise((resolve) => worker.once(name, resolve))
    // One in six dies before it has begun: while it is made, loads or attaches.
    const isEarly = chance.is(1 / 6)
    await Promise.race([exited, event(isEarly ? 'online' : 'message')])
    if (chance.is(1 / 2)) watched(app.startService(name))
    if (chance.is(1 / 4)) watched(app.stopService(name))
    for (let n = chance.pick(isEarly ? 400 : 12); n > 0; n--) await turn()
    await worker.terminate()
    await exited
  }
  const lane = async (name: string, deaths: number): Promise<void> => {
    for (let i = 0; i < deaths; i++) {
      await die(KINDS[chance.pick(KINDS.length)] as Doomed['what'], name)
      // The next one may find the name taken until it is removed, and then dies of that.
      await until(app, () => !app.registry.has(name))
    }
  }
  /** Every call has settled, and all is as it was. */
  const rest = async (): Promise<void> => {
    await Promise.all(pending)
    await until(app, () => app.getAllServices().length === 1 + LANES && app.registry.get('store')?.state === 'running')
  }

  await Promise.all(names.map((name) => lane(name, 5)))
  await rest()
  const size = shared.connect().table.byteLength
  await Promise.all(names.map((name, i) => lane(name, Math.ceil(DEATHS / LANES) - 5 - (i > 3 ? 1 : 0))))
  await rest()

  expect(app.getAllServices().map(({ name, state }) => `${name} ${state}`)).toEqual([
    'store running',
    ...names.map((name) => `api of ${name} waiting`),
  ])
  // At its fixpoint: nothing more happens.
  const { seq } = app.snapshot()
  for (let n = 0; n < 100; n++) await turn()
  expect(app.snapshot().seq).toBe(seq)
  expect(shared.connect().table.byteLength).toBe(size)
  await app.restartService('store')
  for (let n = 0; n < 10; n++) {
    await turn()
    collect()
  }
  await turn()
  expect(lodged.length).toBeGreaterThan(DEATHS / 4)
  // The engine keeps the record that left last, so that its kind is not forgotten.
  expect(lodged.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(1)

  await app[Symbol.asyncDispose]()
  expect(process.listenerCount('workerMessage')).toBe(0)
  expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Worker')).toEqual([])
}, 180_000)
