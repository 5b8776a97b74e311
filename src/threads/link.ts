// One MessagePort between two threads, the same on both sides: calls with answers, notices without, streams of items.
// Every call settles once - by its answer, or with `CLOSED` when the other side is gone. Knows nothing of services.

import { setMaxListeners } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import { KeelsonError } from '../index.js'
import { onAbort } from './aborts.js'
import { crossing, type Errors, pack, uncrossable, unpack } from './wire.js'

const KIND = { call: 0, done: 1, failed: 2, aborted: 3, abort: 4, item: 5, more: 6, notice: 7 } as const
type Kind = (typeof KIND)[keyof typeof KIND]
/** Flat, for each list in a list takes its time: of a call also what is called, how many items its caller has room for. */
type Message = readonly [
  kind: Kind,
  id: number | string,
  value?: unknown,
  errors?: Errors | undefined,
  name?: string,
  room?: number,
  abortable?: boolean,
]

/** What an answer is given beside its arguments. */
export interface Asked {
  /** Aborted when the caller gives up or is gone. */
  readonly signal: AbortSignal
  /** Sends an item before the answer, as soon as the caller has room for it; `false` if the caller is gone. */
  send(item: unknown): Promise<boolean>
}

/** How the calls of the other side are answered, by name; what is thrown is the answer, too. */
export type Answers = Readonly<Record<string, (args: readonly unknown[], asked: Asked) => unknown>>

type Items = (item: unknown, more: () => void) => void

/** What a call takes. */
export interface CallWith {
  /** Ends the call: the other side is told, and the call settles when it says so, with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Is given the items that are sent before the answer, and what to call when there is room for another. */
  readonly items?: Items
  /** What the arguments are called, for an error that names the one that cannot cross. */
  readonly names?: readonly string[]
}

interface Pending {
  readonly settle: (how: 'done' | 'failed' | 'aborted', value: unknown) => void
  readonly items: Items | undefined
}

/** A call of the other side that has not been answered. */
class Answering implements Asked {
  /** Its own, if the caller can give up; else the link's, which is dear to make but once. */
  readonly #controller: AbortController | undefined
  readonly signal: AbortSignal
  readonly #send: (item: unknown) => void
  /** How many items the caller has room for. */
  #room: number
  #waiting: ((goesOn: boolean) => void) | undefined
  #over = false

