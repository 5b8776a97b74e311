/** §8, causes: each event points to the one that caused it (R42). What explain makes of it is in 08-events-explain. */
import type { AnyEvent } from 'keelson'
import { describe, expect, it } from 'vitest'
import { story } from '../support/laws5.js'
import { service, settled, type World, world } from '../support/world.js'

/** A log in which a line finds its event, and an event the lines that led to it, root last. */
function causes({ log }: World) {
  const label = (event: AnyEvent): string => {
    if (event.type === 'state') return `${event.name} ${event.newState}`
    if (event.type === 'health') return `${event.name} ${event.newHealth}`
    if (event.type === 'operation') return `${event.operation}${event.target ? ` ${event.target}` : ''} ${event.phase}`
    if (event.type === 'listenerError') return `listenerError ${event.event}`
    return `${event.type} ${event.name}`
  }
  const bySeq = new Map(log.events.map((event) => [event.seq, event]))
  const parent = (event: AnyEvent | undefined): AnyEvent | undefined =>
    event?.causedBy === undefined ? undefined : bySeq.get(event.causedBy)
  return {
    /** What caused the last event of this label: the labels from its cause to the root. */
    of: (wanted: string): string[] => {
      const chain: string[] = []
      for (let at = parent([...log.events].reverse().find((event) => label(event) === wanted)); at; at = parent(at))
        chain.push(label(at))
      return chain
    },
    labels: () => log.events.map(label),
  }
}

