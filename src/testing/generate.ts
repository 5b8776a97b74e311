// Makes a scenario from a seed. Swarm style: each seed enables its own few kinds of faults, with its own weights, its own
// shape of graph and its own scale of time, so that rare combinations are not drowned by the average.
// Small scenarios mostly - what goes wrong with hundreds of services goes wrong with seven - and now and then a big one.
// The same seed gives the same scenario, for ever, as long as the files generate*.ts are not touched.

import { generateCrowd } from './generate-crowd.js'
import { generateGraph } from './generate-graph.js'
import { Hooks } from './generate-hooks.js'
import { generateListeners, generateSteps } from './generate-script.js'
import { generateServices } from './generate-services.js'
import type { OrchestratorPlan, Scenario } from './scenario.js'
import { type Swarm, span, swarmOf } from './swarm.js'

export function generate(seed: number): Scenario {
  const swarm = swarmOf(seed)
  const hooks = new Hooks(swarm)
  if (swarm.crowd) return generateCrowd(swarm, hooks)
  const edges = generateGraph(swarm)
  const { services, extras } = generateServices(swarm, hooks, edges)
  const steps = generateSteps(swarm, services, extras)
  return {
    seed,
    options: optionsOf(swarm),
    services,
    extras,
    listeners: generateListeners(swarm, hooks, services),
    steps,
    rest: span(swarm, 0, 400),
    patience: 1_200_000,
  }
}

function optionsOf(swarm: Swarm): OrchestratorPlan {
  const { chance, scale, grid } = swarm
  const brisk = scale === 1
  return {
    ...(chance.is(0.25) ? { maxConcurrentStarts: chance.between(1, 3) } : {}),
    ...(chance.is(0.6) ? { maxConcurrentRetries: chance.between(1, 3) } : {}),
    ...(chance.is(0.15) ? { maxConcurrentChecks: chance.between(1, 3) } : {}),
    ...(brisk || chance.is(0.3) ? { shutdownTimeout: span(swarm, 50, 1_500) } : {}),
    ...(brisk || chance.is(0.3) ? { startTimeout: span(swarm, 20, 500) } : {}),
    ...(brisk || chance.is(0.3) ? { stopTimeout: span(swarm, 20, 300) } : {}),
    ...(chance.is(0.3) ? { abortGrace: span(swarm, 0, 60) } : {}),
    ...(brisk
      ? {
          restart: {
            initialBackoff: span(swarm, 1, 60),
            maxBackoff: span(swarm, 60, 360),
            stableAfter: span(swarm, 0, 600),
          },
        }
      : {}),
    ...(brisk ? { healthCheck: { interval: span(swarm, 10, 120), timeout: span(swarm, 5, 60) } } : {}),
    ...(swarm.ordered ? { order: 'registration' as const } : {}),
    ...(chance.is(0.2) ? { history: chance.pick(20) } : {}),
    // On a grid also what is jittered is exact.
    random: grid > scale ? 'middle' : chance.weighted(JITTER),
  }
}

const JITTER = [
  ['seeded', 8],
  ['middle', 2],
  ['lowest', 1],
  ['highest', 1],
  ['hostile', 1],
] as const
