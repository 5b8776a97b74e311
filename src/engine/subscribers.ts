// Who listens to one kind of thing: the fan-out, with every listener fenced from all others (R38, R39).
// Delivers when told to; knows nothing of when that is.

import { EventEmitter } from 'eventemitter3'
import type { Unsubscribe } from '../service.js'

/** One delivery to listeners: where it stands in the order of all, and whom a listener's failure is told to. */
export interface Delivery {
  /** Number of the event that it is or belongs to. */
  readonly place: number
  threw(error: unknown): void
}

/** Calls a listener; whatever comes of that is told, and disturbs nobody. */
export function guarded<Item>(listener: (item: Item) => unknown, item: Item, delivery: Delivery): void {
  try {
    const answer = listener(item)
    if (answer !== undefined && isThenable(answer)) answer.then(undefined, (error: unknown) => delivery.threw(error))
  } catch (error) {
    delivery.threw(error)
  }
}

export class Subscribers<Item> {
  // One name: the emitter's own loop over a flat list is what we want of it. It is quick with two arguments.
  readonly #emitter = new EventEmitter<{ item: [Item, Delivery] }>()
  size = 0

  /** From here on delivers items to `listener`; items with a place up to `after` are of before its time (R40). */
  add(listener: (item: Item) => unknown, after: number): Unsubscribe {
    let open = true
    const deliver = (item: Item, delivery: Delivery): void => {
      // The emitter's loop goes on over the list it began with, and ends at a listener that throws.
      if (open && delivery.place > after) guarded(listener, item, delivery)
    }
    this.#emitter.on('item', deliver)
    this.size++
    return unsubscribe(() => {
      if (!open) return
      open = false
      this.size--
      this.#emitter.off('item', deliver)
    })
  }

  emit(item: Item, delivery: Delivery): void {
    this.#emitter.emit('item', item, delivery)
  }
}

/** A function that ends a subscription, also by `using`. */
export function unsubscribe(end: () => void): Unsubscribe {
  return Object.assign(end, { [Symbol.dispose ?? Symbol.for('Symbol.dispose')]: end }) as Unsubscribe
}

/** Whether a value must be waited for. Throws what its `then` throws when it is read, as an `await` of it would. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  if (value instanceof Promise) return true
  return typeof (value as PromiseLike<unknown>).then === 'function'
}
