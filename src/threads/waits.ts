// Waiting for a service to be something: asleep on the word of the table that changes when the answer may.
// One promise or one blocked thread per call; what is slept on is shared (sleep.ts).

import type { MessagePort } from 'node:worker_threads'
import { KeelsonError } from '../index.js'
import { onAbort } from './aborts.js'
import { HEAD, RECORD } from './layout.js'
import { gone } from './link.js'
import { alarm, guard, here } from './ports.js'
import { block, Sleepers } from './sleep.js'
import type { Place, TableReader } from './table-reader.js'
import { AWAITED, type ServiceView, type WaitCondition } from './view.js'

/** Options of `waitFor`. */
export interface WaitOptions {
  /** Ends the wait, with its reason. */
  readonly signal?: AbortSignal
  /** Bound of the wait, in milliseconds. Default `Infinity`. */
  readonly timeout?: number
}

/** Where services are looked up. */
export interface Lookup {
  /** A service and where it stands, if it is registered. */
  seen(name: string): { readonly view: ServiceView; readonly place: Place } | undefined
  /** Keeps the thread up while anybody sleeps. */
  hold(sleeps: boolean): void
}

export class Waits {
  readonly #table: TableReader
  readonly #lookup: Lookup
  readonly #sleepers: Sleepers
  /** What is told when the owner is gone. */
  readonly #pending = new Set<(why: unknown) => void>()
  /** For the guard of a blocked thread; one is enough. */
  #spare: MessagePort | undefined
  #unguard = (): void => {}

  constructor(table: TableReader, lookup: Lookup, spare: MessagePort | undefined) {
    this.#table = table
    this.#lookup = lookup
    this.#spare = spare
    this.#sleepers = new Sleepers(table, (sleeps) => lookup.hold(sleeps))
  }

  waitFor(name: string, what: WaitCondition, options: WaitOptions): Promise<ServiceView> {
    const subject = `waitFor('${String(name)}')`
    checkOptions(subject, options, ['signal', 'timeout'])
    check(subject, name, what, options)
    const { signal, timeout = Infinity } = options
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise<ServiceView>((resolve, reject) => {
      const ends: (() => void)[] = []
      const end = (): void => {
        this.#pending.delete(refuse)
        for (const each of ends.splice(0)) each()
      }
      const refuse = (why: unknown): void => {
        end()
        reject(why)
      }
      this.#pending.add(refuse)
      if (signal !== undefined) ends.push(onAbort(signal, () => refuse(signal.reason)))
      if (timeout < Infinity) ends.push(alarm(timeout, () => refuse(this.#late(subject, name, what, timeout))))
      const found = (view: ServiceView): void => {
        end()
        resolve(view)
      }
      ends.push(this.#watch(name, what, found, refuse))
    })
  }

  /** Looks now and at every change of the service, or of the directory while it is not there, until it is ended. */
  #watch(
    name: string,
    what: WaitCondition,
    found: (view: ServiceView) => void,
    failed: (why: unknown) => void,
  ): () => void {
    let watched: number | undefined
    let unwatch = (): void => {}
    let over = false
    const end = (): void => {
      over = true
      unwatch()
    }
    const look = (): void => {
      if (over) return
      try {
        const { view, place } = this.#lookup.seen(name) ?? {}
        if (view?.is(what) === true) {
          end()
          return found(view)
        }
        const word = wordOf(place)
        if (word === watched) return
        watched = word
        unwatch()
        unwatch = this.#sleepers.watch(word, look)
        if (over) unwatch() // found while the watch was set up
      } catch (error) {
        end()
        failed(error)
      }
    }
    look()
    return end
  }

  waitForSync(name: string, what: WaitCondition, options: { readonly timeout?: number }): ServiceView {
    const subject = `waitForSync('${String(name)}')`
    checkOptions(subject, options, ['timeout'])
    const { timeout = Infinity } = options
    if (here.isMain)
      throw new KeelsonError('CONFIG_INVALID', `${subject} - would block the main thread; use waitFor() there`)
    check(subject, name, what, { timeout })
    // A blocked thread hears nothing: somebody else must see for it that the owner dies.
    if (this.#spare !== undefined) this.#unguard = guard(this.#spare, this.#table.words, HEAD.closed)
    this.#spare = undefined
    const look = (): ServiceView | undefined => {
      const view = this.#lookup.seen(name)?.view
      return view?.is(what) === true ? view : undefined
    }
    const found = block(this.#table, () => wordOf(this.#lookup.seen(name)?.place), look, timeout)
    if (found !== undefined) return found
    throw this.#table.closed ? gone() : this.#late(subject, name, what, timeout)
  }

  /** The owner is gone. */
  close(): void {
    this.#spare?.close()
    this.#unguard()
    for (const refuse of [...this.#pending]) refuse(gone())
  }

  #late(subject: string, name: string, what: WaitCondition, timeout: number): KeelsonError {
    const view = this.#lookup.seen(name)?.view
    const wanted = typeof what === 'function' ? 'what was asked for' : what
    const is = view === undefined ? 'not registered' : view.state
    return new KeelsonError(
      'DEPENDENCY_TIMEOUT',
      `${subject} - it is ${is}, not ${wanted}, after ${timeout} ms; explain() says why`,
    )
  }
}

const wordOf = (place: Place | undefined): number => (place === undefined ? HEAD.directory : place.at + RECORD.now)

function check(subject: string, name: string, what: WaitCondition, { signal, timeout }: WaitOptions): void {
  if (typeof name !== 'string' || name === '')
    throw new KeelsonError('CONFIG_INVALID', `${subject} - no service has such a name; pass a string that is not empty`)
  if (typeof what !== 'function' && !AWAITED.includes(what))
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: ${String(what)} cannot be waited for; pass a function or one of ${AWAITED.join(', ')}`,
    )
  if (timeout !== undefined && !(typeof timeout === 'number' && timeout > 0))
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: timeout is ${String(timeout)}; pass milliseconds above 0, or Infinity`,
    )
  checkSignal(subject, signal)
}

/** @throws `CONFIG_INVALID` for what are no options, and for one that is not known. */
export function checkOptions(subject: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new KeelsonError('CONFIG_INVALID', `${subject}: options are ${String(options)}; pass an object, or nothing`)
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new KeelsonError('CONFIG_INVALID', `${subject}: ${key} is no option; known are ${known.join(', ')}`)
}

/** @throws `CONFIG_INVALID` for what is no AbortSignal. */
export function checkSignal(subject: string, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return
  throw new KeelsonError('CONFIG_INVALID', `${subject}: signal is ${String(signal)}; pass an AbortSignal`)
}
