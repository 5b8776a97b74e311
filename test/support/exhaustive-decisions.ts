/**
 * What can be decided at a quiet moment of a small system: an intent comes, a hook in flight ends, or time passes until
 * the next timer. Which of these are possible is read off the system; nothing that would change nothing is decided.
 */
import type { Snapshot } from '../../src/index.js'
import type { HookName } from '../../src/testing/observation.js'
import type { Deed } from '../../src/testing/scenario.js'
import { type Graph, NAMES } from './exhaustive-graphs.js'

/**
 * - `few`: start and stop, of all and of each, and a crash of each
 * - `some`: restart, too
 * - `many`: replacing, removing and registering, too, and an abort of the latest call
 */
export type Intents = 'few' | 'some' | 'many'

/** What a decision is made on. */
export interface Moment {
  readonly snapshot: Snapshot
  /** Whether a timer is set. */
  readonly timed: boolean
  /** Whether a call can still be aborted. */
  readonly abortable: boolean
  /** Whether such a hook is in flight. */
  flies(service: string, hook: HookName): boolean
}

export interface Decision {
  /** Unique; a path is a list of these. */
  readonly words: string
  /** Of an intent: what is done, in one synchronous stretch. */
  readonly deeds?: readonly Deed[]
  /** Of the end of a hook. */
  readonly ends?: { readonly service: string; readonly hook: HookName; readonly how: 'pass' | 'reject' }
  possible(moment: Moment): boolean
}

/** Hooks and how they can end; that a `run` fails is the crash among the intents. */
const ENDS = [
  ['start', 'pass'],
  ['start', 'reject'],
  ['stop', 'pass'],
  ['stop', 'reject'],
  ['run', 'pass'],
] as const

/** Everything that can be decided in systems with this graph. */
export function decisionsOf({ size }: Graph, intents: Intents): readonly Decision[] {
  const names = NAMES.slice(0, size)
  const all: Decision[] = [{ words: 'wait', possible: ({ timed }) => timed }]
  for (const service of names)
    for (const [hook, how] of ENDS) {
      const words = `${service}.${hook} ${how === 'pass' ? 'ends' : 'fails'}`
      all.push({ words, ends: { service, hook, how }, possible: ({ flies }) => flies(service, hook) })
    }
  const signal = intents === 'many' ? ({ signal: 'open' } as const) : {}
  const intent = (words: string, deed: Deed, possible: Decision['possible'] = () => true): void => {
    all.push({ words, deeds: [deed], possible })
  }
  intent('start', { deed: 'call', call: 'start', ...signal })
  intent('stop', { deed: 'call', call: 'stop' })
  if (intents === 'many') intent('abort', { deed: 'abort' }, ({ abortable }) => abortable)
  for (const [index, target] of names.entries()) {
    const isThere: Decision['possible'] = ({ snapshot }) => statusOf(snapshot, target) !== undefined
    const lives: Decision['possible'] = ({ snapshot }) => {
      const status = statusOf(snapshot, target)
      return status?.phase === 'active' || status?.state === 'starting'
    }
    intent(`start ${target}`, { deed: 'call', call: 'startService', target, ...signal }, isThere)
    intent(`stop ${target}`, { deed: 'call', call: 'stopService', target }, isThere)
    intent(`crash ${target}`, { deed: 'crash', target }, lives)
    if (intents === 'few') continue
    intent(`restart ${target}`, { deed: 'call', call: 'restartService', target, ...signal }, isThere)
    if (intents === 'some') continue
    intent(`replace ${target}`, { deed: 'call', call: 'replace', target: index, ...signal }, isThere)
    intent(`remove ${target}`, { deed: 'call', call: 'unregister', target, cascade: true }, isThere)
    intent(`register ${target}`, { deed: 'call', call: 'register', target }, (moment) => !isThere(moment))
  }
  return all
}

function statusOf({ services }: Snapshot, name: string): Snapshot['services'][number] | undefined {
  return services.find((status) => status.name === name)
}
