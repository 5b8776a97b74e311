/**
 * The small scope, whole: every graph of up to four services and every interleaving of a few intents and ends of hooks.
 * The counts say that all of it was visited; they follow from what can be decided when, and from nothing else.
 * `node --import tsx test/sim/exhaustive.ts` goes deeper.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LAWS } from '../../src/testing/laws.js'
import { explore, type Scope } from '../support/exhaustive.js'
import { decisionsOf } from '../support/exhaustive-decisions.js'
import { graphs, isRedundant } from '../support/exhaustive-graphs.js'
import { SMALL, scopesOf } from '../support/exhaustive-plan.js'

it('there are 1, 2, 6 and 31 graphs of one to four services, with edges of one kind', () => {
  expect([1, 2, 3, 4].map((size) => graphs(size, ['d']).length)).toEqual([1, 2, 6, 31])
})

it('there are 21 graphs of three services with edges of two kinds, 301 with six', () => {
  expect([graphs(3, ['d', 'o']).length, graphs(3, ['d', 'k', 'o', 's', 'c', 't']).length]).toEqual([21, 301])
})

it('16 of the 31 graphs of four services have no edge beside a longer way: as many as there are partial orders of four', () => {
  const needed = [1, 2, 3, 4].map((size) => graphs(size, ['d']).filter((graph) => !isRedundant(graph)).length)
  expect(needed).toEqual([1, 2, 5, 16])
})

it('11, 19 and 35 things can be decided about one, two and four services, 16, 28 and 52 with all intents', () => {
  const counts = (['few', 'many'] as const).map((intents) =>
    [1, 2, 4].map((size) => decisionsOf({ size, edges: '......' }, intents).length),
  )
  expect(counts).toEqual([
    [11, 19, 35],
    [16, 28, 52],
  ])
})

/** Graphs and paths of each row of the small plan. */
const COUNTS: readonly (readonly [graphs: number, paths: number])[] = [
  [1, 1487],
  [7, 997],
  [6, 1445],
  [31, 806],
]

// Thousands of errors are made that nobody reads.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

describe('every way that a small system can go', () => {
  it.each(SMALL.map((row, i) => ({ ...row, kinds: row.kinds.join(''), i })))(
    'R1-R51 hold for $size services, edges $kinds, $intents intents, $depth decisions',
    async ({ i }) => {
      const scopes = scopesOf(SMALL[i]!)
      let paths = 0
      for (const scope of scopes) {
        const found = await explore({ ...scope, whole: true }, LAWS)
        expect(found.violations).toEqual([])
        paths += found.paths
      }
      expect([scopes.length / 2, paths]).toEqual(COUNTS[i])
    },
    120_000,
  )
})

/** Small systems that are played both whole and without what follows states that were met before. */
const BOTH: readonly Scope[] = [
  { graph: { size: 2, edges: 'd' }, from: 'rest', depth: 3, intents: 'few' },
  { graph: { size: 2, edges: 'c' }, from: 'up', depth: 3, intents: 'few' },
  { graph: { size: 1, edges: '' }, from: 'up', depth: 3, intents: 'many' },
  { graph: { size: 1, edges: '' }, from: 'rest', depth: 3, intents: 'many' },
  { graph: { size: 2, edges: 'o' }, from: 'up', depth: 2, intents: 'many' },
  { graph: { size: 2, edges: 't' }, from: 'rest', depth: 3, intents: 'few' },
  { graph: { size: 3, edges: 'dd.' }, from: 'up', depth: 2, intents: 'few' },
  { graph: { size: 4, edges: 'd..d.d' }, from: 'rest', depth: 2, intents: 'few' },
]

it.each(BOTH)(
  'systems that are taken for being in one state go on alike, whatever is decided: $graph.size, $graph.edges, $intents, from $from',
  async (scope) => {
    const after = new Map<string, { readonly to: string; readonly path: readonly string[] }>()
    const { states, paths } = await explore({ ...scope, whole: true }, [], (path, from, to) => {
      const key = `${path.at(-1)} in ${from}`
      const known = after.get(key)
      if (known) expect(to, `${path.join(' | ')} and ${known.path.join(' | ')}`).toBe(known.to)
      else after.set(key, { to, path })
    })
    expect(states).toBeLessThan(paths)
    const pruned = await explore(scope, [])
    expect(pruned.states).toBe(states)
    expect(pruned.paths).toBe(after.size + 1)
    const judged = await explore({ ...scope, alone: 0 }, [])
    expect([judged.states, judged.paths]).toEqual([pruned.states, pruned.paths])
    expect(judged.transitions).toBeLessThan(pruned.transitions)
  },
)

it('where a law is violated is found, with the fewest decisions that lead to it', async () => {
  const title = 'a service that was retrying never waits'
  const scope = { graph: { size: 2, edges: 'd' }, from: 'up', depth: 3, intents: 'few' } as const
  const found = await explore(scope, [
    {
      title,
      begin: () => {
        let retried = false
        return (seen) => {
          if (seen.kind !== 'event' || seen.event.type !== 'state') return undefined
          retried ||= seen.event.newState === 'retrying'
          return retried && seen.event.newState === 'waiting' ? 'it waits' : undefined
        }
      },
    },
  ])
  expect(found.violations[0]).toMatchObject({ law: title, message: 'it waits' })
  expect(found.violations[0]?.path).toEqual(['crash b'])
})
