/** When promises settle, and what a signal and a timeout do to them (R33, R34). */
import { getEventListeners } from 'node:events'
import type { AnyEvent, OperationReport } from 'keelson'
import { describe, expect, it } from 'vitest'
import { boom, fail, failing, hang, reportOf, rows, type Stage, said, stage, untilAborted } from '../support/laws4.js'

const reason: Error = new Error('the caller changed his mind')

/** Everything that an iterator has queued right now; no time passes. */
async function queued(iterator: AsyncIterator<unknown>): Promise<AnyEvent[]> {
  const found: AnyEvent[] = []
  for (;;) {
    const nothing = Symbol('nothing')
    const wait = (async () => {
      for (let i = 0; i < 20; i++) await undefined
      return nothing
    })()
    const next = await Promise.race([iterator.next(), wait])
    if (next === nothing) return found
    found.push((next as IteratorResult<AnyEvent>).value)
  }
}

describe('a promise settles', () => {
  it.each<[string, (s: Stage) => Promise<unknown>, string]>([
    ['start', (s) => s.app.start(), 'running'],
    ['startService', (s) => s.app.startService('db'), 'running'],
    ['stop', (s) => s.app.start().then(() => s.app.stop()), 'stopped'],
    ['stopService', (s) => s.app.start().then(() => s.app.stopService('db')), 'stopped'],
    ['restartService', (s) => s.app.start().then(() => s.app.restartService('db')), 'running'],
    ['service.start', (s) => s.app.registry.get('db')!.start(), 'running'],
  ])('R33 %s not before its state is readable and its events are queued', async (_, call, state) => {
    const s = stage({ db: { starts: 10, stops: 10 } })
    const events = s.app.events()
    let seen: unknown[] = []
    const all = call(s).then(async () => {
      const read = [s.app.getServiceStatus('db').state, s.app.registry.get('db')?.state]
      const last = (await queued(events)).filter((event) => event.type === 'state').at(-1)
      seen = [...read, last?.newState]
    })
    await s.clock.advance(100)
    await all
    expect(seen).toEqual([state, state, state])
    await events.return?.()
  })

  it('R33 a rejection, too, not before its state is readable and its events are queued', async () => {
    const s = stage({ db: { start: fail, restart: { policy: 'never' } } })
    const events = s.app.events()
    let seen: unknown[] = []
    const all = s.app.start().catch(async () => {
      const read = s.app.getServiceStatus('db').state
      const last = (await queued(events)).filter((event) => event.type === 'state').at(-1)
      seen = [read, last?.newState]
    })
    await s.clock.settle()
    await all
    expect(seen).toEqual(['failed', 'failed'])
    await events.return?.()
  })

  it('R33 every promise of a barrage settles, once', async () => {
    const s = stage({
      db: { starts: 7, stops: 3 },
      api: { dependsOn: ['db'], starts: 2 },
      bad: { start: failing(5), essential: false },
    })
    let settled = 0
    const calls = Array.from({ length: 300 }, (_, i) => {
      const { app } = s
      const name = ['db', 'api', 'bad'][i % 3]!
      const call = [
        () => app.start(),
        () => app.startService(name),
        () => app.stopService(name),
        () => app.restartService(name),
        () => app.stop(),
        () => app.startService(name, { onFailure: 'retry', timeout: 50 }),
        () => app.start({ signal: AbortSignal.abort(reason) }),
      ][(i * 5) % 7]!()
      call.then(
        () => settled++,
        () => settled++,
      )
      return s.watch(call)
    })
    s.watch(s.app.stop())
    await s.clock.advance(60_000)
    expect(calls.filter(({ how }) => how === 'pending')).toEqual([])
    expect([settled, s.app.getAllServices().every(({ phase }) => phase === 'idle')]).toEqual([300, true])
  })

  it.each([
    ['that is down', false],
    ['that is running', true],
  ])('R33 two replacements in one turn of a service %s both settle, and one that resolved is there', async (_, up) => {
    const s = stage({ db: { stops: 10 } })
    if (up) await s.app.start()
    const made = [s.make('db'), s.make('db')]
    const calls = made.map((service) => s.watch(s.app.replace(service)))
    await s.clock.advance(1_000)
    expect(calls.map(({ how }) => how)).not.toContain('pending')
    const there = made.filter((service, i) => s.app.registry.get('db') === service && calls[i]?.how === 'resolved')
    expect([there.length, s.states()]).toEqual([1, { db: up ? 'running' : 'unknown' }])
  })

  it('R33 a call that was overtaken settles once although its state comes to be later', async () => {
    const s = stage({ db: { starts: 100 } })
    const first = s.watch(s.app.startService('db'))
    s.watch(s.app.stopService('db'))
    const last = s.watch(s.app.startService('db'))
    await s.clock.advance(200)
    expect(last.how).toBe('resolved')
    expect(['resolved', 'rejected']).toContain(first.how)
    expect(s.hooks).toEqual(['0 db start'])
  })
})

