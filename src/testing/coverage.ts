// What simulations have met so far: kinds of faults, and in which states services got which inputs.
// Plain counts that can be added up over runs and workers; judges nothing.

import type { ServiceState } from '../index.js'
import { FAULTS, type Fault } from './mishaps.js'

/** What can happen to a service. */
export const INPUTS = [
  'start',
  'stop',
  'startService',
  'stopService',
  'restartService',
  'register',
  'unregister',
  'replace',
  'dispose',
  'abort',
  'fail',
  'start resolves',
  'start fails',
  'run ends',
  'run fails',
  'stop resolves',
  'stop fails',
  'check resolves',
  'check fails',
  'dispose resolves',
  'dispose fails',
] as const

/** One of {@link INPUTS}. */
export type Input = (typeof INPUTS)[number]

const STATES: readonly ServiceState[] = [
  'unknown',
  'stopped',
  'disconnected',
  'failed',
  'waiting',
  'retrying',
  'unreachable',
  'auth_required',
  'starting',
  'stopping',
  'running',
  'connected',
]
/**
 * Cells that the rules rule out, to be met only by a mistake: while a start, a run or a stop of an older epoch is unsettled
 * no new one begins (R32), and a start that settles late has not made the service active.
 */
const RULED_OUT: readonly (readonly [ServiceState, readonly Input[]])[] = [
  ['starting', ['run ends', 'run fails', 'stop resolves', 'stop fails']],
  ['running', ['start resolves', 'start fails', 'stop resolves', 'stop fails']],
  ['connected', ['start resolves', 'start fails', 'stop resolves', 'stop fails']],
]
const STATE = new Map(STATES.map((state, index) => [state, index]))
const INPUT = new Map(INPUTS.map((input, index) => [input, index]))

/** Coverage as data, for sending it elsewhere. */
export interface CoverageCounts {
  readonly faults: readonly number[]
  readonly cells: readonly number[]
}

export class Coverage {
  readonly #faults: number[] = FAULTS.map(() => 0)
  readonly #cells: number[] = Array.from({ length: STATES.length * INPUTS.length }, () => 0)

  fault(number: number): void {
    this.#faults[number]! += 1
  }

  /** A service had an input in a state. */
  input(input: Input, state: ServiceState): void {
    this.#cells[(STATE.get(state) ?? 0) * INPUTS.length + (INPUT.get(input) ?? 0)]! += 1
  }

  add({ faults, cells }: CoverageCounts): void {
    for (const [i, count] of faults.entries()) this.#faults[i]! += count
    for (const [i, count] of cells.entries()) this.#cells[i]! += count
  }

  counts(): CoverageCounts {
    return { faults: [...this.#faults], cells: [...this.#cells] }
  }

  /** Which kinds of faults were met, and which were not. */
  get faults(): { readonly list: readonly Fault[]; readonly of: number; readonly missing: readonly Fault[] } {
    const missing = FAULTS.filter((_, i) => this.#faults[i] === 0)
    return { list: FAULTS.filter((fault) => !missing.includes(fault)), of: FAULTS.length, missing }
  }

  /** In how many of the cells (state × input) that the rules allow a service has been, and in which it has not. */
  get cells(): { readonly met: number; readonly of: number; readonly missing: readonly string[] } {
    const missing: string[] = []
    let of = 0
    for (const [i, state] of STATES.entries()) {
      const not = RULED_OUT.find(([ruled]) => ruled === state)?.[1] ?? []
      for (const [k, input] of INPUTS.entries()) {
        if (not.includes(input)) continue
        of++
        if (this.#cells[i * INPUTS.length + k] === 0) missing.push(`${state} × ${input}`)
      }
    }
    return { met: of - missing.length, of, missing }
  }
}
