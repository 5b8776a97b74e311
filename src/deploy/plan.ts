// What a scan has to do, decided from what is true now: what the files say, what is deployed, what is registered.
// Plain data in, plain data out; it touches nothing, so asking for a plan is free.

import { KeelsonError } from '../index.js'
import { nameOf } from './descriptor.js'
import { cycleIn, type Needs, sort, way } from './graph.js'
import { canonical } from './plain.js'
import type { Candidate, Entry } from './shelf.js'
import type { DeployAction, DeployStep } from './story.js'
import { arrows, line, list } from './wording.js'

/** A step, and what it is carried out with. */
export interface Move extends DeployStep {
  /** The name or the file that it is about: one step for each. */
  readonly key: string
  readonly candidate?: Candidate
  /** That of the file, so that the same refusal is told anew when the file has changed. */
  readonly version: number
  /** What is under way for this name is no longer what is asked for. */
  readonly overtakes?: boolean
}

/** One end of a dependency. */
export interface Need {
  readonly name: string
  readonly optional: boolean
}

/** A service of the orchestrator, whoever registered it. */
export interface Known {
  readonly needs: readonly Need[]
  /** At rest: exchanging it starts nothing. */
  readonly isIdle: boolean
  readonly isStoppedByHand: boolean
}

/** A step that did not work, until it is tried again. */
export interface Pause {
  readonly candidate: Candidate
  readonly attempt: number
  /** Monotonic. */
  readonly dueAt: number
  readonly error: KeelsonError
}

export interface Situation {
  readonly entries: ReadonlyMap<string, Entry>
  /** What this deployer has deployed, by name. */
  readonly deployed: ReadonlyMap<string, { readonly file: string; readonly candidate: Candidate }>
  readonly services: ReadonlyMap<string, Known>
  /** What an earlier scan is still doing, by name; with what it is to become. */
  readonly busy: ReadonlyMap<string, Candidate | undefined>
  readonly paused: ReadonlyMap<string, Pause>
  /** What this scan has tried already. */
  readonly tried: ReadonlySet<string>
  /** Monotonic. */
  readonly now: number
}

/** The steps in the order in which they are to be begun; those with `after` in a later round. */
export function decide(situation: Situation): Move[] {
  const { moves, doubles } = wishes(situation)
  refuseWhatCannotBe(moves, situation)
  return [...ordered(moves, situation), ...doubles]
}

/** Whether a step changes anything. */
export const isChange = ({ action }: DeployStep): boolean => CHANGES.has(action)
const CHANGES: ReadonlySet<DeployAction> = new Set(['deploy', 'replace', 'reconfigure', 'undeploy'])

const needsOf = ({ descriptor }: Candidate): Need[] =>
  (descriptor.dependsOn ?? []).map((edge) => ({
    name: nameOf(edge),
    optional: typeof edge === 'object' && edge.optional === true,
  }))

/** What each name alone would ask for. */
function wishes(situation: Situation): { moves: Map<string, Move>; doubles: Move[] } {
  const { entries, deployed } = situation
  const named = new Map<string, Entry[]>()
  const moves = new Map<string, Move>()
  const doubles: Move[] = []
  for (const entry of entries.values()) {
    const { candidate, file, error, version } = entry
    if (candidate !== undefined) {
      const { name } = candidate.descriptor
      named.set(name, [...(named.get(name) ?? []), entry])
    } else if (error !== undefined)
      doubles.push({ key: `file ${file}`, action: 'refuse', file, because: error.message, error, version })
  }
  for (const [name, all] of named) {
    const first = firstOf(all, deployed.get(name))
    moves.set(name, wish(name, first, situation))
    for (const entry of all) {
      if (entry !== first) doubles.push(double(name, first, entry))
      else if (entry.error !== undefined) doubles.push(bad(name, entry, entry.error, deployed.has(name)))
    }
  }
  for (const [name, { file }] of deployed) {
    if (named.has(name)) continue
    const because = `${line(file)} ${entries.has(file) ? 'does not describe it any more' : 'is gone'}`
    moves.set(name, held({ key: `name ${name}`, action: 'undeploy', name, file, because, version: 0 }, situation))
  }
  return { moves, doubles }
}

