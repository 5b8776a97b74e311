// What a scan has to do, decided from what is true now: what the files say, what is deployed, what is registered.
// Plain data in, plain data out; it touches nothing, so asking for a plan is free. Every sweep is linear, so that a
// thousand files with the same mistake cost no more than a thousand without one.

import { KeelsonError } from '../index.js'
import { cyclesIn, type Needs, sort, waysFrom, wayTo } from './graph.js'
import { isChange, type Move, type Need, needsOf, type Situation } from './situation.js'
import type { DeployAction } from './story.js'
import { wishes } from './wishes.js'
import { arrows, line, list } from './wording.js'

/** The steps in the order in which they are to be begun; those with `after` in a later round. */
export function decide(situation: Situation): Move[] {
  const { moves, doubles } = wishes(situation)
  refuseWhatCannotBe(moves, situation)
  return [...ordered(moves, situation), ...doubles]
}

/** Takes back what others stand against, until nothing more has to be. */
function refuseWhatCannotBe(moves: Map<string, Move>, situation: Situation): void {
  for (;;) {
    const graph = becoming(moves, situation)
    if (refuseMissing(moves, graph, situation)) continue
    if (refuseInUse(moves, graph, situation)) continue
    if (refuseCycles(moves, graph)) continue
    return waitForMissing(moves, graph)
  }
}

function refuse(moves: Map<string, Move>, move: Move, code: KeelsonError['code'], because: string): void {
  moves.set(move.name ?? '', { ...move, action: 'refuse', because, error: new KeelsonError(code, because) })
}

/** What a name requires that nobody will have registered. */
const missingOf = (needs: readonly Need[], graph: Graph, moves: ReadonlyMap<string, Move>): string[] =>
  needs.flatMap(({ name, optional }) =>
    optional || graph.has(name) || moves.get(name)?.action === 'undeploy' ? [] : [name],
  )

/** A replacement starts what it requires: all of that has to be there, and none of it stopped by hand. */
function refuseMissing(moves: Map<string, Move>, graph: Graph, situation: Situation): boolean {
  let hasChanged = false
  const { services } = situation
  const replacing = [...moves.values()].filter(({ action }) => action === 'replace')
  const isByHand = replacing.length > 0 && [...services.values()].some(({ isStoppedByHand }) => isStoppedByHand)
  for (const move of replacing) {
    const { name = '', file = '' } = move
    if (services.get(name)?.isIdle !== false) continue // at rest it is only exchanged
    const missing = missingOf(graph.get(name) ?? [], graph, moves)
    const byHand = isByHand ? stoppedByHand(name, graph, situation) : undefined
    if (missing.length > 0) {
      const stays = `'${line(name)}' stays as it was until they are there`
      const says = `descriptor '${line(name)}' in ${line(file)}: requires ${list(missing)}, which nobody has registered; ${stays}`
      refuse(moves, move, 'DEPENDENCY_MISSING', says)
      hasChanged = true
    } else if (byHand !== undefined) {
      const because = `requires '${line(byHand)}', which was stopped by hand; start that, and this is replaced`
      moves.set(name, { ...move, action: 'wait', because })
      hasChanged = true
    }
  }
  return hasChanged
}

/** What a start of `name` would start although somebody has stopped it by hand, which nothing automatic undoes (R6). */
function stoppedByHand(name: string, graph: Graph, { services }: Situation): string | undefined {
  const all = new Set([name])
  for (const each of all) {
    if (each !== name && services.get(each)?.isStoppedByHand === true) return each
    for (const need of graph.get(each) ?? []) if (!need.optional) all.add(need.name)
  }
  return undefined
}

/** Nothing goes that is required by what stays; what stays because of that keeps what it requires itself. */
function refuseInUse(moves: Map<string, Move>, graph: Graph, { services }: Situation): boolean {
  const by = new Map<string, string[]>()
  const staying = new Map(graph)
  for (const [name, needs] of staying) {
    for (const need of needs) {
      if (need.optional || moves.get(need.name)?.action !== 'undeploy') continue
      const known = by.get(need.name)
      if (known !== undefined) {
        known.push(name)
        continue
      }
      by.set(need.name, [name])
      staying.set(need.name, services.get(need.name)?.needs ?? [])
    }
  }
  for (const [name, names] of by) {
    const move = moves.get(name) as Move
    const [verb, them] = names.length === 1 ? ['requires', 'that'] : ['require', 'these']
    const says = `service '${line(name)}': ${move.because}, but ${list(names)} ${verb} it; remove ${them} too, or put it back`
    refuse(moves, move, 'SERVICE_IN_USE', says)
  }
  return by.size > 0
}

