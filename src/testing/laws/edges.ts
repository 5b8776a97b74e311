// Laws of dependencies at the moments that matter (R11, R13, R14, R16): what holds when a hook is entered, and who is
// stopped when somebody goes away. States are read from the orchestrator in the very hook.

import type { ServiceStatus, StateEvent } from '../../index.js'
import type { Law, Scene } from '../observation.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { type Edge, ending, graphOf, leans, type Maybe, satisfied } from './graph.js'
import { phaseOf } from './known.js'

function read(scene: Scene, name: string): ServiceStatus | undefined {
  try {
    return scene.app.getServiceStatus(name)
  } catch {
    return undefined // not registered
  }
}

/** What has completed in this very turn is not told by events yet. */
function completedNow(chronicle: Chronicle, name: string, status: ServiceStatus | undefined): Maybe {
  const told = chronicle.services.get(name)?.completed
  if (status === undefined) return false
  if (told !== false || status.stopReason === 'completed') return undefined
  return status.phase !== 'active' && chronicle.mayHaveEnded(name) ? undefined : false
}

/** Granted: whatever can only be guessed of a service that may have completed. */
export const conditions: Law = {
  title: 'R11 when onStart is entered the condition of every required edge holds, or its wait has ended',
  hears: ['enter'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'enter' || seen.hook !== 'start') return undefined
      const known = chronicle.services.get(seen.service)
      for (const edge of scene.service(seen.service)?.dependencies ?? []) {
        if (edge.optional) continue
        const status = read(scene, edge.name)
        if (satisfied(edge, status, completedNow(chronicle, edge.name, status)) !== false) continue
        const waited = known?.state === 'waiting' ? chronicle.now - known.sinceLeast : 0
        if (
          edge.onTimeout !== 'fail' &&
          waited >= edge.timeout - 1 &&
          (status === undefined || !ending(status) || !leans(edge))
        )
          continue
        return `onStart of ${seen.service} (epoch ${seen.epoch}) was entered while ${edge.name} is ${words(status)}, it needs it ${edge.condition}`
      }
      return undefined
    }
  },
}

function words(status: ServiceStatus | undefined): string {
  if (status === undefined) return 'missing'
  return `${status.state} (${status.health}${ending(status) ? ', about to stop' : ''})`
}

const SICK: readonly unknown[] = ['failed', 'unhealthy', 'completed']

/**
 * Granted: stops in the last tenth of an operation's time (R31); one that was not active when it began; one that failed,
 * fell ill or ended of itself while it waited for its dependents, whatever reason it bears.
 */
export const orderly: Law = {
  title: 'R13 when onStop is entered in an orderly stop no dependent that would lose it has an instance',
  hears: ['enter'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    return (seen) => {
      chronicle.see(seen)
      const { life } = chronicle
      if (seen.kind !== 'enter' || seen.hook !== 'stop' || life === undefined) return undefined
      if (SICK.includes(seen.reason) || life.failed || life.runLeft) return undefined
      const dependents = graph.leaning(seen.service)
      if (dependents.length === 0 || chronicle.hurried) return undefined
      const known = chronicle.services.get(seen.service)
      if (known === undefined || phaseOf(known.state === 'stopping' ? known.prior : known.state) !== 'active')
        return undefined
      if (scene.service(seen.service)?.kind !== 'managed' || read(scene, seen.service)?.error !== undefined)
        return undefined
      for (const { name } of dependents) {
        const status = read(scene, name)
        // One whose wait has ended in `warn` while this one stops has nothing to lose.
        if (known.state === 'stopping' && (chronicle.services.get(name)?.startSeq ?? 0) > known.lostSeq) continue
        if (status?.phase === 'active' || status?.phase === 'moving')
          return `onStop of ${seen.service} (epoch ${seen.epoch}, ${seen.reason}) was entered while ${name} is ${status.state} (epoch ${status.epoch})`
      }
      return undefined
    }
  },
}

/**
 * Granted: as above; who was on the way to its end before it took effect; who is checked, and may have been found unhealthy
 * meanwhile; and a start of all that ends the order of the stop.
 */
