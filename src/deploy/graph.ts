// Who needs whom, by name: orders, cycles and ways through it. Plain data; the graph is whatever is passed in.

/** Names to the names that they need; what is needed and not a key is not there. */
export type Needs = ReadonlyMap<string, Iterable<string>>

/**
 * The names with what they need before them, otherwise in the order of the map; `stuck` are those in cycles, and those
 * that need one of them.
 */
export function sort(graph: Needs): { readonly sorted: string[]; readonly stuck: Set<string> } {
  const left = new Map<string, number>()
  const needing = new Map<string, string[]>([...graph.keys()].map((name) => [name, []]))
  for (const [name, needs] of graph) {
    const present = [...new Set(needs)].filter((each) => graph.has(each))
    left.set(name, present.length)
    for (const each of present) needing.get(each)?.push(name)
  }
  const sorted = [...graph.keys()].filter((name) => left.get(name) === 0)
  for (const name of sorted) {
    for (const each of needing.get(name) ?? []) {
      const still = (left.get(each) ?? 0) - 1
      left.set(each, still)
      if (still === 0) sorted.push(each)
    }
  }
  const stuck = new Set(graph.keys())
  for (const name of sorted) stuck.delete(name)
  return { sorted, stuck }
}

/** Some cycles, none of which shares a name with another, each a shortest one from a name to itself; none if there is none. */
export function cyclesIn(graph: Needs): string[][] {
  const { stuck } = sort(graph)
  const seen = new Set<string>()
  const cycles: string[][] = []
  for (const start of stuck) {
    const walk = new Set<string>()
    // Each of them needs another one of them, so a walk comes back to itself, or to where one has been before.
    for (let at: string | undefined = start; at !== undefined && !seen.has(at); ) {
      seen.add(at)
      walk.add(at)
      const next: string | undefined = [...(graph.get(at) ?? [])].find((each) => stuck.has(each))
      if (next !== undefined && walk.has(next)) cycles.push(shortest(next, graph))
      at = next
    }
  }
  const taken = new Set<string>()
  return cycles.filter((cycle) => {
    const isFree = !cycle.some((name) => taken.has(name))
    for (const name of cycle) taken.add(name)
    return isFree
  })
}

/** A shortest cycle from a name to itself; there is one. Names are met in the order of their distance. */
function shortest(name: string, graph: Needs): string[] {
  const from = waysFrom(name, graph)
  const last = [...from.keys()].find((each) => [...(graph.get(each) ?? [])].includes(name)) ?? name
  return [...(wayTo(last, from) ?? []), name]
}

/** For each name that can be reached, the one before it on a shortest way; the start is its own. */
export function waysFrom(start: string, graph: Needs): ReadonlyMap<string, string> {
  const before = new Map([[start, start]])
  for (const at of before.keys()) for (const next of graph.get(at) ?? []) if (!before.has(next)) before.set(next, at)
  return before
}

/** The way to a name, from the start, both ends included; `undefined` if there is none. */
export function wayTo(name: string, ways: ReadonlyMap<string, string>): string[] | undefined {
  if (!ways.has(name)) return undefined
  const path = [name]
  for (let at = name; ; ) {
    const before = ways.get(at)
    if (before === undefined || before === at) return path.reverse()
    path.push(before)
    at = before
  }
}
