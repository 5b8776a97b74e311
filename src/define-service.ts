// A service out of functions, for when a class would be all ceremony. The same life, the same guarantees.

import { ManagedService } from './base-service.js'
import type { HookTable } from './engine/core.js'
import { KeelsonError } from './errors.js'
import { SERVICE_FIELDS } from './kernel/settings.js'
import { FUNCTION, OBJECT, show } from './kernel/validate.js'
import type {
  CheckContext,
  CheckResult,
  RunContext,
  Service,
  ServiceOptions,
  StartContext,
  StopContext,
} from './service.js'

/** What `defineService` takes: the options of a service and its hooks as functions. */
export interface ServiceDefinition extends ServiceOptions {
  /** Brings it up; the service is active once this has resolved. */
  readonly start?: (context: StartContext) => unknown
  /** Its own loop: resolving means *ended of itself*, rejecting *crashed*. */
  readonly run?: (context: RunContext) => unknown
  /** Brings it down. */
  readonly stop?: (context: StopContext) => unknown
  /** Says how it is, while it is active. */
  readonly check?: (context: CheckContext) => CheckResult | Promise<CheckResult>
  /** What its status shows as `data`. */
  readonly data?: () => Record<string, unknown>
}

const FIELDS = { ...SERVICE_FIELDS, start: FUNCTION, run: FUNCTION, stop: FUNCTION, check: FUNCTION, data: FUNCTION }

class DefinedService extends ManagedService {
  readonly #definition: ServiceDefinition

  constructor(name: string, definition: ServiceDefinition) {
    super(
      name,
      definition,
      DefinedService.#hooks,
      { runs: definition.run !== undefined, checks: definition.check !== undefined },
      FIELDS,
    )
    this.#definition = definition
  }

  static readonly #hooks: HookTable = {
    start: (service, context) => (service as DefinedService).#definition.start?.(context),
    run: (service, context) => (service as DefinedService).#definition.run?.(context),
    stop: (service, context) => (service as DefinedService).#definition.stop?.(context),
    check: (service, context) => (service as DefinedService).#definition.check?.(context),
    data: (service) => (service as DefinedService).#definition.data?.(),
  }
}

/**
 * Makes a service out of functions.
 *
 * *Guarantees:* those of {@link BaseService} (R2, R3, R43). Without `run` it just stays up.
 *
 * Runnable: `examples/01-five-minutes.ts`.
 * @throws `SERVICE_INVALID` for a bad name, `CONFIG_INVALID` with the path of an offending option (R51).
 */
export function defineService(name: string, definition: ServiceDefinition = {}): Service {
  if (!OBJECT.takes(definition))
    throw new KeelsonError(
      'CONFIG_INVALID',
      `service ${show(name)}: its definition is ${show(definition)}; pass an object`,
    )
  return new DefinedService(name, definition)
}
