// Options of a service and of an orchestrator: which exist, what each may be, their defaults, what contradicts what.
// Plain data in, plain data out; nothing here knows what an option does.

import { KeelsonError } from '../errors.js'
import type { HealthCheckOptions, LiveOptions, RestartOptions, ServiceOptions } from '../service.js'
import {
  COUNT,
  check,
  DELAY,
  FACTOR,
  FLAG,
  FUNCTION,
  INTERVAL,
  type Kind,
  LIMIT,
  LIST,
  OBJECT,
  oneOf,
  SHARE,
  SIGNAL,
  TEXT,
  THRESHOLD,
  TIMEOUT,
} from './validate.js'

/** Every option of a service with its default filled in; shared by services that declare none. */
export interface Settings {
  readonly restart: Readonly<Required<RestartOptions>>
  readonly healthCheck: Readonly<Required<HealthCheckOptions>>
  readonly startDelay: number
  readonly startTimeout: number
  readonly stopTimeout: number
  readonly abortGrace: number
  readonly essential: boolean
  readonly autoStart: boolean
  readonly remote: boolean
  readonly classify: ServiceOptions['classify'] | undefined
}

/** What an orchestrator sets for all its services. */
export type Defaults = Pick<ServiceOptions, 'restart' | 'healthCheck' | 'startTimeout' | 'stopTimeout' | 'abortGrace'>

const RESTART: Readonly<Record<keyof RestartOptions, Kind>> = {
  policy: oneOf('never', 'on-failure', 'always'),
  maxRetries: COUNT,
  initialBackoff: DELAY,
  maxBackoff: DELAY,
  multiplier: FACTOR,
  jitter: SHARE,
  stableAfter: DELAY,
}

/** Options of every call that waits. */
export const CALL_FIELDS: Readonly<Record<'signal' | 'timeout', Kind>> = { signal: SIGNAL, timeout: TIMEOUT }

const HEALTH_CHECK: Readonly<Record<keyof HealthCheckOptions, Kind>> = {
  interval: INTERVAL,
  timeout: TIMEOUT,
  startGrace: DELAY,
  failureThreshold: THRESHOLD,
  successThreshold: THRESHOLD,
  onUnhealthy: oneOf('restart', 'report'),
}

/** The options that may change while a service lives. */
export const LIVE_FIELDS: Readonly<Record<keyof LiveOptions, Kind>> = {
  restart: OBJECT,
  healthCheck: OBJECT,
  startDelay: DELAY,
  startTimeout: TIMEOUT,
  stopTimeout: TIMEOUT,
  abortGrace: DELAY,
  essential: FLAG,
}

/** The options of a service, and what each may be. */
export const SERVICE_FIELDS: Readonly<Record<keyof ServiceOptions, Kind>> = {
  type: TEXT,
  dependsOn: LIST,
  ...LIVE_FIELDS,
  autoStart: FLAG,
  remote: FLAG,
  classify: FUNCTION,
}

const ORCHESTRATOR: Readonly<Record<string, Kind>> = {
  services: LIST,
  registry: OBJECT,
  restart: OBJECT,
  healthCheck: OBJECT,
  maxConcurrentStarts: LIMIT,
  maxConcurrentRetries: LIMIT,
  maxConcurrentChecks: LIMIT,
  startTimeout: TIMEOUT,
  stopTimeout: TIMEOUT,
  shutdownTimeout: TIMEOUT,
  abortGrace: DELAY,
  history: COUNT,
  order: oneOf('dependencies', 'registration'),
  logger: OBJECT,
  clock: OBJECT,
  random: FUNCTION,
}

const RESTART_DEFAULTS: Settings['restart'] = {
  policy: 'on-failure',
  maxRetries: 5,
  initialBackoff: 1_000,
  maxBackoff: 60_000,
  multiplier: 2,
  jitter: 0.25,
  stableAfter: 60_000,
}

const HEALTH_CHECK_DEFAULTS: Settings['healthCheck'] = {
  interval: 10_000,
  timeout: 5_000,
  startGrace: 0,
  failureThreshold: 3,
  successThreshold: 1,
  onUnhealthy: 'restart',
}

/** Checks a service's options as a whole; `fields` are those that it may have (R51). */
export function checkServiceOptions(
  subject: string,
  options: unknown,
  fields: Readonly<Record<string, Kind>> = SERVICE_FIELDS,
): void {
  check(subject, '', options, fields)
  checkShared(subject, options as Defaults)
}

/** Checks an orchestrator's options as a whole (R51). */
export function checkOrchestratorOptions(subject: string, options: unknown): void {
  check(subject, '', options, ORCHESTRATOR)
  checkShared(subject, options as Defaults)
}

function checkShared(subject: string, { restart, healthCheck }: Defaults): void {
  if (healthCheck !== undefined) check(subject, 'healthCheck', healthCheck, HEALTH_CHECK)
  if (restart === undefined) return
  check(subject, 'restart', restart, RESTART)
  const { policy, initialBackoff = 0, maxBackoff = Infinity } = restart
  const others = Object.keys(restart).filter(
    (key) => key !== 'policy' && restart[key as keyof RestartOptions] !== undefined,
  )
  if (policy === 'never' && others.length > 0)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: restart.${others[0]} has no effect beside restart.policy 'never'; leave one of them out`,
    )
  if (initialBackoff > maxBackoff)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: restart.initialBackoff ${initialBackoff} is above restart.maxBackoff ${maxBackoff}; raise the latter`,
    )
}

/** Options of checks have no effect on a service without one. */
export function refuseIdle(subject: string, { healthCheck }: LiveOptions, checks: boolean): void {
  if (healthCheck !== undefined && !checks)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: healthCheck has no effect without a check; give the service one, or leave it out`,
    )
}

/** The settings that hold where nobody says otherwise. */
export function defaultSettings(defaults: Defaults = {}): Settings {
  return settle({}, defaults)
}

/** The settings of a service: its own options over the orchestrator's over the library's. */
export function settingsOf(options: ServiceOptions, shared: Settings, defaults: Defaults): Settings {
  const { restart, healthCheck, startDelay, startTimeout, stopTimeout, abortGrace } = options
  const { essential, autoStart, remote, classify } = options
  const own =
    restart ??
    healthCheck ??
    startDelay ??
    startTimeout ??
    stopTimeout ??
    abortGrace ??
    essential ??
    autoStart ??
    remote ??
    classify
  return own === undefined ? shared : settle(options, defaults)
}

function settle(options: ServiceOptions, defaults: Defaults): Settings {
  const stopTimeout = options.stopTimeout ?? defaults.stopTimeout ?? 10_000
  const remote = options.remote ?? false
  const base = remote ? { ...RESTART_DEFAULTS, maxRetries: 0 } : RESTART_DEFAULTS
  return Object.freeze({
    restart: Object.freeze({ ...base, ...given(defaults.restart), ...given(options.restart) }),
    healthCheck: Object.freeze({
      ...HEALTH_CHECK_DEFAULTS,
      ...given(defaults.healthCheck),
      ...given(options.healthCheck),
    }),
    startDelay: options.startDelay ?? 0,
    startTimeout: options.startTimeout ?? defaults.startTimeout ?? 30_000,
    stopTimeout,
    abortGrace: Math.min(options.abortGrace ?? defaults.abortGrace ?? 1_000, stopTimeout / 2),
    essential: options.essential ?? true,
    autoStart: options.autoStart ?? true,
    remote,
    classify: options.classify,
  })
}

function given<T extends object>(options: T | undefined): Partial<T> {
  if (options === undefined) return {}
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}
