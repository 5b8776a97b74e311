/** Every job of every stack dies in its first run: what needs it waits for a run that succeeds. */
import { expect, test } from 'vitest'
import { comeUp, crew, dependents, find, journalUp, type Life, makespan, wanted } from '../support/corpus-oracle.js'
import { load, ordered, type Stack } from '../support/corpus-stack.js'
import { World } from '../support/corpus-world.js'

for (const stack of ordered.map((compose) => load(compose))) {
  for (const job of crew(stack).jobs) {
    const title = `${stack.name}: the job ${job}, dying in its first run,`
    if (find(stack, job).restart.policy === 'never') {
      test(`R11 R29 ${title} holds exactly what requires it until somebody starts it`, () => holds(stack, job))
      test(`R29 ${title} rolls the start back, and nothing but the job has failed`, () => rollsBack(stack, job))
    } else {
      test(`R17 R29 ${title} delays what requires it, and fails no start`, () => delays(stack, job))
    }
    // One job of the corpus is also waited for as `started`: that edge does lose it.
    const edges = [...stack.services.values()].flatMap((service) => service.dependsOn)
    if (edges.some((edge) => edge.name === job && edge.condition !== 'completed')) continue
    test(`R14 ${stack.name}: the job ${job}, run again and killed, disturbs nobody`, () => disturbsNobody(stack, job))
  }
}

async function holds(stack: Stack, job: string): Promise<void> {
  const world = new World(stack)
  const began = world.clock.now()
  const names = wanted(stack)
  const held = dependents(stack, job, (from, edge) => !edge.optional && names.has(from.name))
  const death = fatal(stack, job, began)
  const lives = comeUp(stack, names, () => began, [[job, death]])

  world.doom(job)
  const start = world.watch(world.app.start({ onFailure: 'keep' }))
  await world.clock.advance(makespan(stack, lives) - began)

  expect(world.take()).toEqual(journalUp(stack, lives, began, () => 'unknown').sort())
  expect(start).toMatchObject({ at: death.rest, error: { code: 'START_INCOMPLETE' } })
  const waiting = world.app.getAllServices().filter((status) => status.state === 'waiting')
  expect(new Set(waiting.map((status) => status.name))).toEqual(held)
  for (const name of held) expect(world.app.explain(name).because.at(-1)?.name).toBe(job)

  const back = world.clock.now()
  const rest = comeUp(stack, new Set([job, ...held]), () => back)
  const revival = world.watch(world.app.startService(job))
  await world.clock.advance(makespan(stack, rest) - back)

  const from = (name: string) => (name === job ? 'failed' : 'waiting')
  expect(world.take()).toEqual(journalUp(stack, rest, back, from).sort())
  expect(revival).toMatchObject({ at: rest.get(job)?.healthy, value: { outcome: 'done' } })
  expect(await world.halt()).toEqual({ busy: [], pending: 0 })
}

async function rollsBack(stack: Stack, job: string): Promise<void> {
  const world = new World(stack)
  const began = world.clock.now()

  world.doom(job)
  const start = world.watch(world.app.start())
  await world.clock.advance(fatal(stack, job, began).rest + 30_000)

  expect(start.error).toMatchObject({ code: 'START_INCOMPLETE' })
  const left = world.app.getAllServices().filter((status) => !['stopped', 'unknown'].includes(status.state))
  expect(left.map((status) => `${status.name} is ${status.state}`)).toEqual([`${job} is failed`])
  expect(world.clock.pending).toBe(0)
}

async function delays(stack: Stack, job: string): Promise<void> {
  const world = new World(stack)
  const began = world.clock.now()
  const death = fatal(stack, job, began)

  world.doom(job)
  const start = world.watch(world.app.start())
  await world.clock.advance(death.rest - began)

  const back = world.retryDue(job)
  const second = comeUp(stack, new Set([job]), () => back)
  const lives = comeUp(stack, wanted(stack), () => began, second)
  await world.clock.advance(makespan(stack, lives) - world.clock.now())

  const others = new Map([...lives].filter(([name]) => name !== job))
  const journal = [
    ...journalUp(stack, others, began, () => 'unknown'),
    ...journalUp(stack, new Map([[job, death]]), began, () => 'unknown'),
    ...journalUp(stack, second, back, () => 'retrying'),
  ]
  expect(world.take()).toEqual(journal.sort())
  expect(start).toMatchObject({ at: makespan(stack, lives), value: { outcome: 'done' } })
  expect(await world.halt()).toEqual({ busy: [], pending: 0 })
}

async function disturbsNobody(stack: Stack, job: string): Promise<void> {
  const world = new World(stack)
  await world.boot()
  const began = world.clock.now()
  const life = fatal(stack, job, began, new Set([job]))

  world.doom(job)
  const restart = world.watch(world.app.restartService(job))
  await world.clock.advance(life.rest - began)

  expect(world.take()).toEqual(journalUp(stack, new Map([[job, life]]), began, () => 'stopped').sort())
  expect(restart).toMatchObject({ at: life.active, value: { outcome: 'done' } })
  expect(await world.halt()).toEqual({ busy: [], pending: 0 })
}

/** The life of a job that dies in its run, when these services come up. */
function fatal(stack: Stack, job: string, began: number, names: ReadonlySet<string> = wanted(stack)): Life {
  const life = comeUp(stack, names, () => began).get(job)
  if (!life) throw new Error(`${stack.name} does not start ${job}`)
  return { ...life, died: find(stack, job).restart.policy === 'never' ? 'failed' : 'retrying' }
}
