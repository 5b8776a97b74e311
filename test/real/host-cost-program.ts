/**
 * What the library costs, by counting: how often blocks of its code are entered, which no clock and no load can change.
 * The counting begins before the library is loaded, since only what is compiled meanwhile is counted.
 */
import { Session } from 'node:inspector'
import type { Service, ServiceDefinition } from 'keelson'
import type { VirtualClock as Clock } from 'keelson/testing'

interface Script {
  url: string
  functions: { ranges: { count: number }[] }[]
}

const say = (what: unknown): void => console.log(JSON.stringify(what))
const session = new Session()
session.connect()
const post = (method: string, params: object = {}): Promise<{ result: Script[] }> =>
  new Promise((resolve, reject) =>
    session.post(method, params, (error, result) => (error ? reject(error) : resolve(result as never))),
  )
await post('Profiler.enable')
await post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })

const before = [process.eventNames(), process.getActiveResourcesInfo()]
const { defineService, Orchestrator } = await import('keelson')
const { VirtualClock } = await import('keelson/testing')
const after = [process.eventNames(), process.getActiveResourcesInfo()]

/** How often blocks of the library's code were entered since the last call. */
async function entered(): Promise<number> {
  const { result } = await post('Profiler.takePreciseCoverage')
  let sum = 0
  for (const { url, functions } of result) {
    if (!/\/src\/(?!testing\/)/.test(url)) continue
    for (const { ranges } of functions) for (const { count } of ranges) sum += count
  }
  return sum
}

async function count(work: () => Promise<unknown>): Promise<number> {
  await entered()
  await work()
  return entered()
}

function make(name: string, definition: ServiceDefinition = {}): Service {
  return defineService(name, definition)
}
const crowd = (size: number): Service[] => Array.from({ length: size }, (_, i) => make(`unrelated${i}`))

/** What each deed costs among so many unrelated services that are up. */
async function costs(size: number): Promise<Record<string, number>> {
  const clock = new VirtualClock()
  let fail: (error: unknown) => void = () => {}
  const db = make('db', {
    start: (context) => {
      fail = context.fail
    },
    restart: { initialBackoff: 10, multiplier: 1, maxRetries: 0, jitter: 0 },
  })
  const app = new Orchestrator({
    clock,
    random: () => 0.5,
    services: [...crowd(size), db, make('api', { dependsOn: ['db'] }), make('down', { autoStart: false })],
  })
  await drive(clock, app.start())
  const up = () => drive(clock, app.startService('api'))
  const deeds: Record<string, [deed: () => Promise<unknown>, undo: () => Promise<unknown>]> = {
    'a restart': [() => drive(clock, app.restartService('db')), up],
    'a stop': [() => drive(clock, app.stopService('db')), up],
    'a start': [up, () => drive(clock, app.stopService('db'))],
    'a crash': [async () => fail(new Error('crash')), () => clock.advance(20)],
    'a return': [() => clock.advance(20), async () => fail(new Error('crash'))],
    'a registration': [() => drive(clock, app.register(make('new'))), () => drive(clock, app.unregister('new'))],
    'a removal': [() => drive(clock, app.unregister('new')), () => drive(clock, app.register(make('new')))],
    'a replacement': [() => drive(clock, app.replace(make('api', { dependsOn: ['db'] }))), up],
    'a status': [async () => app.getServiceStatus('api'), up],
    'an explanation': [async () => app.explain('api'), up],
  }
  const found: Record<string, number> = {}
  for (const [name, [deed, undo]] of Object.entries(deeds)) {
    for (let round = 0; round < 3; round++) {
      await undo().catch(() => {}) // nothing to undo in the first round
      await clock.settle()
      found[name] = await count(async () => {
        await deed()
        await clock.settle()
      })
    }
    await clock.advance(100)
  }
  await drive(clock, app.stop())
  return found
}

async function drive<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  await clock.settle()
  return promise
}

/** What a whole start and stop cost, with `size` services that hang together in some way. */
async function whole(size: number, dependsOn: (i: number) => number[]): Promise<number> {
  const clock = new VirtualClock()
  const services = Array.from({ length: size }, (_, i) =>
    make(`s${i}`, { dependsOn: dependsOn(i).map((j) => `s${j}`) }),
  )
  const app = new Orchestrator({ clock, services, shutdownTimeout: Number.POSITIVE_INFINITY })
  return count(async () => {
    await drive(clock, app.start())
    await drive(clock, app.stop())
  })
}

const programs: Record<string, () => unknown> = {
  async 'one transition'() {
    await costs(5)
    say([await costs(50), await costs(5_000)])
  },

  async 'a whole start'() {
    const shapes: Record<string, (i: number) => number[]> = {
      unrelated: () => [],
      chain: (i) => (i === 0 ? [] : [i - 1]),
      star: (i) => (i === 0 ? [] : [0]),
      funnel: (i) => (i % 100 === 99 ? Array.from({ length: 99 }, (_, j) => i - 1 - j) : []),
    }
    for (const [shape, dependsOn] of Object.entries(shapes)) {
      await whole(100, dependsOn)
      say([shape, await whole(1_000, dependsOn), await whole(4_000, dependsOn)])
    }
  },

  'an import'() {
    say([before, after])
  },
}

await programs[process.argv[2] ?? '']?.()
session.disconnect()
