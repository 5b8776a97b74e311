/**
 * The model of a name, the recorder and the checker together, before any thread comes in: what an application does in
 * one thread is allowed, what registries that are broken on purpose do is caught.
 */
import { Orchestrator } from 'keelson'
import { describe, expect, it } from 'vitest'
import { Double, flaws } from '../support/threads-double.js'
import { faultOf, type Played, play, type Recorded } from '../support/threads-history.js'
import { ownRegistry } from '../support/threads-own.js'

let now = 0

/** What eight callers in this thread record of a registry. */
async function callersOf(registry: Played, seed: number): Promise<Recorded[]> {
  const names = ['a', 'b', 'c', 'd', 'e'].map((name) => `${seed} ${name}`)
  const parts = Array.from({ length: 8 }, (_, client) =>
    play(registry, { client, seed, names, length: 12 }, () => now++),
  )
  return (await Promise.all(parts)).flat()
}

describe('R8 R47 R48 a history of eight callers', () => {
  it.each([false, true])('of an application in one thread is what the model allows (started: %s)', async (started) => {
    const app = new Orchestrator()
    if (started) await app.start()
    const registry = ownRegistry(app)
    const answers = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const recorded = await callersOf(registry, seed)
      expect(faultOf(recorded, started), `seed ${seed}`).toBeUndefined()
      for (const { input, output } of recorded) answers.add(`${input.do} ${output?.replace(/^\d+\.\d+ /, '')}`)
      await Promise.all(app.getAllServices().map(({ name }) => app.unregister(name)))
    }
    for (const call of ['startService', 'restartService', 'stopService'])
      for (const code of ['done', 'CANCELLED', 'SERVICE_NOT_FOUND']) expect(answers).toContain(`${call} ${code}`)
    for (const state of ['starting unknown', 'running healthy', 'stopping unknown', 'stopped unknown'])
      expect(answers).toContain(`see ${state} 1`)
    await app.stop()
  })

  it('is refused nearly always when one answer in it is falsified', async () => {
    const app = new Orchestrator()
    let tried = 0
    let refused = 0
    for (let seed = 0; seed < 120; seed++) {
      const recorded = await callersOf(ownRegistry(app), seed)
      const lies = recorded.filter(({ input }) => ['has', 'see', 'look', 'status', 'register'].includes(input.do))
      const truth = lies[(seed * 7919) % lies.length] as Recorded
      const lie = lies.find(({ input, output }) => input.do === truth.input.do && output !== truth.output)
      if (lie !== undefined) {
        tried++
        const told = recorded.map((each) => (each === truth ? { ...truth, output: lie.output } : each))
        if (faultOf(told, false) !== undefined) refused++
      }
      await Promise.all(app.getAllServices().map(({ name }) => app.unregister(name)))
    }
    expect(tried).toBeGreaterThan(90)
    expect(refused / tried).toBeGreaterThan(0.8) // the others might have been true
  })

  it('of a double that does what it says is allowed, 100 times', async () => {
    for (let seed = 0; seed < 100; seed++)
      expect(faultOf(await callersOf(new Double(seed), seed), false), `seed ${seed}`).toBeUndefined()
  })

  it.each(flaws)('is refused when %s, in one of the first 40', async (flaw) => {
    let fault: string | undefined
    for (let seed = 0; seed < 40 && fault === undefined; seed++)
      fault = faultOf(await callersOf(new Double(seed, flaw), seed), false)
    expect(fault).toContain('no order explains this')
  })
})
