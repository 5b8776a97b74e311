/**
 * Which small systems are explored, and how deep: as far as the number of ways to go allows, in the suite and by command.
 *
 * With default edges all graphs of up to four services are in it to six decisions from rest; with three and four from up,
 * too, where `start()` and their starts have been decided already, to five more. All kinds of edges are in it for two
 * services to six decisions, where each kind shows all that it does to its two ends, and for three to three. With three,
 * edges meet - in a chain, a fork, a join - and what matters there is what an edge lets through: desires and losses (`d`),
 * or neither (`o`); the others are mixtures of these two or differ at one end only, so these two go to five. Two graphs that
 * differ only in the names of their services are one. Replacing, removing, restarting and aborting are about one service and
 * its next neighbour, and are explored with one and two.
 */

import type { Scope } from './exhaustive.js'
import type { From } from './exhaustive-branch.js'
import type { Intents } from './exhaustive-decisions.js'
import { type Graph, graphs, isRedundant, type Kind } from './exhaustive-graphs.js'

/** Graphs that are explored in the same way. */
export interface Row {
  readonly size: number
  readonly kinds: readonly Kind[]
  readonly intents: Intents
  readonly depth: number
  /** Default: both. */
  readonly from?: From
  /** Only graphs in which each edge joins what nothing else joins, or only the others, or only those with an `o`. */
  readonly edges?: 'needed' | 'redundant' | 'mixed'
  /** As in a scope. */
  readonly alone?: number
}

const ALL: readonly Kind[] = ['d', 'k', 'o', 's', 'c', 't']

/** By command: first what is soon done. */
export const BIG: readonly Row[] = [
  { size: 1, kinds: [], intents: 'many', depth: 6 },
  { size: 2, kinds: ALL, intents: 'few', depth: 6 },
  { size: 2, kinds: ALL, intents: 'many', depth: 4 },
  { size: 3, kinds: ['d'], intents: 'few', depth: 6, from: 'rest', alone: 5 },
  { size: 3, kinds: ['d'], intents: 'few', depth: 5, from: 'up', alone: 5 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 4 },
  { size: 3, kinds: ALL, intents: 'few', depth: 3 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 6, from: 'rest', edges: 'needed', alone: 5 },
  { size: 3, kinds: ['d', 'o'], intents: 'few', depth: 5, edges: 'mixed', alone: 4 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 6, from: 'rest', edges: 'redundant', alone: 5 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 5, from: 'up', alone: 4 },
]

/** In the suite: every path, whether or not its states have been seen before. */
export const SMALL: readonly Row[] = [
  { size: 1, kinds: [], intents: 'many', depth: 3 },
  { size: 2, kinds: ALL, intents: 'few', depth: 2 },
  { size: 3, kinds: ['d'], intents: 'few', depth: 2 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 1 },
]

/** The scopes of a row: each of its graphs, from rest and from up. */
export function scopesOf({ size, kinds, intents, depth, from, edges, alone = depth }: Row): Scope[] {
  const isMeant = (graph: Graph): boolean => {
    if (edges === 'mixed') return graph.edges.includes('o')
    return edges === undefined || isRedundant(graph) === (edges === 'redundant')
  }
  const starts = from ? [from] : (['rest', 'up'] as const)
  return graphs(size, kinds)
    .filter(isMeant)
    .flatMap((graph) => starts.map((each): Scope => ({ graph, from: each, depth, intents, alone })))
}
