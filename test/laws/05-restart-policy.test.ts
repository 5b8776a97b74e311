/** Section 5: what each restart policy does with each kind of end (R17). */
import { describe, expect, it } from 'vitest'
import { broken, failing, Stage } from '../support/laws3.js'
import { deferred, settled } from '../support/world.js'

const HOUR = 3_600_000

describe('never', () => {
  it('R17 never: a failed start is final', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1), restart: { policy: 'never' } })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '0 a stopping → failed (failed) START_FAILED',
    ])
    expect([a.starts, a.stops, stage.retries(), stage.clock.pending]).toEqual([[0], ['0 failed'], [], 0])
  })

  it('R17 never: a crash is final', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'never' } })
    await stage.boot()
    await stage.clock.advance(500)
    await stage.crash(a)
    await stage.clock.advance(HOUR)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running healthy',
      '500 a running → stopping (failed)',
      '500 a stopping → failed (failed) CRASHED',
    ])
    expect([a.starts, stage.clock.pending]).toEqual([[0], 0])
  })

  it('R17 never: an unhealthy verdict is final', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      check: (call) => call < 2,
      healthCheck: { failureThreshold: 1 },
      restart: { policy: 'never' },
    })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(stage.states('a')).toEqual(['starting', 'running', 'stopping', 'failed'])
    expect([a.stops, stage.clock.pending]).toEqual([['10000 unhealthy'], 0])
    expect(stage.status('a').error).toMatchObject({ code: 'UNHEALTHY' })
  })

  it('R17 never: a clean end is an end and no failure', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'never' } })
    await stage.boot()
    a.end()
    await stage.clock.advance(HOUR)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → running healthy',
      '0 a running → stopping (completed)',
      '0 a stopping → stopped',
    ])
    expect(stage.status('a').error).toBeUndefined()
  })

  it('R17 never is asked about own ends only: a service that lost its dependency returns', async () => {
    const stage = new Stage()
    const db = stage.cast('db')
    const api = stage.cast('api', { dependsOn: ['db'], restart: { policy: 'never' } })
    await stage.boot()
    stage.take()
    await stage.crash(db)
    await stage.clock.advance(1000)
    expect(stage.take().filter((line) => line.includes('api'))).toEqual([
      '0 api running → stopping (dependency)',
      '0 api stopping → waiting',
      '1000 api waiting → starting',
      '1000 api starting → running healthy',
    ])
    expect(api.starts).toEqual([0, 1000])
  })

  it('R17 never does not stand in the way of an explicit restart', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(1), restart: { policy: 'never' } })
    await stage.boot()
    const restart = settled(stage.app.restartService('a'))
    await stage.clock.settle()
    expect([restart.status, a.starts.length, stage.status('a').state]).toEqual(['fulfilled', 2, 'running'])
  })
})

