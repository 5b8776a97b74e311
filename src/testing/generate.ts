// Makes a scenario from a seed. Swarm style: each seed enables its own few kinds of faults, with its own weights, its own
// shape of graph and its own scale of time, so that rare combinations are not drowned by the average.
// Small scenarios mostly - what goes wrong with hundreds of services goes wrong with seven - and now and then a big one.
// The same seed gives the same scenario, for ever, as long as the files generate*.ts are not touched.

import { generateGraph } from './generate-graph.js'
import { generateListeners, generateSteps } from './generate-script.js'
import { generateServices, Hooks } from './generate-services.js'
import type { OrchestratorPlan, Scenario } from './scenario.js'
import { type Swarm, swarmOf } from './swarm.js'

export function generate(seed: number): Scenario {
  const swarm = swarmOf(seed)
  const { chance } = swarm
  const edges = generateGraph(swarm)
  const hooks = new Hooks(swarm)
  const { services, extras } = generateServices(swarm, hooks, edges)
  const steps = generateSteps(swarm, services, extras)
  const scenario: Scenario = {
    seed,
    options: optionsOf(swarm),
    services,
    extras,
    listeners: generateListeners(swarm, hooks, services),
    steps,
    rest: chance.pick(400) * swarm.scale,
    patience: 1_200_000,
  }
  if (!chance.is(0.3)) return scenario
  const options: OrchestratorPlan = { ...scenario.options, random: 'middle' }
  return coarse({ ...scenario, options }, chance.among([5, 10, 20]) * swarm.scale, '')
}

/** Fields that are times, and those that are 0 only if they were: without a backoff a crash may follow a crash in no time. */
const TIMES = new Set(['at', 'takes', 'fails', 'startDelay', 'abortGrace', 'stableAfter', 'startGrace', 'rest'])
const BOUNDS = new Set([
  'initialBackoff',
  'maxBackoff',
  'timeout',
  'interval',
  'startTimeout',
  'stopTimeout',
  'shutdownTimeout',
])

/** The same with all times on a grid: so many things happen in the same millisecond. */
function coarse<T>(value: T, grid: number, key: string): T {
  if (typeof value === 'number') {
    if (TIMES.has(key)) return (Math.round(value / grid) * grid) as T
    return BOUNDS.has(key) && value > 0 ? (Math.max(grid, Math.round(value / grid) * grid) as T) : value
  }
  if (Array.isArray(value)) return value.map((each) => coarse(each, grid, '')) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, coarse(field, grid, name)])) as T
}

function optionsOf(swarm: Swarm): OrchestratorPlan {
  const { chance, scale } = swarm
  const brisk = scale === 1
  return {
    ...(chance.is(0.25) ? { maxConcurrentStarts: chance.between(1, 3) } : {}),
    ...(chance.is(0.6) ? { maxConcurrentRetries: chance.between(1, 3) } : {}),
    ...(chance.is(0.15) ? { maxConcurrentChecks: chance.between(1, 3) } : {}),
    ...(brisk || chance.is(0.3) ? { shutdownTimeout: chance.between(50, 1_500) * scale } : {}),
    ...(brisk || chance.is(0.3) ? { startTimeout: chance.between(20, 500) * scale } : {}),
    ...(brisk || chance.is(0.3) ? { stopTimeout: chance.between(20, 300) * scale } : {}),
    ...(chance.is(0.3) ? { abortGrace: chance.between(0, 60) * scale } : {}),
    ...(brisk
      ? {
          restart: {
            initialBackoff: chance.between(1, 60),
            maxBackoff: 60 + chance.pick(300),
            stableAfter: chance.pick(600),
          },
        }
      : {}),
    ...(brisk ? { healthCheck: { interval: chance.between(10, 120), timeout: chance.between(5, 60) } } : {}),
    ...(swarm.ordered ? { order: 'registration' as const } : {}),
    ...(chance.is(0.2) ? { history: chance.pick(20) } : {}),
    random: chance.weighted([
      ['seeded', 8],
      ['middle', 2],
      ['lowest', 1],
      ['highest', 1],
      ['hostile', 1],
    ] as const),
  }
}
