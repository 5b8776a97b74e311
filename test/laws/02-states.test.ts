/** §2, the states: the way through them, their remote labels, and what `failed` and `auth_required` hold (R1). */
import { describe, expect, it } from 'vitest'
import { fail, hang, heed, ours, scene, serve } from '../support/laws1.js'

const refused = () => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
const denied = () => Object.assign(new Error('denied'), { status: 401 })

describe('the way through the states', () => {
  it('R1 a service begins as unknown, starts, runs, stops and is stopped', async () => {
    const { app, clock, moves, state, status, call } = scene({ a: {} })
    expect(state('a')).toBe('unknown')
    expect(status('a')).toMatchObject({ phase: 'idle', health: 'unknown', epoch: 0 })
    call(app.start())
    await clock.settle()
    call(app.stop())
    await clock.settle()
    expect(moves('a')).toEqual([
      'unknown → starting',
      'starting → running',
      'running → stopping (shutdown)',
      'stopping → stopped',
    ])
  })

  it('R1 a service whose dependency is not there waits before it starts', async () => {
    const { app, clock, moves, call, status } = scene({ a: { dependsOn: ['b'] }, b: { start: () => clock.sleep(10) } })
    call(app.start())
    await clock.settle()
    expect(status('a')).toMatchObject({ phase: 'pending', state: 'waiting' })
    await clock.advance(10)
    expect(moves('a')).toEqual(['unknown → waiting', 'waiting → starting', 'starting → running'])
  })

  it('R1 a restart passes through the resting state', async () => {
    const { app, clock, moves, up } = scene({ a: {} })
    await up()
    await app.restartService('a')
    expect(moves('a')).toEqual([
      'running → stopping (restart)',
      'stopping → stopped',
      'stopped → starting',
      'starting → running',
    ])
    await clock.settle()
  })

  it('R1 a start that is remembered while its service stops passes through the resting state', async () => {
    const { app, clock, moves, up, call } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    call(app.stopService('a'))
    await clock.advance(5)
    call(app.startService('a'))
    await clock.advance(5)
    expect(moves('a')).toEqual([
      'running → stopping (manual)',
      'stopping → stopped',
      'stopped → starting',
      'starting → running',
    ])
  })

  it('R1 the phase of a status is the phase of its state, in every state a history passes', async () => {
    const { app, clock, call, status, context, moves } = scene({
      a: { start: () => clock.sleep(10), stop: () => clock.sleep(10), startDelay: 10, restart: { initialBackoff: 10 } },
    })
    const phases = new Map<string, string>()
    app.on('state', ({ name }) => phases.set(status(name).state, status(name).phase))
    call(app.start())
    await clock.advance(20)
    context('a').fail('crash')
    await clock.advance(60)
    call(app.stop())
    await clock.advance(20)
    expect(Object.fromEntries(phases)).toEqual({
      waiting: 'pending',
      starting: 'moving',
      running: 'active',
      stopping: 'moving',
      retrying: 'pending',
      stopped: 'idle',
    })
    expect(moves('a')).toHaveLength(10)
  })
})

