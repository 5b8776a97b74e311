/** Whatever the graph, the hooks and the calls: bounds are kept, everything settles, nothing comes back (R29, R31-R34, R48). */
import { describe, expect, it } from 'vitest'
import { fail, hang, type Outcome, type Part, type Stage, stage, untilAborted } from '../support/laws4.js'

const SHUTDOWN = 400

interface Dice {
  int(n: number): number
  one<T>(of: readonly T[]): T
  chance(p: number): boolean
}

/** A random source of its own for each seed. */
function dice(seed: number): Dice {
  let state = (seed * 2_654_435_761) >>> 0
  const int = (n: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  return { int, one: (of) => of[int(of.length)]!, chance: (p) => int(1_000) < p * 1_000 }
}

let open = true
let ticks = 0
function inside({ app, watch, clock }: Stage, k: number): unknown {
  if (!open || ticks++ > 60) return undefined
  const all = app.getAllServices()
  const name = all[(ticks * 7 + k) % all.length]!.name
  const calls = [() => app.startService(name), () => app.stopService(name), () => app.restartService(name), () => app.stop(), () => app.start(), () => app.unregister(name, { cascade: true }).then(() => 0)]
  const p = calls[(k + ticks) % 6]!() as Promise<unknown>
  watch(p)
  if (k % 3 === 0) return p
  if (k % 3 === 1) return clock.sleep(10).then(() => p.catch(() => 0))
  return undefined
}

/** A hook of some behaviour, good or bad. */
function behaviour({ int, one }: Dice): (context: { signal: AbortSignal }, stage: Stage) => unknown {
  const ms = int(60)
  const good: Part['stop'][] = [() => undefined, (_, { clock }) => clock.sleep(ms)]
  const bad: Part['stop'][] = [
    fail,
    (_, { clock }) => clock.sleep(ms).then(fail),
    hang,
    untilAborted,
    (context, { clock }) => untilAborted(context).then(() => clock.sleep(ms)),
    (_, { clock }) => clock.sleep(700), // later than everybody waits
    (_, s) => inside(s, 0), (_, s) => inside(s, 1), (_, s) => inside(s, 2), (_, s) => inside(s, 3), (_, s) => inside(s, 4), (_, s) => inside(s, 5), (_, s) => inside(s, 6),
  ]
  return one([...good, ...good, ...good, ...bad]) as ReturnType<typeof behaviour>
}

/** What happened to all instances: hooks that were entered, hooks in flight, rules that were broken. */
class Witness {
  readonly entered: string[] = []
  readonly broken: string[] = []
  readonly #inFlight = new Map<string, number>()
  readonly #lives = new Map<string, number>()
  #instances = 0

  /** One more service of this name, with random behaviour; a `newcomer` has nothing to do with its predecessor. */
  part(name: string, earlier: readonly string[], die: Dice, newcomer: boolean): Part {
    const { int, one, chance } = die
    const id = `${name}/${this.#instances++}`
    if (newcomer) this.#lives.set(name, (this.#lives.get(name) ?? 0) + 1)
    const life = `${name} ${this.#lives.get(name)}`
    const of = Array.from({ length: 4 }, () => ({
      start: behaviour(die),
      run: behaviour(die),
      stop: behaviour(die),
    }))
    const dependsOn = earlier.flatMap((to) =>
      chance(0.6)
        ? []
        : {
            name: to,
            timeout: 30 + int(300),
            optional: chance(0.2),
            condition: one(['started', 'healthy'] as const),
            onTimeout: one(['fail', 'warn', 'continue'] as const),
          },
    )
    const backoff = { initialBackoff: int(50), maxRetries: int(4) }
    return {
      dependsOn,
      essential: chance(0.8),
      autoStart: chance(0.8),
      startTimeout: 40 + int(200),
      stopTimeout: 40 + int(300),
      restart: chance(0.2) ? { policy: 'never' } : { policy: one(['on-failure', 'always']), ...backoff },
      start: (context, s) => {
        this.entered.push(`${id} ${context.epoch} start`)
        if (this.#inFlight.get(life)) this.broken.push(`${s.now()} ${id} starts while a hook is unsettled`)
        if (chance(0.2)) context.own(one([() => undefined, hang, fail]))
        if (chance(0.1)) context.fail(new Error('by itself'))
        return this.#watch(life, () => of[context.epoch % 4]!.start(context, s))
      },
      ...(chance(0.5) && { run: (context, s) => this.#watch(life, () => of[context.epoch % 4]!.run(context, s)) }),
      stop: (context, s) => {
        this.entered.push(`${id} ${context.epoch} stop`)
        return this.#watch(life, () => of[context.epoch % 4]!.stop(context, s))
      },
    }
  }

  async #watch(life: string, hook: () => unknown): Promise<void> {
    const count = (by: number) => this.#inFlight.set(life, (this.#inFlight.get(life) ?? 0) + by)
    count(1)
    try {
      await hook()
    } finally {
      count(-1)
    }
  }

  /** Each entered onStart without its onStop, or the other way round. */
  unpaired(): string[] {
    const ended = (what: string) =>
      this.entered.filter((line) => line.endsWith(what)).map((line) => line.replace(/ \w+$/, ''))
    const [starts, stops] = [ended('start'), ended('stop')]
    return [...starts.filter((one) => !stops.includes(one)), ...stops.filter((one) => !starts.includes(one))]
  }
}

interface Call {
  text: string
  outcome: Outcome
  latest: number
}

/** Calls something, and knows by when that must have settled. */
function call(s: Stage, names: readonly string[], witness: Witness, die: Dice): Call {
  const { app } = s
  const { int, one, chance } = die
  const name = one(names)
  const timeout = 1 + int(200)
  const onFailure = one(['rollback', 'keep', 'retry'] as const)
  const caller = new AbortController()
  const options = { timeout, ...(chance(0.3) && { signal: caller.signal }) }
  const fresh = (newcomer: boolean) =>
    s.make(name, witness.part(name, names.slice(0, names.indexOf(name)), die, newcomer))
  const all: (() => [string, Promise<unknown>, number])[] = [
    () => [`start ${onFailure}`, app.start({ ...options, onFailure }), timeout + SHUTDOWN],
    () => [`start ${name} ${onFailure}`, app.startService(name, { ...options, onFailure }), timeout + SHUTDOWN],
    () => [`start ${name}`, app.startService(name, options), timeout + SHUTDOWN],
    () => [`restart ${name}`, app.restartService(name, options), timeout + SHUTDOWN],
    () => [`stop ${name}`, app.stopService(name, options), timeout],
    () => ['stop', app.stop(options), timeout],
  ]
  const rare: typeof all = [
    () => [`unregister ${name}`, app.unregister(name, { cascade: true }), SHUTDOWN],
    () => [`register ${name}`, app.register(fresh(true)), 0],
    () => [`register ${name}`, app.register(fresh(true)), 0],
    () => [`replace ${name}`, app.replace(fresh(false), options), timeout + 2 * SHUTDOWN],
  ]
  const [text, made, bound] = one(chance(0.15) ? rare : all)()
  if (options.signal) s.clock.setTimeout(() => caller.abort(new Error('enough')), int(150))
  return { text: `${s.now()} ${text} within ${timeout}`, outcome: s.watch(made), latest: s.now() + bound }
}

describe('x', () => {
  it.each(Array.from({ length: 4000 }, (_, i) => i + 1))(
    'R31 R32 R33 R34 R48 bounds are kept and all is at rest: %i',
    async (seed) => {
      const die = dice(seed)
    open = true
    ticks = 0
      const witness = new Witness()
      const names = Array.from({ length: 2 + die.int(6) }, (_, i) => `s${i}`)
      const parts = names.map((name, i) => [name, witness.part(name, names.slice(0, i), die, true)])
      const s = stage(Object.fromEntries(parts), { shutdownTimeout: SHUTDOWN })
      const calls: Call[] = []
      for (let i = 0; i < 4 + die.int(16); i++) {
        for (let n = 0; n < 1 + die.int(3); n++) calls.push(call(s, names, witness, die))
        await s.clock.advance(die.int(120))
      }
      open = false
    const end = s.watch(s.app.stop({ timeout: 300 }))
      await s.clock.advance(300)

      expect(end.how).not.toBe('pending')
      expect(s.app.getAllServices().filter(({ phase }) => phase !== 'idle')).toEqual([])
      const last = witness.entered.length
      await s.clock.advance(100_000)
      expect(witness.entered.slice(last)).toEqual([])
      expect(calls.filter(({ outcome, latest }) => outcome.at === undefined || outcome.at > latest)).toEqual([])
      expect([witness.unpaired(), witness.broken]).toEqual([[], []])
      expect(new Set(witness.entered).size).toBe(witness.entered.length)
      expect(s.clock.pending).toBe(0)
    },
  )
})
