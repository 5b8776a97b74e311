/** R49: another service under the same name, while everything runs. */
import { defineService, type Service } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, type Puppet, type Script, type Stage, stage } from '../support/laws2.js'

const OLD: Script = { up: 10, down: 10 }
const never = { policy: 'never' } as const

/** What was there and what shall be there, both under the name `x`. */
interface Pair {
  readonly old: Puppet
  readonly next: Puppet
  readonly service: Service
}

function pair(s: Stage, script: Script = {}): Pair {
  const old = s.the('x')
  const next = s.make('x', { ...OLD, ...script })
  return { old, next, service: next.service }
}

/** How often each was started and stopped, and which of them is registered. */
function score(s: Stage, { old, next }: Pair): string {
  const now = s.app.registry.get('x')
  const is = now === old.service ? 'old' : now === next.service ? 'new' : 'none'
  return `old ${old.starts}/${old.stops}, new ${next.starts}/${next.stops}, ${is}`
}

describe('R49 a replacement that comes up', () => {
  it('R49 the old one stops by R13, the new one starts as the next epoch, dependents return', async () => {
    const s = stage({ db: {}, x: { ...OLD, dependsOn: ['db'] }, api: { dependsOn: ['x'], down: 20 } })
    await s.boot(10)
    const two = pair(s, { dependsOn: ['db'] })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['10 stopping (dependency)', '30 waiting', '50 starting', '50 running'])
    expect(s.states('x').filter((line) => /stopping|starting|running/.test(line))).toEqual([
      '30 stopping (replaced)',
      '40 starting',
      '50 running',
    ])
    expect([score(s, two), s.app.getServiceStatus('x').epoch]).toEqual(['old 1/1, new 1/0, new', 2])
    expect(done).toMatchObject({
      state: 'resolved',
      at: 50,
      value: { operation: 'replace', target: 'x', outcome: 'done' },
    })
    expect(s.stirred()).toEqual(['api', 'x'])
  })

  it('R49 the old one is free afterwards, the new one is not', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const two = pair(s)
    s.watch(s.app.replace(two.service))
    await s.clock.advance(100)
    const other = stage()
    expect(await codeOf(() => other.app.register(two.service))).toBe('SERVICE_IN_USE')
    expect(await codeOf(() => other.app.register(two.old.service))).toBe('no error')
  })

  it('R49 the new one answers for itself: its type, its dependencies, its options', async () => {
    const s = stage({ db: {}, mq: {}, x: { ...OLD, dependsOn: ['db'] } })
    await s.boot(10)
    const two = pair(s, { dependsOn: ['mq'], type: 'broker' })
    s.watch(s.app.replace(two.service))
    await s.clock.advance(100)
    expect(s.app.getServiceStatus('x')).toMatchObject({ state: 'running', type: 'broker', dependencies: ['mq'] })
    s.forget()
    // The edges went with it: the loss of the one it needed before means nothing, that of the other one does.
    s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(s.stirred()).toEqual(['db'])
    s.watch(s.app.stopService('mq'))
    await s.clock.advance(100)
    expect(s.stirred()).toEqual(['db', 'mq', 'x'])
    expect(await codeOf(() => s.app.unregister('db'))).toBe('no error')
    expect(await codeOf(() => s.app.unregister('mq'))).toBe('SERVICE_IN_USE')
  })

  it('R49 what the new one requires is started for it', async () => {
    const s = stage({ mq: { autoStart: false, up: 5 }, x: OLD })
    await s.boot(10)
    const two = pair(s, { dependsOn: ['mq'] })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(100)
    expect([s.state('mq'), s.state('x'), done.state]).toEqual(['running', 'running', 'resolved'])
  })

  it('R49 R29 it resolves when the new one is healthy, not merely active', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const two = pair(s, { says: 'silent' })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(100)
    expect([s.state('x'), done.state]).toEqual(['running', 'pending'])
    two.next.health = 'healthy'
    await s.clock.settle()
    expect(done).toMatchObject({ state: 'resolved', at: 110 })
  })
})

