/** Section 4: what an optional edge waits for, and when it has waited enough. */
import { describe, expect, it } from 'vitest'
import { type Script, stage } from '../support/laws2.js'

const maybe = { name: 'cache', optional: true } as const
const api: Script = { dependsOn: [maybe], up: 5 }
const never = { policy: 'never' } as const
const FOR_EVER = Number.POSITIVE_INFINITY

describe('R11 an optional edge waits until the dependency is satisfied or has settled', () => {
  it('R11 it waits for one that is coming, and starts after it', async () => {
    const s = stage({ api, cache: { up: 50, says: 'silent' } })
    const start = s.watch(s.app.start())
    await s.clock.advance(70)
    s.the('cache').health = 'healthy'
    await s.clock.advance(100)
    expect(s.states('api')).toEqual(['0 waiting', '70 starting', '75 running'])
    expect(start).toMatchObject({ state: 'resolved', at: 75 })
  })

  const settled: [why: string, at: number, scripts: Record<string, Script>][] = [
    ['absent', 0, {}],
    ['desired down', 0, { cache: { autoStart: false } }],
    ['backing off', 30, { cache: { up: 20, down: 10, fails: 1, restart: { initialBackoff: 50_000 } } }],
    ['failed', 30, { cache: { up: 20, down: 10, fails: 1, restart: never } }],
    ['auth_required', 30, { cache: { up: 20, down: 10, fails: 1, classify: () => 'auth' } }],
    [
      'waiting for one that has settled',
      30,
      {
        cache: { dependsOn: [{ name: 'disk', timeout: FOR_EVER }] },
        disk: { up: 20, down: 10, fails: 1, restart: never },
      },
    ],
    [
      'waiting for one that waits for one that has settled',
      30,
      {
        cache: { dependsOn: [{ name: 'fs', timeout: FOR_EVER }] },
        fs: { dependsOn: [{ name: 'disk', timeout: FOR_EVER }] },
        disk: { up: 20, down: 10, fails: 1, restart: never },
      },
    ],
    [
      'failed because its own wait timed out',
      40,
      { cache: { dependsOn: [{ name: 'disk', timeout: 40 }] }, disk: { up: 5_000 } },
    ],
    [
      'unhealthy',
      20,
      { cache: { up: 20, says: 'unhealthy', healthCheck: { failureThreshold: 1, onUnhealthy: 'report' } } },
    ],
  ]
  it.each(settled)('R11 it starts without one that is %s', async (_, at, scripts) => {
    const s = stage({ api, ...scripts })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(1_000)
    expect(s.states('api').filter((line) => !line.endsWith('waiting'))).toEqual([`${at} starting`, `${at + 5} running`])
  })

  it('R11 it starts without one that has completed', async () => {
    const s = stage({ api: { ...api, autoStart: false }, cache: { loop: true } })
    await s.boot()
    s.the('cache').end()
    await s.clock.settle()
    s.watch(s.app.startService('api'))
    await s.clock.advance(10)
    expect(s.states('api').filter((line) => !line.endsWith('waiting'))).toEqual(['0 starting', '5 running'])
    expect(s.the('cache').starts).toBe(1)
  })

  it('R10 R11 it starts without one that waits for a name that is missing', async () => {
    const s = stage()
    await s.boot()
    await s.app.register(s.make('cache', { dependsOn: ['nowhere'] }).service)
    await s.app.register(s.make('api', api).service)
    await s.clock.advance(10)
    expect(s.states('api').at(-1)).toBe('5 running')
  })

  it.each<[string, Record<string, Script>]>([
    ['starting', { cache: { up: FOR_EVER, startTimeout: 20_000 } }],
    ['checking', { cache: { says: 'checking' } }],
    ['stopping', { cache: { down: 9_000, fails: 1, restart: never } }],
    ['held back by a startDelay', { cache: { startDelay: 20_000 } }],
    ['waiting for one that is starting', { cache: { dependsOn: ['disk'] }, disk: { up: FOR_EVER } }],
    ['waiting for one that waits for a startDelay', { cache: { dependsOn: ['disk'] }, disk: { startDelay: 20_000 } }],
  ])('R11 it does not start while the dependency is %s, which is not settled', async (_, scripts) => {
    const s = stage({ api, ...scripts })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(8_000)
    expect(s.states('api')).toEqual(['0 waiting'])
  })

  it('R11 it does not start while the dependency waits for a permit', async () => {
    const s = stage({ first: { up: 100 }, cache: { up: 10 }, api }, { maxConcurrentStarts: 1 })
    s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '110 starting', '115 running'])
  })

  it('R11 the wait for several ends with the last of them', async () => {
    const s = stage({
      api: { dependsOn: [maybe, { name: 'search', optional: true }, 'db'], up: 5 },
      cache: { up: 10, fails: 1, restart: never },
      search: { up: 30 },
      db: { up: 20 },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '30 starting', '35 running'])
  })

  it('R11 one that settled and then tries again does not hold back what has begun to start', async () => {
    const s = stage({
      api: { ...api, up: 100 },
      cache: { up: 10, fails: 1, restart: { initialBackoff: 20, jitter: 0 } },
    })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '10 starting', '110 running'])
    expect(s.states('cache').at(-1)).toBe('40 running')
  })

  it('R6 a start of the dependent does not want what is only optional', async () => {
    const s = stage({ api: { ...api, autoStart: false }, cache: { autoStart: false } })
    const start = s.watch(s.app.startService('api'))
    await s.clock.advance(10)
    expect([start.state, s.state('cache')]).toEqual(['resolved', 'unknown'])
  })
})

