/** Faults in a crowd: what one failure, restart or burst of crashes does to thousands that hang on it. */
import type { StateEvent } from 'keelson'
import { expect } from 'vitest'
import { type Chance, fault, type Stage, stage } from '../support/faults.js'
import type { Behaviour } from '../support/world.js'

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

/** How many of the given names entered each state, in a word: `waiting 10, stopped 10`. */
function tally({ log }: Stage, names: ReadonlySet<string>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const event of log.events)
    if (event.type === 'state' && names.has(event.name)) counts[event.newState] = (counts[event.newState] ?? 0) + 1
  return counts
}

/** Whether all of them have been started and stopped so often. */
const allWere = (s: Stage, names: Iterable<string>, starts: number, stops: number): boolean =>
  [...names].every((name) => s.cast[name]!.calls.start === starts && s.cast[name]!.calls.stop === stops)

fault('dependency flapping faster than dependents start', {
  'R14 R15 R17 each time they are stopped cleanly and wait; it costs them no attempt, and they are up once it stays':
    async (chance) => {
      const flaps = chance.between(1, 12)
      const [up, backoff, takes] = [chance.between(1, 9), chance.between(1, 20), chance.between(10, 20)]
      const count = chance.between(1, 6)
      const restart = { initialBackoff: backoff, multiplier: 1, maxRetries: 0, jitter: 0 }
      const run = ({ epoch, signal }: { epoch: number; signal: AbortSignal }): Promise<unknown> =>
        epoch <= flaps
          ? s.clock.sleep(up).then(() => Promise.reject(new Error('flap')))
          : new Promise((resolve) => signal.addEventListener('abort', resolve))
      const names = range(count).map((i) => `d${i}`)
      const s: Stage = await stage(chance, {
        hub: { restart, run },
        ...Object.fromEntries(
          names.map((name) => [name, { dependsOn: ['hub'], start: { takes, ignoresAbort: chance.once() } }]),
        ),
      })
      const start = s.call(s.app.start({ onFailure: 'retry' }))
      await s.clock.advance(2_000)
      expect(start.said).toMatch(/^done/)
      expect(s.hooks().hub).toBe(`${flaps + 1}/${flaps}`)
      for (const name of names) {
        const events = s.log.events.filter(
          (event): event is StateEvent => event.type === 'state' && event.name === name,
        )
        const { start: starts, stop: stops } = s.cast[name]!.calls
        expect(starts - stops).toBe(1)
        expect(starts).toBeLessThanOrEqual(flaps + 1)
        expect(events.map(({ newState }) => newState)).toEqual([
          'waiting',
          ...range(stops).flatMap(() => ['starting', 'stopping', 'waiting']),
          'starting',
          'running',
        ])
        expect(events.filter(({ error, attempt }) => error !== undefined || attempt !== undefined)).toEqual([])
        expect(new Set(events.flatMap(({ newState, reason }) => (newState === 'stopping' ? reason : [])))).toEqual(
          new Set(['dependency']),
        )
      }
      expect(s.log.events.filter(({ type }) => type === 'warning')).toEqual([])
    },
})

const LEAVES = range(10_000).map((i) => `leaf${i}`)

fault(
  'failure at depth 50 while 10 000 wait',
  {
    'R15 R29 R42 the fifty below are rolled back in reverse, none of the waiting ever starts, and all name the one to blame':
      async (chance) => {
        const boom = new Error('boom')
        const chain = range(50).map((i) => `s${i}`)
        const below = (i: number) => (i === 0 ? [] : [`s${i - 1}`])
        const s = await stage(chance, {
          ...Object.fromEntries(chain.map((name, i) => [name, { dependsOn: below(i), start: { takes: 1 } }])),
          culprit: { dependsOn: ['s49'], start: { fails: true, error: boom, takes: 1 }, restart: { policy: 'never' } },
          ...Object.fromEntries(LEAVES.map((name) => [name, { dependsOn: ['culprit'] }])),
        })
        const kept = s.call(s.app.start({ onFailure: 'keep' }))
        await s.clock.advance(100)
        expect(kept.said).toBe('START_INCOMPLETE (START_FAILED) at 51')
        const leaf = chance.pick(LEAVES)
        expect(
          s.app.explain(leaf).because.map(({ name, error }) => [name, (error as Error | undefined)?.cause]),
        ).toEqual([['culprit', boom]])
        expect([s.app.health().status, s.app.health().because[0]?.name]).toEqual(['unhealthy', 'culprit'])
        const down = s.call(s.app.stop())
        await s.clock.settle()
        expect(down.said).toBe('done at 100')
        s.forget()
        const start = s.call(s.app.start())
        await s.clock.advance(100)
        expect([start.said, start.error]).toEqual([
          'START_INCOMPLETE (START_FAILED) at 151',
          expect.objectContaining({ cause: expect.objectContaining({ cause: boom }) }),
        ])
        const stops = s.story(...chain).filter((line) => line.includes('running → stopping'))
        expect(stops.map((line) => line.replace(/^\d+ (s\d+).*/, '$1'))).toEqual([...chain].reverse())
        expect([allWere(s, chain, 2, 2), allWere(s, ['culprit'], 2, 2), allWere(s, LEAVES, 0, 0)]).toEqual([
          true,
          true,
          true,
        ])
        expect(tally(s, new Set(LEAVES))).toEqual({ waiting: 20_000, stopped: 20_000 })
        expect(s.states().culprit).toBe('failed')
      },
  },
  { seeds: [1], timeout: 60_000 },
)

