// A scenario for services that somebody else made: what is called and which faults strike when, from a seed.
// Their hooks are their own; an act is laid over an entry now and then, and lets most of them pass.

import { Chance } from './chance.js'
import type { HookName } from './observation.js'
import type { Act, Deed, HookPlan, Scenario, ServicePlan, Step } from './scenario.js'

/** Kinds of faults that are injected into services. */
export const INJECTED = ['fail', 'hang', 'slow', 'crash', 'unhealthy', 'stall', 'jump'] as const

/**
 * - `fail`: a hook throws or rejects in place of what it does.
 * - `hang`: a hook neither begins nor ends, until its signal is aborted - or not even then.
 * - `slow`: a hook takes longer before it does what it does.
 * - `crash`: `ctx.fail`, at any time after the start began.
 * - `unhealthy`: checks fail, time out, or say `unhealthy`, several times in a row.
 * - `stall`: the event loop stands still.
 * - `jump`: the wall clock is set.
 */
export type InjectedFault = (typeof INJECTED)[number]

/** What is known of a service before it is made for a run. */
export interface Given {
  readonly name: string
  readonly runs: boolean
  readonly checks: boolean
}

/** Milliseconds: programs have seconds in their options, tests have less. */
const PAUSES = [0, 1, 20, 100, 500, 1_000, 2_000, 5_000, 15_000, 40_000] as const

export function generateOwn(seed: number, services: readonly Given[], faults: readonly InjectedFault[]): Scenario {
  const chance = new Chance(seed)
  // Each seed has its own few kinds of faults: what two of them do together is seen best without the others.
  const some = faults.filter(() => chance.is(0.6))
  const peace = chance.among([0.3, 0.6, 0.85, 0.95])
  const plans = services.map(({ name, runs, checks }): ServicePlan => {
    const plan = (hook: HookName): HookPlan => script(chance, some, peace, hook)
    return {
      name,
      kind: 'given',
      options: {},
      start: plan('start'),
      stop: plan('stop'),
      ...(runs ? { run: plan('run') } : {}),
      ...(checks ? { check: plan('check') } : {}),
    }
  })
  const names = services.map(({ name }) => name)
  const rest = chance.pick(60_000)
  return {
    seed,
    options: {},
    services: plans,
    extras: [],
    listeners: [],
    steps: steps(chance, some, names),
    rest,
    patience: 7_200_000,
  }
}

function steps(chance: Chance, faults: readonly InjectedFault[], names: readonly string[]): Step[] {
  const list: Step[] = [{ at: 0, deeds: [{ deed: 'call', call: 'start' }] }]
  const longest = chance.between(4, PAUSES.length)
  let at = 0
  for (let count = chance.between(5, 30); count > 0; count--) {
    at += chance.pick((PAUSES[chance.pick(longest)] ?? 0) + 1)
    list.push({ at, deeds: [deed(chance, faults, names)] })
  }
  return list
}

function deed(chance: Chance, faults: readonly InjectedFault[], names: readonly string[]): Deed {
  const has = (fault: InjectedFault, weight: number): number => (faults.includes(fault) ? weight : 0)
  const target = names.length > 0 ? chance.among(names) : ''
  const single = names.length > 0 ? 1 : 0
  const kind = chance.weighted([
    ['start', 2],
    ['stop', 1],
    ['startService', 3 * single],
    ['stopService', 2 * single],
    ['restartService', 2 * single],
    ['crash', has('crash', 4) * single],
    ['stall', has('stall', 2)],
    ['jump', has('jump', 1)],
  ] as const)
  if (kind === 'crash') return { deed: 'crash', target }
  if (kind === 'stall') return { deed: 'stall', ms: chance.pick(20_000) }
  if (kind === 'jump') return { deed: 'jump', ms: chance.between(-3_600_000, 3_600_000) }
  if (kind === 'start' || kind === 'stop') return { deed: 'call', call: kind }
  return { deed: 'call', call: kind, target }
}

function script(chance: Chance, faults: readonly InjectedFault[], peace: number, hook: HookName): HookPlan {
  const acts = Array.from({ length: chance.between(2, 6) }, (): Act => {
    if (faults.length === 0 || chance.is(peace)) return { end: 'pass' }
    return act(chance, chance.among(faults), hook)
  })
  return acts.every((each) => each.end === 'pass' && Object.keys(each).length === 1) ? { acts: [] } : { acts }
}

function act(chance: Chance, fault: InjectedFault, hook: HookName): Act {
  switch (fault) {
    case 'fail':
      if (chance.is(0.5)) return { end: 'throw' }
      // A loop that fails in place of what it does has not begun: only later it is a crash.
      return { end: 'reject', takes: chance.pick(2_000), error: chance.among(['plain', 'connectivity'] as const) }
    case 'hang':
      return { end: 'hang', abort: chance.among(['heed', 'ignore'] as const) }
    case 'slow':
      return hook === 'run' ? { end: 'pass' } : { end: 'pass', takes: chance.pick(20_000) }
    case 'crash':
      return hook === 'start' ? { end: 'pass', fails: chance.pick(30_000) } : { end: 'pass' }
    case 'unhealthy':
      return hook === 'check' ? { end: 'pass', says: 'unhealthy' } : { end: 'pass' }
    case 'stall':
      return { end: 'pass', stalls: chance.pick(5_000) }
    case 'jump':
      return { end: 'pass' }
  }
}
