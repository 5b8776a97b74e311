// One run of one scenario on virtual time: sets the stage, does the steps, feeds the laws, ends in a calm in which no fault
// happens any more, and stops. Nothing in it is random: what the scenario leaves open is asked of `choices`.
// What the laws judge is theirs; what a run does when is here.

import { Orchestrator, type Service, type Snapshot } from '../index.js'
import type { Ensemble } from './actors.js'
import { Audience, observe } from './audience.js'
import { Caller } from './caller.js'
import { Chance } from './chance.js'
import type { Coverage } from './coverage.js'
import { sceneSettings } from './declared.js'
import type { Law } from './observation.js'
import {
  comesUp,
  givenNames,
  invariantLaws,
  madeBy,
  type SimulatedApp,
  type SimulatedFactory,
  worldClock,
} from './own.js'
import type { Choices, Deed, OrchestratorPlan, Scenario } from './scenario.js'
import { type Meter, Reading, Stage, type Violation, type Watch } from './stage.js'
import { VirtualClock } from './virtual-clock.js'

/** What a run is given beside its scenario. */
export interface PlayOptions {
  /** Decides what the scenario leaves open. */
  readonly choices: Choices
  readonly laws: readonly Law[]
  /** Sees every observation after the laws have. */
  readonly watch?: Watch | undefined
  readonly coverage?: Coverage | undefined
  readonly meter?: Meter | undefined
  /** The user's own services, for the plans of kind `given`, and what must hold of them. */
  readonly own?: SimulatedFactory | undefined
}

/** What became of a run. */
export interface Played {
  /** The first law that was violated; the run ended there. */
  readonly violation?: Violation
  /** How many times a service changed its state. */
  readonly transitions: number
  /** Hash of everything that was observed: equal for equal scenarios and choices. */
  readonly digest: string
  /** It was ended before its end, and not by a law. */
  readonly cut: boolean
  /** Milliseconds of virtual time that it took. */
  readonly at: number
}

/** Longer than any run. */
const FOR_EVER = 1e12

/** Plays a scenario once. */
export async function play(scenario: Scenario, options: PlayOptions): Promise<Played> {
  const { choices, laws, coverage, watch, meter, own } = options
  const clock = new VirtualClock({ order: (count) => stage.choices.pick(count) })
  const stage: Stage = new Stage({ clock, choices, coverage, watch, meter })
  const random = source(scenario)
  const { invariants, ...mine }: SimulatedApp = own
    ? madeBy(own, { clock: worldClock(stage), random }, givenNames(scenario))
    : {}
  const run = new Run(stage, scenario, mine, random, [...laws, ...invariantLaws(invariants), ...(own ? [comesUp] : [])])
  try {
    await run.play()
  } catch (error) {
    stage.fault(error)
  }
  const { violation, transitions, digest, cut } = stage
  stage.clear()
  return { ...(violation ? { violation } : {}), transitions, digest, cut, at: clock.now() }
}

class Run {
  readonly #stage: Stage
  readonly #scenario: Scenario
  readonly #caller: Caller
  readonly #audience: Audience
  /** The script and the time after it are over. */
  #done = false

