/** Faults of a stop: it throws, hangs, comes while the start is unsettled, or a disposer throws. */
import type { StartContext } from 'keelson'
import { expect } from 'vitest'
import { fault, stage } from '../support/faults.js'

fault('stop throws', {
  'R2 R31 everything comes to rest all the same, in order, and the report names exactly the culprits': async (
    chance,
  ) => {
    const names = Array.from({ length: chance.between(3, 8) }, (_, i) => `s${i}`)
    const culprits = names.filter(() => chance.once())
    const boom = new Error('boom')
    const sync = (): never => {
      throw boom
    }
    const stop = (name: string) =>
      culprits.includes(name) ? (chance.once() ? sync : () => Promise.reject(boom)) : { takes: chance.between(0, 5) }
    const parts = names.map((name, i) => [name, { dependsOn: i > 0 ? [`s${i - 1}`] : [], stop: stop(name) }] as const)
    const s = await stage(chance, Object.fromEntries(parts))
    await s.app.start()
    s.forget()
    const down = s.call(s.app.stop())
    await s.clock.advance(1_000)
    expect(down.said).toMatch(culprits.length > 0 ? /^STOP_INCOMPLETE \(STOP_FAILED\)/ : /^done/)
    const rows = down.report?.services.filter(({ name }) => names.includes(name)) ?? []
    expect(rows.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)).toEqual(
      rows.map(({ name }) => name).filter((name) => culprits.includes(name)),
    )
    expect(rows.map(({ error }) => (error as Error | undefined)?.cause).filter(Boolean)).toEqual(
      culprits.map(() => boom),
    )
    const order = s.story().map((line) => line.replace(/^\d+ /, ''))
    expect(order).toEqual(
      [...names]
        .reverse()
        .flatMap((name) => [`${name}: running → stopping (shutdown)`, `${name}: stopping → stopped (shutdown)`]),
    )
    const up = s.call(s.app.start())
    await s.clock.settle()
    expect(up.said).toMatch(/^done/)
  },

  'R2 R4 R20 after a failed start it is a second error of the first, and the epoch goes where it would have gone':
    async (chance) => {
      const [first, second] = [new Error('start'), new Error('stop')]
      const fails = chance.between(1, 3)
      const start = ({ epoch }: StartContext) => (epoch <= fails ? Promise.reject(first) : undefined)
      const stop = chance.once() ? () => Promise.reject(second) : { fails: true, error: second, takes: 3 }
      const s = await stage(chance, { a: { start, stop, restart: { jitter: 0, multiplier: 1, initialBackoff: 10 } } })
      const up = s.call(s.app.start({ onFailure: 'retry' }))
      await s.clock.settle()
      await s.clock.advance(4)
      expect(s.app.getServiceStatus('a')).toMatchObject({
        state: 'retrying',
        error: { code: 'START_FAILED', cause: first, suppressed: [{ code: 'STOP_FAILED', cause: second }] },
      })
      await s.clock.advance(96)
      expect([up.said.split(' ')[0], s.states(), s.hooks()]).toEqual([
        'done',
        { a: 'running' },
        { a: `${fails + 1}/${fails}` },
      ])
      expect(s.log.states('a')).toEqual([
        ...Array.from({ length: fails }, () => ['starting', 'stopping', 'retrying']).flat(),
        'starting',
        'running',
      ])
    },
})

fault('stop hangs', {
  'R31 R32 it is abandoned at its stopTimeout, holds up nobody unrelated, and no new epoch begins until it has settled':
    async (chance) => {
      const stopTimeout = chance.between(10, 5_000)
      const [settles, takes] = [stopTimeout + chance.between(1, 100), chance.between(0, 9)]
      const stop = ({ epoch }: { epoch: number }) => (epoch === 1 ? s.clock.sleep(settles) : undefined)
      const back: number[] = []
      const start = ({ own }: StartContext) => void own(() => back.push(s.now()))
      const s = await stage(chance, {
        base: {},
        bad: { dependsOn: ['base'], start, stop, stopTimeout },
        other: { stop: { takes } },
      })
      await s.app.start()
      s.forget()
      const down = s.call(s.app.stop())
      await s.clock.advance(stopTimeout)
      expect(down.said).toBe(`STOP_INCOMPLETE (STOP_TIMEOUT) at ${stopTimeout}`)
      expect(s.stories()).toEqual({
        base: [`${stopTimeout} stopping (shutdown)`, `${stopTimeout} stopped (shutdown)`],
        bad: ['0 stopping (shutdown)', `${stopTimeout} stopped (shutdown)`],
        other: ['0 stopping (shutdown)', `${takes} stopped (shutdown)`],
      })
      expect([s.cast.bad?.contexts.stop[0]?.signal.aborted, back]).toEqual([true, [stopTimeout]])
      s.forget()
      const early = s.call(s.app.startService('bad'))
      await s.clock.settle()
      expect(early.said).toBe(`START_INCOMPLETE (START_FAILED) at ${stopTimeout}`)
      expect([s.states().bad, s.app.explain('bad').because.map(({ kind }) => kind)]).toEqual(['waiting', ['hook']])
      await s.clock.advance(settles - stopTimeout)
      expect(s.stories('bad')).toEqual({
        bad: [`${stopTimeout} waiting`, `${settles} starting`, `${settles} running`],
      })
      expect([s.hooks().bad, back]).toEqual(['2/1', [stopTimeout]])
    },
})

