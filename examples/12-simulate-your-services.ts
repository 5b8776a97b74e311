// Lesson 12: simulating your services. `simulate` plays them on virtual time, hundreds of histories in a few seconds:
// random calls, hooks that fail, hang or take long, crashes, bad checks, a host that stands still. In each of them the
// rules of keelson must hold, and yours. A failure tells the seed, the few steps that lead there, and how to replay it.
import assert from 'node:assert/strict'
import { defineService } from 'keelson'
import { type SimulatedFactory, SimulationFailure, simulate } from 'keelson/testing'

// The services under test: a pool of connections, and an API that needs one. A factory makes them anew for each history,
// on the clock of that history. What the lesson is about is what the API does when the pool goes away.
const shop =
  (onLoss: 'stop' | 'keep'): SimulatedFactory =>
  ({ clock }) => {
    let connections = 0
    const pool = defineService('pool', {
      start: async ({ own }) => {
        await clock.sleep(200) // a handshake
        connections++
        own(() => connections--)
      },
      check: () => connections === 1,
    })
    const api = defineService('api', { dependsOn: [{ name: 'pool', onLoss }], start: () => clock.sleep(50) })
    return {
      services: [pool, api],
      invariants: {
        'at most one connection is open': () => connections <= 1,
        'the api is up only while there is a connection': ({ app }) =>
          app.getServiceStatus('api').phase !== 'active' || connections === 1,
        'nothing is left behind': ({ phase }) => phase !== 'stopped' || connections === 0,
      },
    }
  }

// 100 histories with an API that stops when the pool is lost, the default: nothing to find.
const report = await simulate({ app: shop('stop'), seeds: 100 })
assert.equal(report.seeds, 100)
console.log(`${report.transitions} transitions, with ${report.faults.slice(0, 3).join(', ')} and more`)

// One that stays up is found out, and the history that shows it made small.
const failure: unknown = await simulate({ app: shop('keep') }).catch((error: unknown) => error)
assert.ok(failure instanceof SimulationFailure)
assert.equal(failure.law, 'the api is up only while there is a connection')
console.log(failure.message)

// Its seed plays the same again: while you look for the reason, and after you have mended it.
await assert.rejects(simulate({ app: shop('keep'), seed: failure.seed }), {
  seed: failure.seed,
  message: failure.message,
})
await simulate({ app: shop('stop'), seed: failure.seed })
