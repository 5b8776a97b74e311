/**
 * The stage of the laws of restart and health: puppets that fail when told to, and a log that tells the time of each line.
 * A line is `<time> <service> <old> → <new>`, and then what the rules promise of that state and nothing else: the reason of
 * a stop or a failure, the number of the attempt, the health of what is active, the code of the error of what is not.
 */
import {
  type CheckContext,
  type CheckResult,
  defineService,
  type HealthStatus,
  isKeelsonError,
  type Orchestrator,
  type RetryEvent,
  type Service,
  type ServiceOptions,
  type ServiceState,
  type ServiceStatus,
  type StartContext,
  type StateEvent,
  type StopContext,
} from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { type WorldOptions, world } from './world.js'

/** What a puppet does in its hooks; the rest are the options of its service. */
export interface Part extends ServiceOptions {
  /** `life` counts the calls from 1; a throw or rejection is a failed start. */
  start?: (life: number, context: StartContext) => unknown
  stop?: (context: StopContext) => unknown
  /** `call` counts the checks from 1. */
  check?: (call: number, context: CheckContext) => CheckResult | Promise<CheckResult>
  /** Ends at once when it resolves; by default it lasts until it is crashed, ended or aborted. */
  run?: (life: number, context: StartContext) => unknown
}

/** A service in the hands of a test. */
export class Puppet {
  readonly service: Service
  /** When `onStart` was entered. */
  readonly starts: number[] = []
  /** When `onStop` was entered, and why. */
  readonly stops: string[] = []
  /** When the check was called. */
  readonly checks: number[] = []
  #context: StartContext | undefined
  #resolve: () => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(clock: VirtualClock, name: string, { start, stop, check, run, ...options }: Part) {
    this.service = defineService(name, {
      ...options,
      start: async (context) => {
        this.#context = context
        this.starts.push(clock.now())
        await start?.(this.starts.length, context)
      },
      run: (context) => run?.(this.starts.length, context) ?? this.#loop(context.signal),
      stop: async (context) => {
        this.stops.push(`${clock.now()} ${context.reason}`)
        await stop?.(context)
      },
      ...(check && {
        check: (context) => {
          this.checks.push(clock.now())
          return check(this.checks.length, context) as HealthStatus
        },
      }),
    })
  }

  /** The context of the latest life. */
  get context(): StartContext {
    if (!this.#context) throw new Error('it has not lived yet')
    return this.#context
  }

  /** Its loop rejects. */
  crash(error: unknown = new Error('crashed')): void {
    this.#reject(error)
  }

  /** Its loop resolves: it ends of itself. */
  end(): void {
    this.#resolve()
  }

  #loop(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }
}

/** One orchestrator, its puppets and what they were seen to do. */
export class Stage {
  readonly clock: VirtualClock = new VirtualClock()
  readonly events: (StateEvent | RetryEvent)[] = []
  readonly #options: WorldOptions
  readonly #puppets: Puppet[] = []
  readonly #lines: string[] = []
  #app: Orchestrator | undefined

  constructor(options: WorldOptions = {}) {
    this.#options = options
  }

  /** Makes a puppet; it takes part if the orchestrator does not exist yet, otherwise the test registers it. */
  cast(name: string, part: Part = {}): Puppet {
    const puppet = new Puppet(this.clock, name, part)
    this.#puppets.push(puppet)
    return puppet
  }

  get app(): Orchestrator {
    this.#app ??= this.#build()
    return this.#app
  }

  /** Starts what starts by itself, leaves failures to the restart policies and lets the first turns pass. */
  async boot(): Promise<void> {
    this.app.start({ onFailure: 'keep' }).catch(() => undefined)
    await this.clock.settle()
  }

  /** Asks for one service and lets the first turns pass. */
  async start(name: string): Promise<void> {
    this.app.startService(name).catch(() => undefined)
    await this.clock.settle()
  }

  /** What was logged since the last time. */
  take(): string[] {
    return this.#lines.splice(0)
  }

  /** The states of one service in the order in which they were seen, since the beginning. */
  states(name: string): ServiceState[] {
    return this.events.flatMap((event) => (event.type === 'state' && event.name === name ? [event.newState] : []))
  }

  /** The retries told of, as `<time> <service> #<attempt> in <delay> <class>`. */
  retries(name?: string): string[] {
    return this.events.flatMap((event) =>
      event.type === 'retry' && (name ?? event.name) === event.name
        ? [`${event.timestamp - this.#origin} ${event.name} #${event.attempt} in ${event.delay} ${event.failure}`]
        : [],
    )
  }

  status(name: string): ServiceStatus {
    return this.app.getServiceStatus(name)
  }

  /** What holds a service, as kinds. */
  heldBy(name: string): string[] {
    return (this.status(name).blockedBy ?? []).map(({ kind }) => kind)
  }

  /** Ends a life from outside and waits until the dust has settled. */
  async crash(puppet: Puppet, error?: unknown): Promise<void> {
    puppet.crash(error)
    await this.clock.settle()
  }

  get #origin(): number {
    return this.clock.wall() - this.clock.now()
  }

  #build(): Orchestrator {
    const { app } = world({
      ...this.#options,
      clock: this.clock,
      services: this.#puppets.map(({ service }) => service),
    })
    const note = (line: string): void => void this.#lines.push(`${this.clock.now()} ${line}`)
    app.on('state', (event) => {
      this.events.push(event)
      note(`${event.name} ${event.oldState} → ${event.newState}${particulars(event)}`)
    })
    app.on('health', (event) => note(`${event.name} ${event.oldHealth} → ${event.newHealth}`))
    app.on('retry', (event) => void this.events.push(event))
    app.on('warning', (event) => note(`warning ${event.code}`))
    return app
  }
}

function particulars({ newState, reason, attempt, health, error }: StateEvent): string {
  const told: unknown[] = []
  if (newState === 'stopping' || newState === 'failed') told.push(`(${reason})`)
  if (attempt !== undefined && newState !== 'failed' && newState !== 'auth_required') told.push(`#${attempt}`)
  if (newState === 'running' || newState === 'connected') told.push(health)
  if (BROKEN.includes(newState)) told.push(codeOf(error))
  return told.map((word) => ` ${word}`).join('')
}

// Whether what gave up still tells its last attempt is left open.
const BROKEN: readonly ServiceState[] = ['failed', 'retrying', 'unreachable', 'auth_required']

/** The code of an error of the library; anything else is told as a mistake. */
export function codeOf(error: unknown): string {
  return isKeelsonError(error) ? error.code : `no KeelsonError but ${String(error)}`
}

/** A start that fails in its first `times` lives. */
export function failing(times: number, error: unknown = new Error('boom')): (life: number) => void {
  return (life) => {
    if (life <= times) throw error
  }
}

/** An error with more on it than a message. */
export function broken(fields: object, message = 'broken'): Error {
  return Object.assign(new Error(message), fields)
}
