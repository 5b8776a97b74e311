// The door to the simulator: plays many seeds, each a scenario of its own, and throws the first failure, made small.
// With a factory the services are the caller's, else they are generated, too.

import { KeelsonError } from '../index.js'
import { Chance } from './chance.js'
import { Coverage } from './coverage.js'
import { generate } from './generate.js'
import { type Given, generateOwn, INJECTED, type InjectedFault } from './generate-own.js'
import { declarationOf } from './given.js'
import { LAWS } from './laws.js'
import { madeBy, type SimulatedFactory } from './own.js'
import { type Played, play } from './play.js'
import type { Scenario } from './scenario.js'
import { shrink } from './shrink.js'
import type { Violation } from './stage.js'
import { failureText, story } from './story.js'
import { VirtualClock } from './virtual-clock.js'

/** What is simulated. */
export interface SimulateOptions {
  /**
   * Makes the services, on the clock that it is given: called once for each run, and once before them to see what there
   * is. Default: generated services, to test keelson itself.
   */
  readonly app?: SimulatedFactory
  /** How many seeds are played, one scenario each. Default 100. */
  readonly seeds?: number
  /** The first seed. Default 1. */
  readonly from?: number
  /** Plays this seed alone: the replay of a failure. Not beside `seeds` and `from`. */
  readonly seed?: number
  /** Kinds of faults that are injected into the services of `app`. Default: every kind. */
  readonly faults?: readonly InjectedFault[]
}

/** What {@link simulate} resolves to, when no law and no invariant was violated. */
export interface SimulateReport {
  /** How many scenarios were played. */
  readonly seeds: number
  /** How many changes of state there were in them. */
  readonly transitions: number
  /** Kinds of faults that happened, in words. */
  readonly faults: readonly string[]
}

/**
 * A law or an invariant does not hold. Its message has everything: the seed, what is violated, the steps that lead there -
 * as few as were found -, and how to play it again.
 */
export class SimulationFailure extends Error {
  /** Always `SimulationFailure`. */
  override readonly name = 'SimulationFailure'
  /** Pass it as `seed` to see the same again. */
  readonly seed: number
  /** The rule (`R7 …`), or the name of the invariant. */
  readonly law: string
  /** What is there and what is done when, one line each, after shrinking. */
  readonly steps: readonly string[]

  /** Made by {@link simulate}. */
  constructor(scenario: Scenario, violation: Violation, replay: string) {
    super(failureText(scenario, violation, replay))
    this.seed = scenario.seed
    this.law = violation.law
    this.steps = story(scenario)
  }
}

/**
 * Simulates: plays random calls and injected faults against the services of `app` on virtual time, one scenario for each
 * seed, and checks after each turn that every rule of `lifecycle.md` and every invariant of `app` holds. Each scenario ends
 * in a calm without faults, in which everything is started and must come up, and a `stop()`.
 *
 * *Guarantees:* the same seed gives the same scenario, the same order of things and the same result, as long as the
 * services take time and randomness from nowhere but the world they are given. No time is waited for.
 *
 * Runnable: `examples/12-simulate-your-services.ts`.
 * @throws {@link SimulationFailure} for the first seed that violates something, made as small as was found;
 * `CONFIG_INVALID` for an option that is wrong and for an `app` that makes no services, or others each time;
 * `SERVICE_INVALID` for a service that keelson did not make; whatever `app` throws. Nothing was played then, unless it
 * did so only later.
 */
export async function simulate(options: SimulateOptions = {}): Promise<SimulateReport> {
  check(options)
  const { app, faults = INJECTED, seed, from = 1, seeds = 100 } = options
  const known = app && look(app)
  const scenarioOf = (number: number): Scenario => (known ? generateOwn(number, known, faults) : generate(number))
  const coverage = new Coverage()
  let transitions = 0
  const first = seed ?? from
  const count = seed === undefined ? seeds : 1
  for (let number = first; number < first + count; number++) {
    const scenario = scenarioOf(number)
    const played = await once(scenario, app, coverage)
    if (played.violation) throw await failure(scenario, played.violation, options)
    transitions += played.transitions
  }
  return { seeds: count, transitions, faults: coverage.faults.list }
}

function once(scenario: Scenario, app: SimulatedFactory | undefined, coverage?: Coverage): Promise<Played> {
  return play(scenario, { choices: new Chance(scenario.seed), laws: LAWS, own: app, coverage })
}

async function failure(scenario: Scenario, violation: Violation, options: SimulateOptions): Promise<Error> {
  const { app, faults } = options
  const small = await shrink(
    scenario,
    async (candidate) => (await once(candidate, app)).violation?.law === violation.law,
  )
  // What a seed is depends on the faults that may be injected.
  const kinds = faults ? [`faults: [${faults.map((fault) => `'${fault}'`).join(', ')}]`] : []
  const replay = `simulate({ ${[...(app ? ['app'] : []), ...kinds, `seed: ${scenario.seed}`].join(', ')} })`
  return new SimulationFailure(small, (await once(small, app)).violation ?? violation, replay)
}

/** What the factory makes, seen once. */
function look(app: SimulatedFactory): readonly Given[] {
  const clock = new VirtualClock()
  const { services = [] } = madeBy(app, { clock, random: () => 0.5 })
  return services.map((service) => {
    const { runs, checks } = declarationOf(service)
    return { name: service.name, runs, checks }
  })
}

const KNOWN = ['app', 'seeds', 'from', 'seed', 'faults']

function check(options: SimulateOptions): void {
  if (typeof options !== 'object' || options === null) throw invalid('options', options, 'an object')
  for (const key of Object.keys(options))
    if (!KNOWN.includes(key)) throw invalid(key, 'no option', `only ${KNOWN.join(', ')}`)
  const { app, seeds, from, seed, faults } = options
  if (app !== undefined && typeof app !== 'function') throw invalid('app', app, 'a function that makes the services')
  for (const [path, value, least] of [
    ['seeds', seeds, 1],
    ['from', from, 0],
    ['seed', seed, 0],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
      throw invalid(path, value, `a whole number, ${least} or more`)
  }
  if (seed !== undefined && (seeds !== undefined || from !== undefined))
    throw invalid(seeds === undefined ? 'from' : 'seeds', 'without effect beside seed', 'only one of the two')
  if (faults === undefined) return
  if (!app) throw invalid('faults', 'without effect', 'an `app` to inject them into, or leave them out')
  if (!Array.isArray(faults)) throw invalid('faults', faults, `an array of ${INJECTED.join(', ')}`)
  for (const [i, fault] of faults.entries())
    if (!INJECTED.includes(fault)) throw invalid(`faults[${i}]`, fault, `one of ${INJECTED.join(', ')}`)
}

function invalid(path: string, value: unknown, allowed: string): KeelsonError {
  const shown = typeof value === 'object' && value !== null ? 'an object' : String(value)
  return new KeelsonError('CONFIG_INVALID', `simulate() - ${path} is ${shown}; pass ${allowed}`)
}
