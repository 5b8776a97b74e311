/** Faults of a start: it throws, acquires half, never settles, settles on the deadline or after it. */
import type { StartContext } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { expect } from 'vitest'
import { fault, stage } from '../support/faults.js'

const never = { restart: { policy: 'never' } } as const
const boom = new Error('boom')

fault('start throws synchronously', {
  'R2 R4 R29 it is stopped once and left failed with its error, what came up for it is rolled back, what needs it never starts':
    async (chance) => {
      const takes = chance.between(0, 20)
      const bad = (): never => {
        throw boom
      }
      const s = await stage(chance, {
        base: { start: { takes } },
        bad: { ...never, dependsOn: ['base'], start: bad },
        top: { dependsOn: ['bad'] },
      })
      const start = s.call(s.app.start())
      await s.clock.advance(100)
      expect(start.said).toBe(`START_INCOMPLETE (START_FAILED) at ${takes}`)
      expect(start.error).toMatchObject({ cause: { cause: boom } })
      expect(s.stories()).toEqual({
        base: ['0 starting', `${takes} running`, `${takes} stopping (rollback)`, `${takes} stopped (rollback)`],
        bad: [
          '0 waiting',
          `${takes} starting`,
          `${takes} stopping (failed) START_FAILED: boom`,
          `${takes} failed (failed) START_FAILED: boom`,
        ],
        top: ['0 waiting', `${takes} stopped (rollback)`],
      })
      expect(s.hooks()).toEqual({ base: '1/1', bad: '1/1', top: '0/0' })
      expect(start.report?.services.map(({ name, outcome }) => [name, outcome]).sort()).toEqual([
        ['bad', 'failed'],
        ['base', 'stopped'],
        ['top', 'cancelled'],
      ])
    },
})

