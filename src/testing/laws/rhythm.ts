// When checks run (R24) and how many at once (R27), told from the entries and the ends of their hooks.

import type { Law } from '../observation.js'
import { type Chronicle, chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'

/** The checks of one epoch. */
interface Beat {
  readonly epoch: number
  readonly instance: number
  /** The check in flight, or -1; when the last one was over, or -1, and how long the host had been blocked by then. */
  id: number
  over: number
  stalledThen: number
}

/** How long is waited after a check: less while there is no verdict. */
function pause(chronicle: Chronicle, name: string): number {
  const { interval = 0 } = chronicle.scene.service(name)?.healthCheck ?? {}
  return chronicle.services.get(name)?.health === 'checking' ? Math.min(interval, 1_000) : interval
}

/**
 * Granted: the jitter of a tenth and the millisecond to which deadlines are kept, what the host was blocked for, and who
 * may have to wait for a place.
 */
export const rhythm: Law = {
  title:
    'R24 the first check comes after startGrace and the others an interval after the last, sooner without a verdict',
  hears: ['enter', 'leave', 'quiet'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const beats = new Map<string, Beat>()
    const late = (name: string, { epoch, instance, id, over, stalledThen }: Beat): string | undefined => {
      const known = chronicle.services.get(name)
      if (id >= 0 || known?.epoch !== epoch || phaseOf(known.state) !== 'active') return undefined
      if (scene.service(name)?.instance !== instance) return undefined
      const by = over + pause(chronicle, name) * 1.1 + chronicle.slack(stalledThen) + 1
      return chronicle.now > by
        ? `the last check of ${name} was over at ${over} and it is ${chronicle.now}: the next one was due by ${by}`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'quiet') {
        if (!chronicle.whole || beats.size > scene.settings.maxConcurrentChecks) return undefined
        for (const [name, beat] of beats) {
          const wrong = late(name, beat)
          if (wrong !== undefined) return wrong
        }
        for (const { name, state, epoch, since, stalledThen } of chronicle.services.values()) {
          if (phaseOf(state) !== 'active' || beats.get(name)?.epoch === epoch) continue
          const declared = scene.service(name)
          if (declared?.checks !== true || declared.kind === 'nested') continue
          const by = since + declared.healthCheck.startGrace + chronicle.slack(stalledThen) + 1
          if (chronicle.now > by) return `${name} is up since ${since} and was not checked by ${by}`
        }
        return undefined
      }
      if ((seen.kind !== 'enter' && seen.kind !== 'leave') || seen.hook !== 'check') return undefined
      const { service, epoch, id, at } = seen
      const beat = beats.get(service)
      if (seen.kind === 'leave') {
        if (beat?.id === id) Object.assign(beat, { id: -1, over: at, stalledThen: chronicle.stalled })
        return undefined
      }
      const { instance } = seen
      if (beat?.epoch !== epoch || beat.instance !== instance) {
        beats.set(service, { epoch, instance, id, over: -1, stalledThen: 0 })
        return undefined
      }
      const { over } = beat
      beat.id = id
      // A verdict that a foreign service reports of itself may come after the next check was set.
      const isReported = scene.service(service)?.kind === 'foreign'
      const from = over + Math.min(pause(chronicle, service), isReported ? 1_000 : Infinity) * 0.9 - 1
      return over >= 0 && at < from
        ? `the last check of ${service} was over at ${over}, and the next one was entered at ${at}, before ${from}`
        : undefined
    }
  },
}

/** Granted: the first check of each epoch, which is not held up; those that are past their time or of an ended epoch. */
export const capped: Law = {
  title: 'R27 no more than maxConcurrentChecks run at once, the first ones of epochs aside',
  hears: ['enter', 'leave'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const last = new Map<string, number>()
    const running = new Map<number, { readonly service: string; readonly epoch: number; readonly until: number }>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'leave') running.delete(seen.id)
      if (seen.kind !== 'enter' || seen.hook !== 'check') return undefined
      const { service, epoch, at } = seen
      const isFirst = last.get(service) !== epoch
      last.set(service, epoch)
      if (isFirst) return undefined
      running.set(seen.id, { service, epoch, until: at + (scene.service(service)?.healthCheck.timeout ?? 0) })
      if (running.size <= scene.settings.maxConcurrentChecks) return undefined
      for (const [id, each] of running) {
        const status = scene.service(each.service) && scene.app.getServiceStatus(each.service)
        if (each.until <= at || status?.epoch !== each.epoch || status.phase !== 'active') running.delete(id)
      }
      return running.size > scene.settings.maxConcurrentChecks
        ? `${running.size} checks are in flight at ${at}, ${scene.settings.maxConcurrentChecks} are allowed`
        : undefined
    }
  },
}
