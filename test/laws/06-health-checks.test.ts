/** Section 6: when a check is called, and that it is never called twice at once (R24). */
import type { CheckContext, CheckResult } from 'keelson'
import { describe, expect, it } from 'vitest'
import { Stage } from '../support/laws3.js'
import { type Deferred, deferred, settled } from '../support/world.js'

const HOUR = 3_600_000

describe('when', () => {
  it('R24 the first check is made at once, in the instant in which the service is active', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: () => stage.clock.sleep(3000), check: () => 'healthy' })
    await stage.boot()
    await stage.clock.advance(2999)
    expect(a.checks).toEqual([])
    await stage.clock.advance(1)
    expect(a.checks).toEqual([3000])
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '3000 a starting → running checking',
      '3000 a checking → healthy',
    ])
  })

  it('R24 startGrace counts from active, and the service is checking until then', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      start: () => stage.clock.sleep(100),
      check: () => 'healthy',
      healthCheck: { startGrace: 700 },
    })
    await stage.boot()
    await stage.clock.advance(799)
    expect([a.checks, stage.status('a').health]).toEqual([[], 'checking'])
    await stage.clock.advance(1)
    expect([a.checks, stage.status('a').health]).toEqual([[800], 'healthy'])
  })

  it('R24 after a verdict a check is made each interval', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: () => 'healthy', healthCheck: { interval: 4000 } })
    const b = stage.cast('b', { check: () => 'healthy' })
    await stage.boot()
    await stage.clock.advance(20_000)
    expect([a.checks, b.checks]).toEqual([
      [0, 4000, 8000, 12_000, 16_000, 20_000],
      [0, 10_000, 20_000],
    ])
  })

  it('R24 until there is a verdict a check is made each second', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: (call) => (call < 4 ? 'checking' : 'healthy') })
    await stage.boot()
    await stage.clock.advance(13_000)
    expect(a.checks).toEqual([0, 1000, 2000, 3000, 13_000])
    expect(stage.take().slice(2)).toEqual(['3000 a checking → healthy'])
  })

  it('R24 until there is a verdict a check is made each interval if that is shorter', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: (call) => (call < 4 ? 'unknown' : 'healthy'), healthCheck: { interval: 400 } })
    await stage.boot()
    await stage.clock.advance(2000)
    expect(a.checks).toEqual([0, 400, 800, 1200, 1600, 2000])
  })

  it('R24 the verdict of an earlier life is none: the next life is checked at once and each second again', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: (call) => (call === 1 || call > 3 ? 'healthy' : 'checking') })
    await stage.boot()
    await stage.clock.advance(500)
    stage.app.restartService('a').catch(() => undefined)
    await stage.clock.advance(12_000)
    expect(a.checks).toEqual([0, 500, 1500, 2500, 12_500])
  })

  it('R24 a failure that leaves the verdict alone is followed by the next check after a whole interval', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: (call) => call !== 2 })
    await stage.boot()
    await stage.clock.advance(20_000)
    expect(a.checks).toEqual([0, 10_000, 20_000])
  })

  it('R24 no check is made while a service starts, stops, waits, backs off or rests', async () => {
    const stage = new Stage()
    const db = stage.cast('db', { restart: { initialBackoff: 4000 } })
    const a = stage.cast('a', {
      dependsOn: ['db'],
      start: () => stage.clock.sleep(2500),
      stop: () => stage.clock.sleep(2500),
      check: () => true,
      healthCheck: { interval: 1000 },
    })
    await stage.boot()
    await stage.clock.advance(4000)
    await stage.crash(db)
    await stage.clock.advance(6500)
    const calls = [...a.checks]
    await stage.crash(a)
    await stage.clock.advance(3000)
    expect(stage.status('a').state).toBe('retrying')
    await stage.app.stopService('a')
    await stage.clock.advance(HOUR)
    expect(calls).toEqual([2500, 3500, 10_500])
    expect(a.checks).toEqual(calls)
  })

  it('R24 a service without a check is healthy while it is active, and unknown while it is not', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: () => stage.clock.sleep(10) })
    expect(stage.status('a').health).toBe('unknown')
    await stage.boot()
    expect([stage.status('a').state, stage.status('a').health]).toEqual(['starting', 'unknown'])
    await stage.clock.advance(10)
    expect([stage.status('a').state, stage.status('a').health]).toEqual(['running', 'healthy'])
    await stage.crash(a)
    expect([stage.status('a').state, stage.status('a').health]).toEqual(['retrying', 'unknown'])
  })
})

