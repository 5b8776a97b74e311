// Whether a long start or stop starves the host: a timer of 10 ms beats in the same process, and its worst lateness is
// told. Building the services is the caller's own loop and not watched.

import { contestant } from '../contestants/index.js'
import { heartbeat, type Watch } from '../host-watch.js'
import type { Figures, Params, Results, Row, Scenario } from '../scenario.js'
import type { Shape } from '../shapes.js'
import { brief, greatest, median, number } from '../statistics.js'
import { noops, verify } from './overhead.js'

const INTERVAL = 10
const BOUND: Readonly<Record<number, number>> = { 10000: 30, 100000: 100 }

/** Watches a call, and a little longer: what was held up comes after it. */
async function watched(call: () => unknown): Promise<number> {
  const watch: Watch = heartbeat(INTERVAL)
  await new Promise((resolve) => setTimeout(resolve, 3 * INTERVAL))
  await call()
  await new Promise((resolve) => setTimeout(resolve, 3 * INTERVAL))
  return watch.end()
}

async function measure(name: string, params: Params): Promise<Figures> {
  const contender = await contestant(name)
  const specs = noops(params.shape as Shape, Number(params.count))
  globalThis.gc?.()
  const host = await contender.build(specs)
  const start = await watched(() => host.start())
  const stop = await watched(() => host.stop())
  return { start, stop, late: Math.max(start, stop) }
}

function rows(results: Results): Row[] {
  return results.cases.map(({ id, params }) => {
    const lates = results.values(id, 'keelson', 'late')
    const count = Number(params.count)
    return {
      what: `${id}: late`,
      value: median(lates),
      note: `in the worst round ${brief(greatest(lates))}`,
      unit: 'ms',
      atMost: BOUND[count] ?? 100,
      gist: `10 ms timer, late at worst while ${number(count)} services start and stop`,
    }
  })
}

export const scenario: Scenario = {
  name: 'heartbeat',
  about: 'worst lateness of a 10 ms timer while N services start and stop, the first time in a fresh process, ms',
  main: 'late',
  cases: ({ n }) =>
    (['chain', 'star', 'layers'] as const).flatMap((shape) =>
      (n ?? [10_000, 100_000]).map((count) => ({
        id: `${shape} ${count}`,
        params: { shape, count },
        contestants: ['floor-objects', 'keelson'],
      })),
    ),
  verify: (name, params) => verify(name, { ...params, count: 1_000 }),
  measure,
  rows,
}
