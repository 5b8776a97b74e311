/** What a mutation test found, as text: the score of each file, and what survived without a reason. */
import { readFileSync } from 'node:fs'
import type { Mutant } from './mutants.js'
import type { Outcome } from './run.js'

/** A mutant that changes nothing which anybody could see; `place`, `was` and `is` as the report prints them. */
interface Equivalent {
  readonly file: string
  readonly place: string
  readonly was: string
  readonly is: string
  readonly why: string
}

const equivalents: readonly Equivalent[] = JSON.parse(readFileSync(new URL('equivalent.json', import.meta.url), 'utf8'))
const excused = new Set(equivalents.map((one) => keyOf(one)))

/** By what a mutant is known, wherever it moves. */
export function keyOf({ file, place, was, is }: Mutant | Equivalent): string {
  return JSON.stringify([file, place, was, is])
}

/** Whether a mutant is listed as one that changes nothing. */
export function isEquivalent(mutant: Mutant): boolean {
  return excused.has(keyOf(mutant))
}

/** Prints it; returns whether nothing survived but what is equivalent. */
export function report(outcomes: readonly Outcome[]): boolean {
  const survivors = outcomes.filter((outcome) => outcome.by === undefined && !isEquivalent(outcome))
  for (const { file, line, place, was, is } of survivors) console.log(`${file}:${line} ${place}\n  - ${was}\n  + ${is}`)

  const files = [...new Set(outcomes.map(({ file }) => file))]
  const row = (name: string, of: readonly Outcome[]): string => {
    const killed = of.filter(({ by }) => by !== undefined).length
    const equivalent = of.filter((outcome) => outcome.by === undefined && isEquivalent(outcome)).length
    const score = (100 * killed) / Math.max(1, of.length - equivalent)
    const cells = [of.length, killed, of.length - killed - equivalent, equivalent].map((n) => String(n).padStart(9))
    return `${name.padEnd(28)}${cells.join('')}${`${score.toFixed(1)} %`.padStart(10)}`
  }
  console.log(`${''.padEnd(28)}  mutants   killed survived  equival.     score`)
  for (const file of files)
    console.log(
      row(
        file,
        outcomes.filter((outcome) => outcome.file === file),
      ),
    )
  console.log(row('all', outcomes))

  const all = new Map(outcomes.map((outcome) => [keyOf(outcome), outcome]))
  for (const one of equivalents) {
    if (!files.includes(one.file)) continue
    const outcome = all.get(keyOf(one))
    if (outcome === undefined) console.log(`equivalent.json, no such mutant any more: ${keyOf(one)}`)
    else if (outcome.by !== undefined) console.log(`equivalent.json, noticed by ${outcome.by}: ${keyOf(one)}`)
  }
  return survivors.length === 0
}
