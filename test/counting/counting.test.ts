/**
 * What a start and a stop make, by counting: a guard of the speed that no clock and no load can make fail.
 * The numbers are upper bounds where the library may still become better, and exact where they are a promise (R37, R44).
 */
import { beforeAll, describe, expect, it } from 'vitest'
import { run } from '../support/house.js'
import type { Count } from './program.js'

/** A heap so young and wide that nothing is collected while it is measured. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=64', '--max-semi-space-size=64']

type Counts = Record<string, Record<number, Count>>

let counts: Counts = {}
let ambient: Record<string, number> = {}

beforeAll(async () => {
  const { code, stdout, stderr } = await run(...FLAGS, 'test/counting/program.ts')
  expect([code, stderr]).toEqual([0, ''])
  ;({ counts, ambient } = JSON.parse(stdout) as { counts: Counts; ambient: Record<string, number> })
}, 30_000)

/** What each service more adds, and what there is without any. */
function cost(name: string, what: keyof Count): { each: number; whole: number } {
  const [some, more] = [counts[name]![200]![what], counts[name]![400]![what]]
  return { each: (more - some) / 200, whole: some - (more - some) }
}

const GRAPHS = ['wide', 'chain', 'star']
/** Two operations, the turns that they take, and those who wait for them. */
const A_FEW = 12

describe('a start and a stop of N services', () => {
  it.each(GRAPHS)('make no promise per service whose hooks return plain values: %s', (graph) => {
    const { each, whole } = cost(graph, 'promises')
    expect(each).toBe(0)
    expect(whole).toBeLessThanOrEqual(A_FEW)
  })

  it('make one promise for each hook that returns one', () => {
    const { each, whole } = cost('promising', 'promises')
    expect(each).toBe(2)
    expect(whole).toBeLessThanOrEqual(A_FEW + 4)
  })

  it.each([...GRAPHS, 'promising'])('set no timer per service, though each has its deadlines: %s', (graph) => {
    const { each, whole } = cost(graph, 'timers')
    expect(each).toBe(0)
    expect(whole).toBeLessThanOrEqual(2)
  })

  it.each([...GRAPHS, 'promising'])('ask the host for no later task while no time passes: %s', (graph) => {
    expect(cost(graph, 'tasks')).toEqual({ each: 0, whole: 0 })
  })

  it('make an AbortController for those that look at their signal, and for nobody else', () => {
    for (const graph of [...GRAPHS, 'promising'])
      expect([graph, cost(graph, 'controllers')]).toEqual([graph, { each: 0, whole: 0 }])
    expect(cost('signalled', 'controllers')).toEqual({ each: 1, whole: 0 })
  })

  it.each(GRAPHS)('R37 number each change, and build no event that nobody listens to: %s', (graph) => {
    expect(cost(graph, 'events')).toEqual({ each: 0, whole: 0 })
    const { each, whole } = cost(graph, 'numbered')
    // Starting, running, stopping, stopped; waiting, if it has to; the operations begin and end.
    const isFirstOneAhead = graph !== 'wide'
    expect({ each, whole }).toEqual({ each: isFirstOneAhead ? 5 : 4, whole: isFirstOneAhead ? 3 : 4 })
  })

  it('R37 build each event once when somebody listens', () => {
    expect(cost('heard', 'events')).toEqual(cost('heard', 'numbered'))
    expect(cost('heard', 'events').each).toBe(4)
  })

  // Bytes of heap with nothing optimised away: what it costs in full.
  it.each([
    ['wide', 4_500],
    ['chain', 6_600],
    ['star', 5_200],
    ['promising', 5_200],
  ])('allocate no more bytes per service than they did: %s, %d', (graph, bytes) => {
    expect(cost(graph, 'bytes').each).toBeLessThanOrEqual(bytes)
    expect(cost(graph, 'bytes').each).toBeGreaterThan(100)
  })

  it('reach the time and the tasks of the host through the clock alone', () => {
    expect(ambient).toEqual({ setTimeout: 0, setInterval: 0, setImmediate: 0, queueMicrotask: 0, nextTick: 0 })
  })
})
