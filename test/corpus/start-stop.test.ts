/** Every stack of the corpus comes up along its critical path, and goes down along the reverse one. */
import { describe, expect, test } from 'vitest'
import { faults } from '../support/corpus-laws.js'
import {
  comeUp,
  crew,
  goDown,
  journalDown,
  journalUp,
  lastRest,
  makespan,
  pathFaults,
  timesOf,
  wanted,
} from '../support/corpus-oracle.js'
import { load, ordered } from '../support/corpus-stack.js'
import { World } from '../support/corpus-world.js'

describe.each(ordered.map((compose) => load(compose)))('$name', (stack) => {
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
    expect(start.error).toBeUndefined()
    expect(start.at).toBe(end)
    expect(start.value?.duration).toBe(end - began)
    expect(pathFaults(stack, lives, start.value?.criticalPath ?? [])).toEqual([])
    const rows = start.value?.services.filter((row) => names.has(row.name)) ?? []
    expect(rows.map((row) => [row.name, row.outcome, row.hookDuration])).toEqual(
      [...stack.services.keys()]
        .filter((each) => names.has(each))
        .map((each) => [each, jobs.includes(each) ? 'completed' : 'started', timesOf(stack, each).start]),
    )
  })

  test(`R13 R31 R46 ${name}: stop takes exactly the reverse critical path and leaves nothing`, async () => {
    const world = new World(stack)
    await world.boot()
    const began = world.clock.now()
    const deaths = goDown(stack, new Set(serving), began, () => true)
    const end = lastRest(deaths)

    const stop = world.watch(world.app.stop())
    await world.clock.advance(end - began)

    expect(world.take()).toEqual(
      journalDown(
        deaths,
        () => 'shutdown',
        () => 'stopped',
      ).sort(),
    )
    expect(stop.error).toBeUndefined()
    expect(stop.at).toBe(end)
    expect(stop.value?.duration).toBe(end - began)
    expect(await world.halt()).toEqual({ busy: [], pending: 0 })
  })
})
