// The floor with objects, see `floor-objects.ts`, as one uses it.

import type { Contestant, Spec } from '../contestant.js'
import { Host, Service } from '../floor-objects.js'

const define = ({ name, dependsOn, start, stop }: Spec): Service => new Service(name, { dependsOn, start, stop })

export const contestant: Contestant = {
  name: 'floor-objects',
  use: 'hand-written: named services in a map, checked states, state events, joinable start and stop, order by counters',
  lacks: 'retries, deadlines, health, reports, restart on loss, yielding to the host',
  build(specs) {
    const host = new Host(specs.map(define))
    return {
      start: () => host.start(),
      stop: () => host.stop(),
      add: (spec) => host.add(define(spec)),
      remove: (name) => host.remove(name),
    }
  },
}
