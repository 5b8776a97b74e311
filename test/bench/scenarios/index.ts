// The scenarios, loaded one at a time: a process that measures one holds nothing of the others.

import type { Scenario } from '../scenario.js'

const LOADERS: Readonly<Record<string, () => Promise<{ scenario: Scenario }>>> = {
  overhead: () => import('./overhead.js'),
  makespan: () => import('./makespan.js'),
  events: () => import('./events.js'),
  observe: () => import('./observe.js'),
  memory: () => import('./memory.js'),
  recovery: () => import('./recovery.js'),
  dynamic: () => import('./dynamic.js'),
  storm: () => import('./storm.js'),
  heartbeat: () => import('./heartbeat.js'),
  checks: () => import('./checks.js'),
  threads: () => import('./threads.js'),
  weight: () => import('./weight.js'),
  growth: () => import('./growth.js'),
}

/** The names, in the order of the report; `growth` is for the plot and only measured when that is asked for. */
export const SCENARIOS: readonly string[] = Object.keys(LOADERS).filter((name) => name !== 'growth')

/** One of them. */
export async function scenario(name: string): Promise<Scenario> {
  const load = LOADERS[name]
  if (load === undefined) throw new Error(`there is no scenario '${name}'; the scenarios are ${SCENARIOS.join(', ')}`)
  return (await load()).scenario
}
