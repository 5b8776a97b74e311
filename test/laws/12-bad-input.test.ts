/** Bad input: each has a defined outcome, and nothing is started, changed or lost (R10, R34, R47, R51). */
import { getEventListeners } from 'node:events'
import { defineService, Orchestrator, type Service } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { service, settled, type World, world } from '../support/world.js'

const invalid = (path: string) =>
  expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(path) as string })

/** db is up, api depends on it, down stays down; whatever is done then must leave all of this as it is. */
async function up(): Promise<World & { unchanged(): Promise<void>; services: Record<'db' | 'api' | 'down', Service> }> {
  const services = {
    db: service('db'),
    api: service('api', { dependsOn: ['db'] }),
    down: service('down', { autoStart: false }),
  }
  const staged = world({ services: Object.values(services) })
  await staged.app.start()
  await staged.clock.settle()
  staged.log.clear()
  const before = staged.app.snapshot()
  return {
    ...staged,
    services,
    unchanged: async () => {
      await staged.clock.advance(1_000)
      expect(staged.log.lines()).toEqual([])
      const { timestamp: _, ...after } = staged.app.snapshot()
      const uptime = expect.any(Number) as number
      const same = before.services.map((status) => ('uptime' in status ? { ...status, uptime } : status))
      expect(after).toEqual({ seq: before.seq, services: same })
      expect(staged.clock.pending).toBe(0)
    },
  }
}

type Call = [what: string, call: (world: Awaited<ReturnType<typeof up>>, options: never) => Promise<unknown>]
const calls: Call[] = [
  ['start', ({ app }, options) => app.start(options)],
  ['stop', ({ app }, options) => app.stop(options)],
  ['startService', ({ app }, options) => app.startService('down', options)],
  ['stopService', ({ app }, options) => app.stopService('db', options)],
  ['restartService', ({ app }, options) => app.restartService('db', options)],
  ['replace', ({ app }, options) => app.replace(service('db'), options)],
  ['service.start', ({ services }, options) => services.down.start(options)],
  ['service.stop', ({ services }, options) => services.db.stop(options)],
  ['service.restart', ({ services }, options) => services.db.restart(options)],
]

