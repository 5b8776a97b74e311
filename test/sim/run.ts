/**
 * `npm run sim`: plays generated scenarios on all cores and checks every law. One minute, unless told otherwise.
 *
 *     npm run sim -- --seeds 10000 --seed-start 1      so many seeds; the totals do not depend on the number of workers
 *     npm run sim -- --minutes 10                      so long
 *     npm run sim -- --transitions 2000000             until so many changes of state were seen
 *     npm run sim -- --seed 4711                       one seed, told line by line, and shrunk if it fails
 *     npm run sim -- --keep-going                      counts all failures by law, instead of ending at the first
 *     npm run sim -- --workers 1
 *
 * The seeds that once failed, test/sim/seeds.json, are played first, always.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { Coverage } from '../../src/testing/coverage.js'
import { generate } from '../../src/testing/generate.js'
import { LAWS } from '../../src/testing/laws.js'
import type { Scenario } from '../../src/testing/scenario.js'
import { shrink } from '../../src/testing/shrink.js'
import { failureText } from '../../src/testing/story.js'
import { type BlockResult, catchAll, type Failure, trial } from './block.js'
import { lineOf } from './lines.js'

/** A seed that once failed, the scenario it was then, and what it had found. */
interface Once {
  readonly seed: number
  readonly rule: string
  readonly what: string
  readonly scenario?: Scenario
}

const BLOCK = 40
/** Seconds that a worker may need for one block before it counts as hanging. */
const PATIENCE = 300

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    'seed-start': { type: 'string', default: '1' },
    minutes: { type: 'string' },
    transitions: { type: 'string' },
    workers: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
})

function number(name: 'seed' | 'seeds' | 'seed-start' | 'minutes' | 'transitions' | 'workers'): number | undefined {
  const text = values[name]
  if (text === undefined) return undefined
  const value = Number(text)
  if (value >= 0) return value
  console.error(`--${name} is '${text}'; pass a number`)
  process.exit(2)
}

const release = catchAll()
const failed =
  (await regressions()) || (values.seed === undefined ? await campaign() : await replay(number('seed') ?? 0))
release()
process.exitCode = failed ? 1 : 0

/** The seeds that once failed. Returns whether one does again. */
async function regressions(): Promise<boolean> {
  const list: Once[] = JSON.parse(readFileSync(new URL('seeds.json', import.meta.url), 'utf8'))
  for (const { seed, rule, what, scenario = generate(seed) } of list) {
    const { violation } = await trial(scenario)
    if (!violation) continue
    console.log(`a regression: ${rule}, ${what}`)
    console.log(failureText(scenario, violation, `npm run sim -- --seed ${seed}`))
    return true
  }
  console.log(`regression block: ${list.length} scenarios, none fails`)
  return false
}

/** One seed, told in full. */
async function replay(seed: number): Promise<boolean> {
  const scenario = generate(seed)
  const { violation, transitions, digest } = await trial(scenario, { watch: (seen) => console.log(lineOf(seen)) })
  console.log(
    `seed ${seed}: ${transitions} transitions, digest ${digest}, ${violation ? violation.law : 'no violation'}`,
  )
  if (violation) await show(seed, violation.law)
  return violation !== undefined
}

/** The shrunk failure of a seed. */
async function show(seed: number, law: string): Promise<void> {
  const fails = async (candidate: Scenario): Promise<boolean> => (await trial(candidate)).violation?.law === law
  const small = await shrink(generate(seed), fails)
  const { violation } = await trial(small)
  if (violation) console.log(failureText(small, violation, `npm run sim -- --seed ${seed}`))
  else console.log(`seed ${seed} violates ${law}, but not each time`)
  console.log(`  scenario: ${JSON.stringify(small)}`)
}

