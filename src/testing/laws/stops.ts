// Laws of how stops come out (R31): what is unclean about the end of an epoch is told with it, and a stop rejects for what
// was unclean while it lasted, and for nothing else. The first goes by the hooks, the second by the events.

import { isKeelsonError, type OperationReport, type StateEvent } from '../../index.js'
import type { Law, SceneService } from '../observation.js'
import { chronicleOf } from './chronicle.js'
import { type Graph, graphOf, leans } from './graph.js'
import { phaseOf } from './known.js'

/** What the hooks of one epoch came to, as far as its end has to tell. */
interface Hooks {
  readonly instance: number
  readonly kind: SceneService['kind'] | undefined
  /** What `onStop` and the disposers threw. */
  readonly errors: unknown[]
  /** `onStart`, `onRun`, `onStop` and the disposers in flight. */
  readonly open: Set<number>
  /** A hook was in flight when a later one was entered, so it had been abandoned. */
  abandoned: boolean
}

/**
 * Granted: of services whose disposers are not seen only what `onStop` did; and a hook that settles in the very moment in
 * which its time is over may have been abandoned or not.
 */
export const cleanness: Law = {
  title: 'R31 the end of a stop tells what was unclean about it, and nothing else',
  hears: ['event', 'enter', 'leave'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const lives = new Map<string, Hooks>()
    let hurriedAt = -1
    /** Whether the stop that is over lasted as long as its shortest deadline. */
    const couldTimeOut = (name: string, instance: number): boolean => {
      const known = chronicle.services.get(name)
      const declared = scene.service(name)
      if (known === undefined || declared?.instance !== instance || hurriedAt >= known.priorSinceLeast) return true
      const { stopTimeout, abortGrace } = declared
      const least = Math.min(stopTimeout, abortGrace, stopTimeout - abortGrace)
      return chronicle.now - known.priorSinceLeast >= least - 1
    }
    const ended = ({ name, epoch, seq, unclean = [] }: StateEvent, hooks: Hooks): string | undefined => {
      const which = `${name} (epoch ${epoch}) at #${seq}`
      let late = false
      for (const error of unclean) {
        if (isKeelsonError(error, 'STOP_TIMEOUT')) late = true
        else if (!isKeelsonError(error, 'STOP_FAILED')) return `the stop of ${which} tells what is no error of a stop`
      }
      const abandoned = hooks.abandoned || hooks.open.size > 0
      if (abandoned && !late) return `a hook of ${which} was abandoned, and its stop is not told to be unclean`
      const { kind } = hooks
      if (kind === 'managed' && late && !abandoned && !couldTimeOut(name, hooks.instance))
        return `the stop of ${which} is told to have timed out, and its hooks had settled in time`
      // Beside what was abandoned it is open which of the others was still waited for.
      if (late) return undefined
      const told = unclean.map((error) => (error as Error).cause)
      for (const error of hooks.errors)
        if (!told.includes(error)) return `something failed in the stop of ${which}, and is not told`
      return kind === 'managed' && told.some((cause) => !hooks.errors.includes(cause))
        ? `the stop of ${which} is told to have failed, and nothing in it did`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      if (chronicle.hurried) hurriedAt = chronicle.now
      if (seen.kind === 'enter') {
        const { service, epoch, instance, hook, id } = seen
        if (hook === 'check') return undefined
        const key = `${service} ${epoch}`
        let hooks = lives.get(key)
        if (hook === 'start') {
          const kind = scene.service(service)?.kind
          if (kind === 'foreign') return undefined
          hooks = { instance, kind, errors: [], open: new Set(), abandoned: false }
          lives.set(key, hooks)
        }
        if (hooks?.instance !== instance) return undefined
        if (hook !== 'run' && hooks.open.size > 0) hooks.abandoned = true
        hooks.open.add(id)
      } else if (seen.kind === 'leave') {
        const { service, epoch, hook, id, failed, error } = seen
        const hooks = lives.get(`${service} ${epoch}`)
        if (hooks?.open.delete(id) !== true) return undefined
        if (failed && (hook === 'stop' || hook === 'dispose')) hooks.errors.push(error)
      } else if (seen.kind === 'event' && seen.event.type === 'state' && seen.event.oldState === 'stopping') {
        const key = `${seen.event.name} ${seen.event.epoch}`
        const hooks = lives.get(key)
        lives.delete(key)
        return hooks && ended(seen.event, hooks)
      }
      return undefined
    }
  },
}

