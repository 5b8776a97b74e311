/** A foreign service: an object of the `Service` shape that shares no code with keelson, and what was done to it. */
import type {
  CallOptions,
  Dependency,
  HealthStatus,
  Service,
  ServiceState,
  StateChange,
  StateUpdater,
  Unsubscribe,
} from 'keelson'

/** What the hooks of a foreign service do, where they do anything. */
export interface ForeignPart {
  dependencies?: readonly Dependency[]
  start?: (options: CallOptions | undefined, self: Foreign) => unknown
  stop?: (options: CallOptions | undefined, self: Foreign) => unknown
}

export class Foreign implements Service, StateUpdater {
  readonly name: string
  readonly type = 'foreign'
  readonly dependencies: readonly Dependency[]
  state: ServiceState = 'stopped'
  health: HealthStatus = 'unknown'
  lastError: unknown = undefined
  /** The calls it got: `start`, `stop`. */
  readonly calls: string[] = []
  /** The states that it was told. */
  readonly told: string[] = []
  readonly listeners: Set<(change: StateChange) => void> = new Set()
  readonly #part: ForeignPart

  constructor(name: string, part: ForeignPart = {}) {
    this.name = name
    this.dependencies = part.dependencies ?? []
    this.#part = part
  }

  async start(options?: CallOptions): Promise<void> {
    this.calls.push('start')
    await this.#part.start?.(options, this)
  }

  async stop(options?: CallOptions): Promise<void> {
    this.calls.push('stop')
    await this.#part.stop?.(options, this)
  }

  async restart(): Promise<void> {
    this.calls.push('restart')
  }

  onStateChange(listener: (change: StateChange) => void): Unsubscribe {
    this.listeners.add(listener)
    const end = (): void => void this.listeners.delete(listener)
    return Object.assign(end, { [Symbol.dispose]: end })
  }

  updateState(state: ServiceState, health: HealthStatus, error?: unknown): void {
    this.told.push(`${state} ${health}${error === undefined ? '' : ` ${(error as { code?: string }).code}`}`)
  }

  /** Reports a state, and with it a health or an error. */
  report(newState: ServiceState, { health = 'unknown', error }: { health?: HealthStatus; error?: unknown } = {}): void {
    const change: StateChange = {
      name: this.name,
      oldState: this.state,
      newState,
      health,
      ...(error !== undefined && { error }),
      epoch: 1,
      timestamp: 0,
    }
    this.state = newState
    this.health = health
    for (const listener of [...this.listeners]) listener(change)
  }
}
