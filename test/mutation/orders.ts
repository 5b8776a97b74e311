/** What the command and the process in which mutants live say to each other. */

/** Free names of the script: what the worker gives it. */
export const GIVEN = ['require', 'module', 'exports', '$mutant', '$hit', '$differ', '$tick'] as const

/** The name of what happens in a world before any trial. */
export const LOADING = 'loading'

/** What is asked of the process. */
export type Order =
  | { readonly ask: 'load'; readonly script: string; readonly trials: readonly Trial[] }
  | { readonly ask: 'probe'; readonly files: readonly string[]; readonly seeds: readonly number[] }
  /** All trials once more, without a mutant, in another order. */
  | { readonly ask: 'again' }
  /** `trials` are places in the list; no new one is begun when so many milliseconds of the processor are used up. */
  | { readonly ask: 'hunt'; readonly mutant: number; readonly trials: readonly number[]; readonly patience: number }

/** A test or a seed, by its name, and what it takes when nothing is wrong. */
export interface Trial {
  readonly id: string
  readonly ticks: number
}

/** What a trial is like with no mutant: `hits` are the mutants that it reaches. */
export interface Probed extends Trial {
  /** Milliseconds of the processor. */
  readonly ms: number
  readonly error: string | undefined
  readonly hits: readonly number[]
}

export type Answer =
  | { readonly is: 'ready' }
  | { readonly is: 'probed'; readonly probed: readonly Probed[]; readonly more: boolean }
  | { readonly is: 'hunted'; readonly mutant: number; readonly by: string | undefined; readonly error: string }
