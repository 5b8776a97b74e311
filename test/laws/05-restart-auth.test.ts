/** Section 5: missing credentials and unreachable endpoints - the two ways of waiting that are named (R18, R20). */
import { describe, expect, it } from 'vitest'
import { broken, failing, Stage } from '../support/laws3.js'
import { settled } from '../support/world.js'

const HOUR = 3_600_000
const UNAUTHORIZED = broken({ status: 401 })
const REFUSED = broken({ code: 'ECONNREFUSED' })
const ENTERING = [
  '0 a unknown → starting',
  '0 a starting → stopping (failed)',
  '0 a stopping → auth_required START_FAILED',
]

describe('auth_required', () => {
  it('R20 auth goes to auth_required: no timer runs, no retry is told, nothing happens by itself', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1, UNAUTHORIZED), restart: { policy: 'always' } })
    await stage.boot()
    expect(stage.take()).toEqual(ENTERING)
    expect([stage.clock.pending, stage.heldBy('a'), stage.status('a').phase]).toEqual([0, ['auth'], 'pending'])
    await stage.clock.advance(HOUR)
    expect([a.starts, stage.take(), stage.retries()]).toEqual([[0], [], []])
    expect(stage.status('a').nextRetryAt).toBeUndefined()
  })

  it('R20 a crash for want of credentials ends there, too', async () => {
    const stage = new Stage()
    const a = stage.cast('a')
    await stage.boot()
    stage.take()
    await stage.crash(a, new Error('rejected', { cause: UNAUTHORIZED }))
    expect(stage.take()).toEqual(['0 a running → stopping (failed)', '0 a stopping → auth_required CRASHED'])
  })

  it('R20 auth_required comes at any point of the retries, also after the last one', async () => {
    const stage = new Stage()
    stage.cast('a', {
      restart: { maxRetries: 1 },
      start: (life) => {
        throw life === 1 ? new Error('transient') : UNAUTHORIZED
      },
    })
    await stage.boot()
    await stage.clock.advance(1000)
    expect(stage.status('a').state).toBe('auth_required')
  })

  it.each([
    ['start', (stage: Stage) => stage.app.startService('a')],
    ['restart', (stage: Stage) => stage.app.restartService('a')],
    ['start of the whole', (stage: Stage) => stage.app.start()],
    ['start of a dependent', (stage: Stage) => stage.app.startService('user')],
  ])('R6 auth_required is left by an explicit %s', async (_what, act) => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1, UNAUTHORIZED) })
    stage.cast('user', { autoStart: false, dependsOn: ['a'] })
    await stage.boot()
    stage.take()
    const call = settled(act(stage))
    await stage.clock.settle()
    expect(stage.take().filter((line) => line.includes(' a '))).toEqual([
      '0 a auth_required → starting',
      '0 a starting → running healthy',
    ])
    expect([call.status, a.starts.length]).toEqual(['fulfilled', 2])
  })

  it.each([
    ['a stop', (stage: Stage) => stage.app.stopService('a')],
    ['a stop of the whole', (stage: Stage) => stage.app.stop()],
  ])('R20 auth_required is left by %s, which calls no hook', async (_what, act) => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1, UNAUTHORIZED) })
    await stage.boot()
    stage.take()
    const call = settled(act(stage))
    await stage.clock.settle()
    expect([stage.take(), call.status]).toEqual([['0 a auth_required → stopped'], 'fulfilled'])
    expect([a.starts.length, a.stops]).toEqual([1, ['0 failed']])
  })

  it('R20 auth_required is not left because a dependency returns, and does not go to waiting when it is lost', async () => {
    const stage = new Stage()
    const db = stage.cast('db')
    const a = stage.cast('a', { dependsOn: ['db'], start: failing(1, UNAUTHORIZED) })
    await stage.boot()
    stage.take()
    await stage.crash(db)
    await stage.clock.advance(HOUR)
    expect(stage.status('db').state).toBe('running')
    expect([a.starts, stage.take().filter((line) => line.includes(' a '))]).toEqual([[0], []])
  })

  it('R19 what leaves auth_required has its whole budget', async () => {
    const stage = new Stage()
    stage.cast('a', {
      restart: { maxRetries: 2 },
      start: (life) => {
        throw life === 3 ? UNAUTHORIZED : new Error('transient')
      },
    })
    await stage.boot()
    await stage.clock.advance(3000)
    expect(stage.status('a').state).toBe('auth_required')
    await stage.start('a')
    await stage.clock.advance(HOUR)
    expect(stage.retries()).toEqual([
      '0 a #1 in 1000 transient',
      '1000 a #2 in 2000 transient',
      '3000 a #1 in 1000 transient',
      '4000 a #2 in 2000 transient',
    ])
    expect(stage.states('a').filter((state) => state === 'failed')).toHaveLength(1)
  })

  it('R29 for an operation that waits for it, it has given up', async () => {
    const stage = new Stage()
    stage.cast('a', { start: failing(1, UNAUTHORIZED) })
    const call = settled(stage.app.startService('a', { onFailure: 'keep' }))
    await stage.clock.settle()
    expect(call).toMatchObject({ status: 'rejected', error: { code: 'START_INCOMPLETE' } })
    expect(stage.status('a').state).toBe('auth_required')
  })
})

