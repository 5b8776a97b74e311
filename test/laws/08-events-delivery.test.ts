/** §8, delivery: after the turn, in order, never nested (R38); listeners that misbehave hurt only themselves (R39). */
import { type AnyEvent, Orchestrator, type StateEvent } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { KINDS } from '../support/laws5.js'
import { service, settled, world } from '../support/world.js'

const boom = new Error('boom')
const short = ({ name, newState }: StateEvent): string => `${name} ${newState}`

describe('when events are delivered', () => {
  it('R38 a state is readable as new before its event is delivered, on the service and on the orchestrator', async () => {
    const a = service('a', { start: { fails: 1 }, restart: { initialBackoff: 0 } })
    const { app, clock } = world({ services: [a] })
    const late: string[] = []
    const seen: string[] = []
    const read = new Map<number, string>()
    app.on('state', (event) => {
      seen.push(event.newState)
      read.set(event.seq, `${app.getServiceStatus('a').state} ${a.state} ${app.snapshot().services[0]?.state}`)
      if (app.snapshot().seq < event.seq) late.push(`${event.seq} is not in the snapshot`)
    })
    await settledAfter(app.start({ onFailure: 'keep' }), clock, 10)
    expect(seen).toEqual(['starting', 'stopping', 'retrying', 'starting', 'running'])
    expect(late).toEqual([])
    expect([...read.values()].every((line) => new Set(line.split(' ')).size === 1)).toBe(true)
    expect([...read.values()].at(-1)).toBe('running running running')
  })

  it('R38 no listener is called in the call that causes the change, nor in the hook', async () => {
    const calls: string[] = []
    const { app, clock } = world({
      services: [
        service('a', {
          start: ({ status }) => {
            status('half way')
            calls.push('the hook is over')
          },
        }),
      ],
    })
    app.on('status', ({ text }) => calls.push(text))
    app.on('state', ({ newState }) => calls.push(newState))
    void app.register(service('b', { autoStart: false }))
    app.on('registered', () => calls.push('never: it was registered before'))
    settled(app.start())
    calls.push('the call is over')
    await clock.settle()
    expect(calls).toEqual(['the call is over', 'the hook is over', 'starting', 'half way', 'running'])
  })

  it('R38 all that a turn decides is readable at the first event of the turn', async () => {
    const { app, clock } = world({ services: [service('a'), service('b'), service('c')] })
    await app.start()
    await clock.settle()
    const first: string[] = []
    app.on('state', () => {
      if (first.length === 0) first.push(...app.getAllServices().map(({ state }) => state))
    })
    settled(app.stopService('a'))
    settled(app.stopService('b'))
    await clock.settle()
    expect(first.slice(0, 2)).not.toContain('running')
    expect(first[2]).toBe('running')
  })

  it('R38 each subscriber sees all events in the order of their seq', async () => {
    const { app, clock } = world({
      services: [service('a', { dependsOn: ['b'], start: ({ status }) => status('x') }), service('b', { check: {} })],
    })
    const seqs: number[][] = []
    for (let i = 0; i < 3; i++) {
      const mine: number[] = []
      seqs.push(mine)
      for (const kind of KINDS) app.on(kind, ({ seq }: AnyEvent) => void mine.push(seq))
    }
    await app.start()
    await app.restartService('b')
    await app.stop()
    await clock.settle()
    for (const mine of seqs) expect(mine).toEqual(mine.map((_, i) => (mine[0] ?? 0) + i))
    expect(seqs[0]?.length).toBeGreaterThan(20)
    expect(seqs[1]).toEqual(seqs[0])
  })

  it('R38 two callbacks of one subscriber are never nested, whatever it calls', async () => {
    const { app, clock } = world({ services: [service('a'), service('b')] })
    let depth = 0
    let deepest = 0
    let calls = 0
    for (const kind of KINDS)
      app.on(kind, () => {
        depth++
        deepest = Math.max(deepest, depth)
        if (calls++ < 20) {
          settled(app.restartService('b'))
          settled(app.stopService('a'))
          if (calls === 3) void app.register(service('c'))
          if (calls === 5) settled(app.unregister('c'))
          app.snapshot()
          app.explain('a')
        }
        depth--
      })
    await settledAfter(app.start(), clock, 100)
    expect(calls).toBeGreaterThan(20)
    expect(deepest).toBe(1)
  })

  it('R38 what a listener asks for is handled in the next turn', async () => {
    const { app, clock, log } = world({ services: [service('a'), service('b', { autoStart: false })] })
    const seen: string[] = []
    app.on('state', (event) => {
      seen.push(short(event))
      if (short(event) === 'a running') {
        settled(app.startService('b'))
        seen.push(`b is ${app.getServiceStatus('b').state}`)
      }
    })
    await app.start()
    await clock.settle()
    expect(seen).toEqual(['a starting', 'a running', 'b is unknown', 'b starting', 'b running'])
    expect(log.states('b')).toEqual(['starting', 'running'])
  })

  it('R38 a promise settles when its events are queued to every subscriber (R33)', async () => {
    const { app } = world({ services: [service('a')] })
    const items = app.events()
    await app.start()
    const read = [await items.next(), await items.next(), await items.next(), await items.next()]
    expect(read.map(({ value }) => value?.type)).toEqual(['operation', 'state', 'state', 'operation'])
    await items.return?.()
  })

  it('R38 events are frozen: no listener changes what the next one sees', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const seen: string[] = []
    app.on('state', (event) => {
      Object.assign(event, { newState: 'failed' })
    })
    app.on('state', ({ newState }) => seen.push(newState))
    const threw: unknown[] = []
    app.on('listenerError', ({ error }) => threw.push(error))
    await app.start()
    await clock.settle()
    expect(seen).toEqual(['starting', 'running'])
    expect(threw).toEqual([expect.any(TypeError), expect.any(TypeError)])
  })
})

