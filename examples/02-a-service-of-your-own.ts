// Lesson 2: a service of your own. Extend BaseService and fill in the hooks you need:
// onStart brings it up, onRun is its loop, onCheck says how it is, onStop brings it down.
// What `own()` is given is disposed when this life of the service ends, however it ends - also if onStart failed halfway.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  BaseService,
  type HealthStatus,
  Orchestrator,
  type RunContext,
  type StartContext,
  type StopContext,
} from 'keelson'

class Connection implements AsyncDisposable {
  open = true
  flushed = 0

  async *messages(signal: AbortSignal): AsyncGenerator<string> {
    for (let i = 1; !signal.aborted; i++) {
      await sleep(2)
      if (!signal.aborted) yield `message ${i}`
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open = false
  }
}

class QueueConsumer extends BaseService {
  readonly #url: string
  connection: Connection | undefined
  handled = 0

  constructor(url: string) {
    super('queue-consumer', { type: 'consumer', restart: { policy: 'always' }, healthCheck: { interval: 1_000 } })
    this.#url = url
  }

  protected override async onStart({ own, status }: StartContext): Promise<void> {
    status('connecting', this.#url)
    await sleep(5)
    this.connection = own(new Connection())
  }

  // Entered once onStart has resolved. To return is to end of itself, to throw is to crash; `signal` says when to leave.
  protected override async onRun({ signal }: RunContext): Promise<void> {
    for await (const message of this.connection?.messages(signal) ?? []) this.handled += message.length > 0 ? 1 : 0
  }

  protected override onStop({ reason }: StopContext): void {
    assert.equal(reason, 'manual')
    if (this.connection?.open) this.connection.flushed = this.handled
  }

  protected override onCheck(): HealthStatus {
    return this.connection?.open ? 'healthy' : 'unhealthy'
  }

  override getServiceData(): Record<string, unknown> {
    return { url: this.#url, handled: this.handled }
  }
}

const consumer = new QueueConsumer('queue://orders')
await consumer.start() // a service works alone, without an orchestrator
assert.deepEqual([consumer.state, consumer.health, consumer.epoch], ['running', 'healthy', 1])
await sleep(30)
await consumer.stop()
assert.equal(consumer.state, 'stopped')
assert.ok(consumer.handled > 0)
assert.equal(consumer.connection?.flushed, consumer.handled) // onStop ran while the connection was open,
assert.equal(consumer.connection?.open, false) //               what it owned was disposed after it

const app = new Orchestrator({ services: [consumer] }) // the same object, kept by an orchestrator from now on
await consumer.start() // goes through that orchestrator: there is one path
assert.deepEqual(app.getServiceStatus('queue-consumer').data, { url: 'queue://orders', handled: consumer.handled })
assert.equal(app.getServiceStatus('queue-consumer').type, 'consumer')
await consumer.stop()
