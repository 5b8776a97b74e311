// What a simulation sees, one item after the other in the order in which it happened: the shared language of the
// simulator, which writes it, and of the laws, which read it. Nothing here comes from inside the engine: calls and their
// settlements, hooks and theirs, events as a subscriber gets them, and readings between two turns.

import type { AnyEvent, EventType, Orchestrator, Snapshot } from '../index.js'

/** The hooks of a service; `dispose` is one disposer of what it handed to `own()`. */
export type HookName = 'start' | 'run' | 'stop' | 'check' | 'dispose'

/** The public method that was called. */
export type CallName =
  | 'start'
  | 'stop'
  | 'startService'
  | 'stopService'
  | 'restartService'
  | 'register'
  | 'unregister'
  | 'replace'
  | 'dispose'

/** One thing that happened. Times are monotonic milliseconds of the simulated clock. */
export type Observation =
  | { readonly kind: 'event'; readonly at: number; readonly event: AnyEvent }
  | {
      readonly kind: 'enter'
      readonly at: number
      readonly service: string
      readonly epoch: number
      readonly hook: HookName
      /** Counts all entered hooks of the simulation; a `leave` bears the number of its `enter`. */
      readonly id: number
      /** Which object of this name, counted from 1: a replacement is another one. */
      readonly instance: number
      /** Of `start` and `run`: it ends as soon as its signal is aborted. */
      readonly heeds?: boolean
      /** Of `stop`: the reason it was given. */
      readonly reason?: string
      /** Of `dispose`: the number of the resource, as its `own` told it. */
      readonly resource?: number
    }
  /** A resource was handed to `own()`; told before the call. Counts all resources of the simulation. */
  | {
      readonly kind: 'own'
      readonly at: number
      readonly service: string
      readonly epoch: number
      readonly instance: number
      readonly resource: number
    }
  | {
      readonly kind: 'leave'
      readonly at: number
      readonly service: string
      readonly epoch: number
      readonly hook: HookName
      readonly id: number
      readonly failed: boolean
      readonly error?: unknown
      /** Of a `check` that did not fail: what it answered. */
      readonly answer?: unknown
    }
  | {
      readonly kind: 'call'
      readonly at: number
      /** Counts all calls of the simulation; a `settled` bears the number of its `call`. */
      readonly id: number
      readonly call: CallName
      readonly target?: string
      readonly timeout?: number
      readonly onFailure?: 'rollback' | 'keep' | 'retry'
      readonly cascade?: boolean
      /** Whether a signal was given, which a later `abort` may abort. */
      readonly signal?: boolean
      /** The signal was aborted before the call. */
      readonly aborted?: boolean
      /** Of `register` and `replace`: which object of the name it was given. */
      readonly instance?: number
      /** Where it came from: the script, a hook, a listener. */
      readonly from: 'script' | 'hook' | 'listener'
    }
  | { readonly kind: 'abort'; readonly at: number; readonly id: number; readonly reason: unknown }
  | {
      readonly kind: 'settled'
      readonly at: number
      readonly id: number
      readonly rejected: boolean
      /** The report, or the error. */
      readonly value: unknown
    }
  /** `ctx.fail` of an epoch was called: a crash, if the epoch still lives. */
  | { readonly kind: 'fail'; readonly at: number; readonly service: string; readonly epoch: number }
  /** A listener of the scenario began or ceased to listen to events of a kind; what is numbered up to `after` is not for it. */
  | {
      readonly kind: 'listens'
      readonly at: number
      readonly listener: number
      readonly type: EventType
      readonly on: boolean
      readonly after: number
    }
  /** What a listener has been told since then: how many events, and their numbers in their order, as {@link heard} adds them. */
  | {
      readonly kind: 'heard'
      readonly at: number
      readonly listener: number
      readonly count: number
      readonly sum: number
    }
  /** The host was blocked for so long. */
  | { readonly kind: 'stall'; readonly at: number; readonly ms: number }
  /** A turn that changed something is over; read before anything else could happen. */
  | { readonly kind: 'turn'; readonly at: number; readonly snapshot: Snapshot }
  /** Every microtask and deferred task has run: nothing more happens until time passes or somebody calls. */
  | { readonly kind: 'quiet'; readonly at: number; readonly snapshot: Snapshot; readonly nextTimer: number | undefined }
  /** The script is over: from here on no fault is injected and nobody calls but the simulation's own final `start`/`stop`. */
  | { readonly kind: 'calm'; readonly at: number; readonly snapshot: Snapshot }
  /**
   * In the calm, before the simulation's own final calls: nothing is in motion any more - no hook, backoff, delay or open
   * call - or, `exhausted`, something still is although the scenario's patience is over.
   */
  | { readonly kind: 'steady'; readonly at: number; readonly snapshot: Snapshot; readonly exhausted: boolean }
  /** The final `stop()` has settled and everything is quiet. */
  | { readonly kind: 'end'; readonly at: number; readonly snapshot: Snapshot; readonly pendingTimers: number }

