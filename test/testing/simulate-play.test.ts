import { afterAll, beforeAll, expect, it } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { generate } from '../../src/testing/generate.js'
import type { Law, Observation } from '../../src/testing/observation.js'
import { type PlayOptions, play } from '../../src/testing/play.js'
import type { Scenario, ServicePlan } from '../../src/testing/scenario.js'
import { shrink } from '../../src/testing/shrink.js'
import { failureText } from '../../src/testing/story.js'

// Thousands of errors are made that nobody reads: their stacks are most of the time that this takes.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

const plan = (name: string, more: Partial<ServicePlan> = {}): ServicePlan => ({
  name,
  kind: 'managed',
  options: {},
  start: { acts: [] },
  stop: { acts: [] },
  ...more,
})
const scenario = (services: readonly ServicePlan[], more: Partial<Scenario> = {}): Scenario => ({
  seed: 1,
  options: { random: 'middle' },
  services,
  extras: [],
  listeners: [],
  steps: [{ at: 0, deeds: [{ deed: 'call', call: 'start' }] }],
  rest: 10,
  patience: 100_000,
  ...more,
})
const quietly = (options: Partial<PlayOptions> = {}): PlayOptions => ({
  choices: { pick: () => 0 },
  laws: [],
  ...options,
})

/** The log of one run, short. */
async function log(of: Scenario, options: Partial<PlayOptions> = {}): Promise<string[]> {
  const lines: string[] = []
  const watch = (seen: Observation): void => {
    const { kind, at } = seen
    if (kind === 'enter' || kind === 'leave') lines.push(`${at} ${kind} ${seen.service}.${seen.hook}`)
    else if (kind === 'call' || kind === 'settled') lines.push(`${at} ${kind} #${seen.id}`)
    else if (kind === 'event' && seen.event.type === 'state')
      lines.push(`${at} ${seen.event.name} ${seen.event.newState}`)
    else if (kind !== 'event') lines.push(`${at} ${kind}`)
  }
  await play(of, quietly({ ...options, watch }))
  return lines
}

const lies = (title: string, when: (seen: Observation) => boolean): Law => ({
  title,
  begin: () => (seen) => (when(seen) ? `it said ${seen.kind}` : undefined),
})

it('a run is the script, the calm, a last start and a last stop', async () => {
  const a = plan('a', { start: { acts: [{ end: 'pass', takes: 5 }] }, run: { acts: [{ end: 'reject', takes: 10 }] } })
  expect((await log(scenario([a]))).filter((line) => !/turn|quiet/.test(line))).toEqual([
    '0 call #1',
    '0 enter a.start',
    '0 a starting',
    '5 leave a.start',
    '5 enter a.run',
    '5 a running',
    '5 settled #1',
    '10 calm',
    '10 steady',
    '10 call #4',
    '10 settled #4',
    '10 steady',
    '10 call #5',
    '10 leave a.run',
    '10 a stopping',
    '10 enter a.stop',
    '10 leave a.stop',
    '10 a stopped',
    '10 settled #5',
    '11 end',
  ])
})

it('R44 the same scenario and choices give the same log, over many seeds, and other choices another one', async () => {
  let differ = 0
  for (let seed = 1; seed <= 25; seed++) {
    const one = await play(generate(seed), quietly({ choices: new Chance(seed) }))
    const two = await play(generate(seed), quietly({ choices: new Chance(seed) }))
    expect(two).toEqual(one)
    const other = await play(generate(seed), quietly({ choices: new Chance(seed + 1_000) }))
    if (other.digest !== one.digest) differ++
  }
  expect(differ).toBeGreaterThan(3)
})

