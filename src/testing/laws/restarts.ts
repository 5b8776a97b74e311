// Laws of retries (R17-R22): which failures are tried again, how long after, how often, and how many at once.

import {
  type HealthEvent,
  type HealthStatus,
  isKeelsonError,
  type OperationEvent,
  type RetryEvent,
  type StateEvent,
} from '../../index.js'
import type { Law, SceneService } from '../observation.js'
import { KINDS } from './calls.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { graphOf } from './graph.js'
import { phaseOf } from './known.js'
import { policyOf } from './model.js'

const backsOff = (state: string): boolean => state === 'retrying' || state === 'unreachable'

/** Asked of a service by name, by whoever requires it, or with all others: what its policy says does not count then. */
class Asked {
  readonly #seqs = new Map<string, number>()
  #all = 0

  note(chronicle: Chronicle, seen: { readonly kind: string }): void {
    const { called } = chronicle
    if (seen.kind !== 'event' || called?.begin === undefined || called.begin.seq !== chronicle.seq) return
    const { operation, target, seq } = called.begin
    if (operation === 'stop' || operation === 'unregister' || operation === 'register') return
    if (target === undefined || operation === 'replace' || isChanging(chronicle)) {
      this.#all = seq
      return
    }
    for (const name of graphOf(chronicle.scene).required(target)) this.#seqs.set(name, seq)
    this.#seqs.set(target, seq)
  }

  /** `seq` of the last start that may have been about it. */
  of(name: string): number {
    return Math.max(this.#all, this.#seqs.get(name) ?? 0)
  }
}

/** Whether the graph that is told may not be the one that a call found. */
function isChanging({ calls }: Chronicle): boolean {
  for (const { seen } of calls.values())
    if (seen.call === 'register' || seen.call === 'unregister' || seen.call === 'replace') return true
  return false
}

/** Granted: one first backoff, whatever the policy and the class, to a start that was asked of a failing epoch (§12). */
export const policies: Law = {
  title: 'R17 only what its policy restarts is restarted',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const asked = new Asked()
    return (seen) => {
      chronicle.see(seen)
      asked.note(chronicle, seen)
      if (seen.kind !== 'event' || seen.event.type !== 'retry') return undefined
      const { name, failure, attempt } = seen.event
      const known = chronicle.services.get(name)
      const restart = chronicle.declared(seen.event)?.restart
      if (known === undefined || restart === undefined || (attempt === 1 && asked.of(name) > known.startSeq))
        return undefined
      if (restart.policy === 'never') return `${name} is not to be restarted and is retried (attempt ${attempt})`
      if (failure === 'permanent' || failure === 'auth') return `${name} failed with class ${failure} and is retried`
      return undefined
    }
  },
}

function band({ restart }: SceneService, attempt: number): readonly [least: number, most: number] {
  const { initialBackoff, maxBackoff, multiplier, jitter } = restart
  const raw = initialBackoff === 0 ? 0 : Math.min(maxBackoff, initialBackoff * multiplier ** (attempt - 1))
  return [Math.max(0, raw * (1 - jitter)), Math.min(maxBackoff, raw * (1 + jitter))]
}

/** Granted: rounding, and a start that somebody asked for before the backoff was over. */
export const backoffs: Law = {
  title: 'R18 a backoff is as long as it has to be, and no retry comes before its end',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const asked = new Asked()
    const due = new Map<string, { readonly at: number; readonly seq: number }>()
    const begins = (event: RetryEvent): string | undefined => {
      const { name, attempt, delay, dueAt, timestamp, seq } = event
      const known = chronicle.services.get(name)
      const declared = chronicle.declared(event)
      due.set(name, { at: (known?.sinceLeast ?? chronicle.earliest) + delay, seq })
      if (known === undefined || declared === undefined) return undefined
      if (!backsOff(known.state)) return `${name} is ${known.state} and a retry (attempt ${attempt}) is told`
      if (known.attempt !== attempt) return `${name} tells attempt ${known.attempt} and its retry tells ${attempt}`
      const [least, most] = band(declared, attempt)
      if (delay < least - 1e-6 || delay > most + 1e-6)
        return `the backoff of ${name} before attempt ${attempt} is ${delay}, not from ${least} to ${most}`
      return Math.abs(dueAt - timestamp - delay) > 1
        ? `the backoff of ${name} lasts ${delay} from ${timestamp} and is said to end at ${dueAt}`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      asked.note(chronicle, seen)
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'retry') return begins(event)
      if (event.type === 'unregistered') due.delete(event.name)
      if (event.type !== 'state') return undefined
      const wait = due.get(event.name)
      if (wait === undefined || event.newState !== 'starting') return undefined
      due.delete(event.name)
      return chronicle.now < wait.at - 1 && asked.of(event.name) < wait.seq
        ? `${event.name} backs off until ${wait.at} and started at ${chronicle.now}, asked by nobody`
        : undefined
    }
  },
}