/** Of the files with one name: the one it is deployed from, else one that says what is deployed, else by file name. */
function firstOf(all: readonly Entry[], deployed: { file: string; candidate: Candidate } | undefined): Entry {
  const from = all.find(({ file }) => file === deployed?.file)
  const same = all.find(({ candidate }) => candidate && deployed && isSame(candidate, deployed.candidate))
  return from ?? same ?? (all[0] as Entry)
}

/** A file that was good once: what it said then goes on. */
function bad(name: string, { file, version }: Entry, error: KeelsonError, isDeployed: boolean): Move {
  const because = isDeployed ? `${error.message}; '${line(name)}' stays as it is` : error.message
  return { key: `file ${file}`, action: 'refuse', name, file, because, error, version }
}

function double(name: string, { file: first }: Entry, { file, version }: Entry): Move {
  const error = new KeelsonError(
    'SERVICE_DUPLICATE',
    `descriptor '${line(name)}' is in two files: ${line(first)} stays, ${line(file)} is passed over; give one of them another name`,
  )
  return { key: `file ${file}`, action: 'refuse', name, file, because: error.message, error, version }
}

function wish(name: string, { file, candidate, version }: Entry, situation: Situation): Move {
  const move = (action: DeployAction, because: string, more: Partial<Move> = {}): Move =>
    held(
      { key: `name ${name}`, action, name, file, because, version, ...(candidate && { candidate }), ...more },
      situation,
    )
  const deployed = situation.deployed.get(name)
  if (candidate === undefined) return move('keep', 'nothing is known about it')
  const { enabled } = candidate.descriptor
  if (deployed === undefined) {
    if (!enabled) return move('keep', 'not enabled')
    if (!situation.services.has(name) || situation.busy.has(name))
      return move('deploy', `${line(file)} describes it, and it is not there`)
    const error = new KeelsonError(
      'SERVICE_DUPLICATE',
      `descriptor '${line(name)}' in ${line(file)}: the name is taken by a service that is not from this directory; choose another`,
    )
    return move('refuse', error.message, { error })
  }
  if (!enabled) return move('undeploy', `${line(file)} says enabled: false`)
  const { identity } = deployed.candidate
  if (identity.core !== candidate.identity.core)
    return move('replace', `${line(file)} has changed: ${differences(deployed.candidate, candidate)}`)
  if (identity.live === candidate.identity.live) return move('keep', 'unchanged')
  return move(
    'reconfigure',
    `${line(file)} has changed: ${differences(deployed.candidate, candidate)}, which needs no restart`,
  )
}

/** Which fields differ. */
function differences({ descriptor: a }: Candidate, { descriptor: b }: Candidate): string {
  const fields = ['type', 'config', 'dependsOn', 'restart', 'healthCheck', 'essential', 'startDelay'] as const
  return fields.filter((field) => canonical(a[field]) !== canonical(b[field])).join(', ')
}

/** The step, unless it is not its time. */
function held(move: Move, { busy, paused, tried, now }: Situation): Move {
  const { name = '', candidate, action } = move
  const isUndeploy = action === 'undeploy'
  const wait = (because: string): Move => ({ ...move, action: 'wait', because })
  const under = busy.get(name)
  if (under !== undefined && (isUndeploy || candidate === undefined || !isSame(under, candidate)))
    return { ...wait('an earlier scan is still at it, with what is no longer asked for'), overtakes: true }
  if (!isChange(move)) return move
  if (busy.has(name)) return wait('an earlier scan is still at it')
  if (tried.has(name)) return wait('tried in this scan; the next one tries again')
  const pause = paused.get(name)
  if (pause === undefined || isUndeploy || candidate === undefined) return move
  if (!isSame(pause.candidate, candidate) || pause.dueAt <= now) return move
  const seconds = Math.ceil((pause.dueAt - now) / 1_000)
  return wait(
    `attempt ${pause.attempt} failed: ${pause.error.message}; tried again in ${seconds} s, or when ${line(move.file ?? '')} changes`,
  )
}

