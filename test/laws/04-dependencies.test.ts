/** R10: cycles and missing names are found before anything is touched. The rest of section 4 is in the files beside this one. */
import { defineService, Orchestrator, ServiceRegistry } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, errorOf, type Script, stage } from '../support/laws2.js'

const on = (...dependsOn: Script['dependsOn'] & {}): Script => ({ dependsOn })
const define = (name: string, ...dependsOn: Script['dependsOn'] & {}) => defineService(name, { dependsOn })

/** The chain in a message, `a → b → a`. */
function cycleIn(message: string): string[] {
  return (/[^\s'"`,;:]+(?: → [^\s'"`,;:.]+)+/.exec(message)?.[0] ?? '').split(' → ')
}

/** Begins where it ends, and turned so that it begins with the least name. */
function turned(cycle: string[]): string[] {
  expect(cycle.at(-1)).toBe(cycle[0])
  const ring = cycle.slice(1)
  const least = ring.indexOf([...ring].sort()[0] ?? '')
  return [...ring.slice(least), ...ring.slice(0, least)]
}

describe('cycles', () => {
  it('R10 a service that depends on itself is refused and named', async () => {
    const s = stage({ b: {} })
    const error = await errorOf(() => s.app.register(define('a', 'a')))
    expect(error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
    expect(cycleIn(error.message)).toEqual(['a', 'a'])
    expect(s.app.registry.getAll().map(({ name }) => name)).toEqual(['b'])
  })

  it('R10 a cycle of two is refused when its second edge is registered, and the registry stays as it was', async () => {
    const s = stage({ a: on('b') })
    const error = await errorOf(() => s.app.register(define('b', 'a')))
    expect(error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
    expect(turned(cycleIn(error.message))).toEqual(['a', 'b'])
    expect(s.app.getAllServices().map(({ name }) => name)).toEqual(['a'])
    expect(s.listed()).toEqual([])
    // The refused edge has left nothing behind: a blameless service takes the name.
    await s.app.register(define('b'))
    const start = s.watch(s.app.start())
    await s.clock.settle()
    expect(start.state).toBe('resolved')
  })

  it('R10 a cycle of a hundred is refused and named from end to end', async () => {
    const name = (i: number) => `s${100 + (i % 100)}`
    const s = stage(Object.fromEntries(Array.from({ length: 99 }, (_, i) => [name(i), on(name(i + 1))])))
    const error = await errorOf(() => s.app.register(define(name(99), name(0))))
    expect(error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
    expect(turned(cycleIn(error.message))).toEqual(Array.from({ length: 100 }, (_, i) => name(i)))
    expect(s.app.registry.size).toBe(99)
  })

  it.each([
    ['the first of its edges', ['long', 'short']],
    ['the last of its edges', ['short', 'long']],
  ])('R10 of two cycles that one service closes the shortest is named, though it goes by %s', async (_, order) => {
    const s = stage({ long: on('long2'), long2: on('long3'), long3: on('x'), short: on('x') })
    const error = await errorOf(() => s.app.register(define('x', ...order)))
    expect(turned(cycleIn(error.message))).toEqual(['short', 'x'])
  })

  it('R10 of two cycles that share their closing edge the shortest is named', async () => {
    const s = stage({ b: on('c', 'd'), c: on('c2'), c2: on('d'), d: on('e'), e: on('a') })
    const error = await errorOf(() => s.app.register(define('a', 'b')))
    expect(turned(cycleIn(error.message))).toEqual(['a', 'b', 'd', 'e'])
  })

  it.each([
    ['optional', { name: 'b', optional: true }],
    ['started', { name: 'b', condition: 'started' as const }],
    ['completed', { name: 'b', condition: 'completed' as const }],
    ['onLoss keep', { name: 'b', onLoss: 'keep' as const }],
  ])('R10 edges of every kind close a cycle: %s', async (_, edge) => {
    const s = stage({ b: { loop: true, dependsOn: ['a'] } })
    expect(await codeOf(() => s.app.register(define('a', edge)))).toBe('DEPENDENCY_CYCLE')
    expect(s.app.registry.has('a')).toBe(false)
  })

  it('R10 a cycle through a name that nobody has registered is none until somebody does', async () => {
    const s = stage({ a: on('b'), c: on('a') })
    expect(await codeOf(() => s.app.register(define('b', 'c')))).toBe('DEPENDENCY_CYCLE')
    expect(await codeOf(() => s.app.register(define('b')))).toBe('no error')
  })

  it('R10 an edge that went with its service closes no cycle', async () => {
    const s = stage({ a: on('b') })
    await s.app.unregister('a')
    expect(await codeOf(() => s.app.register(define('b', 'a')))).toBe('no error')
  })

  it('R10 a diamond is no cycle', async () => {
    const s = stage({ a: on('b', 'c'), b: on('d'), c: on('d'), d: {} })
    expect(await codeOf(() => s.app.start())).toBe('no error')
  })

  it('R10 a constructor that refuses a cycle has taken none of the services', async () => {
    const a = define('a', 'b')
    const free = define('free')
    expect(await codeOf(() => new Orchestrator({ services: [free, a, define('b', 'a')] }))).toBe('DEPENDENCY_CYCLE')
    const s = stage()
    await Promise.all([s.app.register(free), s.app.register(a), s.app.register(define('b'))])
    expect(s.app.registry.size).toBe(3)
  })

  it('R10 a cycle in a registry is refused at the latest when an orchestrator takes it, which then has not', async () => {
    const registry = new ServiceRegistry()
    const services = [define('a', 'b'), define('b', 'a')]
    const fill = () => {
      for (const service of services) registry.register(service)
      return new Orchestrator({ registry })
    }
    expect(await codeOf(fill)).toBe('DEPENDENCY_CYCLE')
    if (registry.has('b')) registry.unregister('b')
    expect(await codeOf(() => stage({}, { registry }))).toBe('no error')
  })

  it('R10 the registry of an orchestrator refuses a cycle as that does', async () => {
    const s = stage({ a: on('b') })
    expect(await codeOf(() => s.app.registry.register(define('b', 'a')))).toBe('DEPENDENCY_CYCLE')
    expect(s.app.registry.getAll().map(({ name }) => name)).toEqual(['a'])
  })

  it('R10 in a running orchestrator a refused cycle stirs nobody', async () => {
    const s = stage({ a: on({ name: 'b', optional: true }) })
    await s.boot()
    expect(await codeOf(() => s.app.register(define('b', 'a')))).toBe('DEPENDENCY_CYCLE')
    await s.clock.advance(10_000)
    expect([s.hooks, s.events]).toEqual([[], []])
  })

  it('R10 a cycle of fifty thousand is found without deep recursion', async () => {
    const length = 50_000
    const services = Array.from({ length }, (_, i) => define(`s${i}`, `s${i + 1}`))
    const s = stage({}, { services })
    const error = await errorOf(() => s.app.register(define(`s${length}`, 's0')))
    expect(error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
    expect(s.app.registry.size).toBe(length)
  })
})

describe('missing names', () => {
  it('R10 a start that lacks a required name is refused before anything is started', async () => {
    const s = stage({ db: {}, api: on('db', 'cache'), other: {} })
    const error = await errorOf(() => s.app.start())
    expect(error).toMatchObject({ code: 'DEPENDENCY_MISSING' })
    expect(error.message).toContain('api')
    expect(error.message).toContain('cache')
    await s.clock.advance(400_000)
    expect([s.hooks, s.stirred()]).toEqual([[], []])
    expect(s.app.getAllServices().map(({ state }) => state)).toEqual(['unknown', 'unknown', 'unknown'])
  })

  it('R10 what is missing far down the chain is as wrong', async () => {
    const s = stage({ a: on('b'), b: on('c'), c: on('d') })
    const error = await errorOf(() => s.app.startService('a'))
    expect(error).toMatchObject({ code: 'DEPENDENCY_MISSING' })
    expect(error.message).toMatch(/\bc\b.*\bd\b/)
    expect(s.hooks).toEqual([])
  })

  it('R10 a name that nothing wants may be missing', async () => {
    const s = stage({ ok: {}, broken: { dependsOn: ['nowhere'], autoStart: false } })
    expect(await codeOf(() => s.app.start())).toBe('no error')
    expect(await codeOf(() => s.app.startService('ok'))).toBe('no error')
    expect([s.state('ok'), s.state('broken')]).toEqual(['running', 'unknown'])
    expect(await codeOf(() => s.app.startService('broken'))).toBe('DEPENDENCY_MISSING')
  })

  it('R10 what a start wants through another counts, whatever its autoStart says', async () => {
    const s = stage({ a: on('broken'), broken: { dependsOn: ['nowhere'], autoStart: false } })
    expect(await codeOf(() => s.app.start())).toBe('DEPENDENCY_MISSING')
    expect(s.hooks).toEqual([])
  })

  it('R10 R30 a missing name is a mistake of the program, also of a service that is not essential', async () => {
    const s = stage({ a: {}, extra: { dependsOn: ['nowhere'], essential: false } })
    expect(await codeOf(() => s.app.start())).toBe('DEPENDENCY_MISSING')
    expect(s.hooks).toEqual([])
  })

  it('R10 an optional name may be missing', async () => {
    const s = stage({ a: on({ name: 'nowhere', optional: true }) })
    expect(await codeOf(() => s.app.start())).toBe('no error')
    expect(s.state('a')).toBe('running')
  })

  it.each([
    { missing: 'databse', there: ['cache', 'database'], suggested: 'database', why: 'a letter left out' },
    { missing: 'databasse', there: ['database'], suggested: 'database', why: 'a letter too many' },
    { missing: 'cahce', there: ['cache'], suggested: 'cache', why: 'a swap, which counts one' },
    { missing: 'abd', there: ['abc'], suggested: 'abc', why: 'exactly a third' },
    { missing: 'metrcis-stroe', there: ['metrics-store'], suggested: 'metrics-store', why: 'two swaps' },
    { missing: 'quexx1', there: ['queue1'], suggested: 'queue1', why: 'two of six' },
    { missing: 'postgresq', there: ['postgres2', 'postgresql'], suggested: 'postgres', why: 'one of equals' },
    { missing: 'storage-b', there: ['storage-xyz', 'storage-a'], suggested: 'storage-a', why: 'the nearest' },
  ])('R10 $missing suggests $suggested: $why', async ({ missing, there, suggested }) => {
    const s = stage({ ...Object.fromEntries(there.map((name) => [name, {}])), api: on(missing) })
    const { message } = await errorOf(() => s.app.start())
    expect(message).toContain(missing)
    expect(message).toContain('api')
    expect(message.replaceAll(missing, '')).toContain(suggested)
  })

  it.each([
    { missing: 'xxche', there: 'cache', why: 'two of five' },
    { missing: 'quxyz1', there: 'queue1', why: 'three of six' },
    { missing: 'ca', there: 'ac', why: 'a swap of two letters is half of the name' },
    { missing: 'redis', there: 'postgres', why: 'nothing alike' },
    { missing: 'chace-x', there: 'cache', why: 'four of seven' },
  ])('R10 $missing does not suggest $there: $why', async ({ missing, there }) => {
    const s = stage({ [there]: {}, zzz: on(missing) })
    const { message } = await errorOf(() => s.app.start())
    expect(message).toContain(missing)
    expect(message).not.toContain(there)
  })

  it('R10 registered into a running orchestrator it waits for the missing name and starts when that is up', async () => {
    const s = stage({ db: {} })
    await s.boot()
    await s.app.register(s.make('api', { dependsOn: ['db', 'cache'], up: 5 }).service)
    await s.clock.advance(10)
    expect(s.states('api')).toEqual(['0 waiting'])
    expect(s.app.getServiceStatus('api').blockedBy).toMatchObject([{ name: 'cache' }])
    expect(s.app.explain('api').because.at(-1)).toMatchObject({ name: 'cache', kind: 'missing' })
    await s.app.register(s.make('cache', { up: 7 }).service)
    await s.clock.advance(100)
    expect(s.states('api')).toEqual(['0 waiting', '17 starting', '22 running'])
  })

  it('R10 one that waits for a missing name does not keep a start of others from succeeding', async () => {
    const s = stage({ db: {} })
    await s.boot()
    await s.app.register(s.make('api', { dependsOn: ['cache'] }).service)
    expect(await codeOf(() => s.app.startService('db'))).toBe('no error')
    expect(await codeOf(() => s.app.startService('api'))).toBe('DEPENDENCY_MISSING')
    expect(s.state('api')).toBe('waiting')
  })

  it('R10 a required name that comes and is refused leaves its dependent waiting', async () => {
    const s = stage({ db: {} })
    await s.boot()
    await s.app.register(s.make('api', { dependsOn: ['cache'] }).service)
    expect(await codeOf(() => s.app.register(define('cache', 'api')))).toBe('DEPENDENCY_CYCLE')
    await s.clock.advance(100)
    expect(s.states('api')).toEqual(['0 waiting'])
  })
})

describe('edges that make no sense', () => {
  it.each([
    ['twice the same name', ['a', 'a']],
    ['twice the same name, once in detail', ['a', { name: 'a', optional: true }]],
    ['an empty name', ['']],
    ['a loss of what only gates', [{ name: 'a', condition: 'completed', onLoss: 'stop' }]],
    ['an end of a wait for ever', [{ name: 'a', timeout: Number.POSITIVE_INFINITY, onTimeout: 'warn' }]],
    ['a timeout of zero', [{ name: 'a', timeout: 0 }]],
    ['a timeout that is no number', [{ name: 'a', timeout: Number.NaN }]],
    ['a negative timeout', [{ name: 'a', timeout: -1 }]],
    ['an unknown condition', [{ name: 'a', condition: 'ready' }]],
    ['an unknown field', [{ name: 'a', optinal: true }]],
  ])('R51 %s is refused at construction', async (_, dependsOn) => {
    const error = await errorOf(() => defineService('x', { dependsOn: dependsOn as never }))
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(error.message).toContain('dependsOn')
  })

  const job = { name: 'job', condition: 'completed' as const }

  it('R10 waiting for the end of a service without a loop is refused, whichever of the two comes last', async () => {
    const s = stage({ after: on(job) })
    expect(await codeOf(() => s.app.register(define('job')))).toBe('CONFIG_INVALID')
    expect(s.app.registry.has('job')).toBe(false)
    const t = stage({ job: {} })
    expect(await codeOf(() => t.app.register(define('after', job)))).toBe('CONFIG_INVALID')
    expect(t.app.registry.has('after')).toBe(false)
    expect(await codeOf(() => new Orchestrator({ services: [define('job'), define('after', job)] }))).toBe(
      'CONFIG_INVALID',
    )
  })

  it('R10 a job with a loop may be waited for, and so may one that is not there yet', async () => {
    const s = stage({ after: on(job) })
    await s.app.register(s.make('job', { loop: true }).service)
    expect(s.app.registry.size).toBe(2)
  })
})
