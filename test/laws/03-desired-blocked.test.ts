/** §3, what is desired up is up, or can say what holds it; what is desired down is at rest, or on its way (R7). */
import type { Cause } from 'keelson'
import { describe, expect, it } from 'vitest'
import { fail, hang, heed, type Part, scene } from '../support/laws1.js'

const short = (causes: readonly Cause[] | undefined) => causes?.map(({ kind, name }) => `${kind} ${name}`)

describe('what holds a service that is desired up', () => {
  it('R7 a dependency that is not there, and only that one', async () => {
    const { app, clock, call, status } = scene({
      a: { dependsOn: ['b', 'c'] },
      b: { start: () => clock.sleep(10) },
      c: {},
    })
    call(app.start())
    await clock.settle()
    expect(status('a')).toMatchObject({ state: 'waiting', phase: 'pending' })
    expect(short(status('a').blockedBy)).toEqual(['dependency b'])
    await clock.advance(10)
    expect(status('a')).toMatchObject({ state: 'running' })
    expect(status('a').blockedBy).toBeUndefined()
  })

  it('R7 every dependency that is not there, in the order in which they are declared', async () => {
    const { app, clock, call, status } = scene({ a: { dependsOn: ['c', 'b'] }, b: { start: heed }, c: { start: heed } })
    call(app.start())
    await clock.settle()
    expect(short(status('a').blockedBy)).toEqual(['dependency c', 'dependency b'])
  })

  it('R7 a dependency that nobody has registered, of a service registered meanwhile', async () => {
    const { app, clock, up, make, status } = scene({ a: {} })
    await up()
    await app.register(make('b', { dependsOn: ['ghost'] }))
    await clock.settle()
    expect(status('b').state).toBe('waiting')
    expect(short(status('b').blockedBy)).toEqual(['dependency ghost'])
    await app.register(make('ghost'))
    await clock.settle()
    expect(status('b').state).toBe('running')
  })

  it('R7 a backoff, and until when', async () => {
    const { app, clock, call, status } = scene({ a: { start: () => fail('boom'), restart: { initialBackoff: 500 } } })
    call(app.startService('a'))
    await clock.advance(100)
    const until = clock.wall() + 400
    expect(status('a')).toMatchObject({
      state: 'retrying',
      nextRetryAt: until,
      blockedBy: [{ kind: 'backoff', name: 'a', until }],
    })
    expect(status('a').blockedBy).toHaveLength(1)
  })

  it('R7 a startDelay, and until when', async () => {
    const { app, clock, call, status, state } = scene({ a: { startDelay: 500 } })
    call(app.start())
    await clock.advance(100)
    expect(status('a')).toMatchObject({
      state: 'waiting',
      blockedBy: [{ kind: 'delay', name: 'a', until: clock.wall() + 400 }],
    })
    await clock.advance(400)
    expect(state('a')).toBe('running')
  })

  it('R7 a permit that others hold', async () => {
    const { app, clock, call, status, state } = scene(
      { a: { start: () => clock.sleep(10) }, b: {} },
      { maxConcurrentStarts: 1 },
    )
    call(app.start())
    await clock.settle()
    expect(state('a')).toBe('starting')
    expect(status('b').state).toBe('waiting')
    expect(short(status('b').blockedBy)).toEqual(['permit b'])
    await clock.advance(10)
    expect(state('b')).toBe('running')
  })

  it('R7 its own stop, when it is to start again', async () => {
    const { app, clock, call, up, state } = scene({ a: { stop: () => clock.sleep(10) } })
    await up()
    call(app.restartService('a'))
    await clock.settle()
    expect(state('a')).toBe('stopping')
    expect(app.explain('a')).toMatchObject({ up: false, because: [{ name: 'a', state: 'stopping', kind: 'stop' }] })
    await clock.advance(10)
    expect(state('a')).toBe('running')
  })

  it('R7 a hook that was abandoned and has not settled', async () => {
    const { app, clock, call, up, status } = scene({ a: { stop: hang, stopTimeout: 100 } })
    await up()
    call(app.restartService('a'))
    await clock.advance(100)
    expect(status('a').state).toBe('waiting')
    expect(short(status('a').blockedBy)).toEqual(['hook a'])
  })

  it('R7 credentials that are missing', async () => {
    const { app, clock, call, status } = scene({ a: { start: () => fail({ status: 401 }) } })
    call(app.startService('a'))
    await clock.settle()
    expect(short(status('a').blockedBy)).toEqual(['auth a'])
  })

  it('R7 the next thing, once the first is over: dependency, then delay, then permit', async () => {
    const parts: Record<string, Part> = {
      a: { dependsOn: ['b'], startDelay: 10 },
      b: { start: () => all.clock.sleep(10) },
      c: { startDelay: 15, start: () => all.clock.sleep(10) },
    }
    const all = scene(parts, { maxConcurrentStarts: 1 })
    const { app, clock, call, status } = all
    const seen: string[] = []
    call(app.start())
    for (let at = 0; at <= 30; at += 5) {
      await clock.settle()
      seen.push(`${at}: ${short(status('a').blockedBy) ?? status('a').state}`)
      await clock.advance(5)
    }
    expect(seen).toEqual([
      '0: dependency b',
      '5: dependency b',
      '10: delay a',
      '15: delay a',
      '20: permit a',
      '25: running',
      '30: running',
    ])
  })

  it('R7 nothing: then it starts in the turn in which the last obstacle goes', async () => {
    const { app, clock, call, hooks, note } = scene({
      a: { dependsOn: ['b', 'c', { name: 'd', condition: 'completed' }], start: () => note(`at ${clock.now()}`) },
      b: { start: () => clock.sleep(10) },
      c: { start: () => clock.sleep(20), check: () => clock.sleep(10).then(() => true) },
      d: { run: () => clock.sleep(15), stop: () => clock.sleep(5) },
    })
    call(app.start())
    await clock.advance(100)
    expect(hooks().slice(-2)).toEqual(['a start 1', 'at 30'])
  })
})

