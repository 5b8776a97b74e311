/** Who listens disturbs nobody: the same scenarios with and without hostile listeners make the same history. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AnyEvent } from '../../src/index.js'
import { generate } from '../../src/testing/generate.js'
import { play } from '../../src/testing/play.js'
import type { Act, ListenerPlan, Scenario } from '../../src/testing/scenario.js'

// Thousands of errors are made that nobody reads.
const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

const acts: readonly Act[] = [
  { end: 'throw', error: 'undefined' },
  { end: 'reject', error: 'proxy' },
  { end: 'hang' },
  { end: 'pass', abort: 'finish' },
]
const types = ['state', 'health', 'status', 'retry', 'registered', 'unregistered', 'operation', 'warning'] as const
/** One that throws, rejects, hangs and unsubscribes in its callback, of each kind; and a reader that never catches up. */
const hostile: readonly ListenerPlan[] = [
  ...[...types, 'listenerError' as const].map((type, i) => ({
    type,
    acts: [...acts.slice(i % 4), ...acts.slice(0, i % 4)],
  })),
  { type: 'changes', target: 's0', acts },
  { type: 'iterator', acts: [{ end: 'pass', takes: 7 }], buffer: 1, since: 0 },
]

/** What happened to the services and calls, and when; numbers of events aside, since told mistakes are events, too. */
async function history(
  scenario: Scenario,
  listeners: readonly ListenerPlan[],
): Promise<{ lines: string[]; heard: number }> {
  const events: string[] = []
  const hooks: string[] = []
  const calls: string[] = []
  let heard = 0
  await play(
    { ...scenario, listeners },
    {
      choices: { pick: () => 0 },
      laws: [],
      watch: (seen) => {
        if (seen.kind === 'enter') hooks.push(`${seen.at} ${seen.service} ${seen.epoch} ${seen.hook}`)
        // Within a millisecond each has its order; how they mix depends on how many microtasks there are.
        if (seen.kind === 'settled') calls.push(`${seen.at} call ${seen.id} ${seen.rejected} ${codeOf(seen.value)}`)
        if (seen.kind !== 'event') return
        if (seen.event.type === 'listenerError') heard++
        else events.push(`${seen.at} ${lineOf(seen.event)}`)
      },
    },
  )
  return { lines: [...events, ...hooks, ...calls.sort()], heard }
}

/** While the host is blocked, what is told of a turn may be told before or after that: left out. */
const unblocked = (scenario: Scenario): Scenario =>
  JSON.parse(
    JSON.stringify(scenario, (key, value) =>
      key === 'stalls' ? undefined : value?.deed === 'stall' ? { deed: 'abort' } : value,
    ),
  )

const codeOf = (value: unknown): unknown => (value as { readonly code?: unknown } | undefined)?.code

function lineOf({ seq: _, causedBy: __, timestamp: ___, ...told }: AnyEvent): string {
  return JSON.stringify(told, (key, value) => (key === 'error' ? codeOf(value) : value))
}

it('R39 in 100 scenarios no listener that throws, rejects, hangs or leaves changes what happens to any service or call', async () => {
  let heard = 0
  for (let seed = 1; seed <= 100; seed++) {
    const scenario = unblocked(generate(seed))
    if (scenario.services.length > 50) continue
    const alone = await history(scenario, [])
    const beset = await history(scenario, hostile)
    expect(beset.lines, `seed ${seed}`).toEqual(alone.lines)
    heard += beset.heard
  }
  expect(heard).toBeGreaterThan(300)
}, 60_000)
