/**
 * A second opinion on R11 and R12, from the event log alone: it knows the edges, and neither the oracle nor how long hooks take.
 * It folds the log into the conditions that hold, and since when, and looks at each start against them.
 */
import type { AnyEvent } from 'keelson'
import { find } from './corpus-oracle.js'
import type { Edge, Stack } from './corpus-stack.js'

/** Starts that came too early (R11) or later than their last condition (R12), in words. `began`: when they were asked for. */
export function faults(stack: Stack, events: readonly AnyEvent[], began: number): string[] {
  const since = new Map<string, number>()
  const ends = new Map<string, string | undefined>()
  const found: string[] = []
  const hold = (name: string, condition: Edge['condition'], holds: boolean, at: number) => {
    const key = `${name} is ${condition}`
    if (!holds) since.delete(key)
    else if (!since.has(key)) since.set(key, at)
  }
  for (const event of events) {
    if (event.type === 'health') hold(event.name, 'healthy', event.newHealth === 'healthy', event.timestamp)
    if (event.type !== 'state') continue
    const { name, newState, timestamp } = event
    if (newState === 'starting') {
      let last = began
      for (const edge of find(stack, name).dependsOn) {
        const at = since.get(`${edge.name} is ${edge.condition}`)
        if (at !== undefined) last = Math.max(last, at)
        else if (!edge.optional) found.push(`R11 ${name} starts before ${edge.name} is ${edge.condition}`)
      }
      if (timestamp !== last) found.push(`R12 ${name} starts at ${timestamp} and could at ${last}`)
    }
    if (newState === 'stopping') ends.set(name, event.reason)
    const active = newState === 'running'
    const completed = newState === 'stopped' && ends.get(name) === 'completed'
    hold(name, 'started', active || completed, timestamp)
    hold(name, 'healthy', active && event.health === 'healthy', timestamp)
    hold(name, 'completed', completed, timestamp)
  }
  return found
}