describe('options of a call', () => {
  const bad: [path: string, options: unknown][] = [
    ['timeout', { timeout: 0 }],
    ['timeout', { timeout: -1 }],
    ['timeout', { timeout: Number.NaN }],
    ['timeout', { timeout: '5' }],
    ['timeout', { timeout: null }],
    ['signal', { signal: {} }],
    ['signal', { signal: new AbortController() }],
    ['signal', { signal: null }],
    ['timeOut', { timeOut: 5 }],
    ['options', null],
    ['options', 5],
    ['options', 'now'],
  ]
  it.each(calls)('R51 %s refuses what it cannot take, with the path, and does nothing', async (_, call) => {
    const staged = await up()
    for (const [path, options] of bad) await expect(call(staged, options as never)).rejects.toEqual(invalid(path))
    await staged.unchanged()
  })

  it('R51 onFailure is one of three words, of starts only', async () => {
    const staged = await up()
    const { app } = staged
    for (const onFailure of ['ignore', '', 7, null]) {
      await expect(app.start({ onFailure } as never)).rejects.toEqual(invalid('onFailure'))
      await expect(app.startService('down', { onFailure } as never)).rejects.toEqual(invalid('onFailure'))
    }
    await expect(app.stop({ onFailure: 'keep' } as never)).rejects.toEqual(invalid('onFailure'))
    await expect(app.replace(service('db'), { onFailure: 'keep' } as never)).rejects.toEqual(invalid('onFailure'))
    await staged.unchanged()
  })

  it('R51 so do unregister, run, plan, on, once, events and the listeners of a service', async () => {
    const staged = await up()
    const { app, services } = staged
    await expect(app.unregister('db', { cascade: 'yes' } as never)).rejects.toEqual(invalid('cascade'))
    await expect(app.unregister('db', { timeout: 5 } as never)).rejects.toEqual(invalid('timeout'))
    await expect(app.run({ timeout: 5 } as never)).rejects.toEqual(invalid('timeout'))
    await expect(app.run({ signal: 'SIGTERM' } as never)).rejects.toEqual(invalid('signal'))
    expect(() => app.plan('restart' as never)).toThrow(invalid('operation'))
    for (const method of ['on', 'once'] as const) {
      expect(() => app[method]('states' as never, () => {})).toThrow(invalid('type'))
      expect(() => app[method]('state', 'listener' as never)).toThrow(invalid('listener'))
      expect(() => app[method]('state', undefined as never)).toThrow(invalid('listener'))
    }
    expect(() => services.db.onStateChange(null as never)).toThrow(invalid('onStateChange'))
    for (const options of [{ buffer: 0 }, { buffer: -1 }, { buffer: Number.NaN }, { buffer: 1.5 }, { buffer: '9' }])
      expect(() => app.events(options as never)).toThrow(invalid('buffer'))
    for (const since of [-1, 1.5, Number.NaN, '1'])
      expect(() => app.events({ since } as never)).toThrow(invalid('since'))
    expect(() => app.events({ signal: {} } as never)).toThrow(invalid('signal'))
    expect(() => app.events({ sinse: 1 } as never)).toThrow(invalid('sinse'))
    await staged.unchanged()
  })

  it('R51 what a hook hands in is checked, too: own, status, service', async () => {
    const threw: unknown[] = []
    const { app, clock } = world({
      services: [
        service('db'),
        service('a', {
          dependsOn: ['db'],
          start: ({ own, service: find }) => {
            for (const bad of [undefined, null, 7, 'x', {}]) {
              try {
                own(bad as never)
              } catch (error) {
                threw.push(error)
              }
            }
            for (const bad of ['nobody', '', undefined])
              try {
                find(bad as never)
              } catch (error) {
                threw.push(error)
              }
          },
        }),
      ],
    })
    await app.start()
    await clock.settle()
    expect(threw).toEqual([
      ...Array(5).fill(invalid('own()')),
      ...Array(3).fill(expect.objectContaining({ code: 'SERVICE_NOT_FOUND' })),
    ])
  })
})

describe('a signal that is aborted already', () => {
  it.each(calls)('R34 %s rejects with its reason, changes nothing and listens to nothing', async (_, call) => {
    const staged = await up()
    for (const reason of [new Error('too late'), 'a string', 0, null]) {
      const signal = AbortSignal.abort(reason)
      const outcome = settled(call(staged, { signal } as never))
      await staged.clock.settle()
      expect(outcome).toEqual({ status: 'rejected', error: reason })
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    }
    await staged.unchanged()
  })

  it('R34 run with such a signal resolves and has started nothing', async () => {
    const a = service('a')
    const { app, clock } = world({ services: [a] })
    const run = settled(app.run({ signal: AbortSignal.abort() }))
    await clock.settle()
    expect([run.status, a.calls.start, app.getServiceStatus('a').state]).toEqual(['fulfilled', 0, 'unknown'])
    expect(clock.pending).toBe(0)
  })
})

describe('names', () => {
  const bad = ['', undefined, null, 7, {}, Symbol('db'), ['db']]
  it('R47 an empty name and one that is no string are refused by every way to make a service', () => {
    for (const name of bad) {
      expect(() => defineService(name as never)).toThrow(expect.objectContaining({ code: 'SERVICE_INVALID' }))
      expect(() => world().app.asService(name as never)).toThrow(expect.objectContaining({ code: 'SERVICE_INVALID' }))
    }
  })

  it('R48 they are found by no method, and nothing is changed', async () => {
    const staged = await up()
    const { app } = staged
    const notFound = expect.objectContaining({ code: 'SERVICE_NOT_FOUND' })
    for (const name of [...bad, 'nobody', '__proto__', 'constructor', 'toString'] as never[]) {
      for (const method of ['startService', 'stopService', 'restartService', 'unregister'] as const)
        await expect(app[method](name)).rejects.toEqual(notFound)
      for (const method of ['getServiceStatus', 'explain'] as const) expect(() => app[method](name)).toThrow(notFound)
      if (name !== undefined) expect(() => app.plan('start', name)).toThrow(notFound)
      expect([app.registry.has(name), app.registry.get(name)]).toEqual([false, undefined])
    }
    await expect(app.replace(service('nobody'))).rejects.toEqual(notFound)
    await staged.unchanged()
  })

  it('R47 names of the language are names like any other', async () => {
    const names = [
      '__proto__',
      'constructor',
      'toString',
      'hasOwnProperty',
      'a b',
      'ä',
      '0',
      'x'.repeat(500),
      '→ "quoted" ;',
    ]
    const services = names.map((name, i) => service(name, { dependsOn: names.slice(0, i) }))
    const { app, clock } = world({ services: services.reverse() })
    const report = await app.start()
    expect(report.services.map(({ outcome }) => outcome)).toEqual(names.map(() => 'started'))
    expect(app.getAllServices().map(({ name }) => name)).toEqual([...names].reverse())
    for (const name of names) expect(app.explain(name).up).toBe(true)
    expect([app.graph().toMermaid(), app.graph().toDot()].every((text) => text.includes('hasOwnProperty'))).toBe(true)
    await app.stop()
    await clock.settle()
  })
})

