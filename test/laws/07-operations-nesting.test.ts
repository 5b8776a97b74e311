/** An orchestrator as a service of another one (R36). */
import type { Orchestrator, OrchestratorOptions, ServiceOptions } from 'keelson'
import { describe, expect, it } from 'vitest'
import {
  boom,
  causes,
  fail,
  hang,
  inner,
  type Part,
  rows,
  type Stage,
  said,
  stage,
  untilAborted,
} from '../support/laws4.js'

const never = { restart: { policy: 'never' } } as const

interface Nest extends Stage {
  sub: Orchestrator
  /** The states of the services inside. */
  inside(): Record<string, string>
}

/** A stage with an orchestrator `sub` of these parts among its services, registered last. */
async function nest(
  parts: Record<string, Part>,
  {
    sub = {},
    as = {},
    outer = {},
    options = {},
  }: {
    sub?: OrchestratorOptions
    as?: ServiceOptions
    outer?: Record<string, Part>
    options?: OrchestratorOptions
  } = {},
): Promise<Nest> {
  const s = stage(outer, options)
  const nested = inner(s, parts, sub)
  await s.app.register(nested.asService('sub', as))
  const inside = () => Object.fromEntries(nested.getAllServices().map(({ name, state }) => [name, state]))
  return Object.assign(s, { sub: nested, inside })
}

describe('its life', () => {
  it('R36 it is up when the inner start has resolved, and dependents wait for it', async () => {
    const s = await nest({ db: { starts: 100 }, cache: { starts: 30 } }, { outer: { api: { dependsOn: ['sub'] } } })
    const call = s.watch(s.app.start())
    await s.clock.advance(200)
    expect(said(call)).toBe('resolved at 100')
    expect(s.stories()).toEqual({
      sub: ['0 starting', '100 running'],
      api: ['0 waiting', '100 starting', '100 running'],
    })
    expect(s.inside()).toEqual({ db: 'running', cache: 'running' })
  })

  it('R36 it stops with the outer one, its dependents before it', async () => {
    const s = await nest(
      { db: { stops: 50 }, web: { dependsOn: ['db'], stops: 20 } },
      { outer: { api: { dependsOn: ['sub'], stops: 10 } } },
    )
    await s.app.start()
    s.clear()
    const call = s.watch(s.app.stop())
    await s.clock.advance(200)
    expect(said(call)).toBe('resolved at 80')
    expect(s.stories()).toEqual({
      api: ['0 stopping (shutdown)', '10 stopped'],
      sub: ['10 stopping (shutdown)', '80 stopped'],
    })
    expect(s.hooks).toEqual(['0 api stop', '10 web stop', '30 db stop'])
    expect(s.inside()).toEqual({ db: 'stopped', web: 'stopped' })
  })

  it('R36 it bounds its own start: no startTimeout of the outer one applies', async () => {
    const s = await nest({ db: { starts: 100_000, startTimeout: 200_000 } }, { options: { startTimeout: 50 } })
    const call = s.watch(s.app.start())
    await s.clock.advance(100_000)
    expect(said(call)).toBe('resolved at 100000')
  })

  it('R36 a start that failed inside has failed outside, with its cause, and is undone', async () => {
    const s = await nest({ db: {}, bad: { ...never, start: fail } }, { as: never })
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect(causes(call.error)).toContain(boom)
    expect([s.states(), s.inside()]).toEqual([{ sub: 'failed' }, { db: 'stopped', bad: 'failed' }])
  })

  it('R36 a stop during its start undoes the inner start', async () => {
    const s = await nest({ db: { stops: 20 }, slow: { start: untilAborted } })
    s.watch(s.app.start())
    await s.clock.advance(50)
    const call = s.watch(s.app.stop())
    await s.clock.advance(100)
    expect(said(call)).toBe('resolved at 70')
    expect(s.story('sub')).toEqual(['0 starting', '50 stopping (shutdown)', '70 stopped'])
    expect(s.inside()).toEqual({ db: 'stopped', slow: 'stopped' })
  })

  it('R36 it can be started again', async () => {
    const s = await nest({ db: {} })
    await s.app.start()
    await s.app.stop()
    await s.app.start()
    expect([s.states(), s.inside(), s.sub.getServiceStatus('db').epoch]).toEqual([
      { sub: 'running' },
      { db: 'running' },
      2,
    ])
  })

  it('R36 an orchestrator in an orchestrator in an orchestrator works', async () => {
    const s = await nest({})
    const deep = inner(s, { db: { starts: 10, stops: 10 } })
    await s.sub.register(deep.asService('deep'))
    const start = s.watch(s.app.start())
    await s.clock.advance(10)
    expect([said(start), deep.getServiceStatus('db').state]).toEqual(['resolved at 10', 'running'])
    const stop = s.watch(s.app.stop())
    await s.clock.advance(10)
    expect([said(stop), deep.getServiceStatus('db').state]).toEqual(['resolved at 20', 'stopped'])
  })
})