fault('start throws after acquiring half its resources', {
  'R2 R20 what it had is given back once, last in first out, after onStop, and the retry acquires everything': async (
    chance,
  ) => {
    const all = chance.between(2, 12)
    const half = Math.ceil(all / 2)
    const later = chance.once()
    const journal: string[] = []
    const start = async ({ epoch, own }: StartContext): Promise<void> => {
      for (let i = 1; i <= all; i++) {
        if (epoch === 1 && i > half) throw boom
        if (later) await s.clock.sleep(1)
        own(() => journal.push(`${epoch}: back ${i}`))
      }
    }
    const stop = ({ epoch }: { epoch: number }) => journal.push(`${epoch}: stop`)
    const s = await stage(chance, { a: { start, stop, restart: { jitter: 0 } } })
    const up = s.call(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(2_000)
    const back = (epoch: number, from: number): string[] => [
      `${epoch}: stop`,
      ...Array.from({ length: from }, (_, i) => `${epoch}: back ${from - i}`),
    ]
    expect(journal).toEqual(back(1, half))
    const [failed, due, done] = later ? [half, half + 1_000, half + 1_000 + all] : [0, 1_000, 1_000]
    expect(up.said).toBe(`done at ${done}`)
    expect(s.stories()).toEqual({
      a: [
        '0 starting',
        `${failed} stopping (failed) START_FAILED: boom`,
        `${failed} retrying (failed) #1 START_FAILED: boom`,
        `${failed} retry a #1 in 1000 (transient)`,
        `${due} starting #1 START_FAILED: boom`,
        `${done} running`,
      ],
    })
    const down = s.call(s.app.stop())
    await s.clock.settle()
    expect([down.said, s.states()]).toEqual(['done at 2000', { a: 'stopped' }])
    expect(journal.slice(half + 1)).toEqual(back(2, all))
  },
})

fault('start never settles', {
  'R32 R33 it is abandoned after its grace and stopped, no second start is entered beside it, and after another startTimeout it gives up':
    async (chance) => {
      const startTimeout = chance.between(10, 3_000)
      const abortGrace = chance.between(1, 500)
      const onFailure = chance.each(['keep', 'retry'] as const)
      const s = await stage(chance, {
        a: { start: { hangs: true, ignoresAbort: true }, startTimeout, abortGrace, restart: { jitter: 0 } },
        b: { dependsOn: ['a'] },
      })
      const start = s.call(s.app.start({ onFailure }))
      await s.clock.advance(20_000)
      const stopped = startTimeout + abortGrace
      const gaveUp = stopped + 1_000 + startTimeout
      const a = [
        '0 starting',
        `${startTimeout} stopping (failed) START_TIMEOUT`,
        `${stopped} retrying (failed) #1 START_TIMEOUT`,
        `${stopped} retry a #1 in 1000 (transient)`,
        `${stopped + 1_000} waiting #1 START_TIMEOUT`,
        `${gaveUp} failed (failed) START_TIMEOUT: START_TIMEOUT`,
      ]
      if (onFailure === 'keep') {
        expect(start.said).toBe(`START_INCOMPLETE (START_TIMEOUT) at ${startTimeout}`)
        expect(s.stories()).toEqual({ a, b: ['0 waiting'] })
      } else {
        expect(start.said).toBe(`START_INCOMPLETE (START_TIMEOUT) at ${gaveUp}`)
        expect(s.stories()).toEqual({ a, b: ['0 waiting', `${gaveUp} stopped (rollback)`] })
      }
      expect(s.hooks()).toEqual({ a: '1/1', b: '0/0' })
    },

  'R31 R32 a stop of the whole in the middle of it settles when its grace is over, and says that it was abandoned':
    async (chance) => {
      const [at, abortGrace] = [chance.between(0, 500), chance.between(1, 500)]
      const s = await stage(chance, { a: { start: { hangs: true, ignoresAbort: true }, abortGrace } })
      const start = s.call(s.app.start())
      await s.clock.advance(at)
      const stop = s.call(s.app.stop())
      await s.clock.advance(1_000)
      expect([start.said, stop.said]).toEqual([
        `CANCELLED at ${at}`,
        `STOP_INCOMPLETE (STOP_TIMEOUT) at ${at + abortGrace}`,
      ])
      expect(stop.report?.services.find(({ name }) => name === 'a')).toMatchObject({ outcome: 'abandoned' })
      expect(s.stories()).toEqual({
        a: ['0 starting', `${at} stopping (shutdown)`, `${at + abortGrace} stopped (shutdown)`],
      })
    },
})

fault('start settles exactly at the deadline', {
  'R32 R33 whichever of the two comes first decides it, wholly, and the promise agrees': async (chance) => {
    const startTimeout = chance.between(2, 1_000)
    const clock = chance.seed > 2 ? chance.clock() : new VirtualClock()
    const s = await stage(chance, { a: { ...never, startTimeout, start: (context) => takes(context) } }, { clock })
    const long = s.clock.sleep(startTimeout)
    let wasAborted: boolean | undefined
    const sleep = chance.each([
      () => long,
      () => s.clock.sleep(startTimeout),
      () => s.clock.sleep(1).then(() => s.clock.sleep(startTimeout - 1)),
    ])
    const takes = async ({ signal }: StartContext): Promise<void> => {
      await sleep()
      wasAborted = signal.aborted
    }
    const start = s.call(s.app.start())
    await s.clock.advance(2 * startTimeout)
    const at = startTimeout
    expect([start.said, s.stories().a, s.hooks().a]).toEqual(
      wasAborted
        ? [
            `START_INCOMPLETE (START_TIMEOUT) at ${at}`,
            ['0 starting', `${at} stopping (failed) START_TIMEOUT`, `${at} failed (failed) START_TIMEOUT`],
            '1/1',
          ]
        : [`done at ${at}`, ['0 starting', `${at} running`], '1/0'],
    )
    if (chance.seed === 1) expect(wasAborted).toBe(false) // the timers of one millisecond in the order in which they were set
    if (chance.seed === 2) expect(wasAborted).toBe(true) // its sleep was set last, so this is the other one
  },
})

fault('start settles late with success', {
  'R2 R3 R32 it leaks nothing, changes nothing and holds back the next start until it has settled': async (chance) => {
    const [startTimeout, abortGrace, backoff] = [200, 100, 50]
    const late = chance.each([
      chance.between(1, 99), // in its grace
      chance.between(101, 149), // in the backoff
      chance.between(151, 349), // in the time in which the retry waits for it
    ])
    const journal: string[] = []
    const start = async ({ epoch, own }: StartContext): Promise<void> => {
      if (epoch === 1) await s.clock.sleep(startTimeout + late)
      journal.push(`${s.now()} start ${epoch} settles`)
      own(() => journal.push(`${s.now()} back ${epoch}`))
    }
    const stop = ({ epoch }: { epoch: number }) => journal.push(`${s.now()} stop ${epoch}`)
    const restart = { jitter: 0, initialBackoff: backoff }
    const s = await stage(chance, { a: { start, stop, startTimeout, abortGrace, restart }, b: { dependsOn: ['a'] } })
    const up = s.call(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(1_000)
    const settles = startTimeout + late
    const stopped = startTimeout + Math.min(late, abortGrace)
    const due = stopped + backoff
    const again = Math.max(due, settles)
    expect(up.said).toBe(`done at ${again}`)
    expect(s.stories()).toEqual({
      a: [
        '0 starting',
        `${startTimeout} stopping (failed) START_TIMEOUT`,
        `${stopped} retrying (failed) #1 START_TIMEOUT`,
        `${stopped} retry a #1 in ${backoff} (transient)`,
        ...(again > due ? [`${due} waiting #1 START_TIMEOUT`] : []),
        `${again} starting #1 START_TIMEOUT`,
        `${again} running`,
      ],
      b: ['0 waiting', `${again} starting`, `${again} running`],
    })
    const [settled, stops] = [`${settles} start 1 settles`, `${stopped} stop 1`]
    expect(journal).toEqual([
      ...(late < abortGrace ? [settled, stops, `${settles} back 1`] : [stops, settled, `${settles} back 1`]),
      `${again} start 2 settles`,
    ])
  },
})
