/**
 * A scene for the laws of states, desires and concurrency: a world whose services write down every hook they enter.
 *
 *     const { app, clock, hooks, moves, call } = scene({ a: { dependsOn: ['b'] }, b: { start: () => sleep(10) } })
 *     const start = call(app.start())
 *     await clock.advance(10)
 *     expect(start.outcome).toBe('done')
 *     expect(moves('b')).toEqual(['unknown → starting', 'starting → running'])
 *     expect(hooks()).toEqual(['b start 1', 'a start 1'])
 *
 * Whatever its test asserts, when a scene is over the laws that hold of every history are asserted of its own (see `laws`).
 */
import {
  type AnyEvent,
  type CheckContext,
  type CheckResult,
  isKeelsonError,
  type KeelsonError,
  type OrchestratorOptions,
  type ServiceOptions,
  type ServiceState,
  type ServiceStatus,
  type StartContext,
  type StopContext,
} from 'keelson'
import { recordEvents } from 'keelson/testing'
import { expect, onTestFinished } from 'vitest'
import { legal } from './laws1-table.js'
import { type Scripted, service, type World, world } from './world.js'

/** A service: its options and what its hooks do. Absent `start` and `stop` do nothing. */
export interface Part extends ServiceOptions {
  start?: (context: StartContext) => unknown
  run?: (context: StartContext) => unknown
  stop?: (context: StopContext) => unknown
  check?: (context: CheckContext) => CheckResult | Promise<CheckResult>
  data?: () => Record<string, unknown>
}

/** A promise watched: `pending`, `done`, the code it rejected with, or `threw` what is no error of the library. */
export interface Call<T = unknown> {
  outcome: string
  value?: T
  error?: unknown
  /** When it settled, in monotonic milliseconds. */
  at?: number
}

export interface Scene extends World {
  readonly services: Readonly<Record<string, Scripted>>
  /** Another service for this scene, journaled like the rest. */
  make(name: string, part?: Part): Scripted
  /** The hooks entered since the last `forget()`: `a start 1`, `a run 1`, `a stop 1 manual`, and what `note` added. */
  hooks(): string[]
  note(line: string): void
  /** The transitions of one service or, with the name in front, of all, since the last `forget()`. */
  moves(name?: string): string[]
  forget(): void
  /** What its service was given in the last epoch. */
  context(name: string): StartContext
  status(name: string): ServiceStatus
  state(name: string): ServiceState
  /** `a: running, b: waiting` for these services, or for all. */
  states(...names: string[]): string
  call<T>(promise: Promise<T>): Call<T>
  /** Starts everything, lets it come up and forgets how. */
  up(): Promise<void>
  /** Hooks of one service that were in flight together; the laws allow none that is not listed in `beside`. */
  readonly overlaps: string[]
  readonly beside: string[]
}

export function scene(
  parts: Record<string, Part> = {},
  options: Omit<OrchestratorOptions, 'clock' | 'services'> = {},
): Scene {
  let hooks: string[] = []
  let forgotten = 0
  const overlaps: string[] = []
  const beside: string[] = []
  const services: Record<string, Scripted> = {}

  const enter = (others: Set<string>, name: string, hook: string, line: string, work: () => unknown): unknown => {
    if (others.size > 0) overlaps.push(`${name}: ${hook} beside ${[...others].join(', ')}`)
    hooks.push(line)
    others.add(hook)
    let result: unknown
    try {
      result = work()
    } catch (error) {
      others.delete(hook)
      throw error
    }
    if (result instanceof Promise) return result.finally(() => others.delete(hook))
    others.delete(hook)
    return result
  }
  const make = (name: string, { start, run, stop, ...rest }: Part = {}): Scripted => {
    const busy = new Set<string>()
    const made = service(
      name,
      {
        ...rest,
        start: (context) => enter(busy, name, 'start', `${name} start ${context.epoch}`, () => start?.(context)),
        stop: (context) =>
          enter(busy, name, 'stop', `${name} stop ${context.epoch} ${context.reason}`, () => stop?.(context)),
        ...(run && { run: (context) => enter(busy, name, 'run', `${name} run ${context.epoch}`, () => run(context)) }),
      },
      clock,
    )
    services[name] = made
    return made
  }

  const { app, clock, log } = world({ ...options })
  const all = recordEvents(app)
  for (const [name, part] of Object.entries(parts)) void app.register(make(name, part))
  onTestFinished(() => laws(all.events, overlaps, beside, services))
  const moves = (name?: string): string[] =>
    all.events.slice(forgotten).flatMap((event) => {
      if (event.type !== 'state' || (name !== undefined && event.name !== name)) return []
      return `${name === undefined ? `${event.name}: ` : ''}${move(event)}`
    })
  const forget = (): void => {
    hooks = []
    forgotten = all.events.length
    log.clear()
  }
  const status = (name: string): ServiceStatus => app.getServiceStatus(name)
  return {
    app,
    clock,
    log,
    services,
    overlaps,
    beside,
    make,
    moves,
    forget,
    status,
    hooks: () => hooks,
    note: (line) => void hooks.push(line),
    context: (name) => services[name]?.contexts.start.at(-1) as StartContext,
    state: (name) => status(name).state,
    states: (...names) =>
      app
        .getAllServices()
        .filter(({ name }) => names.length === 0 || names.includes(name))
        .map(({ name, state }) => `${name}: ${state}`)
        .join(', '),
    call: <T>(promise: Promise<T>) => {
      const call: Call<T> = { outcome: 'pending' }
      promise.then(
        (value) => Object.assign(call, { outcome: 'done', value, at: clock.now() }),
        (error: unknown) => Object.assign(call, { outcome: codeOf(error), error, at: clock.now() }),
      )
      return call
    },
    up: async () => {
      const start = app.start()
      start.catch(() => {})
      await clock.advance(1_000)
      await start
      forget()
    },
  }
}

