/** Small scenarios in which nothing is wrong: what the lies about them are told of. Named by what happens. */
import type { Scenario } from '../../src/testing/scenario.js'
import { always, call, once, scenario, service } from './tampered.js'

const needsA = { dependsOn: ['a'] }
const restart = { initialBackoff: 20, maxBackoff: 500, jitter: 0 }
const healthCheck = { interval: 10, timeout: 5 }
const crash = once({ end: 'reject', takes: 10 })
const hang = always({ end: 'hang' })
const slow = (takes: number) => always({ end: 'pass', takes })

export const pair: Scenario = scenario(
  [service('a'), service('b', { options: needsA })],
  [call(50, 'stopService', 'a')],
)
export const crashing: Scenario = scenario([
  service('a', { options: { restart }, run: crash }),
  service('b', { options: needsA }),
])
export const incidental: Scenario = scenario([
  service('a', { options: { essential: false, restart: { policy: 'never' } }, start: always({ end: 'reject' }) }),
  service('b', { start: slow(5) }),
])
export const good: Scenario = scenario([
  service('a', {
    options: { restart: { ...restart, stableAfter: 50 } },
    run: {
      acts: [
        { end: 'reject', takes: 10 },
        { end: 'reject', takes: 100 },
        { end: 'reject', takes: 100 },
        { end: 'pass' },
      ],
    },
  }),
])
export const gaveUp: Scenario = scenario([service('a', { options: { restart: { policy: 'never' } }, run: crash })])
export const crashingB: Scenario = scenario([
  service('a'),
  service('b', { options: { ...needsA, restart }, run: crash }),
])
export const owning: Scenario = scenario([
  service('a', { start: always({ end: 'pass', owns: [{ end: 'pass' }, { end: 'pass' }] }), run: hang }),
])
export const waiting: Scenario = scenario([service('a', { start: slow(20) }), service('b', { options: needsA })])
export const again: Scenario = scenario(
  [service('a', { start: slow(20) })],
  [call(30, 'stopService', 'a'), call(50, 'start')],
)
export const optional: Scenario = scenario(
  [service('a'), service('b', { options: { dependsOn: [{ name: 'a', optional: true }] }, stop: slow(5) })],
  [call(10, 'stop')],
)
export const delayed: Scenario = scenario([service('a', { options: { startDelay: 20 } })])
export const twoStarts: Scenario = scenario([service('a', { start: slow(5) }), service('b', { start: slow(5) })], [], {
  options: { maxConcurrentStarts: 1 },
})
export const checked: Scenario = scenario([
  service('a', { options: { healthCheck }, check: always({ end: 'pass', takes: 1 }) }),
])
export const sick: Scenario = scenario([
  service('a', {
    options: { healthCheck: { ...healthCheck, onUnhealthy: 'report' } },
    check: {
      acts: [{ end: 'pass' }, ...Array.from({ length: 5 }, () => ({ end: 'pass', says: 'unhealthy' }) as const)],
    },
  }),
])
export const slowStop: Scenario = scenario(
  [service('a', { stop: slow(20) })],
  [call(10, 'stop'), call(15, 'startService', 'a')],
)
export const unclean: Scenario = scenario(
  [
    service('a', { start: always({ end: 'pass', owns: [{ end: 'reject' }] }) }),
    service('b', { options: needsA, stop: always({ end: 'reject' }) }),
    service('c', { options: { stopTimeout: 20 }, stop: always({ end: 'pass', takes: 50, abort: 'ignore' }) }),
  ],
  [call(10, 'stopService', 'a'), call(20, 'stop')],
)
export const audience: Scenario = scenario([service('a')], [call(10, 'stopService', 'a')], {
  listeners: [{ type: 'state', acts: [{ end: 'throw' }] }],
})
export const aborted: Scenario = scenario(
  [service('a', { start: slow(20) })],
  [call(1, 'startService', 'a', { signal: 'open' }), { at: 5, deeds: [{ deed: 'abort' }] }],
  { steps: [call(1, 'startService', 'a', { signal: 'open' }), { at: 5, deeds: [{ deed: 'abort' }] }] },
)
export const removed: Scenario = scenario([service('a', { stop: slow(5) })], [call(10, 'unregister', 'a')])
export const replaced: Scenario = scenario([service('a')], [call(10, 'replace', 0)], { extras: [service('a')] })
export const exchanged: Scenario = scenario([service('a')], [call(10, 'replace', 0), call(10, 'start')], {
  extras: [service('a', { start: slow(20) })],
})
/** It would close a cycle by the time at which the old one is gone. */
export const unreplaced: Scenario = scenario(
  [service('a', { stop: slow(20) })],
  [call(10, 'stopService', 'a'), call(15, 'replace', 0), call(20, 'register', 1)],
  {
    extras: [
      service('a', { options: { dependsOn: [{ name: 'b', optional: true }] } }),
      service('b', { options: { dependsOn: [{ name: 'a', optional: true }] } }),
    ],
  },
)
