/** §2, what an epoch owns: disposed once, last in first out, after `onStop` (R2); at once when it comes late (R3). */
import type { StartContext } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, fail, hang, type Part, type Scene, scene } from '../support/laws1.js'
import { deferred } from '../support/world.js'

/** Owns three resources, one of each kind, which tell when they are disposed. */
function three({ own }: StartContext, note: (line: string) => void): void {
  own(() => note('function'))
  own({ [Symbol.dispose]: () => note('disposable') })
  own({ [Symbol.asyncDispose]: async () => note('async disposable') })
}
const inverse = ['async disposable', 'disposable', 'function']
const never = { restart: { policy: 'never' } } as const
const rows = (error: unknown) =>
  (error as { report: { services: { name: string; outcome: string; error?: unknown }[] } }).report.services

describe('when an epoch is over', () => {
  const ends: [how: string, part: Part, end: (scene: Scene) => unknown, reason: string][] = [
    ['was stopped', {}, ({ app }) => app.stopService('a'), 'manual'],
    ['was restarted', {}, ({ app }) => app.restartService('a'), 'restart'],
    ['crashed', never, ({ context }) => context('a').fail('crash'), 'failed'],
    ['completed', { run: () => undefined }, () => {}, 'completed'],
    ['could not stop', { stop: () => fail('cleanup') }, ({ call, app }) => call(app.stopService('a')), 'manual'],
  ]
  it.each(ends)(
    'R2 what a service owned that %s is disposed in inverse order after onStop',
    async (_, part, end, reason) => {
      const all = scene({
        a: { ...part, start: (context) => context.epoch === 1 && three(context, (line) => all.note(line)) },
      })
      const { app, clock, call, hooks } = all
      call(app.start())
      await clock.settle()
      await end(all)
      await clock.settle()
      const lines = hooks().filter((line) => !line.includes('run'))
      expect(lines.slice(0, 5)).toEqual(['a start 1', `a stop 1 ${reason}`, ...inverse])
      expect(lines.slice(5)).toEqual(reason === 'restart' ? ['a start 2'] : [])
    },
  )

  const failures: [how: string, part: (own: (context: StartContext) => void) => Part, at: number][] = [
    ['threw', (own) => ({ start: (context) => fail(own(context)) }), 0],
    ['rejected', (own) => ({ start: async (context) => fail(own(context)) }), 0],
    ['called ctx.fail', (own) => ({ start: (context) => context.fail(own(context)) }), 0],
    ['was abandoned', (own) => ({ start: (context) => hang(own(context)), startTimeout: 50, abortGrace: 20 }), 70],
  ]
  it.each(failures)('R2 what a start owned that %s is disposed after onStop', async (how, part, at) => {
    const all = scene({
      a: { ...never, ...part((context) => three(context, (line) => all.note(`${line} at ${all.clock.now()}`))) },
    })
    const { app, clock, call, hooks } = all
    if (how === 'was abandoned') all.beside.push('a: stop beside start')
    call(app.startService('a'))
    await clock.advance(100)
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed', ...inverse.map((kind) => `${kind} at ${at}`)])
  })

  it('R2 what a service owned is disposed although its onStop was abandoned', async () => {
    const all = scene({ a: { start: (context) => three(context, all.note), stop: hang, stopTimeout: 100 } })
    const { app, clock, call, up, hooks, state } = all
    await up()
    const stop = call(app.stopService('a'))
    await clock.advance(100)
    expect(hooks()).toEqual(['a stop 1 manual', ...inverse])
    expect([state('a'), stop.outcome]).toEqual(['stopped', 'STOP_INCOMPLETE'])
    await clock.advance(1_000)
    expect(hooks()).toHaveLength(4)
  })

  it('R2 the service is stopping until the last disposer has settled, one after the other', async () => {
    const all = scene({
      a: {
        start: ({ own }) => {
          for (const ms of [10, 20, 30]) {
            own(async () => {
              all.note(`${ms} begins at ${all.clock.now()}`)
              await all.clock.sleep(ms)
            })
          }
        },
      },
    })
    const { app, clock, call, up, hooks, state } = all
    await up()
    const stop = call(app.stopService('a'))
    await clock.advance(59)
    expect([state('a'), stop.outcome]).toEqual(['stopping', 'pending'])
    await clock.advance(1)
    expect(hooks()).toEqual(['a stop 1 manual', '30 begins at 1000', '20 begins at 1030', '10 begins at 1050'])
    expect([state('a'), stop.outcome]).toEqual(['stopped', 'done'])
  })

  it('R2 what the loop owns is disposed with the rest', async () => {
    const all = scene({
      a: {
        start: ({ own }) => void own(() => all.note('of start')),
        run: async ({ own }) => void own(() => all.note('of run')),
      },
    })
    const { app, clock, call, hooks } = all
    call(app.start())
    await clock.settle()
    expect(hooks()).toEqual(['a start 1', 'a run 1', 'a stop 1 completed', 'of run', 'of start'])
  })

  it('R2 own() gives back what it was given', async () => {
    const resource = { [Symbol.dispose]: () => {}, port: 8080 }
    const disposer = () => {}
    const seen: unknown[] = []
    const { up } = scene({ a: { start: ({ own }) => seen.push(own(resource), own(disposer)) } })
    await up()
    expect(seen).toEqual([resource, disposer])
    expect(seen[0]).toBe(resource)
  })

  it('R2 own() refuses what cannot be disposed of', async () => {
    const seen: unknown[] = []
    const { up } = scene({
      a: {
        start: ({ own }) => {
          for (const each of [42, undefined, {}] as never[]) expect(() => own(each)).toThrow(/own/)
          seen.push('refused')
        },
      },
    })
    await up()
    expect(seen).toEqual(['refused'])
  })

  it('R2 what is owned while onStop runs is disposed with the rest, first', async () => {
    const all = scene({
      a: {
        start: ({ own }) => void own(() => all.note('early')),
        stop: () => void all.context('a').own(() => all.note('during onStop')),
      },
    })
    await all.up()
    await all.app.stopService('a')
    expect(all.hooks()).toEqual(['a stop 1 manual', 'during onStop', 'early'])
    await all.clock.settle()
  })

  it('R2 what a disposer owns is disposed too, once', async () => {
    const all = scene({
      a: {
        start: ({ own }) => {
          own(() => all.note('outer'))
          own(() => {
            all.note('inner')
            own(() => all.note('owned by the disposer'))
          })
        },
      },
    })
    await all.up()
    await all.app.stopService('a')
    await all.clock.settle()
    expect(all.hooks().sort()).toEqual(['a stop 1 manual', 'inner', 'outer', 'owned by the disposer'])
  })

  it('R2 each epoch disposes its own', async () => {
    const all = scene({ a: { start: ({ own, epoch }) => void own(() => all.note(`disposed ${epoch}`)) } })
    await all.up()
    await all.app.restartService('a')
    expect(all.hooks()).toEqual(['a stop 1 restart', 'disposed 1', 'a start 2'])
    await all.app.stopService('a')
    expect(all.hooks().slice(3)).toEqual(['a stop 2 manual', 'disposed 2'])
    await all.clock.settle()
  })
})

