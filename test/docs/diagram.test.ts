/** The life of a service is drawn once, from the table; the README and the contract show that drawing. */
import { expect, it } from 'vitest'
import { diagram, TRANSITIONS } from '../../src/kernel/state.js'
import { read } from '../support/house.js'

const drawing = diagram()

/** The ```mermaid blocks of a text, without what a comment puts before each line. */
const drawings = (text: string): string[] =>
  text
    .replace(/^ *(\/\/|\*) ?/gm, '')
    .split(/^```mermaid\n/m)
    .slice(1)
    .map((rest) => rest.slice(0, rest.indexOf('\n```')))

it.each(['README.md', 'src/service.ts'])('R1 %s shows the diagram that the table draws', (path) => {
  expect(drawings(read(path))).toEqual([drawing])
})

it('R1 the rules page has the same transitions as the table', () => {
  const section = read('src/lifecycle.md').split('Legal transitions')[1]?.split('**R1**')[0] ?? ''
  const rows = [...section.matchAll(/^\| (\S+) \| (.*) \|$/gm)].map(([, from = '', to = '']) => {
    const [targets = '', relabelled] = to.split(';')
    const found = targets.match(/\b(idle|pending|starting|active|stopping)\b/g) ?? []
    return { from: from.replaceAll('`', ''), to: found.sort(), relabelled: relabelled?.match(/\w+/g) }
  })
  // `disconnected` is what `stopped` is called for a remote service.
  const [, unknown] = TRANSITIONS.find(([from]) => from === 'unknown') ?? []
  expect(rows.flatMap(({ relabelled }) => relabelled ?? [])).toEqual(['unknown', unknown?.[0]])
  expect(rows.slice(1).map(({ from, to }) => [from, to])).toEqual(
    TRANSITIONS.filter(([from]) => from !== 'unknown').map(([from, to]) => [from, [...to].sort()]),
  )
})
