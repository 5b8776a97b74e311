// PostgreSQL, in a thread of this process. When the thread dies, the epoch fails, and everything that needs it waits.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { BaseService, type HealthStatus, type StartContext } from 'keelson'
import { Line } from '../line.js'

const PROGRAM = new URL('../programs/postgres.mjs', import.meta.url)

export class Database extends BaseService {
  readonly #folder: string
  #thread: Worker | undefined
  #line: Line | undefined
  #queries = 0

  constructor(folder: string) {
    super('database', {
      type: 'postgres',
      startTimeout: 60_000, // the first start writes a whole database
      restart: { initialBackoff: 1_000, jitter: 0 },
      healthCheck: { interval: 2_000, timeout: 2_000 },
    })
    this.#folder = folder
  }

  protected override async onStart({ own, fail, signal, status }: StartContext): Promise<void> {
    const thread = new Worker(PROGRAM, { workerData: { folder: this.#folder } })
    own(() => thread.terminate())
    const line = new Line((question) => thread.postMessage(question))
    const dead = (error: Error) => {
      fail(error) // first, so that our dependents hear of it before their queries reject
      line.cut(error)
    }
    thread.once('error', dead)
    thread.once('exit', (code) => dead(new Error(`the database thread ended with code ${code}`)))

    status('opening', this.#folder)
    await once(thread, 'message', { signal })
    thread.on('message', (message) => line.answer(message))
    this.#thread = thread
    this.#line = line
  }

  protected override async onStop(): Promise<void> {
    const thread = this.#thread
    if (!thread || thread.threadId === -1) return // it never opened, or has died
    thread.postMessage({ close: true }) // closes the database properly, then ends the thread
    await once(thread, 'exit')
  }

  protected override async onCheck(): Promise<HealthStatus> {
    await this.query('select 1')
    return 'healthy'
  }

  override getServiceData(): Record<string, unknown> {
    return { queries: this.#queries }
  }

  query<Row>(sql: string, params: readonly unknown[] = []): Promise<Row[]> {
    return this.#ask({ sql, params })
  }

  /** Runs several statements as one transaction. */
  async execute(script: string): Promise<void> {
    await this.#ask({ script })
  }

  /** What the demo does to it: the thread is gone from one instruction to the next. */
  async crash(): Promise<void> {
    await this.#thread?.terminate()
  }

  async #ask<Answer>(question: object): Promise<Answer> {
    if (!this.#line) throw new Error('the database is not open')
    this.#queries++
    return this.#line.ask<Answer>(question)
  }
}