describe('a signal that is already aborted', () => {
  const signal = AbortSignal.abort(reason)
  it.each<[string, (s: Stage) => Promise<unknown>]>([
    ['start', (s) => s.app.start({ signal })],
    ['stop', (s) => s.app.stop({ signal })],
    ['startService', (s) => s.app.startService('tool', { signal })],
    ['stopService', (s) => s.app.stopService('db', { signal })],
    ['restartService', (s) => s.app.restartService('db', { signal })],
    ['replace', (s) => s.app.replace(s.make('db'), { signal })],
    ['service.start', (s) => s.app.registry.get('tool')!.start({ signal })],
    ['service.stop', (s) => s.app.registry.get('db')!.stop({ signal })],
    ['service.restart', (s) => s.app.registry.get('db')!.restart({ signal })],
  ])('R34 changes nothing: %s rejects with its reason', async (_, call) => {
    const s = stage({ db: {}, tool: { autoStart: false } })
    await s.app.start()
    const before = s.app.getAllServices()
    s.clear()
    const outcome = s.watch(call(s))
    await s.clock.advance(1_000)
    expect(outcome.error).toBe(reason)
    expect([s.hooks, s.stories()]).toEqual([[], {}])
    expect(s.app.getAllServices().map(({ epoch, since }) => [epoch, since])).toEqual(
      before.map(({ epoch, since }) => [epoch, since]),
    )
  })

  it('R34 it does not overtake a stop either', async () => {
    const s = stage({ db: { stops: 100 } })
    await s.app.start()
    const stop = s.watch(s.app.stop())
    await s.clock.advance(50)
    s.watch(s.app.start({ signal }))
    await s.clock.advance(50)
    expect([said(stop), s.states()]).toEqual(['resolved at 100', { db: 'stopped' }])
  })
})

