/** Which call an operation is of: told by its kind, its target and the order of the calls, and corrected by a refusal. */
import { KeelsonError, type OperationEvent } from 'keelson'
import { expect, it } from 'vitest'
import { Calls } from '../../src/testing/laws/calls.js'
import { policyOf } from '../../src/testing/laws/model.js'

const called = (calls: Calls, id: number, more: { readonly onFailure?: 'rollback'; readonly timeout?: number } = {}) =>
  calls.call({ kind: 'call', at: 0, id, call: 'startService', target: 'a', from: 'script', ...more }, 0)

const told = (calls: Calls, id: number, phase: 'begin' | 'end', at = 0): void =>
  calls.operation({ type: 'operation', operation: 'start', target: 'a', id, phase } as OperationEvent, at)

const refused = (calls: Calls, id: number): void =>
  calls.settled({ kind: 'settled', at: 0, id, rejected: true, value: new KeelsonError('CLOSED', 'it is stopping') })

it('an operation is of the first call of its kind, and of the next one when that was refused', () => {
  const calls = new Calls(1_000)
  called(calls, 1, { onFailure: 'rollback' })
  called(calls, 2)
  called(calls, 3, { onFailure: 'rollback' })
  told(calls, 7, 'begin')
  const first = calls.called
  expect([first?.seen.id, first && policyOf(first)]).toEqual([1, undefined])
  told(calls, 8, 'begin')
  refused(calls, 1)
  expect([first?.begin, calls.operations.get(7)?.seen.id, calls.operations.get(8)?.seen.id]).toEqual([undefined, 2, 3])
  expect([...calls.operations.values()].map(policyOf)).toEqual([undefined, 'rollback'])
  calls.quiet()
  expect([...calls.operations.values()].map(policyOf)).toEqual(['keep', 'rollback'])
})

it('an operation that is over when the call it was taken for turns out to have been refused stays over', () => {
  const calls = new Calls(1_000)
  called(calls, 1)
  called(calls, 2)
  told(calls, 7, 'begin')
  told(calls, 7, 'end')
  refused(calls, 1)
  expect([calls.open.get(2)?.end?.id, calls.operations.size]).toEqual([7, 0])
  expect([900, 1_001, 1_002].map((at) => calls.isHurried(at, 0))).toEqual([true, true, false])
})

it('R31 the last tenth counts from the call, and lasts until the operation is over', () => {
  const calls = new Calls(1_000)
  called(calls, 1)
  told(calls, 7, 'begin', 500) // its turn was told late
  expect([899, 900, 5_000].map((at) => calls.isHurried(at, 0))).toEqual([false, true, true])
  told(calls, 7, 'end', 5_000)
  expect(calls.isHurried(5_000, 0)).toBe(false)
})
