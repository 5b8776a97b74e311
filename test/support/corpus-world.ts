/**
 * A stack of the corpus, alive: an orchestrator of simulated services on the virtual clock, and the journal of what happened.
 * The services are doubles of a user's services; the orchestrator is the real one.
 */
import {
  type AnyEvent,
  defineService,
  type OperationReport,
  Orchestrator,
  type RetryEvent,
  type Service,
} from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { comeUp, hash, line, makespan, timesOf, wanted } from './corpus-oracle.js'
import type { Edge, Stack, StackService } from './corpus-stack.js'

/** How a promise came out, and when. */
export interface Outcome<T> {
  at?: number
  value?: T
  error?: unknown
}

export class World {
  readonly stack: Stack
  readonly clock: VirtualClock = new VirtualClock()
  readonly app: Orchestrator
  /** The doubles, also those that the orchestrator refused. */
  readonly services: readonly Service[]
  readonly events: AnyEvent[] = []
  readonly #journal: string[] = []
  #lastRetry: RetryEvent | undefined
  /** What kills a service: each dies in the way that is its own. */
  readonly #crash = new Map<string, (error: unknown) => void>()
  /** Events tell the wall clock, hooks see the monotonic one; nobody lets the two drift here. */
  readonly #offset: number
  /** Jobs whose next run fails. */
  readonly #doomed = new Set<string>()

  /** With `register: false` the test registers the services itself. */
  constructor(stack: Stack, { register = true }: { register?: boolean } = {}) {
    this.stack = stack
    this.#offset = this.clock.wall() - this.clock.now()
    this.services = [...stack.services.values()].map((facts) => this.#simulate(facts))
    this.app = new Orchestrator({
      services: register ? this.services : [],
      clock: this.clock,
      random: lottery(stack.name),
    })
    this.#listen()
  }

  /** Starts the whole stack, lets it come up and forgets how. */
  async boot(): Promise<OperationReport> {
    const began = this.clock.now()
    const lives = comeUp(this.stack, wanted(this.stack), () => began)
    const start = this.watch(this.app.start())
    await this.clock.advance(makespan(this.stack, lives) - began)
    if (!start.value) throw new Error(`${this.stack.name} is not up in time`, { cause: start.error })
    this.take()
    return start.value
  }

  /** Stops the whole stack; says what is left: services not at rest, and timers. */
  async halt(): Promise<{ busy: string[]; pending: number }> {
    const stop = this.watch(this.app.stop())
    await this.clock.advance(30_000)
    if (!stop.value) throw new Error(`${this.stack.name} does not stop`, { cause: stop.error })
    const busy = this.app.getAllServices().filter((status) => status.phase !== 'idle')
    return { busy: busy.map((status) => `${status.name} is ${status.state}`), pending: this.clock.pending }
  }

  /** Kills an active service. */
  crash(name: string): void {
    this.#crash.get(name)?.(new Error(`${name} was killed`))
  }

  /** Makes the next run of a job fail. */
  doom(name: string): void {
    this.#doomed.add(name)
  }

  /** When the last backoff is over; it must be the first one of `name`. Timers are of whole milliseconds, and never early. */
  retryDue(name: string): number {
    const retry = this.#lastRetry
    if (retry?.name !== name || retry.attempt !== 1) return Number.NaN
    return Math.ceil(retry.timestamp + retry.delay - this.#offset)
  }

  /** What was journaled since the last time, sorted. */
  take(): string[] {
    return this.#journal.splice(0).sort()
  }

  /** Watches a promise without waiting for it. */
  watch<T>(promise: Promise<T>): Outcome<T> {
    const outcome: Outcome<T> = {}
    const settle = (how: Outcome<T>) => Object.assign(outcome, { at: this.clock.now(), ...how })
    promise.then(
      (value) => settle({ value }),
      (error: unknown) => settle({ error }),
    )
    return outcome
  }

  #note(name: string, what: string, at: number): void {
    this.#journal.push(line(at, name, what))
  }

  #listen(): void {
    const { app, events } = this
    const offset = this.#offset
    for (const type of ['state', 'health'] as const) app.on(type, (event) => events.push(event))
    app.on('retry', (event) => {
      this.#lastRetry = event
    })
    app.on('state', ({ name, oldState, newState, reason, timestamp }) => {
      const why = newState === 'stopping' ? ` (${reason})` : ''
      this.#note(name, `${oldState} → ${newState}${why}`, timestamp - offset)
    })
    app.on('health', ({ name, oldHealth, newHealth, timestamp }) => {
      this.#note(name, `${oldHealth} → ${newHealth}`, timestamp - offset)
    })
    app.on('warning', ({ code, message, timestamp }) => this.#note(code, message, timestamp - offset))
  }

  #simulate(facts: StackService): Service {
    const { clock } = this
    const { name } = facts
    const times = timesOf(this.stack, name)
    let fresh = false
    return defineService(name, {
      dependsOn: facts.dependsOn.map(dependency),
      restart: facts.restart,
      stopTimeout: facts.stopTimeout,
      autoStart: facts.autoStart,
      start: async ({ fail }) => {
        this.#note(name, 'onStart', clock.now())
        this.#crash.set(name, fail)
        fresh = true
        await clock.sleep(times.start)
      },
      stop: async () => {
        this.#note(name, 'onStop', clock.now())
        await clock.sleep(times.stop)
      },
      ...this.#loop(facts),
      ...(facts.check && {
        healthCheck: facts.check,
        // Only the first check of an epoch takes its time, so that none is in flight when the stack is stopped.
        check: async () => {
          if (fresh) await clock.sleep(times.check)
          fresh = false
          return 'healthy' as const
        },
      }),
    })
  }

  /** A job ends of itself; of the others half have a loop of their own and die by it, the other half by `ctx.fail`. */
  #loop({ name, job }: StackService): { run?: (context: { signal: AbortSignal }) => Promise<void> } {
    const work = async () => {
      await this.clock.sleep(timesOf(this.stack, name).run)
      if (this.#doomed.delete(name)) throw new Error(`${name} was killed`)
    }
    const serve = ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((resolve, reject) => {
        this.#crash.set(name, reject)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    if (job) return { run: work }
    return hash(name) % 2 ? { run: serve } : {}
  }
}

function dependency({ name, condition, optional, onLoss }: Edge) {
  return { name, condition, optional, timeout: Number.POSITIVE_INFINITY, ...(onLoss && { onLoss }) }
}

/** A linear congruential generator: enough for jitter, and the same in every run. */
function lottery(seed: string): () => number {
  let state = hash(seed)
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
