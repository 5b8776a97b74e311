/** What `npm run sim` was asked for: its options, checked as a whole before anything is played. */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

export interface SimOptions {
  /** One seed to replay; then nothing else is played. */
  readonly seed: number | undefined
  /** One of the scenarios that once failed, by its place in seeds.json, from 1; then nothing else is played. */
  readonly regression: number | undefined
  /** The first seed. */
  readonly start: number
  /** How many seeds are played, at most; how many changes of state have to be seen; how long it may take. */
  readonly seeds: number
  readonly transitions: number
  readonly milliseconds: number
  readonly workers: number
  readonly keepGoing: boolean
}

export const USAGE = `npm run sim -- [options]         plays generated scenarios and checks every law; a minute, unless told otherwise

  --seeds N          so many seeds; the totals and the digest do not depend on the number of workers
  --transitions N    until so many changes of state were seen, in the order of the seeds
  --minutes M        so long
  --seed-start S     the first seed, default 1; 0x… is a number, too: --seed-start 0x$(git rev-parse --short=8 HEAD)
  --seed S           replays one seed, told line by line, and shrinks it if it fails
  --regression N     replays the Nth scenario of test/sim/seeds.json, in the same way
  --keep-going       counts all failures by law instead of ending at the first
  --workers N        default: one per core

Exit code: 0 nothing fails, 1 a law is violated, 2 an option is wrong.`

/** The options of a command line, or what is wrong with it. */
export function optionsOf(args: readonly string[]): SimOptions | string {
  let values: ReturnType<typeof parsed>['values']
  try {
    values = parsed(args).values
  } catch (error) {
    return (error as Error).message
  }
  if (values.help) return ''
  const wrong: string[] = []
  const number = (name: Numeric, least: number, allowed: string): number | undefined => {
    const text = values[name]
    if (text === undefined) return undefined
    const value = text.trim() === '' ? Number.NaN : Number(text)
    const isWhole = name === 'minutes' ? Number.isFinite(value) && value > 0 : Number.isSafeInteger(value)
    if (!isWhole || value < least) wrong.push(`--${name} is '${text}'; pass ${allowed}`)
    return value
  }
  const seed = number('seed', 0, 'a whole number, 0 or more')
  const start = number('seed-start', 0, 'a whole number, 0 or more')
  const seeds = number('seeds', 1, 'a whole number, 1 or more')
  const transitions = number('transitions', 1, 'a whole number, 1 or more')
  const minutes = number('minutes', 0, 'a number above 0')
  const workers = number('workers', 1, 'a whole number, 1 or more')
  const regression = number('regression', 1, 'a whole number, 1 or more')
  for (const alone of ['seed', 'regression'] as const) {
    const idle = Object.keys(values).find((name) => name !== alone)
    if (values[alone] === undefined || idle === undefined) continue
    wrong.push(`--${idle} has no effect beside --${alone}; pass one of the two`)
    break
  }
  if (wrong.length > 0) return wrong.join('\n')
  const isLimited = seeds !== undefined || transitions !== undefined || minutes !== undefined
  return {
    seed,
    regression,
    start: start ?? 1,
    seeds: seeds ?? Number.POSITIVE_INFINITY,
    transitions: transitions ?? Number.POSITIVE_INFINITY,
    milliseconds: (minutes ?? (isLimited ? Number.POSITIVE_INFINITY : 1)) * 60_000,
    workers: workers ?? availableParallelism(),
    keepGoing: values['keep-going'] ?? false,
  }
}

type Numeric = 'seed' | 'regression' | 'seeds' | 'seed-start' | 'minutes' | 'transitions' | 'workers'

const parsed = (args: readonly string[]) =>
  parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      regression: { type: 'string' },
      seeds: { type: 'string' },
      'seed-start': { type: 'string' },
      minutes: { type: 'string' },
      transitions: { type: 'string' },
      workers: { type: 'string' },
      'keep-going': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