export const shutdown: Law = {
  title: 'R13 in a stop of all onStop waits for whoever depends on it, over whatever edge',
  hears: ['call', 'enter', 'event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    const leaving = new Set<string>()
    const look = (): void => {
      for (const status of scene.app.snapshot().services)
        if (ending(status) || status.phase === 'moving') leaving.add(status.name)
    }
    /** Somebody asked for it in the middle of a turn: until it begins, that turn may bring others to their end. */
    const isComing = (): boolean => {
      for (const { seen, begin } of chronicle.calls.values())
        if ((seen.call === 'stop' || seen.call === 'dispose') && seen.from !== 'script' && begin === undefined)
          return true
      return false
    }
    const isDown = (): boolean => {
      let isDown = false
      for (const { seen } of chronicle.calls.values()) {
        if (seen.call === 'start') return false
        if ((seen.call === 'stop' || seen.call === 'dispose') && seen.aborted !== true) isDown = true
      }
      return isDown
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'call' && (seen.call === 'stop' || seen.call === 'dispose')) {
        leaving.clear()
        look()
      } else if (seen.kind === 'event' && isComing()) look()
      const { life } = chronicle
      if (seen.kind !== 'enter' || seen.hook !== 'stop' || seen.reason !== 'shutdown' || life === undefined)
        return undefined
      const { service, epoch } = seen
      const known = chronicle.services.get(service)
      if (known === undefined || leaving.has(service) || !isDown()) return undefined
      if (life.failed || life.runLeft || life.startFailed || chronicle.hurried) return undefined
      if (scene.service(service)?.checks === true) return undefined
      if (phaseOf(known.state === 'stopping' ? known.prior : known.state) !== 'active') return undefined
      for (const { name } of graph.dependents(service)) {
        const status = read(scene, name)
        if (status?.phase !== 'active' && status?.phase !== 'moving') continue
        if (known.state === 'stopping' && (chronicle.services.get(name)?.startSeq ?? 0) > known.lostSeq) continue
        return `onStop of ${service} (epoch ${epoch}) was entered in a stop of all while ${name}, which depends on it, is ${status.state}`
      }
      return undefined
    }
  },
}

/** Whether the loss of `name` at `event` may be a clean end, which a `started` edge does not mind. */
const clean = (edge: Edge, reason: string | undefined): boolean =>
  edge.condition === 'started' && !SICK.slice(0, 2).includes(reason)

/**
 * Who leans on a service that left its active phase after they began to start has to go, too; looked at when all is
 * quiet. Granted: what may have been a clean end under a `started` edge.
 */
export const loss: Law = {
  title: 'R14 who leans on a service that was lost does not stay up',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    /** Why each was lost that time: a later end may have another reason. */
    const lost = new Map<string, string | undefined>()
    const graph = graphOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'event' && seen.event.type === 'state') {
        const { name, oldState, newState, reason } = seen.event
        if (newState === 'stopping' && phaseOf(oldState) === 'active') lost.set(name, reason)
        return undefined
      }
      if (chronicle.cut === undefined || !chronicle.quiet || lost.size === 0) return undefined
      for (const [name, reason] of lost) {
        const target = chronicle.services.get(name)
        if (target === undefined) continue
        for (const { name: from, edge } of graph.leaning(name)) {
          const known = chronicle.services.get(from)
          if (known === undefined || phaseOf(known.state) !== 'active' || clean(edge, reason)) continue
          if (known.startSeq > target.lostSeq) continue
          const status = chronicle.statuses.get(from)
          if (status === undefined || ending(status)) continue
          return `${from} is ${known.state} since #${known.startSeq} although ${name} left its active phase at #${target.lostSeq} (${reason})`
        }
      }
      lost.clear()
      return undefined
    }
  },
}

/**
 * A stop for `dependency` needs a dependency over an edge with `onLoss: 'stop'` that is not up any more, or about to stop;
 * looked at when it is told, so one that is up again by then is granted.
 */
export const blast: Law = {
  title: 'R15 a stop with reason dependency has a lost dependency behind it',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.type !== 'state') return undefined
      const { name, newState, reason } = seen.event
      if (newState !== 'stopping' || reason !== 'dependency') return undefined
      const started = chronicle.services.get(name)?.startSeq ?? 0
      for (const edge of scene.service(name)?.dependencies ?? []) {
        if (!leans(edge)) continue
        const known = chronicle.services.get(edge.name)
        if (known === undefined || known.lostSeq > started || phaseOf(known.state) !== 'active') return undefined
        const status = read(scene, edge.name)
        if (status === undefined || ending(status) || status.phase !== 'active') return undefined
      }
      return `${name} is stopped for a dependency (#${seen.event.seq}), and none that it leans on was lost`
    }
  },
}

/** Granted: the delay may begin later than the last quiet moment at which something else held the service. */
export const delays: Law = {
  title: 'R16 a startDelay is waited for in full, in waiting, from when nothing else holds the service',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const held = new Map<string, number>()
    const check = ({ name, oldState, seq }: StateEvent): string | undefined => {
      const delay = scene.service(name)?.startDelay ?? 0
      if (delay <= 0) return undefined
      const known = chronicle.services.get(name)
      if (oldState !== 'waiting' || known === undefined)
        return `${name} has a startDelay of ${delay} and started from ${oldState} (#${seq})`
      const since = Math.max(known.priorSinceLeast, held.get(name) ?? 0)
      return chronicle.now < since + delay - 1
        ? `${name} has a startDelay of ${delay}, was held until ${since} and started at ${chronicle.now}`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'event') {
        const { event } = seen
        if (event.type === 'unregistered') held.delete(event.name)
        return event.type === 'state' && event.newState === 'starting' ? check(event) : undefined
      }
      if (chronicle.cut === undefined) return undefined
      for (const { name, state, blockedBy } of chronicle.cut.services)
        if (state === 'waiting' && blockedBy?.some(({ kind }) => kind === 'dependency' || kind === 'backoff'))
          held.set(name, chronicle.earliest)
      return undefined
    }
  },
}
