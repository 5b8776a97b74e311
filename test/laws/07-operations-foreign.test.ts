/** Any object of the `Service` shape is a service (R36). */
import type { CallOptions, HealthStatus, StatusUpdate } from 'keelson'
import { describe, expect, it } from 'vitest'
import { boom, causes, fail, type Stage, said, stage } from '../support/laws4.js'
import { Foreign, type ForeignPart } from '../support/laws4-foreign.js'

/** A stage whose last service is a foreign one. */
async function withForeign(
  part: ForeignPart = {},
  others: Parameters<typeof stage>[0] = {},
): Promise<[Stage, Foreign]> {
  const s = stage(others)
  const foreign = new Foreign('ext', part)
  await s.app.register(foreign)
  return [s, foreign]
}

/** The same, started. */
async function running(part: ForeignPart = {}): Promise<[Stage, Foreign]> {
  const [s, ext] = await withForeign(part)
  await s.app.start()
  s.clear()
  return [s, ext]
}

describe('its hooks', () => {
  it('R36 start and stop are its hooks, each called once per epoch', async () => {
    const [s, ext] = await withForeign({
      start: () => s.clock.sleep(30),
      stop: () => s.clock.sleep(20),
    })
    s.watch(s.app.start())
    await s.clock.advance(30)
    s.watch(s.app.stop())
    await s.clock.advance(20)
    expect(s.story('ext')).toEqual(['0 starting', '30 running', '30 stopping (shutdown)', '50 stopped'])
    expect(ext.calls).toEqual(['start', 'stop'])
  })

  it('R36 it waits for its dependencies, and others wait for it', async () => {
    const [s, ext] = await withForeign(
      { dependencies: [{ name: 'db' }], start: () => s.clock.sleep(30) },
      { db: { starts: 10 }, api: { dependsOn: ['ext'] } },
    )
    s.watch(s.app.start())
    await s.clock.advance(100)
    expect(s.stories()).toEqual({
      db: ['0 starting', '10 running'],
      ext: ['0 waiting', '10 starting', '40 running'],
      api: ['0 waiting', '40 starting', '40 running'],
    })
    expect(ext.calls).toEqual(['start'])
  })

  it('R36 a start that rejects is a failed start, stopped and retried', async () => {
    let starts = 0
    const [s, ext] = await withForeign({ start: () => starts++ === 0 && fail() })
    s.watch(s.app.startService('ext'))
    await s.clock.advance(1_000)
    expect(s.story('ext')).toEqual([
      '0 starting',
      '0 stopping (failed)',
      '0 retrying #1',
      '1000 starting #1',
      '1000 running',
    ])
    expect(ext.calls).toEqual(['start', 'stop', 'start'])
  })

  it('R36 its start is given a signal that the end of the epoch aborts', async () => {
    const given: (CallOptions | undefined)[] = []
    const [s] = await withForeign({ start: (options) => given.push(options) })
    await s.app.start()
    expect(given[0]?.signal?.aborted).toBe(false)
    await s.app.stop()
    expect([given.length, given[0]?.signal?.aborted]).toEqual([1, true])
  })

  it('R36 it can be restarted by name', async () => {
    const [s, ext] = await running()
    await s.app.restartService('ext')
    expect([ext.calls, s.app.getServiceStatus('ext').epoch]).toEqual([['start', 'stop', 'start'], 2])
  })
})

