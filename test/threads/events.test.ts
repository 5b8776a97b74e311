/** R40 The events of an application, iterated in another thread. */
import { defineService, Orchestrator, type OrchestratorEvent } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { shareRegistry } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { after, type Far, farThread } from '../support/threads-far.js'

function shared(app: Orchestrator): ReturnType<typeof shareRegistry> {
  after(() => app[Symbol.asyncDispose]())
  return shareRegistry(app)
}

/** Iterates there, in the background; `kept.seen` is what came, and the end of it is told. */
function iterate(far: Far, options: object = {}): Promise<void> {
  return far.run(async ({ services, kept, codeOf, tell }, options) => {
    kept.seen = []
    kept.end = new AbortController()
    const events = services.events({ signal: kept.end.signal, ...options })
    void codeOf(async () => {
      for await (const event of events) {
        kept.seen.push(event)
        tell(event.type === 'state' ? `${event.name} ${event.newState}` : event.type)
      }
    }).then((code) => tell(`end: ${code}`))
    await services.health() // answered after the iteration has begun
  }, options)
}

const seen = (far: Far): Promise<OrchestratorEvent[]> => far.run(({ kept }) => kept.seen)

/** Calls that make events; each settles. */
async function busy(app: Orchestrator): Promise<void> {
  await app.start()
  await app.restartService('store')
  await app.unregister('api')
  await app.stop()
}

const pair = () => [
  defineService('store', { start: ({ status }) => status('warming up', '50 %'), data: () => ({ size: 1 }) }),
  defineService('api', { dependsOn: ['store'] }),
]

