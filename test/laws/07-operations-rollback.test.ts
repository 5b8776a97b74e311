/** The rollback of a start: what it takes down, what it spares, how long it may take (R29). */
import type { KeelsonError } from 'keelson'
import { describe, expect, it } from 'vitest'
import { boom, causes, fail, hang, type Part, reportOf, rows, said, stage, untilAborted } from '../support/laws4.js'

/** Fails after so many milliseconds. */
const failsAfter = (ms: number): Pick<Part, 'start'> => ({
  start: async (_, { clock }) => {
    await clock.sleep(ms)
    throw boom
  },
})

describe('a rollback', () => {
  it('R29 stops what was started, leaves the culprit failed, and only then rejects', async () => {
    const s = stage({ db: { starts: 10, stops: 20 }, cache: failsAfter(50) })
    const call = s.watch(s.app.start())
    await s.clock.advance(60)
    expect(said(call)).toBe('pending')
    await s.clock.advance(10)
    expect(said(call)).toBe('rejected at 70 with START_INCOMPLETE')
    expect(s.stories()).toEqual({
      db: ['0 starting', '10 running', '50 stopping (rollback)', '70 stopped'],
      cache: ['0 starting', '50 stopping (failed)', '50 failed'],
    })
    expect(rows(call)).toEqual({ db: 'stopped', cache: 'failed START_FAILED' })
    expect(reportOf(call)).toMatchObject({ outcome: 'failed', duration: 70 })
    expect(s.app.getServiceStatus('cache').error).toMatchObject({ code: 'START_FAILED', cause: boom })
  })

  it('R29 its desires are withdrawn: nothing comes back', async () => {
    const s = stage({ db: {}, cache: failsAfter(50), api: { dependsOn: ['cache'] } })
    s.watch(s.app.start())
    await s.clock.advance(50)
    s.clear()
    await s.clock.advance(600_000)
    expect([s.hooks, s.stories(), s.clock.pending]).toEqual([[], {}, 0])
    expect(s.states()).toEqual({ db: 'stopped', cache: 'failed', api: 'stopped' })
  })

  it('R29 goes in reverse order', async () => {
    const s = stage({
      a: { stops: 10 },
      b: { dependsOn: ['a'], stops: 10 },
      c: { dependsOn: ['b'], stops: 10 },
      d: { dependsOn: ['c'], ...failsAfter(50) },
    })
    const call = s.watch(s.app.start())
    await s.clock.advance(100)
    expect(s.hooks.filter((hook) => hook.endsWith('stop'))).toEqual([
      '50 d stop',
      '50 c stop',
      '60 b stop',
      '70 a stop',
    ])
    expect(said(call)).toBe('rejected at 80 with START_INCOMPLETE')
  })

  it('R29 ends what is still starting or waiting', async () => {
    const s = stage({ db: { start: untilAborted }, api: { dependsOn: ['db'] }, cache: failsAfter(50) })
    const call = s.watch(s.app.start())
    await s.clock.advance(50)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(s.stories()).toEqual({
      db: ['0 starting', '50 stopping (rollback)', '50 stopped'],
      api: ['0 waiting', '50 stopped'],
      cache: ['0 starting', '50 stopping (failed)', '50 failed'],
    })
    expect(s.app.getServiceStatus('db').error).toBeUndefined()
  })

  it('R29 spares what was desired up before', async () => {
    const s = stage({ db: {}, cache: failsAfter(50) })
    s.watch(s.app.startService('db'))
    await s.clock.settle()
    const call = s.watch(s.app.start())
    await s.clock.advance(50)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(s.story('db')).toEqual(['0 starting', '0 running'])
    expect(rows(call)).toEqual({ db: 'unchanged', cache: 'failed START_FAILED' })
  })

  it('R29 spares what was desired up before although it is not up', async () => {
    const s = stage({ db: { start: (c) => c.epoch === 1 && fail() }, cache: failsAfter(50) })
    s.watch(s.app.startService('db'))
    await s.clock.settle()
    const call = s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(s.states()).toEqual({ db: 'running', cache: 'failed' })
  })

  it('R29 spares what another operation wants', async () => {
    const s = stage({ db: { starts: 100 }, cache: failsAfter(50), api: { dependsOn: ['db'] } })
    const other = s.watch(s.app.startService('db'))
    const call = s.watch(s.app.start())
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(said(other)).toBe('resolved at 100')
    expect(s.stories()).toMatchObject({ db: ['0 starting', '100 running'], api: ['0 waiting', '50 stopped'] })
  })

  it('R29 spares what another operation came to want later', async () => {
    const s = stage({ db: { starts: 100 }, cache: failsAfter(50) })
    const call = s.watch(s.app.start())
    await s.clock.advance(20)
    const other = s.watch(s.app.startService('db'))
    await s.clock.advance(80)
    expect([said(call), said(other)]).toEqual(['rejected at 50 with START_INCOMPLETE', 'resolved at 100'])
  })

  it('R29 does not spare what only operations want that roll back too', async () => {
    const s = stage({ db: {}, cache: failsAfter(50) })
    const calls = [s.watch(s.app.start()), s.watch(s.app.start())]
    await s.clock.advance(50)
    expect(calls.map(said)).toEqual(Array(2).fill('rejected at 50 with START_INCOMPLETE'))
    expect(s.states()).toEqual({ db: 'stopped', cache: 'failed' })
  })

  it('R29 what two operations want goes with the second of them that rolls back', async () => {
    const s = stage({
      db: {},
      one: { dependsOn: ['db'], ...failsAfter(50) },
      two: { dependsOn: ['db'], ...failsAfter(80) },
    })
    const first = s.watch(s.app.startService('one', { onFailure: 'rollback' }))
    const second = s.watch(s.app.startService('two', { onFailure: 'rollback' }))
    await s.clock.advance(60)
    expect([said(first), said(second)]).toEqual(['rejected at 50 with START_INCOMPLETE', 'pending'])
    await s.clock.advance(40)
    expect(said(second)).toBe('rejected at 80 with START_INCOMPLETE')
    expect(s.story('db')).toEqual(['0 starting', '0 running', '80 stopping (rollback)', '80 stopped'])
  })

  it('R29 touches nothing that it did not want', async () => {
    const s = stage({ db: {}, tool: { autoStart: false }, cache: failsAfter(50) })
    s.watch(s.app.startService('tool'))
    s.watch(s.app.start())
    await s.clock.advance(50)
    expect(s.states()).toEqual({ db: 'stopped', tool: 'running', cache: 'failed' })
  })

  it('R29 the first failed start is the cause, also when others fail after it', async () => {
    const s = stage({ one: failsAfter(50), two: { start: () => Promise.reject(new Error('first')) } })
    const call = s.watch(s.app.start())
    await s.clock.advance(50)
    expect(causes(call.error).map(String)).toContainEqual('Error: first')
    expect(causes(call.error)).not.toContain(boom)
  })
})

