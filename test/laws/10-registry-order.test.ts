/** `order: 'registration'`: as if each service had an optional edge to the one registered before it. */
import { describe, expect, it } from 'vitest'
import { codeOf, type Script, stage } from '../support/laws2.js'

const each = (more: Record<string, Script> = {}): Record<string, Script> => ({
  a: { up: 10, down: 10, ...more.a },
  b: { up: 10, down: 10, ...more.b },
  c: { up: 10, down: 10, ...more.c },
})
const order = 'registration' as const

describe('order: registration', () => {
  it('R47 starts one after the other as they were registered, and stops them the other way round', async () => {
    const s = stage(each(), { order })
    await s.clock.advance(0)
    const start = s.watch(s.app.start())
    await s.clock.advance(30)
    const stop = s.watch(s.app.stop())
    await s.clock.advance(30)
    expect([start.at, stop.at]).toEqual([30, 60])
    expect(s.hooks).toEqual([
      '0 a start',
      '10 b start',
      '20 c start',
      '30 c stop (shutdown)',
      '40 b stop (shutdown)',
      '50 a stop (shutdown)',
    ])
  })

  it('R47 without it they start together', async () => {
    const s = stage(each())
    s.watch(s.app.start())
    await s.clock.advance(10)
    expect(s.hooks).toEqual(['0 a start', '0 b start', '0 c start'])
  })

  it('R11 one that gives up holds nobody back, for the edge is optional', async () => {
    const s = stage(each({ a: { fails: 9, restart: { policy: 'never' }, essential: false } }), { order })
    const start = s.watch(s.app.start())
    await s.clock.advance(100)
    expect(s.hooks.filter((line) => line.endsWith('start'))).toEqual(['0 a start', '20 b start', '30 c start'])
    expect(start.state).toBe('resolved')
  })

  it('R14 a loss is none of the next one’s business', async () => {
    const s = stage(each(), { order })
    await s.boot(30)
    s.the('b').crash()
    s.watch(s.app.stopService('a'))
    await s.clock.advance(100)
    expect(s.stirred()).toEqual(['a', 'b'])
  })

  it('R6 a start by name wants nobody else', async () => {
    const s = stage(each(), { order })
    const start = s.watch(s.app.startService('c'))
    await s.clock.advance(100)
    expect([start.state, s.hooks]).toEqual(['resolved', ['0 c start']])
  })

  it('R12 declared edges hold as well', async () => {
    const s = stage(each({ c: { dependsOn: ['a'] } }), { order })
    s.watch(s.app.start())
    await s.clock.advance(100)
    expect(s.hooks).toEqual(['0 a start', '10 b start', '20 c start'])
  })

  it('R10 a declared edge against the order closes a cycle', async () => {
    expect(await codeOf(() => stage(each({ a: { dependsOn: ['c'] } }), { order }))).toBe('DEPENDENCY_CYCLE')
    expect(() => stage(each({ a: { dependsOn: ['c'] } }), { order })).toThrow(
      "closes a cycle: c → b → a → c (order 'registration' puts each after the one before it)",
    )
  })

  it('R48 what is registered later comes after the last one', async () => {
    const s = stage(each(), { order })
    s.watch(s.app.start())
    await s.clock.advance(5)
    await s.app.register(s.make('d', { up: 10 }).service)
    await s.clock.advance(100)
    expect(s.hooks.at(-1)).toBe('30 d start')
  })

  it('R48 one in the middle may go, and stops nobody', async () => {
    const s = stage(each(), { order })
    await s.boot(30)
    const done = s.watch(s.app.unregister('b'))
    await s.clock.advance(100)
    expect([done.state, s.stirred()]).toEqual(['resolved', ['b']])
    const stop = s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(stop.state).toBe('resolved')
  })
})
