// What factories are given beside their config: the outside of a service, with defaults that can be used as they are.
// Holds nothing but what the program put in.

import { Config } from '../config/index.js'
import { asLogger, type Logger, type ServiceOptions } from '../index.js'
import { nopObserver, type Observer } from '../observe/index.js'
import type { Descriptor } from './descriptor.js'

/** What a program hands to the factories of a deployment; each has a default that can be used. */
export interface Env {
  /** Where services write beside the `log` of their hooks: any logger, given to them by `asLogger`. Default: nowhere. */
  readonly logger: Logger
  /** What services report spans and measurements to. Default: `nopObserver`. */
  readonly observer: Observer
  /** The root configuration. Default: an empty one. */
  readonly config: Config
}

/** What one factory is given: the environment, and what the descriptor says about the service itself. */
export interface FactoryEnv extends Env {
  /** The name that the service must have. */
  readonly name: string
  /** The options of the descriptor - type, dependencies, restart, health check … -, to be among those of the service. */
  readonly options: ServiceOptions
}

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** The environment with what is missing filled in. */
export function envOf({ logger = silent, observer = nopObserver, config = Config.parse({}) }: Partial<Env> = {}): Env {
  return { logger: asLogger(logger), observer, config }
}

/** The environment of one factory. */
export function factoryEnv(
  env: Partial<Env>,
  {
    name,
    type,
    dependsOn,
    restart,
    healthCheck,
    essential,
    startDelay,
  }: Partial<Descriptor> & Pick<Descriptor, 'name'>,
): FactoryEnv {
  const given = { type, dependsOn, restart, healthCheck, essential, startDelay }
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as ServiceOptions
  return { ...envOf(env), name, options }
}
