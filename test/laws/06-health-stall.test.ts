/** Section 6: a starved host does not shoot its services (R26). Each check has 1 000 ms; a quarter of that is 250. */
import { describe, expect, it } from 'vitest'
import { type Puppet, Stage } from '../support/laws3.js'
import { type Deferred, deferred } from '../support/world.js'

/** A service whose first check is good and whose second, at 10 000, is in the hands of the test. One failure is one too many. */
async function second(failureThreshold = 1): Promise<{ stage: Stage; a: Puppet; answer: Deferred<boolean> }> {
  const stage = new Stage()
  const answer = deferred<boolean>()
  const a = stage.cast('a', {
    check: (call) => (call === 1 ? true : call === 2 ? answer.promise : false),
    healthCheck: { timeout: 1000, failureThreshold, onUnhealthy: 'report' },
  })
  await stage.boot()
  await stage.clock.advance(10_000)
  expect(a.checks).toEqual([0, 10_000])
  return { stage, a, answer }
}

describe('a stall of more than a quarter', () => {
  it('R26 makes a timeout void', async () => {
    const { stage } = await second()
    await stage.clock.advance(100)
    stage.clock.stall(3000)
    await stage.clock.settle()
    expect(stage.status('a').health).toBe('healthy')
  })

  it('R26 makes a timeout void that comes when the host has long recovered', async () => {
    const { stage } = await second()
    stage.clock.stall(600)
    await stage.clock.advance(500)
    expect(stage.status('a').health).toBe('healthy')
  })

  it('R26 makes the rejection void that follows it', async () => {
    const { stage, answer } = await second()
    await stage.clock.advance(100)
    stage.clock.stall(600)
    answer.reject(new Error('boom'))
    await stage.clock.settle()
    expect(stage.status('a').health).toBe('healthy')
  })

  it.each([0, 100, 200, 300, 400, 500, 600, 690])(
    'R26 makes a bad answer void wherever in the window it began: after %i ms',
    async (offset) => {
      const { stage, answer } = await second()
      await stage.clock.advance(offset)
      stage.clock.stall(300)
      answer.resolve(false)
      await stage.clock.settle()
      expect(stage.status('a').health).toBe('healthy')
    },
  )

  it('R26 makes the check void that caused it', async () => {
    const stage = new Stage()
    stage.cast('a', {
      check: (call) => {
        if (call === 2) stage.clock.stall(600)
        return call !== 2
      },
      healthCheck: { timeout: 1000, failureThreshold: 1, onUnhealthy: 'report' },
    })
    await stage.boot()
    await stage.clock.advance(15_000)
    expect(stage.take().slice(-1)).toEqual(['0 a checking → healthy'])
  })

  it('R26 makes a check void that another service caused to starve', async () => {
    const stage = new Stage()
    const answer = deferred<boolean>()
    stage.cast('a', {
      check: (call) => (call === 1 ? true : answer.promise),
      healthCheck: { timeout: 1000, failureThreshold: 1, onUnhealthy: 'report' },
    })
    stage.cast('hog', { autoStart: false, start: () => stage.clock.stall(600) })
    await stage.boot()
    await stage.clock.advance(10_100)
    await stage.start('hog')
    answer.resolve(false)
    await stage.clock.settle()
    expect(stage.status('a').health).toBe('healthy')
  })

  it('R26 makes every check void that was in flight, and a hundred starved services live', async () => {
    const stage = new Stage()
    const all = Array.from({ length: 100 }, (_, index) =>
      stage.cast(`s${index}`, {
        check: async (call) => {
          if (call === 2) await stage.clock.sleep(50)
          return true
        },
        healthCheck: { timeout: 100, failureThreshold: 1 },
      }),
    )
    await stage.boot()
    await stage.clock.advance(10_010)
    stage.clock.stall(5000)
    await stage.clock.advance(20_000)
    expect(all.map(({ starts }) => starts.length)).toEqual(Array(100).fill(1))
  })

  it('R26 leaves the check void also later: what it answers in the end is not heard', async () => {
    const { stage, answer } = await second()
    await stage.clock.advance(100)
    stage.clock.stall(600)
    await stage.clock.advance(400)
    answer.resolve(false)
    await stage.clock.settle()
    expect([stage.status('a').health, stage.take().slice(-1)]).toEqual(['healthy', ['0 a checking → healthy']])
  })

  it('R26 neither counts nor breaks a row of failures', async () => {
    const stage = new Stage()
    stage.cast('a', {
      check: (call) => {
        if (call === 3) stage.clock.stall(600)
        return call === 1
      },
      healthCheck: { interval: 2000, timeout: 1000, failureThreshold: 2, onUnhealthy: 'report' },
    })
    await stage.boot()
    await stage.clock.advance(5000)
    expect(stage.status('a').health).toBe('healthy')
    await stage.clock.advance(2000)
    expect(stage.status('a').health).toBe('unhealthy')
  })

  it('R26 does not end the checks: the next one is made, and counts', async () => {
    const { stage, a, answer } = await second()
    await stage.clock.advance(100)
    stage.clock.stall(600)
    answer.resolve(false)
    await stage.clock.advance(11_000)
    expect(a.checks.length).toBeGreaterThan(2)
    expect(stage.status('a').health).toBe('unhealthy')
  })

  it('R26 keeps the service that restarts by its health from being restarted', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      check: (call) => (call === 2 ? new Promise<never>(() => undefined) : true),
      healthCheck: { timeout: 1000, failureThreshold: 1 },
    })
    await stage.boot()
    await stage.clock.advance(10_500)
    stage.clock.stall(60_000)
    await stage.clock.settle()
    expect([a.starts, stage.status('a').state]).toEqual([[0], 'running'])
  })
})

