/** What a hook throws may be anything: nothing, a trap, or more than anybody wants to read. */
import type { StartContext } from 'keelson'
import { expect } from 'vitest'
import { type Chance, fault, type Stage, stage } from '../support/faults.js'
import type { Behaviour } from '../support/world.js'

/** Where it is thrown, and what becomes of a service with `policy: 'never'` that is started and then stopped. */
interface Place {
  readonly where: string
  readonly part: (thrown: unknown, chance: Chance) => Behaviour
  /** How the start ends, as a pattern. */
  readonly start: string
  readonly stop: string
  readonly states: readonly string[]
  /** The code of the error whose cause is what was thrown. */
  readonly code: string
  /** Whether the status keeps it, or only the report of the stop. */
  readonly isKept: boolean
}

const throws =
  (thrown: unknown, chance: Chance): (() => unknown) =>
  () => {
    if (chance.once()) throw thrown
    return Promise.reject(thrown)
  }

const PLACES: readonly Place[] = [
  {
    where: 'start',
    part: (thrown, chance) => ({ start: throws(thrown, chance) }),
    start: 'START_INCOMPLETE \\(START_FAILED\\)',
    stop: 'done',
    states: ['starting', 'stopping', 'failed'],
    code: 'START_FAILED',
    isKept: true,
  },
  {
    where: 'run',
    part: (thrown, chance) => ({ run: throws(thrown, chance) }),
    // At once it ends before what needs it can start; a microtask later that is up already.
    start: '(done|START_INCOMPLETE \\(CRASHED\\))',
    stop: 'done',
    states: ['starting', 'running', 'stopping', 'failed'],
    code: 'CRASHED',
    isKept: true,
  },
  {
    where: 'ctx.fail',
    part: (thrown) => ({ start: ({ fail }) => fail(thrown) }),
    start: 'START_INCOMPLETE \\(START_FAILED\\)',
    stop: 'done',
    states: ['starting', 'stopping', 'failed'],
    code: 'START_FAILED',
    isKept: true,
  },
  {
    where: 'check',
    part: (thrown, chance) => ({
      check: throws(thrown, chance) as () => undefined,
      healthCheck: { failureThreshold: 1 },
    }),
    start: 'START_INCOMPLETE \\(UNHEALTHY\\)',
    stop: 'done',
    states: ['starting', 'running', 'stopping', 'failed'],
    code: 'UNHEALTHY',
    isKept: true,
  },
  {
    where: 'stop',
    part: (thrown, chance) => ({ stop: throws(thrown, chance) }),
    start: 'done',
    stop: 'STOP_INCOMPLETE (STOP_FAILED)',
    states: ['starting', 'running', 'stopping', 'stopped'],
    code: 'STOP_FAILED',
    isKept: false,
  },
  {
    where: 'a disposer',
    part: (thrown, chance) => ({ start: ({ own }: StartContext) => void own(throws(thrown, chance)) }),
    start: 'done',
    stop: 'STOP_INCOMPLETE (STOP_FAILED)',
    states: ['starting', 'running', 'stopping', 'stopped'],
    code: 'STOP_FAILED',
    isKept: false,
  },
]

/** Everything that is given out about a service, as a program would print it. */
const read = ({ app, log }: Stage): string =>
  JSON.stringify([app.explain('a'), app.explain('b'), app.snapshot(), app.health(), log.events])

/** Each place in turn: the outcome is that of any error, the cause is the very thing, and everything stays readable. */
async function scenario(chance: Chance, thrown: unknown, longest: number): Promise<void> {
  const { part, start, stop, states, code, isKept } = chance.each(PLACES)
  const s = await stage(chance, {
    a: { restart: { policy: 'never' }, ...part(thrown, chance) },
    b: { dependsOn: ['a'] },
  })
  const up = s.call(s.app.start({ onFailure: 'keep' }))
  await s.clock.advance(100)
  const whole = [read(s), up.error, up.report]
  const status = s.app.getServiceStatus('a')
  const down = s.call(s.app.stopService('a'))
  await s.clock.advance(100)
  expect([up.said, down.said, s.log.states('a')]).toEqual([
    expect.stringMatching(`^${start} at 0$`),
    `${stop} at 100`,
    states,
  ])
  const culprit = down.report?.services.find(({ name }) => name === 'a')
  const error = (isKept ? status.error : culprit?.error) as Error & { code: string }
  expect(error.code).toBe(code)
  expect('cause' in error && Object.is(error.cause, thrown)).toBe(true)
  expect(s.log.events.filter(({ type }) => type === 'listenerError')).toEqual([])
  for (const text of [...whole, read(s), down.error, down.report].map((one) => JSON.stringify(one) ?? ''))
    expect(text.length).toBeLessThan(longest)
}

fault('a hook throws undefined', {
  'R2 R50 in any hook: its service ends as with any error, whose cause is there and undefined': (chance) =>
    scenario(chance, undefined, 20_000),
})

fault('a hook throws a proxy that throws on read', {
  'R2 R50 in any hook: its service ends as with any error, the cause is that proxy, and everything about it can be read':
    (chance) => {
      const trap = (): never => {
        throw new Error('hands off')
      }
      const traps = { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap, getOwnPropertyDescriptor: trap }
      return scenario(chance, new Proxy(chance.once() ? {} : new Error('inside'), traps), 20_000)
    },
})

fault('a hook throws a 10 MB message', {
  'R2 R50 in any hook: its service ends as with any error, and what is printed about it stays short': (chance) => {
    const long = 'x'.repeat(10_000_000)
    return scenario(chance, chance.once() ? new Error(long) : long, 20_000)
  },
})
