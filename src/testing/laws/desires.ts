// Laws of desired and observed (R6, R7, R14, R29): what the reference model wants up is up or says what holds it, what it
// wants down is at rest or on its way there, and nothing is taken back that somebody else wants.

import type { ServiceStatus } from '../../index.js'
import type { Law } from '../observation.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { ending } from './graph.js'
import { phaseOf } from './known.js'
import { desiresOf, policyOf } from './model.js'

/** Looked at when all is quiet. Granted: what the model cannot tell, and a service that may have completed. */
export const fixpoint: Law = {
  title: 'R7 what is desired up is up, or says what holds it; what is desired down is at rest, or stops',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const desires = desiresOf(scene)
    const wrong = (status: ServiceStatus): string | undefined => {
      const { name, state, phase, blockedBy } = status
      if (phase === 'pending' && (blockedBy === undefined || blockedBy.length === 0))
        return `${name} is ${state} and does not say what holds it`
      if (desires.isVague(name)) {
        if (phase === 'pending' || (phase === 'active' && !ending(status))) desires.resolve(name, true)
        else if (phase === 'idle' && state !== 'failed' && chronicle.services.get(name)?.completed === false)
          desires.resolve(name, false)
        return undefined
      }
      const desired = desires.desired(name)
      if (desired === undefined) return undefined
      if (desired) {
        if (phase !== 'idle' || state === 'failed' || chronicle.services.get(name)?.completed !== false)
          return undefined
        return `${name} is desired up and ${state} (${status.stopReason ?? 'never started'}), and nothing holds it`
      }
      if (phase === 'pending' || state === 'starting') return `${name} is desired down and ${state}`
      return phase === 'active' && !ending(status)
        ? `${name} is desired down and ${state}, and no dependent holds it`
        : undefined
    }
    return (seen) => {
      desires.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet) return undefined
      for (const status of chronicle.cut.services) {
        const found = wrong(status)
        if (found !== undefined) return `${found} (at #${chronicle.cut.seq})`
      }
      return undefined
    }
  },
}

/** Whether an operation may be taking back what it wants: also one whose turn is under way, of which nothing is told yet. */
function mayRollBack({ calls }: Chronicle): boolean {
  for (const call of calls.values()) if (call.abortedAt >= 0 || policyOf(call) !== 'keep') return true
  return false
}

/** Granted: whatever the model cannot tell. */
export const takenBack: Law = {
  title: 'R29 a rollback takes back what its call alone wanted, all of it and nothing else',
  hears: [...CUTS, 'call'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const desires = desiresOf(scene)
    /** About to stop, as was read when somebody called, or at a cut: whatever is asked of them now, their end stands (R13). */
    const leaving = new Set<string>()
    const look = (services: readonly ServiceStatus[]): void => {
      for (const status of services) if (ending(status)) leaving.add(status.name)
    }
    return (seen) => {
      desires.see(seen)
      if (seen.kind === 'call' && mayRollBack(chronicle)) look(scene.app.snapshot().services)
      if (chronicle.cut !== undefined) look(chronicle.cut.services)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'state') {
        const { name, newState, reason, seq } = event
        if (newState !== 'stopping' || leaving.delete(name)) return undefined
        return (reason === 'rollback' || reason === 'cancelled') && desires.desired(name) === true
          ? `${name} is stopped for ${reason} (#${seq}) although it is still wanted`
          : undefined
      }
      const about = desires.ended
      if (event.type !== 'operation' || about === undefined || event.outcome === 'done') return undefined
      const begin = chronicle.called?.begin?.seq ?? 0
      for (const name of about) {
        const known = chronicle.services.get(name)
        // A later start that joined has released it from the rollback.
        if (known === undefined || known.askedSeq > begin) continue
        if (desires.isLeft(name) && phaseOf(known.state) !== 'idle')
          if ((event.error as { readonly code?: unknown } | undefined)?.code !== 'CANCELLED')
            return `operation ${event.id} (${event.operation} ${event.target ?? ''}) was taken back at #${event.seq} and ${name} is ${known.state}`
      }
      return undefined
    }
  },
}
