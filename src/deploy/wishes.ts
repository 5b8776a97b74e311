// What each name would ask for if it were alone: the first half of a decision. Which file speaks for a name, what it
// wants, and whether it is time for that. Plain data in, plain data out.

import { KeelsonError } from '../index.js'
import { canonical } from './plain.js'
import type { Candidate, Entry } from './shelf.js'
import { isChange, isSame, type Move, type Situation } from './situation.js'
import type { DeployAction } from './story.js'
import { line } from './wording.js'

/** What each name alone would ask for. */
export function wishes(situation: Situation): { moves: Map<string, Move>; doubles: Move[] } {
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
      `descriptor '${line(name)}' in ${line(file)}: the name is taken by a service that this deployer has not deployed; choose another, or unregister that`,
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
    `attempt ${pause.attempt} failed: ${pause.error.message}; tried again in ${seconds} s, or when ${line(move.file ?? '')} or what it needs changes`,
  )
}
