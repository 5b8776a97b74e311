/**
 * A storm: seven services that need each other at random, and everything that can be asked of them in any order.
 * The services themselves watch that nothing happens to them that must not.
 */
import type { Dependency, Service, StartContext } from 'keelson'
import { defineService } from 'keelson'
import { type Stage, stage, type Watched } from './laws2.js'

/** A linear congruential generator: the same storm for the same seed. */
export class Lottery {
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
  /** True once in so many. */
  once(n: number): boolean {
    return this.below(n) === 0
  }
}

export const NAMES: readonly string[] = Array.from({ length: 7 }, (_, i) => `s${i}`)
const FOR_EVER = Number.POSITIVE_INFINITY
/** In a wild storm one of them ends of itself, and others wait for that. */
const JOB = 's1'

interface StormOptions {
  /** With hooks that ignore their signal, bounded waits, checks, a job, aborted and bounded calls, calls from inside. */
  readonly wild?: boolean
}

export class Storm {
  readonly s: Stage
  readonly wrongs: string[] = []
  readonly promises: [string, Watched<unknown>][] = []
  /** From now on everybody behaves. */
  calm = false
  readonly #random: Lottery
  readonly #wild: boolean
  /** Who has an instance, and its edges. */
  readonly #live = new Map<string, readonly Dependency[]>()
  readonly #fail = new Map<string, StartContext['fail']>()
  /** Whose start has succeeded, and who has not crashed since: those who are stopped in order. */
  readonly #sound = new Set<string>()
  /** Start hooks that have not settled, by name. */
  readonly #starting = new Map<string, StartContext['fail']>()

