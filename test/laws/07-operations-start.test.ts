/** What a start waits for, whom it counts as essential, and what it reports (R29, R30). */
import { describe, expect, it } from 'vitest'
import { boom, causes, fail, failing, hang, reportOf, rows, said, stage } from '../support/laws4.js'

describe('what start waits for', () => {
  it('R29 start resolves when every service that it wants is active, and reports how it went', async () => {
    const s = stage({ api: { dependsOn: ['db'], starts: 50 }, db: { starts: 100 }, mail: { starts: 20 } })
    const call = s.watch(s.app.start())
    await s.clock.advance(200)
    expect(said(call)).toBe('resolved at 150')
    expect(s.stories()).toEqual({
      db: ['0 starting', '100 running'],
      mail: ['0 starting', '20 running'],
      api: ['0 waiting', '100 starting', '150 running'],
    })
    expect(call.value).toMatchObject({
      operation: 'start',
      outcome: 'done',
      duration: 150,
      criticalPath: ['db', 'api'],
      services: [
        {
          name: 'api',
          outcome: 'started',
          state: 'running',
          waitedFor: [{ name: 'db', duration: 100 }],
          hookDuration: 50,
        },
        { name: 'db', outcome: 'started', state: 'running', waitedFor: [], hookDuration: 100 },
        { name: 'mail', outcome: 'started', state: 'running', waitedFor: [], hookDuration: 20 },
      ],
    })
    expect(call.value).not.toHaveProperty('target')
  })

  it('R29 each wait of a report has the duration of its own edge', async () => {
    const s = stage({ api: { dependsOn: ['db', 'cache'] }, db: { starts: 100 }, cache: { starts: 30 } })
    const call = s.watch(s.app.start())
    await s.clock.advance(100)
    expect(reportOf(call).services[0]?.waitedFor).toEqual([
      { name: 'db', duration: 100 },
      { name: 'cache', duration: 30 },
    ])
    expect(reportOf(call).criticalPath).toEqual(['db', 'api'])
  })

  it('R29 a report is frozen and survives JSON', async () => {
    const s = stage({ api: { dependsOn: ['db'] }, db: { start: fail, restart: { policy: 'never' } } })
    const call = s.watch(s.app.startService('api'))
    await s.clock.settle()
    const report = reportOf(call)
    expect([report, report.services, report.services[0], report.criticalPath].map(Object.isFrozen)).not.toContain(false)
    const copy = JSON.parse(JSON.stringify(report))
    expect(copy.target).toBe('api')
    const culprit = copy.services.find(({ name }: { name: string }) => name === 'db')
    expect(culprit.error).toMatchObject({ code: 'START_FAILED', cause: 'boom' })
  })

  it('R29 start waits for healthy, not merely for active', async () => {
    const verdicts = ['checking', 'checking', 'degraded']
    const s = stage({ db: { check: () => verdicts.shift() ?? 'degraded' } })
    const call = s.watch(s.app.start())
    await s.clock.advance(1_500)
    expect([said(call), s.states()]).toEqual(['pending', { db: 'running' }])
    await s.clock.advance(1_000)
    expect(said(call)).toBe('resolved at 2000')
    expect(s.app.getServiceStatus('db').health).toBe('degraded')
  })

  it('R29 one that has completed before it was healthy counts as started', async () => {
    const s = stage({ job: { run: (_, { clock }) => clock.sleep(500), check: () => 'checking', stops: 20 } })
    const call = s.watch(s.app.start())
    await s.clock.advance(600)
    expect(said(call)).toBe('resolved at 520')
    expect(s.story('job')).toEqual(['0 starting', '0 running', '500 stopping (completed)', '520 stopped'])
    expect(rows(call)).toEqual({ job: 'completed' })
  })

  it('R29 start wants what has autoStart and what that requires, nothing else', async () => {
    const s = stage({
      api: { dependsOn: ['db', { name: 'extra', optional: true }] },
      db: { autoStart: false },
      extra: { autoStart: false },
      tool: { autoStart: false },
    })
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('resolved at 0')
    expect(s.states()).toEqual({ api: 'running', db: 'running', extra: 'unknown', tool: 'unknown' })
    expect(rows(call)).toMatchObject({ api: 'started', db: 'started' })
  })

  it('R29 services that were up before keep their epoch', async () => {
    const s = stage({ api: { dependsOn: ['db'] }, db: {} })
    s.watch(s.app.startService('db'))
    await s.clock.advance(10)
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(rows(call)).toEqual({ api: 'started', db: 'unchanged' })
    expect(s.stories()).toEqual({ db: ['0 starting', '0 running'], api: ['10 starting', '10 running'] })
    expect(s.app.getServiceStatus('db').epoch).toBe(1)
  })

  it('R29 start of an empty orchestrator resolves', async () => {
    const s = stage()
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect([said(call), reportOf(call).services]).toEqual(['resolved at 0', []])
  })

  it('R29 startService waits for the service and what it requires, dependents return by themselves', async () => {
    const s = stage({ api: { dependsOn: ['db'], starts: 50 }, db: { starts: 100 } })
    s.watch(s.app.start())
    await s.clock.advance(150)
    s.watch(s.app.stopService('db'))
    await s.clock.settle()
    s.clear()
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(200)
    expect(said(call)).toBe('resolved at 250')
    expect(reportOf(call)).toMatchObject({ operation: 'start', target: 'db' })
    expect(s.stories()).toEqual({ db: ['150 starting', '250 running'], api: ['250 starting', '300 running'] })
  })

  it('R29 restartService reports a restart, and its service has started anew', async () => {
    const s = stage({ db: { starts: 10, stops: 5 } })
    s.watch(s.app.start())
    await s.clock.advance(10)
    s.clear()
    const call = s.watch(s.app.restartService('db'))
    await s.clock.advance(50)
    expect(said(call)).toBe('resolved at 25')
    expect(reportOf(call)).toMatchObject({ operation: 'restart', target: 'db', outcome: 'done', duration: 15 })
    expect(rows(call)).toEqual({ db: 'started' })
    expect(s.story('db')).toEqual(['10 stopping (restart)', '15 stopped', '15 starting', '25 running'])
  })

  it('R29 the operation is told as two events with one id', async () => {
    const s = stage({ db: { start: fail } })
    const told: unknown[] = []
    s.app.on('operation', ({ operation, target, phase, outcome, id, error }) =>
      told.push({ operation, target, phase, outcome, id, failed: error !== undefined }),
    )
    s.watch(s.app.startService('db'))
    await s.clock.settle()
    const id = (told[0] as { id: number }).id
    const call = { operation: 'start', target: 'db', id }
    expect(told).toEqual([
      { ...call, phase: 'begin', outcome: undefined, failed: false },
      { ...call, phase: 'end', outcome: 'failed', failed: true },
    ])
  })
})

