// `npm run bench`: what is asked for on the command line, what is needed for it, and where the answer goes.
// Figures never fail a build: the exit code tells only whether everything could be measured.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { compiled, runCases } from './driver.js'
import { svg } from './plot.js'
import { footnotes, heading, section, summary } from './report.js'
import { SCENARIOS, scenario } from './scenarios/index.js'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(here, '../..')

const { values: asked } = parseArgs({
  options: {
    scenario: { type: 'string' },
    rounds: { type: 'string' },
    n: { type: 'string' },
    quick: { type: 'boolean', default: false },
    contestants: { type: 'string' },
    cases: { type: 'string' },
    keelson: { type: 'string', default: join(root, 'dist/index.js') },
    plot: { type: 'boolean', default: false },
    'no-peers': { type: 'boolean', default: false },
    out: { type: 'string', default: join(here, 'results/latest') },
  },
})

const peers = !(asked['no-peers'] || asked.quick)
if (peers && !existsSync(join(here, 'node_modules/avvio'))) {
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: 'inherit' })
}
const entry = resolve(asked.keelson)
if (!existsSync(entry)) execFileSync('npm', ['run', 'build'], { cwd: root, stdio: 'inherit' })
process.env.BENCH_KEELSON = pathToFileURL(entry).href

const sources = readdirSync(here, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !/node_modules|main\.ts/.test(path),
)
await build({
  entryPoints: sources.map((path) => join(here, path)),
  outbase: here,
  outdir: compiled,
  format: 'esm',
  target: 'node20',
  logLevel: 'error',
})

const rounds = Number(asked.rounds ?? (asked.quick ? 3 : 5))
const wishes = { n: asked.n?.split(',').map(Number), quick: asked.quick, peers }
const wanted = asked.contestants?.split(',')
const only = asked.cases === undefined ? undefined : new RegExp(asked.cases)
const tell = (line: string): void => console.error(`  ${line}`)

const sections: string[] = []
const all: Record<string, unknown> = {}
const seen = new Set<string>()
const names = asked.scenario?.split(',') ?? (asked.plot ? ['growth'] : SCENARIOS)
for (const name of names) {
  const each = await scenario(name)
  const cases = each
    .cases(wishes)
    .filter(({ id }) => only?.test(id) ?? true)
    .map((one) => ({ ...one, contestants: one.contestants.filter((who) => wanted?.includes(who) ?? true) }))
  for (const { contestants } of cases) for (const who of contestants) seen.add(who)
  const results = await runCases(name, cases, rounds, tell)
  if (name === 'growth' && asked.plot) {
    const { panels } = await import('./scenarios/growth.js')
    const { node, cpu } = heading(rounds)
    writeFileSync(join(here, 'growth.svg'), svg(panels(results), `ten layers of N services; Node ${node}, ${cpu}`))
  }
  const text = section(each, results)
  console.log(text)
  sections.push(text)
  all[name] = { about: each.about, rows: each.rows(results), cases: results }
}

const notes = await footnotes(seen)
console.log(`\n${notes}`)
sections.push(notes)
mkdirSync(resolve(asked.out, '..'), { recursive: true })
writeFileSync(`${asked.out}.json`, `${JSON.stringify({ ...heading(rounds), scenarios: all }, null, 1)}\n`)
writeFileSync(`${asked.out}.md`, `${summary(heading(rounds), sections)}\n`)
console.log(`\nwritten: ${asked.out}.md, ${asked.out}.json`)
