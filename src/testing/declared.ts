// What a service of a scenario declares, every default filled in: the view that laws have of it.
// Written from the rules page, not from the engine's tables, so that the two can disagree.

import type { Dependency, ServiceOptions } from '../index.js'
import type { SceneService, SceneSettings } from './observation.js'
import type { OrchestratorPlan } from './scenario.js'

const RESTART: SceneService['restart'] = {
  policy: 'on-failure',
  maxRetries: 5,
  initialBackoff: 1_000,
  maxBackoff: 60_000,
  multiplier: 2,
  jitter: 0.25,
  stableAfter: 60_000,
}

const CHECK: SceneService['healthCheck'] = {
  interval: 10_000,
  timeout: 5_000,
  startGrace: 0,
  failureThreshold: 3,
  successThreshold: 1,
  onUnhealthy: 'restart',
}

/** The options of the orchestrator that laws know about. */
export function sceneSettings(plan: OrchestratorPlan): SceneSettings {
  return {
    maxConcurrentStarts: plan.maxConcurrentStarts ?? Number.POSITIVE_INFINITY,
    maxConcurrentRetries: plan.maxConcurrentRetries ?? 5,
    maxConcurrentChecks: plan.maxConcurrentChecks ?? 64,
    shutdownTimeout: plan.shutdownTimeout ?? 30_000,
    order: plan.order ?? 'dependencies',
  }
}

/** What is known of a service beside its options. */
export interface Facts {
  readonly name: string
  readonly kind: SceneService['kind']
  readonly instance: number
  readonly runs: boolean
  readonly checks: boolean
}

const known = new WeakMap<ServiceOptions, { readonly shared: OrchestratorPlan; readonly scene: Declared }>()

type Declared = Omit<SceneService, keyof Facts>

/** A service as the laws see it. */
export function sceneService(facts: Facts, options: ServiceOptions, shared: OrchestratorPlan): SceneService {
  // A plan is played many times, and made into many objects.
  let found = known.get(options)
  if (found?.shared !== shared) {
    found = { shared, scene: declared(options, shared) }
    known.set(options, found)
  }
  return { ...facts, ...found.scene }
}

function declared(options: ServiceOptions, shared: OrchestratorPlan): Declared {
  const stopTimeout = options.stopTimeout ?? shared.stopTimeout ?? 10_000
  const remote = options.remote ?? false
  const common = commonOf(shared)
  return {
    essential: options.essential ?? true,
    autoStart: options.autoStart ?? true,
    remote,
    startDelay: options.startDelay ?? 0,
    startTimeout: options.startTimeout ?? shared.startTimeout ?? 30_000,
    stopTimeout,
    abortGrace: Math.min(options.abortGrace ?? shared.abortGrace ?? 1_000, stopTimeout / 2),
    restart:
      remote || options.restart
        ? { ...RESTART, ...(remote ? { maxRetries: 0 } : {}), ...given(shared.restart), ...given(options.restart) }
        : common.restart,
    healthCheck: options.healthCheck ? { ...common.healthCheck, ...given(options.healthCheck) } : common.healthCheck,
    dependencies: (options.dependsOn ?? []).map((edge) => dependency(typeof edge === 'string' ? { name: edge } : edge)),
  }
}

type Common = Pick<SceneService, 'restart' | 'healthCheck'>
const commons = new WeakMap<OrchestratorPlan, Common>()

/** What holds for every service that says nothing else. */
function commonOf(shared: OrchestratorPlan): Common {
  const known = commons.get(shared)
  if (known) return known
  const made: Common = {
    restart: { ...RESTART, ...given(shared.restart) },
    healthCheck: { ...CHECK, ...given(shared.healthCheck) },
  }
  commons.set(shared, made)
  return made
}

function dependency(edge: Dependency): SceneService['dependencies'][number] {
  const optional = edge.optional ?? false
  return {
    name: edge.name,
    condition: edge.condition ?? 'healthy',
    optional,
    timeout: edge.timeout ?? 300_000,
    onTimeout: edge.onTimeout ?? (optional ? 'continue' : 'fail'),
    onLoss: edge.onLoss ?? (optional ? 'keep' : 'stop'),
  }
}

function given<T extends object>(options: T | undefined): Partial<T> {
  if (options === undefined) return {}
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>
}
