/** §2 for a service alone: it works without an orchestrator, as the only one of an orchestrator of its own (R47). */
import {
  BaseService,
  defineService,
  type Service,
  type StartContext,
  type StateChange,
  type StopContext,
} from 'keelson'
import { describe, expect, it, onTestFinished } from 'vitest'
import { fail, heed, move, ours, type Part, scene, serve } from '../support/laws1.js'
import { type Settled, service, settled } from '../support/world.js'

const never = { restart: { policy: 'never' } } as const
const outcome = ({ status, error }: Settled<unknown>) => (status === 'rejected' ? ours(error).code : status)

/** Microtasks go by until it is so; without timers nothing can take longer. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !condition(); i++) await Promise.resolve()
  expect(condition()).toBe(true)
}

/** A service that writes down its hooks and moves; it is stopped when the test is over. */
function alone({ start, run, stop, ...rest }: Part = {}) {
  const hooks: string[] = []
  const moves: string[] = []
  const service: Service = defineService('solo', {
    ...rest,
    start: (context: StartContext) => {
      hooks.push(`start ${context.epoch}`)
      return start?.(context)
    },
    ...(run && { run }),
    stop: (context: StopContext) => {
      hooks.push(`stop ${context.epoch} ${context.reason}`)
      return stop?.(context)
    },
  })
  service.onStateChange((change) => moves.push(move(change as StateChange & { type: 'state' } as never)))
  onTestFinished(async () => {
    await service.stop()
    expect(['stopped', 'disconnected', 'failed', 'unknown']).toContain(service.state)
  })
  return { service, hooks, moves }
}

describe('a service alone', () => {
  it('R47 starts and stops, and its promises tell when it has', async () => {
    const { service, hooks, moves } = alone()
    expect([service.state, service.health]).toEqual(['unknown', 'unknown'])
    expect(await service.start()).toBeUndefined()
    expect([service.state, service.health]).toEqual(['running', 'healthy'])
    expect(await service.stop()).toBeUndefined()
    expect([service.state, service.health]).toEqual(['stopped', 'unknown'])
    expect(hooks).toEqual(['start 1', 'stop 1 manual'])
    expect(moves).toEqual([
      'unknown → starting',
      'starting → running',
      'running → stopping (manual)',
      'stopping → stopped',
    ])
  })

  it('R47 restarts: stopped once, then a new epoch', async () => {
    const { service, hooks } = alone()
    await service.start()
    await service.restart()
    expect(service.state).toBe('running')
    expect(hooks).toEqual(['start 1', 'stop 1 restart', 'start 2'])
  })

  it('R47 a restart at rest is a start', async () => {
    const { service, hooks } = alone()
    await service.restart()
    expect(hooks).toEqual(['start 1'])
  })

  it('R47 a start when it is up is nothing', async () => {
    const { service, hooks } = alone()
    await service.start()
    await service.start()
    expect(hooks).toEqual(['start 1'])
  })

  it('R47 can be a subclass that fills in hooks, and tells its epoch', async () => {
    class Counter extends BaseService {
      readonly seen: string[] = []
      protected override onStart({ epoch }: StartContext): void {
        this.seen.push(`start ${epoch} in ${this.state}`)
      }
      protected override onStop({ reason }: StopContext): void {
        this.seen.push(`stop ${reason} in ${this.state}`)
      }
    }
    const counter = new Counter('counter')
    expect(counter.epoch).toBe(0)
    await counter.start()
    await counter.restart()
    expect(counter.epoch).toBe(2)
    await counter.stop()
    expect(counter.seen).toEqual([
      'start 1 in starting',
      'stop restart in stopping',
      'start 2 in starting',
      'stop manual in stopping',
    ])
  })

  it('R4 keeps the error of its failed start, and rejects with one of the library', async () => {
    const { service, moves, hooks } = alone({ ...never, start: () => fail('no') })
    const start = settled(service.start())
    await expect(service.start()).rejects.toThrow()
    expect(outcome(start)).toBe('START_INCOMPLETE')
    expect(ours(service.lastError)).toMatchObject({ code: 'START_FAILED', cause: 'no' })
    expect(moves).toEqual(['unknown → starting', 'starting → stopping (failed)', 'stopping → failed (failed)'])
    expect(hooks).toEqual(['start 1', 'stop 1 failed'])
  })

  it('R4 that failed starts again when it is told, and forgets its error when it is up', async () => {
    let broken = true
    const { service } = alone({ ...never, start: () => (broken ? fail('no') : undefined) })
    await expect(service.start()).rejects.toMatchObject({ code: 'START_INCOMPLETE' })
    broken = false
    await service.start()
    expect([service.state, service.lastError]).toEqual(['running', undefined])
  })

  it('R2 that has completed was stopped once', async () => {
    const { service, hooks } = alone({ run: () => undefined })
    await service.start()
    await until(() => service.state === 'stopped')
    expect(hooks).toEqual(['start 1', 'stop 1 completed'])
  })

  it('R5 a stop while it starts is no failure', async () => {
    const { service, hooks, moves } = alone({ start: heed })
    const start = settled(service.start())
    await until(() => hooks.length > 0)
    await service.stop()
    expect(outcome(start)).toBe('CANCELLED')
    expect(hooks).toEqual(['start 1', 'stop 1 manual'])
    expect(moves).toEqual(['unknown → starting', 'starting → stopping (manual)', 'stopping → stopped'])
    expect(service.lastError).toBeUndefined()
  })

  it('R8 calls of one stretch count by their net effect', async () => {
    const { service, hooks } = alone()
    const calls = [service.start(), service.stop(), service.start()].map(settled)
    await service.start()
    expect(hooks).toEqual(['start 1'])
    expect(calls.map(outcome)).toEqual(['CANCELLED', expect.stringMatching(/CANCELLED|fulfilled/), 'fulfilled'])
  })

  it('R1 that is remote is connected and disconnected', async () => {
    const { service, moves } = alone({ remote: true })
    await service.start()
    await service.stop()
    expect(moves).toEqual([
      'unknown → starting',
      'starting → connected',
      'connected → stopping (manual)',
      'stopping → disconnected',
    ])
  })

  it('R10 cannot start when it requires another one: nothing is started, both are named', async () => {
    const { service, hooks, moves } = alone({ dependsOn: ['database'] })
    await expect(service.start()).rejects.toMatchObject({
      code: 'DEPENDENCY_MISSING',
      message: expect.stringMatching(/solo.*database|database.*solo/),
    })
    expect([hooks, moves]).toEqual([[], []])
  })

  it('R34 takes back a start that its caller aborts', async () => {
    const { service, hooks } = alone({ start: heed })
    const controller = new AbortController()
    const start = service.start({ signal: controller.signal })
    await until(() => hooks.length > 0)
    controller.abort('never mind')
    await expect(start).rejects.toBe('never mind')
    expect(service.state).toBe('stopped')
    expect(hooks).toEqual(['start 1', 'stop 1 cancelled'])
  })

  it('R34 with a signal that is already aborted changes nothing', async () => {
    const { service, hooks, moves } = alone()
    await expect(service.start({ signal: AbortSignal.abort('too late') })).rejects.toBe('too late')
    expect([hooks, moves, service.state]).toEqual([[], [], 'unknown'])
  })

  it('R39 a listener that throws disturbs neither the service nor its other listeners', async () => {
    const { service, moves } = alone()
    service.onStateChange(() => fail(undefined))
    const later: string[] = []
    service.onStateChange(({ newState }) => later.push(newState))
    await service.start()
    expect(moves).toEqual(['unknown → starting', 'starting → running'])
    expect(later).toEqual(['starting', 'running'])
  })

  it('R39 a listener that was taken off hears nothing more', async () => {
    const { service } = alone()
    const heard: string[] = []
    const off = service.onStateChange(({ newState }) => heard.push(newState))
    await service.start()
    off()
    off()
    await service.stop()
    expect(heard).toEqual(['starting', 'running'])
  })
})