function refuseCycles(moves: Map<string, Move>, graph: Graph): boolean {
  let hasChanged = false
  for (const cycle of cyclesIn(namesOf(graph))) {
    for (const name of new Set(cycle)) {
      const move = moves.get(name)
      if (move?.action !== 'deploy' && move?.action !== 'replace') continue
      const subject = `descriptor '${line(name)}' in ${line(move.file ?? '')}`
      const says = `${subject}: closes a cycle: ${arrows(cycle)}; take one of these dependencies out`
      refuse(moves, move, 'DEPENDENCY_CYCLE', says)
      hasChanged = true
    }
  }
  return hasChanged
}

/** One that is new is registered all the same, and waits for what is missing (R10). */
function waitForMissing(moves: Map<string, Move>, graph: Graph): void {
  for (const [name, move] of moves) {
    if (move.action !== 'deploy') continue
    const missing = missingOf(graph.get(name) ?? [], graph, moves)
    if (missing.length === 0) continue
    const because = `${move.because}; it will wait for ${list(missing)}, which nobody has registered`
    moves.set(name, { ...move, because })
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

/** All steps: what comes up with what it needs before it, then what goes with what needs it before it, then the rest. */
function ordered(moves: ReadonlyMap<string, Move>, situation: Situation): Move[] {
  const { services } = situation
  const { sorted: up, stuck } = sort(namesOf(becoming(moves, situation)))
  const now = new Map([...services].map(([name, { needs }]) => [name, needs]))
  const down = sort(namesOf(now)).sorted.reverse()
  const pick = (names: Iterable<string>, ...actions: readonly DeployAction[]): Move[] =>
    [...names].flatMap((name) => {
      const move = moves.get(name)
      return move !== undefined && actions.includes(move.action) ? [move] : []
    })
  const because = 'an earlier scan is still at work on what it needs'
  return [
    ...rising(pick(up, 'deploy', 'replace', 'reconfigure'), moves, situation),
    ...sinking(pick(down, 'undeploy'), now),
    ...pick(stuck, 'deploy', 'replace', 'reconfigure').map((move): Move => ({ ...move, action: 'wait', because })),
    ...[...moves.values()].filter((move) => !isChange(move)),
  ]
}

/** Steps that bring something up; one that cannot be begun beside those before it is for a later round. */
function rising(steps: readonly Move[], moves: ReadonlyMap<string, Move>, { services, busy }: Situation): Move[] {
  // Everything that may be in force at some moment of this round: no step may close a cycle with any of it.
  const union = new Map([...services].map(([name, { needs }]) => [name, new Set(needs.map((need) => need.name))]))
  let ways = new Map<string, ReturnType<typeof waysFrom>>()
  const add = (name: string, needs: readonly Need[]): void => {
    const known = union.get(name) ?? new Set()
    if (needs.every((need) => known.has(need.name))) return
    union.set(name, new Set([...known, ...needs.map((need) => need.name)]))
    ways = new Map()
  }
  for (const [name, candidate] of busy) if (candidate !== undefined) add(name, needsOf(candidate))
  const needed = new Set([...union.values()].flatMap((names) => [...names]))
  /** Who stands between what a step needs and the step itself, and is going to change. */
  const between = (need: string, name: string): string | undefined => {
    const from = ways.get(need) ?? waysFrom(need, union as Needs)
    ways.set(need, from)
    return wayTo(name, from)?.find((each) => each !== name && isChange(moves.get(each) ?? KEEP))
  }
  const begun = new Set<string>()
  return steps.map((move) => {
    const { name = '', candidate, action } = move
    if (action === 'reconfigure' || candidate === undefined) return move
    const needs = needsOf(candidate)
    const had = union.get(name)
    const fresh = needed.has(name) ? needs.filter((need) => had?.has(need.name) !== true) : []
    const after = fresh.flatMap((need) => between(need.name, name) ?? [])
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
}

const KEEP = { action: 'keep', because: '' } as const

/** Steps that take something down, dependents first; what is still required waits until that has changed. */
function sinking(steps: readonly Move[], now: Graph): Move[] {
  const falling = new Set(steps.map(({ name = '' }) => name))
  const requiredBy = new Map<string, string[]>()
  for (const [name, needs] of now) {
    for (const need of needs) {
      if (need.optional || !falling.has(need.name)) continue
      const known = requiredBy.get(need.name)
      if (known === undefined) requiredBy.set(need.name, [name])
      else known.push(name)
    }
  }
  return steps.map((move) => {
    const { name = '' } = move
    const after = (requiredBy.get(name) ?? []).filter((each) => !falling.has(each))
    if (after.length === 0) return move
    falling.delete(name)
    return { ...move, after }
  })
}
