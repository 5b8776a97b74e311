/** Descriptors that need each other: they come, change and go in one scan, whatever the order of their files. */
import { defineService } from 'keelson'
import { describe, expect, it } from 'vitest'
import { host, lines } from './host.js'

const plain = (name: string, dependsOn: readonly (string | object)[] = [], config: object = {}): object => ({
  name,
  type: 'plain',
  dependsOn,
  config,
})

describe('a set of descriptors', () => {
  it('R12 deploys in one scan whatever the order of the files', async () => {
    const h = await host()
    await h.write('1.json', plain('web', ['api']))
    await h.write('2.json', plain('api', ['db', 'cache']))
    await h.write('3.json', plain('cache', ['db']))
    await h.write('4.json', plain('db'))
    expect(lines((await h.scan()).steps)).toEqual(['deploy db', 'deploy cache', 'deploy api', 'deploy web'])
    expect(h.hooks).toEqual(['db@0 start', 'cache@0 start', 'api@0 start', 'web@0 start'])
  })

  it('R47 deploys in an order that an orchestrator with order: registration takes', async () => {
    const h = await host({ app: { order: 'registration' } })
    await h.write('1.json', plain('web', ['api']))
    await h.write('2.json', plain('api', ['db']))
    await h.write('3.json', plain('db'))
    await h.scan()
    expect([h.is('web'), h.is('api'), h.is('db')]).toEqual(['running 1', 'running 1', 'running 1'])
    await h.app.stop()
    expect(h.hooks.slice(3)).toEqual(['web@0 stop (shutdown)', 'api@0 stop (shutdown)', 'db@0 stop (shutdown)'])
  })

  it('R10 with order: registration is refused where it comes after what needs it, until that has gone', async () => {
    const h = await host({ app: { order: 'registration' } })
    await h.write('1.json', plain('api', ['db']))
    await h.scan()
    await h.write('2.json', plain('db'))
    expect((await h.scan()).steps.map(({ name, error }) => [name, error?.code])).toEqual([
      ['db', 'DEPENDENCY_CYCLE'],
      ['api', undefined],
    ])
    await h.remove('1.json')
    await h.scan()
    expect(lines((await h.scan()).steps)).toEqual(['deploy db']) // no backoff: there is no cycle any more
    await h.write('1.json', plain('api', ['db']))
    await h.scan()
    expect([h.is('db'), h.is('api')]).toEqual(['running 1', 'running 1'])

    await h.write('3.json', plain('web', ['cache']))
    await h.scan()
    await h.write('4.json', plain('cache'))
    expect((await h.scan()).steps.find(({ name }) => name === 'cache')?.error?.code).toBe('DEPENDENCY_CYCLE')
    await h.write('3.json', plain('web'))
    expect(lines((await h.scan()).steps)).toContain('replace web')
    expect(lines((await h.scan()).steps)).toContain('deploy cache')
  })

  it('R49 changes together, with one restart of each', async () => {
    const h = await host()
    await h.write('1.json', plain('api', ['db'], { version: 1 }))
    await h.write('2.json', plain('db', [], { version: 1 }))
    await h.scan()
    h.hooks.length = 0
    await h.write('1.json', plain('api', ['db'], { version: 2 }))
    await h.write('2.json', plain('db', [], { version: 2 }))
    await h.scan()
    expect(h.hooks).toEqual(['api@1 stop (replaced)', 'db@1 stop (replaced)', 'db@2 start', 'api@2 start'])
  })

  it('R48 goes together, dependents first, and nothing that others require', async () => {
    const h = await host()
    await h.write('1.json', plain('db'))
    await h.write('2.json', plain('api', ['db']))
    await h.write('3.json', plain('web', ['api']))
    await h.write('4.json', plain('log', [{ name: 'db', optional: true }]))
    await h.scan()
    await h.remove('1.json')
    await h.remove('2.json')
    const { steps } = await h.scan()
    expect(lines(steps).sort()).toEqual(['keep log', 'keep web', 'refuse api', 'refuse db'])
    const said = steps.filter(({ error }) => error).map(({ error }) => `${error?.code}: ${error?.message}`)
    expect(said.sort()).toEqual([
      "SERVICE_IN_USE: service 'api': 2.json is gone, but 'web' requires it; remove that too, or put it back",
      "SERVICE_IN_USE: service 'db': 1.json is gone, but 'api' requires it; remove that too, or put it back",
    ])
    expect(h.hooks).toHaveLength(4)

    await h.remove('3.json')
    expect(lines((await h.scan()).steps)).toEqual(['undeploy web', 'undeploy api', 'undeploy db', 'keep log'])
    expect(h.hooks.slice(4)).toEqual(['web@0 stop (removed)', 'api@0 stop (removed)', 'db@0 stop (removed)'])
    expect(h.is('log')).toBe('running 1')
  })

  it('R48 is not removed from under a service of the program', async () => {
    const h = await host()
    await h.write('db.json', plain('db'))
    await h.scan()
    await h.app.register(defineService('report', { dependsOn: ['db'] }))
    await h.write('db.json', { ...plain('db'), enabled: false })
    expect((await h.scan()).steps[0]?.because).toBe(
      "service 'db': db.json says enabled: false, but 'report' requires it; remove that too, or put it back",
    )
    await h.app.unregister('report')
    await h.scan()
    expect(h.is('db')).toBe('-')
  })

  it('R10 is refused as far as it is a cycle, with its path, and the rest goes on', async () => {
    const h = await host()
    await h.write('1.json', plain('a', ['b']))
    await h.write('2.json', plain('b', ['c']))
    await h.write('3.json', plain('c', ['a']))
    await h.write('4.json', plain('free'))
    await h.write('5.json', plain('needs-a', ['a']))
    await h.write('6.json', plain('self', ['self']))
    const { steps } = await h.scan()
    expect(lines(steps).sort()).toEqual(
      ['deploy free', 'deploy needs-a', 'refuse 6.json', 'refuse a', 'refuse b', 'refuse c'].sort(),
    )
    expect(steps.find(({ name }) => name === 'b')?.error).toMatchObject({
      code: 'DEPENDENCY_CYCLE',
      message: "descriptor 'b' in 2.json: closes a cycle: a → b → c → a; take one of these dependencies out",
    })
    expect(steps.find(({ file }) => file === '6.json')?.error?.message).toBe(
      "descriptor 6.json: depends on itself: self → self; take 'self' out of its dependsOn",
    )
    expect([h.is('free'), h.is('needs-a'), h.is('a')]).toEqual(['running 1', 'waiting 0', '-'])
    await h.write('3.json', plain('c'))
    await h.scan()
    expect([h.is('a'), h.is('needs-a')]).toEqual(['running 1', 'running 1'])
  })

  it('R10 a change that would close a cycle is refused, and what is deployed stays as it is', async () => {
    const h = await host()
    await h.write('1.json', plain('a', ['b']))
    await h.write('2.json', plain('b'))
    await h.scan()
    await h.write('2.json', plain('b', [{ name: 'a', optional: true }]))
    const { steps } = await h.scan()
    expect(lines(steps).sort()).toEqual(['keep a', 'refuse b'])
    expect([h.is('a'), h.is('b'), h.hooks.length]).toEqual(['running 1', 'running 1', 2])
  })

  it('R10 may turn its dependencies round in one scan', async () => {
    const h = await host()
    await h.write('1.json', plain('a', ['b', 'c']))
    await h.write('2.json', plain('b', ['c']))
    await h.write('3.json', plain('c'))
    await h.scan()
    await h.write('1.json', plain('a'))
    await h.write('2.json', plain('b', ['a']))
    await h.write('3.json', plain('c', ['a', 'b']))
    expect(lines((await h.deployer.plan()).steps)).toEqual(['replace a', 'replace b after a', 'replace c after a b'])
    const { steps } = await h.scan()
    expect(steps.map(({ outcome }) => outcome)).toEqual(['done', 'done', 'done'])
    expect(h.app.getServiceStatus('c').dependencies).toEqual(['a', 'b'])
    expect(lines((await h.scan()).steps)).toEqual(['keep a', 'keep b', 'keep c'])
  })

  it('R48 may drop a dependency and the service it was on in one scan', async () => {
    const h = await host()
    await h.write('api.json', plain('api', ['db']))
    await h.write('db.json', plain('db'))
    await h.scan()
    await h.write('api.json', plain('api', ['cache']))
    await h.write('cache.json', plain('cache'))
    await h.remove('db.json')
    const { steps } = await h.scan()
    expect(steps.map(({ action, name, outcome }) => `${action} ${name} ${outcome}`)).toEqual([
      'deploy cache done',
      'replace api done',
      'undeploy db done',
    ])
    expect([h.is('api'), h.is('cache'), h.is('db')]).toEqual(['running 2', 'running 1', '-'])
  })

  it('R49 keeps the old dependency as long as the old service is what runs', async () => {
    const h = await host()
    await h.write('api.json', plain('api', ['db'], { version: 1 }))
    await h.write('db.json', plain('db'))
    await h.scan()
    await h.write('api.json', plain('api', [], { version: 2, start: 'fails' }))
    await h.remove('db.json')
    const { steps } = await h.scan()
    expect(steps.map(({ action, name, outcome }) => `${action} ${name} ${outcome}`)).toEqual([
      'replace api failed',
      'refuse db refused',
    ])
    expect([h.is('api'), h.is('db')]).toEqual(['running 3', 'running 1'])
  })

  it('R10 waits for a name that nobody has registered, and replaces nothing by what requires one', async () => {
    const h = await host()
    await h.write('a.json', plain('a', ['ghost']))
    await h.write('b.json', plain('b', [], { version: 1 }))
    await h.scan()
    expect(h.is('a')).toBe('waiting 0')
    await h.write('b.json', plain('b', ['ghost'], { version: 2 }))
    const refused = (await h.scan()).steps.find(({ name }) => name === 'b')
    expect(refused?.error).toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message:
        "descriptor 'b' in b.json: requires 'ghost', which nobody has registered; 'b' stays as it was until they are there",
    })
    expect(h.built.filter((each) => each === 'b@2')).toEqual([])
    await h.write('ghost.json', plain('ghost'))
    await h.scan()
    expect([h.is('a'), h.is('b'), h.hooks.at(-1)]).toEqual(['running 1', 'running 2', 'b@2 start'])
  })

  it.each([
    ['is not built', { factory: 'throws' }, 'DEPENDENCY_MISSING'],
    ['does not start', { start: 'fails' }, 'START_INCOMPLETE'],
  ])('R49 one that failed because what it needs %s is tried again when that is mended', async (_what, broken, code) => {
    const h = await host({ timeout: 5_000 })
    await h.write('a.json', plain('a', [], { version: 1 }))
    await h.scan()
    await h.write('a.json', plain('a', ['mid'], { version: 2 }))
    await h.write('mid.json', plain('mid', ['base']))
    await h.write('base.json', plain('base', [], broken))
    await h.scan()
    expect(h.events.find(({ name, outcome }) => name === 'a' && outcome === 'failed')?.error?.code).toBe(code)
    await h.write('base.json', plain('base', [], { version: 2 }))
    await h.scan()
    await h.scan()
    expect([h.is('base').split(' ')[0], h.hooks.at(-1)]).toEqual(['running', 'a@2 start'])
    expect(h.deployer.getServiceData().failing).toBe(0)
  })

  it('R10 a dependency that a factory adds of its own is checked by the orchestrator', async () => {
    const h = await host()
    h.factories.register('looped', (_config, env) =>
      defineService(env.name, { ...env.options, dependsOn: [...(env.options.dependsOn ?? []), 'tail'] }),
    )
    await h.write('1.json', plain('tail', ['head']))
    await h.write('2.json', { name: 'head', type: 'looped' })
    const { steps } = await h.scan()
    expect(steps.map(({ name, outcome, error }) => [name, outcome, error?.code])).toEqual([
      ['head', 'done', undefined],
      ['tail', 'failed', 'DEPENDENCY_CYCLE'],
    ])
  })
})