describe('a listener that misbehaves', () => {
  const cases: [how: string, listener: () => unknown, error: unknown][] = [
    [
      'throws',
      () => {
        throw boom
      },
      boom,
    ],
    [
      'throws undefined',
      () => {
        throw undefined
      },
      undefined,
    ],
    ['rejects', () => Promise.reject(boom), boom],
    [
      'rejects later',
      async () => {
        await Promise.resolve()
        throw boom
      },
      boom,
    ],
  ]
  it.each(cases)(
    'R39 one that %s changes nothing and shows as listenerError and in the log',
    async (_, listener, error) => {
      const logged: unknown[] = []
      const logger = { ...silence, error: (message: string, fields?: object) => void logged.push([message, fields]) }
      const { app, clock, log } = world({ services: [service('a')], logger })
      const before: string[] = []
      const after: string[] = []
      app.on('state', ({ newState }) => before.push(newState))
      app.on('state', listener)
      app.on('state', ({ newState }) => after.push(newState))
      expect(await app.start()).toMatchObject({ outcome: 'done' })
      await clock.settle()
      expect([before, after, log.states('a')]).toEqual(Array(3).fill(['starting', 'running']))
      const told = log.events.flatMap((event) => (event.type === 'listenerError' ? [event] : []))
      expect(told.map((event) => [event.event, event.error])).toEqual([
        ['state', error],
        ['state', error],
      ])
      expect(logged).toEqual([
        [expect.stringContaining('state'), expect.objectContaining({ error })],
        [expect.stringContaining('state'), expect.objectContaining({ error })],
      ])
    },
  )

  it.each([
    [
      'throws',
      () => {
        throw boom
      },
    ],
    ['rejects', () => Promise.reject(boom)],
  ])('R39 a listenerError subscriber that %s shows in the log only, and does not call itself', async (_, listener) => {
    const logged: string[] = []
    const { app, clock, log } = world({
      services: [service('a')],
      logger: { ...silence, error: (message) => void logged.push(message) },
    })
    app.on('listenerError', listener)
    app.once('state', () => {
      throw boom
    })
    await app.start()
    await clock.settle()
    expect(log.events.filter(({ type }) => type === 'listenerError')).toHaveLength(1)
    expect(logged).toEqual([expect.stringContaining("'state'"), expect.stringContaining("'listenerError'")])
  })

  it('R39 one that hangs delays neither the others nor itself nor any transition', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    const seen: string[] = []
    app.on('state', ({ newState }) => {
      seen.push(newState)
      return new Promise<never>(() => {})
    })
    expect(await app.start()).toMatchObject({ outcome: 'done' })
    await app.stop()
    await clock.settle()
    expect(seen).toEqual(['starting', 'running', 'stopping', 'stopped'])
    expect(log.states('a')).toEqual(seen)
  })

  it('R39 one that ends itself in its callback is not called again; the next ones are', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const seen: string[] = []
    const end = app.on('state', (event) => {
      seen.push(`first ${event.newState}`)
      end()
    })
    app.once('state', (event) => seen.push(`once ${event.newState}`))
    app.on('state', (event) => seen.push(`last ${event.newState}`))
    await app.start()
    await clock.settle()
    expect(seen).toEqual(['first starting', 'once starting', 'last starting', 'last running'])
  })

  it('R39 one that ends another in its callback spares it this event, too, and no third one', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const seen: string[] = []
    app.on('state', ({ newState }) => newState === 'running' && end())
    const end = app.on('state', ({ newState }) => seen.push(`victim ${newState}`))
    app.on('state', ({ newState }) => seen.push(`third ${newState}`))
    await app.start()
    await clock.settle()
    expect(seen).toEqual(['victim starting', 'third starting', 'third running'])
  })

  it('R39 one that subscribes another in its callback gives it what comes after, not this event', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const seen: string[] = []
    app.once('state', ({ newState }) => {
      seen.push(newState)
      app.on('state', (event) => seen.push(`new ${event.newState}`))
    })
    await app.start()
    await app.stop()
    await clock.settle()
    expect(seen[0]).toBe('starting')
    expect(seen).not.toContain('new starting')
    expect(seen.slice(-2)).toEqual(['new stopping', 'new stopped'])
  })

  it('R39 ending a subscription twice is harmless, and using ends it', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const seen: string[] = []
    const end = app.on('state', () => seen.push('never'))
    end()
    end()
    app.on('state', () => seen.push('never'))[Symbol.dispose]()
    const other = app.on('state', ({ newState }) => seen.push(newState))
    await app.start()
    await clock.settle()
    expect(seen).toEqual(['starting', 'running'])
    other[Symbol.dispose]()
    await app.stop()
    await clock.settle()
    expect(seen).toHaveLength(2)
  })

  it('R39 one function that listens twice is two subscribers, and ending one leaves the other', async () => {
    const { app, clock } = world({ services: [service('a')] })
    let calls = 0
    const listener = (): void => void calls++
    const end = app.on('state', listener)
    app.on('state', listener)
    await app.start()
    await clock.settle()
    expect(calls).toBe(4)
    end()
    await app.stop()
    await clock.settle()
    expect(calls).toBe(6)
  })

  it('R39 listeners of a service are fenced like those of an orchestrator', async () => {
    const a = service('a', { start: ({ status }) => status('here') })
    const { app, clock, log } = world({ services: [a] })
    const seen: string[] = []
    a.onStateChange(() => {
      throw boom
    })
    a.onStateChange(({ newState }) => seen.push(newState))
    const reporter = a as typeof a & { onStatusUpdate(listener: (update: { text: string }) => void): () => void }
    reporter.onStatusUpdate(() => {
      throw boom
    })
    reporter.onStatusUpdate(({ text }) => seen.push(text))
    expect(await app.start()).toMatchObject({ outcome: 'done' })
    await clock.settle()
    expect(seen).toEqual(['starting', 'here', 'running'])
    const threw = log.events.flatMap((event) => (event.type === 'listenerError' ? [event.event] : []))
    expect(threw).toEqual(['state', 'status', 'state'])
  })

  it('R39 a logger that throws disturbs nobody', async () => {
    const logger = Object.fromEntries(
      Object.keys(silence).map((level) => [
        level,
        () => {
          throw boom
        },
      ]),
    )
    const { app, clock, log } = world({
      services: [service('a', { stop: { fails: true } })],
      logger: logger as unknown as typeof silence,
    })
    app.on('state', () => {
      throw boom
    })
    expect(await app.start()).toMatchObject({ outcome: 'done' })
    await expect(app.stop()).rejects.toMatchObject({ code: 'STOP_INCOMPLETE' })
    await clock.settle()
    expect(log.states('a')).toEqual(['starting', 'running', 'stopping', 'stopped'])
  })

  it('R39 without a logger nothing is written anywhere', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const end = app.on('state', () => {
      throw boom
    })
    expect(await app.start()).toMatchObject({ outcome: 'done' })
    await app.stop()
    end()
    expect(app.getServiceStatus('a').state).toBe('stopped')
  })
})

const silence = { debug: () => {}, info: () => {}, warn: () => {}, error: (_: string, __?: object): void => {} }

async function settledAfter<T>(promise: Promise<T>, clock: VirtualClock, ms: number): Promise<void> {
  settled(promise)
  await clock.advance(ms)
}
