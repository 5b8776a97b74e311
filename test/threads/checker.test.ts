/** The checker of histories itself: histories of the literature, and what trying every order says of random ones. */
import { describe, expect, it } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { anyOf, linearize, type Model, type Operation, partition, tell } from '../support/linearizable.js'

/** A first-in first-out queue of letters: `enq` gives `ok`, `deq` a letter or `empty`. */
interface OnQueue {
  readonly enq?: string
}
const queue: Model<string, OnQueue, string> = {
  init: '',
  step: (letters, { enq }, output) => {
    if (enq !== undefined) return letters + enq
    if (letters === '') return output === undefined || output === 'empty' ? letters : undefined
    return output === undefined || output === letters[0] ? letters.slice(1) : undefined
  },
  key: (letters) => letters,
}

/** One cell: `write`, `read`, and `swap` if it holds what is expected. */
interface OnCell {
  readonly kind: 'read' | 'write' | 'swap'
  readonly expected?: number
  readonly value?: number
}
const answer = (
  cell: number,
  { kind, expected, value = 0 }: OnCell,
): { readonly cell: number; readonly gives: string } => {
  if (kind === 'read') return { cell, gives: String(cell) }
  if (kind === 'write') return { cell: value, gives: 'ok' }
  return cell === expected ? { cell: value, gives: 'swapped' } : { cell, gives: 'kept' }
}
const cell: Model<number, OnCell, string> = {
  init: 0,
  step: (value, input, output) => {
    const { cell: next, gives } = answer(value, input)
    return output === undefined || output === gives ? next : undefined
  },
  key: String,
  looks: ({ kind }, output) => kind === 'read' || output === 'kept',
}

/** Reads `A enq(x) | B deq | B ok(y)` …: a call, or the return of the call of that client. */
function history(text: string): Operation<OnQueue, string>[] {
  const made: { client: number; input: OnQueue; output: string | undefined; call: number; end: number }[] = []
  for (const [time, item] of text.split(' | ').entries()) {
    const [, client = '', what, argument] = /^(\w) (\w+)(?:\((\w+)\))?$/.exec(item) ?? []
    const open = made.find((each) => each.client === client.charCodeAt(0) && each.end === Infinity)
    if (what === 'ok') Object.assign(open!, { end: time, output: argument ?? 'ok' })
    else {
      const input = what === 'enq' ? { enq: argument! } : {}
      made.push({ client: client.charCodeAt(0), input, output: undefined, call: time, end: Infinity })
    }
  }
  return made
}

/** Tries every order, remembering nothing: slow, and plainly right. */
function isExplained<S, I, O>({ init, step }: Model<S, I, O>, all: readonly Operation<I, O>[]): boolean {
  const from = (state: S, rest: readonly Operation<I, O>[]): boolean =>
    rest.every(({ end }) => end === Infinity) ||
    rest.some((next) => {
      if (rest.some(({ end }) => end < next.call)) return false
      if (next.after !== undefined && rest.includes(next.after)) return false
      const state2 = step(state, next.input, next.output)
      return (
        state2 !== undefined &&
        from(
          state2,
          rest.filter((each) => each !== next),
        )
      )
    })
  return from(init, all)
}

/** What clients of a cell that is atomic would have recorded: each operation happens at an instant of its span. */
function recorded(chance: Chance, clients: number, each: number): Operation<OnCell, string>[] {
  const spans: { client: number; call: number; at: number; end: number }[] = []
  for (let client = 0; client < clients; client++) {
    let time = chance.float()
    for (let i = 0; i < each; i++) {
      const call = time + chance.float()
      const at = call + 2 * chance.float()
      time = at + 2 * chance.float()
      spans.push({ client, call, at, end: time })
    }
  }
  let value = 0
  return spans
    .sort((a, b) => a.at - b.at)
    .map(({ client, call, end }) => {
      const input: OnCell = {
        kind: chance.among(['read', 'write', 'swap'] as const),
        expected: chance.pick(3),
        value: chance.pick(3),
      }
      const { cell: next, gives } = answer(value, input)
      // One in ten never returns; half of these never happened.
      const isLost = chance.is(0.1)
      if (!isLost || chance.is(0.5)) value = next
      return { client, input, call, output: isLost ? undefined : gives, end: isLost ? Infinity : end }
    })
}

const replays = <S, I, O>({ init, step }: Model<S, I, O>, order: readonly Operation<I, O>[]): boolean => {
  let state: S | undefined = init
  for (const { input, output } of order) if (state !== undefined) state = step(state, input, output)
  return state !== undefined
}

