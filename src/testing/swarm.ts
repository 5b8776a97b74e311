// What one seed of the simulator is about: its size, its scale of time, the kinds of faults that it has and how often.
// Read by the generators, changed by none of them.

import { Chance } from './chance.js'

/** What one seed is about. */
export interface Swarm {
  readonly chance: Chance
  readonly size: number
  /** Milliseconds in which things happen: 1 for a scenario in milliseconds, 100 for the library's own defaults. */
  readonly scale: number
  /** Kinds of faults that this seed has, and how often. */
  readonly weights: ReadonlyMap<string, number>
  /** `order: 'registration'`: so services are registered in an order of dependencies. */
  readonly ordered: boolean
  /** Probability that an entry of a hook is no fault. */
  readonly peace: number
}

/** The kinds of faults that a seed may have. */
const KINDS = [
  'throw',
  'reject',
  'hang',
  'slow',
  'late',
  'partial',
  'fail',
  'call',
  'await',
  'stall',
  'weird',
  'permanent',
  'auth',
  'connectivity',
  'ends',
  'crashes',
  'deaf',
  'dispose',
  'late-own',
  'unhealthy',
  'check-hang',
  'check-throw',
  'listen',
  'crash',
  'stalls',
  'jump',
  'abort',
  'timeout',
  'registry',
  'replace',
  'burst',
  'hop',
  'foreign',
  'nested',
  'release',
  'conditions',
  'optional',
  'edge-timeouts',
  'delays',
  'remote',
  'aside',
  'dispose-app',
] as const

type Kind = (typeof KINDS)[number]

/** The swarm of a seed. */
export function swarmOf(seed: number): Swarm {
  const chance = new Chance(seed)
  return {
    chance,
    size: sizeOf(chance),
    scale: chance.is(0.12) ? 100 : 1,
    weights: weightsOf(chance),
    ordered: chance.is(0.1),
    peace: chance.among([0.2, 0.5, 0.7, 0.85, 0.95]),
  }
}

/** Whether the seed has a kind of fault, and then whether it happens here. */
export function has(swarm: Swarm, kind: Kind, probability = 1): boolean {
  return swarm.weights.has(kind) && swarm.chance.is(probability)
}

function sizeOf(chance: Chance): number {
  const roll = chance.float()
  if (roll < 0.1) return chance.between(1, 2)
  if (roll < 0.75) return chance.between(3, 9)
  if (roll < 0.985) return chance.between(7, 14)
  if (roll < 0.9985) return chance.between(20, 80)
  return roll < 0.9999 ? chance.between(100, 300) : chance.between(600, 1_500)
}

function weightsOf(chance: Chance): ReadonlyMap<string, number> {
  const share = chance.among([0.1, 0.3, 0.5, 0.8])
  const weights = new Map<string, number>()
  if (chance.is(0.03)) return weights
  for (const kind of KINDS) if (chance.is(share)) weights.set(kind, chance.between(1, 8))
  return weights
}
