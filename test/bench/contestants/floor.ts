// The optimal code for building, starting and stopping a known set of services, and for nothing else: names are resolved
// once, an order is counted out, hooks are called along it and back. It is no library: no states, no events, no errors
// but those that fall through, nothing can be joined, added or asked afterwards.

import type { Contestant, Spec } from '../contestant.js'

/** A start order, counted out; edges lie in flat arrays, those to the dependents of `i` from `first[i]` to `first[i + 1]`. */
function order(specs: readonly Spec[]): Int32Array {
  const count = specs.length
  const missing = new Int32Array(count)
  const found = new Int32Array(count)
  let edges = 0
  for (let i = 0; i < count; i++) edges += missing[i] = specs[i]!.dependsOn.length
  let end = 0
  for (let i = 0; i < count; i++) if (missing[i] === 0) found[end++] = i
  if (edges === 0) return found

  const index = new Map<string, number>()
  for (let i = 0; i < count; i++) index.set(specs[i]!.name, i)
  const first = new Int32Array(count + 1)
  const targets = new Int32Array(edges)
  for (let i = 0, at = 0; i < count; i++)
    for (const name of specs[i]!.dependsOn) {
      const target = index.get(name)!
      targets[at++] = target
      first[target]!++
    }
  for (let i = 0, sum = 0; i <= count; i++) first[i] = sum += first[i]!
  const dependents = new Int32Array(edges)
  for (let i = count - 1, at = edges; i >= 0; i--)
    for (let left = missing[i]!; left > 0; left--) dependents[--first[targets[--at]!]!] = i
  for (let k = 0; k < end; k++) {
    const i = found[k]!
    for (let at = first[i]!; at < first[i + 1]!; at++)
      if (--missing[dependents[at]!]! === 0) found[end++] = dependents[at]!
  }
  if (end < count) throw new Error('a cycle')
  return found
}

export const contestant: Contestant = {
  name: 'floor',
  use: 'hand-written for the scenario: one order by counting, hooks called along it and back',
  lacks: 'all else: states, events, joining, failure handling, waiting for a hook that takes time',
  synchronous: true,
  build(specs) {
    const found = order(specs)
    const added = new Map<string, Spec>()
    return {
      start() {
        for (let k = 0; k < found.length; k++) specs[found[k]!]!.start()
      },
      stop() {
        for (const spec of added.values()) spec.stop()
        for (let k = found.length - 1; k >= 0; k--) specs[found[k]!]!.stop()
      },
      add(spec) {
        added.set(spec.name, spec)
        spec.start()
      },
      remove(name) {
        added.get(name)?.stop()
        added.delete(name)
      },
    }
  },
}
