/** Deals blocks of seeds to workers, and adds up what comes back in the order of the seeds, whoever was faster. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { Coverage } from '../../src/testing/coverage.js'
import { LAWS } from '../../src/testing/laws.js'
import type { BlockResult, Failure } from './block.js'
import type { SimOptions } from './options.js'

/** Small enough for the first failure to come soon, big enough to cost nothing. */
const BLOCK = 20
/** Seconds that a worker may need for one block before it counts as hanging. */
const PATIENCE = 600
/** What a worker that hangs or dies has violated; no use in replaying that here. */
export const ENDS = 'the simulation of a seed comes to its end'

/** What a campaign has seen so far. */
export interface Totals {
  seeds: number
  transitions: number
  /** Of all seeds: two runs that played the same saw the same if these are equal. */
  digest: number
  readonly coverage: Coverage
  readonly failures: Failure[]
  /** Milliseconds measured in each law. */
  readonly spent: number[]
}

/** Plays until the limits are reached or, unless told to keep going, a law is violated; `tell` is told now and then. */
export async function campaign(options: SimOptions, tell: (totals: Totals) => void): Promise<Totals> {
  const { start, seeds, transitions, milliseconds, workers, keepGoing } = options
  const until = performance.now() + milliseconds
  const totals: Totals = {
    ...{ seeds: 0, transitions: 0, digest: 0 },
    ...{ coverage: new Coverage(), failures: [], spent: LAWS.map(() => 0) },
  }
  const early = new Map<number, BlockResult>()
  let dealt = 0
  let added = 0
  const isOver = (): boolean =>
    totals.transitions >= transitions || performance.now() > until || (totals.failures.length > 0 && !keepGoing)

  const deal = (): Block | undefined => {
    const count = Math.min(BLOCK, seeds - dealt * BLOCK)
    if (count <= 0 || isOver()) return undefined
    return { from: start + dealt * BLOCK, count, number: dealt++ }
  }
  const take = (number: number, result: BlockResult): void => {
    totals.failures.push(...result.failures)
    early.set(number, result)
    for (let next = early.get(added); next; next = early.get(++added)) {
      early.delete(added)
      // What was played beyond the limit, since another worker was not there yet, does not count.
      if (totals.transitions < transitions) add(totals, next)
    }
    tell(totals)
  }

  const folder = mkdtempSync(join(tmpdir(), 'keelson-sim-'))
  try {
    const outfile = join(folder, 'worker.mjs')
    const entry = new URL('worker.ts', import.meta.url).pathname
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
    const current = new Float64Array(new SharedArrayBuffer(8 * workers)).fill(Number.NaN)
    await Promise.all(Array.from({ length: workers }, (_, slot) => work(outfile, { current, slot }, deal, take)))
  } finally {
    await Promise.all([...alive].map((worker) => worker.terminate()))
    rmSync(folder, { recursive: true, force: true })
  }
  totals.failures.sort((a, b) => a.seed - b.seed)
  return totals
}

interface Block {
  readonly number: number
  readonly from: number
  readonly count: number
}

function add(totals: Totals, { seeds, transitions, digest, coverage, spent }: BlockResult): void {
  totals.seeds += seeds
  totals.transitions += transitions
  totals.digest = (Math.imul(totals.digest, 31) + digest) >>> 0
  totals.coverage.add(coverage)
  for (const [i, each] of spent.entries()) totals.spent[i]! += each
}

const alive = new Set<Worker>()

/** One worker: gets block after block, until there is none. Where it ends too early another one goes on after its block. */
function work(
  file: string,
  workerData: { readonly current: Float64Array; readonly slot: number },
  deal: () => Block | undefined,
  take: (number: number, result: BlockResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData })
    alive.add(worker)
    worker.on('exit', () => alive.delete(worker))
    let watch: NodeJS.Timeout | undefined
    let block: Block | undefined
    const next = (): void => {
      clearTimeout(watch)
      block = deal()
      if (block === undefined) return void worker.terminate().then(() => resolve())
      watch = setTimeout(() => lose(new Error(`it does not within ${PATIENCE} s`)), PATIENCE * 1_000)
      worker.postMessage(block)
    }
    worker.on('message', (result: BlockResult) => {
      if (block) take(block.number, result)
      next()
    })
    const lose = (cause: Error): void => {
      clearTimeout(watch)
      const seed = workerData.current[workerData.slot] ?? Number.NaN
      if (block === undefined || Number.isNaN(seed)) return reject(cause)
      const failures = [{ seed, law: ENDS, message: cause.message, at: 0 }]
      const nothing = { seeds: 0, transitions: 0, digest: 0, coverage: new Coverage().counts(), spent: [] }
      void worker.terminate().then(() => {
        take(block?.number ?? 0, { ...nothing, failures })
        resolve(work(file, workerData, deal, take))
      })
    }
    worker.on('error', lose)
    next()
  })
}
