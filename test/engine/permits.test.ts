/** Who may start now, on its own: starts and retries in the order in which they became able to run. */
import { expect, it } from 'vitest'
import { Permits } from '../../src/engine/permits.js'
import { Record } from '../../src/engine/record.js'
import { defaultSettings } from '../../src/kernel/settings.js'

const record = (name: string, retrying = false): Record =>
  Object.assign(new Record(name, defaultSettings(), { now: 0, wall: 0 }), { retrying })
const start = (name: string): Record => record(name)
const retry = (name: string): Record => record(name, true)

/** Takes for each in turn; returns the names of those that got what they need. */
const taken = (permits: Permits, ...all: Record[]): string[] =>
  all.filter((each) => permits.take(each)).map(({ name }) => name)

/** All that can go now, in their order. */
function next(permits: Permits): string[] {
  const names: string[] = []
  for (let each = permits.next(); each !== undefined; each = permits.next()) names.push(each.name)
  return names
}

it('R12 as many start as there are permits, the rest in the order in which they asked', () => {
  const permits = new Permits(2, 2)
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(start) as [Record, Record, Record, Record, Record]
  expect(taken(permits, a, b, c, d, e)).toEqual(['a', 'b'])
  expect(next(permits)).toEqual([])
  permits.release(a)
  expect(next(permits)).toEqual(['c'])
  permits.release(b)
  permits.release(c)
  expect(next(permits)).toEqual(['d', 'e'])
})

it('R21 a retry needs both permits, and no more retries are in flight than may be', () => {
  const permits = new Permits(Infinity, 2)
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(retry) as [Record, Record, Record, Record]
  expect(taken(permits, a, b, c, d)).toEqual(['a', 'b'])
  expect(taken(permits, start('e'))).toEqual(['e'])
  permits.release(b)
  expect(next(permits)).toEqual(['c'])
  permits.release(a)
  permits.release(c)
  expect(next(permits)).toEqual(['d'])
})

it('R21 of a start and a retry that wait the one goes first that asked first', () => {
  for (const first of [start, retry]) {
    const permits = new Permits(1, 1)
    const [held, one] = [start('held'), first('one')]
    const two = first === start ? retry('two') : start('two')
    taken(permits, held, one, two)
    permits.release(held)
    expect(next(permits)).toEqual(['one'])
    permits.release(one)
    expect(next(permits)).toEqual(['two'])
    permits.release(two)
    expect(taken(permits, retry('three'))).toEqual(['three'])
  }
})

it('R21 a retry without its permit keeps no start waiting, and a start none of its own', () => {
  const permits = new Permits(2, 1)
  const [held, late] = [retry('held'), retry('late')]
  expect(taken(permits, held, late, start('a'))).toEqual(['held', 'a'])
  const b = start('b')
  expect(taken(permits, b)).toEqual([])
  permits.release(held)
  expect(next(permits)).toEqual(['late'])
  permits.release(late)
  expect(next(permits)).toEqual(['b'])
})

it('R21 one that no longer may is passed over, and may ask again', () => {
  const permits = new Permits(1, 1)
  const [held, gone, after] = [start('held'), start('gone'), start('after')]
  taken(permits, held, gone, after)
  gone.pausing.ticket = 0
  permits.release(held)
  expect(taken(permits, start('new'))).toEqual([])
  expect(next(permits)).toEqual(['after'])
  expect(taken(permits, gone)).toEqual([])
  permits.release(after)
  expect(next(permits)).toEqual(['new'])
})

it('R21 who waits in line waits once, however often it asks', () => {
  const permits = new Permits(1, 1)
  const [held, a, b] = [start('held'), start('a'), start('b')]
  taken(permits, held, a, b)
  expect(taken(permits, a)).toEqual([])
  permits.release(held)
  expect(taken(permits, a)).toEqual([])
  expect(next(permits)).toEqual(['a'])
  permits.release(a)
  expect(next(permits)).toEqual(['b'])
  permits.release(b)
  expect(next(permits)).toEqual([])
})

it('R21 what is given back twice is free once', () => {
  const permits = new Permits(1, 1)
  const [a, b] = [retry('a'), retry('b')]
  for (const each of [b, a]) permits.release(each)
  expect(taken(permits, a)).toEqual(['a'])
  permits.release(a)
  permits.release(a)
  expect(taken(permits, b, start('c'))).toEqual(['b'])
})

it('R46 a line in which nobody waits any more holds nobody', () => {
  const permits = new Permits(1, 1)
  const names = Array.from({ length: 50 }, (_, i) => `s${i}`)
  let holder = start('first')
  taken(permits, holder, ...names.map(start))
  for (const name of names) {
    permits.release(holder)
    holder = permits.next() as Record
    expect(holder.name).toBe(name)
  }
  permits.release(holder)
  expect(taken(permits, start('last'))).toEqual(['last'])
})
