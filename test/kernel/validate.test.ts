/** Kinds of values, on their own: what each takes, at its edges. */
import { describe, expect, it } from 'vitest'
import {
  COUNT,
  check,
  DELAY,
  FACTOR,
  FLAG,
  FUNCTION,
  INTERVAL,
  type Kind,
  LIMIT,
  LIST,
  OBJECT,
  oneOf,
  SHARE,
  SIGNAL,
  show,
  TEXT,
  THRESHOLD,
  TIMEOUT,
} from '../../src/kernel/validate.js'

const list: unknown[] = []
const nothing = (): void => {}
const signal = { aborted: false, addEventListener: nothing, removeEventListener: nothing }

describe('kinds', () => {
  it.each<readonly [Kind, readonly unknown[], readonly unknown[]]>([
    [TIMEOUT, [0.5, 1, Infinity], [0, -1, Number.NaN, '1', undefined, 1n]],
    [INTERVAL, [0.5, 1], [0, -1, Infinity, Number.NaN, '1']],
    [DELAY, [0, 0.5], [-0.5, Infinity, Number.NaN, '0']],
    [COUNT, [0, 1], [-1, 0.5, Infinity, Number.NaN, 2 ** 53, '1']],
    [THRESHOLD, [1, 2], [0, 1.5, Infinity, '1']],
    [LIMIT, [1, Infinity], [0, -Infinity, 1.5, '1']],
    [FACTOR, [1, 1.5], [0.5, Infinity, Number.NaN, '1']],
    [SHARE, [0, 0.5, 1], [-0.1, 1.1, Number.NaN, '1']],
    [FLAG, [true, false], [0, 'true', null]],
    [TEXT, ['a'], ['', 1, null]],
    [FUNCTION, [nothing], [{}, 'nothing']],
    [OBJECT, [{}, new Map()], [null, list, nothing, 'a']],
    [LIST, [list], [{ length: 0 }, 'a']],
    [
      SIGNAL,
      [AbortSignal.abort(), signal],
      [null, {}, { ...signal, aborted: 0 }, { ...signal, addEventListener: 1 }, { ...signal, removeEventListener: 1 }],
    ],
  ])('%j takes and refuses what it says', (kind, takes, refuses) => {
    expect(takes.filter((value) => !kind.takes(value))).toEqual([])
    expect(refuses.filter((value) => kind.takes(value))).toEqual([])
  })

  it('one of some words takes these alone, and names them', () => {
    const kind = oneOf('stop', 'keep')
    expect(kind.says).toBe("'stop' or 'keep'")
    expect(['stop', 'keep', 'sto', '', undefined].map(kind.takes)).toEqual([true, true, false, false, false])
  })
})

it.each([
  ['a', "'a'"],
  ['', "''"],
  ['x'.repeat(60), `'${'x'.repeat(60)}'`],
  ['x'.repeat(61), `'${'x'.repeat(60)}…'`],
  [nothing, 'a function'],
  [7n, '7n'],
  [list, 'an array'],
  [{ a: 1 }, 'an object'],
  [null, 'null'],
  [undefined, 'undefined'],
  [7, '7'],
])('R50 %o reads %s in a message', (value, text) => {
  expect(show(value)).toBe(text)
})

describe('an object', () => {
  const fields = { name: TEXT, size: COUNT }

  it.each([
    [{}, ''],
    [{ name: 'a', size: 0 }, ''],
    [{ name: undefined }, ''],
    [null, 'x: at is null; pass an object'],
    [{ name: '' }, "x: at.name is ''; pass a string that is not empty"],
    [{ nam: 'a' }, 'x: at.nam is no option; known are name, size'],
    [{ toString: undefined }, 'x: at.toString is no option; known are name, size'],
  ])('R51 %j: %s', (value, says) => {
    const call = (): void => check('x', 'at', value, fields)
    if (says === '') expect(call).not.toThrow()
    else
      expect(call).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(says) }))
  })

  it('R51 without a path is called options, and its fields by their names', () => {
    expect(() => check('x', '', 7, fields)).toThrow('x: options is 7; pass an object')
    expect(() => check('x', '', { size: -1 }, fields)).toThrow('x: size is -1; pass a whole number, 0 or more')
  })
})
