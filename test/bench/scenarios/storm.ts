// Much at once: half of all services crash in one tick, the hub of a star restarts, one service gets intents up and down
// without end. Microseconds per service touched, or per intent, and the longest time that the event loop was held.

import assert from 'node:assert/strict'
import type * as Keelson from 'keelson'
import { entry } from '../contestants/keelson.js'
import { longestHold } from '../host-watch.js'
import type { Case, Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { greatest, least, median } from '../statistics.js'

const REPEAT = 5
/** A million are many enough to be asked for twice. */
const repeats = (count: number): number => (count > 100_000 ? 2 : REPEAT)
const HOLD = 50
/** So many are meant by the bound of a hold. */
const HELD = 10_000

/** Repeats a deed on a running orchestrator; the first time is shown as well. Of the times the median counts, of the holds the longest. */
async function repeated(touched: number, deed: () => Promise<void>, before = () => {}): Promise<Figures> {
  const times: number[] = []
  const holds: number[] = []
  for (let k = 0; k < repeats(touched); k++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    before()
    const t = performance.now()
    const done = deed()
    const watch = longestHold() // from here on: what the caller asks for in one stretch holds the host by itself
    await done
    times.push(((performance.now() - t) * 1_000) / touched)
    holds.push(watch.end())
  }
  return { each: median(times), first: times[0]!, best: least(times), hold: greatest(holds) }
}

/** Settles when so many services have come to run. */
function back(app: Keelson.Orchestrator, count: number): Promise<void> {
  return new Promise((resolve) => {
    let running = 0
    const end = app.on('state', ({ newState }) => {
      if (newState !== 'running' || ++running < count) return
      end()
      resolve()
    })
  })
}

async function measure(_name: string, { deed, count }: Params): Promise<Figures> {
  const { defineService, Orchestrator } = (await import(entry)) as typeof Keelson
  const many = Number(count)
  const fails: ((error: unknown) => void)[] = []
  const starts = new Int32Array(many + 1)
  const start = (i: number) => (context: Keelson.StartContext) => {
    starts[i]!++
    if (deed === 'crash') fails[i] = context.fail
  }
  const service = (i: number): Keelson.Service =>
    defineService(i === many ? 'hub' : `s${i}`, {
      dependsOn: deed === 'star' && i < many ? ['hub'] : [],
      start: start(i),
    })
  const size = deed === 'intents' ? 1 : deed === 'star' ? many + 1 : many
  const app = new Orchestrator({
    services: Array.from({ length: size }, (_, i) => service(i)),
    restart: { maxRetries: 0, initialBackoff: 0, jitter: 0 },
    maxConcurrentRetries: many,
  })
  await app.start()
  let figures: Figures
  if (deed === 'crash') {
    const refused = new Error('gone')
    figures = await repeated(many / 2, async () => {
      const up = back(app, many / 2)
      for (let i = 0; i < many; i += 2) fails[i]!(refused)
      await up
    })
    assert.ok(starts.every((each, i) => each === (i === many ? 0 : i % 2 === 0 ? 1 + REPEAT : 1)))
  } else if (deed === 'star') {
    figures = await repeated(many + 1, async () => {
      const up = back(app, many + 1)
      await app.restartService('hub')
      await up
    })
    assert.ok(starts.every((each) => each === 1 + REPEAT))
  } else {
    figures = await repeated(many, async () => {
      let settled = 0
      const count = (): void => void settled++
      let last: Promise<unknown> = Promise.resolve()
      for (let i = 0; i < many; i++) {
        last = i % 2 === 0 ? app.stopService('s0') : app.startService('s0')
        last.then(count, count)
      }
      await last
      while (settled < many) await new Promise(setImmediate)
      assert.equal(app.getServiceStatus('s0').state, 'running')
    })
  }
  assert.ok(app.getAllServices().every(({ state }) => state === 'running'))
  await app.stop({ timeout: 120_000 })
  return figures
}

const COUNTS: Readonly<Record<string, readonly number[]>> = {
  crash: [1_000, HELD],
  star: [1_000, HELD],
  intents: [HELD, 1_000_000],
}
const WORDS: Readonly<Record<string, string>> = {
  crash: 'half of them crash',
  star: 'the hub restarts',
  intents: "intents on one service, the caller's loop included",
}

function rows(results: Results): Row[] {
  return Object.entries(COUNTS).flatMap(([deed, [few, many]]): Row[] => {
    const [some, all] = [few, many].map((count) => [`${deed} ${count}`, 'keelson', 'each'] as const)
    return [
      {
        what: `${WORDS[deed]}: cost of one among ${many} over one among ${few}, linear is 1`,
        value: median(results.compared(all!, some!, (a, b) => a / b)),
        atMost: 2,
        gist: 'cost of one among many over one among few, linear is 1',
      },
      {
        what: `${WORDS[deed]}, ${HELD}: longest hold of the event loop`,
        value: median(results.values(`${deed} ${HELD}`, 'keelson', 'hold')),
        unit: 'ms',
        atMost: HOLD,
        gist: `longest hold of the event loop at ${HELD}`,
      },
    ]
  })
}

export const scenario: Scenario = {
  name: 'storm',
  about:
    'half of N services crash in one tick; the hub of a star of N restarts; N alternating intents on one service; µs each',
  main: 'each',
  cases({ quick }) {
    const cases: Case[] = []
    for (const [deed, counts] of Object.entries(COUNTS))
      for (const count of counts)
        if (!(quick && count === 1_000_000))
          cases.push({ id: `${deed} ${count}`, params: { deed, count }, contestants: ['keelson'] })
    return cases
  },
  // The same deeds, few: what they assert is asserted in every measurement as well.
  verify: async (name, { deed }) => void (await measure(name, { deed: deed!, count: 100 })),
  measure,
  rows,
}
