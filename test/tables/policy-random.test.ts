/** Lives of random ends under random settings, against the naive oracle of the policy table. */

import * as fc from 'fast-check'
import type { FailureClass } from 'keelson'
import { expect, it } from 'vitest'
import { Stage } from '../support/laws3.js'
import { type End, enact, foretell, type Place, told } from '../support/laws3-oracle.js'

const end = fc.record<End>({
  place: fc.constantFrom<Place[]>('start', 'fail in start', 'crash', 'fail', 'unhealthy', 'clean'),
  failure: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom<FailureClass[]>('transient', 'connectivity') },
    { weight: 1, arbitrary: fc.constantFrom<FailureClass[]>('permanent', 'auth') },
  ),
})
const setting = fc.record({
  policy: fc.constantFrom('never' as const, 'on-failure' as const, 'always' as const, 'always' as const),
  maxRetries: fc.constantFrom(0, 1, 4),
  remote: fc.boolean(),
})

it('R17 R18 R20 any row of ends under any setting goes as the rules say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(end, { maxLength: 8 }), setting, async (script, how) => {
      const stage = new Stage({ tidy: false })
      const a = stage.cast('a', enact(script, how))
      await stage.boot()
      // the active time between two ends stays below stableAfter
      await stage.clock.advance(300_000)
      const { lines, retries, starts } = foretell(script, how)
      expect({
        lines: told(stage),
        retries: stage.retries(),
        starts: a.starts,
      }).toEqual({ lines, retries, starts })
      await stage.app.stop()
      await stage.clock.settle()
      expect(stage.clock.pending).toBe(0)
    }),
    { numRuns: 150, seed: 7 },
  )
}, 60_000)
