/**
 * R3 R11 R13 R48 R49: whatever is asked in whatever order - start, stop, restart, remove, replace, crash - no name ever has two
 * instances, nobody starts against what is not there, nobody is stopped under those who need it, and in the end all is as asked.
 */
import { describe, expect, it } from 'vitest'
import { Lottery, NAMES, Storm } from '../support/laws2-storm.js'

/** Longer than anything in a storm. */
const LATER = 10_000
const seeds = (count: number) => Array.from({ length: count }, (_, seed) => seed)

describe.each([
  { kind: 'a storm of intents', wild: false, count: 3500 },
  { kind: 'a storm in which services misbehave and callers lose patience', wild: true, count: 3500 },
])('$kind', ({ wild, count }) => {
  it.each(seeds(count))('R3 R7 R11 R13 R33 R48 R49 leaves order behind (seed %i)', async (seed) => {
    const storm = new Storm(seed, { wild })
    const { s } = storm
    const random = new Lottery(seed + 1_000)
    for (const name of NAMES) storm.watch(`register ${name}`, s.app.register(storm.make(name)))
    storm.watch('start', s.app.start({ onFailure: 'keep' }))
    for (let i = 0; i < 60; i += 1) {
      for (let k = random.below(3); k >= 0; k -= 1) storm.act()
      await s.clock.advance(random.of([0, 1, 3, 7, 20, 100]))
    }
    storm.calm = true
    await s.clock.advance(LATER)
    expect(storm.wrongs).toEqual([])
    expect(storm.unexplained()).toEqual([])

    // The storm is over: everybody who is asked by name comes up, or has run to its end.
    for (const name of NAMES)
      if (!s.app.registry.has(name)) storm.watch(`register ${name}`, s.app.register(storm.make(name)))
    for (const name of NAMES) storm.watch(`start ${name}`, s.app.startService(name))
    await s.clock.advance(LATER)
    const down = s.app
      .getAllServices()
      .filter(({ phase, stopReason }) => phase !== 'active' && stopReason !== 'completed')
    expect(down).toEqual([])
    expect([storm.wrongs, storm.pending()]).toEqual([[], []])
    expect(
      s.app
        .getAllServices()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(NAMES)

    storm.watch('stop', s.app.stop())
    await s.clock.advance(60_000)
    expect([storm.wrongs, storm.pending(), s.clock.pending]).toEqual([[], [], 0])
  })
})
