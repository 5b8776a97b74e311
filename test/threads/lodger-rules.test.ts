/**
 * The rules that name restart, cascade and stop, once more with the service in another thread. Each scenario is played
 * with all services in the thread of the application, and then with some of them in one other or in two; the event log,
 * what every hook was told and the state at the end are the same.
 */
import type { Orchestrator } from 'keelson'
import { describe, expect, it } from 'vitest'
import type { Role } from '../support/threads-puppet.js'
import { type Cast, Stage } from '../support/threads-stage.js'

const ALL: readonly Cast[] = [
  { store: 0, thumbs: 1, api: 0 },
  { store: 1, thumbs: 0, api: 1 },
  { store: 1, thumbs: 2, api: 1 },
]

type Scenario = (stage: Stage) => Promise<void>

/** `store` ← `thumbs` ← `api`, registered in an application that runs. */
async function chain(stage: Stage, roles: Readonly<Record<string, Role>> = {}): Promise<void> {
  await stage.call((app) => app.start())
  await stage.add('store', { restart: { initialBackoff: 100, jitter: 0 }, ...roles.store })
  await stage.add('thumbs', { dependsOn: ['store'], restart: { initialBackoff: 100, jitter: 0 }, ...roles.thumbs })
  await stage.add('api', { dependsOn: ['thumbs'], restart: { initialBackoff: 100, jitter: 0 }, ...roles.api })
}

