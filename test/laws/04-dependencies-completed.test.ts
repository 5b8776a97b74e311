/** Section 4: what has completed, how long it has, and that such an edge only gates the start. */
import type { Service } from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf, type Script, type Stage, stage } from '../support/laws2.js'

const after: Script = { dependsOn: [{ name: 'job', condition: 'completed' }] }
/** Asked for by name only. */
const later: Script = { ...after, autoStart: false }

/** A job that ran and ended, and one that came after it. */
async function ended(more: Script = {}, others: Record<string, Script> = {}): Promise<Stage> {
  const s = stage({ job: { loop: true, ...more }, after, later, ...others })
  const start = s.watch(s.app.start())
  await s.clock.settle()
  expect(s.states('after')).toEqual(['0 waiting'])
  s.the('job').end()
  await s.clock.settle()
  expect(start.state).toBe('resolved')
  expect([s.state('job'), s.state('after')]).toEqual(['stopped', 'running'])
  s.forget()
  return s
}

describe('what has completed', () => {
  it('R11 a job that ends of itself has, once its epoch is over', async () => {
    const s = stage({ job: { loop: true, down: 20 }, after })
    s.watch(s.app.start())
    await s.clock.advance(10)
    s.the('job').end()
    await s.clock.advance(100)
    expect(s.states('after')).toEqual(['0 waiting', '30 starting', '30 running'])
    expect(s.states('job')).toEqual(['0 starting', '0 running', '10 stopping (completed)', '30 stopped'])
  })

  it('R2 R11 an error of its cleaning up changes nothing about that', async () => {
    const clumsy: Script = { entered: ({ own }) => own(() => Promise.reject(new Error('sticks'))) }
    const s = await ended(clumsy)
    expect(s.app.getServiceStatus('job')).toMatchObject({ state: 'stopped', stopReason: 'completed' })
  })

  it('R11 a job that is stopped has not, though its loop returns in peace', async () => {
    const s = stage({ job: { loop: true }, after })
    s.watch(s.app.start())
    await s.clock.advance(10)
    s.watch(s.app.stopService('job'))
    await s.clock.advance(1_000)
    expect(s.states('after')).toEqual(['0 waiting'])
  })

  it('R11 a job that is restarted in the middle has not, and is waited for again', async () => {
    const s = stage({ job: { loop: true }, after })
    s.watch(s.app.start())
    await s.clock.advance(10)
    s.watch(s.app.restartService('job'))
    await s.clock.advance(10)
    expect(s.states('after')).toEqual(['0 waiting'])
    s.the('job').end()
    await s.clock.advance(10)
    expect(s.states('after').slice(1)).toEqual(['20 starting', '20 running'])
  })

  it('R11 a job that crashes has not until it has run well', async () => {
    const s = stage({ job: { loop: true, restart: { initialBackoff: 100, jitter: 0 } }, after })
    s.watch(s.app.start({ onFailure: 'keep' }))
    await s.clock.advance(10)
    s.the('job').crash()
    await s.clock.advance(200)
    expect(s.states('after')).toEqual(['0 waiting'])
    s.the('job').end()
    await s.clock.settle()
    expect(s.states('after').slice(1)).toEqual(['210 starting', '210 running'])
  })

  it('R11 a foreign service can, for nobody knows that it has no loop', async () => {
    const foreign = {
      name: 'job',
      type: 'foreign',
      dependencies: [],
      state: 'stopped',
      health: 'unknown',
      lastError: undefined,
      start: async () => {},
      stop: async () => {},
      restart: async () => {},
      onStateChange: () => Object.assign(() => {}, { [Symbol.dispose]: () => {} }),
    } satisfies Service
    const s = stage({ after })
    expect(await codeOf(() => s.app.register(foreign))).toBe('no error')
  })
})

