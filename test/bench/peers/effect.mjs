// effect builds layers: each service is a scoped layer, provided with those that it depends on; one run time for all.

import { Effect, Layer, ManagedRuntime } from 'effect'

/** `mergeAll` takes its layers as arguments: many are merged in groups. */
const GROUP = 1_000

function merge(layers) {
  if (layers.length <= GROUP) return layers.length === 1 ? layers[0] : Layer.mergeAll(...layers)
  const groups = []
  for (let i = 0; i < layers.length; i += GROUP) groups.push(merge(layers.slice(i, i + GROUP)))
  return merge(groups)
}

export const contestant = {
  name: 'effect',
  use: '`Layer.effectDiscard(Effect.acquireRelease(start, stop))`, `Layer.provide` for each dependency, `Layer.mergeAll`, `ManagedRuntime`',
  lacks: 'states, events of services, starting and stopping one of them, health',
  build(specs) {
    const layers = new Map()
    const run = (hook, slow) => (slow ? Effect.promise(hook) : Effect.sync(hook))
    for (const { name, dependsOn, start, stop, slow } of specs) {
      const own = Layer.effectDiscard(Effect.acquireRelease(run(start, slow), () => run(stop, slow)))
      const below = dependsOn.map((dependency) => layers.get(dependency))
      layers.set(name, below.length === 0 ? own : Layer.provide(own, below.length === 1 ? below[0] : below))
    }
    const runtime = ManagedRuntime.make(merge([...layers.values()]))
    return { start: () => runtime.runPromise(Effect.void), stop: () => runtime.dispose() }
  },
}
