// The state machine as data: twelve states, four phases, one table of legal transitions (R1).
// `step` is the only reader of the table; the docs and the tests print and walk the same one.
// Decides nothing about when to move: that is the reconciler's.

import type { ServicePhase, ServiceState } from '../service.js'

/** The phase of each state. */
export const PHASE: Readonly<Record<ServiceState, ServicePhase>> = {
  unknown: 'idle',
  stopped: 'idle',
  disconnected: 'idle',
  failed: 'idle',
  waiting: 'pending',
  retrying: 'pending',
  unreachable: 'pending',
  auth_required: 'pending',
  starting: 'moving',
  stopping: 'moving',
  running: 'active',
  connected: 'active',
}

/** The legal transitions. `starting`, `stopping` and `unknown` stand for themselves, the rest are phases. */
export const TRANSITIONS: readonly (readonly [
  from: ServicePhase | ServiceState,
  to: readonly (ServicePhase | ServiceState)[],
])[] = [
  ['idle', ['pending', 'starting']],
  ['unknown', ['stopped', 'disconnected']],
  ['pending', ['starting', 'idle', 'pending']],
  ['starting', ['active', 'stopping']],
  ['active', ['stopping']],
  ['stopping', ['idle', 'pending']],
]

/** The states a service can be in, `running` and `connected` being two labels of one. */
export const STATES: readonly ServiceState[] = Object.keys(PHASE) as ServiceState[]

const isOneOf = (state: ServiceState, names: readonly string[]): boolean =>
  names.includes(state) || names.includes(PHASE[state])

/** One bit per state, and per state the bits of those that may follow it. */
const BIT = Object.fromEntries(STATES.map((state, i) => [state, 1 << i])) as Record<ServiceState, number>
const NEXT = Object.fromEntries(
  STATES.map((from) => {
    const targets = TRANSITIONS.flatMap(([source, to]) => (isOneOf(from, [source]) ? to : []))
    const next = STATES.filter((to) => to !== from && to !== 'unknown' && isOneOf(to, targets))
    return [from, next.reduce((bits, to) => bits | BIT[to], 0)]
  }),
) as Record<ServiceState, number>

/** Whether a service may go from one state to another in one step. */
export function step(from: ServiceState, to: ServiceState): boolean {
  return (NEXT[from] & BIT[to]) !== 0
}

/** The life of a service as a Mermaid state diagram, drawn from the table. */
export function diagram(): string {
  const lines = ['stateDiagram-v2', '  [*] --> idle']
  for (const [from, targets] of TRANSITIONS) {
    if (from === 'unknown') continue // a relabelling inside idle
    for (const to of targets) if (to !== from) lines.push(`  ${from} --> ${to}`)
  }
  for (const phase of ['idle', 'pending', 'active'] as const)
    lines.push(`  ${phase}: ${phase} (${STATES.filter((s) => PHASE[s] === phase).join(', ')})`)
  return lines.join('\n')
}
