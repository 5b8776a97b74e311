/** Section 5: how long a backoff is, what it counts from, what it waits for afterwards, and that it delays no stop (R18, R22, R23). */
import { defineService, Orchestrator, type RestartOptions } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { failing, Stage } from '../support/laws3.js'
import { settled } from '../support/world.js'

const ALMOST_ONE = 1 - Number.EPSILON
const LIMIT = 2 ** 31

/** The delays told, of a start that fails so many times, and the times at which the starts really were. */
async function delays(
  times: number,
  restart: RestartOptions,
  random = () => 0.5,
): Promise<{ told: number[]; real: number[] }> {
  const stage = new Stage({ random })
  const a = stage.cast('a', { start: failing(times), restart: { maxRetries: 0, ...restart } })
  await stage.boot()
  for (let retry = 0; retry < times; retry++) await stage.clock.advance(restart.maxBackoff ?? 60_000)
  const told = stage.events.flatMap((event) => (event.type === 'retry' ? [event.delay] : []))
  return { told, real: a.starts.slice(1).map((time, index) => time - a.starts[index]!) }
}

describe('the delay', () => {
  it('R18 grows by the multiplier up to maxBackoff and stays there', async () => {
    const { told, real } = await delays(9, {})
    expect(told).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
    expect(real).toEqual(told)
  })

  it('R18 grows by any multiplier, and not at all by 1', async () => {
    expect((await delays(4, { initialBackoff: 100, multiplier: 3, maxBackoff: 2000 })).real).toEqual([
      100, 300, 900, 2000,
    ])
    expect((await delays(4, { initialBackoff: 100, multiplier: 1 })).real).toEqual([100, 100, 100, 100])
  })

  it.each([
    ['at the lower end', () => 0],
    ['at the upper end', () => ALMOST_ONE],
  ])(
    'R18 lies within ±jitter of the exact one, %s of the random source, and never above maxBackoff',
    async (_end, random) => {
      const exact = [1000, 2000, 4000, 8000, 10_000, 10_000]
      const { told, real } = await delays(exact.length, { maxBackoff: 10_000 }, random)
      for (const found of [told, real]) {
        expect(found).toHaveLength(exact.length)
        for (const [index, delay] of found.entries()) {
          expect(delay).toBeGreaterThanOrEqual(exact[index]! * 0.75 - 1)
          expect(delay).toBeLessThanOrEqual(Math.min(exact[index]! * 1.25 + 1, 10_000))
        }
      }
    },
  )

  it('R18 uses the whole band of its jitter', async () => {
    const ends = [await delays(1, { jitter: 0.4 }, () => 0), await delays(1, { jitter: 0.4 }, () => ALMOST_ONE)]
    const [low, high] = ends.map(({ real }) => real[0]!).sort((a, b) => a - b)
    expect(low).toBeGreaterThanOrEqual(599)
    expect(low).toBeLessThanOrEqual(601)
    expect(high).toBeGreaterThanOrEqual(1399)
    expect(high).toBeLessThanOrEqual(1401)
  })

  it('R18 is exact without jitter, whatever the random source says', async () => {
    for (const random of [() => 0, () => ALMOST_ONE]) {
      expect((await delays(3, { jitter: 0 }, random)).real).toEqual([1000, 2000, 4000])
    }
  })

  it('R18 is never negative and never above maxBackoff with a jitter of 1', async () => {
    const ends = [await delays(3, { jitter: 1, maxBackoff: 1500 }, () => 0)]
    ends.push(await delays(3, { jitter: 1, maxBackoff: 1500 }, () => ALMOST_ONE))
    for (const delay of ends.flatMap(({ told, real }) => [...told, ...real])) {
      expect(delay).toBeGreaterThanOrEqual(0)
      expect(delay).toBeLessThanOrEqual(1500)
    }
    expect(Math.min(...ends.flatMap(({ real }) => real))).toBeLessThanOrEqual(1)
    expect(Math.max(...ends.flatMap(({ real }) => real))).toBe(1500)
  })

  it('R18 is jittered anew for each retry', async () => {
    const values = [0.1, 0.9, 0.3]
    const { real } = await delays(3, { multiplier: 1 }, () => values.shift() ?? 0.5)
    expect(new Set(real).size).toBe(3)
  })

  it('R18 stays a number when the power overflows', async () => {
    expect((await delays(1100, { initialBackoff: 1, maxBackoff: 1 })).real).toEqual(Array(1100).fill(1))
    const nothing = await delays(1100, { initialBackoff: 0, maxBackoff: 1 })
    expect([new Set(nothing.told), new Set(nothing.real)]).toEqual([new Set([0]), new Set([0])])
  })

  it('R18 above the limit of a timer is waited for in full', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      start: failing(2),
      restart: { initialBackoff: LIMIT + 5000, maxBackoff: 4 * LIMIT },
    })
    await stage.boot()
    expect(stage.retries()).toEqual([`0 a #1 in ${LIMIT + 5000} transient`])
    await stage.clock.advance(LIMIT + 4999)
    expect([a.starts, stage.status('a').state]).toEqual([[0], 'retrying'])
    await stage.clock.advance(1)
    expect(a.starts).toEqual([0, LIMIT + 5000])
    await stage.clock.advance(2 * (LIMIT + 5000) - 1)
    expect(a.starts).toHaveLength(2)
    await stage.clock.advance(1)
    expect(a.starts).toEqual([0, LIMIT + 5000, 3 * (LIMIT + 5000)])
  })
})

