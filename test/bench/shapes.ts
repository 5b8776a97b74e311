// The graphs that services are put in, as lists of indices: who depends on whom. A dependency always has a lower index,
// so counting up is a correct start order. No randomness but that of a seed.

export type Shape = 'wide' | 'chain' | 'layers' | 'star'
export const SHAPES: readonly Shape[] = ['wide', 'chain', 'layers']

const LAYERS = 10
const EDGES_PER_LAYERED = 3

/** The dependencies of service `i` of `count`. `layers`: ten of them, three edges from each service to the layer below. */
export function dependencies(shape: Shape, i: number, count: number): number[] {
  if (shape === 'wide' || i === 0) return []
  if (shape === 'star') return [0]
  if (shape === 'chain') return [i - 1]
  const width = Math.ceil(count / LAYERS)
  const layer = Math.floor(i / width)
  if (layer === 0) return []
  const below = (layer - 1) * width
  const found = new Set<number>()
  for (let edge = 0; edge < EDGES_PER_LAYERED; edge++) found.add(below + ((i * 7 + edge * 31) % width))
  return [...found]
}

/** Edges of a whole graph. */
export function edges(shape: Shape, count: number): number[][] {
  return Array.from({ length: count }, (_, i) => dependencies(shape, i, count))
}

/** A random acyclic graph: each service depends on up to `most` of the `window` before it. */
export function randomGraph(random: () => number, count: number, most: number, window: number): number[][] {
  return Array.from({ length: count }, (_, i) => {
    const found = new Set<number>()
    const wanted = Math.floor(random() * (most + 1))
    for (let edge = 0; edge < wanted && i > 0; edge++) found.add(i - 1 - Math.floor(random() * Math.min(window, i)))
    return [...found]
  })
}

/** Numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
