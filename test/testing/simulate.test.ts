import { defineService, Orchestrator, type Service } from 'keelson'
import { type SimulatedFactory, type SimulateOptions, SimulationFailure, simulate } from 'keelson/testing'
import { describe, expect, it } from 'vitest'

/** A service that is open or not, and one that needs it over an edge that forgets to say so. */
const leaky =
  (onLoss: 'stop' | 'keep'): SimulatedFactory =>
  ({ clock }) => {
    let open = 0
    const db = defineService('db', {
      start: async ({ own }) => {
        await clock.sleep(100)
        open++
        own(() => open--)
      },
      check: () => open === 1,
    })
    const api = defineService('api', { dependsOn: [{ name: 'db', onLoss }], run: untilAborted })
    return {
      services: [db, api],
      startTimeout: 5_000,
      invariants: {
        'the api is up only over an open database': ({ app }) =>
          app.getServiceStatus('api').phase !== 'active' || open === 1,
        'the database is closed at the end': ({ phase }) => phase !== 'stopped' || open === 0,
      },
    }
  }

const untilAborted = ({ signal }: { readonly signal: AbortSignal }): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))

const failureOf = async (options: SimulateOptions): Promise<SimulationFailure> => {
  const failure: unknown = await simulate(options).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(SimulationFailure)
  return failure as SimulationFailure
}

describe('simulate with services of a user', () => {
  it('R14 finds nothing where dependents stop, over seeds with every kind of injected fault', async () => {
    const { seeds, transitions, faults } = await simulate({ app: leaky('stop'), seeds: 60 })
    expect(seeds).toBe(60)
    expect(transitions).toBeGreaterThan(500)
    expect(faults).toEqual(
      expect.arrayContaining([
        'start throws',
        'start hangs',
        'start is slow',
        'crash',
        'check says unhealthy',
        'stalled loop',
      ]),
    )
  })

  it('R14 finds a dependent that keeps running without what it needs, and tells the few steps that lead there', async () => {
    const failure = await failureOf({ app: leaky('keep') })
    expect(failure.law).toBe('the api is up only over an open database')
    expect(failure.message).toContain(`seed ${failure.seed} violates: ${failure.law}`)
    expect(failure.message).toContain(`replay: simulate({ app, seed: ${failure.seed} })`)
    expect(failure.steps.length).toBeLessThanOrEqual(5)
    expect(failure.steps.at(-1)).toMatch(/^ *\d+ ms {2}calm$/)
  })

  it('its seed plays the same failure again, word for word', async () => {
    const first = await failureOf({ app: leaky('keep') })
    const again = await failureOf({ app: leaky('keep'), seed: first.seed })
    expect(again.message).toBe(first.message)
    await simulate({ app: leaky('stop'), seed: first.seed })
  })

  it('injects only the faults that are asked for', async () => {
    const { faults } = await simulate({ app: leaky('stop'), seeds: 30, faults: ['slow'] })
    expect(faults.filter((fault) => !fault.endsWith('is slow'))).toEqual([])
    expect(faults).toContain('start is slow')
  })

  it('an invariant fails by false, by a text that says why, and by a throw', async () => {
    const app =
      (invariant: () => boolean | string): SimulatedFactory =>
      () => ({
        services: [defineService('a')],
        invariants: { mine: invariant },
      })
    expect((await failureOf({ app: app(() => false) })).message).toContain('it does not hold')
    expect((await failureOf({ app: app(() => 'a is odd') })).message).toContain('a is odd')
    const throws = (): boolean => {
      throw new Error('expected even')
    }
    expect((await failureOf({ app: app(throws) })).message).toContain('expected even')
  })

  it('is told in which phase a run is, and each run has services of its own', async () => {
    const phases = new Set<string>()
    const made: Service[] = []
    const app: SimulatedFactory = () => {
      const service = defineService('a')
      made.push(service)
      return { services: [service], invariants: { seen: ({ phase }) => void phases.add(phase) } }
    }
    await simulate({ app, seeds: 3 })
    expect([...phases]).toEqual(['faults', 'calm', 'stopped'])
    expect(new Set(made).size).toBe(4)
  })

  it('its replay names the faults that were asked for, since they are part of what a seed means', async () => {
    const app = leaky('keep')
    const failure = await failureOf({ app, faults: ['fail', 'crash'] })
    const [, faults, seed] = /replay: simulate\(\{ app, faults: \[(.*)\], seed: (\d+) \}\)$/.exec(failure.message) ?? []
    expect(faults).toBe("'fail', 'crash'")
    expect((await failureOf({ app, faults: ['fail', 'crash'], seed: Number(seed) })).message).toBe(failure.message)
  })

  it('R7 finds a service that does not come up although nothing is injected: its hook hangs, waits for the host, or fails', async () => {
    const app =
      (start: () => unknown): SimulatedFactory =>
      () => ({ services: [defineService('a', { start, startTimeout: 100, restart: { initialBackoff: 1 } })] })
    for (const start of [
      () => new Promise(() => {}),
      () => new Promise((resolve) => setTimeout(resolve, 5).unref()),
      () => Promise.reject(new Error('no such host')),
    ]) {
      const failure = await failureOf({ app: app(start), seeds: 3 })
      expect(failure.law).toBe('R7 once faults stop, every service of the application comes up')
      expect(failure.message).toContain('yet a is failed')
      expect(failure.steps).toHaveLength(1)
    }
    expect((await failureOf({ app: () => ({ services: [defineService('a', { dependsOn: ['b'] })] }) })).law).toMatch(
      /^R7/,
    )
  })

  it('R7 grants what has ended of itself, and what nobody starts', async () => {
    const app: SimulatedFactory = ({ clock }) => ({
      services: [
        defineService('job', { run: () => clock.sleep(50) }),
        defineService('manual', { autoStart: false, start: () => clock.sleep(5) }),
      ],
    })
    expect((await simulate({ app, seeds: 40 })).seeds).toBe(40)
  })

  it('an invariant that gives a promise does not hold, whatever the promise comes to', async () => {
    const app = ((promise: () => Promise<unknown>) => () => ({
      services: [defineService('a')],
      invariants: { later: promise },
    })) as unknown as (promise: () => Promise<unknown>) => SimulatedFactory
    expect((await failureOf({ app: app(async () => true) })).message).toContain('an invariant answers at once')
    const refused = app(() => Promise.reject(new Error('nobody hears this')))
    expect((await failureOf({ app: refused })).message).toContain('an invariant answers at once')
  })

  it('works for a class, for an orchestrator inside another one, and for real errors of the hooks', async () => {
    const app: SimulatedFactory = ({ clock, random }) => {
      const inner = new Orchestrator({ clock, random, services: [defineService('deep')] })
      const flaky = defineService('flaky', {
        start: () => {
          if (random() < 0.3) throw new Error('bad luck')
        },
        restart: { maxRetries: 0, initialBackoff: 10, maxBackoff: 100 },
      })
      return { services: [inner.asService('inner', { dependsOn: ['flaky'] }), flaky] }
    }
    expect((await simulate({ app, seeds: 40 })).transitions).toBeGreaterThan(200)
  })
})

