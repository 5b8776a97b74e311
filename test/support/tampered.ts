/** Runs in which one law is told something else than what happened: so it can be seen to notice. */
import type { AnyEvent, EventType, ServiceStatus } from '../../src/index.js'
import type { HookName, Law, Observation } from '../../src/testing/observation.js'
import { type Played, play } from '../../src/testing/play.js'
import type { Act, Deed, Scenario, ServicePlan, Step } from '../../src/testing/scenario.js'

/** What is told instead of an observation; `undefined`: the observation itself. */
export type Tamper = (seen: Observation) => Observation | readonly Observation[] | undefined

/** What is told wrongly, to which law, of which run, and how. */
export type Lie = readonly [lie: string, law: Law, scenario: Scenario, tamper: () => Tamper]

type Of<Kind extends Observation['kind']> = Extract<Observation, { readonly kind: Kind }>
type Event<Type extends EventType> = Extract<AnyEvent, { readonly type: Type }>

/** Plays a scenario with a single law, which is told what `tamper` makes of each observation. */
export function playTampered(scenario: Scenario, law: Law, tamper: Tamper): Promise<Played> {
  const told: Law = {
    title: law.title,
    begin: (scene) => {
      const check = law.begin(scene)
      return (seen) => {
        const instead = tamper(seen) ?? seen
        for (const each of Array.isArray(instead) ? instead : [instead]) {
          const wrong = check(each)
          if (wrong !== undefined) return wrong
        }
        return undefined
      }
    },
  }
  return play(scenario, { choices: { pick: () => 0 }, laws: [told] })
}

/** A service of a scenario whose hooks pass unless said otherwise. */
export const service = (name: string, more: Partial<ServicePlan> = {}): ServicePlan => ({
  name,
  kind: 'managed',
  options: {},
  start: { acts: [] },
  stop: { acts: [] },
  ...more,
})

/** A hook that goes the same way each time. */
export const always = (act: Act): { readonly acts: readonly Act[] } => ({ acts: [act] })

/** A hook that goes this way first and passes from then on. */
export const once = (act: Act): { readonly acts: readonly Act[] } => ({
  acts: [act, ...Array.from({ length: 50 }, () => ({ end: 'pass' }) as const)],
})

type Call = Extract<Deed, { readonly deed: 'call' }>

/** A step that makes one call. */
export const call = (
  at: number,
  name: Call['call'],
  target?: string | number,
  more: Partial<Omit<Call, 'deed' | 'call' | 'target'>> = {},
): Step => ({
  at,
  deeds: [{ deed: 'call', call: name, ...(target === undefined ? {} : { target }), ...more }],
})

/** A scenario that starts all and does the steps. */
export const scenario = (
  services: readonly ServicePlan[],
  steps: readonly Step[] = [],
  more: Partial<Scenario> = {},
): Scenario => ({
  seed: 1,
  options: { random: 'middle' },
  services,
  extras: [],
  listeners: [],
  steps: [call(0, 'start'), ...steps],
  rest: 500,
  patience: 100_000,
  ...more,
})

/** Tampers with the first observation of a kind that fits, and with no other. */
export function first<Kind extends Observation['kind']>(
  kind: Kind,
  fits: (seen: Of<Kind>) => boolean,
  change: (seen: Of<Kind>) => Observation | readonly Observation[],
): Tamper {
  let done = false
  return (seen) => {
    if (done || seen.kind !== kind || !fits(seen as Of<Kind>)) return undefined
    done = true
    return change(seen as Of<Kind>)
  }
}

/** Tampers with the first entry of a hook. */
export const onEnter = (hook: HookName, change: (seen: Of<'enter'>) => Observation | readonly Observation[]): Tamper =>
  first('enter', (seen) => seen.hook === hook, change)

/** Tampers with the first settlement that fits. */
export const onSettled = (
  change: (seen: Of<'settled'>) => Observation | readonly Observation[],
  fits: (seen: Of<'settled'>) => boolean = () => true,
): Tamper => first('settled', fits, change)

/** Tells each observation of a kind differently. */
export function each<Kind extends Observation['kind']>(
  kind: Kind,
  change: (seen: Of<Kind>) => Observation | readonly Observation[],
): Tamper {
  return (seen) => (seen.kind === kind ? change(seen as Of<Kind>) : undefined)
}

/** Leaves out whatever fits. */
export const without =
  (fits: (seen: Observation) => boolean): Tamper =>
  (seen) =>
    fits(seen) ? [] : undefined

/** The first event of a type that fits bears other fields. */
export function event<Type extends EventType>(
  type: Type,
  fits: Partial<Event<Type>>,
  change: Partial<Record<keyof Event<Type>, unknown>>,
): Tamper {
  return first(
    'event',
    ({ event }) => isLike(event, { type, ...fits }),
    (seen) => ({ ...seen, event: { ...seen.event, ...change } as AnyEvent }),
  )
}

/** Whether an observation is an event with these fields. */
export const isEvent = (seen: Observation, fields: object): boolean =>
  seen.kind === 'event' && isLike(seen.event, fields)

/** Whether an observation is about this hook of this service. */
export const isHook = (seen: Observation, kind: 'enter' | 'leave', service: string, hook: HookName): boolean =>
  seen.kind === kind && seen.service === service && seen.hook === hook

const isLike = (value: object, fields: object): boolean =>
  Object.entries(fields).every(([key, field]) => (value as Record<string, unknown>)[key] === field)

/** What is read when all is quiet says something else of services. */
export function reads(
  change: (status: ServiceStatus) => Partial<Record<keyof ServiceStatus, unknown>>,
  later = 0,
): Tamper {
  return each('quiet', ({ at, nextTimer, snapshot }) => ({
    kind: 'quiet',
    at,
    nextTimer,
    snapshot: {
      ...snapshot,
      timestamp: snapshot.timestamp + later,
      services: snapshot.services.map((status) => ({ ...status, ...change(status) }) as ServiceStatus),
    },
  }))
}

/** What holds services, as they say, is said otherwise. */
export const heldBy = (change: object): Tamper =>
  reads(({ blockedBy }) => ({ blockedBy: blockedBy?.map((cause) => ({ ...cause, ...change })) }))

/** A hook of the first epoch is entered. */
export const enters = (service: string, hook: 'start' | 'run' | 'stop', at: number, reason?: string): Observation => ({
  ...{ kind: 'enter', at, service, epoch: 1, hook, id: 9_000, instance: 1 },
  ...(reason === undefined ? {} : { reason }),
})

/** Whether an observation tells that a service came to a state. */
export const to =
  (name: string, newState: string): ((seen: Observation) => boolean) =>
  (seen) =>
    isEvent(seen, { type: 'state', name, newState })

/** Whether it tells that a service is up. */
export const up = (name: string): ((seen: Observation) => boolean) => to(name, 'running')
