/** §3, intents of one turn count by their net effect: all triples, and a thousand of them (R8). */
import { describe, expect, it } from 'vitest'
import { type Call, heed, type Scene, scene } from '../support/laws1.js'

type Verb = 'start' | 'stop' | 'restart'
const verbs: Verb[] = ['start', 'stop', 'restart']
const triples = verbs.flatMap((a) => verbs.flatMap((b) => verbs.map((c): [Verb, Verb, Verb] => [a, b, c])))
const say = ({ app }: Scene, verb: Verb, name = 'a') =>
  verb === 'start' ? app.startService(name) : verb === 'stop' ? app.stopService(name) : app.restartService(name)

/**
 * The net effect of a triple. A restart that a stop of the same turn has cancelled may still have asked for a new epoch
 * when a start follows: the last one wins, and does not say of which epoch; both are one effect, and both are allowed.
 */
function net(triple: Verb[], running: boolean): { up: boolean; restarts: boolean[] } {
  const up = triple.at(-1) !== 'stop'
  const after = triple.slice(triple.lastIndexOf('stop') + 1)
  if (!running || !up) return { up, restarts: [false] }
  return { up, restarts: after.includes('restart') ? [true] : triple.includes('restart') ? [true, false] : [false] }
}

/** What each promise does: up until a later stop of the turn cancels it, down until a later start does. */
function outcomes(triple: Verb[], running: boolean): (string | RegExp)[] {
  return triple.map((verb, i) => {
    const later = triple.slice(i + 1)
    if (verb !== 'stop') return later.includes('stop') ? 'CANCELLED' : 'done'
    if (!later.some((each) => each !== 'stop')) return 'done'
    return running ? 'CANCELLED' : /^(CANCELLED|done)$/ // at rest when it was called: nothing is left to overtake
  })
}

describe('R8 three intents of one turn on a service that is stopped', () => {
  it.each(triples)('R8 %s, %s, %s: one effect, every promise settled', async (...triple) => {
    const all = scene({ a: {} })
    const { app, clock, call, up, forget, hooks, moves, status } = all
    await up()
    await app.stop()
    await clock.settle()
    forget()
    const calls = triple.map((verb) => call(say(all, verb)))
    await clock.settle()
    const { up: isUp } = net(triple, false)
    expect(moves('a')).toEqual(isUp ? ['stopped → starting', 'starting → running'] : [])
    expect(hooks()).toEqual(isUp ? ['a start 2'] : [])
    expect(status('a')).toMatchObject({ state: isUp ? 'running' : 'stopped', epoch: isUp ? 2 : 1 })
    expect(calls.map(({ outcome }) => outcome)).toEqual(outcomes(triple, false).map(matching))
  })
})

describe('R8 three intents of one turn on a service that is running', () => {
  it.each(triples)('R8 %s, %s, %s: one effect, every promise settled', async (...triple) => {
    const all = scene({ a: {} })
    const { clock, call, up, hooks, moves, status } = all
    await up()
    const calls = triple.map((verb) => call(say(all, verb)))
    await clock.settle()
    const { up: isUp, restarts } = net(triple, true)
    const restarted = status('a').epoch === 2
    if (isUp) expect(restarts).toContain(restarted)
    else expect(restarted).toBe(false)
    expect(status('a').state).toBe(isUp ? 'running' : 'stopped')
    expect(moves('a')).toEqual(
      !isUp
        ? ['running → stopping (manual)', 'stopping → stopped']
        : restarted
          ? ['running → stopping (restart)', 'stopping → stopped', 'stopped → starting', 'starting → running']
          : [],
    )
    expect(hooks()).toEqual(!isUp ? ['a stop 1 manual'] : restarted ? ['a stop 1 restart', 'a start 2'] : [])
    expect(calls.map(({ outcome }) => outcome)).toEqual(outcomes(triple, true).map(matching))
  })
})

describe('R8 three intents, each in a turn of its own, on a service whose hooks take their time', () => {
  it.each(triples)('R8 %s, %s, %s: the last one wins, every promise settled', async (...triple) => {
    const all = scene({
      a: { start: (context) => Promise.race([all.clock.sleep(10), heed(context)]), stop: () => all.clock.sleep(10) },
    })
    const { app, clock, call, forget, hooks, moves, status } = all
    call(app.start())
    await clock.advance(10)
    forget()
    const calls: Call[] = []
    for (const verb of triple) {
      calls.push(call(say(all, verb)))
      await clock.advance(3)
    }
    await clock.advance(100)
    const isUp = triple.at(-1) !== 'stop'
    const touched = triple.some((verb) => verb !== 'start')
    expect(status('a').state).toBe(isUp ? 'running' : 'stopped')
    expect(moves('a')).toHaveLength(!touched ? 0 : isUp ? 4 : 2)
    expect(hooks().filter((line) => line.includes('stop'))).toHaveLength(touched ? 1 : 0)
    // The first start finds it up and is done; of two of one direction, none cancels the other.
    const expected = triple.map((verb, i) => {
      const later = triple.slice(i + 1)
      if (verb === 'start' && !triple.slice(0, i).some((each) => each !== 'start')) return 'done'
      return later.some((each) => (each === 'stop') !== (verb === 'stop')) ? 'CANCELLED' : 'done'
    })
    expect(calls.map(({ outcome }) => outcome)).toEqual(expected)
  })
})

