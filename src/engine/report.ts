// Reports of operations: what became of each service, captured when the operation ends, shown when somebody looks.
// Reads records, changes nothing.

import type { OperationKind, OperationOutcome, OperationReport, ServiceOutcome } from '../events.js'
import { append, type Part, type Record, type Stop } from './record.js'

/** The report of an operation that has just come to this outcome. */
export function report(
  operation: OperationKind,
  target: string | undefined,
  outcome: OperationOutcome,
  duration: number,
  parts: readonly Part[],
): OperationReport {
  const rows = parts.map(capture)
  let services: readonly ServiceOutcome[] | undefined
  return Object.freeze({
    operation,
    ...(target === undefined ? {} : { target }),
    outcome,
    duration,
    get services() {
      services ??= Object.freeze(rows.map(row))
      return services
    },
    criticalPath: Object.freeze(
      operation === 'stop' || operation === 'unregister' ? stopPath(parts) : startPath(parts),
    ),
  })
}

interface Captured extends Omit<ServiceOutcome, 'outcome' | 'hookDuration' | 'waitedFor' | 'error'> {
  readonly outcome: ServiceOutcome['outcome']
  readonly took: number
  readonly waits: readonly { readonly name: string; readonly duration: number }[]
  readonly error: unknown
}

const NO_WAITS: Captured['waits'] = Object.freeze([])

function capture(part: Part): Captured {
  const { record } = part
  const { name, state } = record
  return {
    name,
    state,
    outcome: outcomeOf(part),
    took: part.took,
    waits: waitsOf(part),
    error: part.error ?? record.lastError,
  }
}

function row({ name, outcome, state, took, waits, error }: Captured): ServiceOutcome {
  return Object.freeze({
    name,
    outcome,
    state,
    waitedFor: waits,
    ...(took >= 0 && outcome !== 'unchanged' ? { hookDuration: took } : {}),
    ...(error !== undefined && outcome !== 'unchanged' ? { error } : {}),
  })
}

/** For a start the dependencies that it waited for, for a stop the dependents; those that took no time are left out. */
function waitsOf({ record, epochBefore, wantsDown, wasLive }: Part): Captured['waits'] {
  let waits: { name: string; duration: number }[] | undefined
  const add = (name: string, duration: number): void => {
    if (duration > 0) waits = append(waits ?? [], Object.freeze({ name, duration }))
  }
  if (!wantsDown) {
    if (record.epoch > epochBefore || !record.isLive) for (const { to, waited } of record.deps) add(to.name, waited)
  } else if (wasLive && !record.isLive && record.stop !== undefined)
    for (const from of users(record))
      if (restedAt(from) <= record.stop.beganAt) add(from.name, restedAt(from) - record.stop.askedAt)
  return waits === undefined ? NO_WAITS : Object.freeze(waits)
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

/** From the service that was up last back along the edge that each waited for last. */
function startPath(parts: readonly Part[]): string[] {
  let last: Record | undefined
  const began = new Map(parts.map((part) => [part.record, part.epochBefore]))
  let lastOf: Part | undefined
  for (const part of parts) {
    const { record, epochBefore, essential } = part
    if (!essential || record.epoch <= epochBefore || (lastOf !== undefined && !later(part, lastOf))) continue
    lastOf = part
    last = record
  }
  const path: string[] = []
  while (last !== undefined && path.length <= parts.length) {
    path.push(last.name)
    const next: Record | undefined = last.gate?.to
    last = next !== undefined && (began.get(next) ?? next.epoch) < next.epoch ? next : undefined
  }
  return path.reverse()
}

/** Which of two was there later; in one instant, whose event came later. */
function later(a: Part, b: Part): boolean {
  return a.okAt === b.okAt ? a.record.lastSeq > b.record.lastSeq : a.okAt > b.okAt
}

/** From the service that came to rest last back along the dependents that each waited for last. */
function stopPath(parts: readonly Part[]): string[] {
  const stopped = new Map<Record, Stop>()
  let last: Record | undefined
  for (const { record, wasLive } of parts) {
    if (!wasLive || record.isLive || record.stop === undefined) continue
    stopped.set(record, record.stop)
    if (last === undefined || record.stop.overAt >= restedAt(last)) last = record
  }
  const path: string[] = []
  while (last !== undefined && path.length <= parts.length) {
    path.push(last.name)
    const began: number = stopped.get(last)?.beganAt ?? 0
    let next: Record | undefined
    for (const from of users(last))
      if (stopped.has(from) && restedAt(from) <= began && (next === undefined || restedAt(from) >= restedAt(next)))
        next = from
    last = next
  }
  return path.reverse()
}

const restedAt = ({ stop }: Record): number => stop?.overAt ?? 0

/** The dependents of a service, and in place of one without an instance its dependents. */
function users(record: Record): readonly Record[] {
  const asked = record.stop?.askedAt ?? 0
  const seen = new Set<Record>()
  const add = (each: Record): void => {
    for (const { from } of each.dependents) seen.add(from)
  }
  if (record.dependents.length === 0) return []
  add(record)
  for (const each of seen) if (restedAt(each) < asked) add(each)
  return [...seen]
}
