/** While an abandoned hook is unsettled no new epoch begins (R32). */
import { describe, expect, it } from 'vitest'
import { deferred, hang, type Part, said, stage } from '../support/laws4.js'

/** An onStop of the first epoch that the test settles. */
function held(): { stop: NonNullable<Part['stop']>; release: () => void } {
  const gate = deferred()
  return { stop: ({ epoch }) => (epoch === 1 ? gate.promise : undefined), release: () => gate.resolve() }
}

/** A service whose onStop was abandoned at 100 and is still unsettled. */
async function abandoned(part: Part = {}) {
  const { stop, release } = held()
  const s = stage({ db: { stop, stopTimeout: 100, ...part }, mail: {} })
  await s.app.start()
  s.watch(s.app.stopService('db'))
  await s.clock.advance(100)
  expect(s.states().db).toBe('stopped')
  s.clear()
  return Object.assign(s, { release })
}

const isRest = (line: string) => /\b(stopped)$/.test(line)

describe('an abandoned onStop', () => {
  it('R32 a start shows waiting for it and rejects at once', async () => {
    const s = await abandoned()
    const call = s.watch(s.app.startService('db'))
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    expect([s.hooks, s.story('db')]).toEqual([[], ['100 waiting']])
    expect(s.app.getServiceStatus('db').blockedBy).toMatchObject([{ name: 'db', kind: 'hook' }])
    const explained = s.app.explain('db')
    expect([explained.up, explained.because.at(-1)]).toMatchObject([false, { name: 'db', kind: 'hook' }])
    expect(explained.text).toMatch(/^db is waiting/)
  })

  it('R32 the service comes up by itself once the hook has settled', async () => {
    const s = await abandoned()
    s.watch(s.app.startService('db'))
    await s.clock.advance(50)
    s.release()
    await s.clock.settle()
    expect(s.story('db')).toEqual(['100 waiting', '150 starting', '150 running'])
    expect(s.app.getServiceStatus('db').epoch).toBe(2)
  })

  it('R32 one that settled before anybody asked is no obstacle', async () => {
    const s = await abandoned()
    s.release()
    await s.clock.settle()
    const call = s.watch(s.app.startService('db'))
    await s.clock.settle()
    expect(said(call)).toBe('resolved at 100')
  })

  it('R32 a start that rolls back withdraws its desire: the settled hook brings nothing up', async () => {
    const s = await abandoned()
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    s.release()
    await s.clock.advance(100_000)
    expect([s.hooks.filter((hook) => hook.includes('start')), s.app.getServiceStatus('db').phase]).toEqual([[], 'idle'])
  })

  it('R32 a start of a dependent rejects at once, too, and comes up later', async () => {
    const s = await abandoned()
    await s.app.register(s.make('api', { dependsOn: ['db'], autoStart: false }))
    const call = s.watch(s.app.startService('api'))
    await s.clock.settle()
    expect(said(call)).toBe('rejected at 100 with START_INCOMPLETE')
    s.release()
    await s.clock.settle()
    expect(s.states()).toMatchObject({ db: 'running', api: 'running' })
  })

  it('R32 after another startTimeout the service gives up', async () => {
    const s = await abandoned({ startTimeout: 200 })
    s.watch(s.app.startService('db'))
    await s.clock.advance(199)
    expect(s.states().db).toBe('waiting')
    await s.clock.advance(1)
    expect(s.states().db).toBe('failed')
    expect(s.app.getServiceStatus('db').error).toMatchObject({ code: expect.any(String) })
    s.release()
    await s.clock.advance(100_000)
    expect(s.story('db')).toEqual(['100 waiting', '300 failed'])
  })

  it('R32 a start with retry rejects only when the service gives up', async () => {
    const s = await abandoned({ startTimeout: 200 })
    const call = s.watch(s.app.startService('db', { onFailure: 'retry' }))
    await s.clock.advance(199)
    expect(said(call)).toBe('pending')
    await s.clock.advance(1)
    expect(said(call)).toBe('rejected at 300 with START_INCOMPLETE')
    expect(s.states().db).toBe('failed')
  })

  it('R32 a start with retry resolves when the hook settles in time', async () => {
    const s = await abandoned({ startTimeout: 200 })
    const call = s.watch(s.app.startService('db', { onFailure: 'retry' }))
    await s.clock.advance(150)
    s.release()
    await s.clock.settle()
    expect(said(call)).toBe('resolved at 250')
  })

  it('R32 a stop while the service waits for the hook settles at once', async () => {
    const s = await abandoned()
    s.watch(s.app.startService('db'))
    await s.clock.advance(50)
    const call = s.watch(s.app.stopService('db'))
    await s.clock.settle()
    expect(call.at).toBe(150)
    expect(s.story('db')).toEqual(['100 waiting', '150 stopped'])
    s.release()
    await s.clock.settle()
    expect(s.states().db).toBe('stopped')
  })
})

