/** Intents that meet in one turn, and what a turn promises about what happened in it. */
import type { StartContext } from 'keelson'
import { expect } from 'vitest'
import { type Call, fault, type Stage, stage } from '../support/faults.js'
import { deferred } from '../support/promises.js'

fault('a stop of a service at rest and a start in the same turn', {
  'R8 R33 the last one wins, however many there were: a stop had nothing to stop, a start before a stop is CANCELLED':
    async (chance) => {
      const takes = chance.between(0, 5)
      const where = chance.each(['never started', 'stopped by hand', 'failed'] as const)
      const s = await stage(chance, {
        base: {},
        a: { dependsOn: ['base'], start: { takes, fails: where === 'failed' ? 1 : 0 }, restart: { policy: 'never' } },
      })
      const rest = { 'never started': 'unknown', 'stopped by hand': 'stopped', failed: 'failed' }[where]
      if (where === 'failed') s.call(s.app.start({ onFailure: 'keep' }))
      if (where === 'stopped by hand') s.call(s.app.stopService('a'))
      await s.clock.advance(10)
      expect(s.states().a).toBe(rest)
      s.forget()
      const [starts, stops] = [s.cast.a!.calls.start, s.cast.a!.calls.stop]
      const acts = Array.from({ length: chance.between(0, 20) }, () => chance.pick(['stop', 'start'] as const))
      const last = chance.pick(['stop', 'start'] as const)
      const calls = [...acts, last === 'stop' ? 'start' : 'stop', last].map((act) => ({
        act,
        call: s.call(act === 'stop' ? s.app.stopService('a') : s.app.startService('a')),
      }))
      await s.clock.advance(100)
      const lastStop = calls.map(({ act }) => act).lastIndexOf('stop')
      expect(calls.map(({ act, call }) => `${act} ${call.said}`)).toEqual(
        calls.map(({ act }, i) => {
          if (act === 'stop') return 'stop done at 10'
          return i < lastStop ? 'start CANCELLED at 10' : `start done at ${10 + takes}`
        }),
      )
      expect([s.states().a, s.cast.a!.calls.start - starts, s.cast.a!.calls.stop - stops]).toEqual(
        last === 'start' ? ['running', 1, 0] : [where === 'failed' ? 'failed' : 'stopped', 0, 0],
      )
    },
})

fault('a second stop() that had joined when a start() overtook the first', {
  'R8 R31 R33 both are CANCELLED, the start comes up, and each service has had one stop': async (chance) => {
    const takes = chance.between(3, 50)
    const second = chance.between(0, takes - 2)
    const third = chance.between(second, takes - 1)
    const s = await stage(chance, { base: {}, a: { dependsOn: ['base'], stop: { takes } } })
    await s.app.start()
    s.forget()
    const calls = [s.call(s.app.stop())]
    await s.clock.advance(second)
    calls.push(s.call(chance.once() ? s.app.stop() : s.app.stop({ timeout: 5_000 })))
    await s.clock.advance(third - second)
    calls.push(s.call(s.app.start()))
    await s.clock.advance(200)
    expect(calls.map(({ said }) => said)).toEqual([
      `CANCELLED at ${third}`,
      `CANCELLED at ${third}`,
      `done at ${takes}`,
    ])
    const base = ['stopping (shutdown)', 'stopped (shutdown)', 'starting', 'running']
    expect(s.stories()).toEqual({
      base: base.map((line) => `${takes} ${line}`),
      a: [
        '0 stopping (shutdown)',
        ...['stopped (shutdown)', 'waiting', 'starting', 'running'].map((line) => `${takes} ${line}`),
      ],
    })
    expect(s.hooks()).toEqual({ base: '2/1', a: '2/1' })
  },
})

fault('a report of a service that crashes in the turn that fulfilled the start', {
  'R29 R33 the start settles once, and reports what was so when it did, not what came after': async (chance) => {
    const [hops, takes] = [chance.seed - 1, chance.pick([0, 5])]
    const fail = async (context: StartContext): Promise<void> => {
      for (let i = 0; i < hops; i++) await undefined
      context.fail(new Error('boom'))
    }
    const start = chance.pick([
      (context: StartContext) => void fail(context),
      (context: StartContext) => s.clock.sleep(takes).then(() => void fail(context)),
      async (context: StartContext) => {
        await s.clock.sleep(takes)
        void fail(context)
      },
    ])
    const s: Stage = await stage(chance, { a: { start, restart: { policy: 'never' } }, b: {} })
    const promise = s.app.start({ onFailure: 'keep' })
    const up: Call = s.call(promise)
    await s.clock.advance(100)
    const [row] = up.report?.services.filter(({ name }) => name === 'a') ?? []
    const states = s.log.states('a')
    const isUp = states.includes('running')
    expect(states).toEqual(['starting', ...(isUp ? ['running'] : []), 'stopping', 'failed'])
    const at = Number(s.story('a').at(-1)!.split(' ')[0])
    expect(up.said).toBe(isUp ? `done at ${at}` : `START_INCOMPLETE (START_FAILED) at ${at}`)
    expect(row).toMatchObject(
      isUp ? { outcome: 'started', state: 'running' } : { outcome: 'failed', state: 'stopping' },
    )
    expect('error' in row!).toBe(!isUp)
  },

  'R29 R33 also when another one crashes in the turn in which the last one came up': async (chance) => {
    const last = deferred()
    const s: Stage = await stage(chance, { a: { start: () => last.promise }, b: { restart: { jitter: 0 } } })
    const up = s.call(s.app.start())
    await s.clock.advance(10)
    last.resolve()
    for (let hops = chance.seed - 1; hops > 0; hops--) await undefined
    s.cast.b!.crash()
    await s.clock.advance(5_000)
    const events = s.log.events.slice(
      0,
      s.log.events.findIndex((event) => event.type === 'operation' && event.phase === 'end'),
    )
    const state = (of: string) =>
      events.flatMap((event) => (event.type === 'state' && event.name === of ? event.newState : [])).at(-1)
    expect([state('a'), state('b'), s.states()]).toEqual(['running', 'running', { a: 'running', b: 'running' }])
    // Told before it had settled, it is waited for; told after, it is another story. The engine takes two microtasks to hear of `a`.
    expect(up.said).toMatch(/^done at (10|1010)$/)
    expect(up.report?.services.map(({ name, outcome, state }) => `${name} ${outcome} ${state}`).sort()).toEqual([
      'a started running',
      'b started running',
    ])
    expect(s.stories('b').b).toEqual([
      '0 starting',
      '0 running',
      '10 stopping (failed) CRASHED: b crashed',
      '10 retrying (failed) #1 CRASHED: b crashed',
      '10 retry b #1 in 1000 (transient)',
      '1010 starting #1 CRASHED: b crashed',
      '1010 running',
    ])
  },
})