describe('the cause of an event', () => {
  it.each([1, 2, 3, 4, 5, 6])(
    'R42 causes are a forest: each comes before what it causes and exists, seed %i',
    async (seed) => {
      const { clock, log, turn } = story(seed)
      for (let i = 0; i < 40; i++) await turn()
      await clock.settle()
      const first = log.events[0]?.seq ?? 0
      const known = new Set(log.events.map(({ seq }) => seq))
      const broken = log.events.filter(
        ({ seq, causedBy }) =>
          causedBy !== undefined && (causedBy >= seq || (causedBy >= first && !known.has(causedBy))),
      )
      expect(broken).toEqual([])
      const roots = log.events.filter(({ causedBy }) => causedBy === undefined)
      expect(new Set(roots.map((event) => (event.type === 'operation' ? event.phase : event.type)))).toEqual(
        new Set(['begin']),
      )
    },
  )

  it('R42 an operation causes its first transitions, a dependency those of its dependents, the begin the end', async () => {
    const staged = world({ services: [service('api', { dependsOn: ['db'] }), service('db', { start: { takes: 10 } })] })
    settled(staged.app.start())
    await staged.clock.advance(10)
    const { of, labels } = causes(staged)
    expect(labels()).toEqual([
      'start begin',
      'api waiting',
      'db starting',
      'db running',
      'api starting',
      'api running',
      'start end',
    ])
    expect(of('api waiting')).toEqual(['start begin'])
    expect(of('db starting')).toEqual(['start begin'])
    expect(of('api running')).toEqual(['api starting', 'db running', 'db starting', 'start begin'])
    expect(of('start end')).toEqual(['start begin'])
  })

  it('R42 with a check it is the verdict that causes the dependents to start', async () => {
    const staged = world({ services: [service('api', { dependsOn: ['db'] }), service('db', { check: { takes: 5 } })] })
    settled(staged.app.start())
    await staged.clock.advance(10)
    expect(causes(staged).of('api starting')).toEqual(['db healthy', 'db running', 'db starting', 'start begin'])
  })

  it('R42 of several dependencies it is the last that was missing', async () => {
    const staged = world({
      services: [
        service('api', { dependsOn: ['fast', 'slow', 'other'] }),
        service('fast', { start: { takes: 5 } }),
        service('slow', { start: { takes: 20 } }),
        service('other', { start: { takes: 10 } }),
      ],
    })
    settled(staged.app.start())
    await staged.clock.advance(20)
    expect(causes(staged).of('api starting')).toEqual(['slow running', 'slow starting', 'start begin'])
  })

  it('R42 a crash causes the stop of its dependents, transitively, and the return of each is caused by the other', async () => {
    const db = service('db', { restart: { initialBackoff: 100, jitter: 0 } })
    const staged = world({
      services: [db, service('api', { dependsOn: ['db'] }), service('web', { dependsOn: ['api'] })],
    })
    const { app, clock, log } = staged
    await app.start()
    db.crash()
    await clock.settle()
    const { of } = causes(staged)
    expect(log.lines().slice(-10)).toContain('api: running → stopping (dependency)')
    const crash = of('db retrying')
    expect(crash[0]).toBe('db stopping')
    expect(of('retry db')).toEqual(['db retrying', ...crash])
    for (const dependent of ['api stopping', 'web stopping']) expect(of(dependent)).toContain('db stopping')
    await clock.advance(100)
    const later = causes(staged)
    expect(later.of('db running').slice(0, 3)).toEqual(['db starting', 'db retrying', 'db stopping'])
    expect(later.of('api starting').slice(0, 2)).toEqual(['db running', 'db starting'])
    expect(later.of('web starting').slice(0, 2)).toEqual(['api running', 'api starting'])
  })

  const orders: [what: string, act: (world: World) => Promise<unknown>, label: string][] = [
    ['a stop of one', ({ app }) => app.stopService('db'), 'stop db begin'],
    ['a restart', ({ app }) => app.restartService('db'), 'restart db begin'],
    ['a stop of everything', ({ app }) => app.stop(), 'stop begin'],
    ['a removal', ({ app }) => app.unregister('db', { cascade: true }), 'unregister db begin'],
    ['a replacement', ({ app }) => app.replace(service('db')), 'replace db begin'],
  ]
  it.each(orders)('R42 %s causes the stops of the dependents, and of the service itself', async (_, act, label) => {
    const staged = world({ services: [service('db'), service('api', { dependsOn: ['db'] })] })
    await staged.app.start()
    settled(act(staged))
    await staged.clock.settle()
    const { of } = causes(staged)
    expect(of('api stopping').at(-1)).toBe(label)
    expect(of('db stopping').at(-1)).toBe(label)
    if (label.startsWith('unregister')) expect(of('unregistered db').at(-1)).toBe(label)
    expect(of(label.replace('begin', 'end'))).toEqual([label])
  })

  it('R42 a rollback is caused by the operation that failed', async () => {
    const staged = world({
      services: [
        service('db'),
        service('api', { dependsOn: ['db'], start: { fails: true }, restart: { policy: 'never' } }),
      ],
    })
    settled(staged.app.start())
    await staged.clock.settle()
    const { of } = causes(staged)
    expect(of('db stopping').at(-1)).toBe('start begin')
    expect(of('api failed')[0]).toBe('api stopping')
    expect(of('api failed').at(-1)).toBe('start begin')
  })

  it('R42 a removal of what is down is caused by the call, not by its registration', async () => {
    const staged = world({ services: [service('a')] })
    await staged.app.unregister('a')
    await staged.clock.settle()
    expect(causes(staged).of('unregistered a')).toEqual(['unregister a begin'])
  })

  it('R42 a registration into a running orchestrator causes the start', async () => {
    const staged = world({ services: [service('a')] })
    await staged.app.start()
    void staged.app.register(service('b'))
    await staged.clock.settle()
    expect(causes(staged).of('b running')).toEqual(['b starting', 'registered b', 'register b begin'])
  })

  it('R42 a name that appears causes what waited for it', async () => {
    const staged = world()
    await staged.app.start()
    void staged.app.register(service('b', { dependsOn: ['a'] }))
    await staged.clock.settle()
    void staged.app.register(service('a'))
    await staged.clock.settle()
    expect(causes(staged).of('b starting')).toEqual(['a running', 'a starting', 'registered a', 'register a begin'])
  })

  it('R42 what a service says is caused by its start', async () => {
    const staged = world({ services: [service('a', { start: ({ status }) => status('warming up') })] })
    await staged.app.start()
    await staged.clock.settle()
    expect(causes(staged).of('status a')).toEqual(['a starting', 'start begin'])
  })

  it('R42 a listenerError is caused by the event that was being handled', async () => {
    const staged = world({ services: [service('a')] })
    staged.app.on('state', ({ newState }) => {
      if (newState === 'running') throw new Error('a listener')
    })
    await staged.app.start()
    await staged.clock.settle()
    expect(causes(staged).of('listenerError state')).toEqual(['a running', 'a starting', 'start begin'])
  })

  it('R42 a wait that ends in a warning causes the start', async () => {
    const staged = world({
      services: [
        service('a', { dependsOn: [{ name: 'b', timeout: 10, onTimeout: 'warn' }] }),
        service('b', { start: { takes: 50 } }),
      ],
    })
    settled(staged.app.start())
    await staged.clock.advance(100)
    const { of } = causes(staged)
    expect(of('warning a')).toEqual(['a waiting', 'start begin'])
    expect(of('a starting').at(-1)).toBe('start begin')
    expect(of('a starting')).toContain('a waiting')
    expect(of('a starting')).not.toContain('b running')
  })
})
