// How the entries of hooks go in a generated scenario: what goes wrong in which hook, as far as the seed has that kind of
// fault, and in what way. Knows nothing of the services whose hooks they are.

import type { HealthStatus } from '../index.js'
import { nameOf } from './generate-graph.js'
import type { HookName } from './observation.js'
import type { Act, Deed, ErrorKind, HookPlan } from './scenario.js'
import { type Kind, type Swarm, span } from './swarm.js'

/** What can go wrong in a hook. */
const COMMON: readonly Kind[] = ['call', 'stall']
const KINDS: Readonly<Record<HookName, readonly Kind[]>> = {
  start: ['throw', 'reject', 'hang', 'slow', 'late', 'partial', 'fail', 'late-own', 'await', ...COMMON],
  run: ['ends', 'crashes', 'throw', 'deaf', 'late', ...COMMON],
  stop: ['throw', 'reject', 'hang', 'slow', 'late', ...COMMON],
  check: ['check-throw', 'check-hang', 'slow', 'unhealthy', ...COMMON],
  dispose: [],
}

const SAYS: readonly (HealthStatus | boolean)[] = [
  ...(['unhealthy', 'unhealthy', false] as const),
  ...(['degraded', 'checking', 'unknown', true] as const),
]
const ABORTS = ['heed', 'finish', 'ignore'] as const
const CALLS = [
  ['startService', 3],
  ['stopService', 3],
  ['restartService', 3],
  ['stop', 1],
  ['start', 1],
  ['unregister', 0.5],
] as const
const CLASSES = ['permanent', 'auth', 'connectivity'] as const
const WEIRD = ['undefined', 'string', 'frozen', 'proxy', 'cyclic'] as const

/** Writes the scripts of hooks. */
export class Hooks {
  readonly #swarm: Swarm
  /** What the seed has of the kinds of faults, by hook, with their weights. */
  readonly #kinds = new Map<HookName, readonly (readonly [Kind, number])[]>()
  readonly #errors: readonly (readonly [ErrorKind | undefined, number])[]