describe('what is desired down', () => {
  it('R7 stays active while a dependent that stops before it has an instance, and goes in the same turn as that comes to rest', async () => {
    const { app, clock, call, up, states, moves } = scene({
      a: { dependsOn: ['b'], stop: () => clock.sleep(10) },
      b: {},
    })
    await up()
    call(app.stopService('b'))
    await clock.advance(9)
    expect(states()).toBe('a: stopping, b: running')
    await clock.advance(1)
    expect(states()).toBe('a: waiting, b: stopped')
    expect(moves()).toEqual([
      'a: running → stopping (dependency)',
      'a: stopping → waiting',
      'b: running → stopping (manual)',
      'b: stopping → stopped',
    ])
  })

  it.each(['waiting', 'retrying', 'auth_required'] as const)(
    'R7 is at rest in the turn of the stop when it was %s',
    async (from) => {
      const { app, clock, call, moves, forget } = scene({
        a: {
          dependsOn: from === 'waiting' ? ['b'] : [],
          start: () => fail(from === 'retrying' ? 'boom' : { status: 401 }),
        },
        b: { start: heed },
      })
      call(app.startService('a'))
      await clock.settle()
      forget()
      const stop = call(app.stopService('a'))
      await clock.settle()
      expect(moves('a')).toEqual([`${from} → stopped`])
      expect(stop.outcome).toBe('done')
    },
  )
})

describe('after every turn, whatever the history', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const needs: Record<string, string[]> = { a: ['b', 'c'], b: ['d'], c: ['d'], d: ['e'], e: [], f: ['c'] }

  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'R7 up is up or held, down is down or held by its dependents (history %i)',
    async (seed) => {
      let state = seed
      const draw = (most: number) => {
        state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
        return Math.floor((state / 2 ** 32) * most)
      }
      const parts = Object.fromEntries(
        names.map((name, i): [string, Part] => [
          name,
          {
            dependsOn: needs[name] ?? [],
            start: (context) =>
              Promise.race([clock.sleep(3 + i), heed(context)]).then(() => (draw(6) === 0 ? fail('boom') : undefined)),
            stop: () => clock.sleep(2 + (i % 3)),
            restart: { maxRetries: 1, initialBackoff: 10 },
            startDelay: i % 2,
          },
        ]),
      )
      const all = scene(parts, { maxConcurrentStarts: 3 })
      const { app, clock, call, status, context } = all
      const wanted = new Set<string>()
      // One that is about to lose what it needs is up no more.
      const isUp = (name: string): boolean =>
        wanted.has(name) && status(name).phase === 'active' && (needs[name] ?? []).every(isUp)
      const raise = (name: string) => {
        wanted.add(name)
        for (const need of needs[name] ?? []) if (!isUp(need)) raise(need)
      }
      const held = (cause: Cause): boolean => {
        if (cause.kind === 'backoff' || cause.kind === 'delay') return (cause.until ?? 0) > clock.wall()
        // An active one that is about to stop satisfies nothing while its dependents come to rest (R13).
        if (cause.kind === 'dependency')
          return (
            status(cause.name).phase !== 'active' || !wanted.has(cause.name) || leansOn(cause.name).some(hasInstance)
          )
        return cause.kind === 'permit'
      }
      const hasInstance = (name: string): boolean => ['active', 'moving'].includes(status(name).phase)
      const leansOn = (name: string): string[] => {
        const direct = names.filter((other) => needs[other]?.includes(name))
        return [...direct, ...direct.flatMap(leansOn)]
      }
      const faults: string[] = []
      for (let turn = 0; turn < 150; turn++) {
        const name = names[draw(names.length)] ?? 'a'
        const act = draw(8)
        if (act < 2) {
          raise(name)
          call(app.startService(name))
        } else if (act === 2) {
          raise(name)
          call(app.restartService(name))
        } else if (act < 5) {
          wanted.delete(name)
          call(app.stopService(name))
        } else if (act === 5) context(name)?.fail('crash')
        await (draw(2) === 0 ? clock.settle() : clock.advance(draw(12)))
        for (const { name, state, phase, blockedBy } of app.getAllServices()) {
          const at = `turn ${turn}: ${name} is ${state}`
          if (!wanted.has(name)) {
            const excused = phase === 'active' && leansOn(name).some(hasInstance)
            if (phase !== 'idle' && state !== 'stopping' && !excused) faults.push(`${at}, desired down`)
          } else if (phase === 'pending') {
            if (!blockedBy?.length || !blockedBy.every(held))
              faults.push(`${at}, held by ${JSON.stringify(short(blockedBy))}`)
          } else if (phase === 'idle' && state !== 'failed') faults.push(`${at}, desired up`)
        }
      }
      expect(faults).toEqual([])
      expect(all.hooks().length).toBeGreaterThan(50)
    },
  )
})
