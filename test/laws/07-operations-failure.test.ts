/** When a start has failed, and what each `onFailure` makes of it (R29). */
import { isKeelsonError } from 'keelson'
import { describe, expect, it } from 'vitest'
import { boom, causes, fail, failing, hang, type Part, rows, said, stage, untilAborted } from '../support/laws4.js'

const never = { restart: { policy: 'never' } } as const

/** Fails after so many milliseconds. */
const failsAfter = (ms: number): Pick<Part, 'start'> => ({
  start: async (_, { clock }) => {
    await clock.sleep(ms)
    throw boom
  },
})

describe('a start has failed', () => {
  it('R29 when its epoch ended because onStart threw', async () => {
    const s = stage({ db: { ...failsAfter(50) } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(60)
    expect(said(call)).toBe('rejected at 50 with START_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'failed START_FAILED' })
    expect(causes(call.error)).toContain(boom)
  })

  it.each(['startService', 'restartService'] as const)(
    'R29 of %s with an `onFailure` that is undefined, it is kept',
    async (call) => {
      const s = stage({ db: { start: fail, restart: { jitter: 0, initialBackoff: 100 } } })
      const options = { onFailure: undefined } as object
      const up = s.watch(s.app[call]('db', options))
      await s.clock.settle()
      expect(said(up)).toBe('rejected at 0 with START_INCOMPLETE')
      expect(s.states()).toEqual({ db: 'retrying' })
      await s.app.stop()
    },
  )

  it('R29 when its epoch ended because startTimeout ran out', async () => {
    const s = stage({ db: { start: untilAborted, startTimeout: 100 } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'failed START_TIMEOUT' })
  })

  it('R29 when it crashed before it was healthy once', async () => {
    const crash = async (_: unknown, { clock }: ReturnType<typeof stage>) => {
      await clock.sleep(100)
      throw boom
    }
    const s = stage({ db: { run: crash, check: () => 'checking' } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    expect(rows(call)).toEqual({ db: 'failed CRASHED' })
  })

  it('R29 when its first verdict is unhealthy and ends the epoch', async () => {
    const s = stage({ db: { check: () => 'unhealthy', healthCheck: { failureThreshold: 2 } } })
    const call = s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 1000 with START_INCOMPLETE')
    expect(s.story('db')).toEqual(['0 starting', '0 running', '1000 stopping (unhealthy)', '1000 failed'])
    expect(rows(call)).toEqual({ db: 'failed UNHEALTHY' })
  })

  it('R29 when its first verdict is unhealthy, also if that is only reported', async () => {
    const healthCheck = { failureThreshold: 2, onUnhealthy: 'report' } as const
    const s = stage({ db: { check: () => 'unhealthy', healthCheck } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 1000 with START_INCOMPLETE')
    expect(s.story('db')).toEqual(['0 starting', '0 running'])
    expect(s.app.getServiceStatus('db')).toMatchObject({ state: 'running', health: 'unhealthy' })
  })

  it('R29 but not when it crashes after it was healthy once', async () => {
    const verdicts = ['healthy']
    const s = stage({
      db: { check: () => verdicts.shift() ?? 'checking', run: (_, { clock }) => clock.sleep(100).then(fail) },
      slow: { starts: 3_000 },
    })
    const call = s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(150)
    expect([said(call), s.states().db]).toEqual(['pending', 'retrying'])
  })

  it('R29 when its wait times out', async () => {
    const s = stage({ api: { dependsOn: [{ name: 'db', timeout: 100 }] }, db: { starts: 500 } })
    const call = s.watch(s.app.startService('api'))
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    expect(rows(call).api).toBe('failed DEPENDENCY_TIMEOUT')
    expect(s.stories()).toEqual({ db: ['0 starting'], api: ['0 waiting', '100 failed'] })
  })

  it('R29 when it waits for one that has given up meanwhile', async () => {
    const s = stage({
      api: { dependsOn: ['db', 'cache'] },
      db: { ...never, run: (_, { clock }) => clock.sleep(80).then(fail) },
      cache: { starts: 500 },
    })
    s.watch(s.app.startService('db'))
    await s.clock.advance(30)
    const call = s.watch(s.app.startService('api'))
    await s.clock.advance(50)
    expect(said(call)).toBe('rejected at 80 with START_INCOMPLETE')
    expect(s.states()).toEqual({ api: 'waiting', db: 'failed', cache: 'starting' })
    expect(causes(call.error)).toContain(boom)
  })

  it('R29 when it waits to be healthy one that has completed', async () => {
    const s = stage({
      api: { dependsOn: ['db'] },
      db: { run: (_, { clock }) => clock.sleep(80), check: () => 'checking' },
    })
    const call = s.watch(s.app.startService('api'))
    await s.clock.advance(80)
    expect(said(call)).toBe('rejected at 80 with START_INCOMPLETE')
    expect(s.states()).toEqual({ api: 'waiting', db: 'stopped' })
  })

  it('R29 but not when the wait over that edge would end in continue', async () => {
    const s = stage({
      api: { dependsOn: [{ name: 'db', onTimeout: 'continue', timeout: 200 }] },
      db: { run: (_, { clock }) => clock.sleep(80), check: () => 'checking' },
    })
    const call = s.watch(s.app.startService('api'))
    await s.clock.advance(200)
    expect(said(call)).toBe('resolved at 200')
  })
})

describe('keep', () => {
  it('R29 startService rejects at once and leaves everything to the restart policies', async () => {
    const s = stage({ api: { dependsOn: ['db'] }, db: { start: failing(1), starts: 0 }, cache: {} })
    const call = s.watch(s.app.startService('api'))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(s.stories()).toEqual({
      db: ['0 starting', '0 stopping (failed)', '0 retrying #1', '1000 starting #1', '1000 running'],
      api: ['0 waiting', '1000 starting', '1000 running'],
    })
  })

  it('R29 restartService too', async () => {
    const s = stage({ db: { start: (c) => c.epoch === 2 && fail() } })
    s.watch(s.app.start())
    await s.clock.settle()
    const call = s.watch(s.app.restartService('db'))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(s.states()).toEqual({ db: 'running' })
  })

  it('R29 start does so when it is asked to', async () => {
    const s = stage({ db: { starts: 100 }, cache: { ...never, start: fail } })
    const call = s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(s.states()).toEqual({ db: 'running', cache: 'failed' })
    expect(rows(call).cache).toBe('failed START_FAILED')
  })
})

describe('retry', () => {
  it('R29 a start goes on waiting while the restart policies work', async () => {
    const s = stage({ db: { start: failing(2) } })
    const call = s.watch(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(3_000)
    expect(said(call)).toBe('resolved at 3000')
    expect(s.story('db')).toEqual([
      '0 starting',
      '0 stopping (failed)',
      '0 retrying #1',
      '1000 starting #1',
      '1000 stopping (failed)',
      '1000 retrying #2',
      '3000 starting #2',
      '3000 running',
    ])
    expect(rows(call)).toEqual({ db: 'started' })
  })

  it('R29 it rejects, with the rollback, when an essential one gives up', async () => {
    const s = stage({ db: {}, cache: { start: fail, restart: { maxRetries: 1 } } })
    const call = s.watch(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 1000 with START_INCOMPLETE')
    expect(s.story('db')).toEqual(['0 starting', '0 running', '1000 stopping (rollback)', '1000 stopped'])
    expect(s.story('cache').slice(-2)).toEqual(['1000 stopping (failed)', '1000 failed (exhausted)'])
  })

  it('R29 startService with retry rolls back too', async () => {
    const s = stage({ api: { dependsOn: ['db'], start: fail, restart: { policy: 'never' } }, db: {} })
    const call = s.watch(s.app.startService('api', { onFailure: 'retry' }))
    await s.clock.settle()
    expect([said(call), s.states()]).toEqual(['rejected at 0 with START_INCOMPLETE', { api: 'failed', db: 'stopped' }])
  })

  it('R29 it rejects, with the rollback, when a wait times out', async () => {
    const s = stage({ api: { dependsOn: [{ name: 'db', timeout: 500 }] }, db: { start: fail }, mail: {} })
    const call = s.watch(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(500)
    expect(said(call)).toBe('rejected at 500 with START_INCOMPLETE')
    expect(s.states()).toMatchObject({ api: 'failed', mail: 'stopped' })
    await s.clock.advance(60_000)
    expect(s.hooks.filter((hook) => hook.endsWith('db start'))).toHaveLength(1)
  })

  it('R29 it rejects, with the rollback, when a wait is for one that has completed', async () => {
    const s = stage({
      api: { dependsOn: ['db'] },
      db: { run: (_, { clock }) => clock.sleep(80), check: () => 'checking' },
      mail: {},
    })
    const call = s.watch(s.app.start({ onFailure: 'retry' }))
    await s.clock.advance(80)
    expect(said(call)).toBe('rejected at 80 with START_INCOMPLETE')
    expect(s.states().mail).toBe('stopped')
  })

  it('R29 it rejects, with the rollback, when its own timeout is over', async () => {
    const s = stage({ db: {}, cache: { start: fail } })
    const call = s.watch(s.app.start({ onFailure: 'retry', timeout: 2_500 }))
    await s.clock.advance(2_500)
    expect(said(call)).toBe('rejected at 2500 with START_INCOMPLETE')
    expect(s.story('db').slice(-2)).toEqual(['2500 stopping (rollback)', '2500 stopped'])
    await s.clock.advance(60_000)
    expect(s.hooks.filter((hook) => hook.endsWith('cache start'))).toEqual(['0 cache start', '1000 cache start'])
  })

  it('R29 missing credentials are a giving up', async () => {
    const s = stage({ db: { start: fail, classify: () => 'auth' }, mail: {} })
    const call = s.watch(s.app.start({ onFailure: 'retry' }))
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(s.states().mail).toBe('stopped')
  })
})

describe('the error', () => {
  it('R29 it carries the report, and names the culprit with the cause', async () => {
    const s = stage({ db: { start: fail }, api: { dependsOn: ['db'] }, mail: { start: hang } })
    const call = s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.settle()
    expect(isKeelsonError(call.error, 'START_INCOMPLETE')).toBe(true)
    expect((call.error as Error).message).toMatch(/db.*boom/)
    expect(call.error).toMatchObject({ report: { operation: 'start', outcome: 'failed', duration: 0 } })
    const db = (call.error as { report: { services: { name: string; state: string }[] } }).report.services[0]
    expect(db).toMatchObject({ name: 'db', outcome: 'failed', error: { code: 'START_FAILED' } })
  })
})