describe('an abandoned onStart or onRun', () => {
  it.each([
    ['onStart', 'start', 'starting'],
    ['onRun', 'run', 'running'],
  ])('R32 no new epoch begins while %s is unsettled', async (_, hook, state) => {
    const gate = deferred()
    const behaviour = ({ epoch }: { epoch: number }) => (epoch === 1 ? gate.promise : undefined)
    const s = stage({
      db: { [hook]: behaviour, stopTimeout: 1_000, ...(hook === 'run' && { restart: { policy: 'never' } }) },
    })
    s.watch(s.app.startService('db'))
    await s.clock.settle()
    expect(s.states()).toEqual({ db: state })
    s.clear()
    const call = s.watch(s.app.restartService('db'))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('rejected at 500 with START_INCOMPLETE')
    expect(s.story('db').filter((line) => !isRest(line))).toEqual(['0 stopping (restart)', '500 waiting'])
    expect(s.hooks).toEqual(['500 db stop'])
    gate.resolve()
    await s.clock.settle()
    expect(s.hooks.slice(0, 2)).toEqual(['500 db stop', '1000 db start'])
    expect(s.story('db')).toContain('1000 starting')
  })

  it('R32 a failed start whose hook is unsettled begins no retry until it settles', async () => {
    const gate = deferred()
    const start: Part['start'] = ({ epoch }) => (epoch === 1 ? gate.promise : undefined)
    const s = stage({ db: { start, startTimeout: 5_000, restart: { initialBackoff: 100 } } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(9_000) // abandoned at 6 000, due at 6 100
    expect(s.states()).toEqual({ db: 'waiting' })
    expect(s.app.getServiceStatus('db').blockedBy).toMatchObject([{ kind: 'hook' }])
    gate.resolve()
    await s.clock.settle()
    expect(s.hooks).toEqual(['0 db start', '6000 db stop', '9000 db start'])
    expect(s.states()).toEqual({ db: 'running' })
  })

  it('R32 one that never settles makes the service give up after another startTimeout', async () => {
    const s = stage({ db: { run: hang, stopTimeout: 1_000, startTimeout: 2_000 } })
    await s.app.start()
    const call = s.watch(s.app.restartService('db'))
    await s.clock.advance(2_499)
    expect([said(call), s.states()]).toEqual(['rejected at 500 with START_INCOMPLETE', { db: 'waiting' }])
    await s.clock.advance(1)
    expect(s.states()).toEqual({ db: 'failed' })
    expect(s.hooks).toEqual(['0 db start', '0 db run', '500 db stop'])
  })

  it('R32 given up, it can be started by hand once the hook has settled', async () => {
    const gate = deferred()
    const run: Part['run'] = ({ epoch }) => (epoch === 1 ? gate.promise : hang())
    const s = stage({ db: { run, stopTimeout: 1_000, startTimeout: 2_000 } })
    await s.app.start()
    s.watch(s.app.restartService('db'))
    await s.clock.advance(3_000)
    gate.resolve()
    const call = s.watch(s.app.startService('db'))
    await s.clock.settle()
    expect([said(call), s.states()]).toEqual(['resolved at 3000', { db: 'running' }])
  })
})

describe('a hook that awaits its own restart', () => {
  it('R32 an onRun is freed, and the service is up again', async () => {
    const seen: string[] = []
    const run: Part['run'] = async ({ epoch }, { app, clock, now }) => {
      if (epoch > 1) return hang()
      await clock.sleep(100)
      await app.restartService('db').catch((error) => seen.push(`${now()} ${error.code}`))
    }
    const s = stage({ db: { run } })
    await s.app.start()
    s.clear()
    await s.clock.advance(20_000)
    expect(seen).toEqual(['9100 START_INCOMPLETE'])
    expect(s.hooks).toEqual(['9100 db stop', '9100 db start', '9100 db run'])
    expect(s.story('db').filter((line) => !isRest(line))).toEqual([
      '100 stopping (restart)',
      '9100 waiting',
      '9100 starting',
      '9100 running',
    ])
    expect(s.app.getServiceStatus('db')).toMatchObject({ epoch: 2, state: 'running' })
  })

  it('R32 an onStart is freed, too', async () => {
    const start: Part['start'] = ({ epoch }, { app }) => (epoch === 1 ? app.restartService('db') : undefined)
    const s = stage({ db: { start } })
    s.watch(s.app.startService('db'))
    await s.clock.advance(20_000)
    expect(s.hooks).toEqual(['0 db start', '1000 db stop', '1000 db start'])
    expect(s.app.getServiceStatus('db')).toMatchObject({ epoch: 2, state: 'running' })
  })

  it('R32 an onStop that awaits its own start is freed when it is abandoned', async () => {
    const stop: Part['stop'] = ({ epoch }, { app }) => (epoch === 1 ? app.startService('db') : undefined)
    const s = stage({ db: { stop, stopTimeout: 500 } })
    await s.app.start()
    const call = s.watch(s.app.stopService('db'))
    await s.clock.advance(20_000)
    expect(said(call)).toBe('rejected at 0 with CANCELLED')
    expect(s.hooks).toEqual(['0 db start', '0 db stop', '500 db start'])
    expect(s.states()).toEqual({ db: 'running' })
  })

  it('R32 an onStart that awaits its own stop is freed when it is abandoned', async () => {
    const start: Part['start'] = (_, { app }) => app.stopService('db')
    const s = stage({ db: { start } })
    const call = s.watch(s.app.startService('db'))
    await s.clock.advance(20_000)
    expect(said(call)).toBe('rejected at 0 with CANCELLED')
    expect([s.hooks, s.states()]).toEqual([['0 db start', '1000 db stop'], { db: 'stopped' }])
  })
})
