/**
 * Which small systems are explored, and how deep: as far as the number of ways to go allows, in the suite and by command.
 *
 * All kinds of edges are in it for two services, where each kind shows all that it does to its two ends. With three, edges
 * meet - in a chain, a fork, a join - and what matters there is what an edge lets through: desires and losses (`d`), or
 * neither (`o`); the others are mixtures of these two or differ at one end only. With four, what is new is the way of
 * a diamond or a longer chain, which the default edge draws. Two graphs that differ only in the names of their services are
 * one. Replacing, removing and aborting are about one service and its next neighbour, and are explored with one and two.
 */

import type { Scope } from './exhaustive.js'
import type { Intents } from './exhaustive-decisions.js'
import { type Graph, graphs, type Kind } from './exhaustive-graphs.js'

/** Graphs that are explored in the same way. */
export interface Row {
  readonly size: number
  readonly kinds: readonly Kind[]
  readonly intents: Intents
  readonly depth: number
}

const ALL: readonly Kind[] = ['d', 'k', 'o', 's', 'c', 't']

/** By command; first what is soon done, then as deep as time allows. */
export const BIG: readonly Row[] = [
  { size: 1, kinds: [], intents: 'many', depth: 4 },
  { size: 2, kinds: ALL, intents: 'few', depth: 4 },
  { size: 3, kinds: ['d'], intents: 'few', depth: 3 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 3 },
  { size: 2, kinds: ALL, intents: 'many', depth: 3 },
  { size: 3, kinds: ['d', 'o'], intents: 'few', depth: 4 },
  { size: 1, kinds: [], intents: 'many', depth: 6 },
  { size: 2, kinds: ALL, intents: 'few', depth: 6 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 4 },
  { size: 3, kinds: ['d'], intents: 'few', depth: 6 },
]

/** In the suite: every path, whether or not its states have been seen before. */
export const SMALL: readonly Row[] = [
  { size: 1, kinds: [], intents: 'many', depth: 3 },
  { size: 2, kinds: ALL, intents: 'few', depth: 2 },
  { size: 3, kinds: ['d'], intents: 'few', depth: 2 },
  { size: 4, kinds: ['d'], intents: 'few', depth: 1 },
]

/** The scopes of a row: each of its graphs, from rest and from up. */
export function scopesOf({ size, kinds, intents, depth }: Row): Scope[] {
  return graphs(size, kinds).flatMap((graph: Graph) =>
    (['rest', 'up'] as const).map((from) => ({ graph, from, depth, intents })),
  )
}
