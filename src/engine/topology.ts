// The graph at run time: one record per name, registered or merely depended on, and the edges between them.
// Checks before it touches anything (R10, R47); knows no states beyond "at rest" and starts nothing.

import { KeelsonError } from '../errors.js'
import { type EdgeSpec, implied, leans } from '../kernel/edge.js'
import { cycleThrough, nearest } from '../kernel/graph.js'
import {
  checkServiceOptions,
  type Defaults,
  defaultSettings,
  LIVE_FIELDS,
  refuseIdle,
  type Settings,
  settingsOf,
} from '../kernel/settings.js'
import { PHASE } from '../kernel/state.js'
import { show } from '../kernel/validate.js'
import type { LiveOptions, ServiceOptions } from '../service.js'
import type { Keeper, ServiceCore } from './core.js'
import { append } from './list.js'
import type { Neighbours } from './neighbours.js'
import type { Instant } from './ports.js'
import { Edge, NO_EDGES, Record } from './record.js'

const NEVER: Instant = { now: 0, wall: 0 }

/** What a service depends on, and how. */
export type Need = Pick<Edge, 'to' | 'spec'>

export interface TopologyHost {
  readonly keeper: Keeper
  readonly defaults: Defaults
  readonly chained: boolean
  /** A hook that was abandoned elsewhere has settled. */
  late(record: Record): void
}

export class Topology {
  /** What is registered, in registration order. */
  readonly records: Map<string, Record> = new Map()
  /** Names that are depended on and not registered. */
  readonly #absent = new Map<string, Record>()
  readonly #host: TopologyHost
  readonly #shared: Settings
  readonly #neighbours: () => Neighbours
  #index = 0
  #last: Record | undefined

  constructor(host: TopologyHost, neighbours: () => Neighbours) {
    this.#host = host
    this.#shared = defaultSettings(host.defaults)
    this.#neighbours = neighbours
  }

  get(name: string): Record | undefined {
    return this.records.get(name)
  }

  /** The record of a registered name; `SERVICE_NOT_FOUND` suggests the nearest one. */
  find(name: string): Record {
    const record = this.records.get(name)
    if (record !== undefined && !record.removing) return record
    const hint = typeof name === 'string' ? this.#hint(name) : ''
    throw new KeelsonError(
      'SERVICE_NOT_FOUND',
      `service ${show(name)} - is ${record === undefined ? 'not registered' : 'being unregistered'}${hint}`,
    )
  }