describe('R8 a thousand alternating calls in one tick', () => {
  it.each(['start', 'restart', 'stop'] as const)(
    'R8 on a service at rest end as the last one asks: %s',
    async (last) => {
      const all = scene({ a: {} })
      const { clock, call, hooks, state } = all
      const calls = alternate(last).map((verb) => call(say(all, verb)))
      await clock.settle()
      const isUp = last !== 'stop'
      expect(hooks()).toEqual(isUp ? ['a start 1'] : [])
      expect(isUp ? ['running'] : ['unknown', 'stopped']).toContain(state('a'))
      const ups = calls.filter((_, i) => (i % 2 === 1) === isUp)
      expect(tally(ups)).toEqual(isUp ? { CANCELLED: 499, done: 1 } : { CANCELLED: 500 })
      expect(calls.at(-1)?.outcome).toBe('done')
      expect(tally(calls).pending).toBeUndefined()
    },
  )

  it.each(['start', 'restart', 'stop'] as const)(
    'R8 on a running service end as the last one asks: %s',
    async (last) => {
      const all = scene({ a: {} })
      const { clock, call, up, hooks, status } = all
      await up()
      const calls = alternate(last).map((verb) => call(say(all, verb)))
      await clock.settle()
      const [own, others] = [1, 0].map((rest) => tally(calls.filter((_, i) => i % 2 === rest)))
      expect([own, others]).toEqual([{ CANCELLED: 499, done: 1 }, { CANCELLED: 500 }])
      const expected = {
        start: [[], 'running', 1],
        restart: [['a stop 1 restart', 'a start 2'], 'running', 2],
        stop: [['a stop 1 manual'], 'stopped', 1],
      }
      expect([hooks(), status('a').state, status('a').epoch]).toEqual(expected[last])
    },
  )

  it.each(['start', 'stop'] as const)('R8 on everything end as the last one asks: %s', async (last) => {
    const { app, clock, call, up, hooks, states } = scene({ a: { dependsOn: ['b'] }, b: {} })
    await up()
    const calls = alternate(last).map((verb) => call(verb === 'start' ? app.start() : app.stop()))
    await clock.settle()
    expect(states()).toBe(last === 'start' ? 'a: running, b: running' : 'a: stopped, b: stopped')
    expect(hooks()).toEqual(last === 'start' ? [] : ['a stop 1 shutdown', 'b stop 1 shutdown'])
    expect(tally(calls).pending).toBeUndefined()
    expect(calls.at(-1)?.outcome).toBe('done')
    expect(tally(calls.slice(0, -1))).toEqual({ CANCELLED: 999 })
  })

  it.each(['start a', 'stop b'])('R8 on a service and what it requires end as the last one asks: %s', async (last) => {
    const { app, clock, call, hooks, states } = scene({ a: { dependsOn: ['b'] }, b: {} })
    const acts = [() => app.startService('a'), () => app.stopService('b')]
    if (last === 'start a') acts.reverse()
    const calls = Array.from({ length: 1_000 }, (_, i) => call<unknown>(acts[i % 2]!()))
    await clock.settle()
    expect(tally(calls).pending).toBeUndefined()
    expect(calls.at(-1)?.outcome).toBe('done')
    if (last === 'start a') {
      expect(states()).toBe('a: running, b: running')
      expect(hooks()).toEqual(['b start 1', 'a start 1'])
    } else {
      expect(states()).toMatch(/^a: waiting, b: (unknown|stopped)$/)
      expect(hooks()).toEqual([])
      expect(tally(calls.filter((_, i) => i % 2 === 0))).toEqual({ CANCELLED: 500 })
    }
  })

  it.each([1, 2, 3])('R8 of all verbs and services end each as its last one asks (draw %i)', async (seed) => {
    const names = ['a', 'b', 'c', 'd']
    const all = scene(Object.fromEntries(names.map((name) => [name, {}])))
    const { clock, call, states, services } = all
    let random = seed
    const draw = (most: number) => {
      random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((random / 2 ** 32) * most)
    }
    const last = new Map<string, Verb>()
    const calls: Call[] = []
    for (let tick = 0; tick < 4; tick++) {
      for (let i = 0; i < 1_000; i++) {
        const [name = 'a', verb = 'stop'] = [names[draw(4)], verbs[draw(3)]]
        last.set(name, verb)
        calls.push(call(say(all, verb, name)))
      }
      await clock.settle()
      const expected = names.map((name) => `${name}: ${last.get(name) === 'stop' ? 'stopped' : 'running'}`).join(', ')
      expect(states().replaceAll('unknown', 'stopped')).toBe(expected)
      expect(tally(calls).pending).toBeUndefined()
    }
    expect(Object.keys(tally(calls)).sort()).toEqual(['CANCELLED', 'done'])
    for (const name of names) expect(services[name]?.calls.start).toBeLessThanOrEqual(4)
  })
})

it('R8 a thousand alternating calls, each in a turn of its own, leave one instance or none', async () => {
  const all = scene({
    a: { start: (context) => Promise.race([all.clock.sleep(2), heed(context)]), stop: () => all.clock.sleep(1) },
  })
  const { clock, call, state } = all
  const calls: Call[] = []
  for (const verb of alternate('stop', 'restart')) {
    calls.push(call(say(all, verb)))
    if (calls.length % 7 === 0) await clock.advance(1)
    else await Promise.resolve()
  }
  await clock.advance(10)
  expect(state('a')).toBe('stopped')
  expect(calls.at(-1)?.outcome).toBe('done')
  expect(tally(calls).pending).toBeUndefined()
})

function alternate(last: Verb, other: Verb = last === 'stop' ? 'start' : 'stop'): Verb[] {
  return Array.from({ length: 1_000 }, (_, i) => (i % 2 === 1 ? last : other))
}

function tally(calls: Call[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { outcome } of calls) counts[outcome] = (counts[outcome] ?? 0) + 1
  return counts
}

const matching = (outcome: string | RegExp) => (typeof outcome === 'string' ? outcome : expect.stringMatching(outcome))
