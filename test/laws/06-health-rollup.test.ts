/** Section 6: how the whole is, and who is to blame (R28). */
import type { HealthStatus } from 'keelson'
import { describe, expect, it } from 'vitest'
import { broken, failing, type Part, Stage } from '../support/laws3.js'

/** What `health()` says in a form that a test can write down. */
const rollUp = (stage: Stage): { status: HealthStatus; blamed: string[] } => {
  const { status, because } = stage.app.health()
  return { status, blamed: because.map(({ name }) => name) }
}

const REPORT = { failureThreshold: 1, onUnhealthy: 'report' } as const
const says = (answer: HealthStatus): Part => ({ check: () => answer, healthCheck: REPORT })

describe('worst of', () => {
  it('R28 is healthy when all are, and blames nobody', async () => {
    const stage = new Stage()
    stage.cast('a', says('healthy'))
    stage.cast('b')
    await stage.boot()
    expect(rollUp(stage)).toEqual({ status: 'healthy', blamed: [] })
  })

  it.each<[HealthStatus[], HealthStatus]>([
    [['healthy', 'degraded'], 'degraded'],
    [['degraded', 'healthy', 'checking'], 'checking'],
    [['checking', 'degraded', 'unhealthy', 'healthy'], 'unhealthy'],
    [['unhealthy', 'checking'], 'unhealthy'],
  ])('R28 of %j is %s', async (all, worst) => {
    const stage = new Stage()
    for (const [index, answer] of all.entries()) stage.cast(`s${index}`, says(answer))
    await stage.boot()
    const { status, blamed } = rollUp(stage)
    expect([status, blamed[0]]).toEqual([worst, `s${all.indexOf(worst)}`])
  })

  it('R28 looks at what is desired up only', async () => {
    const stage = new Stage()
    stage.cast('idle', { autoStart: false })
    stage.cast('sick', says('unhealthy'))
    stage.cast('a')
    await stage.boot()
    expect(stage.app.health().status).toBe('unhealthy')
    await stage.app.stopService('sick')
    expect(rollUp(stage)).toEqual({ status: 'healthy', blamed: [] })
  })

  it('R28 counts one that starts for the first time as checking', async () => {
    const stage = new Stage()
    stage.cast('a', { start: () => stage.clock.sleep(10) })
    await stage.boot()
    expect(rollUp(stage)).toEqual({ status: 'checking', blamed: ['a'] })
    await stage.clock.advance(10)
    expect(stage.app.health().status).toBe('healthy')
  })

  it('R28 counts one that is not active after a failure as unhealthy, until it is active again', async () => {
    const stage = new Stage()
    stage.cast('a', {
      start: (life) => (life === 1 ? failing(1)(life) : stage.clock.sleep(100)),
      stop: () => stage.clock.sleep(100),
    })
    const seen: unknown[] = []
    const look = () => seen.push([stage.status('a').state, stage.app.health().status])
    await stage.boot()
    look()
    await stage.clock.advance(100)
    look()
    await stage.clock.advance(1000)
    look()
    await stage.clock.advance(100)
    look()
    expect(seen).toEqual([
      ['stopping', 'unhealthy'],
      ['retrying', 'unhealthy'],
      ['starting', 'unhealthy'],
      ['running', 'healthy'],
    ])
  })

  it.each<[string, Part]>([
    ['failed', { start: failing(1), restart: { policy: 'never' } }],
    ['auth_required', { start: failing(1, broken({ status: 401 })) }],
    [
      'unreachable',
      { remote: true, start: failing(99, broken({ code: 'ECONNREFUSED' })), restart: { initialBackoff: 1 } },
    ],
  ])('R28 counts %s as unhealthy, with its error', async (state, part) => {
    const stage = new Stage()
    stage.cast('a', part)
    await stage.boot()
    await stage.clock.advance(3)
    expect(stage.app.health()).toMatchObject({
      status: 'unhealthy',
      because: [{ name: 'a', state, error: { code: 'START_FAILED' } }],
    })
  })

  it('R28 counts completed as healthy', async () => {
    const stage = new Stage()
    const job = stage.cast('job')
    stage.cast('a')
    await stage.boot()
    job.end()
    await stage.clock.settle()
    expect(stage.status('job').state).toBe('stopped')
    expect(rollUp(stage)).toEqual({ status: 'healthy', blamed: [] })
  })

  it('R28 counts one that is restarted by hand as checking', async () => {
    const stage = new Stage()
    stage.cast('a', {
      start: (life) => (life > 1 ? stage.clock.sleep(10) : undefined),
      stop: () => stage.clock.sleep(10),
    })
    await stage.boot()
    stage.app.restartService('a').catch(() => undefined)
    await stage.clock.settle()
    expect([stage.status('a').state, stage.app.health().status]).toEqual(['stopping', 'checking'])
    await stage.clock.advance(10)
    expect([stage.status('a').state, stage.app.health().status]).toEqual(['starting', 'checking'])
    await stage.clock.advance(10)
    expect(stage.app.health().status).toBe('healthy')
  })
})