  /** `; did you mean 'x'?`, or what else to do about a missing name. */
  #hint(name: string): string {
    const near = nearest(name, this.records.keys())
    return near === undefined ? '; register it first' : `; did you mean '${near}'?`
  }

  /** What is wrong with a service that requires a name which nobody has registered (R10). */
  missing(dependent: string, name: string): KeelsonError {
    return new KeelsonError(
      'DEPENDENCY_MISSING',
      `service '${dependent}' - requires '${name}', which is not registered${this.#hint(name)}`,
    )
  }

  /** Whether `core` can be registered here; throws what is against it, and changes nothing. */
  admit(core: ServiceCore): void {
    const { name } = core
    if (core.nests !== undefined) this.#refuseItself(core)
    if (core.keeper === this.#host.keeper && this.records.get(name)?.core === core)
      throw new KeelsonError(
        'SERVICE_DUPLICATE',
        `service '${name}' - is already registered here; register each service once`,
      )
    if (core.keeper !== undefined && !core.keeper.solo && !core.keeper.closed)
      throw new KeelsonError(
        'SERVICE_IN_USE',
        `service '${name}' - belongs to another orchestrator; unregister it there first`,
      )
    if (this.records.has(name))
      throw new KeelsonError(
        'SERVICE_DUPLICATE',
        `service '${name}' - the name is taken; choose another, or use replace()`,
      )
    const { state } = core.service
    if (PHASE[state] !== 'idle')
      throw new KeelsonError('SERVICE_IN_USE', `service '${name}' - is ${state}; register it while it is at rest`)
  }

  /** What is registered, as cores. */
  *cores(): Iterable<ServiceCore> {
    for (const { core } of this.records.values()) if (core !== undefined) yield core
  }

  /** An orchestrator that is nested in itself, at whatever depth, would wait for itself for ever. */
  #refuseItself(core: ServiceCore): void {
    const inside = new Set([core])
    for (const { nests } of inside) {
      if (nests?.keeper === this.#host.keeper)
        throw new KeelsonError(
          'DEPENDENCY_CYCLE',
          `service '${core.name}' - is this orchestrator itself, or holds it; nest orchestrators like a tree`,
        )
      for (const each of nests?.cores() ?? []) inside.add(each)
    }
  }

  /** Adds a service that was admitted. `DEPENDENCY_CYCLE` and `CONFIG_INVALID` leave everything as it was. */
  add(core: ServiceCore): Record {
    const { name } = core
    const record = this.#absent.get(name) ?? new Record(name, this.#shared, NEVER)
    const { told } = core
    this.#edgesOf(core, record)
    this.#install(record, core)
    this.#absent.delete(name)
    this.records.set(name, record)
    record.index = ++this.#index
    record.epoch = Math.max(record.epoch, told.epoch) // its lives go on counting
    this.#last = record
    return record
  }

  /** Whether `core` could take the place of `record`; throws what is against it. */
  fits(record: Record, core: ServiceCore): void {
    const before = record.deps
    try {
      for (const edge of this.#edgesOf(core, record)) this.#unlink(edge)
    } finally {
      record.deps = before
    }
  }

  /** What a service depends on, and what does that is about to take its place. */
  needs({ deps, exchanging }: Record): readonly Need[] {
    const next = exchanging?.next
    if (next === undefined) return deps
    const find = (name: string): Record => this.records.get(name) ?? new Record(name, this.#shared, NEVER)
    return [...deps, ...next.edges.map((spec) => ({ spec, to: find(spec.name) }))]
  }

  /** Gives a service other settings, from its next decision on; checks them first. */
  reconfigure(record: Record, options: LiveOptions): void {
    const { core } = record
    const subject = `service '${record.name}'`
    checkServiceOptions(subject, options, LIVE_FIELDS)
    if (core === undefined) return
    refuseIdle(subject, options, core.checks)
    record.settings = settingsOf({ ...core.options, ...options } as ServiceOptions, this.#shared, this.#host.defaults)
  }

  /** Puts `core` in the place of the service of `record`, which is at rest. */
  exchange(record: Record, core: ServiceCore): void {
    const old = record.deps
    const before = this.#before(record)
    const edges = this.#edgesOf(core, record)
    for (const edge of old) this.#unlink(edge)
    // Its place in the order of registration stays what it was.
    if (before !== undefined && !edges.some(({ to }) => to === before))
      this.#link(record, before, implied(before.name), true)
    record.core?.release()
    this.#install(record, core)
  }

  /** Removes a record at rest; a name that is still depended on goes on as a missing one. */
  remove(record: Record): void {
    const { name } = record
    const before = this.#before(record)
    this.records.delete(name)
    if (this.#host.chained) this.#relink(record, before)
    const { dependents } = record
    for (const edge of record.deps) this.#unlink(edge)
    record.core?.release()
    record.core = undefined
    record.deps = NO_EDGES
    record.dependents = []
    const left = dependents.filter(
      (edge) => this.records.get(edge.from.name) === edge.from && edge.from.deps.includes(edge),
    )
    if (left.length === 0) return
    const absent = new Record(name, this.#shared, NEVER)
    this.#absent.set(name, absent)
    absent.facts = absent.factsNow
    absent.dependents = left
    for (const [place, edge] of left.entries()) {
      edge.to = absent
      edge.place = place
      if (edge.from.inUse) absent.users++
      if (edge.from.isLive && leans(edge.spec)) absent.leaning++
      this.#reset(edge)
    }
  }

  /** What requires `record`, unless it is being removed already. */
  requiring(record: Record): Record[] {
    return record.dependents.filter(({ spec, from }) => !spec.optional && !from.removing).map(({ from }) => from)
  }

  /** `record` and all that requires it, transitively, deepest first. */
  closure(record: Record): Record[] {
    const all = new Map([[record, 0]])
    for (const [each] of all) for (const dependent of this.requiring(each)) all.set(dependent, 0)
    for (const [each] of all) all.set(each, this.requiring(each).length)
    const order = [...all.keys()].filter((each) => all.get(each) === 0)
    for (const each of order) {
      for (const { to, spec } of each.deps) {
        const left = spec.optional ? undefined : all.get(to)
        if (left === undefined) continue
        all.set(to, left - 1)
        if (left === 1) order.push(to)
      }
    }
    return order
  }

  /** `order: 'registration'`: who came after a removed one waits for who came before it. */
  #relink(record: Record, before: Record | undefined): void {
    if (this.#last === record) this.#last = before
    let next: Edge | undefined
    for (const edge of record.dependents) if (next === undefined || edge.from.index < next.from.index) next = edge
    if (next === undefined) return
    const { from } = next
    if (next.implied) {
      this.#unlink(next)
      from.deps = from.deps.filter((edge) => edge !== next)
    }
    if (before !== undefined && !from.deps.some((edge) => edge.to === before))
      this.#reset(this.#link(from, before, implied(before.name), true))
  }

  /** `order: 'registration'`: who was registered before `record`, which depends on that one and on none that came later. */
  #before({ deps }: Record): Record | undefined {
    if (!this.#host.chained) return undefined
    let before: Record | undefined
    for (const { to } of deps) if (to.core !== undefined && to.index > (before?.index ?? 0)) before = to
    return before
  }

  #install(record: Record, core: ServiceCore): void {
    record.core = core
    record.settings = settingsOf(core.options, this.#shared, this.#host.defaults)
    core.keeper = this.#host.keeper
    core.told = record
    for (const { held } of core.abandoned ?? []) {
      if (held.has(record)) continue
      // A hook of an earlier registration: it holds this one up all the same (R32).
      record.unsettled++
      held.set(record, () => this.#host.late(record))
    }
    core.updates = hasMethod(core.service, 'updateState')
    const { deps, dependents } = record
    for (let i = 0; i < deps.length; i++) this.#reset(deps[i] as Edge)
    record.facts = record.factsNow
    for (let i = 0; i < dependents.length; i++) this.#reset(dependents[i] as Edge)
  }

  /** The edges of a service to be, linked in; or nothing changed and an error. */
  #edgesOf(core: ServiceCore, record: Record): Edge[] {
    const { edges, runs, name } = core
    for (let i = 0; i < edges.length; i++) {
      const spec = edges[i] as EdgeSpec
      this.#end(name, spec, spec.name === name ? core : this.records.get(spec.name)?.core)
    }
    if (!runs) for (const { from, spec } of record.dependents) this.#end(from.name, spec, core)
    record.deps = NO_EDGES
    for (let i = 0; i < edges.length; i++) {
      const spec = edges[i] as EdgeSpec
      this.#link(record, this.records.get(spec.name) ?? this.#placeholder(spec.name, record), spec, false)
    }
    const last = this.#last
    if (
      this.#host.chained &&
      !this.records.has(name) &&
      last !== undefined &&
      !edges.some((spec) => spec.name === last.name)
    )
      this.#link(record, last, implied(last.name), true)
    const linked = record.deps
    const cycle = record.dependents.length === 0 ? undefined : cycleThrough(record, targets, sources)
    if (cycle === undefined) return linked
    for (const edge of linked) this.#unlink(edge)
    record.deps = NO_EDGES
    const order = this.#host.chained ? " (order 'registration' puts each after the one before it)" : ''
    throw new KeelsonError(
      'DEPENDENCY_CYCLE',
      `service '${name}' - closes a cycle: ${cycle.map((r) => r.name).join(' → ')}${order}; take one of these dependencies out, or make it a call at run time`,
    )
  }

  /** Waiting for the end of a service that never ends is a mistake. */
  #end(dependent: string, { name, condition }: EdgeSpec, target: ServiceCore | undefined): void {
    if (condition === 'completed' && target?.runs === false)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${dependent}': dependsOn waits until '${name}' has completed, which never ends of itself; give '${name}' an onRun, or wait for 'healthy'`,
      )
  }

  #placeholder(name: string, self: Record): Record {
    if (self.name === name) return self
    const known = this.#absent.get(name)
    if (known !== undefined) return known
    const record = new Record(name, this.#shared, NEVER)
    this.#absent.set(name, record)
    return record
  }

  #link(from: Record, to: Record, spec: EdgeSpec, isImplied: boolean): Edge {
    const edge = new Edge(from, to, spec, isImplied)
    from.deps = append(from.deps, edge)
    to.dependents = append(to.dependents, edge)
    if (from.inUse) this.#neighbours().used(to, 1)
    return edge
  }

  #unlink(edge: Edge): void {
    const { from, to, place } = edge
    // The last one takes its place: a hub may have thousands, and lose them all at once.
    const last = to.dependents.pop() as Edge
    if (last !== edge) {
      to.dependents[place] = last
      last.place = place
    }
    if (!edge.open) from.unmet--
    if (edge.stuck) from.stuck--
    if (from.inUse) this.#neighbours().used(to, -1)
    edge.open = true
    edge.stuck = false
    if (to.core === undefined && to.dependents.length === 0) this.#absent.delete(to.name)
  }

  /** Reads an edge, also anew after one of its ends was exchanged. */
  #reset(edge: Edge): void {
    const opens = edge.opens()
    if (opens !== edge.open) this.#neighbours().set(edge, opens, edge.to.lastSeq)
    this.#neighbours().settle(edge, edge.to.lastSeq)
  }
}

function hasMethod(service: object, name: string): boolean {
  try {
    return typeof (service as { readonly [key: string]: unknown })[name] === 'function'
  } catch {
    return false // what cannot be read is not there
  }
}

function* targets(record: Record): Iterable<Record> {
  for (const edge of record.deps) yield edge.to
}

function* sources(record: Record): Iterable<Record> {
  for (const edge of record.dependents) yield edge.from
}
