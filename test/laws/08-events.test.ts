/** §8, the one order of all events: numbered without gaps, nothing without a change, foldable from any snapshot (R37, R41). */
import { type AnyEvent, Orchestrator, type Snapshot } from 'keelson'
import { recordEvents, VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { differences, fold, KINDS, story, tell } from '../support/laws5.js'
import { deferred, service, settled, world } from '../support/world.js'

describe('one total order', () => {
  it('R37 the whole log of a start and a stop, each event numbered one above the one before', async () => {
    const { app, clock, log } = world({ services: [service('api', { dependsOn: ['db'] }), service('db')] })
    const first = app.snapshot().seq
    await app.start()
    await app.stop()
    await clock.settle()
    expect(log.lines()).toEqual([
      'operation start #3 begin',
      'api: unknown → waiting',
      'db: unknown → starting',
      'db: starting → running',
      'api: waiting → starting',
      'api: starting → running',
      'operation start #3 end done',
      'operation stop #4 begin',
      'api: running → stopping (shutdown)',
      'api: stopping → stopped (shutdown)',
      'db: running → stopping (shutdown)',
      'db: stopping → stopped (shutdown)',
      'operation stop #4 end done',
    ])
    expect(log.events.map(({ seq }) => seq)).toEqual(log.events.map((_, i) => first + 1 + i))
  })

  it('R37 what happens while nobody listens is numbered all the same', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const quiet = app.snapshot().seq
    await app.start()
    expect(app.snapshot().seq).toBe(quiet + 4)
    const log = recordEvents(app)
    await app.stop()
    await clock.settle()
    expect(log.events.map(({ seq }) => seq)).toEqual([quiet + 5, quiet + 6, quiet + 7, quiet + 8])
  })

  it('R37 a story takes the same numbers whether it is heard or not', async () => {
    const tellIt = async (heard: boolean): Promise<number> => {
      const clock = new VirtualClock()
      const services = [
        service('a', { start: { fails: 2 }, check: { returns: 'degraded' }, restart: { jitter: 0 } }, clock),
        service('b', { dependsOn: ['a'], start: ({ status }) => status('up') }, clock),
      ]
      const app = new Orchestrator({ clock, services })
      const log = heard ? recordEvents(app) : undefined
      const start = settled(app.start({ onFailure: 'retry' }))
      await clock.advance(5_000)
      expect(start.status).toBe('fulfilled')
      if (heard) app.on('warning', () => {})
      const stop = settled(app.stop())
      await clock.settle()
      expect(stop.status).toBe('fulfilled')
      log?.stop()
      return app.snapshot().seq
    }
    expect(await tellIt(false)).toBe(await tellIt(true))
  })

  it('R37 a listener that comes and goes leaves no gap in the numbers of another', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    for (let i = 0; i < 5; i++) {
      const end = app.on('state', () => {})
      await app.restartService('a')
      end()
      await app.stopService('a')
    }
    await clock.settle()
    const seqs = log.events.map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i))
  })

  it.each([
    ['a start of what is up', 'start'],
    ['a stop of what is down', 'stop'],
  ] as const)('R37 %s is an operation without any change', async (_, what) => {
    const { app, clock, log } = world({ services: [service('a')] })
    await app.start()
    if (what === 'stop') await app.stop()
    await clock.settle()
    log.clear()
    await app[what]()
    await clock.settle()
    expect(log.lines().map((line) => line.replace(/#\d+/, '#n'))).toEqual([
      `operation ${what} #n begin`,
      `operation ${what} #n end done`,
    ])
  })

  it('R37 a call that is refused makes no event', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    const seq = app.snapshot().seq
    const refused = [app.startService('b'), app.stopService('b'), app.register(service('a')), app.unregister('b')]
    expect((await Promise.allSettled(refused)).map(({ status }) => status)).toEqual(refused.map(() => 'rejected'))
    await app.start({ signal: AbortSignal.abort() }).catch(() => {})
    await clock.settle()
    expect([log.lines(), app.snapshot().seq]).toEqual([[], seq])
  })

  it('R37 a check that says the same again is no event', async () => {
    const { app, clock, log } = world({
      services: [service('a', { check: { returns: 'degraded' }, healthCheck: { interval: 10 } })],
    })
    await app.start()
    await clock.settle()
    log.clear()
    await clock.advance(1_000)
    expect(log.lines()).toEqual([])
  })

  it('R37 a change of health alone is a health event, a change of state a state event', async () => {
    let verdict: 'healthy' | 'degraded' | 'unhealthy' = 'healthy'
    const { app, clock, log } = world({
      services: [
        service('a', {
          check: () => verdict,
          healthCheck: { interval: 100, failureThreshold: 1, onUnhealthy: 'report' },
        }),
      ],
    })
    await app.start()
    for (const next of ['degraded', 'unhealthy', 'healthy'] as const) {
      verdict = next
      await clock.advance(150)
    }
    expect(log.lines().filter((line) => !line.startsWith('operation'))).toEqual([
      'a: unknown → starting',
      'a: starting → running [checking]',
      'health a: checking → healthy',
      'health a: healthy → degraded',
      expect.stringMatching(/^health a: degraded → unhealthy UNHEALTHY/),
      'health a: unhealthy → healthy',
    ])
  })
})