describe('what it counts from', () => {
  it('R18 a backoff counts from entering retrying, not from the failure', async () => {
    const stage = new Stage()
    stage.cast('a', { start: failing(1), stop: () => stage.clock.sleep(300) })
    await stage.boot()
    await stage.clock.advance(1300)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '300 a stopping → retrying #1 START_FAILED',
      '1300 a retrying → starting #1',
      '1300 a starting → running healthy',
    ])
  })

  it('R18 a status and the retry event tell when a retry is due', async () => {
    const stage = new Stage()
    stage.cast('a', { start: failing(1) })
    await stage.clock.advance(77)
    const due = stage.clock.wall() + 1000
    await stage.boot()
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 1, nextRetryAt: due })
    expect(stage.heldBy('a')).toEqual(['backoff'])
    expect(stage.status('a').blockedBy).toMatchObject([{ name: 'a', state: 'retrying', kind: 'backoff', until: due }])
    expect(stage.events.at(-1)).toMatchObject({
      type: 'retry',
      name: 'a',
      attempt: 1,
      delay: 1000,
      dueAt: due,
      failure: 'transient',
      error: { code: 'START_FAILED' },
    })
    await stage.clock.advance(1000)
    expect(stage.status('a').nextRetryAt).toBeUndefined()
  })

  it('R18 a jump of the wall clock moves no backoff', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1) })
    await stage.boot()
    stage.clock.jump(-86_400_000)
    await stage.clock.advance(500)
    stage.clock.jump(2 * 86_400_000)
    await stage.clock.advance(499)
    expect(a.starts).toEqual([0])
    await stage.clock.advance(1)
    expect(a.starts).toEqual([0, 1000])
  })
})

