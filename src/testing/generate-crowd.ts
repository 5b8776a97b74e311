// A scenario of a crowd: tens or hundreds of services that do little, but all together - a whole start, a stop, a hub that
// restarts, half of them crashing in one tick. Most changes of state of a simulation come from these; what single services
// can do to each other is tried out by the small ones.

import type { Dependency } from '../index.js'
import { edge, nameOf } from './generate-graph.js'
import type { Hooks } from './generate-hooks.js'
import type { Act, Deed, HookPlan, OrchestratorPlan, Scenario, ServicePlan, Step } from './scenario.js'
import { has, type Swarm } from './swarm.js'

/** The numbers of those that number `i` of `size` depends on, all smaller than `i`. */
type Shape = (i: number, size: number, swarm: Swarm, width: number) => readonly number[]

const SHAPES: readonly Shape[] = [
  // one chain, or several side by side
  (i, _, __, width) => (i < width ? NONE : [i - width]),
  // a star, or several
  (i, _, __, width) => (i < width ? NONE : [i % width]),
  // all of one, and one of all
  (i, size) => (i === 0 ? NONE : i < size - 1 ? [0] : range(1, i)),
  // a ladder of diamonds
  (i) => (i < 2 ? NONE : [(i & ~1) - 1, (i & ~1) - 2]),
  // a tree
  (i, _, __, width) => (i === 0 ? NONE : [Math.floor((i - 1) / (width + 1))]),
  // layers
  (i, _, { chance }, width) => {
    const below = Math.floor(i / (3 * width)) * 3 * width - 3 * width
    if (below < 0) return NONE
    const first = chance.pick(3 * width)
    const second = chance.pick(3 * width)
    return first === second ? [below + first] : [below + first, below + second]
  },
  // any, not many
  (i, _, { chance }) => (i === 0 || chance.is(0.2) ? NONE : [chance.pick(i)]),
]
const NONE: readonly number[] = []

/** Milliseconds between steps. */
const PAUSES = [0, 1, 5, 20, 100, 500, 2_000] as const

export function generateCrowd(swarm: Swarm, hooks: Hooks): Scenario {
  const { chance, size, seed } = swarm
  const shape = chance.among(SHAPES)
  const width = chance.between(1, 6)
  const odd = chance.among([0, 0.01, 0.05])
  const shared = plans(swarm)
  const services: ServicePlan[] = []
  for (let i = 0; i < size; i++)
    services.push(member(swarm, hooks, nameOf(i), shape(i, size, swarm, width), { odd, shared }))
  const extras = [0, chance.pick(size), size].map((i) =>
    member(swarm, hooks, nameOf(i), i === 0 ? NONE : [chance.pick(i)], { odd, shared }),
  )
  const steps = stepsOf(swarm, extras.length)
  return {
    seed,
    options: optionsOf(swarm),
    services,
    extras,
    listeners: [],
    steps,
    rest: chance.pick(400),
    patience: 1_200_000,
  }
}

/** Hooks that many share: they pass, after so long. */
function plans({ chance }: Swarm): readonly HookPlan[] {
  const most = chance.among([1, 1, 10, 50])
  return [
    NOTHING,
    NOTHING,
    NOTHING,
    ...[0, 1, 2].map(() => ({ acts: [{ end: 'pass', takes: chance.pick(most) } as Act] })),
  ]
}
const NOTHING: HookPlan = { acts: [] }

interface Kin {
  /** Share of services that have scripts of their own. */
  readonly odd: number
  readonly shared: readonly HookPlan[]
}

function member(swarm: Swarm, hooks: Hooks, name: string, needs: readonly number[], { odd, shared }: Kin): ServicePlan {
  const { chance } = swarm
  const dependsOn = needs
    .map((i): Dependency => (chance.is(odd) ? edge(swarm, nameOf(i)) : { name: nameOf(i) }))
    .map((each) => (each.condition === 'completed' ? { name: each.name } : each))
  const options = dependsOn.length > 0 ? { dependsOn } : {}
  if (!chance.is(odd))
    return { name, kind: 'managed', options, start: chance.among(shared), stop: chance.among(shared) }
  const kind = has(swarm, 'foreign', 0.3) ? 'foreign' : 'managed'
  const own = kind === 'managed' && has(swarm, 'aside', 0.5) ? { essential: false } : {}
  return {
    name,
    kind,
    options: { ...options, ...own },
    start: hooks.script('start', name),
    stop: hooks.script('stop', name),
    ...(kind === 'managed' && chance.is(0.3) ? { run: hooks.script('run', name) } : {}),
    ...(chance.is(0.3) ? { check: hooks.script('check', name) } : {}),
  }
}

