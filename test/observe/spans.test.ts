/** Spans of an observed orchestrator, by the real OpenTelemetry SDK on a virtual clock: parents, durations, errors. */
import { isKeelsonError } from 'keelson'
import { expect, it } from 'vitest'
import { observing, telemetry } from '../support/telemetry.js'
import { service, settled, type WorldOptions, world } from '../support/world.js'

function observed(options: WorldOptions) {
  const made = world(options)
  const { observer, traces, ...rest } = telemetry()
  const from = made.clock.wall()
  return {
    ...made,
    ...rest,
    traces: () => traces(from),
    observation: observing(made.app, observer, { clock: made.clock }),
  }
}

it('a start is one span with a child per service, each as long as it took', async () => {
  const db = service('db', { type: 'store', start: { takes: 50 } })
  const cache = service('cache', { start: { takes: 20 } })
  const api = service('api', { dependsOn: ['db', 'cache'], start: { takes: 5 } })
  const { app, clock, traces, span } = observed({ services: [api, db, cache] })
  void settled(app.start())
  await clock.advance(55)
  expect(traces()).toEqual([
    'start @0 +55 done',
    '  service.start cache#1 @0 +20',
    '  service.start db#1 @0 +50',
    '  service.start api#1 @50 +5',
  ])
  expect(span('keelson.start')?.attributes).toEqual({
    'keelson.operation.name': 'start',
    'keelson.operation.id': 4,
    'keelson.operation.outcome': 'done',
  })
  expect(span('keelson.service.start', 'db')?.attributes).toEqual({
    'keelson.service.name': 'db',
    'keelson.service.type': 'store',
    'keelson.service.epoch': 1,
  })
})

it('every kind of operation has its span, and what it brings up and down is below it', async () => {
  const db = (takes: number) => service('db', { start: { takes }, stop: { takes: 2 } })
  const api = service('api', { dependsOn: ['db'], start: { takes: 3 }, stop: { takes: 1 } })
  const { app, clock, traces } = observed({})
  const play = async (call: Promise<unknown>): Promise<void> => {
    const outcome = settled(call)
    for (let i = 0; i < 60 && outcome.status === 'pending'; i++) await clock.advance(1)
    expect(outcome.status).toBe('fulfilled')
    await clock.advance(100 - (clock.now() % 100))
  }
  await play(app.register(db(10)))
  await play(app.register(api))
  await play(app.start())
  await play(app.stopService('api'))
  await play(app.startService('api'))
  await play(app.restartService('db'))
  await play(app.replace(db(20)))
  await play(app.unregister('db', { cascade: true }))
  await play(app.stop())
  expect(traces()).toEqual([
    'register db @0 +0 done',
    'register api @100 +0 done',
    'start @200 +13 done',
    '  service.start db#1 @200 +10',
    '  service.start api#1 @210 +3',
    'stop api @300 +1 done',
    '  service.stop api#1 @300 +1 manual',
    'start api @400 +3 done',
    '  service.start api#2 @400 +3',
    'restart db @500 +13 done',
    '  service.stop api#2 @500 +1 dependency',
    '  service.stop db#1 @501 +2 restart',
    '  service.start db#2 @503 +10',
    '  service.start api#3 @513 +3', // returns by itself, after the end of the call that it comes from
    'replace db @600 +23 done',
    '  service.stop api#3 @600 +1 dependency',
    '  service.stop db#2 @601 +2 replaced',
    '  service.start db#3 @603 +20',
    '  service.start api#4 @623 +3',
    'unregister db @700 +3 done',
    '  service.stop api#4 @700 +1 removed',
    '  service.stop db#3 @701 +2 removed',
    'stop @800 +0 done',
  ])
})

