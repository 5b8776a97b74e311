/** Edges that were waived, that settle late or early, and what is decided about them anew each time. */
import type { Dependency, StartContext, StopContext } from 'keelson'
import { expect } from 'vitest'
import { fault, type Stage, stage } from '../support/faults.js'
import type { Behaviour } from '../support/world.js'

fault('an edge waived by continue at the next start', {
  'R11 R14 it is waited for anew, for its whole time, or until it is satisfied; and it is a loss like any other':
    async (chance) => {
      const timeout = chance.between(10, 200)
      const lead = chance.between(1, timeout - 1)
      const isWarned = chance.once()
      let isStuck = true
      const s = await stage(chance, {
        b: {
          essential: false,
          restart: { jitter: 0 },
          startTimeout: Number.POSITIVE_INFINITY,
          start: ({ signal }) => isStuck && new Promise((_, reject) => signal.addEventListener('abort', reject)),
        },
        a: { dependsOn: [{ name: 'b', timeout, onTimeout: isWarned ? 'warn' : 'continue' }] },
      })
      const calls = [s.call(s.app.start({ onFailure: 'keep' }))]
      await s.clock.advance(timeout)
      calls.push(s.call(s.app.restartService('a')))
      await s.clock.advance(timeout)
      calls.push(s.call(s.app.restartService('a')))
      await s.clock.advance(lead)
      isStuck = false
      calls.push(s.call(s.app.restartService('b')))
      await s.clock.advance(timeout)
      s.cast.b!.crash()
      await s.clock.advance(999)
      const [first, second] = [timeout, 2 * timeout]
      const third = second + lead
      const lost = third + timeout
      const waived = (at: number): string[] => [
        ...(isWarned ? [`${at} warning DEPENDENCY_TIMEOUT a`] : []),
        `${at} starting`,
        `${at} running`,
      ]
      const restart = ['stopping (restart)', 'stopped (restart)', 'waiting']
      // A restart by name is over when what it requires is up, too, whatever its service goes on without (R29).
      expect(calls.map(({ said }) => said)).toEqual([first, third, third, third].map((at) => `done at ${at}`))
      expect(s.stories('a').a).toEqual([
        '0 waiting',
        ...waived(first),
        ...restart.map((line) => `${first} ${line}`),
        ...waived(second),
        ...restart.map((line) => `${second} ${line}`),
        `${third} starting`,
        `${third} running`,
        `${lost} stopping (dependency)`,
        `${lost} waiting (dependency)`,
        ...waived(lost + timeout),
      ])
    },
})

fault('a failing start of B under dependents that run without it', {
  'R14 R15 they keep their epoch, through every retry, when it comes up at last and when it gives up': async (
    chance,
  ) => {
    const [fails, maxRetries] = [chance.between(1, 5), 2]
    const edges: Dependency[] = [
      { name: 'b', optional: true },
      { name: 'b', optional: true, onLoss: 'stop' },
      { name: 'b', timeout: 10, onTimeout: 'continue' },
      { name: 'b', timeout: 10, onTimeout: 'continue', onLoss: 'keep' },
    ]
    const s = await stage(chance, {
      b: { autoStart: false, essential: false, start: { fails, takes: 3 }, restart: { jitter: 0, maxRetries } },
      ...Object.fromEntries(edges.map((edge, i) => [`a${i}`, { dependsOn: [edge] }])),
    })
    // What requires it wants it up, so it fails once for them; they start when it has settled or their wait is over.
    const up = s.call(s.app.start())
    await s.clock.advance(20)
    const start = s.call(s.app.startService('b', { onFailure: 'retry' }))
    await s.clock.advance(100_000)
    const [more, due] = [fails - 1, [23, 1_026, 3_029]]
    expect([up.said, start.said]).toEqual([
      'done at 10',
      more > maxRetries ? 'START_INCOMPLETE (START_FAILED) at 3029' : `done at ${due[more]}`,
    ])
    const without = (at: number) => ['0 waiting', `${at} starting`, `${at} running`]
    expect(s.stories('a0', 'a1', 'a2', 'a3')).toEqual({
      a0: without(3),
      a1: without(3),
      a2: without(10),
      a3: without(10),
    })
    expect([s.states().b, s.hooks().b]).toEqual(
      more > maxRetries ? ['failed', '4/4'] : ['running', `${fails + 1}/${fails}`],
    )
  },
})

