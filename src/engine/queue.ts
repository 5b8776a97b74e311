// First in, first out, in a store that is used again and again: a turn fills and empties three of these for every service.
// What has been taken is forgotten at once, so that a queue at rest holds on to nobody's service.

/** The places that an empty queue keeps; what a storm needed is given back. */
const KEPT = 4_096

export class Queue<Item> {
  #store: (Item | undefined)[] = []
  #first = 0
  #end = 0

  get size(): number {
    return this.#end - this.#first
  }

  put(item: Item): void {
    this.#store[this.#end++] = item
  }

  /** Takes the first; there must be one. */
  take(): Item {
    const at = this.#first++
    const item = this.#store[at] as Item
    this.#store[at] = undefined
    if (this.#first === this.#end) {
      if (this.#end > KEPT) this.#store = []
      this.#first = this.#end = 0
    } else if (this.#first >= KEPT && this.#first * 2 > this.#end) {
      // One that is never empty moves up now and then, or it would grow for ever.
      this.#store = this.#store.slice(this.#first, this.#end)
      this.#end -= this.#first
      this.#first = 0
    }
    return item
  }
}
