// A user's own orchestrator in a simulation: what his factory is given, what it gives, and its invariants as laws.
// A factory is called anew for each run, so that nothing of one run is left in the next.

import type { Clock, Orchestrator, OrchestratorOptions } from '../index.js'
import type { Law, Observation } from './observation.js'
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

function judge(holds: Invariant, moment: SimulatedMoment): string | undefined {
  try {
    const answer = holds(moment)
    if (typeof answer === 'string') return answer
    return answer === false ? 'it does not hold' : undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