describe('the checker of histories', () => {
  it.each([
    ['H1', true, 'A enq(x) | B enq(y) | B ok | A ok | B deq | B ok(x) | A deq | A ok(y) | A enq(z)'],
    ['H2', false, 'A enq(x) | A ok | B enq(y) | A deq | B ok | A ok(y)'],
    ['H3', true, 'A enq(x) | B deq | B ok(x)'],
    ['H4', false, 'A enq(x) | B enq(y) | A ok | B ok | A deq | C deq | A ok(y) | C ok(y)'],
  ])('says of the queue history %s of Herlihy and Wing (1990, figure 1) what they say: %s', (_, linearizable, text) => {
    const verdict = linearize(queue, history(text))
    expect(verdict.linearizable).toBe(linearizable)
    expect(verdict.stuck === undefined).toBe(linearizable)
  })

  it('refuses a read of the old value after a read of the new one, both during the write (a register that is regular)', () => {
    const read = (call: number, output: string): Operation<OnCell, string> => ({
      client: 1,
      input: { kind: 'read' },
      output,
      call,
      end: call + 1,
    })
    const write: Operation<OnCell, string> = {
      client: 0,
      input: { kind: 'write', value: 1 },
      output: 'ok',
      call: 0,
      end: 9,
    }
    expect(linearize(cell, [write, read(1, '0'), read(3, '1')]).linearizable).toBe(true)
    const inverted = [write, read(1, '1'), read(3, '0')]
    const verdict = linearize(cell, inverted)
    expect(verdict.linearizable).toBe(false)
    expect(tell(inverted, verdict).split('\n')).toEqual([
      'no order explains this; the longest beginning of one is numbered, X could not be placed:',
      '  1. 0-9          #0 {"kind":"write","value":1} → "ok"',
      '  2. 1-2          #1 {"kind":"read"} → "1"',
      '   X 3-4          #1 {"kind":"read"} → "0"',
    ])
  })

  it('lets an operation that never returned take effect at any time after its call, or not at all, never before', () => {
    const pending: Operation<OnCell, string> = {
      client: 0,
      input: { kind: 'write', value: 7 },
      output: undefined,
      call: 2,
      end: Infinity,
    }
    const read = (call: number, output: string): Operation<OnCell, string> => ({
      ...pending,
      input: { kind: 'read' },
      call,
      end: call,
      output,
    })
    expect(linearize(cell, [pending, read(3, '0'), read(50, '7')]).linearizable).toBe(true)
    expect(linearize(cell, [pending, read(3, '0'), read(50, '0')]).linearizable).toBe(true)
    expect(linearize(cell, [pending, read(3, '7'), read(50, '0')]).linearizable).toBe(false)
    expect(linearize(cell, [pending, read(1, '7')]).linearizable).toBe(false)
  })

  it('places an operation after the one that it says it follows, though their spans would allow the opposite', () => {
    const write = (value: number): Operation<OnCell, string> => ({
      client: 0,
      input: { kind: 'write', value },
      output: 'ok',
      call: 0,
      end: 5,
    })
    const [one, two] = [write(1), write(2)]
    const last: Operation<OnCell, string> = { client: 1, input: { kind: 'read' }, output: '1', call: 6, end: 7 }
    expect(linearize(cell, [one, two, last]).linearizable).toBe(true)
    expect(linearize(cell, [one, { ...two, after: one }, last]).linearizable).toBe(false)
  })

  it('follows a model that moves by itself through all that it can be', () => {
    // A lamp: switched on it may go out at any time, and never comes on by itself.
    const lamp = anyOf<boolean, 'switch' | 'look', boolean>({
      init: false,
      step: (on, input, output) => (input === 'switch' ? [true] : on === output ? [on] : []),
      moves: (on) => (on ? [false] : []),
      key: String,
    })
    const looks = (...seen: boolean[]): Operation<'switch' | 'look', boolean>[] => [
      { client: 0, input: 'switch', output: true, call: 0, end: 1 },
      ...seen.map((output, i) => ({ client: 1, input: 'look' as const, output, call: 2 * i + 2, end: 2 * i + 3 })),
    ]
    expect(linearize(lamp, looks(true, true, false, false)).linearizable).toBe(true)
    expect(linearize(lamp, looks(true, false, true)).linearizable).toBe(false)
  })

  it('splits a history by name', () => {
    const named = ['a', 'b', 'a'].map((input, call) => ({ client: 0, input, output: 1, call, end: call }))
    const parts = partition(named, (input) => input)
    expect([...parts].map(([name, { length }]) => [name, length])).toEqual([
      ['a', 2],
      ['b', 1],
    ])
  })

  it('accepts 1 000 random histories of eight clients of an atomic cell, each by an order that the cell allows', () => {
    for (let seed = 0; seed < 1_000; seed++) {
      const made = recorded(new Chance(seed), 8, 6)
      const { linearizable, order } = linearize(cell, made)
      expect(linearizable, `seed ${seed}`).toBe(true)
      expect(replays(cell, order), `seed ${seed}`).toBe(true)
      expect(order.filter(({ end }) => end !== Infinity).length).toBe(made.filter(({ end }) => end !== Infinity).length)
      // Nothing is placed after what was called only when it had returned.
      for (const [i, { call }] of order.entries()) expect(order.slice(i + 1).every(({ end }) => end > call)).toBe(true)
    }
  })

  it('says of 4 000 small histories, half of them falsified, what trying every order says', () => {
    const said = { true: 0, false: 0 }
    for (let seed = 0; seed < 4_000; seed++) {
      const chance = new Chance(seed)
      const made = recorded(chance, 3, 2)
      if (made.length > 0 && seed % 2 === 0) {
        const i = chance.pick(made.length)
        const lie = chance.among(['0', '1', '2', 'swapped', 'kept'])
        made[i] = { ...made[i]!, output: lie }
      }
      const truth = isExplained(cell, made)
      expect(linearize(cell, made).linearizable, `seed ${seed}`).toBe(truth)
      said[`${truth}`]++
    }
    expect(said.false).toBeGreaterThan(500)
    expect(said.true).toBeGreaterThan(500)
  })

  it('tries no configuration twice: sixteen overlapping writes of one value cost at most one per subset and state', () => {
    const writes = Array.from(
      { length: 16 },
      (_, client): Operation<OnCell, string> => ({
        client,
        input: { kind: 'write', value: 1 },
        output: 'ok',
        call: client,
        end: 100 + client,
      }),
    )
    const impossible: Operation<OnCell, string> = {
      client: 16,
      input: { kind: 'read' },
      output: '5',
      call: 200,
      end: 201,
    }
    const { linearizable, configurations } = linearize(cell, [...writes, impossible])
    expect(linearizable).toBe(false)
    expect(configurations).toBeLessThan(2 ** 16)
  })
})
