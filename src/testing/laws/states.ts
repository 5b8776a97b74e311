// Laws of the states of one service (R1, R4, R5, R9): each change against the table, and what a state says with it.
// They read events and nothing else.

import { ERROR_CODES, isKeelsonError, type ServiceState } from '../../index.js'
import type { Law } from '../observation.js'
import { CUTS, chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'

/** The table of lifecycle.md §2, told once more. */
const NEXT: Readonly<Record<ReturnType<typeof phaseOf>, readonly ReturnType<typeof phaseOf>[]>> = {
  idle: ['pending', 'starting'],
  pending: ['starting', 'idle', 'pending'],
  starting: ['active', 'stopping'],
  active: ['stopping'],
  stopping: ['idle', 'pending'],
}

function legal(from: ServiceState, to: ServiceState): boolean {
  if (from === to || to === 'unknown') return false
  if (from === 'unknown' && (to === 'stopped' || to === 'disconnected')) return true
  return NEXT[phaseOf(from)].includes(phaseOf(to))
}

/** No freedom: the table is exact, and nothing that was dropped as illegal is ever reported, since nobody forged it. */
export const transitions: Law = {
  title: 'R1 every transition is in the table and begins where the last one ended',
  // Hears everything: by this law, the first one, the chronicle of all of them is kept.
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'warning' && event.code === 'ILLEGAL_TRANSITION')
        return `an illegal transition was attempted: ${event.message}`
      if (event.type !== 'state') return undefined
      const { name, oldState, newState, seq } = event
      const known = chronicle.services.get(name)
      if (known === undefined) return `${name} went from ${oldState} to ${newState} (#${seq}) without being registered`
      if (known.prior !== oldState) return `${name} left ${oldState} (#${seq}) while it was ${known.prior}`
      if (!legal(oldState, newState)) return `${name} went from ${oldState} to ${newState} (#${seq})`
      const remote = scene.service(name)?.remote
      if (remote === undefined) return undefined
      const foreign = remote ? ['running', 'stopped'] : ['connected', 'disconnected', 'unreachable']
      return foreign.includes(newState)
        ? `${name} is ${remote ? '' : 'not '}remote and became ${newState} (#${seq})`
        : undefined
    }
  },
}

const BROKEN: readonly ServiceState[] = ['failed', 'retrying', 'unreachable', 'auth_required']

/** An error may stay readable in `waiting`, `starting`, `stopping` and at rest: the rule says only where it must be. */
export const errors: Law = {
  title: 'R4 a service that failed says with what, and an active one has no error but a verdict',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'health') {
        const { name, state, newHealth, error } = event
        if (error !== undefined && newHealth !== 'unhealthy' && phaseOf(state) === 'active')
          return `${name} is ${state} and ${newHealth} with the error ${text(error)}`
      }
      if (event.type !== 'state') return undefined
      const { name, newState, error } = event
      if (BROKEN.includes(newState)) {
        if (!isKeelsonError(error) || !ERROR_CODES.includes(error.code))
          return `${name} became ${newState} with ${text(error)} for its error`
      } else if (phaseOf(newState) === 'active' && error !== undefined)
        return `${name} became ${newState} with the error ${text(error)}`
      return undefined
    }
  },
}

const text = (error: unknown): string =>
  isKeelsonError(error) ? error.code : error === undefined ? 'nothing' : 'another'

/** What somebody decided, and no failure of the service itself. */
const DECIDED: readonly unknown[] = ['manual', 'shutdown', 'dependency', 'restart', 'removed', 'replaced']

/**
 * Granted: a stop for a rollback or an abortion may leave `failed` behind - the culprit of the rollback keeps its error
 * (R29), and a service may fail by itself while such a stop waits for its dependents (R13: its end stands).
 */
export const cancellation: Law = {
  title: 'R5 what was cancelled has not failed: no error, no attempt, no backoff',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.type !== 'state') return undefined
      const { name, oldState, newState, error, reason, attempt } = seen.event
      if (!BROKEN.includes(newState)) return undefined
      if (isKeelsonError(error, 'CANCELLED')) return `${name} became ${newState} because it was cancelled`
      if (oldState === 'stopping' && DECIDED.includes(reason))
        return `${name} became ${newState} after a stop with reason ${reason}`
      if (newState !== 'retrying' && newState !== 'unreachable' && attempt !== undefined)
        return `${name} became ${newState} and tells attempt ${attempt}`
      return undefined
    }
  },
}

const REASONS: readonly unknown[] = [...DECIDED, ...['failed', 'unhealthy', 'completed', 'rollback', 'cancelled']]
const RANK: Readonly<Record<string, number>> = { manual: 1, shutdown: 2, removed: 3 }

/** Whether a stop for `from` may turn out to be one for `to`. */
function upgraded(from: string | undefined, to: string | undefined): boolean {
  return from === to || (RANK[to ?? ''] ?? 0) > (RANK[from ?? ''] ?? 0)
}

/**
 * The reason that `onStop` is given, that the end of `stopping` tells and that can be read at rest is the one the stop
 * began with, or a stronger one. Granted: where a service gives up it says `failed` or `exhausted` instead, and a stop
 * for a failure may be told as that where it ends in a backoff.
 */
export const reasons: Law = {
  title: 'R9 every stop has a reason that only manual, shutdown and removed replace',
  hears: [...CUTS, 'enter'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const began = new Map<string, string | undefined>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'enter' && seen.hook === 'stop') {
        if (seen.reason !== undefined && !REASONS.includes(seen.reason))
          return `${seen.service} is stopped for the reason ${seen.reason}`
        const known = chronicle.services.get(seen.service)
        if (
          known?.state === 'stopping' &&
          known.epoch === seen.epoch &&
          seen.reason !== undefined &&
          !upgraded(known.reason, seen.reason)
        )
          return `${seen.service} began to stop for ${known.reason} and onStop is told ${seen.reason}`
      }
      if (seen.kind === 'event' && seen.event.type === 'state') {
        const { name, oldState, newState, reason } = seen.event
        if (newState === 'stopping') {
          began.set(name, reason)
          if (!REASONS.includes(reason)) return `${name} began to stop for the reason ${reason}`
        } else if (oldState === 'stopping') {
          const first = began.get(name)
          const gaveUp = newState === 'failed' && (reason === 'failed' || reason === 'exhausted')
          if (!gaveUp && !upgraded(first, reason)) return `${name} began to stop for ${first} and ended for ${reason}`
        }
      }
      return chronicle.cut === undefined ? undefined : readable(chronicle.cut.services)
    }
  },
}

function readable(
  services: readonly { name: string; state: string; epoch: number; stopReason?: string }[],
): string | undefined {
  for (const { name, state, epoch, stopReason } of services) {
    if (state === 'starting' && stopReason !== undefined)
      return `${name} is starting and tells a stop for ${stopReason}`
    if (
      (state === 'stopping' || ((state === 'stopped' || state === 'disconnected') && epoch > 0)) &&
      stopReason === undefined
    )
      return `${name} is ${state} in epoch ${epoch} and does not tell why`
  }
  return undefined
}
