// Laws of waiting (R7, R12, R21, R42): what a service says to hold it does hold it, all of it and nothing else, asked
// from scratch of the statuses of one moment.

import type { AnyEvent, Cause, ServiceStatus } from '../../index.js'
import type { Law, Scene } from '../observation.js'
import { type Chronicle, CUTS, chronicleOf } from './chronicle.js'
import { type Edge, ending, type Graph, graphOf, leans, type Maybe, type Reading, satisfied, settled } from './graph.js'
import { phaseOf } from './known.js'

/** Whether an edge lets its dependent start: satisfied, or optional and settled, or waited for long enough. */
function open(graph: Graph, read: Reading, edge: Edge, waited: number): Maybe {
  const status = read.status(edge.name)
  if (status !== undefined && ending(status) && leans(edge)) return false
  const holds = satisfied(edge, status, read.completed(edge.name))
  if (holds === true) return true
  if (edge.onTimeout !== 'fail' && waited >= edge.timeout - 1) return undefined
  const over = edge.optional ? settled(graph, read, edge.name) : false
  if (over === true) return true
  return holds === undefined || over === undefined ? undefined : false
}

/**
 * Looked at when all is quiet. Granted: an edge of which it cannot be told whether it is open, and the edges that
 * `order: 'registration'` adds, which nobody declared.
 */
export const holders: Law = {
  title: 'R12 a service waits for exactly those dependencies that do not let it start',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const graph = graphOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet || !chronicle.whole) return undefined
      const read = readingOf(chronicle)
      for (const status of chronicle.cut.services) {
        if (status.state !== 'waiting') continue
        const [first] = status.blockedBy ?? []
        if (first === undefined || first.kind === 'backoff' || first.kind === 'hook') continue
        const wrong = waitsFor(chronicle, graph, read, status, first.kind)
        if (wrong !== undefined) return `${wrong} (at #${chronicle.cut.seq})`
      }
      return undefined
    }
  },
}

function readingOf(chronicle: Chronicle): Reading {
  const { statuses } = chronicle
  return {
    settled: new Map(),
    status: (name) => statuses.get(name),
    completed: (name) => {
      const known = statuses.has(name) ? chronicle.services.get(name) : undefined
      return known === undefined ? false : known.completed
    },
  }
}

function waitsFor(
  chronicle: Chronicle,
  graph: Graph,
  read: Reading,
  { name, blockedBy = [] }: ServiceStatus,
  kind: Cause['kind'],
): string | undefined {
  const waited = chronicle.now - (chronicle.services.get(name)?.sinceLeast ?? 0)
  const held = new Set(blockedBy.filter((cause) => cause.kind === 'dependency').map((cause) => cause.name))
  for (const edge of graph.edges(name)) {
    const opens = open(graph, read, edge, waited)
    const is = read.status(edge.name)?.state ?? 'missing'
    if (opens === false && !held.has(edge.name))
      return `${name} waits for ${kind}, not for ${edge.name}, which is ${is} and needed ${edge.condition}`
    if (opens === true && held.has(edge.name))
      return `${name} waits for ${edge.name}, which is ${is} and ${edge.condition} enough`
    held.delete(edge.name)
  }
  if (chronicle.scene.settings.order === 'registration') return undefined
  for (const other of held) return `${name} waits for ${other}, which it does not declare to need`
  return undefined
}

/** Granted: the millisecond to which deadlines are kept, and as long again as the host was blocked. */
export const patience: Law = {
  title: 'R7 nothing holds a service for longer than it says, and no permit is withheld',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    let inFlight = 0
    /** Started again by their policy: others need no permit for a retry, those that return after a loss among them (R21). */
    const retries = new Set<string>()
    const note = (event: AnyEvent): void => {
      if (event.type === 'retry') retries.add(event.name)
      if (event.type !== 'state') return
      const { name, newState, reason } = event
      if (newState === 'waiting' && reason === 'completed') retries.add(name)
      else if (phaseOf(newState) !== 'pending') retries.delete(name)
    }
    const wrong = (status: ServiceStatus, cause: Cause, timestamp: number): string | undefined => {
      const { name, state } = status
      const known = chronicle.services.get(name)
      if (cause.until !== undefined && Number.isFinite(cause.until) && known !== undefined) {
        const late = timestamp - cause.until - 1 - chronicle.slack(known.stalledThen)
        if (late > 0)
          return `${name} is ${state}, held by ${cause.kind} of ${cause.name} that was to end ${late} ms ago`
      }
      if (cause.kind !== 'permit') return undefined
      const { maxConcurrentRetries, maxConcurrentStarts } = scene.settings
      const most = retries.has(name) ? Math.min(maxConcurrentRetries, maxConcurrentStarts) : maxConcurrentStarts
      return inFlight < most
        ? `${name} waits for a permit while ${inFlight} starts are in flight, ${maxConcurrentStarts} starts and ${maxConcurrentRetries} retries are allowed`
        : undefined
    }
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'event') note(seen.event)
      if (chronicle.cut === undefined || !chronicle.quiet || !chronicle.whole) return undefined
      inFlight = startsInFlight(chronicle)
      for (const status of chronicle.cut.services) {
        if (status.phase !== 'pending') continue
        for (const cause of status.blockedBy ?? []) {
          const found = wrong(status, cause, chronicle.cut.timestamp)
          if (found !== undefined) return `${found} (at #${chronicle.cut.seq})`
        }
      }
      return undefined
    }
  },
}

/** Starts whose hook may be in flight: a nested one shows none. */
function startsInFlight(chronicle: Chronicle): number {
  let count = 0
  for (const known of chronicle.services.values()) if (known.state === 'starting' || known.state === 'stopping') count++
  return count
}

/** What `explain` says is the status told further: it may not contradict it, and it ends somewhere. */
export const explanations: Law = {
  title: 'R42 explain agrees with the status and leads to a root',
  hears: CUTS,
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    let turn = 0
    return (seen) => {
      chronicle.see(seen)
      if (chronicle.cut === undefined || !chronicle.quiet || chronicle.cut.services.length === 0) return undefined
      // One service at a time: each has its turn.
      const status = chronicle.cut.services[++turn % chronicle.cut.services.length]
      return status === undefined || turn % 4 !== 0 ? undefined : contradicts(scene, status)
    }
  },
}

function contradicts(
  scene: Scene,
  { name, phase, health, state, blockedBy, epoch }: ServiceStatus,
): string | undefined {
  const { up, because, text } = scene.app.explain(name)
  if (up !== (phase === 'active' && health !== 'unhealthy'))
    return `${name} is ${state} (${health}), explained as ${up ? 'up' : 'down'}`
  if (!text.startsWith(`${name} `)) return `the explanation of ${name} does not speak of it: ${text}`
  if (up && because.length > 0) return `${name} is up and ${because.length} causes are told: ${text}`
  if (!up && because.length === 0 && (phase === 'pending' || (epoch > 0 && state !== 'unknown')))
    return `${name} is ${state} and no cause is told: ${text}`
  const names = new Set(because.map((cause) => cause.name))
  if (names.size < because.length) return `a cause of ${name} is told twice: ${text}`
  const [first] = because
  if (phase !== 'pending' || first === undefined) return undefined
  return first.name === name || blockedBy?.some((cause) => cause.name === first.name) === true
    ? undefined
    : `${name} is held by ${blockedBy?.map((cause) => cause.name).join(', ')} and explained by ${first.name}`
}