describe('a disposer that fails', () => {
  const ways: [how: string, dispose: () => unknown][] = [
    ['throws', () => fail(new Error('cannot close'))],
    ['throws undefined', () => fail(undefined)],
    ['rejects', () => Promise.reject(new Error('cannot close'))],
  ]
  it.each(ways)('R2 and %s does not keep the others from being disposed, and is reported', async (_, dispose) => {
    const all = scene({
      a: {
        start: ({ own }) => {
          own(() => all.note('first'))
          own(dispose)
          own(() => all.note('last'))
        },
      },
    })
    await all.up()
    const stop = all.call(all.app.stopService('a'))
    await all.clock.settle()
    expect(all.hooks()).toEqual(['a stop 1 manual', 'last', 'first'])
    expect(all.moves('a')).toEqual(['running → stopping (manual)', 'stopping → stopped'])
    expect(stop.outcome).toBe('STOP_INCOMPLETE')
    expect(rows(stop.error).map(({ name, outcome, error }) => [name, outcome, codeOf(error)])).toEqual([
      ['a', 'failed', 'STOP_FAILED'],
    ])
  })

  it.each(ways)('R2 and %s after a failed start leaves it on its way to retrying', async (_, dispose) => {
    const { app, clock, call, moves, status } = scene({
      a: {
        start: ({ own }) => {
          own(dispose)
          fail(new Error('boom'))
        },
      },
    })
    call(app.startService('a'))
    await clock.settle()
    expect(moves('a')).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → retrying #1'])
    expect(status('a').error).toMatchObject({ code: 'START_FAILED' })
  })

  it('R2 a disposer that hangs is bounded by the stop, and the others are disposed all the same', async () => {
    const all = scene({
      a: {
        stopTimeout: 100,
        start: ({ own }) => {
          own(() => all.note('first'))
          own(hang)
          own(() => all.note('last'))
        },
      },
    })
    await all.up()
    const stop = all.call(all.app.stopService('a'))
    await all.clock.advance(100)
    expect(all.hooks()).toEqual(['a stop 1 manual', 'last', 'first'])
    expect([all.state('a'), stop.outcome]).toEqual(['stopped', 'STOP_INCOMPLETE'])
  })
})

