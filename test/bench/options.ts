// What may be asked for on the command line, checked as a whole before anything is built or measured: a measurement
// of hours is not to end at a word that was misspelt.

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { OWN, PEERS } from './contestants/index.js'
import type { Case, Scenario, Wishes } from './scenario.js'
import { SCENARIOS, scenario } from './scenarios/index.js'

const HELP = `npm run bench -- [options]
  --scenario a,b        only these
  --cases pattern       only cases whose name the regular expression finds
  --contestants a,b     only these
  --n 1000,10000        other numbers of services, where a scenario has them
  --rounds 5            at least 1; figures to be quoted need five
  --quick               three rounds of fewer cases, without peers
  --no-peers            without peers
  --plot                the costs from 100 to 1 000 000 services, drawn in growth.svg
  --keelson file        another build's dist/index.js in place of this tree
  --out path            where the answer goes: path.md and path.json`

/** A scenario with what is to be measured of it. */
export interface Chosen {
  readonly scenario: Scenario
  readonly cases: readonly Case[]
}

export interface Asked {
  readonly chosen: readonly Chosen[]
  readonly rounds: number
  readonly plot: boolean
  readonly keelson: string | undefined
  readonly out: string | undefined
}

/** Something that cannot be asked for. */
export class Mistake extends Error {}

function listOf(text: string, known: readonly string[], what: string): string[] {
  const names = text.split(',')
  for (const name of names)
    if (!known.includes(name)) throw new Mistake(`there is no ${what} '${name}'; there are ${known.join(', ')}`)
  return names
}

function whole(option: string, text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new Mistake(`${option} takes a number from 1, not '${text}'`)
  return value
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (error) {
    throw new Mistake(`--cases takes a regular expression: ${(error as Error).message}`)
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        scenario: { type: 'string' },
        rounds: { type: 'string' },
        n: { type: 'string' },
        quick: { type: 'boolean', default: false },
        contestants: { type: 'string' },
        cases: { type: 'string' },
        keelson: { type: 'string' },
        plot: { type: 'boolean', default: false },
        'no-peers': { type: 'boolean', default: false },
        out: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new Mistake((error as Error).message)
  }
}

/** What is asked for; throws a {@link Mistake} that says what may be. */
export async function asked(args: string[]): Promise<Asked> {
  const { help, quick, plot, rounds, n, keelson, out, ...rest } = parse(args)
  if (help) throw new Mistake(HELP)
  if (keelson !== undefined && !existsSync(keelson)) throw new Mistake(`--keelson: there is no file '${keelson}'`)
  const names = listOf(rest.scenario ?? (plot ? 'growth' : SCENARIOS.join()), [...SCENARIOS, 'growth'], 'scenario')
  const only = rest.cases === undefined ? undefined : pattern(rest.cases)
  const wishes: Wishes = {
    n: n?.split(',').map((text) => whole('--n', text)),
    quick,
    peers: !(rest['no-peers'] || quick || plot),
  }
  const all = await Promise.all(
    names.map(async (name) => {
      const each = await scenario(name)
      return { scenario: each, cases: each.cases(wishes).filter(({ id }) => only?.test(id) ?? true) }
    }),
  )
  const who = new Set([...OWN, ...PEERS, ...all.flatMap(({ cases }) => cases.flatMap((one) => one.contestants))])
  const wanted = rest.contestants === undefined ? undefined : listOf(rest.contestants, [...who], 'contestant')
  const chosen = all
    .map(({ scenario, cases }) => ({
      scenario,
      cases: cases.flatMap((one) => {
        const contestants = one.contestants.filter((name) => wanted?.includes(name) ?? true)
        return contestants.length === 0 ? [] : [{ ...one, contestants }]
      }),
    }))
    .filter(({ cases }) => cases.length > 0)
  if (chosen.length === 0) throw new Mistake('no case is left of what is asked for')
  return {
    chosen,
    rounds: rounds === undefined ? (quick || plot ? 3 : 5) : whole('--rounds', rounds),
    plot,
    keelson,
    out,
  }
}