/** Adds the number of an event to the sum of those before it: another order gives another sum. */
export function heard(sum: number, seq: number): number {
  return (Math.imul(sum, 31) + seq) | 0
}

/** One of its kinds, while it is being written. */
export type Told<Kind extends Observation['kind']> = {
  -readonly [Key in keyof Extract<Observation, { kind: Kind }>]: Extract<Observation, { kind: Kind }>[Key]
}

/** What a law can look at beside the observations. */
export interface Scene {
  readonly app: Orchestrator
  /** Options of the orchestrator, every default filled in. */
  readonly settings: Readonly<Required<SceneSettings>>
  /** The object that is registered under a name now, described; absent if none is. */
  service(name: string): SceneService | undefined
  /** An object that was made for a name, registered or not, counted from 1. */
  object(name: string, instance: number): SceneService | undefined
}

/** The bounds of an orchestrator. */
export interface SceneSettings {
  readonly maxConcurrentStarts: number
  readonly maxConcurrentRetries: number
  readonly maxConcurrentChecks: number
  readonly shutdownTimeout: number
  readonly order: 'dependencies' | 'registration'
}

/** What a service declared, every default filled in. */
export interface SceneService {
  readonly name: string
  /** Of a `nested` one no `enter` and `leave` are seen; of a `foreign` one no disposers, no `run` and no `fail`. */
  readonly kind: 'managed' | 'foreign' | 'nested' | 'given'
  readonly instance: number
  readonly essential: boolean
  readonly autoStart: boolean
  readonly remote: boolean
  readonly startDelay: number
  readonly startTimeout: number
  readonly stopTimeout: number
  readonly abortGrace: number
  readonly runs: boolean
  readonly checks: boolean
  readonly restart: {
    readonly policy: 'never' | 'on-failure' | 'always'
    readonly maxRetries: number
    readonly initialBackoff: number
    readonly maxBackoff: number
    readonly multiplier: number
    readonly jitter: number
    readonly stableAfter: number
  }
  readonly healthCheck: {
    readonly interval: number
    readonly timeout: number
    readonly startGrace: number
    readonly failureThreshold: number
    readonly successThreshold: number
    readonly onUnhealthy: 'restart' | 'report'
  }
  readonly dependencies: readonly {
    readonly name: string
    readonly condition: 'started' | 'healthy' | 'completed'
    readonly optional: boolean
    readonly timeout: number
    readonly onTimeout: 'fail' | 'warn' | 'continue'
    readonly onLoss: 'stop' | 'keep'
  }[]
}

/**
 * One law of `lifecycle.md`, as far as it can be seen from outside. Made anew for each simulation; told every
 * observation in order; says what is wrong, in a sentence with the names and values, as soon as it is.
 */
export interface Law {
  /** The rule, `R7`, and what of it is checked: `R7 what is desired up is up, or says what holds it`. */
  readonly title: string
  /** The kinds of observations that it has to be told. Default: every kind. */
  readonly hears?: readonly Observation['kind'][]
  /** Makes the checker of one simulation. */
  begin(scene: Scene): (seen: Observation) => string | undefined
}