/** A stop under way. */
interface Stopping {
  /** Whose end it has to answer for; every service's if absent. */
  readonly about: Set<string> | undefined
  /** Those of them that ended uncleanly, and what was unclean about whomever. */
  readonly culprits: Map<string, readonly unknown[]>
  readonly told: Set<unknown>
}

/** Granted: dependents that may not have come down because of it. */
export const answers: Law = {
  title: 'R31 a stop rejects naming every service that did not stop cleanly, and resolves if none did',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    const stops = new Map<number, Stopping>()
    const isLive = (name: string): boolean => {
      const phase = phaseOf(chronicle.services.get(name)?.state ?? 'unknown')
      return phase === 'active' || phase === 'starting' || phase === 'stopping'
    }
    /** Its dependents come down with it if it was up, and theirs if they were. */
    const takenDown = (target: string): Set<string> => {
      const all = new Set(isLive(target) ? [target] : [])
      for (const name of all)
        if (phaseOf(chronicle.services.get(name)?.state ?? 'unknown') === 'active')
          for (const each of leaning(graph, name)) if (isLive(each) && same(each)) all.add(each)
      return all
    }
    /** Whether the object that is there now is the one that is coming down. */
    const same = (name: string): boolean => {
      const life = chronicle.lives.get(name)
      const declared = scene.service(name)
      if (declared?.kind !== 'managed' && declared?.kind !== 'given') return false
      return life?.instance === declared.instance && life.epoch === chronicle.services.get(name)?.epoch
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'state') {
        if (event.oldState !== 'stopping' || stops.size === 0) return undefined
        for (const { about, culprits, told } of stops.values()) {
          for (const error of event.unclean ?? []) told.add(error)
          // Its next epoch, if it has one, is no business of the stop.
          const isIts = about === undefined || about.delete(event.name)
          if (isIts && event.unclean !== undefined) culprits.set(event.name, event.unclean)
        }
        return undefined
      }
      if (event.type !== 'operation' || (event.operation !== 'stop' && event.operation !== 'unregister'))
        return undefined
      const { id, operation, target, seq, outcome, error } = event
      if (event.phase === 'begin') {
        const about = target === undefined ? undefined : takenDown(target)
        stops.set(id, { about, culprits: new Map(), told: new Set() })
        return undefined
      }
      const stop = stops.get(id)
      stops.delete(id)
      const incomplete = isKeelsonError(error, 'STOP_INCOMPLETE') ? error : undefined
      if (stop === undefined || (outcome !== 'done' && incomplete === undefined)) return undefined
      const which = `operation ${id} (${operation}${target === undefined ? '' : ` ${target}`}), over at #${seq},`
      if (incomplete === undefined) {
        for (const name of stop.culprits.keys()) return `${which} is done, and ${name} did not stop cleanly`
        return undefined
      }
      if (!stop.told.has(incomplete.cause)) return `${which} failed by what is not unclean about any stop`
      const { services } = incomplete.report as OperationReport
      const rows = new Map(services.map((row) => [row.name, row]))
      for (const [name, [first]] of stop.culprits) {
        if (!incomplete.message.includes(`'${name}'`)) return `${which} does not name ${name}, which was unclean`
        const row = rows.get(name)
        if ((row?.outcome !== 'failed' && row?.outcome !== 'abandoned') || row.error !== first)
          return `${which} reports ${name}, which was unclean, as ${row?.outcome}`
      }
      return undefined
    }
  },
}

function* leaning(graph: Graph, name: string): Iterable<string> {
  for (const dependent of graph.dependents(name)) if (leans(dependent.edge)) yield dependent.name
}
