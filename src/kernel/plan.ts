// A dry run: which steps a start or a stop would take now, in order, each with its cause.
// Plain data in, plain data out; what is wanted and what is up is the caller's to say.

import type { Plan, PlanStep } from '../events.js'

/** A service as a plan sees it. */
export interface Planned {
  readonly name: string
  /** Has, for a start: is up or coming up; for a stop: has an instance. */
  readonly done: boolean
  readonly because: string
  /** Names that must be done before it. */
  readonly after: readonly string[]
}

/** The steps of what is not done yet; each comes after all that it waits for. */
export function plan(operation: Plan['operation'], services: readonly Planned[]): Plan {
  const todo = new Map(services.filter(({ done }) => !done).map((service) => [service.name, service]))
  const open = new Map<string, number>()
  const dependents = new Map<string, string[]>()
  for (const { name, after } of todo.values()) {
    const waits = after.filter((other) => todo.has(other))
    open.set(name, waits.length)
    for (const other of waits) dependents.set(other, [...(dependents.get(other) ?? []), name])
  }
  const queue = [...todo.keys()].filter((name) => open.get(name) === 0)
  const steps: PlanStep[] = []
  for (const name of queue) {
    const { after, because } = todo.get(name) as Planned
    steps.push(
      Object.freeze({
        name,
        action: operation,
        after: Object.freeze(after.filter((other) => todo.has(other))),
        because,
      }),
    )
    for (const next of dependents.get(name) ?? []) {
      const left = (open.get(next) as number) - 1
      open.set(next, left)
      if (left === 0) queue.push(next)
    }
  }
  return Object.freeze({ operation, steps: Object.freeze(steps) })
}
