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

const LEGAL: ReadonlySet<string> = new Set(
  TRANSITIONS.flatMap(([from, targets]) =>
    STATES.filter((s) => s === from || PHASE[s] === from).flatMap((s) =>
      targets.flatMap((to) =>
        STATES.filter((t) => t !== s && t !== 'unknown' && (t === to || PHASE[t] === to)).map((t) => `${s} ${t}`),
      ),
    ),
  ),
)
const legalFrom = new Map(STATES.map((s) => [s, new Set(STATES.filter((t) => LEGAL.has(`${s} ${t}`)))]))

/** Whether a service may go from one state to another in one step. */
export function step(from: ServiceState, to: ServiceState): boolean {
  return legalFrom.get(from)?.has(to) === true
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
