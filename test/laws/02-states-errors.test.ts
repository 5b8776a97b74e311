/** §2, errors: where they are kept and what they hold (R4), whatever was thrown. */
import { KeelsonError, type StartContext } from 'keelson'
import { describe, expect, it } from 'vitest'
import { fail, heed, ours, type Part, scene } from '../support/laws1.js'

const never = { restart: { policy: 'never' } } as const
const boom = new Error('boom')

describe('where an error is kept', () => {
  it('R4 lastError is set in retrying, kept while it starts again, and cleared when it is active', async () => {
    let failures = 2
    const { app, clock, call, services, status, log } = scene({
      a: { start: () => (failures-- > 0 ? fail(`failure ${failures}`) : undefined), restart: { initialBackoff: 100 } },
    })
    const seen: string[] = []
    app.on('state', ({ newState, error }) => {
      const kept = services.a?.lastError as KeelsonError | undefined
      expect(error === undefined ? undefined : ours(error)).toBe(status('a').error)
      if (newState !== 'stopping') seen.push(`${newState}: ${kept?.code} ${kept?.cause}`)
    })
    call(app.startService('a'))
    await clock.advance(300)
    expect(seen).toEqual([
      'starting: undefined undefined',
      'retrying: START_FAILED failure 1',
      'starting: START_FAILED failure 1',
      'retrying: START_FAILED failure 0',
      'starting: START_FAILED failure 0',
      'running: undefined undefined',
    ])
    expect(log.states('a').at(-1)).toBe('running')
    expect(status('a').error).toBeUndefined()
  })

  it('R4 lastError is set in unreachable', async () => {
    const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
    const { app, clock, call, state, services } = scene({
      r: { remote: true, start: () => fail(refused), restart: { initialBackoff: 10, multiplier: 1 } },
    })
    call(app.startService('r'))
    await clock.advance(25)
    expect(state('r')).toBe('unreachable')
    expect(ours(services.r?.lastError)).toMatchObject({ code: 'START_FAILED', cause: refused })
  })

  it('R4 lastError is set in auth_required', async () => {
    const denied = Object.assign(new Error('denied'), { statusCode: 401 })
    const { app, clock, call, state, services } = scene({ a: { start: () => fail(denied) } })
    call(app.startService('a'))
    await clock.settle()
    expect(state('a')).toBe('auth_required')
    expect(ours(services.a?.lastError)).toMatchObject({ code: 'START_FAILED', cause: denied })
  })

  const codes: [how: string, part: Part, end: (context: StartContext) => void, code: string, cause: unknown][] = [
    ['a failed start', { start: () => fail(boom) }, () => {}, 'START_FAILED', boom],
    ['ctx.fail before the start resolved', { start: (context) => context.fail(boom) }, () => {}, 'START_FAILED', boom],
    ['ctx.fail after it', {}, ({ fail }) => fail(boom), 'CRASHED', boom],
    ['a loop that throws', { run: () => fail(boom) }, () => {}, 'CRASHED', boom],
    ['a loop that rejects', { run: () => Promise.reject(boom) }, () => {}, 'CRASHED', boom],
    ['a start out of time', { start: heed, startTimeout: 50 }, () => {}, 'START_TIMEOUT', undefined],
    [
      'a check that throws',
      { check: () => fail(boom), healthCheck: { failureThreshold: 1 } },
      () => {},
      'UNHEALTHY',
      boom,
    ],
    [
      'a check that says no',
      { check: () => false, healthCheck: { failureThreshold: 1 } },
      () => {},
      'UNHEALTHY',
      undefined,
    ],
  ]
  it.each(codes)(
    'R4 the error of %s is kept in failed, with its code and its cause',
    async (_, part, end, code, cause) => {
      const { app, clock, call, context, state, services, status } = scene({ a: { ...never, ...part } })
      call(app.startService('a'))
      await clock.settle()
      end(context('a'))
      await clock.advance(50)
      expect(state('a')).toBe('failed')
      const error = ours(services.a?.lastError)
      expect(error.code).toBe(code)
      if (cause !== undefined) expect(error.cause).toBe(cause)
      expect(error.message).toContain('a')
      expect(status('a').error).toMatchObject({ code })
    },
  )

  it('R4 a wait that timed out leaves its error in failed', async () => {
    const { app, clock, call, state, services } = scene({
      a: { dependsOn: [{ name: 'b', timeout: 100 }] },
      b: { start: heed },
    })
    call(app.startService('a'))
    await clock.advance(100)
    expect(state('a')).toBe('failed')
    expect(ours(services.a?.lastError).code).toBe('DEPENDENCY_TIMEOUT')
    expect(ours(services.a?.lastError).message).toContain('b')
  })

  it('R4 the error of the last attempt is the one that is kept', async () => {
    let attempt = 0
    const { app, clock, call, status } = scene({
      a: { start: () => fail(`attempt ${++attempt}`), restart: { maxRetries: 2, initialBackoff: 10 } },
    })
    call(app.startService('a'))
    await clock.advance(100)
    expect(status('a')).toMatchObject({ state: 'failed', error: { code: 'START_FAILED', cause: 'attempt 3' } })
  })

  it('R4 an error of the library that a hook throws is the cause, too', async () => {
    const thrown = new KeelsonError('CONFIG_INVALID', 'my own options are wrong')
    const { app, clock, call, services } = scene({ a: { ...never, start: () => fail(thrown) } })
    call(app.startService('a'))
    await clock.settle()
    expect(ours(services.a?.lastError)).toMatchObject({ code: 'START_FAILED' })
    expect(ours(services.a?.lastError).cause).toBe(thrown)
  })
})

