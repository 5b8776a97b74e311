/** Inputs that meet in one turn, or in the end of one epoch: what the earlier one has changed holds for the later one. */
import { expect, it } from 'vitest'
import { deferred, service, settled, world } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const

it('R37 R48 one that was removed at once is not moved by a stop of the same turn', async () => {
  const { app, clock, log } = world({ services: [service('db')] })
  const stop = settled(app.stopService('db'))
  app.registry.unregister('db')
  await clock.settle()
  expect([stop.status, log.lines().filter((line) => line.startsWith('db:'))]).toEqual(['fulfilled', []])
})

it('R3 what an epoch says when it is all but over does not come after it', async () => {
  const gate = deferred()
  const db = service('db', { stop: () => gate.promise })
  const { app, clock, log } = world({ services: [db] })
  await app.start()
  settled(app.stopService('db'))
  await clock.settle()
  void gate.promise.then(() => {
    db.contexts.start[0]?.status('late')
    db.crash()
  })
  gate.resolve()
  await clock.settle()
  expect(log.lines().filter((line) => line.startsWith('status'))).toEqual([])
  expect(app.getServiceStatus('db')).toMatchObject({ state: 'stopped', stopReason: 'manual' })
})

it('R11 a start that reports its failure takes away at once what an earlier epoch completed', async () => {
  const job = service('job', {
    restart: { policy: 'always', initialBackoff: 10 },
    start: ({ epoch }) => (epoch === 2 ? new Promise(() => {}) : undefined),
    run: ({ epoch }) => (epoch === 1 ? undefined : new Promise(() => {})),
  })
  const gate = deferred()
  const other = service('other', { start: () => gate.promise })
  const api = service('api', { dependsOn: [{ name: 'job', condition: 'completed' }, 'other'] })
  const { app, clock } = world({ services: [job, other, api] })
  settled(app.start({ onFailure: 'keep' }))
  await clock.advance(10)
  expect(app.getServiceStatus('job')).toMatchObject({ state: 'starting', epoch: 2 })
  job.crash()
  await clock.settle()
  gate.resolve()
  await clock.settle()
  expect([app.getServiceStatus('job').state, app.getServiceStatus('api').state]).toEqual(['stopping', 'waiting'])
})

it('R6 R13 what ends of itself while its orderly stop waits has completed: a start of all does not run it again', async () => {
  const end = deferred()
  const job = service('job', { ...never, run: () => end.promise, stop: { takes: 50 } })
  const api = service('api', { dependsOn: [{ name: 'job', condition: 'started' }], stop: { takes: 20 } })
  const { app, clock } = world({ services: [job, api] })
  await app.start()
  settled(app.stopService('job'))
  await clock.advance(5)
  end.resolve()
  await clock.settle()
  expect(app.getServiceStatus('job').state).toBe('stopping')
  const start = settled(app.start())
  await clock.advance(100)
  expect([start.status, job.calls.start, app.getServiceStatus('api').state]).toEqual(['fulfilled', 1, 'running'])
})
