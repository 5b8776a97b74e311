// Reports of operations: what became of each service, as it is when the operation ends.
// Reads records, changes nothing. What a start waited for it tells events, too.

import type { OperationKind, ServiceOutcome } from '../events.js'
import type { Writable } from './event-log.js'
import { append } from './list.js'
import type { Edge, Part, Record } from './record.js'

type Wait = ServiceOutcome['waitedFor'][number]

/** None; never written to, see `append`, and given out as it is. */
export const NO_WAITS = Object.freeze([] as Wait[]) as Wait[]

/** The dependencies that a start waited for; those that took no time are left out. */
export function waitsOf({ deps }: Record): Wait[] {
  let waits = NO_WAITS
  for (let i = 0; i < deps.length; i++) {
    const { to, waited: duration } = deps[i] as Edge
    if (duration > 0) waits = append(waits, { name: to.name, duration })
  }
  return waits
}

/** As it is given out. */
export function shown(waits: Wait[]): readonly Wait[] {
  if (waits === NO_WAITS) return waits
  for (const wait of waits) Object.freeze(wait)
  return Object.freeze(waits)
}

/** What became of a service. Field by field: spreads of what may be absent cost more than all the rest. */
export function row(part: Part): ServiceOutcome {
  const { record, took } = part
  const outcome = outcomeOf(part)
  const error = part.error ?? record.lastError
  const made: Writable<ServiceOutcome> = {
    name: record.name,
    outcome,
    state: record.state,
    waitedFor: shown(waited(part)),
  }
  if (outcome !== 'unchanged') {
    if (took >= 0) made.hookDuration = took
    if (error !== undefined) made.error = error
  }
  return Object.freeze(made)
}

/** For a start the dependencies that it waited for, for a stop the dependents; those that took no time are left out. */
function waited({ record, epochBefore, wantsDown, wasLive }: Part): Wait[] {
  let waits = NO_WAITS
  const { stop } = record
  if (!wantsDown) {
    if (record.epoch > epochBefore || !record.isLive) return waitsOf(record)
  } else if (wasLive && !record.isLive && stop?.began !== undefined && stop.began.now > stop.asked.now)
    for (const { from } of users(record)) {
      const rested = restedAt(from)
      if (rested <= stop.began.now && rested > stop.asked.now)
        waits = append(waits, { name: from.name, duration: rested - stop.asked.now })
    }
  return waits
}

function outcomeOf(part: Part): ServiceOutcome['outcome'] {
  const { record, error } = part
  if (record.unsettled > 0) return 'abandoned'
  if (error !== undefined || record.gaveUp) return 'failed'
  if (!part.wantsDown && record.lastError !== undefined && !record.active) return 'failed'
  if (part.wantsDown) return record.isLive && !part.done ? 'cancelled' : part.wasLive ? 'stopped' : 'unchanged'
  if (record.active && record.epoch > part.epochBefore) return 'started'
  if (record.active) return 'unchanged'
  if (record.completed) return record.epoch > part.epochBefore ? 'completed' : 'unchanged'
  return record.isLive || record.phase === 'pending'
    ? 'cancelled'
    : part.wasLive || record.epoch > part.epochBefore
      ? 'stopped'
      : 'cancelled'
}

/** The services that its time was spent on, in their order; `mark` is borne by no record yet. */
export function criticalPath(operation: OperationKind, parts: readonly Part[], mark: number): string[] {
  return operation === 'stop' || operation === 'unregister' ? stopPath(parts, mark) : startPath(parts, mark)
}

/** From the service that was up last back along the edge that each waited for last. */
function startPath(parts: readonly Part[], mark: number): string[] {
  let last: Part | undefined
  for (const part of parts) {
    const { record, epochBefore, essential } = part
    if (record.epoch <= epochBefore) continue
    record.mark = mark
    if (essential && (last === undefined || isLater(part, last))) last = part
  }
  const path: string[] = []
  for (let each = last?.record; each?.mark === mark && path.length <= parts.length; each = each.gate?.to)
    path.push(each.name)
  return path.reverse()
}

/** Which of two was there later; in one instant, whose event came later. */
function isLater(a: Part, b: Part): boolean {
  const at = a.okAt?.now ?? 0
  const than = b.okAt?.now ?? 0
  return at === than ? a.record.lastSeq > b.record.lastSeq : at > than
}

/** From the service that came to rest last back along the dependents that each waited for last. */
function stopPath(parts: readonly Part[], mark: number): string[] {
  let last: Record | undefined
  for (const { record, wasLive } of parts) {
    if (!wasLive || record.isLive || record.stop === undefined) continue
    record.mark = mark
    if (last === undefined || restedAt(record) >= restedAt(last)) last = record
  }
  const path: string[] = []
  while (last !== undefined && path.length <= parts.length) {
    path.push(last.name)
    const began = last.stop?.began?.now ?? 0
    let next: Record | undefined
    for (const { from } of users(last))
      if (from.mark === mark && restedAt(from) <= began && (next === undefined || restedAt(from) >= restedAt(next)))
        next = from
    last = next
  }
  return path.reverse()
}

const restedAt = ({ stop }: Record): number => stop?.over?.now ?? 0

/** The dependents of a service, and in place of one without an instance its dependents. */
function users(record: Record): Iterable<{ readonly from: Record }> {
  if (record.dependents.length === 0) return record.dependents
  const asked = record.stop?.asked.now ?? 0
  if (record.dependents.every(({ from }) => restedAt(from) >= asked)) return record.dependents
  const edges = new Map(record.dependents.map((edge) => [edge.from, edge]))
  for (const [from] of edges)
    if (restedAt(from) < asked)
      for (const edge of from.dependents) if (!edges.has(edge.from)) edges.set(edge.from, edge)
  return edges.values()
}
