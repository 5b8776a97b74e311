// Who needs whom, by name: orders, cycles and ways through it. Plain data; the graph is whatever is passed in.

/** Names to the names that they need; what is needed and not a key is not there. */
export type Needs = ReadonlyMap<string, Iterable<string>>

/**
 * The names with what they need before them, otherwise in the order of the map; `stuck` are those in cycles, and those
 * that need one of them.
 */
export function sort(graph: Needs): { readonly sorted: string[]; readonly stuck: Set<string> } {
  const left = new Map<string, number>()
  const needing = new Map<string, string[]>()
  for (const [name, needs] of graph) {
    const present = [...new Set(needs)].filter((each) => graph.has(each))
    left.set(name, present.length)
    for (const each of present) needing.set(each, [...(needing.get(each) ?? []), name])
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

/** A shortest cycle through some name, from it to itself; `undefined` if there is none at all. */
export function cycleIn(graph: Needs): string[] | undefined {
  const { stuck } = sort(graph)
  const seen = new Set<string>()
  // Each of them needs another one of them, so this walk comes back to where it was.
  for (let [at] = stuck; at !== undefined; at = [...(graph.get(at) ?? [])].find((each) => stuck.has(each))) {
    if (seen.has(at)) return way(at, at, graph)
    seen.add(at)
  }
  return undefined
}

/** A shortest way of at least one step, both ends included; `undefined` if there is none. */
export function way(from: string, to: string, graph: Needs): string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [from]
  for (const at of queue) {
    for (const next of graph.get(at) ?? []) {
      if (next === to) {
        const path = [to]
        for (let back = at; ; back = cameFrom.get(back) as string) {
          path.push(back)
          if (back === from) return path.reverse()
        }
      }
      if (next === from || cameFrom.has(next)) continue
      cameFrom.set(next, at)
      queue.push(next)
    }
  }
  return undefined
}
