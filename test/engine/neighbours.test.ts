/** What neighbours know of each other: who still needs whom, and how long somebody waited for somebody. */
import { expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

it('R13 a shutdown goes through services without an instance, however many stand in between', async () => {
  const completed = (name: string): [{ name: string; condition: 'completed' }] => [{ name, condition: 'completed' }]
  const db = service('db')
  const first = service('first', { dependsOn: ['db'], run: () => undefined })
  const second = service('second', { dependsOn: completed('first'), run: () => undefined })
  const api = service('api', { dependsOn: completed('second'), stop: { takes: 50 } })
  const { app, clock } = world({ services: [db, first, second, api] })
  await app.start()
  await clock.settle()
  const states = (): unknown[] => ['db', 'first', 'second', 'api'].map((name) => app.getServiceStatus(name).state)
  expect(states()).toEqual(['running', 'stopped', 'stopped', 'running'])
  settled(app.stop())
  await clock.advance(49)
  expect([states(), db.calls.stop]).toEqual([['running', 'stopped', 'stopped', 'stopping'], 0])
  await clock.advance(1)
  expect([states(), db.calls.stop]).toEqual([['stopped', 'stopped', 'stopped', 'stopped'], 1])
})

it('R13 a dependent that is registered, or leaves, while it is up changes who a shutdown waits for', async () => {
  const db = service('db')
  const job = service('job', { dependsOn: ['db'], run: () => undefined })
  const { app, clock } = world({ services: [db, job] })
  await app.start()
  await clock.settle()
  const late = service('late', { dependsOn: [{ name: 'job', condition: 'completed' }], stop: { takes: 50 } })
  await app.register(late)
  await clock.settle()
  await Promise.all([app.unregister('late'), clock.advance(50)])
  const again = service('again', { dependsOn: [{ name: 'job', condition: 'completed' }], stop: { takes: 20 } })
  await app.register(again)
  await clock.settle()
  settled(app.stop())
  await clock.advance(19)
  expect([app.getServiceStatus('db').state, app.getServiceStatus('again').state]).toEqual(['running', 'stopping'])
  await clock.advance(1)
  expect(app.getServiceStatus('db').state).toBe('stopped')
})

it('the start of one that waited tells for whom and how long, from a millisecond on, and counts anew in each start', async () => {
  const db = service('db', { start: { takes: 30 }, restart: { initialBackoff: 10 } })
  const cache = service('cache', { start: { takes: 1 } })
  const free = service('free')
  const api = service('api', { dependsOn: ['db', 'cache', 'free'] })
  const { app, clock, log } = world({ services: [db, cache, free, api] })
  const waits = (): unknown[] =>
    log.events.flatMap((event) =>
      event.type === 'state' && event.name === 'api' && event.newState === 'starting' ? [event.waitedFor] : [],
    )
  await clock.advance(5)
  settled(app.start())
  await clock.advance(30)
  const first = [
    { name: 'db', duration: 30 },
    { name: 'cache', duration: 1 },
  ]
  expect(waits()).toEqual([first])
  await clock.advance(100)
  db.crash()
  await clock.advance(40)
  expect(waits()).toEqual([first, [{ name: 'db', duration: 40 }]])
  await Promise.all([app.restartService('api'), clock.settle()])
  expect(waits()).toEqual([first, [{ name: 'db', duration: 40 }], undefined])
})

it('the wait for a dependency that comes and goes is the sum of its parts', async () => {
  const db = service('db', { restart: { initialBackoff: 10 } })
  const slow = service('slow', { start: { takes: 50 } })
  const api = service('api', { dependsOn: ['db', 'slow'] })
  const { app, clock, log } = world({ services: [db, slow, api] })
  settled(app.start({ onFailure: 'keep' }))
  await clock.advance(20)
  db.crash()
  await clock.advance(30)
  const event = log.events.find((e) => e.type === 'state' && e.name === 'api' && e.newState === 'starting')
  expect(event).toMatchObject({
    waitedFor: [
      { name: 'db', duration: 10 },
      { name: 'slow', duration: 50 },
    ],
  })
})

it('R11 a wait that a lost dependency begins anew has its whole time again', async () => {
  const db = service('db', { start: { takes: 40 }, restart: { initialBackoff: 10 } })
  const slow = service('slow', { start: { takes: 200 } })
  const api = service('api', { dependsOn: [{ name: 'db', timeout: 60 }, 'slow'] })
  const { app, clock } = world({ services: [db, slow, api] })
  settled(app.start({ onFailure: 'keep' }))
  await clock.advance(50)
  db.crash()
  await clock.advance(50)
  expect(app.getServiceStatus('api').state).toBe('waiting')
  db.crash()
  await clock.advance(100)
  expect(app.getServiceStatus('api').state).toBe('running')
})
