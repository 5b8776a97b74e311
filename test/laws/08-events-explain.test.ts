/** §8, explain: "why is it not up?" with the chain to the root cause, as data and as a sentence (R42). */
import type { Cause } from 'keelson'
import { describe, expect, it } from 'vitest'
import { type Behaviour, service, settled, type World, world } from '../support/world.js'

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
const denied = Object.assign(new Error('the password is wrong'), { statusCode: 401 })

/** A root cause: what db does, how it comes to it, what is said of db itself, and of what depends on it. */
interface Root {
  kind: Cause['kind']
  when: string
  db: Behaviour
  act?: (world: World) => Promise<void> | void
  cause: Partial<Cause>
  is: string | RegExp
}

const roots: Root[] = [
  {
    kind: 'backoff',
    when: 'it is backing off after a failed start',
    db: { start: { fails: true, error: refused }, restart: { initialBackoff: 1_200 } },
    cause: {
      state: 'retrying',
      until: expect.any(Number) as number,
      error: expect.objectContaining({ cause: refused }),
    },
    is: 'retrying (attempt 1, due in 1.2 s) after connect ECONNREFUSED 127.0.0.1:5432',
  },
  {
    kind: 'backoff',
    when: 'it is unreachable',
    db: {
      remote: true,
      start: { fails: true, error: refused },
      restart: { initialBackoff: 400, multiplier: 1 },
    },
    act: async ({ clock }) => clock.advance(1_000),
    cause: { state: 'unreachable' },
    is: 'unreachable (attempt 3, due in 200 ms) after connect ECONNREFUSED 127.0.0.1:5432',
  },
  {
    kind: 'delay',
    when: 'its startDelay runs',
    db: { startDelay: 5_000 },
    act: async ({ clock }) => clock.advance(1_500),
    cause: { state: 'waiting', until: expect.any(Number) as number },
    is: 'waiting, delayed (due in 3.5 s)',
  },
  {
    kind: 'permit',
    when: 'it waits for a permit',
    db: {},
    cause: { state: 'waiting' },
    is: 'waiting for a permit',
  },
  {
    kind: 'hook',
    when: 'it is starting',
    db: { start: { hangs: true } },
    cause: { state: 'starting' },
    is: 'starting',
  },
  {
    kind: 'hook',
    when: 'a hook of an earlier epoch has not settled',
    db: { start: { hangs: true, ignoresAbort: true }, abortGrace: 10, startTimeout: 1_000 },
    act: async ({ app, clock }) => {
      await clock.advance(100)
      settled(app.restartService('db'))
      await clock.advance(10)
    },
    cause: { state: 'waiting' },
    is: /^waiting for a hook of an earlier epoch to settle/,
  },
  {
    kind: 'stop',
    when: 'it is stopping',
    db: { stop: { hangs: true }, stopTimeout: 1_000 },
    act: async ({ app, clock }) => {
      settled(app.restartService('db'))
      await clock.settle()
    },
    cause: { state: 'stopping' },
    is: 'stopping',
  },
  {
    kind: 'failed',
    when: 'it has given up',
    db: { start: { fails: true, error: 'no disk' }, restart: { policy: 'never' } },
    cause: { state: 'failed', error: expect.objectContaining({ code: 'START_FAILED', cause: 'no disk' }) },
    is: 'failed after no disk',
  },
  {
    kind: 'auth',
    when: 'its credentials are missing',
    db: { start: { fails: true, error: denied } },
    cause: { state: 'auth_required' },
    is: 'auth_required: credentials are missing after the password is wrong',
  },
  {
    kind: 'manual',
    when: 'it was stopped by hand',
    db: {},
    act: async ({ app, clock }) => {
      settled(app.stopService('db'))
      await clock.settle()
    },
    cause: { state: 'stopped' },
    is: 'stopped by hand',
  },
]

