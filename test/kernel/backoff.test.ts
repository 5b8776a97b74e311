/** How long to wait before the next attempt, on its own. */
import { describe, expect, it } from 'vitest'
import { backoff, jittered } from '../../src/kernel/backoff.js'
import { defaultSettings } from '../../src/kernel/settings.js'

const { restart } = defaultSettings()

describe('backoff', () => {
  it.each([
    { attempt: 1, random: 0.5, is: 1_000 },
    { attempt: 2, random: 0.5, is: 2_000 },
    { attempt: 6, random: 0.5, is: 32_000 },
    { attempt: 7, random: 0.5, is: 60_000 },
    { attempt: 1, random: 0, is: 750 },
    { attempt: 3, random: 0, is: 3_000 },
    { attempt: 3, random: 1, is: 5_000 },
    { attempt: 7, random: 1, is: 60_000 },
    { attempt: 7, random: 0, is: 45_000 },
  ])('R18 with the defaults, attempt $attempt and random $random wait $is ms', ({ attempt, random, is }) => {
    expect(backoff(restart, attempt, random)).toBe(is)
  })

  it('R18 no backoff stays none when the power has become Infinity', () => {
    expect(backoff({ ...restart, initialBackoff: 0, multiplier: 10 }, 5_000, 0.5)).toBe(0)
    expect(backoff({ ...restart, multiplier: 10 }, 5_000, 0.5)).toBe(60_000)
  })
})

describe('jittered', () => {
  it.each([
    { random: 0, is: 90 },
    { random: 0.25, is: 95 },
    { random: 0.5, is: 100 },
    { random: 1, is: 110 },
  ])('R27 moves 100 by a tenth to $is at random $random', ({ random, is }) => {
    expect(jittered(100, 0.1, random)).toBeCloseTo(is)
  })

  it('R18 is never negative and never above the most', () => {
    expect(jittered(100, 2, 0)).toBe(0)
    expect(jittered(100, 1, 1, 120)).toBe(120)
  })
})