describe('who is essential', () => {
  it('R30 one that is not essential never fails a start, and works on in the background', async () => {
    const s = stage({ db: { starts: 10 }, metrics: { essential: false, start: failing(1) } })
    const call = s.watch(s.app.start())
    await s.clock.advance(2_000)
    expect(said(call)).toBe('resolved at 10')
    expect(s.stories()).toEqual({
      db: ['0 starting', '10 running'],
      metrics: ['0 starting', '0 stopping (failed)', '0 retrying #1', '1000 starting #1', '1000 running'],
    })
  })

  it('R30 one that is not essential does not delay a start', async () => {
    const s = stage({ db: { starts: 10 }, metrics: { essential: false, starts: 5_000 } })
    const call = s.watch(s.app.start())
    await s.clock.advance(10)
    expect([said(call), s.states()]).toEqual(['resolved at 10', { db: 'running', metrics: 'starting' }])
    await s.clock.advance(5_000)
    expect(s.states()).toEqual({ db: 'running', metrics: 'running' })
  })

  it('R30 one that is not essential delays a start where an essential one waits for it', async () => {
    const s = stage({
      api: { dependsOn: [{ name: 'metrics', optional: true }] },
      metrics: { essential: false, starts: 300, autoStart: true },
    })
    const call = s.watch(s.app.start())
    await s.clock.advance(500)
    expect(said(call)).toBe('resolved at 300')
  })

  it('R30 what an essential one requires counts as essential', async () => {
    const s = stage({ api: { dependsOn: ['db'] }, db: { essential: false, start: fail } })
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(causes(call.error)).toContain(boom)
    expect(s.states()).toEqual({ api: 'stopped', db: 'failed' })
  })

  it('R30 what an essential one requires through a second one counts as essential', async () => {
    const s = stage({
      api: { dependsOn: ['db'] },
      db: { essential: false, dependsOn: ['disk'] },
      disk: { essential: false, start: fail },
    })
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
  })

  it.each(['warn', 'continue'] as const)(
    'R30 what it requires over an edge with onTimeout %s does not',
    async (onTimeout) => {
      const s = stage({
        api: { dependsOn: [{ name: 'cache', timeout: 400, onTimeout }] },
        cache: { essential: false, start: hang },
      })
      const call = s.watch(s.app.start())
      await s.clock.advance(500)
      expect(said(call)).toBe('resolved at 400')
      expect(s.stories()).toEqual({ cache: ['0 starting'], api: ['0 waiting', '400 starting', '400 running'] })
    },
  )

  it('R30 a name that is missing is a mistake also of one that is not essential', async () => {
    const s = stage({ db: {}, metrics: { essential: false, dependsOn: ['dbb'] } })
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with DEPENDENCY_MISSING')
    expect(s.stories()).toEqual({})
  })

  it('R29 for startService also one that is not essential is', async () => {
    const s = stage({ metrics: { essential: false, start: failing(1) } })
    const call = s.watch(s.app.startService('metrics'))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(s.states()).toEqual({ metrics: 'running' })
  })

  it('R29 for startService a dependent is not essential', async () => {
    const s = stage({ api: { dependsOn: ['db'], start: fail }, db: { starts: 10 } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(10)
    expect([said(call), s.states()]).toEqual(['resolved at 10', { api: 'unknown', db: 'running' }])
  })
})