fault('stop is called while start is unsettled', {
  'R5 R8 R32 the start is aborted and CANCELLED, the stop is clean, and nothing counts as a failure': async (
    chance,
  ) => {
    const [takes, after] = [chance.between(5, 50), chance.between(0, 5)]
    const at = chance.between(0, takes - 1)
    const ignoresAbort = chance.once()
    const call = chance.each(['stopService', 'stop', 'self'] as const)
    const s = await stage(chance, {
      base: {},
      a: { dependsOn: ['base'], start: { takes, ignoresAbort }, stop: { takes: after } },
      b: { dependsOn: ['a'] },
    })
    const start = s.call(s.app.start())
    await s.clock.advance(at)
    const stop = s.call(
      { stopService: () => s.app.stopService('a'), stop: () => s.app.stop(), self: () => s.cast.a!.stop() }[call](),
    )
    await s.clock.advance(200)
    const settled = ignoresAbort ? takes : at
    const rest = settled + after
    expect([start.said, stop.said]).toEqual([`CANCELLED at ${at}`, `done at ${rest}`])
    const reason = call === 'stop' ? 'shutdown' : 'manual'
    expect(s.stories('a', 'b')).toEqual({
      a: ['0 waiting', '0 starting', `${at} stopping (${reason})`, `${rest} stopped (${reason})`],
      b: ['0 waiting', ...(call === 'stop' ? [`${at} stopped (shutdown)`] : [])],
    })
    expect(s.hooks()).toEqual({ base: call === 'stop' ? '1/1' : '1/0', a: '1/1', b: '0/0' })
    const status = s.app.getServiceStatus('a')
    expect([status.error, status.attempt, s.cast.a?.lastError]).toEqual([undefined, undefined, undefined])
  },
})

fault('a disposer throws', {
  'R2 R31 the others run all the same, last in first out, each once; the stop says so and the next start is untouched':
    async (chance) => {
      const count = chance.between(2, 9)
      const bad = new Set(Array.from({ length: count }, (_, i) => i).filter((i) => i === 0 || chance.once()))
      const ran: string[] = []
      const start = ({ epoch, own }: StartContext): void => {
        for (let i = 0; i < count; i++) {
          const ways: (() => unknown)[] = [
            () => {
              throw new Error(`d${i}`)
            },
            () => Promise.reject(new Error(`d${i}`)),
            () => s.clock.sleep(1).then(() => Promise.reject(new Error(`d${i}`))),
          ]
          const way = bad.has(i) && epoch === 1 ? ways[chance.between(0, 2)]! : () => undefined
          own(() => {
            ran.push(`${epoch}: ${i}`)
            return way()
          })
        }
      }
      const s = await stage(chance, { a: { start } })
      await s.app.start()
      const down = s.call(s.app.stopService('a'))
      await s.clock.advance(100)
      const order = (epoch: number): string[] => Array.from({ length: count }, (_, i) => `${epoch}: ${count - 1 - i}`)
      expect(ran).toEqual(order(1))
      expect(down.said).toMatch(/^STOP_INCOMPLETE \(STOP_FAILED\)/)
      const error = down.report?.services.find(({ name }) => name === 'a')?.error as {
        cause: Error
        suppressed: { cause: Error }[]
      }
      const thrown = [...bad].reverse().map((i) => `d${i}`)
      expect([error.cause, ...error.suppressed.map(({ cause }) => cause)].map(({ message }) => message)).toEqual(thrown)
      expect(s.states()).toEqual({ a: 'stopped' })
      const up = s.call(s.app.startService('a'))
      await s.clock.settle()
      const clean = s.call(s.app.stopService('a'))
      await s.clock.settle()
      expect([up.said, clean.said]).toEqual(['done at 100', 'done at 100'])
      expect(ran.slice(count)).toEqual(order(2))
    },
})
