// What it costs to see and drive an application from another thread: reads of the shared table beside a plain `Map`, a
// start by message beside a bare round trip of a MessagePort, waking a waiter beside a bare `Atomics.notify`, and what
// sharing adds to a transition in the owner's thread. The worker's part is in threads-worker.ts.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'
import type * as Keelson from 'keelson'
import type * as Threads from 'keelson/threads'
import { entry } from '../contestants/keelson.js'
import type { Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { median } from '../statistics.js'

const SERVICES = 1_000
const ROUNDS = 160
const CALLS = 100
const WAKES = 1_500
const CYCLES = 100

const door = (name: string): string => entry.replace(/index\.js$/, `${name}/index.js`)
const load = async (): Promise<typeof Keelson & typeof Threads> => ({
  ...((await import(entry)) as typeof Keelson),
  ...((await import(door('threads'))) as typeof Threads),
})

/** A worker that answers one question at a time; `close` lets it end. */
class Helper {
  readonly worker = new Worker(new URL('./threads-worker.js', import.meta.url), { workerData: door('threads') })

  async ask(question: unknown): Promise<Figures> {
    this.worker.postMessage(question)
    const [answer] = await once(this.worker, 'message')
    return answer as Figures
  }

  close(): Promise<number> {
    return this.worker.terminate()
  }
}

async function started(): Promise<Keelson.Orchestrator> {
  const { Orchestrator, defineService } = await load()
  const app = new Orchestrator({ services: Array.from({ length: SERVICES }, (_, i) => defineService(`service-${i}`)) })
  await app.start()
  return app
}

async function application(): Promise<{ app: Keelson.Orchestrator; shared: Threads.SharedRegistry }> {
  const { shareRegistry } = await load()
  const app = await started()
  return { app, shared: shareRegistry(app) }
}

/** One read of `get(name).state` and one of a plain map, in the same thread; with `readers` of them at once. */
async function reading(readers: number): Promise<Figures> {
  const { app, shared } = await application()
  const helpers = Array.from({ length: readers }, () => new Helper())
  const answers = await Promise.all(helpers.map((helper) => helper.ask({ read: SERVICES })))
  await Promise.all(helpers.map((helper) => helper.close()))
  await shared.close()
  await app.stop()
  const mean = (name: string): number => median(answers.map((answer) => answer[name] as number))
  return { read: mean('read'), map: mean('map') }
}

/**
 * Microseconds of a start and a stop: by message, in the owner's own thread, and of a bare round trip without and with
 * the same start or stop in it.
 */
async function driving(): Promise<Figures> {
  const { app, shared } = await application()
  const helper = new Helper()
  const { port1, port2 } = new MessageChannel()
  const does = (what: string): Promise<unknown> => app[what as 'startService' | 'stopService']('service-3')
  port1.on('message', async ([, what]: [number, string]) => {
    if (what !== 'ping') await does(what)
    port1.postMessage([1, what])
  })
  helper.worker.postMessage({ port: port2 }, [port2])
  await once(helper.worker, 'message')
  const local: number[] = []
  for (let k = 0; k < ROUNDS; k++) {
    const began = performance.now()
    for (let i = 0; i < CALLS; i++) await does(i % 2 === 0 ? 'stopService' : 'startService')
    local.push(((performance.now() - began) * 1_000) / CALLS)
    await new Promise((resolve) => setImmediate(resolve)) // no task of the host lasts for long
  }
  const figures = await helper.ask({ drive: ROUNDS, calls: CALLS })
  await helper.close()
  port1.close()
  await shared.close()
  await app.stop()
  return { ...figures, local: median(local.slice(ROUNDS / 2)) }
}

/** Microseconds from a change to the waiter's next statement in the worker, and from a bare notify to the same. */
async function waking(): Promise<Figures> {
  const { app, shared } = await application()
  const helper = new Helper()
  const gate = new Int32Array(new SharedArrayBuffer(8))
  const times = new BigInt64Array(new SharedArrayBuffer(8))
  const told: Promise<[Figures]> = once(helper.worker, 'message') as Promise<[Figures]>
  helper.worker.postMessage({ wake: WAKES, gate, times })
  const waits = async (): Promise<void> => {
    while (Atomics.load(gate, 1) === 0) await new Promise((resolve) => setImmediate(resolve))
    Atomics.store(gate, 1, 0)
    await new Promise((resolve) => setTimeout(resolve, 1)) // it sleeps by now
  }
  for (let i = 0; i < WAKES; i++) {
    await waits()
    times[0] = process.hrtime.bigint()
    Atomics.add(gate, 0, 1)
    Atomics.notify(gate, 0)
  }
  const stops = new Set([app.on('state', () => (times[0] = process.hrtime.bigint()))])
  // Subscribed again behind the clock's, so that the clock is read first.
  await shared.close()
  const { shareRegistry } = await load()
  const again = shareRegistry(app, { name: 'again' })
  const handle = again.connect()
  helper.worker.postMessage({ handle }, [handle.port])
  for (let i = 0; i < WAKES; i++) {
    await waits()
    await (i % 2 === 0 ? app.stopService('service-0') : app.startService('service-0'))
  }
  const [figures] = await told
  for (const stop of stops) stop()
  await helper.close()
  await again.close()
  await app.stop()
  return figures
}

/**
 * Microseconds of a transition in the owner: unheard, with one subscriber, and shared; three applications side by side,
 * in turns of short rounds, the first half of which is for warming up.
 */
async function sharing(): Promise<Figures> {
  const { shareRegistry } = await load()
  const apps = { unheard: await started(), heard: await started(), shared: await started() }
  apps.heard.on('state', () => {})
  const shared = shareRegistry(apps.shared)
  const times = { unheard: [] as number[], heard: [] as number[], shared: [] as number[] }
  for (let k = 0; k < ROUNDS; k++)
    for (const [name, app] of Object.entries(apps) as [keyof typeof apps, Keelson.Orchestrator][]) {
      const began = performance.now()
      for (let i = 0; i < CYCLES; i++) {
        const service = `service-${(k * CYCLES + i) % SERVICES}`
        await app.stopService(service)
        await app.startService(service)
      }
      times[name].push(((performance.now() - began) * 1_000) / (CYCLES * 4))
      await new Promise((resolve) => setImmediate(resolve)) // no task of the host lasts for long
    }
  await shared.close()
  for (const app of Object.values(apps)) await app.stop()
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all.slice(ROUNDS / 2))]))
}

