/**
 * The table of legal transitions, read from the rules page: the tests have none of their own (R1).
 */
import { readFileSync } from 'node:fs'
import type { ServicePhase, ServiceState } from 'keelson'

const page = readFileSync(new URL('../../src/lifecycle.md', import.meta.url), 'utf8')
const words = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`(\w+)`/g)].map(([, word = '']) => word)

/** The rows of the Markdown table that begins with this header, cell by cell. */
function rows(header: string): string[][] {
  const lines = page.split('\n')
  const from = lines.findIndex((line) => line.startsWith(header))
  if (from < 0) throw new Error(`lifecycle.md has no table ${header}`)
  const end = lines.findIndex((line, i) => i > from && !line.startsWith('|'))
  return lines.slice(from + 2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** The phase of each state, as the page has it. */
export const phaseOf: ReadonlyMap<ServiceState, ServicePhase> = new Map(
  rows('| phase | states |').flatMap(([phase, states]) =>
    words(states).map((state) => [state as ServiceState, phase as ServicePhase] as const),
  ),
)

const states = [...phaseOf.keys()]
const label = (state: ServiceState): ServiceState =>
  state === 'disconnected' ? 'stopped' : state === 'connected' ? 'running' : state

/** A cell names phases in plain words and states in code. */
function targets(cell: string, from: ServiceState): ServiceState[] {
  return cell.split(',').flatMap((part) => {
    const named = words(part)
    if (named.length > 0) return states.filter((state) => named.includes(label(state)))
    const phase = part
      .replace(/^\s*another\b/, '')
      .replace(/\bstate\s*$/, '')
      .trim()
    return states.filter((state) => phaseOf.get(state) === phase && state !== from)
  })
}

/** Every legal transition, as `from → to`. */
export const table: ReadonlySet<string> = new Set(
  rows('| from | to |').flatMap(([from = '', to = '']) => {
    const [general = '', special] = to.split(';')
    const sources = words(from).length > 0 ? words(from) : states.filter((state) => phaseOf.get(state) === from)
    const pairs = (sources as ServiceState[]).flatMap((source) =>
      targets(general, source).map((target) => `${source} → ${target}`),
    )
    const [left = '', right = ''] = special?.split('→') ?? []
    return [
      ...pairs,
      ...(words(left) as ServiceState[]).flatMap((source) =>
        targets(right, source).map((target) => `${source} → ${target}`),
      ),
    ]
  }),
)

/** Whether the page allows this transition. */
export const legal = (from: ServiceState, to: ServiceState): boolean => table.has(`${from} → ${to}`)
