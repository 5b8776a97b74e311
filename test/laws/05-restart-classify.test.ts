/** Section 5: of which class a failure is, and where each class leads (R4, R17, R20). */
import type { FailureClass, ServiceOptions } from 'keelson'
import { describe, expect, it } from 'vitest'
import { broken, codeOf, failing, Stage } from '../support/laws3.js'
import { settled } from '../support/world.js'

/** The class that a failed start was given, read off what became of the service. */
async function classOf(error: unknown, options: ServiceOptions = {}): Promise<FailureClass | string> {
  const stage = new Stage()
  stage.cast('a', {
    ...options,
    start: (life) => {
      if (life === 1) throw error
    },
  })
  await stage.boot()
  const retry = stage.events.find((event) => event.type === 'retry')
  if (retry?.type === 'retry') return retry.failure
  const { state } = stage.status('a')
  return state === 'auth_required' ? 'auth' : state === 'failed' ? 'permanent' : state
}

/** An error whose cause of the cause … has these fields. */
function buried(fields: object, depth: number): Error {
  let error = broken(fields)
  for (let level = 0; level < depth; level++) error = new Error(`level ${level}`, { cause: error })
  return error
}

describe('connectivity', () => {
  it.each(['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EPIPE'])(
    'R20 an error with the code %s is a failure of connectivity',
    async (code) => {
      expect(await classOf(broken({ code }))).toBe('connectivity')
    },
  )

  it('R20 a code is found down the chain of causes', async () => {
    expect(await classOf(buried({ code: 'ECONNREFUSED' }, 1))).toBe('connectivity')
    expect(await classOf(buried({ code: 'ECONNREFUSED' }, 5))).toBe('connectivity')
  })

  it('R20 a code is found in the errors of an AggregateError, also below a cause', async () => {
    const dualStack = new AggregateError([broken({ code: 'ECONNREFUSED' }), broken({ code: 'ECONNREFUSED' })])
    expect(await classOf(dualStack)).toBe('connectivity')
    expect(await classOf(new Error('fetch failed', { cause: dualStack }))).toBe('connectivity')
  })
})

describe('permanent', () => {
  it.each([
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_GET_ISSUER_CERT',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ])('R20 the TLS error %s is permanent', async (code) => {
    expect(await classOf(broken({ code }))).toBe('permanent')
    expect(await classOf(new TypeError('fetch failed', { cause: broken({ code }) }))).toBe('permanent')
  })

  it('R20 a permanent error fails at once, saying failed, with the whole budget left', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1, broken({ code: 'CERT_HAS_EXPIRED' })), remote: true })
    await stage.boot()
    await stage.clock.advance(3_600_000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '0 a stopping → failed (failed) START_FAILED',
    ])
    expect([a.starts, stage.retries(), stage.clock.pending]).toEqual([[0], [], 0])
  })

  it('R20 a permanent error of a crash fails at once, too', async () => {
    const stage = new Stage()
    const a = stage.cast('a')
    await stage.boot()
    stage.take()
    await stage.crash(a, broken({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }))
    expect(stage.take()).toEqual(['0 a running → stopping (failed)', '0 a stopping → failed (failed) CRASHED'])
  })

  it('R20 a permanent error in the middle of the retries says failed, not exhausted', async () => {
    const stage = new Stage()
    stage.cast('a', {
      start: (life) => {
        throw life < 3 ? new Error('transient') : broken({ code: 'CERT_HAS_EXPIRED' })
      },
    })
    await stage.boot()
    await stage.clock.advance(3000)
    expect(stage.take().slice(-2)).toEqual([
      '3000 a starting → stopping (failed) #2',
      '3000 a stopping → failed (failed) START_FAILED',
    ])
  })
})

describe('auth', () => {
  it('R20 a 401-shaped error is auth, also down the chain of causes', async () => {
    expect(await classOf(broken({ status: 401 }))).toBe('auth')
    expect(await classOf(broken({ statusCode: 401 }))).toBe('auth')
    expect(await classOf(buried({ status: 401 }, 1))).toBe('auth')
    expect(await classOf(buried({ statusCode: 401 }, 4))).toBe('auth')
    expect(await classOf({ status: 401 })).toBe('auth')
  })

  it('R20 other statuses are not', async () => {
    for (const status of [400, 402, 404, 429, 500, 503]) expect(await classOf(broken({ status }))).toBe('transient')
  })
})

