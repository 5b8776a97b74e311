// Laws of the order of events (R37, R38, R42): numbers without gaps, the fold that gives the live state, causes that
// point backwards.

import type { AnyEvent, ServiceStatus } from '../../index.js'
import type { Law } from '../observation.js'
import { CUTS, chronicleOf } from './chronicle.js'

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
