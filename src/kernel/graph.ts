// The dependency graph as a graph: cycles, near names, and the graph as data and as text.
// Works on whatever has neighbours; knows no states and no services.

import type { DependencyGraph } from '../events.js'

/** The neighbours of a node in one direction. */
export type Neighbours<Node> = (node: Node) => Iterable<Node>

/**
 * The shortest cycle through a node, from it to itself, or `undefined`. Searches in both directions by turns and stops
 * when either side is exhausted, so that registering a service costs no more than its smaller side.
 */
export function cycleThrough<Node>(node: Node, down: Neighbours<Node>, up: Neighbours<Node>): Node[] | undefined {
  const sides = [back(node, down), back(node, up)]
  for (;;) {
    for (const side of sides) {
      const { done, value } = side.next()
      if (done === true) return side === sides[0] ? value?.reverse() : value
    }
  }
}

/** The shortest way back to a node, last step first; yields after each node that it has come to. */
function* back<Node>(node: Node, next: Neighbours<Node>): Generator<undefined, Node[] | undefined, undefined> {
  const cameFrom = new Map<Node, Node>()
  const queue = [node]
  for (const at of queue) {
    for (const to of next(at)) {
      if (to === node) {
        const way = [node]
        for (let each = at; each !== node; each = cameFrom.get(each) as Node) way.push(each)
        return [...way, node]
      }
      if (cameFrom.has(to)) continue
      cameFrom.set(to, at)
      queue.push(to)
      yield
    }
  }
  return undefined
}

/** The registered name most like a missing one, unless it differs by more than a third of the missing name's length. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.floor(name.length / 3) + 1
  for (const candidate of names) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= least) continue
    const far = distance(name, candidate)
    if (far < least) [best, least] = [candidate, far]
  }
  return best
}

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours count one each. */
function distance(a: string, b: string): number {
  let before: number[] = []
  let last: number[] = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1))
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] as number) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}

/** A graph that prints itself. */
export function drawn({ nodes, edges }: Pick<DependencyGraph, 'nodes' | 'edges'>): DependencyGraph {
  const id = new Map(nodes.map(({ name }, i) => [name, `n${i}`]))
  const label = ({ name, state }: DependencyGraph['nodes'][number]): string =>
    `${name}${state === undefined ? ' (missing)' : ` · ${state}`}`
  return Object.freeze({
    nodes: Object.freeze(nodes),
    edges: Object.freeze(edges),
    toMermaid: () =>
      [
        'graph LR',
        ...nodes.map((node) => `  ${id.get(node.name)}["${label(node).replaceAll('"', '#quot;')}"]`),
        ...edges.map(
          ({ from, to, condition, optional }) =>
            `  ${id.get(from)} ${optional ? '-.->' : '-->'}|${condition}| ${id.get(to)}`,
        ),
      ].join('\n'),
    toDot: () =>
      [
        'digraph services {',
        '  rankdir=LR',
        ...nodes.map((node) => `  ${quote(node.name)} [label=${quote(label(node))}]`),
        ...edges.map(
          ({ from, to, condition, optional }) =>
            `  ${quote(from)} -> ${quote(to)} [label=${quote(condition)}${optional ? ' style=dashed' : ''}]`,
        ),
        '}',
      ].join('\n'),
    toJSON: () => ({ nodes, edges }),
  })
}

const quote = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
