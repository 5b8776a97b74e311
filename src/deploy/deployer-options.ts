// The options of a Deployer: what they are, their defaults, what they may be. Checked as a whole, at construction.

import { type Clock, KeelsonError, type ServiceOptions } from '../index.js'
import type { DeployBackoff, DeployTarget } from './deployment.js'
import type { Env } from './env.js'
import type { FactoryRegistry } from './factory-registry.js'
import { show } from './wording.js'

/** Options of a `Deployer`. Durations in milliseconds. */
export interface DeployerOptions extends Pick<ServiceOptions, 'dependsOn' | 'essential'> {
  /** Where services are deployed; also the one that hosts the deployer, if one does. */
  readonly orchestrator: DeployTarget
  /** How they are built. */
  readonly factories: FactoryRegistry
  /** Where the descriptors are: its `*.json`, `*.yaml` and `*.yml` files that do not begin with a dot, no folders. */
  readonly directory: string
  /** Time between two scans while the deployer is up. Default 5 000. */
  readonly interval?: number
  /**
   * What factories are given; what is missing has a default that can be used. The deployer itself writes to its `logger`,
   * without one to that of the orchestrator that hosts it.
   */
  readonly env?: Partial<Env>
  /** The name of the deployer itself. Default `deployer`. */
  readonly name?: string
  /** Bound of one replacement beside its `startDelay`; then the old service is put back; `Infinity` is none. Default 60 000. */
  readonly timeout?: number
  /**
   * How long a step that failed is left alone while neither its file nor what it needs changes: `initialBackoff` 10 000,
   * `multiplier` 2, `maxBackoff` 300 000.
   */
  readonly backoff?: DeployBackoff
  /** Time. Default: the host's. */
  readonly clock?: Clock
}

export const INTERVAL = 5_000
export const TIMEOUT = 60_000
export const BACKOFF: Required<DeployBackoff> = { initialBackoff: 10_000, maxBackoff: 300_000, multiplier: 2 }

const LONGEST_TIMEOUT = 2 ** 31 - 1

type Check = readonly [allowed: string, takes: (value: unknown) => boolean]

const isNumber = (value: unknown): value is number => typeof value === 'number'
const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const has = (value: unknown, ...methods: readonly string[]): boolean =>
  isObject(value) && methods.every((method) => typeof Reflect.get(value, method) === 'function')

const TEXT: Check = ['a text that is not empty', (value) => typeof value === 'string' && value !== '']
const PAUSE: Check = [
  `milliseconds above 0, at most ${LONGEST_TIMEOUT}`,
  (value) => isNumber(value) && value > 0 && value <= LONGEST_TIMEOUT,
]
const ANY: Check = ['', () => true] // the service that the deployer is checks these itself

const FIELDS: Readonly<Record<keyof DeployerOptions, Check>> = {
  orchestrator: ['an Orchestrator', (value) => has(value, 'register', 'unregister', 'replace', 'reconfigure')],
  factories: ['a FactoryRegistry', (value) => has(value, 'check', 'build')],
  directory: TEXT,
  interval: PAUSE,
  env: ['an object with logger, observer and config, or some of them', isObject],
  name: TEXT,
  timeout: ['milliseconds above 0, or Infinity', (value) => isNumber(value) && value > 0],
  backoff: ['an object with initialBackoff, maxBackoff and multiplier, or some of them', isObject],
  clock: ['a Clock', (value) => has(value, 'now', 'wall', 'setTimeout', 'clearTimeout', 'defer')],
  dependsOn: ANY,
  essential: ANY,
}

const BACKOFF_FIELDS: Readonly<Record<keyof DeployBackoff, Check>> = {
  initialBackoff: PAUSE,
  maxBackoff: PAUSE,
  multiplier: ['a finite number, 1 or more', (value) => isNumber(value) && value >= 1 && value < Infinity],
}

const ENV_FIELDS: Readonly<Record<keyof Env, Check>> = {
  logger: ['a logger with debug, info, warn and error', (value) => has(value, 'debug', 'info', 'warn', 'error')],
  observer: ['an Observer', (value) => has(value, 'startSpan', 'counter', 'histogram')],
  config: ['a Config', (value) => has(value, 'get', 'has')],
}

/** @throws `CONFIG_INVALID` with the path of the first option that is wrong, missing or unknown (R51). */
export function checkOptions(options: DeployerOptions): void {
  if (!isObject(options)) throw refused('options', options, 'an object with orchestrator, factories and directory')
  check('', options, FIELDS)
  for (const field of ['orchestrator', 'factories', 'directory'] as const)
    if (options[field] === undefined) throw refused(field, undefined, FIELDS[field][0])
  check('env.', options.env, ENV_FIELDS)
  check('backoff.', options.backoff, BACKOFF_FIELDS)
  const { initialBackoff, maxBackoff } = { ...BACKOFF, ...options.backoff }
  if (initialBackoff > maxBackoff)
    throw refused('backoff.initialBackoff', initialBackoff, `at most backoff.maxBackoff, which is ${maxBackoff}`)
}

/** What a single scan may be told. */
export interface ScanOptions {
  /** Ends the waiting, and what has not been begun. */
  readonly signal?: AbortSignal
}

const SCAN_FIELDS: Readonly<Record<keyof ScanOptions, Check>> = {
  signal: ['an AbortSignal', (value) => has(value, 'throwIfAborted', 'addEventListener')],
}

/** @throws `CONFIG_INVALID` with the path of the first option that is wrong or unknown (R51). */
export function checkScan(options: ScanOptions): void {
  if (!isObject(options)) throw refused('options', options, 'an object with signal, or nothing', 'scan')
  check('', options, SCAN_FIELDS, 'scan')
}

function check(
  prefix: string,
  values: object | undefined,
  fields: Readonly<Record<string, Check>>,
  subject = 'new Deployer',
): void {
  for (const [key, value] of Object.entries(values ?? {})) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined
    if (field === undefined)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `${subject}: ${prefix}${key} is no option; known are ${Object.keys(fields).join(', ')}`,
      )
    if (value !== undefined && !field[1](value)) throw refused(prefix + key, value, field[0], subject)
  }
}

const refused = (path: string, value: unknown, allowed: string, subject = 'new Deployer'): KeelsonError =>
  new KeelsonError('CONFIG_INVALID', `${subject}: ${path} is ${show(value)}; pass ${allowed}`)
