/** Faults of health checks: they hang, answer too late, flap, or the host stands still under them. */
import type { CheckContext, CheckResult } from 'keelson'
import { expect } from 'vitest'
import { type Call, fault, type Stage, stage } from '../support/faults.js'
import { type Deferred, deferred } from '../support/promises.js'
import type { Behaviour } from '../support/world.js'

const exact = { random: () => 0.5 }
const hang = new Promise<never>(() => {})

fault('a check that hangs', {
  'R24 R25 R43 it is a failure at its timeout and one more each interval, never asked twice at once, and no stop waits for it':
    async (chance) => {
      const [good, failureThreshold] = [chance.between(1, 5), chance.between(1, 4)]
      const [interval, timeout] = [1_000, chance.between(10, 900)]
      const check = ({ epoch }: CheckContext): CheckResult | Promise<CheckResult> =>
        epoch === 1 && s.cast.a!.calls.check > good ? hang : true
      const s: Stage = await stage(
        chance,
        {
          a: { check, restart: { jitter: 0 }, healthCheck: { interval, timeout, failureThreshold } },
          b: { dependsOn: ['a'] },
        },
        exact,
      )
      const up = s.call(s.app.start())
      await s.clock.advance(20_000)
      const ill = good * interval + timeout + (failureThreshold - 1) * interval
      expect(up.said).toBe('done at 0')
      expect(s.stories()).toEqual({
        a: [
          '0 starting',
          '0 running [checking]',
          '0 health healthy',
          `${ill} stopping (unhealthy) UNHEALTHY: UNHEALTHY`,
          `${ill} retrying (unhealthy) #1 UNHEALTHY: UNHEALTHY`,
          `${ill} retry a #1 in 1000 (transient)`,
          `${ill + 1_000} starting #1 UNHEALTHY: UNHEALTHY`,
          `${ill + 1_000} running [checking]`,
          `${ill + 1_000} health healthy`,
        ],
        b: [
          '0 waiting',
          '0 starting',
          '0 running',
          `${ill} stopping (dependency)`,
          `${ill} waiting (dependency)`,
          `${ill + 1_000} starting`,
          `${ill + 1_000} running`,
        ],
      })
      const first = s.cast.a!.contexts.check.filter(({ epoch }) => epoch === 1).map(({ signal }) => signal.aborted)
      expect(first).toEqual([...Array(good).fill(false), true])
    },
})

/** How an epoch ends under its check: the call, what it is told as, and where everybody is afterwards. */
const ways = (s: Stage, up: Record<string, string>) =>
  [
    {
      way: 'crash',
      act: async () => s.cast.a!.crash(),
      ends: [
        'stopping (failed) CRASHED: a crashed',
        'retrying (failed) #1 CRASHED: a crashed',
        'retry a #1 in 50 (transient)',
      ],
      said: up,
    },
    {
      way: 'restart',
      act: () => s.app.restartService('a'),
      ends: ['stopping (restart)', 'stopped (restart)'],
      said: up,
    },
    {
      way: 'replace',
      act: () => s.app.replace(s.make('a', { check: () => true })),
      ends: ['stopping (replaced)', 'stopped (replaced)'],
      said: up,
    },
    {
      way: 'stop',
      act: () => s.app.stopService('a'),
      ends: ['stopping (manual)', 'stopped (manual)'],
      said: { a: 'stopped', b: 'waiting' },
    },
    {
      way: 'stop',
      act: () => s.app.stop(),
      ends: ['stopping (shutdown)', 'stopped (shutdown)'],
      said: { a: 'stopped', b: 'stopped' },
    },
    {
      way: 'stop',
      act: () => s.app.unregister('a', { cascade: true }),
      ends: ['stopping (removed)', 'stopped (removed)', 'unregistered a'],
      said: { a: 'gone', b: 'gone' },
    },
  ] as const

