/** Each law of the simulator sees what it is there for: runs without a mistake, of which one thing is told differently. */
import { type AnyEvent, KeelsonError, type Snapshot } from 'keelson'
import { expect, it } from 'vitest'
import { checks, verdicts } from '../../src/testing/laws/checks.js'
import { fixpoint, takenBack } from '../../src/testing/laws/desires.js'
import { blast, conditions, delays, loss, orderly, shutdown } from '../../src/testing/laws/edges.js'
import { bounds, disposers, hooks, pairing, signals, waitedFor } from '../../src/testing/laws/epochs.js'
import { calm, plans, rollUp } from '../../src/testing/laws/liveness.js'
import { abortion, blame, codes, deadlines, outcomes, refusals, settlement } from '../../src/testing/laws/operations.js'
import { nothingLeft, removal, replacement } from '../../src/testing/laws/registry.js'
import { attempts, backoffs, budget, due, endings, permits, policies } from '../../src/testing/laws/restarts.js'
import { cancellation, errors, reasons, transitions } from '../../src/testing/laws/states.js'
import { explanations, holders, patience } from '../../src/testing/laws/waits.js'
import { LAWS } from '../../src/testing/laws.js'
import type { Observation } from '../../src/testing/observation.js'
import { LATER_LIES } from '../support/later-lies.js'
import {
  aborted,
  again,
  checked,
  crashing,
  crashingB,
  delayed,
  gaveUp,
  good,
  incidental,
  optional,
  owning,
  pair,
  removed,
  replaced,
  sick,
  slowStop,
  twoStarts,
  unreplaced,
  waiting,
} from '../support/lies.js'
import { MORE_LIES } from '../support/more-lies.js'
import {
  always,
  each,
  enters,
  event,
  first,
  heldBy,
  isEvent,
  isHook,
  type Lie,
  onEnter,
  onSettled,
  playTampered,
  reads,
  scenario,
  service,
  to,
  up,
  without,
} from '../support/tampered.js'