  constructor(swarm: Swarm) {
    this.#swarm = swarm
    const weight = (kind: Kind): number => swarm.weights.get(kind) ?? 0
    for (const [hook, kinds] of Object.entries(KINDS))
      this.#kinds.set(
        hook as HookName,
        kinds.filter((kind) => swarm.weights.has(kind)).map((kind) => [kind, weight(kind)]),
      )
    const weird = weight('weird') / 2
    this.#errors = [
      [undefined, 6],
      ...CLASSES.map((kind) => [kind, weight(kind)] as const),
      ...WEIRD.map((kind) => [kind, weird] as const),
      ['huge', weird / 20],
    ]
  }

  /** One to six acts; none where nothing is to happen. */
  script(hook: HookName, name: string): HookPlan {
    const { chance, peace } = this.#swarm
    const acts: Act[] = []
    for (let count = chance.between(1, 6); count > 0; count--)
      acts.push(chance.is(peace) ? this.#well(hook) : this.act(hook, name))
    return { acts }
  }

  /** Several connections in a row that fail, then one that does not. */
  unreachable(): HookPlan {
    const { chance } = this.#swarm
    const acts: Act[] = []
    for (let count = chance.between(3, 6); count > 0; count--)
      acts.push({
        end: 'reject',
        error: 'connectivity',
        ...(chance.is(0.3) ? { takes: span(this.#swarm, 0, 30), abort: chance.among(ABORTS) } : {}),
      })
    return { acts: [...acts, { end: 'pass' }] }
  }

  /** One entry that goes wrong somehow, if the seed knows how. */
  act(hook: HookName, name: string): Act {
    const { chance } = this.#swarm
    const kinds = this.#kinds.get(hook) ?? []
    if (kinds.length === 0) return this.#well(hook)
    const act = this.#wrong(chance.weighted(kinds), hook, name)
    return hook === 'start' && chance.is(0.25) ? { ...act, owns: this.#owned() } : act
  }

  /** What a hook or a listener calls. */
  deeds(name: string): Deed[] {
    const { chance, size } = this.#swarm
    const target = chance.is(0.5) ? name : nameOf(chance.pick(size))
    const call = chance.weighted(CALLS)
    const one: Deed = call === 'start' || call === 'stop' ? { deed: 'call', call } : { deed: 'call', call, target }
    return chance.is(0.15) ? [one, ...this.deeds(name)] : [one]
  }

  /** Nothing wrong; it may take its time. */
  #well(hook: HookName): Act {
    const swarm = this.#swarm
    const { chance } = swarm
    const act: { -readonly [K in keyof Act]: Act[K] } = { end: 'pass' }
    if (hook === 'start' && chance.is(0.1)) act.owns = this.#owned()
    if (hook === 'start' && chance.is(0.05)) act.status = 'on its way'
    if (hook === 'run' || chance.is(0.6)) return act
    act.takes = chance.is(0.2) ? 0 : span(swarm, 0, 30)
    if (chance.is(0.5)) act.abort = 'ignore'
    return act
  }

  #wrong(kind: Kind, hook: HookName, name: string): Act {
    const swarm = this.#swarm
    const { chance, scale } = swarm
    switch (kind) {
      case 'throw':
        return { end: 'throw', ...this.#error() }
      case 'reject':
        return { end: 'reject', takes: span(swarm, 0, 60), ...this.#error() }
      case 'hang':
      case 'check-hang':
        return { end: 'hang', abort: chance.among(ABORTS) }
      case 'slow':
        if (hook === 'check') return { end: 'pass', takes: span(swarm, 0, 90), abort: 'ignore' }
        return { end: 'pass', takes: span(swarm, 0, 400) }
      case 'late': {
        const end = chance.is(0.5) ? 'pass' : 'reject'
        return { end, takes: span(swarm, 0, 900), abort: 'ignore', ...this.#error() }
      }
      case 'check-throw':
        if (chance.is(0.3)) return { end: 'reject', takes: span(swarm, 0, 200), abort: 'ignore', ...this.#error() }
        return { end: chance.is(0.5) ? 'throw' : 'reject', ...this.#error() }
      case 'unhealthy':
        return { end: 'pass', says: chance.among(SAYS), ...(chance.is(0.2) ? { takes: span(swarm, 0, 40) } : {}) }
      case 'ends':
        return { end: 'pass', takes: span(swarm, 0, 500) }
      case 'crashes':
        return { end: 'reject', takes: span(swarm, 0, 500), ...this.#error() }
      case 'deaf':
        return { end: 'hang', abort: 'ignore' }
      case 'partial':
        return { end: chance.is(0.5) ? 'reject' : 'throw', owns: this.#owned(), ...this.#error() }
      case 'fail':
        return {
          end: 'pass',
          fails: span(swarm, 0, 150),
          ...(chance.is(0.5) ? { takes: span(swarm, 0, 60) } : {}),
          ...this.#error(),
        }
      case 'late-own':
        return { end: 'pass', takes: span(swarm, 0, 200), ownsLate: true, abort: 'ignore' }
      case 'await':
        return { end: 'pass', deeds: this.deeds(name), awaits: true, abort: chance.is(0.5) ? 'heed' : 'ignore' }
      case 'call':
        return {
          end: 'pass',
          deeds: this.deeds(name),
          ...(hook !== 'run' && chance.is(0.5) ? { takes: span(swarm, 0, 50) } : {}),
        }
      case 'stall':
        return {
          end: 'pass',
          stalls: scale + span(swarm, 0, 40),
          ...(hook === 'start' ? { takes: span(swarm, 0, 20) } : {}),
        }
      default:
        return this.#well(hook)
    }
  }

  #owned(): Act[] {
    const { chance, weights } = this.#swarm
    const owned: Act[] = []
    for (let count = chance.between(1, 3); count > 0; count--) {
      const end = weights.has('dispose') && chance.is(0.5) ? chance.among(ENDS) : undefined
      const isShort = end === undefined || end === 'throw' || end === 'hang' || chance.is(0.4)
      owned.push({ end: end ?? 'pass', ...(isShort ? {} : { takes: span(this.#swarm, 0, 150) }) })
    }
    return owned
  }

  #error(): { readonly error?: ErrorKind } {
    const error = this.#swarm.chance.weighted(this.#errors)
    return error ? { error } : {}
  }
}

const ENDS = ['pass', 'throw', 'reject', 'hang'] as const
