// What can go wrong in a simulation: the kinds of things thrown, and the names of the faults that are counted.
// Data and small factories; who does them is acts.ts and deeds.ts.

import type { HookName } from './observation.js'
import type { Act, ErrorKind } from './scenario.js'

const HUGE = 'x'.repeat(100_000)

/** A thing to throw, made anew for each time. */
export function thrown(kind: ErrorKind = 'plain', what = 'simulated fault'): unknown {
  switch (kind) {
    case 'plain':
      return new Error(what)
    case 'connectivity':
      return Object.assign(new Error(what), { code: 'ECONNREFUSED' })
    case 'permanent':
      return Object.assign(new Error(what), { code: 'CERT_HAS_EXPIRED' })
    case 'auth':
      return Object.assign(new Error(what), { status: 401 })
    case 'undefined':
      return undefined
    case 'string':
      return what
    case 'frozen':
      return Object.freeze({ what })
    case 'proxy':
      return new Proxy(
        {},
        {
          get() {
            throw new Error('a value that cannot be read')
          },
        },
      )
    case 'huge':
      return new Error(HUGE)
    case 'cyclic': {
      const error = new Error(what)
      error.cause = error
      return error
    }
  }
}

/** Every kind of fault that a generated scenario can hold; its place is its number. */
export const FAULTS = [
  'start rejects',
  'start throws',
  'start hangs',
  'start is slow',
  'start ignores abort',
  'start fails after own()',
  'start calls back',
  'start awaits its own call',
  'ctx.fail',
  'run ends',
  'run crashes',
  'run hangs',
  'run calls back',
  'stop fails',
  'stop hangs',
  'stop is slow',
  'stop calls back',
  'disposer fails',
  'disposer hangs',
  'disposer is slow',
  'late resource',
  'check fails',
  'check says unhealthy',
  'check hangs',
  'check is slow',
  'check calls back',
  'connectivity error',
  'permanent error',
  'auth error',
  'weird thrown value',
  'crash',
  'stalled loop',
  'stalled loop in a hook',
  'wall-clock jump',
  'aborted call',
  'aborted signal',
  'call with timeout',
  'burst of calls',
  'calls some microtasks apart',
  'foreign report',
  'listener throws',
  'listener rejects',
  'listener hangs',
  'listener calls back',
  'listener comes and goes',
  'slow iterator',
  'extreme jitter source',
  'hostile jitter source',
  'register',
  'register again',
  'unregister',
  'unregister with cascade',
  'replace',
  'dispose of the orchestrator',
] as const

/** A kind of fault. */
export type Fault = (typeof FAULTS)[number]

const NUMBER = new Map<Fault, number>(FAULTS.map((fault, number) => [fault, number]))

/** The number of a fault. */
export const faultNumber = (fault: Fault): number => NUMBER.get(fault) ?? 0

const WEIRD: readonly (ErrorKind | undefined)[] = ['undefined', 'string', 'frozen', 'proxy', 'huge', 'cyclic']
const known = new WeakMap<Act, readonly number[]>()

/** The faults that an act is, by number. An act belongs to one hook. */
export function faultsOf(hook: HookName | 'listener', act: Act): readonly number[] {
  let found = known.get(act)
  if (found === undefined) {
    found = list(hook, act).map(faultNumber)
    known.set(act, found)
  }
  return found
}

function list(hook: HookName | 'listener', act: Act): Fault[] {
  const { end, takes = 0, error, deeds } = act
  const found: Fault[] = []
  const fails = end === 'reject' || end === 'throw'
  if (hook === 'start') {
    if (fails && act.owns) found.push('start fails after own()')
    if (end === 'reject') found.push('start rejects')
    if (end === 'throw') found.push('start throws')
    if (end === 'hang') found.push('start hangs')
    if (takes > 0) found.push('start is slow')
    if (act.abort === 'ignore' && (takes > 0 || end === 'hang')) found.push('start ignores abort')
    if (deeds) found.push(act.awaits ? 'start awaits its own call' : 'start calls back')
  } else if (hook === 'run') {
    if (fails) found.push('run crashes')
    else if (end === 'hang') found.push('run hangs')
    else if (act.takes !== undefined) found.push('run ends')
    if (deeds) found.push('run calls back')
  } else if (hook === 'stop') {
    if (fails) found.push('stop fails')
    if (end === 'hang') found.push('stop hangs')
    if (takes > 0) found.push('stop is slow')
    if (deeds) found.push('stop calls back')
  } else if (hook === 'dispose') {
    if (fails) found.push('disposer fails')
    if (end === 'hang') found.push('disposer hangs')
    if (takes > 0) found.push('disposer is slow')
  } else if (hook === 'check') {
    if (fails) found.push('check fails')
    if (end === 'hang') found.push('check hangs')
    if (takes > 0) found.push('check is slow')
    if (act.says === 'unhealthy' || act.says === false) found.push('check says unhealthy')
    if (deeds) found.push('check calls back')
  } else {
    if (end === 'throw') found.push('listener throws')
    if (end === 'reject') found.push('listener rejects')
    if (end === 'hang') found.push('listener hangs')
    if (deeds) found.push('listener calls back')
  }
  if (act.fails !== undefined) found.push('ctx.fail')
  if (act.ownsLate) found.push('late resource')
  if (act.stalls) found.push('stalled loop in a hook')
  if ((fails || act.fails !== undefined) && error === 'connectivity') found.push('connectivity error')
  if ((fails || act.fails !== undefined) && error === 'permanent') found.push('permanent error')
  if ((fails || act.fails !== undefined) && error === 'auth') found.push('auth error')
  if ((fails || act.fails !== undefined) && WEIRD.includes(error)) found.push('weird thrown value')
  return found
}
