// Who is measured. The peers need what is installed in this folder; the rest does not.

import type { Contestant } from '../contestant.js'

/** The two yardsticks and keelson. */
export const OWN: readonly string[] = ['floor', 'floor-objects', 'keelson']

/** Other libraries that start and stop things in order. */
export const PEERS: readonly string[] = ['avvio', 'systemic', 'effect', 'nest', 'moleculer', 'cordis', 'p-graph']

/** How many services a peer is put to at most, wide or with edges, and why no more: tried, and left out for good. */
export const LIMITS: Readonly<Record<string, { readonly wide: number; readonly edges: number; readonly why: string }>> =
  {
    avvio: { wide: 10_000, edges: 10_000, why: 'at 100 000 it takes minutes' },
    systemic: { wide: 1_000, edges: 1_000, why: 'quadratic: at 10 000 one start takes longer than 25 s' },
    effect: { wide: 100_000, edges: 10_000, why: 'with edges, 100 000 take 10 s' },
    nest: { wide: 100_000, edges: 1_000, why: 'a module for each: at 10 000 one start takes longer than 25 s' },
    moleculer: {
      wide: 10_000,
      edges: 0,
      why: 'at 100 000 a start takes 30 s; stops all at once, so with edges it fails the check of the order',
    },
    cordis: { wide: 100, edges: 100, why: 'quadratic: 1.5 ms per service at 1 000, where a chain overflows its stack' },
    'p-graph': { wide: 10_000, edges: 100_000, why: 'a wide graph of 100 000 takes 10 s' },
  }

/** The peers that can be put to a graph. */
export function peersFor(shape: string, count: number): string[] {
  return PEERS.filter((name) => {
    const limit = LIMITS[name]
    return limit === undefined || count <= (shape === 'wide' ? limit.wide : limit.edges)
  })
}

/** They are plain JavaScript, as what they need is not there for who checks types; what measures is compiled elsewhere. */
const peers = new URL(import.meta.url.endsWith('.ts') ? '../peers/' : '../../../peers/', import.meta.url)

/** Loads one; nothing of the others. */
export async function contestant(name: string): Promise<Contestant> {
  const from = OWN.includes(name) ? `./${name}.js` : new URL(`${name}.mjs`, peers).href
  return ((await import(from)) as { contestant: Contestant }).contestant
}