describe('simulate with generated services', () => {
  it('plays whole scenarios, and the same ones each time', async () => {
    const report = await simulate({ seeds: 15 })
    expect(report.transitions).toBeGreaterThan(500)
    expect(await simulate({ seeds: 15 })).toEqual(report)
    expect(await simulate({ seed: 7 })).toEqual(await simulate({ from: 7, seeds: 1 }))
  })
})

describe('R51 simulate refuses with CONFIG_INVALID, before anything is played', () => {
  const app: SimulatedFactory = () => ({ services: [] })
  it.each<[string, unknown, string]>([
    ['no object', 3, 'simulate() - options is 3; pass an object'],
    ['an unknown option', { sedes: 3 }, 'sedes is no option'],
    ['no factory', { app: {} }, 'app is an object; pass a function'],
    ['no seeds', { seeds: 0 }, 'seeds is 0; pass a whole number, 1 or more'],
    ['half a seed', { seed: 1.5 }, 'seed is 1.5; pass a whole number, 0 or more'],
    ['a first seed below 0', { from: -1 }, 'from is -1'],
    ['a seed beside seeds', { seed: 1, seeds: 2 }, 'seeds is without effect beside seed'],
    ['a seed beside from', { seed: 1, from: 2 }, 'from is without effect beside seed'],
    ['faults without an app', { faults: ['hang'] }, 'faults is without effect'],
    ['no list of faults', { app, faults: 'hang' }, 'faults is hang; pass an array'],
    ['an unknown fault', { app, faults: ['flood'] }, 'faults[0] is flood; pass one of fail'],
  ])('%s', async (_, options, message) => {
    const refused = simulate(options as SimulateOptions)
    await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) })
  })

  const a = (): Service => defineService('a')
  it.each<[string, () => unknown, string]>([
    ['a factory that makes nothing', () => undefined, 'app gives undefined; return { services, … }'],
    ['one that is asynchronous', async () => ({ services: [a()] }), 'app gives a promise'],
    ['one without services', () => ({ services: [] }), 'app gives no services'],
    ['one whose services are no array', () => ({ services: new Set([a()]) }), 'app gives no services'],
    ['one with a clock', () => ({ services: [a()], clock: {} }), 'app gives a clock; leave it out'],
    ['one with a registry', () => ({ services: [a()], registry: {} }), 'app gives a registry; leave it out'],
    [
      'invariants that are a list',
      () => ({ services: [a()], invariants: [() => true] }),
      'invariants that are no object',
    ],
    ['an invariant that is none', () => ({ services: [a()], invariants: { x: true } }), "an invariant 'x'"],
  ])('%s', async (_, made, message) => {
    const refused = simulate({ app: made as SimulatedFactory, seeds: 3 })
    await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) })
  })

  it('a factory that makes other services the next time, when it does', async () => {
    let made = 0
    const refused = simulate({ app: () => ({ services: ++made < 3 ? [a()] : [a(), defineService('b')] }) })
    await expect(refused).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'simulate() - app gives a, b this time, and a before; make the same services each time',
    })
  })

  it('a factory that throws, with what it throws', async () => {
    const error = new Error('no database')
    const throws = (): never => {
      throw error
    }
    await expect(simulate({ app: throws })).rejects.toBe(error)
  })

  it('a service that keelson did not make, with SERVICE_INVALID', async () => {
    for (const [foreign, named] of [
      [{ name: 'foreign' }, "'foreign'"],
      [null, 'null'],
    ]) {
      const refused = simulate({ app: () => ({ services: [foreign as unknown as Service] }) })
      await expect(refused).rejects.toMatchObject({
        code: 'SERVICE_INVALID',
        message: expect.stringContaining(named as string),
      })
    }
  })
})
