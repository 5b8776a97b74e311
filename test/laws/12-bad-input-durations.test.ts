/** Durations above the limit of a host's timer, 2^31 - 1: they last as long as they say and do not fire at once (R51). */
import { describe, expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

/** Some 35 days. The virtual clock refuses a timer that a host would fire at once. */
const LONG = 3_000_000_000
const boom = { fails: true, error: new Error('boom') }

describe('durations above 2^31', () => {
  it('R51 a backoff lasts', async () => {
    const a = service('a', { start: boom, restart: { initialBackoff: LONG, maxBackoff: LONG } })
    const { app, clock } = world({ services: [a] })
    settled(app.startService('a'))
    await clock.advance(LONG - 1)
    expect([a.calls.start, a.state]).toEqual([1, 'retrying'])
    expect(app.getServiceStatus('a').nextRetryAt).toBe(clock.wall() + 1)
    await clock.advance(1)
    expect(a.calls.start).toBe(2)
  })

  it('R51 a startTimeout lasts', async () => {
    const a = service('a', { start: { hangs: true }, startTimeout: LONG, restart: { policy: 'never' } })
    const { app, clock } = world({ services: [a] })
    const start = settled(app.start())
    await clock.advance(LONG - 1)
    expect([start.status, a.state]).toEqual(['pending', 'starting'])
    await clock.advance(1)
    expect(start.error).toMatchObject({ code: 'START_INCOMPLETE', cause: { code: 'START_TIMEOUT' } })
  })

  it('R51 a timeout of a wait lasts', async () => {
    const { app, clock } = world({
      services: [
        service('a', { dependsOn: [{ name: 'b', timeout: LONG }] }),
        service('b', { start: { hangs: true }, startTimeout: Number.POSITIVE_INFINITY }),
      ],
    })
    const start = settled(app.start({ onFailure: 'keep' }))
    await clock.advance(LONG - 1)
    expect([start.status, app.getServiceStatus('a').state]).toEqual(['pending', 'waiting'])
    await clock.advance(1)
    expect(app.getServiceStatus('a')).toMatchObject({ state: 'failed', error: { code: 'DEPENDENCY_TIMEOUT' } })
  })

  it('R51 a startDelay lasts', async () => {
    const a = service('a', { startDelay: LONG })
    const { app, clock } = world({ services: [a] })
    settled(app.start())
    await clock.advance(LONG - 1)
    expect([a.calls.start, a.state]).toEqual([0, 'waiting'])
    await clock.advance(1)
    expect([a.calls.start, a.state]).toEqual([1, 'running'])
  })

  it('R51 an interval and a startGrace last', async () => {
    const late = service('late', { check: {}, healthCheck: { startGrace: LONG, interval: LONG } })
    const rare = service('rare', { check: {}, healthCheck: { interval: LONG } })
    const { app, clock } = world({ services: [late, rare] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(LONG / 2)
    await clock.advance(LONG / 2 - 1)
    expect([late.calls.check, rare.calls.check]).toEqual([0, 1])
    await clock.advance(1)
    expect([late.calls.check, rare.calls.check]).toEqual([1, 2])
  })

  it('R51 the timeout of a check does not fire at once', async () => {
    const a = service('a', { check: { hangs: true }, healthCheck: { timeout: LONG, failureThreshold: 1 } })
    const { app, clock } = world({ services: [a] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(60_000)
    expect([a.health, a.calls.check, a.state]).toEqual(['checking', 1, 'running'])
  })

  it('R51 a stopTimeout and a shutdownTimeout last', async () => {
    const a = service('a', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: LONG })
    const { app, clock } = world({ services: [a], shutdownTimeout: LONG * 2, tidy: false })
    await app.start()
    const stop = settled(app.stop())
    await clock.advance(LONG - 1)
    expect([stop.status, a.state]).toEqual(['pending', 'stopping'])
    await clock.advance(1)
    expect([stop.error?.code, a.state]).toEqual(['STOP_INCOMPLETE', 'stopped'])
    expect(clock.pending).toBe(0)
  })

  it.each(['start', 'stop'] as const)('R51 the timeout of a %s lasts', async (method) => {
    const slow = { hangs: true, ignoresAbort: true }
    const a = service('a', {
      startTimeout: Number.POSITIVE_INFINITY,
      stopTimeout: Number.POSITIVE_INFINITY,
      abortGrace: 10,
      ...(method === 'start' ? { start: { hangs: true } } : { stop: slow }),
    })
    const { app, clock } = world({ services: [a], tidy: false })
    if (method === 'stop') await app.start()
    const call = settled(app[method]({ timeout: LONG }))
    await clock.advance(LONG - 2_000)
    expect(call.status).toBe('pending')
    await clock.advance(2_000)
    expect(call.error?.code).toBe(method === 'start' ? 'START_INCOMPLETE' : 'STOP_INCOMPLETE')
    if (method === 'start') settled(app.stop())
    await clock.advance(60_000)
    expect(clock.pending).toBe(0)
  })

  it('R51 stableAfter lasts: a crash before it costs an attempt, one after it does not', async () => {
    const a = service('a', { restart: { stableAfter: LONG, maxRetries: 1, initialBackoff: 1, jitter: 0 } })
    const { app, clock } = world({ services: [a] })
    await app.start()
    a.crash()
    await clock.advance(10)
    await clock.advance(LONG)
    a.crash()
    await clock.advance(10)
    expect([a.state, a.calls.start]).toEqual(['running', 3])
    await clock.advance(LONG - 100)
    a.crash()
    await clock.advance(10)
    expect(app.getServiceStatus('a')).toMatchObject({ state: 'failed' })
  })

  it('R51 Number.MAX_VALUE is a duration, too, and never over', async () => {
    const a = service('a', { start: boom, restart: { initialBackoff: Number.MAX_VALUE, maxBackoff: Number.MAX_VALUE } })
    const { app, clock } = world({ services: [a] })
    const start = settled(app.start({ onFailure: 'retry', timeout: Number.MAX_VALUE }))
    await clock.advance(LONG * 10)
    expect([start.status, a.state, a.calls.start]).toEqual(['pending', 'retrying', 1])
    settled(app.stop())
    await clock.settle()
    expect([start.error?.code, clock.pending]).toEqual(['CANCELLED', 0])
  })
})

describe('durations of zero and almost', () => {
  it('R51 backoff, delay, grace and jitter of zero mean at once, without a loop that starves the host', async () => {
    const a = service('a', {
      start: { fails: 3 },
      startDelay: 0,
      abortGrace: 0,
      restart: { initialBackoff: 0, maxBackoff: 0, jitter: 0 },
    })
    const { app, clock } = world({ services: [a] })
    const start = settled(app.start({ onFailure: 'retry' }))
    await clock.settle()
    await clock.advance(0)
    expect([start.status, a.calls.start, clock.now()]).toEqual(['fulfilled', 4, 0])
  })

  it('R51 fractions of a millisecond last at least that long', async () => {
    const a = service('a', { startDelay: 0.25 })
    const { app, clock } = world({ services: [a] })
    const start = settled(app.start())
    await clock.settle()
    expect(start.status).toBe('pending')
    await clock.advance(1)
    expect(start.status).toBe('fulfilled')
  })
})
