// What one seed of the simulator is about: its size, its scale of time, the kinds of faults that it has and how often.
// Read by the generators, changed by none of them.

import { Chance } from './chance.js'

/** What one seed is about. */
export interface Swarm {
  readonly seed: number
  readonly chance: Chance
  readonly size: number
  /** Tens or hundreds of services, which do little but do it all together. */
  readonly crowd: boolean
  /** Milliseconds in which things happen: 1 for a scenario in milliseconds, 100 for the library's own defaults. */
  readonly scale: number
  /** All times are multiples of it: on a coarse one many things happen in the same millisecond. */
  readonly grid: number
  /** Kinds of faults that this seed has, and how often. */
  readonly weights: ReadonlyMap<Kind, number>
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

/** A kind of fault that a seed may have. */
export type Kind = (typeof KINDS)[number]

/** The swarm of a seed. */
export function swarmOf(seed: number): Swarm {
  const chance = new Chance(seed)
  const crowd = chance.is(1 / 8)
  const scale = chance.is(0.12) && !crowd ? 100 : 1
  return {
    seed,
    chance,
    crowd,
    size: crowd ? crowdOf(chance) : sizeOf(chance),
    scale,
    grid: chance.is(0.3) ? chance.among([5, 10, 20]) * scale : scale,
    weights: weightsOf(chance),
    ordered: chance.is(0.1),
    peace: chance.among([0.2, 0.5, 0.7, 0.85, 0.95]),
  }
}

/** Whether the seed has a kind of fault, and then whether it happens here. */
export function has(swarm: Swarm, kind: Kind, probability = 1): boolean {
  return swarm.weights.has(kind) && swarm.chance.is(probability)
}

/** A time between two of the seed's scale, on its grid; 0 only if the least is. */
export function span({ chance, scale, grid }: Swarm, least: number, most: number): number {
  const exact = chance.between(least, most) * scale
  return grid === scale ? exact : Math.max(least > 0 ? grid : 0, Math.round(exact / grid) * grid)
}

function sizeOf(chance: Chance): number {
  const roll = chance.float()
  if (roll < 0.1) return chance.between(1, 2)
  return roll < 0.75 ? chance.between(3, 9) : chance.between(7, 14)
}

function crowdOf(chance: Chance): number {
  const roll = chance.float()
  if (roll < 0.9) return chance.between(60, 300)
  return roll < 0.998 ? chance.between(300, 600) : chance.between(1_000, 3_000)
}

function weightsOf(chance: Chance): ReadonlyMap<Kind, number> {
  const share = chance.among([0.1, 0.3, 0.5, 0.8])
  const weights = new Map<Kind, number>()
  if (chance.is(0.03)) return weights
  for (const kind of KINDS) if (chance.is(share)) weights.set(kind, chance.between(1, 8))
  return weights
}
