// A dependency as the kernel sees it: the declared fields with their defaults, and what each condition needs.
// What holds of a service is a set of bits, its facts; an edge asks about one of them (lifecycle.md §4).

import { KeelsonError } from '../errors.js'
import type { Condition, Dependency } from '../service.js'
import { check, FLAG, invalid, LIST, oneOf, show, TEXT, TIMEOUT } from './validate.js'

/** A dependency with every default filled in. */
export type EdgeSpec = Readonly<Required<Dependency>>

/** What holds of a service, as others see it. */
export const Fact = {
  /** Active, or its last epoch ended of itself without error; not about to stop. */
  started: 1,
  /** Active and not `checking` or `unhealthy`; not about to stop. */
  healthy: 2,
  /** Its last ended epoch ended of itself without error; not about to stop. */
  completed: 4,
  /** An optional wait for it is over: it is not coming, or not soon. */
  settled: 8,
  /** Gave up: `failed`, but not for a mere wait, or `auth_required`. */
  gaveUp: 16,
  /** Ended of itself and is not going to run again by itself. */
  ended: 32,
  /** Desired up. */
  wanted: 64,
  /** About to stop: satisfies nothing, and nobody starts against it (R13). */
  ending: 128,
} as const

const NEEDS: Readonly<Record<Condition, number>> = {
  started: Fact.started,
  healthy: Fact.healthy,
  completed: Fact.completed,
}

/** Whether the condition of an edge holds, given the facts of its target. */
function satisfied(edge: EdgeSpec, facts: number): boolean {
  return (facts & NEEDS[edge.condition]) !== 0
}

/** Whether an edge lets its dependent start: satisfied, or optional and settled. */
export function open(edge: EdgeSpec, facts: number): boolean {
  return satisfied(edge, facts) || (edge.optional && (facts & Fact.settled) !== 0)
}

/** Whether an operation that waits over this closed edge waits in vain: nothing automatic will satisfy it (R29). */
export function hopeless(edge: EdgeSpec, facts: number): boolean {
  return edge.onTimeout === 'fail' && (facts & (Fact.gaveUp | Fact.ended)) !== 0
}

/** Whether a dependent is stopped when the target leaves its active phase, or is about to (R13, R14). */
export function leans(edge: EdgeSpec): boolean {
  return edge.onLoss === 'stop' && edge.condition !== 'completed'
}

const FIELDS = {
  name: TEXT,
  condition: oneOf('started', 'healthy', 'completed'),
  optional: FLAG,
  timeout: TIMEOUT,
  onTimeout: oneOf('fail', 'warn', 'continue'),
  onLoss: oneOf('stop', 'keep'),
}

/** The declared dependencies with their defaults, checked (R51). */
export function edges(subject: string, dependsOn: unknown): readonly EdgeSpec[] {
  if (dependsOn === undefined) return NONE
  if (!LIST.takes(dependsOn)) throw invalid(subject, 'dependsOn', dependsOn, 'an array of names or { name, … }')
  const declared = dependsOn as readonly (string | Dependency)[]
  if (declared.length === 0) return NONE
  const list = declared.map((item, i) => edge(subject, i, item))
  const names = new Set<string>()
  for (const { name } of list) {
    if (names.has(name))
      throw new KeelsonError('CONFIG_INVALID', `${subject}: dependsOn names ${show(name)} twice; merge the two`)
    names.add(name)
  }
  return Object.freeze(list)
}

const NONE: readonly EdgeSpec[] = Object.freeze([])

function edge(subject: string, place: number, item: string | Dependency): EdgeSpec {
  if (typeof item === 'string' && item !== '') return spec(item, false)
  const path = `dependsOn[${place}]`
  if (typeof item === 'string') throw invalid(subject, path, item, 'the name of a service')
  check(subject, path, item, FIELDS)
  if (item.name === undefined) throw invalid(subject, `${path}.name`, undefined, TEXT.says)
  const { name, condition, optional = false, timeout, onTimeout, onLoss } = item
  if (condition === 'completed' && item.onLoss !== undefined)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: ${path}.onLoss has no effect, since condition 'completed' only gates the start; leave it out`,
    )
  if (timeout === Infinity && item.onTimeout !== undefined)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject}: ${path}.onTimeout has no effect, since timeout is Infinity; leave one of them out`,
    )
  return spec(name, optional, condition, timeout, onTimeout, onLoss)
}

/** The edge that `order: 'registration'` adds: optional, so it waits and orders the stop but never fails anything. */
export function implied(name: string): EdgeSpec {
  return spec(name, true)
}

/** An edge, every field filled in. */
function spec(
  name: string,
  optional: boolean,
  condition: Condition = 'healthy',
  timeout = 300_000,
  onTimeout: EdgeSpec['onTimeout'] = optional ? 'continue' : 'fail',
  onLoss: EdgeSpec['onLoss'] = optional ? 'keep' : 'stop',
): EdgeSpec {
  return Object.freeze({ name, condition, optional, timeout, onTimeout, onLoss })
}
