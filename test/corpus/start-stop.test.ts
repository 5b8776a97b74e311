/** Every stack of the corpus comes up along its critical path, and goes down along the reverse one. */
import { expect, test } from 'vitest'
import { faults } from '../support/corpus-laws.js'
import {
  comeUp,
  crew,
  goDown,
  journalDown,
  journalUp,
  lastRest,
  line,
  makespan,
  pathFaults,
  timesOf,
  wanted,
} from '../support/corpus-oracle.js'
import { load, ordered } from '../support/corpus-stack.js'
import { World } from '../support/corpus-world.js'

for (const stack of ordered.map((compose) => load(compose))) {
  const { name } = stack
  const names = wanted(stack)
  const { jobs, serving } = crew(stack)

  test(`R11 R12 ${name}: every service starts when its last condition becomes true, no sooner and no later`, async () => {
    const world = new World(stack)
    const began = world.clock.wall()
    await world.boot()
    expect(faults(stack, world.events, began)).toEqual([])
    const starts = world.events.filter((event) => event.type === 'state' && event.newState === 'starting')
    expect(starts).toHaveLength(names.size)
  })

  test(`R12 R29 ${name}: start takes exactly its critical path`, async () => {
    const world = new World(stack)
    const began = world.clock.now()
    const lives = comeUp(stack, names, () => began)
    const end = makespan(stack, lives)

    const start = world.watch(world.app.start())
    await world.clock.advance(end - began)

    expect(world.take()).toEqual(journalUp(stack, lives, began, () => 'unknown').sort())
    expect(start).toMatchObject({ at: end, value: { outcome: 'done', duration: end - began } })
  })

  test(`R12 R29 ${name}: the report of a start has its critical path, and how each service fared`, async () => {
    const world = new World(stack)
    const began = world.clock.now()
    const report = await world.boot()

    expect(
      pathFaults(
        stack,
        comeUp(stack, names, () => began),
        report.criticalPath,
      ),
    ).toEqual([])
    const rows = report.services.filter((row) => names.has(row.name))
    const fared = [...stack.services.keys()]
      .filter((each) => names.has(each))
      .map((each) => [each, jobs.includes(each) ? 'completed' : 'started', timesOf(stack, each).start])
    expect(rows.map((row) => [row.name, row.outcome, row.hookDuration])).toEqual(fared)
  })

  test(`R13 R31 R46 ${name}: stop takes exactly the reverse critical path and leaves nothing`, async () => {
    const world = new World(stack)
    await world.boot()
    const began = world.clock.now()
    const deaths = goDown(stack, new Set(serving), began, () => true)
    const end = lastRest(deaths)

    const stop = world.watch(world.app.stop())
    await world.clock.advance(end - began)

    const why = () => 'shutdown'
    const idle = [...stack.services.keys()].filter((each) => !names.has(each))
    const journal = [
      ...journalDown(deaths, why, () => 'stopped'),
      ...idle.map((each) => line(began, each, 'unknown → stopped')),
    ]
    expect(world.take()).toEqual(journal.sort())
    expect(stop).toMatchObject({ at: end, value: { outcome: 'done', duration: end - began } })
    // Each of the path begins when the one before it is at rest.
    const path = stop.value?.criticalPath.map((each) => deaths.get(each)) ?? []
    expect([began, ...path.map((death) => death?.rest)]).toEqual([...path.map((death) => death?.enter), end])
    expect(await world.halt()).toEqual({ busy: [], pending: 0 })
  })
}
