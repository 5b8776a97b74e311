/** The table of transitions: of the rules page, which the laws walk, and of the code. They are one (R1). */
import type { ServiceState } from 'keelson'
import { expect, it } from 'vitest'
import { diagram, PHASE, STATES, step, TRANSITIONS } from '../../src/kernel/state.js'
import { legal, phaseOf, table } from '../support/laws1-table.js'

const pairs = STATES.flatMap((from) => STATES.map((to) => [from, to] as const))
/** To come to `unknown` again is a line of nobody's table, although it is idle. */
const possible = pairs.filter(([, to]) => to !== 'unknown')

it('R1 the page names the twelve states with the phases that the code gives them', () => {
  expect(Object.fromEntries(phaseOf)).toEqual(PHASE)
  expect([...phaseOf.keys()]).toHaveLength(12)
  expect([...STATES].sort()).toEqual([...phaseOf.keys()].sort())
})

it('R1 the code allows exactly the transitions of the page', () => {
  const differing = possible.filter(([from, to]) => step(from, to) !== legal(from, to))
  expect(differing.map(([from, to]) => `${from} → ${to}: the page says ${legal(from, to)}`)).toEqual([])
})

it('R1 nothing goes to itself, and nothing comes to unknown again', () => {
  expect(STATES.filter((state) => step(state, state) || step(state, 'unknown'))).toEqual([])
})

it('R1 at rest only unknown is relabelled, and only as stopped or its remote label', () => {
  const inside = pairs.filter(([from, to]) => PHASE[from] === 'idle' && PHASE[to] === 'idle' && step(from, to))
  expect(inside).toEqual([
    ['unknown', 'stopped'],
    ['unknown', 'disconnected'],
  ])
})

it('R1 an active service has no way but through stopping, and stopping none to an instance', () => {
  const ways = (state: ServiceState) => STATES.filter((to) => step(state, to))
  expect(ways('running')).toEqual(['stopping'])
  expect(ways('connected')).toEqual(['stopping'])
  expect(ways('starting')).toEqual(['stopping', 'running', 'connected'])
  expect(ways('stopping').filter((to) => PHASE[to] === 'active' || PHASE[to] === 'moving')).toEqual([])
})

it('R1 the diagram draws each line of the table, from phase to phase', () => {
  const drawn = [...diagram().matchAll(/^ {2}(\w+) --> (\w+)$/gm)].map(([, from, to]) => `${from} ${to}`)
  const place = (state: ServiceState) => (PHASE[state] === 'moving' ? state : PHASE[state])
  const lines = [...table].map((line) => line.split(' → ').map((state) => place(state as ServiceState)))
  const crossing = lines.filter(([from, to]) => from !== to).map((line) => line.join(' '))
  expect(drawn.sort()).toEqual([...new Set(crossing)].sort())
})

it('R1 the table is written once: its rows name no line twice', () => {
  const named = TRANSITIONS.flatMap(([from, to]) => to.map((each) => `${from} ${each}`))
  expect(named).toEqual([...new Set(named)])
})