describe('secondary errors', () => {
  const holds = (error: unknown, secondary: unknown): boolean =>
    ours(error).suppressed.some(
      (each) => each === secondary || (each as { cause?: unknown } | undefined)?.cause === secondary,
    )

  it('R4 an error of onStop is attached to that of the failed start', async () => {
    const cleanup = new Error('cleanup')
    const { app, clock, call, services } = scene({
      a: { ...never, start: () => fail(boom), stop: () => fail(cleanup) },
    })
    call(app.startService('a'))
    await clock.settle()
    expect(ours(services.a?.lastError)).toMatchObject({ code: 'START_FAILED', cause: boom })
    expect(holds(services.a?.lastError, cleanup)).toBe(true)
  })

  it('R4 errors of disposers are attached to that of the crash', async () => {
    const [one, two] = [new Error('one'), new Error('two')]
    const { clock, up, services, context } = scene({
      a: {
        ...never,
        start: ({ own }) => {
          own(() => fail(one))
          own(() => Promise.reject(two))
        },
      },
    })
    await up()
    context('a').fail(boom)
    await clock.settle()
    const error = ours(services.a?.lastError)
    expect(error).toMatchObject({ code: 'CRASHED', cause: boom })
    expect([holds(error, one), holds(error, two)]).toEqual([true, true])
  })

  it('R4 an error of a rollback is attached to that of the start', async () => {
    const cleanup = new Error('cleanup')
    const { app, clock, call, state } = scene({
      a: { dependsOn: ['b'], start: () => fail(boom), ...never },
      b: { stop: () => fail(cleanup) },
    })
    const start = call(app.start())
    await clock.settle()
    expect([start.outcome, state('b')]).toEqual(['START_INCOMPLETE', 'stopped'])
    const found: unknown[] = [start.error]
    for (const each of found) {
      if (typeof each !== 'object' || each === null) continue
      const { cause, suppressed, report } = each as {
        cause?: unknown
        suppressed?: unknown[]
        report?: { services: { error?: unknown }[] }
      }
      found.push(
        ...[cause, ...(suppressed ?? []), ...(report?.services.map(({ error }) => error) ?? [])].filter(
          (x) => !found.includes(x),
        ),
      )
    }
    expect(found).toContain(boom)
    expect(found).toContain(cleanup)
    expect(JSON.stringify(ours(start.error).suppressed.map(String))).toContain('cleanup')
  })

  it('R4 what a failed service is still told while it stops does not replace its error', async () => {
    const { clock, up, context, services } = scene({ a: { ...never, stop: () => clock.sleep(10) } })
    await up()
    context('a').fail(boom)
    await clock.advance(5)
    context('a').fail(new Error('later'))
    await clock.advance(5)
    expect(ours(services.a?.lastError)).toMatchObject({ code: 'CRASHED', cause: boom })
  })
})

