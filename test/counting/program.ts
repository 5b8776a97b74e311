/**
 * Counts what a start and a stop of N services make: promises, timers, tasks, abort controllers, event objects, bytes.
 * A process of its own, in which nothing else happens, on a clock that stands still, so that no load can change a number.
 * What it patches it patches before the library is loaded.
 */
import { promiseHooks, setFlagsFromString } from 'node:v8'
import type { Clock, Orchestrator, Service, ServiceDefinition } from 'keelson'

/** What was made; `bytes` is what the heap grew by, exact as long as nothing is collected meanwhile. */
export interface Count {
  promises: number
  timers: number
  tasks: number
  controllers: number
  events: number
  numbered: number
  bytes: number
}

const made = { promises: 0, timers: 0, tasks: 0, controllers: 0, events: 0 }

const Controller = globalThis.AbortController
globalThis.AbortController = class extends Controller {
  constructor() {
    super()
    made.controllers++
  }
}
const { freeze } = Object
// Whatever is handed out is frozen: an event is an object with a kind and a number that was frozen.
Object.freeze = <T>(object: T): T => {
  if (typeof object === 'object' && object !== null && 'seq' in object && 'type' in object) made.events++
  return freeze(object) as T
}
const ambient: Record<string, number> = {}
const later = setImmediate
for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'] as const) {
  const original = globalThis[name] as (...args: unknown[]) => unknown
  ambient[name] = 0
  Object.assign(globalThis, {
    [name]: (...args: unknown[]) => {
      ambient[name]!++
      return original(...args)
    },
  })
}
const tick = process.nextTick
ambient.nextTick = 0
process.nextTick = (...args: Parameters<typeof tick>) => {
  ambient.nextTick!++
  tick(...args)
}

// Nothing of the library is compiled to machine code, where V8 leaves out of what is allocated as much as it can prove idle.
setFlagsFromString('--no-opt')
setFlagsFromString('--no-sparkplug')
const { defineService, Orchestrator: Host } = await import('keelson')

/** Stands still, so that no turn is cut and nothing falls due. */
const clock: Clock = {
  now: () => 1,
  wall: () => 1,
  setTimeout: () => ++made.timers,
  clearTimeout: () => {},
  defer(callback) {
    made.tasks++
    later(callback)
  },
}

type Case = (i: number) => ServiceDefinition
const nothing = (): void => {}
const settled = Promise.resolve()

/** What the services of each case are; hooks are shared, so that they add nothing of their own. */
const CASES: Record<string, Case> = {
  wide: () => ({ start: nothing, stop: nothing }),
  chain: (i) => ({ start: nothing, stop: nothing, dependsOn: i === 0 ? [] : [`s${i - 1}`] }),
  star: (i) => ({ start: nothing, stop: nothing, dependsOn: i === 0 ? [] : ['s0'] }),
  promising: () => ({ start: () => settled, stop: () => settled }),
  signalled: () => ({ start: ({ signal }) => void signal, stop: nothing }),
}

function build(services: number, make: Case): Orchestrator {
  const made: Service[] = []
  for (let i = 0; i < services; i++) made.push(defineService(`s${i}`, make(i)))
  return new Host({ clock, services: made, shutdownTimeout: Number.POSITIVE_INFINITY })
}

/** One start and one stop, with so many listeners to changes of state. */
async function count(services: number, make: Case, listeners: number): Promise<Count> {
  const app = build(services, make)
  for (let k = 0; k < listeners; k++) app.on('state', nothing)
  globalThis.gc?.()
  const first = app.snapshot().seq
  Object.assign(made, { promises: 0, timers: 0, tasks: 0, controllers: 0, events: 0 })
  const before = process.memoryUsage().heapUsed
  const end = promiseHooks.onInit(() => void made.promises++)
  await app.start()
  await app.stop()
  end()
  const bytes = process.memoryUsage().heapUsed - before
  return { ...made, numbered: app.snapshot().seq - first, bytes }
}

const out: Record<string, Record<number, Count>> = {}
for (const [name, listeners] of [
  ...Object.keys(CASES).map((key): [string, number] => [key, 0]),
  ['wide', 1] as const,
]) {
  const make = CASES[name]!
  for (let k = 0; k < 10; k++) await count(100, make, listeners)
  const of: Record<number, Count> = {}
  for (const services of [200, 400]) {
    await count(services, make, listeners)
    const times: Count[] = []
    for (let k = 0; k < 2; k++) times.push(await count(services, make, listeners))
    // What V8 makes for itself now and then - tables of what it has seen - comes on top: the least is the library's.
    of[services] = { ...times[0]!, bytes: Math.min(...times.map(({ bytes }) => bytes)) }
  }
  out[listeners === 0 ? name : 'heard'] = of
}
console.log(JSON.stringify({ counts: out, ambient }))
