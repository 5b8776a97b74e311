// Hot change: one service is registered and started in a running graph, then stopped and taken out again; microseconds
// for the whole round trip. The graph has ten layers; the new service leans on two of its services.

import assert from 'node:assert/strict'
import type { Spec } from '../contestant.js'
import { contestant } from '../contestants/index.js'
import type { Params, Results, Row, Scenario } from '../scenario.js'
import { least, median } from '../statistics.js'
import { noops } from './overhead.js'

const COUNTS = [1_000, 10_000, 100_000]
const BATCH = 500
const WARM_BATCHES = 12
const BATCHES = 12

/** How often the hooks of the new services were called. */
const calls = { start: 0, stop: 0 }

const added = (i: number, count: number): Spec => ({
  name: `new${i}`,
  dependsOn: [`s${(i * 13) % count}`, `s${(i * 13 + 7) % count}`],
  start: () => void calls.start++,
  stop: () => void calls.stop++,
})

async function running(name: string, count: number) {
  const contender = await contestant(name)
  const host = await contender.build(noops('layers', count))
  await host.start()
  return host
}

async function verify(name: string, params: Params): Promise<void> {
  const count = Number(params.count)
  const host = await running(name, count)
  for (let i = 0; i < 20; i++) {
    await host.add!(added(i, count))
    assert.deepEqual(calls, { start: i + 1, stop: i })
    await host.remove!(`new${i}`)
    assert.deepEqual(calls, { start: i + 1, stop: i + 1 })
  }
  await host.add!(added(3, count))
  await host.stop()
  assert.deepEqual(calls, { start: 21, stop: 21 })
}

async function measure(
  name: string,
  params: Params,
): Promise<{ total: number; up: number; down: number; best: number }> {
  const count = Number(params.count)
  const host = await running(name, count)
  const batch = async (from: number) => {
    let up = 0
    const t0 = performance.now()
    for (let i = from; i < from + BATCH; i++) {
      const t1 = performance.now()
      await host.add!(added(i, count))
      up += performance.now() - t1
      await host.remove!(`new${i}`)
    }
    const total = performance.now() - t0
    const each = 1_000 / BATCH
    return { total: total * each, up: up * each, down: (total - up) * each }
  }
  for (let k = 0; k < WARM_BATCHES; k++) await batch(k * BATCH)
  globalThis.gc?.()
  const batches: { total: number; up: number; down: number }[] = []
  for (let k = 0; k < BATCHES; k++) batches.push(await batch(k * BATCH))
  assert.equal(calls.start, calls.stop)
  assert.equal(calls.start, (WARM_BATCHES + BATCHES) * BATCH)
  const of = (part: 'total' | 'up' | 'down'): number => median(batches.map((each) => each[part]))
  return { total: of('total'), up: of('up'), down: of('down'), best: least(batches.map(({ total }) => total)) }
}

function rows(results: Results): Row[] {
  const ratio = median(results.ratios('dynamic 100000', 'keelson', 'floor-objects', 'total'))
  const [many, few] = [100_000, 1_000].map((count) => [`dynamic ${count}`, 'keelson', 'total'] as const)
  const growth = median(results.compared(many!, few!, (a, b) => a / b))
  return [
    { what: '100 000: × floor-objects', value: ratio, atMost: 3, gist: 'one change among 100 000, × floor-objects' },
    { what: '100 000 over 1 000', value: growth, atMost: 2, gist: 'one change among 100 000 over one among 1 000' },
  ]
}

export const scenario: Scenario = {
  name: 'dynamic',
  about: 'register + start + stop + unregister of one service in a running graph of N, µs',
  main: 'total',
  cases: ({ n }) =>
    (n ?? COUNTS).map((count) => ({
      id: `dynamic ${count}`,
      params: { count },
      contestants: ['floor', 'floor-objects', 'keelson'],
    })),
  verify,
  measure,
  rows,
}
