// Laws of health checks (R24-R26): when they run, and that a verdict has enough bad results behind it.

import type { Law } from '../observation.js'
import { chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'
import { Results } from './verdicts.js'

/** Granted: the check of an ended epoch, for which no stop waits, and the moment at which an end is decided. */
export const checks: Law = {
  title: 'R24 checks run only while active, not before startGrace is over, and never overlap themselves',
  hears: ['enter', 'leave'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const running = new Map<string, number>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'leave' && seen.hook === 'check' && running.get(seen.service) === seen.id)
        running.delete(seen.service)
      if (seen.kind !== 'enter') return undefined
      if (seen.hook === 'start') running.delete(seen.service)
      if (seen.hook !== 'check') return undefined
      const { service, epoch, at } = seen
      if (running.has(service))
        return `a check of ${service} (epoch ${epoch}) was entered at ${at} while another one is in flight`
      running.set(service, seen.id)
      const known = chronicle.services.get(service)
      const grace = scene.service(service)?.healthCheck.startGrace ?? 0
      if (known === undefined || known.epoch !== epoch || phaseOf(known.state) !== 'active') {
        const status = scene.app.getServiceStatus(service)
        return status.epoch === epoch && status.phase === 'active'
          ? undefined
          : `a check of ${service} (epoch ${epoch}) was entered while it is ${status.state} (epoch ${status.epoch})`
      }
      return at < known.sinceLeast + grace - 1
        ? `a check of ${service} was entered at ${at}, it is active since ${known.since} with a grace of ${grace}`
        : undefined
    }
  },
}

/**
 * Bad results are counted as often as they can have been: each that came, and one for each time that a check that hangs
 * was over its time. Granted: services whose checks are not seen.
 */
export const verdicts: Law = {
  title: 'R25 no verdict of unhealthy without failureThreshold bad results in a row',
  hears: ['enter', 'leave', 'stall', 'quiet', 'event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const results = new Results(scene)
    return (seen) => {
      chronicle.see(seen)
      results.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      const bad =
        (event.type === 'health' && event.newHealth === 'unhealthy' && event.oldHealth !== 'unhealthy') ||
        (event.type === 'state' && event.newState === 'stopping' && event.reason === 'unhealthy')
      if (!bad || !('name' in event)) return undefined
      const declared = scene.service(event.name)
      if (declared?.kind !== 'managed') return undefined
      const count = results.most(event.name)
      return count < declared.healthCheck.failureThreshold
        ? `${event.name} is unhealthy (#${event.seq}) after ${count} bad results, it takes ${declared.healthCheck.failureThreshold}`
        : undefined
    }
  },
}
