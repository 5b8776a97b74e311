/**
 * Explores every way that small systems can go, and checks every law on every path. Prints for each kind of system how many
 * states there are, on how many paths they were reached, with how many transitions of services; and the sum.
 *
 *     node --import tsx test/sim/exhaustive.ts      the plan of the suite, in one go
 *       --plan big                                  the plan that goes deep (test/support/exhaustive-plan.ts): hours
 *       --rows 0,1,3                                only these rows of the plan
 *       --services 3 --depth 4                      only systems of up to so many services, at most so deep
 *       --record FILE                               writes down each scope that is done; what is in there is not done again
 *       --minutes 15                                begins no scope after that; says what is left
 *       --workers 1                                 default: one for each core
 *       --scope '{"graph":…}' --path 'start | …'    tells one path of one scope, line by line
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { LAWS } from '../../src/testing/laws.js'
import { type Found, replay, type Scope, type Violation } from '../support/exhaustive.js'
import { BIG, type Row, SMALL, scopesOf } from '../support/exhaustive-plan.js'
import { lineOf } from './lines.js'

const { values } = parseArgs({
  options: {
    plan: { type: 'string' },
    rows: { type: 'string' },
    record: { type: 'string' },
    services: { type: 'string' },
    depth: { type: 'string' },
    minutes: { type: 'string' },
    workers: { type: 'string' },
    scope: { type: 'string' },
    path: { type: 'string' },
  },
})

interface Task {
  readonly scope: Scope
  readonly sum: Sum
}

/** What is added up for each row. */
interface Sum {
  readonly row: Row
  readonly of: number
  scopes: number
  states: number
  paths: number
  transitions: number
}

if (values.scope === undefined) process.exitCode = (await explore()) ? 1 : 0
else {
  const path = (values.path ?? '').split(' | ').filter(Boolean)
  for (const seen of await replay(JSON.parse(values.scope) as Scope, path, LAWS)) console.log(lineOf(seen))
}

/** Plays the plan. Returns whether a law was violated, or something is left. */
async function explore(): Promise<boolean> {
  const began = performance.now()
  const until = began + Number(values.minutes ?? Number.POSITIVE_INFINITY) * 60_000
  const meant = values.rows?.split(',').map(Number)
  const rows = (values.plan === 'big' ? BIG : SMALL).filter(
    ({ size }, i) => size <= Number(values.services ?? size) && meant?.includes(i) !== false,
  )
  const sums = rows.map((each): Sum => {
    const row = { ...each, depth: Math.min(each.depth, Number(values.depth ?? each.depth)) }
    return { row, of: scopesOf(row).length, scopes: 0, states: 0, paths: 0, transitions: 0 }
  })
  const all = sums.flatMap((sum) => scopesOf(sum.row).map((scope): Task => ({ scope, sum })))
  const violations: Violation[] = []
  const deal = (): Task | undefined => (performance.now() > until || violations.length > 99 ? undefined : tasks.shift())
  const done = ({ scope, sum }: Task, found: Found): void => {
    if (values.record) appendFileSync(values.record, `${JSON.stringify({ scope, found })}\n`)
    take(sum, found)
    for (const violation of found.violations) show(violation)
  }
  const take = (sum: Sum, found: Found): void => {
    sum.scopes += 1
    sum.states += found.states
    sum.paths += found.paths
    sum.transitions += found.transitions
    violations.push(...found.violations)
    if (sum.scopes === sum.of) tell(sum, began)
  }
  const known = recorded()
  const tasks = all.filter(({ scope, sum }) => {
    const found = known.get(JSON.stringify(scope))
    if (found) take(sum, found)
    return found === undefined
  })

  const folder = mkdtempSync(join(tmpdir(), 'keelson-exhaustive-'))
  try {
    const outfile = join(folder, 'worker.mjs')
    const entry = new URL('exhaustive-worker.ts', import.meta.url).pathname
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
    const workers = Number(values.workers ?? availableParallelism())
    await Promise.all(Array.from({ length: workers }, () => work(outfile, deal, done)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }

  for (const sum of sums) if (sum.scopes < sum.of) tell(sum, began)
  const total = (of: (sum: Sum) => number): number => sums.reduce((sofar, sum) => sofar + of(sum), 0)
  console.log(
    `together: ${total(({ states }) => states)} states, ${total(({ paths }) => paths)} paths, ` +
      `${total(({ transitions }) => transitions)} transitions, ${violations.length} violations, ` +
      `${((performance.now() - began) / 1_000).toFixed(0)} s, ${(process.cpuUsage().user / 1e6).toFixed(0)} s of CPU`,
  )
  return violations.length > 0 || tasks.length > 0
}

function tell({ row, of, scopes, states, paths, transitions }: Sum, began: number): void {
  const { size, kinds, intents, depth, from, edges, alone } = row
  const graphs = of / (from ? 1 : 2)
  console.log(
    `${size} services, edges ${kinds.join('') || 'none'}${edges ? ` (${edges})` : ''}, ${intents} intents, depth ${depth}` +
      `${alone === undefined ? '' : ` (left alone to ${alone})`}: ${scopes} of ${of} scopes (${graphs} graphs, from ` +
      `${from ?? 'rest and up'}), ${states} states, ${paths} paths, ${transitions} transitions, ` +
      `after ${((performance.now() - began) / 1_000).toFixed(0)} s`,
  )
}

/** What an earlier run has found, by its scope. */
function recorded(): Map<string, Found> {
  const { record } = values
  if (record === undefined || !existsSync(record)) return new Map()
  const lines = readFileSync(record, 'utf8').split('\n').filter(Boolean)
  const parsed = lines.map((line) => JSON.parse(line) as { readonly scope: Scope; readonly found: Found })
  return new Map(parsed.map(({ scope, found }) => [JSON.stringify(scope), found]))
}

function show({ law, message, scope, path }: Violation): void {
  console.log(`${law}\n  ${message}`)
  console.log(
    `  again: node --import tsx test/sim/exhaustive.ts --scope '${JSON.stringify(scope)}' --path '${path.join(' | ')}'`,
  )
}

/** One worker: gets scope after scope, until there is none. */
function work(file: string, deal: () => Task | undefined, done: (task: Task, found: Found) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // Runs are short: what they leave behind is best swept away young.
    const worker = new Worker(file, { resourceLimits: { maxYoungGenerationSizeMb: 96, maxOldGenerationSizeMb: 2_048 } })
    let task = deal()
    const next = (): void => {
      if (task === undefined) void worker.terminate().then(() => resolve())
      else worker.postMessage(task.scope)
    }
    worker.on('message', (found: Found) => {
      if (task) done(task, found)
      task = deal()
      next()
    })
    worker.on('error', reject)
    next()
  })
}
