/** R47: the door through which services come in, and the lists that come out of it. */
import { BaseService, defineService, Orchestrator, type Service, ServiceRegistry } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, errorOf, stage } from '../support/laws2.js'

const names = (services: Iterable<{ readonly name: string }>) => [...services].map(({ name }) => name)

/** A foreign implementation of the contract. */
function foreign(name: unknown, more: object = {}): Service {
  const service = {
    name,
    type: 'foreign',
    dependencies: [],
    state: 'stopped',
    health: 'unknown',
    lastError: undefined,
    start: async () => {},
    stop: async () => {},
    restart: async () => {},
    onStateChange: () => Object.assign(() => {}, { [Symbol.dispose]: () => {} }),
    ...more,
  }
  return service as unknown as Service
}

describe('R47 what is refused', () => {
  const cases: [string, () => unknown, string][] = [
    ['a duplicate name', () => defineService('db', {}), 'SERVICE_DUPLICATE'],
    ['a duplicate name of a foreign service', () => foreign('db'), 'SERVICE_DUPLICATE'],
    ['an empty name', () => foreign(''), 'SERVICE_INVALID'],
    ['a name that is no string', () => foreign(7), 'SERVICE_INVALID'],
    ['no name', () => foreign(undefined), 'SERVICE_INVALID'],
    ['undefined', () => undefined, 'SERVICE_INVALID'],
    ['null', () => null, 'SERVICE_INVALID'],
    ['a string', () => 'db', 'SERVICE_INVALID'],
    ['an object with only a name', () => ({ name: 'x' }), 'SERVICE_INVALID'],
    ['one that cannot be stopped', () => foreign('x', { stop: undefined }), 'SERVICE_INVALID'],
    ['one that cannot be listened to', () => foreign('x', { onStateChange: 'no' }), 'SERVICE_INVALID'],
    ['a class in place of an instance', () => BaseService, 'SERVICE_INVALID'],
    ['one that is not at rest', () => foreign('x', { state: 'running' }), 'SERVICE_IN_USE'],
    ['one that is starting', () => foreign('x', { state: 'starting' }), 'SERVICE_IN_USE'],
  ]
  it.each(cases)('R47 %s', async (_, make, code) => {
    const s = stage({ db: {} })
    await s.boot()
    const error = await errorOf(() => s.app.register(make() as Service))
    expect(error).toMatchObject({ code })
    expect(await codeOf(() => s.app.registry.register(make() as Service))).toBe(code)
    expect([names(s.app.registry), s.listed(), s.stirred()]).toEqual([['db'], [], []])
  })

  it.each(cases)('R47 %s, by the constructor, which then has taken none', async (_, make, code) => {
    const db = defineService('db', {})
    expect(await codeOf(() => new Orchestrator({ services: [db, make() as Service] }))).toBe(code)
    const s = stage({}, { services: [db] })
    expect(names(s.app.registry)).toEqual(['db'])
  })

  it('R47 an empty name is refused where it is given', async () => {
    expect(await codeOf(() => defineService('', {}))).toMatch(/^(SERVICE_INVALID|CONFIG_INVALID)$/)
  })

  it('R47 a service of another orchestrator, until that has let it go', async () => {
    const shared = defineService('shared', {})
    const a = stage({}, { services: [shared] })
    const b = stage({ own: {} })
    expect(await codeOf(() => b.app.register(shared))).toBe('SERVICE_IN_USE')
    expect(await codeOf(() => new Orchestrator({ services: [shared] }))).toBe('SERVICE_IN_USE')
    expect(names(b.app.registry)).toEqual(['own'])
    await a.app.unregister('shared')
    await b.app.register(shared)
    const start = b.watch(b.app.start())
    await b.clock.settle()
    expect([start.state, b.state('shared')]).toEqual(['resolved', 'running'])
    expect(await codeOf(() => a.app.register(shared))).toBe('SERVICE_IN_USE')
  })

  it('R47 a service of another orchestrator comes in by no registry', async () => {
    const shared = defineService('shared', {})
    stage({}, { services: [shared] })
    const registry = new ServiceRegistry()
    const smuggle = () => {
      registry.register(shared)
      return new Orchestrator({ registry })
    }
    expect(await codeOf(smuggle)).toBe('SERVICE_IN_USE')
  })

  it('R47 a foreign service of another orchestrator', async () => {
    const shared = foreign('shared')
    stage({}, { services: [shared] })
    expect(await codeOf(() => stage().app.register(shared))).toBe('SERVICE_IN_USE')
  })

  it('R47 the same service twice is a duplicate', async () => {
    const twice = defineService('twice', {})
    const s = stage({}, { services: [twice] })
    expect(await codeOf(() => s.app.register(twice))).toBe('SERVICE_DUPLICATE')
  })

  it('R47 a service that lives alone, until it is at rest', async () => {
    const alone = defineService('alone', {})
    await alone.start()
    const s = stage()
    expect(await codeOf(() => s.app.register(alone))).toBe('SERVICE_IN_USE')
    expect(alone.state).toBe('running')
    await alone.stop()
    await s.app.register(alone)
    const start = s.watch(alone.start())
    await s.clock.settle()
    // One path: its own start goes through its orchestrator now.
    expect([start.state, s.states('alone').at(-1)?.split(' ')[1]]).toEqual(['resolved', 'running'])
  })
})

