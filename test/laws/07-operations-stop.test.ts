/** What a stop brings to rest, in which order, what it reports, and what it refuses meanwhile (R31). */
import { describe, expect, it } from 'vitest'
import { boom, fail, hang, reportOf, rows, said, stage } from '../support/laws4.js'

describe('a stop', () => {
  it('R31 brings everything to rest, dependents first, unrelated ones in parallel', async () => {
    const s = stage({ a: { stops: 10 }, b: { dependsOn: ['a'], stops: 20 }, c: { stops: 15 } })
    await s.app.start()
    s.clear()
    const call = s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(said(call)).toBe('resolved at 30')
    expect(s.stories()).toEqual({
      b: ['0 stopping (shutdown)', '20 stopped'],
      c: ['0 stopping (shutdown)', '15 stopped'],
      a: ['20 stopping (shutdown)', '30 stopped'],
    })
    expect(call.value).toMatchObject({
      operation: 'stop',
      outcome: 'done',
      duration: 30,
      criticalPath: ['b', 'a'],
      services: [
        { name: 'a', outcome: 'stopped', state: 'stopped', waitedFor: [{ name: 'b', duration: 20 }], hookDuration: 10 },
        { name: 'b', outcome: 'stopped', state: 'stopped', waitedFor: [], hookDuration: 20 },
        { name: 'c', outcome: 'stopped', state: 'stopped', waitedFor: [], hookDuration: 15 },
      ],
    })
  })

  it('R31 ends at once what is waiting or backing off, without a hook', async () => {
    const s = stage({ db: { start: fail }, api: { dependsOn: ['db'] } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    s.clear()
    const call = s.watch(s.app.stop())
    await s.clock.settle()
    expect(said(call)).toBe('resolved at 10')
    expect([s.hooks, s.stories()]).toEqual([[], { db: ['10 stopped'], api: ['10 stopped'] }])
  })

  it('R31 leaves alone what is at rest', async () => {
    const s = stage({ db: {}, tool: { autoStart: false } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.settle()
    expect(said(call)).toBe('resolved at 0')
    expect(rows(call).db).toBe('stopped')
    expect(s.hooks).toEqual(['0 db start', '0 db stop'])
    const again = s.watch(s.app.stop())
    await s.clock.settle()
    expect([said(again), rows(again).db]).toEqual(['resolved at 0', 'unchanged'])
  })

  it('R31 also brings down what was started by name', async () => {
    const s = stage({ tool: { autoStart: false } })
    await s.app.startService('tool')
    await s.app.stop()
    expect(s.story('tool')).toEqual(['0 starting', '0 running', '0 stopping (shutdown)', '0 stopped'])
  })

  it('R31 continues past an onStop that throws, and rejects with the culprit and why', async () => {
    const s = stage({ db: { stops: 10 }, api: { dependsOn: ['db'], stop: fail } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(10)
    expect(said(call)).toBe('rejected at 10 with STOP_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'stopped', api: 'failed STOP_FAILED' })
    expect(reportOf(call)).toMatchObject({ operation: 'stop', outcome: 'failed', duration: 10 })
    expect(s.states()).toEqual({ db: 'stopped', api: 'stopped' })
    expect((call.error as Error).message).toMatch(/api.*boom/)
    const api = reportOf(call).services.find(({ name }) => name === 'api')
    expect(api?.error).toMatchObject({ code: 'STOP_FAILED', cause: boom })
  })

  it('R31 an onStop that is past stopTimeout is abandoned and listed', async () => {
    const s = stage({ db: { stop: hang, stopTimeout: 500 }, mail: { stops: 50 } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(500)
    expect(said(call)).toBe('rejected at 500 with STOP_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'abandoned STOP_TIMEOUT', mail: 'stopped' })
    expect(s.story('db').slice(-2)).toEqual(['0 stopping (shutdown)', '500 stopped'])
  })

  it('R31 stopTimeout is 10 000 by default, and each service of a chain has its own', async () => {
    const s = stage({ db: { stops: 9_990 }, api: { dependsOn: ['db'], stop: hang } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(20_000)
    expect(said(call)).toBe('rejected at 19990 with STOP_INCOMPLETE')
    expect(s.hooks.slice(-2)).toEqual(['0 api stop', '10000 db stop'])
    expect(rows(call)).toEqual({ db: 'stopped', api: 'abandoned STOP_TIMEOUT' })
  })

  it('R31 a disposer that throws makes the stop unclean, the others still run', async () => {
    const done: string[] = []
    const s = stage({
      db: {
        start: ({ own }) => {
          own(() => done.push('first'))
          own(fail)
          own(() => done.push('last'))
        },
      },
    })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with STOP_INCOMPLETE')
    expect([rows(call), done]).toEqual([{ db: 'failed STOP_FAILED' }, ['last', 'first']])
  })

  it('R31 a disposer that hangs is bounded by stopTimeout and listed', async () => {
    const s = stage({ db: { start: ({ own }) => own(hang) && undefined, stopTimeout: 700, stops: 300 } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(700)
    expect(said(call)).toBe('rejected at 700 with STOP_INCOMPLETE')
    expect(Object.values(rows(call))).toEqual([expect.stringMatching(/^(abandoned|failed) STOP_TIMEOUT$/)])
  })

  it.each([
    ['onStart', { start: hang }],
    ['onRun', { run: hang }],
  ])('R31 an %s that had to be abandoned is listed', async (_, part) => {
    const s = stage({ db: { ...part, stopTimeout: 1_000, startTimeout: 60_000 } })
    s.watch(s.app.start())
    await s.clock.settle()
    const call = s.watch(s.app.stop())
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 500 with STOP_INCOMPLETE')
    expect(rows(call).db).toMatch(/^abandoned/)
    expect((call.error as Error).message).toContain('db')
  })

  it('R31 every culprit is named', async () => {
    const s = stage({ one: { stop: fail }, two: { stop: hang, stopTimeout: 500 }, three: {} })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(500)
    const { message } = call.error as Error
    expect([message.includes('one'), message.includes('two'), message.includes('three')]).toEqual([true, true, false])
  })

  it('R31 start works again afterwards', async () => {
    const s = stage({ db: {}, api: { dependsOn: ['db'] } })
    await s.app.start()
    await s.app.stop()
    s.clear()
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('resolved at 0')
    expect(s.app.getAllServices().map(({ state, epoch }) => [state, epoch])).toEqual([
      ['running', 2],
      ['running', 2],
    ])
  })

  it('R31 start works again after an unclean stop, too', async () => {
    const s = stage({ db: { stop: ({ epoch }) => epoch === 1 && fail() } })
    await s.app.start()
    s.watch(s.app.stop())
    await s.clock.settle()
    await s.app.start()
    expect(s.states()).toEqual({ db: 'running' })
  })
})

describe('a stop of one service', () => {
  it('R31 stopService lists the dependents that did not stop cleanly', async () => {
    const s = stage({ db: {}, api: { dependsOn: ['db'], stop: fail }, mail: { stop: fail } })
    await s.app.start()
    const call = s.watch(s.app.stopService('db'))
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with STOP_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'stopped', api: 'failed STOP_FAILED' })
    expect(reportOf(call)).toMatchObject({ operation: 'stop', target: 'db' })
    expect(s.states()).toEqual({ db: 'stopped', api: 'waiting', mail: 'running' })
  })

  it('R31 a clean stopService resolves when the service is at rest, its dependents before it', async () => {
    const s = stage({ db: { stops: 20 }, api: { dependsOn: ['db'], stops: 30 }, mail: {} })
    await s.app.start()
    s.clear()
    const call = s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect(said(call)).toBe('resolved at 50')
    expect(s.stories()).toEqual({
      api: ['0 stopping (dependency)', '30 waiting'],
      db: ['30 stopping (manual)', '50 stopped'],
    })
    expect(reportOf(call).criticalPath).toEqual(['api', 'db'])
  })

  it('R31 stopService waits for no dependent that is starting without the service', async () => {
    const s = stage({
      db: { start: fail, restart: { policy: 'never' } },
      api: { dependsOn: [{ name: 'db', timeout: 10, onTimeout: 'continue' }], starts: 500 },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(100)
    const call = s.watch(s.app.stopService('db'))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('resolved at 100')
    expect(s.story('api')).toEqual(['0 waiting', '10 starting', '510 running'])
  })

  it('R31 unregister removes all the same when the stop was unclean', async () => {
    const s = stage({ db: { stop: fail } })
    await s.app.start()
    const call = s.watch(s.app.unregister('db'))
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with STOP_INCOMPLETE')
    expect((call.error as Error).message).toMatch(/db.*boom/)
    expect(s.app.getAllServices()).toEqual([])
  })
})

describe('while a stop runs', () => {
  const slow = { db: { stops: 100 }, tool: { autoStart: false } }

  it('R31 single starts are refused', async () => {
    const s = stage(slow)
    await s.app.start()
    s.watch(s.app.stop())
    await s.clock.advance(10)
    s.clear()
    const tool = s.app.registry.get('tool')!
    const calls = [
      s.watch(s.app.startService('tool')),
      s.watch(s.app.startService('db')),
      s.watch(s.app.restartService('db')),
      s.watch(tool.start()),
      s.watch(tool.restart()),
    ]
    await s.clock.advance(200)
    expect(calls.map(said)).toEqual(Array(5).fill('rejected at 10 with CLOSED'))
    expect(s.stories()).toEqual({ db: ['100 stopped'] })
  })

  it('R31 single starts are refused also in the turn of the stop, and taken again after it', async () => {
    const s = stage(slow)
    await s.app.start()
    s.watch(s.app.stop())
    const refused = s.watch(s.app.startService('tool'))
    await s.clock.advance(100)
    const taken = s.watch(s.app.startService('tool'))
    await s.clock.settle()
    expect([refused, taken].map(said)).toEqual(['rejected at 0 with CLOSED', 'resolved at 100'])
  })

  it('R31 a registration stays down', async () => {
    const s = stage(slow)
    await s.app.start()
    const stop = s.watch(s.app.stop())
    await s.clock.advance(10)
    const call = s.watch(s.app.register(s.make('late')))
    await s.clock.advance(500)
    expect([said(call), said(stop)]).toEqual(['resolved at 10', 'resolved at 100'])
    expect(s.story('late').filter((line) => line.includes('starting'))).toEqual([])
    expect(s.app.getServiceStatus('late').phase).toBe('idle')
  })

  it('R31 a start is remembered and overtakes it', async () => {
    const s = stage({ db: { stops: 100 }, api: { dependsOn: ['db'], stops: 20 } })
    await s.app.start()
    s.clear()
    const stop = s.watch(s.app.stop())
    await s.clock.advance(50)
    const start = s.watch(s.app.start())
    await s.clock.advance(100)
    expect([said(stop), said(start)]).toEqual(['rejected at 50 with CANCELLED', 'resolved at 120'])
    expect(s.stories()).toEqual({
      api: ['0 stopping (shutdown)', '20 stopped', '50 waiting', '120 starting', '120 running'],
      db: ['20 stopping (shutdown)', '120 stopped', '120 starting', '120 running'],
    })
  })

  it('R31 once a start has overtaken it, single starts are taken again', async () => {
    const s = stage(slow)
    await s.app.start()
    s.watch(s.app.stop())
    await s.clock.advance(50)
    s.watch(s.app.start())
    await s.clock.settle()
    const call = s.watch(s.app.startService('tool'))
    await s.clock.advance(50)
    expect([said(call), s.states()]).toEqual(['resolved at 50', { db: 'running', tool: 'running' }])
  })
})
