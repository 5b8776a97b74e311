// All deadlines of an engine in one structure with one host timer (R27, R46): timeouts, backoffs, delays, checks.
// A heap of whole milliseconds; what falls due in the same one shares an entry. Knows nothing of what is due.
// Each user of it is its own entry, so that arming and disarming allocate nothing.

import { type Clock, keepAlive, LONGEST_TIMEOUT } from './ports.js'

/** Something with one deadline. `bucket` and `slot` belong to {@link Deadlines}. */
export interface Timed {
  bucket: Bucket | undefined
  slot: number
  /** Called once when the deadline has passed; may arm again. */
  due(host: DueHost): void
}

/** Who is told by those that cannot keep whom to tell: a service has no room for it. */
export interface DueHost {
  due(item: Timed): void
}

/** All that falls due in one millisecond. */
export interface Bucket {
  readonly at: number
  readonly items: Timed[]
}

export class Deadlines {
  readonly #clock: Clock
  readonly #host: DueHost
  readonly #onDue: () => void
  readonly #buckets = new Map<number, Bucket>()
  readonly #heap: Bucket[] = []
  #count = 0
  #handle: unknown
  #armedFor = Infinity
  #awake = 0
  #held = 0
  #firing = false

  /** `onDue` is called once after everything that fell due together has been told. */
  constructor(clock: Clock, host: DueHost, onDue: () => void) {
    this.#host = host
    this.#clock = clock
    this.#onDue = onDue
  }

  /** Sets the deadline of `item`, in place of the one it had; `Infinity` is none. */
  arm(item: Timed, at: number): void {
    const due = Math.ceil(at)
    if (item.bucket !== undefined) {
      if (item.bucket.at === due) return
      this.disarm(item)
    }
    if (due === Infinity) return
    let bucket = this.#buckets.get(due)
    if (bucket === undefined) {
      bucket = { at: due, items: [] }
      this.#buckets.set(due, bucket)
      push(this.#heap, bucket)
    }
    item.bucket = bucket
    item.slot = bucket.items.length
    bucket.items.push(item)
    this.#count++
    if (due < this.#armedFor && !this.#firing) this.#set(due)
  }

  /** Takes the deadline of `item` back; does nothing if it has none. */
  disarm(item: Timed): void {
    const { bucket, slot } = item
    if (bucket === undefined) return
    item.bucket = undefined
    const last = bucket.items.pop() as Timed
    if (last !== item) {
      bucket.items[slot] = last
      last.slot = slot
    }
    if (--this.#count === 0 && !this.#firing) this.#rest()
  }

  /** While held more often than released, the process stays alive, timer or not (R35). */
  hold(): void {
    this.#held++
    if (this.#armedFor === Infinity) this.#set(this.#clock.now() + LONGEST_TIMEOUT)
    this.awake(1)
  }

  release(): void {
    this.#held--
    this.awake(-1)
    if (this.#count === 0) this.#rest()
  }

  /** Counts who keeps the process alive as long as a timer is armed: pending operations (R46). */
  awake(by: 1 | -1): void {
    this.#awake += by
    if (this.#handle !== undefined && this.#awake === (by === 1 ? 1 : 0)) keepAlive(this.#handle, by === 1)
  }

  /** Nothing is armed: no host timer either, and no empty entries. */
  #rest(): void {
    this.#heap.length = 0
    this.#buckets.clear()
    if (this.#held > 0) this.#set(this.#clock.now() + LONGEST_TIMEOUT)
    else this.#clear()
  }

  #clear(): void {
    if (this.#handle !== undefined) this.#clock.clearTimeout(this.#handle)
    this.#handle = undefined
    this.#armedFor = Infinity
  }

  #set(at: number): void {
    this.#clear()
    this.#armedFor = at
    // Above the limit of a host timer the wait is cut, and `#fire` finds nothing due yet.
    this.#handle = this.#clock.setTimeout(
      this.#fire,
      Math.min(LONGEST_TIMEOUT, Math.max(0, Math.ceil(at - this.#clock.now()))),
    )
    if (this.#awake === 0) keepAlive(this.#handle, false)
  }

  readonly #fire = (): void => {
    this.#handle = undefined
    this.#armedFor = Infinity
    const now = this.#clock.now()
    let told = false
    this.#firing = true
    while (this.#heap.length > 0) {
      const bucket = this.#heap[0] as Bucket
      if (bucket.at > now && bucket.items.length > 0) break
      pop(this.#heap)
      this.#buckets.delete(bucket.at)
      for (let item = bucket.items.pop(); item !== undefined; item = bucket.items.pop()) {
        item.bucket = undefined
        this.#count--
        told = true
        item.due(this.#host)
      }
    }
    this.#firing = false
    if (this.#count === 0) this.#rest()
    else this.#set((this.#heap[0] as Bucket).at)
    if (told) this.#onDue()
  }
}

function push(heap: Bucket[], bucket: Bucket): void {
  let i = heap.length
  heap.push(bucket)
  while (i > 0) {
    const parent = (i - 1) >> 1
    const above = heap[parent] as Bucket
    if (above.at <= bucket.at) break
    heap[i] = above
    i = parent
  }
  heap[i] = bucket
}

function pop(heap: Bucket[]): void {
  const last = heap.pop() as Bucket
  if (heap.length === 0) return
  let i = 0
  for (;;) {
    let child = 2 * i + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && (heap[child + 1] as Bucket).at < (heap[child] as Bucket).at) child++
    const below = heap[child] as Bucket
    if (below.at >= last.at) break
    heap[i] = below
    i = child
  }
  heap[i] = last
}
