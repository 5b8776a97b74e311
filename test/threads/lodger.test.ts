/** A service that lives in another thread: what it is there, what it is here, and what becomes of it when either is gone. */
import {
  type AnyEvent,
  defineService,
  type KeelsonError,
  type Logger,
  Orchestrator,
  type ServiceOptions,
} from 'keelson'
import { recordEvents } from 'keelson/testing'
import { shareRegistry } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { settled } from '../support/promises.js'
import { after, farThread, reaches, until } from '../support/threads-far.js'

function shared(app: Orchestrator = new Orchestrator()): Orchestrator {
  after(() => app[Symbol.asyncDispose]().catch(() => {}))
  shareRegistry(app)
  return app
}

const states = (app: Orchestrator): string[] => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R2 R9 R38 a service in its own thread', () => {
  it('R38 tells its state, health, epoch and last error, and every change of them, as it would anywhere', async () => {
    const app = shared()
    const far = await farThread()
    await far.run(async ({ services, puppet, kept, keelson, tell }) => {
      const service = puppet('thumbs', { restart: { policy: 'never' }, checks: true })
      kept.service = service
      service.onStateChange(({ oldState, newState, health, epoch, error, reason }) =>
        tell([
          oldState,
          newState,
          health,
          epoch,
          reason,
          (error as { code?: string })?.code,
          service.state,
          keelson.isKeelsonError(error ?? service.lastError),
        ]),
      )
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
    const app = shared()
    const far = await farThread()
    const found = await far.run(async ({ services, puppet, codeOf }) => {
      const service = puppet('thumbs')
      await services.register(service)
      await service.start()
      const seen = [service.state]
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
    const app = shared(new Orchestrator({ logger }))
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
      })
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
    const app = shared(new Orchestrator({ services: [defineService('store', {})] }))
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
    const app = shared()
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
    const app = shared()
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
  })

  it('R51 what it declares holds: type, remote, essential, autoStart, delays and dependencies', async () => {
    const app = shared()
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
    const app = shared()
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
    const app = shared()
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

describe('R47 R48 the registry from other threads', () => {
  it('R47 refuses what the owner would refuse, with nothing registered and nothing taken', async () => {
    const app = shared(new Orchestrator({ services: [defineService('store', {})] }))
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
    const app = shared()
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
    const app = shared()
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
    const app = shared()
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
    const app = shared()
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

describe('R14 R46 the end of its thread', () => {
  it.each(['terminate', 'exit', 'throw', 'out of memory'])(
    'loses what lived in it in that turn: dependents wait, and return when it is registered again (%s)',
    async (way) => {
      const app = shared(new Orchestrator({ services: [defineService('store', {})] }))
      const far = await farThread({ attach: {} }, { resourceLimits: { maxOldGenerationSizeMb: 24 } })
      await far.run(({ services, puppet }) => services.register(puppet('thumbs', { dependsOn: ['store'] })))
      await app.register(defineService('api', { dependsOn: ['thumbs'] }))
      await app.register(defineService('bystander', { dependsOn: ['store', { name: 'thumbs', optional: true }] }))
      await app.start()
      const events: AnyEvent[] = []
      for (const kind of ['state', 'unregistered'] as const) app.on(kind, (event) => void events.push(event))
      if (way === 'terminate') void far.terminate()
      else
        far.give(
          (_, way) => {
            if (way === 'exit') process.exit(1)
            setImmediate(() => {
              if (way === 'throw') throw new Error('dies')
              const hoard: unknown[] = []
              for (;;) hoard.push(new Array(1_000).fill(hoard.length))
            })
          },
          [],
          way,
        )
      await until(app, () => !app.registry.has('thumbs') && app.registry.get('api')?.state === 'waiting')
      expect(states(app)).toEqual(['store running', 'api waiting', 'bystander running'])
      expect(app.getServiceStatus('api').stopReason).toBe('dependency')
      expect(app.explain('api').text).toContain('thumbs')
      expect(events.map((event) => `${event.type} ${'name' in event && event.name}`)).toContain('unregistered thumbs')
      const young = await farThread()
      await young.run(({ services, puppet }) => services.register(puppet('thumbs', { dependsOn: ['store'] })))
      await reaches(app, 'api', 'running')
      await young.hears('thumbs start 1')
      expect(app.getServiceStatus('api').epoch).toBe(2)
      expect(app.getServiceStatus('bystander').epoch).toBe(1)
    },
  )

  it.each(['start', 'stop', 'check', 'dispose'] as const)(
    'in the middle of a hook settles the call that waits for it (%s)',
    async (hook) => {
      const app = shared()
      const far = await farThread()
      await far.run(async ({ services, keelson, tell }, hook) => {
        const hang = (what: string) => (): Promise<void> | undefined => {
          if (what !== hook) return undefined
          tell('now')
          return new Promise(() => {})
        }
        await services.register(
          keelson.defineService('thumbs', {
            start: (context) => {
              context.own(hang('dispose'))
              return hang('start')()
            },
            stop: hang('stop'),
            check: () => (hang('check')() ?? 'healthy') as Promise<'healthy'>,
          }),
        )
      }, hook)
      await app.register(defineService('api', { dependsOn: ['thumbs'] }))
      const calls = [settled(app.start({ onFailure: 'keep' }))]
      if (hook === 'stop' || hook === 'dispose') {
        await reaches(app, 'api', 'running')
        calls.push(settled(app.stopService('thumbs')))
      }
      await far.hears('now')
      await far.terminate()
      await until(app, () => !app.registry.has('thumbs') && calls.every(({ status }) => status !== 'pending'))
      expect(states(app)[0]).toMatch(/^api (waiting|stopped|unknown)$/)
      await app.stop()
    },
  )

  it('calls that it has in flight disturb nobody, and the table stays readable for the others', async () => {
    const app = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const [one, two] = [await farThread(), await farThread()]
    await one.run(({ services, puppet, kept }) => {
      for (let i = 0; i < 50; i++) void services.register(puppet(`s${i}`)).catch(() => {})
      void services.startService('store')
      kept.events = services.events()
      void kept.events.next()
    })
    await one.terminate()
    await until(app, () => app.getAllServices().length === 1)
    expect(await two.run(({ services }) => services.names())).toEqual(['store'])
    await two.run(({ services }) => services.restartService('store'))
    expect(await two.run(({ services }) => services.get('store')?.state)).toBe('running')
  })
})
