/** The class of a failure, and what comes after it, on their own. */
import { describe, expect, it } from 'vitest'
import { afterFailure, classOf } from '../../src/kernel/restart.js'
import { defaultSettings } from '../../src/kernel/settings.js'
import type { FailureClass } from '../../src/service.js'

const settings = defaultSettings()
const chain = (length: number, last: unknown): unknown => Array.from({ length }).reduce((cause) => ({ cause }), last)

describe('the default class', () => {
  it.each([
    [undefined, 'transient'],
    [null, 'transient'],
    ['ECONNREFUSED', 'transient'],
    [{ message: '401 ECONNREFUSED' }, 'transient'],
    [{ code: 'CONFIG_INVALID' }, 'permanent'],
    [{ code: 'CERT_HAS_EXPIRED' }, 'permanent'],
    [{ code: 'ECONNREFUSED' }, 'connectivity'],
    [{ code: 'ECONNREFUSED', status: 401 }, 'connectivity'],
    [{ code: 401 }, 'auth'],
    [{ code: '401' }, 'transient'],
    [{ status: 401 }, 'auth'],
    [{ statusCode: 401 }, 'auth'],
    [{ status: 403 }, 'transient'],
    [{ response: { status: 401 } }, 'auth'],
    [{ response: { statusCode: 401 } }, 'auth'],
    [{ response: { status: 500 } }, 'transient'],
    [{ response: null }, 'transient'],
    [{ response: 401 }, 'transient'],
    [{ cause: { status: 401 } }, 'auth'],
    [{ cause: { code: 'EPIPE' }, errors: [{ status: 401 }] }, 'connectivity'],
    [{ errors: [{}, { code: 'EPIPE' }, { status: 401 }] }, 'connectivity'],
    [{ errors: { code: 'EPIPE' } }, 'transient'],
    [{ cause: {}, errors: [{ cause: { status: 401 } }] }, 'auth'],
  ] as const)('R17 of %j is %s', (error, is) => {
    expect(classOf(settings, error)).toBe(is)
  })

  it('looks at a hundred causes and no more, and ends in a circle', () => {
    expect(classOf(settings, chain(99, { status: 401 }))).toBe('auth')
    expect(classOf(settings, chain(100, { status: 401 }))).toBe('transient')
    const circle: { cause?: unknown; errors?: unknown } = {}
    circle.cause = circle
    circle.errors = [circle, { status: 401 }]
    expect(classOf(settings, circle)).toBe('auth')
  })

  it('what throws when it is read has no code', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('not today')
        },
      },
    )
    expect(classOf(settings, hostile)).toBe('transient')
    expect(classOf(settings, { cause: hostile, status: 401 })).toBe('auth')
  })
})

describe("a service's own class", () => {
  const own = (classify: (error: unknown) => unknown) => ({
    ...settings,
    classify: classify as (error: unknown) => FailureClass,
  })

  it.each(['transient', 'connectivity', 'permanent', 'auth'] as const)('R17 %s counts', (is) => {
    expect(
      classOf(
        own(() => is),
        { status: 401 },
      ),
    ).toBe(is)
  })

  it('one that throws, or says what is no class, leaves it to the default', () => {
    expect(
      classOf(
        own(() => 'fatal'),
        { status: 401 },
      ),
    ).toBe('auth')
    expect(
      classOf(
        own(() => undefined),
        { status: 401 },
      ),
    ).toBe('auth')
    const fails = own(() => {
      throw new Error('not today')
    })
    expect(classOf(fails, { status: 401 })).toBe('auth')
  })
})

describe('what comes after a failure', () => {
  it.each([
    ['on-failure', 5, 'transient', 1, 'retry'],
    ['on-failure', 5, 'transient', 5, 'retry'],
    ['on-failure', 5, 'transient', 6, 'exhausted'],
    ['on-failure', 1, 'connectivity', 1, 'retry'],
    ['on-failure', 1, 'connectivity', 2, 'exhausted'],
    ['on-failure', 0, 'connectivity', 1_000, 'retry'],
    ['always', 5, 'transient', 6, 'exhausted'],
    ['always', 5, 'permanent', 1, 'failed'],
    ['on-failure', 5, 'permanent', 1, 'failed'],
    ['never', 5, 'transient', 1, 'failed'],
    ['never', 5, 'auth', 1, 'auth'],
    ['on-failure', 5, 'auth', 9, 'auth'],
  ] as const)(
    'R17 R20 %s with maxRetries %d: the failure (%s) number %d is %s',
    (policy, maxRetries, failure, n, is) => {
      expect(afterFailure({ ...settings, restart: { ...settings.restart, policy, maxRetries } }, failure, n)).toBe(is)
    },
  )
})