describe('what it reports', () => {
  it('R36 failed is a crash', async () => {
    const [s, ext] = await running()
    ext.report('failed', { error: boom })
    await s.clock.settle()
    expect(s.story('ext')).toEqual(['0 stopping (failed)', '0 retrying #1'])
    const { error } = s.app.getServiceStatus('ext')
    expect(error).toMatchObject({ code: 'CRASHED' })
    expect(causes(error)).toContain(boom)
    await s.clock.advance(1_000)
    expect([s.states(), ext.calls]).toEqual([{ ext: 'running' }, ['start', 'stop', 'start']])
  })

  it.each(['stopped', 'disconnected'] as const)('R36 %s is a clean end', async (state) => {
    const [s, ext] = await running()
    ext.report(state)
    await s.clock.advance(100_000)
    expect(s.story('ext')).toEqual(['0 stopping (completed)', '0 stopped'])
    expect(s.app.getServiceStatus('ext').error).toBeUndefined()
    expect(ext.calls).toEqual(['start', 'stop'])
  })

  it.each([
    'unknown',
    'waiting',
    'retrying',
    'unreachable',
    'auth_required',
    'starting',
    'stopping',
    'running',
    'connected',
  ] as const)('R36 %s is nothing', async (state) => {
    const [s, ext] = await running()
    ext.report(state, { health: 'healthy' })
    await s.clock.advance(1_000)
    expect([s.stories(), s.states(), ext.calls]).toEqual([{}, { ext: 'running' }, ['start']])
  })

  it('R36 failed during its start fails the start', async () => {
    const [s, ext] = await withForeign({ start: () => s.clock.sleep(100) })
    const call = s.watch(s.app.startService('ext'))
    await s.clock.advance(50)
    ext.report('failed', { error: boom })
    await s.clock.advance(50)
    expect(call.how).toBe('rejected')
    expect(s.story('ext')).toEqual(['0 starting', '50 stopping (failed)', '100 retrying #1'])
    expect(causes(s.app.getServiceStatus('ext').error)).toContain(boom)
  })

  it('R36 failed and a start that rejects is one failure', async () => {
    const [s, ext] = await withForeign({
      start: (_, self) => {
        self.report('failed', { error: boom })
        throw boom
      },
    })
    s.watch(s.app.startService('ext'))
    await s.clock.settle()
    expect(s.story('ext')).toEqual(['0 starting', '0 stopping (failed)', '0 retrying #1'])
    expect(ext.calls).toEqual(['start', 'stop'])
  })

  it('R36 stopped while it is being stopped is no second end', async () => {
    const [s, ext] = await running({ stop: (_, self) => self.report('stopped') })
    await s.app.stopService('ext')
    expect(s.story('ext')).toEqual(['0 stopping (manual)', '0 stopped'])
    expect(s.app.getServiceStatus('ext').stopReason).toBe('manual')
    expect(ext.calls).toEqual(['start', 'stop'])
  })

  it('R36 nothing that it reports at rest changes anything', async () => {
    const [s, ext] = await running()
    const late = [...ext.listeners]
    await s.app.stopService('ext')
    s.clear()
    ext.report('failed', { error: boom })
    for (const listener of late) {
      listener({
        name: 'ext',
        oldState: 'running',
        newState: 'failed',
        health: 'unknown',
        error: boom,
        epoch: 1,
        timestamp: 0,
      })
    }
    await s.clock.advance(10_000)
    expect([s.stories(), s.states(), ext.calls]).toEqual([{}, { ext: 'stopped' }, ['start', 'stop']])
  })

  it('R36 a report of an earlier life changes nothing in the next one', async () => {
    const [s, ext] = await running()
    const late = [...ext.listeners]
    await s.app.restartService('ext')
    const current = new Set(ext.listeners)
    s.clear()
    for (const listener of late.filter((one) => !current.has(one))) {
      listener({ name: 'ext', oldState: 'running', newState: 'failed', health: 'unknown', epoch: 1, timestamp: 0 })
    }
    await s.clock.settle()
    expect([s.stories(), s.states()]).toEqual([{}, { ext: 'running' }])
  })

  it('R36 its health is a check’s result, also in a report of an unchanged state', async () => {
    const [s, ext] = await running()
    const told: string[] = []
    s.app.on('health', ({ oldHealth, newHealth }) => told.push(`${oldHealth} → ${newHealth}`))
    ext.report('running', { health: 'degraded' })
    await s.clock.settle()
    expect(s.app.getServiceStatus('ext').health).toBe('degraded')
    ext.report('running', { health: 'healthy' })
    await s.clock.settle()
    expect(s.app.getServiceStatus('ext').health).toBe('healthy')
    expect([told.slice(-2), s.stories()]).toEqual([['healthy → degraded', 'degraded → healthy'], {}])
  })

  it('R36 fewer unhealthy reports than failureThreshold flip nothing, as many end the epoch', async () => {
    const [s, ext] = await running()
    ext.report('running', { health: 'unhealthy' })
    ext.report('running', { health: 'unhealthy' })
    await s.clock.settle()
    expect(s.app.getServiceStatus('ext')).toMatchObject({ state: 'running', health: 'healthy' })
    ext.report('running', { health: 'healthy' })
    ext.report('running', { health: 'unhealthy' })
    ext.report('running', { health: 'unhealthy' })
    await s.clock.settle()
    expect([s.stories(), s.app.getServiceStatus('ext').health]).toEqual([{}, 'healthy'])
    ext.report('running', { health: 'unhealthy' })
    await s.clock.settle()
    expect(s.story('ext').slice(0, 2)).toEqual(['0 stopping (unhealthy)', '0 retrying #1'])
  })
})

