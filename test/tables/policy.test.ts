/** Policy × class × place × how much of the budget is spent: one life after another, against the naive oracle. */
import type { FailureClass } from 'keelson'
import { describe, expect, it } from 'vitest'
import { Stage } from '../support/laws3.js'
import { type End, enact, foretell, type Place, type Setting, told } from '../support/laws3-oracle.js'

const MAX_RETRIES = 2
const FAILING: Place[] = ['start', 'fail in start', 'crash', 'fail', 'unhealthy']
const CLASSES: FailureClass[] = ['transient', 'connectivity', 'permanent', 'auth']

/** Plays the script and compares all that was seen with what was foretold. */
async function play(script: readonly End[], setting: Setting): Promise<void> {
  const stage = new Stage()
  const a = stage.cast('a', enact(script, setting))
  await stage.boot()
  const { lines, retries, starts } = foretell(script, setting)
  await stage.clock.advance(50_000)
  expect({
    lines: told(stage),
    retries: stage.retries(),
    starts: a.starts,
    stops: a.stops.length,
  }).toEqual({ lines, retries, starts, stops: lines.filter((line) => line.includes('→ stopping')).length })
}

/** One more than the budget has: it gives up, and is then started by name with a whole one. */
async function giveUp(end: End, setting: Setting): Promise<void> {
  const stage = new Stage()
  const isFinal = setting.policy === 'never' || end.failure === 'permanent' || end.failure === 'auth'
  const spent = Array<End>(isFinal ? 1 : MAX_RETRIES + 1).fill(end)
  const script = [...spent, end]
  const a = stage.cast('a', enact(script, setting))
  await stage.boot()
  await stage.clock.advance(50_000)
  const first = foretell(spent, setting)
  expect(told(stage)).toEqual(first.lines)
  expect(stage.states('a').at(-1)).toBe(FINAL[end.failure])
  const by = stage.clock.now()
  await stage.start('a')
  await stage.clock.advance(50_000)
  // Told from the call on, and from where it has given up: its error stays readable until it is active (R4).
  const again = foretell([end], setting)
  // The budget is another one, the failures follow one another all the same.
  const isUnreachable = setting.remote && end.failure === 'connectivity' && end.place.includes('start')
  const lines = again.lines
    .map((line) => line.replace(/^\d+/, (time) => `${Number(time) + by}`))
    .map((line) => (isUnreachable ? line.replace('retrying', 'unreachable') : line))
  expect(told(stage)).toEqual([lines[0]?.replace('unknown', FINAL[end.failure]), ...lines.slice(1)])
  expect(a.starts).toEqual([...first.starts, ...again.starts.map((time) => time + by)])
}

/** Where each class of failure ends for good. */
const FINAL = { transient: 'failed', connectivity: 'failed', permanent: 'failed', auth: 'auth_required' } as const

const BEFORE = { first: 0, middle: 1, last: MAX_RETRIES }

function cells(policy: Setting['policy']): [string, End[]][] {
  const spent = Object.entries(BEFORE).slice(0, policy === 'never' ? 1 : 3)
  const of = (place: Place, failure: FailureClass): [string, End[]][] =>
    spent.map(([when, times]) => {
      // what came before is of the same class, as far as that class is ever tried again
      const before: End = { place, failure: failure === 'connectivity' ? failure : 'transient' }
      return [`${failure}, ${place}, ${when} attempt`, [...Array<End>(times).fill(before), { place, failure }]]
    })
  return [
    ...FAILING.flatMap((place) => CLASSES.flatMap((failure) => of(place, failure))),
    ...of('timeout', 'transient'),
  ]
}

describe.each(['never', 'on-failure', 'always'] as const)('%s', (policy) => {
  describe.each([
    ['local', false],
    ['remote', true],
  ])('%s', (_where, remote) => {
    it.each(cells(policy))('R17 R20 %s', (_cell, script) => play(script, { policy, maxRetries: MAX_RETRIES, remote }))

    it.each(cells(policy))('R17 R20 unlimited: %s', (_cell, script) => play(script, { policy, maxRetries: 0, remote }))

    it.each(
      FAILING.flatMap((place) => CLASSES.map((failure): [string, End] => [`${failure}, ${place}`, { place, failure }])),
    )('R6 R20 exhausted and started by name, a whole budget: %s', (_cell, end) =>
      giveUp(end, { policy, maxRetries: MAX_RETRIES, remote }),
    )

    it.each(Object.entries(BEFORE).slice(0, policy === 'never' ? 1 : 3))(
      'R17 clean end, %s attempt',
      async (_when, times) => {
        const failed: End = { place: 'start', failure: 'transient' }
        const script: End[] = [...Array<End>(times).fill(failed), { place: 'clean', failure: 'transient' }, failed]
        await play(script, { policy, maxRetries: 3, remote })
      },
    )
  })
})
