// A scenario in words: what there is, and what is done when, one line each. For people who look at a failure.

import type { Act, Deed, HookPlan, ListenerPlan, Scenario, ServicePlan } from './scenario.js'
import type { Violation } from './stage.js'

/** The lines of a scenario; of a service's hooks only those that do something. */
export function story(scenario: Scenario): string[] {
  const { services, extras, listeners, steps, options, rest } = scenario
  const used = new Set(
    steps.flatMap(({ deeds }) =>
      deeds.flatMap((deed) => (deed.deed === 'call' && typeof deed.target === 'number' ? [deed.target] : [])),
    ),
  )
  return [
    ...(words(options) === '' ? [] : [`orchestrator ${words(options)}`]),
    ...services
      .filter((plan) => plan.kind !== 'given' || serviceLine(plan).includes(' - '))
      .map((plan) => `service ${serviceLine(plan)}`),
    ...extras.flatMap((plan, i) => (used.has(i) ? [`extra ${i}: ${serviceLine(plan)}`] : [])),
    ...listeners.map((plan, i) => `listener ${i}: ${listenerLine(plan)}`),
    ...steps.map(
      ({ at, deeds }) =>
        `${String(at).padStart(8)} ms  ${deeds.map((deed) => deedWords(deed, extras)).join('; then ')}`,
    ),
    `${String((steps.at(-1)?.at ?? 0) + rest).padStart(8)} ms  calm`,
  ]
}

/** What is shown of a failure: the law, the steps, and how to see it again. */
export function failureText(scenario: Scenario, { law, message, at }: Violation, replay: string): string {
  return [
    `seed ${scenario.seed} violates: ${law}`,
    `  at ${at} ms: ${message}`,
    ...story(scenario).map((line) => `  ${line}`),
    `  replay: ${replay}`,
  ].join('\n')
}

function serviceLine({ name, kind, options, start, run, stop, check, inner }: ServicePlan): string {
  const hooks = Object.entries({ start, run, stop, check }).flatMap(([hook, plan]) => {
    if (plan === undefined || (plan.acts.length === 0 && (hook === 'start' || hook === 'stop'))) return []
    return [`${hook}: ${hookWords(plan)}`]
  })
  const within = inner ? [`of ${inner.map(serviceLine).join(' and ')}`] : []
  return [`${name}${kind === 'managed' ? '' : ` (${kind})`}`, words(options), ...within, ...hooks]
    .filter(Boolean)
    .join(' - ')
}

function hookWords({ acts, choose }: HookPlan): string {
  if (acts.length === 0) return 'passes'
  return acts.map(actWords).join(choose ? ' | ' : ', ')
}

function actWords({ end, deeds, owns, ...rest }: Act): string {
  const more = words(rest)
  return [
    end === 'pass' ? 'passes' : `${end}s`,
    ...(more === '' ? [] : [more]),
    ...(owns ? [`owning [${owns.map(actWords).join(', ')}]`] : []),
    ...(deeds ? [`calling [${deeds.map((deed) => deedWords(deed, [])).join('; ')}]`] : []),
  ].join(' ')
}

function listenerLine({ type, acts, ...rest }: ListenerPlan): string {
  return `${type} ${words(rest)} ${acts.map(actWords).join(', ')}`
}

function deedWords(deed: Deed, extras: readonly ServicePlan[]): string {
  if (deed.deed !== 'call') {
    const { deed: what, ...rest } = deed
    if (!('target' in rest)) return `${what} ${words(rest)}`.trim()
    const { target, ...more } = rest
    return `${what} ${target} ${words(more)}`.trim()
  }
  const { call, target, deed: _, ...rest } = deed
  const whom =
    typeof target === 'number' ? ` extra ${target} (${extras[target]?.name})` : target === undefined ? '' : ` ${target}`
  return `${call}${whom}${words(rest) === '' ? '' : ` ${words(rest)}`}`
}

/** An object as one reads it: `a 1, b { c true }`; empty ones as nothing. */
function words(value: object): string {
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([key, field]) => `${key} ${word(field)}`)
    .join(', ')
}

function word(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(word).join(', ')}]`
  if (typeof value === 'object' && value !== null) return `{ ${words(value)} }`
  return String(value)
}
