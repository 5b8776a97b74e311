// The timers of a virtual clock, in the order in which they fire: by due time, then by insertion.
// A binary heap in which each timer knows its place, so that adding, removing and taking the next cost O(log n).
// Owned by VirtualClock; it knows no time of its own and calls nobody.

/** One timer: its handle, too. */
export class Timer {
  readonly due: number
  readonly order: number
  readonly callback: () => void
  /** Its index in the heap; -1 when it is in none. */
  place = -1

  constructor(due: number, order: number, callback: () => void) {
    this.due = due
    this.order = order
    this.callback = callback
  }
}

const isBefore = (a: Timer, b: Timer): boolean => a.due < b.due || (a.due === b.due && a.order < b.order)

/** Timers in firing order. */
export class TimerQueue {
  readonly #heap: Timer[] = []

  get size(): number {
    return this.#heap.length
  }

  /** The timer that fires next, still in the queue. */
  get first(): Timer | undefined {
    return this.#heap[0]
  }

  /** The timers that are due together with the first one, in order of insertion; still in the queue. */
  get firsts(): Timer[] {
    const heap = this.#heap
    const found: Timer[] = heap.slice(0, 1)
    // In the heap each of them hangs below another one.
    for (const { due, place } of found) {
      const left = heap[2 * place + 1]
      const right = heap[2 * place + 2]
      if (left?.due === due) found.push(left)
      if (right?.due === due) found.push(right)
    }
    return found.sort((a, b) => a.order - b.order)
  }

  add(timer: Timer): void {
    this.#up(timer, this.#heap.length)
  }

  /** Takes a timer out, wherever it stands; one that is not in the queue is left alone. */
  remove(timer: Timer): void {
    const place = timer.place
    if (this.#heap[place] !== timer) return
    timer.place = -1
    const last = this.#heap.pop()!
    if (last === timer) return
    this.#down(last, place)
    this.#up(last, last.place)
  }

  #up(timer: Timer, from: number): void {
    const heap = this.#heap
    let place = from
    while (place > 0) {
      const parent = heap[(place - 1) >> 1]!
      if (!isBefore(timer, parent)) break
      const above = parent.place
      this.#put(parent, place)
      place = above
    }
    this.#put(timer, place)
  }

  #down(timer: Timer, from: number): void {
    const heap = this.#heap
    let place = from
    for (;;) {
      const left = heap[2 * place + 1]
      const right = heap[2 * place + 2]
      const child = left && right && isBefore(right, left) ? right : left
      if (!child || !isBefore(child, timer)) break
      const below = child.place
      this.#put(child, place)
      place = below
    }
    this.#put(timer, place)
  }

  #put(timer: Timer, place: number): void {
    this.#heap[place] = timer
    timer.place = place
  }
}
