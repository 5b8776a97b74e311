/**
 * A stage for the laws of dependencies and of the registry: an orchestrator on the virtual clock and a puppet per service.
 * A puppet starts and stops in the time it is told, and dies, ends or falls ill on command; everything is written down with its time.
 */
import {
  type AnyEvent,
  type CheckResult,
  defineService,
  type HealthStatus,
  isKeelsonError,
  type Orchestrator,
  type OrchestratorOptions,
  type Service,
  type ServiceOptions,
  type StartContext,
  type StopContext,
} from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { expect } from 'vitest'
import { world } from './world.js'

/** What a puppet does; everything else is what a service declares. */
export interface Script extends ServiceOptions {
  /** Milliseconds that `start` takes; 0 returns at once; `Infinity` never settles of itself. Default 0. */
  readonly up?: number
  /** Milliseconds that `stop` takes. Default 0. */
  readonly down?: number
  /** How many of the first starts fail; each as an `Error` with this text. Default none. */
  readonly fails?: number
  /** With a loop: `end` and `crash` settle it. Default none; `crash` then goes by `ctx.fail`. */
  readonly loop?: boolean
  /** With a check, whose answer is this until `health` is changed; `silent` does not answer. Default no check. */
  readonly says?: HealthStatus | 'silent'
  /** A start hook that does not listen to its signal. */
  readonly deaf?: boolean
  /** What is done at the very beginning of `start`. */
  readonly entered?: (context: StartContext) => unknown
}

/** What a puppet throws by itself. */
class Mishap extends Error {
  readonly code: string | undefined
  constructor(text: string, code?: string) {
    super(text)
    this.code = code
  }
}

/** One service in hand. */
export class Puppet {
  readonly service: Service
  /** Starts that will still fail. */
  fails: number
  /** What the next failing start throws. */
  mishap: () => unknown
  starts = 0
  stops = 0
  /** The context of the live or last epoch. */
  context: StartContext | undefined
  #says: HealthStatus | 'silent' | undefined
  readonly #waiting = new Set<(says: HealthStatus) => void>()
  #end: (() => void) | undefined
  #crash: ((error: unknown) => void) | undefined

