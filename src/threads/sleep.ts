// Sleeping until a word of the table changes, any number of sleepers at once and one wait per word and thread.
// Owns the protocol with the writer, so that no change is missed and nobody polls.
//
// A sleeper first waits, then raises the flag behind the word, and only then looks. The writer changes the word, then
// looks at the flag. So one of the two always sees the other (Dekker's argument).

import { now } from './ports.js'
import type { TableReader } from './table-reader.js'

const BLOCKED = 100

export class Sleepers {
  readonly #table: TableReader
  /** Holds the thread's event loop while anybody sleeps: a pending wait alone does not. */
  readonly #hold: (sleeps: boolean) => void
  readonly #words = new Map<number, Set<() => void>>()

  constructor(table: TableReader, hold: (sleeps: boolean) => void) {
    this.#table = table
    this.#hold = hold
  }

  /** Calls `look` now and whenever the word may have changed, until the function that it returns is called. */
  watch(word: number, look: () => void): () => void {
    const known = this.#words.get(word)
    const sleepers = known ?? new Set()
    if (known === undefined) {
      if (this.#words.size === 0) this.#hold(true)
      this.#words.set(word, sleepers)
      this.#sleep(word, sleepers)
    } else this.#raise(word)
    sleepers.add(look)
    look()
    return () => {
      if (!sleepers.delete(look) || sleepers.size > 0) return
      this.#words.delete(word)
      if (this.#words.size === 0) this.#hold(false)
      // Nobody waits here any more: the wait itself ends, too. Who sleeps on it in other threads looks and goes on.
      Atomics.notify(this.#table.words, word)
    }
  }

  #sleep(word: number, sleepers: Set<() => void>): void {
    const { words } = this.#table
    const waiting = Atomics.waitAsync(words, word, Atomics.load(words, word))
    this.#raise(word)
    const woken = (): void => {
      if (sleepers.size === 0 || this.#words.get(word) !== sleepers) return
      this.#sleep(word, sleepers)
      for (const look of [...sleepers]) look()
    }
    if (waiting.async) waiting.value.then(woken)
    else Promise.resolve().then(woken)
  }

  #raise(word: number): void {
    Atomics.store(this.#table.words, word + 1, 1)
  }
}

/**
 * Blocks the thread until `look` gives something, the table is closed or the time is over; then `undefined`.
 * It wakes now and then by itself: an owner that died wakes nobody.
 */
export function block<Found>(
  table: TableReader,
  word: () => number,
  look: () => Found | undefined,
  timeout: number,
): Found | undefined {
  const end = now() + timeout
  for (;;) {
    const at = word()
    const { words } = table
    const version = Atomics.load(words, at)
    Atomics.store(words, at + 1, 1)
    const found = look()
    if (found !== undefined) return found
    const left = end - now()
    if (left <= 0 || table.closed) return undefined
    Atomics.wait(words, at, version, Math.min(left, BLOCKED))
  }
}
