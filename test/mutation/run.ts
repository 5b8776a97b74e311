/**
 * Mutation test of the kernel and the reconciler: makes every plausible slip in their sources, one at a time, and looks
 * whether a test or a law of the simulator notices.
 *
 *     npm run mutation                                       all of it; on two cores and alone it takes half an hour
 *     npm run mutation -- --file src/kernel/edge.ts          one file, or several: --file twice
 *     npm run mutation -- --seeds 300                        so many scenarios of the simulator
 *     npm run mutation -- --patience 3000                    milliseconds of the processor that a mutant survives
 *     npm run mutation -- --out result.json                  writes what became of each mutant
 *     npm run mutation -- --from result.json                 only those that survived then; meant for unchanged sources,
 *                                                            since what was noticed then is taken as noticed
 *
 * Slips that change nothing are in equivalent.json, each with the reason. The exit code is 1 if any other survives.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundle, root, textOf } from './bundle.js'
import { Hunter } from './hunter.js'
import { type Mutant, type Mutated, mutate } from './mutants.js'
import { LOADING, type Probed } from './orders.js'
import { isEquivalent, keyOf, report } from './report.js'

/** What the reconciler consists of, beside the kernel. */
const RECONCILER = ['reconciler', 'rest', 'neighbours', 'permits', 'record', 'life', 'closing', 'ending']
const TESTS = ['engine', 'kernel', 'laws', 'faults', 'tables', 'corpus', 'testing']
/** Files that need a process of their own, or the host's time. */
const NOT: readonly string[] = [
  'test/faults/sigterm.test.ts',
  'test/laws/09-host.test.ts',
  'test/testing/laws-listeners.test.ts',
  'test/testing/simulate.test.ts',
]
/** Milliseconds above which a trial is too dear to be tried on every mutant that reaches it. */
const DEAR = 40
/** What is listed as equivalent is tried so much less. */
const SURE = 5
/** Tests by the thousand, alike: asked after the others. */
const MANY = /^test\/(tables|corpus|testing)/
const MANY_LATER = 40
/** So many trials are taken by their promise alone. */
const FIRST = 20

const { values } = parseArgs({
  options: {
    file: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '300' },
    patience: { type: 'string', default: '3000' },
    out: { type: 'string' },
    from: { type: 'string' },
  },
})

