// Random numbers from a seed: small, fast, the same on every machine. Not for anything that must not be guessed.
// Owned by whoever makes it; two of the same seed give the same numbers in the same order.

import type { Choices } from './scenario.js'

/** A sequence of decisions that depends on its seed alone (mulberry32). */
export class Chance implements Choices {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds must not begin alike; seeds above 2^32 count in full.
    this.#state = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 2 ** 32) | 0, 0x85ebca6b)
  }

  /** From 0 inclusive to 1 exclusive. */
  readonly float = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  pick(n: number): number {
    return Math.floor(this.float() * n)
  }

  /** Whether something of this probability happens. */
  is(probability: number): boolean {
    return this.float() < probability
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + this.pick(most - least + 1)
  }

  among<T>(list: readonly T[]): T {
    return list[this.pick(list.length)] as T
  }

  /**
   * The items in some order: each is put where a search among those before it ends that tosses a coin at each comparison.
   * Not every order is equally likely. It is not left to `sort()`, since how often that compares is the host's affair, and
   * on another version of it a seed would mean another scenario.
   */
  shuffled<T>(list: readonly T[]): T[] {
    const all = [...list]
    const [first, second] = all
    if (first === undefined || second === undefined) return all
    const falls = this.is(0.5)
    let run = 2
    while (run < all.length && this.is(0.5) === falls) run++
    const order = falls ? all.slice(0, run).reverse() : all.slice(0, run)
    for (const each of all.slice(run)) {
      let [from, to] = [0, order.length]
      while (from < to) {
        const middle = from + ((to - from) >> 1)
        if (this.is(0.5)) to = middle
        else from = middle + 1
      }
      order.splice(from, 0, each)
    }
    return order
  }

  /** One of the keys, by its weight. */
  weighted<T>(list: readonly (readonly [T, number])[]): T {
    let sum = 0
    for (const each of list) sum += each[1]
    let left = this.float() * sum
    for (const each of list) {
      left -= each[1]
      if (left < 0) return each[0]
    }
    return (list.at(-1) as readonly [T, number])[0]
  }
}
