/** §2, epochs: one `onStop` for each `onStart` (R2), and one epoch at a time that alone is heard (R3). */
import type { StartContext } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, fail, hang, heed, type Part, scene, serve } from '../support/laws1.js'
import { deferred } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const

describe('how a start can end', () => {
  const cases: [how: string, part: Part, code: string, at: number][] = [
    ['rejects', { start: () => Promise.reject(new Error('boom')) }, 'START_FAILED', 0],
    ['throws', { start: () => fail(new Error('boom')) }, 'START_FAILED', 0],
    ['is out of time and heeds its signal', { start: heed, startTimeout: 50 }, 'START_TIMEOUT', 50],
    ['calls ctx.fail and returns', { start: ({ fail }) => fail('no') }, 'START_FAILED', 0],
  ]
  it.each(cases)('R2 a start that %s is stopped once, and ends as failed', async (_, part, code, at) => {
    const { app, clock, call, moves, hooks, status, log } = scene({ a: { ...part, ...never } })
    const start = call(app.startService('a'))
    await clock.advance(100)
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → failed (failed)'])
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed'])
    expect(status('a').error).toMatchObject({ code })
    expect(start).toMatchObject({ outcome: 'START_INCOMPLETE', at })
    expect(log.events.filter(({ type }) => type === 'warning')).toEqual([])
  })

  it('R2 a failed start that is tried again reads starting, stopping, retrying, starting', async () => {
    let failures = 1
    const { app, clock, call, moves, hooks } = scene({
      a: { start: () => (failures-- > 0 ? fail('boom') : undefined), restart: { initialBackoff: 100 } },
    })
    call(app.startService('a'))
    await clock.advance(100)
    expect(moves('a')).toEqual([
      'unknown → starting',
      'starting → stopping (failed)',
      'stopping → retrying #1',
      'retrying → starting #1',
      'starting → running',
    ])
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed', 'a start 2'])
  })

  it('R2 a start that is abandoned is stopped once, after its grace', async () => {
    const { app, clock, call, moves, hooks, note, beside } = scene({
      a: { start: hang, startTimeout: 50, abortGrace: 20, stop: () => note(`at ${clock.now()}`), ...never },
    })
    beside.push('a: stop beside start')
    const start = call(app.startService('a'))
    await clock.advance(100)
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → failed (failed)'])
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed', 'at 70'])
    expect(start).toMatchObject({ outcome: 'START_INCOMPLETE' })
  })

  it('R2 a start that resolves after ctx.fail has failed all the same', async () => {
    const { app, clock, call, moves, hooks } = scene({
      a: {
        ...never,
        start: async ({ fail }) => {
          fail('changed my mind')
          await clock.sleep(10)
        },
      },
    })
    call(app.startService('a'))
    await clock.advance(20)
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → failed (failed)'])
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed'])
  })

  it('R2 a service that was never started is stopped without a hook', async () => {
    const { app, clock, call, hooks, moves } = scene({ a: {} })
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(stop.outcome).toBe('done')
    expect(hooks()).toEqual([])
    expect([[], ['unknown → stopped']]).toContainEqual(moves('a'))
  })
})

