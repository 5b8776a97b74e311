// More of what the simulation found: rollbacks, replacements, the order of registration. Each fails on the engine in which it was found.
import { expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

it('R8 a start is cancelled by a later stop of what something between them needs, which is up', async () => {
  const a = service('a', { dependsOn: ['m'], start: { takes: 50 } })
  const { app, clock } = world({ services: [service('b'), service('m', { dependsOn: ['b'] }), a] })
  settled(app.startService('m'))
  await clock.settle()
  const start = settled(app.startService('a'))
  await clock.advance(10)
  const stop = settled(app.stopService('b'))
  await clock.advance(100)
  expect([start.status, stop.status]).toEqual(['rejected', 'fulfilled'])
  expect(start.error).toMatchObject({ code: 'CANCELLED' })
})

it('R29 R31 the last tenth of a rollback hurries nothing that somebody else wants up', async () => {
  const a = service('a', { start: { takes: 200 }, stop: { takes: 5 } })
  const b = service('b', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: 5_000 })
  const c = service('c', { start: { takes: 10, fails: true } })
  const { app, clock } = world({ services: [a, b, c], shutdownTimeout: 100, tidy: false })
  settled(app.startService('a'))
  const start = settled(app.start())
  await clock.advance(300)
  expect([start.status, a.state]).toEqual(['rejected', 'running'])
  const stop = settled(app.stopService('a'))
  await clock.advance(5)
  expect([stop.status, stop.error]).toEqual(['fulfilled', undefined])
})

it('R13 a wait that has ended in continue begins nothing against a service that is being stopped in order', async () => {
  const events: string[] = []
  const s2 = service('s2', { stop: () => void events.push(`onStop of s2 while s101 is ${s101.state}`) })
  const s101 = service('s101', { dependsOn: [{ name: 's2', timeout: 220, onTimeout: 'continue' }] })
  const s161 = service('s161', { dependsOn: ['s2'], stop: { takes: 460, ignoresAbort: true } })
  const { app, clock } = world({ services: [s2, s101, s161] })
  settled(app.start())
  await clock.settle()
  settled(app.stop())
  await clock.advance(1)
  settled(app.start({ onFailure: 'keep' }))
  await clock.advance(500)
  expect(events).toEqual(['onStop of s2 while s101 is waiting'])
  expect([s2.state, s101.state, s161.state]).toEqual(['running', 'running', 'running'])
})

it.each(['restartService', 'startService'] as const)(
  'R6 %s starts what a service requires and runs without',
  async (call) => {
    const a = service('a', { dependsOn: [{ name: 'b', onLoss: 'keep' }] })
    const { app, clock } = world({ services: [service('b'), a] })
    settled(app.start())
    await clock.settle()
    settled(app.stopService('b'))
    await clock.settle()
    expect(a.state).toBe('running')
    const start = settled(app[call]('a'))
    await clock.settle()
    expect(start.status).toBe('fulfilled')
    expect(app.getAllServices().map(({ state }) => state)).toEqual(['running', 'running'])
  },
)

it('R29 R31 R49 the new one that failed has the time of a rollback to be gone, and the old one is put back', async () => {
  const old = service('s')
  const { app, clock } = world({ services: [old], shutdownTimeout: 100 })
  settled(app.start())
  await clock.settle()
  const next = service('s', { start: { fails: true }, stop: { takes: 500, ignoresAbort: true } })
  const replace = settled(app.replace(next))
  await clock.advance(100)
  expect(replace.status).toBe('rejected')
  await clock.advance(500)
  expect([old.state, old.calls.start]).toEqual(['running', 2])
})

it('R5 R29 a service that crashes while its rollback waits for others was rolled back, and has not failed', async () => {
  const a = service('a')
  const b = service('b', { dependsOn: ['a'], stop: { takes: 50 } })
  const c = service('c', { start: { takes: 10, fails: true } })
  const { app, clock } = world({ services: [a, b, c] })
  settled(app.start())
  await clock.advance(20)
  expect([a.state, b.state]).toEqual(['running', 'stopping'])
  a.crash()
  await clock.advance(100)
  expect(app.getServiceStatus('a')).toMatchObject({ state: 'stopped', stopReason: 'rollback' })
})

it('R29 a rollback takes back what was stopped by hand before it, also if a registration needs that', async () => {
  const s1 = service('s1')
  const { app, clock } = world({ services: [s1, service('bad', { start: { takes: 10, fails: true } })] })
  settled(app.start({ onFailure: 'keep' }))
  settled(app.stopService('s1'))
  await clock.advance(20)
  await app.register(service('s2', { dependsOn: ['s1'] }))
  settled(app.start())
  await clock.settle()
  expect(s1.state).toBe('running')
  await clock.advance(50)
  expect([s1.state, app.getServiceStatus('s2').state]).toEqual(['stopped', 'waiting'])
})

it('R29 R31 the last tenth of a rollback hurries no stop of what it does not bring to rest', async () => {
  const s2 = service('s2', { stop: { takes: 80, ignoresAbort: true } })
  const bad = service('bad', { start: { takes: 30, fails: true } })
  const s1 = service('s1', { stop: { takes: 50, ignoresAbort: true } })
  const { app, clock } = world({ services: [s2, bad, s1], shutdownTimeout: 100, tidy: false })
  settled(app.startService('s2'))
  settled(app.start())
  await clock.advance(40)
  const stop = settled(app.stopService('s2', { timeout: 1_000 }))
  await clock.advance(100)
  expect([stop.status, stop.error]).toEqual(['fulfilled', undefined])
})

