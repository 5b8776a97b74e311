// The services of a generated scenario: what they declare, and how the entries of their hooks go.
// Every service starts from a peaceful one and gets what the seed has of faults.

import type { RestartOptions } from '../index.js'
import { type Edges, edge, nameOf } from './generate-graph.js'
import { Hooks } from './generate-hooks.js'
import type { HookPlan, ServicePlan } from './scenario.js'
import { has, type Swarm, span } from './swarm.js'

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
  return { services: !swarm.ordered && chance.is(0.5) ? chance.shuffled(fixed) : fixed, extras }
}

function service(
  swarm: Swarm,
  hooks: Hooks,
  name: string,
  dependsOn: ServicePlan['options']['dependsOn'],
): ServicePlan {
  const { chance } = swarm
  const kind = has(swarm, 'foreign', 0.25) ? 'foreign' : has(swarm, 'nested', 0.15) ? 'nested' : 'managed'
  const runs = kind === 'managed' && chance.is(0.5)
  const checks = kind !== 'nested' && chance.is(has(swarm, 'unhealthy') ? 0.6 : 0.2)
  const options: Mutable<ServicePlan['options']> = {
    ...(dependsOn && dependsOn.length > 0 ? { dependsOn } : {}),
    ...restart(swarm),
    ...(has(swarm, 'delays', 0.4) ? { startDelay: span(swarm, 0, 60) } : {}),
    ...(chance.is(0.2) ? { startTimeout: span(swarm, 10, 300) } : {}),
    ...(chance.is(0.2) ? { stopTimeout: span(swarm, 10, 200) } : {}),
    ...(chance.is(0.15) ? { abortGrace: span(swarm, 0, 50) } : {}),
    ...(has(swarm, 'aside', 0.3) ? { essential: false } : {}),
    ...(has(swarm, 'aside', 0.3) ? { autoStart: false } : {}),
    ...(has(swarm, 'remote', 0.4) ? { remote: true } : {}),
    ...(checks && kind === 'managed' ? { healthCheck: healthCheck(swarm) } : {}),
  }
  if (kind === 'nested') {
    const quiet = { ...swarm, weights: new Map([...swarm.weights].filter(([each]) => INNER.has(each))) }
    const within = new Hooks(quiet)
    const inner = [0, 1].map((i) => service(quiet, within, `${name}.${i}`, i === 1 ? [`${name}.0`] : []))
    const { startTimeout: _, stopTimeout: __, ...rest } = options
    return { name, kind, options: rest, start: NOTHING, stop: NOTHING, inner }
  }
  // What cannot be reached, again and again, is `unreachable` in the end.
  const isFar = kind === 'managed' && options.remote === true && has(swarm, 'connectivity', 0.4)
  if (isFar) options.restart = { ...options.restart, policy: 'on-failure', maxRetries: chance.between(3, 6) }
  return {
    name,
    kind,
    options: kind === 'foreign' ? (options.dependsOn ? { dependsOn: options.dependsOn } : {}) : options,
    start: isFar ? hooks.unreachable() : hooks.script('start', name),
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
  if (roll < 0.5)
    return { restart: { initialBackoff: 0, maxRetries: chance.between(1, 3), stableAfter: span(swarm, 10, 10) } }
  const initialBackoff = span(swarm, 1, 50)
  return {
    restart: {
      ...(chance.is(0.4) ? { policy: chance.among(['on-failure', 'always', 'always'] as const) } : {}),
      ...(chance.is(0.6) ? { maxRetries: chance.among([0, 0, 1, 2, 3]) } : {}),
      initialBackoff,
      maxBackoff: initialBackoff + span(swarm, 0, 200),
      ...(chance.is(0.4) ? { multiplier: chance.among([1, 1.5, 2, 10]) } : {}),
      // Not all of it: a backoff that is jittered away for ever is none, and virtual time would stand still.
      ...(chance.is(0.5) ? { jitter: chance.among([0, 0, 0.1, 0.9]) } : {}),
      stableAfter: span(swarm, 0, 500),
    },
  }
}

function healthCheck(swarm: Swarm): NonNullable<ServicePlan['options']['healthCheck']> {
  const { chance } = swarm
  return {
    interval: span(swarm, 10, 120),
    timeout: span(swarm, 5, 60),
    ...(chance.is(0.25) ? { startGrace: span(swarm, 0, 50) } : {}),
    ...(chance.is(0.7) ? { failureThreshold: chance.between(1, 3) } : {}),
    ...(chance.is(0.3) ? { successThreshold: chance.between(1, 3) } : {}),
    ...(chance.is(0.3) ? { onUnhealthy: chance.among(['restart', 'report'] as const) } : {}),
  }
}
