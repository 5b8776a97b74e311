// Laws of calls and their promises (R29, R31, R33, R34, R50): each settles once, in time, after its events, with what it
// may settle with, and what it reports is so.

import { type ErrorCode, isKeelsonError, type OperationReport } from '../../index.js'
import type { CallName, Law } from '../observation.js'
import type { Called } from './calls.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { graphOf } from './graph.js'
import { phaseOf } from './known.js'

const STOPS: readonly CallName[] = ['stop', 'stopService', 'unregister', 'dispose']
const STARTS: readonly CallName[] = ['start', 'startService', 'restartService', 'replace']

const words = ({ seen }: Called): string =>
  `${seen.call}(${seen.target === undefined ? '' : `'${seen.target}'`}) number ${seen.id}`

/**
 * Its events are queued before a promise settles; told they are in a later slice of the turn at the latest, so before all
 * is quiet. Granted: a registration is over at once; a second disposal waits for the first.
 */
export const settlement: Law = {
  title: 'R33 every promise settles once, and as its end tells',
  hears: ['event', 'quiet', 'settled', 'end'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const early: Called[] = []
    const settles = (call: Called): string | undefined => {
      const { end, settled } = call
      if (end === undefined || settled === undefined) return undefined
      if ((end.outcome === 'done') === settled.rejected)
        return `${words(call)} ${settled.rejected ? 'rejected' : 'resolved'} and its outcome was told as ${end.outcome}`
      return settled.rejected && end.error !== settled.value
        ? `${words(call)} rejected with another error than its end tells`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'end') {
        for (const call of chronicle.calls.values()) return `${words(call)} of ${call.seen.at} never settled`
        return undefined
      }
      if (seen.kind === 'event' && seen.event.type === 'operation' && chronicle.called === undefined)
        return `operation ${seen.event.id} (${seen.event.operation} ${seen.event.target ?? ''}) ${seen.event.phase}s, and nobody called it`
      if (seen.kind === 'quiet' && chronicle.quiet && chronicle.whole) {
        for (const call of early.splice(0))
          if (call.begin !== undefined && call.end === undefined)
            return `${words(call)} settled and its end was never told`
          else if (settles(call) !== undefined) return settles(call)
      }
      if (seen.kind !== 'settled') return undefined
      const { called } = chronicle
      if (called === undefined) return `call ${seen.id} settled twice`
      if (called.begin === undefined || called.seen.call === 'register') return undefined
      if (called.end === undefined) early.push(called)
      return settles(called)
    }
  },
}

/** The time that an operation has to bring something to rest. */
function timeoutOf(chronicle: Chronicle, { seen }: Called): number {
  const { shutdownTimeout } = chronicle.scene.settings
  return seen.call === 'unregister' || seen.call === 'dispose' ? shutdownTimeout : (seen.timeout ?? shutdownTimeout)
}

/** Granted: as long again as the host was blocked meanwhile, and the millisecond to which deadlines are kept. */
export const deadlines: Law = {
  title: 'R31 a stop settles by its deadline, and so does what was aborted',
  hears: ['quiet', 'settled'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const late = (call: Called): string | undefined => {
      if (call.begin === undefined) return undefined
      const { now } = chronicle
      const slack = chronicle.slack(call.stalledThen) + 1
      if (STOPS.includes(call.seen.call)) {
        const by = call.beganAt + timeoutOf(chronicle, call)
        if (now > by + slack) return `${words(call)} began at ${call.beganAt}, had to settle by ${by} and it is ${now}`
      } else if (call.abortedAt >= 0) {
        const by = call.abortedAt + scene.settings.shutdownTimeout
        if (now > by + slack) return `${words(call)} was aborted at ${call.abortedAt} and has not settled at ${now}`
      } else if (call.seen.timeout !== undefined && STARTS.includes(call.seen.call)) {
        const by = call.beganAt + call.seen.timeout + scene.settings.shutdownTimeout
        if (now > by + slack) return `${words(call)} began at ${call.beganAt}, had to settle by ${by} and it is ${now}`
      }
      return undefined
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'settled') return chronicle.called === undefined ? undefined : late(chronicle.called)
      if (seen.kind !== 'quiet') return undefined
      for (const call of chronicle.calls.values()) {
        const wrong = late(call)
        if (wrong !== undefined) return wrong
        if (call.abortedAt >= 0 && call.begin !== undefined && STOPS.includes(call.seen.call))
          return `${words(call)} was aborted at ${call.abortedAt} and is still waited for`
      }
      return undefined
    }
  },
}

/**
 * Told by the `end` event, with the states of that very place in the order of events. Granted: what a start that took
 * effect after the stop has brought up again, and a service of which it cannot be told whether it has completed.
 */
