/** Section 6: many checks - one timer structure, jittered intervals, a cap that the first check of a life does not know (R27). */
import { describe, expect, it } from 'vitest'
import { Stage } from '../support/laws3.js'
import { deferred } from '../support/world.js'

const ALMOST_ONE = 1 - Number.EPSILON
const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, index) => time - times[index]!)
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index}`)

describe('timers', () => {
  it('R27 ten thousand checked services use one timer, between checks and while they are in flight', async () => {
    const stage = new Stage()
    const gate = deferred<boolean>()
    let checks = 0
    for (const name of names(10_000)) {
      stage.cast(name, {
        check: (call) => {
          checks++
          return call === 1 ? gate.promise : true
        },
        healthCheck: { timeout: 60_000 },
      })
    }
    await stage.boot()
    expect([checks, stage.clock.pending <= 3]).toEqual([10_000, true])
    gate.resolve(true)
    await stage.clock.settle()
    expect(stage.clock.pending).toBeLessThanOrEqual(3)
    await stage.clock.advance(20_000)
    expect(checks).toBe(30_000)
    expect(stage.clock.pending).toBeLessThanOrEqual(3)
    await stage.app.stop()
    await stage.clock.settle()
    expect(stage.clock.pending).toBe(0)
  }, 60_000)

  it('R27 with ten thousand different moments it is still one timer', async () => {
    let seed = 1
    const random = () => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
      return seed / 2 ** 32
    }
    const stage = new Stage({ random })
    const all = names(2000).map((name) => stage.cast(name, { check: () => true }))
    await stage.boot()
    await stage.clock.advance(500)
    expect(stage.clock.pending).toBeLessThanOrEqual(3)
    await stage.clock.advance(10_500)
    expect(new Set(all.map(({ checks }) => checks[1])).size).toBeGreaterThan(1000)
  }, 60_000)

  it('R27 a check that hangs and one that is cut off by a stop leave no timer behind', async () => {
    const stage = new Stage()
    for (const name of names(50)) stage.cast(name, { check: () => new Promise<never>(() => undefined) })
    await stage.boot()
    await stage.clock.advance(2500)
    await stage.app.stop()
    await stage.clock.settle()
    expect(stage.clock.pending).toBe(0)
  })
})

describe('jitter', () => {
  it.each([
    ['0', () => 0],
    ['almost 1', () => ALMOST_ONE],
  ])(
    'R27 intervals lie at the edge of ±10 %, and never beyond, when the random source says %s',
    async (_what, random) => {
      const stage = new Stage({ random })
      const a = stage.cast('a', { check: () => true })
      await stage.boot()
      await stage.clock.advance(100_000)
      const all = gaps(a.checks)
      expect(all.length).toBeGreaterThanOrEqual(9)
      for (const gap of all) {
        expect(Math.abs(gap - 10_000)).toBeGreaterThanOrEqual(990)
        expect(Math.abs(gap - 10_000)).toBeLessThanOrEqual(1001)
      }
    },
  )

  it('R27 the two ends of the random source are the two ends of the band', async () => {
    const second: number[] = []
    for (const random of [() => 0, () => ALMOST_ONE]) {
      const stage = new Stage({ random })
      const a = stage.cast('a', { check: () => true })
      await stage.boot()
      await stage.clock.advance(11_001)
      second.push(a.checks[1]!)
    }
    const [low, high] = second.sort((a, b) => a - b)
    expect(low).toBeLessThan(9011)
    expect(high).toBeGreaterThan(10_989)
  })

  it('R27 each interval is jittered anew', async () => {
    const values = Array.from({ length: 100 }, (_, index) => ((index * 37) % 100) / 100)
    const stage = new Stage({ random: () => values.shift() ?? 0.5 })
    const a = stage.cast('a', { check: () => true })
    await stage.boot()
    await stage.clock.advance(100_000)
    expect(new Set(gaps(a.checks)).size).toBeGreaterThan(5)
  })

  it('R27 the first check of a life is not jittered', async () => {
    for (const random of [() => 0, () => ALMOST_ONE]) {
      const stage = new Stage({ random, restart: { jitter: 0 } })
      const a = stage.cast('a', { check: () => true, healthCheck: { startGrace: 5000 } })
      await stage.boot()
      await stage.clock.advance(5500)
      await stage.crash(a)
      await stage.clock.advance(1000 + 5000)
      expect(a.checks).toEqual([5000, 11_500])
    }
  })
})

describe('the cap', () => {
  /** Services whose first check is good and whose later checks stay in flight until they are let go. */
  function crowd(stage: Stage, count: number) {
    const inFlight: { name: string; settle: (answer: boolean) => void }[] = []
    const seen = { most: 0, order: [] as string[] }
    const all = names(count).map((name) =>
      stage.cast(name, {
        check: (call) => {
          if (call === 1) return true
          const gate = deferred<boolean>()
          inFlight.push({ name, settle: gate.resolve })
          seen.order.push(name)
          seen.most = Math.max(seen.most, inFlight.length)
          return gate.promise
        },
        healthCheck: { timeout: 600_000 },
      }),
    )
    const release = async (): Promise<void> => {
      inFlight.shift()?.settle(true)
      await stage.clock.settle()
    }
    return { all, inFlight, seen, release }
  }

  it('R27 no more than maxConcurrentChecks are in flight, and all get their turn', async () => {
    const stage = new Stage({ maxConcurrentChecks: 2 })
    const { inFlight, seen, release } = crowd(stage, 7)
    await stage.boot()
    await stage.clock.advance(15_000)
    expect(inFlight).toHaveLength(2)
    for (let turn = 0; turn < 7; turn++) await release()
    expect([seen.most, seen.order.sort()]).toEqual([2, names(7)])
  })

  it('R27 the cap is 64 where nothing is said', async () => {
    const stage = new Stage()
    const { inFlight } = crowd(stage, 100)
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(inFlight).toHaveLength(64)
  })

  it('R27 the first check of a life is not capped, even while the cap is used up', async () => {
    const stage = new Stage({ maxConcurrentChecks: 1 })
    const { inFlight } = crowd(stage, 3)
    const late = stage.cast('late', { autoStart: false, check: () => true })
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(inFlight).toHaveLength(1)
    await stage.start('late')
    expect([late.checks, stage.status('late').health]).toEqual([[10_000], 'healthy'])
  })

  it('R27 nor is it after a startGrace', async () => {
    const stage = new Stage({ maxConcurrentChecks: 1 })
    const { inFlight } = crowd(stage, 3)
    const late = stage.cast('late', { autoStart: false, check: () => true, healthCheck: { startGrace: 300 } })
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(inFlight).toHaveLength(1)
    const up = stage.start('late')
    await stage.clock.advance(300)
    await up
    expect([late.checks, stage.status('late').health]).toEqual([[10_300], 'healthy'])
  })

  it('R27 a hundred first checks are in flight at once under a cap of one', async () => {
    const stage = new Stage({ maxConcurrentChecks: 1 })
    const gate = deferred<boolean>()
    const all = names(100).map((name) => stage.cast(name, { check: () => gate.promise }))
    await stage.boot()
    expect(all.map(({ checks }) => checks)).toEqual(Array(100).fill([0]))
    gate.resolve(true)
  })

  it('R27 who waits for its turn and is stopped does not take it', async () => {
    const stage = new Stage({ maxConcurrentChecks: 1 })
    const { all, seen, release } = crowd(stage, 3)
    await stage.boot()
    await stage.clock.advance(10_500)
    const stopped = names(3).find((name) => name !== seen.order[0]) ?? ''
    await stage.app.stopService(stopped)
    await release()
    expect([...seen.order].sort()).toEqual(names(3).filter((name) => name !== stopped))
    expect(all[names(3).indexOf(stopped)]?.checks).toEqual([0])
  })

  it('R27 a stop of who is being checked gives its place to the next', async () => {
    const stage = new Stage({ maxConcurrentChecks: 1 })
    const all = names(2).map((name) =>
      stage.cast(name, {
        check: (call, { signal }) => {
          if (call === 1) return true
          return new Promise((resolve) => signal.addEventListener('abort', () => resolve(true), { once: true }))
        },
      }),
    )
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(all.map(({ checks }) => checks.length).sort()).toEqual([1, 2])
    await stage.app.stopService(all[0]?.checks.length === 2 ? 's0' : 's1')
    await stage.clock.settle()
    expect(all.map(({ checks }) => checks.length)).toEqual([2, 2])
  })
})