it('a failed start is an error of its span and of the operation, and the rollback is part of that', async () => {
  const boom = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const db = service('db', { start: { takes: 10 }, stop: { takes: 5 } })
  const api = service('api', { dependsOn: ['db'], start: { takes: 7, fails: true, error: boom } })
  const { app, clock, traces, span } = observed({ services: [db, api] })
  const start = settled(app.start())
  await clock.advance(30)
  expect(traces()).toEqual([
    'start @0 +22 failed !START_INCOMPLETE',
    '  service.start db#1 @0 +10',
    '  service.start api#1 @10 +7 !START_FAILED',
    '  service.stop api#1 @17 +0 failed',
    '  service.stop db#1 @17 +5 rollback',
  ])
  expect(span('keelson.start')?.status.message).toBe(start.error.message)
  const failed = span('keelson.service.start', 'api')
  expect(failed?.events).toMatchObject([
    {
      name: 'exception',
      time: failed?.endTime,
      attributes: { 'exception.type': 'START_FAILED', 'exception.message': expect.stringContaining('ECONNREFUSED') },
    },
  ])
  expect(span('keelson.service.stop', 'api')?.attributes).toMatchObject({
    'keelson.failure.type': 'START_FAILED',
    'keelson.failure.message': expect.stringContaining('ECONNREFUSED'),
  })
})

it('retries of a start that is under way are below it, each with its attempt; those after its end are traces of their own', async () => {
  const db = service('db', { start: { takes: 10, fails: 2 }, restart: { initialBackoff: 100, jitter: 0 } })
  const { app, clock, traces, spans } = observed({ services: [db] })
  void settled(app.start({ onFailure: 'retry' }))
  await clock.advance(400)
  expect(traces()).toEqual([
    'start @0 +330 done',
    '  service.start db#1 @0 +10 !START_FAILED',
    '  service.stop db#1 @10 +0 failed',
    '  service.start db#2 @110 +10 !START_FAILED',
    '  service.stop db#2 @120 +0 failed',
    '  service.start db#3 @320 +10',
  ])
  const attempts = spans().filter(({ name }) => name === 'keelson.service.start')
  expect(attempts.map(({ attributes }) => attributes['keelson.service.attempt'])).toEqual([undefined, 1, 2])
})

it('a retry after the end of the call is the root of a trace, with its own failure and what comes up after it below it', async () => {
  const db = service('db', { start: { takes: 10, fails: 2 }, restart: { initialBackoff: 100, jitter: 0 } })
  const api = service('api', { dependsOn: ['db'], start: { takes: 1 } })
  const { app, clock, traces } = observed({ services: [db, api] })
  void settled(app.start({ onFailure: 'keep' }))
  await clock.advance(400)
  expect(traces()).toEqual([
    'start @0 +10 failed !START_INCOMPLETE',
    '  service.start db#1 @0 +10 !START_FAILED',
    '  service.stop db#1 @10 +0 failed',
    'service.start db#2 @110 +10 !START_FAILED',
    '  service.stop db#2 @120 +0 failed',
    'service.start db#3 @320 +10',
    '  service.start api#1 @330 +1',
  ])
})

it('a crash is a trace: the stop with what it died of, the cascade below it; the return is the next', async () => {
  const db = service('db', { start: { takes: 10 }, stop: { takes: 2 }, restart: { initialBackoff: 50, jitter: 0 } })
  const cache = service('cache', { dependsOn: ['db'], stop: { takes: 3 }, startDelay: 5 })
  const api = service('api', { dependsOn: ['cache'], start: { takes: 4 } })
  const { app, clock, traces, span } = observed({ services: [db, cache, api] })
  void settled(app.start())
  await clock.advance(100)
  db.crash(new Error('out of memory'))
  await clock.advance(200)
  expect(traces()).toEqual([
    'start @0 +19 done',
    '  service.start db#1 @0 +10',
    '  service.start cache#1 @15 +0',
    '  service.start api#1 @15 +4',
    'service.stop db#1 @100 +2 failed',
    '  service.stop api#1 @100 +0 dependency',
    '  service.stop cache#1 @100 +3 dependency',
    'service.start db#2 @152 +10',
    '  service.start cache#2 @167 +0',
    '  service.start api#2 @167 +4',
  ])
  expect(span('keelson.service.stop', 'db')?.attributes).toMatchObject({
    'keelson.failure.type': 'CRASHED',
    'keelson.failure.message': expect.stringContaining('out of memory'),
  })
})

