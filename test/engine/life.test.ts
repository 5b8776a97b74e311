/** One epoch, where it meets another one, an older reason, or the end of its time. */
import { describe, expect, it } from 'vitest'
import { deferred, service, settled, world } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const
const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })

describe('a start', () => {
  it('R29 of a second epoch that fails is a failed start, although the first one was healthy', async () => {
    const db = service('db', {
      ...never,
      start: ({ epoch }) => {
        if (epoch === 2) throw new Error('boom')
      },
    })
    const { app, clock } = world({ services: [db] })
    await app.start()
    const restart = settled(app.restartService('db', { onFailure: 'keep' }))
    await clock.settle()
    expect([restart.status, restart.error]).toMatchObject(['rejected', { code: 'START_INCOMPLETE' }])
  })

  it('R17 whose time is over is transient, whatever the service would call it, and is told how to be given more', async () => {
    const seen: unknown[] = []
    const classify = (error: unknown): 'permanent' => {
      seen.push(error)
      return 'permanent'
    }
    const db = service('db', { classify, startTimeout: 50, start: { hangs: true } })
    const { app, clock } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(49)
    expect(app.getServiceStatus('db').state).toBe('starting')
    await clock.advance(1)
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'retrying', error: { code: 'START_TIMEOUT' } })
    expect(app.getServiceStatus('db').error).toMatchObject({ message: expect.stringMatching(/; raise startTimeout/) })
    expect(seen).toEqual([])
  })

  it('R50 that fails says what was thrown, and gives no other advice', async () => {
    const { app, clock } = world({ services: [service('db', { ...never, start: { fails: true } })] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    expect(app.getServiceStatus('db').error).toMatchObject({
      message: expect.stringMatching(/service 'db' - onStart failed: db start failed$/),
    })
  })

  it('R17 only the third connectivity failure in a row makes a remote service unreachable', async () => {
    const thrown = [refused, new Error('other'), refused, refused, undefined, refused, refused, refused]
    const db = service('db', {
      remote: true,
      restart: { initialBackoff: 10, multiplier: 1 },
      start: ({ epoch }) => {
        if (thrown[epoch - 1] !== undefined) throw thrown[epoch - 1]
      },
    })
    const { app, clock, log } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(45)
    expect(app.getServiceStatus('db').state).toBe('connected')
    db.crash()
    await clock.advance(35)
    expect(log.states('db').filter((state) => /retrying|unreachable/.test(state))).toEqual([
      ...['retrying', 'retrying', 'retrying', 'retrying'],
      ...['retrying', 'retrying', 'retrying', 'unreachable'],
    ])
  })
})

describe('an end', () => {
  it.each([
    ['crashes', (fail: () => void) => fail(), 'manual'],
    ['ends of itself', (_: () => void, end: () => void) => end(), 'manual'],
  ] as const)('R13 one that is to stop by hand and %s first is stopped by hand', async (_, act, reason) => {
    const run = deferred()
    const db = service('db', { run: () => run.promise })
    const api = service('api', { dependsOn: ['db'], stop: { takes: 20 } })
    const { app, clock, log } = world({ services: [db, api] })
    await app.start()
    log.clear()
    settled(app.stopService('db'))
    await clock.advance(5)
    act(
      () => db.crash(),
      () => run.resolve(),
    )
    await clock.advance(20)
    expect(log.lines().find((line) => line.startsWith('db: running'))).toMatch(`db: running → stopping (${reason})`)
    expect(app.getServiceStatus('db')).toMatchObject({ stopReason: reason })
  })

  it('R13 one that is to be restarted and ends of itself first has completed', async () => {
    const run = deferred()
    const db = service('db', { run: ({ epoch }) => (epoch === 1 ? run.promise : new Promise<void>(() => {})) })
    const api = service('api', { dependsOn: ['db'], stop: { takes: 20 } })
    const { app, clock, log } = world({ services: [db, api], tidy: false })
    await app.start()
    log.clear()
    settled(app.restartService('db'))
    await clock.advance(5)
    run.resolve()
    await clock.advance(50)
    expect(log.lines().find((line) => line.startsWith('db: running'))).toBe('db: running → stopping (completed)')
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'running', epoch: 2 })
  })

  it('R3 what an older epoch reports, and late, ends no younger one', async () => {
    const db = service('db')
    const { app, clock } = world({ services: [db] })
    await app.start()
    await app.restartService('db')
    db.contexts.start[0]?.fail(new Error('late'))
    await clock.settle()
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'running', epoch: 2 })
  })

  it('R32 the signal says why: the error of a failure, else the reason', async () => {
    const db = service('db', { restart: { initialBackoff: 10 } })
    const { app, clock } = world({ services: [db] })
    await app.start()
    const reasons = db.contexts.start.map(({ signal }) => signal)
    db.crash(refused)
    await clock.advance(10)
    const second = db.contexts.start[1]?.signal
    await app.stopService('db')
    expect(reasons[0]?.reason).toMatchObject({ code: 'CRASHED', cause: refused })
    expect(second?.reason).toMatchObject({ code: 'CANCELLED', message: "service 'db' - epoch 2 ends (manual)" })
  })
})

