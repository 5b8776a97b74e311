// What the figures look like when they are read: Markdown tables, each figure beside its target.

import { cpus } from 'node:os'
import { contestant, LIMITS, OWN, PEERS } from './contestants/index.js'
import type { Results, Row, Scenario } from './scenario.js'
import { brief, median, spread } from './statistics.js'

/** Where and how it was measured. */
export interface Heading {
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly rounds: number
}

export function heading(rounds: number): Heading {
  return { node: process.version, cpu: cpus()[0]?.model ?? '', cores: cpus().length, rounds }
}

/** Rows of cells as a table; the first row is its head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...body.map(line)].join('\n')
}

function targets(rows: readonly Row[]): string {
  const verdict = ({ target, reached }: Row): string =>
    target === undefined ? '' : reached ? 'reached' : '**not reached**'
  return table([
    ['what', 'figure', 'target', ''],
    ...rows.map((row) => [row.what, row.figure, row.target ?? '', verdict(row)]),
  ])
}

/** Every contestant in every case: its figures, and the ratio of the main one to the floors, within the round. */
function contestants({ main }: Scenario, results: Results): string {
  const all = new Set<string>()
  for (const { id, contestants } of results.cases)
    for (const who of contestants) for (const each of results.figures(id, who)) all.add(each)
  const others = [...all].filter((figure) => figure !== main)
  const rows = [['case', 'contestant', `${main}: median (min-max)`, '× floor', '× floor-objects', ...others]]
  for (const { id, contestants } of results.cases)
    for (const who of contestants) {
      const values = (figure: string): number[] => results.values(id, who, figure)
      const ratio = (other: string): string => (who === other ? '' : spread(results.ratios(id, who, other, main)))
      const more = others.map((figure) => brief(median(values(figure))))
      rows.push([id, who, spread(values(main)), ratio('floor'), ratio('floor-objects'), ...more])
    }
  return table(rows)
}

/** A scenario: targets first, the figures behind them after. */
export function section(scenario: Scenario, results: Results): string {
  // What was not asked for this time has no figure.
  const rows = scenario.rows(results).filter(({ figure }) => !/^-( |$)/.test(figure))
  return [
    `## ${scenario.name}`,
    scenario.about,
    ...(rows.length > 0 ? [targets(rows)] : []),
    contestants(scenario, results),
  ].join('\n\n')
}

/** Who was measured, how each was used, and what it does not do of what is measured; the limits that were found. */
export async function footnotes(names: ReadonlySet<string>): Promise<string> {
  const lines: string[] = []
  for (const name of [...OWN, ...PEERS].filter((each) => names.has(each))) {
    const { name: title, use, lacks } = await contestant(name)
    const limit = LIMITS[name]
    const most =
      limit === undefined ? '' : ` Up to ${limit.most} services${limit.wideOnly ? ', wide only' : ''}: ${limit.why}.`
    lines.push(`- **${title}**: ${use}. Does not do: ${lacks}.${most}`)
  }
  return lines.length === 0 ? '' : ['## How each is used', lines.join('\n')].join('\n\n')
}

/** The whole report. */
export function summary({ node, cpu, cores, rounds }: Heading, sections: readonly string[]): string {
  return [`Node ${node}, ${cores} × ${cpu}, ${rounds} rounds.`, ...sections].join('\n\n')
}
