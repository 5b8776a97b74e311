import { defineService, Orchestrator } from 'keelson'
import { type AttachedRegistry, attachRegistry, type ThreadHandle } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { type Far, farThread, shared } from '../support/threads-far.js'

/** Gives a handle to a thread, changed there before it is used; what came of it is told. */
function giveHandle(far: Far, handle: ThreadHandle, change: object = {}): void {
  far.give(
    async (there, handle, change) => {
      const { threads, tell, keelson } = there
      const { make, ...rest } = change as { make?: number }
      if (make !== undefined) {
        const other = new SharedArrayBuffer(1024)
        new Int32Array(other).set(new Int32Array(handle.table, 0, 256))
        new Int32Array(other)[1] = make
        Object.assign(rest, { table: other })
      }
      try {
        Object.assign(there, { services: await threads.attachRegistry({ ...handle, ...rest }) })
        tell('attached')
      } catch (error) {
        tell(keelson.isKeelsonError(error) ? `${error.code}: ${error.message}` : `${error}`)
      }
      tell('done')
    },
    [handle.port],
    handle,
    change,
  )
}

describe('R47 attachRegistry()', () => {
  it('takes an explicit handle in a thread that was there before', async () => {
    const far = await farThread({})
    const app = new Orchestrator({ services: [defineService('store', {})] })
    giveHandle(far, shared(app).connect())
    await far.hears('attached')
    await far.run(({ services }) => services.startService('store'))
    expect(app.getServiceStatus('store').state).toBe('running')
  })

  it('refuses a handle of another process, of another version, and one that is not whole, each saying so', async () => {
    const app = new Orchestrator()
    const registry = shared(app)
    const far = await farThread({})
    const said: string[] = []
    for (const change of [{ pid: 1 }, { make: 77 }, { table: undefined }, { table: {} }, { port: 'none' }]) {
      giveHandle(far, registry.connect(), change)
      await far.hears('done', said.length + 1)
      said.push(far.heard.at(-2) as string)
    }
    expect(said).toEqual([
      expect.stringMatching(
        /^CONFIG_INVALID: attachRegistry\(\) - the handle of 'default' is of process 1, this is \d+/,
      ),
      expect.stringContaining('make 77'),
      expect.stringContaining('has no table'),
      expect.stringContaining('has no table'),
      expect.stringContaining('has no port'),
    ])
  })

  it('refuses what is neither options nor a handle, and a name that nobody shares, naming those that are', async () => {
    shared(new Orchestrator(), 'blue')
    const far = await farThread({})
    const found = await far.run(async ({ threads }) => {
      const messages: string[] = []
      for (const to of [null, 'blue', 5, { name: 'red' }, { name: 5 }, { nme: 'blue' }])
        await threads.attachRegistry(to as never).catch(({ code, message }) => messages.push(`${code} ${message}`))
      return messages
    })
    expect(found).toEqual([
      'CONFIG_INVALID attachRegistry() - takes { name } or a handle, not null',
      'CONFIG_INVALID attachRegistry() - takes { name } or a handle, not blue',
      'CONFIG_INVALID attachRegistry() - takes { name } or a handle, not 5',
      expect.stringMatching(/^CONFIG_INVALID .* no registry 'red' is shared with this thread, only 'blue'; /),
      expect.stringMatching(/^CONFIG_INVALID .* no registry '5' /),
      'CONFIG_INVALID attachRegistry(): nme is no option; known are name',
    ])
  })

  it('R47 refuses the owner’s own thread, by name and by handle', async () => {
    const registry = shared(new Orchestrator())
    expect(await codeOf(() => attachRegistry())).toBe('SERVICE_IN_USE')
    expect(await codeOf(() => attachRegistry(registry.connect()))).toBe('SERVICE_IN_USE')
  })

  it('R47 refuses a second time in one thread, one after the other or at once, until the first is closed', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    const registry = shared(app)
    const far = await farThread({})
    const found = await far.run(async (there) => {
      const { threads, codeOf, kept } = there
      const both = [threads.attachRegistry(), threads.attachRegistry()]
      const codes = await Promise.all(both.map((one) => codeOf(() => one)))
      kept.first = await Promise.any(both)
      codes.push(await codeOf(() => threads.attachRegistry()))
      return codes.sort()
    })
    expect(found).toEqual(['SERVICE_IN_USE', 'SERVICE_IN_USE', 'nothing was thrown'])
    giveHandle(far, registry.connect())
    await far.hears(
      "SERVICE_IN_USE: attachRegistry() - the registry 'default' is attached to this thread already; use that, or close it first",
    )
    const again = await far.run(async ({ threads, kept }) => {
      await kept.first.close()
      const second = await threads.attachRegistry()
      await second.startService('store')
      return second.get('store')?.state
    })
    expect(again).toBe('running')
  })

  it('R50 a handle serves once: used again after close() it is CLOSED, and nothing hangs', async () => {
    const registry = shared(new Orchestrator())
    const far = await farThread({})
    const handle = registry.connect()
    far.give(
      async ({ threads, codeOf, tell }, handle) => {
        const first = await threads.attachRegistry(handle)
        await first.close()
        tell(await codeOf(async () => (await threads.attachRegistry(handle)).health()))
      },
      [handle.port],
      handle,
    )
    await far.hears('CLOSED')
  })

  it('R50 a handle whose registry is closed, before or after it arrives, is CLOSED', async () => {
    const app = new Orchestrator()
    const registry = shared(app)
    const far = await farThread({})
    const [early, late] = [registry.connect(), registry.connect()]
    giveHandle(far, early)
    await far.hears('attached')
    await registry.close()
    giveHandle(far, late)
    await far.hears(
      'CLOSED: the shared registry - is closed, or the thread at its other end is gone; attach to another one',
    )
    expect(await far.run(({ services, codeOf }) => codeOf(() => services.health()))).toBe('CLOSED')
  })

  it('R50 after close() every use of it is CLOSED, and closing again is nothing', async () => {
    shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread()
    const codes = await far.run(async ({ services, keelson, codeOf }) => {
      const view = services.get('store')
      await services.close()
      await services.close()
      await services[Symbol.asyncDispose]()
      const uses: ((on: AttachedRegistry) => unknown)[] = [
        (on) => on.get('store'),
        (on) => on.has('store'),
        (on) => on.names(),
        (on) => on.size,
        (on) => on.waitFor('store'),
        (on) => on.waitForSync('store'),
        (on) => on.startService('store'),
        (on) => on.stopService('store'),
        (on) => on.restartService('store'),
        (on) => on.register(keelson.defineService('mine', {})),
        (on) => on.unregister('store'),
        (on) => on.explain('store'),
        (on) => on.getServiceStatus('store'),
        (on) => on.health(),
        (on) => on.graph(),
        (on) => on.events(),
      ]
      const codes = []
      for (const use of uses) codes.push(await codeOf(() => use(services)))
      return [new Set(codes).size, codes[0], view?.state]
    })
    expect(codes).toEqual([1, 'CLOSED', 'unknown'])
  })
})
