/** Services that act on themselves and on each other from their own hooks and listeners. */
import type { StartContext, StateEvent } from 'keelson'
import { expect } from 'vitest'
import { type Call, type Chance, fault, type Stage, stage } from '../support/faults.js'

/** A service whose first start makes a call; `waits` for it, or goes on at once. */
async function selfish(chance: Chance, act: (s: Stage) => Promise<unknown>, waits: boolean) {
  const inner: Call[] = []
  const start = async ({ epoch }: StartContext): Promise<void> => {
    if (epoch > 1) return
    if (late) await s.clock.sleep(late)
    const promise = act(s)
    inner.push(s.call(promise))
    if (waits) await promise
  }
  const late = chance.between(0, 9)
  const s: Stage = await stage(chance, { a: { start, abortGrace: 100 }, b: { dependsOn: ['a'] } })
  const outer = s.call(s.app.start())
  await s.clock.advance(1_000)
  return { ...s, late, rest: late + (waits ? 100 : 0), said: () => [outer.said, ...inner.map(({ said }) => said)] }
}

fault('a start hook that calls stop on itself', {
  'R8 R32 R44 the start is CANCELLED, the service is at rest; a hook that awaits it is freed when its grace is over':
    async (chance) => {
      const waits = chance.once()
      const way = chance.each([(s: Stage) => s.app.stopService('a'), (s: Stage) => s.cast.a!.stop()])
      const { said, stories, hooks, late, rest } = await selfish(chance, way, waits)
      const stop = waits ? `STOP_INCOMPLETE (STOP_TIMEOUT) at ${rest}` : `done at ${rest}`
      expect(said()).toEqual([`CANCELLED at ${late}`, stop])
      expect(stories()).toEqual({
        a: ['0 starting', `${late} stopping (manual)`, `${rest} stopped (manual)`],
        b: ['0 waiting'],
      })
      expect(hooks()).toEqual({ a: '1/1', b: '0/0' })
    },
})

fault('a start hook that calls restart on itself', {
  'R3 R32 R44 one life ends before the next begins; a hook that awaits it is freed when its grace is over': async (
    chance,
  ) => {
    const waits = chance.once()
    const way = chance.each([(s: Stage) => s.app.restartService('a'), (s: Stage) => s.cast.a!.restart()])
    const { said, stories, hooks, late, rest } = await selfish(chance, way, waits)
    if (waits) {
      expect(said()).toEqual(Array(2).fill(`START_INCOMPLETE (START_FAILED) at ${rest}`))
      expect(stories()).toEqual({
        a: [
          '0 starting',
          `${late} stopping (restart)`,
          `${rest} warning STOP_FAILED a`,
          `${rest} stopped (restart)`,
          `${rest} waiting`,
          `${rest} starting`,
          `${rest} running`,
        ],
        b: ['0 waiting', `${rest} stopped (rollback)`],
      })
      expect(hooks()).toEqual({ a: '2/1', b: '0/0' })
    } else {
      expect(said()).toEqual(Array(2).fill(`done at ${late}`))
      expect(stories()).toEqual({
        a: [
          '0 starting',
          `${late} stopping (restart)`,
          `${late} stopped (restart)`,
          `${late} starting`,
          `${late} running`,
        ],
        b: ['0 waiting', `${late} starting`, `${late} running`],
      })
      expect(hooks()).toEqual({ a: '2/1', b: '1/0' })
    }
  },
})

fault('a start hook that calls shutdown on itself', {
  'R8 R31 R44 everything comes to rest, its own start is CANCELLED; a hook that awaits it is freed when its grace is over':
    async (chance) => {
      const waits = chance.once()
      const { said, stories, hooks, late, rest } = await selfish(chance, (s) => s.app.stop(), waits)
      const stop = waits ? `STOP_INCOMPLETE (STOP_TIMEOUT) at ${rest}` : `done at ${rest}`
      expect(said()).toEqual([`CANCELLED at ${late}`, stop])
      expect(stories()).toEqual({
        a: ['0 starting', `${late} stopping (shutdown)`, `${rest} stopped (shutdown)`],
        b: ['0 waiting', `${late} stopped (shutdown)`],
      })
      expect(hooks()).toEqual({ a: '1/1', b: '0/0' })
    },
})