fault('diamond ladder of depth 60', {
  'R12 R13 R14 each is started and stopped once per cascade, whatever the 2^60 paths, in the time of the longest':
    async (chance) => {
      const rungs = range(60)
      const names = rungs.flatMap((i) => [`a${i}`, `b${i}`])
      const part = (i: number): Behaviour => ({
        start: { takes: 1 },
        stop: { takes: 1 },
        restart: { jitter: 0 },
        dependsOn:
          i === 0 ? [] : [`a${i - 1}`, { name: `b${i - 1}`, condition: chance.pick(['started', 'healthy'] as const) }],
      })
      const parts = Object.fromEntries(rungs.flatMap((i) => [[`a${i}`, part(i)] as const, [`b${i}`, part(i)] as const]))
      const s = await stage(chance, parts)
      expect(s.app.plan('start').steps.filter(({ name }) => names.includes(name))).toHaveLength(120)
      const start = s.call(s.app.start())
      await s.clock.advance(59)
      expect(s.app.explain('a59').because.length).toBeLessThanOrEqual(120)
      await s.clock.advance(41)
      expect([start.said, start.report?.criticalPath.length]).toEqual(['done at 60', 60])
      const rung = chance.between(0, 58)
      s.cast[`a${rung}`]!.crash()
      await s.clock.advance(2_000)
      const above = names.filter((name) => Number(name.slice(1)) > rung)
      const rest = names.filter((name) => Number(name.slice(1)) <= rung && name !== `a${rung}`)
      expect([allWere(s, above, 2, 1), allWere(s, [`a${rung}`], 2, 1), allWere(s, rest, 1, 0)]).toEqual([
        true,
        true,
        true,
      ])
      expect(new Set(Object.values(s.states()))).toEqual(new Set(['running']))
      const stop = s.call(s.app.stop())
      await s.clock.advance(100)
      expect(stop.said).toBe('done at 2160')
      expect(allWere(s, above, 2, 2) && allWere(s, rest, 1, 1)).toBe(true)
    },
})

fault(
  'star with 10 000 leaves whose hub restarts',
  {
    'R13 R14 R28 every leaf is stopped before the hub and comes back once after it, whether it was asked for or crashed':
      async (chance) => {
        const s = await stage(chance, {
          hub: { start: { takes: 5 }, stop: { takes: 5 }, restart: { jitter: 0 } },
          ...Object.fromEntries(LEAVES.map((name) => [name, { dependsOn: ['hub'], stop: { takes: 1 } }])),
        })
        const start = s.call(s.app.start())
        await s.clock.advance(10)
        s.forget()
        const restart = s.call(s.app.restartService('hub'))
        await s.clock.advance(90)
        expect([start.said, restart.said]).toEqual(['done at 5', 'done at 21'])
        expect(s.story('hub')).toEqual([
          '11 hub: running → stopping (restart)',
          '16 hub: stopping → stopped (restart)',
          '16 hub: stopped → starting',
          '21 hub: starting → running',
        ])
        expect([allWere(s, LEAVES, 2, 1), s.hooks().hub]).toEqual([true, '2/1'])
        s.cast.hub!.crash()
        await s.clock.advance(2)
        const { status, because } = s.app.health()
        expect([status, because[0]?.name]).toEqual(['unhealthy', 'hub'])
        await s.clock.advance(2_000)
        expect([allWere(s, LEAVES, 3, 2), s.hooks().hub]).toEqual([true, '3/2'])
        expect(tally(s, new Set(LEAVES))).toEqual({
          starting: 30_000,
          running: 30_000,
          stopping: 20_000,
          waiting: 30_000,
        })
      },
  },
  { seeds: [1], timeout: 60_000 },
)

/** The order in which retries got their permits, and the most that were in flight. */
async function crashHalf(chance: Chance, count: number): Promise<void> {
  const names = range(count).map((i) => `s${i}`)
  const restart = { initialBackoff: 100, maxBackoff: 100, jitter: chance.each([0, 0.25]) }
  let inFlight = 0
  let most = 0
  const order: string[] = []
  const part = (name: string): Behaviour => ({
    restart,
    start: async ({ epoch }) => {
      if (epoch === 1) return
      order.push(name)
      most = Math.max(most, ++inFlight)
      await s.clock.sleep(1)
      inFlight--
    },
  })
  const s: Stage = await stage(chance, Object.fromEntries(names.map((name) => [name, part(name)])), { bystanders: 0 })
  const start = s.call(s.app.start())
  await s.clock.settle()
  s.forget()
  const half = chance.shuffled(names).slice(0, count / 2)
  for (const name of half) s.cast[name]!.crash()
  await s.clock.settle()
  const due = new Map(
    s.log.events.flatMap((event) => (event.type === 'retry' ? [[event.name, Math.ceil(event.delay)]] : [])),
  )
  await s.clock.advance(100 + 25 + count / 10 + 10)
  expect([start.said, most]).toEqual(['done at 0', 5])
  const place = new Map(s.app.getAllServices().map(({ name }, i) => [name, i]))
  const fair = [...half].sort((a, b) => due.get(a)! - due.get(b)! || place.get(a)! - place.get(b)!)
  expect(order).toEqual(fair)
  const others = new Set(names.filter((name) => !due.has(name)))
  expect(allWere(s, half, 2, 1) && allWere(s, others, 1, 0)).toBe(true)
  expect(tally(s, others)).toEqual({ starting: count / 2, running: count / 2 })
  expect(new Set(Object.values(s.states()))).toEqual(new Set(['running']))
}

fault(
  'half of 10 000 services crash in one tick',
  {
    'R15 R21 they come back five at a time, in the order in which they were due, and the other half notices nothing': (
      chance,
    ) => crashHalf(chance, 10_000),
  },
  { seeds: [1], timeout: 60_000 },
)

fault('half of 10 000 services crash in one tick', {
  'R15 R21 so do half of forty, under every seed': (chance) => crashHalf(chance, 40),
})
