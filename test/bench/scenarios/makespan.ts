// Whether a start and a stop take as long as their critical path: random graphs of 200 services with hooks of 1 to 20 ms on
// real timers, and every stack of the corpus with random hook times. Timers of a loaded machine come late, for everybody
// alike: the path is counted with the time that each hook really took.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import type { Spec } from '../contestant.js'
import { contestant } from '../contestants/index.js'
import type { Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { randomGraph, seeded } from '../shapes.js'
import { brief, greatest, median } from '../statistics.js'

const SERVICES = 200
const GRAPHS = 3
const WITHIN = 1.02
/** Stacks of the corpus wait nearly all of their time, each for timers of its own: so many at once. */
const LANES = 4
/** The peers that start in parallel, and wait for each hook. */
const PARALLEL = ['effect', 'p-graph']

interface Stack {
  readonly name: string
  readonly flags?: readonly string[]
  readonly services: readonly { readonly name: string; readonly dependsOn?: readonly { readonly name: string }[] }[]
}

/** The graphs of the corpus that can be ordered; an edge to what is not in the stack is left out. */
function stacks(): number[][][] {
  const text = readFileSync(new URL('../../../../data/stacks/stacks.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as Stack[]).flatMap(({ flags = [], services }) => {
    if (flags.some((flag) => flag === 'cycle' || flag === 'self-dependency')) return []
    const index = new Map(services.map(({ name }, i) => [name, i]))
    const below = services.map(({ dependsOn = [] }) => [
      ...new Set(dependsOn.flatMap(({ name }) => index.get(name) ?? [])),
    ])
    return [below]
  })
}

/** The longest way through a graph, each service weighing what its hook took. */
function longest(count: number, next: (i: number) => readonly number[], took: Float64Array): number {
  const whole = new Float64Array(count).fill(-1)
  const walk = (i: number): number => {
    if (whole[i]! < 0) whole[i] = took[i]! + greatest(next(i).map(walk))
    return whole[i]!
  }
  return greatest(Array.from({ length: count }, (_, i) => walk(i)))
}

interface Spans {
  start: number
  stop: number
}

/** Start and stop, each as a multiple of its critical path. */
async function once(name: string, graph: readonly (readonly number[])[], random: () => number): Promise<Spans> {
  const count = graph.length
  const took = { start: new Float64Array(count), stop: new Float64Array(count) }
  const dependents: number[][] = graph.map(() => [])
  for (const [i, below] of graph.entries()) for (const k of below) dependents[k]!.push(i)
  const neighbours: Record<keyof typeof took, (i: number) => readonly number[]> = {
    start: (i) => graph[i]!,
    stop: (i) => dependents[i]!,
  }
  const hook = (phase: keyof typeof took, i: number, wait: number) => (): Promise<void> => {
    const began = performance.now()
    assert.equal(took[phase][i], 0)
    for (const k of neighbours[phase](i))
      assert.ok(took[phase][k]! > 0, `${phase} of ${i} before that of ${k} has ended`)
    return new Promise((resolve) =>
      setTimeout(() => {
        took[phase][i] = performance.now() - began
        resolve()
      }, wait),
    )
  }
  const wait = (): number => 1 + Math.floor(random() * 20)
  const specs = graph.map((below, i): Spec => {
    const dependsOn = below.map((k) => `s${k}`)
    return { name: `s${i}`, dependsOn, start: hook('start', i, wait()), stop: hook('stop', i, wait()), slow: true }
  })
  const host = await (await contestant(name)).build(specs)
  const t0 = performance.now()
  await host.start()
  const t1 = performance.now()
  await host.stop()
  const t2 = performance.now()
  assert.ok(took.start.every((each) => each > 0) && took.stop.every((each) => each > 0))
  return {
    start: (t1 - t0) / longest(count, neighbours.start, took.start),
    stop: (t2 - t1) / longest(count, neighbours.stop, took.stop),
  }
}

async function measure(name: string, params: Params): Promise<Figures> {
  const random = seeded(Number(params.seed))
  const graphs =
    params.graphs === 'corpus' ? stacks() : Array.from({ length: GRAPHS }, () => randomGraph(random, SERVICES, 3, 40))
  await once(name, randomGraph(random, SERVICES, 3, 40), random)
  const spans: Spans[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < graphs.length) spans.push(await once(name, graphs[next++]!, random))
  }
  await Promise.all(Array.from({ length: params.graphs === 'corpus' ? LANES : 1 }, lane))
  const [starts, stops] = [spans.map(({ start }) => start), spans.map(({ stop }) => stop)]
  return { start: median(starts), stop: median(stops), 'worst start': greatest(starts), 'worst stop': greatest(stops) }
}

function rows(results: Results): Row[] {
  return results.cases.flatMap(({ id }) =>
    ['start', 'stop'].map((phase) => {
      const ratio = median(results.values(id, 'keelson', phase))
      return {
        what: `${id}: ${phase} × critical path`,
        value: ratio,
        note: `of the worst graph ${brief(median(results.values(id, 'keelson', `worst ${phase}`)))}`,
        atMost: WITHIN,
        gist: 'start and stop with hooks of 1-20 ms, × critical path',
      }
    }),
  )
}

export const scenario: Scenario = {
  name: 'makespan',
  about: 'start and stop as a multiple of the critical path; hooks of 1-20 ms on real timers',
  main: 'start',
  cases: ({ peers }) =>
    ['random', 'corpus'].map((graphs) => ({
      id: graphs === 'random' ? `random graphs of ${SERVICES}` : 'stacks of the corpus',
      params: { graphs, seed: 7 },
      contestants: graphs === 'corpus' ? ['keelson'] : ['floor-objects', 'keelson', ...(peers ? PARALLEL : [])],
    })),
  // Order and completeness are asserted in every measurement as well.
  verify: async (name) => void (await once(name, randomGraph(seeded(1), 20, 2, 5), seeded(2))),
  measure,
  rows,
}