describe('transient', () => {
  it.each([
    ['401 Unauthorized', new Error('401 Unauthorized')],
    ['status 401', new Error('Request failed with status code 401')],
    ['a connection refused', new Error('connect ECONNREFUSED 127.0.0.1:5432')],
    ['an expired certificate', new Error('certificate has expired (CERT_HAS_EXPIRED)')],
    ['a message in a cause', new Error('outer', { cause: new Error('401 ECONNREFUSED') })],
    ['a thrown string', 'ECONNREFUSED 401'],
  ])('R20 message text is never searched: %s', async (_what, error) => {
    expect(await classOf(error)).toBe('transient')
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a number', 401],
    ['an object', {}],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['an unknown code', broken({ code: 'ELSE' })],
    ['a code that is no string', broken({ code: Symbol('ECONNREFUSED') })],
    ['an empty AggregateError', new AggregateError([])],
  ])('R20 what has no code and no status is transient: %s', async (_what, error) => {
    expect(await classOf(error)).toBe('transient')
  })

  it('R20 an error that cannot be read is transient and breaks nobody', async () => {
    const hostile = new Proxy(new Error('hostile'), {
      get: () => {
        throw new Error('do not touch')
      },
      has: () => {
        throw new Error('do not touch')
      },
    })
    expect(await classOf(hostile)).toBe('transient')
  })

  it('R20 causes that lead in a circle, or fan out into themselves, come to an end', async () => {
    const first: Error & { cause?: unknown } = new Error('first')
    first.cause = new Error('second', { cause: first })
    expect(await classOf(first)).toBe('transient')
    const many = new AggregateError([])
    many.errors.push(...Array.from({ length: 6 }, () => many))
    expect(await classOf(many)).toBe('transient')
  })

  it('R20 a timeout of the start is transient', async () => {
    const stage = new Stage()
    stage.cast('a', { startTimeout: 200, start: (life) => (life === 1 ? new Promise(() => undefined) : undefined) })
    await stage.boot()
    await stage.clock.advance(200 + 1000 + 1000)
    const error = stage.events.find(({ type }) => type === 'retry')?.error
    expect([stage.retries().at(0)?.split(' ').at(-1), codeOf(error)]).toEqual(['transient', 'START_TIMEOUT'])
  })

  it('R20 a verdict without an error is transient', async () => {
    const stage = new Stage()
    stage.cast('a', { check: (call) => call !== 2, healthCheck: { failureThreshold: 1 } })
    await stage.boot()
    await stage.clock.advance(10_000)
    expect(stage.retries()).toEqual(['10000 a #1 in 1000 transient'])
  })
})

describe('classify', () => {
  it('R20 a service classifies its own failures, against any default', async () => {
    for (const failure of ['transient', 'connectivity', 'permanent', 'auth'] as const) {
      const classify = () => failure
      expect(await classOf(new Error('plain'), { classify })).toBe(failure)
      expect(await classOf(broken({ code: 'CERT_HAS_EXPIRED' }), { classify })).toBe(failure)
      expect(await classOf(broken({ status: 401 }), { classify })).toBe(failure)
    }
  })

  it('R20 what classify leaves open, the default decides', async () => {
    const classify = () => undefined
    expect(await classOf(broken({ code: 'ECONNREFUSED' }), { classify })).toBe('connectivity')
    expect(await classOf(new Error('plain'), { classify })).toBe('transient')
  })

  it('R20 classify is given the very thing that was thrown', async () => {
    for (const thrown of [undefined, 'text', Object.freeze(new Error('frozen'))]) {
      const given: unknown[] = []
      await classOf(thrown, { classify: (error) => void given.push(error) })
      expect(given).toEqual([thrown])
      expect(given[0]).toBe(thrown)
    }
  })

  it('R20 classify is asked about a crash as about a failed start', async () => {
    const stage = new Stage()
    const thrown = new Error('lost')
    const a = stage.cast('a', { classify: (error) => (error === thrown ? 'auth' : undefined) })
    await stage.boot()
    await stage.crash(a, thrown)
    expect(stage.status('a').state).toBe('auth_required')
  })

  it('R20 a classify that throws or answers nonsense leaves the default, and breaks nobody', async () => {
    const error = broken({ code: 'ECONNREFUSED' })
    const throws = () => {
      throw new Error('cannot tell')
    }
    expect(await classOf(error, { classify: throws })).toBe('connectivity')
    expect(await classOf(error, { classify: () => 'whatever' as FailureClass })).toBe('connectivity')
  })

  it('R20 classify may call the orchestrator', async () => {
    const stage = new Stage()
    const stops: { status: string }[] = []
    stage.cast('b')
    stage.cast('a', {
      start: failing(1),
      classify: () => {
        stops.push(settled(stage.app.stopService('b')))
        return undefined
      },
    })
    await stage.boot()
    await stage.clock.advance(1000)
    expect([stops.map(({ status }) => status), stage.status('a').state, stage.status('b').state]).toEqual([
      ['fulfilled'],
      'running',
      'stopped',
    ])
  })
})

describe('where the error can be read', () => {
  it('R4 the error of a failed start has the thing thrown as its cause, in the status and in the events', async () => {
    const thrown = broken({ code: 'ECONNREFUSED' })
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1, thrown) })
    await stage.boot()
    expect(a.service.lastError).toMatchObject({ code: 'START_FAILED' })
    expect((a.service.lastError as Error).cause).toBe(thrown)
    expect(stage.status('a').error).toMatchObject({ code: 'START_FAILED' })
    for (const event of stage.events.slice(-2)) expect(event).toMatchObject({ error: { code: 'START_FAILED' } })
    await stage.clock.advance(1000)
    expect([a.service.lastError, stage.status('a').error]).toEqual([undefined, undefined])
  })
})
