/** A service that lives in another thread: what it is there, and what it is in the application. */
import {
  type BaseService,
  defineService,
  type KeelsonError,
  type Logger,
  Orchestrator,
  type ServiceOptions,
} from 'keelson'
import { recordEvents } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { farThread, reaches, shared, until } from '../support/threads-far.js'

const states = (app: Orchestrator): string[] => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R2 R9 R38 a service in its own thread', () => {
  it('R38 tells its state, health, epoch and last error, and every change of them, as it would anywhere', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept, keelson, tell }) => {
      const service = puppet('thumbs', { restart: { policy: 'never' }, checks: true })
      kept.service = service
      let failed = (): void => {}
      kept.failed = new Promise<void>((resolve) => {
        failed = resolve
      })
      service.onStateChange(({ oldState, newState, health, epoch, error, reason }) => {
        tell([
          oldState,
          newState,
          health,
          epoch,
          reason,
          (error as { code?: string })?.code,
          service.state,
          keelson.isKeelsonError(error ?? service.lastError),
        ])
        if (newState === 'failed') failed()
      })
      service.onStateChange(() => {
        throw new Error('a listener that throws disturbs nobody')
      })
      await services.register(service)
    })
    const look = () =>
      far.run(({ kept }) => [kept.service.state, kept.service.health, kept.service.epoch, kept.service.lastError?.code])
    expect(await look()).toEqual(['unknown', 'unknown', 0, undefined])
    await app.start()
    expect(await look()).toEqual(['running', 'healthy', 1, undefined])
    await far.run(({ kept }) => kept.thumbs.context.fail(new Error('no')))
    await reaches(app, 'thumbs', 'failed')
    await far.run(({ kept }) => kept.failed)
    expect(await look()).toEqual(['failed', 'unknown', 1, 'CRASHED'])
    expect(far.heard.filter((what) => Array.isArray(what))).toEqual([
      ['unknown', 'starting', 'unknown', 1, null, null, expect.any(String), false].map((each) => each ?? undefined),
      ['starting', 'running', 'checking', 1, undefined, undefined, expect.any(String), false],
      ['running', 'running', 'healthy', 1, undefined, undefined, expect.any(String), false],
      ['running', 'stopping', 'unknown', 1, 'failed', 'CRASHED', expect.any(String), true],
      ['stopping', 'failed', 'unknown', 1, 'failed', 'CRASHED', 'failed', true],
    ])
    await app.unregister('thumbs')
    // What it told last stays readable.
    expect(await look()).toEqual(['failed', 'unknown', 1, 'CRASHED'])
  })

  it('R6 R8 its own start, stop and restart go to the application, from its hooks as well', async () => {
    const { app } = shared()
    const far = await farThread()
    const found = await far.run(async ({ services, puppet, codeOf }) => {
      const service = puppet('thumbs')
      await services.register(service)
      await service.start()
      const seen: string[] = [service.state]
      await service.restart()
      await service.stop()
      seen.push(service.state)
      const abort = new AbortController()
      abort.abort('before')
      seen.push(await codeOf(() => service.start({ signal: abort.signal })))
      return seen
    })
    expect(found).toEqual(['running', 'stopped', 'before'])
    expect(app.getServiceStatus('thumbs')).toMatchObject({ epoch: 2, stopReason: 'manual' })
    await far.run(async ({ services, keelson, tell }) => {
      const once = keelson.defineService('once', {
        start: async () => tell('up'),
        run: async () => void once.stop().then(() => tell('stopped itself')),
      })
      await services.register(once)
      await services.startService('once')
    })
    await far.hears('stopped itself')
    expect(app.getServiceStatus('once').state).toBe('stopped')
  })

  it('R2 ctx.log and ctx.status go to the application, with name and epoch; what cannot cross is left out', async () => {
    const lines: unknown[] = []
    const level = (name: string) => (message: string, fields?: object) => void lines.push([name, message, fields])
    const logger = { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') } as Logger
    const { app } = shared(new Orchestrator({ logger }))
    const record = recordEvents(app, { types: ['status'] })
    const far = await farThread()
    await far.run(async ({ services, keelson, tell }) => {
      const service = keelson.defineService('thumbs', {
        start: ({ log, status }) => {
          log.debug('one')
          log.info('two', { size: 2n, of: new Map([[1, new Error('in a map')]]) })
          log.warn('three', { error: new TypeError('why'), socket: () => {} })
          log.error('four', { error: new TypeError('why') })
          status('warm')
          status('hot', '99 %')
          status(5 as never)
        },
        stop: ({ log }) => log.info('bye'),
      }) as BaseService
      service.onStatusUpdate(({ name, text, detail }) => tell([name, text, detail ?? '']))
      await services.register(service)
      await services.startService('thumbs')
      await services.stopService('thumbs')
    })
    expect(lines.map((line) => (line as unknown[]).slice(0, 2))).toEqual([
      ['debug', 'one'],
      ['info', 'two'],
      ['warn', 'three'],
      ['error', 'four'],
      ['info', 'bye'],
    ])
    const [, , third, fourth] = lines as [string, string, { service: string; epoch: number; error?: unknown }][]
    expect(third?.[2]).toMatchObject({ service: 'thumbs', epoch: 1 })
    expect(fourth?.[2].error).toBeInstanceOf(TypeError)
    expect(record.lines().slice(0, 2)).toEqual(['status thumbs: warm', 'status thumbs: hot - 99 %'])
    expect(far.heard.slice(0, 2)).toEqual([
      ['thumbs', 'warm', ''],
      ['thumbs', 'hot', '99 %'],
    ])
  })

  it('R11 ctx.service() gives the object itself in its thread and a live view elsewhere, up when the start is entered', async () => {
    const { app } = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const [one, two] = [await farThread(), await farThread()]
    const said = (far: typeof one, name: string, dependsOn: string[], others: string[]) =>
      far.run(
        async ({ services, keelson, kept, tell }, name, dependsOn, others) => {
          kept[`${name} itself`] = keelson.defineService(name, {
            dependsOn,
            start: ({ service }) => {
              for (const other of others) {
                try {
                  const found = service(other) as unknown as { state: string; name: string }
                  tell(`${name} sees ${found.name} ${found.state} ${found === kept[`${other} itself`]}`)
                } catch (error) {
                  tell(`${name} ${(error as { code: string }).code}`)
                }
              }
            },
          })
          await services.register(kept[`${name} itself`])
        },
        name,
        dependsOn,
        others,
      )
    await said(one, 'thumbs', ['store'], ['store', 'nobody'])
    await said(one, 'pages', ['thumbs', 'store'], ['thumbs', 'store'])
    await said(two, 'site', ['pages', 'thumbs'], ['pages', 'thumbs', 'store'])
    await app.register(
      defineService('api', {
        dependsOn: ['site'],
        start: ({ service }) => expect(service('site').state).toBe('running'),
      }),
    )
    await app.start()
    await two.hears('site SERVICE_NOT_FOUND')
    expect(one.heard).toEqual([
      'thumbs sees store running false',
      'thumbs SERVICE_NOT_FOUND',
      'pages sees thumbs running true',
      'pages sees store running false',
    ])
    expect(two.heard).toEqual([
      'site sees pages running false',
      'site sees thumbs running false',
      'site SERVICE_NOT_FOUND',
    ])
    await app.stop()
    expect(states(app).every((state) => state.endsWith('stopped'))).toBe(true)
  })

  it('R50 hooks may give what cannot cross, and throw what cannot: nothing breaks', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, keelson }) => {
      await services.register(
        keelson.defineService('gives', {
          start: () => () => {},
          run: ({ signal }) =>
            new Promise((resolve) => signal.addEventListener('abort', () => resolve(Symbol('x') as never))),
          stop: () => new Proxy({}, {}),
          check: () => 'healthy',
        }),
      )
      await services.register(
        keelson.defineService('throws', {
          restart: { policy: 'never' },
          essential: false,
          start: () => {
            throw Object.assign(new Error('with a socket'), { socket: () => {} })
          },
        }),
      )
      await services.register(
        keelson.defineService('odd check', {
          check: (() => () => {}) as never,
          healthCheck: { failureThreshold: 1, onUnhealthy: 'report' },
          essential: false,
        }),
      )
    })
    await app.start()
    expect(app.getServiceStatus('gives')).toMatchObject({ state: 'running', health: 'healthy' })
    expect((app.getServiceStatus('throws').error as KeelsonError).cause).toMatchObject({ message: 'with a socket' })
    await until(app, () => app.getServiceStatus('odd check').health === 'unhealthy')
    await app.stop()
  })

  it('R50 its data is what it said after its last hook; data that cannot cross is an error that names the field', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, keelson, kept }) => {
      kept.data = { pages: 3 }
      await services.register(keelson.defineService('thumbs', { data: () => kept.data, check: () => true }))
      await services.startService('thumbs')
    })
    expect(app.getServiceStatus('thumbs').data).toEqual({ pages: 3 })
    const ask = () =>
      far.run(({ services }) =>
        services.getServiceStatus('thumbs').then(
          ({ data }) => data,
          ({ code, message }) => `${code} ${message}`,
        ),
      )
    expect(await ask()).toEqual({ pages: 3 })
    await far.run(({ services, kept }) => {
      kept.data = { pages: 4, server: { on: () => {} } }
      return services.restartService('thumbs')
    })
    expect(await ask()).toBe(
      "SERVICE_INVALID service 'thumbs' - data.server.on is a function, which cannot cross to another thread; give plain data",
    )
    expect(app.getServiceStatus('thumbs').data).toBeUndefined()
    await far.run(({ services, kept }) => {
      kept.data = { pages: 5 }
      return services.restartService('thumbs')
    })
    expect(await ask()).toEqual({ pages: 5 })
    await far.run(({ services, kept }) => {
      kept.data = {}
      return services.restartService('thumbs')
    })
    expect(app.getServiceStatus('thumbs').data).toBeUndefined()
  })

  it('R38 other threads are given its data as it is now; of a thread that does not answer, as it was last', async () => {
    const { app } = shared()
    const [far, other] = [await farThread(), await farThread()]
    await far.run(async ({ services, keelson, kept }) => {
      kept.data = { pages: 3 }
      await services.register(keelson.defineService('thumbs', { data: () => kept.data }))
      await services.startService('thumbs')
      kept.data = { pages: 4 }
    })
    const ask = () => other.run(({ services }) => services.getServiceStatus('thumbs').then(({ data }) => data))
    expect(await ask()).toEqual({ pages: 4 })
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const blocked = far.run(({ kept, tell }, gate) => {
      kept.data = { pages: 5 }
      tell('blocked')
      Atomics.wait(gate, 0, 0)
    }, gate)
    await far.hears('blocked')
    expect(await ask()).toEqual({ pages: 4 })
    Atomics.store(gate, 0, 1)
    Atomics.notify(gate, 0)
    await blocked
    expect(await ask()).toEqual({ pages: 5 })
    await far.run(({ kept }) => {
      kept.data = { on: () => {} }
    })
    expect(await other.run(({ services, codeOf }) => codeOf(() => services.getServiceStatus('thumbs')))).toBe(
      'SERVICE_INVALID',
    )
    expect(app.getServiceStatus('thumbs').state).toBe('running')
  })

  it('R51 what it declares holds: type, remote, essential, autoStart, delays and dependencies', async () => {
    const { app } = shared()
    const far = await farThread()
    const options: ServiceOptions = {
      type: 'cache',
      remote: true,
      essential: false,
      autoStart: false,
      dependsOn: ['store', { name: 'other', optional: true, onLoss: 'stop', condition: 'started' }],
      restart: { maxRetries: 3 },
      startDelay: 0,
    }
    await far.run(async ({ services, puppet }, options) => services.register(puppet('thumbs', options)), options)
    const here = new Orchestrator({ services: [defineService('thumbs', options)] })
    const mine = here.getServiceStatus('thumbs')
    const { since, ...theirs } = app.getServiceStatus('thumbs')
    expect({ ...theirs, since: mine.since }).toEqual(mine)
    expect(app.registry.get('thumbs')?.dependencies).toEqual(here.registry.get('thumbs')?.dependencies)
    expect(app.registry.getByType('cache').length).toBe(1)
  })

  it('R36 an orchestrator in a thread is a service of the application', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, keelson, kept }) => {
      kept.inner = new keelson.Orchestrator({ services: [keelson.defineService('part', { check: () => 'degraded' })] })
      await services.register(kept.inner.asService('inner', { dependsOn: [] }))
    })
    await app.start()
    expect(app.getServiceStatus('inner')).toMatchObject({ state: 'running', health: 'degraded' })
    expect(await far.run(({ kept }) => kept.inner.getServiceStatus('part').state)).toBe('running')
    await app.stop()
    expect(await far.run(({ kept }) => kept.inner.getServiceStatus('part').state)).toBe('stopped')
  })

  it('R36 an object that merely has the shape of a service can be registered there', async () => {
    const { app } = shared()
    const far = await farThread()
    await far.run(async ({ services, kept }) => {
      kept.listeners = new Set()
      kept.foreign = {
        name: 'foreign',
        type: 'foreign',
        dependencies: [],
        state: 'stopped',
        health: 'unknown',
        lastError: undefined,
        start: async () => {},
        stop: async () => {},
        restart: async () => {},
        onStateChange: (listener: unknown) => {
          kept.listeners.add(listener)
          return () => kept.listeners.delete(listener)
        },
        updateState: (state: string) => {
          kept.told = state
        },
      }
      await services.register(kept.foreign)
      await services.startService('foreign')
    })
    expect(app.getServiceStatus('foreign').state).toBe('running')
    await far.run(({ kept }) => {
      for (const listener of kept.listeners) listener({ newState: 'stopped', oldState: 'running', health: 'unknown' })
    })
    await reaches(app, 'foreign', 'stopped')
    expect(await far.run(({ kept }) => [kept.listeners.size])).toEqual([0])
  })
})
