// What is known of one registered service from its events alone, and what its states are worth. Plain data of the
// chronicle, which keeps it; told once more here, so that nothing comes from the engine that is judged by it.

import type { HealthStatus, ServiceState } from '../../index.js'

/** A registered service, as the events up to now tell it. */
export interface Known {
  readonly name: string
  state: ServiceState
  /** The state before the last `state` event. */
  prior: ServiceState
  health: HealthStatus
  error: unknown
  epoch: number
  attempt: number | undefined
  /** When it entered its state: when that was told, and the earliest that it can have been; and the state before. */
  since: number
  sinceLeast: number
  priorSinceLeast: number
  /** What `stalled` was then. */
  stalledThen: number
  /** `seq` of the last event that told it. */
  seq: number
  /** The reason of its last `stopping`, as upgraded by where that ended. */
  reason: string | undefined
  /** `seq` of its last `starting`, and of the last event by which it left its active phase. */
  startSeq: number
  lostSeq: number
  /** `seq` of the last operation that may have asked it to start. */
  askedSeq: number
  /** Whether its last ended epoch ended of itself without error; `undefined` where that cannot be told from outside. */
  completed: boolean | undefined
}

/** One that has just been registered. */
export function unknown(name: string, epoch: number, seq: number): Known {
  return {
    name,
    state: 'unknown',
    prior: 'unknown',
    health: 'unknown',
    error: undefined,
    epoch,
    attempt: undefined,
    since: 0,
    sinceLeast: 0,
    priorSinceLeast: 0,
    stalledThen: 0,
    seq,
    reason: undefined,
    startSeq: 0,
    lostSeq: 0,
    askedSeq: 0,
    completed: false,
  }
}

/** What a state is worth, with the two hooks told apart. */
export function phaseOf(state: ServiceState): 'idle' | 'pending' | 'starting' | 'stopping' | 'active' {
  switch (state) {
    case 'running':
    case 'connected':
      return 'active'
    case 'starting':
    case 'stopping':
      return state
    case 'waiting':
    case 'retrying':
    case 'unreachable':
    case 'auth_required':
      return 'pending'
    default:
      return 'idle'
  }
}