describe('how a life can end', () => {
  const ends: [how: string, part: Part, end: (context: StartContext) => void, reason: string, rest: string][] = [
    ['its loop returns', { run: () => Promise.resolve() }, () => {}, 'completed', 'stopped'],
    ['its loop throws', { run: () => fail('boom'), ...never }, () => {}, 'failed', 'failed'],
    ['its loop rejects', { run: () => Promise.reject('boom'), ...never }, () => {}, 'failed', 'failed'],
    ['it calls ctx.fail', never, ({ fail }) => fail('boom'), 'failed', 'failed'],
    [
      'its check finds it unhealthy',
      { check: () => false, healthCheck: { failureThreshold: 1 }, ...never },
      () => {},
      'unhealthy',
      'failed',
    ],
  ]
  it.each(ends)('R2 a life in which %s ends with one onStop', async (_, part, end, reason, rest) => {
    const { app, clock, call, moves, hooks, context } = scene({ a: part })
    call(app.startService('a'))
    await clock.settle()
    end(context('a'))
    await clock.settle()
    expect(moves('a').map((line) => line.replace(/failed \(.*/, 'failed'))).toEqual([
      'unknown → starting',
      'starting → running',
      `running → stopping (${reason})`,
      `stopping → ${rest}`,
    ])
    expect(hooks().filter((line) => line.includes('stop'))).toEqual([`a stop 1 ${reason}`])
  })

  it('R2 the loop is entered after the start has resolved, with the context of its epoch', async () => {
    const { app, clock, call, hooks, services } = scene({ a: { start: () => clock.sleep(10), run: serve } })
    call(app.start())
    await clock.advance(9)
    expect(hooks()).toEqual(['a start 1'])
    await clock.advance(1)
    expect(hooks()).toEqual(['a start 1', 'a run 1'])
    expect(services.a?.contexts.run[0]).toBe(services.a?.contexts.start[0])
  })

  it('R2 onStop is entered when the loop has ended', async () => {
    const { app, clock, call, up, hooks, note } = scene({
      a: { run: (context) => serve(context).then(() => clock.sleep(30)), stop: () => note(`at ${clock.now()}`) },
    })
    await up()
    call(app.stopService('a'))
    await clock.advance(30)
    expect(hooks()).toEqual(['a stop 1 manual', 'at 1030'])
  })
})

describe('an onStop that fails', () => {
  const ways: [how: string, stop: NonNullable<Part['stop']>][] = [
    ['throws', () => fail(new Error('cleanup'))],
    ['rejects', () => Promise.reject(new Error('cleanup'))],
    ['hangs', hang],
  ]
  describe.each(ways)('and %s', (how, stop) => {
    const rest = (part: Part = {}): Part => ({ stop, stopTimeout: 100, ...part })

    it('R2 leaves a stop by hand on its way to stopped, and is reported', async () => {
      const { app, clock, call, up, moves, hooks } = scene({ a: rest() })
      await up()
      const stop = call(app.stopService('a'))
      await clock.advance(100)
      expect(moves('a')).toEqual(['running → stopping (manual)', 'stopping → stopped'])
      expect(hooks()).toEqual(['a stop 1 manual'])
      expect(stop.outcome).toBe('STOP_INCOMPLETE')
      const report = (stop.error as { report: { services: { name: string; error: unknown }[] } }).report
      const row = report.services.find(({ name }) => name === 'a')
      expect(codeOf(row?.error)).toBe(how === 'hangs' ? 'STOP_TIMEOUT' : 'STOP_FAILED')
    })

    it('R2 leaves a failed start on its way to retrying', async () => {
      const { app, clock, call, moves, status } = scene({ a: rest({ start: () => fail(new Error('boom')) }) })
      call(app.startService('a'))
      await clock.advance(100)
      expect(moves('a').slice(0, 3)).toEqual([
        'unknown → starting',
        'starting → stopping (failed)',
        'stopping → retrying #1',
      ])
      expect(status('a').error).toMatchObject({ code: 'START_FAILED' })
    })

    it('R2 leaves a clean end clean: the service has completed', async () => {
      const { app, clock, call, moves, states } = scene({
        a: rest({ run: () => Promise.resolve() }),
        b: { dependsOn: [{ name: 'a', condition: 'completed' }] },
      })
      call(app.start())
      await clock.advance(100)
      expect(moves('a').slice(2)).toEqual(['running → stopping (completed)', 'stopping → stopped'])
      expect(states('b')).toBe('b: running')
    })
  })

  it('R2 leaves a restart on its way: the new epoch begins', async () => {
    const { app, clock, call, up, moves, hooks } = scene({ a: { stop: () => fail('cleanup') } })
    await up()
    call(app.restartService('a'))
    await clock.settle()
    expect(moves('a')).toEqual([
      'running → stopping (restart)',
      'stopping → stopped',
      'stopped → starting',
      'starting → running',
    ])
    expect(hooks()).toEqual(['a stop 1 restart', 'a start 2'])
  })
})

describe('results that come too late', () => {
  it('R3 what an abandoned start still returns changes nothing', async () => {
    const late = deferred()
    const { app, clock, call, moves, hooks, beside } = scene({
      a: { start: () => late.promise, startTimeout: 50, abortGrace: 20, ...never },
    })
    beside.push('a: stop beside start')
    call(app.startService('a'))
    await clock.advance(100)
    const before = [moves('a'), hooks().slice()]
    late.resolve()
    await clock.advance(1_000)
    expect([moves('a'), hooks()]).toEqual(before)
    expect(before[0]?.at(-1)).toBe('stopping → failed (failed)')
  })

  it.each(['resolves', 'rejects'])('R3 an abandoned loop that %s at last changes nothing', async (how) => {
    const late = deferred()
    const { app, clock, call, up, moves, hooks, state, beside } = scene({
      a: { run: () => late.promise, stopTimeout: 100, abortGrace: 20 },
    })
    beside.push('a: stop beside run')
    await up()
    call(app.stopService('a'))
    await clock.advance(100)
    expect(state('a')).toBe('stopped')
    if (how === 'resolves') late.resolve()
    else late.reject(new Error('late'))
    await clock.advance(1_000)
    expect(moves('a')).toEqual(['running → stopping (manual)', 'stopping → stopped'])
    expect(hooks()).toEqual(['a stop 1 manual'])
  })

  it('R3 ctx.fail of an older epoch does not touch the new one', async () => {
    const { app, clock, up, context, forget, moves, state } = scene({ a: {} })
    await up()
    const old = context('a')
    await app.restartService('a')
    forget()
    old.fail('from the grave')
    await clock.advance(100)
    expect(moves('a')).toEqual([])
    expect(state('a')).toBe('running')
  })

  it('R3 ctx.fail after the end changes nothing at rest', async () => {
    const { app, clock, up, context, forget, moves, services } = scene({ a: {} })
    await up()
    await app.stopService('a')
    forget()
    context('a').fail('from the grave')
    await clock.advance(100)
    expect(moves('a')).toEqual([])
    expect(services.a?.lastError).toBeUndefined()
  })

  it('R3 of many calls of ctx.fail the first one counts', async () => {
    const { clock, up, context, moves, status } = scene({ a: never })
    await up()
    for (const text of ['first', 'second', 'third']) context('a').fail(text)
    await clock.settle()
    context('a').fail('fourth')
    await clock.settle()
    expect(moves('a')).toEqual(['running → stopping (failed)', 'stopping → failed (failed)'])
    expect(status('a').error).toMatchObject({ code: 'CRASHED', cause: 'first' })
  })

  it('R3 a status of an older epoch is not published', async () => {
    const { app, clock, up, context, log, forget } = scene({ a: {} })
    await up()
    const old = context('a')
    await app.restartService('a')
    forget()
    old.status('still here')
    context('a').status('here')
    await clock.settle()
    expect(log.lines()).toEqual(['status a: here'])
  })

  it('R3 the result of an older check says nothing about the new epoch', async () => {
    const answers: ((health: 'unhealthy') => void)[] = []
    const { app, clock, call, forget, log, status } = scene({
      a: {
        check: ({ epoch }) => (epoch === 1 ? new Promise((resolve) => answers.push(resolve)) : 'healthy'),
        healthCheck: { failureThreshold: 1 },
      },
    })
    call(app.start())
    await clock.settle()
    call(app.restartService('a'))
    await clock.settle()
    forget()
    for (const answer of answers) answer('unhealthy')
    await clock.settle()
    expect(answers).toHaveLength(1)
    expect(log.lines()).toEqual([])
    expect(status('a')).toMatchObject({ state: 'running', health: 'healthy', epoch: 2 })
  })

  it('R3 the start timeout of an older epoch does not end the new one', async () => {
    const { app, clock, call, moves, forget } = scene({ a: { start: () => clock.sleep(90), startTimeout: 100 } })
    call(app.start())
    await clock.advance(20)
    call(app.restartService('a'))
    await clock.settle()
    await clock.advance(70)
    forget()
    await clock.advance(90)
    expect(moves('a')).toEqual(['starting → running'])
  })

  it('R3 the backoff of an older failure does not start a service that was stopped meanwhile', async () => {
    const { app, clock, call, hooks } = scene({ a: { start: () => fail('boom'), restart: { initialBackoff: 100 } } })
    call(app.startService('a'))
    await clock.advance(50)
    call(app.stopService('a'))
    await clock.advance(1_000)
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed'])
    expect(clock.pending).toBe(0)
  })

  it('R3 epochs count from 1, one per start, and never overlap', async () => {
    const { app, clock, call, hooks, status } = scene({ a: { stop: () => clock.sleep(10) } })
    for (const epoch of [1, 2, 3]) {
      call(app.restartService('a'))
      await clock.advance(10)
      expect(status('a')).toMatchObject({ state: 'running', epoch })
    }
    expect(hooks()).toEqual(['a start 1', 'a stop 1 restart', 'a start 2', 'a stop 2 restart', 'a start 3'])
  })

  it('R3 every event of a service carries the number of its epoch', async () => {
    const { app, clock, up, log } = scene({ a: {} })
    await up()
    await app.restartService('a')
    await clock.settle()
    const epochs = log.events.flatMap((event) => (event.type === 'state' ? `${event.newState} ${event.epoch}` : []))
    expect(epochs).toEqual(['stopping 1', 'stopped 1', 'starting 2', 'running 2'])
  })
})
