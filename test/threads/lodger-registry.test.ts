/** Registering, removing and replacing services that live in other threads. */
import { defineService, Orchestrator } from 'keelson'
import { shareRegistry } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { settled } from '../support/promises.js'
import { after, farThread, reaches, shared, until } from '../support/threads-far.js'

const states = (app: Orchestrator): string[] => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R47 R48 the registry from other threads', () => {
  it('R47 refuses what the owner would refuse, with nothing registered and nothing taken', async () => {
    const { app } = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const [one, two] = [await farThread(), await farThread()]
    const codes = await one.run(async ({ services, keelson, codeOf, kept }) => {
      const { defineService } = keelson
      kept.thumbs = defineService('thumbs', {})
      const alone = defineService('alone', {})
      await alone.start()
      const elsewhere = defineService('elsewhere', {})
      kept.other = new keelson.Orchestrator({ services: [elsewhere] })
      const duplicate = defineService('store', {})
      const codes = [
        await codeOf(() => services.register(undefined as never)),
        await codeOf(() => services.register({ name: 'x' } as never)),
        await codeOf(() => services.register(alone)),
        await codeOf(() => services.register(elsewhere)),
        await codeOf(() => services.register(duplicate)),
        await codeOf(() => services.register(defineService('round', { dependsOn: ['thumbs'] }))),
        await codeOf(() => services.register(kept.thumbs)),
        await codeOf(() => services.register(kept.thumbs)),
        await codeOf(() => kept.other.register(kept.thumbs)),
        // What was refused is free.
        await codeOf(() => kept.other.register(duplicate)),
      ]
      await alone.stop()
      codes.push(await codeOf(() => services.register(alone)))
      return codes
    })
    expect(codes).toEqual([
      'SERVICE_INVALID',
      'SERVICE_INVALID',
      'SERVICE_IN_USE',
      'SERVICE_IN_USE',
      'SERVICE_DUPLICATE',
      'nothing was thrown',
      'nothing was thrown',
      'SERVICE_IN_USE',
      'SERVICE_IN_USE',
      'nothing was thrown',
      'nothing was thrown',
    ])
    expect(states(app)).toEqual(['store unknown', 'round unknown', 'thumbs unknown', 'alone unknown'])
    const cycle = await two.run(({ services, keelson, codeOf }) =>
      codeOf(() => services.register(keelson.defineService('thumbs', {}))),
    )
    expect(cycle).toBe('SERVICE_DUPLICATE')
  })

  it('R48 one that is removed in the turn that registers it is registered all the same, and gone', async () => {
    const { app } = shared()
    const far = await farThread()
    const real = app.registry.register.bind(app.registry)
    const calls: Promise<void>[] = []
    app.registry.register = (service) => {
      real(service)
      calls.push(app.unregister(service.name))
    }
    const code = await far.run(async ({ services, puppet, codeOf }) =>
      codeOf(() => services.register(puppet('thumbs'))),
    )
    await Promise.all(calls)
    expect([code, await far.run(async ({ services }) => services.has('thumbs'))]).toEqual(['nothing was thrown', false])
  })

  it('R10 a cycle across threads is refused, naming it', async () => {
    shared(new Orchestrator({ services: [defineService('store', { dependsOn: ['api'] })] }))
    const far = await farThread()
    const said = await far.run(async ({ services, keelson }) => {
      await services.register(keelson.defineService('thumbs', { dependsOn: ['store'] }))
      return services
        .register(keelson.defineService('api', { dependsOn: ['thumbs'] }))
        .catch(({ code, message }) => `${code} ${message}`)
    })
    expect(said).toMatch(
      /^DEPENDENCY_CYCLE .*api → thumbs → store → api|^DEPENDENCY_CYCLE .*store → api → thumbs → store/,
    )
  })

  it('R48 any thread unregisters any service: stopped there first, then free to be registered again, anywhere', async () => {
    const { app } = shared()
    const [one, two] = [await farThread(), await farThread()]
    await one.run(async ({ services, puppet, kept }) => {
      kept.service = puppet('thumbs', { owns: ['memory'] })
      await services.register(kept.service)
    })
    await app.start()
    await two.run(({ services }) => services.unregister('thumbs'))
    await one.hears('thumbs disposes of memory')
    expect(one.heard).toEqual(['thumbs start 1', 'thumbs stop 1 removed', 'thumbs disposes of memory'])
    expect(await two.run(({ services }) => services.has('thumbs'))).toBe(false)
    await one.run(({ services, kept }) => services.register(kept.service))
    await reaches(app, 'thumbs', 'running')
    await app.unregister('thumbs')
    // Now it lives alone, in its own thread.
    const alone = await one.run(async ({ kept }) => {
      await kept.service.start()
      const { state } = kept.service
      await kept.service.stop()
      return state
    })
    expect(alone).toBe('running')
  })

  it('R48 R14 close() of a thread stops and removes what it registered; who requires it waits', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept }) => {
      kept.service = puppet('thumbs', { owns: ['memory'] })
      await services.register(kept.service)
    })
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await app.start()
    await far.run(({ services }) => services.close())
    await far.hears('thumbs disposes of memory')
    expect(far.heard).toEqual(['thumbs start 1', 'thumbs stop 1 removed', 'thumbs disposes of memory'])
    expect(states(app)).toEqual(['api waiting'])
    await app.register(await defineService('thumbs', {}))
    await reaches(app, 'api', 'running')
    // The other one is its own again.
    expect(await far.run(({ kept }) => kept.service.start().then(() => kept.service.state))).toBe('running')
  })

  it('R48 close() of a thread leaves alone what has taken the name of its own, also before it has heard of it', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(({ services, puppet }) => services.register(puppet('thumbs')))
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const closing = far.run(({ services, tell }, gate) => {
      tell('blocked')
      Atomics.wait(gate, 0, 0)
      return services.close()
    }, gate)
    await far.hears('blocked')
    await app.unregister('thumbs')
    await app.register(defineService('thumbs', {}))
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
    await closing
    expect(app.registry.has('thumbs')).toBe(true)
  })

  it('R3 R46 what a hook takes after its service was removed is disposed of at once', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept }) => {
      await services.register(puppet('thumbs', { owns: ['memory'], stopTimeout: 20, abortGrace: 5 }))
      await services.startService('thumbs')
      kept.own = (what: string, say: (what: string) => void) => kept.thumbs.context.own(() => say(`${what} is gone`))
    })
    const gate = new Int32Array(new SharedArrayBuffer(4))
    far.give(
      ({ kept, tell }, gate) => {
        tell('blocked')
        Atomics.wait(gate, 0, 0)
        kept.own('one that nobody hears of', tell)
      },
      [],
      gate,
    )
    await far.hears('blocked')
    await app.unregister('thumbs', { force: true }).catch(() => {})
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
    await far.hears('one that nobody hears of is gone')
    await far.run(({ kept, tell }) => void kept.own('a late one', tell))
    await far.hears('a late one is gone')
  })

  it('R48 closing the shared registry stops and removes what lives elsewhere, and nothing that took its name', async () => {
    const app = new Orchestrator()
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const registry = shareRegistry(app)
    const far = await farThread()
    await far.run(async ({ services, puppet }) => {
      await services.register(puppet('thumbs'))
      await services.register(puppet('pages'))
    })
    await app.start()
    await app.unregister('thumbs')
    await app.register(defineService('thumbs', {}))
    await reaches(app, 'thumbs', 'running')
    await registry.close()
    expect(states(app)).toEqual(['thumbs running'])
    expect(app.getServiceStatus('thumbs').epoch).toBe(1)
    await far.hears('pages stop 1 removed')
  })

  it('R49 one that is replaced is let go; one whose replacement failed goes on', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept }) => {
      kept.service = puppet('thumbs')
      await services.register(kept.service)
      await services.startService('thumbs')
    })
    const bad = defineService('thumbs', {
      start: () => {
        throw new Error('no')
      },
    })
    expect(await codeOf(() => app.replace(bad))).toBe('START_INCOMPLETE')
    await reaches(app, 'thumbs', 'running')
    await far.hears('thumbs start 3')
    expect(far.heard).toEqual(['thumbs start 1', 'thumbs stop 1 replaced', 'thumbs start 3'])
    await app.replace(defineService('thumbs', {}))
    await far.hears('thumbs stop 3 replaced')
    await far.run(({ services, kept, puppet }) => {
      kept.other = puppet('other')
      return services.register(kept.other)
    })
    const alone = await far.run(async ({ kept }) => {
      const before = kept.service.state
      await kept.service.start()
      return [before, kept.service.state]
    })
    expect(alone).toEqual(['stopped', 'running'])
    await far.terminate()
    await until(app, () => !app.registry.has('other'))
    expect(states(app)).toEqual(['thumbs running'])
  })

  it('R32 an abandoned hook holds its service up when it is registered again', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept }) => {
      kept.service = puppet('thumbs', {
        startTimeout: 20,
        abortGrace: 5,
        stopTimeout: 40,
        restart: { policy: 'never' },
      })
      kept.thumbs.start = 'deaf'
      await services.register(kept.service)
    })
    await app.startService('thumbs').catch(() => {})
    await app.unregister('thumbs').catch(() => {})
    await far.run(({ services, kept }) => {
      kept.thumbs.start = 'well'
      return services.register(kept.service)
    })
    const start = settled(app.startService('thumbs'))
    await until(app, () => start.status !== 'pending' || app.getServiceStatus('thumbs').state !== 'unknown')
    expect(far.heard.filter((what) => what === 'thumbs start 2' || what === 'thumbs start 1').length).toBe(1)
    await far.run(({ kept }) => kept.thumbs.release())
    await app.startService('thumbs').catch(() => {})
    await reaches(app, 'thumbs', 'running')
  })
})
