/** The scenarios that once failed: kept as they were when they were made small, since a seed means another one whenever
 * the generator changes. */
import { readFileSync } from 'node:fs'
import type { Scenario } from '../../src/testing/scenario.js'

/** A scenario that once failed. */
export interface Regression {
  /** The seed it came from. */
  readonly seed: number
  /** The rule that it violated, `R7`. */
  readonly rule: string
  /** What was wrong, in a few words. */
  readonly what: string
  readonly scenario: Scenario
}

/** All of them: one line each in seeds.json. */
export const REGRESSIONS: readonly Regression[] = JSON.parse(
  readFileSync(new URL('seeds.json', import.meta.url), 'utf8'),
)

/** A line for seeds.json. */
export function regressionLine(scenario: Scenario, law: string): string {
  const regression: Regression = { seed: scenario.seed, rule: law.split(' ')[0] ?? law, what: law, scenario }
  return JSON.stringify(regression)
}

/** The command that plays one of them again: its seed may mean another scenario by now. */
export const replayOf = (index: number): string => `npm run sim -- --regression ${index + 1}`
