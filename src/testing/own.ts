// A user's own orchestrator in a simulation: what his factory is given, what it gives, and its invariants as laws.
// A factory is called anew for each run, so that nothing of one run is left in the next.

import { type Clock, KeelsonError, type Orchestrator, type OrchestratorOptions, type ServiceStatus } from '../index.js'
import type { Law, Observation, Scene } from './observation.js'
import type { Scenario } from './scenario.js'
import type { Stage } from './stage.js'

/** What a factory is given: the world that its services live in. */
export interface SimulatedWorld {
  /** The only clock there is; `sleep` is for hooks that take their time. Never advance it: the simulation does. */
  readonly clock: Clock & { sleep(ms: number): Promise<void> }
  /** Random numbers from the seed, 0 to 1: the same in each replay. */
  readonly random: () => number
}

/** What an invariant can look at. */
export interface SimulatedMoment {
  /** The orchestrator with the services of the factory. */
  readonly app: Orchestrator
  /** Milliseconds since the beginning of the run. */
  readonly at: number
  /** `faults` while faults are injected, `calm` when no more are, `stopped` after the final `stop()`. */
  readonly phase: 'faults' | 'calm' | 'stopped'
}

/** Says whether something holds that always must: `false`, a text that says what is wrong, or a throw if it does not. */
export type Invariant = (moment: SimulatedMoment) => boolean | string | undefined | void

/** What a factory gives: options for an orchestrator, and what must always hold. `clock` and `random` are filled in. */
export interface SimulatedApp extends Omit<OrchestratorOptions, 'clock' | 'random' | 'registry'> {
  /** By a sentence that says what holds. Asked whenever nothing more happens without time passing. */
  readonly invariants?: Readonly<Record<string, Invariant>>
}

/** Makes services on the given clock. */
export type SimulatedFactory = (world: SimulatedWorld) => SimulatedApp

/** What is filled in, and what no service could be seen through. */
const NOT_THEIRS = ['clock', 'random', 'registry'] as const

/**
 * Calls the factory and looks at what it gives: a mistake in it would make a simulation of nothing, which finds nothing.
 * `planned` are the names of the services that the scenario was made for.
 */
export function madeBy(app: SimulatedFactory, world: SimulatedWorld, planned?: readonly string[]): SimulatedApp {
  const made: unknown = app(world)
  if (typeof made !== 'object' || made === null || 'then' in made)
    throw wrong(
      `gives ${made === null || typeof made !== 'object' ? String(made) : 'a promise'}`,
      'return { services, … }',
    )
  const given = made as SimulatedApp
  for (const key of NOT_THEIRS)
    if ((made as OrchestratorOptions)[key] !== undefined)
      throw wrong(
        `gives a ${key}`,
        `leave it out: ${key === 'registry' ? 'services are given as a list' : 'it is filled in'}`,
      )
  const { services, invariants } = given
  if (!Array.isArray(services) || services.length === 0)
    throw wrong('gives no services', 'return an array with one or more')
  if (invariants !== undefined) checkInvariants(invariants)
  const names = services.map((service) => String(service?.name))
  if (planned !== undefined && names.join() !== planned.join())
    throw wrong(
      `gives ${names.join(', ')} this time, and ${planned.join(', ')} before`,
      'make the same services each time',
    )
  return given
}

function checkInvariants(invariants: unknown): void {
  if (typeof invariants !== 'object' || invariants === null || Array.isArray(invariants))
    throw wrong('gives invariants that are no object', "pass { 'what holds': (moment) => … }")
  for (const [title, holds] of Object.entries(invariants))
    if (typeof holds !== 'function')
      throw wrong(`gives an invariant '${title}' that is no function`, 'pass one that answers')
}

function wrong(what: string, advice: string): KeelsonError {
  return new KeelsonError('CONFIG_INVALID', `simulate() - app ${what}; ${advice}`)
}

/** The names of the user's services in a scenario. */
export function givenNames({ services }: Scenario): readonly string[] {
  return services.map(({ name }) => name)
}

/** The clock as a factory gets it: its timers are the user's, not the library's. */
export function worldClock(stage: Stage): SimulatedWorld['clock'] {
  const { clock } = stage
  const open = new Map<object, unknown>()
  const begin = (callback: () => void, ms: number): object => {
    const handle = {}
    const fire = (): void => {
      open.delete(handle)
      callback()
    }
    open.set(handle, stage.later(ms, fire))
    return handle
  }
  return {
    now: () => clock.now(),
    wall: () => clock.wall(),
    defer: (callback) => clock.defer(callback),
    setTimeout: begin,
    clearTimeout: (handle) => {
      if (typeof handle !== 'object' || handle === null || !open.has(handle)) return
      stage.never(open.get(handle))
      open.delete(handle)
    },
    sleep: (ms) => new Promise((resolve) => void begin(resolve, ms)),
  }
}

/** Invariants as laws like any other. */
export function invariantLaws(invariants: Readonly<Record<string, Invariant>> = {}): Law[] {
  return Object.entries(invariants).map(([title, holds]) => ({
    title,
    begin: ({ app }) => {
      let phase: SimulatedMoment['phase'] = 'faults'
      return ({ kind, at }: Observation) => {
        if (kind === 'calm') phase = 'calm'
        if (kind === 'end') phase = 'stopped'
        if (kind !== 'quiet' && kind !== 'end') return undefined
        return judge(holds, { app, at, phase })
      }
    },
  }))
}

/**
 * In the calm a start of all is the last thing that happens to the services of `app`, and only their own hooks can fail it.
 * Granted: what has ended of itself, and what nobody starts.
 */
export const comesUp: Law = {
  title: 'R7 once faults stop, every service of the application comes up',
  hears: ['steady'],
  begin: (scene) => {
    let started = false
    return (seen) => {
      // It is steady before that start, too: there some are down as they were told to be.
      if (seen.kind === 'steady' && started)
        return seen.snapshot.services.map((each) => down(scene, each)).find(Boolean)
      started = true
      return undefined
    }
  },
}

function down(scene: Scene, { name, phase, stopReason }: ServiceStatus): string | undefined {
  if (phase === 'active' || stopReason === 'completed' || scene.service(name)?.autoStart !== true) return undefined
  const { text } = scene.app.explain(name)
  return `faults are off and all was started, yet ${text}; look for a hook that waits for what is not on the clock it was given`
}

function judge(holds: Invariant, moment: SimulatedMoment): string | undefined {
  try {
    const answer = holds(moment)
    if (typeof answer === 'string') return answer
    if (typeof (answer as unknown as PromiseLike<unknown> | undefined)?.then === 'function') {
      void Promise.resolve(answer).catch(() => {})
      return 'it gives a promise: an invariant answers at once, since a moment later another thing is true'
    }
    return answer === false ? 'it does not hold' : undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
