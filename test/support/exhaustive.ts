/**
 * Every way a small system can go: all interleavings of so many intents and ends of hooks, by breadth-first search over the
 * simulator's choices. A branch is reached by playing it from the beginning; where a state has been seen before, it ends.
 *
 * At each quiet moment it is decided which of the hooks whose end is due ends next, or which intent comes, or that a
 * millisecond passes; how a hook ends is decided when it is entered. Every state that is new is also left alone from there
 * on: what is in flight ends well, everything is started once more and stopped. All laws look at all of it.
 */
import type { Law, Observation } from '../../src/testing/observation.js'
import { play } from '../../src/testing/play.js'
import type { Act, HookPlan, Scenario, ServicePlan, Step } from '../../src/testing/scenario.js'
import type { Stage } from '../../src/testing/stage.js'
import { dependencies, type Graph, isJob, NAMES } from './exhaustive-graphs.js'
import { type Intent, type Intents, intentsOf } from './exhaustive-intents.js'
import { Memory } from './exhaustive-memory.js'

export interface Scope {
  readonly graph: Graph
  /** From where the interleavings begin: nothing was ever started, or all that can be up is up. */
  readonly from: 'rest' | 'up'
  /** How many intents and ends of hooks are decided. */
  readonly depth: number
  readonly intents: Intents
}

/** What was found in one scope. */
export interface Found {
  /** How many states are told apart. */
  readonly states: number
  readonly paths: number
  /** Changes of state of services, in all paths. */
  readonly transitions: number
  readonly violations: readonly Violation[]
}

export interface Violation {
  readonly law: string
  readonly message: string
  readonly scope: Scope
  /** What was decided, in numbers: `replay` plays it again. */
  readonly path: readonly number[]
  /** What was decided, in words. */
  readonly words: readonly string[]
}

/** Plays every path of a scope; stops looking after so many violations. */
export async function explore(scope: Scope, laws: readonly Law[], most = 3): Promise<Found> {
  const search: Search = { seen: new Set(), layers: [[[]]] }
  const violations: Violation[] = []
  let [paths, transitions] = [0, 0]
  for (const layer of search.layers) {
    // The loop also meets what is added while it runs.
    for (const path of layer) {
      if (violations.length >= most) break
      const branch = new Branch(scope, path, search)
      const played = await play(branch.scenario, { choices: branch, laws: [branch.usher, ...laws] })
      paths += 1
      transitions += played.transitions
      const { violation } = played
      if (violation) violations.push({ ...violation, scope, path: branch.path, words: branch.words })
    }
  }
  return { states: search.seen.size, paths, transitions, violations }
}

/** Plays one path once more, from there on left alone, and gives all that was observed. */
export async function replay(scope: Scope, path: Path, laws: readonly Law[]): Promise<Observation[]> {
  const branch = new Branch(scope, path, { seen: new Set(), layers: [] })
  const observed: Observation[] = []
  const watch = (seen: Observation): void => void observed.push(seen)
  await play(branch.scenario, { choices: branch, laws: [branch.usher, ...laws], watch })
  return observed
}

type Path = readonly number[]

/** What the paths of one scope share. */
interface Search {
  readonly seen: Set<string>
  /** Paths to be played, by the number of their decisions: so each state is met first with most of them left. */
  readonly layers: Path[][]
}

/** One path: decisions that were made before, one that is new, and from there on it is left alone. */
class Branch {
  readonly scenario: Scenario
  /** No law, but in their place: it sees the stage from the beginning, and all that happens there. */
  readonly usher: Law
  readonly path: number[] = []
  readonly words: string[] = []
  readonly #depth: number
  readonly #prefix: Path
  readonly #search: Search
  readonly #intents: readonly Intent[]
  readonly #memory: Memory
  readonly #steps: Step[] = []
  #stage: Stage | undefined
  #phase: 'coming up' | 'exploring' | 'left alone'
  /** Decisions that count. */
  #taken = 0
  /** One of the timers that are due was decided on; it may turn out to be an intent. */
  #isDecided = false
  /** The next question is how a hook ends that is being entered. */
  #isEntering = false
  #ending = 0
  /** The next intent does not come before. */
  #resumes = 0

