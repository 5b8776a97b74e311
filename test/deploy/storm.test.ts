/** Edits and calls of every kind at once, on a host that also starts, stops and rolls back: it never hangs, and in the end it is as the files say. */
import fc from 'fast-check'
import { defineService, isKeelsonError } from 'keelson'
import { expect, it } from 'vitest'
import { host, passing } from './host.js'

const names = ['a', 'b', 'c', 'd'] as const

const act = fc.oneof(
  fc.record({
    what: fc.constant('write' as const),
    name: fc.constantFrom(...names),
    version: fc.nat(3),
    dependsOn: fc.subarray(['a', 'b', 'deployer', 'program']),
    start: fc.constantFrom(undefined, undefined, undefined, 'fails', 'hangs'),
    takes: fc.constantFrom(undefined, 5, 2_000),
  }),
  fc.record({ what: fc.constantFrom('remove' as const, 'break' as const), name: fc.constantFrom(...names) }),
  fc.record({
    what: fc.constantFrom('start' as const, 'stop' as const, 'scan' as const, 'plan' as const, 'abort' as const),
  }),
  fc.record({
    what: fc.constantFrom(
      'startService' as const,
      'stopService' as const,
      'restartService' as const,
      'unregister' as const,
    ),
    name: fc.constantFrom(...names, 'deployer', 'program'),
  }),
  fc.record({ what: fc.constant('pass' as const), ms: fc.constantFrom(0, 1, 500, 5_000), turns: fc.nat(30) }),
)

it('R8 whatever is done to the host meanwhile, every call settles, and in the end what runs is what the files say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const h = await host({
        isUp: false,
        interval: 300,
        timeout: 10_000,
        backoff: { initialBackoff: 400, maxBackoff: 400 },
        app: { startTimeout: 3_000, shutdownTimeout: 5_000, restart: { maxRetries: 1, initialBackoff: 100 } },
      })
      await h.app.register(h.deployer)
      const program = (): Promise<void> => h.app.register(defineService('program', { start: () => h.clock.sleep(3) }))
      await program()
      const calls: Promise<unknown>[] = []
      const unexpected: unknown[] = []
      const call = (promise: Promise<unknown>): void => {
        calls.push(
          promise.catch((error: unknown) => {
            if (!isKeelsonError(error) && !(error instanceof DOMException)) unexpected.push(error)
          }),
        )
      }
      for (const each of acts) {
        if (each.what === 'write') {
          const { name, version, dependsOn, start, takes } = each
          const needs = dependsOn.filter((need) => need < name || need.length > 1)
          const config = { version, ...(start && { start }), ...(takes && { takes }) }
          await h.write(`${name}.json`, { name, type: 'plain', dependsOn: needs, config })
        } else if (each.what === 'remove') await h.remove(`${each.name}.json`).catch(() => {})
        else if (each.what === 'break') await h.write(`${each.name}.json`, '{"name":')
        else if (each.what === 'scan') call(h.deployer.scan())
        else if (each.what === 'plan') call(h.deployer.plan())
        else if (each.what === 'start') call(h.app.start())
        else if (each.what === 'stop') call(h.app.stop())
        else if (each.what === 'abort') {
          const abort = new AbortController()
          call(h.app.start({ signal: abort.signal }))
          call(h.deployer.scan({ signal: abort.signal }))
          await new Promise((resolve) => setImmediate(resolve))
          abort.abort()
        } else if (each.what === 'pass') {
          for (let i = 0; i < each.turns; i++) await new Promise((resolve) => setImmediate(resolve))
          await h.clock.advance(each.ms)
        } else if (each.what === 'unregister') call(h.app.unregister(each.name, { cascade: true }))
        else if ('name' in each) call(h.app[each.what](each.name))
      }
      await passing(h.clock, Promise.all(calls), 300_000)
      expect(unexpected).toEqual([])

      // Everything is put right: all that is said in the end is good, and somebody starts the host.
      if (!h.app.registry.has('program')) await program()
      for (const name of names) await h.write(`${name}.json`, { name, type: 'plain', config: { version: 9 } })
      if (!h.app.registry.has('deployer')) await h.app.register(h.deployer)
      await h.clock.advance(1_000) // the longest pause of what failed
      await h.scan() // a host that is down would not come up with what is broken
      await passing(h.clock, h.app.start(), 300_000)
      for (const name of names)
        await passing(
          h.clock,
          h.app.startService(name).catch(() => undefined),
        )
      await h.scan()
      expect(names.map((name) => [name, h.is(name).split(' ')[0], h.app.getServiceStatus(name).dependencies])).toEqual(
        names.map((name) => [name, 'running', []]),
      )
      expect((await h.deployer.plan()).steps.map(({ action }) => action)).toEqual(['keep', 'keep', 'keep', 'keep'])
      // One life at a time: each start is followed by its stop before the next.
      for (const name of names) {
        const lives = h.hooks.filter((line) => line.startsWith(`${name}@`)).map((line) => line.split(' ')[1])
        expect(lives).toEqual(lives.map((_, i) => (i % 2 === 0 ? 'start' : 'stop')))
      }
      await passing(h.clock, h.app.stop())
    }),
    { numRuns: 40 },
  )
}, 120_000)
