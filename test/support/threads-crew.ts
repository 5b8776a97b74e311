/** Threads that play histories together, and the thread that owns the application as one of them. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Orchestrator } from 'keelson'
import { type Part, play, type Recorded, sharedTick } from './threads-history.js'
import { ownRegistry } from './threads-own.js'

export class Crew {
  readonly #app: Orchestrator
  readonly #clock = new SharedArrayBuffer(4)
  readonly #workers: readonly Worker[]

  /** Attaches so many threads to the registry that `app` is shared as. */
  constructor(app: Orchestrator, url: URL, size: number, name: string) {
    this.#app = app
    const workerData = { clock: this.#clock, name }
    this.#workers = Array.from({ length: size }, () => new Worker(url, { workerData }))
  }

  async attached(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => once(worker, 'message')))
  }

  /** One history over names of its own; at its end everything is unregistered, unrecorded. */
  async play(seed: number, names: readonly string[], length: number): Promise<Recorded[]> {
    const part = (client: number): Part => ({ client, seed, names, length })
    const parts = this.#workers.map(async (worker, i) => {
      worker.postMessage(part(i + 1))
      const [recorded] = (await once(worker, 'message')) as [Recorded[]]
      return recorded
    })
    const own = play(ownRegistry(this.#app), part(0), sharedTick(this.#clock))
    const recorded = (await Promise.all([own, ...parts])).flat()
    await Promise.all(this.#app.getAllServices().map(({ name }) => this.#app.unregister(name)))
    return recorded
  }

  async end(): Promise<void> {
    await Promise.all(
      this.#workers.map(async (worker) => {
        worker.postMessage('end')
        await once(worker, 'exit')
      }),
    )
  }
}
