// The simulation as CI runs it: a block of seeds of this commit's own twice, in two processes, with one log; then two
// million transitions of it. The scenarios that once failed come first in each.
import { execFileSync, spawnSync } from 'node:child_process'

const TRANSITIONS = 2_000_000
const TWICE = 400

// Seeds are numbers below 2 ** 31; each commit has a block of its own.
const start = Number.parseInt(execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).slice(0, 7), 16)

function sim(...args) {
  const all = ['--import', 'tsx', 'test/sim/run.ts', '--seed-start', String(start), ...args]
  const { status, stdout } = spawnSync(process.execPath, all, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  process.stdout.write(`${stdout}\n`)
  if (status !== 0) process.exit(1)
  return /^digest: .+$/m.exec(stdout)?.[0]
}

const [one, two] = [sim('--seeds', String(TWICE), '--workers', '1'), sim('--seeds', String(TWICE))]
if (one === undefined || one !== two) {
  console.error(`the same ${TWICE} seeds from ${start} on gave two logs: ${one}, ${two}`)
  process.exit(1)
}
sim('--transitions', String(TRANSITIONS))
