/** Faults of time and chance: a hostile source of jitter, delays longer than a timer can be, a process that stood still. */
import { expect } from 'vitest'
import { type Chance, fault, stage } from '../support/faults.js'
import type { Behaviour } from '../support/world.js'

const HIGHEST = 1 - Number.EPSILON / 2

/** Retries and checks under a source that always says the same; `sign` is the end of the band that this is. */
async function jittered(chance: Chance, random: number, sign: 1 | -1): Promise<void> {
  const jitter = chance.each([0.25, 0.5, 1])
  const [initialBackoff, multiplier, maxBackoff, maxRetries] = [100 * chance.between(1, 9), 2, 4_000, 6]
  const fails = chance.between(1, maxRetries)
  const checkedAt: number[] = []
  const s = await stage(
    chance,
    {
      a: { start: { fails }, restart: { jitter, initialBackoff, multiplier, maxBackoff, maxRetries } },
      b: { check: () => void checkedAt.push(s.now()), healthCheck: { interval: 1_000, timeout: 500 } },
    },
    { random: () => random },
  )
  const up = s.call(s.app.start({ onFailure: 'retry' }))
  await s.clock.advance(60_000)
  const delays = Array.from({ length: fails }, (_, k) => {
    const exact = Math.min(maxBackoff, initialBackoff * multiplier ** k)
    return Math.min(maxBackoff, exact * (1 + sign * jitter))
  })
  const events = s.log.events.filter((event) => event.type === 'retry')
  expect(events.map(({ delay }) => Math.round(delay * 1_000) / 1_000)).toEqual(delays)
  for (const { delay } of events) expect(delay >= 0 && delay <= maxBackoff).toBe(true)
  const starts = s.log.events.filter(
    (event) => event.type === 'state' && event.name === 'a' && event.newState === 'starting',
  )
  const began = s.log.events.find((event) => event.type === 'operation')!.timestamp
  let due = 0
  for (const [k, delay] of delays.entries()) {
    const at = starts[k + 1]!.timestamp - began
    expect(at - due >= delay - 1 && at - due <= delay + 1).toBe(true)
    due = at
  }
  expect([up.said, s.hooks().a]).toEqual([`done at ${due}`, `${fails + 1}/${fails}`])
  const interval = 1_000 * (1 + sign * 0.1)
  expect(checkedAt.length).toBeGreaterThanOrEqual(Math.floor(60_000 / interval) - 1)
  for (const [i, at] of checkedAt.entries()) expect(Math.abs(at - i * interval)).toBeLessThanOrEqual(i)
}

/** A crowd crashes in one stretch: the same delay for all, so the order is that of registration, five at a time. */
async function crowd(chance: Chance, random: number): Promise<void> {
  const count = chance.between(6, 20)
  const names = Array.from({ length: count }, (_, i) => `s${i}`)
  const part: Behaviour = { start: { takes: 10 }, restart: { initialBackoff: 1_000, jitter: 0.25 } }
  const s = await stage(chance, Object.fromEntries(names.map((name) => [name, part])), { random: () => random })
  const up = s.call(s.app.start())
  await s.clock.advance(100)
  s.forget()
  for (const name of chance.shuffled(names)) s.cast[name]!.crash()
  const due = 100 + (random === 0 ? 750 : 1_250)
  await s.clock.advance(3_000)
  expect(up.said).toBe('done at 10')
  const order = s.app.getAllServices().flatMap(({ name }) => (names.includes(name) ? [name] : []))
  const starts = s.story().filter((line) => line.includes('→ starting'))
  expect(starts.map((line) => line.replace(/: .*/, ''))).toEqual(
    order.map((name, i) => `${due + 10 * Math.floor(i / 5)} ${name}`),
  )
  expect(Object.values(s.states())).toEqual(Array(count).fill('running'))
}