describe('the fold', () => {
  it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    'R37 R41 folding the log from any snapshot gives every later one, seed %i',
    async (seed) => {
      const cuts: Snapshot[] = []
      const { app, clock, log, turn } = story(seed, (app) => cuts.push(app.snapshot()))
      const events: AnyEvent[] = []
      for (const kind of KINDS) app.on(kind, (event: AnyEvent) => void events.push(event))
      cuts.push(app.snapshot())
      for (let i = 0; i < 60; i++) {
        await turn()
        await clock.settle()
        cuts.push(app.snapshot())
      }
      cuts.sort((a, b) => a.seq - b.seq)
      const broken: string[] = []
      for (const [i, cut] of cuts.entries()) {
        const from = cuts[Math.max(0, i - 1)] as Snapshot
        const between = events.filter(({ seq }) => seq > from.seq && seq <= cut.seq)
        broken.push(...differences(fold(from, between, broken), tell(cut)).map((line) => `at ${cut.seq}: ${line}`))
      }
      const [first, last] = [cuts[0] as Snapshot, cuts.at(-1) as Snapshot]
      broken.push(...differences(fold(first, events, broken), tell(last)))
      expect(broken.slice(0, 10)).toEqual([])
      expect(log.events.length).toBeGreaterThan(200)
      expect(last.seq).toBe(log.events.at(-1)?.seq)
    },
  )

  it('R37 R41 the start of 3 000 services folds although other tasks come in between', async () => {
    const services = Array.from({ length: 3_000 }, (_, i) =>
      service(`s${i}`, {
        dependsOn: i % 3 === 2 ? [`s${i - 1}`] : [],
        start: () => void (i % 50 === 0 && clock.stall(5)),
      }),
    )
    const { app, clock, log } = world({ services })
    const cuts = [app.snapshot()]
    const beat = (): void => {
      cuts.push(app.snapshot())
      if (cuts.length < 40) clock.defer(beat)
    }
    clock.defer(beat)
    const start = settled(app.start())
    await clock.settle()
    expect(start.status).toBe('fulfilled')
    expect(new Set(cuts.map(({ seq }) => seq)).size).toBeGreaterThan(3)
    const broken: string[] = []
    for (const cut of cuts) {
      const until = log.events.filter(({ seq }) => seq <= cut.seq)
      broken.push(...differences(fold(cuts[0] as Snapshot, until, broken), tell(cut)))
    }
    expect(broken.slice(0, 10)).toEqual([])
  })

  it('R37 a restart whose error is cleared, a retry and its attempt are in the log as they are in the status', async () => {
    const { app, clock, log } = world({
      services: [service('a', { start: { fails: 2 }, restart: { initialBackoff: 100, jitter: 0 } })],
    })
    settled(app.startService('a'))
    await clock.advance(1_000)
    const told = log.events.flatMap((event) =>
      event.type === 'state' ? [[event.newState, event.attempt, event.error !== undefined, event.epoch]] : [],
    )
    expect(told).toEqual([
      ['starting', undefined, false, 1],
      ['stopping', undefined, true, 1],
      ['retrying', 1, true, 1],
      ['starting', 1, true, 2],
      ['stopping', 1, true, 2],
      ['retrying', 2, true, 2],
      ['starting', 2, true, 3],
      ['running', undefined, false, 3],
    ])
  })

  it.each(['start', 'startService'] as const)(
    'R37 R19 a %s does not take the attempt away silently from one that waits with its retry due',
    async (how) => {
      const { app, clock, log } = world({
        services: [
          service('a', { dependsOn: ['b'], start: { fails: 1 }, restart: { initialBackoff: 100, jitter: 0 } }),
          service('b', { start: { takes: 200 } }),
        ],
      })
      settled(app.startService('a'))
      await clock.advance(200)
      settled(app.restartService('b'))
      await clock.advance(150)
      expect(app.getServiceStatus('a')).toMatchObject({ state: 'waiting', attempt: 1 })
      const from = app.snapshot()
      settled(how === 'start' ? app.start() : app.startService('a'))
      await clock.settle()
      expect(differences(fold(from, log.events), tell(app.snapshot()))).toEqual([])
    },
  )
})

