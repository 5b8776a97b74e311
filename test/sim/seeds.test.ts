/** A block of seeds in the suite; `npm run sim` plays as many as there is time for. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { Coverage } from '../../src/testing/coverage.js'
import { generate } from '../../src/testing/generate.js'
import { LAWS } from '../../src/testing/laws.js'
import { type Played, play } from '../../src/testing/play.js'
import type { Scenario } from '../../src/testing/scenario.js'
import { shrink } from '../../src/testing/shrink.js'
import { failureText } from '../../src/testing/story.js'
import { REGRESSIONS, replayOf } from './regressions.js'

const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0 // thousands of errors are made that nobody reads
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

const run = (scenario: Scenario, coverage?: Coverage): Promise<Played> =>
  play(scenario, { choices: new Chance(scenario.seed), laws: LAWS, coverage })

/** What is wrong with a scenario, made small; empty if nothing is. */
async function wrong(scenario: Scenario, replay: string, coverage?: Coverage): Promise<string> {
  const { violation } = await run(scenario, coverage)
  if (!violation) return ''
  const fails = async (candidate: Scenario): Promise<boolean> => (await run(candidate)).violation?.law === violation.law
  const small = await shrink(scenario, fails)
  return failureText(small, (await run(small)).violation ?? violation, replay)
}

it('R1-R50 hold in 300 scenarios, which have every kind of fault between them', async () => {
  const coverage = new Coverage()
  for (let seed = 1; seed <= 300; seed++)
    expect(await wrong(generate(seed), `npm run sim -- --seed ${seed}`, coverage)).toBe('')
  expect(coverage.faults.missing).toEqual([])
  expect(coverage.cells.met).toBeGreaterThan(150)
}, 120_000)

const regressions = REGRESSIONS.map((each, i) => ({ ...each, replay: replayOf(i) }))

it.each(regressions)('$rule holds where it once did not: $what (seed $seed)', async ({ scenario, replay }) => {
  expect(await wrong(scenario, replay)).toBe('')
})
