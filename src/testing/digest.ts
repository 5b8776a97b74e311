// A rolling hash of everything that a simulation shows: two runs are the same if their digests are.
// Cheap rather than strong: 64 bits in two halves, no object is built, no string is made.

import { type AnyEvent, isKeelsonError } from '../index.js'
import type { Observation } from './observation.js'

/** The digest of a log so far. */
export class Digest {
  #a = 0x811c9dc5
  #b = 0x1b873593

  /** Adds one item; of a snapshot nothing, since the events say the same. */
  see(seen: Observation): void {
    this.#text(seen.kind)
    this.#number(seen.at)
    switch (seen.kind) {
      case 'event':
        return this.#event(seen.event)
      case 'enter':
      case 'leave':
        this.#text(seen.service)
        this.#text(seen.hook)
        this.#number(seen.epoch)
        this.#number(seen.id)
        if (seen.kind === 'leave') this.#number(seen.failed ? 1 : 0)
        return
      case 'call':
        this.#text(seen.call)
        this.#number(seen.id)
        this.#text(seen.target)
        return this.#text(seen.from)
      case 'settled':
        this.#number(seen.id)
        this.#number(seen.rejected ? 1 : 0)
        return this.#error(seen.rejected ? seen.value : undefined)
      case 'abort':
        return this.#number(seen.id)
      case 'fail':
        this.#text(seen.service)
        return this.#number(seen.epoch)
      case 'listens':
        this.#number(seen.listener)
        this.#text(seen.type)
        return this.#number(seen.on ? seen.after : -1)
      case 'heard':
        this.#number(seen.listener)
        return this.#number(seen.sum)
      case 'stall':
        return this.#number(seen.ms)
      default:
    }
  }

  /** 16 hexadecimal digits. */
  toString(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #event(event: AnyEvent): void {
    this.#text(event.type)
    this.#number(event.seq)
    this.#number(event.timestamp)
    this.#number(event.causedBy ?? 0)
    switch (event.type) {
      case 'state':
        this.#text(event.name)
        this.#text(event.oldState)
        this.#text(event.newState)
        this.#text(event.health)
        this.#text(event.reason)
        this.#number(event.epoch)
        this.#number(event.attempt ?? 0)
        return this.#error(event.error)
      case 'health':
        this.#text(event.name)
        this.#text(event.newHealth)
        return this.#error(event.error)
      case 'retry':
        this.#text(event.name)
        this.#number(event.delay)
        return this.#text(event.failure)
      case 'operation':
        this.#text(event.operation)
        this.#text(event.target)
        this.#number(event.id)
        return this.#text(event.outcome)
      case 'warning':
        return this.#text(event.code)
      case 'listenerError':
        return this.#text(event.event)
      default:
        return this.#text(event.name)
    }
  }

  #error(error: unknown): void {
    if (isKeelsonError(error)) this.#text(error.code)
    else this.#number(error === undefined ? 0 : 1)
  }

  #number(value: number): void {
    this.#mix(value | 0)
    this.#mix(Math.floor(value * 1_024) | 0)
  }

  #text(text: string | undefined): void {
    if (text === undefined) return this.#mix(-1)
    let hash = 0x811c9dc5
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    this.#mix(hash)
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193)
    this.#b = Math.imul((this.#b << 13) | (this.#b >>> 19), 5) ^ Math.imul(word ^ this.#a, 0x9e3779b1)
  }
}
