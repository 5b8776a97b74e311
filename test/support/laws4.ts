/**
 * A stage for the laws of operations: scripted services on the virtual clock, and what happened, with the time.
 * Every stage is stopped after its test, and must then have left nothing on its clock and nobody up.
 */
import {
  defineService,
  isKeelsonError,
  type KeelsonError,
  type OperationReport,
  Orchestrator,
  type OrchestratorOptions,
  type RunContext,
  type Service,
  type ServiceOptions,
  type StartContext,
  type StateEvent,
  type StopContext,
} from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { afterEach, expect } from 'vitest'

export { deferred } from './promises.js'

/** A service of a stage: its options, and how long its hooks take or what they do instead. */
export interface Part extends ServiceOptions {
  /** Milliseconds that onStart takes when it is not scripted. */
  starts?: number
  /** Milliseconds that onStop takes when it is not scripted. */
  stops?: number
  start?: (context: StartContext, stage: Stage) => unknown
  run?: (context: RunContext, stage: Stage) => unknown
  stop?: (context: StopContext, stage: Stage) => unknown
  check?: (stage: Stage) => unknown
}

/** How a promise came out, and when. */
export interface Outcome<T = unknown> {
  how: 'pending' | 'resolved' | 'rejected'
  at?: number
  value?: T
  error?: unknown
}

export interface Stage {
  readonly app: Orchestrator
  readonly clock: VirtualClock
  /** Milliseconds since the stage was set. */
  now(): number
  /** The hooks in the order in which they were entered: `120 db stop`. */
  readonly hooks: string[]
  /** All states that a service went through, with the reasons that bind: `120 stopping (shutdown)`. */
  story(name: string): string[]
  /** The stories of all services that have one. */
  stories(): Record<string, string[]>
  /** The state each service is in. */
  states(): Record<string, string>
  /** Forgets hooks and stories. */
  clear(): void
  /** Watches a promise without waiting for it. */
  watch<T>(promise: Promise<T>): Outcome<T>
  /** A scripted service that is not registered. */
  make(name: string, part?: Part): Service
}

/** The thing that goes wrong. */
export const boom: Error = new Error('boom')

/** A hook that never settles, whatever it is told. */
export const hang = (): Promise<never> => new Promise<never>(() => {})

/** A hook that fails. */
export const fail = (): never => {
  throw boom
}

/** Settles when the signal is aborted, and not before. */
export const untilAborted = ({ signal }: { signal: AbortSignal }): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })

/** Fails while the list says so, then comes up. */
export function failing(times: number): () => void {
  let left = times
  return () => {
    if (left-- > 0) throw boom
  }
}

const stages: Stage[] = []

afterEach(async () => {
  for (const stage of stages.splice(0)) {
    stage.watch(stage.app.stop({ timeout: 1_000 }))
    await stage.clock.advance(1_000)
    expect(stage.app.getAllServices().filter(({ phase }) => phase !== 'idle')).toEqual([])
    await stage.clock.advance(600_000) // what hooks of the test itself still sleep
    expect(stage.clock.pending).toBe(0)
  }
})

/** Sets a stage with these services, registered in this order. */
export function stage(parts: Record<string, Part> = {}, options: OrchestratorOptions = {}): Stage {
  const clock = new VirtualClock()
  const zero = clock.now()
  const offset = clock.wall() - zero
  const told: StateEvent[] = []
  const hooks: string[] = []
  const story = (name: string) => told.filter((event) => event.name === name).map((event) => line(event, offset + zero))
  const self: Stage = {
    get app() {
      return app
    },
    clock,
    now: () => clock.now() - zero,
    hooks,
    story,
    stories: () => Object.fromEntries([...new Set(told.map(({ name }) => name))].map((name) => [name, story(name)])),
    states: () => Object.fromEntries(app.getAllServices().map(({ name, state }) => [name, state])),
    clear: () => {
      told.length = 0
      hooks.length = 0
    },
    watch: (promise) => watch(promise, self),
    make: (name, part = {}) => make(name, part, self),
  }
  const services = Object.entries(parts).map(([name, part]) => make(name, part, self))
  const app: Orchestrator = new Orchestrator({ clock, random: () => 0.5, services, ...options })
  app.on('state', (event) => told.push(event))
  stages.push(self)
  return self
}

/** Another orchestrator on the clock of this stage. */
export function inner(on: Stage, parts: Record<string, Part>, options: OrchestratorOptions = {}): Orchestrator {
  const services = Object.entries(parts).map(([name, part]) => make(name, part, on))
  return new Orchestrator({ clock: on.clock, random: () => 0.5, services, ...options })
}

function line({ newState, reason, timestamp, attempt }: StateEvent, start: number): string {
  const why = newState === 'stopping' || reason === 'exhausted' ? ` (${reason})` : ''
  const turn = attempt !== undefined && (newState === 'retrying' || newState === 'starting') ? ` #${attempt}` : ''
  return `${timestamp - start} ${newState}${why}${turn}`
}

function make(name: string, part: Part, on: Stage): Service {
  const { starts = 0, stops = 0, start, run, stop, check, ...options } = part
  const note = (hook: string) => on.hooks.push(`${on.now()} ${name} ${hook}`)
  return defineService(name, {
    ...options,
    start: (context: StartContext) => {
      note('start')
      if (start) return start(context, on)
      return starts > 0 ? on.clock.sleep(starts) : undefined
    },
    ...(run && {
      run: (context: RunContext) => {
        note('run')
        return run(context, on)
      },
    }),
    stop: (context: StopContext) => {
      note('stop')
      if (stop) return stop(context, on)
      return stops > 0 ? on.clock.sleep(stops) : undefined
    },
    ...(check && { check: () => check(on) as 'healthy' }),
  } as Parameters<typeof defineService>[1])
}

function watch<T>(promise: Promise<T>, on: Stage): Outcome<T> {
  const outcome: Outcome<T> = { how: 'pending' }
  promise.then(
    (value) => Object.assign(outcome, { how: 'resolved', at: on.now(), value }),
    (error: unknown) => Object.assign(outcome, { how: 'rejected', at: on.now(), error }),
  )
  return outcome
}

/** `resolved at 150`, `rejected at 20 with START_INCOMPLETE`: how a call came out, in one line. */
export function said({ how, at, error }: Outcome): string {
  if (how === 'pending') return how
  if (how === 'resolved') return `resolved at ${at}`
  return `rejected at ${at} with ${isKeelsonError(error) ? error.code : String(error)}`
}

/** The report of a call, whichever way it came out. */
export function reportOf({ value, error }: Outcome): OperationReport {
  const report = value ?? (error as KeelsonError<OperationReport>).report
  if (report === undefined) throw new Error('no report', { cause: error })
  return report as OperationReport
}

/** Name and outcome of each row of a report, with the code of its error. */
export function rows(outcome: Outcome): Record<string, string> {
  const text = (error: unknown) => ` ${(error as { code?: string }).code ?? String(error)}`
  return Object.fromEntries(
    reportOf(outcome).services.map((row) => [
      row.name,
      `${row.outcome}${row.error === undefined ? '' : text(row.error)}`,
    ]),
  )
}

/** An error, its cause, the cause of that, and so on. */
export function causes(error: unknown): unknown[] {
  const found: unknown[] = []
  for (let next = error; next !== undefined && found.length < 20; next = (next as { cause?: unknown }).cause)
    found.push(next)
  return found
}
