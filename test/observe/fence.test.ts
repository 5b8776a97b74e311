/** An observer may be anybody's: whatever it does, it disturbs nobody (R39); and without one nothing is done at all. */
import { channel } from 'node:diagnostics_channel'
import { isKeelsonError, Orchestrator } from 'keelson'
import { nopObserver, type Observer, observe } from 'keelson/observe'
import { describe, expect, it, vi } from 'vitest'
import { observing, telemetry } from '../support/telemetry.js'
import { service, settled, world } from '../support/world.js'

const boom = (): never => {
  throw new Error('observer')
}

/** A story with all that is observed: a failure, a retry, a cascade, bad checks, a slow reader, an unclean stop. */
async function story(observer: Observer | undefined) {
  const written: string[] = []
  const write = (message: string): void => void written.push(message)
  const db = service('db', {
    start: { takes: 5, fails: 1 },
    restart: { initialBackoff: 10, jitter: 0 },
    stop: { takes: 2 },
  })
  const api = service('api', { dependsOn: ['db'], check: () => clock.now() < 5, stop: { fails: true } })
  const { app, clock, log } = world({
    services: [db, api],
    logger: { debug: write, info: write, warn: write, error: write },
  })
  const from = clock.wall()
  const observation = observer === undefined ? undefined : observe(app, observer, { clock })
  const slow = app.events({ buffer: 1 })
  const start = settled(app.start({ onFailure: 'retry' }))
  await clock.advance(100)
  const stop = settled(app.stop())
  await clock.advance(10)
  observation?.()
  await slow.return?.()
  const lines = log.lines(from)
  return { lines: lines.filter((line) => !line.includes('listenerError')), all: lines, start, stop, written }
}

describe('R39 an observer that throws', () => {
  const span = { setAttribute: boom, setError: boom, end: boom }
  const observers: { [what: string]: Observer } = {
    'when asked for anything': { startSpan: boom, counter: boom, histogram: boom },
    'in every span and number': {
      startSpan: () => span,
      counter: () => ({ add: boom }),
      histogram: () => ({ record: boom }),
    },
    'by rejecting, although nobody waits for it': {
      startSpan: (() => Promise.reject(new Error('observer'))) as never,
      counter: () => ({ add: () => Promise.reject(new Error('observer')) as never }),
      histogram: () => ({ record: () => Promise.reject(new Error('observer')) as never }),
    },
  }
  it.each(Object.keys(observers))('%s changes nothing but the reports of it', async (what) => {
    const quiet = await story(undefined)
    const loud = await story(observers[what])
    expect(loud.lines).toEqual(quiet.lines)
    expect([loud.start.status, loud.stop.status]).toEqual([quiet.start.status, quiet.stop.status])
    expect(loud.all.length).toBeGreaterThan(loud.lines.length)
    expect(loud.written).toContainEqual(expect.stringMatching(/listener of '\w+' events threw/))
  })

  it('at one span still gets the others, with their parents', async () => {
    const { observer, traces } = telemetry()
    const { app, clock } = world({ services: [service('db'), service('api', { dependsOn: ['db'] })] })
    const fussy: Observer = {
      ...observer,
      startSpan: (name, attributes, ...rest) =>
        attributes?.['keelson.service.name'] === 'db' ? boom() : observer.startSpan(name, attributes, ...rest),
    }
    const from = clock.wall()
    observing(app, fussy, { clock })
    void settled(app.start())
    await clock.settle()
    expect(traces(from)).toEqual(['start @0 +0 done', '  service.start api#1 @0 +0'])
  })
})

it.each([
  [{}, nopObserver, {}, /app is no orchestrator/],
  [
    new Orchestrator(),
    () => nopObserver,
    {},
    /observer has no startSpan\(\); pass an Observer, such as otelObserver\(\)/,
  ],
  [new Orchestrator(), { startSpan: boom, counter: boom }, {}, /observer has no histogram/],
  [new Orchestrator(), nopObserver, null, /options is no object/],
  [new Orchestrator(), nopObserver, { clock: {} }, /clock has no now\(\); pass the Clock/],
  [new Orchestrator(), nopObserver, { attributes: 'prod' }, /attributes is no object/],
  [new Orchestrator(), nopObserver, { parent: null }, /parent is no function/],
  [new Orchestrator(), nopObserver, { clok: 1 }, /clok is no option; known are clock, attributes, parent/],
])('R51 what observe cannot take is refused: %#', (app, observer, options, message) => {
  let thrown: unknown
  try {
    observe(app as never, observer as never, options as never)
  } catch (error) {
    thrown = error
  }
  expect(isKeelsonError(thrown, 'CONFIG_INVALID')).toBe(true)
  expect((thrown as Error).message).toMatch(message)
})

describe('no observer', () => {
  it('and nopObserver: nothing is subscribed to', () => {
    const app = new Orchestrator()
    const on = vi.spyOn(app, 'on')
    const observation = observe(app, nopObserver)
    expect(on).not.toHaveBeenCalled()
    expect(channel('keelson:check').hasSubscribers).toBe(false)
    expect(observation.spanOf('db')).toBeUndefined()
    observation()
  })

  it('nopObserver takes everything and gives what takes everything', () => {
    const span = nopObserver.startSpan('work', { size: 1 })
    span.setAttribute('more', true)
    span.setError(new Error('ignored'))
    span.end()
    nopObserver.counter('things').add(1)
    nopObserver.histogram('sizes').record(1)
  })

  it('an observation that is over leaves no subscriber behind', () => {
    const app = new Orchestrator()
    const { observer } = telemetry()
    const observation = observing(app, observer)
    expect(channel('keelson:check').hasSubscribers).toBe(true)
    observation()
    expect([channel('keelson:check').hasSubscribers, channel('keelson:drop').hasSubscribers]).toEqual([false, false])
  })
})