/** Deals blocks of seeds to workers until the limit is reached or a law is violated. */
async function campaign(): Promise<boolean> {
  const began = performance.now()
  const seeds = number('seeds') ?? Number.POSITIVE_INFINITY
  const transitions = number('transitions') ?? Number.POSITIVE_INFINITY
  const limited = Number.isFinite(Math.min(seeds, transitions))
  const until = began + (number('minutes') ?? (limited ? Number.POSITIVE_INFINITY : 1)) * 60_000
  const start = number('seed-start') ?? 1
  const total = { seeds: 0, transitions: 0, digest: 0, spent: LAWS.map(() => 0) }
  const coverage = new Coverage()
  const failures: Failure[] = []
  let dealt = 0

  const deal = (): { from: number; count: number } | undefined => {
    const count = Math.min(BLOCK, seeds - dealt)
    const enough = total.transitions >= transitions || performance.now() > until
    if (count <= 0 || enough || (failures.length > 0 && !values['keep-going'])) return undefined
    dealt += count
    return { from: start + dealt - count, count }
  }
  const take = (result: BlockResult): void => {
    total.seeds += result.seeds
    total.transitions += result.transitions
    total.digest = (total.digest + result.digest) % 2 ** 32
    for (const [i, spent] of result.spent.entries()) total.spent[i]! += spent
    coverage.add(result.coverage)
    failures.push(...result.failures)
  }

  const folder = mkdtempSync(join(tmpdir(), 'keelson-sim-'))
  try {
    const outfile = join(folder, 'worker.mjs')
    const entry = new URL('worker.ts', import.meta.url).pathname
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
    const workers = number('workers') ?? availableParallelism()
    const current = new Float64Array(new SharedArrayBuffer(8 * workers))
    await Promise.all(Array.from({ length: workers }, (_, slot) => work(outfile, { current, slot }, deal, take)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }

  const seconds = (performance.now() - began) / 1_000
  const { faults, cells } = coverage
  const slowest = LAWS.map(({ title }, i) => [total.spent[i] ?? 0, title] as const).sort(([a], [b]) => b - a)[0]
  const measured = total.spent.reduce((sum, spent) => sum + spent, 0)
  console.log(
    `seeds ${start} to ${start + dealt - 1}: ${total.seeds}, ${total.transitions} transitions, ${failures.length} failures`,
  )
  console.log(
    `faults met: ${faults.list.length} of ${faults.of} kinds${faults.missing.length > 0 ? `; not: ${faults.missing.join(', ')}` : ''}`,
  )
  console.log(`cells met (state × input): ${cells.met} of ${cells.of}`)
  if (slowest && measured > 0)
    console.log(
      `slowest rule: ${slowest[1]}, ${Math.round((100 * slowest[0]) / measured)} % of the time of the ${LAWS.length} laws`,
    )
  console.log(
    `${Math.round(total.transitions / seconds)} transitions per second, ${seconds.toFixed(1)} s; digest ${total.digest.toString(16)}`,
  )
  if (failures.length === 0) return false

  failures.sort((a, b) => a.seed - b.seed)
  const byLaw = new Map<string, number[]>()
  for (const { law, seed } of failures) byLaw.set(law, [...(byLaw.get(law) ?? []), seed])
  for (const [law, list] of byLaw) console.log(`${list.length} × ${law}: seeds ${list.slice(0, 8).join(' ')}`)
  await show(failures[0]!.seed, failures[0]!.law)
  return true
}

/** One worker: gets block after block, until there is none. */
function work(
  file: string,
  workerData: { readonly current: Float64Array; readonly slot: number },
  deal: () => { from: number; count: number } | undefined,
  take: (result: BlockResult) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData })
    let watch: NodeJS.Timeout | undefined
    const next = (): void => {
      clearTimeout(watch)
      const block = deal()
      if (block === undefined) return void worker.terminate().then(() => resolve())
      watch = setTimeout(() => {
        void worker.terminate()
        reject(new Error(`seed ${workerData.current[workerData.slot]} does not come to an end`))
      }, PATIENCE * 1_000)
      worker.postMessage(block)
    }
    worker.on('message', (result: BlockResult) => {
      take(result)
      next()
    })
    worker.on('error', reject)
    next()
  })
}
