/** Section 4: the bound of a wait - from when it counts, when it stands still, and what its end means. */
import { describe, expect, it } from 'vitest'
import { type Script, stage } from '../support/laws2.js'

const FOR_EVER = Number.POSITIVE_INFINITY
const needs = (timeout: number, more: object = {}): Script => ({ dependsOn: [{ name: 'db', timeout, ...more }], up: 5 })
/** Starts in ten seconds, if nobody disturbs it. */
const slow: Script = { up: 10_000 }

describe('what the end of a wait means', () => {
  it('R20 fail: it is failed with DEPENDENCY_TIMEOUT, saying dependency, and no hook of it was called', async () => {
    const s = stage({ api: needs(1_000), db: slow })
    const start = s.watch(s.app.startService('api'))
    await s.clock.advance(999)
    expect(s.states('api')).toEqual(['0 waiting'])
    await s.clock.advance(1)
    expect(s.states('api')).toEqual(['0 waiting', '1000 failed (dependency)'])
    expect(start).toMatchObject({ state: 'rejected', at: 1_000, code: 'START_INCOMPLETE' })
    const error = s.app.getServiceStatus('api').error as { code: string; message: string }
    expect(error.code).toBe('DEPENDENCY_TIMEOUT')
    expect(error.message).toMatch(/api.*db/)
    expect([s.hooks, s.warnings()]).toEqual([['0 db start'], []])
  })

  it('R20 it has not given up: when the dependency is satisfied it starts, without anybody asking', async () => {
    const s = stage({ api: needs(1_000), db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(20_000)
    expect(s.states('api').filter((line) => line !== '10000 waiting')).toEqual([
      '0 waiting',
      '1000 failed (dependency)',
      '10000 starting',
      '10005 running',
    ])
    expect(s.app.getServiceStatus('api')).not.toHaveProperty('error')
  })

  it('R14 it has not given up: its own dependents wait for it and come after it', async () => {
    const s = stage({ web: { dependsOn: [{ name: 'api', timeout: FOR_EVER }] }, api: needs(1_000), db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(20_000)
    expect(s.states('web')).toEqual(['0 waiting', '10005 starting', '10005 running'])
  })

  it('R6 stopped by hand after its wait failed, it stays failed with its error and does not come by itself', async () => {
    const s = stage({ api: needs(1_000), db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(2_000)
    const stop = s.watch(s.app.stopService('api'))
    await s.clock.advance(20_000)
    expect(stop.state).toBe('resolved')
    expect(s.app.getServiceStatus('api')).toMatchObject({ state: 'failed', error: { code: 'DEPENDENCY_TIMEOUT' } })
    expect(s.states('api')).toEqual(['0 waiting', '1000 failed (dependency)'])
    expect([s.state('db'), s.the('api').starts]).toEqual(['running', 0])
  })

  it('R11 warn: one warning, then it starts all the same', async () => {
    const s = stage({ api: needs(1_000, { onTimeout: 'warn' }), db: slow })
    const start = s.watch(s.app.startService('api'))
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '1000 starting'])
    const [warning, ...others] = s.events.filter((event) => event.type === 'warning')
    expect(warning).toMatchObject({ code: 'DEPENDENCY_TIMEOUT', name: 'api', message: expect.stringContaining('db') })
    expect(others).toEqual([])
    await s.clock.advance(20_000)
    expect(s.states('api')).toEqual(['0 waiting', '1000 starting', '1005 running'])
    expect(start.state).toBe('resolved')
  })

  it('R11 continue: it starts, and nobody is told', async () => {
    const s = stage({ api: needs(1_000, { onTimeout: 'continue' }), db: slow })
    s.watch(s.app.start())
    await s.clock.advance(20_000)
    expect(s.states('api')).toEqual(['0 waiting', '1000 starting', '1005 running'])
    expect(s.warnings()).toEqual([])
  })

  it.each([
    ['continue if optional', { optional: true }, ['0 waiting', '300000 starting', '300005 running']],
    ['fail if required', {}, ['0 waiting', '300000 failed (dependency)']],
  ])('R11 by default it is five minutes and %s', async (_, more, log) => {
    const s = stage({
      api: { dependsOn: [{ name: 'db', ...more }], up: 5 },
      db: { up: FOR_EVER, startTimeout: FOR_EVER },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(300_100)
    expect(s.states('api')).toEqual(log)
  })

  it('R11 one that continued loses the dependency like any other, once that has been up', async () => {
    const restart = { initialBackoff: 500, jitter: 0 }
    const s = stage({ api: needs(1_000, { onTimeout: 'continue' }), db: { ...slow, restart } })
    s.watch(s.app.start())
    await s.clock.advance(10_000)
    expect(s.states('api').at(-1)).toBe('1005 running')
    s.the('db').crash()
    await s.clock.settle()
    expect(s.states('api').slice(3)).toEqual(['10000 stopping (dependency)', '10000 waiting'])
  })

  it('R11 one that continued does not mind if the dependency never comes up at all', async () => {
    const s = stage({
      api: needs(1_000, { onTimeout: 'continue' }),
      db: { up: 5_000, fails: 1, restart: { policy: 'never' }, essential: false },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(20_000)
    expect([s.state('db'), s.states('api')]).toEqual(['failed', ['0 waiting', '1000 starting', '1005 running']])
  })
})

describe('several waits at once', () => {
  it('R11 each edge has its own bound: what continued is no longer waited for, the other is', async () => {
    const s = stage({
      api: { dependsOn: [{ name: 'db', timeout: 1_000, onTimeout: 'warn' }, 'mq'] },
      db: slow,
      mq: { up: 3_000 },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(3_000)
    expect(s.states('api')).toEqual(['0 waiting', '3000 starting', '3000 running'])
    expect(s.warnings()).toEqual(['DEPENDENCY_TIMEOUT api'])
  })

  it('R11 the first bound that means failure is the end of the wait for all', async () => {
    const s = stage({
      api: {
        dependsOn: [
          { name: 'db', timeout: 2_000 },
          { name: 'mq', timeout: 1_000 },
        ],
      },
      db: slow,
      mq: { up: 5_000 },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(4_000)
    expect(s.states('api')).toEqual(['0 waiting', '1000 failed (dependency)'])
    expect((s.app.getServiceStatus('api').error as Error).message).toContain('mq')
  })

  it('R11 only an edge that is not satisfied times out', async () => {
    const s = stage({ api: { dependsOn: [{ name: 'db', timeout: 1_000 }, 'mq'] }, db: { up: 10 }, mq: { up: 5_000 } })
    s.watch(s.app.start())
    await s.clock.advance(5_000)
    expect(s.states('api')).toEqual(['0 waiting', '5000 starting', '5000 running'])
  })

  it('R11 two dependents of one dependency wait by their own bounds', async () => {
    const s = stage({ a: needs(1_000), b: { ...needs(2_000), startDelay: 7 }, db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(3_000)
    expect([s.states('a').at(-1), s.states('b').at(-1)]).toEqual([
      '1000 failed (dependency)',
      '2000 failed (dependency)',
    ])
  })
})

describe('what a wait counts', () => {
  it('R11 it stands still while the dependency is desired down, and begins anew when it is desired up', async () => {
    const s = stage({ api: needs(1_000), db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(600)
    s.watch(s.app.stopService('db'))
    await s.clock.advance(600_000)
    expect(s.states('api')).toEqual(['0 waiting'])
    expect(s.clock.pending).toBe(0)
    s.watch(s.app.startService('db'))
    await s.clock.advance(999)
    expect(s.states('api')).toEqual(['0 waiting'])
    await s.clock.advance(1)
    expect(s.states('api').slice(1)).toEqual(['601600 failed (dependency)'])
  })

  it('R14 a cascade after a stop by hand waits as long as the hand likes', async () => {
    const s = stage({ api: needs(1_000), db: { up: 10 } })
    await s.boot(15)
    s.watch(s.app.stopService('db'))
    await s.clock.advance(1_000_000)
    expect(s.states('api')).toEqual(['15 stopping (dependency)', '15 waiting'])
    s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect(s.states('api').slice(2)).toEqual(['1000025 starting', '1000030 running'])
  })

  it('R11 it counts anew in each start', async () => {
    const s = stage({ api: needs(1_000), db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(900)
    s.watch(s.app.stopService('api'))
    await s.clock.advance(50)
    s.watch(s.app.startService('api'))
    await s.clock.advance(9_000)
    expect(s.states('api')).toEqual(['0 waiting', '900 stopped', '950 waiting', '1950 failed (dependency)'])
  })

  it('R11 a wait that has ended in continue is waited for again in the next start', async () => {
    const s = stage({
      api: { dependsOn: [{ name: 'db', timeout: 1_000, onTimeout: 'warn' }, 'mq'] },
      db: slow,
      mq: { up: 3_000 },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(2_500)
    s.watch(s.app.stopService('api'))
    await s.clock.advance(100)
    s.watch(s.app.startService('api'))
    await s.clock.advance(3_000)
    expect(s.states('api')).toEqual(['0 waiting', '2500 stopped', '2600 waiting', '3600 starting', '3600 running'])
    expect(s.warnings()).toEqual(['DEPENDENCY_TIMEOUT api', 'DEPENDENCY_TIMEOUT api'])
  })

  it('R11 after a failed wait a start by hand waits anew', async () => {
    const s = stage({ api: needs(1_000), db: slow })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(3_000)
    s.watch(s.app.startService('api'))
    await s.clock.advance(3_000)
    expect(s.states('api')).toEqual([
      '0 waiting',
      '1000 failed (dependency)',
      '3000 waiting',
      '4000 failed (dependency)',
    ])
  })

  it('R14 each loss begins a wait of its own', async () => {
    const restart = { initialBackoff: 900, multiplier: 1, jitter: 0 }
    const s = stage({ api: needs(1_000), db: { restart } })
    await s.boot(5)
    for (let round = 0; round < 3; round += 1) {
      s.the('db').crash()
      await s.clock.advance(905)
    }
    expect(s.states('api').filter((line) => line.includes('failed'))).toEqual([])
    expect([s.state('api'), s.the('api').starts]).toEqual(['running', 4])
  })

  it('R14 a dependency that is away too long fails the one that waits, which returns with it', async () => {
    const s = stage({ api: needs(1_000), db: { restart: { initialBackoff: 5_000, jitter: 0 } } })
    await s.boot(5)
    s.the('db').crash()
    await s.clock.advance(10_000)
    expect(s.states('api').filter((line) => line !== '5005 waiting')).toEqual([
      '5 stopping (dependency)',
      '5 waiting',
      '1005 failed (dependency)',
      '5005 starting',
      '5010 running',
    ])
  })

  it('R11 R22 it counts from waiting, not from a backoff before it', async () => {
    const s = stage({
      api: { ...needs(500), restart: { initialBackoff: 1_000, jitter: 0 } },
      db: { restart: { initialBackoff: 50_000, jitter: 0 } },
    })
    await s.boot(5)
    s.the('api').crash()
    await s.clock.advance(100)
    s.the('db').crash()
    await s.clock.advance(5_000)
    expect(s.states('api')).toEqual(['5 stopping (failed)', '5 retrying', '1005 waiting', '1505 failed (dependency)'])
  })

  it('R16 a startDelay is no part of it', async () => {
    const s = stage({ api: { ...needs(1_000), startDelay: 5_000 }, db: { up: 10 } })
    s.watch(s.app.start())
    await s.clock.advance(6_000)
    expect(s.states('api')).toEqual(['0 waiting', '5010 starting', '5015 running'])
  })

  it('R11 a wait for ever holds no timer', async () => {
    const s = stage({ api: needs(FOR_EVER), db: { up: FOR_EVER, startTimeout: FOR_EVER } })
    s.watch(s.app.start())
    await s.clock.advance(400_000)
    expect([s.state('api'), s.clock.pending]).toEqual(['waiting', 0])
  })

  it('R11 a bound above what a host timer takes does not fire at once', async () => {
    const month = 30 * 24 * 3_600_000
    const s = stage({ api: needs(month), db: { up: FOR_EVER, startTimeout: FOR_EVER } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(month - 1)
    expect(s.states('api')).toEqual(['0 waiting'])
    await s.clock.advance(1)
    expect(s.states('api')).toEqual(['0 waiting', `${month} failed (dependency)`])
  })

  it('R23 a stop in the middle of a wait settles in the same turn and leaves no timer', async () => {
    const s = stage({ api: needs(1_000), db: { autoStart: false, startDelay: 500 } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    const stops = [s.watch(s.app.stopService('api')), s.watch(s.app.stopService('db'))]
    await s.clock.settle()
    expect(stops).toMatchObject([
      { state: 'resolved', at: 10 },
      { state: 'resolved', at: 10 },
    ])
    expect([s.hooks, s.clock.pending]).toEqual([[], 0])
  })
})
