/** §2, cancellation is not failure (R5): no `failed`, no attempt, no error, whichever hook was cut short. */
import { describe, expect, it } from 'vitest'
import { fail, hang, heed, type Part, type Scene, scene } from '../support/laws1.js'

const cancels: [what: string, act: (scene: Scene) => Promise<unknown>, reason: string][] = [
  ['a stop by hand', ({ app }) => app.stopService('a'), 'manual'],
  ['a stop of everything', ({ app }) => app.stop(), 'shutdown'],
  ['a removal', ({ app }) => app.unregister('a'), 'removed'],
]
const starts: [how: string, start: NonNullable<Part['start']>][] = [
  ['heeds its signal', heed],
  ['throws something of its own when aborted', (context) => heed(context).catch(() => fail(new Error('interrupted')))],
  ['calls ctx.fail when aborted', (context) => heed(context).catch(() => context.fail('interrupted'))],
  ['resolves although it is aborted', (context) => heed(context).catch(() => {})],
]

describe.each(cancels)('%s', (_, act, reason) => {
  it.each(starts)('R5 cuts short a start that %s, and leaves no failure', async (_, start) => {
    const all = scene({ a: { start } })
    const { app, clock, call, moves, hooks, log, services } = all
    const started = call(app.startService('a'))
    await clock.advance(10)
    const ended = call(act(all))
    await clock.settle()
    expect(moves('a')).toEqual(['unknown → starting', `starting → stopping (${reason})`, 'stopping → stopped'])
    expect(hooks()).toEqual(['a start 1', `a stop 1 ${reason}`])
    expect([started.outcome, ended.outcome]).toEqual(['CANCELLED', 'done'])
    expect(services.a?.lastError).toBeUndefined()
    expect(log.events.filter(({ type }) => type === 'retry')).toEqual([])
    expect(log.events.filter((event) => event.type === 'state' && event.error !== undefined)).toEqual([])
  })
})

describe('cancellation', () => {
  it('R5 of a start that ignores it sets no error either, after its hook was abandoned', async () => {
    const { app, clock, call, moves, services, beside } = scene({ a: { start: hang, abortGrace: 20 } })
    beside.push('a: stop beside start')
    call(app.startService('a'))
    await clock.advance(10)
    const stop = call(app.stopService('a'))
    await clock.advance(20)
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (manual)', 'stopping → stopped'])
    expect(stop.outcome).toBe('STOP_INCOMPLETE')
    expect(services.a?.lastError).toBeUndefined()
  })

  it('R5 by a restart counts no attempt', async () => {
    const { app, clock, call, moves, status } = scene({
      a: { start: (context) => (context.epoch === 1 ? heed(context) : undefined) },
    })
    const start = call(app.startService('a'))
    await clock.advance(10)
    const restart = call(app.restartService('a'))
    await clock.settle()
    expect(moves('a')).toEqual([
      'unknown → starting',
      'starting → stopping (restart)',
      'stopping → stopped',
      'stopped → starting',
      'starting → running',
    ])
    expect([start.outcome, restart.outcome]).toEqual(['done', 'done'])
    expect(status('a')).toMatchObject({ state: 'running', epoch: 2 })
    expect(status('a').attempt).toBeUndefined()
  })

  it('R5 by the loss of a dependency counts no attempt and sets no error', async () => {
    const { app, clock, call, moves, services, context } = scene({
      a: { dependsOn: ['b'], start: heed },
      b: { restart: { initialBackoff: 100 } },
    })
    call(app.startService('a'))
    await clock.advance(10)
    context('b').fail('crash')
    await clock.settle()
    expect(moves('a')).toEqual([
      'unknown → waiting',
      'waiting → starting',
      'starting → stopping (dependency)',
      'stopping → waiting',
    ])
    expect(services.a?.lastError).toBeUndefined()
  })

  it('R5 of a retry leaves the count as the failures made it', async () => {
    const { app, clock, call, moves, context } = scene({
      a: {
        dependsOn: ['b'],
        restart: { initialBackoff: 100, multiplier: 1 },
        start: (context) =>
          context.epoch === 2 ? heed(context) : context.epoch < 4 ? fail(`epoch ${context.epoch}`) : undefined,
      },
      b: { restart: { initialBackoff: 50 } },
    })
    call(app.startService('a'))
    await clock.advance(110)
    expect(moves('a').at(-1)).toBe('retrying → starting #1')
    context('b').fail('crash')
    await clock.advance(200)
    expect(moves('a').slice(-7)).toEqual([
      'starting → stopping (dependency) #1',
      'stopping → waiting #1',
      'waiting → starting #1',
      'starting → stopping (failed) #1',
      'stopping → retrying #2',
      'retrying → starting #2',
      'starting → running',
    ])
  })

  it('R5 of a wait leaves no error', async () => {
    const { app, clock, call, moves, services } = scene({ a: { dependsOn: ['b'] }, b: { start: heed } })
    const start = call(app.startService('a'))
    await clock.advance(10)
    call(app.stopService('a'))
    await clock.settle()
    expect(moves('a')).toEqual(['unknown → waiting', 'waiting → stopped'])
    expect([start.outcome, services.a?.lastError]).toEqual(['CANCELLED', undefined])
  })

  it('R5 of a loop that throws when it is aborted is no crash', async () => {
    const { app, clock, call, up, moves, services } = scene({ a: { run: heed } })
    await up()
    const stop = call(app.stopService('a'))
    await clock.settle()
    expect(moves('a')).toEqual(['running → stopping (manual)', 'stopping → stopped'])
    expect([stop.outcome, services.a?.lastError]).toEqual(['done', undefined])
  })

  it('R5 of a check that is in flight is no failure', async () => {
    const { app, clock, call, moves, services, log } = scene({
      a: { check: heed, healthCheck: { failureThreshold: 1 } },
    })
    call(app.start())
    await clock.advance(10)
    call(app.stopService('a'))
    await clock.advance(10_000)
    expect(moves('a').slice(2)).toEqual(['running → stopping (manual)', 'stopping → stopped'])
    expect(services.a?.lastError).toBeUndefined()
    expect(log.events.filter(({ type }) => type === 'health')).toEqual([])
  })

  it('R5 by its caller is no failure of the service', async () => {
    const { app, clock, call, moves, services } = scene({ a: { start: heed } })
    const controller = new AbortController()
    const start = call(app.startService('a', { signal: controller.signal }))
    await clock.advance(10)
    controller.abort('never mind')
    await clock.settle()
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (cancelled)', 'stopping → stopped'])
    expect(start).toMatchObject({ outcome: 'threw never mind', error: 'never mind' })
    expect(services.a?.lastError).toBeUndefined()
  })
})
