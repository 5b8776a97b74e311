// Readings of an engine: statuses, snapshots, explanations, health, graph, plan. Changes nothing, starts nothing.
// What they give is plain and frozen; a service's own data is asked for when somebody looks.

import type { Cause, DependencyGraph, Explanation, HealthReport, Plan, ServiceStatus, Snapshot } from '../events.js'
import { leans } from '../kernel/edge.js'
import { explain, type Rated, rollUp } from '../kernel/explain.js'
import { drawn } from '../kernel/graph.js'
import { type Planned, plan } from '../kernel/plan.js'
import type { Writable } from './event-log.js'
import type { Clock } from './ports.js'
import type { Record } from './record.js'
import { blocker } from './rest.js'
import type { Topology } from './topology.js'

export class View {
  readonly #topology: Topology
  readonly #clock: Clock
  readonly #seq: () => number

  constructor(topology: Topology, clock: Clock, seq: () => number) {
    this.#topology = topology
    this.#clock = clock
    this.#seq = seq
  }

  status(name: string): ServiceStatus {
    const record = this.#topology.get(name)
    return this.#status(record ?? this.#topology.find(name))
  }

  all(): ServiceStatus[] {
    return [...this.#topology.records.values()].map((record) => this.#status(record))
  }

  snapshot(): Snapshot {
    return Object.freeze({ seq: this.#seq(), timestamp: this.#clock.wall(), services: Object.freeze(this.all()) })
  }

  explain(name: string): Explanation {
    return explain(this.status(name), this.#find, this.#clock.wall())
  }

  health(): HealthReport {
    const { records } = this.#topology
    const services = this.all()
    const rated = new Map<string, Rated>()
    for (const status of services) {
      const { desired = false, completed = false } = records.get(status.name) ?? {}
      rated.set(status.name, { status, wanted: desired, completed })
    }
    return Object.freeze({ ...rollUp(rated), services: Object.freeze(services) })
  }

  graph(): DependencyGraph {
    const nodes = new Map<string, DependencyGraph['nodes'][number]>()
    const edges: DependencyGraph['edges'][number][] = []
    for (const { name, core, state } of this.#topology.records.values())
      nodes.set(name, Object.freeze({ name, type: core?.type ?? 'service', state }))
    for (const { name, deps } of this.#topology.records.values()) {
      for (const { to, spec } of deps) {
        if (!nodes.has(to.name)) nodes.set(to.name, Object.freeze({ name: to.name }))
        edges.push(
          Object.freeze({
            from: name,
            to: to.name,
            condition: spec.condition,
            optional: spec.optional,
            onLoss: spec.onLoss,
          }),
        )
      }
    }
    return drawn({ nodes: [...nodes.values()], edges })
  }

  plan(operation: Plan['operation'], name: string | undefined): Plan {
    const records = [...this.#topology.records.values()]
    const roots =
      name === undefined
        ? records.filter((r) => operation === 'stop' || r.settings.autoStart)
        : [this.#topology.find(name)]
    const reasons = new Map<Record, string>(
      roots.map((r) => [
        r,
        name === undefined ? (operation === 'start' ? 'starts by itself' : 'shutdown') : 'asked for',
      ]),
    )
    for (const [record] of reasons) {
      if (operation === 'start') {
        if (record.active && record.desired) continue
        for (const { to, spec } of record.deps)
          if (!spec.optional && to.core !== undefined && !reasons.has(to)) reasons.set(to, `required by ${record.name}`)
      } else if (name !== undefined)
        for (const { from, spec } of record.dependents)
          if (leans(spec) && from.isLive && !reasons.has(from)) reasons.set(from, `needs ${record.name}`)
    }
    const services = [...reasons].map(
      ([record, because]): Planned =>
        operation === 'start'
          ? {
              name: record.name,
              because,
              done: record.ok || record.state === 'starting' || (name === undefined && record.completedForGood),
              after: record.deps.filter(({ to }) => to.core !== undefined).map(({ to }) => to.name),
            }
          : {
              name: record.name,
              because,
              done: !record.isLive,
              after: record.dependents
                .filter(({ from, spec }) => from.isLive && (name === undefined || leans(spec)))
                .map(({ from }) => from.name),
            },
    )
    return plan(operation, services)
  }

  readonly #find = (name: string): ServiceStatus | undefined => {
    const record = this.#topology.get(name)
    return record === undefined ? undefined : this.#status(record)
  }

  #status(record: Record): ServiceStatus {
    const { core, lastError, stopReason } = record
    const pending = record.desired && !record.isLive
    const blockedBy = pending
      ? this.#blockedBy(record)
      : record.ending && record.active
        ? this.#heldBy(record)
        : undefined
    const data = core === undefined ? undefined : dataOf(record)
    const status: Writable<ServiceStatus> = {
      name: record.name,
      type: core?.type ?? 'service',
      phase: record.phase,
      state: record.state,
      health: record.health,
      essential: record.settings.essential,
      dependencies: this.#dependencies(record),
      epoch: record.epoch,
      since: record.changed.wall,
    }
    if (lastError !== undefined) status.error = lastError
    if (blockedBy !== undefined && blockedBy.length > 0) status.blockedBy = Object.freeze(blockedBy)
    if (record.attempt > 0) status.attempt = record.attempt
    if (record.pause.dueAt > 0 && pending) status.nextRetryAt = this.#wall(record.pause.dueAt)
    if (record.active) status.uptime = this.#clock.now() - record.changed.now
    if (stopReason !== undefined) status.stopReason = stopReason
    if (data !== undefined) status.data = data
    return Object.freeze(status)
  }

  #dependencies({ deps }: Record): readonly string[] {
    return Object.freeze(deps.filter(({ implied }) => !implied).map(({ to }) => to.name))
  }

  /** What a service that is desired up and not live waits for, from the same function that lets it start. */
  #blockedBy(record: Record): Cause[] {
    const { name, state, lastError } = record
    const error = lastError === undefined ? {} : { error: lastError }
    switch (blocker(record, this.#clock.now())) {
      case 'gave up':
        return [{ name, state, kind: state === 'auth_required' ? 'auth' : 'failed', ...error }]
      case 'backoff':
        return [{ name, state, kind: 'backoff', ...error, until: this.#wall(record.pause.dueAt) }]
      case 'hook':
        return [{ name, state, kind: 'hook', ...error, until: this.#wall(record.pause.unsettledBy) }]
      case 'dependency':
        return record.deps.filter((edge) => !edge.open).map(({ to }) => this.#dependency(to))
      case 'delay':
        return [{ name, state, kind: 'delay', until: this.#wall(record.pause.delayedUntil) }]
      case 'permit':
        return [{ name, state, kind: 'permit' }]
      default:
        return []
    }
  }

  #dependency({ name, state, lastError }: Record): Cause {
    return { name, state, kind: 'dependency', ...(lastError === undefined ? {} : { error: lastError }) }
  }

  /** An orderly stop waits for these dependents; in a shutdown also for those beyond one that has no instance. */
  #heldBy(record: Record): Cause[] {
    const all = record.stop?.orderAll === true
    const waits = new Set<Record>()
    const above = new Set([record])
    for (const each of above) {
      for (const { from, spec } of each.dependents) {
        if (from.isLive && (all || leans(spec))) waits.add(from)
        else if (all) above.add(from)
      }
    }
    return [...waits].map(({ name, state }) => ({ name, state, kind: 'stop' }))
  }

  #wall(at: number): number {
    // Deadlines are kept on whole milliseconds, the next one.
    return Math.round(this.#clock.wall() + Math.ceil(at) - this.#clock.now())
  }
}

/** A service's own data; if asking for it throws, that is all there is to tell. */
function dataOf({ core }: Record): Readonly<{ [key: string]: unknown }> | undefined {
  try {
    const data = core?.table.data(core.service)
    return typeof data === 'object' && data !== null && Object.keys(data).length > 0
      ? (data as Readonly<{ [key: string]: unknown }>)
      : undefined
  } catch {
    return undefined
  }
}
