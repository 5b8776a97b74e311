/** Other options for a service that lives: what the next decision goes by, and what stays as it is (R48, lifecycle.md §12). */
import { describe, expect, it } from 'vitest'
import { type Behaviour, service, settled, type World, world } from '../support/world.js'

/** One service, started, with what it declares. */
async function alive(behaviour: Behaviour): Promise<World & { readonly one: ReturnType<typeof service> }> {
  const one = service('one', behaviour)
  const made = world({ services: [one], restart: { initialBackoff: 10, jitter: 0 }, startTimeout: 1_000 })
  settled(made.app.start({ onFailure: 'keep' }))
  await made.clock.settle()
  return { ...made, one }
}

const epoch = (app: World['app']): number => app.getServiceStatus('one').epoch

describe('R48 reconfigure', () => {
  it('R48 no epoch ends and no event is told', async () => {
    const { app, clock, log, one } = await alive({})
    log.clear()
    await app.reconfigure('one', { restart: { policy: 'always' }, stopTimeout: 50, essential: false })
    await clock.settle()
    expect([epoch(app), one.calls.start, log.lines()]).toEqual([1, 1, []])
    expect(app.getServiceStatus('one').essential).toBe(false)
  })

  it('R17 the restart policy that holds is asked when the service fails', async () => {
    const { app, clock, one } = await alive({ restart: { policy: 'never' } })
    await app.reconfigure('one', { restart: { initialBackoff: 30, jitter: 0 } })
    one.crash()
    await clock.settle()
    expect(one.state).toBe('retrying')
    // The backoff under way stays what it is.
    await app.reconfigure('one', { restart: { initialBackoff: 500, jitter: 0 } })
    await clock.advance(30)
    expect([one.state, epoch(app)]).toEqual(['running', 2])
  })

  it('R32 a start under way has the time that holds now', async () => {
    const { app, clock, one } = await alive({ startTimeout: 20, start: { takes: 60 } })
    await app.reconfigure('one', { startTimeout: 100 })
    await clock.advance(60)
    expect(one.state).toBe('running')
  })

  it('R48 what is not named is as declared, undefined is the default of the orchestrator', async () => {
    const { app, clock, one } = await alive({ restart: { policy: 'never' }, startTimeout: 20 })
    await app.reconfigure('one', { restart: undefined })
    one.crash()
    await clock.advance(10)
    expect(epoch(app)).toBe(2)
    await app.reconfigure('one', {})
    one.crash()
    await clock.advance(10)
    expect(one.state).toBe('failed')
  })

  it('R48 a replacement has its own options again', async () => {
    const { app, clock } = await alive({})
    await app.reconfigure('one', { restart: { policy: 'never' } })
    const next = service('one')
    settled(app.replace(next))
    await clock.settle()
    next.crash()
    await clock.settle()
    expect(next.state).toBe('retrying')
  })

  it('R17 a job whose policy is no longer `always` is not run again, nor waits for it', async () => {
    const { app, clock, one } = await alive({
      run: { takes: 5 },
      restart: { policy: 'always', initialBackoff: 50, jitter: 0 },
    })
    await clock.advance(5)
    expect(one.state).toBe('waiting')
    await app.reconfigure('one', { restart: { policy: 'on-failure' } })
    await clock.settle()
    expect(app.getServiceStatus('one')).toMatchObject({ state: 'stopped', stopReason: 'completed' })
    await clock.advance(100)
    expect(one.calls.start).toBe(1)
  })

  it('R17 a job that has completed runs again once its policy is `always`', async () => {
    const { app, clock, one } = await alive({ run: { takes: 5 } })
    await clock.advance(5)
    expect(one.state).toBe('stopped')
    await app.reconfigure('one', { restart: { policy: 'always' } })
    await clock.settle()
    expect([one.state, epoch(app)]).toEqual(['running', 2])
  })

  it('R16 a delay that is taken away holds nobody any more', async () => {
    const { app, clock, one } = await alive({ startDelay: 500 })
    expect(one.state).toBe('waiting')
    await app.reconfigure('one', { startDelay: 0 })
    await clock.settle()
    expect(one.state).toBe('running')
  })

  it.each([
    ['an option that cannot change', { dependsOn: ['x'] }, 'dependsOn is no option; known are restart,'],
    ['a value of another kind', { startTimeout: 0 }, 'startTimeout is 0; pass milliseconds above 0'],
    [
      'options of checks without a check',
      { healthCheck: { interval: 5 } },
      'healthCheck has no effect without a check',
    ],
    [
      'options that contradict each other',
      { restart: { policy: 'never', maxRetries: 2 } },
      'restart.maxRetries has no effect',
    ],
    ['no options', undefined, 'options is undefined; pass an object'],
  ])('R51 %s is refused, and nothing is changed', async (_, options, says) => {
    const { app, clock, one } = await alive({ restart: { policy: 'never' } })
    const call = settled(app.reconfigure('one', options as never))
    await clock.settle()
    expect(call.error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(says) })
    one.crash()
    await clock.settle()
    expect(one.state).toBe('failed')
  })

  it('R50 an unknown name and a disposed orchestrator are refused', async () => {
    const { app, clock } = await alive({})
    const unknown = settled(app.reconfigure('on', {}))
    await clock.settle()
    expect(unknown.error).toMatchObject({ code: 'SERVICE_NOT_FOUND' })
    await app[Symbol.asyncDispose]()
    const late = settled(app.reconfigure('one', {}))
    await clock.settle()
    expect(late.error).toMatchObject({ code: 'CLOSED' })
  })
})
