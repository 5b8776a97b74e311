/** Diagnostics channels: what agents of the host see of hooks, checks and slow readers, and that listening changes nothing. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Channel, channel, tracingChannel } from 'node:diagnostics_channel'
import { defineService, type StateEvent } from 'keelson'
import { afterEach, describe, expect, it } from 'vitest'
import { deferred, service, settled, world } from '../support/world.js'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

type Message = Record<string, unknown>

/** The messages on a plain channel, copied as they come. */
function heard(name: string): Message[] {
  const messages: Message[] = []
  const listen = (message: unknown): void => void messages.push({ ...(message as Message) })
  channel(name).subscribe(listen)
  ends.push(() => channel(name).unsubscribe(listen))
  return messages
}

/** What came on all parts of a tracing channel: the part and the message, the very object. */
function traced(name: string): { part: string; message: Message }[] {
  const seen: { part: string; message: Message }[] = []
  const on =
    (part: string) =>
    (message: object): void =>
      void seen.push({ part, message: message as Message })
  const listeners = {
    start: on('start'),
    end: on('end'),
    asyncStart: on('asyncStart'),
    asyncEnd: on('asyncEnd'),
    error: on('error'),
  }
  tracingChannel(name).subscribe(listeners)
  ends.push(() => void tracingChannel(name).unsubscribe(listeners))
  return seen
}

const parts = (seen: { part: string }[]): string[] => seen.map(({ part }) => part)

