// What a deployment tells: the steps of a plan, what became of each in a scan, and one event for each that matters.
// Shapes only; who makes them is named at each.

import type { KeelsonError } from '../index.js'

/**
 * What is done about one name or file: `deploy` registers a new service, `replace` puts a new one in the place of the
 * old one, `reconfigure` changes options of one that goes on running, `undeploy` removes it; `keep` and `wait` do nothing
 * now, `refuse` does nothing until something changes.
 */
export type DeployAction = 'deploy' | 'replace' | 'reconfigure' | 'undeploy' | 'keep' | 'wait' | 'refuse'

/** One step of a plan. */
export interface DeployStep {
  /** What is to be done. */
  readonly action: DeployAction
  /** The service that it is about; absent if the file does not tell. */
  readonly name?: string
  /** The file that it is about. */
  readonly file?: string
  /** Why, in a line for people. */
  readonly because: string
  /** The names whose steps come first; such a step is decided anew when they are done. */
  readonly after?: readonly string[]
  /** Why it is refused, as data. */
  readonly error?: KeelsonError
}

/** What a scan would do now: `deployer.plan()`. */
export interface DeployPlan {
  /** The directory that it is about. */
  readonly directory: string
  /** One step for each name and for each file that is refused, those that change something first, in their order. */
  readonly steps: readonly DeployStep[]
}

/**
 * What became of a step: `done`; `failed`, tried and undone; `refused`, nothing was touched; `postponed`, not its time -
 * the orchestrator is stopping, or an earlier attempt was not long ago; `unchanged`.
 */
export type DeployOutcome = 'done' | 'failed' | 'refused' | 'postponed' | 'unchanged'

/** A step of a scan, and what became of it. */
export interface DeployResult extends DeployStep {
  /** What became of it. */
  readonly outcome: DeployOutcome
  /** Which attempt failed, from 1. */
  readonly attempt?: number
  /** When it is tried again, wall-clock, unless the file changes before. */
  readonly retryAt?: number
}

/** What a scan has done: `deployer.scan()`. */
export interface DeployReport {
  /** The directory that was read. */
  readonly directory: string
  /** The result of each name, and of each file that is refused. */
  readonly steps: readonly DeployResult[]
  /** Why the directory could not be read, in which case nothing was changed. */
  readonly error?: KeelsonError
}

/**
 * Something was deployed, replaced, reconfigured or undeployed, or could not be. What is refused is told once, until the
 * file or the reason changes; each failed attempt is told.
 */
export interface DeployEvent extends Omit<DeployResult, 'after'> {
  /** The kind of event. */
  readonly type: 'deploy'
  /** When, wall-clock. */
  readonly timestamp: number
}

/** A scan is over, whatever it has done. */
export interface ScanEvent extends DeployReport {
  /** The kind of event. */
  readonly type: 'scan'
  /** When, wall-clock. */
  readonly timestamp: number
}

/** The events of a {@link Deployer}, by kind. */
export interface DeployEventMap {
  /** One step that matters. */
  readonly deploy: DeployEvent
  /** One scan. */
  readonly scan: ScanEvent
}
