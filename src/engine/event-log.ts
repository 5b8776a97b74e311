// The one order of all events of an engine: numbers them, keeps the ring, queues them, delivers after the turn (R37-R41).
// Builds no event that nobody listens to, yet counts it. Never calls a listener from where an event is made.

import type { AnyEvent, EventMap, EventsOptions, EventType, Snapshot } from '../events.js'
import { COUNT, check, SIGNAL, THRESHOLD } from '../kernel/validate.js'
import type { Logger, Unsubscribe } from '../service.js'
import { EventStream } from './event-stream.js'
import { isThenable, Subscribers, unsubscribe } from './subscribers.js'

/** What an event says beside what every event says. */
export type EventBody<Type extends EventType> = Omit<EventMap[Type], 'type' | 'seq' | 'timestamp' | 'causedBy'>

/** What the log needs of its engine. */
export interface LogHost {
  readonly logger: Logger
  /** Asks for a turn in which to deliver. */
  wake(): void
  snapshot(): Snapshot
  wall(): number
}

interface Delivery {
  readonly place: number
  readonly deliver: () => void
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
  #queue: Delivery[] = []

  constructor(host: LogHost, length: number) {
    this.#host = host
    this.#length = length
  }

  /** Whether anybody listens to events: if not, none is built. */
  get heard(): boolean {
    return this.#audience > 0
  }

  /** Something waits to be delivered. */
  get waiting(): boolean {
    return this.#queue.length > 0
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
    const event = Object.freeze({
      type,
      seq,
      timestamp: this.#host.wall(),
      ...(causedBy > 0 ? { causedBy } : {}),
      ...body,
    }) as unknown as AnyEvent
    if (this.#length > 0) {
      this.#ring.push(event)
      // Cut seldom, so that the ring costs no copy per event.
      if (this.#ring.length > 2 * this.#length) this.#ring.splice(0, this.#ring.length - this.#length)
    }
    for (const stream of this.#streams) stream.push(event)
    this.#queue.push({
      place: seq,
      deliver: () => this.#subscribers.get(type)?.emit(event, seq, (error) => this.#threw(error, type, seq)),
    })
    this.#host.wake()
  }

  /** Queues an item for the listeners of one service. */
  tell<Item>(listeners: Subscribers<Item>, item: Item, type: EventType): void {
    const place = this.seq
    this.#queue.push({ place, deliver: () => listeners.emit(item, place, (error) => this.#threw(error, type, place)) })
    this.#host.wake()
  }

  /** Queues a call into a service that wants to be told something; what it throws is reported like a listener's. */
  call(told: () => unknown, type: EventType): void {
    const place = this.seq
    this.#queue.push({
      place,
      deliver: () => {
        const onError = (error: unknown): void => this.#threw(error, type, place)
        try {
          const answer = told()
          if (isThenable(answer)) answer.then(undefined, onError)
        } catch (error) {
          onError(error)
        }
      },
    })
    this.#host.wake()
  }

  /** Delivers what is queued, and what is queued meanwhile only in the next turn. Returns how much that was. */
  deliver(): number {
    const queue = this.#queue
    if (queue.length === 0) return 0
    this.#queue = []
    for (const { deliver } of queue) deliver()
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
    const stream: EventStream = new EventStream(buffer, signal, () => {
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

  #threw(error: unknown, event: EventType, cause: number): void {
    this.#host.logger.error(`a listener of '${event}' events threw`, { error })
    if (event !== 'listenerError') this.publish('listenerError', cause, { error, event })
  }
}