  constructor(room: number, link: AbortSignal | undefined, send: (item: unknown) => void) {
    this.#room = room
    this.#controller = link === undefined ? new AbortController() : undefined
    this.signal = link ?? (this.#controller as AbortController).signal
    this.#send = send
  }

  async send(item: unknown): Promise<boolean> {
    if (this.#room === 0 && !this.#over)
      await new Promise((goOn) => {
        this.#waiting = goOn
      })
    if (this.#over) return false
    this.#room--
    this.#send(item)
    return true
  }

  more(room: number): void {
    this.#room += room
    this.#waiting?.(true)
    this.#waiting = undefined
  }

  abort(reason: unknown): void {
    this.#over = true
    this.#controller?.abort(reason)
    this.#waiting?.(false)
    this.#waiting = undefined
  }
}

/** How many items of a call may be on their way. */
const ROOM = 32

export class Link {
  readonly #port: MessagePort
  readonly #answers: Answers
  readonly #ended: () => void
  readonly #pending = new Map<number, Pending>()
  readonly #answering = new Map<number, Answering>()
  /** Aborted when the other side is gone. */
  readonly #over = new AbortController()
  #id = 0
  #holds = 0
  #closed = false

  /** `ended` is called once, when the other side is gone or `close` was called. */
  constructor(port: MessagePort, answers: Answers, ended: () => void) {
    this.#port = port
    this.#answers = answers
    this.#ended = ended
    setMaxListeners(0, this.#over.signal) // one for each call in flight
    port.on('message', (message: Message) => this.#receive(message))
    port.on('messageerror', () => this.close())
    port.on('close', () => this.#end())
    port.unref()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Keeps this thread's event loop alive until `release` was called as often. */
  hold(): void {
    if (this.#holds++ === 0 && !this.#closed) this.#port.ref()
  }

  release(): void {
    if (--this.#holds === 0 && !this.#closed) this.#port.unref()
  }

  /**
   * Asks the other side. Throws what the other side threw; the signal's reason; `CLOSED` when the other side is gone.
   * @throws `CONFIG_INVALID` naming the field of an argument that cannot cross.
   */
  call(name: string, args: readonly unknown[], { signal, items, names = [] }: CallWith = {}): Promise<unknown> {
    if (this.#closed) return Promise.reject(gone())
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    const id = ++this.#id
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#post([KIND.abort, id])
      this.#pending.set(id, {
        items,
        settle: (how, value) => {
          this.#pending.delete(id)
          unabort?.()
          this.release()
          if (how === 'done') resolve(value)
          else reject(how === 'aborted' && signal?.aborted === true ? signal.reason : value)
        },
      })
      this.hold()
      const unabort = signal && onAbort(signal, abort)
      try {
        const [plain, errors] = pack(args)
        this.#post([KIND.call, id, plain, errors, name, items === undefined ? 0 : ROOM, signal !== undefined])
      } catch (error) {
        const why = args.map((arg, i) => uncrossable(arg, names[i] ?? `argument ${i + 1}`)).find((found) => found)
        const told =
          why === undefined ? error : new KeelsonError('CONFIG_INVALID', `${name}(): ${why}`, { cause: error })
        this.#pending.get(id)?.settle('failed', told)
      }
    })
  }

  /** Tells the other side something; what cannot cross is left out. Returns whether it went. */
  tell(name: string, args: readonly unknown[]): boolean {
    try {
      this.#send(KIND.notice, name, args)
      return true
    } catch {
      return false
    }
  }

  /** Ends it, on both sides. */
  close(): void {
    this.#port.close()
    this.#end()
  }

  #end(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { settle } of [...this.#pending.values()]) settle('failed', gone())
    for (const answering of [...this.#answering.values()]) answering.abort(gone())
    this.#over.abort(gone())
    this.#answering.clear()
    this.#ended()
  }

  #receive([kind, id, value, errors, name = '', room = 0, abortable = false]: Message): void {
    if (this.#closed) return
    if (kind === KIND.notice) {
      try {
        this.#answers[id]?.(unpack(value, errors) as unknown[], new Answering(0, this.#over.signal, () => {}))
      } catch {} // nobody there can be told, and nobody here is to blame
      return
    }
    const number = id as number
    if (kind === KIND.call) this.#answer(number, unpack(value, errors) as unknown[], name, room, abortable)
    else if (kind === KIND.abort) this.#answering.get(number)?.abort(ABORTED)
    else if (kind === KIND.more) this.#answering.get(number)?.more(value as number)
    else {
      const pending = this.#pending.get(number)
      if (kind === KIND.item) pending?.items?.(unpack(value, errors), () => this.#post([KIND.more, number, 1]))
      else
        pending?.settle(
          kind === KIND.done ? 'done' : kind === KIND.failed ? 'failed' : 'aborted',
          unpack(value, errors),
        )
    }
  }

  #answer(id: number, args: readonly unknown[], name: string, room: number, abortable: boolean): void {
    const answering = new Answering(room, abortable ? undefined : this.#over.signal, (item) =>
      this.#send(KIND.item, id, item),
    )
    this.#answering.set(id, answering)
    let answer: unknown
    try {
      answer = this.#answers[name]?.(args, answering)
    } catch (error) {
      this.#failed(id, error)
      return
    }
    if (!(answer instanceof Promise)) this.#done(id, answer)
    else
      answer.then(
        (value) => this.#done(id, value),
        (error) => this.#failed(id, error),
      )
  }

  #done(id: number, value: unknown): void {
    if (!this.#answering.delete(id)) return
    try {
      this.#send(KIND.done, id, value)
    } catch (error) {
      const why = uncrossable(value, 'the answer')
      this.#send(
        KIND.failed,
        id,
        why === undefined ? error : new KeelsonError('SERVICE_INVALID', why, { cause: error }),
      )
    }
  }

  #failed(id: number, error: unknown): void {
    if (!this.#answering.delete(id)) return
    if (error === ABORTED) this.#post([KIND.aborted, id])
    else this.#send(KIND.failed, id, crossing(error))
  }

  #send(kind: Kind, id: number | string, value: unknown): void {
    const [plain, errors] = pack(value)
    this.#post(errors === undefined ? [kind, id, plain] : [kind, id, plain, errors])
  }

  #post(message: Message): void {
    if (!this.#closed) this.#port.postMessage(message)
  }
}

const ABORTED: unique symbol = Symbol('aborted')

/** What whoever still waits is told when the other side is gone. */
export function gone(): KeelsonError {
  return new KeelsonError(
    'CLOSED',
    'the shared registry - is closed, or the thread at its other end is gone; attach to another one',
  )
}
