/**
 * The loader of the corpus: Compose facts in, keelson facts out. It is the only place that decides what a fact means.
 *
 * - An edge waits for ever (`timeout: Infinity`), as Compose does: start periods of ten minutes are in the corpus.
 * - What others wait for as `service_completed_successfully` is a job: a service whose `run` ends of itself.
 * - `restart: "no"` and none at all are `never`; `unless-stopped` is `always` (a manual stop holds in keelson anyway, R6);
 *   retries without a number are unlimited (`maxRetries: 0`). `deploy.restart_policy` wins over `restart`, as in Compose.
 * - No replicas are wanted (`replicas: 0`): `autoStart: false`. More than one is one.
 * - A bad value - a policy nobody knows, a duration or count that is not a positive number - is as if it was not stated:
 *   Compose's default holds. Odd but legal ones (a check timeout above its interval) are passed on.
 * - A bad graph - a cycle, a name that is not there or is empty - is passed on too: refusing it is the engine's work.
 */
import { readFileSync } from 'node:fs'

/** What a Compose file states, as `test/data/stacks` keeps it. */
export interface ComposeService {
  name: string
  dependsOn?: { name: string; condition?: string; required?: boolean; restart?: boolean }[]
  restart?: string
  healthcheck?: { interval?: number; timeout?: number; retries?: number; startPeriod?: number }
  replicas?: number
  stopGracePeriod?: number
  deployRestartPolicy?: { condition?: string; delay?: number; maxAttempts?: number; window?: number }
}

export interface ComposeStack {
  name: string
  flags?: string[]
  services: ComposeService[]
}

/**
 * Which edges take a dependent down with its dependency. Keelson's default: the required ones.
 * Compose says it edge by edge (`restart: true`), and mostly says no.
 */
export type Reading = 'keelson' | 'compose'

export interface Edge {
  name: string
  condition: 'started' | 'healthy' | 'completed'
  optional: boolean
  /** Whether the dependent goes down with its dependency. */
  loss: boolean
  /** Stated only where it is not keelson's default, so that the default is tested too. */
  onLoss?: 'stop' | 'keep'
}

export type Restart =
  | { policy: 'never' }
  | { policy: 'on-failure' | 'always'; maxRetries: number; initialBackoff?: number; stableAfter?: number }

export interface Check {
  interval: number
  timeout: number
  failureThreshold: number
  startGrace: number
}

export interface StackService {
  name: string
  /** Ends of itself; others wait for that. */
  job: boolean
  dependsOn: Edge[]
  restart: Restart
  check?: Check
  stopTimeout: number
  autoStart: boolean
}

export interface Stack {
  name: string
  flags: readonly string[]
  /** In the order of the original. */
  services: ReadonlyMap<string, StackService>
}

const file = new URL('../data/stacks/stacks.json', import.meta.url)

/** All stacks of the corpus, as written. */
export const corpus: readonly ComposeStack[] = JSON.parse(readFileSync(file, 'utf8'))

/** The stack as keelson sees it. */
export function load(compose: ComposeStack, reading: Reading = 'keelson'): Stack {
  const jobs = new Set<string>()
  for (const { dependsOn = [] } of compose.services)
    for (const edge of dependsOn) if (conditionOf(edge.condition) === 'completed') jobs.add(edge.name)
  const services = compose.services.map((facts) => [facts.name, loadService(facts, jobs, reading)] as const)
  return { name: compose.name, flags: compose.flags ?? [], services: new Map(services) }
}

/** Names the stack needs and does not have, `''` included. */
export function missing(compose: ComposeStack): Set<string> {
  const there = new Set(compose.services.map((service) => service.name))
  const needed = compose.services.flatMap(({ dependsOn = [] }) => dependsOn.map((edge) => edge.name))
  return new Set(needed.filter((name) => !there.has(name)))
}

/** The stack with a plain service for each name that is missing; the empty name becomes one that can be registered. */
export function complete(compose: ComposeStack): ComposeStack {
  const named = (name: string) => name || 'nameless'
  const placeholders = [...missing(compose)].map((name): ComposeService => ({ name: named(name) }))
  const services = compose.services.map((service) => ({
    ...service,
    dependsOn: (service.dependsOn ?? []).map((edge) => ({ ...edge, name: named(edge.name) })),
  }))
  return { ...compose, services: [...services, ...placeholders] }
}

/** All stacks that can be ordered, with what they miss added. */
export const ordered: readonly ComposeStack[] = corpus
  .filter(({ flags = [] }) => !flags.includes('cycle') && !flags.includes('self-dependency'))
  .map(complete)

function loadService(facts: ComposeService, jobs: ReadonlySet<string>, reading: Reading): StackService {
  const { healthcheck, replicas, stopGracePeriod } = facts
  return {
    name: facts.name,
    job: jobs.has(facts.name),
    dependsOn: (facts.dependsOn ?? []).map((edge) => loadEdge(edge, reading)),
    restart: loadRestart(facts),
    ...(healthcheck && {
      check: {
        interval: positive(healthcheck.interval) ?? 30_000,
        timeout: positive(healthcheck.timeout) ?? 30_000,
        failureThreshold: count(healthcheck.retries) ?? 3,
        startGrace: positive(healthcheck.startPeriod) ?? 0,
      },
    }),
    stopTimeout: positive(stopGracePeriod) ?? 10_000,
    autoStart: replicas !== 0,
  }
}

function loadEdge(facts: NonNullable<ComposeService['dependsOn']>[number], reading: Reading): Edge {
  const condition = conditionOf(facts.condition)
  const optional = facts.required === false
  // A completed job cannot be lost (§4), so there `onLoss` would be an option without effect.
  if (condition === 'completed') return { name: facts.name, condition, optional, loss: false }
  if (reading === 'keelson') return { name: facts.name, condition, optional, loss: !optional }
  const loss = facts.restart === true
  return { name: facts.name, condition, optional, loss, onLoss: loss ? 'stop' : 'keep' }
}

function conditionOf(condition: string | undefined): Edge['condition'] {
  if (condition === 'service_healthy') return 'healthy'
  return condition === 'service_completed_successfully' ? 'completed' : 'started'
}

function loadRestart({ restart, deployRestartPolicy: deploy }: ComposeService): Restart {
  if (deploy) {
    const delay = positive(deploy.delay)
    const window = positive(deploy.window)
    const more = {
      ...(delay && { initialBackoff: delay }),
      // Compose judges after `window` whether a restart has succeeded; keelson calls that stable.
      ...(window && { stableAfter: window }),
    }
    if (deploy.condition === 'none') return { policy: 'never' }
    const policy = deploy.condition === 'on-failure' ? 'on-failure' : 'always'
    return { policy, maxRetries: count(deploy.maxAttempts) ?? 0, ...more }
  }
  if (restart === 'always' || restart === 'unless-stopped') return { policy: 'always', maxRetries: 0 }
  const onFailure = /^on-failure(?::(?<retries>.*))?$/.exec(restart ?? '')
  if (!onFailure) return { policy: 'never' }
  return { policy: 'on-failure', maxRetries: count(Number(onFailure.groups?.retries)) ?? 0 }
}

const positive = (value: number | undefined): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined

const count = (value: number | undefined): number | undefined =>
  Number.isSafeInteger(value) ? positive(value) : undefined