function stepsOf(swarm: Swarm, extras: number): Step[] {
  const { chance } = swarm
  const steps: Step[] = [{ at: 0, deeds: [{ deed: 'call', call: 'start' }] }]
  let at = 0
  let isDown = false
  for (let count = chance.between(6, 14); count > 0; count--) {
    at += chance.among(PAUSES)
    const deeds: readonly Deed[] = isDown && chance.is(0.7) ? [startOf(swarm)] : deedsOf(swarm, extras)
    for (const deed of deeds)
      if (deed.deed === 'call') isDown = deed.call === 'stop' || (isDown && deed.call !== 'start')
    steps.push({ at, deeds })
  }
  return steps
}

function deedsOf(swarm: Swarm, extras: number): Deed[] {
  const { chance, size } = swarm
  // Those that many depend on have small numbers.
  const target = nameOf(chance.is(0.5) ? chance.pick(Math.min(4, size)) : chance.pick(size))
  switch (
    chance.weighted([
      ['restartService', 6],
      ['stop', 4],
      ['start', 3],
      ['stopService', 2],
      ['startService', 2],
      ['crash', 3],
      ['flip', 1],
      ['abort', swarm.weights.has('abort') ? 1 : 0],
      ['unregister', swarm.weights.has('registry') ? 0.5 : 0],
      ['replace', swarm.weights.has('replace') ? 1 : 0],
      ['register', swarm.weights.has('registry') ? 1 : 0],
      ['stall', swarm.weights.has('stalls') ? 0.5 : 0],
    ] as const)
  ) {
    case 'start':
      return [startOf(swarm)]
    case 'stop':
      return [{ deed: 'call', call: 'stop' }]
    case 'startService':
      return [{ deed: 'call', call: 'startService', target }]
    case 'stopService':
      return [{ deed: 'call', call: 'stopService', target }]
    case 'restartService':
      return [{ deed: 'call', call: 'restartService', target }]
    case 'crash': {
      // A few, or half of all, in one tick.
      const first = chance.pick(size)
      const count = chance.among([1, 4, Math.floor(size / 10), Math.floor(size / 2)])
      return range(0, count).map((i) => ({ deed: 'crash', target: nameOf((first + i) % size) }))
    }
    case 'flip':
      return [
        { deed: 'call', call: 'stop' },
        { deed: 'call', call: 'start' },
      ]
    case 'abort':
      return [
        { deed: 'call', call: 'start', signal: 'open' },
        { deed: 'hop', hops: chance.between(1, 6) },
        { deed: 'abort' },
      ]
    case 'unregister':
      return [{ deed: 'call', call: 'unregister', target: nameOf(chance.pick(size)), cascade: true }]
    case 'register':
      return [{ deed: 'call', call: 'register', target: chance.pick(extras) }]
    case 'replace':
      return [{ deed: 'call', call: 'replace', target: chance.pick(extras) }]
    case 'stall':
      return [{ deed: 'stall', ms: chance.pick(200) }]
  }
}

function startOf({ chance }: Swarm): Deed {
  const onFailure = chance.is(0.5) ? { onFailure: chance.among(['keep', 'retry'] as const) } : {}
  return { deed: 'call', call: 'start', ...onFailure }
}

function optionsOf(swarm: Swarm): OrchestratorPlan {
  const { chance } = swarm
  return {
    restart: {
      initialBackoff: chance.between(1, 60),
      maxBackoff: 60 + chance.pick(300),
      stableAfter: chance.pick(600),
    },
    healthCheck: { interval: chance.between(50, 1_000), timeout: chance.between(20, 200) },
    ...(chance.is(0.2) ? { maxConcurrentStarts: chance.between(1, 20) } : {}),
    ...(chance.is(0.4) ? { maxConcurrentRetries: chance.between(1, 50) } : {}),
    ...(chance.is(0.5) ? { shutdownTimeout: chance.between(100, 1_500) } : {}),
    startTimeout: chance.between(20, 500),
    stopTimeout: chance.between(20, 300),
    random: chance.among(['seeded', 'middle'] as const),
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
