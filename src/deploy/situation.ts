// What a decision is made from and what it gives: what is true now as plain data, and the steps that follow from it.
// Shapes, and the few questions that all who look at them ask.

import type { KeelsonError } from '../index.js'
import { nameOf } from './descriptor.js'
import type { Candidate, Entry } from './shelf.js'
import type { DeployAction, DeployStep } from './story.js'

/** A step, and what it is carried out with. */
export interface Move extends DeployStep {
  /** The name or the file that it is about: one step for each. */
  readonly key: string
  readonly candidate?: Candidate
  /** That of the file, so that the same refusal is told anew when the file has changed. */
  readonly version: number
  /** What is under way for this name is no longer what is asked for. */
  readonly overtakes?: boolean
}

/** One end of a dependency. */
export interface Need {
  readonly name: string
  readonly optional: boolean
}

/** A service of the orchestrator, whoever registered it. */
export interface Known {
  readonly needs: readonly Need[]
  /** At rest: exchanging it starts nothing. */
  readonly isIdle: boolean
  readonly isStoppedByHand: boolean
}

/** A step that did not work, until it is tried again. */
export interface Pause {
  readonly candidate: Candidate
  readonly attempt: number
  /** Monotonic. */
  readonly dueAt: number
  readonly error: KeelsonError
}

export interface Situation {
  readonly entries: ReadonlyMap<string, Entry>
  /** What this deployer has deployed, by name. */
  readonly deployed: ReadonlyMap<string, { readonly file: string; readonly candidate: Candidate }>
  readonly services: ReadonlyMap<string, Known>
  /** What an earlier scan is still doing, by name; with what it is to become. */
  readonly busy: ReadonlyMap<string, Candidate | undefined>
  readonly paused: ReadonlyMap<string, Pause>
  /** What this scan has tried already. */
  readonly tried: ReadonlySet<string>
  /** Monotonic. */
  readonly now: number
}

/** Whether a step changes anything. */
export const isChange = ({ action }: DeployStep): boolean => CHANGES.has(action)
const CHANGES: ReadonlySet<DeployAction> = new Set(['deploy', 'replace', 'reconfigure', 'undeploy'])

/** What a descriptor depends on. */
export const needsOf = ({ descriptor }: Candidate): Need[] =>
  (descriptor.dependsOn ?? []).map((edge) => ({
    name: nameOf(edge),
    optional: typeof edge === 'object' && edge.optional === true,
  }))

/** Whether two descriptors ask for the same. */
export const isSame = ({ identity: a }: Candidate, { identity: b }: Candidate): boolean =>
  a.core === b.core && a.live === b.live
