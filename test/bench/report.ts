// What the figures look like when they are read: Markdown tables, each figure beside its target.

import { cpus } from 'node:os'
import { contestant, LIMITS, OWN, PEERS } from './contestants/index.js'
import { isReached, type Results, type Row, type Scenario } from './scenario.js'
import { brief, greatest, least, median, number, spread } from './statistics.js'

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

const withUnit = (figure: string, { unit }: Row): string => (unit === undefined ? figure : `${figure} ${unit}`)
const hasTarget = ({ atMost, atLeast }: Row): boolean => (atMost ?? atLeast) !== undefined

function target(rows: readonly Row[]): string {
  const bounds = new Set(rows.map(({ atMost, atLeast }) => brief(atMost ?? atLeast ?? Number.NaN)))
  const [row] = rows
  if (row === undefined || !hasTarget(row)) return ''
  return withUnit(`${row.atMost === undefined ? '≥' : '≤'} ${[...bounds].join(' / ')}`, row)
}

function targets(rows: readonly Row[]): string {
  const verdict = (row: Row): string => (!hasTarget(row) ? '' : isReached(row) ? 'reached' : '**not reached**')
  const figure = (row: Row): string =>
    withUnit(brief(row.value), row) + (row.note === undefined ? '' : ` (${row.note})`)
  return table([
    ['what', 'figure', 'target', ''],
    ...rows.map((row) => [row.what, figure(row), target([row]), verdict(row)]),
  ])
}

/** The rows of all scenarios in few lines, from the least to the greatest of each kind: what the README quotes. */
export function digest(rowsOf: Readonly<Record<string, readonly Row[]>>): string {
  const lines = [['scenario', 'measured', 'figure', 'target', '']]
  for (const [scenario, rows] of Object.entries(rowsOf))
    for (const gist of new Set(rows.flatMap((row) => row.gist ?? []))) {
      const alike = rows.filter((row) => row.gist === gist)
      const [from, to] = [least, greatest].map((end) => brief(end(alike.map(({ value }) => value))))
      const kept = alike.filter(isReached).length
      const verdict = kept === alike.length ? 'reached' : kept === 0 ? '**no**' : `${kept} of ${alike.length}`
      const figure = withUnit(from === to ? `${from}` : `${from} - ${to}`, alike[0]!)
      lines.push([scenario, gist, figure, target(alike), hasTarget(alike[0]!) ? verdict : ''])
    }
  return table(lines)
}

/** The rows of a scenario that have a figure this time. */
export function rowsOf(scenario: Scenario, results: Results): Row[] {
  return scenario.rows(results).filter(({ value }) => Number.isFinite(value))
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
  const rows = rowsOf(scenario, results)
  return [
    `## ${scenario.name}`,
    scenario.about,
    ...(rows.length > 0 ? [targets(rows)] : []),
    contestants(scenario, results),
    ...results.lost.map((why) => `Lost: ${why.split('\n')[0]}`),
  ].join('\n\n')
}

/** Who was measured, how each was used, and what it does not do of what is measured; the limits that were found. */
export async function footnotes(names: ReadonlySet<string>, scenarios: readonly Scenario[]): Promise<string> {
  const lines: string[] = []
  for (const name of [...OWN, ...PEERS].filter((each) => names.has(each))) {
    const { name: title, use, lacks } = await contestant(name)
    const limit = LIMITS[name]
    const most = limit === undefined ? '' : ` ${mostOf(limit.wide, limit.edges)}: ${limit.why}.`
    lines.push(`- **${title}**: ${use}. Does not do: ${lacks}.${most}`)
  }
  for (const { name, uses = {} } of scenarios)
    for (const [who, use] of Object.entries(uses)) if (names.has(who)) lines.push(`- **${who}** in ${name}: ${use}.`)
  return ['## How each is used', lines.join('\n')].join('\n\n')
}

function mostOf(wide: number, edges: number): string {
  if (wide === edges) return `Up to ${number(wide)}`
  return `Up to ${number(wide)} where nobody depends on anybody, ${edges === 0 ? 'else none' : `else ${number(edges)}`}`
}

/** Where it was measured, in a line. */
export function place({ node, cpu, cores, rounds }: Heading): string {
  return `Node ${node}, ${cores} × ${cpu}, ${rounds} rounds, medians.`
}
