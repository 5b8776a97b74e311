/** Section 5: what is counted as an attempt, when the count returns to 0, and who is told the number (R19). */
import { describe, expect, it } from 'vitest'
import { failing, Stage } from '../support/laws3.js'

const HOUR = 3_600_000

describe('the return to 0', () => {
  it('R19 after stableAfter of active and healthy time, and not a millisecond earlier', async () => {
    for (const [time, attempt] of [
      [59_999, 2],
      [60_000, 1],
    ] as const) {
      const stage = new Stage()
      const a = stage.cast('a', { start: failing(1) })
      await stage.boot()
      await stage.clock.advance(1000 + time)
      await stage.crash(a)
      expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt })
    }
  })

  it('R19 checking is not healthy: the time counts from the first verdict', async () => {
    for (const [time, attempt] of [
      [11_999, 2],
      [12_000, 1],
    ] as const) {
      const stage = new Stage()
      const a = stage.cast('a', {
        start: failing(1),
        check: () => 'healthy',
        healthCheck: { startGrace: 2000 },
        restart: { stableAfter: 10_000 },
      })
      await stage.boot()
      await stage.clock.advance(1000 + time)
      await stage.crash(a)
      expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt })
    }
  })

  it('R19 the time is uninterrupted: it begins anew when health was lost in between', async () => {
    for (const [time, attempt] of [
      [24_999, 2],
      [25_000, 1],
    ] as const) {
      const stage = new Stage()
      const a = stage.cast('a', {
        start: failing(1),
        // unhealthy from 5 000 to 15 000 of its active time
        check: (call) => call < 2 || call > 3,
        healthCheck: { interval: 5000, failureThreshold: 1, onUnhealthy: 'report' },
        restart: { stableAfter: 10_000 },
      })
      await stage.boot()
      await stage.clock.advance(1000 + time)
      await stage.crash(a)
      expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt })
    }
  })

  it('R19 health that is lost a millisecond before the time is over takes all of it back', async () => {
    const stage = new Stage()
    stage.cast('a', {
      start: failing(1),
      check: (call) => call < 2,
      healthCheck: { interval: 5000, failureThreshold: 1 },
      restart: { stableAfter: 5001 },
    })
    await stage.boot()
    await stage.clock.advance(6000)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 2 })
  })

  it('R19 a budget that was whole before health was lost is whole', async () => {
    const stage = new Stage()
    stage.cast('a', {
      start: failing(1),
      check: (call) => call < 3,
      healthCheck: { interval: 5000, failureThreshold: 1 },
      restart: { stableAfter: 9999 },
    })
    await stage.boot()
    await stage.clock.advance(11_000)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 1 })
  })

  it('R19 degraded counts as healthy', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      start: failing(1),
      check: (call) => (call % 2 ? 'degraded' : 'healthy'),
      restart: { stableAfter: 25_000 },
    })
    await stage.boot()
    await stage.clock.advance(1000 + 25_000)
    await stage.crash(a)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 1 })
  })

  it('R19 failures that leave the verdict alone do not interrupt it', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      start: failing(1),
      check: (call) => call % 2 === 1,
      healthCheck: { interval: 5000 },
      restart: { stableAfter: 25_000 },
    })
    await stage.boot()
    await stage.clock.advance(1000 + 25_000)
    await stage.crash(a)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 1 })
  })
})

