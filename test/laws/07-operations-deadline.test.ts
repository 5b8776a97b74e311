/** A stop settles by its deadline, whatever the hooks do (R31). */
import { describe, expect, it } from 'vitest'
import { fail, hang, type Part, reportOf, rows, type Stage, said, stage } from '../support/laws4.js'

/** s1 ← s2 ← … each of which does the same. */
const chain = (length: number, part: Part): Record<string, Part> =>
  Object.fromEntries(
    Array.from({ length }, (_, i) => [`s${i + 1}`, { ...part, ...(i > 0 && { dependsOn: [`s${i}`] }) }]),
  )

const stopsOf = (s: Stage) => s.hooks.filter((hook) => hook.endsWith('stop')).sort()

/** Hooks that misbehave, each in its own way. */
const misbehaviours: Record<string, Part> = {
  'an onStop that hangs': { stop: hang },
  'an onStop that throws': { stop: fail },
  'an onStop that throws late': { stop: (_, { clock }) => clock.sleep(5_000).then(fail) },
  'an onStop that waits for a stop of everything': { stop: (_, { app }) => app.stop() },
  'an onStop that waits for a stop of itself': { stop: (_, { app }) => app.stopService('s1') },
  'an onRun that hangs': { run: hang },
  'an onRun that throws late': {
    run: ({ signal }, { clock }) => clock.sleep(5_000).then(() => signal.throwIfAborted()),
  },
  'an onRun that waits for a stop of everything': {
    run: ({ signal }, { app, clock }) => clock.sleep(50).then((): unknown => signal.aborted || app.stop()),
  },
  'an onRun and an onStop that hang': { run: hang, stop: hang },
  'a disposer that hangs': { start: ({ own }) => own(hang) && undefined },
  'a disposer that throws': { start: ({ own }) => own(fail) && undefined },
  'ten disposers that hang': { start: ({ own }) => void Array.from({ length: 10 }, () => own(() => hang())) },
  'an onStop and a disposer that hang': { start: ({ own }) => own(hang) && undefined, stop: hang },
  'an onStart that hangs': { start: hang },
  'an onStart and an onStop that hang': { start: hang, stop: hang },
  'an onStart that waits for a stop of everything': {
    start: (_, { app, clock }) => clock.sleep(50).then(() => app.stop()),
  },
}

describe('whatever the hooks do', () => {
  it.each(Object.keys(misbehaviours))(
    'R31 a stop settles by its deadline and has all at rest, with %s',
    async (which) => {
      const s = stage(chain(4, misbehaviours[which]!))
      s.watch(s.app.start())
      await s.clock.advance(100)
      const calls = [s.watch(s.app.stop({ timeout: 2_000 })), s.watch(s.app.stop())]
      await s.clock.advance(2_000)
      expect(calls.map(({ how }) => how)).not.toContain('pending')
      expect(s.app.getAllServices().filter(({ phase }) => phase !== 'idle')).toEqual([])
      const entered = (hook: string) => s.hooks.filter((line) => line.endsWith(hook)).length
      expect(entered('stop')).toBe(entered('start'))
    },
  )

  it('R31 a stop takes shutdownTimeout, 30 000, at most, and gives up order a second before', async () => {
    const s = stage(chain(5, { stop: hang }))
    await s.app.start()
    s.clear()
    const call = s.watch(s.app.stop())
    await s.clock.advance(29_999)
    expect(said(call)).toBe('pending')
    await s.clock.advance(1)
    expect(said(call)).toBe('rejected at 30000 with STOP_INCOMPLETE')
    expect(stopsOf(s)).toEqual(['0 s5 stop', '10000 s4 stop', '20000 s3 stop', '29000 s1 stop', '29000 s2 stop'])
    expect(new Set(Object.values(rows(call)))).toEqual(new Set(['abandoned STOP_TIMEOUT']))
    expect(new Set(Object.values(s.states()))).toEqual(new Set(['stopped']))
  })

  it('R31 the option shutdownTimeout bounds every stop', async () => {
    const s = stage({ db: { stop: hang } }, { shutdownTimeout: 400 })
    await s.app.start()
    const call = s.watch(s.app.stop())
    await s.clock.advance(400)
    expect(said(call)).toBe('rejected at 400 with STOP_INCOMPLETE')
  })

  it('R31 the timeout of the call goes before it, also if it is longer', async () => {
    const s = stage({ db: { stops: 900 } }, { shutdownTimeout: 400 })
    await s.app.start()
    const call = s.watch(s.app.stop({ timeout: 1_000 }))
    await s.clock.advance(1_000)
    expect(said(call)).toBe('resolved at 900')
  })
})