it('what is due in the same millisecond goes in the order that the choices say', async () => {
  const slow = { start: { acts: [{ end: 'pass', takes: 5 } as const] } }
  const of = scenario([plan('a', slow), plan('b', slow)])
  const order = async (index: number): Promise<string[]> => {
    const lines = await log(of, { choices: { pick: (n) => Math.min(index, n - 1) } })
    return lines.filter((line) => line.includes('leave') && line.includes('start')).map((line) => line.slice(-7))
  }
  expect(await order(0)).toEqual(['a.start', 'b.start'])
  expect(await order(1)).toEqual(['b.start', 'a.start'])
})

it('a hook with a choice ends as it is chosen', async () => {
  const of = scenario([plan('a', { start: { acts: [{ end: 'pass' }, { end: 'throw' }], choose: true } })])
  const states = async (index: number): Promise<string[]> =>
    (await log(of, { choices: { pick: () => index } })).filter((line) => /^0 a /.test(line))
  expect(await states(0)).toEqual(['0 a starting', '0 a running'])
  expect(await states(1)).toEqual(['0 a starting', '0 a stopping', '0 a failed'])
})

it('a violated law ends the run with its title, the sentence and the time, and so does a law that throws', async () => {
  const laws = [lies('nothing settles', ({ kind }) => kind === 'settled')]
  const { violation } = await play(scenario([plan('a')]), quietly({ laws }))
  expect(violation).toEqual({ law: 'nothing settles', message: 'it said settled', at: 0 })
  const hostile: Law = {
    title: 'hostile',
    begin: () => () => {
      throw new Error('no')
    },
  }
  const played = await play(scenario([plan('a')]), quietly({ laws: [hostile] }))
  expect(played.violation).toMatchObject({
    law: 'hostile',
    message: expect.stringContaining('the law itself threw'),
  })
})

it('who watches can cut a run, and so can who chooses', async () => {
  const whole = await play(generate(3), quietly())
  expect(whole.cut).toBe(false)
  let count = 0
  const watched = await play(generate(3), quietly({ watch: () => (++count === 20 ? 'stop' : undefined) }))
  expect([watched.cut, count]).toEqual([true, 20])
  const pick = (): number => {
    throw new Error('enough')
  }
  const of = scenario([plan('a', { start: { acts: [{ end: 'pass' }, { end: 'hang' }], choose: true } })])
  expect(await play(of, quietly({ choices: { pick } }))).toMatchObject({ cut: true, transitions: 0 })
})

it('a big failing scenario shrinks to what the law is about, and says how to see it again', async () => {
  // Deliberately wrong: a service that a later call stops may not be stopping.
  const laws = [
    lies('nobody stops s1', ({ kind, ...seen }) => {
      if (kind !== 'event') return false
      const { event } = seen as Extract<Observation, { kind: 'event' }>
      return event.type === 'state' && event.name === 's1' && event.newState === 'stopping' && event.reason === 'manual'
    }),
  ]
  const run = (of: Scenario) => play(of, { choices: new Chance(of.seed), laws })
  let found: Scenario | undefined
  for (let seed = 1; !found; seed++) if ((await run(generate(seed))).violation) found = generate(seed)
  expect(found.steps.length).toBeGreaterThan(5)

  const small = await shrink(found, async (candidate) => (await run(candidate)).violation?.law === laws[0]?.title)
  expect(small.services.map(({ name }) => name)).toEqual(['s1'])
  expect(small.listeners).toEqual([])
  // Somebody starts it and somebody stops it: the script, or a hook.
  const calls = [...JSON.stringify(small).matchAll(/"call":"(\w+)"/g)].map(([, call = '']) => call)
  expect(calls.map((call) => call.replace(/^(re)?start(Service)?$/, 'start')).sort()).toEqual(['start', 'stopService'])
  const { violation } = await run(small)
  const text = failureText(small, violation!, 'npm run sim -- --seed 5').split('\n')
  expect(text[0]).toBe(`seed ${found.seed} violates: nobody stops s1`)
  expect(text.at(-1)).toBe('  replay: npm run sim -- --seed 5')
  expect(text.filter((line) => / ms {2}/.test(line))).toHaveLength(small.steps.length + 1)
})
