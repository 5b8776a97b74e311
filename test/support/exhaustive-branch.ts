/**
 * One run of the exhaustive search: a scenario that asks for its next step when the time for it has come, hooks that end
 * when that is decided, and an usher among the laws who sees the stage. It plays a given path and then asks, in each state
 * that it comes to, what is to become of it; which states there are and which were met is the business of exhaustive.ts.
 */
import type { Snapshot } from '../../src/index.js'
import type { HookName, Law, Observation } from '../../src/testing/observation.js'
import type { Act, Choices, Deed, HookPlan, Scenario, ServicePlan, Step } from '../../src/testing/scenario.js'
import type { Stage } from '../../src/testing/stage.js'
import { type Decision, decisionsOf, type Intents, type Moment } from './exhaustive-decisions.js'
import { dependencies, type Graph, isJob, NAMES } from './exhaustive-graphs.js'
import { Memory } from './exhaustive-memory.js'

/** From where the interleavings begin: nothing was ever started, or all that can be up is up. */
export type From = 'rest' | 'up'

/**
 * What is to become of a run in the state that it has come to: another decision, or its end - left alone from here on, or
 * cut off, its state having been seen by the laws.
 */
type Verdict = Decision | 'leave' | 'cut'

/** Asked in each state at the end of the path, with all that can be decided there. */
export type Guide = (state: string, next: readonly Decision[]) => Verdict

/** What takes so long ends when it is decided; no timer is set for it. */
const HELD = 1e9

/**
 * Durations that never fall together, all of them in reach of one decision: time passes up to the next timer. What gives up
 * sooner comes sooner, as with the defaults; what backs off does so once.
 */
const OPTIONS = {
  random: 'middle',
  restart: { initialBackoff: 1_000, jitter: 0, maxRetries: 1, stableAfter: 60_000 },
  startTimeout: 30_011,
  stopTimeout: 10_007,
  abortGrace: 1_003,
  shutdownTimeout: 30_029,
} as const

type Entered = Extract<Observation, { kind: 'enter' }>

/** A hook in flight. */
interface Held {
  readonly service: string
  readonly hook: HookName
  readonly instance: number
  readonly epoch: number
  readonly at: number
  readonly end: () => void
}

/** The services of one graph, for all branches, of which one is played at a time. */
export class Cast {
  readonly graph: Graph
  readonly services: readonly ServicePlan[]
  readonly decisions: readonly Decision[]
  /** The one that is played. */
  branch: Branch | undefined

