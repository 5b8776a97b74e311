// The dependencies of a scene, asked anew each time: which edges there are, and what each of them says of two statuses.
// Naive on purpose - no counters, no facts kept - since it judges those that keep them.

import type { ServiceStatus } from '../../index.js'
import type { Scene, SceneService } from '../observation.js'
import { type Chronicle, chronicleOf } from './chronicle.js'

/** One declared dependency. */
export type Edge = SceneService['dependencies'][number]

/** A dependency from the other side. */
export interface Dependent {
  readonly name: string
  readonly edge: Edge
}

/** Yes, no, or not to be told from outside. */
export type Maybe = boolean | undefined

/** The graph of a scene as it is now. */
export class Graph {
  readonly #scene: Scene
  readonly #chronicle: Chronicle
  #dependents: ReadonlyMap<string, readonly Dependent[]> | undefined
  #madeFor = -1

  constructor(scene: Scene) {
    this.#scene = scene
    this.#chronicle = chronicleOf(scene)
  }

  /** What a service declares to need, in that order. */
  edges(name: string): readonly Edge[] {
    return this.#scene.service(name)?.dependencies ?? []
  }

  /** Who declares to need a service. */
  dependents(name: string): readonly Dependent[] {
    return this.#all().get(name) ?? []
  }

  /** The services with an edge towards `name` over which they stop when it goes away. */
  leaning(name: string): readonly Dependent[] {
    return this.dependents(name).filter(({ edge }) => leans(edge))
  }

  /** A service and what it requires, transitively. */
  required(name: string): Set<string> {
    const all = new Set([name])
    for (const each of all) for (const edge of this.edges(each)) if (!edge.optional) all.add(edge.name)
    return all
  }

  /** All who can lose something when `name` goes away, transitively, itself included. */
  above(name: string): Set<string> {
    const all = new Set([name])
    for (const each of all) for (const dependent of this.dependents(each)) all.add(dependent.name)
    return all
  }

  /** Rebuilt whenever an object may have come, gone or been exchanged. */
  #all(): ReadonlyMap<string, readonly Dependent[]> {
    const { graph } = this.#chronicle
    if (this.#dependents !== undefined && graph === this.#madeFor) return this.#dependents
    const dependents = new Map<string, Dependent[]>()
    for (const name of this.#chronicle.services.keys()) {
      for (const edge of this.edges(name)) {
        const known = dependents.get(edge.name)
        if (known === undefined) dependents.set(edge.name, [{ name, edge }])
        else known.push({ name, edge })
      }
    }
    this.#dependents = dependents
    this.#madeFor = graph
    return dependents
  }
}

const graphs = new WeakMap<Scene, Graph>()

/** The one graph of a scene. */
export function graphOf(scene: Scene): Graph {
  const known = graphs.get(scene)
  if (known !== undefined) return known
  const made = new Graph(scene)
  graphs.set(scene, made)
  return made
}

/** Whether a dependent stops when the target of an edge leaves its active phase. */
export function leans(edge: Edge): boolean {
  return edge.onLoss === 'stop' && edge.condition !== 'completed'
}

/** Active, yet about to stop (R13): it satisfies nothing. */
export function ending(status: ServiceStatus): boolean {
  return status.phase === 'active' && status.blockedBy !== undefined
}

/** Whether the condition of an edge holds of a status; `completed` is what is known of the last ended epoch. */
export function satisfied(edge: Edge, status: ServiceStatus | undefined, completed: Maybe): Maybe {
  if (status === undefined || ending(status)) return false
  const active = status.phase === 'active'
  if (edge.condition === 'completed') return completed
  if (edge.condition === 'started') return active ? true : completed
  return active && (status.health === 'healthy' || status.health === 'degraded')
}

/** What can be read of all services at one moment. */
export interface Reading {
  status(name: string): ServiceStatus | undefined
  completed(name: string): Maybe
  /** What has been found so far of who has settled. */
  readonly settled: Map<string, Maybe>
}

/**
 * Whether an optional wait for a service is over without it (lifecycle.md §4): down the waits of others, each looked at
 * once. One that is being stopped has settled only when it is at rest (§12).
 */
export function settled(graph: Graph, read: Reading, name: string): Maybe {
  const known = read.settled.get(name)
  if (known !== undefined || read.settled.has(name)) return known
  read.settled.set(name, undefined)
  const found = settles(graph, read, name)
  read.settled.set(name, found)
  return found
}

function settles(graph: Graph, read: Reading, name: string): Maybe {
  const status = read.status(name)
  if (status === undefined) return true
  if (status.phase === 'idle') return true
  if (status.phase === 'active') return status.health === 'unhealthy'
  if (status.phase === 'moving') return false
  if (status.state !== 'waiting') return true
  const completed = read.completed(name)
  if (completed !== false) return completed
  let all: Maybe = false
  for (const edge of graph.edges(name)) {
    if (edge.optional) continue
    const open = satisfied(edge, read.status(edge.name), read.completed(edge.name))
    if (open === true) continue
    const stuck = settled(graph, read, edge.name)
    // A wait that has ended in `warn` or `continue` holds nobody any more.
    if (stuck === true && open === false && edge.onTimeout === 'fail') return true
    if (stuck !== false) all = undefined
  }
  return all
}
