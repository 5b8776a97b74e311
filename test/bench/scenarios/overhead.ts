// What the library itself costs: build, start and stop of services that do nothing, in microseconds per service.
// Cold: the first time in a fresh process. Warm: the same process has done the same over and over before.

import assert from 'node:assert/strict'
import { setImmediate as nextTask } from 'node:timers/promises'
import type { Contestant, Spec } from '../contestant.js'
import { contestant, OWN, PEERS, peersFor } from '../contestants/index.js'
import type { Case, Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { dependencies, edges, SHAPES, type Shape } from '../shapes.js'
import { brief, least, median } from '../statistics.js'

/** Warm: after so many services, and so many repetitions, the figures no longer fall. */
const WARM_SERVICES = 300_000
const WARM_LEAST = 3
/** How many repetitions are then measured. */
const MEASURED_SERVICES = 60_000
const MEASURED_LEAST = 3
/** Who is slow is not repeated for longer than this, in milliseconds; one run that takes longer is warm by its own length. */
const WARM_LONGEST = 1_500
const MEASURED_LONGEST = 600

let starts = 0
let stops = 0
const start = (): void => void starts++
const stop = (): void => void stops++

export function noops(shape: Shape, count: number): Spec[] {
  return edges(shape, count).map((below, i) => ({ name: `s${i}`, dependsOn: below.map((k) => `s${k}`), start, stop }))
}

interface Times {
  build: number
  start: number
  stop: number
  total: number
}

/** Once from nothing to nothing; microseconds per service. */
async function once(contender: Contestant, specs: readonly Spec[]): Promise<Times> {
  starts = stops = 0
  const t0 = performance.now()
  const made = contender.build(specs)
  const host = made instanceof Promise ? await made : made
  const t1 = performance.now()
  await host.start()
  const t2 = performance.now()
  await host.stop()
  const t3 = performance.now()
  if (starts !== specs.length || stops !== specs.length)
    throw new Error(`${contender.name} called ${starts} and ${stops} hooks of ${specs.length} services`)
  await host.close?.()
  const each = 1_000 / specs.length
  return { build: (t1 - t0) * each, start: (t2 - t1) * each, stop: (t3 - t2) * each, total: (t3 - t0) * each }
}

async function measure(name: string, params: Params): Promise<Figures> {
  const contender = await contestant(name)
  const count = Number(params.count)
  const specs = noops(params.shape as Shape, count)
  globalThis.gc?.()
  if (params.heat === 'cold') return { ...(await once(contender, specs)) }
  const repeat = async (services: number, atLeast: number, longest: number): Promise<Times[]> => {
    const times: Times[] = []
    const began = performance.now()
    for (let done = 0; done < services || times.length < atLeast; done += count) {
      if (performance.now() - began > longest && times.length > 0) break
      times.push(await once(contender, specs))
      await nextTask()
    }
    return times
  }
  // No collection after this: while nothing of a contestant is alive it would throw the compiled code away, too.
  const warm = await repeat(WARM_SERVICES, WARM_LEAST, WARM_LONGEST)
  const isLong = warm.length === 1 && (warm[0]!.total * count) / 1_000 > WARM_LONGEST
  const times = isLong ? warm : await repeat(MEASURED_SERVICES, MEASURED_LEAST, MEASURED_LONGEST)
  const of = (part: keyof Times): number => median(times.map((each) => each[part]))
  return {
    build: of('build'),
    start: of('start'),
    stop: of('stop'),
    total: of('total'),
    best: least(times.map(({ total }) => total)),
  }
}

/** Every hook once, no start before those it depends on have ended, no stop before its dependents' have - with hooks that take time. */
export async function verify(name: string, params: Params): Promise<void> {
  const contender = await contestant(name)
  const { count, shape } = { count: Number(params.count), shape: params.shape as Shape }
  const state = new Uint8Array(count)
  const dependents: number[][] = Array.from({ length: count }, () => [])
  const takesTime = contender.synchronous !== true && count <= 1_000
  const slow = (i: number): boolean => takesTime && i % 3 === 0
  const hook = (i: number, from: number, neighbours: () => readonly number[], wanted: number) => () => {
    assert.equal(state[i], from, `hook of service ${i} in state ${state[i]}`)
    for (const k of neighbours()) assert.equal(state[k], wanted, `service ${i} before its neighbour ${k}`)
    state[i] = from + 1
    const end = (): void => {
      state[i] = from + 2
    }
    return slow(i) ? nextTask().then(end) : end()
  }
  const specs = Array.from({ length: count }, (_, i): Spec => {
    const below = dependencies(shape, i, count)
    for (const k of below) dependents[k]!.push(i)
    return {
      name: `s${i}`,
      dependsOn: below.map((k) => `s${k}`),
      start: hook(i, 0, () => below, 2),
      stop: hook(i, 2, () => dependents[i]!, 4),
      slow: slow(i),
    }
  })
  const host = await contender.build(specs)
  await host.start()
  assert.ok(
    state.every((each) => each === 2),
    `${name} did not start all`,
  )
  await host.stop()
  assert.ok(
    state.every((each) => each === 4),
    `${name} did not stop all`,
  )
  await host.close?.()
}

/** No slower than so many times `floor-objects`, and so many times faster than the fastest peer. */
const WITHIN: Record<string, number> = { wide: 2, layers: 2, chain: 2.3 }
const AHEAD: Record<number, number> = { 100: 2.5, 1000: 4, 10000: 4, 100000: 3 }

function rows(results: Results): Row[] {
  const rows: Row[] = []
  const toFloor = (id: string): number => median(results.ratios(id, 'keelson', 'floor-objects', 'total'))
  for (const { id, params } of results.cases) {
    const [heat, shape, count] = [params.heat, String(params.shape), Number(params.count)]
    if (heat !== 'warm') continue
    const what = `${id}: × floor-objects`
    const ratio = toFloor(id)
    if (count === 1_000 || count === 10_000) {
      const note = `at best ${brief(median(results.ratios(id, 'keelson', 'floor-objects', 'best')))}`
      const gist = `build + start + stop, ${shape === 'chain' ? 'chain' : 'wide and layers'}, × floor-objects`
      rows.push({ what, value: ratio, note, atMost: WITHIN[shape]!, gist })
    }
    // No worse than at 1 000: that figure is the bound.
    const some = toFloor(id.replace('100000', '1000'))
    if (count === 100_000)
      rows.push({
        what: `${what}, over that at 1 000`,
        value: ratio / some,
        atMost: 1,
        gist: '… at 100 000 over 1 000',
      })
    const ahead = PEERS.map((peer) => ({ peer, by: median(results.ratios(id, peer, 'keelson', 'total')) }))
    const [fastest] = ahead.filter(({ by }) => by > 0).sort((a, b) => a.by - b.by)
    const atLeast = AHEAD[count]
    if (fastest === undefined || atLeast === undefined) continue
    const gist = '… times faster than the fastest peer, from 100 to 100 000'
    rows.push({
      what: `${id}: faster than the fastest peer, times`,
      value: fastest.by,
      note: fastest.peer,
      atLeast,
      gist,
    })
  }
  return rows
}

export const scenario: Scenario = {
  name: 'overhead',
  about: 'build + start + stop of N services that do nothing, µs per service',
  main: 'total',
  cases({ n, peers, quick }) {
    const cases: Case[] = []
    for (const heat of ['warm', 'cold'])
      for (const shape of SHAPES)
        for (const count of n ?? (quick ? [1_000, 10_000] : [100, 1_000, 10_000, 100_000])) {
          if (quick && heat === 'cold') continue
          const withPeers = peers && (heat === 'warm' || count === 1_000)
          const contestants = withPeers ? [...OWN, ...peersFor(shape, count)] : OWN
          const asserted = { shape, count }
          cases.push({ id: `${heat} ${shape} ${count}`, params: { ...asserted, heat }, asserted, contestants })
        }
    return cases
  },
  verify,
  measure,
  rows,
}
