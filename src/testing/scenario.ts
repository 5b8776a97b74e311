// A scenario of the simulator: plain data, so that it can be generated from a seed, shrunk, printed and kept.
// It says what there is (services, listeners), how each entry of a hook goes, and what is done when. Whatever it leaves
// open - what goes first among things due in the same millisecond, acts to choose from - is decided by `Choices`.
// Types only; generate.ts makes scenarios, play.ts plays them, story.ts tells them in words.

import type { EventType, HealthCheckOptions, HealthStatus, RestartOptions, ServiceOptions } from '../index.js'
import type { CallName } from './observation.js'

/** Where decisions come from: a generator of random numbers, or an explorer that tries one after the other. */
export interface Choices {
  /** A whole number from 0 to `n` - 1; asked only with `n` of 2 or more. */
  pick(n: number): number
}

/** A whole run: everything that is not decided by {@link Choices}. Times are milliseconds since its beginning. */
export interface Scenario {
  readonly seed: number
  readonly options: OrchestratorPlan
  /** Registered at construction, in this order. */
  readonly services: readonly ServicePlan[]
  /** What `register` and `replace` may bring in: a fresh object each time. */
  readonly extras: readonly ServicePlan[]
  readonly listeners: readonly ListenerPlan[]
  /** In order of `at`; two of the same millisecond are two tasks of the host. */
  readonly steps: readonly Step[]
  /** How long it goes on after the last step, faults and all, before the calm. */
  readonly rest: number
  /** How long the calm may last until everything is steady: an upper bound of what backoffs and timeouts allow. */
  readonly patience: number
}

/** Options of the orchestrator; what is left out has the library's default. */
export interface OrchestratorPlan {
  readonly restart?: RestartOptions
  readonly healthCheck?: HealthCheckOptions
  readonly maxConcurrentStarts?: number
  readonly maxConcurrentRetries?: number
  readonly maxConcurrentChecks?: number
  readonly startTimeout?: number
  readonly stopTimeout?: number
  readonly abortGrace?: number
  readonly shutdownTimeout?: number
  readonly history?: number
  readonly order?: 'dependencies' | 'registration'
  /** The source of jitter. Default `seeded`; `hostile` throws and gives what is no number. */
  readonly random?: 'seeded' | 'lowest' | 'middle' | 'highest' | 'hostile'
}

/** One service and how its hooks go. */
export interface ServicePlan {
  readonly name: string
  /**
   * - `managed`: made by `defineService`.
   * - `foreign`: an object of the bare `Service` shape, whose options are its orchestrator's.
   * - `nested`: an orchestrator of its own with the services `inner`, by `asService`; its hooks are not observed.
   * - `given`: the user's own object of that name; acts are laid over its hooks, `pass` lets them through.
   */
  readonly kind: 'managed' | 'foreign' | 'nested' | 'given'
  readonly options: Omit<ServiceOptions, 'classify'>
  readonly start: HookPlan
  /** Absent: without `run`, it just stays up. */
  readonly run?: HookPlan
  readonly stop: HookPlan
  /** Absent: without a check. */
  readonly check?: HookPlan
  readonly inner?: readonly ServicePlan[]
}

/** How the entries of a hook go, one act after the other and again from the first; none: it passes, always. */
export interface HookPlan {
  readonly acts: readonly Act[]
  /** Instead of one after the other: each entry is a choice among them. */
  readonly choose?: boolean
}

/** How one entry of a hook goes. */
export interface Act {
  /**
   * - `pass`: resolves - in the call itself, or after `takes`; `run` without `takes` stays until it is aborted.
   * - `reject`, `throw`: fails with `error`, after `takes`, or synchronously; `throw` takes no time.
   * - `hang`: never, until it is aborted or the calm releases it.
   */
  readonly end: 'pass' | 'reject' | 'throw' | 'hang'
  /** Milliseconds until its end. Default: in the call itself. */
  readonly takes?: number
  /** What an abort of its signal does meanwhile. Default `heed`: it rejects with the reason; `finish`: it resolves. */
  readonly abort?: 'heed' | 'finish' | 'ignore'
  /** What it fails with. Default `plain`. */
  readonly error?: ErrorKind
  /** Resources that it hands to `own()` on entry, and how their disposal goes. */
  readonly owns?: readonly Act[]
  /** It also hands one over when it is over, whatever became of its epoch meanwhile. */
  readonly ownsLate?: boolean
  /** `ctx.fail` is called so many milliseconds after the entry; 0: in the call itself. */
  readonly fails?: number
  /** Done on entry. */
  readonly deeds?: readonly Deed[]
  /** Waits for the calls among `deeds` before its end. */
  readonly awaits?: boolean
  /** Published as a `status` on entry. */
  readonly status?: string
  /** The host is blocked so long on entry. */
  readonly stalls?: number
  /** What a check answers. Default `healthy`. */
  readonly says?: HealthStatus | boolean
}

/** Kinds of things thrown. */
export type ErrorKind =
  | 'plain'
  | 'connectivity'
  | 'permanent'
  | 'auth'
  | 'undefined'
  | 'string'
  | 'frozen'
  | 'proxy'
  | 'huge'
  | 'cyclic'

/** At `at`, its deeds, in one synchronous stretch. */
export interface Step {
  readonly at: number
  readonly deeds: readonly Deed[]
}

/** Something that is done to the orchestrator or its world. */
export type Deed =
  | {
      readonly deed: 'call'
      readonly call: CallName
      /** A service; of `register` and `replace` the index of one of the extras. */
      readonly target?: string | number
      readonly timeout?: number
      readonly onFailure?: 'rollback' | 'keep' | 'retry'
      readonly cascade?: boolean
      /** Given a signal: one that is already aborted, or one that a deed `abort` may abort later. */
      readonly signal?: 'aborted' | 'open'
    }
  /** Aborts the signal of the latest call that has one and has not settled. */
  | { readonly deed: 'abort' }
  /** `ctx.fail` of the live epoch of a service. */
  | { readonly deed: 'crash'; readonly target: string; readonly error?: ErrorKind }
  /** Lets a foreign service report something. */
  | {
      readonly deed: 'report'
      readonly target: string
      readonly state: 'failed' | 'stopped' | 'running'
      readonly health?: HealthStatus
    }
  /** Ends a hook of a service that hangs, or takes its time, now. */
  | { readonly deed: 'release'; readonly target: string }
  | { readonly deed: 'stall'; readonly ms: number }
  | { readonly deed: 'jump'; readonly ms: number }
  /** The deeds after it follow so many microtasks later. */
  | { readonly deed: 'hop'; readonly hops: number }
  /** Ends the subscription of a listener, or begins it again. */
  | { readonly deed: 'listen'; readonly listener: number; readonly on: boolean }

/** A subscriber beside the simulator's own. */
export interface ListenerPlan {
  /** A kind of event; `iterator` reads `events()`, `changes` is `onStateChange` of `target`. */
  readonly type: EventType | 'iterator' | 'changes'
  readonly target?: string
  /** What its calls do, one after the other and again; an iterator reads, or sleeps for the time that it `takes`. */
  readonly acts: readonly Act[]
  /** Of an iterator. */
  readonly buffer?: number
  readonly since?: number
}
