/** What can be asked of a small system, and what can befall it beside the ends of its hooks. */
import type { Deed } from '../../src/testing/scenario.js'
import { type Graph, NAMES } from './exhaustive-graphs.js'

/**
 * - `few`: start and stop, of all and of each, a crash of each, a millisecond
 * - `some`: restart, too
 * - `many`: replacing and removing, too, and an abort of the latest call
 */
export type Intents = 'few' | 'some' | 'many'

export interface Intent {
  readonly words: string
  /** None: a millisecond passes. */
  readonly deeds: readonly Deed[]
}

/** The intents of one turn each. */
export function intentsOf({ size }: Graph, which: Intents): readonly Intent[] {
  const names = NAMES.slice(0, size)
  const signal = which === 'many' ? ({ signal: 'open' } as const) : {}
  const all: Intent[] = [
    { words: 'wait', deeds: [] },
    { words: 'start', deeds: [{ deed: 'call', call: 'start', ...signal }] },
    { words: 'stop', deeds: [{ deed: 'call', call: 'stop' }] },
  ]
  if (which === 'many') all.push({ words: 'abort', deeds: [{ deed: 'abort' }] })
  for (const [index, target] of names.entries()) {
    all.push({ words: `start ${target}`, deeds: [{ deed: 'call', call: 'startService', target, ...signal }] })
    all.push({ words: `stop ${target}`, deeds: [{ deed: 'call', call: 'stopService', target }] })
    all.push({ words: `crash ${target}`, deeds: [{ deed: 'crash', target }] })
    if (which === 'few') continue
    all.push({ words: `restart ${target}`, deeds: [{ deed: 'call', call: 'restartService', target, ...signal }] })
    if (which === 'some') continue
    all.push({ words: `replace ${target}`, deeds: [{ deed: 'call', call: 'replace', target: index, ...signal }] })
    all.push({ words: `remove ${target}`, deeds: [{ deed: 'call', call: 'unregister', target, cascade: true }] })
    all.push({ words: `register ${target}`, deeds: [{ deed: 'call', call: 'register', target }] })
  }
  return all
}
