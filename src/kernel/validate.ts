// Checks of what users hand in: each names the subject, the path, the value and what to do (R50, R51).
// Knows kinds of values (a bound, a delay, a count), not what they are for.

import { describe, KeelsonError } from '../errors.js'

/** Says what is wrong with one field; `allowed` tells what to pass instead. */
export function invalid(subject: string, path: string, value: unknown, allowed: string): KeelsonError {
  return new KeelsonError('CONFIG_INVALID', `${subject}: ${path} is ${show(value)}; pass ${allowed}`)
}

/** A value as it reads in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return value.length > 60 ? `'${value.slice(0, 60)}…'` : `'${value}'`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return describe(value)
}

/** A check of one field: what is allowed, in words, and whether a value is. */
export interface Kind {
  readonly says: string
  readonly takes: (value: unknown) => boolean
}

/** A kind of number; comparisons refuse `NaN` by themselves. */
const number = (says: string, holds: (value: number) => boolean): Kind => ({
  says,
  takes: (v) => typeof v === 'number' && holds(v),
})
const whole = Number.isSafeInteger

export const TIMEOUT: Kind = number('milliseconds above 0, or Infinity', (v) => v > 0)
export const INTERVAL: Kind = number('finite milliseconds above 0', (v) => v > 0 && v < Infinity)
export const DELAY: Kind = number('finite milliseconds, 0 or more', (v) => v >= 0 && v < Infinity)
export const COUNT: Kind = number('a whole number, 0 or more', (v) => whole(v) && v >= 0)
export const THRESHOLD: Kind = number('a whole number, 1 or more', (v) => whole(v) && v >= 1)
export const LIMIT: Kind = number(
  'a whole number, 1 or more, or Infinity',
  (v) => v === Infinity || (whole(v) && v >= 1),
)
export const FACTOR: Kind = number('a finite number, 1 or more', (v) => v >= 1 && v < Infinity)
export const SHARE: Kind = number('a number from 0 to 1', (v) => v >= 0 && v <= 1)
export const FLAG: Kind = { says: 'true or false', takes: (v) => typeof v === 'boolean' }
export const TEXT: Kind = { says: 'a string that is not empty', takes: (v) => typeof v === 'string' && v.length > 0 }
export const FUNCTION: Kind = { says: 'a function', takes: (v) => typeof v === 'function' }
export const OBJECT: Kind = {
  says: 'an object',
  takes: (v) => typeof v === 'object' && v !== null && !Array.isArray(v),
}
export const LIST: Kind = { says: 'an array', takes: Array.isArray }
export const SIGNAL: Kind = {
  says: 'an AbortSignal',
  takes: (v) =>
    OBJECT.takes(v) &&
    FLAG.takes((v as AbortSignal).aborted) &&
    FUNCTION.takes((v as AbortSignal).addEventListener) &&
    FUNCTION.takes((v as AbortSignal).removeEventListener),
}
export const oneOf = (...words: readonly string[]): Kind => ({
  says: words.map((w) => `'${w}'`).join(' or '),
  takes: (v) => words.includes(v as string),
})

/** An object's fields, checked as a whole: no unknown field, every value of its kind. Absent and `undefined` are the same. */
export function check(subject: string, path: string, value: unknown, kinds: Readonly<Record<string, Kind>>): void {
  const prefix = path === '' ? '' : `${path}.`
  if (!OBJECT.takes(value)) throw invalid(subject, path === '' ? 'options' : path, value, OBJECT.says)
  for (const key of Object.keys(value as object)) {
    const field = (value as Record<string, unknown>)[key]
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined
    if (kind === undefined)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `${subject}: ${prefix}${key} is no option; known are ${Object.keys(kinds).join(', ')}`,
      )
    if (field !== undefined && !kind.takes(field)) throw invalid(subject, prefix + key, field, kind.says)
  }
}