/** Whether two descriptors ask for the same. */
export const isSame = ({ identity: a }: Candidate, { identity: b }: Candidate): boolean =>
  a.core === b.core && a.live === b.live

/** Takes back what others stand against, until nothing more has to be. */
function refuseWhatCannotBe(moves: Map<string, Move>, situation: Situation): void {
  const instead = (name: string, action: 'refuse' | 'wait', because: string, error?: KeelsonError): void => {
    moves.set(name, { ...(moves.get(name) as Move), action, because, ...(error && { error }) })
  }
  const isReplacing = [...moves.values()].some(({ action }) => action === 'replace')
  const isByHand = isReplacing && [...situation.services.values()].some(({ isStoppedByHand }) => isStoppedByHand)
  const waits = new Map<string, readonly string[]>()
  for (let hasChanged = true; hasChanged; ) {
    hasChanged = false
    const graph = becoming(moves, situation)
    const inUse = new Map<string, string[]>()
    for (const [name, needs] of graph) {
      const missing: string[] = []
      for (const need of needs) {
        if (need.optional) continue
        if (moves.get(need.name)?.action === 'undeploy') inUse.set(need.name, [...(inUse.get(need.name) ?? []), name])
        else if (!graph.has(need.name)) missing.push(need.name)
      }
      const move = moves.get(name)
      if (move?.action === 'deploy' && missing.length > 0) waits.set(name, missing)
      else waits.delete(name)
      // A service at rest is only exchanged; one that is new waits for what is missing.
      if (move?.action !== 'replace' || situation.services.get(name)?.isIdle !== false) continue
      const byHand = isByHand ? stoppedByHand(name, graph, situation) : undefined
      if (missing.length > 0) {
        const says = `descriptor '${line(name)}' in ${line(move.file ?? '')}: requires ${list(missing)}, which nobody has registered; '${line(name)}' stays as it was until they are there`
        instead(name, 'refuse', says, new KeelsonError('DEPENDENCY_MISSING', says))
        hasChanged = true
      } else if (byHand !== undefined) {
        instead(name, 'wait', `requires '${line(byHand)}', which was stopped by hand; start that, and this is replaced`)
        hasChanged = true
      }
    }
    if (hasChanged) continue
    for (const [name, by] of inUse) {
      const move = moves.get(name) as Move
      const says = `service '${line(name)}': ${move.because}, but ${list(by)} ${by.length === 1 ? 'requires' : 'require'} it; remove ${by.length === 1 ? 'that' : 'these'} too, or put it back`
      instead(name, 'refuse', says, new KeelsonError('SERVICE_IN_USE', says))
      hasChanged = true
    }
    if (hasChanged) continue
    const cycle = cycleIn(namesOf(graph))
    for (const name of new Set(cycle)) {
      const move = moves.get(name)
      if (move?.action !== 'deploy' && move?.action !== 'replace') continue
      const says = `descriptor '${line(name)}' in ${line(move.file ?? '')}: closes a cycle: ${arrows(cycle ?? [])}; take one of these dependencies out`
      instead(name, 'refuse', says, new KeelsonError('DEPENDENCY_CYCLE', says))
      hasChanged = true
    }
  }
  for (const [name, missing] of waits) {
    const move = moves.get(name)
    if (move?.action === 'deploy')
      moves.set(name, {
        ...move,
        because: `${move.because}; it will wait for ${list(missing)}, which nobody has registered`,
      })
  }
}

type Graph = ReadonlyMap<string, readonly Need[]>

/** Who will be there when all is done, and what each needs then. */
function becoming(moves: ReadonlyMap<string, Move>, { services, busy }: Situation): Graph {
  const graph = new Map<string, readonly Need[]>()
  for (const [name, { needs }] of services) graph.set(name, needs)
  for (const [name, candidate] of busy)
    graph.set(name, [...(graph.get(name) ?? []), ...(candidate === undefined ? [] : needsOf(candidate))])
  for (const [name, { action, candidate }] of moves) {
    if (action === 'undeploy') graph.delete(name)
    if ((action === 'deploy' || action === 'replace') && candidate) graph.set(name, needsOf(candidate))
  }
  return graph
}

