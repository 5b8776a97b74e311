/** §10, a hub: what it costs to take its dependents out, or to look past it, goes by their number (R45). */
import { Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it, vi } from 'vitest'
import { service } from '../support/world.js'

/** How many places of lists are looked at, in whichever direction, while something is searched in them. */
function searched(): { places: number; end(): void } {
  const count = { places: 0, end: () => vi.restoreAllMocks() }
  for (const way of ['indexOf', 'lastIndexOf', 'includes'] as const) {
    const original = Array.prototype[way] as (this: unknown[], ...rest: unknown[]) => number | boolean
    vi.spyOn(Array.prototype, way).mockImplementation(function (this: unknown[], ...rest: unknown[]) {
      const found = original.apply(this, rest)
      const missed = found === false || found === -1
      count.places +=
        missed || found === true
          ? this.length
          : way === 'indexOf'
            ? (found as number) + 1
            : this.length - (found as number)
      return found as never
    })
  }
  return count
}

/** What it takes to unregister a hub with so many leaves, or the leaves one by one in the order of registration. */
async function cost(leaves: number, act: (app: Orchestrator) => Promise<unknown>): Promise<number> {
  const clock = new VirtualClock()
  const services = Array.from({ length: leaves + 1 }, (_, i) =>
    service(`s${i}`, { dependsOn: i === 0 ? [] : ['s0'] }, clock),
  )
  const app = new Orchestrator({ clock, services })
  const search = searched()
  const done = act(app)
  await clock.settle()
  await done
  search.end()
  return search.places
}

const ACTS: Record<string, (app: Orchestrator) => Promise<unknown>> = {
  'with all its leaves': (app) => app.unregister('s0', { cascade: true }),
  'by force, and its leaves after it': async (app) => {
    await app.unregister('s0', { force: true })
    await Promise.all(app.registry.getAll().map(({ name }) => app.unregister(name)))
  },
  'leaf by leaf': (app) =>
    Promise.all(
      app.registry
        .getAll()
        .slice(1)
        .map(({ name }) => app.unregister(name)),
    ),
}

describe('a hub', () => {
  it.each(Object.keys(ACTS))(
    'R45 is taken out in a time that its number of leaves multiplies once: %s',
    async (act) => {
      const [few, many] = [await cost(100, ACTS[act]!), await cost(800, ACTS[act]!)]
      expect(many).toBeLessThanOrEqual(10 * Math.max(few, 100))
    },
  )

  it('R45 that never ran is looked past once for a stop, not once for each service that it stands on', async () => {
    /** Entries that maps are given while `bases` are stopped, above which a hub and its leaves have never run. */
    const entries = async (bases: number): Promise<number> => {
      const clock = new VirtualClock()
      const names = Array.from({ length: bases }, (_, i) => `b${i}`)
      const leaves = Array.from({ length: 10 * bases }, (_, i) => `l${i}`)
      const app = new Orchestrator({
        clock,
        services: [
          ...names.map((name) => service(name, {}, clock)),
          service('hub', { dependsOn: names, autoStart: false }, clock),
          ...leaves.map((name) => service(name, { dependsOn: ['hub'], autoStart: false }, clock)),
        ],
      })
      await app.start()
      await clock.advance(10)
      const set = vi.spyOn(Map.prototype, 'set')
      await app.stop()
      const { length } = set.mock.calls
      set.mockRestore()
      return length
    }
    const [few, many] = [await entries(10), await entries(80)]
    expect(many).toBeLessThanOrEqual(10 * Math.max(few, 100))
  })
})
