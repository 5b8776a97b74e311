// What neighbours know of each other, kept on change (R45): which edges are open, who has settled, who still has an
// instance. Tells a service's dependents when its facts change; decides nothing, only asks for a further look.

import { Fact, leans } from '../kernel/edge.js'
import type { Moment } from './ports.js'
import type { Edge, Part, Record } from './record.js'

export interface NeighboursHost {
  readonly moment: Moment
  /** To look at a service again; `cause` is the event that gives reason to. */
  look(record: Record, cause: number): void
}

export class Neighbours {
  readonly #host: NeighboursHost

  constructor(host: NeighboursHost) {
    this.#host = host
  }

  /** Tells the dependents of `record`, and the operations that want it, what holds of it now. */
  refresh(record: Record): void {
    const facts = record.factsNow
    const before = record.facts
    if (facts !== before) {
      record.facts = facts
      const { dependents } = record
      for (let i = 0; i < dependents.length; i++) this.#changed(dependents[i] as Edge, before, record.lastSeq)
    }
    const { claims } = record
    if (claims.length === 0) return
    const { ok } = record
    for (let i = 0; i < claims.length; i++) {
      const part = claims[i] as Part
      const now = ok && (!record.active || record.epoch >= part.least)
      if (now === part.ok) continue
      part.ok = now
      if (now) part.okAt = this.#host.moment.instant
      part.driver.changed(part)
    }
  }

  #changed(edge: Edge, before: number, cause: number): void {
    const { from, to } = edge
    const opens = edge.opens()
    if (opens !== edge.open) this.set(edge, opens, cause)
    else if (!opens && from.state === 'waiting' && ((before ^ to.facts) & Fact.wanted) !== 0) this.time(edge)
    this.settle(edge, cause)
    if (!opens && from.claims.length > 0 && edge.hopeless) this.#host.look(from, cause)
  }

  /** Opens or closes an edge. */
  set(edge: Edge, opens: boolean, cause: number): void {
    const { from } = edge
    edge.open = opens
    if (opens) {
      from.unmet--
      if (edge.waitedSince >= 0) edge.waited += this.#host.moment.now - edge.waitedSince
      edge.waitedSince = -1
      from.gate = edge
      if (from.unmet === 0 || from.pause.failedWait === edge) this.#host.look(from, cause)
      return
    }
    from.unmet++
    if (from.phase === 'pending') {
      if (from.state === 'waiting') this.time(edge)
      this.#host.look(from, cause)
    }
  }

  /** Begins the wait over a closed edge anew; it stands still while the dependency is not desired up. */
  time(edge: Edge): void {
    const { from, to, spec } = edge
    if (edge.waitedSince < 0) edge.waitedSince = this.#host.moment.now
    // By what has been told of it: the wait is timed anew when that changes.
    edge.deadline = (to.facts & Fact.wanted) !== 0 ? this.#host.moment.now + spec.timeout : Infinity
    if (edge.deadline >= from.pause.waitBy) return
    from.pausing.waitBy = edge.deadline
    this.#host.look(from, 0)
  }

  /** What a wait ended in counts no longer: the next start waits anew. */
  unwaive(record: Record): void {
    for (const edge of record.deps) {
      if (!edge.waived) continue
      edge.waived = false
      if (edge.open && !edge.opens()) this.set(edge, false, 0)
      this.settle(edge, 0)
    }
  }

  /** Keeps count of the edges over which a dependent waits for one that is not coming. */
  settle(edge: Edge, cause: number): void {
    const stuck = !edge.open && !edge.spec.optional && (edge.to.facts & Fact.settled) !== 0
    if (stuck === edge.stuck) return
    edge.stuck = stuck
    const { from } = edge
    from.stuck += stuck ? 1 : -1
    if (from.stuck === (stuck ? 1 : 0) && from.state === 'waiting') this.#host.look(from, cause)
  }

  /** An instance of `record` is about to come up: those it depends on stop after it. */
  entered(record: Record): void {
    const waited = record.state === 'waiting'
    const { deps } = record
    for (let i = 0; i < deps.length; i++) {
      const edge = deps[i] as Edge
      if (leans(edge.spec)) edge.to.leaning++
      if (!waited) edge.waited = 0 // that was for an earlier start
    }
    if (!record.inUse) this.use(record, 1)
  }

  /** The instance of `record` is gone: those that waited for that may go on. */
  left(record: Record): void {
    const { deps } = record
    for (let i = 0; i < deps.length; i++) {
      const { to, spec } = deps[i] as Edge
      if (!leans(spec)) continue
      to.leaning--
      if (to.ending && to.awaited === 0) this.#host.look(to, record.lastSeq)
    }
    if (!record.inUse) this.use(record, -1)
  }

  /** `record` comes into use or goes out of it, and with it those below that are in use through it only. */
  use(record: Record, by: 1 | -1): void {
    let changed: Record[] | undefined // mostly there are none: those below have an instance
    const { deps } = record
    for (let i = 0; i < deps.length; i++) {
      const { to } = deps[i] as Edge
      if (!this.#used(to, by, record.lastSeq)) continue
      changed ??= []
      changed.push(to)
    }
    for (const each of changed ?? [])
      for (const { to } of each.deps) if (this.#used(to, by, each.lastSeq)) changed?.push(to)
  }

  /** One more or one less dependent in use. */
  used(record: Record, by: 1 | -1): void {
    if (this.#used(record, by, 0)) this.use(record, by)
  }

  /** Returns whether that brings it into use, or takes it out of it. */
  #used(record: Record, by: 1 | -1, cause: number): boolean {
    const before = record.inUse
    record.users += by
    if (by < 0 && record.ending && record.awaited === 0) this.#host.look(record, cause)
    return record.inUse !== before
  }

  /** `record` leaves its active phase, or is about to: those that lean on it stop (R13, R14). */
  lost(record: Record, clean: boolean, cause: number): void {
    const { dependents } = record
    for (let i = 0; i < dependents.length; i++) {
      const { from, spec } = dependents[i] as Edge
      if (!from.isLive || from.lost || !leans(spec) || (clean && spec.condition === 'started')) continue
      from.lost = true
      this.#host.look(from, cause)
    }
  }
}
