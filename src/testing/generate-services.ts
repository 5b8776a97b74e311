// The services of a generated scenario: what they declare, and how the entries of their hooks go.
// Every service starts from a peaceful one and gets what the seed has of faults.

import type { HealthStatus, RestartOptions } from '../index.js'
import { type Edges, edge, nameOf } from './generate-graph.js'
import type { HookName } from './observation.js'
import type { Act, Deed, ErrorKind, HookPlan, ServicePlan } from './scenario.js'
import { has, type Swarm } from './swarm.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export function generateServices(
  swarm: Swarm,
  hooks: Hooks,
  edges: Edges,
): { readonly services: ServicePlan[]; readonly extras: ServicePlan[] } {
  const { chance, size } = swarm
  const services = edges.map((dependsOn, i) => service(swarm, hooks, nameOf(i), dependsOn))
  // A wait for completion is refused towards what never ends.
  const ends = new Set(edges.flat().flatMap(({ name, condition }) => (condition === 'completed' ? [name] : [])))
  const fixed = services.map((plan) =>
    ends.has(plan.name) && plan.kind === 'managed' && !plan.run
      ? { ...plan, run: hooks.script('run', plan.name) }
      : plan,
  )
  const extras: ServicePlan[] = []
  if (has(swarm, 'registry')) {
    for (let i = 0; i < 3; i++) {
      const name = nameOf(chance.pick(size + 2))
      const dependsOn = chance.is(0.6) ? [edge(swarm, nameOf(chance.pick(size)))] : []
      extras.push(
        service(
          swarm,
          hooks,
          name,
          dependsOn.filter((each) => each.name !== name),
        ),
      )
    }
  }
  if (has(swarm, 'replace')) {
    for (let i = 0; i < 3; i++) {
      const plan = chance.among(fixed)
      const dependsOn = chance.is(0.8) ? (plan.options.dependsOn ?? []) : []
      const remote = plan.options.remote ?? false
      const made = service(swarm, hooks, plan.name, dependsOn)
      const ended = ends.has(plan.name) && chance.is(0.9) && !made.run ? { run: hooks.script('run', plan.name) } : {}
      extras.push({ ...made, ...ended, options: { ...made.options, ...(chance.is(0.95) ? { remote } : {}) } })
    }
  }
  if (!swarm.ordered && chance.is(0.5)) fixed.sort(() => chance.float() - 0.5)
  return { services: fixed, extras }
}

function service(
  swarm: Swarm,
  hooks: Hooks,
  name: string,
  dependsOn: ServicePlan['options']['dependsOn'],
): ServicePlan {
  const { chance, scale } = swarm
  const kind = has(swarm, 'foreign', 0.25) ? 'foreign' : has(swarm, 'nested', 0.15) ? 'nested' : 'managed'
  const runs = kind === 'managed' && chance.is(0.5)
  const checks = kind !== 'nested' && chance.is(has(swarm, 'unhealthy') ? 0.6 : 0.2)
  const options: Mutable<ServicePlan['options']> = {
    ...(dependsOn && dependsOn.length > 0 ? { dependsOn } : {}),
    ...restart(swarm),
    ...(has(swarm, 'delays', 0.4) ? { startDelay: chance.pick(60) * scale } : {}),
    ...(chance.is(0.2) ? { startTimeout: chance.between(10, 300) * scale } : {}),
    ...(chance.is(0.2) ? { stopTimeout: chance.between(10, 200) * scale } : {}),
    ...(chance.is(0.15) ? { abortGrace: chance.between(0, 50) * scale } : {}),
    ...(has(swarm, 'aside', 0.3) ? { essential: false } : {}),
    ...(has(swarm, 'aside', 0.3) ? { autoStart: false } : {}),
    ...(has(swarm, 'remote', 0.4) ? { remote: true } : {}),
    ...(checks && kind === 'managed' ? { healthCheck: healthCheck(swarm) } : {}),
  }
  if (kind === 'nested') {
    const inner = [0, 1].map((i) => {
      const plan = service(
        { ...swarm, weights: new Map([...swarm.weights].filter(([each]) => INNER.has(each))) },
        hooks,
        `${name}.${i}`,
        i === 1 ? [`${name}.0`] : [],
      )
      return plan
    })
    const { startTimeout: _, stopTimeout: __, ...rest } = options
    return { name, kind, options: rest, start: NOTHING, stop: NOTHING, inner }
  }
  return {
    name,
    kind,
    options: kind === 'foreign' ? (options.dependsOn ? { dependsOn: options.dependsOn } : {}) : options,
    start: hooks.script('start', name),
    stop: hooks.script('stop', name),
    ...(runs ? { run: hooks.script('run', name) } : {}),
    ...(checks ? { check: hooks.script('check', name) } : {}),
  }
}