describe('aborting a start', () => {
  it('R34 undoes what it alone wants, then rejects with the reason of the caller', async () => {
    const caller = new AbortController()
    const s = stage({ db: { starts: 10, stops: 20 }, cache: { start: untilAborted }, api: { dependsOn: ['cache'] } })
    const call = s.watch(s.app.start({ signal: caller.signal }))
    await s.clock.advance(50)
    caller.abort(reason)
    await s.clock.advance(10)
    expect(said(call)).toBe('pending')
    await s.clock.advance(10)
    expect([call.at, call.error]).toEqual([70, reason])
    expect(s.stories()).toEqual({
      db: ['0 starting', '10 running', '50 stopping (cancelled)', '70 stopped'],
      cache: ['0 starting', '50 stopping (cancelled)', '50 stopped'],
      api: ['0 waiting', '50 stopped'],
    })
    expect(s.app.getAllServices().map(({ error, attempt }) => [error, attempt])).toEqual(
      Array(3).fill([undefined, undefined]),
    )
  })

  it.each(['keep', 'retry', 'rollback'] as const)('R34 whatever onFailure says, also %s', async (onFailure) => {
    const caller = new AbortController()
    const s = stage({ api: { dependsOn: ['db'], starts: 100 }, db: {} })
    const call = s.watch(s.app.startService('api', { signal: caller.signal, onFailure }))
    await s.clock.advance(50)
    caller.abort(reason)
    await s.clock.advance(1_000)
    expect(call.error).toBe(reason)
    expect(s.states()).toEqual({ api: 'stopped', db: 'stopped' })
  })

  it('R34 ends a backoff', async () => {
    const caller = new AbortController()
    const s = stage({ db: { start: fail } })
    const call = s.watch(s.app.start({ signal: caller.signal, onFailure: 'retry' }))
    await s.clock.advance(500)
    caller.abort(reason)
    await s.clock.settle()
    expect([call.at, call.error === reason]).toEqual([500, true])
    await s.clock.advance(60_000)
    expect([s.hooks, s.app.getServiceStatus('db').phase]).toEqual([['0 db start', '0 db stop'], 'idle'])
  })

  it('R34 spares what was desired up before, and what others want', async () => {
    const caller = new AbortController()
    const s = stage({ db: {}, cache: { starts: 100 }, api: { dependsOn: ['db', 'cache'] } })
    await s.app.startService('db')
    const other = s.watch(s.app.startService('cache'))
    const call = s.watch(s.app.start({ signal: caller.signal }))
    await s.clock.advance(50)
    caller.abort(reason)
    await s.clock.advance(50)
    expect([call.error === reason, said(other)]).toEqual([true, 'resolved at 100'])
    expect(s.stories()).toEqual({
      db: ['0 starting', '0 running'],
      cache: ['0 starting', '100 running'],
      api: ['0 waiting', '50 stopped'],
    })
  })

  it('R34 of two that want the same, the other goes on', async () => {
    const caller = new AbortController()
    const s = stage({ db: { starts: 100 } })
    const calls = [s.watch(s.app.startService('db', { signal: caller.signal })), s.watch(s.app.startService('db'))]
    await s.clock.advance(50)
    caller.abort(reason)
    await s.clock.advance(50)
    expect([calls[0]?.error, said(calls[1]!)]).toEqual([reason, 'resolved at 100'])
    expect(s.story('db')).toEqual(['0 starting', '100 running'])
  })

  it('R34 a restart that is aborted leaves the service desired up as it was', async () => {
    const caller = new AbortController()
    const s = stage({ db: { stops: 100, starts: 10 } })
    s.watch(s.app.start())
    await s.clock.advance(10)
    const call = s.watch(s.app.restartService('db', { signal: caller.signal }))
    await s.clock.advance(50)
    caller.abort(reason)
    await s.clock.advance(200)
    expect([call.error, s.states()]).toEqual([reason, { db: 'running' }])
  })

  it('R34 the undoing is bounded', async () => {
    const caller = new AbortController()
    const s = stage({ db: { stop: hang }, cache: { start: untilAborted } }, { shutdownTimeout: 500 })
    const call = s.watch(s.app.start({ signal: caller.signal }))
    await s.clock.settle()
    caller.abort(reason)
    await s.clock.advance(500)
    expect([call.at, call.error]).toEqual([500, reason])
  })

  it('R34 after it resolved the signal means nothing, and nobody listens to it', async () => {
    const caller = new AbortController()
    const s = stage({ db: {} })
    await s.app.start({ signal: caller.signal })
    expect(getEventListeners(caller.signal, 'abort')).toEqual([])
    caller.abort(reason)
    await s.clock.settle()
    expect(s.states()).toEqual({ db: 'running' })
  })

  it('R34 the reason is handed on untouched, whatever it is', async () => {
    for (const odd of ['a word', 0, null, Object.freeze({})]) {
      const caller = new AbortController()
      const s = stage({ db: { starts: 100 } })
      const call = s.watch(s.app.start({ signal: caller.signal }))
      await s.clock.settle()
      caller.abort(odd)
      await s.clock.advance(100)
      expect([call.how, call.error]).toEqual(['rejected', odd])
    }
  })

  it('R34 the operation is told as cancelled', async () => {
    const caller = new AbortController()
    const s = stage({ db: { start: untilAborted } })
    const ends: unknown[] = []
    s.app.on('operation', ({ phase, outcome }) => phase === 'end' && ends.push(outcome))
    s.watch(s.app.start({ signal: caller.signal }))
    await s.clock.settle()
    caller.abort(reason)
    await s.clock.settle()
    expect(ends).toEqual(['cancelled'])
  })
})

