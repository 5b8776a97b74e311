/** R47, R3, R43: a service whose hooks somebody else runs: taken over as an orchestrator would, driven, and let go. */
import {
  BaseService,
  defineService,
  type HostedService,
  hostService,
  Orchestrator,
  type Service,
  type ServiceHost,
  type StartContext,
  type StateChange,
} from 'keelson'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { service, world } from '../support/world.js'

/** A host that only writes down what it is asked for, and tells what it is told to tell. */
function host(): ServiceHost & {
  calls: unknown[][]
  told: { -readonly [Field in keyof ServiceHost['told']]: ServiceHost['told'][Field] }
} {
  const calls: unknown[][] = []
  const note =
    (what: string) =>
    async (...args: unknown[]): Promise<void> =>
      void calls.push([what, ...args])
  return {
    calls,
    startService: note('start'),
    stopService: note('stop'),
    restartService: note('restart'),
    told: { state: 'unknown', health: 'unknown', lastError: undefined, epoch: 0 },
  }
}

const context = (epoch = 1): StartContext => ({ epoch, signal: new AbortController().signal }) as StartContext
const change = (more: Partial<StateChange>): StateChange => ({
  name: 'a',
  oldState: 'unknown',
  newState: 'starting',
  health: 'unknown',
  epoch: 1,
  timestamp: 0,
  ...more,
})

describe('R47 what may be hosted', () => {
  it('R47 what is no service is SERVICE_INVALID, as for an orchestrator', async () => {
    for (const candidate of [undefined, null, 5, {}, { name: '' }, { name: 'a', start() {}, stop() {} }])
      expect(await codeOf(() => hostService(candidate as never, host()))).toBe('SERVICE_INVALID')
  })

  it('R47 one that is registered is SERVICE_IN_USE, and free again when it is not', async () => {
    const a = service('a')
    const { app } = world({ services: [a] })
    expect(await codeOf(() => hostService(a, host()))).toBe('SERVICE_IN_USE')
    await app.start()
    expect(await codeOf(() => hostService(a, host()))).toBe('SERVICE_IN_USE')
    await app.unregister('a')
    hostService(a, host()).release()
  })

  it('R47 one that is hosted is SERVICE_IN_USE for another host and for every orchestrator, until it is released', async () => {
    const a = defineService('a') as BaseService
    const hosted = hostService(a, host())
    const { app } = world()
    expect(await codeOf(() => hostService(a, host()))).toBe('SERVICE_IN_USE')
    expect(await codeOf(() => app.register(a))).toBe('SERVICE_IN_USE')
    expect(await codeOf(() => new Orchestrator({ services: [a] }))).toBe('SERVICE_IN_USE')
    expect(app.getAllServices()).toEqual([])
    hosted.release()
    await app.register(a)
    await app.startService('a')
    expect(a.state).toBe('running')
  })

  it('R47 one that is not at rest is SERVICE_IN_USE, also one that lives alone', async () => {
    const a = defineService('a') as BaseService
    await a.start()
    expect(await codeOf(() => hostService(a, host()))).toBe('SERVICE_IN_USE')
    await a.stop()
    const hosted = hostService(a, host())
    hosted.release()
    await a.start()
    expect([a.state, a.epoch]).toEqual(['running', 1])
    await a.stop()
  })

  it('R47 one of an orchestrator that was disposed of may be hosted', async () => {
    const a = defineService('a') as BaseService
    const app = new Orchestrator({ services: [a] })
    await app.start()
    await app[Symbol.asyncDispose]()
    hostService(a, host()).release()
  })
})

describe('R6 R34 its own calls go to the host', () => {
  it('R34 start, stop and restart, with their options, and settle as the host says', async () => {
    const a = defineService('a') as BaseService
    const mine = host()
    const hosted = hostService(a, mine)
    const options = { timeout: 5, signal: new AbortController().signal }
    await a.start(options)
    await a.stop()
    await a.restart({ timeout: 7 })
    expect(mine.calls).toEqual([
      ['start', 'a', options],
      ['stop', 'a', expect.toSatisfy((given) => given === undefined || Object.keys(given).length === 0)],
      ['restart', 'a', { timeout: 7 }],
    ])
    const refusal = new Error('refused')
    mine.startService = () => Promise.reject(refusal)
    await expect(a.start()).rejects.toBe(refusal)
    hosted.release()
  })

  it('R38 what it tells of itself is what the host says now; let go, it keeps the last of it', () => {
    const a = defineService('a') as BaseService
    const mine = host()
    const hosted = hostService(a, mine)
    expect([a.state, a.health, a.epoch, a.lastError]).toEqual(['unknown', 'unknown', 0, undefined])
    const error = new Error('of the host')
    Object.assign(mine.told, { state: 'failed', health: 'unknown', epoch: 3, lastError: error })
    expect([a.state, a.health, a.epoch, a.lastError]).toEqual(['failed', 'unknown', 3, error])
    hosted.release()
    Object.assign(mine.told, { state: 'running', epoch: 4 })
    expect([a.state, a.epoch, a.lastError]).toEqual(['failed', 3, error])
  })

  it('R3 its epochs go on counting wherever it lives next', async () => {
    const a = defineService('a') as BaseService
    const mine = host()
    const hosted = hostService(a, mine)
    Object.assign(mine.told, { state: 'stopped', epoch: 6 })
    hosted.release()
    const { app } = world({ services: [a] })
    await app.start()
    expect(a.epoch).toBe(7)
  })
})

