// How starts fail (R29): `retry` only by who gave up, and whoever it was is left `failed` with its error.

import { isKeelsonError, type OperationEvent, type StateEvent } from '../../index.js'
import type { Law, Scene } from '../observation.js'
import type { Called } from './calls.js'
import { type Chronicle, chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'
import { declaredPolicy } from './model.js'

/** Whose an error is, and where it led: of the changes of state that told it, the last that was not a next start. */
class Owners {
  readonly #owners = new WeakMap<object, StateEvent>()

  note(event: StateEvent): void {
    if (event.newState === 'starting' || event.newState === 'waiting') return
    if (typeof event.error === 'object' && event.error !== null) this.#owners.set(event.error, event)
  }

  of(error: unknown): StateEvent | undefined {
    return typeof error === 'object' && error !== null ? this.#owners.get(error) : undefined
  }
}

/** What a start failed by, if it was a service's own error, told at its end. */
function failedBy(owners: Owners, { phase, operation, error }: OperationEvent): StateEvent | undefined {
  if (phase !== 'end' || (operation !== 'start' && operation !== 'restart')) return undefined
  return isKeelsonError(error, 'START_INCOMPLETE') ? owners.of(error.cause) : undefined
}

/** Of a class that is not tried again: what the simulation throws says so by its code or its status. */
function isFinal(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown }
  if (!(cause instanceof Error)) return false
  const { code, status } = cause as { readonly code?: unknown; readonly status?: unknown }
  return code === 'CERT_HAS_EXPIRED' || status === 401
}

/** A law about the ends of starts that failed by a service's own error. */
function ofFailures(
  title: string,
  judge: (scene: Scene, chronicle: Chronicle, called: Called, by: StateEvent) => string | undefined,
): Law {
  return {
    title,
    hears: ['event'],
    begin: (scene) => {
      const chronicle = chronicleOf(scene)
      const owners = new Owners()
      let disturbed = 0
      return (seen) => {
        chronicle.see(seen)
        if (seen.kind !== 'event') return undefined
        const { event } = seen
        if (event.type === 'state') owners.note(event)
        if (event.type !== 'operation') return undefined
        if (event.phase === 'begin' && event.operation !== 'register') disturbed = event.id
        const by = failedBy(owners, event)
        const { called } = chronicle
        if (by === undefined || called?.begin === undefined || disturbed > event.id) return undefined
        return judge(scene, chronicle, called, by)
      }
    },
  }
}

/** Granted: starts during which something else was called. */
export const persistence: Law = ofFailures(
  'R29 a start that retries fails only when somebody gives up, its wait times out or its own time is over',
  (_, chronicle, called, { name, newState, reason, error, ...event }) => {
    if (declaredPolicy(called.seen) !== 'retry') return undefined
    const { policy } = chronicle.declared({ name, ...event })?.restart ?? {}
    // What waits in vain is told so when the start is, and gives up with that.
    if (
      phaseOf(event.oldState) === 'pending' ||
      newState === 'auth_required' ||
      reason === 'exhausted' ||
      reason === 'dependency'
    )
      return undefined
    if (policy === undefined || policy === 'never' || isFinal(error)) return undefined
    return `start number ${called.seen.id} goes on while it is retried, and failed by ${name}, which is ${newState} (${reason})`
  },
)

/** Granted: starts during which something else was called, and who is wanted all the same. */
export const culprits: Law = ofFailures(
  'R29 whoever a rolled back start failed by is left failed, with its error',
  (_, chronicle, called, { name, epoch, error }) => {
    const known = chronicle.services.get(name)
    if (declaredPolicy(called.seen) === 'keep' || known?.epoch !== epoch || phaseOf(known.state) !== 'idle')
      return undefined
    // If it is wanted all the same it may have given up meanwhile, for another reason.
    const left = known.error as { readonly cause?: unknown } | undefined
    return known.state === 'failed' && (left === error || left?.cause === error)
      ? undefined
      : `start number ${called.seen.id} was rolled back for the error of ${name}, which is left ${known.state}`
  },
)