describe('a rollback under way', () => {
  const slow = () => stage({ db: { stops: 100 }, cache: failsAfter(50) })

  it('R34 an abort changes nothing about it, its first cause stands', async () => {
    const caller = new AbortController()
    const s = slow()
    const call = s.watch(s.app.start({ signal: caller.signal }))
    await s.clock.advance(80)
    caller.abort(new Error('too late'))
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 150 with START_INCOMPLETE')
    expect(s.states()).toEqual({ db: 'stopped', cache: 'failed' })
  })

  it('R34 the timeout of the call does not shorten it', async () => {
    const s = slow()
    const call = s.watch(s.app.start({ timeout: 60 }))
    await s.clock.advance(200)
    expect(said(call)).toBe('rejected at 150 with START_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'stopped', cache: 'failed START_FAILED' })
  })

  it('R8 a start that comes meanwhile is remembered, the first cause stands', async () => {
    const s = slow()
    const call = s.watch(s.app.start())
    await s.clock.advance(80)
    const later = s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect([said(call), said(later)]).toEqual(['rejected at 150 with START_INCOMPLETE', 'resolved at 150'])
    expect(s.states()).toEqual({ db: 'running', cache: 'failed' })
  })

  it('R8 a stop that comes meanwhile joins it, the first cause stands', async () => {
    const s = slow()
    const call = s.watch(s.app.start())
    await s.clock.advance(80)
    const stop = s.watch(s.app.stop())
    await s.clock.advance(100)
    expect([said(call), said(stop)]).toEqual(['rejected at 150 with START_INCOMPLETE', 'resolved at 150'])
    expect(s.hooks.filter((hook) => hook.includes('db'))).toEqual(['0 db start', '50 db stop'])
  })
})

describe('the budget of a rollback', () => {
  it('R29 is a fresh shutdownTimeout, however long the start took', async () => {
    const s = stage({ db: { stops: 800 }, cache: failsAfter(5_000) }, { shutdownTimeout: 1_000 })
    const call = s.watch(s.app.start())
    await s.clock.advance(6_000)
    expect(said(call)).toBe('rejected at 5800 with START_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'stopped', cache: 'failed START_FAILED' })
  })

  it('R29 is kept whatever the hooks do, and their errors are attached to the first', async () => {
    const s = stage(
      { db: { stop: hang }, api: { dependsOn: ['db'], stop: hang }, cache: failsAfter(5_000) },
      { shutdownTimeout: 1_000 },
    )
    const call = s.watch(s.app.start())
    await s.clock.advance(5_990)
    expect(said(call)).toBe('pending')
    await s.clock.advance(10)
    expect(said(call)).toBe('rejected at 6000 with START_INCOMPLETE')
    expect(s.hooks.slice(-3)).toEqual(['5000 cache stop', '5000 api stop', '5900 db stop'])
    expect(rows(call)).toEqual({
      db: 'abandoned STOP_TIMEOUT',
      api: 'abandoned STOP_TIMEOUT',
      cache: 'failed START_FAILED',
    })
    expect(causes(call.error)).toContain(boom)
    expect((call.error as KeelsonError).suppressed).not.toEqual([])
  })

  it('R29 an unclean stop in a rollback is reported, the rejection keeps its first cause', async () => {
    const s = stage({ db: { stop: () => Promise.reject(new Error('dirty')) }, cache: failsAfter(50) })
    const call = s.watch(s.app.start())
    await s.clock.advance(50)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'failed STOP_FAILED', cache: 'failed START_FAILED' })
    expect(causes(call.error)).toContain(boom)
    expect(s.states()).toEqual({ db: 'stopped', cache: 'failed' })
  })

  it('R29 R33 settles also if a hook of its own turn registers what keeps one of them up', async () => {
    const many = Array.from({ length: 100 }, (_, i) => `m${i}`)
    const manual = { autoStart: false }
    const s = stage({
      ...Object.fromEntries(many.map((name) => [name, manual])),
      m0: { ...manual, stop: (_, { app, make }) => void app.register(make('late', { dependsOn: ['db'] })) },
      db: manual,
      cache: { ...manual, ...failsAfter(50) },
      api: { ...manual, dependsOn: [...many, 'db', 'cache'] },
    })
    await s.app.start()
    const call = s.watch(s.app.startService('api', { onFailure: 'rollback' }))
    await s.clock.advance(50)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(s.states()).toMatchObject({ m0: 'stopped', m99: 'stopped', db: 'running', late: 'running' })
  })
})
