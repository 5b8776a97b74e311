/** Corners of the public surface that no section's own tests walk through. */
import { BaseService, defineService, Orchestrator, type Service, ServiceRegistry, type StartContext } from 'keelson'
import { describe, expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

/** An object that merely has the shape of a service. */
function shape(more: object = {}): Service {
  const nothing = async () => {}
  const silence = () => () => {}
  const base = {
    name: 'odd',
    type: 'service',
    dependencies: [],
    state: 'stopped',
    health: 'unknown',
    lastError: undefined,
  }
  return {
    ...base,
    start: nothing,
    stop: nothing,
    restart: nothing,
    onStateChange: silence,
    ...more,
  } as unknown as Service
}

const thrown = (call: () => unknown): unknown => {
  try {
    return call()
  } catch (error) {
    return error
  }
}

describe('what is handed in', () => {
  it.each([
    ['no start', { start: 1 }, /start is 1; a service has start, stop and onStateChange/],
    ['a state that does not exist', { state: 'fine' }, /its state is 'fine'; report one of unknown, stopped/],
    ['a type that is no string', { type: 5 }, /its type is 5/],
  ])('R47 a foreign service with %s is refused, naming it', (_, more, message) => {
    const error = thrown(() => new ServiceRegistry().register(shape(more)))
    expect(error).toMatchObject({ code: 'SERVICE_INVALID', message: expect.stringMatching(message) })
  })

  it('R47 a registry that nobody holds refuses duplicates and what is not at rest, and forgets what it is told to', () => {
    const registry = new ServiceRegistry()
    registry.register(shape())
    expect(thrown(() => registry.register(shape()))).toMatchObject({ code: 'SERVICE_DUPLICATE' })
    expect(thrown(() => registry.register(shape({ name: 'up', state: 'running' })))).toMatchObject({
      code: 'SERVICE_IN_USE',
    })
    registry.unregister('odd')
    expect(thrown(() => registry.unregister('odd'))).toMatchObject({ code: 'SERVICE_NOT_FOUND' })
    expect([...registry]).toEqual([])
  })

  it('R51 listeners of a service are functions', () => {
    const a = defineService('a') as BaseService
    expect(thrown(() => a.onStateChange(5 as never))).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(thrown(() => a.onStatusUpdate('x' as never))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('what is given out', () => {
  it('R41 a status carries the data of its service, and none that cannot be had', () => {
    const app = new Orchestrator({
      services: [
        defineService('told', { data: () => ({ rows: 3 }) }),
        defineService('throws', {
          data: () => {
            throw new Error('no')
          },
        }),
        defineService('odd', { data: () => 'text' as never }),
      ],
    })
    expect(app.getAllServices().map(({ data }) => data)).toEqual([{ rows: 3 }, undefined, undefined])
  })

  it('R2 every record that hooks log carries the name and the epoch of the service', async () => {
    const lines: unknown[] = []
    const write = (message: string, fields?: object) => lines.push([message, fields])
    const logger = { debug: write, info: write, warn: write, error: write }
    const a = defineService('a', {
      start: ({ log }) => log.info('up', { port: 1, service: 'of the hook' }),
      stop: ({ log }) => log.debug('down'),
    })
    const { app, clock } = world({ logger, services: [a] })
    settled(app.start())
    await clock.settle()
    settled(app.stop())
    await clock.settle()
    expect(lines).toEqual([
      ['up', { service: 'a', epoch: 1, port: 1 }],
      ['down', { service: 'a', epoch: 1 }],
    ])
  })

  it('R2 a logger that takes the fields first, as pino does, is given them so', async () => {
    const lines: unknown[] = []
    const write = (...given: unknown[]) => lines.push(given)
    const logger = { debug: write, info: write, warn: write, error: write, bindings: () => ({}) }
    const { app, clock } = world({ logger, services: [defineService('a', { start: ({ log }) => log.info('up') })] })
    app.on('state', () => {
      throw new Error('no')
    })
    settled(app.start())
    await clock.settle()
    expect(lines[0]).toEqual([{ service: 'a', epoch: 1 }, 'up'])
    expect(lines[1]).toEqual([{ error: new Error('no') }, "a listener of 'state' events threw no"])
  })

  it('R8 a plan of one service names what it requires, or what goes down with it, and is empty once it is done', async () => {
    const { app, clock } = world({
      services: [service('web', { dependsOn: ['api'] }), service('api', { dependsOn: ['db'] }), service('db')],
    })
    expect(app.plan('start', 'api').steps).toEqual([
      { name: 'db', action: 'start', after: [], because: 'required by api' },
      { name: 'api', action: 'start', after: ['db'], because: 'asked for' },
    ])
    settled(app.start())
    await clock.settle()
    expect(app.plan('start').steps).toEqual([])
    expect(app.plan('stop', 'api').steps.map(({ name, because }) => [name, because])).toEqual([
      ['web', 'needs api'],
      ['api', 'asked for'],
    ])
    settled(app.stopService('api'))
    await clock.settle()
    expect(app.plan('stop', 'api').steps).toEqual([])
  })

  it('R40 a reader so slow that it loses even the snapshot is told of all that it lost', async () => {
    const { app, clock } = world({ history: 0, services: [service('a')] })
    settled(app.start())
    await clock.settle()
    const { seq } = app.snapshot()
    const stream = app.events({ since: 0, buffer: 1 })
    settled(app.stop())
    await clock.settle()
    const lost = app.snapshot().seq - 1
    expect((await stream.next()).value).toEqual({ type: 'gap', dropped: lost })
    expect(lost).toBeGreaterThan(seq)
    expect((await stream.next()).value).toMatchObject({ type: 'operation', phase: 'end', operation: 'stop' })
    await (stream as unknown as AsyncDisposable)[Symbol.asyncDispose]()
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })
})

describe('what ends late', () => {
  it('R3 R31 a disposer that fails after its time is a warning, and the stop has named it', async () => {
    let fail = (_: unknown): void => {}
    class Slow extends BaseService {
      protected override onStart({ own }: StartContext): void {
        own(() => new Promise((_, reject) => (fail = reject)))
      }
    }
    const { app, clock, log } = world({ services: [new Slow('slow', { stopTimeout: 100 })] })
    settled(app.start())
    await clock.settle()
    const stop = settled(app.stop())
    await clock.advance(100)
    expect(stop.error).toMatchObject({
      code: 'STOP_INCOMPLETE',
      message: expect.stringContaining('a disposer did not settle'),
    })
    fail(new Error('too late'))
    await clock.settle()
    expect(log.lines().at(-1)).toBe('warning STOP_FAILED slow')
  })

  it('R36 a nested orchestrator that somebody disposed of has ended, and stops without a complaint', async () => {
    const inner = world({ services: [service('part')] })
    const outer = world({ services: [inner.app.asService('inner', { restart: { policy: 'never' } })] })
    const turns = async () => {
      for (let i = 0; i < 5; i++) for (const { clock } of [inner, outer]) await clock.settle()
    }
    settled(outer.app.start())
    await turns()
    expect(outer.app.getServiceStatus('inner')).toMatchObject({ state: 'running', data: { services: 1 } })
    settled(inner.app[Symbol.asyncDispose]())
    await turns()
    expect(outer.app.getServiceStatus('inner')).toMatchObject({ state: 'stopped', stopReason: 'completed' })
    const stop = settled(outer.app.stop())
    await turns()
    expect(stop.status).toBe('fulfilled')
  })
})
