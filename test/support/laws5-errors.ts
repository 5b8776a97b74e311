/** For the laws of errors: things that can be thrown, and errors of the library as such. */
import { isKeelsonError, type KeelsonError } from 'keelson'
import { expect } from 'vitest'

/** The error as the library gives it out; fails the test if it is none. */
export function ours(error: unknown): KeelsonError {
  expect(isKeelsonError(error), `an error of keelson, not ${String(error)}`).toBe(true)
  return error as KeelsonError
}

/** Everything that can be thrown and is not an ordinary error. */
export function oddities(): [what: string, thrown: unknown][] {
  const revoked = Proxy.revocable({}, {})
  revoked.revoke()
  const circular = new Error('around')
  circular.cause = circular
  const trap = (): never => {
    throw new Error('the trap')
  }
  return [
    ['undefined', undefined],
    ['null', null],
    ['a string', 'no disk'],
    ['an empty string', ''],
    ['a number', 0],
    ['NaN', Number.NaN],
    ['false', false],
    ['a symbol', Symbol('odd')],
    ['a bigint', 10n],
    ['a function', () => {}],
    ['a frozen error', Object.freeze(new Error('frozen'))],
    ['an object without a prototype', Object.create(null)],
    [
      'a proxy that throws on every access',
      new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap, ownKeys: trap }),
    ],
    ['a revoked proxy', revoked.proxy],
    ['an error whose cause is itself', circular],
    ['an error whose message is no string', Object.assign(new Error('x'), { message: { toString: trap } })],
    ['a very long message', new Error('x'.repeat(100_000))],
  ]
}