describe('R49 everything is checked before anything is touched', () => {
  const refused: [string, string, Record<string, Script>, (s: Stage) => unknown][] = [
    ['a name that is not there', 'SERVICE_NOT_FOUND', {}, () => defineService('y', {})],
    ['a non-service', 'SERVICE_INVALID', {}, () => ({ name: 'x' })],
    ['nothing', 'SERVICE_INVALID', {}, () => undefined],
    ['a cycle', 'DEPENDENCY_CYCLE', { api: { dependsOn: ['x'] } }, () => defineService('x', { dependsOn: ['api'] })],
    ['a cycle with itself', 'DEPENDENCY_CYCLE', {}, () => defineService('x', { dependsOn: ['x'] })],
    ['a missing name', 'DEPENDENCY_MISSING', {}, () => defineService('x', { dependsOn: ['nowhere'] })],
    ['another remote', 'CONFIG_INVALID', {}, () => defineService('x', { remote: true })],
    [
      'one that others cannot wait to end',
      'CONFIG_INVALID',
      { job: { dependsOn: [{ name: 'x', condition: 'completed', timeout: 1, onTimeout: 'continue' }] } },
      () => defineService('x', {}),
    ],
    [
      'one that cannot wait for the end of another',
      'CONFIG_INVALID',
      { y: {} },
      () => defineService('x', { dependsOn: [{ name: 'y', condition: 'completed' }] }),
    ],
  ]
  it.each(refused)('R49 %s', async (_, code, others, make) => {
    const s = stage({ x: { ...OLD, loop: true }, ...others })
    await s.boot(50)
    const { service } = s.the('x')
    expect(await codeOf(() => s.app.replace(make(s) as Service))).toBe(code)
    await s.clock.advance(1_000)
    expect([s.stirred(), s.hooks, s.listed()]).toEqual([[], [], []])
    expect([s.app.registry.get('x') === service, s.state('x'), s.app.getServiceStatus('x').epoch]).toEqual([
      true,
      'running',
      1,
    ])
  })

  it('R10 R49 a name that is missing further down', async () => {
    const s = stage({ x: OLD, a: { dependsOn: ['nowhere'], autoStart: false } })
    await s.boot(10)
    const two = pair(s, { dependsOn: ['a'] })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(1_000)
    expect([done.code, score(s, two), s.stirred()]).toEqual(['DEPENDENCY_MISSING', 'old 1/0, new 0/0, old', []])
  })

  it('R49 one that belongs to another orchestrator', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const other = stage({ x: {} })
    expect(await codeOf(() => s.app.replace(other.the('x').service))).toBe('SERVICE_IN_USE')
    await s.clock.advance(100)
    expect([s.hooks, other.hooks]).toEqual([[], []])
  })

  it('R49 one that is not at rest', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const alone = defineService('x', {})
    await alone.start()
    expect(await codeOf(() => s.app.replace(alone))).toBe('SERVICE_IN_USE')
    await alone.stop()
    expect(s.hooks).toEqual([])
  })

  it('R49 it takes no onFailure', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const two = pair(s)
    expect(await codeOf(() => s.app.replace(two.service, { onFailure: 'keep' } as never))).toBe('CONFIG_INVALID')
    await s.clock.advance(100)
    expect(score(s, two)).toBe('old 1/0, new 0/0, old')
  })

  it('R34 a signal already aborted changes nothing', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const two = pair(s)
    await expect(s.app.replace(two.service, { signal: AbortSignal.abort('no') })).rejects.toBe('no')
    await s.clock.advance(100)
    expect([score(s, two), s.stirred()]).toEqual(['old 1/0, new 0/0, old', []])
    // It was not taken either.
    expect(await codeOf(() => stage().app.register(two.service))).toBe('no error')
  })

  it('R47 what was refused can be registered elsewhere', async () => {
    const s = stage({ x: OLD })
    const remote = defineService('x', { remote: true })
    expect(await codeOf(() => s.app.replace(remote))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => stage().app.register(remote))).toBe('no error')
  })
})

