/** A thread that is in the middle of something when it is terminated; it says when it has begun. */
import { parentPort, workerData } from 'node:worker_threads'
import { type Dependency, defineService, type Service } from 'keelson'
import { type AttachedRegistry, attachRegistry } from 'keelson/threads'
import type { Doomed } from './termination.test.js'

const { what, name, owner } = workerData as Doomed
const say = (): void => parentPort?.postMessage('now')
/** Says that it has begun, and does not end. */
const hang = (): Promise<never> => {
  say()
  return new Promise(() => {})
}

const dependsOn: readonly Dependency[] = [{ name: 'store' }]
const guest = (more: Partial<Record<'start' | 'stop' | 'check', () => unknown>> = {}): Service =>
  defineService(name, { dependsOn, ...more } as object)

const LIVES: Readonly<Record<Doomed['what'], (services: AttachedRegistry) => unknown>> = {
  attach: () => say(),
  register: async (services) => {
    say()
    for (let i = 0; ; i++) await services.register(i === 0 ? guest() : defineService(`${name} ${i % 20} ${i}`))
  },
  wait: (services) => {
    for (let i = 0; i < 100; i++) void services.waitFor(i % 2 === 0 ? `never ${i}` : 'store', 'failed').catch(() => {})
    say()
  },
  'wait blocked': (services) => {
    say()
    services.waitForSync('never')
  },
  start: async (services) => {
    await services.register(guest({ start: hang }))
  },
  stop: async (services) => {
    await services.register(guest({ stop: hang }))
    await services.waitFor(name)
    await services.stopService(name)
  },
  own: async (services) => {
    const service = defineService(name, { dependsOn, start: ({ own }) => own(hang) })
    await services.register(service)
    await services.waitFor(name)
    await services.stopService(name)
  },
  check: async (services) => {
    await services.register(guest({ check: hang }))
  },
  call: async (services) => {
    say()
    for (;;)
      await Promise.allSettled([
        services.restartService('store', { signal: new AbortController().signal }),
        services.startService(`api of ${name}`),
        services.health(),
        services.unregister('nobody'),
      ])
  },
  events: async (services) => {
    const idle = services.events({ buffer: 4 })
    say()
    for await (const event of services.events()) if (event.type === 'snapshot') await idle.next()
  },
  close: async (services) => {
    await services.register(guest())
    await services.waitFor(name)
    say()
    await services.close()
  },
}

await LIVES[what](await attachRegistry({ name: owner }))
