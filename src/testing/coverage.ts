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
  #states = new Map<string, number>()

  /** A new run: every service is unknown. */
  begin(): void {
    this.#states = new Map()
  }

  fault(number: number): void {
    this.#faults[number]! += 1
  }

  moved(name: string, state: ServiceState): void {
    this.#states.set(name, STATE.get(state) ?? 0)
  }

  /** `name` empty: every service. */
  input(input: Input, name: string): void {
    const column = INPUT.get(input) ?? 0
    if (name !== '') this.#cells[(this.#states.get(name) ?? 0) * INPUTS.length + column]! += 1
    else for (const state of this.#states.values()) this.#cells[state * INPUTS.length + column]! += 1
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

  /** In how many of the cells (state × input) a service has been. */
  get cells(): { readonly met: number; readonly of: number } {
    return { met: this.#cells.filter((count) => count > 0).length, of: this.#cells.length }
  }
}
