/** §9, every public method may be called from any hook or listener, and is then handled in the next turn (R44). */
import { isKeelsonError } from 'keelson'
import { describe, expect, it } from 'vitest'
import { type Call, type Scene, scene } from '../support/laws1.js'
import { cut, methods, places } from '../support/laws1-reentry.js'

describe.each(Object.entries(places))('from %s', (_, { stage, lead }) => {
  it.each(methods)('R44 %s is taken, moves nothing in the call, and settles', async (_, method) => {
    const calls: Call[] = []
    const faults: unknown[] = []
    let called = 0
    const all: Scene = stage((scene) => {
      if (called++ > 0) return
      const before = cut(scene.app)
      try {
        const result = method(scene)
        if (result instanceof Promise) calls.push(scene.call(result))
      } catch (error) {
        if (!isKeelsonError(error)) faults.push(error) // a refusal in the call itself is the registry's way
      }
      const after = cut(scene.app)
      if (after !== before) faults.push(`${before} became ${after}`)
    })
    const { app, clock, call } = all
    calls.push(call(app.start()))
    await clock.advance(20)
    lead?.(all)
    await clock.advance(1_000)
    // Twice: what is called while the first one stops may overtake it.
    for (let i = 0; i < 2; i++) {
      calls.push(call(app.stop()))
      await clock.advance(60_000)
    }
    expect(called).toBeGreaterThan(0)
    expect(faults).toEqual([])
    expect(
      calls.filter(({ outcome }) => outcome === 'pending' || (outcome.startsWith('threw') && !/abort/i.test(outcome))),
    ).toEqual([])
    expect(app.getAllServices().filter(({ phase }) => phase !== 'idle')).toEqual([])
    expect(clock.pending).toBe(0)
  })
})

describe('calls that feed on themselves', () => {
  it('R44 a listener that answers each state with an operation goes on turn by turn, and ends when it stops asking', async () => {
    const { app, clock, call, hooks } = scene({ a: {} })
    let left = 100
    app.on('state', ({ newState }) => {
      if (left-- <= 0) return
      if (newState === 'running') call(app.stopService('a'))
      if (newState === 'stopped') call(app.startService('a'))
    })
    call(app.startService('a'))
    await clock.advance(100)
    expect(left).toBeLessThan(0)
    expect(hooks()).toHaveLength(51)
  })

  it('R44 a start hook that restarts its own service has each life end before the next begins', async () => {
    const { app, clock, call, hooks, status } = scene({
      a: { start: ({ epoch }) => void (epoch < 5 && call(app.restartService('a'))) },
    })
    call(app.startService('a'))
    await clock.advance(100)
    expect(hooks()).toEqual([
      'a start 1',
      'a stop 1 restart',
      'a start 2',
      'a stop 2 restart',
      'a start 3',
      'a stop 3 restart',
      'a start 4',
      'a stop 4 restart',
      'a start 5',
    ])
    expect(status('a')).toMatchObject({ state: 'running', epoch: 5 })
  })

  it('R44 a stop hook that starts its own service brings it back once', async () => {
    const { app, clock, call, hooks, up } = scene({
      a: { stop: ({ epoch }) => void (epoch === 1 && call(app.startService('a'))) },
    })
    await up()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(stop.outcome).toBe('CANCELLED')
    expect(hooks()).toEqual(['a stop 1 manual', 'a start 2'])
  })

  it('R44 a start hook that throws after it has asked for its own stop is stopped, not failed', async () => {
    const { app, clock, call, moves, services } = scene({
      a: {
        start: () => {
          call(app.stopService('a'))
          throw new Error('boom')
        },
      },
    })
    call(app.startService('a'))
    await clock.advance(10_000)
    expect(['stopped', 'failed']).toContain(services.a?.state)
    expect(moves('a').filter((line) => line.includes('retrying'))).toEqual([])
    expect(services.a?.calls).toMatchObject({ start: 1, stop: 1 })
  })
})
