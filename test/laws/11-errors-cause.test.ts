/** §11, the cause: the thing really thrown, untouched, whatever it was and wherever (R50). */
import type { KeelsonError, StartContext } from 'keelson'
import { describe, expect, it } from 'vitest'
import { oddities, ours } from '../support/laws5-errors.js'
import { type Behaviour, service, settled, type World, world } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const

/** Where something is thrown, and where its error is then found. */
const places: [
  where: string,
  code: string,
  part: (thrown: unknown) => Behaviour,
  find: (world: World) => Promise<unknown>,
][] = [
  ['onStart', 'START_FAILED', (thrown) => ({ start: throwing(thrown) }), status],
  ['onStart, as a rejection', 'START_FAILED', (thrown) => ({ start: rejecting(thrown) }), status],
  ['ctx.fail in onStart', 'START_FAILED', (thrown) => ({ start: ({ fail }) => fail(thrown) }), status],
  ['onRun', 'CRASHED', (thrown) => ({ run: throwing(thrown) }), status],
  ['onRun, as a rejection', 'CRASHED', (thrown) => ({ run: rejecting(thrown) }), status],
  [
    'ctx.fail later',
    'CRASHED',
    (thrown) => ({ run: async ({ fail }) => Promise.resolve().then(() => fail(thrown)) }),
    status,
  ],
  ['a check', 'UNHEALTHY', (thrown) => ({ check: throwing(thrown), healthCheck: { failureThreshold: 1 } }), status],
  ['onStop', 'STOP_FAILED', (thrown) => ({ stop: throwing(thrown) }), stop],
  ['onStop, as a rejection', 'STOP_FAILED', (thrown) => ({ stop: rejecting(thrown) }), stop],
  ['a disposer', 'STOP_FAILED', (thrown) => ({ start: ({ own }) => void own(throwing(thrown)) }), stop],
  [
    'an async disposer',
    'STOP_FAILED',
    (thrown) => ({ start: ({ own }: StartContext) => void own({ [Symbol.asyncDispose]: rejecting(thrown) }) }),
    stop,
  ],
]

function throwing(thrown: unknown): () => never {
  return () => {
    throw thrown
  }
}
function rejecting(thrown: unknown): () => Promise<never> {
  return () => Promise.reject(thrown)
}
async function status({ app, clock }: World): Promise<unknown> {
  const start = settled(app.start({ onFailure: 'keep' }))
  await clock.advance(20_000)
  expect(start.status).not.toBe('pending')
  return app.getServiceStatus('a').error
}
async function stop({ app, clock }: World): Promise<unknown> {
  await app.start()
  const outcome = settled(app.stop())
  await clock.advance(20_000)
  expect(outcome).toMatchObject({ status: 'rejected', error: { code: 'STOP_INCOMPLETE' } })
  return outcome.error.cause
}

describe.each(places)('%s', (where, code, part, find) => {
  it.each(oddities())(`R50 %s thrown by ${where} is the cause, untouched (${code})`, async (_, thrown) => {
    const staged = world({ services: [service('a', { ...never, ...part(thrown) })] })
    const error = ours(await find(staged))
    expect(error.code).toBe(code)
    expect('cause' in error).toBe(true)
    expect(Object.is(error.cause, thrown)).toBe(true)
    expect(error.message).toMatch(/^service 'a' - /)
    expect(error.message.length).toBeLessThan(800)
    const json = JSON.parse(JSON.stringify(error)) as { cause: string }
    expect(typeof json.cause).toBe('string')
    expect(json.cause.length).toBeLessThanOrEqual(300)
    expect(staged.app.explain('a').text).toContain('a is')
    expect(() => JSON.stringify([staged.app.snapshot(), staged.app.health(), staged.log.events])).not.toThrow()
    staged.log.lines()
  })
})

describe('a cause', () => {
  it('R50 is not frozen, wrapped, copied or given fields', async () => {
    const thrown = new Error('mine')
    const own = Reflect.ownKeys(thrown)
    const { app, clock } = world({ services: [service('a', { ...never, start: { fails: true, error: thrown } })] })
    const start = settled(app.start())
    await clock.settle()
    expect((start.error as KeelsonError).cause).toMatchObject({ cause: thrown })
    expect([Reflect.ownKeys(thrown), Object.isFrozen(thrown), thrown.message, thrown.cause]).toEqual([
      own,
      false,
      'mine',
      undefined,
    ])
  })

  it('R50 a timeout has none, for nothing was thrown', async () => {
    const { app, clock } = world({ services: [service('a', { ...never, startTimeout: 10, start: { hangs: true } })] })
    settled(app.start({ onFailure: 'keep' }))
    await clock.advance(2_000)
    const error = ours(app.getServiceStatus('a').error)
    expect(error.code).toBe('START_TIMEOUT')
    expect('cause' in error).toBe(false)
    expect(error.message).toContain('10')
  })

  it('R50 an error of the library that is thrown by a hook is a cause like any other', async () => {
    const inner = service('inner', { ...never, start: { fails: true, error: 'deep' } })
    const { app, clock } = world({
      services: [service('a', { ...never, start: () => inner.start() as Promise<void> })],
    })
    settled(app.start({ onFailure: 'keep' }))
    for (let i = 0; i < 20; i++) await clock.settle()
    const error = ours(app.getServiceStatus('a').error)
    expect(error).toMatchObject({ code: 'START_FAILED', cause: { code: 'START_INCOMPLETE', cause: { cause: 'deep' } } })
    expect(app.explain('a').text).toBe('a is failed after deep')
  })

  it('R50 the reason of an aborted signal is rejected with as it is, whatever it is (R34)', async () => {
    for (const [, reason] of oddities().filter(([, thrown]) => thrown !== undefined)) {
      const { app, clock } = world({ services: [service('a', { start: { takes: 10 } })] })
      const controller = new AbortController()
      const start = settled(app.start({ signal: controller.signal }))
      await clock.advance(5)
      controller.abort(reason)
      await clock.advance(10)
      expect(start.status).toBe('rejected')
      expect(Object.is(start.error, reason)).toBe(true)
      expect(app.getServiceStatus('a')).toMatchObject({ state: 'stopped', stopReason: 'cancelled' })
    }
  })
})
