/** §8, events as an iterator: bounded, told what it lost, replayed from the ring, released (R40). */
import { getEventListeners } from 'node:events'
import { type AnyEvent, defineService, Orchestrator, type OrchestratorEvent, type SnapshotItem } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { differences, fold, tell } from '../support/laws5.js'
import { service, settled, world } from '../support/world.js'

type Items = AsyncIterableIterator<OrchestratorEvent>

/** What is there to read without waiting. */
async function drain(items: Items): Promise<OrchestratorEvent[]> {
  const read: OrchestratorEvent[] = []
  for (;;) {
    const next = settled(items.next())
    for (let i = 0; i < 5; i++) await Promise.resolve()
    if (next.status !== 'fulfilled' || next.value?.done === true) {
      // The read that waits takes the next item: the iterator is not used any more.
      await items.return?.()
      return read
    }
    read.push(next.value?.value as OrchestratorEvent)
  }
}

const line = (item: OrchestratorEvent): string => {
  if (item.type === 'gap') return `gap ${item.dropped}`
  if (item.type === 'snapshot') return `snapshot ${item.snapshot.seq}`
  return `${item.seq}`
}
const seqs = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`)

describe('reading', () => {
  it('R40 the subscription begins at the call, not at the first read', async () => {
    const { app, log } = world({ services: [service('a')] })
    const items = app.events()
    await app.start()
    await app.stop()
    const read = await drain(items)
    expect(read).toEqual(log.events)
    expect(read).toHaveLength(8)
  })

  it('R40 a reader that waits is given each event when it happens, in a for await loop', async () => {
    const { app, clock } = world({ services: [service('a', { start: { takes: 10 } })] })
    const read: string[] = []
    const loop = (async () => {
      for await (const item of app.events()) {
        if (item.type !== 'state') continue
        read.push(`${clock.now()} ${item.newState} ${app.getServiceStatus('a').state}`)
        if (item.newState === 'stopped') break
      }
    })()
    settled(app.start())
    await clock.advance(5)
    expect(read).toEqual(['0 starting starting'])
    await clock.advance(5)
    settled(app.stop())
    await clock.settle()
    await loop
    expect(read.map((entry) => entry.split(' ')[1])).toEqual(['starting', 'running', 'stopping', 'stopped'])
  })

  it('R40 several reads that wait are served in the order of the reads', async () => {
    const { app, clock } = world({ services: [service('a')] })
    const items = app.events()
    const reads = [items.next(), items.next(), items.next()]
    settled(app.start())
    await clock.settle()
    const values = (await Promise.all(reads)).map(({ value }) => value as AnyEvent)
    expect(values.map(({ seq }) => seq)).toEqual(seqs(values[0]?.seq ?? 0, (values[0]?.seq ?? 0) + 2).map(Number))
    await items.return?.()
  })

  it('R40 sees every kind of event', async () => {
    const { app, clock } = world({
      services: [
        service('a', {
          start: (context) => {
            context.status('up')
            if (context.epoch === 1) throw new Error('no')
          },
          stop: { takes: 5_000, fails: true, ignoresAbort: true },
          check: { returns: 'degraded' },
          restart: { initialBackoff: 1 },
          stopTimeout: 100,
        }),
        service('b', { dependsOn: [{ name: 'c', timeout: 10, onTimeout: 'warn' }] }),
        service('c', { start: { takes: 20 } }),
      ],
    })
    const items = app.events()
    const end = app.on('state', () => {
      end()
      throw new Error('a listener')
    })
    settled(app.start({ onFailure: 'retry' }))
    await clock.advance(10_000)
    void app.register(service('d'))
    settled(app.unregister('d'))
    await clock.advance(1_000)
    const kinds = new Set((await drain(items)).map(({ type }) => type))
    expect([...kinds].sort()).toEqual(
      [
        'health',
        'listenerError',
        'operation',
        'registered',
        'retry',
        'state',
        'status',
        'unregistered',
        'warning',
      ].sort(),
    )
  })
})

describe('a slow reader', () => {
  it('R40 loses its own oldest events and is told how many, before what is left', async () => {
    const { app, log } = world({ services: [service('a')] })
    const slow = app.events({ buffer: 3 })
    const quick = app.events()
    await app.start()
    await app.stop()
    const all = log.events.map(line)
    expect(all).toHaveLength(8)
    expect((await drain(slow)).map(line)).toEqual(['gap 5', ...all.slice(5)])
    expect((await drain(quick)).map(line)).toEqual(all)
  })

  it('R40 a gap has no seq and counts anew after it was read', async () => {
    const { app } = world({ services: [service('a')] })
    const items = app.events({ buffer: 1 })
    await app.start()
    const [gap, last] = [(await items.next()).value, (await items.next()).value] as OrchestratorEvent[]
    expect(gap).toEqual({ type: 'gap', dropped: 3 })
    expect(last).toMatchObject({ type: 'operation', phase: 'end' })
    await app.stop()
    expect((await drain(items)).map(line)[0]).toBe('gap 3')
  })

  it('R40 read or lost, every event is accounted for', async () => {
    const { app, clock, log } = world({ services: [service('a'), service('b', { dependsOn: ['a'] })] })
    const items = app.events({ buffer: 4 })
    let accounted = 0
    let next = log.events.length
    for (let i = 0; i < 12; i++) {
      settled(i % 2 === 0 ? app.start() : app.stop())
      await clock.settle()
      for (let reads = i % 5; reads > 0; reads--) {
        const item = (await items.next()).value as OrchestratorEvent
        accounted += item.type === 'gap' ? item.dropped : 1
        if (item.type === 'gap') next += item.dropped
        else expect(item).toBe(log.events[next++])
      }
    }
    for (const item of await drain(items)) accounted += item.type === 'gap' ? item.dropped : 1
    expect(accounted).toBe(log.events.length)
  })

  it('R40 has 1 024 places by default', async () => {
    const { app, clock, log } = world({ services: [service('a', { start: ({ status }) => range(2_000, status) })] })
    const items = app.events()
    settled(app.start())
    await clock.settle()
    const read = await drain(items)
    expect(log.events.length).toBe(2_004)
    expect(read[0]).toEqual({ type: 'gap', dropped: 2_004 - 1_024 })
    expect(read).toHaveLength(1_025)
  })

  it('R40 holds nobody: stop and start go on while nobody reads', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    const items = app.events({ buffer: 1 })
    for (let i = 0; i < 100; i++) await app.restartService('a')
    await clock.settle()
    expect(log.states('a')).toHaveLength(2 + 99 * 4)
    expect((await drain(items)).map(line)).toEqual([
      `gap ${log.events.length - 1}`,
      line(log.events.at(-1) as AnyEvent),
    ])
  })
})

describe('replay', () => {
  it('R40 since gives what came after it, then what comes', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    await app.start()
    await clock.settle()
    const all = log.events
    const items = app.events({ since: all[1]?.seq ?? 0 })
    await app.stop()
    await clock.settle()
    expect(await drain(items)).toEqual(all.slice(2))
    expect(all).toHaveLength(8)
  })

  it('R40 since the present gives only what comes', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    await app.start()
    await clock.settle()
    const items = app.events({ since: app.snapshot().seq })
    log.clear()
    await app.stop()
    await clock.settle()
    expect(await drain(items)).toEqual(log.events)
  })

  it('R40 one listener of any kind is enough to fill the ring with all kinds', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const end = app.on('warning', () => {})
    const { seq } = app.snapshot()
    await app.start()
    expect((await drain(app.events({ since: seq }))).map(line)).toEqual(seqs(seq + 1, seq + 4))
    end()
    await app.stop()
  })

  it('R40 an iterator that nobody reads fills it, too', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const first = app.events({ buffer: 1 })
    const { seq } = app.snapshot()
    await app.start()
    expect((await drain(app.events({ since: seq }))).map(line)).toEqual(seqs(seq + 1, seq + 4))
    await first.return?.()
    await app.stop()
  })

  it.each([
    ['happened while nobody listened', 1_024, false],
    ['has left the ring', 4, true],
    ['was never kept, with no history', 0, true],
  ])('R40 what %s is told as a gap and a snapshot', async (_, history, heard) => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, history, services: [service('a', {}, clock), service('b', {}, clock)] })
    const end = heard ? app.on('state', () => {}) : () => {}
    const { seq } = app.snapshot()
    await app.start()
    const cut = app.snapshot()
    const items = app.events({ since: seq })
    await app.stop()
    const read = await drain(items)
    expect(read.slice(0, 2)).toEqual([
      { type: 'gap', dropped: cut.seq - seq },
      { type: 'snapshot', snapshot: cut },
    ])
    expect(read.slice(2).map(line)).toEqual(seqs(cut.seq + 1, app.snapshot().seq))
    expect(
      differences(fold((read[1] as SnapshotItem).snapshot, read.slice(2) as AnyEvent[]), tell(app.snapshot())),
    ).toEqual([])
    end()
  })

  it('R40 the ring holds exactly as much as history says', async () => {
    const { app, clock } = world({
      history: 10,
      services: [service('a', { start: ({ status }) => range(500, status) })],
    })
    settled(app.start())
    await clock.settle()
    const { seq } = app.snapshot()
    const there = await drain(app.events({ since: seq - 10 }))
    expect(there.map(line)).toEqual(seqs(seq - 9, seq))
    const gone = await drain(app.events({ since: seq - 11 }))
    expect(gone.map(line)).toEqual(['gap 11', `snapshot ${seq}`])
  })

  it('R40 a listener that came late does not make a hole look whole', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const { seq } = app.snapshot()
    await app.start()
    const cut = app.snapshot().seq
    const end = app.on('state', () => {})
    await app.restartService('a')
    const now = app.snapshot().seq
    expect((await drain(app.events({ since: seq }))).map(line)).toEqual([`gap ${now - seq}`, `snapshot ${now}`])
    expect((await drain(app.events({ since: cut }))).map(line)).toEqual(seqs(cut + 1, now))
    end()
    await app.stop()
  })

  it('R40 the ring is empty again when nobody subscribes any more', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const { seq } = app.snapshot()
    const end = app.on('state', () => {})
    await app.start()
    end()
    await app.stop()
    const now = app.snapshot().seq
    expect((await drain(app.events({ since: seq }))).map(line)).toEqual([`gap ${now - seq}`, `snapshot ${now}`])
  })
})

describe('the end', () => {
  const ends: [how: string, end: (items: Items, controller: AbortController) => unknown][] = [
    ['return()', (items) => items.return?.()],
    ['its signal', (_, controller) => controller.abort()],
    ['asyncDispose', (items) => (items as unknown as AsyncDisposable)[Symbol.asyncDispose]()],
  ]
  it.each(ends)('R40 %s ends the iteration, the reads that wait and the subscription', async (_, end) => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const controller = new AbortController()
    const { seq } = app.snapshot()
    const items = app.events({ signal: controller.signal })
    const waiting = items.next()
    const other = items.next()
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
    await end(items, controller)
    expect([await waiting, await other]).toEqual([
      { done: true, value: undefined },
      { done: true, value: undefined },
    ])
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    await app.start()
    expect(await items.next()).toEqual({ done: true, value: undefined })
    // Nobody else listens: had it stayed subscribed, the ring would know the start.
    expect((await drain(app.events({ since: seq }))).map(({ type }) => type)).toEqual(['gap', 'snapshot'])
    await app.stop()
  })

  it.each(ends)('R40 %s releases what has not been read', async (_, end) => {
    const { app } = world({ services: [service('a')] })
    const controller = new AbortController()
    const items = app.events({ signal: controller.signal })
    await app.start()
    await end(items, controller)
    expect(await items.next()).toEqual({ done: true, value: undefined })
    await end(items, controller) // once more is harmless
  })

  it('R40 break and throw in a loop end it', async () => {
    const { app } = world({ services: [service('a')] })
    const { signal } = new AbortController()
    for (const leave of ['break', 'throw']) {
      await app.restartService('a')
      const loop = (async () => {
        for await (const _ of app.events({ signal, since: 0 })) {
          if (leave === 'throw') throw new Error('the reader')
          break
        }
      })()
      await loop.catch(() => {})
      expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    }
  })

  it('R40 a signal already aborted gives an iteration that is over, and subscribes nobody', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, services: [service('a', {}, clock)] })
    const signal = AbortSignal.abort()
    const items = app.events({ signal, since: 0 })
    await app.start()
    expect(await items.next()).toEqual({ done: true, value: undefined })
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect((await drain(app.events({ since: 1 }))).map(({ type }) => type)).toEqual(['gap', 'snapshot'])
    await app.stop()
  })

  it('R40 one iteration that ends does not end another', async () => {
    const { app, clock, log } = world({ services: [service('a')] })
    const [one, two] = [app.events(), app.events()]
    await one.return?.()
    await app.start()
    await clock.settle()
    expect(await drain(two)).toEqual(log.events)
  })

  it('R40 goes on over a stop and a second start, until somebody ends it', async () => {
    const { app, clock, log } = world({ services: [defineService('a')] })
    const items = app.events()
    for (let i = 0; i < 2; i++) {
      await app.start()
      await app.stop()
    }
    await clock.settle()
    expect(await drain(items)).toEqual(log.events)
    expect(log.states('a')).toHaveLength(8)
  })
})

function range(count: number, each: (text: string) => void): void {
  for (let i = 0; i < count; i++) each(`line ${i}`)
}
