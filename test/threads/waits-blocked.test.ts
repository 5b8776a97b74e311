/** Waiting that blocks its thread, and whoever waits for an owner that dies. */
import { defineService, Orchestrator } from 'keelson'
import { attachRegistry } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { after, type Far, farThread, farUrl, held, shared } from '../support/threads-far.js'

describe('R41 waitForSync()', () => {
  it('blocks until it holds, also for a name that is not there yet', async () => {
    const app = new Orchestrator()
    shared(app)
    const far = await farThread()
    const first = held('store')
    const blocked = far.run(({ services, tell }) => {
      const { state } = services.waitForSync('store', 'starting')
      tell('it starts')
      return [state, services.waitForSync('store').state, services.waitForSync('job', 'completed').state]
    })
    await app.register(first.service)
    void app.startService('store')
    await far.hears('it starts')
    first.go()
    await app.register(defineService('job', { run: () => {} }))
    await app.startService('job')
    expect(await blocked).toEqual(['starting', 'running', 'stopped'])
  })

  it('R50 ends by its timeout, also while the service keeps changing', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    let over = false
    const blocked = far.run(({ services, codeOf }) =>
      codeOf(() => services.waitForSync('store', 'failed', { timeout: 150 })),
    )
    void blocked.then(() => {
      over = true
    })
    // No change is further from the next than the turn of a loop: it never sleeps long enough to count.
    while (!over) {
      await app.restartService('store')
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await blocked).toBe('DEPENDENCY_TIMEOUT')
  })

  it('R51 is refused in the main thread of a process', async () => {
    const owner = await farThread({})
    const handle = owner.run(async ({ threads, keelson, kept, port }) => {
      kept.app = new keelson.Orchestrator({ services: [keelson.defineService('store', {})] })
      const handle = threads.shareRegistry(kept.app, { name: 'far' }).connect()
      port.postMessage({ what: handle }, [handle.port])
      await kept.app.start()
    })
    await handle
    const [given] = owner.heard as Parameters<typeof attachRegistry>
    const registry = await attachRegistry(given)
    after(() => registry.close())
    expect((await registry.waitFor('store')).state).toBe('running')
    expect(() => registry.waitForSync('store')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('main thread') }),
    )
  })

  it('R50 is CLOSED when the registry closes meanwhile', async () => {
    const registry = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread()
    const codes = far.run(async ({ services, codeOf, tell }) => {
      tell('now')
      return [await codeOf(() => services.waitForSync('store')), await codeOf(() => services.waitForSync('nobody'))]
    })
    await far.hears('now')
    await registry.close()
    expect(await codes).toEqual(['CLOSED', 'CLOSED'])
  })
})

describe('R46 R50 an owner that lives in a thread, and dies there', () => {
  /** An owner in a thread, and a thread of it that is attached. */
  async function family(): Promise<{ owner: Far; child: Far }> {
    const owner = await farThread({})
    const child = await farThread({})
    await owner.run(async ({ threads, keelson, kept, port }) => {
      kept.app = new keelson.Orchestrator({ services: [keelson.defineService('store', {})] })
      kept.registry = threads.shareRegistry(kept.app, { name: 'far' })
      const handle = kept.registry.connect()
      port.postMessage({ what: handle }, [handle.port])
    })
    const [handle] = owner.heard as [{ port: object }]
    child.give(
      async (there, handle) => {
        Object.assign(there, { services: await there.threads.attachRegistry(handle as never) })
        there.tell('attached')
      },
      [handle.port],
      handle,
    )
    await child.hears('attached')
    return { owner, child }
  }

  it.each(['terminate', 'exit', 'throw'])('every wait, call and iteration is CLOSED (%s)', async (way) => {
    const { owner, child } = await family()
    await child.run(({ services, codeOf, tell, keelson }) => {
      const say = (label: string, act: () => unknown): void => void codeOf(act).then((code) => tell(`${label} ${code}`))
      say('wait', () => services.waitFor('store', 'failed'))
      say('absent', () => services.waitFor('nobody'))
      say('events', async () => {
        for await (const event of services.events()) void event
      })
      say('call', async () => {
        await services.register(
          keelson.defineService('slow', {
            start: ({ signal }) => {
              tell('started')
              signal.addEventListener('abort', () => tell('aborted'))
              return new Promise(() => {})
            },
            stop: ({ reason }) => tell(`stopped ${reason}`),
          }),
        )
        await services.startService('slow')
      })
    })
    await child.hears('started')
    if (way === 'terminate') await owner.terminate()
    else
      owner.give(
        (_, way) => {
          if (way === 'exit') process.exit(0)
          setImmediate(() => {
            throw new Error('dies')
          })
        },
        [],
        way,
      )
    for (const label of ['wait', 'absent', 'events', 'call']) await child.hears(`${label} CLOSED`)
    // What lived there is ended there: nobody else could.
    await child.hears('aborted')
    await child.hears('stopped removed')
    expect(await child.run(({ services, codeOf }) => codeOf(() => services.get('store')))).toBe('CLOSED')
  })

  it('a thread that is blocked in waitForSync() is CLOSED, too', async () => {
    const { owner, child } = await family()
    const blocked = child.run(({ services, codeOf, tell }) => {
      tell('now')
      return codeOf(() => services.waitForSync('store'))
    })
    await child.hears('now')
    await owner.terminate()
    expect(await blocked).toBe('CLOSED')
    expect(await child.run(({ services, codeOf }) => codeOf(() => services.waitForSync('store')))).toBe('CLOSED')
  })

  it('the guard of a blocked thread ends with what it guarded: attached again and again, no thread is left', async () => {
    const { owner, child } = await family()
    await owner.run(({ kept }) => kept.app.start())
    const left = await child.run(async ({ services }) => {
      services.waitForSync('store')
      services.waitForSync('store', 'running')
      await services.close()
      return process.getActiveResourcesInfo().filter((kind) => kind === 'Worker').length
    })
    expect(left).toBe(0)
    expect(farUrl().protocol).toBe('file:')
  })
})
