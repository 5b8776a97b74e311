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
