// p-graph runs functions in the order of a graph: once along it to start, once against it to stop.

import { PGraph } from 'p-graph'

export const contestant = {
  name: 'p-graph',
  use: '`new PGraph(nodes, edges).run()` to start, and another with the edges turned round to stop',
  lacks: 'being a lifecycle at all: states, events, joining, restart, health',
  build(specs) {
    const up = new Map()
    const down = new Map()
    const edges = []
    for (const { name, dependsOn, start, stop } of specs) {
      up.set(name, { run: start })
      down.set(name, { run: stop })
      for (const dependency of dependsOn) edges.push([dependency, name])
    }
    const starting = new PGraph(up, edges)
    const stopping = new PGraph(
      down,
      edges.map(([a, b]) => [b, a]),
    )
    return { start: () => starting.run(), stop: () => stopping.run() }
  },
}
