// What an idle started service holds: bytes of heap after collection, beyond the names, hooks and lists that the scenario
// hands in; and what is left when all was stopped and let go.

import { contestant, peersFor } from '../contestants/index.js'
import { heapInUse } from '../host-watch.js'
import type { Case, Params, Results, Row, Scenario } from '../scenario.js'
import type { Shape } from '../shapes.js'
import { median } from '../statistics.js'
import { noops, verify } from './overhead.js'

/** Not the floor: what it holds for a service is four bytes. */
const HELD = ['floor-objects', 'keelson']

/** So much may be left per service: what V8 itself keeps moves by more than nothing. */
const NOTHING = 8

async function measure(name: string, params: Params): Promise<{ bytes: number; left: number }> {
  const contender = await contestant(name)
  const [shape, count] = [params.shape as Shape, Number(params.count)]
  const cycle = async (of: number, look: () => Promise<void>): Promise<void> => {
    const host = await contender.build(noops(shape, of))
    await host.start()
    await look()
    await host.stop()
    await host.close?.()
  }
  for (let k = 0; k < 20; k++) await cycle(1_000, async () => {})
  const specs = noops(shape, count)
  const before = await heapInUse()
  let during = 0
  await (async () => {
    const host = await contender.build(specs)
    await host.start()
    during = await heapInUse()
    await host.stop()
    await host.close?.()
  })()
  const after = await heapInUse()
  if (specs.length !== count) throw new Error('the specs have to outlive the measurement')
  return { bytes: (during - before) / count, left: (after - before) / count }
}

function rows(results: Results): Row[] {
  return results.cases.flatMap(({ id, params }) => {
    const bytes = median(results.values(id, 'keelson', 'bytes'))
    const left = median(results.values(id, 'keelson', 'left'))
    const idle: Row =
      params.shape === 'wide'
        ? { what: `${id}: per service`, value: bytes, unit: 'B', atMost: 800, gist: 'heap per idle started service' }
        : { what: `${id}: per service and its three edges`, value: bytes, unit: 'B', gist: '… with three edges' }
    return [
      idle,
      {
        what: `${id}: left after stop`,
        value: left,
        unit: 'B',
        atMost: NOTHING,
        gist: '… left after stop and release',
      },
    ]
  })
}

export const scenario: Scenario = {
  name: 'memory',
  about: 'heap bytes per idle started service, after collection',
  main: 'bytes',
  cases({ n, peers }) {
    const cases: Case[] = []
    for (const shape of ['wide', 'layers'])
      for (const count of n ?? [10_000, 100_000])
        cases.push({
          id: `${shape} ${count}`,
          params: { shape, count },
          contestants: peers && count === 10_000 ? [...HELD, ...peersFor(shape, count)] : HELD,
        })
    return cases
  },
  verify,
  measure,
  rows,
}