describe('R40 events() in another thread', () => {
  it('R37 gives every event from the call on, as the owner sees it, in one order without a gap', async () => {
    const app = new Orchestrator({ clock: new VirtualClock(), services: pair() })
    shared(app)
    const own: OrchestratorEvent[] = []
    const end = new AbortController()
    const mine = (async () => {
      for await (const event of app.events({ signal: end.signal })) own.push(event)
    })()
    const fars = [await farThread(), await farThread()]
    for (const far of fars) await iterate(far)
    await busy(app)
    for (const far of fars) {
      await far.hears('operation', 6)
      expect(await seen(far)).toEqual(own)
    }
    const numbers = own.map((event) => ('seq' in event ? event.seq : Number.NaN))
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] as number) + i))
    end.abort()
    await mine
  })

  it('R42 R50 the errors of events arrive as errors, and their causes', async () => {
    const app = new Orchestrator({ clock: new VirtualClock() })
    await app.register(
      defineService('bad', {
        start: () => {
          throw new TypeError('broken', { cause: () => {} })
        },
      }),
    )
    app.on('state', () => {
      throw Object.assign(new Error('of a listener'), { socket: () => {} })
    })
    shared(app)
    const far = await farThread()
    await iterate(far)
    await app.startService('bad').catch(() => {})
    await far.hears('operation', 2)
    const found = await far.run(({ kept, keelson }) => {
      const texts: string[] = []
      for (const event of kept.seen)
        if (event.error !== undefined)
          texts.push(
            `${event.type} ${event.error.code} ${event.error.message} < ${event.error.cause} ${keelson.isKeelsonError(event.error)}`,
          )
      return texts
    })
    expect(found).toContainEqual(
      expect.stringMatching(/^state START_FAILED service 'bad' - onStart failed: broken.* < TypeError: broken true$/),
    )
    expect(found).toContainEqual(expect.stringMatching(/^listenerError undefined of a listener < undefined false$/))
  })

  it('replays from since; what is no longer there is a gap and a snapshot, in which data that cannot cross is left out', async () => {
    const app = new Orchestrator({
      clock: new VirtualClock(),
      history: 16,
      services: [...pair(), defineService('odd', { data: () => ({ on: () => {} }) })],
    })
    shared(app)
    app.on('state', () => {}) // while anybody subscribes what has passed is kept
    const far = await farThread()
    const { seq } = app.snapshot()
    await app.startService('store')
    await iterate(far, { since: seq })
    await far.hears('store running')
    expect((await seen(far)).map((event) => 'seq' in event && event.seq)[0]).toBe(seq + 1)
    await far.run(({ kept }) => kept.end.abort())
    for (let i = 0; i < 20; i++) await app.restartService('store')
    await iterate(far, { since: seq })
    await far.hears('snapshot')
    const [gap, cut] = await seen(far)
    if (gap?.type !== 'gap' || cut?.type !== 'snapshot') throw new Error('neither gap nor snapshot')
    expect(gap.dropped).toBe(cut.snapshot.seq - seq)
    expect(cut.snapshot.services.map(({ name, state, data }) => [name, state, data])).toEqual([
      ['store', 'running', { size: 1 }],
      ['api', 'unknown', undefined],
      ['odd', 'unknown', undefined],
    ])
  })

  it('a slow reader loses its own oldest events and is told how many; nobody else waits', async () => {
    const app = new Orchestrator({ clock: new VirtualClock(), services: pair() })
    shared(app)
    const [slow, fast] = [await farThread(), await farThread()]
    await slow.run(({ services, kept }) => {
      kept.events = services.events({ buffer: 10 })
      return services.health()
    })
    await iterate(fast)
    const { seq } = app.snapshot()
    for (let i = 0; i < 100; i++) await app.restartService('store').then(() => app.stopService('store'))
    const last = app.snapshot().seq
    await fast.hears('operation', 400)
    expect((await seen(fast)).length).toBe(last - seq)
    const found = await slow.run(async ({ kept }, last) => {
      const seqs: number[] = []
      let dropped = 0
      for await (const event of kept.events) {
        if (event.type === 'gap') dropped += event.dropped
        else seqs.push(event.seq)
        if (event.seq === last) break
      }
      return { dropped, seqs }
    }, last)
    expect(found.dropped).toBeGreaterThan(0)
    expect(found.dropped + found.seqs.length).toBe(last - seq)
    expect(found.seqs).toEqual([...found.seqs].sort((a, b) => a - b))
  })

  it('R46 its signal and a break end it, and release the subscription in the owner', async () => {
    const app = new Orchestrator({ clock: new VirtualClock(), services: pair() })
    const signals: AbortSignal[] = []
    const real = app.events.bind(app)
    app.events = (options = {}) => {
      if (options.signal !== undefined) signals.push(options.signal)
      return real(options)
    }
    shared(app)
    const far = await farThread()
    await iterate(far)
    await app.startService('store')
    await far.hears('store running')
    await far.run(({ kept }) => kept.end.abort(new Error('enough')))
    await far.hears('end: nothing was thrown')
    const broken = await far.run(async ({ services }) => {
      const events = services.events()
      void services.restartService('store')
      for await (const event of events) if (event.type === 'state') break
      const after = [await events.next(), await events.return?.(), await events.next()]
      const aborted = services.events({ signal: AbortSignal.abort() })
      return [...after, await aborted.next()].map((result) => result?.done)
    })
    expect(broken).toEqual([true, true, true, true])
    // A call that was made after them is answered after them.
    await far.run(({ services }) => services.health())
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
  })

  it('several next() at once are answered in order, two iterations in one thread are apart', async () => {
    const app = new Orchestrator({ clock: new VirtualClock(), services: pair() })
    shared(app)
    const far = await farThread()
    const found = await far.run(async ({ services }) => {
      const [a, b] = [services.events(), services.events()]
      const first = [a.next(), a.next(), a.next()]
      await services.startService('store')
      const seqs = (await Promise.all(first)).map(({ value }) => value.seq)
      await a.return?.()
      const other = [(await b.next()).value.seq, (await b.next()).value.seq]
      return [seqs, other]
    })
    const [first = Number.NaN] = found[0] as number[]
    expect(found).toEqual([
      [first, first + 1, first + 2],
      [first, first + 1],
    ])
  })

  it('R51 bad options are refused as the owner refuses them', async () => {
    const app = new Orchestrator()
    shared(app)
    const far = await farThread()
    const codes = await far.run(async ({ services, codeOf }) => {
      const all: string[] = []
      for (const options of [
        null,
        5,
        { buffer: -1 },
        { buffer: 'x' },
        { since: -1 },
        { since: 'x' },
        { signal: 1 },
        { bufer: 1 },
        { buffer: () => {} },
      ])
        all.push(await codeOf(() => services.events(options as never).next()))
      return [...new Set(all)]
    })
    expect(codes).toEqual(['CONFIG_INVALID'])
    expect(() => app.events({ buffer: -1 })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  it('R50 is CLOSED when the registry closes', async () => {
    const app = new Orchestrator()
    const registry = shared(app)
    const [one, two] = [await farThread(), await farThread()]
    for (const far of [one, two]) await iterate(far)
    await one.run(({ services }) => services.close())
    await one.hears('end: CLOSED')
    await registry.close()
    await two.hears('end: CLOSED')
  })
})