describe('its end', () => {
  it('R36 a stop by somebody else is a clean end', async () => {
    const s = await nest({ db: { stops: 20 } })
    await s.app.start()
    await s.clock.advance(100)
    s.watch(s.sub.stop())
    await s.clock.advance(100_000)
    expect(s.states()).toEqual({ sub: 'stopped' })
    expect(s.story('sub').at(2)).toMatch(/stopping \(completed\)$/)
    expect(s.app.getServiceStatus('sub')).toMatchObject({ stopReason: 'completed', epoch: 1 })
    expect(s.app.getServiceStatus('sub').error).toBeUndefined()
  })

  it('R36 with policy always it is started again after a stop by somebody else', async () => {
    const s = await nest({ db: {} }, { as: { restart: { policy: 'always' } } })
    await s.app.start()
    s.watch(s.sub.stop())
    await s.clock.advance(1_000)
    expect([s.states(), s.inside(), s.app.getServiceStatus('sub').epoch]).toEqual([
      { sub: 'running' },
      { db: 'running' },
      2,
    ])
  })

  it('R36 all completed is a clean end', async () => {
    const s = await nest({ job: { run: (_, { clock }) => clock.sleep(100) } })
    await s.app.start()
    await s.clock.advance(1_000)
    expect(s.story('sub')).toEqual(['0 starting', '0 running', '100 stopping (completed)', '100 stopped'])
  })

  it('R36 an essential service that gives up is a crash: the rest is stopped, the restart policy asked', async () => {
    const run: Part['run'] = (context, { clock }) =>
      context.epoch === 1 ? clock.sleep(100).then(fail) : untilAborted(context)
    const s = await nest({ db: { ...never, run }, mail: { stops: 30 } })
    await s.app.start()
    await s.clock.advance(10_000)
    const story = s.story('sub')
    expect(story.map((line) => line.replace(/^\d+ /, ''))).toEqual([
      'starting',
      'running',
      'stopping (failed)',
      'retrying #1',
      'starting #1',
      'running',
    ])
    expect(s.hooks).toContain('100 mail stop')
    expect([s.inside(), s.app.getServiceStatus('sub').epoch]).toEqual([{ db: 'running', mail: 'running' }, 2])
  })

  it('R36 the crash tells the cause', async () => {
    const s = await nest({ db: { ...never, run: (_, { clock }) => clock.sleep(100).then(fail) } }, { as: never })
    await s.app.start()
    await s.clock.advance(1_000)
    expect(s.states()).toEqual({ sub: 'failed' })
    const { error } = s.app.getServiceStatus('sub')
    expect(error).toMatchObject({ code: 'CRASHED' })
    expect(causes(error)).toContain(boom)
  })

  it('R36 one that is not essential may give up', async () => {
    const s = await nest({
      db: {},
      metrics: { ...never, essential: false, run: (_, { clock }) => clock.sleep(100).then(fail) },
    })
    await s.app.start()
    await s.clock.advance(10_000)
    expect([s.story('sub'), s.inside()]).toEqual([['0 starting', '0 running'], { db: 'running', metrics: 'failed' }])
  })

  it('R36 what is retried inside is no end', async () => {
    const run: Part['run'] = (context, { clock }) =>
      context.epoch === 1 ? clock.sleep(100).then(fail) : untilAborted(context)
    const s = await nest({ db: { run } })
    await s.app.start()
    await s.clock.advance(10_000)
    expect([s.story('sub'), s.inside()]).toEqual([['0 starting', '0 running'], { db: 'running' }])
  })
})