describe('what it can do besides', () => {
  it('R36 its checkHealth is its check', async () => {
    const s = stage()
    const answers: HealthStatus[] = ['checking', 'degraded', 'healthy']
    const ext = Object.assign(new Foreign('ext'), { checkHealth: () => answers.shift() ?? 'healthy' })
    await s.app.register(ext)
    const call = s.watch(s.app.start())
    await s.clock.advance(500)
    expect([said(call), s.app.getServiceStatus('ext').health]).toEqual(['pending', 'checking'])
    await s.clock.advance(500)
    expect([said(call), s.app.getServiceStatus('ext').health]).toEqual(['resolved at 1000', 'degraded'])
    await s.clock.advance(10_000)
    expect(s.app.getServiceStatus('ext').health).toBe('healthy')
  })

  it('R36 its getServiceData is its data', async () => {
    const s = stage()
    await s.app.register(Object.assign(new Foreign('ext'), { getServiceData: () => ({ handled: 3 }) }))
    expect(s.app.getServiceStatus('ext').data).toEqual({ handled: 3 })
  })

  it('R36 its status updates are published', async () => {
    const s = stage()
    const listeners: ((update: StatusUpdate) => void)[] = []
    const onStatusUpdate = (listener: (update: StatusUpdate) => void) => {
      listeners.push(listener)
      return Object.assign(() => {}, { [Symbol.dispose]: () => {} })
    }
    await s.app.register(Object.assign(new Foreign('ext'), { onStatusUpdate }))
    const told: unknown[] = []
    s.app.on('status', ({ name, text, detail }) => told.push({ name, text, detail }))
    await s.app.start()
    for (const listener of listeners) listener({ name: 'ext', text: 'replaying', detail: '40 %', timestamp: 0 })
    await s.clock.settle()
    expect(told).toEqual([{ name: 'ext', text: 'replaying', detail: '40 %' }])
  })
})

describe('what it is told', () => {
  it('R36 updateState is told every state that the engine enters', async () => {
    const [s, ext] = await withForeign({}, { db: { starts: 10 } })
    await s.app.unregister('ext')
    const dependent = new Foreign('ext', { dependencies: [{ name: 'db' }] })
    await s.app.register(dependent)
    s.watch(s.app.start())
    await s.clock.advance(10)
    await s.app.stop()
    expect(dependent.told.map((line) => line.split(' ')[0])).toEqual([
      'waiting',
      'starting',
      'running',
      'stopping',
      'stopped',
    ])
    expect(dependent.told[2]).toBe('running healthy')
    expect(ext.calls).toEqual([])
  })

  it('R36 updateState is told the error of a failure', async () => {
    const [s, ext] = await running()
    ext.told.length = 0
    ext.report('failed', { error: boom })
    await s.clock.settle()
    expect(ext.told.at(-1)).toBe('retrying unknown CRASHED')
  })

  it('R36 an updateState that throws disturbs nobody', async () => {
    const [s, ext] = await withForeign({}, { db: {} })
    ext.updateState = fail
    const call = s.watch(s.app.start())
    await s.clock.settle()
    expect([said(call), s.states()]).toEqual(['resolved at 0', { db: 'running', ext: 'running' }])
  })

  it('R36 an updateState that reports back what it was told ends nothing', async () => {
    const [s, ext] = await withForeign()
    ext.updateState = (state, health) => ext.report(state, { health })
    await s.app.start()
    await s.clock.settle()
    expect(s.states()).toEqual({ ext: 'running' })
    await s.app.stop()
    await s.clock.settle()
    expect(s.story('ext')).toEqual(['0 starting', '0 running', '0 stopping (shutdown)', '0 stopped'])
  })

  it('R36 nobody listens to it any more once it was unregistered', async () => {
    const [s, ext] = await running()
    expect(ext.listeners.size).toBeGreaterThan(0)
    await s.app.unregister('ext')
    expect(ext.listeners.size).toBe(0)
  })
})
