// Why is it not up? The chain from a service to the root cause, as data and as a sentence (R42).
// Works on statuses, plain snapshots that say what each service waits for itself.

import { describe, isKeelsonError } from '../errors.js'
import type { Cause, Explanation, HealthReport, ServiceStatus } from '../events.js'
import type { HealthStatus } from '../service.js'
import { worse } from './health.js'

/** What stands between one service and being up, followed to the root, one item per service. */
export function explain(
  status: ServiceStatus,
  find: (name: string) => ServiceStatus | undefined,
  wall: number,
): Explanation {
  const { name } = status
  const up = status.phase === 'active' && status.health !== 'unhealthy'
  const because = up ? [] : chain(status, find)
  return Object.freeze({ name, up, because: Object.freeze(because), text: sentence(status, because, up, find, wall) })
}

function chain(status: ServiceStatus, find: (name: string) => ServiceStatus | undefined): Cause[] {
  const causes: Cause[] = []
  let at: ServiceStatus | undefined = status
  while (at !== undefined) {
    const next: Cause | undefined = nextOf(at, find)
    if (next === undefined) {
      const own: Cause | undefined = at.blockedBy?.find((c) => c.kind !== 'dependency') ?? ownCause(at)
      if (own !== undefined) {
        if (causes.at(-1)?.name === own.name) causes.pop()
        causes.push(own)
      }
      break
    }
    at = find(next.name)
    causes.push(at === undefined ? { ...next, kind: 'missing' } : next)
  }
  return causes
}

/** Which of those that it waits for to follow: one that is not coming explains more than one that is on its way. */
function nextOf(
  { blockedBy = [] }: ServiceStatus,
  find: (name: string) => ServiceStatus | undefined,
): Cause | undefined {
  const dependencies = blockedBy.filter((c) => c.kind === 'dependency')
  return dependencies.find((c) => !moving(find(c.name))) ?? dependencies[0]
}

const moving = (status: ServiceStatus | undefined): boolean => status?.phase === 'moving' || status?.phase === 'active'

/** What a service that waits for nothing has to say for itself. */
function ownCause({ name, state, error, stopReason, health }: ServiceStatus): Cause | undefined {
  const cause = (kind: Cause['kind']): Cause => ({ name, state, kind, ...(error === undefined ? {} : { error }) })
  if (state === 'failed' || health === 'unhealthy') return cause('failed')
  if (state === 'stopping') return cause('stop')
  if (state === 'starting') return cause('hook')
  if (state === 'stopped' || state === 'disconnected') return cause(stopReason === 'manual' ? 'manual' : 'stop')
  return undefined
}

function sentence(
  status: ServiceStatus,
  because: readonly Cause[],
  up: boolean,
  find: (name: string) => ServiceStatus | undefined,
  wall: number,
): string {
  const { name, state, health } = status
  if (up) return `${name} is ${state}${health === 'healthy' ? '' : `, ${health}`}`
  const [own] = because
  if (own === undefined) return state === 'unknown' ? `${name} has never been started` : `${name} is ${state}`
  if (own.name === name) return `${name} is ${condition(own, status, wall)}`
  const root = because.at(-1) as Cause
  const path = because.map((cause) => `needs ${cause.name}`).join(', which ')
  return `${name} is ${state}: ${path}, which is ${condition(root, find(root.name), wall)}`
}

/** The state of the root cause with what makes it last. */
function condition({ state, kind, error, until }: Cause, status: ServiceStatus | undefined, wall: number): string {
  const { attempt } = status ?? {}
  const due = until === undefined ? undefined : `due in ${seconds(until - wall)}`
  const detail = [attempt === undefined ? undefined : `attempt ${attempt}`, due]
    .filter((part) => part !== undefined)
    .join(', ')
  const says: Readonly<Record<Cause['kind'], string>> = {
    dependency: status?.phase === 'active' && status.health !== 'healthy' ? `${state}, ${status.health}` : state,
    backoff: state,
    delay: `${state}, delayed`,
    permit: `${state} for a permit`,
    stop: status?.stopReason === undefined || status.phase !== 'idle' ? state : `${state} (${status.stopReason})`,
    hook: state === 'waiting' ? 'waiting for a hook of an earlier epoch to settle' : state,
    failed: status?.phase === 'active' ? `${state}, ${status.health}` : state,
    manual: `${state} by hand`,
    auth: `${state}: credentials are missing`,
    missing: 'not registered',
  }
  return `${says[kind]}${detail === '' ? '' : ` (${detail})`}${error === undefined ? '' : ` after ${describe(rootOf(error))}`}`
}

/** What was really thrown, under our own errors. */
function rootOf(error: unknown): unknown {
  let at = error
  // Only ours are opened up: what somebody threw may be anything, and is for `describe`.
  for (let i = 0; i < 10 && isKeelsonError(at) && at.cause !== undefined; i++) at = at.cause
  return at
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.max(0, Math.round(ms))} ms` : `${Math.round(ms / 100) / 10} s`
}

/** A service as the roll-up sees it. */
export interface Rated {
  readonly status: ServiceStatus
  /** Desired up. */
  readonly wanted: boolean
  /** Its last epoch ended of itself, and nobody has asked for another one. */
  readonly completed: boolean
}

/** The health of a whole: the worst of what is desired up, and whom to blame for it, root cause first (R28). */
export function rollUp(services: ReadonlyMap<string, Rated>): Pick<HealthReport, 'status' | 'because'> {
  const find = (name: string): ServiceStatus | undefined => services.get(name)?.status
  let worst: HealthStatus = 'healthy'
  const roots = new Map<string, string>()
  const blamed = new Map<Rated, number>()
  for (const service of services.values()) {
    if (!service.wanted) continue
    const own = healthOf(service)
    if (own === 'healthy') continue
    const seen = service.status.essential ? own : 'degraded'
    worst = worse(worst, seen)
    const who = services.get(rootOfWait(service.status, find, roots)) ?? service
    blamed.set(who, Math.max(blamed.get(who) ?? 0, RANK.indexOf(seen)))
  }
  const because = [...blamed]
    .sort(([, a], [, b]) => b - a)
    .map(([who]) => {
      const { name, state, error } = who.status
      return Object.freeze({ name, health: healthOf(who), state, ...(error === undefined ? {} : { error }) })
    })
  return { status: worst, because: Object.freeze(because) }
}

/** The last one in the chain of those who wait for one another; what was found is remembered for all on the way. */
function rootOfWait(
  service: ServiceStatus,
  find: (name: string) => ServiceStatus | undefined,
  roots: Map<string, string>,
): string {
  const path: string[] = []
  let at: ServiceStatus | undefined = service
  let root = service.name
  while (at !== undefined) {
    const known = roots.get(at.name)
    if (known !== undefined) {
      root = known
      break
    }
    root = at.name
    path.push(root)
    const next: Cause | undefined = nextOf(at, find)
    at = next === undefined ? undefined : find(next.name)
  }
  for (const name of path) roots.set(name, root)
  return root
}

const RANK: readonly HealthStatus[] = ['unknown', 'healthy', 'degraded', 'checking', 'unhealthy']

/** One that is not active counts as `checking`, after a failure as `unhealthy`, completed as `healthy`. */
function healthOf({ status: { phase, health, error }, completed }: Rated): HealthStatus {
  if (phase === 'active') return health
  if (completed && phase !== 'moving') return 'healthy'
  return error === undefined ? 'checking' : 'unhealthy'
}
