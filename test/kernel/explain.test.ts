/** Why something is not up, and whose fault it is, from statuses made by hand. */
import { describe, expect, it } from 'vitest'
import { KeelsonError } from '../../src/errors.js'
import type { Cause, Explanation, ServiceStatus } from '../../src/events.js'
import { explain, rollUp } from '../../src/kernel/explain.js'
import { PHASE } from '../../src/kernel/state.js'

const status = (name: string, fields: Partial<ServiceStatus>): ServiceStatus => {
  const state = fields.state ?? 'waiting'
  return {
    name,
    type: 'service',
    phase: PHASE[state],
    state,
    health: state === 'running' ? 'healthy' : 'unknown',
    essential: true,
    dependencies: [],
    epoch: 1,
    ...fields,
  } as ServiceStatus
}
const needs = (...names: string[]): Cause[] => names.map((name) => ({ name, state: 'waiting', kind: 'dependency' }))

const WALL = 1_000_000
/** The explanation of the first. */
const ask = (...all: ServiceStatus[]): Explanation =>
  explain(all[0] as ServiceStatus, (name) => all.find((s) => s.name === name), WALL)
const textOf = (...all: ServiceStatus[]): string => ask(...all).text

describe('what is up', () => {
  it.each([
    ['healthy', 'a is running'],
    ['degraded', 'a is running, degraded'],
    ['checking', 'a is running, checking'],
  ] as const)('R42 and %s has nothing in its way', (health, text) => {
    expect(ask(status('a', { state: 'running', health }))).toStrictEqual({ name: 'a', up: true, because: [], text })
  })

  it('R42 but unhealthy is not up', () => {
    const error = new Error('no route')
    expect(ask(status('a', { state: 'running', health: 'unhealthy', error }))).toStrictEqual({
      name: 'a',
      up: false,
      because: [{ name: 'a', state: 'running', kind: 'failed', error }],
      text: 'a is running, unhealthy after no route',
    })
  })
})

describe('what stands for itself', () => {
  it.each([
    [{ state: 'unknown' }, 'a has never been started'],
    [{ state: 'stopped' }, 'a is stopped'],
    [{ state: 'stopped', stopReason: 'shutdown' }, 'a is stopped (shutdown)'],
    [{ state: 'stopped', stopReason: 'manual' }, 'a is stopped by hand'],
    [{ state: 'disconnected', stopReason: 'manual' }, 'a is disconnected by hand'],
    [{ state: 'disconnected', stopReason: 'completed' }, 'a is disconnected (completed)'],
    [{ state: 'stopping', stopReason: 'manual' }, 'a is stopping'],
    [{ state: 'starting' }, 'a is starting'],
    [{ state: 'starting', attempt: 2 }, 'a is starting (attempt 2)'],
    [{ state: 'failed', error: new Error('no disk') }, 'a is failed after no disk'],
    [{ state: 'waiting' }, 'a is waiting'],
  ] as const)('R42 %j reads "%s"', (fields, text) => {
    expect(textOf(status('a', fields as Partial<ServiceStatus>))).toBe(text)
  })

  it('R42 has no error and no time where there is none', () => {
    expect(ask(status('a', { state: 'stopped', stopReason: 'manual' })).because).toStrictEqual([
      { name: 'a', state: 'stopped', kind: 'manual' },
    ])
  })

  it.each([
    [0, 'due in 0 ms'],
    [-5, 'due in 0 ms'],
    [999, 'due in 999 ms'],
    [998.6, 'due in 999 ms'],
    [1_000, 'due in 1 s'],
    [1_049, 'due in 1 s'],
    [1_060, 'due in 1.1 s'],
    [12_345, 'due in 12.3 s'],
  ])('R42 a backoff of %d ms is %s', (ms, due) => {
    const blockedBy: Cause[] = [{ name: 'a', state: 'retrying', kind: 'backoff', until: WALL + ms }]
    expect(textOf(status('a', { state: 'retrying', attempt: 3, blockedBy }))).toBe(`a is retrying (attempt 3, ${due})`)
  })

  it('R42 names what was really thrown, under up to ten of our own errors', () => {
    const wrapped = (depth: number, inner: unknown): unknown =>
      Array.from({ length: depth }).reduce((cause) => new KeelsonError('CRASHED', 'wrapped', { cause }), inner)
    const text = (error: unknown): string => textOf(status('a', { state: 'failed', error } as Partial<ServiceStatus>))
    expect(text(wrapped(1, new Error('no disk', { cause: 'not this' })))).toBe('a is failed after no disk')
    expect(text(wrapped(10, new Error('no disk')))).toBe('a is failed after no disk')
    expect(text(wrapped(11, new Error('no disk')))).toBe('a is failed after CRASHED: wrapped')
    expect(text(new KeelsonError('START_TIMEOUT', 'too slow'))).toBe('a is failed after START_TIMEOUT: too slow')
  })
})

