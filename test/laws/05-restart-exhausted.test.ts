/** Section 5: what happens when the budget is used up, and that nothing a failing service does spends it twice (R20). */
import { describe, expect, it } from 'vitest'
import { broken, failing, type Part, Stage } from '../support/laws3.js'
import { settled } from '../support/world.js'

const HOUR = 3_600_000

describe('the end of the budget', () => {
  it('R20 is failed, exactly once, saying exhausted', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(100), restart: { maxRetries: 2 } })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(stage.take()).toEqual([
      '0 a unknown → starting',
      '0 a starting → stopping (failed)',
      '0 a stopping → retrying #1 START_FAILED',
      '1000 a retrying → starting #1',
      '1000 a starting → stopping (failed) #1',
      '1000 a stopping → retrying #2 START_FAILED',
      '3000 a retrying → starting #2',
      '3000 a starting → stopping (failed) #2',
      '3000 a stopping → failed (exhausted) START_FAILED',
    ])
    expect([a.starts.length, a.stops.length, stage.retries().length, stage.clock.pending]).toEqual([3, 3, 2, 0])
  })

  it('R20 comes after five retries where nothing is said', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(100) })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(a.starts).toEqual([0, 1000, 3000, 7000, 15_000, 31_000])
  })

  it('R20 never comes with maxRetries 0', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(200), restart: { maxRetries: 0, multiplier: 1 } })
    await stage.boot()
    await stage.clock.advance(200_000)
    expect([a.starts.length, stage.status('a').state]).toEqual([201, 'running'])
    expect(stage.states('a')).not.toContain('failed')
  })

  it('R20 is reached by crashes and verdicts as by failed starts', async () => {
    const stage = new Stage()
    stage.cast('crashes', { run: () => Promise.reject(new Error('crashed')), restart: { maxRetries: 1 } })
    stage.cast('sick', { check: () => false, healthCheck: { failureThreshold: 1 }, restart: { maxRetries: 1 } })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect(stage.take().filter((line) => line.includes(' failed '))).toEqual([
      '1000 crashes stopping → failed (exhausted) CRASHED',
      '1000 sick stopping → failed (exhausted) UNHEALTHY',
    ])
  })

  it('R20 is left by an explicit start or restart with a whole budget, and by nothing else', async () => {
    const stage = new Stage()
    const db = stage.cast('db')
    const a = stage.cast('a', { dependsOn: ['db'], start: failing(100), restart: { maxRetries: 1 } })
    await stage.boot()
    await stage.clock.advance(HOUR)
    await stage.crash(db)
    await stage.clock.advance(HOUR)
    expect([a.starts.length, stage.status('a').state]).toEqual([2, 'failed'])
    for (const act of [() => stage.app.startService('a'), () => stage.app.restartService('a')]) {
      const lives = a.starts.length
      act().catch(() => undefined)
      await stage.clock.advance(HOUR)
      expect([a.starts.length - lives, stage.status('a').state]).toEqual([2, 'failed'])
    }
    expect(stage.states('a').filter((state) => state === 'failed')).toHaveLength(3)
  })

  it('R20 a wait that timed out says dependency', async () => {
    const stage = new Stage()
    stage.cast('db', {
      autoStart: false,
      start: () => new Promise(() => undefined),
      startTimeout: Number.POSITIVE_INFINITY,
    })
    stage.cast('a', { dependsOn: [{ name: 'db', timeout: 700 }] })
    await stage.boot()
    await stage.clock.advance(700)
    expect(stage.take().filter((line) => line.includes(' a '))).toEqual([
      '0 a unknown → waiting',
      '700 a waiting → failed (dependency) DEPENDENCY_TIMEOUT',
    ])
    expect(stage.retries('a')).toEqual([])
  })
})