it('R10 R48 one that needed what is removed still comes after the one that was registered before that', async () => {
  const c = service('c', { dependsOn: [{ name: 'b', optional: true }] })
  const { app, clock } = world({
    services: [service('a', { start: { takes: 10 } }), service('b'), c, service('d')],
    order: 'registration',
  })
  await app.unregister('b')
  const late = settled(app.replace(service('a', { dependsOn: [{ name: 'c', optional: true }] })))
  await clock.settle()
  expect(late.error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
  settled(app.start())
  await clock.settle()
  expect(app.getServiceStatus('c').blockedBy).toMatchObject([{ name: 'a', kind: 'dependency' }])
  await clock.advance(10)
  expect(c.state).toBe('running')
})

it('R16 R48 a start delay counts anew from when the one is up that became the one before', async () => {
  const c = service('c', { startDelay: 50 })
  const { app, clock } = world({
    services: [service('a', { start: { takes: 30 } }), service('b'), c],
    order: 'registration',
  })
  settled(app.start())
  settled(app.unregister('b'))
  await clock.advance(79)
  expect([c.state, c.calls.start]).toEqual(['waiting', 0])
  await clock.advance(1)
  expect(c.calls.start).toBe(1)
})

it('R10 R49 a replacement of a service on its way down rejects if it closes a cycle by then; the old one stays', async () => {
  const old = service('a', { stop: { takes: 50 } })
  const { app, clock } = world({ services: [old] })
  settled(app.start())
  await clock.settle()
  settled(app.stopService('a'))
  await clock.advance(10)
  const next = service('a', { dependsOn: [{ name: 'b', optional: true }] })
  const call = settled(app.replace(next))
  await clock.settle()
  await app.register(service('b', { dependsOn: [{ name: 'a', optional: true }] }))
  await clock.advance(50)
  expect(call.error).toMatchObject({ code: 'DEPENDENCY_CYCLE' })
  expect(app.registry.get('a')).toBe(old)
  expect(world({ services: [next] }).app.registry.size).toBe(1)
})

it('R5 R29 R49 what failed a replacement and is required by what was put back is stopped like any other', async () => {
  const db = service('db', { start: { takes: 10_000, ignoresAbort: true } })
  const { app, clock } = world({ services: [db, service('api', { dependsOn: ['db'] })] })
  settled(app.startService('api'))
  await clock.settle()
  settled(app.stopService('db'))
  await clock.settle()
  const call = settled(app.replace(service('api', { dependsOn: ['db'] })))
  await clock.advance(1_000)
  expect([call.status, db.state]).toEqual(['rejected', 'waiting'])
  settled(app.stop())
  await clock.settle()
  expect(app.getServiceStatus('db')).toMatchObject({ state: 'stopped', stopReason: 'shutdown' })
})

it('R29 R49 what is put back waits for what it requires as long as it says, and a start for no longer', async () => {
  const job = service('job', { start: { takes: 2, fails: 1 }, run: { hangs: true } })
  const { app, clock } = world({
    services: [job, service('api', { dependsOn: [{ name: 'job', condition: 'completed', timeout: 5_000 }] })],
  })
  settled(app.start())
  await clock.settle()
  settled(app.replace(service('api', { dependsOn: ['job'] })))
  await clock.advance(2_000)
  expect([job.state, app.getServiceStatus('api').state]).toEqual(['running', 'waiting'])
  const start = settled(app.start({ onFailure: 'keep' }))
  await clock.advance(5_000)
  expect(start.error).toMatchObject({ code: 'START_INCOMPLETE', cause: { code: 'DEPENDENCY_TIMEOUT' } })
})

it('R10 R49 a start of what is put back while what it requires is gone rejects, and does not wait for a name', async () => {
  const { app, clock } = world({ services: [service('db'), service('api', { dependsOn: ['db'] })] })
  settled(app.start())
  await clock.settle()
  const replace = settled(app.replace(service('api', { start: { takes: 50, fails: true } })))
  await clock.advance(10)
  await app.unregister('db')
  const restart = settled(app.restartService('api', { onFailure: 'retry' }))
  await clock.advance(100)
  expect([replace.status, restart.status, app.getServiceStatus('api').state]).toEqual([
    'rejected',
    'rejected',
    'waiting',
  ])
  expect(restart.error).toMatchObject({ code: 'START_INCOMPLETE', cause: { code: 'DEPENDENCY_MISSING' } })
})

it('R29 R49 a critical path does not lead through what only the replaced service had waited for', async () => {
  const db = service('db', { start: { takes: 5 } })
  const late = service('late', { dependsOn: ['api'], startDelay: 30 })
  const { app, clock } = world({ services: [db, service('api', { dependsOn: ['db'] }), late] })
  const start = settled(app.start())
  await clock.advance(10)
  settled(app.replace(service('api')))
  await clock.advance(50)
  expect(start.value?.criticalPath).toEqual(['api', 'late'])
})
