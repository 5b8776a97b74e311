/**
 * `npm run sim`: plays generated scenarios on all cores and checks every law; `--help` says what can be asked for.
 * The scenarios that once failed, seeds.json, are played first, always.
 */
import { generate } from '../../src/testing/generate.js'
import { LAWS } from '../../src/testing/laws.js'
import type { Scenario } from '../../src/testing/scenario.js'
import { shrink } from '../../src/testing/shrink.js'
import { failureText } from '../../src/testing/story.js'
import { catchAll, trial } from './block.js'
import { campaign, ENDS, type Totals } from './campaign.js'
import { lineOf } from './lines.js'
import { optionsOf, type SimOptions, USAGE } from './options.js'
import { REGRESSIONS, regressionLine, replayOf } from './regressions.js'

/** Seconds between two lines about how far it is. */
const PAUSE = 30

process.exitCode = await main()

async function main(): Promise<number> {
  const options = optionsOf(process.argv.slice(2))
  if (typeof options === 'string') {
    if (options === '') console.log(USAGE)
    else console.error(`${options}\n\n${USAGE}`)
    return options === '' ? 0 : 2
  }
  const release = catchAll()
  try {
    if (options.seed !== undefined)
      return (await replay(generate(options.seed), `npm run sim -- --seed ${options.seed}`)) ? 1 : 0
    if (options.regression !== undefined) return await again(options.regression)
    return (await regressions()) || (await play(options)) ? 1 : 0
  } catch (error) {
    console.error((error as Error).message)
    return 1
  } finally {
    release()
  }
}

/** The scenarios that once failed. Returns whether one does again. */
async function regressions(): Promise<boolean> {
  for (const [i, { rule, what, scenario }] of REGRESSIONS.entries()) {
    const { violation } = await trial(scenario)
    if (!violation) continue
    console.log(`a regression: ${rule}, ${what}`)
    console.log(failureText(scenario, violation, replayOf(i)))
    return true
  }
  console.log(`regression block: ${REGRESSIONS.length} scenarios, none fails`)
  return false
}

/** One of them, told in full; its place counts from 1. Returns the exit code. */
async function again(place: number): Promise<number> {
  const { scenario } = REGRESSIONS[place - 1] ?? {}
  if (scenario) return (await replay(scenario, replayOf(place - 1))) ? 1 : 0
  console.error(`--regression is '${place}'; pass one of 1 to ${REGRESSIONS.length}`)
  return 2
}

/** One scenario, told in full. */
async function replay(scenario: Scenario, command: string): Promise<boolean> {
  const { violation, transitions, digest } = await trial(scenario, { watch: (seen) => console.log(lineOf(seen)) })
  const { seed } = scenario
  console.log(`seed ${seed}: ${transitions} transitions, digest ${digest}, ${violation?.law ?? 'no violation'}`)
  if (violation) await show(scenario, violation.law, command)
  return violation !== undefined
}

/** The shrunk failure of a scenario. */
async function show(scenario: Scenario, law: string, command: string): Promise<void> {
  const fails = async (candidate: Scenario): Promise<boolean> => (await trial(candidate)).violation?.law === law
  const small = await shrink(scenario, fails)
  const { violation } = await trial(small)
  if (violation) console.log(failureText(small, violation, command))
  else console.log(`seed ${scenario.seed} violates ${law}, but not each time`)
  console.log(`  for test/sim/seeds.json, once it is mended:\n${regressionLine(small, law)}`)
}

/** Seeds by the thousand. */
async function play(options: SimOptions): Promise<boolean> {
  const began = performance.now()
  const seconds = (): number => (performance.now() - began) / 1_000
  let told = 0
  const totals = await campaign(options, ({ seeds, transitions, failures }) => {
    if (seconds() < told + PAUSE) return
    told = seconds()
    console.error(
      `${told.toFixed(0)} s: ${words(seeds)} seeds, ${words(transitions)} transitions, ${failures.length} failures`,
    )
  })
  report(options, totals, seconds())
  const [first] = totals.failures
  if (!first) return false
  const byLaw = new Map<string, number[]>()
  for (const { law, seed } of totals.failures) byLaw.set(law, [...(byLaw.get(law) ?? []), seed])
  for (const [law, list] of byLaw) console.log(`${list.length} × ${law}: seeds ${list.slice(0, 8).join(' ')}`)
  for (const { seed, law, message } of totals.failures) if (law === ENDS) console.log(`seed ${seed}: ${message}`)
  const shown = totals.failures.find(({ law }) => law !== ENDS)
  if (shown) await show(generate(shown.seed), shown.law, `npm run sim -- --seed ${shown.seed}`)
  return true
}

function report({ start, workers }: SimOptions, totals: Totals, seconds: number): void {
  const { seeds, transitions, coverage, failures, spent, digest } = totals
  const { faults, cells } = coverage
  const [slowest] = LAWS.map(({ title }, i) => ({ title, ms: spent[i] ?? 0 })).sort((a, b) => b.ms - a.ms)
  const measured = spent.reduce((sum, ms) => sum + ms, 0)
  const share = measured === 0 ? 0 : Math.round((100 * (slowest?.ms ?? 0)) / measured)
  const rate = Math.round(transitions / seconds)
  const missing = (list: readonly string[]): string =>
    list.length === 0 ? '' : `; not: ${list.slice(0, 12).join(', ')}${list.length > 12 ? ', …' : ''}`
  const lines = [
    `seeds ${start} to ${start + seeds - 1}: ${words(seeds)} scenarios, ${words(transitions)} transitions, ${failures.length} failures`,
    `faults met: ${faults.list.length} of ${faults.of} kinds${missing(faults.missing)}`,
    `cells met (state × input): ${cells.met} of ${cells.of}${missing(cells.missing)}`,
    `slowest rule: ${slowest?.title}, ${share} % of the time of ${LAWS.length} laws`,
    `speed: ${words(rate)} transitions per second with ${workers} workers, ${seconds.toFixed(1)} s`,
    `digest: ${digest.toString(16).padStart(8, '0')}`,
  ]
  console.log(lines.join('\n'))
}

/** A number with its thousands told apart. */
function words(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ')
}