fault('jitter source that returns only 0', {
  'R18 R24 every delay is the shortest of its band, never negative, and every check comes at nine tenths': (chance) =>
    jittered(chance, 0, -1),
  'R21 all that fell together comes back together, in the order of registration, five at a time': (chance) =>
    crowd(chance, 0),
})

fault('jitter source that returns only 1−ε', {
  'R18 R24 every delay is the longest of its band, never above maxBackoff, and every check comes at eleven tenths': (
    chance,
  ) => jittered(chance, HIGHEST, 1),
  'R21 all that fell together comes back together, in the order of registration, five at a time': (chance) =>
    crowd(chance, HIGHEST),
})

fault('delays above 2^31 ms', {
  'R16 R18 R24 R32 R34 each is waited for in full, and none of them fires early': async (chance) => {
    const long = 2 ** 31 + chance.between(0, 2 ** 31)
    const forever = { startTimeout: Number.POSITIVE_INFINITY, start: { hangs: true } } as const
    const never = { restart: { policy: 'never' } } as const
    const boom = 'START_FAILED: a start failed'
    const cases: [what: string, part: Behaviour, story: string[], timeout?: number][] = [
      [
        'backoff',
        { start: { fails: 1 }, restart: { jitter: 0, initialBackoff: long, maxBackoff: long } },
        [
          '0 starting',
          `0 stopping (failed) ${boom}`,
          `0 retrying (failed) #1 ${boom}`,
          `0 retry a #1 in ${long} (transient)`,
          `${long} starting #1 ${boom}`,
          `${long} running`,
        ],
      ],
      ['startDelay', { startDelay: long }, ['0 waiting', `${long} starting`, `${long} running`]],
      [
        'a start that takes so long',
        { ...forever, start: { takes: 2 ** 31 - 1 } },
        ['0 starting', `${2 ** 31 - 1} running`],
      ],
      [
        'startTimeout',
        { ...forever, ...never, startTimeout: long },
        ['0 starting', `${long} stopping (failed) START_TIMEOUT`, `${long} failed (failed) START_TIMEOUT`],
      ],
      [
        'timeout of an edge',
        { ...never, dependsOn: [{ name: 'stuck', timeout: long }] },
        ['0 waiting', `${long} failed (dependency) DEPENDENCY_TIMEOUT`],
      ],
      [
        'timeout of a call',
        { ...forever },
        ['0 starting', `${long} stopping (rollback)`, `${long} stopped (rollback)`],
        long,
      ],
      [
        'startGrace',
        { check: () => true, healthCheck: { startGrace: long, interval: long } },
        ['0 starting', '0 running [checking]', `${long} health healthy`],
      ],
    ]
    for (const [what, part, story, timeout] of chance.shuffled(cases)) {
      const s = await stage(chance, { a: part, stuck: { ...forever, autoStart: false } }, { bystanders: 0 })
      const start = s.call(s.app.startService('a', timeout === undefined ? {} : { timeout, onFailure: 'rollback' }))
      await s.clock.advance(2 ** 31 - 2)
      const early = s.stories().a
      await s.clock.advance(long)
      expect([what, early, s.stories().a]).toEqual([what, story.filter((line) => line.startsWith('0 ')), story])
      expect(start.said).not.toBe('pending')
    }
  },

  'R31 R32 a stopTimeout and a shutdownTimeout as well: a hook that hangs is abandoned when they are over': async (
    chance,
  ) => {
    const long = 2 ** 31 + chance.between(0, 2 ** 31)
    const [stopTimeout, shutdownTimeout] = chance.each([
      [long, 2 * long],
      [2 * long, long],
    ] as const)
    const s = await stage(chance, { a: { stop: { hangs: true }, stopTimeout } }, { shutdownTimeout, bystanders: 0 })
    const start = s.call(s.app.start())
    await s.clock.settle()
    const stop = s.call(s.app.stop())
    await s.clock.advance(2 ** 31 - 2)
    expect([start.said, stop.said]).toEqual(['done at 0', 'pending'])
    await s.clock.advance(long)
    const at = Number(stop.said.split(' ').at(-1))
    expect(at).toBeGreaterThanOrEqual(long - 1_000)
    expect(at).toBeLessThanOrEqual(long)
    expect(stop.said).toBe(`STOP_INCOMPLETE (STOP_TIMEOUT) at ${at}`)
    expect(s.stories().a).toEqual(['0 starting', '0 running', '0 stopping (shutdown)', `${at} stopped (shutdown)`])
  },
})

