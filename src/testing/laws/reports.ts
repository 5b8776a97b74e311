// What the report of a call says (§7) is what happened: told from the events up to its end and from the hooks.

import type { OperationReport, ServiceOutcome } from '../../index.js'
import type { Law } from '../observation.js'
import { chronicleOf } from './chronicle.js'
import { graphOf } from './graph.js'
import { type Known, phaseOf } from './known.js'

/** A start of a service: how long its hook took, absent if the host was blocked meanwhile. */
interface Started {
  readonly at: number
  readonly instance: number
  readonly stalled: number
  took?: number
}

/** A service at the end of an operation, and its starts since the call. */
type Then = Pick<Known, 'state' | 'startSeq'> & { readonly starts: readonly Started[] }

/**
 * Of calls that resolved. Granted: starts during which the host was blocked, for the time of hooks; an earlier one, of what
 * a stop has taken from the call and somebody else started again; critical paths of a graph that has changed since.
 */
export const reports: Law = {
  title: 'R29 a report tells of every service what became of it, how long its hook took, and a path that there is',
  hears: ['event', 'enter', 'leave', 'settled'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    const started = new Map<string, Started[]>()
    const last = (name: string): Started | undefined => started.get(name)?.at(-1)
    const registered = new Map<string, number>()
    const values = new Map<number, OperationReport>()
    const ends = new Map<number, { readonly begin: number; readonly graph: number; readonly all: Map<string, Then> }>()
    const row = (
      { name, outcome, state, hookDuration }: ServiceOutcome,
      begin: number,
      then: Then,
    ): string | undefined => {
      if (state !== then.state) return `tells ${name} as ${state}, it was ${then.state}`
      const phase = phaseOf(state)
      const isNew = then.startSeq > begin
      if (outcome === 'started' && (phase !== 'active' || !isNew)) return `tells ${name}, ${state}, as started`
      if (outcome === 'unchanged' && isNew && phase === 'active')
        return `tells ${name}, which was started, as unchanged`
      // It may have begun anew in the very turn in which it was at rest.
      if ((outcome === 'stopped' || outcome === 'completed') && phase !== 'idle' && phase !== 'pending' && !isNew)
        return `tells ${name}, ${state}, as ${outcome}`
      if (outcome !== 'started' || hookDuration === undefined || then.starts.length === 0) return undefined
      const isTrue = then.starts.some(({ took }) => took === undefined || Math.abs(hookDuration - took) <= 1)
      return isTrue ? undefined : `tells that the start of ${name} took ${hookDuration}, it took ${took(then.starts)}`
    }
    const path = ({ operation, criticalPath, services }: OperationReport): string | undefined => {
      const rows = new Set(services.map(({ name }) => name))
      for (const [i, name] of criticalPath.entries()) {
        if (!rows.has(name)) return `has ${name} in its critical path, and no row for it`
        const next = criticalPath[i + 1]
        if (next === undefined || operation !== 'start' || scene.settings.order === 'registration') continue
        if (!graph.edges(next).some((edge) => edge.name === name))
          return `has ${name} before ${next} in its critical path, which does not depend on it`
      }
      return undefined
    }
    const judge = (id: number): string | undefined => {
      const end = ends.get(id)
      const report = values.get(id)
      if (end === undefined || report === undefined) return undefined
      ends.delete(id)
      values.delete(id)
      const names = new Set<string>()
      for (const each of report.services) {
        const then = end.all.get(each.name)
        if (names.has(each.name)) return `the report of call ${id} has two rows for ${each.name}`
        names.add(each.name)
        const wrong = then && row(each, end.begin, then)
        if (wrong !== undefined) return `the report of call ${id} ${wrong}`
      }
      const wrong = end.graph === chronicle.graph ? path(report) : undefined
      return wrong === undefined ? undefined : `the report of call ${id} ${wrong}`
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'enter' && seen.hook === 'start') {
        // What is entered after a hook that blocked the host counts from the beginning of both.
        const stalled = chronicle.whole ? chronicle.stalled : -1
        const starts = started.get(seen.service) ?? []
        starts.push({ at: seen.at, instance: seen.instance, stalled })
        started.set(seen.service, starts)
      } else if (seen.kind === 'leave' && seen.hook === 'start') {
        const start = last(seen.service)
        if (start?.stalled === chronicle.stalled && chronicle.whole) start.took = seen.at - start.at
      } else if (seen.kind === 'event' && seen.event.type === 'registered') {
        registered.set(seen.event.name, seen.event.seq)
      } else if (seen.kind === 'event' && seen.event.type === 'state') {
        const start = last(seen.event.name)
        if (seen.event.oldState === 'starting' && start?.stalled !== chronicle.stalled) delete start?.took
      } else if (seen.kind === 'event' && seen.event.type === 'operation' && seen.event.phase === 'end') {
        const { called } = chronicle
        if (called?.begin === undefined || seen.event.outcome !== 'done') return undefined
        if (!REPORTED.includes(seen.event.operation)) return undefined
        const all = new Map<string, Then>()
        for (const { name, state, startSeq } of chronicle.services.values()) {
          // One that was removed meanwhile is another one now.
          if ((registered.get(name) ?? 0) > called.begin.seq) continue
          const { instance } = scene.service(name) ?? {}
          const isAbout = (start: Started): boolean => start.at >= called.seen.at && start.instance === instance
          all.set(name, { state, startSeq, starts: started.get(name)?.filter(isAbout) ?? [] })
        }
        ends.set(called.seen.id, { begin: called.begin.seq, graph: chronicle.graph, all })
        return judge(called.seen.id)
      } else if (seen.kind === 'settled' && !seen.rejected && isReport(seen.value)) {
        values.set(seen.id, seen.value)
        return judge(seen.id)
      }
      return undefined
    }
  },
}

const took = (starts: readonly Started[]): string => starts.map((start) => start.took).join(' or ')

const REPORTED: readonly string[] = ['start', 'restart', 'stop']

function isReport(value: unknown): value is OperationReport {
  return typeof value === 'object' && value !== null && 'criticalPath' in value && 'services' in value
}