fault('a completed edge while the job is about to stop', {
  'R8 R13 R14 nobody starts against it until it is at rest; its own end stands, and then its dependents go on': async (
    chance,
  ) => {
    const [stop, ends, takes] = [chance.between(5, 10), chance.between(11, 20), chance.between(30, 60)]
    const s = await stage(chance, {
      job: { run: () => s.clock.sleep(ends) },
      user: { dependsOn: [{ name: 'job', condition: 'started' }], stop: { takes } },
      report: { dependsOn: [{ name: 'job', condition: 'completed' }] },
    })
    const start = s.call(s.app.start())
    await s.clock.advance(stop)
    const down = s.call(s.app.stopService('job'))
    await s.clock.settle()
    const late = s.make('late', { dependsOn: [{ name: 'job', condition: 'started' }] })
    await s.app.register(late)
    await s.clock.advance(1_000)
    const back = stop + takes
    expect([start.said, down.said]).toEqual([`CANCELLED at ${stop}`, `done at ${back}`])
    expect(s.stories()).toEqual({
      job: ['0 starting', '0 running', `${ends} stopping (manual)`, `${ends} stopped (manual)`],
      user: [
        '0 waiting',
        '0 starting',
        '0 running',
        `${stop} stopping (dependency)`,
        `${back} waiting (dependency)`,
        `${back} starting`,
        `${back} running`,
      ],
      report: ['0 waiting', `${ends} starting`, `${ends} running`],
      late: [`${stop} registered late`, `${stop} waiting`, `${ends} starting`, `${ends} running`],
    })
  },

  'R13 R17 what an earlier run completed satisfies nobody either while the present one is about to stop': async (
    chance,
  ) => {
    const takes = chance.between(30, 60)
    const at = chance.between(15, 29)
    const run = ({ epoch, signal }: StartContext): Promise<unknown> =>
      epoch === 1 ? s.clock.sleep(5) : new Promise((resolve) => signal.addEventListener('abort', resolve))
    const s: Stage = await stage(chance, {
      job: { run, restart: { policy: 'always', initialBackoff: 10, jitter: 0 } },
      user: { dependsOn: [{ name: 'job', condition: 'started' }], stop: { takes } },
      early: { dependsOn: [{ name: 'job', condition: 'completed' }] },
    })
    const start = s.call(s.app.start())
    await s.clock.advance(at)
    const down = s.call(s.app.stopService('job'))
    await s.clock.settle()
    const late: Record<string, Dependency> = {
      late: { name: 'job', condition: 'completed' },
      keep: { name: 'job', condition: 'started', onLoss: 'keep' },
      lean: { name: 'job' },
    }
    for (const [name, edge] of chance.shuffled(Object.entries(late)))
      await s.app.register(s.make(name, { dependsOn: [edge] }))
    await s.clock.advance(1_000)
    const rest = at + takes
    const waits = (name: string): string[] => [`${at} registered ${name}`, `${at} waiting`]
    expect([start.said, down.said]).toEqual(['done at 5', `done at ${rest}`])
    expect(s.stories()).toEqual({
      job: [
        '0 starting',
        '0 running',
        '5 stopping (completed)',
        '5 waiting (completed)',
        '15 starting',
        '15 running',
        `${rest} stopping (manual)`,
        `${rest} stopped (manual)`,
      ],
      user: ['0 waiting', '0 starting', '0 running', `${at} stopping (dependency)`, `${rest} waiting (dependency)`],
      early: ['0 waiting', '5 starting', '5 running'],
      late: waits('late'),
      keep: waits('keep'),
      lean: waits('lean'),
    })
  },

  'R14 R17 nor does it while the present run is ending after a crash: who lost it waits for the next one': async (
    chance,
  ) => {
    const [at, stops] = [chance.between(15, 50), chance.between(0, 20)]
    const run = ({ epoch, signal }: StartContext): Promise<unknown> =>
      epoch === 1 ? s.clock.sleep(5) : new Promise((resolve) => signal.addEventListener('abort', resolve))
    const stop = ({ epoch }: StopContext): Promise<void> | undefined => (epoch === 1 ? undefined : s.clock.sleep(stops))
    const s: Stage = await stage(chance, {
      job: { run, stop, restart: { policy: 'always', initialBackoff: 10, jitter: 0 } },
      user: { dependsOn: [{ name: 'job', condition: 'started' }] },
      early: { dependsOn: [{ name: 'job', condition: 'completed' }] },
    })
    const start = s.call(s.app.start())
    await s.clock.advance(at)
    s.cast.job!.crash()
    await s.clock.advance(100)
    const again = at + stops + 10
    expect(start.said).toBe('done at 5')
    expect(s.stories('user', 'early')).toEqual({
      user: [
        '0 waiting',
        '0 starting',
        '0 running',
        `${at} stopping (dependency)`,
        `${at} waiting (dependency)`,
        `${again} starting`,
        `${again} running`,
      ],
      early: ['0 waiting', '5 starting', '5 running'],
    })
  },
})

