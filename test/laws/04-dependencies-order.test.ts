/** R11 and R12: a service starts when its own edges allow it, not before and not later. */
import { describe, expect, it } from 'vitest'
import { type Script, type Stage, stage } from '../support/laws2.js'

const on = (...dependsOn: Script['dependsOn'] & {}): Script => ({ dependsOn })

/** When the hook of a service was entered, by the journal. */
function enteredAt(s: Stage, hook: 'start' | 'stop'): Record<string, number> {
  const found = s.hooks.map((line) => line.split(' ')).filter(([, , what]) => what === hook)
  return Object.fromEntries(found.map(([at, name]) => [name, Number(at)]))
}

describe('R11 the condition holds when the hook is entered', () => {
  it('R11 a dependent waits for healthy, not merely for active', async () => {
    const s = stage({ api: on('db'), db: { up: 10, says: 'silent' } })
    const start = s.watch(s.app.start())
    await s.clock.advance(500)
    expect([s.state('db'), s.app.getServiceStatus('db').health, s.states('api')]).toEqual([
      'running',
      'checking',
      ['0 waiting'],
    ])
    s.the('db').health = 'healthy'
    await s.clock.settle()
    expect(s.states('api')).toEqual(['0 waiting', '500 starting', '500 running'])
    expect(start).toMatchObject({ state: 'resolved', at: 500 })
  })

  it('R11 degraded serves: it counts as healthy', async () => {
    const s = stage({ api: on('db'), db: { up: 10, says: 'degraded' } })
    s.watch(s.app.start())
    await s.clock.advance(10)
    expect(s.state('api')).toBe('running')
  })

  it('R11 over a started edge the verdict does not matter', async () => {
    const healthCheck = { failureThreshold: 1, onUnhealthy: 'report' as const }
    const s = stage({ api: on({ name: 'db', condition: 'started' }), db: { up: 10, says: 'unhealthy', healthCheck } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    expect([s.app.getServiceStatus('db').health, s.states('api')]).toEqual([
      'unhealthy',
      ['0 waiting', '10 starting', '10 running'],
    ])
  })

  it('R11 the hook itself sees its dependencies up', async () => {
    const seen: unknown[] = []
    const s = stage({
      api: { dependsOn: ['db', { name: 'job', condition: 'completed' }], entered: () => look() },
      db: { up: 30, says: 'healthy' },
      job: { up: 10, down: 5, loop: true },
    })
    const look = () => {
      for (const name of ['db', 'job']) {
        const { state, health } = s.app.getServiceStatus(name)
        seen.push([s.now, name, state, health])
      }
    }
    s.watch(s.app.start())
    await s.clock.advance(15)
    s.the('job').end()
    await s.clock.advance(100)
    expect(seen).toEqual([
      [30, 'db', 'running', 'healthy'],
      [30, 'job', 'stopped', 'unknown'],
    ])
  })

  it('R11 a condition that held once and no longer does is waited for again', async () => {
    const restart = { initialBackoff: 100, jitter: 0 }
    const s = stage({ api: on('db', 'slow'), db: { up: 10, restart }, slow: { up: 50 } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(20)
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['0 db start', '0 slow start', '20 db stop (failed)', '120 db start', '130 api start'])
    expect(s.states('api')).toEqual(['0 waiting', '130 starting', '130 running'])
  })

  it('R11 a dependency that is lost in the same turn in which the last one comes is not there', async () => {
    const s = stage({ api: on('db', 'last'), db: { restart: { initialBackoff: 100, jitter: 0 } }, last: { up: 50 } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(49)
    s.clock.setTimeout(() => s.the('db').crash(), 1)
    await s.clock.advance(51)
    const started = enteredAt(s, 'start')
    // Whichever of the two is seen first: it does not start against a database that is gone.
    if (started.api === 50)
      expect(s.states('api')).toEqual([
        '0 waiting',
        '50 starting',
        '50 running',
        '50 stopping (dependency)',
        '50 waiting',
      ])
    else expect(s.states('api')).toEqual(['0 waiting'])
    await s.clock.advance(50)
    expect(s.state('api')).toBe('running')
    expect(enteredAt(s, 'start')).toMatchObject({ db: 150, api: 150 })
  })

  it('R11 a verdict that turns bad before the start holds it back, though it would be no loss after it', async () => {
    const healthCheck = { interval: 100, timeout: 50, failureThreshold: 1, onUnhealthy: 'report' as const }
    const s = stage({ api: on('db', 'slow'), db: { says: 'healthy', healthCheck }, slow: { up: 250 } })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(150)
    s.the('db').health = 'unhealthy'
    await s.clock.advance(200)
    s.the('db').health = 'healthy'
    await s.clock.advance(100)
    s.the('db').health = 'unhealthy'
    await s.clock.advance(1_000)
    expect(s.states('api')).toEqual(['0 waiting', '400 starting', '400 running'])
  })
})

describe('R12 no level barriers', () => {
  it('R12 a slow service delays those who need it and nobody else', async () => {
    const s = stage({
      slow: { up: 1_000 },
      quick: { up: 1 },
      'on slow': on('slow'),
      'on quick': { dependsOn: ['quick'], up: 1 },
      deep: { dependsOn: ['on quick'], up: 1 },
    })
    const start = s.watch(s.app.start())
    await s.clock.advance(1_000)
    expect(s.hooks).toEqual(['0 slow start', '0 quick start', '1 on quick start', '2 deep start', '1000 on slow start'])
    expect(start).toMatchObject({ state: 'resolved', at: 1_000 })
  })

  it('R12 the makespan of a start is the critical path, and the report names it', async () => {
    const s = stage({
      db: { up: 30 },
      cache: { up: 10 },
      migrate: { up: 20, dependsOn: ['db'] },
      api: { up: 5, dependsOn: ['migrate', 'cache'] },
      web: { up: 7, dependsOn: ['api'] },
      cron: { up: 40 },
    })
    const start = s.watch(s.app.start())
    await s.clock.advance(61)
    expect(start.state).toBe('pending')
    await s.clock.advance(1)
    expect(start).toMatchObject({ state: 'resolved', at: 62 })
    expect(start.value).toMatchObject({ duration: 62, criticalPath: ['db', 'migrate', 'api', 'web'] })
    expect(start.value?.services.find(({ name }) => name === 'api')).toMatchObject({
      outcome: 'started',
      hookDuration: 5,
    })
    expect(enteredAt(s, 'start')).toEqual({ db: 0, cache: 0, cron: 0, migrate: 30, api: 50, web: 55 })
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'R12 in a random graph each service starts at the end of its own longest path (seed %i)',
    async (seed) => {
      const random = lottery(seed)
      const names = Array.from({ length: 60 }, (_, i) => `s${i}`)
      const takes = names.map(() => Math.floor(random() * 50))
      const needs = names.map((_, i) => names.slice(0, i).filter(() => random() < 3 / (i + 3)))
      const scripts = names.map((name, i): [string, Script] => [
        name,
        { up: takes[i] ?? 0, down: takes[59 - i] ?? 0, dependsOn: needs[i] ?? [] },
      ])
      const s = stage(Object.fromEntries(scripts.sort(() => random() - 0.5)))
      const due: Record<string, number> = {}
      const done = (name: string) => (due[name] ?? 0) + (takes[names.indexOf(name)] ?? 0)
      for (const [i, name] of names.entries()) due[name] = Math.max(0, ...(needs[i] ?? []).map(done))
      const start = s.watch(s.app.start())
      await s.clock.advance(60 * 50)
      expect(enteredAt(s, 'start')).toEqual(due)
      const makespan = Math.max(...names.map(done))
      expect(start).toMatchObject({ state: 'resolved', at: makespan, value: { duration: makespan } })
      const path = start.value?.criticalPath ?? []
      for (const [i, name] of path.slice(1).entries()) expect(needs[names.indexOf(name)]).toContain(path[i])
      expect(path.reduce((sum, name) => sum + (takes[names.indexOf(name)] ?? 0), 0)).toBe(makespan)

      s.forget()
      const began = s.now
      const rest: Record<string, number> = {}
      for (const [i, name] of [...names.entries()].reverse()) {
        const dependents = names.filter((_, j) => j > i && needs[j]?.includes(name))
        rest[name] = Math.max(
          began,
          ...dependents.map((other) => (rest[other] ?? 0) + (takes[59 - names.indexOf(other)] ?? 0)),
        )
      }
      const stop = s.watch(s.app.stop())
      await s.clock.advance(60 * 50)
      expect(enteredAt(s, 'stop')).toEqual(rest)
      expect(stop.state).toBe('resolved')
    },
  )

  it('R12 maxConcurrentStarts is the only thing that holds back, in registration order, and says so', async () => {
    const scripts = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, { up: 10 }]))
    const s = stage(scripts, { maxConcurrentStarts: 2 })
    const start = s.watch(s.app.start())
    await s.clock.advance(5)
    expect(s.app.getServiceStatus('c')).toMatchObject({ state: 'waiting', blockedBy: [{ name: 'c', kind: 'permit' }] })
    await s.clock.advance(25)
    expect(s.hooks).toEqual(['0 a start', '0 b start', '10 c start', '10 d start', '20 e start'])
    expect(start).toMatchObject({ state: 'resolved', at: 30 })
  })

  it('R12 a service that waits for its dependency takes no start from another', async () => {
    const s = stage(
      { a: { dependsOn: ['c'], up: 10 }, b: { dependsOn: ['c'], up: 10 }, c: { up: 10 }, d: { up: 10 } },
      { maxConcurrentStarts: 1 },
    )
    const start = s.watch(s.app.start())
    await s.clock.advance(40)
    expect(s.hooks.slice(0, 2)).toEqual(['0 c start', expect.stringMatching(/^10 /)])
    expect(start).toMatchObject({ state: 'resolved', at: 40 })
  })
})

describe('shapes', () => {
  it('R12 R13 in a diamond everybody starts once and stops once', async () => {
    const s = stage({
      top: { dependsOn: ['left', 'right'], down: 1 },
      left: { dependsOn: ['base'], up: 10, down: 10 },
      right: { dependsOn: ['base'], up: 20, down: 5 },
      base: { up: 1 },
    })
    s.watch(s.app.start())
    await s.clock.advance(30)
    const stop = s.watch(s.app.stop())
    await s.clock.advance(30)
    expect([...s.hooks].sort()).toEqual([
      '0 base start',
      '1 left start',
      '1 right start',
      '21 top start',
      '30 top stop (shutdown)',
      '31 left stop (shutdown)',
      '31 right stop (shutdown)',
      '41 base stop (shutdown)',
    ])
    expect(stop).toMatchObject({ state: 'resolved', at: 41 })
  })

  it('R12 R44 a chain of a hundred thousand starts from its root and stops from its tip', async () => {
    const length = 100_000
    const tip = `s${length - 1}`
    const scripts: Record<string, Script> = {}
    // The tip is registered first, so nothing is in a convenient order.
    for (let i = length - 1; i >= 0; i -= 1) scripts[`s${i}`] = i === 0 ? {} : on(`s${i - 1}`)
    const s = stage(scripts)
    const inOrder = (hook: string, from: number, step: number) => {
      const wrong = s.hooks.findIndex((line, i) => line !== `0 s${from + i * step} ${hook}`)
      expect([s.hooks.length, wrong]).toEqual([length, -1])
    }
    const start = s.watch(s.app.start())
    await s.clock.settle()
    expect(start.state).toBe('resolved')
    inOrder('start', 0, 1)

    s.forget()
    s.the('s0').crash()
    await s.clock.settle()
    expect([s.state('s1'), s.state(tip)]).toEqual(['waiting', 'waiting'])
    expect(s.app.explain(tip).because.at(-1)).toMatchObject({ name: 's0', state: 'retrying' })
    await s.clock.advance(1_000)
    expect(s.state(tip)).toBe('running')

    s.forget()
    const stop = s.watch(s.app.stop())
    await s.clock.settle()
    expect(stop.state).toBe('resolved')
    expect([s.hooks[0], s.hooks.at(-1), s.hooks.length]).toEqual([
      `1000 ${tip} stop (shutdown)`,
      '1000 s0 stop (shutdown)',
      length,
    ])
  }, 180_000)

  it('R12 a fan of ten thousand over one root waits for that root alone', async () => {
    const leaves = Array.from({ length: 10_000 }, (_, i): [string, Script] => [`leaf${i}`, on('root')])
    const s = stage({ ...Object.fromEntries(leaves), root: { up: 10 } })
    const start = s.watch(s.app.start())
    await s.clock.advance(10)
    expect(start).toMatchObject({ state: 'resolved', at: 10 })
    expect(s.hooks.length).toBe(10_001)
  }, 20_000)
})

/** A linear congruential generator: the same numbers for the same seed. */
function lottery(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
