// Lesson 10: nesting and foreign services. An orchestrator can be one service of another: it has its own life, its own
// deadlines and its own roll-up. And any object of the `Service` shape can be registered, whoever wrote it: its `start`
// and `stop` are used as hooks, what it reports is heard.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  defineService,
  type HealthStatus,
  Orchestrator,
  type Service,
  type ServiceState,
  type StateChange,
  type Unsubscribe,
} from 'keelson'

// 1. The storage of a program as one service of the program.
const disk = defineService('disk')
const pages = defineService('pages', { dependsOn: ['disk'] })
const storage = new Orchestrator({ services: [pages, disk] })
const api = defineService('api', { dependsOn: ['storage'] })
const app = new Orchestrator({ services: [api, storage.asService('storage')] })

await app.start() // disk, pages - which make storage -, then api
assert.equal(app.getServiceStatus('storage').type, 'orchestrator')
assert.equal(app.getServiceStatus('storage').health, 'healthy')
assert.equal(pages.state, 'running')
await app.restartService('storage')
while (api.state !== 'running') await sleep(1)
assert.equal(app.getServiceStatus('api').epoch, 2) // its storage was another one
await app.stop()
assert.deepEqual([api.state, pages.state, disk.state], ['stopped', 'stopped', 'stopped'])

// 2. A foreign service: nothing of keelson but the shape, here without an import that is more than a type.
class Printer implements Service {
  readonly name = 'printer'
  readonly type = 'device'
  readonly dependencies = []
  state: ServiceState = 'unknown'
  health: HealthStatus = 'unknown'
  lastError: unknown
  starts = 0
  readonly #listeners = new Set<(change: StateChange) => void>()

  async start(): Promise<void> {
    this.starts++
    this.report('running')
  }
  async stop(): Promise<void> {
    this.report('stopped')
  }
  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }
  onStateChange(listener: (change: StateChange) => void): Unsubscribe {
    this.#listeners.add(listener)
    const end = () => void this.#listeners.delete(listener)
    return Object.assign(end, { [Symbol.dispose]: end })
  }
  report(newState: ServiceState, error?: unknown): void {
    const { name, health, state: oldState } = this
    const change = { name, oldState, newState, health, error, epoch: 0, timestamp: Date.now() }
    this.state = newState
    for (const listener of this.#listeners) listener(change)
  }
}

const printer = new Printer()
const office = new Orchestrator({ services: [printer], restart: { initialBackoff: 5, jitter: 0 } })
await office.start()
assert.equal(office.getServiceStatus('printer').state, 'running')

printer.report('failed', new Error('paper jam')) // a crash, as far as the orchestrator is concerned
while (printer.starts < 2 || printer.state !== 'running') await sleep(1)
assert.equal(printer.starts, 2)
assert.equal(office.getServiceStatus('printer').epoch, 2)
await office.stop()
assert.equal(printer.state, 'stopped')
