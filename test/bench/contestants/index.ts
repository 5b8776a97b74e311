// Who is measured. The peers need what is installed in this folder; the rest does not.

import type { Contestant } from '../contestant.js'

/** The two yardsticks and keelson. */
export const OWN: readonly string[] = ['floor', 'floor-objects', 'keelson']

/** Other libraries that start and stop things in order. */
export const PEERS: readonly string[] = ['avvio', 'systemic', 'effect', 'nest', 'moleculer', 'cordis', 'p-graph']

/** What a peer is not put to, and why: tried, and left out for good. */
export const LIMITS: Readonly<
  Record<string, { readonly most: number; readonly wideOnly?: boolean; readonly why: string }>
> = {
  avvio: { most: 10_000, why: 'at 100 000 it takes minutes' },
  systemic: { most: 1_000, why: 'quadratic: at 10 000 one start takes longer than 25 s' },
  nest: { most: 1_000, why: 'at 10 000 modules one start takes longer than 25 s' },
  moleculer: { most: 10_000, wideOnly: true, why: 'stops all at once, so it fails the check of the order of a stop' },
  cordis: { most: 100, why: 'quadratic: 1.5 ms per service at 1 000, where a chain overflows its stack' },
}

/** The peers that can be put to a graph. */
export function peersFor(shape: string, count: number): string[] {
  return PEERS.filter((name) => {
    const limit = LIMITS[name]
    if (limit === undefined || (name === 'nest' && shape === 'wide')) return true
    return count <= limit.most && !(limit.wideOnly && shape !== 'wide')
  })
}

/** They are plain JavaScript, as what they need is not there for who checks types; what measures is compiled elsewhere. */
const peers = new URL(import.meta.url.endsWith('.ts') ? '../peers/' : '../../../peers/', import.meta.url)

/** Loads one; nothing of the others. */
export async function contestant(name: string): Promise<Contestant> {
  const from = OWN.includes(name) ? `./${name}.js` : new URL(`${name}.mjs`, peers).href
  return ((await import(from)) as { contestant: Contestant }).contestant
}
