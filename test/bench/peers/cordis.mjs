// cordis applies a plugin when what it injects is there, and disposes of it when that goes away.

import { Context } from 'cordis'

export const contestant = {
  name: 'cordis',
  use: '`ctx.plugin({ inject, apply })` for each, which provides a service by `ctx.set()` and stops on `dispose`; `ctx.start()`, `ctx.stop()`',
  lacks: 'waiting for a hook that takes time, states of services, failure handling',
  synchronous: true,
  build(specs) {
    const root = new Context()
    return {
      async start() {
        for (const { name, dependsOn, start, stop } of specs)
          root.plugin({
            name,
            inject: [...dependsOn],
            apply(ctx) {
              start()
              ctx.set(name, {})
              ctx.on('dispose', () => stop())
            },
          })
        await root.start()
      },
      stop: () => root.stop(),
    }
  },
}
