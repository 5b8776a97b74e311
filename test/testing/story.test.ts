/** Any scenario can be told and shrunk, not only those that fail today. */
import { expect, it } from 'vitest'
import { generate } from '../../src/testing/generate.js'
import { shrink } from '../../src/testing/shrink.js'
import { failureText } from '../../src/testing/story.js'

const SEEDS = Array.from({ length: 120 }, (_, i) => i + 1)
const small = SEEDS.map(generate).filter(({ services }) => services.length <= 12)

it('a scenario is told with a line for each service and each step, its law and how to see it again', () => {
  for (const seed of SEEDS) {
    const scenario = generate(seed)
    const lines = failureText(scenario, { law: 'R7 a law', message: 'it is broken', at: 7 }, 'the command').split('\n')
    expect(lines[0]).toBe(`seed ${seed} violates: R7 a law`)
    expect(lines.at(-1)).toBe('  replay: the command')
    for (const { name } of scenario.services)
      expect(lines.some((line) => new RegExp(`^  service ${name}( |$)`).test(line))).toBe(true)
    expect(lines.filter((line) => / ms {2}/.test(line)).length).toBeGreaterThanOrEqual(scenario.steps.length)
  }
})

it('what fails whatever is left shrinks to next to nothing, and what fails only as a whole stays as it is', async () => {
  for (const scenario of small.slice(0, 30)) {
    const least = await shrink(scenario, async () => true)
    expect([least.services.length <= 1, least.steps.length, least.listeners.length]).toEqual([true, 0, 0])
    expect(await shrink(scenario, async () => false)).toEqual(scenario)
  }
})

it('shrinking takes away all but what is asked for', async () => {
  for (const scenario of small.slice(0, 10)) {
    const last = scenario.services.at(-1)?.name
    const least = await shrink(scenario, async ({ services }) => services.some(({ name }) => name === last))
    expect(least.services.map(({ name }) => name)).toEqual([last])
  }
})
