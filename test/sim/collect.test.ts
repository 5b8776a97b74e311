/** What is dead after a stop is garbage: nothing of keelson holds on to it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { defineService, type Orchestrator, type StartContext } from 'keelson'
import { type SimulatedFactory, simulate } from 'keelson/testing'
import { expect, it } from 'vitest'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

it('R46 after stop() what an epoch had is collected - its context, signal and resources -, while the orchestrator is kept', async () => {
  const kept = new Set<Orchestrator>()
  const dead: WeakRef<object>[] = []
  const watched = ({ own, signal }: StartContext): void => {
    const resource = { [Symbol.asyncDispose]: async () => {} }
    own(resource)
    dead.push(new WeakRef(resource), new WeakRef(signal))
  }
  const app: SimulatedFactory = ({ clock }) => ({
    services: [
      defineService('a', { start: watched, check: () => true }),
      defineService('b', {
        dependsOn: ['a'],
        start: async (context) => {
          watched(context)
          await clock.sleep(50)
        },
        run: ({ signal }) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
      }),
    ],
    invariants: { kept: ({ app }) => void kept.add(app) },
  })
  // An error that somebody keeps - here the events that can be replayed - keeps the functions of its stack.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  await simulate({ app, seeds: 25 })
  Error.stackTraceLimit = stackTraceLimit
  expect(kept.size).toBe(25)
  expect(dead.length).toBeGreaterThan(200)

  // What was just held in a turn of the host may only go in a later one.
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  expect(dead.filter((ref) => ref.deref() !== undefined)).toEqual([])
})
