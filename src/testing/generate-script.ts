// What is done in a generated scenario and when: intents and faults over time, and who listens.

import type { EventType } from '../index.js'
import { nameOf } from './generate-graph.js'
import type { Hooks } from './generate-hooks.js'
import type { CallName } from './observation.js'
import type { Act, Deed, ListenerPlan, ServicePlan, Step } from './scenario.js'
import { has, type Kind, type Swarm, span } from './swarm.js'

/** Pauses between steps, in milliseconds of the seed's scale: from the same task to longer than most timeouts. */
const PAUSES = [0, 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 3_000] as const

export function generateSteps(swarm: Swarm, services: readonly ServicePlan[], extras: readonly ServicePlan[]): Step[] {
  const { chance } = swarm
  const plot = plotOf(swarm, services, extras)
  const steps: Step[] = []
  const longest = chance.between(5, PAUSES.length)
  let at = 0
  // Most programs begin with a start.
  if (chance.is(0.8)) steps.push({ at, deeds: [start(swarm)] })
  for (let count = chance.between(8, 50); count > 0; count--) {
    const pause = PAUSES[chance.pick(longest)] ?? 0
    at += span(swarm, pause, pause)
    const deeds: Deed[] = [deed(swarm, plot)]
    if (has(swarm, 'burst', 0.4)) for (let k = chance.between(1, 4); k > 0; k--) deeds.push(deed(swarm, plot))
    if (has(swarm, 'hop', 0.3)) deeds.push({ deed: 'hop', hops: chance.between(1, 6) }, deed(swarm, plot))
    steps.push({ at, deeds })
  }
  if (has(swarm, 'dispose-app', 0.2)) steps.push({ at: at + 10, deeds: [{ deed: 'call', call: 'dispose' }] })
  return steps
}

type Happening = Exclude<CallName, 'dispose'> | Exclude<Deed['deed'], 'call' | 'hop'>

/** What can be done in a scenario. */
interface Plot {
  readonly kinds: readonly (readonly [Happening, number])[]
  /** Names of foreign services. */
  readonly foreign: readonly string[]
  readonly extras: number
}

function plotOf({ weights }: Swarm, services: readonly ServicePlan[], extras: readonly ServicePlan[]): Plot {
  const of = (kind: Kind, share = 1): number => (weights.get(kind) ?? 0) * share
  return {
    kinds: [
      ['start', 5],
      ['stop', 4],
      ['startService', 3],
      ['stopService', 3],
      ['restartService', 5],
      ['crash', 4 + of('crash', 1.5)],
      ['stall', of('stalls', 0.5)],
      ['jump', of('jump', 0.3)],
      ['abort', of('abort')],
      ['release', of('release', 0.5)],
      ['register', extras.length > 0 ? of('registry') : 0],
      ['unregister', of('registry', 0.7)],
      ['replace', extras.length > 0 ? of('replace') : 0],
      ['report', of('foreign', 0.5)],
      ['listen', of('listen', 0.3)],
    ],
    foreign: services.filter(({ kind }) => kind === 'foreign').map(({ name }) => name),
    extras: extras.length,
  }
}

function deed(swarm: Swarm, { kinds, foreign, extras }: Plot): Deed {
  const { chance, size } = swarm
  const target = chance.is(0.97) ? nameOf(chance.pick(size)) : nameOf(size + chance.pick(3))
  const kind = chance.weighted(kinds)
  switch (kind) {
    case 'start':
      return start(swarm)
    case 'stop':
      return { deed: 'call', call: 'stop', ...options(swarm) }
    case 'startService':
    case 'restartService':
      return { deed: 'call', call: kind, target, ...options(swarm), ...onFailure(swarm) }
    case 'stopService':
      return { deed: 'call', call: kind, target, ...options(swarm) }
    case 'crash':
      return { deed: 'crash', target, ...(has(swarm, 'auth', 0.1) ? { error: 'auth' as const } : {}) }
    case 'stall':
      return { deed: 'stall', ms: span(swarm, 0, 200) }
    case 'jump':
      return { deed: 'jump', ms: chance.between(-100_000, 100_000) }
    case 'abort':
      return { deed: 'abort' }
    case 'release':
      return { deed: 'release', target }
    case 'register':
    case 'replace': {
      const brought = chance.is(0.25) ? target : chance.pick(extras)
      return { deed: 'call', call: kind, target: brought, ...(kind === 'replace' ? options(swarm) : {}) }
    }
    case 'unregister':
      return { deed: 'call', call: 'unregister', target, ...(chance.is(0.6) ? { cascade: true } : {}) }
    case 'report': {
      const state = chance.among(REPORTED)
      const health = chance.among(HEALTHS)
      return { deed: 'report', target: foreign.length > 0 ? chance.among(foreign) : target, state, health }
    }
    case 'listen':
      return { deed: 'listen', listener: chance.pick(3), on: chance.is(0.5) }
  }
}
const REPORTED = ['failed', 'stopped', 'running'] as const
const HEALTHS = ['healthy', 'unhealthy', 'degraded'] as const

function start(swarm: Swarm): Deed {
  return { deed: 'call', call: 'start', ...options(swarm), ...onFailure(swarm) }
}

function options(swarm: Swarm): { readonly timeout?: number; readonly signal?: 'open' | 'aborted' } {
  const { chance } = swarm
  return {
    ...(has(swarm, 'timeout', 0.3) ? { timeout: span(swarm, 1, 400) } : {}),
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
  const { chance } = swarm
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
      if (has(swarm, 'call', 0.3)) return { end, deeds: hooks.deeds(target) }
      return chance.is(0.05) ? { end, abort: 'finish' } : { end }
    })
    if (chance.is(0.2)) {
      const slow = acts.map(
        (act): Act => ({ end: 'pass', ...(act.end === 'pass' ? {} : { takes: span(swarm, 0, 100) }) }),
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
