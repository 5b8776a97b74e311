/** What the calls of another thread give: the same results and the same errors as in the owner's thread. */
import { Socket } from 'node:net'
import { defineService, KeelsonError, type OperationReport, Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { type Listed, list, pack, unlist, unpack } from '../../src/threads/wire.js'
import { farThread, reaches, shared } from '../support/threads-far.js'

/** An application of which most can be told. */
function plenty(clock = new VirtualClock()): Orchestrator {
  return new Orchestrator({
    clock,
    random: () => 0.5,
    services: [
      defineService('store', { check: () => 'degraded', data: () => ({ size: 3, of: new Map([['a', 1n]]) }) }),
      defineService('api', { dependsOn: ['store', { name: 'cache', optional: true }] }),
      defineService('web', { dependsOn: [{ name: 'api', condition: 'started', timeout: Infinity }], essential: false }),
      defineService('bad', {
        autoStart: false,
        start: () => {
          throw new TypeError('broken', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) })
        },
      }),
    ],
  })
}

describe('R33 R50 driving from another thread', () => {
  it('R33 the reports are those of the owner’s own calls, word for word', async () => {
    const [mine, theirs] = [plenty(), plenty()]
    shared(theirs)
    const far = await farThread()
    const expected = [
      await mine.startService('web'),
      await mine.restartService('store'),
      await mine.stopService('api'),
      await mine.stopService('api'),
    ]
    const found = await far.run(async ({ services }) => [
      await services.startService('web'),
      await services.restartService('store'),
      await services.stopService('api'),
      await services.stopService('api'),
    ])
    expect(found).toEqual(expected)
    expect(theirs.getAllServices()).toEqual(mine.getAllServices())
  })

  it('R33 a report of many lines crosses whole: waits, errors, the whole path', () => {
    const line = { name: 'b', outcome: 'started', state: 'running', waitedFor: [{ name: 'a', duration: 5 }] } as const
    const error = new KeelsonError('START_FAILED', 'it broke', { cause: new TypeError('inside') })
    const report: OperationReport = {
      operation: 'start',
      outcome: 'done',
      duration: 7.5,
      services: [
        { ...line, hookDuration: 0 },
        { ...line, waitedFor: [], outcome: 'unchanged' },
        { ...line, outcome: 'failed', state: 'failed', error },
      ],
      criticalPath: ['a', 'b'],
    }
    const found = unlist(unpack(...structuredClone(pack(list(report)))) as Listed)
    expect(found).toStrictEqual(report)
    expect(JSON.stringify(found)).toBe(JSON.stringify(report))
    expect(found.services[2]?.error).toBeInstanceOf(KeelsonError)
  })

  it('R28 R42 status, health, explanation and graph are the owner’s', async () => {
    const app = plenty()
    shared(app)
    const far = await farThread()
    await app.start()
    await app.startService('bad').catch(() => {})
    await app.stopService('store')
    const found = await far.run(async ({ services }) => {
      const graph = await services.graph()
      return {
        status: await services.getServiceStatus('store'),
        bad: await services.getServiceStatus('bad'),
        health: await services.health(),
        explained: await services.explain('web'),
        mermaid: graph.toMermaid(),
        dot: graph.toDot(),
        json: JSON.stringify(graph),
        nodes: graph.nodes,
      }
    })
    // Errors that were cloned once more on their way to this test are compared elsewhere.
    const plain = (value: unknown): string =>
      JSON.stringify(value, (key, each) => (typeof each === 'bigint' ? `${each}` : key === 'error' ? undefined : each))
    expect(found.status).toEqual(app.getServiceStatus('store'))
    expect(found.status.data).toEqual({ size: 3, of: new Map([['a', 1n]]) })
    const { error, blockedBy, ...bad } = app.getServiceStatus('bad')
    expect(found.bad).toMatchObject(bad)
    const said = (...errors: unknown[]): unknown[] => errors.map((each) => (each as Error).message)
    expect(said(found.bad.error, found.bad.blockedBy?.[0]?.error)).toEqual(said(error, blockedBy?.[0]?.error))
    expect(plain(found.health)).toBe(plain(app.health()))
    expect(plain(found.explained)).toBe(plain(app.explain('web')))
    expect([found.mermaid, found.dot, found.json]).toEqual([
      app.graph().toMermaid(),
      app.graph().toDot(),
      JSON.stringify(app.graph()),
    ])
    expect(found.nodes).toEqual(app.graph().nodes)
  })

  it('R50 errors arrive with code, message, report and the chain of their causes', async () => {
    const app = plenty()
    shared(app)
    const far = await farThread()
    const found = await far.run(async ({ services, keelson }) => {
      const error = await services.startService('bad').catch((error: unknown) => error)
      if (!(error instanceof keelson.KeelsonError)) return 'none of keelson'
      const start = error.report?.services[0]?.error as InstanceType<typeof keelson.KeelsonError>
      const thrown = start.cause as TypeError
      return [
        error.code,
        error.message,
        JSON.stringify(error.toJSON()),
        error.report?.services.map(({ name, outcome }: { name: string; outcome: string }) => `${name} ${outcome}`),
        keelson.isKeelsonError(start, 'START_FAILED'),
        thrown instanceof TypeError,
        thrown.message,
        (thrown.cause as { code: string }).code,
        thrown.stack?.includes('drive.test'),
      ]
    })
    const mine = (await app.startService('bad').catch((error: unknown) => error)) as KeelsonError
    expect(found).toEqual([
      'START_INCOMPLETE',
      mine.message,
      JSON.stringify(mine.toJSON()),
      ['bad failed'],
      true,
      true,
      'broken',
      'ECONNREFUSED',
      true,
    ])
  })

  it.each([
    ['a string', () => 'text', 'text'],
    ['undefined', () => undefined, undefined],
    [
      'a frozen object',
      () => Object.freeze({ status: 500, deep: [1, { a: null }] }),
      { status: 500, deep: [1, { a: null }] },
    ],
    ['a function', () => function why(): void {}, 'Error: a function why'],
    ['a symbol', () => Symbol('why'), 'Error: Symbol(why)'],
    [
      'what throws when it is read',
      () =>
        new Proxy(
          {},
          {
            get: () => {
              throw new Error('no')
            },
          },
        ),
      'Error: something that throws when it is read',
    ],
    [
      'a class of its own with fields',
      () =>
        Object.assign(
          new (class Odd extends Error {
            override name = 'Odd'
          })('m'),
          { at: 3, socket: () => {} },
        ),
      'Odd: m 3',
    ],
    [
      'several at once',
      () => new AggregateError([new RangeError('a'), 'b'], 'both'),
      'AggregateError: both RangeError: a,b',
    ],
  ])('R50 the cause is what was really thrown: %s', async (_, thrown, expected) => {
    const app = new Orchestrator()
    await app.register(
      defineService('bad', {
        start: () => {
          throw thrown()
        },
      }),
    )
    shared(app)
    const far = await farThread()
    const cause = await far.run(async ({ services }) => {
      const error = await services.startService('bad').catch((error: unknown) => error)
      const start = (error as { report: OperationReport }).report.services[0]?.error as Error
      const { cause } = start
      if (!(cause instanceof Error)) return cause
      const { at, errors } = cause as { at?: number; errors?: unknown[] }
      return [`${cause}`, at, errors].filter((each) => each !== undefined).join(' ')
    })
    expect(cause).toEqual(expected)
  })

  it('R10 R47 R48 R51 the same codes and messages for the same mistakes', async () => {
    const app = plenty()
    await app.register(defineService('lost', { dependsOn: ['nowhere'], autoStart: false }))
    shared(app)
    const far = await farThread()
    await app.start()
    const acts = [
      ['startService', 'stoer'],
      ['startService', 'lost'],
      ['unregister', 'store'],
      ['unregister', 'store', { cascade: true, force: true }],
      ['unregister', 'nobody'],
      ['startService', 'store', { timeout: 0 }],
      ['startService', 'store', { timeout: Number.NaN }],
      ['startService', 'store', { onFailure: 'panic' }],
      ['startService', 'store', { tiemout: 5 }],
      ['startService', 'store', null],
      ['startService', 'store', 5],
      ['stopService', 'store', { timeout: -1 }],
      ['stopService', 5],
      ['explain', 'stoer'],
      ['explain', undefined],
      ['getServiceStatus', ''],
    ] as const
    const found = await far.run(async ({ services }, acts) => {
      const said: string[] = []
      for (const [call, ...args] of acts)
        await (async () =>
          (services as never as Record<string, (...args: unknown[]) => unknown>)[call]?.(...args))().then(
          () => said.push(`${call} went well`),
          ({ code, message }) => said.push(`${code} ${message}`),
        )
      return said
    }, acts)
    const expected: string[] = []
    for (const [call, ...args] of acts)
      await (async () => (app as never as Record<string, (...args: unknown[]) => unknown>)[call]?.(...args))().catch(
        ({ code, message }) => expected.push(`${code} ${message}`),
      )
    expect(found).toEqual(expected)
  })

  it('R34 its signal cancels a start there: undone in the application, with the caller’s own reason', async () => {
    const app = new Orchestrator()
    await app.register(
      defineService('slow', {
        start: ({ signal }) =>
          new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
      }),
    )
    await app.register(defineService('api', { dependsOn: ['slow'] }))
    shared(app)
    const far = await farThread()
    const found = await far.run(async ({ services }) => {
      const controller = new AbortController()
      const start = services.startService('api', { signal: controller.signal })
      await services.waitFor('slow', 'starting')
      const reason = { mine: true }
      controller.abort(reason)
      const error = await start.catch((error: unknown) => error)
      return [error === reason, services.get('slow')?.state, services.get('api')?.state]
    })
    expect(found).toEqual([true, 'stopped', expect.stringMatching(/stopped|unknown/)])
    expect(app.getServiceStatus('slow').stopReason).toBe('cancelled')
  })

  it('R34 a signal that is aborted already changes nothing; that of a stop ends the waiting alone', async () => {
    let release = (): void => {}
    const app = new Orchestrator()
    await app.register(defineService('slow', { stop: () => new Promise<void>((resolve) => (release = resolve)) }))
    shared(app)
    const far = await farThread()
    const found = await far.run(async ({ services, codeOf }) => {
      const aborted = AbortSignal.abort('before')
      const before = await codeOf(() => services.startService('slow', { signal: aborted }))
      const epoch = services.get('slow')?.epoch
      await services.startService('slow')
      const controller = new AbortController()
      const stop = services.stopService('slow', { signal: controller.signal })
      await services.waitFor('slow', 'stopping')
      controller.abort('enough')
      return [before, epoch, await codeOf(() => stop), services.get('slow')?.state]
    })
    expect(found).toEqual(['before', 0, 'enough', 'stopping'])
    release()
    await reaches(app, 'slow', 'stopped')
  })

  it('R51 what is no signal, and options that cannot cross, are refused with the name of the field', async () => {
    shared(plenty())
    const far = await farThread()
    const found = await far.run(async ({ services }) => {
      const said: string[] = []
      const acts = [
        () => services.startService('store', { signal: 'soon' as never }),
        () => services.startService('store', { timeout: (() => {}) as never }),
        () => services.startService(Symbol('store') as never),
        () => services.unregister('store', { force: { deep: [() => {}] } as never }),
      ]
      for (const act of acts) await act().catch(({ code, message }) => said.push(`${code} ${message}`))
      return [said, (await services.getServiceStatus('store')).state]
    })
    expect(found).toEqual([
      [
        "CONFIG_INVALID startService('store'): signal is soon; pass an AbortSignal",
        'CONFIG_INVALID startService(): options.timeout is a function, which cannot cross to another thread; give plain data',
        'CONFIG_INVALID startService(): name is a symbol, which cannot cross to another thread; give plain data',
        'CONFIG_INVALID unregister(): options.force.deep[0] is a function, which cannot cross to another thread; give plain data',
      ],
      'unknown',
    ])
  })

  it('R50 service data that cannot cross is an error that names the field, and the port lives on', async () => {
    const socket = new Socket()
    const cyclic: Record<string, unknown> = { name: 'round' }
    cyclic.self = cyclic
    let deep: Record<string, unknown> = {}
    for (let i = 0; i < 50_000; i++) deep = { deep }
    const given: Record<string, () => Record<string, unknown>> = {
      call: () => ({ fine: 1, handlers: [{ on: () => {} }] }),
      socket: () => ({ socket }),
      weak: () => ({ map: new Map([['a', new WeakMap()]]) }),
      symbol: () => ({ kind: Symbol('kind') }),
      proxy: () => ({ of: new Proxy({}, {}) }),
      cyclic: () => cyclic,
      error: () => ({ last: new RangeError('far', { cause: 'deep' }) }),
      deep: () => deep,
      getter: () => ({
        get bad() {
          throw new Error('unreadable')
        },
      }),
    }
    const app = new Orchestrator({
      services: Object.entries(given).map(([name, data]) => defineService(name, { data })),
    })
    shared(app)
    const far = await farThread()
    const ask = (name: string) =>
      far.run(
        async ({ services }, name) =>
          services.getServiceStatus(name).then(
            ({ data }) => data,
            (error) => `${error.code} ${error.message}`,
          ),
        name,
      )
    const refused = (name: string, what: string): string =>
      `SERVICE_INVALID service '${name}' - ${what}, which cannot cross to another thread; give plain data`
    expect(await ask('call')).toBe(refused('call', 'data.handlers[0].on is a function'))
    expect(await ask('socket')).toBe(refused('socket', 'data.socket is a Socket'))
    expect(await ask('weak')).toBe(refused('weak', 'data.map is a Map'))
    expect(await ask('symbol')).toBe(refused('symbol', 'data.kind is a symbol'))
    expect(await ask('proxy')).toBe("SERVICE_INVALID service 'proxy' - data cannot cross to another thread")
    expect(await ask('cyclic')).toMatchObject({ name: 'round', self: { self: { name: 'round' } } })
    expect(await ask('error')).toMatchObject({ last: { message: 'far', cause: 'deep' } })
    expect(await ask('deep')).toMatch(/^SERVICE_INVALID service 'deep' - data(\.deep)+\.… is nested too deep/)
    expect(await ask('getter')).toMatch(
      /^SERVICE_INVALID service 'getter' - data throws when it is read \(Error: unreadable\)/,
    )
    // A roll-up, an explanation and a start do not fail for the data of one service.
    const states = await far.run(async ({ services }) => {
      await services.startService('socket')
      return [(await services.health()).services.length, (await services.explain('socket')).text !== '']
    })
    expect(states).toEqual([9, true])
  })
})