  constructor(seed: number, { wild = false }: StormOptions = {}) {
    this.#random = new Lottery(seed)
    this.#wild = wild
    const limits = wild && this.#random.once(2) ? { maxConcurrentStarts: 2, maxConcurrentRetries: 1 } : {}
    this.s = stage({}, limits)
    // Whoever comes under the same name later is somebody else, and knows nothing of hooks that were abandoned.
    this.s.app.on('unregistered', ({ name }) => {
      this.#starting.delete(name)
      this.#live.delete(name)
    })
    if (!wild) return
    this.s.app.on('state', () => {
      if (!this.calm && this.#random.once(60)) this.act()
    })
  }

  #edges(name: string): Dependency[] {
    const random = this.#random
    return NAMES.slice(0, NAMES.indexOf(name)).flatMap((other): Dependency[] => {
      if (!random.once(3)) return []
      const onLoss = random.of(['stop', 'stop', 'keep'] as const)
      const optional = random.once(3)
      const condition = random.of(['started', 'healthy'] as const)
      if (!this.#wild) return [{ name: other, optional, condition, timeout: FOR_EVER, onLoss }]
      const wait = random.once(2)
        ? { timeout: FOR_EVER }
        : { timeout: 30, onTimeout: random.of(['fail', 'warn', 'continue'] as const) }
      if (other === JOB && random.once(2)) return [{ name: other, optional, condition: 'completed', ...wait }]
      return [{ name: other, optional, condition: other === JOB ? 'started' : condition, onLoss, ...wait }]
    })
  }

  /** A service that needs some of those before it. */
  make(name: string): Service {
    const random = this.#random
    const { clock } = this.s
    const dependsOn = this.#edges(name)
    const [up, down] = [random.below(4) * 7, random.below(4) * 7]
    const isDeaf = this.#wild && random.once(5)
    const isSlow = this.#wild && random.once(6)
    const isChecked = this.#wild && random.once(3)
    let fails = random.once(4) ? random.below(3) : 0
    return defineService(name, {
      dependsOn,
      essential: random.below(3) > 0,
      restart: { initialBackoff: 5 + random.below(40), maxRetries: this.#wild ? random.below(3) : 0, jitter: 0 },
      startDelay: random.once(4) ? 11 : 0,
      ...(this.#wild && { startTimeout: 60, stopTimeout: 40, abortGrace: 5 }),
      start: async ({ signal, fail }) => {
        this.#enter(name, dependsOn, fail)
        if (this.#wild && !this.calm && random.once(20)) this.act()
        try {
          if (isDeaf && !this.calm) await clock.sleep(random.below(120))
          else await this.s.pause(up, signal)
          if (!this.calm && fails-- > 0) throw new Error(`${name} fails`)
          if (!signal.aborted) this.#sound.add(name)
        } finally {
          if (this.#starting.get(name) === fail) this.#starting.delete(name)
        }
      },
      ...(this.#wild &&
        name === JOB && { run: ({ signal }: StartContext) => this.s.pause(5 + random.below(60), signal) }),
      stop: async () => {
        this.#leave(name)
        await clock.sleep(isSlow && !this.calm ? random.below(90) : down)
        if (this.#live.get(name) === dependsOn) this.#live.delete(name)
      },
      ...(isChecked && {
        healthCheck: {
          interval: 20,
          timeout: 10,
          failureThreshold: 1,
          onUnhealthy: random.of(['restart', 'report'] as const),
        },
        check: () => {
          if (this.calm || !random.once(6)) return 'healthy'
          this.#sound.delete(name)
          return 'unhealthy'
        },
      }),
    })
  }

  #enter(name: string, edges: readonly Dependency[], fail: StartContext['fail']): void {
    const { app, now } = this.s
    if (this.#starting.has(name)) this.wrongs.push(`${now} ${name} starts while it starts`)
    if (this.#live.has(name)) this.wrongs.push(`${now} a second instance of ${name}`)
    this.#starting.set(name, fail)
    this.#live.set(name, edges)
    this.#fail.set(name, fail)
    for (const { name: other, optional, timeout, onTimeout, condition } of edges) {
      if (optional || (timeout !== FOR_EVER && onTimeout !== 'fail')) continue
      const there = app.registry.has(other) ? app.getServiceStatus(other) : undefined
      const isJob = this.#wild && other === JOB
      if (there?.phase === 'active' && (condition !== 'healthy' || there.health === 'healthy')) continue
      if (isJob && there !== undefined) continue
      this.wrongs.push(`${now} ${name} starts while ${other} is ${there?.state} ${there?.health}`)
    }
  }

  #leave(name: string): void {
    const { now } = this.s
    if (!this.#live.has(name)) this.wrongs.push(`${now} ${name} is stopped and has no instance`)
    const isOrderly = this.#sound.delete(name)
    this.#fail.delete(name)
    if (!isOrderly || this.#wild) return
    for (const [other, edges] of this.#live) {
      if (edges.find((edge) => edge.name === name)?.onLoss !== 'stop') continue
      this.wrongs.push(`${now} ${name} is stopped under ${other}`)
    }
  }

  watch(what: string, promise: Promise<unknown>): void {
    this.promises.push([`${this.s.now} ${what}`, this.s.watch(promise)])
  }

  #crash(name: string): void {
    this.#sound.delete(name)
    this.#fail.get(name)?.(new Error('crash'))
  }

  #limits(): { signal?: AbortSignal; timeout?: number } {
    if (!this.#wild || !this.#random.once(3)) return {}
    if (this.#random.once(2)) return { timeout: 1 + this.#random.below(60) }
    const controller = new AbortController()
    this.s.clock.setTimeout(() => controller.abort('enough'), this.#random.below(40))
    return { signal: controller.signal }
  }

  /** One thing happens. */
  act(): void {
    const { app } = this.s
    const random = this.#random
    const name = random.of(NAMES)
    const onFailure = random.of(['keep', 'rollback', 'retry'] as const)
    const limits = this.#limits()
    const acts: [chance: number, what: string, act: () => Promise<unknown> | undefined][] = [
      [3, 'start', () => app.startService(name, { onFailure, ...limits })],
      [2, 'stop', () => app.stopService(name, limits)],
      [1, 'restart', () => app.restartService(name, limits)],
      [2, 'crash', () => this.#crash(name) as undefined],
      [1, 'unregister', () => app.unregister(name, { cascade: random.once(2) })],
      [1, 'register', () => app.register(this.make(name))],
      [1, 'replace', () => app.replace(this.make(name), limits)],
      [1, 'start all for', () => app.start({ onFailure, ...limits })],
      [1, 'stop all for', () => (random.once(4) ? app.stop(limits) : undefined)],
    ]
    const [, what, act] = random.of(acts.flatMap((one) => Array<(typeof acts)[number]>(one[0]).fill(one)))
    const promise = act()
    if (promise) this.watch(`${what} ${name} ${JSON.stringify(limits)}`, promise)
  }

  pending(): string[] {
    return this.promises.flatMap(([what, { state }]) => (state === 'pending' ? [what] : []))
  }

  /** Who is moving though nothing moves, or waits without a reason that holds. */
  unexplained(): string[] {
    const { app } = this.s
    return app.getAllServices().flatMap(({ name, state, phase, blockedBy = [] }) => {
      if (phase === 'moving') return [`${name} is ${state}`]
      if (phase !== 'pending') return []
      const idle = blockedBy.filter((cause) => {
        if (cause.kind === 'missing') return app.registry.has(cause.name)
        if (cause.kind !== 'dependency') return true
        const there = app.registry.has(cause.name) ? app.getServiceStatus(cause.name) : undefined
        return there?.phase === 'active' && there.health === 'healthy' && cause.name !== JOB
      })
      return idle.length > 0 || blockedBy.length === 0 ? [`${name} is ${state}, for ${JSON.stringify(blockedBy)}`] : []
    })
  }
}
