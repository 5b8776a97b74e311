/** How threads find one another, where others are about: other listeners, other copies of the library, owners that die. */
import { defineService, Orchestrator } from 'keelson'
import { attachRegistry, shareRegistry, type ThreadHandle } from 'keelson/threads'
import { describe, expect, it, vi } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { after, type Far, farThread, shared } from '../support/threads-far.js'

/** A registry that lives in a thread, and how to get there. */
async function owner(): Promise<{ far: Far; handle: ThreadHandle }> {
  const far = await farThread({})
  await far.run(({ threads, keelson, kept, port }) => {
    kept.app = new keelson.Orchestrator()
    kept.registry = threads.shareRegistry(kept.app)
    const handle = kept.registry.connect()
    port.postMessage({ what: handle }, [handle.port])
  })
  return { far, handle: far.heard[0] as ThreadHandle }
}

describe('R47 attachRegistry() on its way', () => {
  it('R50 an owner that dies before it has answered is CLOSED', async () => {
    const { far, handle } = await owner()
    far.give(({ tell }) => {
      tell('blocked')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    }, [])
    await far.hears('blocked')
    const attaching = codeOf(() => attachRegistry(handle))
    await far.terminate()
    expect(await attaching).toBe('CLOSED')
  })

  it('R50 a thread that was gone before is CLOSED', async () => {
    const { far, handle } = await owner()
    await far.terminate()
    expect(await codeOf(() => attachRegistry(handle))).toBe('CLOSED')
  })

  it('R51 a Node that cannot send to a thread is CONFIG_INVALID; the handle of the main thread serves there', async () => {
    const registry = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread({})
    const message = await far.run(async ({ threads }) => {
      Reflect.deleteProperty(process.getBuiltinModule('node:worker_threads'), 'postMessageToThread')
      process.getBuiltinModule('node:module').syncBuiltinESMExports()
      return threads.attachRegistry().catch(({ code, message }) => `${code} ${message}`)
    })
    expect(message).toMatch(/^CONFIG_INVALID attachRegistry\(\) - .* this Node has no postMessageToThread; use 20\.19/)
    const handle = registry.connect()
    far.give(
      async ({ threads, tell }, handle) => {
        tell((await threads.attachRegistry(handle)).names())
      },
      [handle.port],
      handle,
    )
    await far.hears(['store'])
  })

  it('R39 somebody else’s listener that throws is no matter', async () => {
    shared(new Orchestrator({ services: [defineService('store', {})] }))
    const foreign = (message: unknown): never => {
      throw new Error(`not mine: ${message}`)
    }
    process.on('workerMessage', foreign)
    after(() => process.off('workerMessage', foreign))
    const far = await farThread()
    expect(await far.run(({ services }) => services.getServiceStatus('store').then(({ name }) => name))).toBe('store')
  })

  it('R50 one that throws before anybody else is told is CONFIG_INVALID, with what Node says of it', async () => {
    shared(new Orchestrator())
    const foreign = (): never => {
      throw new Error('not mine')
    }
    process.prependListener('workerMessage', foreign)
    after(() => process.off('workerMessage', foreign))
    const far = await farThread({})
    const told = await far.run(({ threads }) =>
      threads.attachRegistry().catch(({ code, message, cause }) => `${code} ${message} ${cause.code}`),
    )
    expect(told).toMatch(/^CONFIG_INVALID .* a 'workerMessage' listener there throws.* ERR_WORKER_MESSAGING_ERRORED$/)
  })
})

describe('R47 several in one thread', () => {
  it('two copies of the library share under names of their own, and neither opens for the other', async () => {
    const one = new Orchestrator({ services: [defineService('one', {})] })
    const first = shared(one, 'first')
    vi.resetModules()
    const copy = { ...(await import('keelson')), ...(await import('keelson/threads')) }
    expect(copy.shareRegistry).not.toBe(shareRegistry)
    expect(await codeOf(() => copy.shareRegistry(new copy.Orchestrator(), { name: 'first' }))).toBe('SERVICE_DUPLICATE')
    const two = new copy.Orchestrator({ services: [copy.defineService('two', {})] })
    const second = copy.shareRegistry(two, { name: 'second' })
    after(() => two[Symbol.asyncDispose]())
    const far = await farThread({})
    const found = await far.run(async ({ threads }) => {
      const all: string[] = []
      for (const name of ['first', 'second']) {
        const services = await threads.attachRegistry({ name })
        for (const each of services.names()) all.push((await services.startService(each)).target as string)
      }
      return all
    })
    expect(found).toEqual(['one', 'two'])
    await second.close()
    const late = await farThread({ attach: { name: 'first' } })
    expect(await late.run(({ services }) => services.get('one')?.state)).toBe('running')
    await first.close()
    expect(process.listenerCount('workerMessage')).toBe(0)
  })

  it('a thread that shares under the name of what is shared with it gets that back when it closes its own', async () => {
    shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread({})
    const found = await far.run(async ({ threads, keelson, codeOf }) => {
      const own = threads.shareRegistry(new keelson.Orchestrator())
      const meanwhile = await codeOf(() => threads.attachRegistry())
      await own.close()
      return [meanwhile, (await threads.attachRegistry()).names()]
    })
    expect(found).toEqual(['SERVICE_IN_USE', ['store']])
  })
})
