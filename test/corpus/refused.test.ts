/** Stacks that cannot be run are refused with the right code, and nothing of them is started. */
import { describe, expect, test } from 'vitest'
import { complete, corpus, load, missing } from '../support/corpus-stack.js'
import { World } from '../support/corpus-world.js'

const flagged = (...flags: string[]) => corpus.filter((compose) => flags.some((flag) => compose.flags?.includes(flag)))

describe('a stack that cannot be ordered', () => {
  const cyclic = flagged('cycle', 'self-dependency')

  test.each(cyclic)('R10 $name is refused as a whole', (compose) => {
    expect(() => new World(load(complete(compose)))).toThrow(
      // The shortest cycle, told from a name back to the same name.
      expect.objectContaining({ code: 'DEPENDENCY_CYCLE', message: expect.stringMatching(/(\S+) → (.+ → )?\1/) }),
    )
  })

  test.each(cyclic)('R10 $name loses only what closes the cycle, and cannot start without it', async (compose) => {
    const world = new World(load(complete(compose)), { register: false })
    const refused: { name: string; error: unknown }[] = []
    for (const service of world.services) {
      await world.app.register(service).catch((error: unknown) => refused.push({ name: service.name, error }))
    }
    expect(refused).toEqual([
      { name: expect.any(String), error: expect.objectContaining({ code: 'DEPENDENCY_CYCLE' }) },
    ])
    expect(world.app.registry.getAll()).toEqual(world.services.filter((service) => service.name !== refused[0]?.name))
    await expect(world.app.start()).rejects.toMatchObject({ code: 'DEPENDENCY_MISSING' })
    expect(await atRest(world)).toEqual({ journal: [], started: [], pending: 0 })
  })
})

describe('a stack that misses a service', () => {
  const incomplete = flagged('missing-dependency')
  const nameless = (compose: { name: string }) => compose.name === 'laradock'

  test.each(incomplete.filter((compose) => !nameless(compose)))(
    'R10 $name is not started, and the error names what is missing',
    async (compose) => {
      const world = new World(load(compose))
      const error = await world.app.start().catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'DEPENDENCY_MISSING' })
      expect([...missing(compose)].some((name) => String(error).includes(name))).toBe(true)
      expect(await atRest(world)).toEqual({ journal: [], started: [], pending: 0 })
    },
  )

  test.each(incomplete.filter(nameless))('R51 $name waits for nobody in particular, and cannot be built', (compose) => {
    expect(missing(compose)).toEqual(new Set(['']))
    expect(() => new World(load(compose))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })
})

async function atRest(world: World): Promise<{ journal: string[]; started: string[]; pending: number }> {
  await world.clock.advance(1_000_000)
  const started = world.app.getAllServices().filter((status) => status.state !== 'unknown')
  return { journal: world.take(), started: started.map((status) => status.name), pending: world.clock.pending }
}