describe('how long it has', () => {
  it('R11 whoever comes later needs not wait, and does not run it again', async () => {
    const s = await ended()
    await s.clock.advance(100_000)
    const start = s.watch(s.app.startService('later'))
    await s.clock.settle()
    expect([start.state, s.hooks]).toEqual(['resolved', ['100000 later start']])
  })

  it.each(['startService', 'restartService'] as const)(
    'R11 until it is started by name (%s): then its next end counts',
    async (act) => {
      const s = await ended()
      s.watch(s.app[act]('job'))
      await s.clock.advance(10)
      const start = s.watch(s.app.startService('later'))
      await s.clock.advance(10)
      expect([s.state('job'), s.state('later'), start.state]).toEqual(['running', 'waiting', 'pending'])
      s.the('job').end()
      await s.clock.advance(10)
      expect([s.state('job'), s.state('later'), start.state]).toEqual(['stopped', 'running', 'resolved'])
      expect(s.states('after')).toEqual([])
    },
  )

  it('R11 a second run that fails takes it away', async () => {
    const s = await ended({ restart: { policy: 'never' } })
    s.watch(s.app.startService('job'))
    await s.clock.advance(10)
    s.the('job').crash()
    await s.clock.advance(10)
    expect(s.state('job')).toBe('failed')
    // So a start of its dependents wants it again, and waits for a run that ends well.
    const start = s.watch(s.app.startService('later'))
    await s.clock.advance(10)
    expect([s.state('job'), s.state('later'), start.state]).toEqual(['running', 'waiting', 'pending'])
    s.the('job').end()
    await s.clock.advance(10)
    expect([s.state('later'), start.state, s.the('job').starts]).toEqual(['running', 'resolved', 3])
  })

  it('R11 R17 a job that runs over and over has completed from its first end on, also while it runs again', async () => {
    const s = stage({
      job: { loop: true, restart: { policy: 'always', initialBackoff: 100, jitter: 0 } },
      after,
      later,
    })
    s.watch(s.app.start())
    await s.clock.settle()
    s.the('job').end()
    await s.clock.advance(150)
    expect([s.state('job'), s.the('job').starts, s.states('after').at(-1)]).toEqual(['running', 2, '0 running'])
    s.watch(s.app.startService('later'))
    await s.clock.settle()
    expect(s.state('later')).toBe('running')
  })

  it('R11 a stop of the orchestrator ends it', async () => {
    const s = await ended()
    s.watch(s.app.stop())
    await s.clock.settle()
    s.forget()
    s.watch(s.app.start())
    await s.clock.advance(10)
    expect([s.hooks, s.state('after')]).toEqual([['0 job start'], 'waiting'])
  })

  it('R11 a stop of the orchestrator ends it also while the job is still cleaning up after its end', async () => {
    const s = stage({ job: { loop: true, down: 20 }, after })
    s.watch(s.app.start())
    await s.clock.settle()
    s.the('job').end()
    await s.clock.advance(5)
    s.watch(s.app.stop())
    await s.clock.advance(100)
    s.forget()
    s.watch(s.app.start())
    await s.clock.advance(10)
    expect([s.hooks, s.state('after')]).toEqual([['105 job start'], 'waiting'])
  })

  it('R11 a stop by hand of what is at rest does not', async () => {
    const s = await ended()
    s.watch(s.app.stopService('job'))
    await s.clock.settle()
    const start = s.watch(s.app.startService('later'))
    await s.clock.settle()
    expect([start.state, s.the('job').starts]).toEqual(['resolved', 1])
  })

  it('R14 a dependency of the job that goes and comes back does not run it again', async () => {
    const s = await ended({ dependsOn: ['db'] }, { db: { restart: { initialBackoff: 100, jitter: 0 } } })
    s.the('db').crash()
    await s.clock.advance(1_000)
    expect([s.stirred(), s.state('db')]).toEqual([['db'], 'running'])
  })

  it('R29 one that needs it healthy cannot have it: its start is over at once, its wait is not', async () => {
    const s = await ended({}, { api: { dependsOn: [{ name: 'job', timeout: 1_000 }], autoStart: false } })
    const start = s.watch(s.app.startService('api'))
    await s.clock.advance(500)
    expect(start).toMatchObject({ state: 'rejected', at: 0, code: 'START_INCOMPLETE' })
    expect(s.state('api')).toBe('waiting')
    s.watch(s.app.startService('job'))
    await s.clock.advance(10)
    expect([s.the('job').starts, s.states('api').at(-1)]).toEqual([2, '500 running'])
  })
})
