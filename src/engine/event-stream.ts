// Events as an async iterator with a bounded buffer (R40): a slow reader loses its own oldest events and is told so.
// One per `events()` call; fed by the event log, which never waits for it.

import type { AnyEvent, OrchestratorEvent, Snapshot } from '../events.js'
import { DROP } from './channels.js'

type Item = IteratorResult<OrchestratorEvent, undefined>

const DONE: Item = Object.freeze({ done: true, value: undefined })

export class EventStream implements AsyncIterableIterator<OrchestratorEvent, undefined> {
  readonly #owner: object
  readonly #size: number
  readonly #onEnd: () => void
  readonly #signal: AbortSignal | undefined
  #items: OrchestratorEvent[] = []
  #head = 0
  #dropped = 0
  #readers: ((item: Item) => void)[] = []
  #open = true

  constructor(owner: object, size: number, signal: AbortSignal | undefined, onEnd: () => void) {
    this.#owner = owner
    this.#size = size
    this.#onEnd = onEnd
    this.#signal = signal
    if (signal?.aborted === true) this.#open = false
    else signal?.addEventListener('abort', this.#end, { once: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  push(event: AnyEvent): void {
    this.#put(event)
  }

  /** The past that was asked for is gone: tells how much, and what is true now. */
  restart(dropped: number, snapshot: Snapshot): void {
    this.#put({ type: 'gap', dropped })
    this.#put({ type: 'snapshot', snapshot })
  }

  next(): Promise<Item> {
    if (this.#dropped > 0) {
      const gap: OrchestratorEvent = { type: 'gap', dropped: this.#dropped }
      this.#dropped = 0
      return Promise.resolve({ done: false, value: gap })
    }
    if (this.#head < this.#items.length) {
      const value = this.#items[this.#head++] as OrchestratorEvent
      if (this.#head * 2 > this.#items.length) {
        this.#items = this.#items.slice(this.#head)
        this.#head = 0
      }
      return Promise.resolve({ done: false, value })
    }
    if (!this.#open) return Promise.resolve(DONE)
    return new Promise((resolve) => this.#readers.push(resolve))
  }

  return(): Promise<Item> {
    this.#end()
    return Promise.resolve(DONE)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end()
  }

  #put(item: OrchestratorEvent): void {
    if (!this.#open) return
    const reader = this.#readers.shift()
    if (reader !== undefined) return reader({ done: false, value: item })
    this.#items.push(item)
    if (this.#items.length - this.#head <= this.#size) return
    const lost = this.#items[this.#head++] as OrchestratorEvent
    // A lost gap is still a gap; a lost snapshot counts for nothing, the gap before it tells enough.
    if (lost.type === 'gap') this.#dropped += lost.dropped
    else if (lost.type !== 'snapshot') {
      this.#dropped++
      if (DROP.hasSubscribers) DROP.publish({ orchestrator: this.#owner, dropped: 1 })
    }
  }

  /** Ends at once: what has not been read is released with everything else. */
  readonly #end = (): void => {
    if (!this.#open) return
    this.#open = false
    this.#items = []
    this.#head = 0
    this.#dropped = 0
    this.#signal?.removeEventListener('abort', this.#end)
    for (const reader of this.#readers.splice(0)) reader(DONE)
    this.#onEnd()
  }
}