describe('tracing:keelson:start and tracing:keelson:stop', () => {
  it('tell of each hook with one object, which names the service, its epoch and its orchestrator', async () => {
    const [starts, stops] = [traced('keelson:start'), traced('keelson:stop')]
    const db = service('db', { type: 'store', start: { takes: 5, returns: 'healthy' }, stop: { takes: 5 } })
    const { app, clock } = world({ services: [db] })
    const start = settled(app.start())
    await clock.settle()
    expect(parts(starts)).toEqual(['start', 'end'])
    await clock.advance(5)
    expect(start.status).toBe('fulfilled')
    const stop = settled(app.stopService('db'))
    await clock.advance(5)
    expect(stop.status).toBe('fulfilled')

    const subject = { orchestrator: app, name: 'db', type: 'store', epoch: 1 }
    expect(parts(starts)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    expect(new Set(starts.map(({ message }) => message)).size).toBe(1)
    expect(starts[0]?.message).toEqual({ ...subject, reason: undefined, result: 'healthy' })
    expect(parts(stops)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    expect(stops[0]?.message).toEqual({ ...subject, reason: 'manual', result: 'healthy' })
  })

  it('tell what a hook throws and what it rejects with', async () => {
    const starts = traced('keelson:start')
    const [thrown, rejected] = [new Error('thrown'), new Error('rejected')]
    const throws = service('throws', {
      essential: false,
      start: { fails: true, error: thrown },
      restart: { policy: 'never' },
    })
    const rejects = service('rejects', {
      start: { takes: 1, fails: true, error: rejected },
      restart: { policy: 'never' },
    })
    const { app, clock } = world({ services: [throws, rejects] })
    const start = settled(app.start({ onFailure: 'retry' }))
    await clock.advance(1)
    expect(start.status).toBe('rejected')
    const of = (name: string) => starts.filter(({ message }) => message.name === name)
    expect(parts(of('throws'))).toEqual(['start', 'error', 'end'])
    expect(of('throws')[0]?.message.error).toBe(thrown)
    expect(parts(of('rejects'))).toEqual(['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    expect(of('rejects')[0]?.message.error).toBe(rejected)
  })

  it('are around onStart and onStop alone: not around onRun, checks and disposers', async () => {
    const [starts, stops] = [traced('keelson:start'), traced('keelson:stop')]
    const seen: string[] = []
    const store = new AsyncLocalStorage<unknown>()
    tracingChannel('keelson:start').start.bindStore(store)
    tracingChannel('keelson:stop').start.bindStore(store)
    ends.push(() => {
      tracingChannel('keelson:start').start.unbindStore(store)
      tracingChannel('keelson:stop').start.unbindStore(store)
    })
    const say = (what: string): void =>
      void seen.push(`${what} ${store.getStore() === undefined ? 'outside' : 'inside'}`)
    const worker = defineService('worker', {
      start: async ({ own }) => {
        own(() => say('disposer'))
        say('start')
        await Promise.resolve()
        say('start, later')
      },
      run: () => say('run'),
      check: () => say('check'),
      stop: () => say('stop'),
      healthCheck: { startGrace: 0 },
    })
    const { app, clock } = world({ services: [worker] })
    void settled(app.start())
    await clock.settle()
    expect(parts(starts)).toEqual(['start', 'end', 'asyncStart', 'asyncEnd'])
    expect(parts(stops)).toEqual(['start', 'end'])
    // What a hook begins, goes on in its context: so does what follows from its own promise.
    expect(seen.filter((line) => !line.startsWith('check'))).toEqual([
      'start inside',
      'start, later inside',
      expect.stringMatching(/^run/),
      'stop inside',
      expect.stringMatching(/^disposer/),
    ])
  })

  it('name a service that lives alone as its own orchestrator', async () => {
    const starts = traced('keelson:start')
    const alone = defineService('alone', { start: () => {} })
    await alone.start()
    await alone.stop()
    expect(starts[0]?.message.orchestrator).toBe(alone)
  })

  it('change nothing: heard or unheard, the events of a story are the same at the same times', async () => {
    const story = async (): Promise<string[]> => {
      const db = service('db', { start: { takes: 5, fails: 1 }, stop: { takes: 3 } })
      const cache = service('cache', { dependsOn: ['db'] })
      const api = service('api', { dependsOn: ['cache'], stop: { fails: true }, start: { takes: 2 } })
      const { app, clock, log } = world({ services: [api, cache, db] })
      const from = clock.wall()
      const start = settled(app.start({ onFailure: 'retry' }))
      await clock.advance(2_000)
      expect(start.status).toBe('fulfilled')
      const stop = settled(app.stop())
      await clock.advance(10)
      expect(stop.error.code).toBe('STOP_INCOMPLETE')
      return log.lines(from)
    }
    const unheard = await story()
    const starts = traced('keelson:start')
    traced('keelson:stop')
    expect(await story()).toEqual(unheard)
    expect(starts.length).toBeGreaterThan(0)
  })

  it('ask a lazy thenable once, as the engine does without them', async () => {
    traced('keelson:start')
    let asked = 0
    const lazy = {
      // biome-ignore lint/suspicious/noThenProperty: it is what the test is about
      then: (resolve: (value: string) => void) => {
        asked++
        resolve('there')
      },
    }
    const { app, clock } = world({ services: [service('db', { start: () => lazy })] })
    const start = settled(app.start())
    await clock.settle()
    expect([start.status, asked]).toEqual(['fulfilled', 1])
  })

  it('leave the hook to itself where nobody listens', async () => {
    let stack = ''
    const { app, clock } = world({
      services: [
        service('db', {
          start: () => {
            stack = new Error('where').stack ?? ''
          },
        }),
      ],
    })
    void settled(app.start())
    await clock.settle()
    expect(stack).toMatch(/life\.ts/)
    expect(stack).not.toMatch(/channels\.ts|diagnostics_channel/)
  })
})

describe('keelson:check', () => {
  it('R25 tells of each result that counts as a failure, also below the threshold', async () => {
    const failures = heard('keelson:check')
    const refused = new Error('refused')
    const answers = [true, () => Promise.reject(refused), false, 'degraded', 'unknown', 'unhealthy', true] as const
    let calls = 0
    const db = service('db', {
      type: 'store',
      check: () => {
        const answer = answers[calls++] ?? true
        return typeof answer === 'function' ? answer() : answer
      },
      healthCheck: { interval: 100, timeout: 50 },
    })
    const { app, clock, log } = world({ services: [db] })
    void settled(app.start())
    await clock.advance(650)
    expect(calls).toBe(7)
    const subject = { orchestrator: app, name: 'db', type: 'store', epoch: 1 }
    expect(failures).toEqual([{ ...subject, error: refused }, subject, subject])
    expect(log.lines().filter((line) => line.startsWith('health'))).not.toContain('unhealthy')
  })

  it('R24 tells of one that hangs once at its timeout and once per interval, and not of one that is void', async () => {
    const failures = heard('keelson:check')
    const hang = deferred<boolean>()
    const db = service('db', {
      check: () => hang.promise,
      healthCheck: { interval: 100, timeout: 40, failureThreshold: 9, onUnhealthy: 'report' },
    })
    const { app, clock } = world({ services: [db] })
    void settled(app.start())
    await clock.advance(39)
    expect(failures).toEqual([])
    await clock.advance(1)
    expect(failures).toMatchObject([{ name: 'db', error: { code: 'UNHEALTHY' } }])
    await clock.advance(200)
    expect(failures).toHaveLength(3)
    hang.resolve(true)
    await clock.settle()
    expect(failures).toHaveLength(3)
  })

  it('R26 is silent about a check that the host itself has stalled', async () => {
    const failures = heard('keelson:check')
    const hang = deferred<boolean>()
    const db = service('db', { check: () => hang.promise, healthCheck: { interval: 1_000, timeout: 400 } })
    const { app, clock } = world({ services: [db] })
    void settled(app.start())
    await clock.advance(10)
    clock.stall(390)
    await clock.advance(400)
    hang.resolve(false)
    await clock.settle()
    expect(failures).toEqual([])
  })
})

describe('keelson:drop', () => {
  it('R40 tells of each event that a slow reader loses, and of nobody else', async () => {
    const drops = heard('keelson:drop')
    const { app, clock } = world({ services: [service('db')] })
    const slow = app.events({ buffer: 2 })
    const quick = app.events({ buffer: 100 })
    void settled(app.start()) // begin, starting, running, end
    await clock.settle()
    expect(drops).toEqual([
      { orchestrator: app, dropped: 1 },
      { orchestrator: app, dropped: 1 },
    ])
    expect((await slow.next()).value).toEqual({ type: 'gap', dropped: drops.length })
    await slow.return?.()
    await quick.return?.()
  })
})

describe('state events', () => {
  const states = (log: { events: readonly { type: string }[] }, name: string): StateEvent[] =>
    log.events.filter((event): event is StateEvent => event.type === 'state' && (event as StateEvent).name === name)

  it('R42 the start of a service that waited for its dependencies says how long for each, without delay and permits', async () => {
    const db = service('db', { start: { takes: 50 } })
    const queue = service('queue', { start: { takes: 20 } })
    const api = service('api', { dependsOn: ['db', 'queue'], startDelay: 30 })
    const { app, clock, log } = world({ services: [db, queue, api] })
    const start = settled(app.start())
    await clock.advance(80)
    expect(start.status).toBe('fulfilled')
    const starting = states(log, 'api').find(({ newState }) => newState === 'starting')
    expect(starting?.waitedFor).toEqual([
      { name: 'db', duration: 50 },
      { name: 'queue', duration: 20 },
    ])
    expect(Object.isFrozen(starting?.waitedFor)).toBe(true)
    expect(states(log, 'db').some((event) => 'waitedFor' in event)).toBe(false)
    expect(states(log, 'api').filter((event) => 'waitedFor' in event)).toHaveLength(1)
    expect(start.value?.services.find(({ name }) => name === 'api')?.waitedFor).toEqual(starting?.waitedFor)
  })

  it('R31 the end of a stop that was not clean says what was unclean about it', async () => {
    const late = new Error('flush failed')
    const db = service('db', {
      start: ({ own }) => own(() => Promise.reject(new Error('handle lost'))),
      stop: { fails: true, error: late },
    })
    const hung = service('hung', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: 10 })
    const clean = service('clean')
    const { app, clock, log } = world({ services: [db, hung, clean] })
    void settled(app.start())
    await clock.settle()
    const stop = settled(app.stop())
    await clock.advance(10)
    expect(stop.error.code).toBe('STOP_INCOMPLETE')
    const of = (name: string) => states(log, name).filter((event) => 'unclean' in event)
    expect(of('db')).toMatchObject([
      {
        oldState: 'stopping',
        newState: 'stopped',
        unclean: [{ code: 'STOP_FAILED', cause: late }, { code: 'STOP_FAILED' }],
      },
    ])
    expect(of('hung')).toMatchObject([{ newState: 'stopped', unclean: [{ code: 'STOP_TIMEOUT' }] }])
    expect(of('clean')).toEqual([])
  })
})

it('the channels are those of these names, for whoever subscribes before keelson is loaded', () => {
  const isQuiet = ({ hasSubscribers }: Channel): boolean => !hasSubscribers
  expect(
    ['tracing:keelson:start:start', 'tracing:keelson:stop:asyncEnd', 'keelson:check', 'keelson:drop'].map((name) =>
      isQuiet(channel(name)),
    ),
  ).toEqual([true, true, true, true])
})
