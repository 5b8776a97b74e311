// What the simulation found where no other test looked; each fails on the engine in which it was found.
import { defineService } from 'keelson'
import { expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

it('R6 R8 a start and a stop of one turn leave nothing running: what is registered later stays down', async () => {
  const { app, clock } = world({ services: [service('a')] })
  const start = settled(app.start())
  const stop = settled(app.stop())
  await clock.settle()
  expect([start.status, stop.status]).toEqual(['rejected', 'fulfilled'])
  const late = service('b')
  await app.register(late)
  await clock.settle()
  expect([late.state, late.calls.start]).toEqual(['unknown', 0])
})

it('R37 the end of a call is told once, also when its signal is aborted in the turn in which it ends', async () => {
  const { app, clock, log } = world({ services: [service('a')] })
  const abort = new AbortController()
  const stop = settled(app.stopService('a', { signal: abort.signal }))
  abort.abort(new Error('enough'))
  await clock.settle()
  expect(stop.status).not.toBe('pending')
  expect(log.lines().filter((line) => line.startsWith('operation stop a') && line.includes(' end'))).toHaveLength(1)
})

it('R8 R29 a start that overtakes a stop still knows which services are essential to it', async () => {
  const names = ['s0', 's1', 's2']
  const slow = service('s2', { dependsOn: ['s0'], stop: { takes: 50 } })
  const { app, clock } = world({ services: [service('s0'), service('s1'), slow] })
  settled(app.start())
  await clock.settle()
  const first = settled(app.stopService('s0'))
  await clock.advance(10)
  const start = settled(app.start())
  const second = settled(app.stopService('s1'))
  await clock.advance(100)
  expect([first.status, start.status, second.status]).toEqual(['rejected', 'rejected', 'fulfilled'])
  expect(start.error).toMatchObject({ code: 'CANCELLED' })
  expect(names.map((name) => app.getServiceStatus(name).state)).toEqual(['running', 'stopped', 'running'])
})

it.each([
  ['its signal', 'the reason of its caller'],
  ['its timeout', 'START_INCOMPLETE'],
] as const)(
  'R34 R49 a replacement that waits for the old one to come to rest ends by %s: the old one stays',
  async (by, how) => {
    const old = service('a', { stop: { takes: 100 } })
    const { app, clock } = world({ services: [old] })
    settled(app.start())
    await clock.settle()
    settled(app.stopService('a'))
    await clock.advance(10)
    const abort = new AbortController()
    const reason = new Error('enough')
    const next = service('a')
    const call = settled(app.replace(next, by === 'its signal' ? { signal: abort.signal } : { timeout: 20 }))
    await clock.advance(20)
    abort.abort(reason)
    await clock.settle()
    expect(call.status).toBe('rejected')
    if (how === 'START_INCOMPLETE') expect(call.error).toMatchObject({ code: how, cause: { code: 'START_TIMEOUT' } })
    else expect(call.error).toBe(reason)
    await clock.advance(100)
    expect([app.registry.get('a'), old.state]).toEqual([old, 'stopped'])
    // The other one is free to go elsewhere.
    const other = world({ services: [next] })
    expect(other.app.registry.size).toBe(1)
  },
)

it('R16 R49 a replacement that takes over during a start delay waits for its own', async () => {
  const { app, clock } = world({ services: [service('a', { startDelay: 20 })] })
  settled(app.start())
  await clock.advance(10)
  const next = service('a', { startDelay: 50 })
  settled(app.replace(next))
  await clock.advance(49)
  expect([next.state, next.calls.start]).toEqual(['waiting', 0])
  await clock.advance(1)
  expect([next.state, next.calls.start]).toEqual(['running', 1])
})

it('R29 a restart by name of a service that once completed is done when its new epoch is up', async () => {
  let end = (): void => {}
  const job = defineService('job', {
    restart: { policy: 'always', initialBackoff: 10, jitter: 0 },
    run: () =>
      new Promise<void>((resolve) => {
        end = resolve
      }),
    stop: () => clock.sleep(30),
  })
  const { app, clock } = world({ services: [job] })
  settled(app.start())
  await clock.settle()
  end()
  await clock.advance(60)
  expect(app.getServiceStatus('job')).toMatchObject({ state: 'running', epoch: 2 })
  const restart = settled(app.restartService('job'))
  await clock.advance(10)
  expect([restart.status, job.state]).toEqual(['pending', 'stopping'])
  end()
  await clock.advance(40)
  expect(restart.status).toBe('fulfilled')
  expect(app.getServiceStatus('job')).toMatchObject({ state: 'running', epoch: 3 })
})

it('R6 R8 a start looks through a service that is up but about to lose what it requires', async () => {
  const names = ['b', 'm', 'a']
  const { app, clock, log } = world({
    services: [service('b'), service('m', { dependsOn: ['b'] }), service('a', { dependsOn: ['m'] })],
  })
  settled(app.start())
  await clock.settle()
  log.clear()
  const stop = settled(app.stopService('b'))
  const start = settled(app.startService('a'))
  await clock.settle()
  expect([stop.status, start.status]).toEqual(['rejected', 'fulfilled'])
  expect(names.map((name) => app.getServiceStatus(name).epoch)).toEqual([1, 1, 1])
  expect(log.lines().filter((line) => line.includes('→'))).toEqual([])
})

it('R6 R17 start() leaves a service that has completed to its one backoff', async () => {
  const job = service('job', { restart: { policy: 'always', initialBackoff: 100, jitter: 0 }, run: { takes: 10 } })
  const { app, clock } = world({ services: [job] })
  settled(app.start())
  await clock.advance(50)
  const again = settled(app.start())
  await clock.advance(59)
  expect([again.status, job.calls.start]).toEqual(['fulfilled', 1])
  await clock.advance(1)
  expect(job.calls.start).toBe(2)
})

it('R29 a start that retries ends when what it waits for has completed, abandoned hook or not', async () => {
  const d = service('d', { run: { takes: 150 } })
  const t = service('t', {
    dependsOn: ['d'],
    startTimeout: 100,
    stopTimeout: 10,
    restart: { initialBackoff: 1, jitter: 0 },
    start: { takes: 1_000, ignoresAbort: true },
  })
  const { app, clock } = world({ services: [d, t] })
  const start = settled(app.startService('t', { onFailure: 'retry', timeout: 600 }))
  await clock.advance(140)
  expect([start.status, t.state]).toEqual(['pending', 'waiting'])
  await clock.advance(20)
  expect(start.status).toBe('rejected')
})

it('R6 R31 a start() that has nothing to do, in the turn of a stop(), does not make it run again', async () => {
  const slow = service('slow', { autoStart: false, stop: { takes: 50 } })
  const { app, clock } = world({ services: [slow] })
  settled(app.startService('slow'))
  await clock.settle()
  const start = settled(app.start())
  const stop = settled(app.stop())
  await clock.settle()
  expect([start.status, stop.status]).toEqual(['fulfilled', 'pending'])
  const late = service('late')
  await app.register(late)
  await clock.advance(100)
  const later = service('later')
  await app.register(later)
  await clock.settle()
  expect([stop.status, late.state, later.state]).toEqual(['fulfilled', 'unknown', 'unknown'])
})

it('R28 what completed once and is asked to run again by name is no longer healthy while it waits', async () => {
  const job = service('job', { dependsOn: ['d'], run: { takes: 10 } })
  const { app, clock } = world({ services: [service('d', { start: { takes: 50 } }), job] })
  settled(app.start())
  await clock.advance(100)
  expect(app.health().status).toBe('healthy')
  settled(app.restartService('d'))
  settled(app.restartService('job'))
  await clock.settle()
  expect(job.state).toBe('waiting')
  expect(app.health().because.map(({ name }) => name)).toEqual(['d'])
  settled(app.stopService('d'))
  await clock.settle()
  expect(app.health()).toMatchObject({ status: 'checking' })
})

it('R7 R49 a service whose predecessor cannot be put back any more goes on by its restart policy', async () => {
  const restart = { initialBackoff: 100, jitter: 0 }
  const { app, clock } = world({ services: [service('a'), service('b', { dependsOn: ['a'] })] })
  settled(app.start())
  await clock.settle()
  const next = service('b', { restart, start: { takes: 20, fails: 1 } })
  const replace = settled(app.replace(next))
  await clock.advance(10)
  // From now on `a` needs `b`: the old `b`, which needs `a`, would close a cycle.
  settled(app.replace(service('a', { dependsOn: [{ name: 'b', optional: true }] })))
  await clock.advance(20)
  expect(replace.error).toMatchObject({ code: 'START_INCOMPLETE', cause: { code: 'START_FAILED' } })
  await clock.advance(200)
  expect(next.state).toBe('running')
})

it('R29 a report tells the waits of its own start, not those of an earlier one', async () => {
  const { app, clock } = world({
    services: [service('db', { start: { takes: 50 } }), service('api', { dependsOn: ['db'] })],
  })
  settled(app.start())
  await clock.advance(50)
  settled(app.stopService('api'))
  await clock.settle()
  const start = settled(app.startService('api'))
  await clock.settle()
  expect(start.value?.services).toMatchObject([{ name: 'api', outcome: 'started', waitedFor: [] }])
})

it.each(['its own turn', 'the turn of the stop'])(
  'R8 a start is cancelled by a later stop of what it needs, also if that crashed, in %s',
  async (turn) => {
    const b = service('b', { stop: { takes: 20 } })
    const { app, clock } = world({ services: [b, service('a', { dependsOn: ['b'], stop: { takes: 50 } })] })
    settled(app.start())
    await clock.settle()
    settled(app.stopService('a'))
    await clock.advance(1)
    const start = settled(app.startService('a'))
    await clock.advance(1)
    b.crash()
    if (turn === 'its own turn') await clock.advance(1)
    const stop = settled(app.stopService('b'))
    await clock.advance(100)
    expect([start.status, stop.status]).toEqual(['rejected', 'fulfilled'])
    expect(start.error).toMatchObject({ code: 'CANCELLED' })
  },
)