const trap = (): never => fail(new Error('trapped'))
const hostile = new Proxy(
  {},
  {
    get: trap,
    has: trap,
    ownKeys: trap,
    getPrototypeOf: trap,
    getOwnPropertyDescriptor: trap,
    set: trap,
    defineProperty: trap,
  },
)
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const looped: { cause?: unknown } = new Error('looped')
looped.cause = looped

describe('whatever is thrown', () => {
  const oddities: [what: string, thrown: unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['an empty string', ''],
    ['a string', 'no'],
    ['a number', 0],
    ['NaN', Number.NaN],
    ['a bigint', 10n],
    ['a symbol', Symbol('s')],
    ['a function', () => {}],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['a frozen object', Object.freeze({ code: 7 })],
    ['an object without a prototype', Object.create(null)],
    ['an error that is its own cause', looped],
    ['a proxy that throws on every access', hostile],
    ['a revoked proxy', revoked.proxy],
    ['an error whose message throws', Object.defineProperty(new Error(), 'message', { get: trap })],
  ]
  const hooks: [hook: string, part: (thrown: unknown) => Part, crash: boolean][] = [
    ['onStart', (thrown) => ({ start: () => fail(thrown) }), false],
    ['an asynchronous onStart', (thrown) => ({ start: () => Promise.reject(thrown) }), false],
    ['onRun', (thrown) => ({ run: () => Promise.reject(thrown) }), false],
    ['a check', (thrown) => ({ check: () => Promise.reject(thrown), healthCheck: { failureThreshold: 1 } }), false],
    ['ctx.fail', () => ({}), true],
  ]
  describe.each(hooks)('from %s', (_, part, crash) => {
    it.each(oddities)('R4 %s ends the epoch as failed and is the cause, untouched', async (_, thrown) => {
      const { app, clock, call, moves, context, services, status, log } = scene({ a: { ...never, ...part(thrown) } })
      const start = call(app.startService('a'))
      await clock.settle()
      if (crash) context('a').fail(thrown)
      await clock.settle()
      expect(moves('a').slice(-2)).toEqual([
        expect.stringMatching(/→ stopping \((failed|unhealthy)\)$/),
        expect.stringMatching(/^stopping → failed/),
      ])
      const error = ours(services.a?.lastError)
      expect('cause' in error).toBe(true)
      expect(Object.is(error.cause, thrown)).toBe(true)
      expect(() => JSON.stringify([status('a'), app.snapshot(), app.health(), log.events, start.value])).not.toThrow()
      expect(error.toJSON().cause).toBeTypeOf('string')
      expect(app.explain('a').text).toBeTypeOf('string')
    })
  })

  it.each(oddities)('R4 %s from onStop or a disposer is reported and disturbs nothing', async (_, thrown) => {
    const { app, clock, call, up, moves } = scene({
      a: { start: ({ own }) => void own(() => Promise.reject(thrown)), stop: () => fail(thrown) },
    })
    await up()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(moves('a')).toEqual(['running → stopping (manual)', 'stopping → stopped'])
    expect(stop.outcome).toBe('STOP_INCOMPLETE')
    expect(() => JSON.stringify((stop.error as KeelsonError).report)).not.toThrow()
  })

  it.each(oddities)('R4 %s from a classifier classifies nothing', async (_, thrown) => {
    const { app, clock, call, moves } = scene({ a: { start: () => fail(boom), classify: () => fail(thrown) } })
    call(app.startService('a'))
    await clock.settle()
    expect(moves('a').at(-1)).toBe('stopping → retrying #1')
  })

  it('R4 a thenable that throws when asked for its then is a failed start', async () => {
    const { app, clock, call, moves } = scene({
      a: { ...never, start: () => Object.defineProperty({}, 'then', { get: trap }) },
    })
    call(app.startService('a'))
    await clock.settle()
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → failed (failed)'])
  })

  it('R4 a thenable that settles is waited for like a promise', async () => {
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
    const thenable = { then: (resolve: () => void) => void clock.sleep(10).then(resolve) }
    const { app, clock, call, state } = scene({ a: { start: () => thenable } })
    call(app.startService('a'))
    await clock.advance(9)
    expect(state('a')).toBe('starting')
    await clock.advance(1)
    expect(state('a')).toBe('running')
  })
})