describe('a service that was alone and is registered', () => {
  it('R47 goes through its orchestrator: its own start is an operation there, and starts what it requires', async () => {
    const { app, clock, hooks, make, call, log, forget } = scene({ b: {} })
    const a = make('a', { dependsOn: ['b'] })
    await app.register(a)
    forget()
    const start = call(a.start())
    await clock.settle()
    expect(start.outcome).toBe('done')
    expect(hooks()).toEqual(['b start 1', 'a start 1'])
    expect(log.lines().filter((line) => line.startsWith('operation'))).toEqual([
      expect.stringMatching(/^operation start a #\d+ begin$/),
      expect.stringMatching(/^operation start a #\d+ end done$/),
    ])
    expect([a.state, a.health]).toEqual(['running', 'healthy'])
  })

  it('R47 is stopped and restarted through it, too', async () => {
    const { clock, up, moves, services, call } = scene({ a: { dependsOn: ['b'] }, b: { run: serve } })
    await up()
    call(services.b!.restart())
    await clock.settle()
    call(services.b!.stop())
    await clock.settle()
    expect(moves('b')).toEqual([
      'running → stopping (restart)',
      'stopping → stopped',
      'stopped → starting',
      'starting → running',
      'running → stopping (manual)',
      'stopping → stopped',
    ])
    expect(moves('a')).toEqual([
      'running → stopping (dependency)',
      'stopping → waiting',
      'waiting → starting',
      'starting → running',
      'running → stopping (dependency)',
      'stopping → waiting',
    ])
  })

  it('R47 that ran alone before is taken in when it is at rest, and starts there', async () => {
    const { app, clock, call, status } = scene()
    const hooks: string[] = []
    const a = service('a', { start: () => void hooks.push('start'), stop: () => void hooks.push('stop') })
    await a.start()
    await a.stop()
    await app.register(a)
    call(app.start())
    await clock.settle()
    expect(hooks).toEqual(['start', 'stop', 'start'])
    expect([status('a').state, a.state]).toEqual(['running', 'running'])
  })

  it('R47 its listeners hear the changes that the orchestrator makes', async () => {
    const { services, up, clock, app } = scene({ a: {} })
    const heard: string[] = []
    services.a!.onStateChange((change) => {
      heard.push(move(change as never))
      expect(services.a!.state).toBe(change.newState)
    })
    await up()
    await app.stop()
    await clock.settle()
    expect(heard).toEqual([
      'unknown → starting',
      'starting → running',
      'running → stopping (shutdown)',
      'stopping → stopped',
    ])
  })
})
