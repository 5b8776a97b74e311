// The owner's side of the shared table: the only writer of records, names and index.
// Never moves what is being read; gives back what is no longer used. Knows no threads and no messages.

import { KeelsonError, type Observed } from '../index.js'
import { CELL, changed, copyOf, FIELD, HEAD, hashOf, high, low, MAGIC, MAKE, RECORD, wordsOf } from './layout.js'

const FIRST = 64 * 1024
/** Address space, not memory: what is not used costs nothing. Some seven million services. */
const MOST = 2 ** 30
const LAST_GENERATION = 2 ** 31 - 3

const NOTHING = {
  state: 'unknown',
  health: 'unknown',
  stopReason: undefined,
  epoch: 0,
  attempt: 0,
  since: 0,
  seq: 0,
} as const

/** What the table tells of a service. */
export type Entry = Omit<Observed, 'registered'>

export class TableWriter {
  readonly buffer: SharedArrayBuffer
  #words: Int32Array
  /** The first word that was never used. */
  #end: number = HEAD.length
  /** Areas that are free again, by their length. */
  readonly #free = new Map<number, number[]>()
  readonly #places = new Map<string, number>()
  #order = 0
  /** Cells of the index that are not empty, and how many there are. */
  #used = 0
  #cells = 64

  constructor() {
    this.buffer = new SharedArrayBuffer(FIRST, { maxByteLength: MOST })
    this.#words = wordsOf(this.buffer)
    const place = this.#take(this.#cells)
    this.#set(HEAD.place, place)
    this.#set(HEAD.mask, this.#cells - 1)
    this.#set(HEAD.make, MAKE)
    this.#set(HEAD.magic, MAGIC)
  }

  /** Enters a name. */
  add(entry: Entry): void {
    const { name } = entry
    const at = this.#take(RECORD.length)
    const generation = this.#get(at + RECORD.generation)
    const hash = hashOf(name)
    this.#write(at + RECORD.name, name)
    this.#set(at + RECORD.hash, hash)
    this.#set(at + RECORD.order, ++this.#order)
    this.#fill(at, entry)
    this.#set(at + RECORD.generation, generation + 1)
    this.#places.set(name, at)
    this.#enter(at, hash)
    this.#listed()
  }

  /** Strikes a name out; whoever still looks at it finds that it is gone. */
  remove(name: string): void {
    const at = this.#places.get(name)
    if (at === undefined) return
    this.#places.delete(name)
    const generation = this.#get(at + RECORD.generation) + 1
    this.#set(at + RECORD.generation, generation)
    this.#set(this.#cellOf(at), CELL.left)
    this.#fill(at, NOTHING)
    this.#give(this.#get(at + RECORD.name), room(this.#get(at + RECORD.units)))
    if (generation < LAST_GENERATION) this.#give(at, RECORD.length)
    this.#listed()
  }

  /** Tells what a service is now; returns whether its name stands in it. */
  update(entry: Entry): boolean {
    const at = this.#places.get(entry.name)
    if (at !== undefined) this.#fill(at, entry)
    return at !== undefined
  }