fault('the first optional edge of a system', {
  'R14 what has settled before there was any such edge is known to have settled, and what has not is waited for':
    async (chance) => {
      const never = { restart: { policy: 'never' } } as const
      const parts: Record<string, Behaviour> = {
        stopped: {},
        failed: { ...never, start: { fails: true } },
        retrying: { start: { fails: true }, restart: { initialBackoff: 10_000, jitter: 0 } },
        ill: { check: { returns: 'unhealthy' }, healthCheck: { onUnhealthy: 'report', failureThreshold: 1 } },
        done: { run: () => undefined },
        behind: { dependsOn: [chance.pick(['failed', 'retrying'])] },
        far: { dependsOn: ['behind'] },
        up: {},
        slow: { start: { takes: 60 } },
        patient: { dependsOn: ['slow', 'up'] },
      }
      for (const name of [...Object.keys(parts), 'absent']) {
        const s = await stage(chance, parts)
        s.call(s.app.start({ onFailure: 'keep' }))
        await s.clock.settle()
        s.call(s.app.stopService('stopped'))
        await s.clock.advance(10)
        const onLoss = chance.pick(['stop', 'keep'] as const)
        await s.app.register(s.make('late', { dependsOn: [{ name, optional: true, onLoss }] }))
        await s.clock.advance(100)
        const isWaited = name === 'slow' || name === 'patient'
        expect([name, ...s.stories('late').late!]).toEqual([
          name,
          '10 registered late',
          ...(isWaited ? ['10 waiting', '60 starting', '60 running'] : ['10 starting', '10 running']),
        ])
      }
    },
})

fault('settled after a blocker became satisfied', {
  'R14 what waited for it has not settled any more: who starts now waits for that': async (chance) => {
    const s = await stage(chance, {
      blocker: { start: { fails: 1 }, restart: { policy: 'never' }, essential: false },
      y: { dependsOn: ['blocker'], essential: false, start: { takes: 50 } },
      z: { dependsOn: [{ name: 'y', optional: true, onLoss: chance.pick(['stop', 'keep'] as const) }] },
    })
    const start = s.call(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    const up = s.call(s.app.startService('blocker'))
    await s.clock.advance(10)
    const again = s.call(s.app.restartService('z'))
    await s.clock.advance(100)
    expect([start, up, again].map(({ said }) => said)).toEqual(['done at 0', 'done at 10', 'done at 60'])
    expect(s.stories('y', 'z')).toEqual({
      y: ['0 waiting', '10 starting', '60 running'],
      z: [
        '0 waiting',
        '0 starting',
        '0 running',
        '20 stopping (restart)',
        '20 stopped (restart)',
        '20 waiting',
        '60 starting',
        '60 running',
      ],
    })
  },
})

fault('settled after a blocker was replaced', {
  'R14 R49 it has settled or not by what the new one is, whether that comes up or fails': async (chance) => {
    const comes = chance.once()
    const own = { restart: { policy: 'never' }, essential: false } as const
    const s = await stage(chance, {
      blocker: { ...own, start: { fails: true } },
      y: { dependsOn: ['blocker'], essential: false, start: { takes: 50 } },
      z: { dependsOn: [{ name: 'y', optional: true, onLoss: chance.pick(['stop', 'keep'] as const) }] },
    })
    const start = s.call(s.app.start())
    await s.clock.advance(10)
    expect(s.stories('y', 'z')).toEqual({ y: ['0 waiting'], z: ['0 waiting', '0 starting', '0 running'] })
    s.forget()
    const swap = s.call(s.app.replace(s.make('blocker', { ...own, start: { takes: 20, fails: comes ? 0 : true } })))
    await s.clock.advance(chance.between(0, 19))
    const at = s.now()
    const again = s.call(s.app.restartService('z'))
    await s.clock.advance(200)
    const over = comes ? 80 : 30
    expect([start, swap, again].map(({ said }) => said)).toEqual([
      'done at 0',
      comes ? 'done at 30' : 'START_INCOMPLETE (START_FAILED) at 30',
      `done at ${over}`,
    ])
    expect(s.stories('y', 'z')).toEqual({
      y: comes ? ['30 starting', '80 running'] : [],
      z: [
        `${at} stopping (restart)`,
        `${at} stopped (restart)`,
        `${at} waiting`,
        `${over} starting`,
        `${over} running`,
      ],
    })
  },
})
