// The worker's part of the scenario `threads`: does what it is asked, one thing at a time, and answers with figures.

import { once } from 'node:events'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type * as Threads from 'keelson/threads'
import type { Figures } from '../scenario.js'
import { median } from '../statistics.js'

const parent = parentPort as MessagePort
const { attachRegistry } = (await import(workerData as string)) as typeof Threads
let port: MessagePort | undefined

/** Nanoseconds per read of many, in one go; `sum` keeps it from being optimised away. */
function timed(reads: number, read: (i: number) => number): number {
  const times: number[] = []
  let sum = 0
  for (let k = 0; k < 9; k++) {
    const began = performance.now()
    for (let i = 0; i < reads; i++) sum += read(i)
    times.push(((performance.now() - began) * 1e6) / reads)
  }
  if (sum === 0) throw new Error('nothing was read')
  return median(times.slice(3))
}

async function read(count: number): Promise<Figures> {
  const services = await attachRegistry()
  const names = Array.from({ length: count }, (_, i) => `service-${i}`)
  const plain = new Map(names.map((name) => [name, { state: 'running' }]))
  const figures = {
    map: timed(2_000_000, (i) => plain.get(names[i % count] as string)?.state.length ?? 0),
    read: timed(2_000_000, (i) => services.get(names[i % count] as string)?.state.length ?? 0),
  }
  await services.close()
  return figures
}

/** One call at a time in turns of rounds, the first half of which is for warming up. */
async function drive(rounds: number, calls: number): Promise<Figures> {
  const services = await attachRegistry()
  const bare = port as MessagePort
  let answered = (): void => {}
  bare.on('message', () => answered())
  const ask = (what: string): Promise<void> =>
    new Promise((resolve) => {
      answered = resolve
      bare.postMessage([1, what])
    })
  const turn = (i: number): 'stopService' | 'startService' => (i % 2 === 0 ? 'stopService' : 'startService')
  const cases: Record<string, (i: number) => Promise<unknown>> = {
    bare: () => ask('ping'),
    floor: (i) => ask(turn(i)),
    start: (i) => services[turn(i)]('service-3'),
  }
  const times = new Map(Object.keys(cases).map((name) => [name, [] as number[]]))
  for (let k = 0; k < rounds; k++)
    for (const [name, call] of Object.entries(cases)) {
      const began = performance.now()
      for (let i = 0; i < calls; i++) await call(i)
      times.get(name)?.push(((performance.now() - began) * 1_000) / calls)
    }
  await services.close()
  bare.close()
  return Object.fromEntries([...times].map(([name, all]) => [name, median(all.slice(rounds / 2))]))
}

async function wake(count: number, gate: Int32Array, times: BigInt64Array): Promise<Figures> {
  const took: Record<'bare' | 'waiter', number[]> = { bare: [], waiter: [] }
  const since = (): number => Number(process.hrtime.bigint() - (times[0] as bigint)) / 1_000
  for (let i = 0; i < count; i++) {
    const waiting = Atomics.waitAsync(gate, 0, i)
    Atomics.store(gate, 1, 1)
    await waiting.value
    took.bare.push(since())
  }
  const [{ handle }] = (await once(parent, 'message')) as [{ handle: Threads.ThreadHandle }]
  const services = await attachRegistry(handle)
  for (let i = 0; i < count; i++) {
    const waiting = services.waitFor('service-0', i % 2 === 0 ? 'stopped' : 'running')
    Atomics.store(gate, 1, 1)
    await waiting
    took.waiter.push(since())
  }
  await services.close()
  return { bare: median(took.bare), waiter: median(took.waiter) }
}

async function verify(name: string): Promise<Record<string, unknown>> {
  const services = await attachRegistry()
  const view = services.get(name)
  const before = view?.state
  const waiting = services.waitFor(name, 'stopped')
  const { outcome } = await services.stopService(name)
  const after = (await waiting).state
  const { size } = services
  await services.close()
  return { before, after, outcome, size }
}

parent.on('message', async (asked) => {
  if (asked.port !== undefined) {
    port = asked.port
    parent.postMessage('ready')
  } else if (asked.read !== undefined) parent.postMessage(await read(asked.read))
  else if (asked.drive !== undefined) parent.postMessage(await drive(asked.drive, asked.calls))
  else if (asked.wake !== undefined) parent.postMessage(await wake(asked.wake, asked.gate, asked.times))
  else if (asked.verify !== undefined) parent.postMessage(await verify(asked.verify))
})
