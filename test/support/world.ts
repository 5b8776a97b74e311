/**
 * The arrangement of nearly every test: an orchestrator on a virtual clock, scripted services, and the event log.
 *
 *     const db = service('db', { start: { takes: 20 } })
 *     const { app, clock, log } = world({ services: [db] })
 *     const start = settled(app.start())
 *     await clock.advance(20)
 *     expect(start.status).toBe('fulfilled')
 *     expect(log.lines()).toEqual([…])          // the format: `EventRecord.lines` in src/testing/record-events.ts
 *
 * - `world()`: `random` is always 0.5, so jitter changes nothing; an option overrides it. `log` listens from right after
 *   the construction, so it does not show how the services of the options were registered.
 * - A script is the options of a service plus `start`, `run`, `stop`, `check`: each a function as for `defineService`, or
 *   data, see `Script`. Data hooks heed `ctx.signal` - they reject with its reason and give up their timer - unless told
 *   not to. Without `start` and `stop` these two do nothing, but are counted; without `run` the service just stays up.
 * - `svc.calls.start` counts the entered hooks, `svc.contexts.start` keeps what each was given, `svc.crash()` ends the
 *   epoch by `ctx.fail`.
 * - After each test all its worlds are stopped, failed or not: time passes until the stop settles and the sleeps of
 *   abandoned hooks are over, 10 minutes at most. Then `clock.pending` must be 0 and every service at rest. A hook that
 *   hangs for ever holds no timer and disturbs nobody. A test with `world({ tidy: false })` looks after itself.
 */
import {
  type CheckContext,
  type CheckResult,
  defineService,
  Orchestrator,
  type OrchestratorOptions,
  type Service,
  type ServiceOptions,
  type StartContext,
  type StopContext,
} from 'keelson'
import { type EventRecord, recordEvents, VirtualClock } from 'keelson/testing'
import { afterEach, expect } from 'vitest'
import { settled } from './promises.js'

export { type Deferred, deferred, type Settled, settled } from './promises.js'

/** A hook as data; without any of these it settles in the call itself. */
export interface Script {
  /** Virtual milliseconds until it settles. Default 0. */
  takes?: number
  /** Never settles by itself; with `ignoresAbort` never at all. */
  hangs?: boolean
  /** Goes on although `ctx.signal` is aborted. */
  ignoresAbort?: boolean
  /** Throws when its time is over: in its first so many calls, or in every one if `true`. */
  fails?: number | boolean
  /** What it throws. Default `new Error('<service> <hook> failed')`. */
  error?: unknown
  /** What a check answers. Default `healthy`. */
  returns?: CheckResult
}

type Hook<Context, Result = unknown> = Script | ((context: Context) => Result)

/** Options of a service, and what its hooks do. */
export interface Behaviour extends ServiceOptions {
  start?: Hook<StartContext>
  run?: Hook<StartContext>
  stop?: Hook<StopContext>
  check?: Hook<CheckContext, CheckResult | Promise<CheckResult>>
}

type Contexts = { start: StartContext[]; run: StartContext[]; stop: StopContext[]; check: CheckContext[] }

/** A scripted service and what happened to it. */
export type Scripted = Service & {
  readonly calls: Readonly<Record<keyof Contexts, number>>
  readonly contexts: Readonly<Contexts>
  crash(error?: unknown): void
}

/** A scripted service; its data hooks sleep on `clock`, by default that of the latest world when they are called. */
export function service(name: string, behaviour: Behaviour = {}, clock?: VirtualClock): Scripted {
  const calls = { start: 0, run: 0, stop: 0, check: 0 }
  const contexts: Contexts = { start: [], run: [], stop: [], check: [] }
  const hook = (what: keyof Contexts, script: Hook<never>) => (context: Contexts[typeof what][number]) => {
    calls[what] += 1
    contexts[what].push(context as never)
    if (typeof script === 'function') return script(context as never)
    const { fails = 0, error = new Error(`${name} ${what} failed`), returns = 'healthy' } = script
    const isFailing = fails === true || calls[what] <= Number(fails)
    const end = (): CheckResult => {
      if (isFailing) throw error
      return returns
    }
    return script.takes || script.hangs ? wait(clock ?? latest, script, context.signal).then(end) : end()
  }
  const { start = {}, run, stop = {}, check, ...options } = behaviour
  const made = defineService(name, {
    ...options,
    start: hook('start', start),
    ...(run && { run: hook('run', run) as () => Promise<void> }),
    stop: hook('stop', stop),
    ...(check && { check: hook('check', check) as () => CheckResult }),
  })
  const crash = (error: unknown = new Error(`${name} crashed`)): void => contexts.start.at(-1)?.fail(error)
  return Object.assign(made, { calls, contexts, crash })
}

function wait(clock: VirtualClock, { takes = 0, hangs, ignoresAbort }: Script, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = hangs ? undefined : clock.setTimeout(resolve, takes)
    const abort = (): void => {
      clock.clearTimeout(timer)
      reject(signal.reason)
    }
    if (ignoresAbort) return
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

let latest: VirtualClock = new VirtualClock()
const worlds: World[] = []

export interface World {
  readonly app: Orchestrator
  readonly clock: VirtualClock
  readonly log: EventRecord
}

export type WorldOptions = OrchestratorOptions & { clock?: VirtualClock; tidy?: boolean }

/** An orchestrator with what the options say, on a clock of its own unless one is given. */
export function world(options: WorldOptions = {}): World {
  const { tidy = true, clock = new VirtualClock(), ...rest } = options
  latest = clock
  const app = new Orchestrator({ random: () => 0.5, ...rest, clock })
  const made = { app, clock, log: recordEvents(app) }
  if (tidy) worlds.push(made)
  return made
}

afterEach(async () => {
  const left: string[] = []
  for (const { app, clock, log } of worlds.splice(0)) {
    const stop = settled(app.stop())
    const isBusy = (): boolean => stop.status === 'pending' || clock.pending > 0
    await clock.settle()
    for (let minute = 0; minute < 10 && isBusy(); minute++) await clock.advance(60_000)
    log.stop()
    if (stop.status === 'pending') left.push('a stop that never settled')
    if (clock.pending > 0) left.push(`timers: ${clock.pending}`)
    for (const { name, phase, state } of app.getAllServices()) if (phase !== 'idle') left.push(`${name} is ${state}`)
  }
  expect(left, 'what the worlds of the test left behind').toEqual([])
})