fault('process suspended for ten minutes', {
  'R18 R26 R32 what fell due in it happens once and in its order, and no service is shot for it': async (chance) => {
    const at = chance.between(1, 49)
    const wake = at + 600_000
    const healthCheck = { interval: 1_000, timeout: 400, failureThreshold: 1 }
    const s = await stage(chance, {
      checked: { check: () => true, healthCheck },
      hanging: {
        check: ({ signal }) =>
          s.cast.hanging!.calls.check > 1 ||
          new Promise((resolve) => signal.addEventListener('abort', () => resolve(false))),
        healthCheck,
      },
      retried: { start: { fails: 1 }, restart: { jitter: 0 } },
      slow: { start: { takes: 50 }, restart: { jitter: 0 } },
      waits: { dependsOn: [{ name: 'slow', timeout: 300_000 }] },
      patient: { dependsOn: [{ name: 'slow', timeout: Number.POSITIVE_INFINITY }] },
      delayed: { startDelay: 10_000 },
    })
    const up = s.call(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(at)
    s.clock.stall(600_000)
    const asked = s.cast.checked!.calls.check
    await s.clock.settle()
    expect(s.cast.checked!.calls.check - asked).toBe(1)
    await s.clock.advance(1_050)
    expect(s.cast.checked!.calls.check - asked).toBeLessThanOrEqual(3)
    await s.clock.advance(950)
    const well = ['0 starting', '0 running [checking]']
    const hanging = s.stories().hanging!
    const healthy = Number.parseInt(hanging.at(-1)!, 10)
    expect(healthy > wake && healthy <= wake + 1_100).toBe(true)
    const [again, back] = [wake + 1_000, wake + 1_050]
    const boom = 'START_FAILED: retried start failed'
    expect(up.said).toBe('START_INCOMPLETE (START_FAILED) at 0')
    const comes = ['0 waiting', `${wake} starting`, `${wake} running`]
    expect(s.stories('checked', 'hanging', 'retried', 'delayed')).toEqual({
      checked: [...well, '0 health healthy'],
      hanging: [...well, `${healthy} health healthy`],
      retried: [
        '0 starting',
        `0 stopping (failed) ${boom}`,
        `0 retrying (failed) #1 ${boom}`,
        '0 retry retried #1 in 1000 (transient)',
        `${wake} starting #1 ${boom}`,
        `${wake} running`,
      ],
      delayed: comes,
    })
    const inTime = { slow: ['0 starting', `${wake} running`], waits: comes, patient: comes }
    const late = {
      slow: [
        '0 starting',
        `${wake} stopping (failed) START_TIMEOUT`,
        `${wake} retrying (failed) #1 START_TIMEOUT`,
        `${wake} retry slow #1 in 1000 (transient)`,
        `${again} starting #1 START_TIMEOUT`,
        `${back} running`,
      ],
      waits: [
        '0 waiting',
        `${wake} failed (dependency) DEPENDENCY_TIMEOUT: START_TIMEOUT`,
        `${back} starting DEPENDENCY_TIMEOUT: START_TIMEOUT`,
        `${back} running`,
      ],
      patient: ['0 waiting', `${back} starting`, `${back} running`],
    }
    // Which timer of the host fires first when it wakes, that of the hook or that of the deadlines, is the host's affair.
    expect([inTime, late]).toContainEqual(s.stories('slow', 'waits', 'patient'))
  },
})