const namesOf = (graph: Graph): Map<string, string[]> =>
  new Map([...graph].map(([name, needs]) => [name, needs.map((need) => need.name)]))

/** What a start of `name` would start although somebody has stopped it by hand, which nothing automatic undoes (R6). */
function stoppedByHand(name: string, graph: Graph, { services }: Situation): string | undefined {
  const all = new Set([name])
  for (const each of all) {
    if (each !== name && services.get(each)?.isStoppedByHand === true) return each
    for (const need of graph.get(each) ?? []) if (!need.optional) all.add(need.name)
  }
  return undefined
}

/** All steps: what comes up with what it needs before it, then what goes with what needs it before it, then the rest. */
function ordered(moves: ReadonlyMap<string, Move>, situation: Situation): Move[] {
  const { services, busy } = situation
  const { sorted: up, stuck } = sort(namesOf(becoming(moves, situation)))
  const now = new Map([...services].map(([name, { needs }]) => [name, needs]))
  const down = sort(namesOf(now)).sorted.reverse()
  const pick = (names: readonly string[], ...actions: readonly DeployAction[]): Move[] =>
    names.flatMap((name) => {
      const move = moves.get(name)
      return move !== undefined && actions.includes(move.action) ? [move] : []
    })

  // Everything that may be in force at some moment of this round: no step may close a cycle with any of it.
  const union = new Map([...services].map(([name, { needs }]) => [name, new Set(needs.map((need) => need.name))]))
  const add = (name: string, needs: readonly Need[]): void =>
    void union.set(name, new Set([...(union.get(name) ?? []), ...needs.map((need) => need.name)]))
  for (const [name, candidate] of busy) if (candidate !== undefined) add(name, needsOf(candidate))
  const needed = new Set([...union.values()].flatMap((names) => [...names]))
  const begun = new Set<string>()
  const rising = pick(up, 'deploy', 'replace', 'reconfigure').map((move) => {
    const { name = '', candidate, action } = move
    if (action === 'reconfigure' || candidate === undefined) return move
    const needs = needsOf(candidate)
    const had = new Set(services.get(name)?.needs.map((need) => need.name))
    const fresh = needed.has(name) ? needs.filter((need) => !had.has(need.name)) : []
    const after = [...blockers(name, fresh, union, moves)]
    if (action === 'replace') {
      // What it requires has to be registered before it can take its place.
      for (const { name: each, optional } of needs)
        if (!optional && !services.has(each) && !begun.has(each) && moves.get(each)?.action === 'deploy')
          after.push(each)
    }
    if (after.length > 0) return { ...move, after: [...new Set(after)] }
    begun.add(name)
    add(name, needs)
    return move
  })
  const falling = new Set(pick(down, 'undeploy').map(({ name = '' }) => name))
  const requiredBy = new Map<string, string[]>()
  for (const [each, needs] of now)
    for (const need of needs)
      if (!need.optional) requiredBy.set(need.name, [...(requiredBy.get(need.name) ?? []), each])
  const sinking = pick(down, 'undeploy').map((move) => {
    const { name = '' } = move
    const after = (requiredBy.get(name) ?? []).filter((each) => !falling.has(each))
    if (after.length === 0) return move
    falling.delete(name)
    return { ...move, after }
  })
  const rest = [...moves.values()].filter((move) => !isChange(move))
  const inDoubt = pick([...stuck], 'deploy', 'replace', 'reconfigure').map(
    (move): Move => ({ ...move, action: 'wait', because: 'an earlier scan is still at work on what it needs' }),
  )
  return [...rising, ...sinking, ...inDoubt, ...rest]
}

/** Whom a step has to wait for, because what they still need would close a cycle with what it will need. */
function* blockers(
  name: string,
  needs: readonly Need[],
  union: Needs,
  moves: ReadonlyMap<string, Move>,
): Iterable<string> {
  for (const need of needs) {
    const back = need.name === name ? undefined : way(need.name, name, union)
    for (const each of back ?? []) if (each !== name && CHANGES.has(moves.get(each)?.action ?? 'keep')) yield each
  }
}
