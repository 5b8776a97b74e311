// Laws of the order of events (R37, R38, R42): numbers without gaps, the fold that gives the live state, causes that
// point backwards.

import type { AnyEvent, ServiceStatus, StateEvent } from '../../index.js'
import type { Law } from '../observation.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { type Graph, graphOf } from './graph.js'
import { phaseOf } from './known.js'

/** No freedom: one more each time, and no event without a change. */
export const numbers: Law = {
  title: 'R37 events are numbered without gaps or repeats, and each is a change',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    let last = chronicle.seq
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      const before = last
      last = event.seq
      if (event.seq !== before + 1) return `event #${event.seq} (${event.type}) came after #${before}`
      if (event.type === 'state' && event.oldState === event.newState)
        return `event #${event.seq}: ${event.name} went from ${event.oldState} to itself`
      return undefined
    }
  },
}

/** What the events of a service add up to must be what can be read, and health events must begin where they say. */
export const fold: Law = {
  title: 'R37 folding the events gives state, health, error, epoch and attempt of every service',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      const was = chronicle.formerHealth
      if (seen.kind === 'event' && seen.event.type === 'health' && was !== undefined) {
        const wrong = unmatched(seen.event, was)
        if (wrong !== undefined) return wrong
      }
      const { cut, services } = chronicle
      if (cut === undefined) return undefined
      if (cut.services.length !== services.size)
        return `${cut.services.length} services can be read at #${cut.seq}, the events tell of ${services.size}`
      for (const status of cut.services) {
        const known = services.get(status.name)
        if (known === undefined) return `${status.name} can be read at #${cut.seq}, no event registered it`
        const wrong = differs(known, status)
        if (wrong !== undefined) return `${status.name} at #${cut.seq}: ${wrong}`
      }
      return undefined
    }
  },
}

function unmatched(
  event: Extract<AnyEvent, { type: 'health' }>,
  was: { readonly health: string; readonly error: unknown; readonly state: string },
): string | undefined {
  const { name, seq, oldHealth, newHealth, state, error } = event
  if (was.state !== state) return `health event #${seq} says that ${name} is ${state}, it is ${was.state}`
  if (was.health !== oldHealth) return `health event #${seq} says that ${name} was ${oldHealth}, it was ${was.health}`
  if (was.health === newHealth && was.error === error) return `health event #${seq} of ${name} changes nothing`
  return undefined
}

type Folded = Pick<ServiceStatus, 'state' | 'health' | 'epoch'> & {
  readonly error?: unknown
  readonly attempt?: number | undefined
}

function differs(told: Folded, read: Folded): string | undefined {
  if (told.state !== read.state) return `the events say ${told.state}, it is ${read.state}`
  if (told.health !== read.health) return `the events say ${told.health}, it is ${read.health}`
  if (told.epoch !== read.epoch) return `the events say epoch ${told.epoch}, it is ${read.epoch}`
  if (told.attempt !== read.attempt) return `the events say attempt ${told.attempt}, it is ${read.attempt}`
  if (told.error !== read.error) return 'its error is not the one that the events tell'
  return undefined
}

/**
 * Granted: an event may have no cause that is an event - a deadline, a hook, a call. A dependency's loss is caused by an
 * event of somebody else or by the call that took it down.
 */
export const causes: Law = {
  title: 'R42 every cause is an earlier event',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.causedBy === undefined) return undefined
      const { causedBy, seq, type } = seen.event
      return Number.isInteger(causedBy) && causedBy > 0 && causedBy < seq
        ? undefined
        : `event #${seq} (${type}) is caused by #${causedBy}`
    }
  },
}

/** With more services than these it is not asked who is related to whom. */
const MANY = 50

/**
 * Whatever goes on from what was told goes back to an event: a wait or a backoff that ends, a stop that is over, a retry,
 * an operation's end, a listener that threw. Granted: which event that is, of those of the service itself, of services
 * that it is connected with, and of operations and registrations; only what a dependency brings down is not caused by the
 * service itself - but for what happened to it in that very turn, and where a deadline came first (R31).
 */
export const origins: Law = {
  title: 'R42 what goes on from something told has a cause, and a fitting one',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    const begins = new Map<number, number>()
    /** Whose event each number is - `''` that of no service -, of which type, and when it was told. */
    const whose: (string | undefined)[] = []
    const types: (AnyEvent['type'] | undefined)[] = []
    const told: number[] = []
    const fits = (event: AnyEvent, at: number): boolean => {
      const { causedBy } = event
      if (event.type === 'operation') return event.phase === 'begin' || causedBy === begins.get(event.id)
      if (event.type === 'state' && !isContinued(event)) return true
      if (event.type !== 'state' && event.type !== 'retry' && event.type !== 'listenerError') return true
      if (causedBy === undefined) return false
      const by = whose[causedBy]
      if (by === undefined) return true // of before the first that was told
      if (event.type === 'retry') return by === event.name
      if (event.type === 'listenerError')
        return types[causedBy] === event.event || (event.event === 'state' && types[causedBy] === 'health')
      if (event.reason !== 'dependency' || event.newState !== 'stopping' || by === '') return true
      if (event.error !== undefined) return true // it crashed while it waited to be stopped
      if (by === event.name) return told[causedBy] === at || chronicle.hurried || !chronicle.whole
      return chronicle.graph > 0 || chronicle.services.size > MANY || areConnected(chronicle, graph, by, event.name)
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event, at } = seen
      const { seq, type } = event
      if (event.type === 'operation' && event.phase === 'begin') begins.set(event.id, seq)
      whose[seq] = 'name' in event && (type === 'state' || type === 'health' || type === 'retry') ? event.name : ''
      types[seq] = type
      told[seq] = at
      return fits(event, at)
        ? undefined
        : `event #${seq} (${type} ${'name' in event ? event.name : ''}) is caused by ${event.causedBy === undefined ? 'nothing' : `#${event.causedBy} (${types[event.causedBy]} ${whose[event.causedBy]})`}`
    }
  },
}

/** Whether a change of state goes on from one that was told, with nothing from outside in between. */
function isContinued({ oldState, newState, reason }: StateEvent): boolean {
  return (
    oldState === 'stopping' || phaseOf(oldState) === 'pending' || (newState === 'stopping' && reason === 'dependency')
  )
}

/** Whether there is, or may have been, any way along edges between two services, in whatever direction. */
function areConnected({ scene, services }: Chronicle, graph: Graph, a: string, b: string): boolean {
  if (scene.settings.order === 'registration') return true
  for (const name of services.keys()) if (scene.service(name) === undefined) return true // it is gone, and that is yet to be told
  const all = new Set([a])
  for (const each of all) {
    for (const edge of graph.edges(each)) all.add(edge.name)
    for (const { name } of graph.dependents(each)) all.add(name)
  }
  return all.has(b)
}

/** A state is readable as new before its event is delivered: never is an older epoch or an earlier number to be read. */
export const delivery: Law = {
  title: 'R38 what an event tells has been readable before',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.type !== 'state') return undefined
      const { event } = seen
      const status = safely(() => scene.app.getServiceStatus(event.name))
      return status !== undefined && status.epoch < event.epoch && status.state !== 'unknown'
        ? `event #${event.seq} tells epoch ${event.epoch} of ${event.name}, epoch ${status.epoch} can be read`
        : undefined
    }
  },
}

function safely<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined // removed meanwhile
  }
}
