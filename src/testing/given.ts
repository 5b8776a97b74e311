// Lays a hand on the hooks of a service that somebody else made, so that a simulation can delay them, let them fail and
// see them. Works for every service of keelson, of whichever copy of the module, by the registered symbol under which
// it carries its core (as the orchestrator itself does), and for objects of the bare shape by their methods.
// The object stays the user's: the hooks get their own `this`, and what they return is passed on.

import {
  type CheckContext,
  KeelsonError,
  type Service,
  type ServiceOptions,
  type StartContext,
  type StopContext,
} from '../index.js'

/** Called in the place of each hook; `pass` is the hook. */
export interface Overlay {
  start(context: StartContext, pass: () => unknown): unknown
  run(context: StartContext, pass: () => unknown): unknown
  stop(context: StopContext, pass: () => unknown): unknown
  check(context: CheckContext, pass: () => unknown): unknown
}

/** What a service declared, and which hooks it has beside `start` and `stop`. */
export interface Declared {
  readonly options: ServiceOptions
  readonly runs: boolean
  readonly checks: boolean
}

/** What a service carries under the registered symbol, as far as it is used here: `ServiceCore`, seen from outside. */
interface Core extends Declared {
  table: {
    start(service: Service, context: StartContext): unknown
    run(service: Service, context: StartContext): unknown
    stop(service: Service, context: StopContext): unknown
    check(service: Service, context: CheckContext): unknown
    data(service: Service): unknown
  }
}

const CORE = Symbol.for('keelson.service')

/** @throws `SERVICE_INVALID` for a service that keelson did not make. */
export function declarationOf(service: Service): Declared {
  return coreOf(service)
}

/** Puts the overlay in the place of the hooks. */
export function overlay(service: Service, over: Overlay): void {
  const core = coreOf(service)
  const { table } = core
  core.table = {
    start: (self, context) => over.start(context, () => table.start(self, context)),
    run: (self, context) => over.run(context, () => table.run(self, context)),
    stop: (self, context) => over.stop(context, () => table.stop(self, context)),
    check: (self, context) => over.check(context, () => table.check(self, context)),
    data: (self) => table.data(self),
  }
}

function coreOf(service: Service): Core {
  const candidate = service as unknown as { readonly [key: symbol]: Core | undefined } | null | undefined
  const core = candidate?.[CORE]
  if (core) return core
  const what = typeof candidate === 'object' && candidate !== null ? `'${service.name}'` : String(candidate)
  throw new KeelsonError(
    'SERVICE_INVALID',
    `simulate() - ${what} was not made by keelson; wrap it in defineService to have its hooks simulated`,
  )
}
