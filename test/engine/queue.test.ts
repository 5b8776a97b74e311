/** The queue of a turn: what it gives back, and what it holds on to. */
import { describe, expect, it } from 'vitest'
import { Queue } from '../../src/engine/queue.js'

describe('a queue', () => {
  it('gives back in the order in which it was given, however often it was empty meanwhile', () => {
    const queue = new Queue<number>()
    const taken: number[] = []
    let next = 0
    for (const round of [1, 5, 3, 9_000, 2, 20_000, 1]) {
      for (let i = 0; i < round; i++) queue.put(next++)
      for (let i = 0; i < round - 1; i++) taken.push(queue.take())
    }
    expect(queue.size).toBe(7)
    while (queue.size > 0) taken.push(queue.take())
    expect(taken).toEqual(Array.from({ length: next }, (_, i) => i))
  })

  it('one that is never empty keeps its order, too', () => {
    const queue = new Queue<number>()
    for (let i = 0; i < 3; i++) queue.put(i)
    const taken: number[] = []
    for (let i = 3; i < 50_000; i++) {
      queue.put(i)
      taken.push(queue.take())
    }
    expect([taken, queue.size]).toEqual([Array.from({ length: 49_997 }, (_, i) => i), 3])
  })
})