/** What is known of the last retry of a service. */
interface Tries {
  readonly attempt: number
  readonly seq: number
  /** Since when it is active and healthy, at the latest and at the earliest. */
  goodAt: number
  mayBeGoodAt: number
  /** Its budget may be whole again, and must be. */
  reset: boolean
  whole: boolean
}

const isGood = (health: HealthStatus): boolean => health === 'healthy' || health === 'degraded'

/**
 * Attempts are counted one by one, from 1 again only where something reset the budget. Granted: anything that may have
 * reset it - an operation that may have been about the service, a rest at `stopped`, enough good time.
 */
export const budget: Law = {
  title: 'R20 attempts count one by one, and what has used up its retries gives up',
  hears: ['event', 'quiet'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const asked = new Asked()
    /** The last retry of each service that nothing has reset since, and since when it may be resetting itself. */
    const last = new Map<string, Tries>()
    /** Asked to start, by name or with all others while it was not up, and not failed since: what its budget was is forgotten. Only asked of once all was quiet. */
    const renewing = new Map<string, number>()
    const renewed = new Set<string>()
    const renews = ({ phase, operation, target, id, outcome }: OperationEvent): void => {
      if (operation !== 'start' && operation !== 'restart') return
      if (phase === 'end') {
        // It was in vain, or something came in between.
        if (outcome !== 'done') for (const [name, by] of renewing) if (by === id) renewing.delete(name)
        return
      }
      if (target !== undefined) renewing.set(target, id)
      else
        for (const { name, state, reason } of chronicle.services.values()) {
          const phase = phaseOf(state)
          const fails = phase === 'stopping' && (reason === 'failed' || reason === 'unhealthy')
          // What is up, or coming up, is not asked for anew.
          if (scene.service(name)?.autoStart === true && (fails || phase === 'pending' || phase === 'idle'))
            renewing.set(name, id)
        }
    }
    /** It serves, or does no longer: after enough good time the budget is whole again, whatever else happened. */
    const serves = (event: StateEvent | HealthEvent, isGood: boolean): void => {
      const { name } = event
      const before = last.get(name)
      if (before === undefined) return
      if (isGood) {
        if (before.goodAt >= 0) return
        before.goodAt = chronicle.now
        before.mayBeGoodAt = chronicle.earliest
        return
      }
      const stable = chronicle.declared(event)?.restart.stableAfter ?? Number.POSITIVE_INFINITY
      if (before.goodAt >= 0 && chronicle.earliest - before.goodAt >= stable) before.whole = true
      if (before.goodAt >= 0 && chronicle.now - before.mayBeGoodAt >= stable) before.reset = true
      before.goodAt = -1
    }
    const retried = (event: RetryEvent): string | undefined => {
      const { name, attempt, seq } = event
      const before = last.get(name)
      const isRenewed = renewed.delete(name)
      renewing.delete(name)
      if (isRenewed && attempt !== 1) return `${name} was asked to start and backs off before attempt ${attempt}`
      last.set(name, { attempt, seq, reset: false, goodAt: -1, mayBeGoodAt: -1, whole: false })
      if (before?.whole === true && attempt !== 1)
        return `${name} was active and healthy for long enough and backs off before attempt ${attempt}`
      const most = chronicle.declared(event)?.restart.maxRetries ?? 0
      if (most > 0 && attempt > most) return `${name} has ${most} retries and backs off before number ${attempt}`
      const reset = before === undefined || before.reset || asked.of(name) > before.seq
      if (attempt === (before?.attempt ?? 0) + 1 || (reset && attempt === 1)) return undefined
      return `${name} backs off before attempt ${attempt} after attempt ${before?.attempt ?? 'none'}`
    }
    const changed = (event: StateEvent): string | undefined => {
      const { name, newState, reason } = event
      const before = last.get(name)
      if (newState === 'failed' && reason === 'exhausted') {
        const { maxRetries = 0 } = chronicle.declared(event)?.restart ?? {}
        last.delete(name)
        if (renewed.has(name)) return `${name} was asked to start and is exhausted without a retry`
        if (before?.whole === true) return `${name} was active and healthy for long enough and is exhausted`
        if (maxRetries === 0) return `${name} has retries without end and is exhausted`
        if ((before?.attempt ?? 0) < maxRetries && !(before?.reset ?? false))
          return `${name} is exhausted after ${before?.attempt ?? 0} of its ${maxRetries} retries`
        return undefined
      }
      if (before === undefined) return undefined
      const phase = phaseOf(newState)
      // A wait that timed out has not given up: what it leaves goes on counting.
      if (phase === 'idle' ? reason !== 'dependency' : newState === 'auth_required') last.delete(name)
      return undefined
    }
    return (seen) => {
      chronicle.see(seen)
      asked.note(chronicle, seen)
      if (seen.kind === 'quiet' && chronicle.whole) {
        for (const name of renewing.keys()) renewed.add(name)
        renewing.clear()
      }
      if (seen.kind !== 'event') return undefined
      const { event } = seen
      if (event.type === 'operation') renews(event)
      if (event.type === 'unregistered') {
        last.delete(event.name)
        renewed.delete(event.name)
        renewing.delete(event.name)
      }
      if (event.type === 'retry') return retried(event)
      if (event.type === 'health') serves(event, isGood(event.newHealth))
      if (event.type !== 'state') return undefined
      serves(event, phaseOf(event.newState) === 'active' && isGood(event.health))
      return changed(event)
    }
  },
}

