// How long to wait before the next attempt (R18). A pure value; randomness comes in as a number.

import type { Settings } from './settings.js'

/**
 * Milliseconds before retry `attempt` (from 1): `min(maxBackoff, initialBackoff × multiplier^(attempt-1))`, moved by at
 * most ±`jitter` of itself as `random` (0 to 1) says, never above `maxBackoff`, never negative.
 */
export function backoff(restart: Settings['restart'], attempt: number, random: number): number {
  // 0 × Infinity is no number
  const raw =
    restart.initialBackoff === 0
      ? 0
      : Math.min(restart.maxBackoff, restart.initialBackoff * restart.multiplier ** (attempt - 1))
  return jittered(raw, restart.jitter, random, restart.maxBackoff)
}

/** A duration moved by at most ±`share` of itself, kept within 0 and `most`. */
export function jittered(duration: number, share: number, random: number, most: number = Infinity): number {
  return Math.max(0, Math.min(most, duration * (1 + share * (2 * random - 1))))
}
