/**
 * Named faults: one scenario each, played under several seeds, which vary what the rules leave open.
 *
 *     fault('stop throws', {
 *       'R2 R31 everything is at rest all the same, and the report names the culprits': async (chance) => {
 *         const { app, call, clock, story } = await stage(chance, { db: {}, api: { dependsOn: ['db'], stop: fails } })
 *         …
 *       },
 *     })
 *
 * - A stage puts its cast in a random order of registration, among up to three bystanders that are up before the scenario
 *   begins and that nothing but a shutdown may disturb (R15). Its log begins when they are up.
 * - When the scenario is over, the laws of every history are asserted: the whole is stopped within ten minutes, every
 *   promise has settled, everything is at rest, no timer is left, each entered start had one stop, every transition was
 *   legal, and the events fold into what is read.
 */
import { isKeelsonError, type OperationReport, type OrchestratorOptions, type Snapshot } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { afterEach, describe, expect, it } from 'vitest'
import type { Fault } from './faults-list.js'
import { legal } from './laws1-table.js'
import { differences, fold, numbers, tell } from './laws5.js'
import { type Behaviour, type Scripted, service, settled, type World, world } from './world.js'

/** What a seed decides. */
export class Chance {
  readonly seed: number
  /** From 0 to 1; also the orchestrator's source of jitter. */
  readonly random: () => number

  constructor(seed: number) {
    this.seed = seed
    this.random = numbers(seed)
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random() * (most - least + 1))
  }

  /** A clock on which the seed decides what of the same millisecond comes first; with the first seed it is what was set first. */
  clock(): VirtualClock {
    const draw = numbers(-this.seed)
    return this.seed === 1 ? new VirtualClock() : new VirtualClock({ order: (count) => Math.floor(draw() * count) })
  }

  /** Goes through all of them as the seeds go on. */
  each<T>(of: readonly T[]): T {
    return of[this.seed % of.length]!
  }

  /** One of them. */
  pick<T>(of: readonly T[]): T {
    return of[this.between(0, of.length - 1)]!
  }

  once(): boolean {
    return this.random() < 0.5
  }

  shuffled<T>(of: readonly T[]): T[] {
    const left = [...of]
    for (let i = left.length - 1; i > 0; i--) {
      const j = this.between(0, i)
      ;[left[i], left[j]] = [left[j]!, left[i]!]
    }
    return left
  }
}

const SEEDS = [1, 2, 3, 4, 5, 6]

/** The scenarios of one fault; the keys are their titles. */
export function fault(
  name: Fault,
  scenarios: Readonly<Record<string, (chance: Chance) => Promise<void>>>,
  { seeds = SEEDS, timeout = 20_000 }: { seeds?: readonly number[]; timeout?: number } = {},
): void {
  describe(name, () => {
    for (const [title, scenario] of Object.entries(scenarios)) {
      it.each(seeds)(`${title}, seed %i`, { timeout }, async (seed) => {
        await scenario(new Chance(seed))
        for (const end of ends.splice(0)) await end()
      })
    }
  })
}

const ends: (() => Promise<void>)[] = []
afterEach(() => {
  ends.length = 0
})

/** A promise watched: how it settled and when. */
export interface Call {
  /** `pending`, `done at 20`, or `START_INCOMPLETE (db: START_FAILED) at 20`: the code, and the service that caused it. */
  readonly said: string
  readonly report: OperationReport | undefined
  readonly error: unknown
}

export interface Stage extends World {
  readonly cast: Readonly<Record<string, Scripted>>
  /** One more of the cast, not registered. */
  make(name: string, behaviour?: Behaviour): Scripted
  call(promise: Promise<unknown>): Call
  /** What the log says of these services or, without a name, of the cast: `20 db: starting → running`. */
  story(...names: string[]): string[]
  /** The same per service, without its name and the state it left: `{ db: ['0 starting', '20 running'] }`. */
  stories(...names: string[]): Record<string, string[]>
  /** The states of the cast: `{ db: 'running' }`. */
  states(): Record<string, string>
  /** How often each of the cast was started and stopped: `{ db: '1/0' }`. */
  hooks(): Record<string, string>
  /** The stories begin here. */
  forget(): void
  /** Milliseconds since the log began. */
  now(): number
}

type Options = Omit<OrchestratorOptions, 'services' | 'clock'> & { bystanders?: number; clock?: VirtualClock }