describe('a retry that is due without its dependencies', () => {
  it('R22 backs off to the end, then shows waiting, and the condition alone drives it from there', async () => {
    const stage = new Stage()
    const db = stage.cast('db', { restart: { initialBackoff: 5000 } })
    const a = stage.cast('a', { dependsOn: ['db'], start: failing(1) })
    await stage.boot()
    stage.take()
    await stage.crash(db)
    await stage.clock.advance(999)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 1 })
    await stage.clock.advance(1)
    expect(stage.status('a')).toMatchObject({
      state: 'waiting',
      attempt: 1,
      blockedBy: [{ name: 'db', kind: 'dependency' }],
    })
    await stage.clock.advance(4000)
    expect(stage.take().filter((line) => line.includes(' a '))).toEqual([
      '1000 a retrying → waiting #1',
      '5000 a waiting → starting #1',
      '5000 a starting → running healthy',
    ])
    expect(a.starts).toEqual([0, 5000])
  })

  it('R22 a condition that returns before the backoff is over does not shorten it', async () => {
    const stage = new Stage()
    const db = stage.cast('db', { restart: { initialBackoff: 100 } })
    const a = stage.cast('a', { dependsOn: ['db'], start: failing(1) })
    await stage.boot()
    stage.take()
    await stage.crash(db)
    await stage.clock.advance(1000)
    expect(stage.take().filter((line) => line.includes(' a '))).toEqual([
      '1000 a retrying → starting #1',
      '1000 a starting → running healthy',
    ])
    expect(a.starts).toEqual([0, 1000])
  })

  it('R22 a retry that failed after such a wait is the next attempt with the next delay', async () => {
    const stage = new Stage()
    const db = stage.cast('db', { restart: { initialBackoff: 5000 } })
    stage.cast('a', { dependsOn: ['db'], start: failing(2) })
    await stage.boot()
    await stage.crash(db)
    await stage.clock.advance(7000)
    expect(stage.retries('a')).toEqual(['0 a #1 in 1000 transient', '5000 a #2 in 2000 transient'])
    expect(stage.status('a').state).toBe('running')
  })

  it('R16 startDelay follows the backoff, as waiting', async () => {
    const stage = new Stage()
    stage.cast('a', { startDelay: 200, start: failing(1) })
    await stage.boot()
    await stage.clock.advance(1400)
    expect(stage.take()).toEqual([
      '0 a unknown → waiting',
      '200 a waiting → starting',
      '200 a starting → stopping (failed)',
      '200 a stopping → retrying #1 START_FAILED',
      '1200 a retrying → waiting #1',
      '1400 a waiting → starting #1',
      '1400 a starting → running healthy',
    ])
  })
})

describe('a stop while backing off', () => {
  it('R23 settles in the same turn, calls no hook and leaves no timer', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1) })
    await stage.boot()
    await stage.clock.advance(400)
    stage.take()
    const now = stage.clock.now()
    await stage.app.stopService('a')
    expect([stage.status('a').state, stage.clock.now() - now, stage.clock.pending]).toEqual(['stopped', 0, 0])
    await stage.clock.advance(3_600_000)
    expect([stage.take(), a.starts, a.stops]).toEqual([['400 a retrying → stopped'], [0], ['0 failed']])
  })

  it('R23 a thousand that are backing off, waiting for a permit or delayed hold up no stop of the whole', async () => {
    const stage = new Stage({ maxConcurrentRetries: 1 })
    const cast = Array.from({ length: 1000 }, (_, index) =>
      stage.cast(`s${index}`, {
        start: (life, { signal }) => {
          if (life === 1) throw new Error('boom')
          return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        },
        startDelay: index % 3 === 0 ? 700 : 0,
        restart: { initialBackoff: 500 + (index % 2) * 10_000 },
      }),
    )
    await stage.boot()
    await stage.clock.advance(1500)
    const held = new Set(cast.flatMap(({ service }) => stage.heldBy(service.name)))
    expect(held).toEqual(new Set(['backoff', 'delay', 'permit']))
    const stop = settled(stage.app.stop())
    await stage.clock.settle()
    expect([stop.status, stage.clock.pending]).toEqual(['fulfilled', 0])
    expect(new Set(cast.map(({ service }) => service.state))).toEqual(new Set(['stopped']))
  })

  it('R23 a stop of the one that everybody waits for settles as fast', async () => {
    const stage = new Stage()
    stage.cast('db', { start: failing(1) })
    stage.cast('api', { dependsOn: ['db'] })
    await stage.boot()
    stage.take()
    await stage.app.stopService('db')
    await stage.clock.settle()
    expect(stage.take()).toEqual(['0 db retrying → stopped'])
    expect(stage.status('api').state).toBe('waiting')
    expect(stage.clock.now()).toBe(0)
  })
})

it.each([0, 0.999])(
  'R17 after a clean end `always` waits exactly one initialBackoff, whatever the jitter (%d)',
  async (random) => {
    const clock = new VirtualClock()
    const starts: number[] = []
    const job = defineService('job', {
      start: () => void starts.push(clock.now()),
      run: () => clock.sleep(10),
      restart: { policy: 'always', initialBackoff: 100, jitter: 0.9, multiplier: 5 },
    })
    const app = new Orchestrator({ services: [job], clock, random: () => random })
    settled(app.start())
    await clock.advance(230)
    expect(starts).toEqual([0, 110, 220])
    settled(app.stop())
    await clock.settle()
  },
)
