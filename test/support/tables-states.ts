/**
 * The stage of the table state × input: one service `t`, what it depends on (`d`), and one that holds a permit (`p`).
 * Each hook of theirs settles when the stage says so; what follows is written down in the words of `outcome`.
 * Situations and inputs stand in tables-situations.ts and tables-inputs.ts, the expected outcomes in test/tables/states.txt.
 */
import {
  type AnyEvent,
  defineService,
  isKeelsonError,
  Orchestrator,
  type OrchestratorOptions,
  type Service,
  type ServiceOptions,
  type ServiceStatus,
  type StartContext,
  type StateEvent,
} from 'keelson'
import { type EventRecord, recordEvents, VirtualClock } from 'keelson/testing'
import { expect } from 'vitest'
import { type Deferred, deferred, type Settled, settled } from './promises.js'

/** A hook of the stage: settles at once, or when the test says so; while it is in flight `flight` is there. */
export class Held {
  /** Whether the next call of it waits for the test; an error is thrown at once. */
  next: 'at once' | 'held' | Error = 'at once'
  /** A held call does not settle when its signal is aborted. */
  deaf = false
  calls = 0
  flight: Deferred<unknown> | undefined

  enter(signal: AbortSignal): unknown {
    this.calls += 1
    if (this.next instanceof Error) throw this.next
    if (this.next === 'at once') return undefined
    const flight = deferred<unknown>()
    this.flight = flight
    const over = (): void => {
      if (this.flight === flight) this.flight = undefined
    }
    flight.promise.then(over, over)
    if (!this.deaf) signal.addEventListener('abort', () => flight.reject(signal.reason), { once: true })
    return flight.promise
  }
}

/** A service whose hooks are held. */
export class Puppet {
  readonly start: Held = new Held()
  readonly run: Held = new Held()
  readonly stop: Held = new Held()
  readonly check: Held = new Held()
  readonly contexts: StartContext[] = []
  readonly service: Service

  constructor(name: string, options: ServiceOptions & { checked?: boolean } = {}) {
    const { checked = true, ...rest } = options
    this.service = this.make(name, rest, checked)
  }

  /** A service of that name on the same hooks; all of its checks but the second are answered at once. */
  make(name: string, options: ServiceOptions, checked: boolean): Service {
    return defineService(name, {
      ...options,
      start: (context) => {
        this.contexts.push(context)
        return this.start.enter(context.signal)
      },
      run: async ({ signal }) => {
        this.run.next = 'held'
        try {
          await this.run.enter(signal)
        } catch (error) {
          if (error !== signal.reason) throw error
        }
      },
      stop: ({ signal }) => this.stop.enter(signal),
      ...(checked && {
        check: async ({ signal }) => {
          this.check.next = this.check.calls === 1 ? 'held' : 'at once'
          this.check.deaf = true
          return ((await this.check.enter(signal)) ?? 'healthy') as 'healthy'
        },
      }),
    })
  }
}

const OPTIONS: ServiceOptions = {
  dependsOn: [{ name: 'd', timeout: 20_000 }],
  startTimeout: 3_000,
  stopTimeout: 1_000,
  abortGrace: 400,
  healthCheck: { interval: 100, timeout: 10_000, failureThreshold: 1 },
}
const RESTART = { maxRetries: 3, initialBackoff: 1_000, jitter: 0 }

export interface Staging {
  /** Options of `t` beside or instead of its usual ones. */
  readonly t?: ServiceOptions
  readonly app?: OrchestratorOptions
}

export class Stage {
  readonly clock: VirtualClock = new VirtualClock()
  readonly t: Puppet
  readonly d: Puppet
  readonly p: Puppet
  readonly app: Orchestrator
  readonly #log: EventRecord
  readonly #options: ServiceOptions
  #began = 0
  /** The call that brought `t` where it is, and what aborts it. */
  earlier: Settled<unknown> | undefined
  readonly signal: AbortController = new AbortController()