export async function stage(chance: Chance, parts: Record<string, Behaviour>, options: Options = {}): Promise<Stage> {
  const { bystanders = chance.between(0, 3), clock: given = chance.clock(), ...rest } = options
  const cast: Record<string, Scripted> = {}
  const all: Scripted[] = []
  const make = (name: string, behaviour: Behaviour = {}): Scripted => {
    const made = service(name, behaviour)
    all.push(made)
    cast[name] = made
    return made
  }
  for (const [name, behaviour] of Object.entries(parts)) make(name, behaviour)
  const idle = Array.from({ length: bystanders }, (_, i) => `bystander${i}`)
  const others = idle.map((name, i) =>
    service(name, { autoStart: false, dependsOn: i > 0 && chance.once() ? [`bystander${i - 1}`] : [] }),
  )
  const services = chance.shuffled([...others, ...all])
  const made = world({ random: chance.random, ...rest, services, clock: given })
  const { app, clock, log } = made
  for (const name of idle) await app.startService(name)
  await clock.settle()
  log.clear()
  const began = { wall: clock.wall(), now: clock.now(), snapshot: app.snapshot() }
  const calls: { said: string }[] = []
  let forgotten = 0
  const own = (lines: string[], names: ReadonlySet<string>): string[] =>
    lines.filter((_, i) => {
      const event = log.events[i]!
      return i >= forgotten && 'name' in event && event.name !== undefined && names.has(event.name)
    })
  const now = (): number => clock.now() - began.now
  const staged: Stage = {
    ...made,
    cast,
    make,
    now,
    forget: () => {
      forgotten = log.events.length
    },
    call(promise) {
      const call: { said: string; report: OperationReport | undefined; error: unknown } = {
        said: 'pending',
        report: undefined,
        error: undefined,
      }
      calls.push(call)
      promise.then(
        (report) => Object.assign(call, { said: `done at ${now()}`, report }),
        (error) => Object.assign(call, { said: `${word(error)} at ${now()}`, report: error?.report, error }),
      )
      return call
    },
    story: (...names) => own(log.lines(began.wall), new Set(names.length > 0 ? names : Object.keys(cast))),
    stories: (...names) =>
      Object.fromEntries(
        (names.length > 0 ? names : Object.keys(cast)).map((name) => [
          name,
          own(log.lines(began.wall), new Set([name])).map((line) =>
            line.replace(` ${name}: `, ' ').replace(/ \w+ → /, ' '),
          ),
        ]),
      ),
    states: () => {
      const states = new Map(app.snapshot().services.map(({ name, state }) => [name, state]))
      return Object.fromEntries(Object.keys(cast).map((name) => [name, states.get(name) ?? 'gone']))
    },
    hooks: () => Object.fromEntries(Object.values(cast).map((s) => [s.name, `${s.calls.start}/${s.calls.stop}`])),
  }
  all.push(...others)
  ends.push(() => end(staged, all, others, began.snapshot, calls))
  return staged
}

/** `START_INCOMPLETE (START_FAILED)`: the code, and that of its cause. */
function word(error: unknown): string {
  if (!isKeelsonError(error)) return error instanceof Error ? error.message : String(error)
  return isKeelsonError(error.cause) ? `${error.code} (${error.cause.code})` : error.code
}

/** Ends a scene and asserts the laws of every history. */
async function end(
  { app, clock, log }: Stage,
  all: readonly Scripted[],
  others: readonly Scripted[],
  began: Snapshot,
  calls: readonly { said: string }[],
): Promise<void> {
  const isDown = log.events.some((event) => event.type === 'operation' && event.operation === 'stop' && !event.target)
  const disturbed = log.events.flatMap((event) =>
    event.type === 'state' && others.some(({ name }) => name === event.name) ? event.name : [],
  )
  if (!isDown) expect(disturbed, 'R15 bystanders that were disturbed').toEqual([])
  const stop = settled(app.stop())
  await clock.settle()
  for (let minute = 0; minute < 10 && (stop.status === 'pending' || clock.pending > 0); minute++)
    await clock.advance(60_000)
  expect(stop.status, 'R31 the last stop settles').not.toBe('pending')
  expect(
    calls.filter(({ said }) => said === 'pending'),
    'R33 calls that never settled',
  ).toEqual([])
  const snapshot = app.snapshot()
  expect(
    snapshot.services.filter(({ phase }) => phase !== 'idle').map(({ name, state }) => `${name} is ${state}`),
    'R31 what is not at rest',
  ).toEqual([])
  expect(clock.pending, 'R46 timers that are left').toBe(0)
  const unpaired = all.filter(({ calls }) => calls.start !== calls.stop)
  expect(
    unpaired.map(({ name }) => name),
    'R2 services with a start that had no stop',
  ).toEqual([])
  const odd: string[] = []
  const told = fold(began, log.events, odd)
  for (const event of log.events) {
    if (event.type === 'state' && !legal(event.oldState, event.newState))
      odd.push(`${event.name}: ${event.oldState} → ${event.newState}`)
    if (event.type === 'warning' && event.code === 'ILLEGAL_TRANSITION') odd.push(event.message)
  }
  expect(odd, 'R1 R37 events that do not fit').toEqual([])
  expect(differences(told, tell(snapshot)), 'R37 the fold of the events and what is read').toEqual([])
}
