/**
 * Every way a small system can go: all interleavings of so many intents and ends of hooks, by breadth-first search over the
 * simulator's choices, layer by layer: so each state is met first on a shortest path. A state is reached by playing its path
 * from the beginning, and a run ends where it comes to a state that has been met before.
 *
 * A hook ends only when that is decided, well or badly, and time passes only when that is decided, up to the next timer:
 * so each decision is made at a quiet moment, and every order of them is another path. Laws look at every path, to its end.
 * From each new state - to a depth that the scope may set - a run is also left alone: what is in flight ends well, everything
 * is started once more, and stopped.
 *
 * What is left out, and what that assumes:
 * - What follows a state that was met before, with no fewer decisions to come: it is the same again, if the text that
 *   exhaustive-memory.ts makes of a state has in it all that the future depends on. That is checked, not proven: the suite
 *   plays small systems whole, and sees that what is taken for one state goes on alike and that no state is lost.
 * - All but one of the systems, and of the states of one, that differ only by a renaming which leaves the graph as it is:
 *   names mean nothing to the rules but the order within one turn (the symmetry of Ip and Dill, 1996).
 * - Moments between two timers: nothing can happen there that could not right after the first.
 * - Intents that share a turn: every triple of them is a cell of test/tables/intents.test.ts.
 *
 * No partial order is used to leave out interleavings (Godefroid, 1996): the ends of two hooks commute only where no chain
 * of dependencies, no permit and no operation joins their services, and one call of `start()` or `stop()` joins all.
 */
import { plans, rollUp } from '../../src/testing/laws/liveness.js'
import type { Law, Observation } from '../../src/testing/observation.js'
import { play } from '../../src/testing/play.js'
import { Branch, Cast, type From, type Guide } from './exhaustive-branch.js'
import type { Decision, Intents } from './exhaustive-decisions.js'
import { automorphisms, type Graph } from './exhaustive-graphs.js'

export interface Scope {
  readonly graph: Graph
  readonly from: From
  /** How many intents and ends of hooks are decided. */
  readonly depth: number
  readonly intents: Intents
  /** States are left alone that are reached by so many decisions, further ones only judged. Default: all. */
  readonly alone?: number
  /** Plays every path, whether or not its state has been seen before. */
  readonly whole?: boolean
}

/** What was found in one scope. */
export interface Found {
  /** How many states are told apart. */
  readonly states: number
  /** How many paths were played: the empty one, and every decision in every state that is not of the last layer. */
  readonly paths: number
  /** Changes of state of services, in all runs. */
  readonly transitions: number
  readonly violations: readonly Violation[]
}

export interface Violation {
  readonly law: string
  readonly message: string
  readonly scope: Scope
  /** What was decided: `replay` plays it again. */
  readonly path: readonly string[]
}

/** A state that has been reached, by a decision in another one, and what can be decided there. */
interface Node {
  readonly parent: Node | undefined
  readonly decision: Decision | undefined
  readonly state: string
  readonly next: readonly Decision[]
}

/** Called with each path that was played, and the states before and after its last decision. */
export type Watch = (path: readonly string[], from: string, to: string) => void

/** Plays every path of a scope; stops looking after so many violations. */
export async function explore(scope: Scope, laws: readonly Law[], watch?: Watch, most = 3): Promise<Found> {
  const search = new Search(scope, laws, watch)
  let layer = await search.root()
  for (let depth = 1; depth <= scope.depth; depth++) {
    const deeper: Node[] = []
    for (const node of layer) {
      if (search.violations.length >= most) break
      await search.expand(node, depth, deeper)
    }
    layer = deeper
  }
  const { seen, paths, transitions, violations } = search
  return { states: seen.size, paths, transitions, violations }
}

class Search {
  readonly seen = new Set<string>()
  readonly violations: Violation[] = []
  paths = 1
  transitions = 0
  readonly #scope: Scope
  readonly #cast: Cast
  readonly #laws: readonly Law[]
  readonly #watch: Watch | undefined
  /** A state looks the same to those who decide only if no service stands for another. */
  readonly #loops: boolean