const MEASURES: Readonly<Record<string, () => Promise<Figures>>> = {
  'read, 1 reader': () => reading(1),
  'read, 8 readers': () => reading(8),
  drive: driving,
  wake: waking,
  share: sharing,
}

/** What a worker sees, waits for and drives is what the owner has. */
async function verify(): Promise<void> {
  const { app, shared } = await application()
  const helper = new Helper()
  const answer = await helper.ask({ verify: 'service-7' })
  assert.deepEqual(answer, { before: 'running', after: 'stopped', outcome: 'done', size: SERVICES })
  assert.equal(app.getServiceStatus('service-7').state, 'stopped')
  await helper.close()
  await shared.close()
  await app.stop()
}

function rows(results: Results): Row[] {
  const of = (id: string, figure: string): number[] => results.values(id, 'keelson', figure)
  const ratio = (id: string, one: string, other: string): number =>
    median(results.compared([id, 'keelson', one], [id, 'keelson', other], (a, b) => a / b))
  const read = (id: string): Row => ({
    what: `${id}: × a Map lookup and a property, same thread`,
    value: ratio(id, 'read', 'map'),
    note: `${median(of(id, 'read')).toFixed(0)} ns`,
    atMost: 5,
    gist: 'a read of `state` in a worker, 1 and 8 readers, × `Map` lookup and property',
  })
  return [
    read('read, 1 reader'),
    read('read, 8 readers'),
    {
      what: 'a start or stop by message: × a bare round trip',
      value: ratio('drive', 'start', 'bare'),
      note: `${median(of('drive', 'start')).toFixed(1)} µs, bare ${median(of('drive', 'bare')).toFixed(1)} µs`,
      atMost: 1.5,
      gist: 'a start by message, × a bare `MessagePort` round trip',
    },
    {
      what: 'a start or stop by message: × a bare round trip with that start or stop in it',
      value: ratio('drive', 'start', 'floor'),
      note: `${median(of('drive', 'floor')).toFixed(1)} µs; in the owner's thread alone ${median(of('drive', 'local')).toFixed(1)} µs`,
    },
    {
      what: 'waking a waiter: × a bare notify',
      value: ratio('wake', 'waiter', 'bare'),
      note: `${median(of('wake', 'waiter')).toFixed(1)} µs, bare ${median(of('wake', 'bare')).toFixed(1)} µs`,
      atMost: 2,
      gist: 'waking a waiter in another thread, × a bare `Atomics.notify`',
    },
    {
      what: 'a transition in the owner, shared: × unheard',
      value: ratio('share', 'shared', 'unheard'),
      note: `${median(of('share', 'shared')).toFixed(2)} µs, unheard ${median(of('share', 'unheard')).toFixed(2)} µs`,
      atMost: 1.15,
      gist: 'a transition of a shared application, × the same unshared',
    },
    {
      what: 'a transition in the owner, shared: × with one subscriber',
      value: ratio('share', 'shared', 'heard'),
      note: `${median(of('share', 'heard')).toFixed(2)} µs with one`,
    },
  ]
}

export const scenario: Scenario = {
  name: 'threads',
  about: 'an application of 1 000 services seen and driven from worker threads; ns per read, µs per call',
  main: 'read',
  cases: () =>
    Object.keys(MEASURES).map((id) => ({ id, params: { what: id }, contestants: ['keelson'], asserted: {} })),
  verify,
  measure: (_name, { what }: Params) => (MEASURES[String(what)] as () => Promise<Figures>)(),
  rows,
}
