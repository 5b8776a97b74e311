/**
 * R3 R11 R13 R48 R49: whatever is asked in whatever order - start, stop, restart, remove, replace, crash - no name ever has two
 * instances, nobody starts against what is not there, nobody is stopped under those who need it, and in the end all is as asked.
 */
import { type Dependency, defineService, type Service, type StartContext } from 'keelson'
import { expect, it } from 'vitest'
import { type Stage, stage, type Watched } from '../support/laws2.js'

/** A linear congruential generator: the same storm for the same seed. */
class Lottery {
  #state: number
  constructor(seed: number) {
    this.#state = seed * 7_919 + 17
  }
  below(n: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((this.#state / 2 ** 32) * n)
  }
  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }
}

const COUNT = 7
const NAMES = Array.from({ length: COUNT }, (_, i) => `s${i}`)

/** What the services themselves see. */
class Storm {
  readonly s: Stage = stage({}, { maxConcurrentStarts: Number.POSITIVE_INFINITY })
  readonly wrongs: string[] = []
  readonly promises: [string, Watched<unknown>][] = []
  readonly #random: Lottery
  /** Who has an instance, and its edges. */
  readonly #live = new Map<string, readonly Dependency[]>()
  readonly #fail = new Map<string, StartContext['fail']>()
  /** Whose start has succeeded, and who has not crashed since: those who are stopped in order. */
  readonly #sound = new Set<string>()

  constructor(seed: number) {
    this.#random = new Lottery(seed)
  }

  /** A service that needs some of those before it. */
  make(name: string): Service {
    const random = this.#random
    const { clock, app } = this.s
    const dependsOn = NAMES.slice(0, NAMES.indexOf(name)).flatMap((other): Dependency[] => {
      if (random.below(3) > 0) return []
      const onLoss = random.of(['stop', 'stop', 'keep'] as const)
      return [
        {
          name: other,
          optional: random.below(3) === 0,
          condition: random.of(['started', 'healthy']),
          timeout: Number.POSITIVE_INFINITY,
          onLoss,
        },
      ]
    })
    const [up, down] = [random.below(4) * 7, random.below(4) * 7]
    let fails = random.below(4) === 0 ? random.below(3) : 0
    return defineService(name, {
      dependsOn,
      essential: random.below(3) > 0,
      restart: { initialBackoff: 5 + random.below(40), maxRetries: 0, jitter: 0 },
      startDelay: random.below(4) === 0 ? 11 : 0,
      start: async ({ signal, fail }) => {
        if (this.#live.has(name)) this.wrongs.push(`${this.s.now} a second instance of ${name}`)
        this.#live.set(name, dependsOn)
        this.#fail.set(name, fail)
        for (const edge of dependsOn) {
          if (edge.optional) continue
          const there = app.registry.has(edge.name) ? app.getServiceStatus(edge.name).phase : 'absent'
          if (there !== 'active') this.wrongs.push(`${this.s.now} ${name} starts while ${edge.name} is ${there}`)
        }
        await this.s.pause(up, signal)
        if (fails-- > 0) throw new Error(`${name} fails`)
        this.#sound.add(name)
      },
      stop: async ({ reason }) => {
        if (!this.#live.has(name)) this.wrongs.push(`${this.s.now} ${name} is stopped and has no instance`)
        const isOrderly = this.#sound.delete(name)
        for (const [other, edges] of this.#live) {
          const edge = edges.find((one) => one.name === name)
          if (edge?.onLoss !== 'stop' || !isOrderly) continue
          this.wrongs.push(`${this.s.now} ${name} is stopped (${reason}) under ${other}`)
        }
        this.#fail.delete(name)
        await clock.sleep(down)
        this.#live.delete(name)
      },
    })
  }

  watch(what: string, promise: Promise<unknown>): void {
    this.promises.push([`${this.s.now} ${what}`, this.s.watch(promise)])
  }

  #crash(name: string): void {
    this.#sound.delete(name)
    this.#fail.get(name)?.(new Error('crash'))
  }

  /** One thing happens. */
  act(): void {
    const { app } = this.s
    const random = this.#random
    const name = random.of(NAMES)
    const onFailure = random.of(['keep', 'rollback', 'retry'] as const)
    const acts: [chance: number, what: string, act: () => Promise<unknown> | undefined][] = [
      [3, 'start', () => app.startService(name, { onFailure })],
      [2, 'stop', () => app.stopService(name)],
      [1, 'restart', () => app.restartService(name)],
      [2, 'crash', () => this.#crash(name) as undefined],
      [1, 'unregister', () => app.unregister(name, { cascade: random.below(2) === 0 })],
      [1, 'register', () => app.register(this.make(name))],
      [1, 'replace', () => app.replace(this.make(name))],
      [1, 'start all for', () => app.start({ onFailure: random.below(2) === 0 ? 'keep' : 'rollback' })],
      [1, 'stop all for', () => (random.below(4) === 0 ? app.stop() : undefined)],
    ]
    const [, what, act] = random.of(acts.flatMap((one) => Array<(typeof acts)[number]>(one[0]).fill(one)))
    const promise = act()
    if (promise) this.watch(`${what} ${name}`, promise)
  }

  pending(): string[] {
    return this.promises.flatMap(([what, { state }]) => (state === 'pending' ? [what] : []))
  }
}

/** States as they are, and for those who wait what they say they wait for. */
function unexplained({ app }: Stage): string[] {
  return app.getAllServices().flatMap(({ name, state, phase, blockedBy = [] }) => {
    if (phase === 'moving') return [`${name} is ${state}`]
    if (phase !== 'pending') return []
    const idle = blockedBy.filter((cause) => {
      if (cause.kind === 'missing') return app.registry.has(cause.name)
      if (cause.kind !== 'dependency') return true
      return app.registry.has(cause.name) && app.getServiceStatus(cause.name).phase === 'active'
    })
    return idle.length > 0 || blockedBy.length === 0 ? [`${name} is ${state}, for ${JSON.stringify(blockedBy)}`] : []
  })
}

it.each(Array.from({ length: 200 }, (_, seed) => seed))(
  'R3 R11 R13 R48 R49 a storm of intents leaves order behind (seed %i)',
  async (seed) => {
    const storm = new Storm(seed)
    const { s } = storm
    const random = new Lottery(seed + 1_000)
    for (const name of NAMES) storm.watch(`register ${name}`, s.app.register(storm.make(name)))
    storm.watch('start', s.app.start({ onFailure: 'keep' }))
    for (let i = 0; i < 60; i += 1) {
      for (let k = random.below(3); k >= 0; k -= 1) storm.act()
      await s.clock.advance(random.of([0, 1, 3, 7, 20, 100]))
    }
    await s.clock.advance(3_600_000)
    expect(storm.wrongs).toEqual([])
    expect(unexplained(s)).toEqual([])

    // The storm is over: everybody who is asked by name comes up.
    for (const name of NAMES)
      if (!s.app.registry.has(name)) storm.watch(`register ${name}`, s.app.register(storm.make(name)))
    for (const name of NAMES) storm.watch(`start ${name}`, s.app.startService(name))
    await s.clock.advance(3_600_000)
    expect(s.app.getAllServices().filter(({ phase }) => phase !== 'active')).toEqual([])
    expect([storm.wrongs, storm.pending()]).toEqual([[], []])
    const { services } = s.app.snapshot()
    expect(services.map(({ name }) => name).sort()).toEqual(NAMES)

    storm.watch('stop', s.app.stop())
    await s.clock.advance(60_000)
    expect([storm.wrongs, storm.pending(), s.clock.pending]).toEqual([[], [], 0])
  },
)