  constructor(scope: Scope, laws: readonly Law[], watch: Watch | undefined) {
    this.#scope = scope
    this.#cast = new Cast(scope.graph, scope.intents)
    this.#laws = laws.map((law) => (law === plans || law === rollUp ? closely(law, this.#cast) : law))
    this.#watch = watch
    this.#loops = scope.whole !== true && automorphisms(scope.graph).length === 1
  }

  /** The state that all paths begin in. */
  async root(): Promise<Node[]> {
    const found: Node[] = []
    await this.#run([], (state, next) => {
      this.seen.add(state)
      found.push({ parent: undefined, decision: undefined, state, next })
      return 'leave'
    })
    return found
  }

  /** Plays all that can be decided in a state; adds what is new beyond it to `deeper`. */
  async expand(node: Node, depth: number, deeper: Node[]): Promise<void> {
    const { depth: last, whole, alone = last } = this.#scope
    const todo = [...node.next]
    for (let decision = todo.shift(); decision !== undefined; decision = todo.shift()) {
      let current = decision
      const path = [...pathOf(node), decision]
      const wrong = await this.#run(path, (state, next) => {
        this.paths += 1
        this.#watch?.(words([...pathOf(node), current]), node.state, state)
        const isNew = !this.seen.has(state)
        if (isNew || whole) {
          this.seen.add(state)
          if (depth < last && next.length > 0) deeper.push({ parent: node, decision: current, state, next })
          return isNew && depth > alone ? 'cut' : 'leave'
        }
        // Nothing has changed: as good a place for the next decision as any.
        const [other] = todo
        if (!this.#loops || state !== node.state || other === undefined || !next.includes(other)) return 'cut'
        current = other
        todo.shift()
        return other
      })
      if (wrong === undefined) continue
      const isShortest = wrong.path.length === path.length
      this.violations.push(
        (isShortest ? undefined : await this.#run([...pathOf(node), current], () => 'leave')) ?? wrong,
      )
    }
  }

  async #run(path: readonly Decision[], guide: Guide): Promise<Violation | undefined> {
    const branch = new Branch(this.#cast, this.#scope.from, path, guide)
    const { violation, transitions } = await play(branch.scenario, {
      choices: branch,
      laws: [branch.usher, ...this.#laws],
    })
    this.transitions += transitions
    return violation && { ...violation, scope: this.#scope, path: words(branch.decided) }
  }
}

/** A law that looks at one quiet moment in sixteen, since a look costs, looks at each new state. */
function closely({ title, begin }: Law, cast: Cast): Law {
  return {
    title,
    begin: (scene) => {
      const check = begin(scene)
      return (seen) => {
        let wrong = check(seen)
        const looks = seen.kind === 'quiet' && cast.branch?.isNew ? 16 : 1
        for (let i = 1; i < looks; i++) wrong ??= check(seen)
        return wrong
      }
    },
  }
}

function pathOf(node: Node): Decision[] {
  const path: Decision[] = []
  for (let at = node; at.parent !== undefined; at = at.parent) path.push(at.decision as Decision)
  return path.reverse()
}

const words = (path: readonly Decision[]): string[] => path.map((decision) => decision.words)

/** Plays one path once more, from there on left alone, and gives all that was observed. */
export async function replay(scope: Scope, path: readonly string[], laws: readonly Law[]): Promise<Observation[]> {
  const cast = new Cast(scope.graph, scope.intents)
  const decisions = path.map((each) => {
    const found = cast.decisions.find(({ words }) => words === each)
    if (found === undefined) throw new Error(`the decision '${each}' is none of: ${words(cast.decisions).join(', ')}`)
    return found
  })
  const branch = new Branch(cast, scope.from, decisions, () => 'leave')
  const observed: Observation[] = []
  const watch = (seen: Observation): void => void observed.push(seen)
  const eager = laws.map((law) => (law === plans || law === rollUp ? closely(law, cast) : law))
  await play(branch.scenario, { choices: branch, laws: [branch.usher, ...eager], watch })
  return observed
}