describe('R14 what an optional edge does when the dependency goes', () => {
  const stop = { ...maybe, onLoss: 'stop' } as const

  it('R14 by default nothing at all', async () => {
    const s = stage({ api, cache: { restart: { initialBackoff: 100, jitter: 0 } } })
    await s.boot(5)
    s.the('cache').crash()
    await s.clock.advance(1_000)
    s.watch(s.app.stopService('cache'))
    await s.clock.advance(1_000)
    s.watch(s.app.unregister('cache'))
    await s.clock.advance(1_000)
    expect(s.stirred()).toEqual(['cache'])
  })

  it('R14 with onLoss stop it restarts its dependent without the dependency, once', async () => {
    const s = stage({
      api: { ...api, dependsOn: [stop], down: 20 },
      cache: { up: 5, down: 10, restart: { initialBackoff: 1_000, jitter: 0 } },
    })
    await s.boot(10)
    s.the('cache').crash()
    await s.clock.advance(5_000)
    expect(s.states('api')).toEqual(['10 stopping (dependency)', '30 waiting', '30 starting', '35 running'])
    expect(s.states('cache').at(-1)).toBe('1025 running')
  })

  it('R14 with onLoss stop it waits for one that is back sooner', async () => {
    const s = stage({ api: { ...api, dependsOn: [stop], down: 20 }, cache: { up: 50 } })
    await s.boot(55)
    s.watch(s.app.restartService('cache'))
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['55 stopping (dependency)', '75 waiting', '125 starting', '130 running'])
  })

  it('R14 stopped by hand, the dependency goes after its dependent, which returns without it', async () => {
    const s = stage({ api: { ...api, dependsOn: [stop], down: 20 }, cache: { down: 10 } })
    await s.boot(5)
    const done = s.watch(s.app.stopService('cache'))
    await s.clock.advance(1_000)
    expect(s.hooks.slice(0, 2).map((line) => line.slice(line.indexOf(' ') + 1))).toEqual([
      'api stop (dependency)',
      'cache stop (manual)',
    ])
    expect(s.hooks.map((line) => line.slice(line.indexOf(' ') + 1)).slice(2)).toEqual(['api start'])
    expect(s.states('cache')).toEqual(['25 stopping (manual)', '35 stopped'])
    expect([done.state, s.state('api')]).toEqual(['resolved', 'running'])
  })

  it('R14 removed, the dependency goes after its dependent, which returns without it', async () => {
    const s = stage({ api: { ...api, dependsOn: [stop], down: 20 }, cache: { down: 10 } })
    await s.boot(5)
    const done = s.watch(s.app.unregister('cache'))
    await s.clock.advance(1_000)
    expect(s.hooks.map((line) => line.slice(line.indexOf(' ') + 1))).toEqual([
      'api stop (dependency)',
      'cache stop (removed)',
      'api start',
    ])
    expect([done.state, s.state('api'), s.app.registry.has('cache')]).toEqual(['resolved', 'running', false])
  })

  it('R14 a name that comes back after its dependent started without it disturbs nobody', async () => {
    const s = stage({ api: { ...api, dependsOn: [stop] } })
    await s.boot(5)
    await s.app.register(s.make('cache').service)
    await s.clock.advance(100)
    expect([s.stirred(), s.state('cache')]).toEqual([['cache'], 'running'])
    s.the('cache').crash()
    await s.clock.settle()
    // From now on it is a dependency like any other, and its loss is one.
    expect(s.states('api')[0]).toBe('105 stopping (dependency)')
  })
})
