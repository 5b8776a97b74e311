// Laws of one life of a service (R2, R3, R32, R43): which hooks are entered, how often, in which order, beside which
// others, and for how long. They go by the hooks themselves, which are entered before the events of their turn.

import type { Law } from '../observation.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'
import type { Hooked, Life } from './lives.js'

const who = ({ name, epoch }: Life): string => `${name} (epoch ${epoch})`

/** No freedom. Nested orchestrators show no hooks, foreign services those that they have. */
export const pairing: Law = {
  title: 'R2 per epoch onStart is entered once, and onStop exactly once after it',
  hears: ['enter', 'end'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      const { former: before, formerStopped: stopped } = chronicle
      if (seen.kind === 'end') {
        for (const life of chronicle.lives.values())
          if (life.stopAt < 0) return `${who(life)} was started at ${life.startedAt} and onStop was never entered`
        return undefined
      }
      if (seen.kind !== 'enter') return undefined
      const { service, epoch, instance, hook } = seen
      if (hook === 'start') {
        if (before === undefined) return undefined
        if (!stopped)
          return `onStart of ${service} (epoch ${epoch}) was entered, epoch ${before.epoch} has not seen onStop`
        if (before.instance === instance && epoch <= before.epoch)
          return `onStart of ${service} was entered for epoch ${epoch} after epoch ${before.epoch}`
      } else if (hook === 'stop') {
        if (before?.epoch !== epoch || before.instance !== instance)
          return `onStop of ${service} was entered for epoch ${epoch}, the live one is ${before?.epoch ?? 'none'}`
        if (stopped) return `onStop of ${who(before)} was entered twice`
      }
      return undefined
    }
  },
}

/** No freedom: whatever was handed over, when and by whomever. */
export const disposers: Law = {
  title: 'R2 what own() was given is disposed of once, last in first out, after onStop',
  hears: ['own', 'enter', 'end'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const kept = new Map<number, string>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'own') kept.set(seen.resource, `${seen.service} (epoch ${seen.epoch})`)
      else if (seen.kind === 'end') {
        for (const [resource, owner] of kept) return `resource ${resource} of ${owner} was never disposed of`
      } else if (seen.kind === 'enter' && seen.hook === 'dispose' && seen.resource !== undefined) {
        const { resource } = seen
        const owner = kept.get(resource)
        if (!kept.delete(resource)) return `resource ${resource} of ${seen.service} was disposed of twice`
        const { life } = chronicle
        if (life === undefined || life.owned.length === 0) return undefined
        if (life.stopAt < 0) return `resource ${resource} of ${owner} was disposed of before onStop`
        if (life.owned.pop() !== resource) return `resource ${resource} of ${owner} was disposed of out of order`
      }
      return undefined
    }
  },
}

/**
 * Granted: checks, which no stop waits for; `onStop` and the disposers after a hook that was abandoned - how long it must
 * have been waited for is told below; and a hook of an object that was unregistered, when another one has taken its name.
 */
export const hooks: Law = {
  title: 'R43 a service has one hook in flight, and no new epoch begins beside an abandoned one',
  hears: ['event', 'enter'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    /** Names whose object may be another one, with nothing to do with the last. */
    const fresh = new Set<string>()
    return (seen) => {
      chronicle.see(seen)
      const { former: before } = chronicle
      if (seen.kind === 'event' && seen.event.type === 'unregistered') fresh.add(seen.event.name)
      if (seen.kind !== 'enter' || chronicle.life === undefined) return undefined
      const { hook, service } = seen
      if (hook === 'start') {
        const other = fresh.delete(service) && before?.instance !== seen.instance
        if (before === undefined || other) return undefined
        for (const hooked of before.open)
          if (hooked.hook !== 'dispose')
            return `onStart of ${service} (epoch ${seen.epoch}) was entered while ${hooked.hook} of ${who(before)} is in flight`
        return undefined
      }
      if (hook !== 'run' && hook !== 'stop') return undefined
      for (const hooked of chronicle.life.open) {
        if (hooked === chronicle.hooked) continue
        if (hook === 'run') return `run of ${who(chronicle.life)} was entered while ${hooked.hook} is in flight`
        const wrong = abandonedEarly(chronicle, hooked)
        if (wrong !== undefined) return wrong
      }
      return undefined
    }
  },
}

/** Looked at when all is quiet. Granted: hooks of which it is not known that they heed their signal. */
export const signals: Law = {
  title: 'R32 whoever heeds its signal is told that its epoch ends',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'quiet' || !chronicle.whole) return undefined
      for (const hooked of chronicle.heeding) {
        const { hook, life } = hooked
        const known = chronicle.services.get(life.name)
        if (known?.state === 'stopping' && known.epoch === life.epoch && chronicle.now > known.since)
          return `${who(life)} is stopping since ${known.since}, and ${hook}, which heeds its signal, is in flight at ${chronicle.now}`
      }
      return undefined
    }
  },
}

/** `onStop` is entered beside a hook: that must have had its time, unless an operation was short of it (R31). */
function abandonedEarly(chronicle: Chronicle, { hook, life }: Hooked): string | undefined {
  if (hook !== 'start' && hook !== 'run') return undefined
  const known = chronicle.services.get(life.name)
  const declared = chronicle.scene.service(life.name)
  if (known === undefined || declared === undefined) return undefined
  const now = `onStop of ${who(life)} was entered at ${chronicle.now} while ${hook} is in flight`
  if (known.state !== 'stopping') return `${now} and it is ${known.state}`
  if (chronicle.hurried) return undefined
  const grace = Math.min(declared.abortGrace, declared.stopTimeout / 2)
  const patience = hook === 'start' ? grace : declared.stopTimeout - grace
  return chronicle.now < known.sinceLeast + patience - 1
    ? `${now}, which had until ${known.sinceLeast + patience} to settle`
    : undefined
}

/** Granted: a stop in the last tenth of an operation's time (R31), and services whose hooks take what others leave. */
export const waitedFor: Law = {
  title: 'R32 onStop and the disposers are waited for until stopTimeout is over',
  hears: ['event'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'event' || seen.event.type !== 'state' || seen.event.oldState !== 'stopping') return undefined
      const { name, epoch } = seen.event
      const life = chronicle.lives.get(name)
      const known = chronicle.services.get(name)
      const declared = scene.service(name)
      if (life?.epoch !== epoch || life.instance !== declared?.instance) return undefined
      if (known === undefined || chronicle.hurried) return undefined
      const by = known.priorSinceLeast + declared.stopTimeout
      for (const { hook } of life.open)
        if (hook === 'stop' && chronicle.now < by - 1)
          return `${who(life)} is ${known.state} at ${chronicle.now} while onStop is in flight, which had until ${by}`
      return undefined
    }
  },
}

/** Granted: as long again as the host was blocked meanwhile, and the millisecond to which deadlines are kept. */
export const bounds: Law = {
  title: 'R32 starting and stopping are bounded',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet) return undefined
      for (const known of chronicle.services.values()) {
        const phase = phaseOf(known.state)
        if (phase !== 'starting' && phase !== 'stopping') continue
        const declared = scene.service(known.name)
        if (declared === undefined) continue
        const bound = phase === 'starting' ? declared.startTimeout : declared.stopTimeout
        const late = chronicle.now - known.since - bound - chronicle.slack(known.stalledThen)
        if (late > 1)
          return `${known.name} is ${known.state} since ${known.since}, its bound is ${bound}, it is ${chronicle.now}`
      }
      return undefined
    }
  },
}