const failing =
  (policy: 'never' | 'on-failure' | 'always'): Scenario =>
  async (stage) => {
    await chain(stage, {
      thumbs: { runs: true, restart: policy === 'never' ? { policy } : { policy, initialBackoff: 100, jitter: 0 } },
    })
    await stage.does('thumbs', 'fail')
    await stage.passes(100)
    await stage.does('thumbs', 'end')
    await stage.passes(100)
    await stage.passes(1_000)
  }

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'R2 R6 R13 start, stop and start by name; what was owned goes last in first out, after onStop': async (stage) => {
    await chain(stage, { thumbs: { owns: ['one', 'two', 'three'] } })
    await stage.call((app) => app.stopService('store'))
    await stage.call((app) => app.startService('store'))
    await stage.call((app) => app.startService('api'))
    await stage.call((app) => app.stop())
    await stage.call((app) => app.start())
  },
  'R2 R4 a failed start is stopped and disposed of, too; onStop that throws changes nothing': async (stage) => {
    await stage.add('store', { owns: ['one', 'two'], restart: { policy: 'never' } })
    await stage.plays('store', { start: 'fail', stop: 'fail' })
    await stage.call((app) => app.startService('store'))
    await stage.plays('store', { start: 'well' })
    await stage.call((app) => app.startService('store'))
    await stage.call((app) => app.stopService('store'))
  },
  'R3 what is owned when the epoch is over is disposed of at once; a late failure changes nothing': async (stage) => {
    await stage.add('thumbs', { owns: ['one'] })
    await stage.call((app) => app.startService('thumbs'))
    await stage.call((app) => app.stopService('thumbs'))
    await stage.does('thumbs', 'own late')
    await stage.does('thumbs', 'crash')
    await stage.does('thumbs', 'status')
  },
  'R5 R34 a start that is aborted is undone and is no failure': async (stage) => {
    await stage.add('store')
    await stage.add('thumbs', { dependsOn: ['store'] })
    await stage.plays('thumbs', { start: 'hang' })
    const abort = new AbortController()
    await stage.call((app) => app.startService('thumbs', { signal: abort.signal }))
    abort.abort('enough')
    await stage.settle()
    expect(stage.app.getServiceStatus('thumbs').error).toBeUndefined()
    await stage.plays('thumbs', { start: 'well' })
    await stage.call((app) => app.startService('thumbs', { timeout: 50 }))
    await stage.plays('thumbs', { start: 'hang' })
    await stage.call((app) => app.restartService('thumbs', { timeout: 50, onFailure: 'rollback' }))
    await stage.passes(50)
  },
  'R8 a start while it stops is remembered, a stop while it starts aborts it': async (stage) => {
    await chain(stage)
    await stage.plays('thumbs', { stop: 'hang' })
    await stage.call((app) => app.stopService('thumbs'))
    await stage.call((app) => app.startService('thumbs'))
    await stage.does('thumbs', 'release')
    await stage.plays('thumbs', { start: 'hang', stop: 'well' })
    await stage.call((app) => app.restartService('thumbs'))
    await stage.call((app) => app.stopService('thumbs'))
  },
  'R8 a thousand alternating calls of one stretch end as the last one says': async (stage) => {
    await chain(stage)
    const calls = (app: Orchestrator): Promise<unknown> =>
      Promise.allSettled(
        Array.from({ length: 1_001 }, (_, i) => (i % 2 === 0 ? app.stopService('thumbs') : app.startService('thumbs'))),
      )
    const all = await stage.call(calls)
    expect(all.status).toBe('fulfilled')
  },
  'R9 every reason of a stop reaches the hook': async (stage) => {
    await chain(stage, {
      thumbs: { runs: true, checks: true, restart: { initialBackoff: 100, jitter: 0, maxRetries: 0 } },
    })
    await stage.call((app) => app.stopService('thumbs'))
    await stage.call((app) => app.startService('thumbs'))
    await stage.call((app) => app.restartService('thumbs'))
    await stage.call((app) => app.stopService('store'))
    await stage.call((app) => app.startService('store'))
    await stage.does('thumbs', 'crash')
    await stage.passes(100)
    await stage.plays('thumbs', { check: 'unhealthy' })
    await stage.passes(40_000)
    await stage.plays('thumbs', { check: 'healthy' })
    await stage.passes(20_000)
    await stage.does('thumbs', 'end')
    await stage.call((app) => app.startService('thumbs'))
    await stage.call((app) => app.stop())
    await stage.call((app) => app.start())
    await stage.call((app) => app.unregister('thumbs', { force: true }))
  },
  'R11 R14 what is lost is waited for, exactly those come back, once each': async (stage) => {
    await chain(stage)
    await stage.does('store', 'crash')
    await stage.passes(100)
    await stage.does('thumbs', 'crash')
    await stage.passes(100)
    await stage.call((app) => app.stopService('api'))
    await stage.does('store', 'crash')
    await stage.passes(100)
    await stage.call((app) => app.unregister('store', { force: true }))
    await stage.add('store')
  },
  'R11 conditions, optional edges and waits that time out': async (stage) => {
    await stage.call((app) => app.start())
    await stage.add('store', { checks: true, healthCheck: { failureThreshold: 1, onUnhealthy: 'report' } })
    await stage.plays('store', { check: 'unhealthy' })
    await stage.add('thumbs', { dependsOn: [{ name: 'store', timeout: 500, onTimeout: 'warn', onLoss: 'keep' }] })
    await stage.add('api', {
      dependsOn: [
        { name: 'store', timeout: 200 },
        { name: 'thumbs', condition: 'started' },
      ],
    })
    await stage.passes(500)
    await stage.plays('store', { check: 'healthy' })
    await stage.passes(11_000)
    await stage.call((app) => app.stopService('store'))
  },
  'R17 never': failing('never'),
  'R17 on-failure': failing('on-failure'),
  'R17 always': failing('always'),
  'R18 R19 R20 backoff, budget and the attempt, until it has given up; a start by name is a fresh one': async (
    stage,
  ) => {
    await chain(stage, {
      thumbs: { restart: { initialBackoff: 100, multiplier: 3, maxBackoff: 500, maxRetries: 3, stableAfter: 1_000 } },
    })
    await stage.plays('thumbs', { start: 'fail' })
    await stage.call((app) => app.restartService('thumbs'))
    for (const ms of [100, 300, 500, 2_000]) await stage.passes(ms)
    await stage.call((app) => app.startService('thumbs'))
    await stage.plays('thumbs', { start: 'well' })
    await stage.passes(100)
    await stage.passes(1_000)
    await stage.does('thumbs', 'crash')
    await stage.passes(100)
  },
  'R20 the class of a failure is what its own classify says': async (stage) => {
    const classes = { E2: 'permanent', E3: 'auth', E4: 'connectivity' }
    await chain(stage, { thumbs: { classes, remote: true, restart: { initialBackoff: 100, jitter: 0 } } })
    await stage.does('thumbs', 'crash permanently')
    await stage.call((app) => app.startService('thumbs'))
    await stage.plays('thumbs', { start: 'fail', code: 'E3' })
    await stage.call((app) => app.restartService('thumbs'))
    await stage.plays('thumbs', { code: 'E4' })
    await stage.call((app) => app.startService('thumbs'))
    for (const ms of [100, 200, 400]) await stage.passes(ms)
    await stage.plays('thumbs', { start: 'well' })
    await stage.passes(800)
  },
  'R24 R25 checks run there: thresholds, timeouts, degraded, throws, and the restart of a sick one': async (stage) => {
    await chain(stage, {
      thumbs: {
        checks: true,
        healthCheck: { interval: 1_000, timeout: 300 },
        restart: { initialBackoff: 100, jitter: 0 },
      },
    })
    await stage.plays('thumbs', { check: 'degraded' })
    await stage.passes(1_000)
    await stage.plays('thumbs', { check: 'fail' })
    await stage.passes(1_000)
    await stage.passes(1_000)
    await stage.plays('thumbs', { check: 'healthy' })
    await stage.passes(1_000)
    await stage.plays('thumbs', { check: 'hang' })
    for (let i = 0; i < 8; i++) await stage.passes(500)
    await stage.plays('thumbs', { check: 'healthy' })
    await stage.passes(100)
  },
  'R31 a stop hook that hangs is given up at its time, and the stop says so': async (stage) => {
    await chain(stage, { thumbs: { stopTimeout: 400, owns: ['one'] } })
    await stage.plays('thumbs', { stop: 'hang' })
    const stop = await stage.call((app) => app.stop())
    await stage.passes(400)
    expect(stop.error?.code).toBe('STOP_INCOMPLETE')
  },
  'R31 a stop with a deadline stops what hangs, and continues past errors': async (stage) => {
    await chain(stage)
    await stage.plays('thumbs', { stop: 'deaf' })
    await stage.plays('api', { stop: 'fail' })
    const stop = await stage.call((app) => app.stop({ timeout: 1_000 }))
    for (let i = 0; i < 10; i++) await stage.passes(100)
    expect(stop.error?.code).toBe('STOP_INCOMPLETE')
    await stage.does('thumbs', 'release')
  },
  'R32 a start hook that hangs is aborted, and one that is deaf abandoned; no new epoch until it settles': async (
    stage,
  ) => {
    await chain(stage, { thumbs: { startTimeout: 500, abortGrace: 100, restart: { initialBackoff: 100, jitter: 0 } } })
    await stage.plays('thumbs', { start: 'hang' })
    await stage.call((app) => app.restartService('thumbs'))
    await stage.passes(500)
    await stage.plays('thumbs', { start: 'deaf' })
    await stage.passes(100)
    await stage.passes(500)
    await stage.passes(100)
    await stage.passes(200)
    await stage.plays('thumbs', { start: 'well' })
    await stage.does('thumbs', 'release')
    await stage.passes(200)
  },
  'R32 an abandoned hook holds up whoever takes the name': async (stage) => {
    await stage.call((app) => app.start())
    await stage.add('thumbs', { startTimeout: 500, abortGrace: 100, restart: { policy: 'never' } })
    await stage.plays('thumbs', { start: 'deaf' })
    await stage.call((app) => app.restartService('thumbs'))
    await stage.passes(500)
    await stage.passes(100)
    const { app } = stage
    await stage.call(() => app.unregister('thumbs'))
    await stage.passes(1_000)
  },
  'R29 R34 a rollback undoes what a failed start brought up': async (stage) => {
    await stage.add('store')
    await stage.add('thumbs', { dependsOn: ['store'], restart: { policy: 'never' } })
    await stage.add('api', { dependsOn: ['thumbs'] })
    await stage.plays('api', { start: 'fail' })
    const start = await stage.call((app) => app.start())
    expect(start.error?.code).toBe('START_INCOMPLETE')
  },
  'R48 unregister stops first; refused with dependents, or with them, deepest first': async (stage) => {
    await chain(stage, { thumbs: { owns: ['one'] } })
    const refused = await stage.call((app) => app.unregister('thumbs'))
    expect(refused.error?.code).toBe('SERVICE_IN_USE')
    await stage.call((app) => app.unregister('thumbs', { cascade: true }))
    await stage.add('thumbs', { dependsOn: ['store'] })
    await stage.plays('thumbs', { stop: 'fail' })
    const unclean = await stage.call((app) => app.unregister('thumbs'))
    expect(unclean.error?.code).toBe('STOP_INCOMPLETE')
    expect(stage.app.registry.has('thumbs')).toBe(false)
  },
}

describe.each(Object.entries(SCENARIOS))('%s', (_, play) => {
  it.each(ALL)('R2 R3 the same wherever it lives: %o', async (cast) => {
    const here = await Stage.set({})
    await play(here)
    const there = await Stage.set(cast)
    await play(there)
    expect(there.seen()).toEqual(here.seen())
    expect(here.seen().services.flat().length).toBeGreaterThan(4)
  })
})
