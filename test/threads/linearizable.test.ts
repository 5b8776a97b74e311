/**
 * Histories of nine threads - eight workers and the owner - that register, unregister, look up and drive a few names
 * through one registry, each checked against the model of a name.
 */
import { Orchestrator } from 'keelson'
import { shareRegistry } from 'keelson/threads'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Bundled, bundled } from '../support/threads-bundle.js'
import { Crew } from '../support/threads-crew.js'
import { faultOf } from '../support/threads-history.js'

let program: Bundled
beforeAll(async () => {
  program = await bundled(new URL('./history-worker.ts', import.meta.url))
})
afterAll(() => program[Symbol.asyncDispose]())

it.each([
  { started: false, histories: 1_500 },
  { started: true, histories: 500 },
])(
  'R6 R8 R47 R48 each of $histories histories is linearizable (application started: $started)',
  async (given) => {
    const { started, histories } = given
    await using app = new Orchestrator()
    if (started) await app.start()
    const { name } = shareRegistry(app, { name: 'histories' })
    const crew = new Crew(app, program.url, 8, name)
    await crew.attached()
    const answers = new Set<string>()
    for (let seed = 0; seed < histories; seed++) {
      const names = Array.from({ length: 4 + (seed % 3) }, (_, i) => `${seed} ${i}`)
      const recorded = await crew.play(seed, names, 12)
      expect(faultOf(recorded, started), `seed ${seed}`).toBeUndefined()
      for (const { input, output } of recorded) answers.add(`${input.do} ${output}`)
    }
    await crew.end()
    // They were about something: everything that can be answered was answered, everything that can be seen was seen.
    for (const call of ['startService', 'restartService', 'stopService'])
      for (const code of ['done', 'CANCELLED', 'SERVICE_NOT_FOUND']) expect(answers).toContain(`${call} ${code}`)
    for (const state of ['starting unknown', 'running healthy', 'stopping unknown', 'stopped unknown'])
      for (const deed of ['see', 'look']) expect(answers).toContain(`${deed} ${state} 1`)
    for (const answer of ['register SERVICE_DUPLICATE', 'unregister SERVICE_NOT_FOUND', 'see no', 'look removed'])
      expect(answers).toContain(answer)
  },
  600_000,
)
