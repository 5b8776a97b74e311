// What any thread reads in the shared table: with no message, no lock, and never half of a change.
// Never writes, but for the flags by which a sleeper asks to be woken.

import { type HealthStatus, KeelsonError, type ServiceState, type StopReason } from '../index.js'
import {
  CELL,
  copyOf,
  FIELD,
  HEAD,
  hashOf,
  healthIn,
  joined,
  MAGIC,
  MAKE,
  RECORD,
  reasonIn,
  stateIn,
  wordsOf,
} from './layout.js'

/** A service as it was at one instant. */
export interface Reading {
  readonly state: ServiceState
  readonly health: HealthStatus
  /** The number of its present or last life; 0 before the first. */
  readonly epoch: number
  /** Number of the retry, from `retrying` until it is active; else 0. */
  readonly attempt: number
  /** When it entered its state, wall-clock, in whole milliseconds. */
  readonly since: number
  /** Number of the event that changed it. */
  readonly seq: number
  /** Why it is down (R9). */
  readonly stopReason?: StopReason | undefined
}

/** Where a service stands in the table, and which one of all that stood there it is. */
export interface Place {
  readonly at: number
  readonly generation: number
}

export class TableReader {
  readonly #buffer: SharedArrayBuffer
  words: Int32Array

  /** @throws `CONFIG_INVALID` for what is no table of this version. */
  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer
    this.words = wordsOf(buffer)
    if (this.words[HEAD.magic] !== MAGIC || this.words[HEAD.make] !== MAKE)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `a shared registry - its table is of make ${this.words[HEAD.make]}, this module reads ${MAKE}; load the same version of keelson in every thread`,
      )
  }

  /** Whether the owner is gone. */
  get closed(): boolean {
    return Atomics.load(this.words, HEAD.closed) !== 0
  }

  /** Says that the owner is gone, to all threads. */
  close(): void {
    Atomics.store(this.words, HEAD.closed, 1)
  }

  get size(): number {
    return Atomics.load(this.words, HEAD.size)
  }

  /** Whether the service of this place is still there. */
  lives({ at, generation }: Place): boolean {
    return Atomics.load(this.words, at + RECORD.generation) === generation
  }

  /** State, health and reason in one word, or `undefined` if the service is gone. */
  now(place: Place): number | undefined {
    const word = Atomics.load(this.words, place.at + RECORD.now)
    return this.lives(place) ? word : undefined
  }

  /** All that the table tells of a service, as it was at one instant; `undefined` if it is gone. */
  read(place: Place): Reading | undefined {
    const { words } = this
    const { at } = place
    for (;;) {
      const word = Atomics.load(words, at + RECORD.now)
      const copy = copyOf(at, word)
      const reading = {
        state: stateIn(word),
        health: healthIn(word),
        epoch: Atomics.load(words, copy + FIELD.epoch),
        attempt: Atomics.load(words, copy + FIELD.attempt),
        since: joined(Atomics.load(words, copy + FIELD.time), Atomics.load(words, copy + FIELD.time + 1)),
        seq: joined(Atomics.load(words, copy + FIELD.seq), Atomics.load(words, copy + FIELD.seq + 1)),
        stopReason: reasonIn(word),
      }
      if (Atomics.load(words, at + RECORD.now) !== word) continue
      return this.lives(place) ? reading : undefined
    }
  }

  /** Where the service of this name stands now. */
  find(name: string): Place | undefined {
    const hash = hashOf(name)
    for (;;) {
      const version = Atomics.load(this.words, HEAD.index)
      const found = this.#probe(name, hash, version & 1)
      // What was read may have been an index that is no more, or what came to stand in its place.
      if (Atomics.load(this.words, HEAD.index) === version) return found
    }
  }

  #probe(name: string, hash: number, which: number): Place | undefined {
    const place = Atomics.load(this.words, HEAD.place + which)
    const mask = Atomics.load(this.words, HEAD.mask + which)
    if (!this.#reach(place + mask + 1)) return undefined
    for (let n = 0; n <= mask; n++) {
      const at = Atomics.load(this.words, place + ((hash + n) & mask))
      if (at === CELL.empty) return undefined
      if (at === CELL.left || at < 0 || !this.#reach(at + RECORD.length)) continue
      const generation = Atomics.load(this.words, at + RECORD.generation)
      if ((generation & 1) === 0 || Atomics.load(this.words, at + RECORD.hash) !== hash) continue
      if (this.#named(at, name) && this.lives({ at, generation })) return { at, generation }
    }
    return undefined
  }

  #named(at: number, name: string): boolean {
    if (Atomics.load(this.words, at + RECORD.units) !== name.length) return false
    const units = this.#unitsOf(at)
    if (units?.length !== name.length) return false
    for (let i = 0; i < name.length; i++) if (Atomics.load(units, i) !== name.charCodeAt(i)) return false
    return true
  }

  #unitsOf(at: number): Uint16Array | undefined {
    const place = Atomics.load(this.words, at + RECORD.name)
    const length = Atomics.load(this.words, at + RECORD.units)
    if (place < 0 || length < 0 || !this.#reach(place + Math.ceil(length / 2))) return undefined
    return new Uint16Array(this.#buffer, place * 4, length)
  }

  /** All names, in the order of registration. */
  names(): string[] {
    for (;;) {
      const version = Atomics.load(this.words, HEAD.directory)
      const which = Atomics.load(this.words, HEAD.index) & 1
      const found = this.#all(Atomics.load(this.words, HEAD.place + which), Atomics.load(this.words, HEAD.mask + which))
      if (Atomics.load(this.words, HEAD.directory) === version)
        return found.sort((a, b) => a.order - b.order).map(({ name }) => name)
    }
  }

  #all(place: number, mask: number): { order: number; name: string }[] {
    const found: { order: number; name: string }[] = []
    if (!this.#reach(place + mask + 1)) return found
    for (let i = 0; i <= mask; i++) {
      const at = Atomics.load(this.words, place + i)
      if (at <= 0 || !this.#reach(at + RECORD.length)) continue
      const units = (Atomics.load(this.words, at + RECORD.generation) & 1) === 1 ? this.#unitsOf(at) : undefined
      if (units === undefined) continue
      let name = ''
      for (let u = 0; u < units.length; u++) name += String.fromCharCode(Atomics.load(units, u))
      found.push({ order: Atomics.load(this.words, at + RECORD.order), name })
    }
    return found
  }

  /** Whether the buffer goes so far; looks anew if it has grown. */
  #reach(end: number): boolean {
    if (end > this.words.length) this.words = wordsOf(this.#buffer)
    return end <= this.words.length
  }
}
