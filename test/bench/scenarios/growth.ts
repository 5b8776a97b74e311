// The costs against the number of services, from 100 to a million: start, stop, one dynamic change, memory. For the plot;
// each process first warms up on a small graph of the same kind, so that the first point is no colder than the last.

import type { Contestant, Host, Spec } from '../contestant.js'
import { contestant } from '../contestants/index.js'
import { heapInUse } from '../host-watch.js'
import type { Panel } from '../plot.js'
import type { Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { least, median, number } from '../statistics.js'
import { noops, verify } from './overhead.js'

const COUNTS = [100, 1_000, 10_000, 100_000, 1_000_000]
const WARM = 50_000
const CHANGES = 300
const REPEAT = 3
/** A million services take their time; milliseconds. */
const PATIENCE = 400_000

async function measure(name: string, params: Params): Promise<Figures> {
  const contender = await contestant(name)
  const count = Number(params.count)
  const change = async (host: Host, of: number): Promise<number> => {
    const t = performance.now()
    for (let i = 0; i < CHANGES; i++) {
      await host.add!({ name: 'new', dependsOn: [`s${(i * 13) % of}`], start() {}, stop() {} })
      await host.remove!('new')
    }
    return ((performance.now() - t) * 1_000) / CHANGES
  }
  const small = noops('layers', 1_000)
  for (let done = 0; done < WARM; done += 1_000) {
    const host = await contender.build(small)
    await host.start()
    if (done % 10_000 === 0) await change(host, 1_000)
    await host.stop()
  }
  const specs = noops('layers', count)
  const bytes = await memory(contender, specs)
  const all: { start: number; stop: number }[] = []
  const changes: number[] = []
  // A small graph is over so soon that the clock needs it many times.
  const times = count > 100_000 ? 1 : REPEAT + Math.min(100, Math.floor(50_000 / count))
  for (let k = 0; k < times; k++) {
    const host = await contender.build(specs)
    const t0 = performance.now()
    await host.start()
    const start = ((performance.now() - t0) * 1_000) / count
    if (k < REPEAT) changes.push(await change(host, count))
    const t1 = performance.now()
    await host.stop()
    all.push({ start, stop: ((performance.now() - t1) * 1_000) / count })
  }
  return {
    start: median(all.map((each) => each.start)),
    stop: median(all.map((each) => each.stop)),
    change: least(changes),
    bytes,
  }
}

/** Bytes per service of as many graphs as make ten thousand services. */
async function memory(contender: Contestant, specs: readonly Spec[]): Promise<number> {
  const graphs = Math.ceil(10_000 / specs.length)
  const before = await heapInUse()
  const hosts: Host[] = []
  for (let k = 0; k < graphs; k++) {
    const host = await contender.build(specs)
    await host.start()
    hosts.push(host)
  }
  const bytes = ((await heapInUse()) - before) / (graphs * specs.length)
  for (const host of hosts) await host.stop()
  return bytes
}

const WORDS: readonly (readonly [string, string, string])[] = [
  ['start', 'start', 'µs per service'],
  ['stop', 'stop', 'µs per service'],
  ['change', 'register + start + stop + unregister of one', 'µs'],
  ['bytes', 'memory, started and idle', 'bytes per service'],
]

/** The picture of what was measured: the least of the rounds, as load only adds. */
export function panels(results: Results): Panel[] {
  const lines = (figure: string) =>
    ['keelson', 'floor-objects'].map((name) => ({
      name,
      points: results.cases.flatMap(({ id, params }) => {
        const values = results.values(id, name, figure).filter((value) => value > 0)
        return values.length === 0 ? [] : [{ x: Number(params.count), y: least(values) }]
      }),
    }))
  return WORDS.map(([figure, title, unit]) => ({ title, unit, lines: lines(figure) }))
}

function rows(results: Results): Row[] {
  return WORDS.flatMap(([figure, title, unit]) =>
    results.cases.map(({ id, params }) => ({
      what: `${title}, ${number(Number(params.count))}`,
      value: least(results.values(id, 'keelson', figure)),
      unit,
    })),
  )
}

export const scenario: Scenario = {
  name: 'growth',
  about: 'ten layers of N services; start, stop, one change, memory, per service',
  main: 'start',
  cases: ({ n }) =>
    (n ?? COUNTS).map((count) => ({
      id: `layers ${count}`,
      params: { count },
      contestants: ['floor-objects', 'keelson'],
      patience: PATIENCE,
      ...(count > 100_000 && { rounds: 1 }),
    })),
  verify: (name, params) => verify(name, { ...params, shape: 'layers', count: Math.min(1_000, Number(params.count)) }),
  measure,
  rows,
}
