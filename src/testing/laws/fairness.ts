// In which order permits go (R21): a retry that became able to run earlier is not passed over by one that did later.

import type { Snapshot } from '../../index.js'
import type { Law } from '../observation.js'
import { CUTS, chronicleOf } from './chronicle.js'
import { graphOf } from './graph.js'
import { phaseOf } from './known.js'

/**
 * Told from who waits for a permit at one moment and still does at the next one. Granted: what became able to run between
 * the same two moments; whoever an operation may have been about meanwhile; and whose dependency moved, which may have lost
 * its place.
 */
export const fairness: Law = {
  title: 'R21 permits go to retries in the order in which they became able to run',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    /** Services that back off and have not been asked to start since. */
    const retries = new Set<string>()
    /** Of those that wait for a permit: at which look they were first seen to. */
    const since = new Map<string, number>()
    let begun: { readonly name: string; readonly since: number }[] = []
    let looks = 0
    const look = ({ services, seq }: Snapshot): string | undefined => {
      looks++
      let wrong: string | undefined
      const still = new Set<string>()
      for (const { name, state, blockedBy } of services) {
        if (state !== 'waiting' || blockedBy?.[0]?.kind !== 'permit' || !retries.has(name)) continue
        still.add(name)
        const from = since.get(name)
        if (from === undefined) since.set(name, looks)
        else
          for (const each of begun)
            if (each.since > from)
              wrong ??= `${each.name} was given a permit for which ${name} waits for longer (at #${seq})`
      }
      for (const name of since.keys()) if (!still.has(name)) since.delete(name)
      begun = []
      return wrong
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'event') {
        const { event } = seen
        if (event.type === 'retry') retries.add(event.name)
        if (event.type === 'operation' && event.phase === 'begin' && event.operation !== 'register') {
          if (event.operation !== 'stop') retries.clear()
          since.clear()
          begun = []
        }
        if (event.type === 'state' || event.type === 'health')
          for (const { name } of graph.dependents(event.name)) since.delete(name)
        if (event.type === 'state') {
          const { name, newState } = event
          if (newState === 'starting' && retries.has(name)) begun.push({ name, since: since.get(name) ?? looks + 1 })
          if (phaseOf(newState) !== 'pending') retries.delete(name)
        }
      }
      if (chronicle.cut === undefined || (retries.size === 0 && since.size === 0)) return undefined
      return look(chronicle.cut)
    }
  },
}
