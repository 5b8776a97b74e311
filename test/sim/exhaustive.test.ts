/**
 * The small scope, whole: every graph of up to four services and every interleaving of a few intents and ends of hooks.
 * The counts say that all of it was visited; they change when less is. `npm run exhaustive` goes deeper.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LAWS } from '../../src/testing/laws.js'
import { explore } from '../support/exhaustive.js'
import { graphs } from '../support/exhaustive-graphs.js'
import { SMALL, scopesOf } from '../support/exhaustive-plan.js'

it('there are 1, 2, 6 and 31 graphs of one to four services, with edges of one kind', () => {
  expect([1, 2, 3, 4].map((size) => graphs(size, ['d']).length)).toEqual([1, 2, 6, 31])
})

it('there are 21 graphs of three services with edges of two kinds, 301 with six', () => {
  expect([graphs(3, ['d', 'o']).length, graphs(3, ['d', 'k', 'o', 's', 'c', 't']).length]).toEqual([21, 301])
})

/** States and paths of each row of the small plan. */
const COUNTS: readonly (readonly [states: number, paths: number])[] = [
  [287, 2107],
  [245, 718],
  [791, 1666],
  [987, 2227],
  [909, 1231],
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
      let [states, paths] = [0, 0]
      for (const scope of scopesOf(SMALL[i]!)) {
        const found = await explore(scope, LAWS)
        expect(found.violations).toEqual([])
        states += found.states
        paths += found.paths
      }
      expect([states, paths]).toEqual(COUNTS[i])
    },
    60_000,
  )
})

it('a law that is violated on one path only is found there, with the decisions that lead to it', async () => {
  const [scope] = scopesOf({ size: 2, kinds: ['d'], intents: 'few', depth: 3 }).slice(2)
  const title = 'a service that was retrying never waits'
  const found = await explore(scope!, [
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
  expect(found.violations[0]?.words).not.toEqual([])
})