describe('a root cause', () => {
  it.each(roots)('R42 $kind: when $when', async ({ kind, db, act, cause, is }) => {
    const first = kind === 'permit' ? [service('first', { start: { hangs: true } })] : []
    const staged = world({
      services: [
        ...first,
        service('db', db),
        service('api', { dependsOn: ['db'] }),
        service('web', { dependsOn: [{ name: 'api', condition: 'started' }] }),
      ],
      ...(kind === 'permit' && { maxConcurrentStarts: 1 }),
    })
    settled(staged.app.start({ onFailure: 'keep' }))
    await staged.clock.settle()
    await act?.(staged)
    const root = expect.objectContaining({ name: 'db', kind, ...cause })
    const own = staged.app.explain('db')
    expect(own).toMatchObject({ name: 'db', up: false, because: [root] })
    expect(own.text.startsWith('db is ')).toBe(true)
    const text = own.text.slice('db is '.length)
    if (typeof is === 'string') expect(text).toBe(is)
    else expect(text).toMatch(is)
    const api = staged.app.explain('api')
    expect(api).toEqual({ name: 'api', up: false, because: [root], text: `api is waiting: needs db, which is ${text}` })
    const web = staged.app.explain('web')
    expect(web.because).toEqual([expect.objectContaining({ name: 'api', kind: 'dependency', state: 'waiting' }), root])
    expect(web.text).toBe(`web is waiting: needs api, which needs db, which is ${text}`)
    const status = staged.app.getServiceStatus('api')
    expect(status.blockedBy).toEqual([expect.objectContaining({ name: 'db', kind: 'dependency' })])
  })

  it('R42 missing: when nobody has registered it', async () => {
    const { app, clock } = world()
    await app.start()
    void app.register(service('api', { dependsOn: ['db'] }))
    void app.register(service('web', { dependsOn: ['api'] }))
    await clock.settle()
    expect(app.explain('api')).toEqual({
      name: 'api',
      up: false,
      because: [expect.objectContaining({ name: 'db', kind: 'missing' })],
      text: 'api is waiting: needs db, which is not registered',
    })
    expect(app.explain('web').text).toBe('web is waiting: needs api, which needs db, which is not registered')
  })

  it('R42 dependency: when it is up but has no verdict yet', async () => {
    const { app, clock } = world({
      services: [service('db', { check: { returns: 'checking' } }), service('api', { dependsOn: ['db'] })],
    })
    settled(app.start())
    await clock.settle()
    const { because, text } = app.explain('api')
    expect(because).toEqual([expect.objectContaining({ name: 'db', kind: 'dependency', state: 'running' })])
    expect(text).toMatch(/^api is waiting: needs db, which is running\b.*checking/)
    await app.stop()
  })

  it('R42 failed: when it is up and unhealthy', async () => {
    const { app, clock } = world({
      services: [
        service('db', {
          check: { fails: true, error: refused },
          healthCheck: { failureThreshold: 1, onUnhealthy: 'report' },
        }),
        service('api', { dependsOn: ['db'] }),
      ],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    const { up, because, text } = app.explain('db')
    expect([up, because]).toEqual([false, [expect.objectContaining({ name: 'db', kind: 'failed', state: 'running' })]])
    expect(text).toMatch(/^db is running, unhealthy\b.*connect ECONNREFUSED 127.0.0.1:5432$/)
    expect(app.explain('api').text).toBe(`api is waiting: needs db, which is ${text.slice('db is '.length)}`)
  })

  it('R42 says that it ended of itself', async () => {
    const { app, clock } = world({
      services: [service('job', { run: () => {} }), service('api', { dependsOn: ['job'] })],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    expect(app.explain('job').text).toMatch(/^job .*completed/)
    expect(app.explain('api').text).toMatch(/^api is waiting: needs job, which .*completed/)
  })

  it.each(['shutdown', 'rollback', 'cancelled'] as const)('R42 says that it was stopped by %s', async (reason) => {
    const { app, clock } = world({
      services: [
        service('a'),
        service('b', {
          dependsOn: ['a'],
          start: reason === 'rollback' ? { fails: true } : {},
          restart: { policy: 'never' },
        }),
        service('c', { start: { takes: 10 } }),
      ],
    })
    const controller = new AbortController()
    settled(app.start({ signal: controller.signal }))
    await clock.advance(5)
    if (reason === 'cancelled') controller.abort()
    if (reason === 'shutdown') settled(app.stop())
    await clock.advance(20)
    expect(app.getServiceStatus('a')).toMatchObject({ state: 'stopped', stopReason: reason })
    expect(app.explain('a')).toMatchObject({ up: false, because: [{ name: 'a', kind: 'stop', state: 'stopped' }] })
    expect(app.explain('a').text).toMatch(new RegExp(`^a is stopped\\b.*${reason}`))
  })
})

describe('the chain', () => {
  it('R42 has nothing to say of what is up, and is frozen', async () => {
    const { app } = world({ services: [service('a')] })
    await app.start()
    expect(app.explain('a')).toEqual({ name: 'a', up: true, because: [], text: 'a is running' })
    expect([Object.isFrozen(app.explain('a')), Object.isFrozen(app.explain('a').because)]).toEqual([true, true])
  })

  it('R42 of what has never been wanted says that', () => {
    const { app } = world({ services: [service('a')] })
    expect(app.explain('a')).toEqual({ name: 'a', up: false, because: [], text: 'a has never been started' })
  })

  it('R42 of what does not exist is SERVICE_NOT_FOUND', () => {
    const { app } = world()
    expect(() => app.explain('a')).toThrow(expect.objectContaining({ code: 'SERVICE_NOT_FOUND' }))
  })

  it('R42 follows the dependency that is not coming rather than the one on its way', async () => {
    const { app, clock } = world({
      services: [
        service('slow', { start: { hangs: true } }),
        service('down', { start: { fails: true, error: 'no disk' }, restart: { policy: 'never' } }),
        service('api', { dependsOn: ['slow', 'down'] }),
      ],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    expect(app.getServiceStatus('api').blockedBy?.map(({ name }) => name)).toEqual(['slow', 'down'])
    expect(app.explain('api').text).toBe('api is waiting: needs down, which is failed after no disk')
  })

  it('R42 has one item per service although its ways part and meet', async () => {
    const { app, clock } = world({
      services: [
        service('root', { start: { fails: true, error: 'no' }, restart: { policy: 'never' } }),
        service('left', { dependsOn: ['root'] }),
        service('right', { dependsOn: ['root'] }),
        service('top', { dependsOn: ['left', 'right'] }),
      ],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    const names = app.explain('top').because.map(({ name }) => name)
    expect(names).toHaveLength(new Set(names).size)
    expect(names.at(-1)).toBe('root')
    expect(app.explain('top').text).toBe('top is waiting: needs left, which needs root, which is failed after no')
  })

  it('R42 names the third attempt and counts the time down', async () => {
    const { app, clock } = world({
      services: [
        service('db', { start: { fails: true, error: refused }, restart: { initialBackoff: 1_200, multiplier: 1 } }),
        service('api', { dependsOn: ['db'] }),
      ],
    })
    settled(app.start({ onFailure: 'retry' }))
    await clock.advance(2_400)
    expect(app.explain('api').text).toBe(
      'api is waiting: needs db, which is retrying (attempt 3, due in 1.2 s) after connect ECONNREFUSED 127.0.0.1:5432',
    )
    await clock.advance(900)
    expect(app.explain('api').text).toContain('due in 300 ms')
  })

  it('R42 is JSON-safe, and a hundred links long where a hundred wait', async () => {
    const services = Array.from({ length: 100 }, (_, i) =>
      service(`s${i}`, i === 0 ? { start: { hangs: true } } : { dependsOn: [`s${i - 1}`] }),
    )
    const { app, clock } = world({ services })
    settled(app.start())
    await clock.settle()
    const explanation = app.explain('s99')
    expect(JSON.parse(JSON.stringify(explanation)).because).toHaveLength(99)
    expect(explanation.because.at(-1)).toMatchObject({ name: 's0', kind: 'hook' })
  })

  it.each(['startService', 'restartService'] as const)(
    'R42 R49 does not end at one that nobody wants: a %s in one breath with a replacement wants what the new one requires',
    async (method) => {
      const { app, clock } = world({ services: [service('a'), service('d')] })
      const replaced = settled(app.replace(service('d', { dependsOn: ['a'] })))
      const started = settled(app[method]('d'))
      await clock.settle()
      expect([replaced.status, app.explain('d').text]).toEqual(['fulfilled', 'd is running'])
      expect([started.status, app.getServiceStatus('a').state]).toEqual(['fulfilled', 'running'])
    },
  )

  it('R42 R49 nor after a replacement of one that waits', async () => {
    const { app, clock } = world({
      services: [
        service('a', { autoStart: false }),
        service('b', { start: { hangs: true } }),
        service('d', { dependsOn: ['b'] }),
      ],
    })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    settled(app.replace(service('d', { dependsOn: ['a'] })))
    await clock.settle()
    expect([app.explain('d').text, app.explain('a').text]).toEqual(['d is running', 'a is running'])
  })
})