describe('on-failure', () => {
  it('R17 on-failure, the default: a failed start is tried again', async () => {
    const stage = new Stage()
    stage.cast('a', { start: failing(1) })
    await stage.boot()
    await stage.clock.advance(1000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '0 a stopping → retrying #1 START_FAILED',
      '1000 a retrying → starting #1',
      '1000 a starting → running healthy',
    ])
    expect(stage.retries()).toEqual(['0 a #1 in 1000 transient'])
  })

  it('R17 on-failure: a crash is followed by a new start', async () => {
    const stage = new Stage()
    const a = stage.cast('a')
    await stage.boot()
    stage.take()
    await stage.crash(a)
    await stage.clock.advance(1000)
    expect(stage.take()).toEqual([
      '0 a running → stopping (failed)',
      '0 a stopping → retrying #1 CRASHED',
      '1000 a retrying → starting #1',
      '1000 a starting → running healthy',
    ])
  })

  it('R17 on-failure: ctx.fail of an active service is a crash', async () => {
    const stage = new Stage()
    const a = stage.cast('a')
    await stage.boot()
    stage.take()
    const thrown = new Error('lost')
    a.context.fail(thrown)
    await stage.clock.advance(1000)
    expect(stage.take()).toEqual([
      '0 a running → stopping (failed)',
      '0 a stopping → retrying #1 CRASHED',
      '1000 a retrying → starting #1',
      '1000 a starting → running healthy',
    ])
    expect(stage.events.find(({ type }) => type === 'retry')).toMatchObject({ error: { cause: thrown } })
  })

  it('R17 on-failure: an unhealthy verdict is followed by a new start', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { check: (call) => call !== 2, healthCheck: { failureThreshold: 1 } })
    await stage.boot()
    await stage.clock.advance(11_000)
    expect(stage.states('a')).toEqual(['starting', 'running', 'stopping', 'retrying', 'starting', 'running'])
    expect([a.starts, stage.retries()]).toEqual([[0, 11_000], ['10000 a #1 in 1000 transient']])
  })

  it('R17 on-failure: a clean end is not followed by anything', async () => {
    const stage = new Stage()
    const a = stage.cast('a')
    await stage.boot()
    a.end()
    await stage.clock.advance(HOUR)
    expect(stage.states('a')).toEqual(['starting', 'running', 'stopping', 'stopped'])
    expect([a.starts, a.stops, stage.clock.pending]).toEqual([[0], ['0 completed'], 0])
    expect(stage.status('a')).toMatchObject({ stopReason: 'completed' })
  })
})

describe('always', () => {
  it('R17 always: a clean end is one initialBackoff in waiting, without an attempt, an error or a retry event', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' } })
    await stage.boot()
    stage.take()
    a.end()
    await stage.clock.advance(400)
    const { phase, state, attempt, error, nextRetryAt } = stage.status('a')
    expect({ phase, state, attempt, error }).toEqual({ phase: 'pending', state: 'waiting' })
    expect(stage.heldBy('a')).toEqual(['backoff'])
    if (nextRetryAt !== undefined) expect(nextRetryAt).toBe(stage.clock.wall() + 600)
    await stage.clock.advance(600)
    expect(stage.take()).toEqual([
      '0 a running → stopping (completed)',
      '0 a stopping → waiting',
      '1000 a waiting → starting',
      '1000 a starting → running healthy',
    ])
    expect(stage.retries()).toEqual([])
  })

  it('R17 always: clean ends are never too many, and their wait never grows', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always', maxRetries: 1, initialBackoff: 300 }, run: () => 'done' })
    await stage.boot()
    await stage.clock.advance(20 * 300)
    expect(a.starts).toEqual(Array.from({ length: 21 }, (_, life) => life * 300))
    expect(new Set(stage.states('a'))).toEqual(new Set(['starting', 'running', 'stopping', 'waiting']))
  })

  it('R17 always: failures are handled as on-failure does', async () => {
    const stage = new Stage()
    stage.cast('a', { start: failing(3), restart: { policy: 'always', maxRetries: 1 } })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '0 a stopping → retrying #1 START_FAILED',
      '1000 a retrying → starting #1',
      '1000 a starting → stopping (failed) #1',
      '1000 a stopping → failed (exhausted) START_FAILED',
    ])
  })

  it('R17 always: a clean end between two crashes neither counts nor forgives', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' } })
    await stage.boot()
    await stage.crash(a)
    await stage.clock.advance(1000)
    a.end()
    await stage.clock.advance(1000)
    await stage.crash(a)
    expect(stage.retries()).toEqual(['0 a #1 in 1000 transient', '2000 a #2 in 2000 transient'])
  })

  it('R17 always: a stop in the wait after a clean end is final', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' } })
    await stage.boot()
    a.end()
    await stage.clock.advance(500)
    const stop = settled(stage.app.stopService('a'))
    await stage.clock.settle()
    expect([stop.status, stage.status('a').state, stage.clock.pending]).toEqual(['fulfilled', 'stopped', 0])
    await stage.clock.advance(HOUR)
    expect([a.starts, a.stops]).toEqual([[0], ['0 completed']])
  })

  it('R17 always: an explicit start in the wait after a clean end does not wait for the rest of it', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' } })
    await stage.boot()
    a.end()
    await stage.clock.advance(500)
    await stage.start('a')
    await stage.clock.advance(HOUR)
    expect(a.starts).toEqual([0, 500])
  })

  it('R17 always: a stop by hand is no end of its own', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' } })
    await stage.boot()
    await stage.app.stopService('a')
    await stage.clock.advance(HOUR)
    expect([a.starts, a.stops, stage.status('a').state]).toEqual([[0], ['0 manual'], 'stopped'])
  })

  it('R17 always: a clean end that comes while a stop by hand is under way starts nothing', async () => {
    const stage = new Stage()
    const finished = deferred()
    const a = stage.cast('a', { restart: { policy: 'always' }, run: () => finished.promise })
    await stage.boot()
    const stop = settled(stage.app.stopService('a'))
    await stage.clock.settle()
    finished.resolve()
    await stage.clock.advance(HOUR)
    expect([stop.status, a.starts, stage.status('a').state]).toEqual(['fulfilled', [0], 'stopped'])
  })

  it('R17 always: a stop by hand that comes while a clean end is stopping starts nothing', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' }, stop: () => stage.clock.sleep(200) })
    await stage.boot()
    a.end()
    await stage.clock.advance(100)
    const stop = settled(stage.app.stopService('a'))
    await stage.clock.advance(HOUR)
    expect([stop.status, a.starts, stage.status('a').stopReason]).toEqual(['fulfilled', [0], 'manual'])
    expect(stage.states('a')).toEqual(['starting', 'running', 'stopping', 'stopped'])
  })

  it('R17 always: a clean end of a remote service passes through waiting, too, and counts no attempt', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { restart: { policy: 'always' }, remote: true })
    await stage.boot()
    a.end()
    await stage.clock.advance(1000)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → connected healthy',
      '0 a connected → stopping (completed)',
      '0 a stopping → waiting',
      '1000 a waiting → starting',
      '1000 a starting → connected healthy',
    ])
  })
})

