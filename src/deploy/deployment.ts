// What has been deployed into one orchestrator, and the hands that change it: each step through the orchestrator's
// public calls, bounded, never two of one name at once. It decides nothing but what becomes of a step that did not work.

import {
  type Clock,
  isKeelsonError,
  KeelsonError,
  type LiveOptions,
  type Orchestrator,
  type RestartOptions,
  type Service,
} from '../index.js'
import { liveOptions } from './descriptor.js'
import type { Env } from './env.js'
import type { FactoryRegistry } from './factory-registry.js'
import { waysFrom } from './graph.js'
import { canonical } from './plain.js'
import type { Candidate, Entry } from './shelf.js'
import { isSame, type Known, type Move, needsOf, type Pause, type Situation } from './situation.js'
import type { DeployAction, DeployResult, DeployStep } from './story.js'
import { asError, line } from './wording.js'

/** What a deployment asks of an orchestrator. */
export type DeployTarget = Pick<
  Orchestrator,
  'registry' | 'register' | 'unregister' | 'replace' | 'reconfigure' | 'getServiceStatus' | 'stopService'
>

/** How long a step that did not work is left alone, as `restart` says it. */
export type DeployBackoff = Pick<RestartOptions, 'initialBackoff' | 'maxBackoff' | 'multiplier'>

interface Deployed {
  readonly file: string
  readonly candidate: Candidate
  readonly service: Service
  /** What the service was built from, whatever was changed since while it lived. */
  readonly built: Candidate
}

/** A step under way, and what it brings up; its end can be hastened. */
interface Busy {
  readonly candidate: Candidate | undefined
  readonly done: Promise<DeployResult>
  readonly abort: AbortController
}

export interface DeploymentOptions {
  readonly orchestrator: DeployTarget
  readonly factories: FactoryRegistry
  readonly env: Env
  readonly clock: Clock
  readonly timeout: number
  readonly backoff: Required<DeployBackoff>
}

export class Deployment {
  readonly #options: DeploymentOptions
  readonly #deployed = new Map<string, Deployed>()
  readonly #busy = new Map<string, Busy>()
  readonly #paused = new Map<string, Pause>()

  constructor(options: DeploymentOptions) {
    this.#options = options
  }

  /** How many services are deployed. */
  get size(): number {
    return this.#deployed.size
  }

  /** How many steps have failed and are to be tried again. */
  get failing(): number {
    return this.#paused.size
  }