describe('remote services', () => {
  it('R1 running and stopped of a remote service read connected and disconnected', async () => {
    const { app, clock, moves, call, up } = scene({ r: { remote: true } })
    call(app.start())
    await clock.settle()
    expect(moves('r')).toEqual(['unknown → starting', 'starting → connected'])
    await up()
    await app.restartService('r')
    call(app.stopService('r'))
    await clock.settle()
    expect(moves('r')).toEqual([
      'connected → stopping (restart)',
      'stopping → disconnected',
      'disconnected → starting',
      'starting → connected',
      'connected → stopping (manual)',
      'stopping → disconnected',
    ])
  })

  it('R1 a remote service that fails by connectivity is unreachable from the third failure in a row on', async () => {
    const restart = { initialBackoff: 10, multiplier: 1 }
    let failures = 4
    const { app, clock, moves, call } = scene({
      r: { remote: true, restart, start: () => (failures-- > 0 ? fail(refused()) : undefined) },
    })
    call(app.startService('r'))
    await clock.advance(40)
    expect(moves('r')).toEqual([
      'unknown → starting',
      'starting → stopping (failed)',
      'stopping → retrying #1',
      'retrying → starting #1',
      'starting → stopping (failed) #1',
      'stopping → retrying #2',
      'retrying → starting #2',
      'starting → stopping (failed) #2',
      'stopping → unreachable #3',
      'unreachable → starting #3',
      'starting → stopping (failed) #3',
      'stopping → unreachable #4',
      'unreachable → starting #4',
      'starting → connected',
    ])
  })

  it('R1 a failure of another class ends the row: the service is retrying again', async () => {
    const thrown = [refused(), refused(), new Error('odd'), refused(), refused(), refused(), new Error('odd')]
    const restart = { initialBackoff: 10, multiplier: 1 }
    const { app, clock, call, log } = scene({
      r: { remote: true, restart, start: () => (thrown.length > 0 ? fail(thrown.shift()) : undefined) },
    })
    call(app.startService('r'))
    await clock.advance(70)
    const resting = log.states('r').filter((state) => state === 'retrying' || state === 'unreachable')
    expect(resting).toEqual(['retrying', 'retrying', 'retrying', 'retrying', 'retrying', 'unreachable', 'retrying'])
  })

  it('R1 being connected in between ends the row', async () => {
    const restart = { initialBackoff: 10, multiplier: 1 }
    const { app, clock, call, log, context } = scene({ r: { remote: true, restart } })
    call(app.startService('r'))
    for (let i = 0; i < 3; i++) {
      await clock.settle()
      context('r').fail(refused())
      await clock.advance(10)
    }
    expect(log.states('r').filter((state) => state === 'retrying' || state === 'unreachable')).toEqual([
      'retrying',
      'retrying',
      'retrying',
    ])
  })

  it('R1 a local service is never unreachable', async () => {
    const { app, clock, call, log } = scene({
      a: { restart: { initialBackoff: 10, multiplier: 1 }, start: () => fail(refused()) },
    })
    call(app.startService('a'))
    await clock.advance(50)
    expect(log.states('a').filter((state) => state === 'retrying')).toHaveLength(5)
    expect(log.states('a')).not.toContain('unreachable')
  })

  it('R1 a remote service that gives up reads failed, and keeps it through a stop', async () => {
    const { app, clock, call, moves } = scene({
      r: { remote: true, restart: { policy: 'never' }, start: () => fail('no') },
    })
    call(app.startService('r'))
    await clock.settle()
    call(app.stopService('r'))
    await clock.settle()
    expect(moves('r')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → failed (failed)'])
  })
})

describe('auth_required', () => {
  it('R1 a service without credentials waits for somebody, not for time', async () => {
    const { app, clock, call, moves, status } = scene({ a: { start: () => fail(denied()) } })
    const start = call(app.startService('a'))
    await clock.settle()
    expect(start.outcome).toBe('START_INCOMPLETE')
    expect(clock.pending).toBe(0)
    await clock.advance(10_000_000)
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → auth_required'])
    expect(status('a').blockedBy?.map(({ kind, name }) => `${kind} ${name}`)).toEqual(['auth a'])
    expect(status('a').nextRetryAt).toBeUndefined()
  })

  it('R1 an explicit start ends auth_required', async () => {
    const login = { ok: false }
    const { app, clock, call, moves, forget } = scene({ a: { start: () => (login.ok ? undefined : fail(denied())) } })
    call(app.startService('a'))
    await clock.settle()
    forget()
    login.ok = true
    const again = call(app.startService('a'))
    await clock.settle()
    expect(again.outcome).toBe('done')
    expect(moves('a')).toEqual(['auth_required → starting', 'starting → running'])
  })

  it('R1 an explicit restart ends auth_required', async () => {
    const login = { ok: false }
    const { app, clock, call, moves, forget } = scene({ a: { start: () => (login.ok ? undefined : fail(denied())) } })
    call(app.startService('a'))
    await clock.settle()
    forget()
    login.ok = true
    call(app.restartService('a'))
    await clock.settle()
    expect(moves('a')).toEqual(['auth_required → starting', 'starting → running'])
  })

  it('R1 being desired down ends auth_required, without a hook', async () => {
    const { app, clock, call, moves, forget, hooks, status } = scene({ a: { start: () => fail(denied()) } })
    call(app.startService('a'))
    await clock.settle()
    forget()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(stop.outcome).toBe('done')
    expect(moves('a')).toEqual(['auth_required → stopped'])
    expect(hooks()).toEqual([])
    expect(status('a').stopReason).toBe('manual')
  })

  it('R1 for an operation that waits for it, auth_required has given up', async () => {
    const { app, clock, call, states } = scene({ a: { dependsOn: ['b'] }, b: { start: () => fail(denied()) } })
    const start = call(app.startService('a'))
    await clock.settle()
    expect(start.outcome).toBe('START_INCOMPLETE')
    expect(states()).toBe('a: waiting, b: auth_required')
  })

  it('R1 a run that has started stays while an essential service waits for credentials', async () => {
    const { app, clock, call, state, context } = scene({ a: {}, b: {} })
    const run = call(app.run())
    await clock.settle()
    context('a').fail(denied())
    await clock.advance(100_000)
    expect([state('a'), state('b'), run.outcome]).toEqual(['auth_required', 'running', 'pending'])
    await app.stop()
    await clock.settle()
    expect(run.outcome).toBe('done')
  })
})

describe('failed', () => {
  it('R1 a stop leaves failed as it is, its error readable', async () => {
    const { app, clock, call, moves, forget, status, services } = scene({
      a: { restart: { policy: 'never' }, start: () => fail('broken') },
    })
    call(app.startService('a'))
    await clock.settle()
    forget()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(stop.outcome).toBe('done')
    expect(moves('a')).toEqual([])
    expect(status('a').state).toBe('failed')
    expect(ours(services.a?.lastError)).toMatchObject({ code: 'START_FAILED', cause: 'broken' })
  })

  it.each(['startService', 'restartService'] as const)('R1 %s ends failed', async (method) => {
    let broken = true
    const { app, clock, call, moves, forget } = scene({
      a: { restart: { policy: 'never' }, start: () => (broken ? fail('broken') : undefined) },
    })
    call(app.startService('a'))
    await clock.settle()
    forget()
    broken = false
    const again = call(app[method]('a'))
    await clock.settle()
    expect(again.outcome).toBe('done')
    expect(moves('a')).toEqual(['failed → starting', 'starting → running'])
  })

  it('R1 a dependency that comes back does not wake a service that gave up', async () => {
    const { app, clock, call, moves, forget, context } = scene({
      a: { dependsOn: ['b'], restart: { policy: 'never' }, start: () => fail('broken') },
      b: { restart: { initialBackoff: 10 } },
    })
    call(app.startService('a'))
    await clock.settle()
    forget()
    context('b').fail('crash')
    await clock.advance(100)
    expect(moves('b').at(-1)).toBe('starting → running')
    expect(moves('a')).toEqual([])
  })

  it('R1 a service that failed only by waiting comes up when what it waited for does', async () => {
    const { app, clock, call, moves } = scene({
      a: { dependsOn: [{ name: 'b', timeout: 100 }] },
      b: { start: () => clock.sleep(150) },
    })
    const start = call(app.startService('a'))
    await clock.advance(100)
    expect(start.outcome).toBe('START_INCOMPLETE')
    await clock.advance(50)
    expect(moves('a')).toEqual([
      'unknown → waiting',
      'waiting → failed (dependency)',
      'failed → starting',
      'starting → running',
    ])
  })

  it('R1 a service that failed only by waiting stays so once it is desired down', async () => {
    const { app, clock, call, moves, forget, status } = scene({
      a: { dependsOn: [{ name: 'b', timeout: 100 }] },
      b: { start: () => clock.sleep(150) },
    })
    call(app.startService('a'))
    await clock.advance(100)
    forget()
    call(app.stopService('a'))
    await clock.advance(100)
    expect(moves('b')).toEqual(['starting → running'])
    expect(moves('a')).toEqual([])
    expect(status('a').error).toMatchObject({ code: 'DEPENDENCY_TIMEOUT' })
  })
})

describe('nothing but the table', () => {
  it('R1 whatever a history asks for, no transition outside the table is seen and none is reported', async () => {
    const { app, clock, call, log, context, beside } = scene({
      a: { dependsOn: ['b'], start: heed, startTimeout: 20, restart: { initialBackoff: 5 } },
      b: { stop: () => clock.sleep(7), run: serve, restart: { initialBackoff: 3, maxRetries: 2 } },
      c: { dependsOn: [{ name: 'b', optional: true, onLoss: 'stop' }], start: () => clock.sleep(4) },
      d: { remote: true, start: () => fail(refused()), restart: { initialBackoff: 1 } },
      e: { start: hang, startTimeout: 15, abortGrace: 5, stopTimeout: 20 },
    })
    beside.push('e: stop beside start')
    const calls = []
    for (let i = 0; i < 60; i++) {
      const name = 'abcd'.charAt(i % 4)
      if (i % 3 === 0) calls.push(call(app.startService(name)))
      if (i % 5 === 0) calls.push(call(app.stopService(name)))
      if (i % 7 === 0) calls.push(call(app.restartService(name)))
      if (i % 11 === 0) context('b')?.fail(`crash ${i}`)
      if (i === 30) calls.push(call(app.startService('e')))
      await clock.advance(3)
    }
    calls.push(call(app.stop()))
    await clock.advance(60_000)
    expect(calls.filter(({ outcome }) => outcome === 'pending')).toEqual([])
    expect(log.events.filter(({ type }) => type === 'warning')).toEqual([])
    expect(log.events.length).toBeGreaterThan(200)
  })
})