  constructor({ t = {}, app = {} }: Staging) {
    this.#options = { ...OPTIONS, ...t, restart: t.restart ?? RESTART }
    this.t = new Puppet('t', this.#options)
    this.d = new Puppet('d', { restart: RESTART, checked: false, autoStart: false })
    this.p = new Puppet('p', { checked: false, autoStart: false })
    const services = [this.t, this.d, this.p].map(({ service }) => service)
    this.app = new Orchestrator({ random: () => 0.5, ...app, clock: this.clock, services })
    this.#log = recordEvents(this.app)
  }

  /** Another service `t` with the same options and hooks. */
  another(): Service {
    return this.t.make('t', this.#options, true)
  }

  status(name = 't'): ServiceStatus {
    return this.app.getServiceStatus(name)
  }

  /** Calls, remembers the call as the one that brought `t` where it is, and lets everything happen that can. */
  async bring(call: (options: { signal: AbortSignal }) => Promise<unknown>): Promise<void> {
    this.earlier = settled(call({ signal: this.signal.signal }))
    await this.clock.settle()
  }

  /** `t` is up, and has a check in flight. */
  async up(): Promise<void> {
    await this.bring((options) => this.app.startService('t', options))
    await this.clock.advance(150)
  }

  /** From here on everything is written down. */
  begin(): void {
    this.#log.clear()
    this.#began = this.clock.wall()
  }

  /** Lets every hook settle that is still held, as a good one would; hooks to come settle at once. */
  release(): void {
    for (const { start, stop } of [this.t, this.d, this.p]) {
      start.next = stop.next = 'at once'
      start.flight?.resolve(undefined)
      stop.flight?.resolve(undefined)
    }
  }

  /** What has happened since `begin`, in words; `+ms` where time has passed. */
  outcome(): string {
    const own = new Set<number>()
    let last = 0
    const words = this.#log.events.flatMap((event) => {
      if (event.type === 'operation' && event.phase === 'begin') own.add(event.id)
      const word = wordOf(event, own)
      const at = event.timestamp - this.#began
      const mark = at === last ? '' : `+${at} `
      last = at
      return [mark + word]
    })
    return words.join(', ')
  }

  /** The steps of all services since `begin`. */
  steps(): readonly StateEvent[] {
    return this.#log.events.filter((event) => event.type === 'state')
  }

  /** Brings everything to rest; nothing is left, and every entered `onStart` has its `onStop` (R2, R46). */
  async end(): Promise<void> {
    const stop = settled(this.app.stop())
    await this.clock.settle()
    this.release()
    this.t.run.flight?.resolve(undefined)
    await this.clock.advance(60_000)
    expect(stop.status).not.toBe('pending')
    expect(this.clock.pending, 'timers left').toBe(0)
    for (const { start, stop } of [this.t, this.d, this.p]) expect(stop.calls).toBe(start.calls)
    for (const { phase } of this.app.getAllServices()) expect(phase).toBe('idle')
  }
}

/** One event in as few words as tell it; of `t` if no other name is said. */
function wordOf(event: AnyEvent, own: ReadonlySet<number>): string {
  switch (event.type) {
    case 'state': {
      const { newState, reason, attempt, health, error, epoch } = event
      const words = [
        event.name === 't' ? '' : `${event.name} `,
        newState,
        newState === 'starting' ? `@${epoch}` : '',
        (newState === 'stopping' || newState === 'failed') && reason !== undefined ? `(${reason})` : '',
        health === 'unknown' || health === 'healthy' ? '' : `[${health}]`,
        attempt === undefined ? '' : `#${attempt}`,
        codeOf(error),
      ]
      return words.join('')
    }
    case 'health':
      return `${named(event.name)}[${event.newHealth}]${codeOf(event.error)}`
    case 'retry':
      return `${named(event.name)}retry#${event.attempt} in ${event.delay}`
    case 'operation': {
      const whose = own.has(event.id) ? '' : `earlier ${event.target === 't' ? '' : `${event.target} `}`
      return event.phase === 'begin' ? 'begin' : `${whose}${event.outcome}${codeOf(event.error)}`
    }
    case 'warning':
      return `${named(event.name ?? '')}warning ${event.code}`
    case 'registered':
    case 'unregistered':
      return `${named(event.name)}${event.type}`
    default:
      return event.type
  }
}

const named = (name: string): string => (name === 't' ? '' : `${name} `)

/** ` CODE` of an error of the library, of anything else its name. */
export function codeOf(error: unknown): string {
  if (error === undefined) return ''
  if (isKeelsonError(error)) return ` ${error.code}`
  return ` ${(error as { name?: string }).name ?? String(error)}`
}