export const outcomes: Law = {
  title: 'R29 what resolved is up, what stopped is at rest',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    /** What each operation waits for, as far as that is plain: its target, or the essential ones of a start of all. */
    const waits = new Map<number, readonly string[]>()
    let started = 0
    const isUp = (name: string): boolean => {
      const known = chronicle.services.get(name)
      if (known === undefined || known.completed !== false) return true
      return phaseOf(known.state) === 'active' && (known.health === 'healthy' || known.health === 'degraded')
    }
    const roots = (): string[] => {
      const all: string[] = []
      for (const { seen } of chronicle.calls.values()) if (seen.call === 'unregister') return all // who goes with it is open
      for (const name of chronicle.services.keys()) {
        // What is essential is what was registered when the call took effect: while it is being exchanged, any of these.
        const candidates = [scene.service(name), ...chronicle.newcomers(name)]
        if (candidates.every((each) => each?.essential === true && each.autoStart)) all.push(name)
      }
      return all
    }
    return (seen) => {
      chronicle.see(seen)
      const { called } = chronicle
      if (seen.kind !== 'event' || seen.event.type !== 'operation' || called === undefined) return undefined
      const { operation, target, id, phase, outcome, seq, error } = seen.event
      if (phase === 'begin') {
        if (operation === 'start' || operation === 'restart') waits.set(id, target === undefined ? roots() : [target])
        if (operation !== 'stop' && operation !== 'unregister' && operation !== 'register') started = seq
        return undefined
      }
      const names = waits.get(id)
      waits.delete(id)
      const begin = called.begin?.seq ?? seq
      if (names !== undefined && outcome === 'done') {
        for (const name of names) {
          const known = chronicle.services.get(name)
          if (!isUp(name))
            return `${words(called)} is done at #${seq} and ${name} is ${known?.state} (${known?.health})`
          if (operation === 'restart' && known !== undefined && known.startSeq < begin)
            return `${words(called)} is done at #${seq} and ${name} has not begun a new epoch since #${begin}`
        }
      }
      if (operation !== 'stop' && operation !== 'unregister') return undefined
      if (outcome !== 'done' && !isKeelsonError(error, 'STOP_INCOMPLETE')) return undefined
      if (operation === 'unregister')
        return chronicle.services.has(target ?? '') &&
          phaseOf(chronicle.services.get(target ?? '')?.state ?? 'unknown') !== 'idle'
          ? `${words(called)} is over at #${seq} and ${target} is still there`
          : undefined
      if (started > begin) return undefined
      for (const known of chronicle.services.values())
        if ((target === undefined || target === known.name) && phaseOf(known.state) !== 'idle')
          return `${words(called)} is over at #${seq} and ${known.name} is ${known.state}`
      return undefined
    }
  },
}

const CODES: Readonly<Record<CallName, readonly ErrorCode[]>> = {
  start: ['START_INCOMPLETE', 'DEPENDENCY_MISSING', 'CANCELLED'],
  startService: ['START_INCOMPLETE', 'DEPENDENCY_MISSING', 'CANCELLED', 'SERVICE_NOT_FOUND'],
  restartService: ['START_INCOMPLETE', 'DEPENDENCY_MISSING', 'CANCELLED', 'SERVICE_NOT_FOUND'],
  stop: ['STOP_INCOMPLETE', 'CANCELLED'],
  stopService: ['STOP_INCOMPLETE', 'CANCELLED', 'SERVICE_NOT_FOUND'],
  dispose: ['STOP_INCOMPLETE'],
  register: ['SERVICE_DUPLICATE', 'SERVICE_IN_USE', 'SERVICE_INVALID', 'DEPENDENCY_CYCLE', 'CONFIG_INVALID'],
  unregister: ['STOP_INCOMPLETE', 'SERVICE_NOT_FOUND', 'SERVICE_IN_USE'],
  replace: [
    ...(['START_INCOMPLETE', 'DEPENDENCY_MISSING', 'CANCELLED', 'SERVICE_NOT_FOUND', 'SERVICE_IN_USE'] as const),
    ...(['SERVICE_INVALID', 'DEPENDENCY_CYCLE', 'CONFIG_INVALID'] as const),
  ],
}

/** The caller's own reason is his, whatever it is; `CLOSED` is for whatever may come too late. */
export const codes: Law = {
  title: 'R50 a call rejects with an error of its own list, or with the reason of its caller',
  hears: ['settled'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      const { called } = chronicle
      if (seen.kind !== 'settled' || called === undefined) return undefined
      const { value } = seen
      if (!seen.rejected) {
        if (['register', 'unregister', 'dispose'].includes(called.seen.call)) return undefined
        const { outcome, duration, target } = value as OperationReport
        if (outcome !== 'done' || target !== called.seen.target || !(duration >= 0))
          return `${words(called)} resolved with a report of ${target ?? 'all'}: ${outcome} in ${duration} ms`
        return undefined
      }
      if (called.seen.aborted === true || (called.abortedAt >= 0 && value === called.abortReason)) return undefined
      if (!isKeelsonError(value)) return `${words(called)} rejected with ${describe(value)}`
      if (value.code !== 'CLOSED' && !CODES[called.seen.call].includes(value.code))
        return `${words(called)} rejected with ${value.code}: ${value.message}`
      if (value.code.endsWith('_INCOMPLETE')) {
        const report = value.report as OperationReport | undefined
        if (report?.outcome !== 'failed') return `${words(called)} rejected with ${value.code} and without its report`
        if (value.cause === undefined) return `${words(called)} rejected with ${value.code} and without a cause`
      }
      return undefined
    }
  },
}