describe('R47 registration', () => {
  it('R47 resolves when the service is listed, not when it is up', async () => {
    const s = stage()
    await s.boot()
    const registered = s.watch(s.app.register(s.make('slow', { up: 1_000 }).service))
    await s.clock.settle()
    expect(registered).toMatchObject({ state: 'resolved', at: 0 })
    expect([s.listed(), s.state('slow'), s.app.registry.has('slow')]).toEqual([['+slow'], 'starting', true])
    await s.clock.advance(1_000)
    expect(s.state('slow')).toBe('running')
  })

  it('R47 before a start it changes nothing but the lists', async () => {
    const s = stage()
    await s.app.register(s.make('a').service)
    await s.clock.advance(100)
    expect([s.state('a'), s.hooks]).toEqual(['unknown', []])
  })

  it('R6 R47 in a running orchestrator it raises the desires that a start would, and clears nothing', async () => {
    const s = stage({ db: {}, mq: { autoStart: false } })
    await s.boot()
    s.watch(s.app.stopService('db'))
    await s.clock.settle()
    s.forget()
    await s.app.register(s.make('uses mq', { dependsOn: ['mq'] }).service)
    await s.app.register(s.make('uses db', { dependsOn: ['db'] }).service)
    await s.app.register(s.make('not now', { autoStart: false }).service)
    await s.clock.advance(1_000)
    expect(names(s.app.getAllServices()).map((name) => `${name} ${s.state(name)}`)).toEqual([
      'db stopped',
      'mq running',
      'uses mq running',
      'uses db waiting',
      'not now unknown',
    ])
  })

  it('R6 R47 after a stop, and after a start that rolled itself back, it starts nobody', async () => {
    const s = stage({ bad: { fails: 1, restart: { policy: 'never' } } })
    const start = s.watch(s.app.start())
    await s.clock.advance(100)
    expect(start.code).toBe('START_INCOMPLETE')
    await s.app.register(s.make('a').service)
    await s.clock.advance(100)
    expect(s.state('a')).toBe('unknown')
    await s.boot()
    s.watch(s.app.stop())
    await s.clock.advance(100)
    await s.app.register(s.make('b').service)
    await s.clock.advance(100)
    expect([s.state('a'), s.state('b')]).toEqual(['stopped', 'unknown'])
  })

  it('R47 two registrations of one name in the same breath: the first one wins', async () => {
    const s = stage()
    await s.boot()
    const [first, second] = [s.make('a').service, s.make('a').service]
    const done = [s.watch(s.app.register(first)), s.watch(s.app.register(second))]
    await s.clock.settle()
    expect(done).toMatchObject([{ state: 'resolved' }, { state: 'rejected', code: 'SERVICE_DUPLICATE' }])
    expect(s.app.registry.get('a')).toBe(first)
    expect(s.hooks).toEqual(['0 a start'])
  })

  it('R47 what was refused can be registered elsewhere', async () => {
    const s = stage({ a: {} })
    const other = defineService('a', {})
    expect(await codeOf(() => s.app.register(other))).toBe('SERVICE_DUPLICATE')
    expect(await codeOf(() => stage().app.register(other))).toBe('no error')
  })
})