const NOTHING: HookPlan = { acts: [] }
/** What may go wrong inside a nested orchestrator: its hooks call nobody. */
const INNER = new Set([
  'throw',
  'reject',
  'slow',
  'hang',
  'partial',
  'crashes',
  'ends',
  'fail',
  'unhealthy',
  'delays',
  'weird',
])

function restart(swarm: Swarm): { readonly restart?: RestartOptions } {
  const { chance, scale } = swarm
  const roll = chance.float()
  if (roll < 0.35 && scale === 1) return {}
  if (roll < 0.45) return { restart: { policy: 'never' } }
  // Without a backoff it must come to an end some other way, or it never does.
  if (roll < 0.5) return { restart: { initialBackoff: 0, maxRetries: chance.between(1, 3), stableAfter: 10 * scale } }
  const initialBackoff = chance.between(1, 50) * scale
  return {
    restart: {
      ...(chance.is(0.4) ? { policy: chance.among(['on-failure', 'always', 'always'] as const) } : {}),
      ...(chance.is(0.6) ? { maxRetries: chance.among([0, 0, 1, 2, 3]) } : {}),
      initialBackoff,
      maxBackoff: initialBackoff + chance.pick(200) * scale,
      ...(chance.is(0.4) ? { multiplier: chance.among([1, 1.5, 2, 10]) } : {}),
      ...(chance.is(0.5) ? { jitter: chance.among([0, 0, 0.1, 1]) } : {}),
      stableAfter: chance.pick(500) * scale,
    },
  }
}

function healthCheck(swarm: Swarm): NonNullable<ServicePlan['options']['healthCheck']> {
  const { chance, scale } = swarm
  return {
    interval: chance.between(10, 120) * scale,
    timeout: chance.between(5, 60) * scale,
    ...(chance.is(0.25) ? { startGrace: chance.pick(50) * scale } : {}),
    ...(chance.is(0.7) ? { failureThreshold: chance.between(1, 3) } : {}),
    ...(chance.is(0.3) ? { successThreshold: chance.between(1, 3) } : {}),
    ...(chance.is(0.3) ? { onUnhealthy: chance.among(['restart', 'report'] as const) } : {}),
  }
}

/** Writes the scripts of hooks. */
export class Hooks {
  readonly #swarm: Swarm

  constructor(swarm: Swarm) {
    this.#swarm = swarm
  }

  /** One to six acts; none where nothing is to happen. */
  script(hook: HookName, name: string): HookPlan {
    const { chance, peace } = this.#swarm
    const acts = Array.from({ length: chance.between(1, 6) }, () =>
      chance.is(peace) ? this.#well(hook) : this.act(hook, name),
    )
    return { acts }
  }

