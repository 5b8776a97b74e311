/** The command `npm run sim`: what it is asked for, what it says, and how it ends. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { optionsOf } from './options.js'
import { REGRESSIONS, type Regression } from './regressions.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

function sim(...args: string[]): { readonly status: number | null; readonly out: string; readonly err: string } {
  const command = ['--import', 'tsx', 'test/sim/run.ts', ...args]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' })
  return { status, out: stdout, err: stderr }
}

describe('R51 the options of the simulation are checked before anything is played', () => {
  it.each<[string, string[], string]>([
    ['no number', ['--seeds', 'many'], "--seeds is 'many'; pass a whole number, 1 or more"],
    ['an empty one', ['--seed', ''], "--seed is ''; pass a whole number, 0 or more"],
    ['half a seed', ['--seed', '1.5'], "--seed is '1.5'"],
    ['no time', ['--minutes', '0'], "--minutes is '0'; pass a number above 0"],
    ['nobody to work', ['--workers', '0'], "--workers is '0'"],
    ['an option that has no effect', ['--seed', '3', '--seeds', '4'], '--seeds has no effect beside --seed'],
    ['another one', ['--regression', '3', '--workers', '1'], '--workers has no effect beside --regression'],
    ['two replays', ['--seed', '3', '--regression', '4'], '--regression has no effect beside --seed'],
    ['an option that does not exist', ['--sedes', '3'], "Unknown option '--sedes'"],
    [
      'more than one mistake',
      ['--seeds', '0', '--workers', 'x'],
      "--seeds is '0'; pass a whole number, 1 or more\n--workers",
    ],
  ])('%s', (_, args, message) => {
    expect(optionsOf(args)).toContain(message)
  })

  it('without any it plays for a minute; a limit of another kind takes its place', () => {
    expect(optionsOf([])).toMatchObject({ start: 1, seeds: Number.POSITIVE_INFINITY, milliseconds: 60_000 })
    expect(optionsOf(['--transitions', '2000'])).toMatchObject({ transitions: 2_000, milliseconds: Infinity })
    expect(optionsOf(['--seed-start', '0x1f', '--minutes', '0.5'])).toMatchObject({ start: 31, milliseconds: 30_000 })
  })

  it('a wrong one ends with 2 and says what there is', () => {
    const { status, err, out } = sim('--seeds', 'none')
    expect(status).toBe(2)
    expect(err).toMatch(/^--seeds is 'none'.*\n\nnpm run sim -- \[options\]/)
    expect(out).toBe('')
  }, 30_000)
})

it('a scenario that once failed is replayed by its place, not by its seed, which may mean another one by now', () => {
  const { status, out } = sim('--regression', '1')
  const [{ seed }] = REGRESSIONS as [Regression]
  expect([status, out.split('\n').at(-2)]).toEqual([0, expect.stringMatching(`^seed ${seed}: .*, no violation$`)])
  expect(out).toContain('CALL #1 ')
  const none = sim('--regression', '1000')
  expect([none.status, none.err]).toEqual([2, `--regression is '1000'; pass one of 1 to ${REGRESSIONS.length}\n`])
}, 60_000)

it('R44 one worker and two see the same in the same seeds, and stop at the same seed', () => {
  const told = (...args: string[]): string[] => {
    const { status, out, err } = sim('--seed-start', '500', ...args)
    expect(`${out}${err}`.includes('violates') || status !== 0 ? `${out}${err}` : '').toBe('')
    return out.split('\n').filter((line) => /^(seeds|faults|cells|digest)/.test(line))
  }
  const one = told('--transitions', '3000', '--workers', '1')
  expect(one).toHaveLength(4)
  expect(told('--transitions', '3000', '--workers', '2')).toEqual(one)
}, 120_000)
