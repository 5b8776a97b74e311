/** What a seed means is the seed's affair alone: not of the host, nor of its version. */
import { afterEach, expect, it, vi } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { generate } from '../../src/testing/generate.js'

afterEach(() => {
  vi.restoreAllMocks()
})

it('R44 a seed gives the same scenario however the host sorts', () => {
  const all = (): string[] => Array.from({ length: 60 }, (_, seed) => JSON.stringify(generate(seed)))
  const before = all()
  // A sort as good as any other, with other comparisons: it takes the least of the rest, again and again.
  vi.spyOn(Array.prototype, 'sort').mockImplementation(function (this: unknown[], compare = () => 0) {
    for (let i = 0; i < this.length; i++)
      for (let k = i + 1; k < this.length; k++)
        if (compare(this[k], this[i]) < 0) [this[i], this[k]] = [this[k], this[i]]
    return this
  })
  expect(all()).toEqual(before)
})

it('a shuffled list has the same items, in an order of the seed, and the list is left as it was', () => {
  const list = ['a', 'b', 'c', 'd', 'e']
  const orders = new Set<string>()
  for (let seed = 0; seed < 100; seed++) {
    const order = new Chance(seed).shuffled(list)
    expect(new Chance(seed).shuffled(list)).toEqual(order)
    expect([...order].sort()).toEqual(list)
    orders.add(order.join(''))
  }
  expect(list).toEqual(['a', 'b', 'c', 'd', 'e'])
  expect(orders.size).toBeGreaterThan(20)
  expect(new Chance(1).shuffled(['a'])).toEqual(['a'])
})