  constructor(stage: Stage, scenario: Scenario, mine: SimulatedApp, random: () => number, laws: readonly Law[]) {
    this.#stage = stage
    this.#scenario = scenario
    this.#audience = new Audience(stage, scenario.listeners)
    this.#caller = new Caller(stage, scenario, (listener, on) => this.#audience.listen(listener, on))
    const { random: jitter, ...planned } = scenario.options
    if (jitter === 'hostile') stage.met('hostile jitter source')
    if (jitter === 'lowest' || jitter === 'highest') stage.met('extreme jitter source')
    const { services: own = [], ...options } = { ...planned, ...mine }
    const given = new Map(own.map((service) => [service.name, service]))
    const call: Ensemble['call'] = (deeds) => this.#caller.do(deeds, 'hook')
    const ensemble: Ensemble = { stage, options, random, call, given }
    const services: Service[] = scenario.services.map((plan) => this.#caller.cast(ensemble, plan))
    const app = new Orchestrator({ ...options, services, clock: stage.clock, random })
    stage.begin(app, sceneSettings(options), laws)
    observe(stage, services.length + scenario.extras.length)
    this.#audience.begin(this.#caller)
  }

  async play(): Promise<void> {
    const stage = this.#stage
    stage.stepsLeft = this.#scenario.steps.length
    this.#arm(0)
    await this.#until(FOR_EVER, () => this.#done)
    this.#calm()
    await this.#steady(this.#scenario.patience)
    await this.#finally({ deed: 'call', call: 'start', onFailure: 'keep' })
    await this.#steady(this.#scenario.patience)
    await this.#finally({ deed: 'call', call: 'stop' })
    // What was abandoned may still be there; when it goes, it must not matter.
    await this.#until(this.#scenario.patience, () => stage.ownTimers === 0 && stage.calls.size === 0)
    await this.#until(1, () => false)
    const pendingTimers = stage.clock.pending - stage.ownTimers
    stage.see({ kind: 'end', at: stage.clock.now(), snapshot: stage.app.snapshot(), pendingTimers })
  }

  /** Each step is a timer like any other, set when the one before is done: so they keep their order. */
  #arm(index: number): void {
    const { steps, rest } = this.#scenario
    const stage = this.#stage
    const step = steps[index]
    stage.stepsLeft = steps.length - index
    if (step === undefined) {
      stage.later(rest, () => {
        this.#done = true
      })
      return
    }
    stage.later(Math.max(0, step.at - stage.clock.now()), () => {
      this.#caller.do(step.deeds, 'script')
      this.#arm(index + 1)
    })
  }

  /** Lets time pass until something holds; tells whenever it was quiet. */
  async #until(ms: number, holds: () => boolean): Promise<void> {
    const stage = this.#stage
    if (stage.over) return
    await stage.clock.advance(ms, () => {
      stage.stalled = false
      // With a timer that is due, or late after a stall, more is about to happen without time passing.
      const { next = FOR_EVER } = stage.clock
      if (next > stage.clock.now() && stage.dirty) {
        this.#audience.tell()
        stage.see(new Reading(stage, 'quiet'))
      }
      return stage.over || holds()
    })
  }

  #calm(): void {
    const stage = this.#stage
    if (stage.over) return
    stage.calm = true
    stage.see({ kind: 'calm', at: stage.clock.now(), snapshot: stage.app.snapshot() })
    this.#audience.end()
    for (const flight of [...stage.hooks]) if (flight.due === undefined) flight.release()
  }

  async #steady(patience: number): Promise<void> {
    const stage = this.#stage
    let steady = false
    await this.#until(patience, () => {
      steady = this.#isSteady()
      return steady
    })
    if (stage.over) return
    stage.see({ kind: 'steady', at: stage.clock.now(), snapshot: stage.app.snapshot(), exhausted: !steady })
  }

  async #finally(deed: Extract<Deed, { deed: 'call' }>): Promise<void> {
    if (this.#stage.over) return
    void this.#caller.call(deed, 'script')
    await this.#until(this.#scenario.patience, () => this.#stage.calls.size === 0)
  }

  /** Nothing is on its way any more: what is not up waits for what will not come. */
  #isSteady(): boolean {
    const stage = this.#stage
    const { clock } = stage
    // What is due now has yet to happen.
    if (stage.calls.size > 0 || (clock.next ?? FOR_EVER) <= clock.now()) return false
    return stage.app.snapshot().services.every(isAtRest)
  }
}

const MOVES: readonly string[] = ['backoff', 'delay', 'permit', 'hook', 'stop']

function isAtRest({ phase, state, health, blockedBy }: Snapshot['services'][number]): boolean {
  if (phase === 'moving' || health === 'checking') return false
  if (phase !== 'pending' || state === 'auth_required') return true
  return state === 'waiting' && blockedBy?.some(({ kind }) => MOVES.includes(kind)) !== true
}

/** The source of jitter. */
function source({ seed, options: { random = 'seeded' } }: Scenario): () => number {
  const chance = new Chance(seed + 0.5 * 2 ** 32)
  const hostile = [Number.NaN, -1, 2, '0.5', Number.POSITIVE_INFINITY, 1, undefined]
  const sources: Record<NonNullable<OrchestratorPlan['random']>, () => number> = {
    seeded: chance.float,
    lowest: () => 0,
    middle: () => 0.5,
    highest: () => 1 - 2 ** -53,
    hostile: () => {
      if (chance.is(0.3)) throw new Error('no number today')
      return chance.among(hostile) as number
    },
  }
  return sources[random]
}
