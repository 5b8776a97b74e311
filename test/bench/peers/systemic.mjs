// systemic starts components one after the other in topological order, and stops them in the reverse one.

import Systemic from 'systemic'

export const contestant = {
  name: 'systemic',
  use: '`add(name, { start, stop })` with callbacks, `dependsOn(...)`, `start()`, `stop()`',
  lacks: 'starting in parallel, states, events, restart, health',
  build(specs) {
    const system = Systemic()
    for (const { name, dependsOn, start, stop, slow } of specs) {
      system.add(
        name,
        slow
          ? { start: async () => start(), stop: async () => stop() }
          : {
              start(_dependencies, done) {
                start()
                done(null, {})
              },
              stop(done) {
                stop()
                done()
              },
            },
      )
      if (dependsOn.length > 0) system.dependsOn(...dependsOn)
    }
    return { start: () => system.start(), stop: () => system.stop() }
  },
}
