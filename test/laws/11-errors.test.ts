/** §11, the closed list of codes: each is thrown somewhere, and how its error reads (R50). */
import { defineService, ERROR_CODES, type ErrorCode, isKeelsonError, KeelsonError, Orchestrator } from 'keelson'
import { describe, expect, it } from 'vitest'
import { ours } from '../support/laws5-errors.js'
import { type Scripted, service, settled, type World, world } from '../support/world.js'

const boom = new Error('boom')
const never = { restart: { policy: 'never' } } as const

/** One way to each code: what is done, what it throws, rejects with or leaves in the status, and what the error names. */
const ways: Record<ErrorCode, { subject: string; way: (world: World) => unknown }> = {
  SERVICE_DUPLICATE: {
    subject: "'db'",
    way: async ({ app }) => {
      await app.register(service('db'))
      await app.register(service('db'))
    },
  },
  SERVICE_NOT_FOUND: { subject: "'db'", way: ({ app }) => app.startService('db') },
  SERVICE_INVALID: { subject: 'a service', way: ({ app }) => app.register({ name: '' } as never) },
  SERVICE_IN_USE: {
    subject: "'db'",
    way: async ({ app }) => {
      const db = service('db')
      await world().app.register(db)
      await app.register(db)
    },
  },
  DEPENDENCY_MISSING: {
    subject: "'api'",
    way: async ({ app }) => {
      await app.register(service('api', { dependsOn: ['db'] }))
      await app.start()
    },
  },
  DEPENDENCY_CYCLE: { subject: "'a'", way: ({ app }) => app.register(service('a', { dependsOn: ['a'] })) },
  DEPENDENCY_TIMEOUT: {
    subject: "'api'",
    way: left(() => [
      service('api', { dependsOn: [{ name: 'db', timeout: 10 }] }),
      service('db', { start: { hangs: true } }),
    ]),
  },
  START_FAILED: {
    subject: "'db'",
    way: left(() => [service('db', { ...never, start: { fails: true, error: boom } })]),
  },
  START_TIMEOUT: {
    subject: "'db'",
    way: left(() => [service('db', { ...never, startTimeout: 10, start: { hangs: true } })]),
  },
  STOP_FAILED: {
    subject: "'db'",
    way: async ({ app }) => {
      await app.register(service('db', { stop: { fails: true } }))
      await app.start()
      await app.stop().catch((error) => {
        throw ours(error).cause
      })
    },
  },
  STOP_TIMEOUT: {
    subject: "'db'",
    way: async ({ app }) => {
      await app.register(service('db', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: 10 }))
      await app.start()
      await app.stop().catch((error) => {
        throw ours(error).cause
      })
    },
  },
  CRASHED: { subject: "'db'", way: left(() => [service('db', { ...never, run: { takes: 5, fails: true } })]) },
  UNHEALTHY: {
    subject: "'db'",
    way: left(() => [
      service('db', { ...never, check: { returns: 'unhealthy' }, healthCheck: { failureThreshold: 1 } }),
    ]),
  },
  START_INCOMPLETE: {
    subject: 'start',
    way: async ({ app }) => {
      await app.register(service('db', { ...never, start: { fails: true } }))
      await app.start()
    },
  },
  STOP_INCOMPLETE: {
    subject: 'stop',
    way: async ({ app }) => {
      await app.register(service('db', { stop: { fails: true } }))
      await app.start()
      await app.stop()
    },
  },
  CANCELLED: {
    subject: 'start',
    way: async ({ app }) => {
      await app.register(service('db', { start: { takes: 10 } }))
      const start = app.start()
      settled(app.stop())
      await start
    },
  },
  CONFIG_INVALID: { subject: "'db'", way: () => defineService('db', { startTimeout: -1 }) },
  CLOSED: {
    subject: 'the orchestrator',
    way: async ({ app }) => {
      await app[Symbol.asyncDispose]()
      await app.start()
    },
  },
}