describe('aborting a stop', () => {
  it.each<[string, (s: Stage, signal: AbortSignal) => Promise<unknown>]>([
    ['stop', (s, signal) => s.app.stop({ signal })],
    ['stopService', (s, signal) => s.app.stopService('db', { signal })],
  ])('R34 ends the waiting of %s, not the stop', async (_, stop) => {
    const caller = new AbortController()
    const s = stage({ db: { stops: 100 } })
    await s.app.start()
    s.clear()
    const call = s.watch(stop(s, caller.signal))
    await s.clock.advance(50)
    caller.abort(reason)
    await s.clock.settle()
    expect([call.at, call.error]).toEqual([50, reason])
    expect(getEventListeners(caller.signal, 'abort')).toEqual([])
    await s.clock.advance(50)
    expect(s.story('db').map((line) => line.replace(/ \(.*/, ''))).toEqual(['0 stopping', '100 stopped'])
  })

  it('R34 the stop keeps its deadline, and those who joined it still wait', async () => {
    const caller = new AbortController()
    const s = stage({ db: { stop: hang } })
    await s.app.start()
    s.watch(s.app.stop({ signal: caller.signal, timeout: 1_000 }))
    const other = s.watch(s.app.stop())
    await s.clock.advance(500)
    caller.abort(reason)
    await s.clock.advance(500)
    expect(said(other)).toBe('rejected at 1000 with STOP_INCOMPLETE')
  })
})

describe('the timeout of a call', () => {
  it('R34 of a start is a failed start, with its rollback', async () => {
    const s = stage({ db: { stops: 20 }, cache: { start: untilAborted } })
    const call = s.watch(s.app.start({ timeout: 100 }))
    await s.clock.advance(150)
    expect(said(call)).toBe('rejected at 120 with START_INCOMPLETE')
    expect(s.story('db').slice(-2)).toEqual(['100 stopping (rollback)', '120 stopped'])
    expect(s.app.getServiceStatus('cache').phase).toBe('idle')
    expect((call.error as Error).message).toContain('cache')
  })

  it('R34 of a startService leaves the service to come up', async () => {
    const s = stage({ db: { starts: 200 } })
    const call = s.watch(s.app.startService('db', { timeout: 100 }))
    await s.clock.advance(200)
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    expect(s.states()).toEqual({ db: 'running' })
    expect(reportOf(call)).toMatchObject({ outcome: 'failed', services: [{ name: 'db', state: 'starting' }] })
  })

  it('R34 of a restart bounds the stop and the start together', async () => {
    const s = stage({ db: { stops: 60, starts: 60 } })
    s.watch(s.app.start())
    await s.clock.advance(60)
    const call = s.watch(s.app.restartService('db', { timeout: 100 }))
    await s.clock.advance(200)
    expect([said(call), s.states()]).toEqual(['rejected at 160 with START_INCOMPLETE', { db: 'running' }])
  })

  it('R34 of a call that was in time leaves nothing behind', async () => {
    const s = stage({ db: {} })
    const report: OperationReport = await s.app.start({ timeout: 100 })
    await s.clock.advance(200)
    expect(s.story('db')).toEqual(['0 starting', '0 running'])
    expect(rows({ how: 'resolved', value: report })).toEqual({ db: 'started' })
  })

  it('R34 a failure that comes first is the cause', async () => {
    const s = stage({ db: { start: fail } })
    const call = s.watch(s.app.start({ timeout: 100 }))
    await s.clock.advance(100)
    expect(said(call)).toBe('rejected at 0 with START_INCOMPLETE')
    expect((call.error as Error).message).toContain(boom.message)
  })
})