  /** The steps that are under way. */
  get underWay(): Promise<DeployResult>[] {
    return [...this.#busy.values()].map(({ done }) => done)
  }

  /** What is true now, for a decision. */
  situation(entries: ReadonlyMap<string, Entry>, tried: ReadonlySet<string>): Situation {
    const { orchestrator, clock } = this.#options
    const services = new Map<string, Known>()
    for (const service of orchestrator.registry) services.set(service.name, this.#known(service))
    for (const [name, { service }] of this.#deployed) {
      // Somebody else has removed or exchanged it.
      if (!this.#busy.has(name) && orchestrator.registry.get(name) !== service) this.#deployed.delete(name)
    }
    const busy = new Map([...this.#busy].map(([name, { candidate }]) => [name, candidate]))
    return { entries, deployed: this.#deployed, services, busy, paused: this.#paused, tried, now: clock.now() }
  }

  #known({ name, dependencies }: Service): Known {
    const { orchestrator } = this.#options
    return {
      needs: (dependencies ?? []).map((edge) => ({ name: edge.name, optional: edge.optional === true })),
      // Asked for only where it matters: a status reads what the service itself has to tell.
      get isIdle() {
        return orchestrator.getServiceStatus(name).phase === 'idle'
      },
      get isStoppedByHand() {
        const { phase, stopReason } = orchestrator.getServiceStatus(name)
        return (phase === 'idle' || phase === 'moving') && stopReason === 'manual'
      },
    }
  }

  /** The file has another name by now, and says the same. */
  keep({ name = '', file = '', candidate }: Move): void {
    const deployed = this.#deployed.get(name)
    if (deployed !== undefined && candidate !== undefined && isSame(deployed.candidate, candidate))
      this.#deployed.set(name, { ...deployed, candidate, file })
  }

  /** Forgets the pauses of what no file asks for any more. */
  forget(entries: ReadonlyMap<string, Entry>): void {
    const asked = new Map<string, Candidate[]>()
    for (const { candidate } of entries.values()) {
      if (candidate === undefined || !this.#paused.has(candidate.descriptor.name)) continue
      const { name } = candidate.descriptor
      asked.set(name, [...(asked.get(name) ?? []), candidate])
    }
    for (const [name, pause] of this.#paused)
      if (asked.get(name)?.some((candidate) => isSame(candidate, pause.candidate)) !== true) this.#paused.delete(name)
  }

  /** Begins a step, in this very stretch of code; what becomes of it never rejects. */
  begin(move: Move): Promise<DeployResult> {
    const { name = '', candidate } = move
    const abort = new AbortController()
    const done = this.#carryOut(move, abort.signal).then(
      (more) => this.#settled(move, more),
      (thrown: unknown) => this.#unsettled(move, asError(thrown, 'START_FAILED', `service '${line(name)}'`)),
    )
    this.#busy.set(name, { candidate: move.action === 'undeploy' ? undefined : candidate, done, abort })
    return done
  }

  /** Something else is asked for by now: what is being replaced is put back, so that nobody waits for it in vain. */
  overtake(name: string): void {
    const reason = `service '${line(name)}' - its file has changed while it was being replaced; see the next scan`
    this.#busy.get(name)?.abort.abort(new KeelsonError('CANCELLED', reason))
  }

  async #carryOut(move: Move, signal: AbortSignal): Promise<Partial<DeployResult>> {
    const { orchestrator, timeout } = this.#options
    const { action, name = '', file = '', candidate } = move
    if (action === 'undeploy' || candidate === undefined) return this.#undeploy(name)
    if (action === 'reconfigure') {
      const before = this.#deployed.get(name) as Deployed
      await orchestrator.reconfigure(name, changed(before.built, candidate))
      this.#deployed.set(name, { ...before, file, candidate })
      return {}
    }
    const service = this.#options.factories.build(candidate.descriptor, this.#options.env, file)
    try {
      if (action === 'deploy') await orchestrator.register(service)
      else await orchestrator.replace(service, { timeout: timeout + (candidate.descriptor.startDelay ?? 0), signal })
    } finally {
      // Also when it was overtaken: whichever is registered now is the one that is deployed.
      const before = this.#deployed.get(name)
      const registered = orchestrator.registry.get(name)
      if (registered === service) this.#deployed.set(name, { file, candidate, service, built: candidate })
      else if (registered !== undefined && registered === before?.service) {
        // The old one is back as it was built; what was changed since has to be said again.
        await orchestrator.reconfigure(name, changed(before.built, before.candidate)).catch(() => {})
      }
    }
    return {}
  }

  async #undeploy(name: string): Promise<Partial<DeployResult>> {
    try {
      await this.#options.orchestrator.unregister(name)
    } catch (error) {
      // It did not stop cleanly, and is gone all the same (R31).
      if (isKeelsonError(error, 'STOP_INCOMPLETE')) {
        this.#deployed.delete(name)
        return { error }
      }
      if (!isKeelsonError(error, 'SERVICE_NOT_FOUND')) throw error
    }
    this.#deployed.delete(name)
    return {}
  }

  #settled(move: Move, more: Partial<DeployResult>): DeployResult {
    const step = stepOf(move)
    const { name = '' } = step
    this.#busy.delete(name)
    this.#paused.delete(name)
    if (move.action !== 'reconfigure') this.#lift(name, move.action)
    return { ...step, outcome: 'done', ...more }
  }

  /** What failed while one that it needs was another or not there, or for a cycle that may be open by now, is due. */
  #lift(changed: string, action: DeployAction): void {
    if (this.#paused.size === 0) return
    const { orchestrator, clock } = this.#options
    const neededBy = new Map<string, string[]>()
    const add = (name: string, needs: Iterable<{ readonly name: string }>): void => {
      for (const need of needs) {
        const known = neededBy.get(need.name)
        if (known === undefined) neededBy.set(need.name, [name])
        else known.push(name)
      }
    }
    for (const { name, dependencies } of orchestrator.registry) add(name, dependencies ?? [])
    for (const [name, { candidate }] of this.#paused) add(name, needsOf(candidate))
    const touched = waysFrom(changed, neededBy)
    for (const [name, pause] of this.#paused) {
      const isOpened = action !== 'deploy' && pause.error.code === 'DEPENDENCY_CYCLE'
      if (isOpened || (action !== 'undeploy' && touched.has(name)))
        this.#paused.set(name, { ...pause, dueAt: clock.now() })
    }
  }

  #unsettled(move: Move, error: KeelsonError): DeployResult {
    const { clock, backoff } = this.#options
    const step = stepOf(move)
    const { name = '', action, candidate } = move
    this.#busy.delete(name)
    // Overtaken by a stop of all, or too early or too late for any change: not its fault, and not for long.
    if (error.code === 'CANCELLED' || error.code === 'CLOSED')
      return { ...step, outcome: 'postponed', because: `${step.because}; not now: ${error.message}` }
    if (candidate === undefined || action === 'undeploy') return { ...step, outcome: 'failed', error }
    const before = this.#paused.get(name)
    const attempt = before !== undefined && isSame(before.candidate, candidate) ? before.attempt + 1 : 1
    const { initialBackoff, maxBackoff, multiplier } = backoff
    const delay = Math.min(maxBackoff, initialBackoff * multiplier ** (attempt - 1))
    this.#paused.set(name, { candidate, attempt, dueAt: clock.now() + delay, error })
    return { ...step, outcome: 'failed', error, attempt, retryAt: clock.wall() + delay }
  }
}

/** A step without what it was decided by. */
export function stepOf({ key: _key, version: _version, candidate: _candidate, ...step }: Move): DeployStep {
  return step
}

/** The live options that differ from those a service was built with; one that is gone is `undefined`: the default. */
function changed(built: Candidate, now: Candidate): LiveOptions {
  const before = liveOptions(built.descriptor)
  const pairs = Object.entries(liveOptions(now.descriptor))
  const isOther = ([key, value]: [string, unknown]): boolean => canonical(value) !== canonical(Reflect.get(before, key))
  return Object.fromEntries(pairs.filter(isOther))
}
