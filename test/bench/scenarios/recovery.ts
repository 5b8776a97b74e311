// Services that fail so many times before they come up, retried without backoff under a cap of concurrency; microseconds
// per attempt. Each failure throws a new error, as a real one would. With attempts that take a millisecond: the share of
// time in which the slots are busy, from the first retry to the last; and how much of it is useful, an attempt counting as
// long as such a timer takes in an idle process: one that comes late because somebody holds the host is busy, not useful.

import assert from 'node:assert/strict'
import type * as Keelson from 'keelson'
import { entry } from '../contestants/keelson.js'
import type { Case, Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { brief, least, median } from '../statistics.js'

const SERVICES = 1_000
const WARM = 8
const MEASURED = 5

/** One round of services that fail; counts what happens to them. */
class Field {
  readonly left: Int32Array
  readonly takes: number
  attempts = 0
  most = 0
  /** Of the retries: time in flight, how many, first begin, last end. */
  busy = 0
  retries = 0
  first = 0
  last = 0
  #retriesInFlight = 0
  readonly #failures: number

  constructor(failures: number, takes: number) {
    this.left = new Int32Array(SERVICES).fill(failures)
    this.takes = takes
    this.#failures = failures
  }

  /** The attempt of service `i`: fails as long as it has to. */
  async attempt(i: number): Promise<void> {
    this.attempts++
    if (this.takes > 0) await this.#spend(this.left[i]! < this.#failures)
    if (this.left[i]! > 0) {
      this.left[i]!--
      throw new Error('connection refused')
    }
  }

  #spend(isRetry: boolean): Promise<void> {
    const began = performance.now()
    if (isRetry) {
      this.#retriesInFlight++
      this.most = Math.max(this.most, this.#retriesInFlight)
      this.first ||= began
    }
    return new Promise((resolve) =>
      setTimeout(() => {
        if (isRetry) {
          this.#retriesInFlight--
          this.last = performance.now()
          this.retries++
          this.busy += this.last - began
        }
        resolve()
      }, this.takes),
    )
  }
}

type Recover = (field: Field, concurrency: number) => Promise<void>

/** The optimum: a first attempt of each, then a ring of those that failed, and so many workers that take from it. */
const floor: Recover = async (field, concurrency) => {
  const ring: number[] = []
  const one = async (i: number): Promise<void> => {
    try {
      await field.attempt(i)
    } catch {
      ring.push(i)
    }
  }
  const firsts: Promise<void>[] = []
  for (let i = 0; i < SERVICES; i++) firsts.push(one(i))
  await Promise.all(firsts)
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < ring.length) await one(ring[next++]!)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

async function recoverBy(name: string): Promise<Recover> {
  if (name === 'floor') return floor
  if (name === 'p-limit + p-retry') {
    const [{ default: pLimit }, { default: pRetry }] = await Promise.all([import('p-limit'), import('p-retry')])
    return async (field, concurrency) => {
      const limit = pLimit(concurrency)
      const retries = { retries: 100, minTimeout: 0, factor: 1, maxTimeout: 0 }
      await Promise.all(
        Array.from({ length: SERVICES }, (_, i) => limit(() => pRetry(() => field.attempt(i), retries))),
      )
    }
  }
  const { defineService, Orchestrator } = (await import(entry)) as typeof Keelson
  return async (field, concurrency) => {
    const app = new Orchestrator({
      services: Array.from({ length: SERVICES }, (_, i) => defineService(`s${i}`, { start: () => field.attempt(i) })),
      restart: { maxRetries: 0, initialBackoff: 0, jitter: 0 },
      maxConcurrentRetries: concurrency,
    })
    await app.start({ onFailure: 'retry' })
    await app.stop()
  }
}

/** How long a timer of a millisecond really takes where nothing else happens. */
async function idleTimer(): Promise<number> {
  const times: number[] = []
  for (let k = 0; k < 50; k++) {
    const t = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 1))
    times.push(performance.now() - t)
  }
  return median(times)
}

const numbers = (params: Params) => ({
  failures: Number(params.failures),
  concurrency: Number(params.concurrency),
  takes: Number(params.takes),
})

async function once(recover: Recover, params: Params): Promise<{ each: number; busy: number; useful: number }> {
  const { failures, concurrency, takes } = numbers(params)
  const field = new Field(failures, takes)
  const t = performance.now()
  await recover(field, concurrency)
  const took = performance.now() - t
  assert.equal(field.attempts, SERVICES * (failures + 1))
  assert.ok(field.left.every((left) => left === 0))
  assert.ok(field.most <= concurrency, `${field.most} in flight`)
  const slots = (field.last - field.first) * concurrency
  return { each: (took * 1_000) / field.attempts, busy: field.busy / slots, useful: field.retries / slots }
}

async function measure(name: string, params: Params): Promise<Figures> {
  const recover = await recoverBy(name)
  if (Number(params.takes) > 0) {
    const { each, busy, useful } = await once(recover, params)
    return { each, busy: busy * 100, useful: useful * (await idleTimer()) * 100 }
  }
  for (let k = 0; k < WARM; k++) await once(recover, params)
  globalThis.gc?.()
  const times: number[] = []
  for (let k = 0; k < MEASURED; k++) times.push((await once(recover, params)).each)
  return { each: median(times), best: least(times) }
}

function rows(results: Results): Row[] {
  return results.cases.flatMap(({ id, params }): Row[] => {
    if (params.takes === 0) {
      const ratio = median(results.ratios(id, 'keelson', 'floor', 'each'))
      return [{ what: `${id}: × floor`, value: ratio, atMost: 3, gist: 'an attempt without backoff, × floor' }]
    }
    const of = (who: string, figure: string): number => median(results.values(id, who, figure))
    const note = `the floor: ${brief(of('floor', 'useful'))}`
    return [
      {
        what: `${id}: slots busy`,
        value: of('keelson', 'busy'),
        unit: '%',
        atLeast: 87,
        gist: 'slots busy with 1 ms attempts',
      },
      { what: `${id}: usefully busy`, value: of('keelson', 'useful'), unit: '%', note },
    ]
  })
}

export const scenario: Scenario = {
  name: 'recovery',
  about: '1 000 services that fail 3 and 10 times, no backoff, µs per attempt',
  main: 'each',
  cases({ peers, quick }) {
    const cases: Case[] = []
    for (const takes of [0, 1])
      for (const failures of [3, 10])
        for (const concurrency of [5, 50]) {
          if (quick && failures === 10 && takes === 1) continue
          cases.push({
            id: `${failures} failures, ${concurrency} slots${takes === 0 ? '' : `, ${takes} ms`}`,
            params: { failures, concurrency, takes },
            contestants: ['floor', 'keelson', ...(peers ? ['p-limit + p-retry'] : [])],
          })
        }
    return cases
  },
  uses: {
    'p-limit + p-retry':
      '`limit(() => pRetry(attempt, { retries: 100, minTimeout: 0, factor: 1 }))` for each: a slot is held until its service is up, first attempts included; no states, no events',
  },
  verify: async (name, params) => void (await once(await recoverBy(name), { ...params, failures: 2, takes: 1 })),
  measure,
  rows,
}
