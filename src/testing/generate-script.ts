// What is done in a generated scenario and when: intents and faults over time, and who listens.

import type { EventType } from '../index.js'
import { nameOf } from './generate-graph.js'
import type { Hooks } from './generate-services.js'
import type { Act, Deed, ListenerPlan, ServicePlan, Step } from './scenario.js'
import { has, type Swarm } from './swarm.js'

/** Pauses between steps, in milliseconds of the seed's scale: from the same task to longer than most timeouts. */
const PAUSES = [0, 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 3_000] as const

export function generateSteps(swarm: Swarm, services: readonly ServicePlan[], extras: readonly ServicePlan[]): Step[] {
  const { chance, scale, size } = swarm
  const steps: Step[] = []
  const count = size > 60 ? chance.between(4, 10) : chance.between(8, 50)
  const longest = chance.between(5, PAUSES.length)
  let at = 0
  // Most programs begin with a start.
  if (chance.is(0.8)) steps.push({ at, deeds: [start(swarm)] })
  for (let i = 0; i < count; i++) {
    at += (PAUSES[chance.pick(longest)] ?? 0) * scale
    const deeds: Deed[] = [deed(swarm, services, extras)]
    if (has(swarm, 'burst', 0.4))
      for (let k = chance.between(1, 4); k > 0; k--) deeds.push(deed(swarm, services, extras))
    if (has(swarm, 'hop', 0.3)) deeds.push({ deed: 'hop', hops: chance.between(1, 6) }, deed(swarm, services, extras))
    steps.push({ at, deeds })
  }
  if (has(swarm, 'dispose-app', 0.2)) steps.push({ at: at + 10, deeds: [{ deed: 'call', call: 'dispose' }] })
  return steps
}

function deed(swarm: Swarm, services: readonly ServicePlan[], extras: readonly ServicePlan[]): Deed {
  const { chance, size, scale, weights } = swarm
  const name = chance.is(0.97) ? nameOf(chance.pick(size)) : nameOf(size + chance.pick(3))
  const at = (kind: string, share = 1): number => (weights.get(kind) ?? 0) * share
  const kind = chance.weighted([
    ['start', 5],
    ['stop', 4],
    ['startService', 3],
    ['stopService', 3],
    ['restartService', 5],
    ['crash', 4 + at('crash', 1.5)],
    ['stall', at('stalls', 0.5)],
    ['jump', at('jump', 0.3)],
    ['abort', at('abort')],
    ['release', at('release', 0.5)],
    ['register', extras.length > 0 ? at('registry') : 0],
    ['unregister', at('registry', 0.7)],
    ['replace', extras.length > 0 ? at('replace') : 0],
    ['report', at('foreign', 0.5)],
    ['listen', at('listen', 0.3)],
  ] as const)
  const call = options(swarm)
  switch (kind) {
    case 'start':
      return start(swarm)
    case 'stop':
      return { deed: 'call', call: 'stop', ...call }
    case 'startService':
    case 'restartService':
      return { deed: 'call', call: kind, target: name, ...call, ...onFailure(swarm) }
    case 'stopService':
      return { deed: 'call', call: kind, target: name, ...call }
    case 'crash':
      return { deed: 'crash', target: name, ...(has(swarm, 'auth', 0.1) ? { error: 'auth' as const } : {}) }
    case 'stall':
      return { deed: 'stall', ms: chance.pick(200) * scale }
    case 'jump':
      return { deed: 'jump', ms: chance.between(-100_000, 100_000) }
    case 'abort':
      return { deed: 'abort' }
    case 'release':
      return { deed: 'release', target: name }
    case 'register':
    case 'replace': {
      const again = chance.is(0.25) ? name : undefined
      return {
        deed: 'call',
        call: kind,
        target: again ?? chance.pick(extras.length),
        ...(kind === 'replace' ? call : {}),
      }
    }
    case 'unregister':
      return { deed: 'call', call: 'unregister', target: name, ...(chance.is(0.6) ? { cascade: true } : {}) }
    case 'report': {
      const foreign = services.filter((plan) => plan.kind === 'foreign')
      const target = foreign.length > 0 ? chance.among(foreign).name : name
      const state = chance.among(['failed', 'stopped', 'running'] as const)
      return { deed: 'report', target, state, health: chance.among(['healthy', 'unhealthy', 'degraded'] as const) }
    }
    case 'listen':
      return { deed: 'listen', listener: chance.pick(3), on: chance.is(0.5) }
  }
}

function start(swarm: Swarm): Deed {
  return { deed: 'call', call: 'start', ...options(swarm), ...onFailure(swarm) }
}

function options(swarm: Swarm): { readonly timeout?: number; readonly signal?: 'open' | 'aborted' } {
  const { chance, scale } = swarm
  return {
    ...(has(swarm, 'timeout', 0.3) ? { timeout: chance.between(1, 400) * scale } : {}),
    ...(has(swarm, 'abort', 0.4) ? { signal: chance.is(0.06) ? ('aborted' as const) : ('open' as const) } : {}),
  }
}

function onFailure({ chance }: Swarm): { readonly onFailure?: 'rollback' | 'keep' | 'retry' } {
  return chance.is(0.4) ? { onFailure: chance.among(['rollback', 'keep', 'retry'] as const) } : {}
}

const TYPES: readonly EventType[] = [
  'state',
  'state',
  'health',
  'status',
  'retry',
  'registered',
  'operation',
  'warning',
  'listenerError',
]

export function generateListeners(swarm: Swarm, hooks: Hooks, services: readonly ServicePlan[]): ListenerPlan[] {
  const { chance, scale, size } = swarm
  if (!has(swarm, 'listen')) return []
  return Array.from({ length: chance.between(1, 3) }, (): ListenerPlan => {
    const target = chance.among(services).name
    const acts = Array.from({ length: chance.between(2, 9) }, (): Act => {
      const end = chance.weighted([
        ['pass', 6],
        ['throw', 1],
        ['reject', 1],
        ['hang', 1],
      ] as const)
      if (end !== 'pass') return { end }
      if (has(swarm, 'call', 0.3) && size <= 20) return { end, deeds: hooks.deeds(target) }
      return chance.is(0.05) ? { end, abort: 'finish' } : { end }
    })
    if (chance.is(0.2)) {
      const slow = acts.map(
        (act): Act => ({ end: 'pass', ...(act.end === 'pass' ? {} : { takes: chance.pick(100) * scale }) }),
      )
      return {
        type: 'iterator',
        acts: slow,
        buffer: chance.between(1, 20),
        ...(chance.is(0.3) ? { since: chance.pick(5) } : {}),
      }
    }
    if (chance.is(0.2)) return { type: 'changes', target, acts }
    return { type: chance.among(TYPES), acts }
  })
}