describe('R49 a replacement that does not come up', () => {
  const withApi = async (script: Script) => {
    const s = stage({ x: OLD, api: { dependsOn: ['x'], restart: never } })
    await s.boot(10)
    return { s, two: pair(s, script) }
  }
  const itIsBack = (s: Stage, two: Pair, newStops: number) => {
    expect(score(s, two)).toBe(`old 2/1, new 1/${newStops}, old`)
    expect([s.state('x'), s.state('api'), s.app.getServiceStatus('x').epoch]).toEqual(['running', 'running', 3])
    expect(s.app.getServiceStatus('x')).not.toHaveProperty('error')
  }

  it.each<[string, Script]>([
    ['throws', { fails: 9, restart: never }],
    ['throws and would be tried again', { fails: 9 }],
    ['is unhealthy from the first', { says: 'unhealthy', healthCheck: { failureThreshold: 1 } }],
    [
      'is unhealthy from the first and only reports it',
      { says: 'unhealthy', healthCheck: { failureThreshold: 1, onUnhealthy: 'report' } },
    ],
    ['takes too long', { up: 5_000, startTimeout: 100 }],
    ['lacks credentials', { fails: 9, classify: () => 'auth' }],
  ])('R49 if it %s, the old one is put back and started again; epochs go on counting', async (_, script) => {
    const { s, two } = await withApi(script)
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(60_000)
    expect(done).toMatchObject({ state: 'rejected', code: 'START_INCOMPLETE' })
    itIsBack(s, two, 1)
    expect(s.the('api').starts).toBe(2)
    // The failed one is nobody's now.
    expect(await codeOf(() => stage().app.register(two.service))).toBe('no error')
  })

  it('R49 one whose dependency gave up never starts, and the old one is put back', async () => {
    const s = stage({ x: OLD, bad: { autoStart: false, fails: 9, restart: never } })
    await s.boot(10)
    const two = pair(s, { dependsOn: ['bad'] })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(1_000)
    expect([done.code, score(s, two), s.state('x'), s.app.getServiceStatus('x').dependencies]).toEqual([
      'START_INCOMPLETE',
      'old 2/1, new 0/0, old',
      'running',
      [],
    ])
  })

  it('R49 R34 its timeout is a failed start', async () => {
    const { s, two } = await withApi({ up: 5_000 })
    const done = s.watch(s.app.replace(two.service, { timeout: 1_000 }))
    await s.clock.advance(10_000)
    expect(done.state).toBe('rejected')
    itIsBack(s, two, 1)
  })

  it('R49 R34 aborted while the new one starts, it rejects with the reason after the undoing', async () => {
    const { s, two } = await withApi({ up: 5_000 })
    const abort = new AbortController()
    const done = s.watch(s.app.replace(two.service, { signal: abort.signal }))
    await s.clock.advance(100)
    expect(score(s, two)).toBe('old 1/1, new 1/0, new')
    abort.abort('changed my mind')
    await s.clock.advance(1_000)
    expect(done).toMatchObject({ state: 'rejected', error: 'changed my mind' })
    itIsBack(s, two, 1)
  })

  it('R49 R34 aborted while the old one stops, the new one is never started', async () => {
    const { s, two } = await withApi({})
    const abort = new AbortController()
    const done = s.watch(s.app.replace(two.service, { signal: abort.signal }))
    await s.clock.advance(5)
    abort.abort('changed my mind')
    await s.clock.advance(1_000)
    expect(done).toMatchObject({ state: 'rejected', error: 'changed my mind' })
    expect([score(s, two), s.state('x'), s.state('api')]).toEqual(['old 2/1, new 0/0, old', 'running', 'running'])
  })

  it('R49 an old one that does not come up again either is left to its restart policy', async () => {
    const s = stage({ x: { ...OLD, restart: { initialBackoff: 500, jitter: 0 } } })
    await s.boot(10)
    const two = pair(s, { fails: 9, restart: never })
    two.old.fails = 1
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(10_000)
    expect([done.state, score(s, two), s.state('x')]).toEqual(['rejected', 'old 3/2, new 1/1, old', 'running'])
  })
})
