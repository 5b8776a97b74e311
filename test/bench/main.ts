// `npm run bench`: what is asked for on the command line, what is needed for it, and where the answer goes.
// Figures never fail a build: the exit code tells only whether everything could be measured.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { compiled, runCases } from './driver.js'
import { asked, Mistake } from './options.js'
import { svg } from './plot.js'
import { digest, footnotes, heading, place, rowsOf, section } from './report.js'
import type { Row, Scenario } from './scenario.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(here, '../..')

const {
  chosen,
  rounds,
  plot,
  keelson,
  out: to,
} = await asked(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof Mistake)) throw error
  console.error(error.message)
  process.exit(2)
})

const npm = (cwd: string, ...args: string[]): void =>
  void execFileSync('npm', args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })

if (!existsSync(join(here, 'node_modules/eventemitter3'))) npm(here, 'ci', '--no-audit', '--no-fund')
// Another build can be named, to compare the two; without, it is this tree as it is now.
if (keelson === undefined) npm(root, 'run', 'build')
process.env.BENCH_KEELSON = pathToFileURL(resolve(keelson ?? join(root, 'dist/index.js'))).href

const sources = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !/node_modules|main\.ts|options\.ts|\.d\.ts/.test(path),
)
await build({
  entryPoints: sources.map((path) => join(here, path)),
  outbase: here,
  outdir: compiled,
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
})

const head = heading(rounds)
const tell = (line: string): void => console.error(`  ${line}`)

const sections: string[] = []
const all: Record<string, unknown> = {}
const rows: Record<string, Row[]> = {}
const seen = new Set<string>()
const measured: Scenario[] = []
for (const { scenario: each, cases } of chosen) {
  const { name } = each
  for (const { contestants } of cases) for (const who of contestants) seen.add(who)
  const began = performance.now()
  const results = await runCases(name, cases, head.rounds, tell)
  const seconds = Math.round((performance.now() - began) / 1_000)
  tell(`${name}: ${seconds} s`)
  if (plot && name === 'growth') {
    const { panels } = await import('./scenarios/growth.js')
    const caption = `ten layers of N services; Node ${head.node}, ${head.cpu}`
    writeFileSync(join(here, 'growth.svg'), svg(panels(results), caption))
  }
  const text = section(each, results)
  console.log(`${text}\n`)
  sections.push(text)
  measured.push(each)
  rows[name] = rowsOf(each, results)
  all[name] = { about: each.about, seconds, lost: results.lost, rows: rows[name], cases: results }
  if (results.lost.length > 0) process.exitCode = 1
}

const out = to ?? join(here, 'results', plot ? 'growth' : 'latest')
const end = [await footnotes(seen, measured), '## In short', `\`npm run bench\`: ${place(head)}`, digest(rows)]
console.log(end.join('\n\n'))
mkdirSync(resolve(out, '..'), { recursive: true })
writeFileSync(`${out}.json`, `${JSON.stringify({ ...head, scenarios: all }, null, 1)}\n`)
writeFileSync(`${out}.md`, `${[...sections, ...end].join('\n\n')}\n`)
console.log(`\nwritten: ${out}.md, ${out}.json`)