describe('unreachable', () => {
  const refused = (times: number) => ({ remote: true, start: failing(times, REFUSED) })

  it('R18 a remote service is unreachable after three connectivity failures in a row, and goes on trying', async () => {
    const stage = new Stage()
    stage.cast('a', refused(4))
    await stage.boot()
    await stage.clock.advance(15_000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '0 a stopping → retrying #1 START_FAILED',
      '1000 a retrying → starting #1',
      '1000 a starting → stopping (failed) #1',
      '1000 a stopping → retrying #2 START_FAILED',
      '3000 a retrying → starting #2',
      '3000 a starting → stopping (failed) #2',
      '3000 a stopping → unreachable #3 START_FAILED',
      '7000 a unreachable → starting #3',
      '7000 a starting → stopping (failed) #3',
      '7000 a stopping → unreachable #4 START_FAILED',
      '15000 a unreachable → starting #4',
      '15000 a starting → connected healthy',
    ])
    expect(stage.retries().map((line) => line.split(' ').at(-1))).toEqual(Array(4).fill('connectivity'))
  })

  it('R18 a service that is not remote is never unreachable', async () => {
    const stage = new Stage()
    stage.cast('a', { ...refused(4), remote: false })
    await stage.boot()
    await stage.clock.advance(15_000)
    expect(stage.states('a')).not.toContain('unreachable')
    expect(stage.status('a').state).toBe('running')
  })

  it('R18 three failures of another class do not make a remote service unreachable', async () => {
    const stage = new Stage()
    stage.cast('a', { remote: true, start: failing(4) })
    await stage.boot()
    await stage.clock.advance(15_000)
    expect(stage.states('a')).not.toContain('unreachable')
  })

  it('R18 a failure of another class between them breaks the row, and ends unreachable', async () => {
    const script = [REFUSED, REFUSED, new Error('other'), REFUSED, REFUSED, REFUSED, new Error('other')]
    const stage = new Stage()
    stage.cast('a', {
      remote: true,
      restart: { multiplier: 1 },
      start: (life) => {
        if (life <= script.length) throw script[life - 1]
      },
    })
    await stage.boot()
    await stage.clock.advance(7000)
    expect(stage.states('a').filter((state) => !['starting', 'stopping'].includes(state))).toEqual([
      ...Array(5).fill('retrying'),
      'unreachable',
      'retrying',
      'connected',
    ])
  })

  it('R18 being connected breaks the row', async () => {
    const stage = new Stage()
    const a = stage.cast('a', refused(2))
    await stage.boot()
    await stage.clock.advance(3000)
    expect(stage.status('a').state).toBe('connected')
    await stage.crash(a, REFUSED)
    expect(stage.status('a')).toMatchObject({ state: 'retrying', attempt: 3 })
  })

  it('R18 crashes count as failed starts do', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { remote: true, start: (life) => (life > 1 ? failing(3, REFUSED)(life) : undefined) })
    await stage.boot()
    await stage.crash(a, REFUSED)
    await stage.clock.advance(3000)
    expect(stage.states('a').filter((state) => ['retrying', 'unreachable'].includes(state))).toEqual([
      'retrying',
      'retrying',
      'unreachable',
    ])
  })

  it('R20 a remote service has no last retry unless it says so', async () => {
    const stage = new Stage()
    const patient = stage.cast('patient', { ...refused(30), restart: { multiplier: 1 } })
    const bounded = stage.cast('bounded', { ...refused(30), restart: { multiplier: 1, maxRetries: 2 } })
    await stage.boot()
    await stage.clock.advance(30_000)
    expect([patient.starts.length, bounded.starts.length]).toEqual([31, 3])
    expect([stage.status('patient').state, stage.status('bounded').state]).toEqual(['connected', 'failed'])
  })

  it('R23 a stop while unreachable settles in the same turn, in disconnected', async () => {
    const stage = new Stage()
    const a = stage.cast('a', refused(3))
    await stage.boot()
    await stage.clock.advance(3000)
    stage.take()
    await stage.app.stopService('a')
    await stage.clock.settle()
    expect(stage.take()).toEqual(['3000 a unreachable → disconnected'])
    expect([a.starts.length, stage.clock.pending]).toEqual([3, 0])
  })

  it('R6 an explicit start while unreachable does not wait for the backoff', async () => {
    const stage = new Stage()
    const a = stage.cast('a', refused(3))
    await stage.boot()
    await stage.clock.advance(3000)
    await stage.start('a')
    expect([a.starts, stage.status('a').state]).toEqual([[0, 1000, 3000, 3000], 'connected'])
  })
})