describe('the last tenth', () => {
  it('R31 order is kept until then, and what is still up is stopped at once', async () => {
    const s = stage({
      db: { stops: 100 },
      api: { dependsOn: ['db'], stop: hang },
      web: { dependsOn: ['api'], stops: 50 },
    })
    await s.app.start()
    s.clear()
    const call = s.watch(s.app.stop({ timeout: 2_000 }))
    await s.clock.advance(2_000)
    expect(said(call)).toBe('rejected at 2000 with STOP_INCOMPLETE')
    expect(s.stories()).toEqual({
      web: ['0 stopping (shutdown)', '50 stopped'],
      api: ['50 stopping (shutdown)', '2000 stopped'],
      db: ['1800 stopping (shutdown)', '1900 stopped'],
    })
    expect(rows(call)).toEqual({ db: 'stopped', api: 'abandoned STOP_TIMEOUT', web: 'stopped' })
  })

  it('R31 half of what is left is for hooks that have to be waited for, the rest for onStop', async () => {
    const s = stage({ db: { run: hang, stop: hang }, api: { dependsOn: ['db'], stop: hang } })
    await s.app.start()
    s.clear()
    const call = s.watch(s.app.stop({ timeout: 2_000 }))
    await s.clock.advance(2_000)
    expect(stopsOf(s)).toEqual(['0 api stop', '1900 db stop'])
    expect(s.story('db')).toEqual(['1800 stopping (shutdown)', '2000 stopped'])
    expect(said(call)).toBe('rejected at 2000 with STOP_INCOMPLETE')
    expect(rows(call)).toMatchObject({ db: expect.stringMatching(/^abandoned/) })
  })

  it('R31 an onRun that ends earlier leaves the time to onStop', async () => {
    const run: Part['run'] = ({ signal }, { clock }) =>
      new Promise<void>((done) => signal.addEventListener('abort', () => clock.sleep(30).then(done)))
    const s = stage({ db: { run, stops: 150 }, api: { dependsOn: ['db'], stop: hang } })
    await s.app.start()
    const call = s.watch(s.app.stop({ timeout: 2_000 }))
    await s.clock.advance(2_000)
    expect(stopsOf(s)).toEqual(['0 api stop', '1830 db stop'])
    expect(rows(call)).toEqual({ db: 'stopped', api: 'abandoned STOP_TIMEOUT' })
  })

  it('R31 a hook that was already waited for gets no more than that half', async () => {
    const s = stage({ db: { start: hang } })
    s.watch(s.app.start())
    await s.clock.advance(100)
    const call = s.watch(s.app.stop({ timeout: 500 }))
    await s.clock.advance(500)
    expect(stopsOf(s)).toEqual(['575 db stop']) // 450 later the last tenth of 50, half of it for onStart
    expect(said(call)).toBe('rejected at 575 with STOP_INCOMPLETE')
  })

  it('R31 it is a second at most', async () => {
    const s = stage({ db: {}, api: { dependsOn: ['db'], stop: hang, stopTimeout: 1e9 } })
    await s.app.start()
    s.watch(s.app.stop({ timeout: 100_000 }))
    await s.clock.advance(100_000)
    expect(stopsOf(s)).toEqual(['0 api stop', '99000 db stop'])
  })
})

describe('stops that join', () => {
  it('R31 a second stop shortens the deadline for both', async () => {
    const s = stage(chain(2, { stop: hang }))
    await s.app.start()
    const first = s.watch(s.app.stop())
    await s.clock.advance(1_000)
    const second = s.watch(s.app.stop({ timeout: 1_000 }))
    await s.clock.advance(1_000)
    expect([first, second].map(said)).toEqual(Array(2).fill('rejected at 2000 with STOP_INCOMPLETE'))
    expect(stopsOf(s)).toEqual(['0 s2 stop', '1900 s1 stop'])
  })

  it.each([60_000, undefined])('R31 a second stop with timeout %s lengthens nothing', async (timeout) => {
    const s = stage(chain(2, { stop: hang }))
    await s.app.start()
    const first = s.watch(s.app.stop({ timeout: 1_000 }))
    await s.clock.advance(500)
    const second = s.watch(s.app.stop(timeout === undefined ? {} : { timeout }))
    await s.clock.advance(500)
    expect([first, second].map(said)).toEqual(Array(2).fill('rejected at 1000 with STOP_INCOMPLETE'))
  })

  it('R31 a stop that joins the stop of one service bounds it', async () => {
    const s = stage({ db: { stop: hang } })
    await s.app.start()
    const one = s.watch(s.app.stopService('db'))
    await s.clock.advance(100)
    const all = s.watch(s.app.stop({ timeout: 300 }))
    await s.clock.advance(300)
    expect([one, all].map(said)).toEqual(Array(2).fill('rejected at 400 with STOP_INCOMPLETE'))
  })
})

describe('stops of one service', () => {
  it('R31 stopService settles within shutdownTimeout', async () => {
    const s = stage(chain(5, { stop: hang }))
    await s.app.start()
    const call = s.watch(s.app.stopService('s1'))
    await s.clock.advance(30_000)
    expect(said(call)).toBe('rejected at 30000 with STOP_INCOMPLETE')
    expect(stopsOf(s).slice(-2)).toEqual(['29000 s1 stop', '29000 s2 stop'])
    expect(s.states()).toEqual({ s1: 'stopped', s2: 'waiting', s3: 'waiting', s4: 'waiting', s5: 'waiting' })
  })

  it('R31 stopService settles within its own timeout', async () => {
    const s = stage({ ...chain(3, { stop: hang }), other: {} })
    await s.app.start()
    const call = s.watch(s.app.stopService('s1', { timeout: 2_000 }))
    await s.clock.advance(2_000)
    expect(said(call)).toBe('rejected at 2000 with STOP_INCOMPLETE')
    expect(stopsOf(s)).toEqual(['0 s3 stop', '1800 s1 stop', '1800 s2 stop'])
    expect(s.states()).toMatchObject({ s1: 'stopped', other: 'running' })
    expect(reportOf(call).services.map(({ name }) => name)).toEqual(['s1', 's2', 's3'])
  })

  it('R31 unregister settles within shutdownTimeout, and removes', async () => {
    const s = stage({ ...chain(5, { stop: hang }), other: {} })
    await s.app.start()
    const call = s.watch(s.app.unregister('s1', { cascade: true }))
    await s.clock.advance(30_000)
    expect(said(call)).toBe('rejected at 30000 with STOP_INCOMPLETE')
    expect(s.states()).toEqual({ other: 'running' })
  })
})
