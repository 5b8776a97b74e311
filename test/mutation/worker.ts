/**
 * The process in which mutants live: makes a world with one of them switched on and runs trials in it, tests and seeds,
 * until one fails. It is ended and begun anew by whoever started it when a mutant never comes to an end.
 */
import { createRequire } from 'node:module'
import { Script } from 'node:vm'
import { type Answer, GIVEN, LOADING, type Order, type Probed, type Trial } from './orders.js'
import { standIn, type Test } from './stand-in.js'

interface World {
  readonly generate: (seed: number) => unknown
  readonly trial: (
    scenario: unknown,
  ) => Promise<{ readonly violation?: { readonly law: string; readonly message: string } }>
  readonly files: Readonly<Record<string, () => Promise<unknown>>>
}

Error.stackTraceLimit = 0
const here = createRequire(import.meta.url)
const spent = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const say = (answer: Answer): void => void process.send?.(answer)

/** Rounds of the host's loop in which nothing happens, after which a trial will never end. */
const STILL = 500
/** Loops that a trial may run through beyond what it usually takes. */
const LOOPS = 30_000

let script: Script | undefined
let known: readonly Trial[] = []
let ticks = 0
let limit = Infinity
let hits = new Set<number>()
let uncaught: unknown[] = []

process.on('unhandledRejection', (error) => uncaught.push(error))
process.on('uncaughtException', (error) => uncaught.push(error))

/** What goes wrong here itself. */
const die = (error: unknown): void => {
  console.error(error)
  process.exit(2)
}

const tick = (): void => {
  if (++ticks > limit) process.exit(3) // nothing else ends a loop for certain
}

const hit = (n: number): void => void hits.add(n)

/** Compares a value with those of its mutants, which come after it, each behind its number; as conditions, if they are. */
const differ = (condition: boolean, own: unknown, ...others: readonly unknown[]): unknown => {
  for (let i = 0; i < others.length; i += 2) {
    const n = others[i] as number
    if (hits.has(n)) continue
    try {
      const other = (others[i + 1] as () => unknown)()
      if (condition ? Boolean(own) !== Boolean(other) : !Object.is(own, other)) hits.add(n)
    } catch {
      hits.add(n)
    }
  }
  return own
}

/** The library, the simulator and the tests, all made anew. */
async function world(mutant: number): Promise<{ own: World; tests(file: string): Promise<Test[]> }> {
  const { module: runner, collect } = await standIn()
  const module = { exports: {} as World }
  const need = (id: string): unknown => (id === 'vitest' ? runner : here(id))
  script?.runInThisContext()(need, module, module.exports, mutant, hit, differ, tick)
  const loaded = new Map<string, Promise<Test[]>>()
  const tests = (file: string): Promise<Test[]> => {
    const load = module.exports.files[file]
    if (!load) throw new Error(`no file ${file}`)
    const list = loaded.get(file) ?? collect(file, load)
    loaded.set(file, list)
    return list
  }
  return { own: module.exports, tests }
}

/** Runs one trial; returns what went wrong in it. */
async function run(trial: () => Promise<unknown>): Promise<string | undefined> {
  uncaught = []
  let over = false
  let error: string | undefined
  const fail = (thrown: unknown): void => {
    error ??= thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : `threw ${typeof thrown}`
  }
  trial()
    .catch(fail)
    .finally(() => {
      over = true
    })
  let before = ticks
  for (let still = 0; !over && still < STILL; still = ticks === before ? still + 1 : 0) {
    before = ticks
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (!over) fail(new Error('it does not settle'))
  for (const thrown of uncaught) fail(thrown)
  return error
}

async function find({ own, tests }: Awaited<ReturnType<typeof world>>, id: string): Promise<() => Promise<unknown>> {
  const [file = '', at = ''] = id.split(' ')
  if (file !== 'seed') {
    const test = (await tests(file))[Number(at)]
    if (!test) throw new Error(`there is no test ${id} any more`)
    return test.run
  }
  return async () => {
    const { violation } = await own.trial(own.generate(Number(at)))
    if (violation) throw new Error(`${violation.law}: ${violation.message}`)
  }
}

async function probe({ files, seeds }: Extract<Order, { ask: 'probe' }>): Promise<void> {
  hits = new Set()
  const all = await world(0)
  let probed: Probed[] = [{ id: LOADING, ms: 0, ticks, error: undefined, hits: [...hits] }]
  hits = new Set()
  const measure = async (id: string, trial: () => Promise<unknown>): Promise<void> => {
    const began = spent()
    const before = ticks
    const error = await run(trial)
    probed.push({ id, ms: spent() - began, ticks: ticks - before, error, hits: [...hits] })
    hits = new Set()
    if (probed.length < 200) return
    say({ is: 'probed', probed, more: true })
    probed = []
  }
  for (const seed of seeds) await measure(`seed ${seed}`, await find(all, `seed ${seed}`))
  for (const file of files) {
    const tests = await all.tests(file)
    for (const { id, run: test } of tests) await measure(id, test)
  }
  say({ is: 'probed', probed, more: false })
}

/** Runs all trials once more, the last first: those that only pass after others are found out. */
async function again(): Promise<void> {
  const all = await world(0)
  let probed: Probed[] = []
  for (const { id } of [...known].reverse()) {
    probed.push({ id, ms: 0, ticks: 0, hits: [], error: await run(await find(all, id)) })
    if (probed.length < 200) continue
    say({ is: 'probed', probed, more: true })
    probed = []
  }
  say({ is: 'probed', probed, more: false })
}

async function hunt({ mutant, trials, patience }: Extract<Order, { ask: 'hunt' }>): Promise<void> {
  const done = (by: string | undefined, error = ''): void => say({ is: 'hunted', mutant, by, error })
  limit = ticks + 10 * LOOPS
  try {
    const all = await world(mutant)
    const began = spent()
    for (const place of trials) {
      const { id, ticks: usual } = known[place] as Trial
      limit = ticks + 5 * usual + LOOPS
      const error = await run(await find(all, id))
      if (error !== undefined) return done(id, error)
      if (spent() - began > patience) break
    }
    done(undefined)
  } catch (error) {
    done(LOADING, String(error))
  }
}

process.on('message', (order: Order) => {
  if (order.ask === 'load') {
    known = order.trials
    script = new Script(`(function (${GIVEN.join(', ')}) {${order.script}\n})`, { filename: 'world.cjs' })
    say({ is: 'ready' })
  } else if (order.ask === 'probe') void probe(order).catch(die)
  else if (order.ask === 'again') void again().catch(die)
  else void hunt(order).catch(die)
})
