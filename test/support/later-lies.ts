/** Lies about who goes first, when checks run and what they make, how starts fail and what reports say. */
import type { OperationReport, Snapshot } from 'keelson'
import { fairness } from '../../src/testing/laws/fairness.js'
import { givenUp, haste } from '../../src/testing/laws/haste.js'
import { reports } from '../../src/testing/laws/reports.js'
import { budget } from '../../src/testing/laws/restarts.js'
import { capped, rhythm } from '../../src/testing/laws/rhythm.js'
import { recoveries, relapses } from '../../src/testing/laws/rows.js'
import { culprits, persistence } from '../../src/testing/laws/starts.js'
import type { Observation } from '../../src/testing/observation.js'
import type { Scenario } from '../../src/testing/scenario.js'
import { aborted, checked, pair, sick, slowStop } from './lies.js'
import {
  always,
  call,
  event,
  isEvent,
  isHook,
  type Lie,
  onSettled,
  scenario,
  service,
  to,
  without,
} from './tampered.js'

/** Fails once, and takes its time from then on. */
const retried = (name: string, initialBackoff: number) =>
  service(name, {
    options: { restart: { initialBackoff, jitter: 0 } },
    start: { acts: [{ end: 'throw' }, ...Array.from({ length: 9 }, () => ({ end: 'pass', takes: 20 }) as const)] },
  })
/** `a` has the one permit from 10 to 30; `b` waits for it since 12, `c` since 14. */
const queue: Scenario = scenario([retried('a', 10), retried('b', 12), retried('c', 14)], [], {
  options: { random: 'middle', maxConcurrentRetries: 1 },
  steps: [call(0, 'start', undefined, { onFailure: 'keep' })],
})
const healthCheck = { interval: 10, timeout: 50 }
const crowded: Scenario = scenario(
  ['a', 'b'].map((name) => service(name, { options: { healthCheck }, check: always({ end: 'pass', takes: 8 }) })),
  [],
  { options: { random: 'middle', maxConcurrentChecks: 1 } },
)
const thrice: Scenario = scenario([
  service('a', { options: { healthCheck: { ...healthCheck, successThreshold: 3 } }, check: always({ end: 'pass' }) }),
])
const fails = { end: 'throw' } as const
const kept: Scenario = scenario([service('a', { start: { acts: [fails, { end: 'pass' }] } })], [], {
  steps: [call(0, 'start', undefined, { onFailure: 'keep' })],
})
/** It backs off for the second time when it is started by name. */
const again: Scenario = scenario(
  [
    service('a', {
      options: { restart: { initialBackoff: 20, jitter: 0 } },
      run: always({ end: 'reject', takes: 10 }),
    }),
  ],
  [call(50, 'startService', 'a')],
)
const rolledBack: Scenario = scenario([service('a', { start: always(fails) }), service('b')])

/** Between 30 and 50 `b` and `c` are taken for one another. */
const swapped = (seen: Observation): Observation | undefined => {
  if (seen.at < 30 || seen.at >= 50) return undefined
  const swap = (name: string): string => ({ b: 'c', c: 'b' })[name] ?? name
  if (seen.kind === 'event' && 'name' in seen.event && seen.event.name !== undefined)
    return { ...seen, event: { ...seen.event, name: swap(seen.event.name) } } as Observation
  if (!('snapshot' in seen)) return undefined
  const services = seen.snapshot.services.map((status) => ({ ...status, name: swap(status.name) }))
  const snapshot: Snapshot = { ...seen.snapshot, services }
  const { kind, at } = seen
  return { kind, at, nextTimer: undefined, snapshot } as Observation
}

/** The second check is entered at another time, or never. */
const secondCheck = (at: number | undefined) => () => {
  let checks = 0
  return (seen: Observation): Observation | readonly Observation[] | undefined => {
    if (!isHook(seen, 'enter', 'a', 'check') || ++checks < 2) return undefined
    return at === undefined ? [] : ({ ...seen, at } as Observation)
  }
}

/** A moment of quiet is told to be a later one. */
const later = (from: number, until: number, at: number, but: (seen: Observation) => boolean) => () => {
  return (seen: Observation): Observation | readonly Observation[] | undefined => {
    if (but(seen)) return []
    if (seen.kind !== 'quiet' || seen.at < from || seen.at > until) return undefined
    return { kind: 'quiet', at, nextTimer: undefined, snapshot: seen.snapshot }
  }
}

/** The first report says something else of each service, or of all. */
const reported = (change: (report: OperationReport) => Partial<OperationReport>) => () =>
  onSettled((seen) => {
    const value = seen.value as OperationReport
    return { ...seen, value: { ...value, services: value.services, ...change(value) } }
  })
const rows = (change: object) =>
  reported(({ services }) => ({ services: services.map((row) => ({ ...row, ...change })) }))

/** They are told in test/testing/laws.test.ts, with all the others. */
export const LATER_LIES: readonly Lie[] = [
  ['R20 who was started by name has its old budget', budget, again, () => event('retry', { epoch: 3 }, { attempt: 3 })],
  ['R21 who waits longer is passed over', fairness, queue, () => swapped],
  ['R24 a check comes too early', rhythm, checked, secondCheck(3)],
  ['R24 a check does not come', rhythm, checked, secondCheck(undefined)],
  ['R24 the first check does not come', rhythm, checked, () => without((seen) => isHook(seen, 'enter', 'a', 'check'))],
  ['R25 one good result is enough', recoveries, thrice, () => without((seen) => isHook(seen, 'leave', 'a', 'check'))],
  ['R25 bad results lead to nothing', relapses, sick, () => without((seen) => isEvent(seen, { type: 'health' }))],
  ['R27 a check too many is in flight', capped, crowded, () => without((seen) => isHook(seen, 'leave', 'a', 'check'))],
  ['R29 a report tells another state', reports, pair, rows({ state: 'failed' })],
  ['R29 a report tells of a start that was none', reports, pair, rows({ outcome: 'unchanged' })],
  ['R29 a report tells a longer start', reports, pair, rows({ hookDuration: 5 })],
  [
    'R29 a report has a row twice',
    reports,
    pair,
    reported((all) => ({ services: [...all.services, ...all.services] })),
  ],
  ['R29 a report has a path that is none', reports, pair, reported(() => ({ criticalPath: ['b', 'a'] }))],
  [
    'R29 a start that retries fails by one who is retried',
    persistence,
    kept,
    () => (seen) => (seen.kind === 'call' ? { ...seen, onFailure: 'retry' } : undefined),
  ],
  [
    'R29 the culprit is left stopped',
    culprits,
    rolledBack,
    () => event('state', { name: 'a', newState: 'failed' }, { newState: 'stopped' }),
  ],
  ['R31 in the last tenth something is up', haste, slowStop, later(10, 29, 29_900, to('a', 'stopping'))],
  [
    'R32 a hook is waited for too long',
    givenUp,
    aborted,
    later(
      5,
      6,
      5_000,
      (seen) => to('a', 'stopped')(seen) || isHook(seen, 'enter', 'a', 'stop') || isHook(seen, 'leave', 'a', 'start'),
    ),
  ],
]
