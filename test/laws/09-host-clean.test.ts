/** §9, what is left after a stop: no timer, no listener, no abort listener (R46). Processes and memory: test/real/host.test.ts. */
import { type EventEmitter, getEventListeners } from 'node:events'
import { Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { numbers, story } from '../support/laws5.js'
import { type Behaviour, service, settled, world } from '../support/world.js'

const boom = { fails: true, error: new Error('boom') }

describe('after a stop', () => {
  const lives: [what: string, behaviour: Behaviour, ms: number][] = [
    ['is up', {}, 100],
    ['is checked', { check: {} }, 100],
    ['has a check in flight', { check: { hangs: true, ignoresAbort: true } }, 100],
    ['is in its startGrace', { check: {}, healthCheck: { startGrace: 500 } }, 100],
    ['is starting', { start: { hangs: true } }, 100],
    ['is backing off', { start: boom, restart: { initialBackoff: 60_000 } }, 100],
    [
      'is unreachable',
      {
        remote: true,
        start: { ...boom, error: Object.assign(new Error(), { code: 'ECONNREFUSED' }) },
        restart: { initialBackoff: 10 },
      },
      100,
    ],
    ['has given up', { start: boom, restart: { policy: 'never' } }, 100],
    ['waits for its delay', { startDelay: 60_000 }, 100],
    ['waits for a dependency', { dependsOn: [{ name: 'b', timeout: 60_000 }] }, 100],
    ['waits for credentials', { start: { ...boom, error: Object.assign(new Error(), { statusCode: 401 }) } }, 100],
    ['has completed', { run: () => {} }, 100],
    ['comes back after a clean end', { run: () => {}, restart: { policy: 'always' } }, 100],
    [
      'waits for an abandoned hook',
      { start: { hangs: true, ignoresAbort: true }, startTimeout: 10, abortGrace: 10 },
      100,
    ],
    ['stops slowly', { stop: { takes: 5_000 } }, 100],
    ['does not stop', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: 1_000 }, 100],
    ['was stable for a while', { restart: { stableAfter: 60_000 } }, 30_000],
  ]
  it.each(lives)('R46 of a service that %s no timer is left', async (_, behaviour, ms) => {
    const clock = new VirtualClock()
    const app = new Orchestrator({
      clock,
      services: [service('a', behaviour, clock), service('b', { start: { hangs: true } }, clock)],
    })
    settled(app.start({ onFailure: 'keep', timeout: 300_000 }))
    await clock.advance(ms)
    const stop = settled(app.stop())
    await clock.advance(0)
    if (stop.status === 'pending') await clock.advance(30_000)
    expect(stop.status).not.toBe('pending')
    expect(clock.pending).toBe(0)
  })

  it.each([1, 2, 3, 4, 5, 6])('R46 of a random story no timer is left, seed %i', async (seed) => {
    const { app, clock, turn } = story(seed)
    for (let i = 0; i < 30; i++) await turn()
    const stop = settled(app.stop())
    await clock.advance(30_000)
    expect(stop.status).not.toBe('pending')
    expect([clock.pending, app.getAllServices().filter(({ phase }) => phase !== 'idle')]).toEqual([0, []])
  })

  it('R46 a rollback leaves no timer either, though nobody calls stop', async () => {
    const { app, clock } = world({
      services: [
        service('a', { check: {} }),
        service('b', { dependsOn: ['a'], start: boom, restart: { policy: 'never' } }),
      ],
    })
    const start = settled(app.start({ timeout: 60_000 }))
    await clock.settle()
    expect([start.error?.code, clock.pending]).toEqual(['START_INCOMPLETE', 0])
  })

  it('R46 a service that is up without a check needs no timer at all', async () => {
    const { app, clock } = world({
      services: [service('a'), service('b', { dependsOn: ['a'], run: ({ signal }) => forever(signal) })],
    })
    const start = settled(app.start({ timeout: 60_000 }))
    await clock.settle()
    expect([start.status, clock.pending]).toEqual(['fulfilled', 0])
  })

  it('R46 a service alone leaves none', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const alone = service('alone', { check: () => true })
    await alone.start()
    await alone.stop()
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')).toHaveLength(before)
  })
})