  /** From now on whoever waits is told that nobody will write here any more. */
  close(): void {
    this.#set(HEAD.closed, 1)
    for (const at of this.#places.values()) Atomics.notify(this.#words, at + RECORD.now)
    Atomics.notify(this.#words, HEAD.directory)
  }

  #fill(at: number, { state, health, stopReason, epoch, attempt, since, seq }: Omit<Entry, 'name'>): void {
    const next = changed(this.#get(at + RECORD.now), state, health, stopReason)
    const to = copyOf(at, next)
    this.#set(to + FIELD.epoch, epoch)
    this.#set(to + FIELD.attempt, attempt)
    this.#set(to + FIELD.time, low(since))
    this.#set(to + FIELD.time + 1, high(since))
    this.#set(to + FIELD.seq, low(seq))
    this.#set(to + FIELD.seq + 1, high(seq))
    this.#set(at + RECORD.now, next)
    this.#wake(at + RECORD.now)
  }

  /** Wakes who sleeps on a word; their flag stands behind it. */
  #wake(word: number): void {
    const words = this.#words
    if (Atomics.load(words, word + 1) === 0) return
    Atomics.store(words, word + 1, 0)
    Atomics.notify(words, word)
  }

  #listed(): void {
    this.#set(HEAD.size, this.#places.size)
    Atomics.add(this.#words, HEAD.directory, 1)
    this.#wake(HEAD.directory)
  }

  // Index

  #enter(at: number, hash: number): void {
    if (this.#used * 2 >= this.#cells) return this.#rebuild()
    const version = this.#get(HEAD.index) & 1
    if (this.#put(this.#get(HEAD.place + version), this.#get(HEAD.mask + version), at, hash)) this.#used++
  }

  /** Puts a record into the first cell that is free; returns whether that was one never used. */
  #put(place: number, mask: number, at: number, hash: number): boolean {
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const cell = this.#get(place + i)
      if (cell > 0) continue
      this.#set(place + i, at)
      return cell === CELL.empty
    }
  }

  #cellOf(at: number): number {
    const version = this.#get(HEAD.index) & 1
    const place = this.#get(HEAD.place + version)
    const mask = this.#get(HEAD.mask + version)
    let i = this.#get(at + RECORD.hash) & mask
    while (this.#get(place + i) !== at) i = (i + 1) & mask
    return place + i
  }

  /** Makes another index beside the one that is being read, and then puts it in its place. */
  #rebuild(): void {
    const version = this.#get(HEAD.index)
    const old = { place: this.#get(HEAD.place + (version & 1)), cells: this.#cells }
    while (this.#cells < this.#places.size * 4) this.#cells *= 2
    const place = this.#take(this.#cells)
    for (let i = 0; i < this.#cells; i++) this.#set(place + i, CELL.empty)
    for (const at of this.#places.values()) this.#put(place, this.#cells - 1, at, this.#get(at + RECORD.hash))
    this.#used = this.#places.size
    const next = (version + 1) & 1
    this.#set(HEAD.place + next, place)
    this.#set(HEAD.mask + next, this.#cells - 1)
    this.#set(HEAD.index, version + 1)
    this.#give(old.place, old.cells)
  }

  // Room

  #write(at: number, name: string): void {
    const place = this.#take(room(name.length))
    const units = new Uint16Array(this.buffer, place * 4, name.length)
    for (let i = 0; i < name.length; i++) Atomics.store(units, i, name.charCodeAt(i))
    this.#set(at, place)
    this.#set(at + 1, name.length)
  }

  /** So many words, used before or not. */
  #take(length: number): number {
    const used = this.#free.get(length)?.pop()
    if (used !== undefined) return used
    const at = this.#end
    const end = at + length
    if (end * 4 > MOST)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `a shared registry - ${this.#places.size} services are more than it holds`,
      )
    if (end > this.#words.length) {
      this.buffer.grow(Math.min(Math.max(end * 4, this.buffer.byteLength * 2), MOST))
      this.#words = wordsOf(this.buffer)
    }
    this.#end = end
    return at
  }

  #give(at: number, length: number): void {
    const same = this.#free.get(length)
    if (same === undefined) this.#free.set(length, [at])
    else same.push(at)
  }

  // Of words that nobody else writes: the flags are not for these two. An atomic access takes many times as long as a
  // plain one; what this thread has written itself it may read plainly, and most of what it writes stands there already.

  #get(at: number): number {
    return this.#words[at] as number
  }

  #set(at: number, value: number): void {
    if (this.#words[at] !== value) Atomics.store(this.#words, at, value)
  }
}

/**
 * Words for a name: powers of two, so that what one leaves another can use. Never as long as a record, whose words must
 * stay what they are while it is free: by them a reader sees that it is late.
 */
function room(units: number): number {
  let words = 4
  while (words * 2 < units) words *= 2
  return words
}