it('a bad verdict and a clean end are traces of their own; what happens by itself during a call is part of it', async () => {
  const sick = service('sick', {
    check: (): boolean => clock.now() < 100,
    healthCheck: { interval: 50, failureThreshold: 1 },
    restart: { policy: 'never' },
  })
  const job = service('job', { run: { takes: 30 }, restart: { policy: 'always', initialBackoff: 40 } })
  const slow = service('slow', { start: { takes: 60 } })
  const { app, clock, traces } = observed({ services: [sick, job, slow] })
  void settled(app.start())
  await clock.advance(139)
  expect(traces()).toEqual([
    'start @0 +60 done',
    '  service.start sick#1 @0 +0',
    '  service.start job#1 @0 +0',
    '  service.start slow#1 @0 +60',
    '  service.stop job#1 @30 +0 completed',
    'service.start job#2 @70 +0',
    'service.stop sick#1 @100 +0 unhealthy',
    'service.stop job#2 @100 +0 completed',
  ])
})

it('a start that is cut short is no error: it says what it was cut short by', async () => {
  const db = service('db', { start: { takes: 100 } })
  const { app, clock, traces, span } = observed({ services: [db] })
  void settled(app.start())
  await clock.advance(30)
  void settled(app.stop())
  await clock.advance(10)
  expect(traces()).toEqual([
    'start @0 +30 cancelled',
    '  service.start db#1 @0 +30 shutdown',
    'stop @30 +0 done',
    '  service.stop db#1 @30 +0 shutdown',
  ])
  expect(span('keelson.service.start')?.events).toEqual([])
})

it('a stop that is not clean is an error of its span, the first cause before the others', async () => {
  const db = service('db', {
    start: ({ own }) => own(() => Promise.reject(new Error('handle lost'))),
    stop: { takes: 3, fails: true, error: new Error('flush failed') },
  })
  const hung = service('hung', { stop: { hangs: true, ignoresAbort: true }, stopTimeout: 10 })
  const { app, clock, traces, span } = observed({ services: [db, hung] })
  void settled(app.start())
  await clock.settle()
  void settled(app.stop())
  await clock.advance(10)
  expect(traces()).toEqual([
    'start @0 +0 done',
    '  service.start db#1 @0 +0',
    '  service.start hung#1 @0 +0',
    'stop @0 +10 failed !STOP_INCOMPLETE',
    '  service.stop db#1 @0 +3 shutdown !STOP_FAILED',
    '  service.stop hung#1 @0 +10 shutdown !STOP_TIMEOUT',
  ])
  const { status, events } = span('keelson.service.stop', 'db') ?? {}
  expect(status?.message).toMatch(/flush failed/)
  expect(events?.map(({ attributes }) => attributes?.['exception.message'])).toEqual([
    expect.stringMatching(/flush failed/),
    expect.stringMatching(/handle lost/),
  ])
})

it('two calls at once keep their own', async () => {
  const [a, b] = [service('a', { start: { takes: 10 } }), service('b', { start: { takes: 20 } })]
  const { app, clock, traces } = observed({ services: [a, b] })
  void settled(app.startService('a'))
  void settled(app.startService('b'))
  await clock.advance(20)
  expect(traces()).toEqual([
    'start a @0 +10 done',
    '  service.start a#1 @0 +10',
    'start b @0 +20 done',
    '  service.start b#1 @0 +20',
  ])
})

it('two restarts at once keep their own, and so does a service that is registered meanwhile', async () => {
  const [a, b] = [service('a', { stop: { takes: 5 }, start: { takes: 10 } }), service('b', { stop: { takes: 9 } })]
  const { app, clock, traces } = observed({ services: [a, b] })
  void settled(app.start())
  await clock.advance(100)
  void settled(app.restartService('a'))
  void settled(app.restartService('b'))
  await clock.settle()
  void settled(app.register(service('late', { start: { takes: 1 } })))
  await clock.advance(20)
  expect(traces().slice(3)).toEqual([
    'register late @100 +0 done',
    '  service.start late#1 @100 +1',
    'restart b @100 +9 done',
    '  service.stop b#1 @100 +9 restart',
    '  service.start b#2 @109 +0',
    'restart a @100 +15 done',
    '  service.stop a#1 @100 +5 restart',
    '  service.start a#2 @105 +10',
  ])
})