const list = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`)
const files = [...RECONCILER.map((name) => `src/engine/${name}.ts`), ...list('src/kernel', '.ts')]
const tests = TESTS.flatMap((folder) => list(`test/${folder}`, '.test.ts'))
  .concat('test/docs/diagram.test.ts')
  .filter((file) => !NOT.includes(file))
const chosen = values.file ?? files
const patience = Number(values.patience)

/** A mutant and what became of it: `by` is the trial that noticed it. */
export interface Outcome extends Mutant {
  by?: string
  error?: string
  /** In how many trials it makes a difference, as far as can be told from where it is. */
  met?: number
}

const texts = new Map<string, Mutated & { readonly from: number }>()
const outcomes: Outcome[] = []
for (const file of chosen) {
  const made = mutate(file, textOf(join(root, file)), outcomes.length + 1)
  texts.set(file, { ...made, from: outcomes.length + 1 })
  outcomes.push(...made.mutants)
}
const before: readonly Outcome[] | undefined = values.from && JSON.parse(readFileSync(values.from, 'utf8'))
const settled = new Map(before?.filter(({ by }) => by !== undefined).map((outcome) => [keyOf(outcome), outcome]))

const began = performance.now()
const hunter = new Hunter()
const trials: Probed[] = []
/** Places of trials that depend on others. */
const unfit = new Set<number>()
const reaching: ReadonlyMap<number, readonly number[]> = await probe()
/** How many mutants a trial has noticed so far: what notices much is asked first. */
const kills = new Map<string, number>()
for (const [file, { text, from, mutants }] of texts) {
  const script = await bundle(tests, new Map([[file, text]]))
  await hunter.load(script, trials)
  if (file === chosen[0]) await sieve()
  for (let i = 0; i < mutants.length; i++) {
    const outcome = outcomes[from + i - 1] as Outcome
    const known = settled.get(keyOf(outcome))
    const most = isEquivalent(outcome) ? patience / SURE : patience
    // A trial that is used no longer has noticed nothing.
    if (known === undefined || !trials.some(({ id }, place) => id === known.by && !unfit.has(place)))
      Object.assign(outcome, await hunter.hunt(from + i, inOrder(reaching.get(from + i) ?? [], file), most))
    else Object.assign(outcome, { by: known.by, error: known.error })
    outcome.met = reaching.get(from + i)?.length ?? 0
    if (outcome.by !== undefined) kills.set(outcome.by, (kills.get(outcome.by) ?? 0) + 1)
  }
  const killed = outcomes.slice(from - 1, from - 1 + mutants.length).filter(({ by }) => by !== undefined).length
  console.error(`${file}: ${killed} of ${mutants.length} killed, ${seconds()} s`)
  if (values.out) writeFileSync(values.out, JSON.stringify(outcomes, undefined, 1))
}
hunter.end()
process.exitCode = report(outcomes) ? 0 : 1
const unreached = [...reaching.values()].filter(({ length }) => length === 0).length
console.log(`${unreached} of the mutants reached by no trial; ${values.seeds} seeds; ${seconds()} s`)

function seconds(): number {
  return Math.round((performance.now() - began) / 1_000)
}

/** Finds out what the trials are, and which of them, by their places, reach which mutant. */
async function probe(): Promise<Map<number, number[]>> {
  await hunter.load(await bundle(tests, new Map([...texts].map(([file, { probe: text }]) => [file, text]))))
  const probed = await hunter.probe(tests, Number(values.seeds))
  trials.push(...probed.filter(({ id, error, ms }) => id !== LOADING && error === undefined && ms <= DEAR))
  const reached = new Map(outcomes.map((_, i) => [i + 1, new Set<number>()]))
  for (const [place, { hits }] of trials.entries()) for (const n of hits) reached.get(n)?.add(place)
  // What is reached when a file is loaded concerns everybody; those that reach it again come first.
  for (const n of probed.find(({ id }) => id === LOADING)?.hits ?? [])
    for (const place of trials.keys()) reached.get(n)?.add(place)
  console.error(`${probed.length} trials, ${trials.length} of them used; ${seconds()} s`)
  for (const { id, error, ms } of probed)
    if (error !== undefined) console.error(`  not used, fails as it is: ${id} ${error}`)
    else if (ms > DEAR) console.error(`  not used, ${Math.round(ms)} ms: ${id}`)
  return new Map([...reached].map(([n, places]) => [n, [...places]]))
}

/** Without a mutant none may fail, in no order: what does is told, and not used. */
async function sieve(): Promise<void> {
  for (const [i, { id, error }] of (await hunter.again()).reverse().entries()) {
    if (error === undefined) continue
    console.error(`  not used, fails in another order: ${id} ${error}`)
    unfit.add(i)
  }
}

/**
 * The most promising for their price first: those of the folder that mirrors the file's, some from anywhere, then one of
 * each file by turns, since what one test of a file does not notice its next does not either. No more than there is
 * patience for.
 */
function inOrder(places: readonly number[], mutated: string): number[] {
  const mirror = mutated.slice(0, mutated.lastIndexOf('/')).replace(/^src/, 'test')
  const promise = new Map(places.map((place) => [place, promiseOf(trials[place] as Probed)]))
  const best = [...places].sort((a, b) => (promise.get(b) ?? 0) - (promise.get(a) ?? 0))
  const round = new Map<string, number>()
  const turn = new Map<number, number>()
  for (const [i, place] of best.entries()) {
    const file = fileOf(trials[place] as Probed)
    const turns = round.get(file) ?? 0
    turn.set(place, file.startsWith(mirror) ? -2 : i < FIRST ? -1 : MANY.test(file) ? turns + MANY_LATER : turns)
    round.set(file, turns + (i < FIRST ? 0 : 1))
  }
  best.sort((a, b) => (turn.get(a) ?? 0) - (turn.get(b) ?? 0))
  let ms = 0
  return best.filter((place) => {
    ms += (trials[place] as Probed).ms
    return ms <= 3 * patience && !unfit.has(place)
  })
}

function fileOf({ id }: Probed): string {
  return id.slice(0, id.indexOf(' '))
}

function promiseOf({ id, ms, hits }: Probed): number {
  return ((kills.get(id) ?? 0) + 10 / hits.length) / (ms + 0.3)
}
