// What a verdict must have behind it and what must lead to one (R25), told from the checks alone: the counterparts of
// `verdicts`, each with a bound from the other side.

import type { Law, Observation } from '../observation.js'
import { chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'

type Left = Extract<Observation, { readonly kind: 'leave' }>

/** What a check came to: `undefined` says nothing. */
function isGood({ failed, answer }: Left): boolean | undefined {
  if (failed || answer === 'unhealthy' || answer === false) return false
  return answer === 'unknown' || answer === 'checking' ? undefined : true
}

interface Flight {
  readonly epoch: number
  readonly at: number
  readonly stalledThen: number
}

/**
 * Granted: a result during which the host was blocked, or right before that, may count or not; services whose checks are
 * not seen.
 */
export const recoveries: Law = {
  title: 'R25 no verdict of healthy without successThreshold good results in a row',
  hears: ['enter', 'leave', 'event', 'stall'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const flights = new Map<number, Flight>()
    /** The most good results in a row that there can have been. */
    const rows = new Map<string, number>()
    /** What bad results have put an end to, and when. */
    const ended = new Map<string, { readonly at: number; readonly row: number }>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'stall')
        for (const [name, { at, row }] of ended) if (at >= seen.at - seen.ms) rows.set(name, row)
      if (seen.kind === 'enter') {
        if (seen.hook === 'start') {
          rows.delete(seen.service)
          ended.delete(seen.service)
        }
        if (seen.hook === 'check')
          flights.set(seen.id, { epoch: seen.epoch, at: seen.at, stalledThen: chronicle.stalled })
      } else if (seen.kind === 'leave' && seen.hook === 'check') {
        const flight = flights.get(seen.id)
        flights.delete(seen.id)
        if (flight === undefined || chronicle.lives.get(seen.service)?.epoch !== seen.epoch) return undefined
        const { timeout = 0 } = scene.service(seen.service)?.healthCheck ?? {}
        const isSure = chronicle.slack(flight.stalledThen) === 0 && chronicle.whole
        const good = isGood(seen)
        const row = rows.get(seen.service) ?? 0
        if (isSure && (good === false || seen.at > flight.at + timeout + 1)) {
          rows.set(seen.service, 0)
          ended.set(seen.service, { at: seen.at, row })
        } else if (good === true) rows.set(seen.service, row + 1)
      }
      if (seen.kind !== 'event' || seen.event.type !== 'health') return undefined
      const { name, oldHealth, newHealth, seq } = seen.event
      if (newHealth !== 'healthy' && newHealth !== 'degraded') return undefined
      const declared = scene.service(name)
      if (declared?.kind !== 'managed' || oldHealth === 'healthy' || oldHealth === 'degraded') return undefined
      const count = rows.get(name) ?? 0
      return count < declared.healthCheck.successThreshold
        ? `${name} is ${newHealth} (#${seq}) after ${count} good results, it takes ${declared.healthCheck.successThreshold}`
        : undefined
    }
  },
}

/** Looked at when all is quiet. Granted: whatever came while the host was blocked, and all that was counted until then. */
export const relapses: Law = {
  title: 'R25 failureThreshold bad results in a row are a verdict, and each interval of hanging is one',
  hears: ['enter', 'leave', 'stall', 'quiet'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const flights = new Map<string, Flight & { readonly id: number }>()
    /** The least bad results in a row that there must have been. */
    const rows = new Map<string, number>()
    const hung = (name: string): number => {
      const flight = flights.get(name)
      const declared = scene.service(name)?.healthCheck
      if (flight === undefined || declared === undefined || chronicle.slack(flight.stalledThen) > 0) return 0
      const over = chronicle.now - flight.at - declared.timeout - 1
      return over < 0 ? 0 : 1 + Math.floor(over / (declared.interval * 1.1 + 1))
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'stall') rows.clear()
      if (seen.kind === 'enter' && seen.hook === 'start') {
        rows.delete(seen.service)
        flights.delete(seen.service)
      } else if (seen.kind === 'enter' && seen.hook === 'check') {
        const { id, epoch, at } = seen
        flights.set(seen.service, { id, epoch, at, stalledThen: chronicle.stalled })
      } else if (seen.kind === 'leave' && seen.hook === 'check') {
        const flight = flights.get(seen.service)
        if (flight?.id !== seen.id) return undefined
        const late = hung(seen.service)
        flights.delete(seen.service)
        const { timeout = 0 } = scene.service(seen.service)?.healthCheck ?? {}
        const good = isGood(seen)
        const isSure = chronicle.slack(flight.stalledThen) === 0 && chronicle.whole
        const row = (rows.get(seen.service) ?? 0) + late
        if (good === true && !(isSure && late > 0)) rows.set(seen.service, 0)
        else rows.set(seen.service, row + (good === false && isSure && seen.at < flight.at + timeout ? 1 : 0))
      }
      if (seen.kind !== 'quiet' || !chronicle.whole) return undefined
      for (const [name, row] of [...rows, ...[...flights.keys()].map((each) => [each, 0] as const)]) {
        const count = Math.max(row, rows.get(name) ?? 0) + hung(name)
        if (count === 0) continue
        const known = chronicle.services.get(name)
        const declared = scene.service(name)
        if (known === undefined || declared?.kind !== 'managed' || phaseOf(known.state) !== 'active') continue
        if (known.health === 'unhealthy' || chronicle.lives.get(name)?.epoch !== known.epoch) continue
        if (count >= declared.healthCheck.failureThreshold)
          return `${name} is ${known.health} after ${count} bad results in a row, ${declared.healthCheck.failureThreshold} are a verdict`
      }
      return undefined
    }
  },
}