const ROWS: readonly Lie[] = [
  ['R1 a change of state is not told', transitions, pair, () => without(to('a', 'starting'))],
  ['R1 a start ends idle', transitions, pair, () => event('state', { newState: 'running' }, { newState: 'stopped' })],
  ['R2 onStop is never entered', pairing, pair, () => without((seen) => isHook(seen, 'enter', 'b', 'stop'))],
  ['R2 onStop is entered twice', pairing, pair, () => onEnter('stop', (seen) => [seen, { ...seen, id: 9_000 }])],
  ['R2 onStart is entered twice', pairing, pair, () => onEnter('start', (seen) => [seen, { ...seen, id: 9_000 }])],
  ['R2 a resource is left', disposers, owning, () => without((seen) => isHook(seen, 'enter', 'a', 'dispose'))],
  [
    'R2 resources go first in first out',
    disposers,
    owning,
    () => {
      const order = [2, 1]
      const all: number[] = []
      return (seen) => {
        if (seen.kind === 'own') all.push(seen.resource)
        return isHook(seen, 'enter', 'a', 'dispose')
          ? ({ ...seen, resource: all[2 - order.shift()!] } as Observation)
          : undefined
      }
    },
  ],
  ['R2 a resource goes before onStop', disposers, owning, () => without((seen) => isHook(seen, 'enter', 'a', 'stop'))],
  ['R4 what failed has no error', errors, gaveUp, () => event('state', { newState: 'failed' }, { error: undefined })],
  ['R4 what is up has an error', errors, pair, () => event('state', { newState: 'running' }, { error: new Error() })],
  [
    'R5 what was restarted failed',
    cancellation,
    gaveUp,
    () => event('state', { newState: 'failed' }, { reason: 'restart' }),
  ],
  [
    'R7 what nobody stopped is down',
    fixpoint,
    pair,
    () => without((seen) => isEvent(seen, { type: 'operation', phase: 'begin', operation: 'stop', target: 'a' })),
  ],
  [
    'R7 what was stopped is up',
    fixpoint,
    pair,
    () =>
      reads(({ name, stopReason }) =>
        name === 'a' && stopReason === 'manual' ? { phase: 'active', state: 'running' } : {},
      ),
  ],
  ['R7 what waits does not say for what', fixpoint, waiting, () => reads(() => ({ blockedBy: undefined }))],
  ['R7 it is never steady again', calm, pair, () => each('steady', (seen) => ({ ...seen, exhausted: true }))],
  [
    'R7 what could start waits for ever',
    calm,
    waiting,
    () => {
      const b = { phase: 'pending', state: 'waiting', blockedBy: [{ name: 'a', state: 'running', kind: 'dependency' }] }
      return each('steady', ({ snapshot, ...seen }) => {
        const services = snapshot.services.map((status) => (status.name === 'b' ? { ...status, ...b } : status))
        return { ...seen, snapshot: { ...snapshot, services } as Snapshot }
      })
    },
  ],
  ['R7 a backoff lasts longer than was said', patience, crashing, () => heldBy({ until: 1 })],
  ['R7 a permit is withheld', patience, waiting, () => heldBy({ kind: 'permit' })],
  [
    'R9 a stop ends for a weaker reason',
    reasons,
    pair,
    () => event('state', { newState: 'stopped', name: 'a' }, { reason: 'dependency' }),
  ],
  ['R9 a stop has no reason', reasons, pair, () => event('state', { newState: 'stopping' }, { reason: undefined })],
  [
    'R11 a dependent is started first',
    conditions,
    waiting,
    () => onEnter('start', (seen) => [seen, enters('b', 'start', seen.at)]),
  ],
  ['R12 a service waits for somebody else', holders, waiting, () => heldBy({ name: 'b' })],
  [
    'R13 onStop of a dependency is entered first',
    orderly,
    pair,
    () => first('event', up('b'), (seen) => [seen, enters('a', 'stop', seen.at, 'manual')]),
  ],
  [
    'R13 onStop of what is merely used is entered first',
    shutdown,
    optional,
    () => onEnter('stop', (seen) => [enters('a', 'stop', seen.at, 'shutdown'), seen]),
  ],
  [
    'R14 a dependent stays up',
    loss,
    crashing,
    () => (seen) =>
      seen.kind === 'event' && isEvent(seen, { type: 'state', name: 'b' }) && seen.at > 5 ? [] : undefined,
  ],
  [
    'R15 a service is stopped for a dependency that is up',
    blast,
    crashingB,
    () => event('state', { newState: 'stopping', name: 'b' }, { reason: 'dependency' }),
  ],
  [
    'R16 a delay is cut short',
    delays,
    delayed,
    () =>
      first(
        'event',
        (seen) => isEvent(seen, { type: 'state', newState: 'starting' }),
        (seen) => ({ ...seen, at: 10 }),
      ),
  ],
  ['R17 a permanent error is retried', policies, crashing, () => event('retry', {}, { failure: 'permanent' })],
  ['R18 a backoff is too long', backoffs, crashing, () => event('retry', {}, { delay: 40, dueAt: 70 })],
  ['R18 a backoff is too short', backoffs, crashing, () => event('retry', {}, { delay: 19, dueAt: 49 })],
  [
    'R18 a retry comes before its backoff is over',
    backoffs,
    crashing,
    () =>
      first(
        'event',
        (seen) => isEvent(seen, { type: 'state', newState: 'starting', name: 'a', epoch: 2 }),
        (seen) => ({ ...seen, at: 20 }),
      ),
  ],
  [
    'R19 an active service tells an attempt',
    attempts,
    crashing,
    () => event('state', { newState: 'running', epoch: 2 }, { attempt: 1 }),
  ],
  [
    'R19 a backoff tells none',
    attempts,
    crashing,
    () => event('state', { newState: 'retrying' }, { attempt: undefined }),
  ],
  ['R19 good time does not make the budget whole', budget, good, () => event('retry', { epoch: 2 }, { attempt: 2 })],
  ['R20 an attempt is left out', budget, crashing, () => event('retry', {}, { attempt: 2 })],
  [
    'R20 a service is exhausted too early',
    budget,
    gaveUp,
    () => event('state', { newState: 'failed' }, { reason: 'exhausted' }),
  ],
  [
    'R20 what waits gives up without a reason',
    endings,
    gaveUp,
    () => event('state', { newState: 'failed' }, { oldState: 'waiting' }),
  ],
  [
    'R21 one start too many is in flight',
    permits,
    twoStarts,
    () => without((seen) => isHook(seen, 'leave', 'a', 'start')),
  ],
  ['R22 a retry that is due is not tried', due, crashing, () => reads(() => ({}), 10_000)],
  ['R24 a check overlaps itself', checks, checked, () => without((seen) => isHook(seen, 'leave', 'a', 'check'))],
  [
    'R24 a check runs before its grace is over',
    checks,
    scenario([service('a', { options: { healthCheck: { startGrace: 20 } }, check: always({ end: 'pass' }) })]),
    () => onEnter('check', (seen) => ({ ...seen, at: 10 })),
  ],
  ['R25 a verdict has nothing behind it', verdicts, sick, () => without((seen) => isHook(seen, 'enter', 'a', 'check'))],
  ['R28 health is better than its worst', rollUp, checked, () => reads(() => ({ health: 'unhealthy' }))],
  ['R28 health is worse than its worst', rollUp, sick, () => reads(() => ({ health: 'healthy' }))],
  [
    'R29 a start resolves before it is up',
    outcomes,
    again,
    () =>
      first(
        'event',
        (seen) => seen.at === 50 && isEvent(seen, { type: 'operation', phase: 'begin' }),
        (seen) => [seen, { ...seen, event: { ...seen.event, phase: 'end', outcome: 'done' } as never }],
      ),
  ],
  ['R29 what stopped is still up', outcomes, slowStop, () => without(to('a', 'stopped'))],
  [
    'R29 what is wanted is rolled back',
    takenBack,
    crashingB,
    () => event('state', { newState: 'stopping', name: 'b' }, { reason: 'rollback' }),
  ],
  [
    'R30 what is not essential fails a start',
    blame,
    incidental,
    () => {
      let cause: unknown
      return (seen) => {
        if (seen.kind !== 'event') return undefined
        if (seen.event.type === 'state' && seen.event.newState === 'failed') cause = seen.event.error
        if (cause === undefined || !isEvent(seen, { type: 'operation', phase: 'end' })) return undefined
        const error = new KeelsonError('START_INCOMPLETE', 'start - failed', { cause })
        return { ...seen, event: { ...seen.event, error } as AnyEvent }
      }
    },
  ],
  [
    'R31 a stop settles after its deadline',
    deadlines,
    slowStop,
    () =>
      onSettled(
        (seen) => ({ ...seen, at: 60_000 }),
        ({ at }) => at === 30,
      ),
  ],
  [
    'R31 a single start during a stop is not refused',
    refusals,
    slowStop,
    () =>
      onSettled(
        (seen) => ({ ...seen, rejected: false, value: {} }),
        ({ rejected }) => rejected,
      ),
  ],
  [
    'R32 a start lasts longer than it may',
    bounds,
    waiting,
    () =>
      first(
        'quiet',
        ({ at }) => at === 0,
        ({ kind, snapshot }) => ({ kind, at: 50_000, snapshot, nextTimer: undefined }),
      ),
  ],
  [
    'R32 the signal of a start is not aborted',
    signals,
    aborted,
    () => (seen) => {
      if (isHook(seen, 'enter', 'a', 'start')) return { ...seen, heeds: true } as Observation
      return isHook(seen, 'leave', 'a', 'start') || isEvent(seen, { newState: 'stopped' }) ? [] : undefined
    },
  ],
  ['R32 onStop is left alone', waitedFor, slowStop, () => without((seen) => isHook(seen, 'leave', 'a', 'stop'))],
  ['R33 a call never settles', settlement, pair, () => without(({ kind }) => kind === 'settled')],
  ['R33 a call settles twice', settlement, pair, () => onSettled((seen) => [seen, { ...seen }])],
  ['R33 a call rejects after a good end', settlement, pair, () => onSettled((seen) => ({ ...seen, rejected: true }))],
  [
    'R34 an aborted start resolves',
    abortion,
    aborted,
    () =>
      onSettled(
        (seen) => ({ ...seen, at: seen.at + 1, rejected: false, value: {} }),
        ({ rejected }) => rejected,
      ),
  ],
  ['R42 an explanation contradicts the status', explanations, checked, () => reads(() => ({ health: 'unhealthy' }))],
  [
    'R43 run is entered during a start',
    hooks,
    waiting,
    () =>
      first(
        'enter',
        () => true,
        (seen) => [seen, enters('a', 'run', seen.at)],
      ),
  ],
  [
    'R43 onStop is entered during a start',
    hooks,
    waiting,
    () =>
      first(
        'enter',
        () => true,
        (seen) => [seen, enters('a', 'stop', seen.at)],
      ),
  ],
  ['R44 what is up is planned to start', plans, checked, () => reads(() => ({ phase: 'idle', state: 'stopped' }))],
  ['R46 a timer is left', nothingLeft, pair, () => each('end', (seen) => ({ ...seen, pendingTimers: 1 }))],
  ['R46 a service is left', nothingLeft, pair, () => without(to('a', 'stopped'))],
  [
    'R48 a removed service comes back',
    removal,
    removed,
    () => event('state', { newState: 'stopping' }, { newState: 'starting' }),
  ],
  [
    'R49 a replacement failed and stays',
    replacement,
    replaced,
    () => {
      let id = 0
      return (seen) => {
        if (seen.kind === 'call' && seen.call === 'replace') id = seen.id
        return seen.kind === 'settled' && seen.id === id ? { ...seen, rejected: true } : undefined
      }
    },
  ],
  [
    'R49 nothing was exchanged and the replacement is done',
    replacement,
    unreplaced,
    () =>
      onSettled(
        (seen) => ({ ...seen, rejected: false, value: {} }),
        ({ rejected }) => rejected,
      ),
  ],
  [
    'R50 a call rejects with any error',
    codes,
    pair,
    () => onSettled((seen) => ({ ...seen, rejected: true, value: new Error('of no list') })),
  ],
  ...MORE_LIES,
  ...LATER_LIES,
]

it.each(ROWS)('%s: the law sees it', async (_lie, law, of, tamper) => {
  const { violation: none } = await playTampered(of, law, () => undefined)
  expect(none).toBeUndefined()
  const { violation } = await playTampered(of, law, tamper())
  expect(violation).toMatchObject({ law: law.title, message: expect.not.stringContaining('the law itself threw') })
})

it('there is a lie for every law', () => {
  const seen = new Set(ROWS.map(([, law]) => law))
  expect(LAWS.filter((law) => !seen.has(law)).map(({ title }) => title)).toEqual([])
})
