/**
 * Every way a small system can go: all interleavings of so many intents and ends of hooks, by breadth-first search over the
 * simulator's choices. A branch is reached by playing it from the beginning; where a state has been seen before, it ends.
 *
 * A hook ends only when that is decided, well or badly, and time passes only when that is decided, up to the next timer:
 * so each decision is made at a quiet moment, and every order of them is another path. Each state that is new is also left
 * alone from there on: what is in flight ends well, everything is started once more, and stopped. All laws look at all of it.
 *
 * What is left out, and why: graphs and services that differ in their names only - names mean nothing to the rules but the
 * order within one turn. What follows a state that was met before, with no fewer decisions to come - it is the same again,
 * as far as exhaustive-memory.ts tells states apart; the suite plays small systems whole and sees that it does. Moments
 * between two timers - nothing can happen there that could not right after the first. Intents that share a turn - every
 * triple of them is a cell of test/tables/intents.test.ts.
 */
import { plans, rollUp } from '../../src/testing/laws/liveness.js'
import type { Law, Observation } from '../../src/testing/observation.js'
import { play } from '../../src/testing/play.js'
import { Branch, Cast, type From } from './exhaustive-branch.js'
import type { Decision, Intents } from './exhaustive-decisions.js'
import type { Graph } from './exhaustive-graphs.js'

export interface Scope {
  readonly graph: Graph
  readonly from: From
  /** How many intents and ends of hooks are decided. */
  readonly depth: number
  readonly intents: Intents
  /** Plays every path, whether or not its state has been seen before. */
  readonly whole?: boolean
}

/** What was found in one scope. */
export interface Found {
  /** How many states are told apart. */
  readonly states: number
  /** How many paths were played: the states that were met first, and every decision on one of them that led to an old one. */
  readonly paths: number
  /** Changes of state of services, in all paths. */
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

/** A state that has been reached, by a decision on another one. */
interface Node {
  readonly parent: Node | undefined
  readonly decision: Decision | undefined
}

/** Called with each path that was played, and the states before and after its last decision. */
export type Watch = (path: readonly string[], from: string, to: string) => void

/** Plays every path of a scope; stops looking after so many violations. */
export async function explore(scope: Scope, laws: readonly Law[], watch?: Watch, most = 3): Promise<Found> {
  const cast = new Cast(scope.graph, scope.intents)
  const eager = laws.map((law) => (law === plans || law === rollUp ? each(law) : law))
  const seen = new Set<string>()
  const violations: Violation[] = []
  let [paths, transitions] = [0, 0]
  const visit = async (node: Node): Promise<{ readonly state: string; readonly next: readonly Decision[] }> => {
    const path = pathOf(node)
    const branch = new Branch(cast, scope.from, path, (state) => {
      if (!seen.has(state)) return seen.add(state) !== undefined
      return scope.whole === true
    })
    const played = await play(branch.scenario, { choices: branch, laws: [branch.usher, ...eager] })
    paths += 1
    transitions += played.transitions
    const { violation } = played
    if (violation) violations.push({ ...violation, scope, path: path.map(({ words }) => words) })
    return branch
  }
  type Open = { readonly node: Node; readonly state: string; readonly next: readonly Decision[] }
  const root: Node = { parent: undefined, decision: undefined }
  let layer: Open[] = [{ node: root, ...(await visit(root)) }]
  for (let depth = 1; depth <= scope.depth; depth++) {
    const deeper: Open[] = []
    for (const { node: parent, state: from, next } of layer)
      for (const decision of next) {
        if (violations.length >= most) break
        const node = { parent, decision }
        const { state, next: possible } = await visit(node)
        watch?.(
          pathOf(node).map(({ words }) => words),
          from,
          state,
        )
        if (depth < scope.depth && possible.length > 0) deeper.push({ node, state, next: possible })
      }
    layer = deeper
  }
  return { states: seen.size, paths, transitions, violations }
}

/** A law that looks at one quiet moment in sixteen, since a look costs, looks at each. */
function each({ title, begin }: Law): Law {
  return {
    title,
    begin: (scene) => {
      const check = begin(scene)
      return (seen) => {
        let wrong = check(seen)
        for (let i = 1; i < 16 && seen.kind === 'quiet'; i++) wrong ??= check(seen)
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

/** Plays one path once more, from there on left alone, and gives all that was observed. */
export async function replay(scope: Scope, path: readonly string[], laws: readonly Law[]): Promise<Observation[]> {
  const cast = new Cast(scope.graph, scope.intents)
  const decisions = path.map((words) => {
    const found = cast.decisions.find((each) => each.words === words)
    if (found === undefined)
      throw new Error(`the decision '${words}' is none of: ${cast.decisions.map((each) => each.words).join(', ')}`)
    return found
  })
  const branch = new Branch(cast, scope.from, decisions, () => true)
  const observed: Observation[] = []
  const watch = (seen: Observation): void => void observed.push(seen)
  await play(branch.scenario, { choices: branch, laws: [branch.usher, ...laws.map(each)], watch })
  return observed
}