describe('the root cause first', () => {
  it('R28 names the service to blame, not the fifty that wait for it', async () => {
    const stage = new Stage()
    for (let index = 0; index < 50; index++) stage.cast(`user${index}`, { dependsOn: [index % 2 ? 'db' : 'middle'] })
    stage.cast('middle', { dependsOn: ['db'] })
    const db = stage.cast('db')
    await stage.boot()
    await stage.crash(db, broken({ code: 'ECONNREFUSED' }, 'no database'))
    expect(rollUp(stage)).toEqual({ status: 'unhealthy', blamed: ['db'] })
    expect(stage.app.health().because[0]).toMatchObject({ state: 'retrying', error: { code: 'CRASHED' } })
    await stage.clock.advance(1000)
    expect(rollUp(stage)).toEqual({ status: 'healthy', blamed: [] })
  })

  it('R28 names it also while the fifty still start for the first time', async () => {
    const stage = new Stage()
    for (let index = 0; index < 50; index++) stage.cast(`user${index}`, { dependsOn: ['db'] })
    stage.cast('db', { start: () => stage.clock.sleep(10) })
    await stage.boot()
    expect(rollUp(stage)).toEqual({ status: 'checking', blamed: ['db'] })
  })

  it('R28 names the sick one that is active, not those who were not let start against it', async () => {
    const stage = new Stage()
    stage.cast('user', { dependsOn: ['middle'] })
    stage.cast('middle', { dependsOn: ['db'] })
    stage.cast('db', says('unhealthy'))
    await stage.boot()
    expect(rollUp(stage)).toEqual({ status: 'unhealthy', blamed: ['db'] })
  })

  it('R28 names the worse of two causes first', async () => {
    const stage = new Stage()
    stage.cast('worse', says('degraded'))
    stage.cast('worst', { start: failing(1) })
    stage.cast('bad', { start: () => stage.clock.sleep(100) })
    await stage.boot()
    expect(rollUp(stage)).toEqual({ status: 'unhealthy', blamed: ['worst', 'bad', 'worse'] })
  })

  it('R28 names the one that was stopped by hand, or who waits for it, and nobody further', async () => {
    const stage = new Stage()
    stage.cast('user', { dependsOn: ['middle'] })
    stage.cast('middle', { dependsOn: ['db'] })
    stage.cast('db')
    await stage.boot()
    await stage.app.stopService('db')
    const { status, blamed } = rollUp(stage)
    expect([status, blamed.length]).toEqual(['checking', 1])
    expect(['db', 'middle']).toContain(blamed[0])
  })

  it('R28 names a name that nobody registered, or who waits for it', async () => {
    const stage = new Stage()
    stage.cast('a')
    await stage.boot()
    const b = stage.cast('b', { dependsOn: ['nowhere'] })
    await stage.app.register(b.service)
    await stage.clock.settle()
    const { status, blamed } = rollUp(stage)
    expect(status).toBe('checking')
    expect(['nowhere', 'b']).toContain(blamed[0])
  })
})

describe('services that are not essential', () => {
  it.each<[string, Part]>([
    ['unhealthy', says('unhealthy')],
    ['failed', { start: failing(1), restart: { policy: 'never' } }],
    ['backing off', { start: failing(1) }],
    ['degraded', says('degraded')],
  ])('R28 degrade the whole and never bring it down: %s', async (_what, part) => {
    const stage = new Stage()
    stage.cast('core', says('healthy'))
    stage.cast('extra', { ...part, essential: false })
    await stage.boot()
    expect(rollUp(stage)).toEqual({ status: 'degraded', blamed: ['extra'] })
  })

  it('R28 do not bring it down while they are starting either', async () => {
    const stage = new Stage()
    stage.cast('core')
    stage.cast('extra', { essential: false, start: () => stage.clock.sleep(100) })
    await stage.boot()
    expect(['degraded', 'healthy']).toContain(stage.app.health().status)
  })

  it('R28 do not hide who is essential', async () => {
    const stage = new Stage()
    stage.cast('extra', { essential: false, start: failing(1) })
    stage.cast('core', { start: failing(1) })
    await stage.boot()
    const { status, blamed } = rollUp(stage)
    expect([status, blamed[0]]).toEqual(['unhealthy', 'core'])
  })

  it('R28 are to blame when an essential one waits for them', async () => {
    const stage = new Stage()
    stage.cast('core', { dependsOn: ['extra'] })
    stage.cast('extra', { essential: false, start: failing(1) })
    await stage.boot()
    const { status, blamed } = rollUp(stage)
    expect(['checking', 'unhealthy']).toContain(status)
    expect(blamed[0]).toBe('extra')
  })
})

describe('the report', () => {
  it('R28 lists every service in registration order, and is plain', async () => {
    const stage = new Stage()
    stage.cast('b', { start: failing(1) })
    stage.cast('a')
    await stage.boot()
    const report = stage.app.health()
    expect(report.services.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(report.because[0]).toMatchObject({ name: 'b', health: expect.any(String), state: 'retrying' })
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({
      status: 'unhealthy',
      because: [{ name: 'b', error: { code: 'START_FAILED', cause: expect.stringContaining('boom') } }],
    })
  })

  it('R28 is a picture of its moment: it does not change afterwards', async () => {
    const stage = new Stage()
    const a = stage.cast('a')
    await stage.boot()
    const report = stage.app.health()
    await stage.crash(a)
    expect([report.status, report.services[0]?.state]).toEqual(['healthy', 'running'])
    expect(stage.app.health().status).toBe('unhealthy')
  })
})
