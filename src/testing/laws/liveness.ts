// Laws of what happens once nothing goes wrong any more (R7, R33), and of readings that must agree with one another:
// the dry run of what has been done is empty, the roll-up is that of the statuses (R28).

import type { HealthStatus, Plan, ServiceStatus } from '../../index.js'
import type { Law, Scene } from '../observation.js'
import { KINDS } from './calls.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { ending, graphOf, satisfied } from './graph.js'
import { desiresOf } from './model.js'

/**
 * Granted: who needs what nobody provides - a missing name, a job that does not run again, one that gave up - and who
 * needs one of those; a start that waits for a service that is up to be well.
 */
export const calm: Law = {
  title: 'R7 once faults stop, every satisfiable wanted service comes up and every waiter settles',
  hears: ['event', 'steady'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const desires = desiresOf(scene)
    const graph = graphOf(scene)
    return (seen) => {
      desires.see(seen)
      if (seen.kind !== 'steady') return undefined
      const { services } = seen.snapshot
      if (seen.exhausted && !waitsForHealth(chronicle, services)) {
        const busy = services.filter(
          ({ phase, health }) => phase === 'moving' || phase === 'pending' || health === 'checking',
        )
        const calls = [...chronicle.calls.values()].map(({ seen: { call, target } }) => `${call} ${target ?? ''}`)
        return `faults are off, and at ${seen.at} still in motion: ${[...busy.map(({ name, state }) => `${name} ${state}`), ...calls].join(', ')}`
      }
      const up = new Map(services.map((status) => [status.name, status]))
      for (const status of services) {
        if (status.phase !== 'pending' || status.state === 'auth_required') continue
        const open = graph
          .edges(status.name)
          .every((edge) => satisfied(edge, up.get(edge.name), chronicle.services.get(edge.name)?.completed) === true)
        // What `order: 'registration'` adds is declared by nobody; what is due in this very millisecond holds no more.
        const { blockedBy = [] } = status
        const own = blockedBy.every((cause) => graph.edges(status.name).some((edge) => edge.name === cause.name))
        if (open && own && blockedBy.length > 0)
          return `faults are off, all that ${status.name} needs is there, and it is ${status.state}`
      }
      return undefined
    }
  },
}

/** All that is left is a start that waits for the health of what is up and reports that it is not well. */
function waitsForHealth(chronicle: Chronicle, services: readonly ServiceStatus[]): boolean {
  for (const { seen } of chronicle.calls.values()) if (KINDS[seen.call] === 'stop') return false
  return (
    services.some(({ phase, health }) => phase === 'active' && health === 'unhealthy') &&
    services.every(({ phase, health }) => phase !== 'moving' && phase !== 'pending' && health !== 'checking')
  )
}

/** Looked at now and then, when all is quiet. Granted: services that are neither up nor at rest. */
export const plans: Law = {
  title: 'R44 what has been done is not planned again',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    let looks = 0
    return (seen) => {
      chronicle.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet || ++looks % 16 !== 0) return undefined
      const { services } = chronicle.cut
      const statuses = new Map(services.map((status) => [status.name, status]))
      return planned(scene.app.plan('start'), statuses, true) ?? planned(scene.app.plan('stop'), statuses, false)
    }
  },
}

function planned(
  { operation, steps }: Plan,
  statuses: ReadonlyMap<string, ServiceStatus>,
  start: boolean,
): string | undefined {
  const names = new Set<string>()
  for (const { name, action, after } of steps) {
    const status = statuses.get(name)
    if (status === undefined) return `the plan to ${operation} names ${name}, which is not registered`
    if (names.has(name)) return `the plan to ${operation} names ${name} twice`
    for (const other of after)
      if (!names.has(other)) return `the plan to ${operation} puts ${name} before ${other}, which it comes after`
    names.add(name)
    const good = status.health === 'healthy' || status.health === 'degraded'
    if (action !== operation) return `the plan to ${operation} would ${action} ${name}`
    if (start && status.phase === 'active' && good && !ending(status))
      return `the plan to start names ${name}, which is up`
    if (!start && (status.phase === 'idle' || status.phase === 'pending'))
      return `the plan to stop names ${name}, which is ${status.state}`
  }
  if (start) return undefined
  for (const { name, phase, state } of statuses.values())
    if ((phase === 'active' || phase === 'moving') && !names.has(name))
      return `the plan to stop leaves out ${name}, which is ${state}`
  return undefined
}

const ORDER: readonly HealthStatus[] = ['healthy', 'degraded', 'checking', 'unhealthy']

/** What a status counts for, as far as that is plain: one that rests after a failure, or may have completed, is open. */
function weight(
  chronicle: Chronicle,
  { name, phase, health, error, essential }: ServiceStatus,
): HealthStatus | undefined {
  let own: HealthStatus = health
  if (phase !== 'active') {
    const completed = chronicle.services.get(name)?.completed
    if (completed === true && phase !== 'moving') return 'healthy'
    if (completed !== false) return undefined
    own = error === undefined ? 'checking' : 'unhealthy'
  }
  return own === 'healthy' || essential ? own : 'degraded'
}

/** Looked at now and then. Granted: services of which the model cannot tell whether they are wanted. */
export const rollUp: Law = {
  title: 'R28 health() is the worst of what is desired up, and names who is to blame',
  hears: CUTS,
  begin: (scene: Scene) => {
    const chronicle = chronicleOf(scene)
    const desires = desiresOf(scene)
    let looks = 0
    return (seen) => {
      desires.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet || ++looks % 8 !== 0) return undefined
      let least = 0
      let most = 0
      for (const status of chronicle.cut.services) {
        const desired = desires.desired(status.name)
        if (desired === false) continue
        const own = weight(chronicle, status)
        const rank = own === undefined ? ORDER.length - 1 : ORDER.indexOf(own)
        most = Math.max(most, rank)
        if (desired === true && own !== undefined) least = Math.max(least, rank)
      }
      const { status, because } = scene.app.health()
      const rank = ORDER.indexOf(status)
      if (rank < least) return `health() is ${status}, the worst of what is desired up is ${ORDER[least]}`
      if (rank > most) return `health() is ${status}, nothing that may be desired up is worse than ${ORDER[most]}`
      if (because.length > 0 === (status === 'healthy')) return `health() is ${status} and blames ${because.length}`
      const { statuses } = chronicle
      for (const { name } of because) {
        const waits = statuses.get(name)?.blockedBy?.filter(({ kind }) => kind === 'dependency') ?? []
        // Nobody else is to blame for a name that is missing.
        if (waits.length > 0 && waits.every((cause) => statuses.has(cause.name)))
          return `health() blames ${name}, which waits for ${waits[0]?.name}`
      }
      return undefined
    }
  },
}
