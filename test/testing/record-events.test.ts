import { type AnyEvent, type EventType, KeelsonError, type Unsubscribe } from 'keelson'
import { recordEvents } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { service, world } from '../support/world.js'

/** A source of made-up events: what the recorder needs of an orchestrator. */
function source() {
  const listeners: { type: EventType; listener: (event: never) => unknown }[] = []
  const on = (type: EventType, listener: (event: never) => unknown): Unsubscribe => {
    const entry = { type, listener }
    listeners.push(entry)
    const end = (): void => void listeners.splice(listeners.indexOf(entry), 1)
    return Object.assign(end, { [Symbol.dispose]: end })
  }
  let seq = 0
  const emit = (event: { type: EventType; [field: string]: unknown }): void => {
    const whole = { seq: ++seq, timestamp: 1_000 + seq, name: 'db', serviceType: 'service', epoch: 1, ...event }
    for (const { type, listener } of [...listeners]) if (type === event.type) listener(whole as never)
  }
  return { app: { on } as Parameters<typeof recordEvents>[0], emit, listeners }
}

const failure = (cause: unknown) => new KeelsonError('START_FAILED', 'db: start failed', { cause })

describe('a line', () => {
  it.for<[line: string, event: { type: EventType; [field: string]: unknown }]>([
    ['db: unknown → starting', { type: 'state', oldState: 'unknown', newState: 'starting', health: 'unknown' }],
    ['db: starting → running', { type: 'state', oldState: 'starting', newState: 'running', health: 'healthy' }],
    [
      'db: starting → running [checking]',
      { type: 'state', oldState: 'starting', newState: 'running', health: 'checking' },
    ],
    [
      'db: stopping → retrying (failed) #2 START_FAILED: ECONNREFUSED',
      {
        type: 'state',
        oldState: 'stopping',
        newState: 'retrying',
        health: 'unknown',
        reason: 'failed',
        attempt: 2,
        error: failure(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })),
      },
    ],
    [
      'health db: checking → healthy',
      { type: 'health', oldHealth: 'checking', newHealth: 'healthy', state: 'running' },
    ],
    [
      'health db: healthy → unhealthy UNHEALTHY',
      {
        type: 'health',
        oldHealth: 'healthy',
        newHealth: 'unhealthy',
        state: 'running',
        error: new KeelsonError('UNHEALTHY', 'db'),
      },
    ],
    ['status db: replaying journal - 40 %', { type: 'status', text: 'replaying journal', detail: '40 %' }],
    ['status db: ready', { type: 'status', text: 'ready' }],
    ['retry db #1 in 1000 (transient)', { type: 'retry', attempt: 1, delay: 1_000, dueAt: 5, failure: 'transient' }],
    ['registered db', { type: 'registered' }],
    ['unregistered db', { type: 'unregistered' }],
    ['operation start #1 begin', { type: 'operation', operation: 'start', id: 1, phase: 'begin' }],
    [
      'operation restart db #2 end failed START_INCOMPLETE: boom',
      {
        type: 'operation',
        operation: 'restart',
        target: 'db',
        id: 2,
        phase: 'end',
        outcome: 'failed',
        error: new KeelsonError('START_INCOMPLETE', 'restart', { cause: new Error('boom\nsecond line') }),
      },
    ],
    ['warning STOP_FAILED db', { type: 'warning', code: 'STOP_FAILED', message: 'prose' }],
    ['listenerError state: boom', { type: 'listenerError', event: 'state', error: new Error('boom') }],
  ])('%s', ([line, event]) => {
    const { app, emit } = source()
    const log = recordEvents(app)
    emit(event)
    expect(log.lines()).toEqual([line])
  })

  it.for<[cause: unknown, text: string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    ['text', 'text'],
    [Symbol('s'), 'Symbol(s)'],
    [{}, 'an object'],
    [new TypeError(), 'TypeError'],
    [Object.freeze(new Error('frozen')), 'frozen'],
    [Proxy.revocable({}, {}).proxy, 'an object'],
    [
      new Proxy(
        {},
        {
          get() {
            throw new Error('hands off')
          },
        },
      ),
      'a value that cannot be read',
    ],
  ])('tells a cause %#, whatever was thrown', ([cause, text]) => {
    const { app, emit } = source()
    const log = recordEvents(app)
    emit({ type: 'health', oldHealth: 'unknown', newHealth: 'unknown', error: failure(cause) })
    expect(log.lines()).toEqual([`health db: unknown → unknown START_FAILED: ${text}`])
  })
})

describe('a recording', () => {
  const change = (name: string, newState: string) =>
    ({ type: 'state', name, oldState: 'unknown', newState, health: 'unknown' }) as const

  it('keeps the events in the order of delivery, and begins lines with the time if asked', () => {
    const { app, emit } = source()
    const log = recordEvents(app)
    emit({ type: 'registered' })
    emit(change('db', 'starting'))
    expect(log.events.map(({ seq, type }) => `${seq} ${type}`)).toEqual(['1 registered', '2 state'])
    expect(log.lines(1_000)).toEqual(['1 registered db', '2 db: unknown → starting'])
  })

  it('gives the states of one service', () => {
    const { app, emit } = source()
    const log = recordEvents(app)
    for (const [name, state] of [
      ['db', 'starting'],
      ['api', 'waiting'],
      ['db', 'running'],
    ] as const) {
      emit(change(name, state))
    }
    expect(log.states('db')).toEqual(['starting', 'running'])
    expect(log.states('nobody')).toEqual([])
  })

  it('is cleared without touching what was read before, and goes on', () => {
    const { app, emit } = source()
    const log = recordEvents(app)
    emit({ type: 'registered' })
    const before: readonly AnyEvent[] = log.events
    log.clear()
    emit({ type: 'unregistered' })
    expect([before.length, log.lines()]).toEqual([1, ['unregistered db']])
  })

  it('keeps only the kinds that are asked for', () => {
    const { app, emit, listeners } = source()
    const log = recordEvents(app, { types: ['registered'] })
    emit({ type: 'registered' })
    emit({ type: 'unregistered' })
    expect([log.lines(), listeners.length]).toEqual([['registered db'], 1])
  })

  it.for(['stop', Symbol.dispose] as const)('ends by %s, once and for all, and keeps what it has', (end) => {
    const { app, emit, listeners } = source()
    const log = recordEvents(app)
    emit({ type: 'registered' })
    log[end]()
    log[end]()
    emit({ type: 'registered' })
    expect([log.lines(), listeners.length]).toEqual([['registered db'], 0])
  })

  it('of a real start and stop reads like a story', async () => {
    const db = service('db', { start: { takes: 20 } })
    const api = service('api', { dependsOn: ['db'], check: {} })
    const { app, clock, log } = world({ services: [api, db] })
    const zero = clock.wall()
    void app.start()
    await clock.advance(20)
    void app.stop()
    await clock.settle()
    // The registrations of the two were the operations 1 and 2.
    expect(log.lines(zero)).toEqual([
      '0 operation start #3 begin',
      '0 api: unknown → waiting',
      '0 db: unknown → starting',
      '20 db: starting → running',
      '20 api: waiting → starting',
      '20 api: starting → running [checking]',
      '20 health api: checking → healthy',
      '20 operation start #3 end done',
      '20 operation stop #4 begin',
      '20 api: running → stopping (shutdown)',
      '20 api: stopping → stopped (shutdown)',
      '20 db: running → stopping (shutdown)',
      '20 db: stopping → stopped (shutdown)',
      '20 operation stop #4 end done',
    ])
  })
})