describe('R47 the registry is the same door', () => {
  it('R47 what goes in by the registry of a running orchestrator is started', async () => {
    const s = stage({ db: {} })
    await s.boot()
    s.app.registry.register(s.make('api', { dependsOn: ['db'] }).service)
    expect(names(s.app.registry)).toEqual(['db', 'api'])
    await s.clock.settle()
    expect([s.state('api'), s.listed()]).toEqual(['running', ['+api']])
  })

  it('R47 a registry that was filled before is taken over as it is', async () => {
    const registry = new ServiceRegistry()
    const api = defineService('api', { dependsOn: ['db'] })
    registry.register(api)
    registry.register(defineService('db', {}))
    const s = stage({}, { registry })
    expect([s.app.registry === registry, names(s.app.getAllServices())]).toEqual([true, ['api', 'db']])
    const start = s.watch(s.app.start())
    await s.clock.settle()
    expect([start.state, s.state('api')]).toEqual(['resolved', 'running'])
    registry.register(defineService('late', { dependsOn: ['api'] }))
    await s.clock.settle()
    expect(s.state('late')).toBe('running')
    expect(await codeOf(() => registry.unregister('late'))).toBe('SERVICE_IN_USE')
  })

  it('R47 a registry can be held by one orchestrator only', async () => {
    const registry = new ServiceRegistry()
    registry.register(defineService('a', {}))
    stage({}, { registry })
    expect(await codeOf(() => new Orchestrator({ registry }))).toBe('SERVICE_IN_USE')
    expect(await codeOf(() => new Orchestrator({ services: registry.getAll() }))).toBe('SERVICE_IN_USE')
  })

  it('R47 a registry alone holds its services against an orchestrator, too', async () => {
    const registry = new ServiceRegistry()
    const a = defineService('a', {})
    registry.register(a)
    expect(await codeOf(() => registry.register(defineService('a', {})))).toBe('SERVICE_DUPLICATE')
    expect(await codeOf(() => registry.register(foreign('')))).toBe('SERVICE_INVALID')
    expect(await codeOf(() => registry.unregister('nobody'))).toBe('SERVICE_NOT_FOUND')
    registry.unregister('a')
    expect(await codeOf(() => stage().app.register(a))).toBe('no error')
  })

  it.each(['starting', 'running', 'stopping', 'retrying', 'waiting'])(
    'R47 its unregister refuses a service that is %s',
    async (state) => {
      const s = stage({ a: { startDelay: 10, up: 10, down: 10, restart: { initialBackoff: 100 } } })
      s.watch(s.app.start())
      const at = { waiting: 5, starting: 15, running: 25, stopping: 25, retrying: 25 }[state] ?? 0
      await s.clock.advance(at)
      if (state === 'stopping' || state === 'retrying') s.the('a').crash()
      await s.clock.advance(state === 'retrying' ? 20 : 0)
      expect(s.state('a')).toBe(state)
      expect(await codeOf(() => s.app.registry.unregister('a'))).toBe('SERVICE_IN_USE')
      expect(s.app.registry.has('a')).toBe(true)
    },
  )

  it('R47 its unregister takes services at rest, but not from under dependents', async () => {
    const s = stage({ db: {}, api: { dependsOn: ['db'] }, maybe: { dependsOn: [{ name: 'api', optional: true }] } })
    expect(await codeOf(() => s.app.registry.unregister('db'))).toBe('SERVICE_IN_USE')
    s.app.registry.unregister('api')
    s.app.registry.unregister('db')
    expect(names(s.app.registry)).toEqual(['maybe'])
    await s.clock.settle()
    expect(s.listed()).toEqual(['-api', '-db'])
    expect(await codeOf(() => s.app.registry.unregister('db'))).toBe('SERVICE_NOT_FOUND')
  })
})

describe('R47 lists', () => {
  it('R47 every list follows registration order', async () => {
    const s = stage({ c: { dependsOn: ['a'] }, a: { type: 'x' }, b: { type: 'x' } })
    await s.boot()
    await s.app.register(s.make('0', { type: 'x' }).service)
    const { registry } = s.app
    const order = ['c', 'a', 'b', '0']
    expect([names(registry), names(registry.getAll()), names(s.app.getAllServices())]).toEqual([order, order, order])
    expect([names(s.app.snapshot().services), names(s.app.health().services), names(s.app.graph().nodes)]).toEqual([
      order,
      order,
      order,
    ])
    expect(names(registry.getByType('x'))).toEqual(['a', 'b', '0'])
    expect([registry.size, registry.get('b') === s.the('b').service, registry.get('z'), registry.has('z')]).toEqual([
      4,
      true,
      undefined,
      false,
    ])
    await s.app.unregister('a', { cascade: true })
    await s.app.register(s.make('a', { type: 'x' }).service)
    expect([names(registry), names(registry.getByType('x'))]).toEqual([
      ['b', '0', 'a'],
      ['b', '0', 'a'],
    ])
  })

  it('R47 lists are copies: what is done to one changes neither the registry nor another', () => {
    const s = stage({ a: { type: 'x' }, b: { type: 'x' } })
    const { registry } = s.app
    registry.getAll().length = 0
    registry.getByType('x').reverse()
    s.app.getAllServices().reverse?.()
    expect([names(registry.getAll()), names(registry.getByType('x')), names(s.app.getAllServices())]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ])
    expect(registry.getAll()).not.toBe(registry.getAll())
  })

  it('R47 an iteration is not disturbed by what comes and goes meanwhile', () => {
    const s = stage({ a: {}, b: {}, c: {} })
    const seen: string[] = []
    for (const { name } of s.app.registry) {
      seen.push(name)
      if (name === 'a') s.app.registry.unregister('b')
      if (name === 'c') s.app.registry.register(defineService('d', {}))
    }
    expect(seen.slice(0, 3)).toEqual(['a', 'b', 'c'])
    expect(names(s.app.registry)).toEqual(['a', 'c', 'd'])
  })
})
