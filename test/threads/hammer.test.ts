/** Four threads read the shared table as fast as they can while its owner writes as fast as it can. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type Clock, defineService, Orchestrator, type Service } from 'keelson'
import { shareRegistry } from 'keelson/threads'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { TableWriter } from '../../src/threads/table-writer.js'
import { type Bundled, bundled } from '../support/threads-bundle.js'
import { EVENTS, type Hammered, type Hammering, nameOf, STAYS, STEP, wallOf } from '../support/threads-hammer.js'

const READERS = 4
const READS = 10_000_000
const TRANSITIONS = 100_000
const STEPS = (READERS * READS) / STEP

let program: Bundled
beforeAll(async () => {
  program = await bundled(new URL('./hammer-worker.ts', import.meta.url))
})
afterAll(() => program[Symbol.asyncDispose]())

/** A clock whose wall shows a number, so that a record tells what it belongs to. */
class Numbered implements Clock {
  number = 0
  now = (): number => performance.now()
  wall = (): number => wallOf(this.number)
  setTimeout = (callback: () => void, ms: number): unknown => setTimeout(callback, ms)
  clearTimeout = (handle: unknown): void => clearTimeout(handle as NodeJS.Timeout)
  defer = (callback: () => void): void => void setImmediate(callback)
}

/** How far the readers are, for the owner to keep pace with them. */
interface Pace {
  /** Whether some have yet to read what they are to read at least, all of them taken together. */
  areBusy(): boolean
  /** Waits until one of them is a step further. */
  step(): Promise<unknown>
}

