// The owner's side of a service that lives in another thread: an ordinary service whose hooks are messages.
// The engine here decides everything - order, time, retries, the order of disposers; the other thread only does as told.

import {
  type Dependency,
  defineService,
  type FailureClass,
  type HealthStatus,
  KeelsonError,
  type Service,
  type ServiceOptions,
  type StartContext,
  type StateChange,
} from '../index.js'
import type { Link } from './link.js'

/** What a thread says of a service that it registers. */
export interface Lodged {
  /** Its number among all that this thread has registered. */
  readonly key: number
  readonly name: string
  /** What it declares, without functions and without dependencies. */
  readonly options: Omit<ServiceOptions, 'dependsOn' | 'classify'>
  readonly dependencies: readonly Dependency[]
  readonly runs: boolean
  readonly checks: boolean
}

/** A failure on its way from the other thread: what was thrown, and its class if the service has an opinion. */
export interface Failure {
  readonly thrown: unknown
  readonly failure?: FailureClass | undefined
}

export class Lodging {
  readonly service: Service
  readonly key: number
  readonly #link: Link
  readonly #left: () => void
  /** The present or last life's, by its epoch. */
  readonly #contexts = new Map<number, StartContext>()
  /** The class of what was thrown last, by that thread's `classify`. */
  #failure: FailureClass | undefined
  #data: Record<string, unknown> = {}
  /** Why its data did not come, naming the field that cannot cross. */
  fault: string | undefined
  /** The last life that it began; 0 before the first. */
  epoch = 0

  /** `left` is called when it is registered no more. @throws what `defineService` throws. */
  constructor({ key, name, options, dependencies, runs, checks }: Lodged, link: Link, left: () => void) {
    this.key = key
    this.#left = left
    this.#link = link
    const call = (hook: string, ...args: readonly unknown[]): Promise<unknown> => link.call(hook, [key, ...args])
    const late = (): FailureClass | undefined => this.#failure
    this.service = defineService(name, {
      ...options,
      dependsOn: dependencies,
      classify: late,
      start: (context) => {
        const { epoch, signal, own } = context
        this.epoch = epoch
        this.#failure = undefined
        this.#contexts.clear() // no hook of an earlier epoch is in flight any more (R32)
        this.#contexts.set(epoch, context)
        signal.addEventListener('abort', () => this.#abort(epoch, signal.reason), { once: true })
        own(() => void link.tell('over', [key, epoch]))
        return call('start', epoch)
      },
      ...(runs ? { run: ({ epoch }) => call('run', epoch) } : {}),
      stop: ({ epoch, reason, signal }) => {
        if (link.closed) return // there is nothing left to stop
        signal.addEventListener('abort', () => link.tell('hurry', [key, epoch]), { once: true })
        return call('stop', epoch, reason)
      },
      ...(checks
        ? { check: ({ epoch, signal }) => link.call('check', [key, epoch], { signal }) as Promise<HealthStatus> }
        : {}),
      data: () => {
        if (this.fault !== undefined) throw new KeelsonError('SERVICE_INVALID', `service '${name}' - ${this.fault}`)
        return this.#data
      },
    })
  }

  // What the other thread tells

  own(epoch: number, id: number): void {
    const dispose = (): unknown => (this.#link.closed ? undefined : this.#link.call('dispose', [this.key, id]))
    const context = this.#contexts.get(epoch)
    if (context !== undefined) context.own(dispose)
    else Promise.resolve(dispose()).catch(() => {}) // of a life long gone; nobody is there to be told
  }

  status(epoch: number, text: string, detail: string | undefined): void {
    const context = this.#contexts.get(epoch)
    if (detail === undefined) context?.status(text)
    else context?.status(text, detail)
  }

  log(epoch: number, level: 'debug' | 'info' | 'warn' | 'error', message: string, fields: object | undefined): void {
    this.#contexts.get(epoch)?.log[level](message, fields as Record<string, unknown> | undefined)
  }

  fail(epoch: number, { thrown, failure }: Failure): void {
    this.#failure = failure
    this.#contexts.get(epoch)?.fail(thrown)
  }

  failing(failure: FailureClass | undefined): void {
    this.#failure = failure
  }

  data(data: Record<string, unknown> | undefined, fault: string | undefined): void {
    this.#data = data ?? {}
    this.fault = fault
  }

  // What happens here

  /** Resolves when its thread has told its data anew. */
  async refresh(): Promise<void> {
    await this.#link.call('data', [this.key])
  }

  /** Its thread is told what became of it. */
  tell(change: StateChange): void {
    this.#link.tell('told', [this.key, change])
  }

  /** It is registered no more. */
  gone(): void {
    this.#left()
    this.#link.tell('gone', [this.key])
  }

  #abort(epoch: number, reason: unknown): void {
    // A reason that cannot cross is told without it.
    if (!this.#link.tell('abort', [this.key, epoch, reason])) this.#link.tell('abort', [this.key, epoch])
  }

  /** Its thread is gone: whatever life it had has ended. */
  lost(): void {
    for (const { fail } of [...this.#contexts.values()])
      fail(new KeelsonError('CLOSED', `service '${this.service.name}' - the thread that it lived in is gone`))
  }
}
