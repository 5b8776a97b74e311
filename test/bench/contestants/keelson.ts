// keelson as its users use it: `defineService` and an `Orchestrator`, from the built package.

import type * as Keelson from 'keelson'
import type { Contestant, Spec } from '../contestant.js'

/** The built root entry to measure; the driver says which, so that two builds can be compared. */
export const entry: string = process.env.BENCH_KEELSON ?? 'keelson'

const { defineService, Orchestrator } = (await import(entry)) as typeof Keelson

const define = ({ name, dependsOn, start, stop }: Spec): Keelson.Service =>
  defineService(name, { dependsOn, start, stop })

export const contestant: Contestant = {
  name: 'keelson',
  use: '`new Orchestrator({ services })` of `defineService(name, { dependsOn, start, stop })`, `start()`, `stop()`; a bound of ten minutes for the stop of a million',
  lacks: '-',
  build(specs) {
    const app = new Orchestrator({ services: specs.map(define), shutdownTimeout: 600_000 })
    return {
      start: () => app.start(),
      stop: () => app.stop(),
      add(spec) {
        app.register(define(spec))
        return app.startService(spec.name)
      },
      remove: (name) => app.unregister(name),
    }
  },
}