describe('what waits for another', () => {
  const a = status('a', { blockedBy: needs('b') })

  it('R42 is told with the way to the root', () => {
    const b = status('b', { blockedBy: needs('c') })
    const c = status('c', { state: 'stopped', stopReason: 'manual' })
    expect(ask(a, b, c)).toStrictEqual({
      name: 'a',
      up: false,
      because: [
        { name: 'b', state: 'waiting', kind: 'dependency' },
        { name: 'c', state: 'stopped', kind: 'manual' },
      ],
      text: 'a is waiting: needs b, which needs c, which is stopped by hand',
    })
  })

  it('R42 one that nobody has registered is missing', () => {
    expect(ask(a).because).toStrictEqual([{ name: 'b', state: 'waiting', kind: 'missing' }])
    expect(textOf(a)).toBe('a is waiting: needs b, which is not registered')
  })

  it('R42 one that is up, but not as it has to be', () => {
    const one = status('a', { blockedBy: [{ name: 'b', state: 'running', kind: 'dependency' }] })
    const text = (health: ServiceStatus['health']): string => textOf(one, status('b', { state: 'running', health }))
    expect(text('checking')).toBe('a is waiting: needs b, which is running, checking')
    expect(text('healthy')).toBe('a is waiting: needs b, which is running')
    expect(text('unhealthy')).toBe('a is waiting: needs b, which is running, unhealthy')
  })

  it('R42 follows one that is not coming rather than one that is up or on its way', () => {
    const both = status('a', { blockedBy: needs('b', 'c') })
    const c = status('c', { state: 'failed', error: new Error('no disk') })
    for (const state of ['running', 'starting', 'stopping'] as const)
      expect(textOf(both, status('b', { state }), c)).toBe('a is waiting: needs c, which is failed after no disk')
    expect(textOf(both, status('b', { state: 'starting' }), status('c', { state: 'starting' }))).toBe(
      'a is waiting: needs b, which is starting',
    )
  })

  it('R13 R42 one that is about to stop is held by the first of those that stop before it', () => {
    const blockedBy: Cause[] = [
      { name: 'x', state: 'stopping', kind: 'stop' },
      { name: 'y', state: 'running', kind: 'stop' },
    ]
    expect(
      ask(a, status('b', { state: 'running', blockedBy }), status('x', { state: 'stopping' })).because,
    ).toStrictEqual([{ name: 'b', state: 'waiting', kind: 'dependency' }, blockedBy[0]])
  })
})

describe('the roll-up', () => {
  type Asked = Partial<ServiceStatus> & { readonly wanted?: boolean; readonly completed?: boolean }
  const roll = (all: Readonly<Record<string, Asked>>): unknown =>
    rollUp(
      new Map(
        Object.entries(all).map(([name, { wanted = true, completed = false, ...fields }]) => [
          name,
          { status: status(name, fields), wanted, completed },
        ]),
      ),
    )

  it('R28 is healthy where all is, or where nobody wants what is not', () => {
    expect(roll({ a: { state: 'running' }, b: { state: 'stopped', wanted: false } })).toStrictEqual({
      status: 'healthy',
      because: [],
    })
  })

  it('R28 what has completed is healthy, until it runs again', () => {
    expect(roll({ a: { state: 'stopped', completed: true } })).toMatchObject({ status: 'healthy' })
    expect(roll({ a: { state: 'waiting', completed: true } })).toMatchObject({ status: 'healthy' })
    expect(roll({ a: { state: 'starting', completed: true } })).toMatchObject({ status: 'checking' })
  })

  it('R28 blames the root with the weight of the worst that waits for it, the worst first', () => {
    const error = new Error('no disk')
    const blamed = roll({
      e: { state: 'running', health: 'checking' },
      d: { state: 'stopped', wanted: false },
      a: { blockedBy: needs('b'), error },
      b: { blockedBy: needs('d') },
      c: { blockedBy: needs('d'), essential: false },
    })
    expect(blamed).toStrictEqual({
      status: 'unhealthy',
      because: [
        { name: 'd', health: 'checking', state: 'stopped' },
        { name: 'e', health: 'checking', state: 'running' },
      ],
    })
  })

  it('R28 what is not essential degrades the whole and no more', () => {
    expect(roll({ a: { state: 'failed', error: new Error('no disk'), essential: false } })).toMatchObject({
      status: 'degraded',
      because: [{ name: 'a', health: 'unhealthy', state: 'failed' }],
    })
  })

  it('R28 of a missing name it blames the one that waits for it', () => {
    expect(roll({ a: { blockedBy: needs('b') }, b: { blockedBy: needs('nobody') } })).toMatchObject({
      because: [{ name: 'b' }],
    })
  })
})
