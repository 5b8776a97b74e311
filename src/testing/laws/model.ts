// The reference model of desires (R6, R8, R29, R34): who is wanted, recomputed from the calls and their ends alone, as
// the rules say it. Deliberately naive: flags and sets, no counters, no work list. Where an outcome cannot be told from
// outside it says so instead of guessing, and takes the answer from what is seen once all is quiet.

import type { OperationEvent } from '../../index.js'
import type { Observation, Scene } from '../observation.js'
import type { Called } from './calls.js'
import { type Chronicle, chronicleOf } from './chronicle.js'
import { type Edge, type Graph, graphOf, type Maybe } from './graph.js'
import { phaseOf } from './known.js'

/** What is asked of one service. */
interface Want {
  /** Stopped by hand, with all the others, or about to be removed: down, whoever wants it. */
  manual: boolean
  shut: boolean
  removing: boolean
  /** Wanted for good. */
  wanted: boolean
  /** Operations under way that want it; `false` for those that may have found it up, and let it be. */
  readonly claims: Map<number, boolean>
  /** What has become of it cannot be told until it is seen. */
  vague: boolean
}

/** Who is desired up. */
export class Desires {
  readonly #scene: Scene
  readonly #chronicle: Chronicle
  readonly #graph: Graph
  readonly #wants = new Map<string, Want>()
  /** Services that a start is about, by the number of its operation; absent if it found something missing. */
  readonly #about = new Map<number, Set<string>>()
  /** Starts that are thought to have found something missing. */
  readonly #doubtful = new Set<number>()
  /** The services that the start was about whose end is being told. */
  ended: ReadonlySet<string> | undefined
  #last: Observation | undefined

  constructor(scene: Scene) {
    this.#scene = scene
    this.#chronicle = chronicleOf(scene)
    this.#graph = graphOf(scene)
  }

