/**
 * Every situation a service can be in × everything that can come to it: brought about through the public API, and the
 * whole event log that follows compared with test/tables/states.txt. Cells that cannot be say why, and that is looked up.
 *
 * What is in flight is let go after 100 ms, then time runs for 5 s; where time itself is the input, a minute passes.
 */
import { readFileSync } from 'node:fs'
import type { ServiceState } from 'keelson'
import { describe, expect, it } from 'vitest'
import { PHASE, STATES } from '../../src/kernel/state.js'
import { legal, table } from '../support/laws1-table.js'
import { settled } from '../support/promises.js'
import { INPUTS, type Input } from '../support/tables-inputs.js'
import { SITUATIONS, type Situation } from '../support/tables-situations.js'
import { codeOf, Stage } from '../support/tables-states.js'

/** The cells by situation and input, in the words of `Stage.outcome`; `-` is a cell in which nothing happens. */
const expected = new Map<string, Map<string, string>>()
for (const block of readFileSync(new URL('states.txt', import.meta.url), 'utf8')
  .split('\n## ')
  .slice(1)) {
  const [title = '', ...lines] = block.split('\n')
  const cells = lines.filter((line) => line.includes(' | ')).map((line) => line.split(/ +\| /, 2))
  expected.set(title, new Map(cells as [string, string][]))
}

async function play(situation: Situation, input: Input): Promise<string> {
  const stage = new Stage(situation.staging ?? {})
  await situation.come?.(stage)
  expect(stage.status().state).toBe(situation.state)
  const why = input.impossible?.(stage)
  if (why !== undefined) {
    await stage.end()
    return `impossible: ${why}`
  }
  stage.begin()
  const answer = input.act(stage)
  const call = answer instanceof Promise ? settled(answer) : undefined
  await stage.clock.advance(input.holds ? 60_000 : 100)
  const refused = call?.status === 'rejected' && stage.outcome() === '' ? `refused${codeOf(call.error)}` : ''
  stage.release()
  await stage.clock.advance(5_000)
  const outcome = stage.outcome()
  for (const { oldState, newState } of stage.steps())
    expect(legal(oldState, newState), `${oldState} → ${newState}`).toBe(true)
  if (call) expect(call.status, 'every promise settles').not.toBe('pending')
  await stage.end()
  return [refused, outcome].filter(Boolean).join(', ') || '-'
}

it('R1 every state has a row, and each row and column has its cells', () => {
  expect(new Set(Object.values(SITUATIONS).map(({ state }) => state))).toEqual(new Set(STATES))
  expect([...expected.keys()]).toEqual(Object.keys(SITUATIONS))
  for (const cells of expected.values()) expect([...cells.keys()]).toEqual(Object.keys(INPUTS))
})

describe.each(Object.entries(SITUATIONS))('a service that is %s', (title, situation) => {
  it.each(Object.entries(INPUTS))('R1 R7 when %s', async (name, input) => {
    expect(await play(situation, input)).toBe(expected.get(title)?.get(name))
  })
})

it('R1 together they take every legal step that a single service can be brought to take', () => {
  const phaseOf = (state: ServiceState): string => (PHASE[state] === 'moving' ? state : PHASE[state])
  const taken = new Set<string>()
  for (const [title, cells] of expected) {
    for (const cell of cells.values()) {
      let at = SITUATIONS[title]?.state as ServiceState
      // `failed` with no reason behind it is the outcome of a call.
      for (const [, word] of cell.matchAll(/(?:^|, )(?:\+\d+ )?(?!failed(?!\())(\w+)/g)) {
        const next = STATES.find((state) => state === word)
        if (next === undefined) continue
        taken.add(`${phaseOf(at)} → ${phaseOf(next)}`)
        at = next
      }
    }
  }
  const possible = [...table].map((step) => (step.split(' → ') as ServiceState[]).map(phaseOf).join(' → '))
  expect([...taken].sort()).toEqual([...new Set(possible)].sort())
})
