/** The end of a worker service: asked by message, ended by force; and the services that live in it. */
import { MessageChannel, type MessagePort, type WorkerOptions } from 'node:worker_threads'
import { defineService, type KeelsonError, Orchestrator } from 'keelson'
import { recordEvents } from 'keelson/testing'
import { shareRegistry, type WorkerServiceOptions, workerReady, workerService } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'
import { Air, after, farThread, farUrl, reaches, type There, until } from '../support/threads-far.js'
import { stage } from '../support/threads-worker.js'

/** One that shares its application, whose threads register `thumbs` there. */
function sharing() {
  const air = new Air()
  const app = new Orchestrator()
  shareRegistry(app)
  after(() => app[Symbol.asyncDispose]().catch(() => {}))
  const act = async ({ services, threads, puppet, tell }: There): Promise<void> => {
    await services.register(puppet('thumbs', { dependsOn: ['store'], owns: ['memory'] }))
    await threads.workerReady({ stop: () => tell('duties done') })
  }
  const resizer = workerService('resizer', {
    url: farUrl(),
    dependsOn: ['store'],
    restart: { initialBackoff: 1 },
    worker: { workerData: air.does(act, {}) },
  })
  return { air, app, resizer }
}

const _ready = ({ threads, tell }: There): Promise<void> => threads.workerReady({ stop: () => tell('stops') })
const states = (app: Orchestrator): string[] => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R31 the stop of a worker service', () => {
  it('R31 is a message first; a thread that does not answer is terminated when stopTimeout is over, and that is told', async () => {
    const { app, air, clock, registered } = stage(
      ({ threads, tell }) =>
        threads.workerReady({
          stop: () => {
            tell('stops')
            return new Promise(() => {})
          },
        }),
      { stopTimeout: 300 },
    )
    await registered
    await app.startService('resizer')
    const stop = codeOf(() => app.stopService('resizer'))
    await air.hears('stops')
    await clock.advance(300)
    expect(await stop).toBe('STOP_INCOMPLETE')
    expect(app.getServiceStatus('resizer').state).toBe('stopped')
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R31 one whose stop fails is ended all the same, and the error is told', async () => {
    const { app, registered } = stage(({ threads }) =>
      threads.workerReady({
        stop: () => {
          throw new RangeError('cannot flush')
        },
      }),
    )
    await registered
    await app.startService('resizer')
    const error = (await app.stop().catch((error: unknown) => error)) as KeelsonError
    expect(error.code).toBe('STOP_INCOMPLETE')
    expect(`${(error.cause as Error).cause}`).toBe('RangeError: cannot flush')
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R31 one that exits by itself when it is told to stop has stopped cleanly, unless its code says otherwise', async () => {
    const { app, registered } = stage(({ threads }) => threads.workerReady({ stop: () => process.exit(0) }))
    await registered
    await app.startService('resizer')
    await app.stopService('resizer')
    expect(app.getServiceStatus('resizer').state).toBe('stopped')
    const other = stage(({ threads }) => threads.workerReady({ stop: () => process.exit(9) }))
    await other.registered
    await other.app.startService('resizer')
    const error = (await other.app.stopService('resizer').catch((error: unknown) => error)) as KeelsonError
    expect(error.code).toBe('STOP_INCOMPLETE')
    expect(`${(error.cause as Error).cause}`).toMatch(/exited with code 9/)
  })
})

describe('R13 R14 services that live in a worker service', () => {
  it('R14 are lost when it crashes; their dependents wait, and return when it registers them again', async () => {
    const { app, air, resizer } = sharing()
    await app.register(defineService('store', {}))
    await app.register(resizer)
    await app.start()
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await reaches(app, 'api', 'running')
    air.tell(() => process.exit(1))
    await until(app, () => app.registry.get('api')?.state === 'waiting')
    await until(app, () => app.registry.get('api')?.state === 'running')
    expect(app.getServiceStatus('resizer').epoch).toBe(2)
    expect(app.getServiceStatus('api').epoch).toBe(2)
    expect(app.getServiceStatus('store').epoch).toBe(1)
    await app.stop()
  })

  it('R13 R31 a stop of all stops them in order, cleanly; a start of all brings them back', async () => {
    const { app, air, resizer } = sharing()
    await app.register(defineService('store', {}))
    await app.register(resizer)
    await app.start()
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await reaches(app, 'api', 'running')
    const log = recordEvents(app, { types: ['state', 'unregistered'] })
    await app.stop()
    const order = log
      .lines()
      .filter((line) => / → stopped/.test(line))
      .map((line) => line.split(':', 1)[0])
    expect(order.indexOf('api')).toBeLessThan(order.indexOf('thumbs'))
    expect(order.indexOf('thumbs')).toBeLessThan(order.indexOf('store'))
    expect(order.indexOf('resizer')).toBeLessThan(order.indexOf('store'))
    await air.hears('duties done')
    expect(air.heard).toEqual([
      'thumbs start 1',
      expect.stringMatching(/^thumbs stop 1 (shutdown|removed)$/),
      'thumbs disposes of memory',
      'duties done',
    ])
    expect(states(app)).toEqual(['store stopped', 'resizer stopped', 'api stopped'])
    await app.unregister('api')
    await app.start()
    await reaches(app, 'thumbs', 'running')
    await app.stop()
  })

  it('R13 R14 a stop of the worker service alone stops and removes them first; the others wait for them', async () => {
    const { app, resizer } = sharing()
    await app.register(defineService('store', {}))
    await app.register(resizer)
    await app.start()
    await app.register(defineService('api', { dependsOn: ['thumbs'] }))
    await reaches(app, 'api', 'running')
    await app.stopService('resizer')
    expect(states(app)).toEqual(['store running', 'resizer stopped', 'api waiting'])
    await app.startService('resizer')
    await reaches(app, 'api', 'running')
    await app.stop()
  })

  it('R13 R31 a stop before it is ready stops them, too, before the thread is ended', async () => {
    const air = new Air()
    const app = new Orchestrator()
    shareRegistry(app)
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const act = async ({ services, puppet }: There): Promise<void> => {
      await services.register(puppet('thumbs', { owns: ['memory'] }))
    }
    await app.register(workerService('resizer', { url: farUrl(), worker: { workerData: air.does(act, {}) } }))
    const start = codeOf(() => app.start())
    await reaches(app, 'thumbs', 'running')
    await app.stop()
    expect(await start).toBe('CANCELLED')
    await air.hears('thumbs disposes of memory')
    expect(states(app)).toEqual(['resizer stopped'])
    expect(process.getActiveResourcesInfo()).not.toContain('Worker')
  })

  it('R13 they may depend on the worker service itself', async () => {
    const air = new Air()
    const app = new Orchestrator()
    shareRegistry(app)
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const act = async ({ services, threads, puppet }: There): Promise<void> => {
      await services.register(puppet('thumbs', { dependsOn: ['resizer'] }))
      await threads.workerReady()
    }
    await app.register(workerService('resizer', { url: farUrl(), worker: { workerData: air.does(act, {}) } }))
    await app.start()
    await reaches(app, 'thumbs', 'running')
    await app.restartService('resizer')
    await reaches(app, 'thumbs', 'running')
    await app.stop()
    expect(states(app)).toEqual(['resizer stopped'])
  })
})

