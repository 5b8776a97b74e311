// Health as a pure value: how single results make a verdict (R24, R25), and how verdicts roll up (R28).
// When checks run, and what a verdict does to a service, is not decided here.

import type { HealthStatus } from '../service.js'
import type { Settings } from './settings.js'

/** A verdict with the successes (positive) or failures (negative) in a row that led to it. */
export interface Verdict {
  readonly health: HealthStatus
  readonly row: number
}

/** The verdict after one more result; `unknown` and `checking` say nothing. */
export function judge(thresholds: Settings['healthCheck'], { health, row }: Verdict, result: HealthStatus): Verdict {
  if (result === 'unknown' || result === 'checking') return { health, row }
  if (result === 'unhealthy') {
    const failures = Math.min(row, 0) - 1
    return { health: -failures >= thresholds.failureThreshold ? 'unhealthy' : health, row: failures }
  }
  const successes = Math.max(row, 0) + 1
  const good = health === 'healthy' || health === 'degraded'
  return { health: good || successes >= thresholds.successThreshold ? result : health, row: successes }
}

/** What a check answered, as a health; anything that is no health is a mistake of the check. */
export function resultOf(answer: unknown): HealthStatus | undefined {
  if (answer === undefined || answer === true) return 'healthy'
  if (answer === false) return 'unhealthy'
  return answer === 'healthy' ||
    answer === 'degraded' ||
    answer === 'unhealthy' ||
    answer === 'unknown' ||
    answer === 'checking'
    ? answer
    : undefined
}

/** From best to worst. */
const ORDER: readonly HealthStatus[] = ['healthy', 'degraded', 'checking', 'unhealthy']

/** The worse of two. */
export function worse(a: HealthStatus, b: HealthStatus): HealthStatus {
  return ORDER.indexOf(a) >= ORDER.indexOf(b) ? a : b
}

/** Counts as healthy for whoever depends on it. */
export function serves(health: HealthStatus): boolean {
  return health === 'healthy' || health === 'degraded'
}
