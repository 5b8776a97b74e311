// The cast of a run: makes services out of the plans of a scenario, and gives each entry of a hook its cue.
// `managed` ones are made as a user would make them; `foreign` ones have the bare shape; `nested` ones are
// orchestrators; `given` ones are the user's, with acts laid over their hooks.

import {
  type CheckContext,
  type CheckResult,
  defineService,
  type HealthStatus,
  Orchestrator,
  type Service,
  type ServiceDefinition,
  type ServiceState,
  type StartContext,
  type StateChange,
  type StopContext,
} from '../index.js'
import { perform } from './acts.js'
import { sceneService } from './declared.js'
import { type Declared, declarationOf, overlay } from './given.js'
import { thrown } from './mishaps.js'
import type { HookName } from './observation.js'
import type { Act, Deed, HookPlan, OrchestratorPlan, ServicePlan } from './scenario.js'
import type { Stage } from './stage.js'

/** What actors need of the run. */
export interface Ensemble {
  readonly stage: Stage
  readonly options: OrchestratorPlan
  readonly random: () => number
  /** Does the deeds of a hook. */
  readonly call: (deeds: readonly Deed[]) => Promise<unknown>[]
  /** The user's own objects, by name. */
  readonly given: ReadonlyMap<string, Service>
}

/** One object on the stage and what was seen of it last. */
export interface Actor {
  readonly name: string
  readonly service: Service
  /** The context of its latest epoch. */
  readonly context: Pick<StartContext, 'fail' | 'epoch'> | undefined
  /** Foreign: tells its listeners that it is in a state now. */
  readonly report?: (state: ServiceState, health?: HealthStatus) => void
}

/** Makes the service of a plan; its acts begin anew with each object. */
export function cast(ensemble: Ensemble, plan: ServicePlan, muted = false): Actor {
  const { name, kind } = plan
  let actor: Actor | undefined
  const service = (instance: number): Service => {
    const part = new Part(ensemble, plan, instance, muted)
    if (kind === 'managed') actor = managed(part)
    else if (kind === 'foreign') actor = new Foreign(part)
    else if (kind === 'nested') actor = nested(part)
    else actor = given(part)
    return actor.service
  }
  if (muted) service(0)
  else {
    ensemble.stage.introduce(name, (instance) => {
      const made = service(instance)
      const { options, runs, checks } = declaredBy(plan, ensemble.options, made)
      return [made, sceneService({ name, kind, instance, runs, checks }, options, ensemble.options)]
    })
  }
  return actor as Actor
}

/** What a plan's service declares, adapters' own defaults included. */
function declaredBy({ kind, options, run, check }: ServicePlan, shared: OrchestratorPlan, made: Service): Declared {
  if (kind === 'given') return declarationOf(made)
  if (kind === 'foreign') {
    const { dependsOn } = options
    return { options: dependsOn ? { dependsOn } : {}, runs: true, checks: check !== undefined }
  }
  if (kind === 'managed') return { options, runs: run !== undefined, checks: check !== undefined }
  const healthCheck = { interval: 1_000, failureThreshold: 1, onUnhealthy: 'report', ...options.healthCheck } as const
  const own = { startTimeout: Number.POSITIVE_INFINITY, stopTimeout: shared.shutdownTimeout ?? 30_000 }
  return { options: { ...own, ...options, healthCheck }, runs: true, checks: true }
}

/** The part that one object plays: which act comes next. */
class Part {
  readonly ensemble: Ensemble
  readonly plan: ServicePlan
  readonly instance: number
  readonly muted: boolean
  readonly #entries: Record<HookName, number> = { start: 0, run: 0, stop: 0, check: 0, dispose: 0 }

  constructor(ensemble: Ensemble, plan: ServicePlan, instance: number, muted: boolean) {
    this.ensemble = ensemble
    this.plan = plan
    this.instance = instance
    this.muted = muted
  }

  /** The context of its latest epoch. */
  get context(): StartContext | undefined {
    return this.ensemble.stage.contexts.get(this) as StartContext | undefined
  }

  begin(context: StartContext, pass?: () => unknown): unknown {
    this.ensemble.stage.contexts.set(this, context)
    return this.#play('start', this.plan.start, context.epoch, context, () => context.signal, pass)
  }

  run(context: StartContext, pass?: () => unknown): unknown {
    return this.#play('run', this.plan.run, context.epoch, context, () => context.signal, pass)
  }

  end(
    { epoch, signal, reason }: Pick<StopContext, 'epoch' | 'signal'> & Partial<StopContext>,
    pass?: () => unknown,
  ): unknown {
    return this.#play('stop', this.plan.stop, epoch, undefined, () => signal, pass, reason)
  }

  check(context: CheckContext, pass?: () => unknown): CheckResult | Promise<CheckResult> {
    const signal = (): AbortSignal => context.signal
    return this.#play('check', this.plan.check, context.epoch, undefined, signal, pass) as CheckResult
  }