  constructor(graph: Graph, intents: Intents) {
    this.graph = graph
    this.decisions = decisionsOf(graph, intents)
    this.services = dependencies(graph).map((dependsOn, i): ServicePlan => {
      const plan = { name: NAMES[i] as string, kind: 'managed', options: { dependsOn } } as const
      const hooks = { start: this.#hook('start'), stop: this.#hook('stop') }
      return { ...plan, ...hooks, ...(isJob(graph, i) && { run: this.#hook('run') }) }
    })
  }

  #hook(hook: 'start' | 'run' | 'stop'): HookPlan {
    const cast = this
    const act: Act = {
      /** Asked when the hook is entered, and when it ends. */
      get end() {
        return cast.branch?.end ?? 'pass'
      },
      get takes(): number {
        // So `start` ends in the call itself; the others are not entered before.
        return hook === 'start' && cast.branch?.isComing ? (undefined as never) : HELD
      },
      abort: hook === 'run' ? 'finish' : 'ignore',
    }
    return { acts: [act] }
  }
}

export class Branch implements Choices {
  readonly scenario: Scenario
  /** No law, but in their place: it sees the stage from the beginning, and all that happens there. */
  readonly usher: Law
  /** All that has been decided: the path, and what the guide said after it. */
  readonly decided: Decision[] = []
  /** Laws are to look as closely as they can. */
  isNew = false
  /** What is to be up is coming up, and nothing has been decided yet. */
  isComing: boolean
  /** How the hook ends that is ending. */
  end: 'pass' | 'reject' = 'pass'
  readonly #path: readonly Decision[]
  readonly #decisions: readonly Decision[]
  readonly #guide: Guide
  readonly #memory: Memory
  readonly #steps: Step[] = []
  readonly #held = new Set<Held>()
  #stage: Stage | undefined
  /** The hook that was entered last. */
  #entered: Entered | undefined
  /** The next decision is not made before. */
  #resumes = 0

  constructor(cast: Cast, from: From, path: readonly Decision[], guide: Guide) {
    const { graph, services, decisions } = cast
    cast.branch = this
    this.#path = path
    this.#decisions = decisions
    this.#guide = guide
    this.#memory = new Memory(graph, from === 'up')
    this.isComing = from === 'up'
    if (from === 'up') this.#steps.push({ at: 0, deeds: [{ deed: 'call', call: 'start', onFailure: 'keep' }] })
    this.#place()
    const rest = { seed: 0, options: OPTIONS, listeners: [], rest: 0, patience: 600_000 }
    this.scenario = { services, extras: services, steps: this.#steps, ...rest }
    this.usher = { title: '', begin: (scene) => this.#begin(scene as Stage) }
  }

  /** Things that are due together: the library's timers come before the next decision, in their own order. */
  pick(): number {
    return 0
  }

  #begin(stage: Stage): (seen: Observation) => undefined {
    this.#stage = stage
    const { later, never } = stage
    stage.later = (ms, callback) => {
      if (ms !== HELD) return later.call(stage, ms, callback)
      const { service, hook, instance, epoch, at } = this.#entered as Entered
      const held: Held = { service, hook, instance, epoch, at, end: callback }
      this.#held.add(held)
      return held
    }
    stage.never = (timer) => {
      if (!this.#held.delete(timer as Held)) never.call(stage, timer)
    }
    return (seen) => {
      if (seen.kind === 'enter') this.#entered = seen
      // What is in flight when the calm comes ends well, right after it has been told.
      if (seen.kind === 'calm') later.call(stage, 0, () => this.#release())
      this.#memory.see(seen)
    }
  }

  #release(): void {
    for (const held of this.#held) {
      this.#held.delete(held)
      held.end()
    }
  }

  /** A place for a decision, which is made when its time has come. */
  #place(): void {
    this.#steps.push(new Place(this.#whence, this.#decide))
  }

  readonly #whence = (): number => this.#resumes

  /** A quiet moment, or one in which something of the library's is still due. */
  readonly #decide = (): readonly Deed[] => {
    const stage = this.#stage as Stage
    const { clock } = stage
    const now = clock.now()
    const { next = Number.POSITIVE_INFINITY } = clock
    if (next <= now) {
      this.#place()
      return []
    }
    this.isComing = false
    const decision = this.#path[this.decided.length] ?? this.#arrive(stage, next)
    if (decision === undefined) return []
    this.decided.push(decision)
    this.#place()
    const { deeds = [], ends, words } = decision
    this.#memory.intend(words, stage)
    if (ends) this.#endHook(ends)
    else if (deeds.length === 0) this.#resumes = next
    return deeds
  }

  #endHook({ service, hook, how }: NonNullable<Decision['ends']>): void {
    for (const held of this.#held) {
      if (held.service !== service || held.hook !== hook) continue
      this.#held.delete(held)
      this.end = how
      held.end()
      this.end = 'pass'
      return
    }
  }

  /** At the end of the path, and after each decision from there: the laws look, and the guide says what comes now. */
  #arrive(stage: Stage, next: number): Decision | undefined {
    const snapshot = stage.app.snapshot()
    const moment = this.#moment(stage, snapshot)
    const state = this.#memory.state(stage, snapshot, this.#held)
    const possible = this.#decisions.filter((decision) => decision.possible(moment))
    const verdict = this.#guide(state, possible)
    this.isNew = verdict === 'leave'
    stage.see({ kind: 'quiet', at: stage.clock.now(), snapshot, nextTimer: Number.isFinite(next) ? next : undefined })
    this.isNew = false
    if (verdict === 'cut') stage.over = stage.cut = true
    return typeof verdict === 'string' ? undefined : verdict
  }

  #moment({ clock, calls }: Stage, snapshot: Snapshot): Moment {
    return {
      snapshot,
      timed: clock.next !== undefined,
      abortable: [...calls.values()].some(({ controller }) => controller?.signal.aborted === false),
      flies: (service, hook) => [...this.#held].some((held) => held.service === service && held.hook === hook),
    }
  }
}

/** A step whose time and deeds are asked for when it is its turn. A class, since a literal with getters is slow to make. */
class Place implements Step {
  readonly #at: () => number
  readonly #deeds: () => readonly Deed[]

  constructor(at: () => number, deeds: () => readonly Deed[]) {
    this.#at = at
    this.#deeds = deeds
  }

  get at(): number {
    return this.#at()
  }

  get deeds(): readonly Deed[] {
    return this.#deeds()
  }
}