describe('one at a time', () => {
  /** Checks that the test answers, one after the other. */
  function asked(): {
    check: (call: number, context: CheckContext) => Promise<CheckResult>
    open: Deferred<CheckResult>[]
    contexts: CheckContext[]
  } {
    const open: Deferred<CheckResult>[] = []
    const contexts: CheckContext[] = []
    return {
      open,
      contexts,
      check: (_call, context) => {
        contexts.push(context)
        open.push(deferred<CheckResult>())
        return open.at(-1)!.promise
      },
    }
  }

  it('R24 a check slower than its interval is waited for, and is no failure within its timeout', async () => {
    const stage = new Stage()
    let running = 0
    let most = 0
    const a = stage.cast('a', {
      check: async () => {
        most = Math.max(most, ++running)
        await stage.clock.sleep(2500)
        running--
        return true
      },
      healthCheck: { interval: 1000, timeout: 3000, failureThreshold: 1 },
    })
    await stage.boot()
    await stage.clock.advance(60_000)
    expect([most, stage.states('a')]).toEqual([1, ['starting', 'running']])
    expect(a.checks.length).toBeGreaterThan(10)
  })

  it('R24 while a check hangs past its timeout each interval is one more failure, and no second check is made', async () => {
    const stage = new Stage()
    const { check, contexts } = asked()
    const a = stage.cast('a', { check, healthCheck: { interval: 1000, timeout: 500, onUnhealthy: 'report' } })
    await stage.boot()
    await stage.clock.advance(499)
    expect(contexts[0]?.signal.aborted).toBe(false)
    await stage.clock.advance(1)
    expect(contexts[0]?.signal.aborted).toBe(true)
    await stage.clock.advance(1499)
    expect([a.checks, stage.status('a').health]).toEqual([[0], 'checking'])
    await stage.clock.advance(501)
    expect([a.checks, stage.status('a').health]).toEqual([[0], 'unhealthy'])
  })

  it('R24 a check that hung is followed by another once it has settled', async () => {
    const stage = new Stage()
    const { check, open } = asked()
    const a = stage.cast('a', { check, healthCheck: { interval: 1000, timeout: 500, onUnhealthy: 'report' } })
    await stage.boot()
    await stage.clock.advance(5250)
    open[0]?.resolve(true)
    await stage.clock.advance(1000)
    expect(a.checks).toHaveLength(2)
    expect(stage.status('a').health).toBe('unhealthy')
    open[1]?.resolve(true)
    await stage.clock.settle()
    expect(stage.status('a').health).toBe('healthy')
  })

  it('R24 no stop waits for a check, whose signal is aborted with the epoch', async () => {
    const stage = new Stage()
    const { check, contexts, open } = asked()
    stage.cast('a', { check })
    await stage.boot()
    const stop = settled(stage.app.stop())
    await stage.clock.settle()
    expect([stop.status, contexts[0]?.signal.aborted, stage.clock.pending]).toEqual(['fulfilled', true, 0])
    stage.take()
    open[0]?.resolve('unhealthy')
    await stage.clock.advance(HOUR)
    expect([stage.take(), stage.status('a').health]).toEqual([[], 'unknown'])
  })

  it.each(['healthy', 'degraded', 'unhealthy'] as const)(
    'R24 a result %s of an older epoch changes nothing',
    async (late) => {
      const stage = new Stage()
      const { check, contexts, open } = asked()
      stage.cast('a', { check, healthCheck: { failureThreshold: 1 } })
      await stage.boot()
      stage.app.restartService('a').catch(() => undefined)
      await stage.clock.settle()
      expect(contexts.map(({ epoch }) => epoch)).toEqual([1, 2])
      stage.take()
      open[0]?.resolve(late)
      await stage.clock.settle()
      expect([stage.take(), stage.status('a').health]).toEqual([[], 'checking'])
      open[1]?.resolve('healthy')
      await stage.clock.settle()
      expect(stage.take()).toEqual(['0 a checking → healthy'])
    },
  )

  it('R24 a rejection and a timeout of an older epoch change nothing', async () => {
    const stage = new Stage()
    const { check, open } = asked()
    stage.cast('a', { check, healthCheck: { failureThreshold: 1, timeout: 1000 } })
    await stage.boot()
    await stage.clock.advance(500)
    stage.app.restartService('a').catch(() => undefined)
    await stage.clock.settle()
    open[1]?.resolve('healthy')
    await stage.clock.advance(2000)
    open[0]?.reject(new Error('too late'))
    await stage.clock.settle()
    expect(stage.status('a')).toMatchObject({ state: 'running', health: 'healthy', epoch: 2 })
  })
})