describe('a snapshot', () => {
  it('R41 has the seq of the last event that it knows of, also in the middle of things', async () => {
    const gate = deferred()
    const { app, clock, log } = world({ services: [service('a', { start: () => gate.promise })] })
    settled(app.start())
    await clock.settle()
    const cut = app.snapshot()
    expect(cut).toMatchObject({
      seq: log.events.at(-1)?.seq,
      timestamp: clock.wall(),
      services: [{ state: 'starting' }],
    })
    gate.resolve()
    await clock.settle()
    expect(log.events.find(({ seq }) => seq === cut.seq + 1)).toMatchObject({ type: 'state', newState: 'running' })
    expect(cut.services[0]?.state).toBe('starting')
  })

  it('R41 is frozen and JSON-safe, errors by their toJSON', async () => {
    const { app, clock } = world({
      services: [service('a', { start: { fails: true, error: 'no' }, restart: { policy: 'never' } })],
    })
    settled(app.startService('a'))
    await clock.settle()
    const cut = app.snapshot()
    expect([Object.isFrozen(cut), Object.isFrozen(cut.services), Object.isFrozen(cut.services[0])]).toEqual([
      true,
      true,
      true,
    ])
    expect(JSON.parse(JSON.stringify(cut)).services[0].error).toMatchObject({ code: 'START_FAILED', cause: 'no' })
  })

  it('R41 a subscriber attached before start sees the first transition', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const seen: string[] = []
    app.on('state', ({ oldState, newState }) => seen.push(`${oldState} → ${newState}`))
    const items = app.events()
    await app.start()
    await clock.settle()
    expect(seen).toEqual(['unknown → starting', 'starting → running'])
    const read = [await items.next(), await items.next()].map(({ value }) => value)
    expect(read).toMatchObject([
      { type: 'operation', phase: 'begin' },
      { type: 'state', newState: 'starting' },
    ])
    await items.return?.()
  })

  it('R41 a subscriber attached in the call after start sees the first transition, too', async () => {
    const { app, clock } = world({ services: [service('a')] })
    settled(app.start())
    const seen: string[] = []
    app.on('state', ({ newState }) => seen.push(newState))
    await clock.settle()
    expect(seen).toEqual(['starting', 'running'])
  })

  it('R41 a listener of the service itself sees what those of the orchestrator see', async () => {
    const a = service('a', { start: { fails: 1 }, restart: { initialBackoff: 10 } })
    const changes: unknown[] = []
    a.onStateChange((change) => changes.push(change))
    const { app, clock, log } = world({ services: [a] })
    settled(app.startService('a'))
    await clock.advance(100)
    const states = log.events.flatMap((event) => {
      if (event.type !== 'state') return []
      const { type: _, seq: __, causedBy: ___, serviceType: ____, attempt: _____, ...change } = event
      return change
    })
    expect(changes).toEqual(states)
    expect(states).toHaveLength(5)
  })
})
