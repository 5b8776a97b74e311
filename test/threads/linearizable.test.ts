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

const HISTORIES = Number(process.env.HISTORIES ?? 2_000)

let program: Bundled
beforeAll(async () => {
  program = await bundled(new URL('./history-worker.ts', import.meta.url))
})
afterAll(() => program[Symbol.asyncDispose]())

it(`R8 R47 R48 every one of ${HISTORIES} histories of nine threads is linearizable`, async () => {
  await using app = new Orchestrator()
  const { name } = shareRegistry(app, { name: 'histories' })
  const crew = new Crew(app, program.url, 8, name)
  await crew.attached()
  const answers = new Map<string, number>()
  let checking = 0
  const began = performance.now()
  let operations = 0
  for (let seed = 0; seed < HISTORIES; seed++) {
    const names = Array.from({ length: 4 + (seed % 3) }, (_, i) => `${seed} ${i}`)
    const recorded = await crew.play(seed, names, 12)
    const at = performance.now()
    expect(faultOf(recorded), `seed ${seed}`).toBeUndefined()
    checking += performance.now() - at
    operations += recorded.length
    for (const { input, output } of recorded) {
      const answer = `${input.do} ${output?.replace(/^\d+\.\d+ /, '').replace(/ ?\d+$/, '')}`
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
    }
  }
  console.log({ ms: performance.now() - began, checking, operations }, answers)
  await crew.end()
}, 180_000)
