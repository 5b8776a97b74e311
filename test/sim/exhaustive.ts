/**
 * Explores every way that small systems can go, on all cores, and checks every law on every path.
 *
 *     node --import tsx test/sim/exhaustive.ts      the whole plan of test/support/exhaustive-plan.ts
 *       --services 3 --depth 4                      only systems of up to so many services, at most so deep
 *       --minutes 15                                begins no scope after that; says what is left
 *       --workers 1                                 default: one for each core
 *       --scope '{"graph":…}' --path 'start | …'    tells one path of one scope, line by line
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'
import { LAWS } from '../../src/testing/laws.js'
import { type Found, replay, type Scope, type Violation } from '../support/exhaustive.js'
import { BIG, type Row, scopesOf } from '../support/exhaustive-plan.js'
import { lineOf } from './lines.js'

const { values } = parseArgs({
  options: {
    services: { type: 'string' },
    depth: { type: 'string' },
    minutes: { type: 'string' },
    workers: { type: 'string' },
    scope: { type: 'string' },
    path: { type: 'string' },
  },
})

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
  const rows = BIG.filter(({ size }) => size <= Number(values.services ?? size))
  const sums = rows.map((each): Sum => {
    const row = { ...each, depth: Math.min(each.depth, Number(values.depth ?? each.depth)) }
    return { row, of: scopesOf(row).length, scopes: 0, states: 0, paths: 0, transitions: 0 }
  })
  const tasks = sums.flatMap((sum) => scopesOf(sum.row).map((scope) => ({ scope, sum })))
  const violations: Violation[] = []
  const deal = (): (typeof tasks)[number] | undefined =>
    performance.now() > until || violations.length > 9 ? undefined : tasks.shift()
  const take = (sum: Sum, found: Found): void => {
    sum.scopes += 1
    sum.states += found.states
    sum.paths += found.paths
    sum.transitions += found.transitions
    violations.push(...found.violations)
    if (sum.scopes === sum.of) tell(sum, began)
  }

  const folder = mkdtempSync(join(tmpdir(), 'keelson-exhaustive-'))
  try {
    const outfile = join(folder, 'worker.mjs')
    const entry = new URL('exhaustive-worker.ts', import.meta.url).pathname
    await build({ entryPoints: [entry], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
    const workers = Number(values.workers ?? availableParallelism())
    await Promise.all(Array.from({ length: workers }, () => work(outfile, deal, take)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }

  for (const sum of sums) if (sum.scopes < sum.of) tell(sum, began)
  const all = (of: (sum: Sum) => number): number => sums.reduce((total, sum) => total + of(sum), 0)
  console.log(
    `together: ${all(({ states }) => states)} states, ${all(({ paths }) => paths)} paths, ` +
      `${all(({ transitions }) => transitions)} transitions, ${violations.length} violations, ` +
      `${((performance.now() - began) / 1_000).toFixed(0)} s`,
  )
  for (const violation of violations.slice(0, 3)) show(violation)
  return violations.length > 0 || tasks.length > 0
}

function tell({ row, of, scopes, states, paths, transitions }: Sum, began: number): void {
  const { size, kinds, intents, depth } = row
  console.log(
    `${size} services, edges ${kinds.join('') || 'none'}, ${intents} intents, depth ${depth}: ` +
      `${scopes} of ${of} scripts (${of / 2} graphs, from rest and up), ${states} states, ${paths} paths, ` +
      `${transitions} transitions, after ${((performance.now() - began) / 1_000).toFixed(0)} s`,
  )
}

function show({ law, message, scope, path }: Violation): void {
  console.log(`${law}\n  ${message}`)
  console.log(
    `  again: node --import tsx test/sim/exhaustive.ts --scope '${JSON.stringify(scope)}' --path '${path.join(' | ')}'`,
  )
}

/** One worker: gets scope after scope, until there is none. */
function work(
  file: string,
  deal: () => { readonly scope: Scope; readonly sum: Sum } | undefined,
  take: (sum: Sum, found: Found) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // Runs are short: what they leave behind is best swept away young.
    const worker = new Worker(file, { resourceLimits: { maxYoungGenerationSizeMb: 96, maxOldGenerationSizeMb: 2_048 } })
    let task = deal()
    const next = (): void => {
      if (task === undefined) void worker.terminate().then(() => resolve())
      else worker.postMessage(task.scope)
    }
    worker.on('message', (found: Found) => {
      if (task) take(task.sum, found)
      task = deal()
      next()
    })
    worker.on('error', reject)
    next()
  })
}
