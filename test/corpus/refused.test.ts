/** Stacks that cannot be run are refused with the right code, and nothing of them is started. */
import { expect, test } from 'vitest'
import { complete, corpus, load, missing } from '../support/corpus-stack.js'
import { World } from '../support/corpus-world.js'

const flagged = (...flags: string[]) => corpus.filter((compose) => flags.some((flag) => compose.flags?.includes(flag)))

for (const compose of flagged('cycle', 'self-dependency')) {
  const stack = load(complete(compose))

  test(`R10 ${stack.name} is refused as a whole`, () => {
    expect(() => new World(stack)).toThrow(
      // The shortest cycle, told from a name back to the same name.
      expect.objectContaining({ code: 'DEPENDENCY_CYCLE', message: expect.stringMatching(/(\S+) → (.+ → )?\1/) }),
    )
  })

  test(`R10 ${stack.name} loses only what closes the cycle, and cannot start without it`, async () => {
    const world = new World(stack, { register: false })
    const refused: { name: string; error: unknown }[] = []
    for (const service of world.services) {
      await world.app.register(service).catch((error: unknown) => refused.push({ name: service.name, error }))
    }
    expect(refused).toEqual([
      { name: expect.any(String), error: expect.objectContaining({ code: 'DEPENDENCY_CYCLE' }) },
    ])
    expect(world.app.registry.getAll()).toEqual(world.services.filter((service) => service.name !== refused[0]?.name))
    await expect(world.app.start()).rejects.toMatchObject({ code: 'DEPENDENCY_MISSING' })
    expect(await afterwards(world)).toEqual({ journal: [], moved: [], pending: 0 })
  })
}

for (const compose of flagged('missing-dependency')) {
  const gaps = [...missing(compose)]

  if (gaps.includes('')) {
    // An empty name is not missing but bad: no service can have it (R47).
    test(`R51 ${compose.name} waits for a service without a name, and cannot be built`, () => {
      expect(() => new World(load(compose))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    })
    continue
  }

  test(`R10 ${compose.name} is not started, and the error names what is missing`, async () => {
    const world = new World(load(compose))
    const error = await world.app.start().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'DEPENDENCY_MISSING' })
    expect(gaps.some((name) => String(error).includes(name))).toBe(true)
    expect(await afterwards(world)).toEqual({ journal: [], moved: [], pending: 0 })
  })
}

/** What is to be seen long after a refusal: which services ever moved, and what is still on the clock. */
async function afterwards(world: World): Promise<{ journal: string[]; moved: string[]; pending: number }> {
  await world.clock.advance(1_000_000)
  const moved = world.app.getAllServices().filter((status) => status.state !== 'unknown')
  return { journal: world.take(), moved: moved.map((status) => status.name), pending: world.clock.pending }
}
