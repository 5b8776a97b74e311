/** Origins of events: found by `seq`, however many events there are, and forgotten when they are long past. */
import { expect, it } from 'vitest'
import { type Origin, Origins } from '../../src/observe/origins.js'

const origin = (seq: number): Origin => ({ span: undefined, open: false, seq, wall: 0, now: 0 })

it('an event comes from where the stretch that it belongs to comes from', () => {
  const origins = new Origins()
  const [a, b] = [origin(3), origin(7)]
  origins.note(3, a)
  origins.note(5, a)
  origins.note(7, b)
  origins.note(9, a)
  expect([2, 3, 4, 6, 7, 8, 9, 100].map((seq) => origins.of(seq))).toEqual([undefined, a, a, a, b, b, a, a])
  expect(new Origins().of(1)).toBeUndefined()
})

it('the last thousands of stretches are known, older ones are forgotten, and memory is bounded', () => {
  const origins = new Origins()
  const all = Array.from({ length: 50_000 }, (_, seq) => origin(seq))
  for (const each of all) origins.note(each.seq, each)
  const known = all.filter((each) => origins.of(each.seq) === each)
  expect(known.length).toBeGreaterThanOrEqual(4_096)
  expect(known.length).toBeLessThan(2 * 4_096)
  expect(known).toEqual(all.slice(-known.length))
  expect(origins.of(0)).toBeUndefined()
})
