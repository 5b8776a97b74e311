/** R49: a replacement in the middle of everything else: stops, removals, restarts, other replacements. */
import type { Service } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, type Puppet, type Script, type Stage, stage, type Watched } from '../support/laws2.js'

const OLD: Script = { up: 10, down: 10 }

/** What was there and what shall be there, both under the name `x`. */
interface Pair {
  readonly old: Puppet
  readonly next: Puppet
  readonly service: Service
}

function pair(s: Stage, script: Script = {}): Pair {
  const old = s.the('x')
  const next = s.make('x', { ...OLD, ...script })
  return { old, next, service: next.service }
}

/** How often each was started and stopped, and which of them is registered. */
function score(s: Stage, { old, next }: Pair): string {
  const now = s.app.registry.get('x')
  const is = now === old.service ? 'old' : now === next.service ? 'new' : 'none'
  return `old ${old.starts}/${old.stops}, new ${next.starts}/${next.stops}, ${is}`
}

describe('R49 what else is in flight', () => {
  /** At each moment of a replacement: the old one stops from 10 to 20, the new one starts from 20 to 30. */
  const moments: [string, number, string][] = [
    ['while the old one stops', 5, 'new 0/0'],
    ['while the new one starts', 15, 'new 1/1'],
  ]
  const inTheMiddle = async (at: number) => {
    const s = stage({ x: OLD, api: { dependsOn: [{ name: 'x', optional: true }] } })
    await s.boot(10)
    const two = pair(s)
    const done: Watched<unknown> = s.watch(s.app.replace(two.service))
    await s.clock.advance(at)
    return { s, two, done }
  }

  it('R10 R49 a cycle that closes while the old one stops: it rejects, and the old one is there', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const two = pair(s, { dependsOn: [{ name: 'late', optional: true }] })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(5)
    const late = s.watch(s.app.register(s.make('late', { dependsOn: ['x'] }).service))
    await s.clock.advance(60_000)
    // One of the two has to yield.
    expect([done.state, late.state].sort()).toEqual(['rejected', 'resolved'])
    expect(JSON.stringify([done.error, late.error])).toContain('DEPENDENCY_CYCLE')
    expect([s.state('x'), two.old.starts + two.next.starts]).toEqual(['running', 2])
  })

  it('R8 R49 what the new one requires goes while the old one stops: it rejects, or that removal is refused', async () => {
    const s = stage({ mq: {}, x: OLD })
    await s.boot(10)
    const two = pair(s, { dependsOn: ['mq'] })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(5)
    const removal = s.watch(s.app.unregister('mq'))
    await s.clock.advance(60_000)
    const isRefused = removal.code === 'SERVICE_IN_USE'
    expect([removal.state, done.state]).toEqual(isRefused ? ['rejected', 'resolved'] : ['resolved', 'rejected'])
  })

  it.each(moments)('R49 a stop by hand %s: it rejects, and nobody comes up', async (_, at, starts) => {
    const { s, two, done } = await inTheMiddle(at)
    const stop = s.watch(s.app.stopService('x'))
    await s.clock.advance(3_600_000)
    expect([done.code, stop.state, s.state('x'), s.app.getServiceStatus('x').stopReason]).toEqual([
      'CANCELLED',
      'resolved',
      'stopped',
      'manual',
    ])
    expect(score(s, two)).toContain(`old 1/1, ${starts}`)
  })

  it.each(moments)('R49 a shutdown %s: it rejects, and nobody comes up', async (_, at, starts) => {
    const { s, two, done } = await inTheMiddle(at)
    const stop = s.watch(s.app.stop())
    await s.clock.advance(3_600_000)
    expect([done.code, stop.state, s.state('x')]).toEqual(['CANCELLED', 'resolved', 'stopped'])
    expect(score(s, two)).toContain(`old 1/1, ${starts}`)
  })

  it.each(moments)('R48 R49 a removal %s: it rejects, and the name is gone', async (_, at, starts) => {
    const { s, two, done } = await inTheMiddle(at)
    const removal = s.watch(s.app.unregister('x'))
    await s.clock.advance(3_600_000)
    expect([done.state, removal.state, score(s, two)]).toEqual(['rejected', 'resolved', `old 1/1, ${starts}, none`])
    const other = stage()
    expect(await codeOf(() => other.app.register(two.service))).toBe('no error')
    expect(await codeOf(() => stage().app.register(two.old.service))).toBe('no error')
  })

  it('R49 a stop while the failed new one is being taken back: the old one is not started again', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const two = pair(s, { up: 0, down: 100, fails: 9, restart: { policy: 'never' } })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(50)
    expect(score(s, two)).toMatch(/^old 1\/1, new 1\/1/)
    const stop = s.watch(s.app.stopService('x'))
    await s.clock.advance(3_600_000)
    expect([done.state, stop.state, two.old.starts, two.next.starts]).toEqual(['rejected', 'resolved', 1, 1])
    expect(s.app.getServiceStatus('x').phase).toBe('idle')
  })

  it('R49 two replacements of one name: both settle, one instance is left, and it is the registered one', async () => {
    const s = stage({ x: OLD })
    await s.boot(10)
    const { old } = pair(s)
    const [b, c] = [s.make('x', OLD), s.make('x', OLD)]
    const first = s.watch(s.app.replace(b.service))
    await s.clock.advance(15)
    const second = s.watch(s.app.replace(c.service))
    await s.clock.advance(60_000)
    expect([first.state === 'pending', second.state === 'pending', s.state('x')]).toEqual([false, false, 'running'])
    const live = [old, b, c].filter(({ starts, stops }) => starts > stops)
    expect(live.map(({ service }) => service === s.app.registry.get('x'))).toEqual([true])
    expect([old.starts - old.stops, b.starts - b.stops, c.starts - c.stops].sort()).toEqual([0, 0, 1])
  })

  it.each<[string, number]>([
    ['running', 10],
    ['down', 0],
  ])(
    'R33 R49 two replacements in one breath while it is %s: both settle, one is registered, the other one is free',
    async (_, ms) => {
      const s = stage({ x: OLD })
      if (ms > 0) await s.boot(ms)
      const { old } = pair(s)
      const [b, c] = [s.make('x', OLD), s.make('x', OLD)]
      const done = [s.watch(s.app.replace(b.service)), s.watch(s.app.replace(c.service))]
      await s.clock.advance(60_000)
      expect(done.map(({ state }) => state)).not.toContain('pending')
      const registered = s.app.registry.get('x')
      const others = [old, b, c].filter(({ service }) => service !== registered)
      expect(others.map(({ starts, stops }) => starts - stops)).toEqual([0, 0])
      for (const { service } of others) expect(await codeOf(() => stage().app.register(service))).toBe('no error')
    },
  )

  it('R32 R49 one that is put back never begins while a hook of its earlier epochs is unsettled', async () => {
    const restart = { initialBackoff: 1, maxRetries: 0, jitter: 0 }
    const x: Script = { up: 200, deaf: true, startTimeout: 100, stopTimeout: 40, abortGrace: 5, restart }
    const s = stage({ x })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(120)
    const two = pair(s, { fails: 9 })
    const done = s.watch(s.app.replace(two.service))
    await s.clock.advance(2_000)
    expect([done.state, s.app.registry.get('x') === two.old.service]).toEqual(['rejected', true])
    // Each of its starts takes 200 ms and is abandoned before: no two of them overlap.
    const starts = s.hooks.filter((line) => line.endsWith('x start')).map((line) => Number(line.split(' ')[0]))
    expect(starts.length).toBeGreaterThan(4)
    expect(starts.slice(1).filter((at, i) => at - (starts[i] ?? 0) < 200)).toEqual([])
    two.old.fails = 0
  })

  it.each<[string, number]>([
    ['down', 0],
    ['on its way down', 50],
  ])('R29 R49 what only the new one requires goes with the start that wanted it: one that is %s', async (_, down) => {
    const s = stage({ mq: { autoStart: false }, x: { down }, bad: { up: 100, fails: 9, restart: { policy: 'never' } } })
    s.watch(s.app.startService('x'))
    await s.clock.advance(10)
    s.watch(s.app.stopService('x'))
    await s.clock.advance(10)
    const done = s.watch(s.app.replace(pair(s, { dependsOn: ['mq'] }).service))
    const start = s.watch(s.app.start())
    await s.clock.advance(90)
    expect([done.state, s.state('mq'), s.state('x')]).toEqual(['resolved', 'running', 'running'])
    await s.clock.advance(60_000)
    expect([start.code, s.state('mq'), s.state('x')]).toEqual(['START_INCOMPLETE', 'stopped', 'stopped'])
  })

  it('R6 R49 a newcomer that requires one which is only being exchanged raises what the new one requires', async () => {
    const manual = { autoStart: false }
    const bad: Script = { ...manual, up: 10, fails: 9, restart: { policy: 'never' } }
    const s = stage({ mq: manual, x: { ...manual, down: 50 }, bad, top: { ...manual, dependsOn: ['x', 'bad'] } })
    await s.app.start()
    s.watch(s.app.startService('top', { onFailure: 'rollback' }))
    await s.clock.advance(20)
    const done = s.watch(s.app.replace(pair(s, { ...manual, dependsOn: ['mq'] }).service))
    await s.clock.settle()
    await s.app.register(s.make('api', { dependsOn: ['x'] }).service)
    await s.clock.advance(50)
    expect([done.state, s.state('mq'), s.state('x'), s.state('api')]).toEqual([
      'resolved',
      'running',
      'running',
      'running',
    ])
  })

  it('R6 R49 what is put back keeps what it requires, also when the start that had wanted both is rolled back', async () => {
    const manual = { autoStart: false }
    const never = { restart: { policy: 'never' } } as const
    const x: Script = { ...manual, dependsOn: ['mq'], down: 10 }
    const bad: Script = { ...manual, ...never, up: 100, fails: 9 }
    const s = stage({ mq: manual, x, bad, top: { ...manual, dependsOn: ['x', 'bad'] } })
    const start = s.watch(s.app.startService('top', { onFailure: 'rollback' }))
    await s.clock.advance(10)
    const done = s.watch(s.app.replace(pair(s, { ...manual, ...never, fails: 9 }).service))
    await s.clock.advance(60_000)
    expect([done.code, start.code, s.state('mq'), s.state('x')]).toEqual([
      'START_INCOMPLETE',
      'START_INCOMPLETE',
      'running',
      'running',
    ])
  })

  it('R10 R49 a start of the turn of a replacement that requires what is missing says so, and starts nobody', async () => {
    const s = stage({ x: {}, other: {} })
    const done = s.watch(s.app.replace(pair(s, { dependsOn: ['mq'] }).service))
    const start = s.watch(s.app.start())
    await s.clock.advance(10)
    expect([done.state, start.code, s.state('other')]).toEqual(['resolved', 'DEPENDENCY_MISSING', 'unknown'])
  })

  it('R8 R49 a start is overtaken by a stop of what only the one requires that is about to take its place', async () => {
    const s = stage({ mq: { autoStart: false }, x: OLD })
    await s.boot(10)
    s.watch(s.app.stopService('x'))
    await s.clock.advance(5)
    s.watch(s.app.replace(pair(s, { dependsOn: ['mq'] }).service))
    const start = s.watch(s.app.start())
    await s.clock.settle()
    s.watch(s.app.stopService('mq'))
    await s.clock.advance(60_000)
    expect([start.code, s.state('mq'), s.state('x')]).toEqual(['CANCELLED', 'stopped', 'waiting'])
  })

  it('R8 R49 what is put back requires what was stopped meanwhile: the starts that wait for it are overtaken', async () => {
    const s = stage({ db: {}, orm: { dependsOn: ['db'] }, x: { ...OLD, dependsOn: ['orm'] } })
    await s.boot(10)
    const replaced = s.watch(s.app.replace(pair(s, { fails: 9 }).service))
    await s.clock.advance(15)
    const started = s.watch(s.app.startService('x', { onFailure: 'retry' }))
    const stopped = s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    expect([stopped.state, replaced.code, started.code]).toEqual(['resolved', 'START_INCOMPLETE', 'CANCELLED'])
    expect([s.state('db'), s.state('orm'), s.state('x')]).toEqual(['stopped', 'waiting', 'waiting'])
    await s.app.startService('db')
    await s.clock.advance(100)
    expect([s.state('db'), s.state('x')]).toEqual(['running', 'running'])
  })

  it('R49 a restart meanwhile is joined by one start of the new one, or follows it', async () => {
    const { s, two } = await inTheMiddle(5)
    const restart = s.watch(s.app.restartService('x'))
    await s.clock.advance(1_000)
    expect([restart.state, s.state('x'), s.app.registry.get('x') === two.service, two.old.starts]).toEqual([
      'resolved',
      'running',
      true,
      1,
    ])
  })
})