describe('abandoned', () => {
  it('R32 a hook that settles while its service is registered nowhere holds up no later registration', async () => {
    const gate = deferred()
    const db = service('db', { stopTimeout: 10, stop: ({ epoch }) => (epoch === 1 ? gate.promise : undefined) })
    const { app, clock } = world({ services: [db] })
    await app.start()
    settled(app.unregister('db'))
    await clock.advance(10)
    gate.resolve()
    await clock.settle()
    await app.register(db)
    await clock.settle()
    expect(app.getServiceStatus('db')).toMatchObject({ state: 'running', epoch: 2 })
  })

  it('R32 two hooks of one epoch hold it up until both have settled', async () => {
    const [start, stop] = [deferred(), deferred()]
    const db = service('db', {
      stopTimeout: 20,
      abortGrace: 10,
      start: ({ epoch }) => (epoch === 1 ? start.promise : undefined),
      stop: ({ epoch }) => (epoch === 1 ? stop.promise : undefined),
    })
    const { app, clock } = world({ services: [db] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.settle()
    settled(app.stopService('db'))
    await clock.advance(20)
    settled(app.startService('db', { onFailure: 'keep' }))
    stop.resolve()
    await clock.settle()
    expect(app.getServiceStatus('db').state).toBe('waiting')
    start.resolve()
    await clock.settle()
    expect(app.getServiceStatus('db').state).toBe('running')
  })
})

describe('the time of a stop', () => {
  it('R32 when it is over the signal of onStop is aborted, and says so', async () => {
    const db = service('db', { stopTimeout: 50, stop: { hangs: true, ignoresAbort: true } })
    const { app, clock } = world({ services: [db] })
    await app.start()
    const stop = settled(app.stop())
    await clock.advance(49)
    const [context] = db.contexts.stop
    expect(context?.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(context?.signal.reason).toMatchObject({ code: 'STOP_TIMEOUT' })
    expect(stop.status).toBe('rejected')
  })

  it('R2 disposers go one after the other, and all at once when the time is over; each error is told as it is', async () => {
    const gates = [deferred(), deferred(), deferred()]
    const entered: number[] = []
    const db = service('db', {
      stopTimeout: 50,
      start: (context) => {
        for (const [i, gate] of gates.entries())
          context.own(() => {
            entered.push(i)
            return gate.promise
          })
      },
    })
    const { app, clock, log } = world({ services: [db] })
    await app.start()
    const stop = settled(app.stopService('db'))
    await clock.advance(10)
    expect(entered).toEqual([2])
    gates[2]?.reject(new Error('third'))
    await clock.advance(10)
    expect(entered).toEqual([2, 1])
    await clock.advance(29)
    expect([entered, stop.status]).toEqual([[2, 1], 'pending'])
    await clock.advance(1)
    expect([entered, stop.status]).toEqual([[2, 1, 0], 'rejected'])
    const unclean = log.events.flatMap((event) => (event.type === 'state' ? (event.unclean ?? []) : []))
    const messages = (unclean as readonly Error[]).map(({ message }) => message)
    expect(messages[0]).toContain("service 'db' - a disposer failed: third; look at")
    expect(messages[1]).toContain("service 'db' - a disposer did not settle in time; look at")
    gates[0]?.reject(new Error('first'))
    gates[1]?.reject(new Error('second'))
    await clock.settle()
    const late = log.events.flatMap((event) => (event.type === 'warning' ? [event.message] : []))
    expect(late.map((message) => message.slice(message.indexOf('after its time')))).toEqual([
      'after its time: first',
      'after its time: second',
    ])
  })
})