/** `attempt` is told from the backoff until the service is active, and never beside anything else. */
export const attempts: Law = {
  title: 'R19 an attempt is told from the backoff until the service is active, an active one has none',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.type !== 'state') return undefined
      const { name, newState, attempt } = seen.event
      if (backsOff(newState) && attempt === undefined) return `${name} is ${newState} and tells no attempt`
      if (phaseOf(newState) === 'active' && attempt !== undefined)
        return `${name} is ${newState} and tells attempt ${attempt}`
      return undefined
    }
  },
}

/**
 * A retry is in flight from the entry of its `onStart` until that has settled or was abandoned. Granted: one that somebody
 * may have asked for, which is no retry.
 */
export const permits: Law = {
  title: 'R21 no more retries, and no more starts, are in flight than allowed',
  hears: ['event', 'enter', 'leave'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const { maxConcurrentRetries, maxConcurrentStarts } = scene.settings
    /** Services that backed off and have not been asked to start since, and the epochs in flight of any. */
    const backing = new Map<string, number>()
    const retries = new Set<string>()
    const starts = new Set<string>()
    const asked = new Asked()
    const began = (name: string): string | undefined => {
      const since = backing.get(name)
      backing.delete(name)
      if (since === undefined || asked.of(name) > since || !starts.has(name)) return undefined
      retries.add(name)
      return retries.size > maxConcurrentRetries
        ? `${retries.size} retries are in flight at ${chronicle.now}, ${maxConcurrentRetries} are allowed: ${[...retries].join(', ')}`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      asked.note(chronicle, seen)
      if (seen.kind === 'event') {
        const { event } = seen
        if (event.type === 'retry') backing.set(event.name, event.seq)
        if (event.type !== 'state') return undefined
        // Who asked for a start is told after its hook was entered, and before its state.
        if (event.newState === 'starting') return began(event.name)
        if (phaseOf(event.newState) === 'idle') backing.delete(event.name)
        return undefined
      }
      const over = (seen.kind === 'leave' && seen.hook === 'start') || (seen.kind === 'enter' && seen.hook === 'stop')
      if (over) {
        starts.delete(seen.service)
        retries.delete(seen.service)
      }
      if (seen.kind !== 'enter' || seen.hook !== 'start') return undefined
      starts.add(seen.service)
      return starts.size > maxConcurrentStarts
        ? `${starts.size} starts are in flight at ${chronicle.now}, ${maxConcurrentStarts} are allowed: ${[...starts].join(', ')}`
        : undefined
    }
  },
}

/** Granted: what the host was blocked for, and the millisecond to which deadlines are kept. */
export const due: Law = {
  title: 'R22 a retry that is due is tried, or waits for what it needs',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet) return undefined
      const { timestamp, services } = chronicle.cut
      for (const { name, state, nextRetryAt } of services) {
        if (!backsOff(state)) continue
        if (nextRetryAt === undefined) return `${name} is ${state} and does not say until when`
        const known = chronicle.services.get(name)
        if (nextRetryAt + 1 + (known === undefined ? 0 : chronicle.slack(known.stalledThen)) < timestamp)
          return `${name} is ${state} although its backoff ended ${timestamp - nextRetryAt} ms ago`
      }
      return undefined
    }
  },
}

const STARTS: readonly string[] = ['start', 'restart', 'replace']

/** Granted: the culprit of a start that was rolled back, or may have been, which is left `failed` with its error (R29). */
export const endings: Law = {
  title: 'R20 what fails without having been tried waited in vain',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const rollsBack = (): boolean => {
      for (const call of chronicle.operations.values())
        if (STARTS.includes(KINDS[call.seen.call]) && policyOf(call) !== 'keep') return true
      return false
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.type !== 'state') return undefined
      const { name, oldState, newState, error, reason } = seen.event
      if (newState !== 'failed' || phaseOf(oldState) === 'stopping') return undefined
      const code = isKeelsonError(error) ? error.code : undefined
      if (code === 'DEPENDENCY_TIMEOUT' || code === 'START_TIMEOUT' || rollsBack()) return undefined
      return `${name} went from ${oldState} to failed with ${code} (${reason})`
    }
  },
}