  constructor(stage: Stage, name: string, script: Script = {}) {
    const { up = 0, down = 0, fails = 0, loop = false, says, deaf = false, entered, ...options } = script
    this.fails = fails
    this.mishap = () => new Mishap(`${name} cannot start`)
    this.#says = says
    this.service = defineService(name, {
      ...options,
      start: (context: StartContext) => {
        this.starts += 1
        this.context = context
        stage.note(`${name} start`)
        entered?.(context)
        const done = () => {
          if (this.fails-- > 0) throw this.mishap()
          this.fails = 0
        }
        return up === 0 ? done() : stage.pause(up, deaf ? undefined : context.signal).then(done)
      },
      stop: (context: StopContext) => {
        this.stops += 1
        stage.note(`${name} stop (${context.reason})`)
        return down === 0 ? undefined : stage.pause(down)
      },
      ...(loop && {
        run: ({ signal }: StartContext) =>
          new Promise<void>((resolve, reject) => {
            this.#end = resolve
            this.#crash = reject
            signal.addEventListener('abort', () => resolve(), { once: true })
          }),
      }),
      ...(says !== undefined && { check: ({ signal }: { signal: AbortSignal }) => this.#answer(signal) }),
    })
  }

  /** Ends its loop without an error. */
  end(): void {
    this.#end?.()
  }

  /** Ends its life with an error. */
  crash(error: unknown = new Mishap('it broke')): void {
    if (this.#crash) this.#crash(error)
    else this.context?.fail(error)
  }

  /** What its checks answer from now on, those in flight included. */
  set health(says: HealthStatus) {
    this.#says = says
    for (const answer of this.#waiting) answer(says)
  }

  #answer(signal: AbortSignal): CheckResult | Promise<HealthStatus> {
    const says = this.#says
    if (says !== 'silent') return says
    return new Promise((resolve) => {
      const answer = (value: HealthStatus) => {
        this.#waiting.delete(answer)
        resolve(value)
      }
      this.#waiting.add(answer)
      signal.addEventListener('abort', () => this.#waiting.delete(answer), { once: true })
    })
  }
}

/** A promise as data. */
export interface Watched<T> {
  state: 'pending' | 'resolved' | 'rejected'
  at?: number
  value?: T
  error?: unknown
  code?: string
}

/** One orchestrator, its clock, its puppets and everything that happened. */
export class Stage {
  readonly clock: VirtualClock = new VirtualClock()
  readonly app: Orchestrator
  readonly puppets: Map<string, Puppet> = new Map()
  readonly events: AnyEvent[] = []
  /** Hooks in the order in which they were entered: `10 api stop (manual)`. */
  readonly hooks: string[] = []
  readonly #began: number = this.clock.now()
  readonly #offset: number = this.clock.wall() - this.clock.now() + this.#began

  constructor(scripts: Readonly<Record<string, Script>>, options: OrchestratorOptions = {}) {
    const services = Object.entries(scripts).map(([name, script]) => this.make(name, script).service)
    this.app = world({ services, ...options, clock: this.clock }).app
    for (const type of ['state', 'health', 'retry', 'status', 'warning', 'registered', 'unregistered'] as const) {
      this.app.on(type, (event) => this.events.push(event))
    }
  }

  /** A new puppet, not registered; `the` finds the last one made of a name. */
  make(name: string, script: Script = {}): Puppet {
    const puppet = new Puppet(this, name, script)
    this.puppets.set(name, puppet)
    return puppet
  }

  the(name: string): Puppet {
    const puppet = this.puppets.get(name)
    if (!puppet) throw new Error(`no puppet ${name}`)
    return puppet
  }

  /** Milliseconds since the stage was built. */
  get now(): number {
    return this.clock.now() - this.#began
  }

  state(name: string): string {
    return this.app.getServiceStatus(name).state
  }

  note(what: string): void {
    this.hooks.push(`${this.now} ${what}`)
  }

  /** The states a service entered, with the reason where it stops or gives up: `10 stopping (manual)`. */
  states(name: string): string[] {
    return this.events.flatMap((event) => {
      if (event.type !== 'state' || event.name !== name) return []
      const why = event.newState === 'stopping' || event.newState === 'failed' ? ` (${event.reason})` : ''
      return [`${event.timestamp - this.#offset} ${event.newState}${why}`]
    })
  }

  /** Who did anything at all since the last `forget`. */
  stirred(): string[] {
    return [...new Set(this.events.flatMap((event) => (event.type === 'state' ? [event.name] : [])))].sort()
  }

  /** Codes and names of the warnings. */
  warnings(): string[] {
    return this.events.flatMap((event) => (event.type === 'warning' ? [`${event.code} ${event.name}`] : []))
  }

  /** Names of the services that were registered (`+`) and unregistered (`-`). */
  listed(): string[] {
    return this.events.flatMap((event) =>
      event.type === 'registered' ? [`+${event.name}`] : event.type === 'unregistered' ? [`-${event.name}`] : [],
    )
  }

  /** Forgets what has been written down. */
  forget(): void {
    this.events.length = 0
    this.hooks.length = 0
  }

  /** Time passes; then forgets. */
  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms)
    this.forget()
  }

  /** Starts everything, lets `ms` pass and forgets how. */
  async boot(ms = 0): Promise<void> {
    const start = this.watch(this.app.start())
    await this.clock.advance(ms)
    expect(start).toMatchObject({ state: 'resolved' })
    this.forget()
  }

  /** Watches a promise without waiting for it. */
  watch<T>(promise: Promise<T>): Watched<T> {
    const watched: Watched<T> = { state: 'pending' }
    promise.then(
      (value) => Object.assign(watched, { state: 'resolved', at: this.now, value }),
      (error: unknown) => {
        Object.assign(watched, { state: 'rejected', at: this.now, error })
        if (isKeelsonError(error)) watched.code = error.code
      },
    )
    return watched
  }

  /** Settles after `ms`, at once when the signal is aborted; `Infinity` takes no timer. */
  pause(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = ms === Number.POSITIVE_INFINITY ? undefined : this.clock.setTimeout(resolve, ms)
      signal?.addEventListener('abort', () => {
        if (timer !== undefined) this.clock.clearTimeout(timer)
        reject(signal.reason)
      })
    })
  }
}

/** A stage with these puppets; after the test its world is brought to rest and nothing may be left on its clock. */
export function stage(scripts: Readonly<Record<string, Script>> = {}, options: OrchestratorOptions = {}): Stage {
  return new Stage(scripts, options)
}

/** The error a function throws, or that a promise rejects with, as its code. */
export async function codeOf(act: () => unknown): Promise<string> {
  try {
    await act()
  } catch (error) {
    return isKeelsonError(error) ? error.code : `not an error of keelson: ${String(error)}`
  }
  return 'no error'
}

/** The error itself. */
export async function errorOf(act: () => unknown): Promise<Error & { code?: string }> {
  try {
    await act()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