  /** Takes in an observation, once, however many laws tell it. */
  see(seen: Observation): void {
    if (seen === this.#last) return
    this.#last = seen
    this.ended = undefined
    this.#chronicle.see(seen)
    if (seen.kind !== 'event') return
    const { event } = seen
    if (event.type === 'unregistered') this.#wants.delete(event.name)
    else if (event.type === 'registered') {
      this.#wants.delete(event.name)
      this.#blur() // it may raise the desire of whatever it requires
    } else if (event.type === 'operation') {
      if (event.phase === 'begin') this.#begins(event)
      else this.#ends(event, this.#chronicle.called)
    }
  }

  /** Whether a service is desired up. */
  desired(name: string): Maybe {
    const want = this.#wants.get(name)
    if (this.#doubtful.size > 0 || want?.vague === true) return undefined
    if (want === undefined) return false
    if (want.manual || want.shut || want.removing) return false
    if (want.wanted) return true
    let maybe = false
    for (const [id, sure] of want.claims) {
      if (sure && this.#lasting(id)) return true
      maybe = true
    }
    return maybe ? undefined : false
  }

  /** What was vague has been seen: it is up or down now, and nothing moves. */
  resolve(name: string, up: boolean): void {
    const want = this.#want(name)
    // While somebody may still take back that he wants it, it stays open whether anybody else does.
    if (!want.vague || (up && (want.claims.size > 0 || this.#doubtful.size > 0))) return
    want.vague = false
    want.wanted = up
    if (up) want.manual = want.shut = false
    else want.claims.clear()
  }

  /** Whether nobody wants a service any more, and nobody asked for it to be down either. */
  isLeft(name: string): boolean {
    const want = this.#wants.get(name)
    if (want === undefined || want.vague || this.#doubtful.size > 0) return false
    return !(want.manual || want.shut || want.removing || want.wanted) && want.claims.size === 0
  }

  isVague(name: string): boolean {
    return this.#wants.get(name)?.vague === true
  }

  #want(name: string): Want {
    const known = this.#wants.get(name)
    if (known !== undefined) return known
    const want = { manual: false, shut: false, removing: false, wanted: false, claims: new Map(), vague: false }
    this.#wants.set(name, want)
    return want
  }

  /** Whether an operation under way cannot have begun to take back what it wants. */
  #lasting(id: number): boolean {
    const call = this.#chronicle.operations.get(id)
    return call !== undefined && call.abortedAt < 0 && policyOf(call) === 'keep'
  }

  #begins({ operation, target, id }: OperationEvent): void {
    if (operation === 'stop') this.#stops(target)
    else if (operation === 'unregister') {
      // From the call on it is not started: what a start of the same turn wanted for it is not wanted by that.
      for (const call of this.#chronicle.operations.values())
        if (call.beganAt === this.#chronicle.now && call.seen.call !== 'unregister') this.#blur()
      this.#removes(target ?? '')
    } else if (operation === 'replace') this.#replaces(id)
    else if (operation !== 'register') this.#starts(id, target)
  }

  #stops(target: string | undefined): void {
    for (const name of target === undefined ? this.#chronicle.services.keys() : [target]) {
      if (!this.#chronicle.services.has(name)) continue
      const want = this.#want(name)
      want.wanted = want.vague = false
      want.claims.clear()
      if (target === undefined) want.shut = true
      else want.manual = true
    }
  }

  /** What is removed with it depends on who required it at the call. */
  #removes(target: string): void {
    const all = new Set([target])
    for (const each of all) for (const { name, edge } of this.#graph.dependents(each)) if (!edge.optional) all.add(name)
    for (const name of all) {
      const want = this.#want(name)
      want.vague = name !== target
      if (name !== target) continue
      want.removing = true
      want.wanted = false
      want.claims.clear()
    }
  }

  /** A start of the same turn may have found the old one or the new one: what it claims is open, too. */
  #replaces(id: number): void {
    this.#blur(id)
    for (const [other, call] of this.#chronicle.operations)
      if (call.beganAt === this.#chronicle.now) this.#mayClaimAny(other)
  }

  #mayClaimAny(id: number): void {
    const claimed = this.#about.get(id)
    if (claimed === undefined) return
    for (const name of this.#chronicle.services.keys()) {
      if (claimed.has(name)) continue
      claimed.add(name)
      this.#want(name).claims.set(id, false)
    }
  }

  /** A newcomer may require anything: whoever was down may be wanted now - by a replacement, until that ends. */
  #blur(id?: number): void {
    for (const name of this.#chronicle.services.keys()) {
      const want = this.#want(name)
      if (id !== undefined) want.claims.set(id, false)
      want.vague = !want.removing
    }
  }

  #starts(id: number, target: string | undefined): void {
    const roots = this.#roots(target)
    const claimed = this.#closure(roots)
    if (claimed === undefined) {
      // Something is missing, or being removed: nothing is touched. Were it not so, the operation would still be there.
      this.#doubtful.add(id)
      return
    }
    if (target === undefined) {
      for (const name of this.#chronicle.services.keys()) {
        const want = this.#want(name)
        if (want.shut) want.wanted = false
        want.shut = false
      }
    }
    for (const [name, sure] of claimed) {
      const want = this.#want(name)
      if (sure) want.manual = want.shut = false
      else if (this.desired(name) !== true) want.vague = true
      want.claims.set(id, sure)
    }
    this.#about.set(id, new Set(claimed.keys()))
    for (const { seen, beganAt } of this.#chronicle.operations.values())
      if (seen.call === 'replace' && beganAt === this.#chronicle.now) this.#mayClaimAny(id)
  }

  #roots(target: string | undefined): string[] {
    if (target !== undefined) return [target]
    const roots: string[] = []
    for (const name of this.#chronicle.services.keys())
      if (this.#scene.service(name)?.autoStart === true && !this.#want(name).removing) roots.push(name)
    return roots
  }

  /** The roots and what they require as far as it is not up, each with whether that is certain. */
  #closure(roots: readonly string[]): Map<string, boolean> | undefined {
    const claimed = new Map<string, boolean>(roots.map((name) => [name, true]))
    const queue = [...roots]
    for (const name of queue) {
      const known = this.#chronicle.services.get(name)
      if (known === undefined || this.#want(name).removing) return undefined
      const sure = claimed.get(name) === true && !this.#mayBeUp(name)
      const add = (edges: readonly Edge[], isThere: boolean): void => {
        for (const edge of edges) {
          if (edge.optional) continue
          const certain = sure && isThere && !this.#mayBeUp(edge.name)
          const before = claimed.get(edge.name)
          if (before === true || before === certain) continue
          claimed.set(edge.name, certain)
          queue.push(edge.name)
        }
      }
      add(this.#graph.edges(name), true)
      // What is about to take its place may have been looked at as well.
      for (const { dependencies } of this.#chronicle.newcomers(name)) add(dependencies, false)
    }
    return claimed
  }

  #mayBeUp(name: string): boolean {
    const known = this.#chronicle.services.get(name)
    return known !== undefined && phaseOf(known.state) === 'active' && this.desired(name) !== false
  }

  #ends({ operation, id, outcome, error }: OperationEvent, call: Called | undefined): void {
    if (operation === 'replace' || operation === 'unregister') {
      for (const name of this.#chronicle.services.keys()) {
        const want = this.#want(name)
        want.claims.delete(id)
        // A removal that failed has removed nothing; what came with it is open.
        if (operation === 'unregister' && want.removing && outcome !== 'done') want.vague = true
      }
      if (operation === 'replace') this.#blur()
      return
    }
    const about = this.#about.get(id)
    this.ended = about
    this.#about.delete(id)
    const code = (error as { readonly code?: unknown } | undefined)?.code
    if (this.#doubtful.delete(id) && code !== 'DEPENDENCY_MISSING') this.#blur()
    if (about === undefined) return
    const failed = outcome !== 'done' && code !== 'CANCELLED'
    const policy = call && policyOf(call)
    const withdrawn = call && failed && (code !== 'START_INCOMPLETE' || (policy && policy !== 'keep'))
    for (const name of about) {
      const want = this.#wants.get(name)
      const sure = want?.claims.get(id)
      if (want === undefined || sure === undefined) continue
      want.claims.delete(id)
      if (withdrawn === undefined || (code !== undefined && ERRORS.includes(code))) want.vague = true
      else if (!withdrawn && !want.manual && !want.shut) {
        if (sure) want.wanted = true
        else if (!want.wanted) want.vague = true
      }
    }
  }
}

/** With these nothing was to be touched; if it was thought to be, it is open what has. */
const ERRORS: readonly unknown[] = ['DEPENDENCY_MISSING', 'SERVICE_NOT_FOUND', 'CLOSED']

/** What a failure of a start does, if it is one; unknown while it cannot be told which of two calls it is of. */
export function policyOf({ seen, rivals }: Called): Policy | undefined {
  const policy = declaredPolicy(seen)
  for (const rival of rivals) if (rival.settled === undefined && declaredPolicy(rival.seen) !== policy) return undefined
  return policy
}

type Policy = NonNullable<Called['seen']['onFailure']>

/** The same by the call alone. */
export function declaredPolicy({ call, onFailure }: Called['seen']): Policy {
  return onFailure ?? (call === 'startService' || call === 'restartService' ? 'keep' : 'rollback')
}

const models = new WeakMap<Scene, Desires>()

/** The one model of a scene. */
export function desiresOf(scene: Scene): Desires {
  const known = models.get(scene)
  if (known !== undefined) return known
  const made = new Desires(scene)
  models.set(scene, made)
  return made
}