describe('listeners', () => {
  it('R46 each call listens to its signal while it is pending, and not longer', async () => {
    const { app, clock } = world({
      services: [service('a', { start: { takes: 10 }, stop: { takes: 10 } }), service('b', { start: boom })],
    })
    const { signal } = new AbortController()
    const count = (): number => getEventListeners(signal, 'abort').length
    const calls: (() => Promise<unknown>)[] = [
      () => app.startService('a', { signal }),
      () => app.restartService('a', { signal }),
      () => app.replace(service('a', { start: { takes: 10 }, stop: { takes: 10 } }), { signal }),
      () => app.stopService('a', { signal }),
      () => app.startService('b', { signal }),
      () => app.start({ signal, onFailure: 'rollback' }),
      () => app.start({ signal, timeout: 5 }),
      () => app.stop({ signal }),
    ]
    for (const call of calls) {
      const outcome = settled(call())
      expect(count()).toBe(1)
      await clock.advance(100)
      expect([outcome.status === 'pending', count()]).toEqual([false, 0])
    }
    const run = settled(app.run({ signal }))
    await clock.advance(100)
    settled(app.stop())
    await clock.advance(100)
    expect([run.status === 'pending', count()]).toEqual([false, 0])
  })

  it('R46 a call that is overtaken does not listen any more', async () => {
    const { app, clock } = world({ services: [service('a', { start: { takes: 10 } })] })
    const { signal } = new AbortController()
    const start = settled(app.start({ signal }))
    await clock.advance(5)
    settled(app.stop())
    await clock.advance(100)
    expect(start.error).toMatchObject({ code: 'CANCELLED' })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('R46 an abort that comes after the end of a call does nothing', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    const controller = new AbortController()
    await app.start({ signal: controller.signal })
    await clock.settle()
    log.clear()
    controller.abort()
    await clock.advance(1_000)
    expect([log.lines(), app.getServiceStatus('a').state]).toEqual([[], 'running'])
  })

  it('R46 a nested orchestrator stops listening to its outer one', async () => {
    const clock = new VirtualClock()
    const inner = new Orchestrator({ clock, services: [service('i', { check: {} }, clock)] })
    const outer = new Orchestrator({ clock, services: [inner.asService('inner')] })
    await Promise.all([outer.start(), clock.advance(10)])
    await Promise.all([outer.stop(), clock.advance(10)])
    expect(clock.pending).toBe(0)
    const { seq } = inner.snapshot()
    await Promise.all([inner.start(), clock.advance(10)])
    await Promise.all([inner.stop(), clock.advance(10)])
    // Were somebody still subscribed, the ring would have kept what happened.
    const first = await inner.events({ since: seq }).next()
    expect(first.value).toMatchObject({ type: 'gap' })
    expect(clock.pending).toBe(0)
  })

  it('R46 the process and the services are listened to by nobody', async () => {
    const names = (emitter: EventEmitter) =>
      emitter.eventNames().map((name) => `${String(name)} ${emitter.listenerCount(name)}`)
    const before = names(process as EventEmitter)
    const random = numbers(7)
    const heard = { now: 0, most: 0 }
    const foreign = {
      ...plain,
      onStateChange: () => {
        heard.most = Math.max(heard.most, ++heard.now)
        const end = (): void => void heard.now--
        return Object.assign(end, { [Symbol.dispose]: end })
      },
    }
    const { app, clock } = world({ services: [service('a', { check: {} }), foreign] })
    for (let i = 0; i < 5; i++) {
      const start = settled(app.start())
      await clock.advance(Math.floor(random() * 100))
      expect(start.status).toBe('fulfilled')
      const stop = settled(app.stop())
      await clock.advance(1_000)
      expect(stop.status).toBe('fulfilled')
      expect(heard.now).toBe(0)
    }
    expect(heard.most).toBeLessThanOrEqual(1)
    expect(names(process as EventEmitter)).toEqual(before)
  })
})

const plain = {
  name: 'foreign',
  type: 'foreign',
  dependencies: [],
  state: 'stopped' as const,
  health: 'unknown' as const,
  lastError: undefined,
  start: async () => {},
  stop: async () => {},
  restart: async () => {},
}

function forever(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
