// Who listens to one kind of thing: the fan-out, with every listener fenced from all others (R38, R39).
// Delivers when told to; knows nothing of when that is.

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

class Subscription<Item> {
  readonly listener: (item: Item) => unknown
  /** Items with a place up to this one are of before its time. */
  readonly after: number
  open = true

  constructor(listener: (item: Item) => unknown, after: number) {
    this.listener = listener
    this.after = after
  }
}

export class Subscribers<Item> {
  // Changed in place by who comes, replaced by who goes: a delivery under way keeps to the list that it began with, and
  // neither passes anybody over nor reaches one who came meanwhile, whose time is later.
  #list: Subscription<Item>[] = []

  get size(): number {
    return this.#list.length
  }

  /** From here on delivers items to `listener`; items with a place up to `after` are of before its time (R40). */
  add(listener: (item: Item) => unknown, after: number): Unsubscribe {
    const own = new Subscription(listener, after)
    this.#list.push(own)
    return unsubscribe(() => {
      if (!own.open) return
      own.open = false
      this.#list = this.#list.filter((each) => each !== own)
    })
  }

  emit(item: Item, delivery: Delivery): void {
    const { place } = delivery
    for (const { listener, after, open } of this.#list) if (open && place > after) guarded(listener, item, delivery)
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
