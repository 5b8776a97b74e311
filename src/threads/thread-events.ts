// The events of an application as an async iterator in another thread: a stream whose buffer stays with the owner, so
// that a slow reader loses its own oldest events there and is told so (R40).

import type { EventsOptions, OrchestratorEvent } from '../index.js'
import { onAbort } from './aborts.js'
import type { Link } from './link.js'

type Item = readonly [event: OrchestratorEvent, more: () => void]

export class ThreadEvents implements AsyncIterableIterator<OrchestratorEvent> {
  readonly #end = new AbortController()
  readonly #items: Item[] = []
  readonly #readers: { resolve(result: IteratorResult<OrchestratorEvent>): void; reject(error: unknown): void }[] = []
  /** Why there is no more: an error, or `undefined` if it was ended here. */
  #over: readonly [error?: unknown] | undefined
  #unabort = (): void => {}

  constructor(link: Link, { signal, ...options }: EventsOptions) {
    if (signal?.aborted === true) this.#end.abort()
    else if (signal !== undefined) this.#unabort = onAbort(signal, () => this.#end.abort())
    const items = (item: unknown, more: () => void): void => this.#take([item as OrchestratorEvent, more])
    link.call('events', [options], { signal: this.#end.signal, items, names: ['options'] }).then(
      () => this.#ends([]),
      (error) => this.#ends(this.#end.signal.aborted ? [] : [error]),
    )
    this.#end.signal.addEventListener('abort', () => this.#ends([]))
  }

  next(): Promise<IteratorResult<OrchestratorEvent>> {
    const item = this.#items.shift()
    if (item !== undefined) {
      item[1]()
      return Promise.resolve({ value: item[0], done: false })
    }
    if (this.#over === undefined) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    const [error] = this.#over
    this.#over = []
    return error === undefined ? Promise.resolve({ value: undefined, done: true }) : Promise.reject(error)
  }

  return(): Promise<IteratorResult<OrchestratorEvent>> {
    this.#items.length = 0
    this.#end.abort()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(item: Item): void {
    const reader = this.#readers.shift()
    if (reader === undefined) {
      this.#items.push(item)
      return
    }
    item[1]()
    reader.resolve({ value: item[0], done: false })
  }

  #ends(over: readonly [error?: unknown]): void {
    if (this.#over !== undefined) return
    this.#over = over
    this.#unabort()
    const [error] = over
    for (const { resolve, reject } of this.#readers.splice(0)) {
      if (error === undefined) resolve({ value: undefined, done: true })
      else reject(error)
    }
  }
}
