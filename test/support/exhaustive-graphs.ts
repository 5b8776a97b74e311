/**
 * Every dependency graph of a few services, each up to isomorphism once, with every kind of edge from a given set.
 *
 * Services are numbered so that each depends on later ones only; an edge is a letter, `.` none. What an edge does to the
 * two services it joins, in every kind, is the matter of test/tables/edges.test.ts; here are the kinds that differ in how
 * edges work together:
 *
 * - `d`: the default; waits for `healthy`, follows a loss, orders a stop, carries desires, fails with what it waits for
 * - `k`: required, but keeps on at a loss: carries desires, orders nothing
 * - `o`: optional: waits until settled, keeps on, carries no desire
 * - `s`: optional, and follows a loss: orders a stop without carrying a desire
 * - `c`: `completed`: waits for an end instead of a beginning, knows no loss
 * - `t`: `started`: is satisfied by an end, too, and not lost by it
 */
import type { Dependency } from 'keelson'

/** A kind of edge. */
export type Kind = 'd' | 'k' | 'o' | 's' | 'c' | 't'

/** An edge for each ordered pair `i < j`, row by row: `i` depends on `j`. */
export interface Graph {
  readonly size: number
  readonly edges: string
}

export const NAMES = ['a', 'b', 'c', 'd'] as const

const SPECS: Readonly<Record<Kind, Omit<Dependency, 'name'>>> = {
  d: {},
  k: { onLoss: 'keep' },
  o: { optional: true },
  s: { optional: true, onLoss: 'stop' },
  c: { condition: 'completed' },
  t: { condition: 'started' },
}

/** Bound of a wait: over sooner than a start that hangs, so that both can be seen. */
const PATIENCE = 20_021

/** All graphs of `size` services with edges of these kinds. */
export function graphs(size: number, kinds: readonly Kind[]): Graph[] {
  const pairs = (size * (size - 1)) / 2
  const letters = ['.', ...kinds]
  const found = new Map<string, Graph>()
  for (let code = 0; code < letters.length ** pairs; code++) {
    let edges = ''
    for (let rest = code, i = 0; i < pairs; i++, rest = Math.floor(rest / letters.length))
      edges += letters[rest % letters.length]
    const canonical = canonicalOf(size, edges)
    if (!found.has(canonical)) found.set(canonical, { size, edges })
  }
  return [...found.values()]
}

/** Whether an edge joins two services that a longer way joins, too: between default edges it adds nothing to that way. */
export function isRedundant({ size, edges }: Graph): boolean {
  const reach = (from: number, to: number, least: number): boolean => {
    if (from === to) return least <= 0
    for (let via = from + 1; via <= to; via++)
      if (edges[index(size, from, via)] !== '.' && reach(via, to, least - 1)) return true
    return false
  }
  for (let i = 0; i < size; i++)
    for (let j = i + 1; j < size; j++) if (edges[index(size, i, j)] !== '.' && reach(i, j, 2)) return true
  return false
}

/** The dependencies of each service. */
export function dependencies({ size, edges }: Graph): Dependency[][] {
  return NAMES.slice(0, size).map((_, i) =>
    NAMES.slice(0, size).flatMap((name, j) => {
      const kind = i < j ? edges[index(size, i, j)] : '.'
      return kind === '.' ? [] : [{ name, timeout: PATIENCE, ...SPECS[kind as Kind] }]
    }),
  )
}

const required = new WeakMap<Graph, ReadonlyMap<string, readonly string[]>>()

/** What each service requires, by name. */
export function requirements(graph: Graph): ReadonlyMap<string, readonly string[]> {
  const known = required.get(graph)
  if (known) return known
  const edges = dependencies(graph).map((deps) => deps.flatMap(({ name, optional }) => (optional ? [] : [name])))
  const found = new Map(edges.map((names, i) => [NAMES[i] as string, names]))
  required.set(graph, found)
  return found
}

/** Whether something waits for this service to end, or is satisfied by its end. */
export function isJob({ size, edges }: Graph, service: number): boolean {
  for (let i = 0; i < service; i++) if ('ct'.includes(edges[index(size, i, service)] as string)) return true
  return false
}

const known = new WeakMap<Graph, readonly ReadonlyMap<string, string>[]>()

/** The ways to rename the services that leave the graph as it is; the first changes nothing. */
export function automorphisms(graph: Graph): readonly ReadonlyMap<string, string>[] {
  const found = known.get(graph)
  if (found) return found
  const { size, edges } = graph
  const written = matrix(size, edges, [...Array(size).keys()])
  const all = permutations(size)
    .filter((order) => matrix(size, edges, order) === written)
    .map((order) => new Map(order.map((to, from) => [NAMES[from] as string, NAMES[to] as string])))
  const others = all.filter((renaming) => [...renaming].some(([from, to]) => from !== to))
  known.set(graph, [new Map(), ...others])
  return automorphisms(graph)
}

const index = (size: number, i: number, j: number): number => (i * (2 * size - i - 1)) / 2 + (j - i - 1)

/** The least of all ways to write the same graph down. */
function canonicalOf(size: number, edges: string): string {
  let least: string | undefined
  for (const order of permutations(size)) {
    const cells: string[] = []
    for (const i of order) for (const j of order) cells.push(i < j ? (edges[index(size, i, j)] as string) : '.')
    const text = cells.join('')
    if (least === undefined || text < least) least = text
  }
  return least as string
}

/** The edges between all pairs, the services in some order. */
function matrix(size: number, edges: string, order: readonly number[]): string {
  return order.flatMap((i) => order.map((j) => (i < j ? edges[index(size, i, j)] : '.'))).join('')
}

function permutations(size: number): number[][] {
  if (size === 0) return [[]]
  return permutations(size - 1).flatMap((rest) =>
    Array.from({ length: size }, (_, at) => [...rest.slice(0, at), size - 1, ...rest.slice(at)]),
  )
}