  /** One entry that goes wrong somehow, if the seed knows how. */
  act(hook: HookName, name: string): Act {
    const { chance } = this.#swarm
    const options = this.#options(hook, name)
    if (options.length === 0) return this.#well(hook)
    const act = chance.weighted(options)()
    const owns = hook === 'start' && chance.is(0.25) ? { owns: this.#owned() } : {}
    return { ...act, ...owns }
  }

  /** What a hook or a listener calls. */
  deeds(name: string): Deed[] {
    const { chance, size } = this.#swarm
    const target = chance.is(0.5) ? name : nameOf(chance.pick(size))
    const call = chance.weighted([
      ['startService', 3],
      ['stopService', 3],
      ['restartService', 3],
      ['stop', 1],
      ['start', 1],
      ['unregister', 0.5],
    ] as const)
    const one: Deed = call === 'start' || call === 'stop' ? { deed: 'call', call } : { deed: 'call', call, target }
    return chance.is(0.15) ? [one, ...this.deeds(name)] : [one]
  }

  /** Nothing wrong; it may take its time. */
  #well(hook: HookName): Act {
    const { chance, scale } = this.#swarm
    const owns = {
      ...(hook === 'start' && chance.is(0.1) ? { owns: this.#owned() } : {}),
      ...(hook === 'start' && chance.is(0.05) ? { status: 'on its way' } : {}),
    }
    if (hook === 'run' || chance.is(0.6)) return { end: 'pass', ...owns }
    return {
      end: 'pass',
      takes: (chance.is(0.2) ? 0 : chance.pick(30)) * scale,
      ...(chance.is(0.5) ? { abort: 'ignore' as const } : {}),
      ...owns,
    }
  }

  #options(hook: HookName, name: string): (readonly [() => Act, number])[] {
    const { chance, scale, weights } = this.#swarm
    const takes = (most: number): number => chance.pick(most) * scale
    const error = (): { readonly error?: ErrorKind } => this.#error()
    const options: (readonly [() => Act, number])[] = []
    const add = (kind: string, act: () => Act): void => {
      const weight = weights.get(kind)
      if (weight) options.push([act, weight])
    }
    if (hook === 'check') {
      add('check-throw', () => ({ end: chance.among(['throw', 'reject'] as const), ...error() }))
      add('check-hang', () => ({ end: 'hang', abort: chance.among(['heed', 'ignore', 'finish'] as const) }))
      add('slow', () => ({ end: 'pass', takes: takes(90), abort: 'ignore' }))
      const says: readonly (HealthStatus | boolean)[] = [
        'unhealthy',
        'unhealthy',
        false,
        'degraded',
        'checking',
        'unknown',
        true,
      ]
      add('unhealthy', () => ({
        end: 'pass',
        says: chance.among(says),
        ...(chance.is(0.2) ? { takes: takes(40) } : {}),
      }))
    } else if (hook === 'run') {
      add('ends', () => ({ end: 'pass', takes: takes(500) }))
      add('crashes', () => ({ end: 'reject', takes: takes(500), ...error() }))
      add('throw', () => ({ end: 'throw', ...error() }))
      add('deaf', () => ({ end: 'hang', abort: 'ignore' }))
      add('late', () => ({ end: chance.among(['pass', 'reject'] as const), takes: takes(900), abort: 'ignore' }))
    } else {
      add('throw', () => ({ end: 'throw', ...error() }))
      add('reject', () => ({ end: 'reject', takes: takes(60), ...error() }))
      add('hang', () => ({ end: 'hang', abort: chance.among(['heed', 'finish', 'ignore'] as const) }))
      add('slow', () => ({ end: 'pass', takes: takes(400) }))
      add('late', () => ({
        end: chance.among(['pass', 'reject'] as const),
        takes: takes(900),
        abort: 'ignore',
        ...error(),
      }))
    }
    if (hook === 'start') {
      add('partial', () => ({ end: chance.among(['reject', 'throw'] as const), owns: this.#owned(), ...error() }))
      add('fail', () => ({
        end: 'pass',
        fails: takes(150),
        ...(chance.is(0.5) ? { takes: takes(60) } : {}),
        ...error(),
      }))
      add('late-own', () => ({ end: 'pass', takes: takes(200), ownsLate: true, abort: 'ignore' }))
      add('await', () => ({
        end: 'pass',
        deeds: this.deeds(name),
        awaits: true,
        abort: chance.among(['heed', 'ignore'] as const),
      }))
    }
    add('call', () => ({
      end: 'pass',
      deeds: this.deeds(name),
      ...(chance.is(0.5) && hook !== 'run' ? { takes: takes(50) } : {}),
    }))
    add('stall', () => ({ end: 'pass', stalls: 1 + takes(40), ...(hook === 'start' ? { takes: takes(20) } : {}) }))
    return options
  }

  #owned(): Act[] {
    const { chance, scale, weights } = this.#swarm
    return Array.from({ length: chance.between(1, 3) }, (): Act => {
      if (!weights.has('dispose') || chance.is(0.5)) return { end: 'pass' }
      const end = chance.among(['pass', 'throw', 'reject', 'hang'] as const)
      return {
        end,
        ...(end === 'throw' || end === 'hang' || chance.is(0.4) ? {} : { takes: chance.pick(150) * scale }),
      }
    })
  }

  #error(): { readonly error?: ErrorKind } {
    const { chance, weights } = this.#swarm
    const kinds: (readonly [ErrorKind | undefined, number])[] = [[undefined, 6]]
    for (const kind of ['permanent', 'auth', 'connectivity'] as const) kinds.push([kind, weights.get(kind) ?? 0])
    for (const kind of ['undefined', 'string', 'frozen', 'proxy', 'cyclic'] as const)
      kinds.push([kind, (weights.get('weird') ?? 0) / 2])
    kinds.push(['huge', (weights.get('weird') ?? 0) / 40])
    const error = chance.weighted(kinds)
    return error ? { error } : {}
  }
}