describe('dependencies that cannot be', () => {
  it.each([1, 2, 100])(
    'R10 a cycle of length %i is refused naming all of it, and nothing of it is registered',
    (length) => {
      const name = (i: number) => `s${i % length}`
      const services = Array.from({ length }, (_, i) => service(name(i), { dependsOn: [name(i + 1)] }))
      const error = caught(() => new Orchestrator({ services }))
      expect(error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
      expect(String(error).match(/s\d+ → /g)).toHaveLength(length)
      for (const each of services.slice(0, -1))
        expect(caught(() => new Orchestrator({ services: [each] }))).toBeUndefined()
    },
  )

  it('R10 an unknown dependency is an error of the start, before anything is started, with the nearest name', async () => {
    const { app, clock, log } = world({
      services: [service('database'), service('api', { dependsOn: ['databse'] }), service('free')],
    })
    const start = settled(app.start())
    await clock.settle()
    expect(start.error).toMatchObject({ code: 'DEPENDENCY_MISSING' })
    expect(start.error.message).toMatch(/'api'.*'databse'.*'database'/)
    expect(log.events.filter(({ type }) => type === 'state')).toEqual([])
  })
})

describe('wrong places and times', () => {
  it('R47 a service of one orchestrator is refused by another, and goes on where it is', async () => {
    const staged = await up()
    const other = world()
    for (const taken of [staged.services.db, staged.services.down]) {
      await expect(other.app.register(taken)).rejects.toMatchObject({ code: 'SERVICE_IN_USE' })
      await expect(other.app.replace(taken)).rejects.toMatchObject({
        code: expect.stringMatching(/SERVICE_(IN_USE|NOT_FOUND)/),
      })
      expect(() => new Orchestrator({ services: [taken] })).toThrow(expect.objectContaining({ code: 'SERVICE_IN_USE' }))
    }
    expect([other.app.registry.size, other.log.lines()]).toEqual([0, []])
    await staged.unchanged()
  })

  it('R31 a second stop, and a stop of what was never started, resolve at once; a start works again', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    expect(await app.stop()).toMatchObject({ outcome: 'done' })
    await app.start()
    await app.stop()
    expect(await app.stop()).toMatchObject({ outcome: 'done', services: [{ outcome: 'unchanged' }] })
    expect(await app.start()).toMatchObject({ outcome: 'done' })
    await clock.settle()
    expect(log.states('a').join(' ')).toBe('stopped starting running stopping stopped starting running')
  })

  it('R29 an orchestrator without services starts, runs and stops', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock })
    expect(await app.start()).toMatchObject({ outcome: 'done', services: [], criticalPath: [] })
    expect([app.health().status, app.snapshot().services, app.graph().nodes]).toEqual(['healthy', [], []])
    expect(await app.stop()).toMatchObject({ outcome: 'done' })
    expect(clock.pending).toBe(0)
  })
})

function caught(act: () => unknown): unknown {
  try {
    act()
    return undefined
  } catch (error) {
    return error
  }
}
