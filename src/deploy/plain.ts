// Plain data - what JSON can say - compared by content and checked for what a text can say but a number cannot hold.
// Its depth and size were bounded where the text was read, so plain recursion is safe here.

import { KeelsonError } from '../index.js'
import { at, show } from './wording.js'

/** One text for all data that says the same: keys sorted, no spaces. */
export function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, inner: unknown) => {
      if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
      return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
    }) ?? ''
  )
}

/**
 * Refuses numbers that are not what was written: too large for a number at all, or whole and too large to be exact.
 * @throws `CONFIG_INVALID` with the path of the first one.
 */
export function refuseInexact(value: unknown, subject: string, path: readonly PropertyKey[] = []): void {
  if (typeof value === 'number') {
    const isDigits = Math.abs(value) < 1e21 // larger ones are written with an exponent, and meant as approximate
    if (Number.isFinite(value) && (!isDigits || !Number.isInteger(value) || Number.isSafeInteger(value))) return
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: ${at(path)} is ${show(value)}, which is not the number that was written; write it as a string`,
    )
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) refuseInexact(inner, subject, [...path, key])
}