function describe(value: unknown): string {
  try {
    return value instanceof Error ? `${value.name}: ${value.message}` : typeof value
  } catch {
    return 'what cannot be read'
  }
}

/**
 * Granted: an abortion that came too late - the start had failed, was overtaken, or was done in that very turn.
 */
export const abortion: Law = {
  title: 'R34 an aborted call rejects with the reason of its caller',
  hears: ['settled'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      const { called } = chronicle
      if (seen.kind !== 'settled' || called === undefined || called.abortedAt < 0) return undefined
      if (called.begin === undefined || seen.value === called.abortReason) return undefined
      const late = seen.at > called.abortedAt + chronicle.slack(called.stalledThen)
      if (!seen.rejected)
        return late ? `${words(called)} was aborted at ${called.abortedAt} and resolved at ${seen.at}` : undefined
      if (STOPS.includes(called.seen.call) && late)
        return `${words(called)} was aborted at ${called.abortedAt} and rejected at ${seen.at} with something else`
      return undefined
    }
  },
}

/**
 * Granted: after a start of all, which overtakes the stop. Only what the script itself calls is looked at: a hook may call in the very turn in which the stop comes to its end,
 * before that is told.
 */
export const refusals: Law = {
  title: 'R31 while everything is being stopped single starts are refused',
  hears: ['call', 'settled'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const refused = new Set<number>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'call') {
        const { call, id, from, aborted } = seen
        if (from !== 'script' || !chronicle.whole || aborted === true) return undefined
        if (call !== 'startService' && call !== 'restartService' && call !== 'replace') return undefined
        let stopping = false
        for (const other of chronicle.calls.values()) {
          if (other.seen.call === 'start') stopping = false
          if (other.seen.call !== 'stop' && other.seen.call !== 'dispose') continue
          if (other.seen.aborted !== true && other.begin !== undefined && other.end === undefined) stopping = true
        }
        if (stopping) refused.add(id)
      } else if (seen.kind === 'settled' && refused.delete(seen.id) && !isKeelsonError(seen.value, 'CLOSED'))
        return `call ${seen.id} was made during stop() and was not refused`
      return undefined
    }
  },
}

/**
 * Whoever a start of all fails by is essential, or needed by somebody essential over an edge that fails. Granted: whatever
 * was no service's own error, and starts during which the graph became another one.
 */
export const blame: Law = {
  title: 'R30 what is not essential never fails a start',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    const whose = new WeakMap<object, string>()
    const begun = new Map<number, number>()
    /** Replacements that have begun or ended: while one is under way the graph may be either. */
    const replacing = new Set<number>()
    let replaced = 0
    const isEssential = (name: string): boolean => {
      const all = new Set<string>()
      for (const root of chronicle.services.keys()) {
        const declared = scene.service(root)
        if (declared === undefined) return true // it is gone, which is yet to be told: who was needed by it is open
        if (declared.essential && declared.autoStart) all.add(root)
      }
      for (const each of all)
        for (const edge of graph.edges(each)) if (!edge.optional && edge.onTimeout === 'fail') all.add(edge.name)
      return all.has(name)
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'state' || event.type === 'health') {
        if (isKeelsonError(event.error) && !whose.has(event.error)) whose.set(event.error, event.name)
        return undefined
      }
      if (event.type !== 'operation') return undefined
      if (event.operation === 'replace') {
        if (event.phase === 'begin') replacing.add(event.id)
        else replacing.delete(event.id)
        replaced++
      }
      if (event.operation !== 'start' || event.target !== undefined) return undefined
      const graphs = chronicle.graph + replaced
      if (event.phase === 'begin') {
        begun.set(event.id, replacing.size > 0 ? -1 : graphs)
        return undefined
      }
      const same = begun.get(event.id) === graphs
      begun.delete(event.id)
      if (!same || !isKeelsonError(event.error, 'START_INCOMPLETE')) return undefined
      const { cause } = event.error
      const name = isKeelsonError(cause) ? whose.get(cause) : undefined
      return name !== undefined && scene.service(name) !== undefined && !isEssential(name)
        ? `operation ${event.id} (start) failed by ${name} (#${event.seq}), which is not essential`
        : undefined
    }
  },
}
