/** Options of a service with their defaults, on their own. */
import { describe, expect, it } from 'vitest'
import {
  checkOrchestratorOptions,
  checkServiceOptions,
  type Defaults,
  defaultSettings,
  settingsOf,
} from '../../src/kernel/settings.js'
import type { ServiceOptions } from '../../src/service.js'

const DEFAULTS = {
  restart: {
    policy: 'on-failure',
    maxRetries: 5,
    initialBackoff: 1_000,
    maxBackoff: 60_000,
    multiplier: 2,
    jitter: 0.25,
    stableAfter: 60_000,
  },
  healthCheck: {
    interval: 10_000,
    timeout: 5_000,
    startGrace: 0,
    failureThreshold: 3,
    successThreshold: 1,
    onUnhealthy: 'restart',
  },
  startDelay: 0,
  startTimeout: 30_000,
  stopTimeout: 10_000,
  abortGrace: 1_000,
  essential: true,
  autoStart: true,
  remote: false,
  classify: undefined,
}
const settle = (options: ServiceOptions, defaults: Defaults = {}) =>
  settingsOf(options, defaultSettings(defaults), defaults)

describe('settings', () => {
  it('where nobody says anything are those of the documentation', () => {
    expect(defaultSettings()).toStrictEqual(DEFAULTS)
  })

  it('of services that say nothing are one object, which cannot be changed', () => {
    const shared = defaultSettings()
    expect(settingsOf({}, shared, {})).toBe(shared)
    expect([shared, shared.restart, shared.healthCheck].every(Object.isFrozen)).toBe(true)
  })

  const classify = (): 'permanent' => 'permanent'
  it.each<readonly [ServiceOptions, object]>([
    [{ restart: { maxRetries: 2 } }, { restart: { ...DEFAULTS.restart, maxRetries: 2 } }],
    [{ healthCheck: { interval: 7 } }, { healthCheck: { ...DEFAULTS.healthCheck, interval: 7 } }],
    [{ startDelay: 7 }, { startDelay: 7 }],
    [{ startTimeout: 7 }, { startTimeout: 7 }],
    [{ stopTimeout: 7_000 }, { stopTimeout: 7_000 }],
    [{ abortGrace: 7 }, { abortGrace: 7 }],
    [{ essential: false }, { essential: false }],
    [{ autoStart: false }, { autoStart: false }],
    [{ remote: true }, { remote: true, restart: { ...DEFAULTS.restart, maxRetries: 0 } }],
    [{ classify }, { classify }],
  ])('of a service that says %j are its own in that', (options, own) => {
    expect(settle(options)).toStrictEqual({ ...DEFAULTS, ...own })
  })

  it('of the orchestrator come between those of the service and those of the library', () => {
    const defaults: Defaults = {
      restart: { maxRetries: 2, jitter: 0 },
      healthCheck: { interval: 7, timeout: 8 },
      startTimeout: 9,
      stopTimeout: 7_000,
      abortGrace: 11,
    }
    const both = {
      ...DEFAULTS,
      ...defaults,
      restart: { ...DEFAULTS.restart, maxRetries: 2, jitter: 0 },
      healthCheck: { ...DEFAULTS.healthCheck, interval: 7, timeout: 8 },
    }
    expect(defaultSettings(defaults)).toStrictEqual(both)
    expect(settle({ remote: true }, defaults)).toStrictEqual({ ...both, remote: true })
    const own = { startTimeout: 19, stopTimeout: 17_000, abortGrace: 21 }
    expect(settle({ ...own, restart: { jitter: 1 }, healthCheck: { timeout: 5 } }, defaults)).toStrictEqual({
      ...both,
      ...own,
      restart: { ...both.restart, jitter: 1 },
      healthCheck: { ...both.healthCheck, timeout: 5 },
    })
  })

  it('R32 leave an aborted hook at most half of the time for the stop', () => {
    expect(settle({ stopTimeout: 1_000 }).abortGrace).toBe(500)
    expect(settle({ stopTimeout: 1_000, abortGrace: 700 }).abortGrace).toBe(500)
    expect(settle({ stopTimeout: 1_000 }, { abortGrace: 400 }).abortGrace).toBe(400)
  })

  it('take undefined for absent', () => {
    const nothing = {
      restart: { maxRetries: undefined },
      healthCheck: { interval: undefined },
    } as unknown as ServiceOptions
    expect(settle(nothing)).toStrictEqual(DEFAULTS)
  })
})

describe('checking', () => {
  it.each([
    [7, 'x: options is 7; pass an object'],
    [{ startDelay: -1 }, 'x: startDelay is -1; pass finite milliseconds, 0 or more'],
    [{ startDelai: 1 }, 'x: startDelai is no option; known are type, dependsOn, '],
    [{ restart: 7 }, 'x: restart is 7; pass an object'],
    [{ restart: { jitter: 2 } }, 'x: restart.jitter is 2; pass a number from 0 to 1'],
    [{ healthCheck: { interval: 0 } }, 'x: healthCheck.interval is 0; pass finite milliseconds above 0'],
    [{ restart: { policy: 'never', jitter: 1 } }, "x: restart.jitter has no effect beside restart.policy 'never'"],
    [{ restart: { initialBackoff: 9, maxBackoff: 8 } }, 'x: restart.initialBackoff 9 is above restart.maxBackoff 8'],
  ])('R51 refuses %j of a service', (options, says) => {
    expect(() => checkServiceOptions('x', options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(says) }),
    )
  })

  it.each([
    [7, 'x: options is 7; pass an object'],
    [{ history: -1 }, 'x: history is -1; pass a whole number, 0 or more'],
    [{ startDelay: 1 }, 'x: startDelay is no option; known are services, registry, '],
    [{ healthCheck: { interval: 0 } }, 'x: healthCheck.interval is 0; pass finite milliseconds above 0'],
  ])('R51 refuses %j of an orchestrator', (options, says) => {
    expect(() => checkOrchestratorOptions('x', options)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(says) }),
    )
  })

  it.each([
    {},
    { restart: { policy: 'never' } },
    { restart: { policy: 'never', jitter: undefined } },
    { restart: { initialBackoff: 8, maxBackoff: 8 } },
    { restart: { initialBackoff: 8 } },
    { restart: { maxBackoff: 0 } },
    { restart: undefined, healthCheck: undefined },
  ])('R51 takes %j', (options) => {
    expect(() => checkServiceOptions('x', options)).not.toThrow()
    expect(() => checkOrchestratorOptions('x', options)).not.toThrow()
  })
})
