/** Plays a block of seeds with all laws and says what came of it: the work of one worker, and of a replay. */
import { Chance } from '../../src/testing/chance.js'
import { Coverage, type CoverageCounts } from '../../src/testing/coverage.js'
import { generate } from '../../src/testing/generate.js'
import { LAWS } from '../../src/testing/laws.js'
import type { Law } from '../../src/testing/observation.js'
import { type Played, play } from '../../src/testing/play.js'
import type { Scenario } from '../../src/testing/scenario.js'
import { UNCAUGHT, type Watch } from '../../src/testing/stage.js'

export interface Failure {
  readonly seed: number
  readonly law: string
  readonly message: string
  readonly at: number
}

export interface BlockResult {
  readonly seeds: number
  readonly transitions: number
  readonly failures: readonly Failure[]
  /** Sum of the digests of all seeds: the same whatever the number of workers. */
  readonly digest: number
  readonly coverage: CoverageCounts
  /** Milliseconds measured in each law, in one observation of many. */
  readonly spent: readonly number[]
}

export interface TrialOptions {
  readonly laws?: readonly Law[] | undefined
  readonly watch?: Watch | undefined
  readonly coverage?: Coverage | undefined
  readonly meter?: { readonly now: () => number; readonly every: number; readonly spent: number[] } | undefined
}

const DIFFERS = 'the same seed gives the same log'
/** Every so many seeds one is played twice. */
const TWICE = 25

let uncaught: { readonly error: unknown } | undefined
const note = (error: unknown): void => {
  uncaught ??= { error }
}

/** From now on nothing thrown at the host ends the process: it is a failure of the seed that is being played. */
export function catchAll(): () => void {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
  return () => void process.off('unhandledRejection', note).off('uncaughtException', note)
}

/** One run; what is thrown at the host meanwhile counts as a violation. */
export async function trial(scenario: Scenario, options: TrialOptions = {}): Promise<Played> {
  const { laws = LAWS, watch, coverage, meter } = options
  uncaught = undefined
  const played = await play(scenario, { choices: new Chance(scenario.seed), laws, watch, coverage, meter })
  if (uncaught === undefined || played.violation) return played
  const { error } = uncaught as { readonly error: unknown }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { ...played, violation: { law: UNCAUGHT, message, at: played.at } }
}

/** Plays seeds from `from` on; `current` is told which one is being played. */
export async function playBlock(from: number, count: number, current: (seed: number) => void): Promise<BlockResult> {
  const coverage = new Coverage()
  const meter = { now: () => performance.now(), every: 97, spent: LAWS.map(() => 0) }
  const failures: Failure[] = []
  let transitions = 0
  let digest = 0
  for (let seed = from; seed < from + count; seed++) {
    current(seed)
    const scenario = generate(seed)
    const played = await trial(scenario, { coverage, meter })
    transitions += played.transitions
    digest = (digest + Number.parseInt(played.digest.slice(8), 16)) % 2 ** 32
    if (played.violation) failures.push({ seed, ...played.violation })
    else if (seed % TWICE === 0) {
      const again = await trial(scenario)
      const message = `${played.digest} and ${again.digest}`
      if (again.digest !== played.digest) failures.push({ seed, law: DIFFERS, message, at: played.at })
    }
  }
  return { seeds: count, transitions, failures, digest, coverage: coverage.counts(), spent: meter.spent }
}
