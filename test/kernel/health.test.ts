/** Health as a value: how results make a verdict, and which of two is worse. */
import { describe, expect, it } from 'vitest'
import { judge, resultOf, serves, type Verdict, worse } from '../../src/kernel/health.js'
import { defaultSettings } from '../../src/kernel/settings.js'
import type { HealthStatus } from '../../src/service.js'

const ALL: readonly HealthStatus[] = ['unknown', 'checking', 'healthy', 'degraded', 'unhealthy']

describe('judge', () => {
  const thresholds = { ...defaultSettings().healthCheck, failureThreshold: 3, successThreshold: 2 }
  const after = (from: Verdict, ...results: HealthStatus[]): Verdict =>
    results.reduce((verdict, result) => judge(thresholds, verdict, result), from)

  it.each(['unknown', 'checking'] as const)('R24 %s says nothing', (result) => {
    expect(after({ health: 'healthy', row: 2 }, result)).toEqual({ health: 'healthy', row: 2 })
    expect(after({ health: 'unhealthy', row: -4 }, result)).toEqual({ health: 'unhealthy', row: -4 })
  })

  it('R25 as many failures in a row as the threshold flip it, and no fewer', () => {
    const healthy: Verdict = { health: 'healthy', row: 5 }
    expect(after(healthy, 'unhealthy')).toEqual({ health: 'healthy', row: -1 })
    expect(after(healthy, 'unhealthy', 'unhealthy')).toEqual({ health: 'healthy', row: -2 })
    expect(after(healthy, 'unhealthy', 'unhealthy', 'unhealthy')).toEqual({ health: 'unhealthy', row: -3 })
    expect(after(healthy, 'unhealthy', 'unhealthy', 'healthy', 'unhealthy', 'unhealthy').health).toBe('healthy')
  })

  it('R24 as many successes in a row as the threshold are a verdict, degraded ones too', () => {
    const checking: Verdict = { health: 'checking', row: 0 }
    expect(after(checking, 'healthy')).toEqual({ health: 'checking', row: 1 })
    expect(after(checking, 'healthy', 'degraded')).toEqual({ health: 'degraded', row: 2 })
    expect(after({ health: 'unhealthy', row: -7 }, 'healthy')).toEqual({ health: 'unhealthy', row: 1 })
    expect(after({ health: 'unhealthy', row: -7 }, 'degraded', 'healthy')).toEqual({ health: 'healthy', row: 2 })
  })

  it('between healthy and degraded one result is enough', () => {
    expect(after({ health: 'healthy', row: 0 }, 'degraded').health).toBe('degraded')
    expect(after({ health: 'degraded', row: 0 }, 'healthy').health).toBe('healthy')
    expect(after({ health: 'healthy', row: -1 }, 'degraded').health).toBe('degraded')
  })
})

it.each<readonly [unknown, HealthStatus | undefined]>([
  [undefined, 'healthy'],
  [true, 'healthy'],
  [false, 'unhealthy'],
  ...ALL.map((health) => [health, health] as const),
  ['Healthy', undefined],
  ['', undefined],
  [null, undefined],
  [0, undefined],
  [{}, undefined],
])('the answer %j of a check is %s', (answer, is) => {
  expect(resultOf(answer)).toBe(is)
})

it('R28 the worse of two is the later of healthy, degraded, checking, unhealthy, whichever comes first', () => {
  const order = ['healthy', 'degraded', 'checking', 'unhealthy'] as const
  for (const [i, a] of order.entries())
    for (const [j, b] of order.entries()) expect(worse(a, b)).toBe(order[Math.max(i, j)])
})

it('only healthy and degraded serve', () => {
  expect(ALL.filter(serves)).toEqual(['healthy', 'degraded'])
})
