/** Section 6: what a check's answers are worth, how they make a verdict, and what a verdict does (R24, R25). */
import type { CheckResult } from 'keelson'
import { describe, expect, it } from 'vitest'
import { Stage } from '../support/laws3.js'
import { settled } from '../support/world.js'

/** Answers one after the other, the last one for ever. */
const answers = (...all: (CheckResult | Error)[]) => {
  return (call: number): CheckResult => {
    const answer = all[Math.min(call, all.length) - 1]
    if (answer instanceof Error) throw answer
    return answer as CheckResult
  }
}

const BOOM = new Error('boom')
const REPORT = { interval: 1000, onUnhealthy: 'report' } as const

describe('an answer', () => {
  it.each<[string, CheckResult]>([
    ['healthy', 'healthy'],
    ['true', true],
    ['undefined', undefined],
  ])('R24 %s is a success', async (_what, answer) => {
    const stage = new Stage()
    stage.cast('a', { check: answers(answer) })
    await stage.boot()
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running checking',
      '0 a checking → healthy',
    ])
  })

  it.each<[string, (call: number) => CheckResult | Promise<CheckResult>]>([
    ['unhealthy', () => 'unhealthy'],
    ['false', () => false],
    ['a throw', answers(BOOM)],
    ['a rejection', () => Promise.reject(BOOM)],
    ['a rejection with undefined', () => Promise.reject(undefined)],
    ['a promise of unhealthy', () => Promise.resolve('unhealthy' as const)],
    ['a timeout', (call) => (call === 1 ? new Promise<never>(() => undefined) : true)],
  ])('R24 %s is a failure', async (_what, check) => {
    const stage = new Stage()
    stage.cast('a', { check, healthCheck: { ...REPORT, failureThreshold: 1, timeout: 300 } })
    await stage.boot()
    await stage.clock.advance(300)
    expect(stage.status('a')).toMatchObject({ state: 'running', health: 'unhealthy' })
  })

  it('R24 degraded serves: it is a success, is shown, and lets dependents start', async () => {
    const stage = new Stage()
    stage.cast('a', { check: answers('degraded', 'degraded', 'healthy', 'degraded'), healthCheck: REPORT })
    stage.cast('b', { dependsOn: ['a'] })
    const start = settled(stage.app.start())
    await stage.clock.settle()
    expect(start.status).toBe('fulfilled')
    await stage.clock.advance(4000)
    expect(stage.take().slice(2)).toEqual([
      '0 a starting → running checking',
      '0 a checking → degraded',
      '0 b waiting → starting',
      '0 b starting → running healthy',
      '2000 a degraded → healthy',
      '3000 a healthy → degraded',
    ])
  })

  it.each(['unknown', 'checking'] as const)(
    'R24 %s says nothing: it neither counts nor breaks a row, nor changes what is shown',
    async (nothing) => {
      const stage = new Stage()
      stage.cast('a', {
        check: answers(nothing, 'healthy', false, nothing, false, nothing, false),
        healthCheck: REPORT,
      })
      await stage.boot()
      await stage.clock.advance(6000)
      expect(stage.take()).toEqual([
        '0 a unknown → starting',
        '0 a starting → running checking',
        '1000 a checking → healthy',
        '6000 a healthy → unhealthy',
      ])
    },
  )
})