/** `stopping → retrying #1`; the reason where a stop begins, and where a service gives up. */
export function move({ oldState, newState, reason, attempt }: Extract<AnyEvent, { type: 'state' }>): string {
  const why = (newState === 'stopping' || newState === 'failed') && reason !== undefined ? ` (${reason})` : ''
  return `${oldState} → ${newState}${why}${attempt === undefined ? '' : ` #${attempt}`}`
}

/** The code of an error of the library, of the error in a status too; else what was thrown. */
export function codeOf(error: unknown): string {
  if (isKeelsonError(error)) return error.code
  return `threw ${String(error)}`
}

/** The error as the library gives it out: fails the test if it is none. */
export function ours(error: unknown): KeelsonError {
  expect(isKeelsonError(error), `an error of keelson, not ${String(error)}`).toBe(true)
  return error as KeelsonError
}

/** Never settles. */
export const hang = (_?: unknown): Promise<never> => new Promise(() => {})

/** Settles when its signal is aborted, with a rejection. */
export function heed({ signal }: { signal: AbortSignal }): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

/** Returns when its signal is aborted: the loop of a service that lives until it is told. */
export function serve({ signal }: { signal: AbortSignal }): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

/** Throws; for hooks in one line. */
export function fail(error: unknown): never {
  throw error
}

/** What every history obeys: R1, R2, R3, R37 and R43, on what a whole test has seen. */
function laws(
  events: readonly AnyEvent[],
  overlaps: string[],
  beside: string[],
  services: Readonly<Record<string, Scripted>>,
): void {
  const broken: string[] = []
  const last = new Map<string, ServiceState>()
  let seq = events[0]?.seq ?? 0
  for (const event of events) {
    if (event.seq !== seq++) broken.push(`seq ${event.seq} instead of ${seq - 1}`)
    if (event.type === 'registered') last.delete(event.name)
    if (event.type !== 'state') continue
    const { name, oldState, newState } = event
    if (!legal(oldState, newState)) broken.push(`${name}: ${oldState} → ${newState} is not in the table`)
    const before = last.get(name)
    if (before !== undefined && before !== oldState) broken.push(`${name}: leaves ${oldState}, but was ${before}`)
    last.set(name, newState)
  }
  for (const [name, { contexts }] of Object.entries(services)) {
    const started = contexts.start.map(({ epoch }) => epoch)
    const stopped = contexts.stop.map(({ epoch }) => epoch)
    if (started.join() !== stopped.join())
      broken.push(`${name}: epochs ${started} were started, ${stopped} were stopped`)
    if (started.some((epoch, i) => epoch <= (started[i - 1] ?? 0)))
      broken.push(`${name}: epochs ${started} do not grow`)
  }
  expect(broken).toEqual([])
  expect(overlaps, 'hooks of one service in flight together').toEqual(beside)
}