describe('its stop', () => {
  it('R36 has the inner shutdownTimeout by default', async () => {
    const sub = { shutdownTimeout: 50_000 }
    const s = await nest({ db: { stops: 35_000, stopTimeout: 40_000 } }, { sub, options: { shutdownTimeout: 100_000 } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(60_000)
    expect(said(call)).toBe('resolved at 35000')
  })

  it('R36 is bounded by the stopTimeout that it was given', async () => {
    const chain = { db: { stop: hang }, api: { dependsOn: ['db'], stop: hang } }
    const s = await nest(chain, { as: { stopTimeout: 1_000 } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(1_000)
    expect([call.how, s.states(), s.inside()]).toEqual([
      'rejected',
      { sub: 'stopped' },
      { db: 'stopped', api: 'stopped' },
    ])
    expect(s.hooks.slice(-2)).toEqual(['0 api stop', expect.stringMatching(/^[89]\d\d db stop$/)])
  })

  it('R36 is shortened by the outer deadline', async () => {
    const chain = { db: { stop: hang }, api: { dependsOn: ['db'], stop: hang } }
    const s = await nest(chain, { outer: { web: { dependsOn: ['sub'], stops: 500 } } })
    await s.app.start()
    const call = s.watch(s.app.stop({ timeout: 2_000 }))
    await s.clock.advance(2_000)
    expect([call.how, call.at! <= 2_000]).toEqual(['rejected', true])
    const stops = s.hooks.filter((hook) => hook.endsWith('stop'))
    expect(stops.slice(0, 2)).toEqual(['0 web stop', '500 api stop'])
    expect(stops[2]).toMatch(/^1[5-9]\d\d db stop$/) // both have their turn before the deadline
    expect([s.states(), s.inside()]).toEqual([
      { web: 'stopped', sub: 'stopped' },
      { db: 'stopped', api: 'stopped' },
    ])
    expect(rows(call).web).toBe('stopped')
  })

  it('R36 is shortened by an outer stop that joins later', async () => {
    const s = await nest({ db: { stop: hang }, api: { dependsOn: ['db'], stop: hang } })
    await s.app.start()
    const first = s.watch(s.app.stop())
    await s.clock.advance(1_000)
    const second = s.watch(s.app.stop({ timeout: 1_000 }))
    await s.clock.advance(1_000)
    expect([first.how, second.how]).toEqual(['rejected', 'rejected'])
    expect([s.states(), s.inside()]).toEqual([{ sub: 'stopped' }, { db: 'stopped', api: 'stopped' }])
    const entered = s.hooks.filter((hook) => hook.endsWith('db stop')).map((hook) => Number.parseInt(hook, 10))
    expect(entered.length).toBe(1)
    expect(entered[0]).toBeLessThan(2_000)
  })

  it('R36 that was unclean inside is unclean outside, naming the culprit', async () => {
    const s = await nest({ db: { stop: fail } })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 0 with STOP_INCOMPLETE')
    expect(rows(call)).toEqual({ sub: 'failed STOP_FAILED' })
    expect(causes(rowError(call.error))).toContainEqual(expect.objectContaining({ code: 'STOP_INCOMPLETE' }))
  })
})

const rowError = (error: unknown) =>
  (error as { report: { services: { error?: unknown }[] } }).report.services[0]?.error

describe('its health', () => {
  it('R36 is the roll-up of the inner one, and is only reported', async () => {
    let health = 'healthy'
    const healthCheck = { interval: 1_000, failureThreshold: 1, onUnhealthy: 'report' } as const
    const s = await nest({ db: { check: () => health, healthCheck } })
    await s.app.start()
    const shown = async (next: string) => {
      health = next
      await s.clock.advance(60_000)
      return s.app.getServiceStatus('sub').health
    }
    expect(await shown('healthy')).toBe('healthy')
    expect(await shown('degraded')).toBe('degraded')
    expect(await shown('unhealthy')).toBe('unhealthy')
    expect(await shown('healthy')).toBe('healthy')
    expect(s.story('sub')).toEqual(['0 starting', '0 running'])
  })

  it('R36 one inside that is not essential degrades it, never more', async () => {
    const healthCheck = { interval: 1_000, failureThreshold: 1, onUnhealthy: 'report' } as const
    const s = await nest({ db: {}, metrics: { essential: false, check: () => 'unhealthy', healthCheck } })
    await s.app.start()
    await s.clock.advance(60_000)
    expect(s.app.getServiceStatus('sub').health).toBe('degraded')
    expect(s.app.health().status).toBe('degraded')
  })
})