  /** A start of which no context is known. */
  beginForeign(epoch: number, signal: AbortSignal | undefined): unknown {
    return this.#play('start', this.plan.start, epoch, undefined, () => signal)
  }

  endForeign(epoch: number, signal: AbortSignal | undefined): unknown {
    return this.#play('stop', this.plan.stop, epoch, undefined, () => signal)
  }

  #play(
    hook: HookName,
    script: HookPlan | undefined,
    epoch: number,
    context: StartContext | undefined,
    signal: () => AbortSignal | undefined,
    pass?: () => unknown,
    reason?: StopContext['reason'],
  ): unknown {
    const { stage, call } = this.ensemble
    const { instance, muted } = this
    const cue = { stage, service: this.plan.name, instance, hook, epoch, context, signal, reason, pass, call, muted }
    return perform(cue, this.#next(hook, script))
  }

  #next(hook: HookName, script: HookPlan | undefined): Act | undefined {
    const { stage } = this.ensemble
    if (script === undefined || script.acts.length === 0 || stage.calm) return undefined
    const { acts, choose } = script
    return acts[choose ? stage.choices.pick(acts.length) : this.#entries[hook]++ % acts.length]
  }
}

/** A service as a user would define it. */
function managed(part: Part): Actor {
  const { name, options, run, check } = part.plan
  const definition: ServiceDefinition = {
    ...options,
    start: (context) => part.begin(context),
    stop: (context) => part.end(context),
    ...(run && { run: (context: StartContext) => part.run(context) }),
    ...(check && { check: (context: CheckContext) => part.check(context) }),
  }
  return { name, service: defineService(name, definition), get context() { return part.context } } // biome-ignore format: one line
}

/** An orchestrator whose services are played, too, but not observed: to the laws it is one service. */
function nested(part: Part): Actor {
  const { ensemble, plan } = part
  const { stage, options, random } = ensemble
  const { shutdownTimeout } = options
  const inner = new Orchestrator({
    clock: stage.clock,
    random,
    ...(shutdownTimeout === undefined ? {} : { shutdownTimeout }),
    services: (plan.inner ?? []).map((each) => cast(ensemble, each, true).service),
  })
  return { name: plan.name, service: inner.asService(plan.name, plan.options), context: undefined }
}

/** The user's own object: its hooks are real, and the acts are laid over them. */
function given(part: Part): Actor {
  const { name } = part.plan
  const service = part.ensemble.given.get(name) as Service
  overlay(service, {
    start: (context, pass) => part.begin(context, pass),
    run: (context, pass) => part.run(context, pass),
    stop: (context, pass) => part.end(context, pass),
    check: (context, pass) => part.check(context, pass),
  })
  return { name, service, get context() { return part.context } } // biome-ignore format: one line
}

/** An object that merely has the shape of a service (R36). */
class Foreign implements Service, Actor {
  readonly name: string
  readonly type = 'foreign'
  readonly dependencies: Service['dependencies']
  readonly service: Service = this
  readonly context: undefined
  state: ServiceState = 'stopped'
  health: HealthStatus = 'unknown'
  lastError: unknown = undefined
  readonly checkHealth?: (context: CheckContext) => HealthStatus | Promise<HealthStatus>
  readonly #part: Part
  readonly #listeners = new Set<(change: StateChange) => void>()

  constructor(part: Part) {
    this.#part = part
    const { name, options, check } = part.plan
    this.name = name
    this.dependencies = (options.dependsOn ?? []).map((edge) => (typeof edge === 'string' ? { name: edge } : edge))
    if (check) this.checkHealth = (context) => part.check(context) as HealthStatus
  }

  async start({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    await this.#part.beginForeign(this.#epoch(), signal)
    this.state = 'running'
  }

  async stop({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.state = 'stopped'
    await this.#part.endForeign(this.#epoch(), signal)
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  onStateChange(listener: (change: StateChange) => void): ReturnType<Service['onStateChange']> {
    this.#listeners.add(listener)
    const end = (): void => void this.#listeners.delete(listener)
    return Object.assign(end, { [Symbol.dispose]: end })
  }

  report(state: ServiceState, health: HealthStatus = 'healthy'): void {
    const { stage } = this.#part.ensemble
    const epoch = this.#epoch()
    if (this.#listeners.size > 0 && state === 'failed')
      stage.see({ kind: 'fail', at: stage.clock.now(), service: this.name, epoch })
    const error = state === 'failed' ? { error: thrown('plain', 'reported by the service') } : {}
    const change = { name: this.name, oldState: this.state, newState: state, health, ...error, epoch, timestamp: 0 }
    this.state = state
    for (const listener of [...this.#listeners]) {
      // Its listeners are its own affair, hostile ones included; it never lets them disturb it.
      new Promise((resolve) => resolve(listener(change))).catch(() => {})
    }
  }

  #epoch(): number {
    const { app } = this.#part.ensemble.stage
    return app.registry.get(this.name) === this ? app.getServiceStatus(this.name).epoch : 0
  }
}