describe('R2 R39 the inside of a hosted service', () => {
  it('R2 R43 its hooks are called with what the host gives, and give and throw what they give and throw', async () => {
    const seen: unknown[] = []
    class Cache extends BaseService {
      protected override onStart(context: StartContext): void {
        seen.push(['start', context])
      }
      protected override async onRun(context: StartContext): Promise<void> {
        seen.push(['run', context])
      }
      protected override onStop(context: object): void {
        seen.push(['stop', context])
        throw new RangeError('unclean')
      }
      protected override onCheck(context: object): 'degraded' {
        seen.push(['check', context])
        return 'degraded'
      }
      override getServiceData(): Record<string, unknown> {
        return { size: 3 }
      }
    }
    const cache = new Cache('cache', { type: 'cache', dependsOn: ['db', { name: 'x', optional: true }], startDelay: 5 })
    const hosted: HostedService = hostService(cache, host())
    const [given, stop, check] = [context(), { reason: 'manual' }, { epoch: 1 }] as never[]
    hosted.start(given as never)
    await hosted.run(given as never)
    expect(() => hosted.stop(stop as never)).toThrow(RangeError)
    expect(hosted.check(check as never)).toBe('degraded')
    expect(hosted.data()).toEqual({ size: 3 })
    expect(seen).toEqual([
      ['start', given],
      ['run', given],
      ['stop', stop],
      ['check', check],
    ])
    expect([hosted.name, hosted.runs, hosted.checks, hosted.options.type, hosted.options.startDelay]).toEqual([
      'cache',
      true,
      true,
      'cache',
      5,
    ])
    expect(hosted.dependencies).toEqual(cache.dependencies)
    hosted.release()
  })

  it('R39 those who listen to it are told, in order; one that throws disturbs nobody', () => {
    const a = defineService('a') as BaseService
    const hosted = hostService(a, host())
    const heard: string[] = []
    a.onStateChange(() => {
      throw new Error('mine')
    })
    const end = a.onStateChange(({ newState }) => heard.push(newState))
    a.onStatusUpdate(({ text }) => heard.push(text))
    hosted.tell(change({}))
    hosted.tell(change({ oldState: 'starting', newState: 'running', health: 'healthy' }))
    hosted.say({ name: 'a', text: 'warm', timestamp: 0 })
    end()
    hosted.tell(change({ oldState: 'running', newState: 'stopping' }))
    expect(heard).toEqual(['starting', 'running', 'warm'])
    hosted.release()
  })

  it('R36 an object that merely has the shape can be hosted: it is told every state, and a throw of it is its own', () => {
    const told: unknown[] = []
    const foreign = {
      name: 'foreign',
      type: 'foreign',
      dependencies: [],
      state: 'stopped',
      health: 'unknown',
      lastError: undefined,
      start: async () => {},
      stop: async () => {},
      restart: async () => {},
      onStateChange: () => () => {},
      updateState: (...args: unknown[]) => {
        told.push(args)
        throw new Error('mine')
      },
    } as never as Service
    const hosted = hostService(foreign, host())
    hosted.tell(change({ name: 'foreign', error: 'why' }))
    expect(told).toEqual([['starting', 'unknown', 'why']])
    hosted.release()
  })

  it('R47 release() twice is nothing', async () => {
    const a = defineService('a') as BaseService
    const hosted = hostService(a, host())
    hosted.release()
    hosted.release()
    const { app } = world({ services: [a] })
    // Not even when it lives elsewhere by now.
    hosted.release()
    expect(await codeOf(() => hostService(a, host()))).toBe('SERVICE_IN_USE')
    await app.start()
    expect(a.state).toBe('running')
  })
})