fault('a check that answers after its epoch ended', {
  'R3 R24 its answer changes nothing: not the health, not the next life, not what is at rest': async (chance) => {
    const answers: Deferred<CheckResult>[] = []
    const check = ({ epoch }: CheckContext): CheckResult | Promise<CheckResult> => {
      if (epoch > 1) return true
      const answer = deferred<CheckResult>()
      answers.push(answer)
      return answer.promise
    }
    const s: Stage = await stage(
      chance,
      {
        a: { check, restart: { jitter: 0, initialBackoff: 50 }, healthCheck: { failureThreshold: 1 } },
        b: { dependsOn: ['a'] },
      },
      exact,
    )
    const start = s.call(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(chance.between(0, 100))
    const at = s.now()
    const old = s.cast.a!
    const up = { a: 'running', b: 'running' }
    const chosen = chance.each(ways(s, up))
    const call: Call = s.call(chosen.act())
    await s.clock.advance(chance.between(0, 100))
    const before = s.stories()
    const answer = chance.pick(['unhealthy', 'healthy', 'degraded', new Error('boom')] as const)
    if (answer instanceof Error) answers[0]!.reject(answer)
    else answers[0]!.resolve(answer)
    await s.clock.settle()
    expect([s.stories(), answers.length, old.contexts.check[0]?.signal.aborted]).toEqual([before, 1, true])
    await s.clock.advance(1_000)
    const { way, said, ends } = chosen
    const comes = (when: number): string[] => [
      `${when} starting`,
      `${when} running [checking]`,
      `${when} health healthy`,
    ]
    const { first, lives } = {
      crash: { first: 'START_INCOMPLETE (CRASHED)', lives: at + 50 },
      restart: { first: 'done', lives: at },
      replace: { first: 'done', lives: at },
      stop: { first: 'CANCELLED', lives: undefined },
    }[way]
    expect([start.said, call.said]).toEqual([`${first} at ${at}`, `done at ${at}`])
    const failed =
      way === 'crash' ? comes(lives!).map((line, i) => (i === 0 ? `${line} #1 CRASHED: a crashed` : line)) : undefined
    expect(s.stories('a').a).toEqual([
      '0 starting',
      '0 running [checking]',
      ...ends.map((line) => `${at} ${line}`),
      ...(failed ?? (lives === undefined ? [] : comes(lives))),
    ])
    expect(s.states()).toEqual(said)
  },
})

fault('a check that flaps exactly at the threshold', {
  'R25 one failure less in a row never flips it, that many do at the last of them; so it is with successes': async (
    chance,
  ) => {
    const [failures, successes] = [chance.between(2, 5), chance.between(2, 5)]
    const bad: (() => CheckResult | Promise<CheckResult>)[] = [
      () => 'unhealthy',
      () => false,
      () => Promise.reject(new Error('no')),
      () => {
        throw new Error('no')
      },
    ]
    const good: (() => CheckResult | Promise<CheckResult>)[] = [
      () => true,
      () => 'healthy',
      () => undefined,
      async (): Promise<CheckResult> => 'healthy',
    ]
    const row = (count: number, of: readonly (() => CheckResult | Promise<CheckResult>)[]) =>
      Array.from({ length: count }, () => chance.pick(of))
    const rounds = (count: number, make: () => (() => CheckResult | Promise<CheckResult>)[]) =>
      Array.from({ length: count }, make).flat()
    const up = row(successes, good)
    const flapping = rounds(chance.between(1, 5), () => [...row(failures - 1, bad), ...row(1, good)])
    const down = row(failures, bad)
    const struggling = rounds(chance.between(1, 5), () => [...row(successes - 1, good), ...row(1, bad)])
    const again = row(successes, good)
    const answers = [...up, ...flapping, ...down, ...struggling, ...again]
    const healthCheck = {
      interval: 1_000,
      timeout: 500,
      failureThreshold: failures,
      successThreshold: successes,
      onUnhealthy: 'report',
    } as const
    const check = (): CheckResult | Promise<CheckResult> => (answers.shift() ?? (() => true))()
    const s: Stage = await stage(chance, { a: { check, healthCheck } }, exact)
    const start = s.call(s.app.start())
    await s.clock.advance(100_000)
    const flips = [up, [...up, ...flapping, ...down], [...up, ...flapping, ...down, ...struggling, ...again]].map(
      ({ length }) => (length - 1) * 1_000,
    )
    expect(start.said).toBe(`done at ${flips[0]}`)
    expect(s.stories().a).toEqual([
      '0 starting',
      '0 running [checking]',
      `${flips[0]} health healthy`,
      expect.stringMatching(`^${flips[1]} health unhealthy UNHEALTHY`),
      `${flips[2]} health healthy`,
    ])
    expect(s.hooks()).toEqual({ a: '1/0' })
  },
})

/** Its first start fails, and it stays up when it is found unhealthy. */
const checkedOften = (check: () => boolean, stableAfter: number): Behaviour => ({
  check,
  start: { fails: 1 },
  restart: { jitter: 0, initialBackoff: 10, stableAfter },
  healthCheck: { interval: 100, timeout: 50, failureThreshold: 1, onUnhealthy: 'report' },
})

fault('stableAfter when health turns off first', {
  'R19 only uninterrupted active and healthy time makes the budget whole: a bad verdict before the end of it does not':
    async (chance) => {
      const stableAfter = 1_000
      const off = 100 * chance.between(1, 9)
      const long = 100 * chance.between(1, 5)
      const isWhole = chance.once()
      let ill: [from: number, to: number] = [0, 0]
      const check = (): boolean => s.now() < ill[0] || s.now() >= ill[1]
      const s: Stage = await stage(chance, { a: checkedOften(check, stableAfter) }, exact)
      const up = s.call(s.app.start({ onFailure: 'retry' }))
      await s.clock.advance(10)
      ill = [10 + off, 10 + off + long]
      const crash = 10 + off + long + (isWhole ? 1_000 : 999)
      await s.clock.advance(crash - 10)
      s.cast.a!.crash()
      await s.clock.advance(100)
      const attempt = isWhole ? 1 : 2
      const again = crash + 10 * attempt
      expect(up.said).toBe('done at 10')
      expect(s.stories().a).toEqual([
        '0 starting',
        '0 stopping (failed) START_FAILED: a start failed',
        '0 retrying (failed) #1 START_FAILED: a start failed',
        '0 retry a #1 in 10 (transient)',
        '10 starting #1 START_FAILED: a start failed',
        '10 running [checking]',
        '10 health healthy',
        `${ill[0]} health unhealthy UNHEALTHY`,
        `${ill[1]} health healthy`,
        `${crash} stopping (failed) CRASHED: a crashed`,
        `${crash} retrying (failed) #${attempt} CRASHED: a crashed`,
        `${crash} retry a #${attempt} in ${10 * attempt} (transient)`,
        `${again} starting #${attempt} CRASHED: a crashed`,
        `${again} running [checking]`,
        `${again} health healthy`,
      ])
    },
  'R19 enough of it does, whatever comes between the end of it and the crash': async (chance) => {
    const stableAfter = 1_000
    const good = chance.pick([900, 1_000, 1_500])
    const check = (): boolean => s.now() < 10 + good
    const s: Stage = await stage(chance, { a: checkedOften(check, stableAfter) }, exact)
    const up = s.call(s.app.start({ onFailure: 'retry' }))
    const crash = 10 + good + 100 * chance.between(1, 5)
    await s.clock.advance(crash)
    s.cast.a!.crash()
    await s.clock.advance(5)
    const attempt = good >= stableAfter ? 1 : 2
    expect(up.said).toBe('done at 10')
    expect(s.stories().a?.slice(-4)).toEqual([
      `${10 + good} health unhealthy UNHEALTHY`,
      `${crash} stopping (failed) CRASHED: a crashed`,
      `${crash} retrying (failed) #${attempt} CRASHED: a crashed`,
      `${crash} retry a #${attempt} in ${10 * attempt} (transient)`,
    ])
  },
})

fault('a stall that voids a check’s timeout while the check still hangs', {
  'R26 it says nothing then or later, however long it hangs; its signal is aborted, and the next one counts again':
    async (chance) => {
      const [interval, timeout] = [1_000, 400]
      const [into, stall] = [chance.between(0, timeout - 101), chance.between(101, 5_000)]
      const hangs = chance.between(1, 20) * 1_000
      let ends: Deferred<CheckResult> | undefined
      const check = (): CheckResult | Promise<CheckResult> => {
        if (s.cast.a!.calls.check === 3) {
          ends = deferred<CheckResult>()
          return ends.promise
        }
        return s.cast.a!.calls.check < 6 ? true : hang
      }
      const healthCheck = { interval, timeout, failureThreshold: 1 }
      const s: Stage = await stage(chance, { a: { check, healthCheck, restart: { policy: 'never' } } }, exact)
      const up = s.call(s.app.start())
      await s.clock.advance(2_000 + into)
      s.clock.stall(stall)
      await s.clock.advance(hangs)
      const settled = s.now()
      const seen = [s.stories().a, s.cast.a!.calls.check, s.cast.a!.contexts.check[2]?.signal.aborted]
      const answer = chance.pick(['unhealthy', 'healthy', new Error('late')] as const)
      if (answer instanceof Error) ends!.reject(answer)
      else ends!.resolve(answer)
      await s.clock.advance(10_000)
      const well = ['0 starting', '0 running [checking]', '0 health healthy']
      expect([up.said, ...seen]).toEqual(['done at 0', well, 3, true])
      const [ill = '', rest, ...more] = s.stories().a!.slice(3)
      const at = Number.parseInt(ill, 10)
      expect([rest, more]).toEqual([`${at} failed (unhealthy) UNHEALTHY: UNHEALTHY`, []])
      // Two good ones and one that hangs, each at most an interval after the one before it.
      expect(at).toBeGreaterThan(settled + timeout)
      expect(at).toBeLessThanOrEqual(settled + 3 * interval + timeout)
      expect(s.cast.a!.calls).toMatchObject({ start: 1, stop: 1, check: 6 })
    },
})
