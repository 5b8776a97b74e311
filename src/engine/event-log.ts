// The one order of all events of an engine: numbers them, keeps the ring, queues them, delivers after the turn (R37-R41).
// Builds no event that nobody listens to, yet counts it. Never calls a listener from where an event is made.

import { describe } from '../errors.js'
import type { AnyEvent, EventMap, EventsOptions, EventType, Snapshot } from '../events.js'
import { COUNT, check, SIGNAL, THRESHOLD } from '../kernel/validate.js'
import type { Logger, Unsubscribe } from '../service.js'
import { EventStream } from './event-stream.js'
import { type Delivery, guarded, Subscribers, unsubscribe } from './subscribers.js'

/** What an event says beside what every event says. */
export type EventBody<Type extends EventType> = Omit<EventMap[Type], 'type' | 'seq' | 'timestamp' | 'causedBy'>

/** What is given out read-only, while it is being made. */
export type Writable<Shape> = { -readonly [Field in keyof Shape]: Shape[Field] }

/** What the log needs of its engine. */
export interface LogHost {
  readonly owner: object
  readonly logger: Logger
  /** Asks for a turn in which to deliver. */
  wake(): void
  snapshot(): Snapshot
  wall(): number
}

/** Whoever is told something when the turn is over: listeners, or a service that is called. */
type Audience = Pick<Subscribers<never>, 'emit'> | (() => unknown)

/** Something to be told, of an event or with it. */
class Telling implements Delivery {
  readonly #log: EventLog
  readonly #to: Audience
  readonly #item: unknown
  readonly #type: EventType
  readonly place: number

  constructor(log: EventLog, to: Audience, item: unknown, type: EventType, place: number) {
    this.#log = log
    this.#to = to
    this.#item = item
    this.#type = type
    this.place = place
  }

  deliver(): void {
    const to = this.#to
    if (typeof to === 'function') guarded(to, undefined, this)
    else to.emit(this.#item as never, this)
  }

  threw(error: unknown): void {
    this.#log.threw(error, this.#type, this.place)
  }
}

export class EventLog {
  /** Number of the last event, built or not. */
  seq = 0
  readonly #host: LogHost
  readonly #ring: AnyEvent[] = []
  readonly #length: number
  readonly #subscribers = new Map<EventType, Subscribers<AnyEvent>>()
  readonly #streams = new Set<EventStream>()
  #audience = 0
  #queue: Telling[] = []

  constructor(host: LogHost, length: number) {
    this.#host = host
    this.#length = length
  }

  /** Whether anybody listens to events: if not, none is built. */
  get heard(): boolean {
    return this.#audience > 0
  }

  /** Numbers an event and, if anybody listens, builds and queues it. */
  publish<Type extends EventType>(type: Type, causedBy: number, body: EventBody<Type>): number {
    const seq = this.count()
    if (this.heard) this.record(type, seq, causedBy, body)
    return seq
  }

  /** Numbers an event that is built only if `heard`. */
  count(): number {
    return ++this.seq
  }

  /** Builds and queues an event that has been counted. */
  record<Type extends EventType>(type: Type, seq: number, causedBy: number, body: EventBody<Type>): void {
    const timestamp = this.#host.wall()
    const head = causedBy > 0 ? { type, seq, timestamp, causedBy } : { type, seq, timestamp }
    const event = Object.freeze(Object.assign(head, body)) as unknown as AnyEvent
    if (this.#length > 0) {
      this.#ring.push(event)
      // Cut seldom, so that the ring costs no copy per event.
      if (this.#ring.length > 2 * this.#length) this.#ring.splice(0, this.#ring.length - this.#length)
    }
    for (const stream of this.#streams) stream.push(event)
    const to = this.#subscribers.get(type)
    if (to !== undefined) this.#later(to, event, type, seq)
  }

  /** Queues an item for the listeners of one service. */
  tell<Item>(listeners: Subscribers<Item>, item: Item, type: EventType): void {
    this.#later(listeners, item, type, this.seq)
  }

  /** Queues a call into a service that wants to be told something; what it throws is reported like a listener's. */
  call(told: () => unknown, type: EventType): void {
    this.#later(told, undefined, type, this.seq)
  }

  #later(to: Audience, item: unknown, type: EventType, place: number): void {
    this.#queue.push(new Telling(this, to, item, type, place))
    this.#host.wake()
  }

  /** Delivers what is queued, and what is queued meanwhile only in the next turn. Returns how much that was. */
  deliver(): number {
    const queue = this.#queue
    if (queue.length === 0) return 0
    this.#queue = []
    for (const telling of queue) telling.deliver()
    return queue.length
  }

  on<Type extends EventType>(type: Type, listener: (event: EventMap[Type]) => unknown): Unsubscribe {
    const known = this.#subscribers.get(type)
    const subscribers = known ?? new Subscribers<AnyEvent>()
    if (known === undefined) this.#subscribers.set(type, subscribers)
    const end = subscribers.add(listener as (event: AnyEvent) => unknown, this.seq)
    this.#audience++
    let open = true
    return unsubscribe(() => {
      if (!open) return
      open = false
      end()
      this.#leave()
    })
  }

  stream(options: EventsOptions): EventStream {
    check('events()', '', options, { signal: SIGNAL, since: COUNT, buffer: THRESHOLD })
    const { signal, since, buffer = 1_024 } = options
    const stream: EventStream = new EventStream(this.#host.owner, buffer, signal, () => {
      if (this.#streams.delete(stream)) this.#leave()
    })
    if (signal?.aborted === true) return stream
    this.#replay(since ?? this.seq, stream)
    this.#audience++
    this.#streams.add(stream)
    return stream
  }

  #replay(since: number, stream: EventStream): void {
    const missed = this.seq - since
    if (missed <= 0) return
    const kept = this.#ring.slice(-this.#length || this.#ring.length)
    const from = kept.findIndex(({ seq }) => seq > since)
    // All of them, up to the last: the ring has holes where nobody listened.
    const tail = from < 0 ? [] : kept.slice(from)
    if (tail.length === missed) for (const event of tail) stream.push(event)
    else stream.restart(missed, this.#host.snapshot())
  }

  #leave(): void {
    this.#audience--
    if (this.#audience === 0) this.#ring.length = 0 // what follows is not kept either
  }

  /** What a listener threw surfaces in the log and as an event of its own (R39). */
  threw(error: unknown, event: EventType, cause: number): void {
    this.#host.logger.error(`a listener of '${event}' events threw ${describe(error)}`, { error })
    if (event !== 'listenerError') this.publish('listenerError', cause, { error, event })
  }
}