describe('R51 bad input', () => {
  it('R51 options are checked when it is made', async () => {
    const url = farUrl()
    const make =
      (options: object): (() => unknown) =>
      () =>
        workerService('w', options as WorkerServiceOptions)
    const bad = [
      undefined,
      null,
      {},
      { url: '' },
      { url: 5 },
      { url, worker: 5 },
      { url, worker: null },
      { url, startTimeout: 0 },
      { url, nonsense: 1 },
      { url, stop: () => {} },
      { url, check: () => true },
      { url, worker: { stdout: true } },
      { url, worker: { transferList: [new MessageChannel().port1] } },
    ]
    for (const options of bad) expect(await codeOf(make(options as object))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => workerService('', { url }))).toBe('SERVICE_INVALID')
  })

  it('R51 workerReady() is refused where no worker service is, and a second time', async () => {
    expect(await codeOf(() => workerReady())).toBe('CONFIG_INVALID')
    const far = await farThread({})
    expect(await far.run(({ threads, codeOf }) => codeOf(() => threads.workerReady()))).toBe('CONFIG_INVALID')
    const { app, air, registered } = stage(async ({ threads, codeOf, tell }) => {
      await threads.workerReady()
      tell(await codeOf(() => threads.workerReady()))
    })
    await registered
    await app.startService('resizer')
    await air.hears('CONFIG_INVALID')
  })

  it('R51 workerReady() takes functions for its duties, and no others', async () => {
    const { app, air, registered } = stage(async ({ threads, codeOf, tell }) => {
      const codes: string[] = []
      for (const duties of [null, 5, { stop: 5 }, { check: 'healthy' }, { strop: () => {} }])
        codes.push(await codeOf(() => threads.workerReady(duties as never)))
      tell(codes.join(' '))
      await threads.workerReady({ stop: undefined as never })
    })
    await registered
    await app.startService('resizer')
    expect(air.heard).toEqual([Array(5).fill('CONFIG_INVALID').join(' ')])
  })

  it('R2 R51 options that a function makes are made for each life: it may give something away in each', async () => {
    const air = new Air()
    const app = new Orchestrator()
    after(() => app[Symbol.asyncDispose]().catch(() => {}))
    const said: unknown[] = []
    const act = async ({ threads }: There): Promise<void> => {
      const { port } = process.getBuiltinModule('node:worker_threads').workerData as { port: MessagePort }
      port.postMessage('hello')
      await threads.workerReady()
    }
    const worker = (): WorkerOptions => {
      const { port1, port2 } = new MessageChannel()
      port1.on('message', (what) => said.push(what))
      after(() => port1.close())
      return { workerData: { ...air.does(act), port: port2 }, transferList: [port2] }
    }
    await app.register(workerService('resizer', { url: farUrl(), worker }))
    await app.start()
    await app.restartService('resizer')
    await app.stop()
    expect(said).toEqual(['hello', 'hello'])
    await app.register(
      workerService('bad', { url: farUrl(), worker: (() => 5) as never, restart: { policy: 'never' } }),
    )
    const error = (await app.startService('bad').catch((error: unknown) => error)) as KeelsonError
    expect(((error.cause as Error).cause as KeelsonError).code).toBe('CONFIG_INVALID')
  })

  it('R51 a thread that such a thread makes is no worker service', async () => {
    const { app, air, registered } = stage(async ({ threads, kept }, url) => {
      const { Worker, workerData } = process.getBuiltinModule('node:worker_threads')
      await threads.workerReady()
      const source =
        '({ threads, codeOf, tell }) => codeOf(() => threads.workerReady()).then((code) => tell("child " + code))'
      kept.child = new Worker(new URL(url), { workerData: { ...workerData, source } })
    })
    await registered
    await app.startService('resizer').catch(() => {})
    await air.hears('child CONFIG_INVALID')
  })
})
