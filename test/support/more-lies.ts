/** Lies about how starts and stops come out and about the order and the causes of events, as the laws of these are told them. */
import { type AnyEvent, KeelsonError } from 'keelson'
import { causes, delivery, fold, numbers, origins } from '../../src/testing/laws/events.js'
import { listeners } from '../../src/testing/laws/listeners.js'
import { outcomes } from '../../src/testing/laws/operations.js'
import { answers, cleanness } from '../../src/testing/laws/stops.js'
import { audience, crashing, exchanged, pair, unclean } from './lies.js'
import { event, first, isEvent, type Lie, up, without } from './tampered.js'

/** They are told in test/testing/laws.test.ts, with all the others. */
export const MORE_LIES: readonly Lie[] = [
  [
    'R29 a start resolves before what has been exchanged is up',
    outcomes,
    exchanged,
    () =>
      first(
        'event',
        (seen) => seen.at === 10 && isEvent(seen, { type: 'operation', operation: 'start', phase: 'begin' }),
        (seen) => [seen, { ...seen, event: { ...seen.event, phase: 'end', outcome: 'done' } as AnyEvent }],
      ),
  ],
  [
    'R31 an onStop failed and the stop is told to be clean',
    cleanness,
    unclean,
    () => event('state', { name: 'b', oldState: 'stopping' }, { unclean: undefined }),
  ],
  [
    'R31 a disposer failed and the stop is told to be clean',
    cleanness,
    unclean,
    () => event('state', { name: 'a', oldState: 'stopping' }, { unclean: undefined }),
  ],
  [
    'R31 an onStop was abandoned and the stop is told to be clean',
    cleanness,
    unclean,
    () => event('state', { name: 'c', oldState: 'stopping' }, { unclean: undefined }),
  ],
  [
    'R31 all was clean and the stop is told to have timed out',
    cleanness,
    pair,
    () => event('state', { name: 'b', oldState: 'stopping' }, { unclean: [new KeelsonError('STOP_TIMEOUT', 'b')] }),
  ],
  [
    'R31 a stop resolves though a dependent did not stop cleanly',
    answers,
    unclean,
    () => event('operation', { target: 'a', phase: 'end' }, { outcome: 'done', error: undefined }),
  ],
  [
    'R31 a stop resolves though a hook was abandoned',
    answers,
    unclean,
    () =>
      first(
        'event',
        (seen) => isEvent(seen, { type: 'operation', operation: 'stop', target: undefined, phase: 'end' }),
        (seen) => ({ ...seen, event: { ...seen.event, outcome: 'done', error: undefined } as AnyEvent }),
      ),
  ],
  [
    'R31 a stop rejects though all stopped cleanly',
    answers,
    pair,
    () =>
      event(
        'operation',
        { target: 'a', phase: 'end' },
        { outcome: 'failed', error: new KeelsonError('STOP_INCOMPLETE', 'a', { cause: 1 }) },
      ),
  ],
  [
    'R31 a stop does not name who was unclean',
    answers,
    unclean,
    () => {
      let told: readonly unknown[] = []
      return (seen) => {
        if (seen.kind !== 'event') return undefined
        if (seen.event.type === 'state' && seen.event.unclean !== undefined) told = seen.event.unclean
        if (!isEvent(seen, { type: 'operation', phase: 'end', target: 'a' })) return undefined
        const report = (seen.event as { error?: KeelsonError }).error?.report
        const error = new KeelsonError('STOP_INCOMPLETE', 'it was someone', { cause: told[0], report: report as never })
        return { ...seen, event: { ...seen.event, error } as AnyEvent }
      }
    },
  ],
  ['R37 an event is lost', numbers, pair, () => without(up('a'))],
  [
    'R37 an event changes nothing',
    numbers,
    pair,
    () => event('state', { newState: 'running' }, { oldState: 'running' }),
  ],
  [
    'R37 the events give another health',
    fold,
    pair,
    () => event('state', { newState: 'running' }, { health: 'degraded' }),
  ],
  ['R37 the events give another epoch', fold, pair, () => event('state', { newState: 'running' }, { epoch: 7 })],
  [
    'R38 an event tells what cannot be read yet',
    delivery,
    pair,
    () => event('state', { newState: 'running' }, { epoch: 7 }),
  ],
  ['R42 an event is its own cause', causes, pair, () => event('state', { newState: 'running' }, { causedBy: 99 })],
  [
    'R39 a listener is passed over',
    listeners,
    audience,
    () =>
      first(
        'heard',
        () => true,
        (seen) => ({ ...seen, count: seen.count - 1 }),
      ),
  ],
  [
    'R39 a listener is told in another order',
    listeners,
    audience,
    () =>
      first(
        'heard',
        () => true,
        (seen) => ({ ...seen, sum: seen.sum + 1 }),
      ),
  ],
  [
    'R42 what a dependency brings down has no cause',
    origins,
    crashing,
    () => event('state', { name: 'b', newState: 'stopping' }, { causedBy: undefined }),
  ],
  [
    'R42 what a dependency brings down is caused by itself',
    origins,
    crashing,
    () => {
      let own = 0
      return (seen) => {
        if (seen.kind !== 'event') return undefined
        if (up('b')(seen)) own ||= seen.event.seq
        return isEvent(seen, { name: 'b', newState: 'stopping' })
          ? { ...seen, event: { ...seen.event, causedBy: own } as AnyEvent }
          : undefined
      }
    },
  ],
  [
    'R42 the end of a backoff has no cause',
    origins,
    crashing,
    () => event('state', { oldState: 'retrying' }, { causedBy: undefined }),
  ],
  [
    'R42 an operation ends by nothing',
    origins,
    pair,
    () => event('operation', { phase: 'end' }, { causedBy: undefined }),
  ],
  ['R42 a listener throws at nothing', origins, audience, () => event('listenerError', {}, { causedBy: undefined })],
]
