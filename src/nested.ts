// An orchestrator as a service of another one (R36): it bounds its own start, lives as long as `run` would, and its
// roll-up is its health.

import { BaseService } from './base-service.js'
import type { Closing } from './engine/closing.js'
import type { Nest } from './engine/core.js'
import type { Engine } from './engine/engine.js'
import type { Reports } from './engine/epoch.js'
import { coreOf } from './engine/foreign.js'
import { untilLeave } from './engine/run.js'
import { isKeelsonError } from './errors.js'
import type { HealthStatus, RunContext, ServiceOptions, StartContext, StopContext } from './service.js'

/** What is kept of the outer deadline for the outer engine's own work, at most a twentieth. */
const MARGIN = 50

export class NestedService extends BaseService {
  readonly #inner: Engine
  readonly #nest: Nest

  constructor(name: string, inner: Engine, options: ServiceOptions) {
    super(name, {
      type: 'orchestrator',
      startTimeout: Infinity,
      stopTimeout: inner.shutdownTimeout,
      ...options,
      healthCheck: { interval: 1_000, failureThreshold: 1, onUnhealthy: 'report', ...options.healthCheck },
    })
    this.#inner = inner
    this.#nest = { keeper: inner, cores: () => inner.topology.cores(), hurried: undefined }
    coreOf(this).nests = this.#nest
  }

  protected override async onStart(context: StartContext & Partial<Reports>): Promise<void> {
    const { signal, own } = context
    const nest = this.#nest
    nest.hurried = (left) => void this.#stop(left).catch(() => {})
    own(() => {
      nest.hurried = undefined
    })
    let asked = false
    const tell = (): void => {
      if (asked) return
      asked = true
      this.#inner.reconciler.post(() => {
        asked = false
        context.report?.(this.onCheck())
      })
    }
    own(this.#inner.on('state', tell))
    own(this.#inner.on('health', tell))
    // Aborted, it does not wait for the inner rollback: `onStop` stops what is up, within its own time.
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
    await Promise.race([this.#inner.start(), aborted])
  }

  protected override async onRun({ signal }: RunContext): Promise<void> {
    const watch = untilLeave(this.#inner)
    const aborted = new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    )
    const reason = await Promise.race([watch.left, aborted])
    watch.cancel()
    if (reason?.why === 'gave up') throw reason.error
  }

  protected override async onStop(context: StopContext & Partial<Closing>): Promise<void> {
    await this.#stop(context.left ?? this.#inner.shutdownTimeout)
  }

  protected override onCheck(): HealthStatus {
    return this.#inner.view.health().status
  }

  override getServiceData(): Record<string, unknown> {
    return { services: this.#inner.topology.records.size }
  }

  /** Stops the inner one a little before the outer time is over. */
  async #stop(left: number): Promise<void> {
    const timeout = Math.max(1, Math.min(this.#inner.shutdownTimeout, left - Math.min(MARGIN, left / 20)))
    try {
      await this.#inner.stop({ timeout })
    } catch (error) {
      if (!isKeelsonError(error, 'CLOSED')) throw error // disposed of: it is at rest
    }
  }
}