describe('late resources', () => {
  it.each(['stopped', 'restarted', 'failed'])(
    'R3 what an epoch is given after its service was %s is disposed at once',
    async (how) => {
      const all = scene({ a: never })
      const { app, clock, up, context, forget, note, hooks } = all
      await up()
      const old = context('a')
      if (how === 'stopped') await app.stopService('a')
      if (how === 'restarted') await app.restartService('a')
      if (how === 'failed') old.fail('crash')
      await clock.settle()
      forget()
      three(old, note)
      expect(hooks().slice(0, 2)).toEqual(['function', 'disposable'])
      await clock.settle()
      expect(hooks()).toEqual(['function', 'disposable', 'async disposable'])
      expect(all.moves()).toEqual([])
    },
  )

  it('R3 what an abandoned start acquires at last is disposed at once', async () => {
    const connect = deferred()
    const all = scene({
      a: {
        ...never,
        startTimeout: 50,
        abortGrace: 20,
        start: async ({ own }) => {
          await connect.promise
          own(() => all.note('closed'))
        },
      },
    })
    const { app, clock, call, hooks, beside } = all
    beside.push('a: stop beside start')
    call(app.startService('a'))
    await clock.advance(100)
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed'])
    connect.resolve()
    await clock.settle()
    expect(hooks()).toEqual(['a start 1', 'a stop 1 failed', 'closed'])
  })

  it('R3 what a start acquires after its abort, but in its grace, is disposed after onStop', async () => {
    const connect = deferred()
    const all = scene({
      a: {
        start: async ({ own }) => {
          await connect.promise
          own(() => all.note('closed'))
        },
      },
    })
    const { app, clock, call, hooks } = all
    call(app.startService('a'))
    await clock.advance(10)
    call(app.stopService('a'))
    await clock.advance(10)
    connect.resolve()
    await clock.settle()
    expect(hooks()).toEqual(['a start 1', 'a stop 1 manual', 'closed'])
  })

  const throwing: [how: string, dispose: () => unknown][] = [
    ['throws', () => fail(new Error('cannot close'))],
    ['rejects', () => Promise.reject(new Error('cannot close'))],
  ]
  it.each(throwing)(
    'R3 a late resource whose disposal %s is a warning, and no error of its giver',
    async (_, dispose) => {
      const { app, clock, up, context, forget, log } = scene({ a: {} })
      await up()
      await app.stopService('a')
      forget()
      expect(() => context('a').own(dispose)).not.toThrow()
      await clock.settle()
      expect(log.lines()).toEqual(['warning STOP_FAILED a'])
    },
  )

  it('R3 a late resource touches nothing that the live epoch owns', async () => {
    const all = scene({ a: { start: ({ own, epoch }) => void own(() => all.note(`disposed ${epoch}`)) } })
    const { app, clock, up, context, forget, note, hooks } = all
    await up()
    const old = context('a')
    await app.restartService('a')
    forget()
    old.own(() => note('late'))
    await clock.settle()
    expect(hooks()).toEqual(['late'])
  })
})
