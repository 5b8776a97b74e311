/** Every service of every stack is killed once, with the edges read in both ways: exactly its dependents go down and return. */
import { describe, expect, test } from 'vitest'
import {
  comeUp,
  crew,
  dependents,
  find,
  goDown,
  journalDown,
  journalUp,
  lastRest,
  loss,
  makespan,
} from '../support/corpus-oracle.js'
import { load, ordered } from '../support/corpus-stack.js'
import { World } from '../support/corpus-world.js'

describe.each(['keelson', 'compose'] as const)('edges read the way of %s', (reading) => {
  for (const stack of ordered.map((compose) => load(compose, reading))) {
    test(`R14 R15 R17 ${stack.name}: each service, killed, takes exactly its dependents down and back`, async () => {
      const world = new World(stack)
      await world.boot()
      for (const name of crew(stack).serving) await killAndReturn(world, name)
      expect(await world.halt()).toEqual({ busy: [], pending: 0 })
    })
  }
})

/** Kills a service of a stack that is up, and sees the whole stack up again. */
async function killAndReturn(world: World, name: string): Promise<void> {
  const { stack, clock, app } = world
  const began = clock.now()
  const never = find(stack, name).restart.policy === 'never'
  const follow = loss(new Set(crew(stack).serving))
  const taken = dependents(stack, name, follow)
  const deaths = goDown(stack, new Set([name, ...taken]), began, follow, name)
  const rests = (who: string) => (who !== name ? 'waiting' : never ? 'failed' : 'retrying')

  world.crash(name)
  await clock.advance(lastRest(deaths) - began)

  const reason = (who: string) => (who === name ? 'failed' : 'dependency')
  expect(world.take()).toEqual(journalDown(deaths, reason, rests).sort())
  expect(app.health().because[0]?.name).toBe(name)
  for (const who of taken) expect(app.explain(who).because.at(-1)?.name).toBe(name)

  let back = world.retryDue(name)
  if (never) {
    // Nobody comes back by himself, however long it takes.
    await clock.advance(5_000)
    expect(world.take()).toEqual([])
    back = clock.now()
    world.watch(app.startService(name))
  }
  const lives = comeUp(stack, new Set(deaths.keys()), () => back)
  await clock.advance(makespan(stack, lives) - clock.now())

  expect(world.take()).toEqual(journalUp(stack, lives, back, rests).sort())
}
