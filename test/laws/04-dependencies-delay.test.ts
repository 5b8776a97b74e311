/** R16: the pause before a start. */
import { describe, expect, it } from 'vitest'
import { type Script, stage } from '../support/laws2.js'

const restart = { initialBackoff: 200, multiplier: 1, jitter: 0 }
const late = (...dependsOn: string[]): Script => ({ dependsOn, startDelay: 100, up: 5 })

describe('R16 startDelay', () => {
  it('R16 counts from the moment the dependencies are satisfied', async () => {
    const s = stage({ api: late('db', 'mq'), db: { up: 30 }, mq: { up: 10 } })
    const start = s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '130 starting', '135 running'])
    expect(start).toMatchObject({ state: 'resolved', at: 135 })
  })

  it('R16 shows as waiting, with its end', async () => {
    const s = stage({ api: late('db'), db: { up: 30 } })
    s.watch(s.app.start())
    await s.clock.advance(50)
    const until = s.clock.wall() + 80
    expect(s.app.getServiceStatus('api')).toMatchObject({
      state: 'waiting',
      blockedBy: [{ name: 'api', kind: 'delay', until }],
    })
    expect(s.app.explain('api').because.at(-1)).toMatchObject({ name: 'api', kind: 'delay', until })
  })

  it('R16 shows as waiting also where there is nothing to depend on', async () => {
    const s = stage({ api: late() })
    s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '100 starting', '105 running'])
  })

  it('R16 counts anew if a dependency is lost meanwhile', async () => {
    const s = stage({ api: late('db'), db: { up: 30, restart } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(90)
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '420 starting', '425 running'])
  })

  it('R16 counts anew if a dependency only turns sick', async () => {
    const healthCheck = { interval: 10, timeout: 5, failureThreshold: 1, onUnhealthy: 'report' as const }
    const s = stage({ api: late('db'), db: { says: 'healthy', healthCheck } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(45)
    s.the('db').health = 'unhealthy'
    await s.clock.advance(20)
    s.the('db').health = 'healthy'
    await s.clock.advance(200)
    expect(s.states('api')).toEqual(['0 waiting', '170 starting', '175 running'])
  })

  it('R16 counts from the end of the backoff, shown as waiting after it', async () => {
    const s = stage({ api: { ...late(), restart } })
    await s.boot(105)
    s.the('api').crash()
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual([
      '105 stopping (failed)',
      '105 retrying',
      '305 waiting',
      '405 starting',
      '410 running',
    ])
  })

  it('R16 applies to every start: by hand, restart, return', async () => {
    const s = stage({ api: late('db'), db: { restart } })
    await s.boot(105)
    s.watch(s.app.restartService('api'))
    await s.clock.advance(200)
    s.the('db').crash()
    await s.clock.advance(400)
    s.watch(s.app.stopService('api'))
    s.watch(s.app.startService('db'))
    await s.clock.advance(10)
    s.watch(s.app.startService('api'))
    await s.clock.advance(200)
    expect(s.hooks.filter((line) => line.endsWith('api start'))).toEqual([
      '205 api start',
      '605 api start',
      '815 api start',
    ])
  })

  it('R16 holds no permit', async () => {
    const s = stage({ api: late(), other: { up: 50 }, third: { up: 40 } }, { maxConcurrentStarts: 1 })
    const start = s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['0 other start', '50 third start', '100 api start'])
    expect(start).toMatchObject({ state: 'resolved', at: 105 })
  })

  it('R16 R21 holds no permit for retries either', async () => {
    const s = stage({ api: { ...late(), restart }, other: { up: 50, restart } }, { maxConcurrentRetries: 1 })
    await s.boot(105)
    s.the('api').crash()
    s.the('other').crash()
    await s.clock.advance(1_000)
    expect(s.hooks.filter((line) => line.endsWith('start'))).toEqual(['305 other start', '405 api start'])
  })

  it('R16 delays nobody else', async () => {
    const s = stage({
      api: late('db'),
      beside: { dependsOn: ['db'], up: 5 },
      behind: { dependsOn: ['api'], up: 5 },
      db: {},
    })
    s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['0 db start', '0 beside start', '100 api start', '105 behind start'])
  })

  it('R16 R23 is cancelled by a stop in the same turn, without a hook', async () => {
    const s = stage({ api: late() })
    const start = s.watch(s.app.start())
    await s.clock.advance(40)
    const stop = s.watch(s.app.stopService('api'))
    await s.clock.settle()
    expect(stop).toMatchObject({ state: 'resolved', at: 40 })
    expect(start.code).toBe('CANCELLED')
    expect([s.states('api'), s.hooks, s.clock.pending]).toEqual([['0 waiting', '40 stopped'], [], 0])
  })

  it('R16 R34 is cancelled by the signal of its start', async () => {
    const s = stage({ api: late() })
    const abort = new AbortController()
    const start = s.watch(s.app.start({ signal: abort.signal }))
    await s.clock.advance(40)
    abort.abort('enough')
    await s.clock.settle()
    expect(start).toMatchObject({ state: 'rejected', at: 40, error: 'enough' })
    expect([s.hooks, s.clock.pending]).toEqual([[], 0])
  })

  it('R16 a second start in the middle of it neither shortens nor lengthens it', async () => {
    const s = stage({ api: late() })
    const first = s.watch(s.app.start())
    await s.clock.advance(60)
    const second = s.watch(s.app.startService('api'))
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['100 api start'])
    expect([first.at, second.at]).toEqual([105, 105])
  })

  it('R16 an epoch begins with starting: none is counted for a pause that came to nothing', async () => {
    const s = stage({ api: late() })
    s.watch(s.app.start())
    await s.clock.advance(60)
    s.watch(s.app.stop())
    await s.clock.advance(60)
    expect(s.app.getServiceStatus('api')).toMatchObject({ state: 'stopped', epoch: 0 })
  })
})
