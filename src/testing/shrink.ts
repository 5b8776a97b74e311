// Makes a failing scenario small: leaves out steps, services, edges, options and faults as long as the same law is still
// violated. Greedy, in passes, until a whole pass finds nothing more or its tries are used up.
// Knows the shape of scenarios and nothing of what they mean: whoever asks says which of them fail.

import type { Dependency } from '../index.js'
import type { Act, HookPlan, Scenario, ServicePlan, Step } from './scenario.js'

/** Whether a scenario still fails in the same way. */
export type Fails = (scenario: Scenario) => Promise<boolean>

/** The smallest scenario found within so many tries. */
export async function shrink(scenario: Scenario, fails: Fails, tries = 600): Promise<Scenario> {
  let best = scenario
  let left = tries
  const attempt = async (candidate: Scenario): Promise<boolean> => {
    if (left-- <= 0) return false
    // What is refused - for a run that an edge needs, say - does not fail in any way.
    const isFailing = await fails(candidate).catch(() => false)
    if (isFailing) best = candidate
    return isFailing
  }
  for (let before: Scenario | undefined; before !== best && left > 0; ) {
    before = best
    await chunks(
      () => best.steps,
      (steps) => attempt({ ...best, steps }),
    )
    await chunks(
      () => best.listeners,
      (listeners) => attempt({ ...best, listeners }),
    )
    // Those of a user are there whatever the scenario says.
    if (best.services.every(({ kind }) => kind !== 'given'))
      await chunks(
        () => best.services,
        (services) => attempt(without({ ...best, services })),
      )
    for (const key of Object.keys(best.options)) await attempt({ ...best, options: omit(best.options, key) })
    await sooner(
      () => best.steps,
      (steps) => attempt({ ...best, steps }),
    )
    if (best.rest > 0) await attempt({ ...best, rest: 0 })
    for (let i = 0; i < best.services.length; i++) {
      await simpler(
        () => best.services[i] as ServicePlan,
        (plan) => attempt({ ...best, services: put(best.services, i, plan) }),
      )
    }
    for (let i = 0; i < best.extras.length; i++) {
      await simpler(
        () => best.extras[i] as ServicePlan,
        (plan) => attempt({ ...best, extras: put(best.extras, i, plan) }),
      )
    }
    for (let i = 0; i < best.steps.length; i++) {
      const at = (): Step => best.steps[i] as Step
      await chunks(
        () => at().deeds,
        (deeds) => (deeds.length > 0 ? attempt({ ...best, steps: put(best.steps, i, { ...at(), deeds }) }) : no),
      )
    }
  }
  return best
}

const no: Promise<boolean> = Promise.resolve(false)

/** Leaves out half of a list, then quarters, then single ones, wherever that still fails. */
async function chunks<T>(list: () => readonly T[], attempt: (rest: readonly T[]) => Promise<boolean>): Promise<void> {
  for (let size = Math.ceil(list().length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < list().length; ) {
      const rest = list().filter((_, i) => i < from || i >= from + size)
      if (!(await attempt(rest))) from += size
    }
  }
}

/** Shortens the pauses between steps. */
async function sooner(
  steps: () => readonly Step[],
  attempt: (steps: readonly Step[]) => Promise<boolean>,
): Promise<void> {
  for (let i = 0; i < steps().length; i++) {
    const pause = (steps()[i] as Step).at - (steps()[i - 1]?.at ?? 0)
    for (const shorter of [0, 1, 10, 100, 1_000, 10_000]) {
      if (shorter >= pause) break
      const by = pause - shorter
      if (await attempt(steps().map((step, k) => (k < i ? step : { ...step, at: step.at - by })))) break
    }
  }
}

/** Leaves out what one service declares and does. */
async function simpler(plan: () => ServicePlan, attempt: (plan: ServicePlan) => Promise<boolean>): Promise<void> {
  const { inner } = plan()
  if (inner && inner.length > 0 && !(await attempt({ ...plan(), inner: [] })))
    for (let i = 0; i < inner.length; i++) {
      const at = (): ServicePlan => plan().inner?.[i] as ServicePlan
      await simpler(at, (each) => attempt({ ...plan(), inner: put(plan().inner ?? [], i, each) }))
    }
  for (const hook of ['check', 'run'] as const) {
    if (plan()[hook]) await attempt(withoutHook(plan(), hook))
  }
  for (const hook of ['start', 'run', 'stop', 'check'] as const) {
    const script = plan()[hook]
    if (!script || script.acts.length === 0) continue
    if (await attempt({ ...plan(), [hook]: { acts: [] } })) continue
    const acts = (): readonly Act[] => (plan()[hook] as HookPlan).acts
    const set = (list: readonly Act[]): Promise<boolean> => attempt({ ...plan(), [hook]: { ...script, acts: list } })
    await chunks(acts, set)
    for (let i = 0; i < acts().length; i++) {
      for (const key of Object.keys(acts()[i] as Act))
        if (key !== 'end') await set(put(acts(), i, omit(acts()[i] as Act, key)))
    }
  }
  for (const key of Object.keys(plan().options)) {
    if (await attempt({ ...plan(), options: omit(plan().options, key) })) continue
    const field = plan().options[key as keyof ServicePlan['options']]
    if (key === 'dependsOn') await fewerEdges(plan, attempt)
    else if (typeof field === 'object')
      for (const inner of Object.keys(field))
        await attempt({
          ...plan(),
          options: { ...plan().options, [key]: omit(plan().options[key as 'restart'] ?? {}, inner) },
        })
  }
}

async function fewerEdges(plan: () => ServicePlan, attempt: (plan: ServicePlan) => Promise<boolean>): Promise<void> {
  const edges = (): readonly (string | Dependency)[] => plan().options.dependsOn ?? []
  const set = (dependsOn: readonly (string | Dependency)[]): Promise<boolean> =>
    attempt({ ...plan(), options: { ...plan().options, dependsOn } })
  await chunks(edges, set)
  for (let i = 0; i < edges().length; i++) {
    const edge = edges()[i] as string | Dependency
    if (typeof edge === 'string') continue
    for (const key of Object.keys(edge)) {
      const now = edges()[i] as Dependency
      if (key !== 'name') await set(put(edges(), i, omit(now, key)))
    }
  }
}

/** Takes out what refers to services that are gone. */
function without(scenario: Scenario): Scenario {
  const names = new Set([...scenario.services, ...scenario.extras].map(({ name }) => name))
  const services = scenario.services.map((plan) => {
    const { dependsOn } = plan.options
    if (!dependsOn) return plan
    const kept = dependsOn.filter((edge) => names.has(typeof edge === 'string' ? edge : edge.name))
    return { ...plan, options: { ...plan.options, dependsOn: kept } }
  })
  return { ...scenario, services }
}

function withoutHook(plan: ServicePlan, hook: 'run' | 'check'): ServicePlan {
  const { [hook]: _, ...rest } = plan
  return hook === 'check' ? { ...rest, options: omit(rest.options, 'healthCheck') } : rest
}

function put<T>(list: readonly T[], index: number, item: T): readonly T[] {
  return list.map((each, i) => (i === index ? item : each))
}

function omit<T extends object>(object: T, key: string): T {
  return Object.fromEntries(Object.entries(object).filter(([each]) => each !== key)) as T
}