it('R17 the three policies differ in what they do with a failure and with a clean end', async () => {
  const seen: Record<string, number[]> = {}
  for (const policy of ['never', 'on-failure', 'always'] as const) {
    const stage = new Stage()
    const failed = stage.cast('failed', { start: failing(1), restart: { policy } })
    const crashed = stage.cast('crashed', { restart: { policy } })
    const ended = stage.cast('ended', { restart: { policy } })
    await stage.boot()
    crashed.crash()
    ended.end()
    await stage.clock.advance(HOUR)
    seen[policy] = [failed, crashed, ended].map(({ starts }) => starts.length)
  }
  expect(seen).toEqual({ never: [1, 1, 1], 'on-failure': [2, 2, 1], always: [2, 2, 2] })
})

it('R17 an orchestrator sets the policy of those who say nothing, and who says something is believed', async () => {
  const stage = new Stage({ restart: { policy: 'never' } })
  const quiet = stage.cast('quiet', { start: failing(1) })
  const loud = stage.cast('loud', { start: failing(1), restart: { policy: 'on-failure' } })
  await stage.boot()
  await stage.clock.advance(HOUR)
  expect([quiet.starts.length, loud.starts.length]).toEqual([1, 2])
})

it('R17 a failure in onStop after a clean end does not make it a failure', async () => {
  const stage = new Stage()
  const a = stage.cast('a', {
    stop: () => {
      throw broken({}, 'cannot close')
    },
  })
  await stage.boot()
  a.end()
  await stage.clock.advance(HOUR)
  expect(stage.states('a')).toEqual(['starting', 'running', 'stopping', 'stopped'])
  expect(a.starts).toEqual([0])
})