fault('A and B starting each other', {
  'R8 R44 hooks that do not wait for it join what is under way: both are up, once': async (chance) => {
    const takes = [chance.between(0, 9), chance.between(0, 9)] as const
    const inner: Call[] = []
    const start = (other: string, ms: number) => (): Promise<void> => {
      inner.push(s.call(s.app.startService(other)))
      return s.clock.sleep(ms)
    }
    const autoStart = false
    const s: Stage = await stage(chance, {
      a: { autoStart, start: start('b', takes[0]) },
      b: { autoStart, start: start('a', takes[1]) },
    })
    const first = s.call(s.app.startService(chance.each(['a', 'b'])))
    await s.clock.advance(100)
    const [a, b] = takes
    const mine = chance.each(['a', 'b']) === 'a' ? [a, b, a] : [b, a, b]
    expect([first.said, ...inner.map(({ said }) => said)]).toEqual(mine.map((at) => `done at ${at}`))
    expect([s.states(), s.hooks()]).toEqual([
      { a: 'running', b: 'running' },
      { a: '1/0', b: '1/0' },
    ])
  },

  'R29 R32 R33 hooks that wait for each other are ended by the first startTimeout, and every promise settles': async (
    chance,
  ) => {
    const [one, two] = [chance.between(100, 200), chance.between(300, 400)]
    const inner: Record<string, Call> = {}
    const start = (other: string) => async (): Promise<void> => {
      const promise = s.app.startService(other)
      inner[other] = s.call(promise)
      await promise
    }
    const never = { restart: { policy: 'never' } } as const
    const s: Stage = await stage(chance, {
      a: { ...never, startTimeout: one, start: start('b') },
      b: { ...never, startTimeout: two, start: start('a') },
    })
    const up = s.call(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(5_000)
    expect([up.said, inner.a?.said, inner.b?.said]).toEqual([
      `START_INCOMPLETE (START_TIMEOUT) at ${one}`,
      `START_INCOMPLETE (START_TIMEOUT) at ${one}`,
      `START_INCOMPLETE (START_FAILED) at ${one}`,
    ])
    expect(s.stories()).toEqual({
      a: ['0 starting', `${one} stopping (failed) START_TIMEOUT`, `${one} failed (failed) START_TIMEOUT`],
      b: [
        '0 starting',
        `${one} stopping (failed) START_FAILED: START_INCOMPLETE`,
        `${one} failed (failed) START_FAILED: START_INCOMPLETE`,
      ],
    })
    expect(s.hooks()).toEqual({ a: '1/1', b: '1/1' })
  },
})

fault('a listener that stops its own service and unsubscribes', {
  'R8 R39 R44 it is called no more, nobody else misses anything, and only a start that was not yet done is CANCELLED':
    async (chance) => {
      const takes = chance.each([chance.between(1, 4), chance.between(6, 9)])
      const s = await stage(chance, { a: { start: { takes } }, b: { start: { takes: 5 } } })
      const heard: string[] = []
      const inner: Call[] = []
      const a = s.cast.a!
      const [first, second] = chance.shuffled([() => a.stop(), () => s.app.stopService('a')])
      const listener = ({ name, newState }: Pick<StateEvent, 'name' | 'newState'>): void => {
        if (name !== 'a') return
        heard.push(newState)
        if (newState !== on) return
        inner.push(s.call(first!()), s.call(second!()))
        end()
        throw new Error('and throws')
      }
      const end = chance.seed % 4 < 2 ? a.onStateChange(listener) : s.app.on('state', listener)
      const on = chance.each(['starting', 'running', 'running', 'running'] as const)
      const all: string[] = []
      s.app.on('state', ({ name, newState }: StateEvent) => void (name === 'a' && all.push(newState)))
      const up = s.call(s.app.start())
      await s.clock.advance(100)
      const states = ['starting', ...(on === 'running' ? ['running'] : [])]
      const at = on === 'running' ? takes : 0
      expect(heard).toEqual(states)
      expect(all).toEqual([...states, 'stopping', 'stopped'])
      expect(s.log.lines().filter((line) => line.startsWith('listenerError'))).toEqual([
        'listenerError state: and throws',
      ])
      expect(s.stories()).toEqual({
        a: [
          '0 starting',
          ...(on === 'running' ? [`${at} running`] : []),
          `${at} stopping (manual)`,
          `${at} stopped (manual)`,
        ],
        b: ['0 starting', '5 running'],
      })
      expect([up.said, ...inner.map(({ said }) => said)]).toEqual([
        at < 5 ? `CANCELLED at ${at}` : `done at ${at}`,
        `done at ${at}`,
        `done at ${at}`,
      ])
    },
})