/** Threads that read until each has read enough and `owner` is done; what each found. */
async function readers(
  what: Omit<Hammering, 'reads' | 'signals'>,
  owner: (pace: Pace) => Promise<void>,
): Promise<Hammered[]> {
  const signals = new Int32Array(new SharedArrayBuffer(8))
  const workerData: Hammering = { ...what, reads: READS, signals }
  const workers = Array.from({ length: READERS }, () => new Worker(program.url, { workerData }))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const found = workers.map(async (worker) => ((await once(worker, 'message')) as [Hammered])[0])
  const ends = workers.map((worker) => once(worker, 'exit'))
  await owner({
    areBusy: () => Atomics.load(signals, 1) < STEPS,
    step: async () => Atomics.waitAsync(signals, 1, Atomics.load(signals, 1)).value,
  })
  Atomics.store(signals, 0, 1)
  const results = await Promise.all(found)
  await Promise.all(ends)
  return results
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('R37 R38 the shared table under four readers of ten million reads each', () => {
  it('gives no torn record and none older than the last during 100 000 transitions, and the owner’s in the end', async () => {
    const count = 5
    const clock = new Numbered()
    await using app = new Orchestrator({ clock })
    for (let i = 0; i < count; i++) await app.register(defineService(nameOf(i), {}))
    const { name } = shareRegistry(app, { name: 'cycling' })
    await turn()
    const base = app.snapshot().seq
    let rounds = 0
    const perStep = Math.ceil((2 * TRANSITIONS) / (count * 4) / STEPS)
    const found = await readers({ what: 'cycle', name, count, base }, async ({ areBusy, step }) => {
      while (rounds * count * 4 < TRANSITIONS || areBusy()) {
        clock.number = ++rounds
        for (let i = 0; i < count; i++) {
          await app.startService(nameOf(i))
          await app.stopService(nameOf(i))
        }
        if (rounds % perStep === 0) await (areBusy() ? step() : turn())
      }
      // The last state is not the one that all rounds end in.
      clock.number = ++rounds
      for (let i = 0; i < count; i++) {
        await app.startService(nameOf(i))
        if (i % 2 === 0) await app.stopService(nameOf(i))
        else break
      }
      await turn()
    })
    const statuses = app.getAllServices().map(({ state, health, epoch }) => ({ state, health, epoch }))
    expect(statuses[1]?.state).toBe('running')
    for (const { faults, reads, changes, last } of found) {
      expect(faults).toEqual([])
      expect(reads).toBeGreaterThanOrEqual(READS)
      expect(changes).toBeGreaterThan(1_000) // the owner was really writing meanwhile
      expect(last.map(({ state, health, epoch }) => ({ state, health, epoch }))).toEqual(statuses)
      expect(last[0]?.seq).toBe(base + EVENTS * (rounds - 1) * count + 7)
    }
    console.log(
      rounds * count * 4,
      found.map(({ reads, changes }) => ({ reads, changes })),
    )
  }, 300_000)

  it('never shows another service of a name or of a slot while services come and go', async () => {
    const count = 40
    const clock = new Numbered()
    await using app = new Orchestrator({ clock })
    await app.register(defineService(STAYS, {}))
    const { name } = shareRegistry(app, { name: 'churning' })
    const chance = new Chance(1)
    const numbers = new Map<string, number>()
    let number = count
    let changes = 0
    const touch = async (service: string): Promise<void> => {
      changes++
      const mine = numbers.get(service)
      if (mine === undefined) {
        while (nameOf(number % count) !== service) number++
        clock.number = number
        numbers.set(service, number++)
        await app.register(defineService(service, {}))
        return
      }
      clock.number = mine
      const { state } = app.getServiceStatus(service)
      if (state === 'running' || chance.is(0.5)) {
        numbers.delete(service)
        await app.unregister(service)
      } else await app.startService(service)
    }
    const crowd = Array.from({ length: 500 }, (_, i) => `one of a crowd ${i}`)
    const found = await readers({ what: 'churn', name, count, base: 0 }, async ({ areBusy }) => {
      for (let n = 0; changes < TRANSITIONS || areBusy(); n++) {
        await touch(nameOf(chance.pick(count)))
        if (n % 32 === 0) await turn()
        // The table grows and is searched anew; what stays is found all the time.
        if (n % 20_000 === 0) for (const each of crowd) await app.register(defineService(each, {}))
        if (n % 20_000 === 10_000) for (const each of crowd) await app.unregister(each)
      }
      await turn()
    })
    const living = Array.from(
      { length: count },
      (_, i) => app.registry.get(nameOf(i)) as (Service & { epoch: number }) | undefined,
    )
    const states = living.flatMap((service) => (service === undefined ? [] : [service.state]))
    for (const { faults, reads, gone, last } of found) {
      expect(faults).toEqual([])
      expect(reads).toBeGreaterThanOrEqual(READS)
      expect(gone).toBeGreaterThan(1_000)
      expect(last.map(({ state }) => state)).toEqual(states)
    }
    console.log(
      changes,
      number,
      found.map(({ reads, changes, gone }) => ({ reads, changes, gone })),
    )
  }, 300_000)

  it('finds what is there in every look-up, also while the index is made anew', async () => {
    const count = 24
    const table = new TableWriter()
    const there = new Int32Array(new SharedArrayBuffer(4 * count))
    const chance = new Chance(1)
    const nothing = {
      state: 'unknown',
      health: 'unknown',
      reason: undefined,
      epoch: 0,
      attempt: 0,
      timestamp: 0,
    } as const
    let number = 0
    const what = { what: 'search', name: '', count, base: 0, table: table.buffer, there } as const
    const found = await readers(what, async ({ areBusy }) => {
      for (let changes = 0; changes < TRANSITIONS || areBusy(); changes++) {
        const i = Math.min(chance.pick(count), chance.pick(count)) // some stay longer than others
        const old = Atomics.exchange(there, i, 0)
        if (old > 0) table.remove(`${nameOf(i)} ${old}`, number)
        else {
          table.add(`${nameOf(i)} ${++number}`, { ...nothing, seq: number })
          Atomics.store(there, i, number)
        }
        if (changes % 1_000 === 0) await turn()
      }
    })
    for (const { faults, reads, changes } of found) {
      expect(faults).toEqual([])
      expect(reads).toBeGreaterThanOrEqual(READS)
      expect(changes).toBeGreaterThan(1_000)
    }
    console.log(
      number,
      found.map(({ reads, changes, gone }) => ({ reads, changes, gone })),
    )
  }, 300_000)
})