describe('what is no stall', () => {
  it.each([0, 100, 400, 700])('R26 a stall of less than a quarter excuses nothing: after %i ms', async (offset) => {
    const { stage, answer } = await second()
    await stage.clock.advance(offset)
    stage.clock.stall(200)
    answer.resolve(false)
    await stage.clock.settle()
    expect(stage.status('a').health).toBe('unhealthy')
  })

  it('R26 a stall of less than a quarter does not excuse a timeout', async () => {
    const { stage } = await second()
    await stage.clock.advance(300)
    stage.clock.stall(200)
    await stage.clock.advance(500)
    expect(stage.status('a').health).toBe('unhealthy')
  })

  it('R26 a long wait without a stall excuses nothing', async () => {
    const { stage } = await second()
    await stage.clock.advance(999)
    expect(stage.status('a').health).toBe('healthy')
    await stage.clock.advance(1)
    expect(stage.status('a').health).toBe('unhealthy')
  })

  it('R26 a stall before the check was made is not in its window', async () => {
    const { stage, a, answer } = await second()
    answer.resolve(true)
    await stage.clock.advance(9000)
    stage.clock.stall(3000)
    await stage.clock.advance(100)
    expect([a.checks.length, stage.status('a').health]).toEqual([3, 'unhealthy'])
  })

  it('R26 a stall before its window excuses no check, though it made another void that was in flight', async () => {
    const stage = new Stage()
    const options = { timeout: 1000, failureThreshold: 1, onUnhealthy: 'report' } as const
    stage.cast('a', {
      check: (call) => (call === 1 ? true : new Promise<never>(() => undefined)),
      healthCheck: options,
    })
    stage.cast('b', { autoStart: false, check: () => false, healthCheck: options })
    await stage.boot()
    await stage.clock.advance(10_100)
    stage.clock.stall(600)
    await stage.start('b')
    expect([stage.status('a').health, stage.status('b').health]).toEqual(['healthy', 'unhealthy'])
  })

  it('R26 a jump of the wall clock is no stall', async () => {
    const { stage, answer } = await second()
    stage.clock.jump(3_600_000)
    answer.resolve(false)
    await stage.clock.settle()
    expect(stage.status('a').health).toBe('unhealthy')
  })
})