describe('thresholds', () => {
  it('R25 fewer failures in a row than failureThreshold never flip the verdict', async () => {
    const stage = new Stage()
    stage.cast('a', { check: (call) => call % 3 === 1, healthCheck: { interval: 1000 } })
    await stage.boot()
    await stage.clock.advance(300_000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running checking',
      '0 a checking → healthy',
    ])
  })

  it('R25 a degraded answer breaks a row of failures as a healthy one does', async () => {
    const stage = new Stage()
    stage.cast('a', { check: (call) => (call % 3 === 1 ? 'degraded' : 'unhealthy'), healthCheck: { interval: 1000 } })
    await stage.boot()
    await stage.clock.advance(300_000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running checking',
      '0 a checking → degraded',
    ])
  })

  it('R25 failures of every kind make one row', async () => {
    const stage = new Stage()
    stage.cast('a', {
      check: (call) => {
        if (call === 1) return true
        if (call === 2) return 'unhealthy'
        if (call === 3) throw BOOM
        return new Promise<never>(() => undefined)
      },
      healthCheck: { ...REPORT, timeout: 100 },
    })
    await stage.boot()
    await stage.clock.advance(3099)
    expect(stage.status('a').health).toBe('healthy')
    await stage.clock.advance(1)
    expect(stage.status('a').health).toBe('unhealthy')
  })

  it('R25 failures count from the first check on, and need their threshold there, too', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: () => false, healthCheck: { onUnhealthy: 'report' } })
    await stage.boot()
    await stage.clock.advance(12_000)
    expect(a.checks).toEqual([0, 1000, 2000, 12_000])
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running checking',
      '2000 a checking → unhealthy',
    ])
  })

  it('R25 successThreshold successes in a row make it healthy, at first and after unhealthy', async () => {
    const stage = new Stage()
    stage.cast('a', {
      check: answers(true, false, true, true, false, false, true, false, true, 'degraded', true),
      healthCheck: { ...REPORT, failureThreshold: 2, successThreshold: 2 },
    })
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running checking',
      '3000 a checking → healthy',
      '5000 a healthy → unhealthy',
      '9000 a unhealthy → degraded',
      '10000 a degraded → healthy',
    ])
  })

  it('R25 each life counts its own failures', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: () => false, restart: { maxRetries: 1 } })
    await stage.boot()
    await stage.clock.advance(20_000)
    expect(a.checks).toEqual([0, 1000, 2000, 3000, 4000, 5000])
    expect(stage.states('a')).toEqual([
      ...['starting', 'running', 'stopping', 'retrying'],
      ...['starting', 'running', 'stopping', 'failed'],
    ])
  })
})

describe('a bad verdict', () => {
  it('R25 ends the epoch with reason unhealthy and goes through the restart policy', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: answers(true, BOOM, true), healthCheck: { failureThreshold: 1 } })
    await stage.boot()
    await stage.clock.advance(10_000)
    const first = a.context
    expect(first.signal.aborted).toBe(true)
    await stage.clock.advance(1000)
    // whether the last breath is told as a health of its own is left open
    expect(stage.take().filter((line) => !line.endsWith('→ unhealthy'))).toEqual([
      '0 a unknown → starting',
      '0 a starting → running checking',
      '0 a checking → healthy',
      '10000 a running → stopping (unhealthy)',
      '10000 a stopping → retrying #1 UNHEALTHY',
      '11000 a retrying → starting #1',
      '11000 a starting → running checking',
      '11000 a checking → healthy',
    ])
    expect(a.stops).toEqual(['10000 unhealthy'])
    expect(stage.events.find(({ type }) => type === 'retry')?.error).toMatchObject({ code: 'UNHEALTHY', cause: BOOM })
  })

  it('R25 with report is told and nothing else, and is taken back', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: answers(true, false, false, false, true), healthCheck: REPORT })
    const user = stage.cast('user', { dependsOn: ['a'] })
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(stage.take().slice(-2)).toEqual(['3000 a healthy → unhealthy', '4000 a unhealthy → healthy'])
    expect([a.starts, user.starts, a.stops, user.stops, a.context.signal.aborted]).toEqual([[0], [0], [], [], false])
    expect(stage.retries()).toEqual([])
  })

  it('R25 with report holds back whoever is still to start against it', async () => {
    const stage = new Stage()
    stage.cast('a', { check: answers(true, false, false, false, true), healthCheck: REPORT })
    const user = stage.cast('user', { dependsOn: ['a'], autoStart: false })
    await stage.boot()
    await stage.clock.advance(3500)
    await stage.start('user')
    expect(stage.heldBy('user')).toEqual(['dependency'])
    await stage.clock.advance(500)
    expect(user.starts).toEqual([4000])
  })

  it('R25 stops the dependents only by the loss that its restart is, and they return', async () => {
    const stage = new Stage()
    stage.cast('a', { check: answers(true, false, true), healthCheck: { failureThreshold: 1 } })
    const user = stage.cast('user', { dependsOn: ['a'] })
    await stage.boot()
    await stage.clock.advance(11_000)
    expect([user.starts, user.stops]).toEqual([[0, 11_000], ['10000 dependency']])
  })

  it('R25 as the first verdict fails the start that waits for it', async () => {
    const stage = new Stage()
    stage.cast('a', { check: () => false })
    const start = settled(stage.app.startService('a'))
    await stage.clock.advance(1999)
    expect(start.status).toBe('pending')
    await stage.clock.advance(1)
    expect(start).toMatchObject({ status: 'rejected', error: { code: 'START_INCOMPLETE' } })
  })
})