it('a start that is remembered while the service stops is below the call that asked for it, not below the stop', async () => {
  const db = service('db', { stop: { takes: 10 } })
  const api = service('api', { dependsOn: ['db'], stop: { takes: 5 } })
  const { app, clock, traces } = observed({ services: [db, api] })
  void settled(app.start())
  await clock.advance(100)
  void settled(app.stopService('db'))
  await clock.advance(7)
  void settled(app.startService('api'))
  await clock.advance(3)
  void settled(app.stop())
  await clock.settle()
  void settled(app.start())
  await clock.advance(20)
  expect(traces().slice(3)).toEqual([
    'stop db @100 +7 cancelled',
    '  service.stop api#1 @100 +5 dependency',
    '  service.stop db#1 @105 +10 manual',
    'start api @107 +3 cancelled',
    'stop @110 +0 cancelled',
    'start @110 +5 done',
    '  service.start db#2 @115 +0',
    '  service.start api#2 @115 +0',
  ])
})

it('setting the wall clock does not change how long anything took', async () => {
  const db = service('db', { start: { takes: 50 }, stop: { takes: 5 } })
  const { app, clock, traces } = observed({ services: [db] })
  void settled(app.start())
  await clock.advance(20)
  clock.jump(-3_600_000)
  await clock.advance(30)
  clock.jump(7_200_000)
  void settled(app.stop())
  await clock.advance(5)
  expect(traces()).toEqual([
    'start @0 +50 done',
    '  service.start db#1 @0 +50',
    'stop @3600050 +5 done',
    '  service.stop db#1 @3600050 +5 shutdown',
  ])
})

it('an orchestrator inside another one is below the start or stop that it belongs to', async () => {
  const { observer, traces } = telemetry()
  const inner = world({ services: [service('pool', { start: { takes: 10 }, stop: { takes: 2 } })], tidy: false })
  const { clock } = inner
  const from = clock.wall()
  const outer = world({ clock, services: [inner.app.asService('db'), service('api', { dependsOn: ['db'] })] })
  const outside = observing(outer.app, observer, { clock })
  observing(inner.app, observer, { clock, parent: () => outside.spanOf('db'), attributes: { 'app.part': 'inner' } })
  void settled(outer.app.start())
  await clock.advance(10)
  void settled(outer.app.stop())
  await clock.advance(2)
  expect(traces(from)).toEqual([
    'start @0 +10 done',
    '  service.start db#1 @0 +10',
    '    start @0 +10 done',
    '      service.start pool#1 @0 +10',
    '  service.start api#1 @10 +0',
    'stop @10 +2 done',
    '  service.stop api#1 @10 +0 shutdown',
    '  service.stop db#1 @10 +2 shutdown',
    '    stop @10 +2 done',
    '      service.stop pool#1 @10 +2 shutdown',
  ])
})

it('an observation that ends in the middle ends its spans, and leaves no listener', async () => {
  const db = service('db', { start: { takes: 50 } })
  const { app, clock, traces, observation, spans } = observed({ services: [db] })
  const start = settled(app.start())
  await clock.advance(20)
  observation[Symbol.dispose]()
  observation()
  expect(traces()).toEqual(['start @0 +20', '  service.start db#1 @0 +20'])
  await clock.advance(30)
  expect(start.status).toBe('fulfilled')
  expect(spans()).toHaveLength(2)
})

it('one that begins in the middle tells what it sees from then on', async () => {
  const db = service('db', { start: { takes: 50 } })
  const api = service('api', { dependsOn: ['db'], start: { takes: 5 } })
  const { app, clock } = world({ services: [db, api] })
  const from = clock.wall()
  const start = settled(app.start())
  await clock.advance(20)
  const { observer, traces } = telemetry()
  observing(app, observer, { clock })
  await clock.advance(100)
  expect(start.status).toBe('fulfilled')
  void settled(app.stop())
  await clock.settle()
  expect(traces(from)).toEqual([
    'service.start api#1 @50 +5',
    'stop @120 +0 done',
    '  service.stop api#1 @120 +0 shutdown',
    '  service.stop db#1 @120 +0 shutdown',
  ])
})

it('a start of a service that was never there fails before it begins: there is no span, as there is no event', async () => {
  const { app, spans } = observed({})
  await expect(app.startService('nobody')).rejects.toSatisfy((error) => isKeelsonError(error, 'SERVICE_NOT_FOUND'))
  expect(spans()).toEqual([])
})
