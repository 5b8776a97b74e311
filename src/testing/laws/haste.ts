// What must have been given up on by when: order in the last tenth of a stop of all (R31), hooks whose time is over (R32).

import type { Law } from '../observation.js'
import { type Chronicle, chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'
import type { Life } from './lives.js'

/** The hook of an ending life that its `onStop` still waits for. */
function waitsFor(chronicle: Chronicle, life: Life): 'start' | 'run' | undefined {
  const known = chronicle.services.get(life.name)
  if (life.stopAt >= 0 || known?.epoch !== life.epoch || known.state !== 'stopping') return undefined
  for (const { hook } of life.open) if (hook === 'start' || hook === 'run') return hook
  return undefined
}

/** Looked at when all is quiet. Granted: as long again as the host was blocked, and the millisecond of deadlines. */
export const haste: Law = {
  title:
    'R31 in the last tenth of its time stop() has everything stopping, and half of that is for hooks that go first',
  hears: ['quiet'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'quiet' || !chronicle.whole) return undefined
      for (const { seen: call, beganAt, stalledThen } of chronicle.operations.values()) {
        if (call.call !== 'stop' && call.call !== 'dispose') continue
        const timeout = call.timeout ?? scene.settings.shutdownTimeout
        const tenth = Math.min(1_000, timeout / 10)
        const from = beganAt + timeout - tenth + chronicle.slack(stalledThen) + 1
        if (chronicle.now <= from) continue
        for (const { name, state } of chronicle.services.values())
          if (phaseOf(state) === 'active' || phaseOf(state) === 'starting')
            return `${call.call}() number ${call.id} of ${beganAt} is in its last tenth at ${chronicle.now}, and ${name} is ${state}`
        if (chronicle.now <= from + tenth / 2) continue
        for (const life of chronicle.lives.values()) {
          const hook = waitsFor(chronicle, life)
          if (hook !== undefined)
            return `${call.call}() number ${call.id} of ${beganAt} has less than half of its last tenth at ${chronicle.now}, and ${life.name} waits for its ${hook}`
        }
      }
      return undefined
    }
  },
}

/** Looked at when all is quiet. Granted: as long again as the host was blocked, and the millisecond of deadlines. */
export const givenUp: Law = {
  title: 'R32 a hook that does not end is given up on in time for onStop',
  hears: ['quiet'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'quiet' || !chronicle.whole) return undefined
      for (const life of chronicle.lives.values()) {
        const hook = waitsFor(chronicle, life)
        const known = chronicle.services.get(life.name)
        const declared = scene.service(life.name)
        if (hook === undefined || known === undefined || declared?.instance !== life.instance) continue
        const grace = Math.min(declared.abortGrace, declared.stopTimeout / 2)
        const by = known.since + (hook === 'start' ? grace : declared.stopTimeout - grace)
        if (chronicle.now > by + chronicle.slack(known.stalledThen) + 1)
          return `${life.name} is stopping since ${known.since}, its ${hook} had until ${by}, and onStop has not been entered at ${chronicle.now}`
      }
      return undefined
    }
  },
}
