/** Waiting in another thread: asleep on the shared table, any number at once, and cancellable. */
import { defineService, Orchestrator } from 'keelson'
import type { WaitCondition } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { type Far, farThread, held, reaches, shared } from '../support/threads-far.js'

/** Begins a wait there and tells what came of it, as `<label> <state or code>`. */
function wait(far: Far, label: string, name: string, what?: WaitCondition, timeout?: number): Promise<void> {
  return far.run(
    ({ services, tell }, label, name, what, timeout) => {
      services.waitFor(name, what, timeout === undefined ? {} : { timeout }).then(
        ({ state }) => tell(`${label} ${state}`),
        ({ code }) => tell(`${label} ${code}`),
      )
    },
    label,
    name,
    what,
    timeout,
  )
}

describe('R41 waitFor()', () => {
  it('resolves at once with what holds already, also the settled ones', async () => {
    const app = new Orchestrator({
      services: [
        defineService('up', {}),
        defineService('ill', {
          check: () => 'unhealthy',
          healthCheck: { failureThreshold: 1, onUnhealthy: 'report' },
          essential: false,
        }),
        defineService('job', { run: () => {} }),
        defineService('remote', { remote: true }),
        defineService('down', { autoStart: false }),
      ],
    })
    shared(app)
    await app.start().catch(() => {})
    await reaches(app, 'job', 'stopped')
    const far = await farThread()
    const found = await far.run(async ({ services }) => {
      const all: string[] = []
      for (const name of services.names())
        for (const what of ['started', 'healthy', 'completed', 'running', 'connected', 'stopped', 'unknown'] as const)
          if (services.get(name)?.is(what)) all.push(`${name} ${what} ${(await services.waitFor(name, what)).state}`)
      all.push((await services.waitFor('up', ({ epoch }) => epoch === 1)).name)
      return all
    })
    expect(found).toEqual([
      'up started running',
      'up healthy running',
      'up running running',
      'ill started running',
      'ill running running',
      'job started stopped',
      'job completed stopped',
      'job stopped stopped',
      'remote started connected',
      'remote healthy connected',
      'remote connected connected',
      'down unknown unknown',
      'up',
    ])
  })

  it('R38 wakes when it holds, for a name that is not registered yet, and through a removal', async () => {
    const app = new Orchestrator()
    shared(app)
    const [one, two] = [await farThread(), await farThread()]
    for (const far of [one, two]) {
      await wait(far, 'started', 'store', 'started')
      await wait(far, 'starting', 'store', 'starting')
      await wait(far, 'failed', 'store', 'failed')
      await wait(far, 'default', 'store')
    }
    const first = held('store')
    await app.register(first.service)
    void app.startService('store').catch(() => {})
    await one.hears('starting starting')
    await two.hears('starting starting')
    first.go()
    await app.unregister('store')
    const second = held('store')
    await app.register(second.service)
    const start = app.startService('store').catch(() => {})
    await reaches(app, 'store', 'starting')
    expect(one.heard).toEqual(['starting starting'])
    second.fail(new Error('no'))
    await start
    for (const far of [one, two]) await far.hears('failed failed')
    await app.unregister('store')
    await app.register(defineService('store', {}))
    await app.startService('store')
    for (const far of [one, two]) {
      await far.hears('started running')
      await far.hears('default running')
    }
  })

  it('R44 thousands at once, on one service and on many; all settle, in every thread', async () => {
    const app = new Orchestrator()
    shared(app)
    const fars = [await farThread(), await farThread()]
    for (const far of fars)
      await far.run(({ services, tell }) => {
        const all = Array.from({ length: 3_000 }, (_, i) => services.waitFor(i % 3 === 0 ? 'store' : `s${i % 50}`))
        void Promise.all(all).then((views) => tell(new Set(views).size))
      })
    await app.start()
    await app.register(defineService('store', {}))
    for (let i = 0; i < 50; i++) await app.register(defineService(`s${i}`, {}))
    for (const far of fars) await far.hears(51)
  })

  it('R37 misses no change of state, however short: a function is asked at every wake, never twice wrongly', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    await far.run(({ services, tell }) => {
      void (async () => {
        let last = 0
        while (last < 300) last = (await services.waitFor('store', ({ epoch }) => epoch > last)).epoch
        tell(last)
      })()
    })
    await app.start()
    for (let i = 0; i < 299; i++) await app.restartService('store')
    await far.hears(300)
  })

  it('R34 its signal ends it with its own reason, and one that is aborted already at once', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    const found = await far.run(async ({ services }) => {
      const reason = new RangeError('mine')
      const controller = new AbortController()
      const waits = [services.waitFor('store', 'running', { signal: controller.signal })]
      waits.push(services.waitFor('store', 'running', { signal: AbortSignal.abort(reason) }))
      waits.push(services.waitFor('nobody', 'running', { signal: controller.signal }))
      controller.abort(reason)
      const ends = await Promise.allSettled(waits)
      return ends.map((end) => end.status === 'rejected' && end.reason === reason)
    })
    expect(found).toEqual([true, true, true])
  })

  it('R50 its timeout is DEPENDENCY_TIMEOUT, saying what it is instead; the others wait on', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    await wait(far, 'patient', 'store')
    await wait(far, 'for ever', 'store', 'healthy', Number.POSITIVE_INFINITY)
    await wait(far, 'for long', 'store', 'healthy', 2 ** 40)
    await wait(far, 'short', 'store', 'healthy', 0.5)
    await far.hears('short DEPENDENCY_TIMEOUT')
    const said = await far.run(async ({ services }) => {
      const all: string[] = []
      for (const name of ['store', 'nobody'])
        await services.waitFor(name, 'running', { timeout: 2 }).catch(({ message }) => all.push(message))
      await services.waitFor('store', () => false, { timeout: 2 }).catch(({ message }) => all.push(message))
      return all
    })
    expect(said).toEqual([
      "waitFor('store') - it is unknown, not running, after 2 ms; explain() says why",
      "waitFor('nobody') - it is not registered, not running, after 2 ms; explain() says why",
      "waitFor('store') - it is unknown, not what was asked for, after 2 ms; explain() says why",
    ])
    expect(far.heard).toEqual(['short DEPENDENCY_TIMEOUT'])
    await app.start()
    for (const label of ['patient', 'for ever', 'for long']) await far.hears(`${label} running`)
  })

  it('R51 refuses what cannot be waited for, a bad timeout, a bad signal and no options', async () => {
    shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread()
    const found = await far.run(async ({ services, codeOf }) => {
      const codes: string[] = []
      for (const timeout of [0, -1, Number.NaN, '5', null, {}])
        for (const wait of [services.waitFor, services.waitForSync] as ((...args: unknown[]) => unknown)[])
          codes.push(await codeOf(() => wait.call(services, 'store', 'running', { timeout })))
      for (const what of ['runing', 5, null, {}])
        for (const wait of [services.waitFor, services.waitForSync] as ((...args: unknown[]) => unknown)[])
          codes.push(await codeOf(() => wait.call(services, 'store', what)))
      for (const name of [undefined, null, 5, '', {}])
        for (const wait of [services.waitFor, services.waitForSync] as ((...args: unknown[]) => unknown)[])
          codes.push(await codeOf(() => wait.call(services, name)))
      codes.push(await codeOf(() => services.waitFor('store', 'running', { timout: 5 } as never)))
      codes.push(await codeOf(() => services.waitFor('store', (async () => true) as never)))
      codes.push(await codeOf(() => services.waitFor('store', 'running', { signal: {} as never })))
      codes.push(await codeOf(() => services.waitFor('store', 'running', null as never)))
      codes.push(await codeOf(() => services.waitForSync('store', 'running', 5 as never)))
      return [...new Set(codes)]
    })
    expect(found).toEqual(['CONFIG_INVALID'])
  })

  it('R39 a function that throws rejects its own wait alone', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    await wait(far, 'other', 'store')
    const thrown = await far.run(async ({ services, codeOf }) => [
      await codeOf(() =>
        services.waitFor('store', () => {
          throw new RangeError('now')
        }),
      ),
      await codeOf(() =>
        services.waitForSync('store', () => {
          throw new RangeError('now')
        }),
      ),
    ])
    expect(thrown).toEqual(['RangeError: now', 'RangeError: now'])
    await far.run(({ services, codeOf, tell }) => {
      void codeOf(() =>
        services.waitFor('store', ({ state }) => {
          if (state === 'running') throw new RangeError('later')
          return false
        }),
      ).then(tell)
    })
    await app.start()
    await far.hears('RangeError: later')
    await far.hears('other running')
  })

  it('what a function answers counts as a condition does: all that is not falsy holds', async () => {
    shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread()
    expect(
      await far.run(async ({ services }) => {
        const { name } = await services.waitFor('store', (({ name }: { name: string }) => name) as never)
        return [
          name,
          services.waitForSync('store', (() => 1) as never).name,
          services.get('store')?.is((() => 0) as never),
        ]
      }),
    ).toEqual(['store', 'store', false])
  })

  it('R46 thousands of waits and calls with one signal put one listener on it, and none when they are over', async () => {
    shared(new Orchestrator({ services: [defineService('store', {})] }))
    const far = await farThread()
    const found = await far.run(async ({ services }) => {
      const { getEventListeners } = process.getBuiltinModule('node:events')
      const { signal } = new AbortController()
      const ended = new AbortController()
      const calls = Array.from({ length: 50 }, () => services.startService('store', { signal }))
      const waits = Array.from({ length: 50 }, () => services.waitFor('store', 'running', { signal }))
      const dropped = Array.from({ length: 5_000 }, (_, i) =>
        services.waitFor(`no ${i}`, 'running', { signal: ended.signal }),
      )
      const events = services.events({ signal })
      const before = [signal, ended.signal].map((each) => getEventListeners(each, 'abort').length)
      ended.abort()
      const ends = await Promise.allSettled(dropped)
      await Promise.all([...calls, ...waits])
      await events.return?.()
      const after = [signal, ended.signal].map((each) => getEventListeners(each, 'abort').length)
      return [before, after, ends.every(({ status }) => status === 'rejected')]
    })
    expect(found).toEqual([[1, 1], [0, 0], true])
  })

  it('R50 all are CLOSED when the registry closes, and when this thread closes its side', async () => {
    const registry = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const [one, two] = [await farThread(), await farThread()]
    for (const far of [one, two]) {
      await wait(far, 'a', 'store')
      await wait(far, 'b', 'nobody')
    }
    await one.run(({ services }) => services.close())
    await one.hears('a CLOSED')
    await one.hears('b CLOSED')
    expect(two.heard).toEqual([])
    await registry.close()
    await two.hears('a CLOSED')
    await two.hears('b CLOSED')
  })
})