describe('one request is one attempt', () => {
  it('R20 a service that fails in every way at once fails once', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      start: (life, { fail }) => {
        if (life > 1) return
        fail(new Error('first'))
        fail(new Error('second'))
        throw new Error('third')
      },
      stop: () => {
        throw new Error('fourth')
      },
    })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect([a.starts, stage.retries()]).toEqual([[0, 1000], ['0 a #1 in 1000 transient']])
    expect(stage.events.find(({ type }) => type === 'retry')).toMatchObject({ error: { cause: { message: 'first' } } })
  })

  it('R20 a crash, a ctx.fail and an unhealthy verdict of one life are one failure', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      check: (call, { epoch }) => {
        if (epoch > 1 || call < 2) return true
        a.crash()
        a.context.fail(new Error('failed'))
        return false
      },
      healthCheck: { failureThreshold: 1 },
    })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect([a.starts, stage.retries()]).toEqual([[0, 11_000], ['10000 a #1 in 1000 transient']])
  })

  it.each([
    ['startService', (stage: Stage) => stage.app.startService('a')],
    ['restartService', (stage: Stage) => stage.app.restartService('a')],
    ['start', (stage: Stage) => stage.app.start()],
  ])(
    'R20 %s from its own onStop while it fails does not begin a second attempt before the backoff is over',
    async (_name, act) => {
      const stage = new Stage()
      const calls: { status: string }[] = []
      const a = stage.cast('a', {
        start: failing(1),
        stop: async ({ reason }) => {
          if (reason === 'failed') calls.push(settled(act(stage)))
          await stage.clock.sleep(10)
        },
      })
      await stage.boot()
      await stage.clock.advance(1009)
      expect([a.starts, stage.status('a').state, calls.length]).toEqual([[0], 'retrying', 1])
      await stage.clock.advance(1)
      expect([a.starts, stage.status('a').state]).toEqual([[0, 1010], 'running'])
    },
  )

  it('R20 a start remembered while a failed epoch ends renews the budget', async () => {
    const stage = new Stage()
    const a = stage.cast('a', { start: failing(2), restart: { maxRetries: 1 }, stop: () => stage.clock.sleep(10) })
    await stage.boot()
    await stage.clock.advance(1015)
    expect(stage.status('a').state).toBe('stopping')
    await stage.start('a')
    await stage.clock.advance(1004)
    expect(a.starts).toHaveLength(2)
    await stage.clock.advance(HOUR)
    expect(stage.states('a')).not.toContain('failed')
    expect([a.starts.length, stage.status('a').state]).toEqual([3, 'running'])
    expect(stage.retries().map((line) => line.split(' ')[2])).toEqual(['#1', '#1'])
  })

  it.each([
    ['of all', undefined],
    ['of who requires it', 'b'],
  ])('R6 R20 so does one that does not name it: a start %s', async (_what, name) => {
    const stage = new Stage()
    const restart = { maxRetries: 3, initialBackoff: 100, jitter: 0 }
    stage.cast('a', { start: failing(9), restart, stop: () => stage.clock.sleep(20) })
    stage.cast('b', { dependsOn: ['a'], autoStart: false })
    settled(stage.app.start({ onFailure: 'keep' }))
    await stage.clock.advance(20 + 100 + 20 + 200 + 5)
    expect(stage.status('a')).toMatchObject({ state: 'stopping', epoch: 3 })
    settled(name === undefined ? stage.app.start({ onFailure: 'keep' }) : stage.app.startService(name))
    await stage.clock.advance(15)
    expect(stage.retries().map((line) => line.split(' ')[2])).toEqual(['#1', '#2', '#1'])
  })

  it.each<[string, Part]>([
    ['a permanent error', { start: failing(1, broken({ code: 'CERT_HAS_EXPIRED' })) }],
    ['missing credentials', { start: failing(1, broken({ status: 401 })) }],
    ['the policy never', { start: failing(1), restart: { policy: 'never' } }],
  ])('R20 a start remembered while an epoch ends for good is not lost, nor is it at once: %s', async (_what, part) => {
    const stage = new Stage()
    const a = stage.cast('a', { ...part, stop: () => stage.clock.sleep(10) })
    await stage.boot()
    const start = settled(stage.app.startService('a', { onFailure: 'retry' }))
    await stage.clock.advance(1009)
    expect(a.starts).toEqual([0])
    await stage.clock.advance(1000)
    expect([a.starts.length, stage.status('a').state, start.status]).toEqual([2, 'running', 'fulfilled'])
  })

  it('R20 a call from the failing hook itself does not begin a second attempt either', async () => {
    const stage = new Stage()
    const a = stage.cast('a', {
      start: async (life) => {
        if (life > 1) return
        stage.app.startService('a').catch(() => undefined)
        await Promise.resolve()
        throw new Error('boom')
      },
    })
    await stage.boot()
    await stage.clock.advance(HOUR)
    expect([a.starts, stage.retries()]).toEqual([[0, 1000], ['0 a #1 in 1000 transient']])
  })
})
