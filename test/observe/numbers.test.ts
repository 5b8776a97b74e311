/** Counters and histograms of an observed orchestrator, by the real OpenTelemetry SDK on a virtual clock. */
import { expect, it } from 'vitest'
import { observing, telemetry } from '../support/telemetry.js'
import { service, settled, type WorldOptions, world } from '../support/world.js'

function observed(options: WorldOptions) {
  const made = world(options)
  const { observer, numbers } = telemetry()
  const observation = observing(made.app, observer, { clock: made.clock })
  /** The lines of one instrument, without its name. */
  const lines = async (name: string): Promise<string[]> =>
    (await numbers()).flatMap((line) => (line.startsWith(`${name} `) ? line.slice(name.length + 1) : []))
  return { ...made, lines, observation }
}

it('transitions are counted by service and by what it left and entered', async () => {
  const { app, clock, lines } = observed({ services: [service('db', { type: 'store', start: { takes: 1 } })] })
  for (const round of [1, 2]) {
    void settled(app.start())
    await clock.advance(1)
    void settled(app.stop())
    await clock.advance(round)
  }
  const of = 'service.name=db service.type=store'
  expect(await lines('service.transitions')).toEqual([
    `1{transition} ${of} service.previous_state=stopped service.state=starting`,
    `1{transition} ${of} service.previous_state=unknown service.state=starting`,
    `2{transition} ${of} service.previous_state=running service.state=stopping`,
    `2{transition} ${of} service.previous_state=starting service.state=running`,
    `2{transition} ${of} service.previous_state=stopping service.state=stopped`,
  ])
})

it('restarts are counted by why the service had stopped: its policy, a cascade, a call; a new start is none', async () => {
  const db = service('db', { restart: { initialBackoff: 10, jitter: 0 } })
  const api = service('api', { dependsOn: ['db'] })
  const job = service('job', { autoStart: false, run: {}, restart: { policy: 'always', initialBackoff: 20 } })
  const sick = service('sick', {
    check: () => clock.now() < 100,
    healthCheck: { interval: 100, failureThreshold: 1 },
    restart: { initialBackoff: 40, maxRetries: 1, jitter: 0 },
    essential: false,
  })
  const { app, clock, lines } = observed({ services: [db, api, job, sick] })
  void settled(app.start())
  await clock.settle()
  db.crash() // and api returns
  await clock.advance(10)
  void settled(app.restartService('db'))
  await clock.settle()
  void settled(app.replace(service('db')))
  await clock.settle()
  void settled(app.stopService('api'))
  await clock.settle()
  void settled(app.startService('api'))
  void settled(app.startService('job'))
  await clock.advance(50) // completes, starts, completes, starts
  void settled(app.stopService('job'))
  await clock.advance(150)
  const of = (name: string): string => `service.name=${name} service.type=service stop.reason=`
  expect(await lines('service.restarts')).toEqual([
    `1{restart} ${of('db')}failed`,
    `1{restart} ${of('db')}replaced`,
    `1{restart} ${of('db')}restart`,
    `1{restart} ${of('sick')}unhealthy`,
    `2{restart} ${of('job')}completed`,
    `3{restart} ${of('api')}dependency`,
  ])
})

it('failed checks are counted one by one, also those that change no verdict', async () => {
  let calls = 0
  const db = service('db', {
    check: () => {
      calls++
      if (calls === 2) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
      return calls !== 3
    },
    healthCheck: { interval: 100 },
  })
  const { app, clock, lines, log } = observed({ services: [db] })
  void settled(app.start())
  await clock.advance(450)
  expect(log.lines().filter((line) => line.includes('unhealthy'))).toEqual([])
  expect(await lines('service.check.failures')).toEqual([
    '1{failure} service.name=db service.type=service error.type=ECONNREFUSED',
    '1{failure} service.name=db service.type=service error.type=UNHEALTHY',
  ])
})

it('events that a slow reader loses are counted; of another orchestrator nothing is', async () => {
  const { app, clock, lines } = observed({ services: [service('db')] })
  const other = world({ clock, services: [service('db', { check: () => false })] })
  const slow = [app.events({ buffer: 1 }), other.app.events({ buffer: 1 })]
  void settled(app.start()) // begin, starting, running, end
  void settled(other.app.start())
  await clock.settle()
  expect(await lines('events.dropped')).toEqual(['3{event} '])
  expect(await lines('service.check.failures')).toEqual([])
  for (const each of slow) await each.return?.()
})

it('starts, stops and waits are measured in seconds, failed ones by their error; one that was cut short is left out', async () => {
  const db = service('db', {
    start: { takes: 50, fails: 1 },
    stop: { takes: 5 },
    restart: { initialBackoff: 100, jitter: 0 },
  })
  const api = service('api', { dependsOn: ['db'], startDelay: 30, start: { takes: 10 }, stop: { fails: true } })
  const { app, clock, lines } = observed({ services: [db, api] })
  void settled(app.start({ onFailure: 'retry' }))
  await clock.advance(250)
  void settled(app.restartService('api'))
  await clock.advance(32) // in the middle of its delay and its start
  void settled(app.stop())
  await clock.advance(50)
  const of = (name: string): string => `service.name=${name} service.type=service`
  expect(await lines('service.start.duration')).toEqual([
    `1x 0.01s ${of('api')}`,
    `1x 0.05s ${of('db')}`,
    `1x 0.05s ${of('db')} error.type=START_FAILED`,
  ])
  expect(await lines('service.stop.duration')).toEqual([
    `2x 0.01s ${of('db')}`,
    `2x 0s ${of('api')} error.type=STOP_FAILED`,
  ])
  expect(await lines('service.dependency_wait.duration')).toEqual([`1x 0.205s ${of('api')} dependency.name=db`])
})

it('an observation that is over counts no more', async () => {
  const { app, clock, lines, observation } = observed({ services: [service('db', { check: () => false })] })
  observation()
  const slow = app.events({ buffer: 1 })
  void settled(app.start())
  await clock.settle()
  for (const name of ['service.transitions', 'service.check.failures', 'events.dropped'])
    expect(await lines(name)).toEqual([])
  await slow.return?.()
})