  constructor({ graph, from, depth, intents }: Scope, prefix: Path, search: Search) {
    this.#depth = depth
    this.#prefix = prefix
    this.#search = search
    this.#intents = intentsOf(graph, intents)
    this.#memory = new Memory(graph, from === 'up')
    this.#phase = from === 'up' ? 'coming up' : 'exploring'
    if (from === 'up') this.#steps.push({ at: 0, deeds: [{ deed: 'call', call: 'start', onFailure: 'keep' }] })
    for (let i = 0; i <= depth; i++) this.#steps.push(this.#step())
    const services = dependencies(graph).map((dependsOn, i): ServicePlan => {
      const restart = { initialBackoff: 1, jitter: 0, maxRetries: 1 }
      const plan = { name: NAMES[i] as string, kind: 'managed', options: { dependsOn, restart } } as const
      const [starts, stops] = intents === 'many' ? [3, 2] : [2, 1]
      const hooks = { start: this.#hook(STARTS.slice(0, starts)), stop: this.#hook(STOPS.slice(0, stops)) }
      return { ...plan, ...hooks, ...(isJob(graph, i) && { run: this.#hook(RUNS) }) }
    })
    const options = { random: 'middle' } as const
    const rest = { seed: 0, options, extras: services, listeners: [], rest: 10, patience: 120_000 }
    this.scenario = { ...rest, services, steps: this.#steps }
    this.usher = {
      title: '',
      begin: (scene) => {
        this.#stage = scene as Stage
        return (seen) => this.#see(seen)
      },
    }
  }

  /** Asked which of the timers that are due goes first, and how a hook ends that is being entered. */
  pick(count: number): number {
    if (this.#isEntering) {
      this.#isEntering = false
      if (this.#phase === 'exploring') this.#ending = this.#choose(count, (i) => `ends ${i}`)
      return this.#ending
    }
    if (this.#phase === 'coming up') return count - 1 // hooks before the script
    if (this.#phase === 'left alone' || this.#isLeaf(count)) return 0
    this.#isDecided = true
    return this.#decide(count, (i) => `timer ${i} of ${count}`)
  }

  #see(seen: Observation): undefined {
    this.#memory.see(seen, this.#ending)
    if (seen.kind === 'enter') this.#ending = 0
  }

  /** A place for an intent, which is asked for when its time has come. */
  #step(): Step {
    const branch = this
    return {
      get at() {
        return branch.#resumes
      },
      get deeds() {
        return branch.#intent()
      },
    }
  }

  #intent(): Intent['deeds'] {
    const intents = this.#intents
    const tell = (i: number): string => intents[i]?.words ?? ''
    if (this.#phase === 'coming up') this.#phase = 'exploring'
    if (this.#phase === 'left alone') return []
    let index: number
    if (this.#isDecided) index = this.#choose(intents.length, tell)
    else if (this.#isLeaf(intents.length)) return []
    else index = this.#decide(intents.length, tell)
    this.#isDecided = false
    const { deeds, words } = intents[index] as Intent
    if (deeds.length === 0) this.#resumes = (this.#stage?.clock.now() ?? 0) + 1
    this.#memory.intend(words, (this.#stage as Stage).app.snapshot())
    return deeds
  }

  /** A hook that ends in one of these ways; which, is asked for on its entry. */
  #hook(acts: readonly Act[]): HookPlan {
    const branch = this
    return {
      acts,
      get choose() {
        branch.#isEntering = acts.length > 1
        return true
      },
    }
  }

  /** Whether what is played again is over; where it ends in a state that has been seen before, the run is cut. */
  #isLeaf(count: number): boolean {
    const { path } = this
    if (path.length < this.#prefix.length) return false
    const { seen } = this.#search
    const stage = this.#stage as Stage
    const state = this.#memory.state(stage, stage.clock.now() < this.#resumes)
    if (seen.has(state)) stage.over = stage.cut = true
    else if (this.#taken < this.#depth) for (let i = 0; i < count; i++) this.#later([...path, i], this.#taken + 1)
    seen.add(state)
    this.#phase = 'left alone'
    this.#steps.length = 0
    return true
  }

  #decide(count: number, tell: (choice: number) => string): number {
    this.#taken += 1
    return this.#choose(count, tell)
  }

  /** Beyond what is played again, takes the first way and leaves the others to paths of their own. */
  #choose(count: number, tell: (choice: number) => string): number {
    const at = this.path.length
    const choice = this.#prefix[at] ?? 0
    if (at >= this.#prefix.length) for (let i = 1; i < count; i++) this.#later([...this.path, i], this.#taken)
    this.path.push(choice)
    this.words.push(tell(choice))
    return choice
  }

  #later(path: Path, taken: number): void {
    const { layers } = this.#search
    layers[taken] ??= []
    layers[taken].push(path)
  }
}

/** How a hook can end, each in a task of its own: well, badly, well in spite of an abort. */
const STARTS: readonly Act[] = [
  { end: 'pass', takes: 0 },
  { end: 'reject', takes: 0 },
  { end: 'pass', takes: 0, abort: 'ignore' },
]
const STOPS: readonly Act[] = [
  { end: 'pass', takes: 0, abort: 'ignore' },
  { end: 'reject', takes: 0, abort: 'ignore' },
]
/** Stays until it is told, or ends of itself. */
const RUNS: readonly Act[] = [{ end: 'pass' }, { end: 'pass', takes: 0, abort: 'finish' }]