/** What the status of the first service keeps after a start. */
function left(make: () => Scripted[]): (world: World) => Promise<void> {
  return async ({ app }) => {
    const services = make()
    for (const each of services) await app.register(each)
    await app.start({ onFailure: 'keep' }).catch(() => {})
    await new Promise<void>((resolve) => {
      if (services[0]?.state === 'failed') resolve()
      services[0]?.onStateChange(({ newState }) => newState === 'failed' && resolve())
    })
    throw services[0]?.lastError
  }
}

/** Codes whose message ends with the words of what was thrown: the advice is theirs to give. */
const quoting: readonly ErrorCode[] = ['START_FAILED', 'CRASHED', 'UNHEALTHY', 'START_INCOMPLETE', 'STOP_INCOMPLETE']

async function caught(code: string): Promise<KeelsonError> {
  const { way } = ways[code as ErrorCode]
  const staged = world({ tidy: false })
  const outcome = settled((async () => way(staged))())
  await staged.clock.advance(60_000)
  expect(outcome.status).toBe('rejected')
  expect(ours(outcome.error).code).toBe(code)
  return ours(outcome.error)
}

describe('each code', () => {
  it('R50 the list is closed, and has a way to each', () => {
    expect([...ERROR_CODES].sort()).toEqual(Object.keys(ways).sort())
    expect(ERROR_CODES).toHaveLength(18)
    expect(new Set(ERROR_CODES).size).toBe(18)
  })

  it.each(ERROR_CODES)('R50 %s is thrown', async (code) => {
    const error = await caught(code)
    expect(isKeelsonError(error, code)).toBe(true)
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('KeelsonError')
  })

  it.each(ERROR_CODES)('R50 the message of %s names its subject, says what, and what to do', async (code) => {
    const { message } = await caught(code)
    expect(message).toMatch(/^\S[^\n]*?( - |: )\S[^\n]*$/)
    const [, subject = '', rest = ''] = /^(.*?)(?: - |: )(.*)$/.exec(message) ?? []
    expect(subject).toContain(ways[code].subject)
    if (!quoting.includes(code)) expect(rest, 'an advice at the end').toMatch(/; \S.*$/)
    expect(message).not.toMatch(/undefined|\[object|NaN/)
  })

  it.each(ERROR_CODES)('R50 %s by toJSON: name, code, message, a text of the cause', async (code) => {
    const error = await caught(code)
    const { cause, suppressed, ...json } = JSON.parse(JSON.stringify(error))
    expect(json).toEqual({ name: 'KeelsonError', code, message: error.message })
    expect(suppressed).toBeUndefined()
    expect(typeof cause).toBe('cause' in error ? 'string' : 'undefined')
  })
})

describe('what they name', () => {
  it('R50 an unknown name is in the message with the nearest one', async () => {
    const { app } = world({ services: [service('database')] })
    const error = await app.startService('databse').catch(ours)
    expect(error).toMatchObject({ code: 'SERVICE_NOT_FOUND' })
    expect((error as KeelsonError).message).toMatch(/'databse'.*'database'/)
  })

  it('R50 START_INCOMPLETE and STOP_INCOMPLETE carry the report, which no log record drowns in', async () => {
    const { app, clock } = world({
      services: [service('a'), service('b', { ...never, dependsOn: ['a'], start: { fails: true, error: boom } })],
    })
    const start = settled(app.start())
    await clock.settle()
    expect(start.error).toMatchObject({ code: 'START_INCOMPLETE', report: { operation: 'start', outcome: 'failed' } })
    const { report } = start.error as KeelsonError<{ services: { name: string; outcome: string }[] }>
    expect(report?.services.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(['a stopped', 'b failed'])
    expect(Object.keys(start.error)).not.toContain('report')
    expect(start.error.cause).toMatchObject({ code: 'START_FAILED', cause: boom })
  })

  it('R50 STOP_INCOMPLETE lists every culprit with its why', async () => {
    const { app, clock } = world({
      services: [
        service('bad', { stop: { fails: true, error: new Error('flush failed') } }),
        service('slow', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: 100 }),
        service('good'),
      ],
    })
    await app.start()
    const stop = settled(app.stop())
    await clock.advance(1_000)
    expect(stop.error).toMatchObject({ code: 'STOP_INCOMPLETE' })
    expect(stop.error.message).toMatch(/'bad'.*flush failed.*'slow'/)
    expect(stop.error.message).not.toContain("'good'")
    expect(stop.error.report.services.map((row: { outcome: string }) => row.outcome)).toEqual([
      'failed',
      'abandoned',
      'stopped',
    ])
  })

  it('R50 is recognised across copies of the module, and nothing else is', () => {
    class Copy extends Error {
      code = 'CLOSED'
      get [Symbol.for('keelson.error')]() {
        return true
      }
    }
    expect(isKeelsonError(new Copy())).toBe(true)
    expect(isKeelsonError(new Copy(), 'CLOSED')).toBe(true)
    expect(isKeelsonError(new Copy(), 'CRASHED')).toBe(false)
    const revoked = Proxy.revocable({}, {})
    revoked.revoke()
    for (const other of [boom, undefined, null, 'CLOSED', 7, { code: 'CLOSED' }, revoked.proxy])
      expect(isKeelsonError(other)).toBe(false)
  })

  it('R50 the constructor takes a cause as it is, also undefined, and tells it from none', () => {
    expect('cause' in new KeelsonError('CLOSED', 'x - y')).toBe(false)
    const error = new KeelsonError('CLOSED', 'x - y', { cause: undefined })
    expect('cause' in error).toBe(true)
    expect(error.cause).toBeUndefined()
    expect(error.toJSON()).toEqual({ name: 'KeelsonError', code: 'CLOSED', message: 'x - y', cause: 'undefined' })
  })
})

describe('CLOSED', () => {
  it('R50 after asyncDispose only reading is left', async () => {
    const { app, clock, log } = world({ services: [service('a')], tidy: false })
    await app.start()
    const dispose = settled(app[Symbol.asyncDispose]())
    await clock.settle()
    expect(dispose.status).toBe('fulfilled')
    const before = app.snapshot()
    const calls = [
      app.start(),
      app.stop(),
      app.startService('a'),
      app.stopService('a'),
      app.restartService('a'),
      app.register(service('b')),
      app.unregister('a'),
      app.replace(service('a')),
      app.run(),
    ]
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ status: 'rejected', reason: { code: 'CLOSED' } })
    expect(() => app.registry.register(service('b'))).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    expect(() => app.registry.unregister('a')).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    await clock.settle()
    expect(app.snapshot()).toEqual(before)
    expect(log.states('a').at(-1)).toBe('stopped')
    expect(app.getServiceStatus('a')).toMatchObject({ state: 'stopped', stopReason: 'shutdown' })
    expect([app.explain('a').up, app.health().status, app.graph().nodes, app.plan('start').steps]).toBeDefined()
    await expect(app[Symbol.asyncDispose]()).resolves.toBeUndefined()
    expect(clock.pending).toBe(0)
  })

  it('R50 a service of a disposed orchestrator says CLOSED, too', async () => {
    const a = service('a')
    const app = new Orchestrator({ services: [a] })
    await app[Symbol.asyncDispose]()
    await expect(a.start()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(a.restart()).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('R50 while it stops single starts are refused, and after the stop they are not', async () => {
    const { app, clock, log } = world({ services: [service('a', { stop: { takes: 10 } })] })
    await app.start()
    settled(app.stop())
    const calls = [app.startService('a'), app.restartService('a')].map(settled)
    await clock.advance(5)
    expect(calls.map(({ error }) => error?.code)).toEqual(['CLOSED', 'CLOSED'])
    await clock.advance(10)
    await app.startService('a')
    expect(log.states('a')).toEqual(['starting', 'running', 'stopping', 'stopped', 'starting', 'running'])
  })
})
