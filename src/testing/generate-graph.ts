// The graph of a generated scenario: who depends on whom, in one of a few shapes that programs have, and over which edges.
// Services are numbered in an order in which no edge goes forward, so there is no cycle; registration may shuffle them.

import type { Condition, Dependency } from '../index.js'
import { has, type Swarm, span } from './swarm.js'

/** What one service depends on. */
export type Edges = readonly (readonly Dependency[])[]

/** The name of a service by its number. */
export const nameOf = (index: number): string => `s${index}`

/** Pairs of numbers, the dependent first. */
type Shape = (swarm: Swarm) => (readonly [number, number])[]

const SHAPES: readonly Shape[] = [
  // a chain
  ({ size }) => range(1, size).map((i) => [i, i - 1]),
  // a star: all depend on one
  ({ size }) => range(1, size).map((i) => [i, 0]),
  // and its mirror: one depends on all
  ({ size }) => range(0, size - 1).map((i) => [size - 1, i]),
  // a ladder of diamonds
  ({ size }) => range(2, size).flatMap((i) => [[i, (i & ~1) - 1] as const, [i, (i & ~1) - 2] as const]),
  // layers
  ({ size, chance }) => {
    const width = chance.between(2, 4)
    return range(width, size).flatMap((i) =>
      range(0, width).flatMap((k) => {
        const to = Math.floor(i / width) * width - width + k
        return chance.is(0.5) ? [[i, to] as const] : []
      }),
    )
  },
  // any
  ({ size, chance }) => {
    const density = chance.among([0.15, 0.3, 0.6]) * Math.min(1, 8 / size)
    return range(1, size).flatMap((i) => range(0, i).flatMap((j) => (chance.is(density) ? [[i, j] as const] : [])))
  },
  // none
  () => [],
]

export function generateGraph(swarm: Swarm): Edges {
  const shape = swarm.chance.weighted([
    ...SHAPES.slice(0, 5).map((each) => [each, 2] as const),
    [SHAPES[5] as Shape, 6],
    [SHAPES[6] as Shape, 0.6],
  ])
  const edges: Dependency[][] = Array.from({ length: swarm.size }, () => [])
  for (const [from, to] of shape(swarm)) if (to >= 0) edges[from]?.push(edge(swarm, nameOf(to)))
  // Now and then a name that is not there, or not yet: one of the extras.
  if (swarm.chance.is(0.06)) {
    const from = swarm.chance.pick(swarm.size)
    edges[from]?.push({ ...edge(swarm, nameOf(swarm.size)), optional: swarm.chance.is(0.7) })
  }
  return edges
}

/** An edge to a name; what it declares is up to the seed. */
export function edge(swarm: Swarm, name: string): Dependency {
  const { chance, scale } = swarm
  const condition: Condition | undefined = has(swarm, 'conditions', 0.5)
    ? chance.among(['started', 'healthy', 'completed'] as const)
    : undefined
  const timeout = has(swarm, 'edge-timeouts', 0.5) ? span(swarm, 10, 500) : scale === 1 ? 2_000 : undefined
  const optional = has(swarm, 'optional', 0.4)
  return {
    name,
    ...(condition ? { condition } : {}),
    ...(optional ? { optional } : {}),
    ...(timeout === undefined ? {} : { timeout }),
    ...(has(swarm, 'edge-timeouts', 0.4) ? { onTimeout: chance.among(['fail', 'warn', 'continue'] as const) } : {}),
    ...(condition !== 'completed' && has(swarm, 'optional', 0.3)
      ? { onLoss: chance.among(['stop', 'keep'] as const) }
      : {}),
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