describe('what else resets it, and what does not', () => {
  const afterTwo = async () => {
    const stage = new Stage({ restart: { initialBackoff: 100, multiplier: 1 } })
    const db = stage.cast('db')
    const a = stage.cast('a', { dependsOn: ['db'], start: (life) => failing(2)(life) })
    await stage.boot()
    await stage.clock.advance(200)
    expect(stage.status('a').state).toBe('running')
    return { stage, db, a }
  }

  it('R19 a stop and a start by hand reset it', async () => {
    const { stage, a } = await afterTwo()
    await stage.app.stopService('a')
    await stage.start('a')
    await stage.crash(a)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 1 })
  })

  it('R19 a restart by hand resets it and is no attempt', async () => {
    const { stage, a } = await afterTwo()
    await stage.app.restartService('a')
    await stage.clock.settle()
    expect(stage.status('a').state).toBe('running')
    await stage.crash(a)
    expect(stage.retries('a').at(-1)).toBe('200 a #1 in 100 transient')
  })

  it('R19 a start by hand in the middle of a backoff resets it', async () => {
    const { stage, a } = await afterTwo()
    await stage.crash(a)
    expect(stage.status('a').attempt).toBe(3)
    await stage.start('a')
    expect(stage.status('a')).toMatchObject({ state: 'running' })
    expect(stage.status('a').attempt).toBeUndefined()
    await stage.crash(a)
    expect(stage.status('a').attempt).toBe(1)
  })

  it('R19 a stop by dependency neither counts nor resets, and the return is no attempt', async () => {
    const { stage, db, a } = await afterTwo()
    stage.take()
    await stage.crash(db)
    await stage.clock.advance(100)
    await stage.crash(a)
    expect(stage.take().filter((line) => line.includes(' a '))).toEqual([
      '200 a running → stopping (dependency)',
      '200 a stopping → waiting',
      '300 a waiting → starting',
      '300 a starting → running healthy',
      '300 a running → stopping (failed)',
      '300 a stopping → retrying #3 CRASHED',
    ])
  })

  it('R19 active time before a stop by dependency does not count for the time after it', async () => {
    const { stage, db, a } = await afterTwo()
    await stage.clock.advance(40_000)
    await stage.crash(db)
    await stage.clock.advance(100 + 40_000)
    await stage.crash(a)
    expect(stage.status('a').attempt).toBe(3)
  })

  it('R19 a start by hand that ends the failure of a dependency gives it its whole budget', async () => {
    const stage = new Stage({ restart: { maxRetries: 1 } })
    stage.cast('db', { start: failing(3) })
    stage.cast('a', { dependsOn: ['db'] })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(stage.status('db').state).toBe('failed')
    await stage.start('a')
    await stage.clock.advance(HOUR)
    expect(stage.retries('db').map((line) => line.split(' ')[2])).toEqual(['#1', '#1'])
    expect([stage.status('db').state, stage.status('a').state]).toEqual(['running', 'running'])
  })
})

describe('the attempt that is told', () => {
  it('R19 is told from retrying until active, and not by what is active', async () => {
    const stage = new Stage()
    const db = stage.cast('db', { restart: { initialBackoff: 2000 } })
    stage.cast('a', { dependsOn: ['db'], start: (life) => (life === 1 ? failing(1)(life) : stage.clock.sleep(50)) })
    const told: unknown[] = []
    const look = () => void told.push([stage.status('a').state, stage.status('a').attempt])
    await stage.boot()
    look()
    await stage.crash(db)
    await stage.clock.advance(1500)
    look()
    await stage.clock.advance(500)
    look()
    await stage.clock.advance(50)
    look()
    expect(told).toEqual([
      ['retrying', 1],
      ['waiting', 1],
      ['starting', 1],
      ['running', undefined],
    ])
  })

  it('R19 is not told by a first start, nor after a stop by hand', async () => {
    const stage = new Stage()
    stage.cast('a', { start: failing(1) })
    await stage.boot()
    await stage.app.stopService('a')
    expect(stage.status('a').attempt).toBeUndefined()
    await stage.start('a')
    expect(
      stage.events.filter((event) => event.type === 'state').map(({ newState, attempt }) => [newState, attempt]),
    ).toEqual([
      ['starting', undefined],
      ['stopping', undefined],
      ['retrying', 1],
      ['stopped', undefined],
      ['starting', undefined],
      ['running', undefined],
    ])
  })
})
