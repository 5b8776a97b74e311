/**
 * What readers of a hammered table check without a log: every record that the owner publishes is determined by one
 * number that is in it.
 *
 * - Cycling: the owner starts and stops `count` services, one call after the other, in rounds. The number of the event
 *   then tells which service it was, in which round, and in which state; the epoch is the round; the wall clock shows
 *   the round in both of its words.
 * - Churning: services come and go, every one of them with a number of its own, which the wall clock shows as long as
 *   the owner is busy with it; `number % count` is the number of its name.
 * - Searching: the bare table, in which names come and go so fast that its index is made anew all the time, every one of
 *   them with a number of its own. What is there - the owner says it once it has entered it, and takes it back before it
 *   strikes it out - must be found.
 */

import type { ServiceState } from 'keelson'
import type { AttachedRegistry, ServiceView } from 'keelson/threads'
import { TableReader } from '../../src/threads/table-reader.js'

export interface Hammering {
  readonly what: 'cycle' | 'churn' | 'search'
  /** Of the registry. */
  readonly name: string
  readonly count: number
  readonly reads: number
  /** Word 0: 1 from when the owner has done the last thing. Word 1: steps of all readers together. */
  readonly signals: Int32Array
  /** Number of the event before the first round. */
  readonly base: number
  /** The bare table, for who searches it. */
  readonly table?: SharedArrayBuffer
  /** Of the bare table: the number of each that is there, 0 while none is. */
  readonly there?: Int32Array
}

/** What a reader found. */
export interface Hammered {
  readonly reads: number
  /** What was wrong, the first few. */
  readonly faults: readonly string[]
  /** Records that differed from the last one read of that service. */
  readonly changes: number
  /** How often a view was of a service that was gone. */
  readonly gone: number
  /** What was read last, of each service. */
  readonly last: readonly Reading[]
}

type Reading = ReturnType<ServiceView['read']>

/** Reads after which a reader says that it has come so far. */
export const STEP = 100_000

/** Numbers of events that a start and a stop of one service make: its two operations' ends and beginnings among them. */
export const EVENTS = 8
const PLACES: Partial<Record<ServiceState, number>> = { starting: 2, running: 3, stopping: 6, stopped: 7 }

const LENGTHS = [0, 3, 17, 60, 120, 240]
/** Of many lengths, so that what one leaves in the table is room for another, or for an index. */
export const nameOf = (i: number): string => `${'ñ'.repeat(LENGTHS[i % LENGTHS.length]!)} ${i}`
/** The name of a service that is there all the time. */
export const STAYS = 'stays'

/** Both words of it are `number`; of a torn one they would differ. */
export const wallOf = (number: number): number => number * 2 ** 32 + number
const numberOf = (wall: number): number | undefined => {
  const number = Math.floor(wall / 2 ** 32)
  return wallOf(number) === wall ? number : undefined
}

/** What is wrong with a record of service `i`, if anything. */
function faultOf(
  { state, health, epoch, seq, timestamp, attempt }: Reading,
  i: number,
  { count, base }: Hammering,
): string | undefined {
  if (epoch === 0) return state === 'unknown' && seq <= base ? undefined : 'a state without an epoch'
  const round = epoch - 1
  const place = PLACES[state]
  if (place === undefined) return `it was never ${state}`
  if (seq !== base + EVENTS * (round * count + i) + place) return 'its event is of another state, epoch or service'
  if (numberOf(timestamp) !== epoch) return 'its time is of another epoch'
  if (health !== (state === 'running' ? 'healthy' : 'unknown')) return 'its health is of another state'
  return attempt === 0 ? undefined : 'it never made an attempt'
}

/** Collects what is wrong, and says to the owner how far it is. */
class Findings {
  readonly faults: string[] = []
  reads = 0
  readonly #hammering: Hammering

  constructor(hammering: Hammering) {
    this.#hammering = hammering
  }

  /** Whether there is more to read: so many, and then until the owner is done. */
  goesOn(): boolean {
    const { reads, signals } = this.#hammering
    if (++this.reads % STEP === 0) {
      Atomics.add(signals, 1, 1)
      Atomics.notify(signals, 1)
    }
    return this.reads <= reads || Atomics.load(signals, 0) === 0
  }

  add(fault: string | undefined, ...what: readonly unknown[]): void {
    if (fault !== undefined && this.faults.length < 5) this.faults.push(`${fault}: ${JSON.stringify(what)}`)
  }
}

/** Reads services that start and stop. */
export function cycling(registry: AttachedRegistry, hammering: Hammering): Hammered {
  const views = Array.from({ length: hammering.count }, (_, i) => registry.get(nameOf(i)) as ServiceView)
  const last = views.map((view) => view.read())
  const findings = new Findings(hammering)
  let changes = 0
  while (findings.goesOn()) {
    const i = findings.reads % views.length
    const record = views[i]!.read()
    const before = last[i]!
    if (record.seq !== before.seq) changes++
    if (record.seq < before.seq || record.epoch < before.epoch) findings.add('it went back', i, record, before)
    findings.add(faultOf(record, i, hammering), i, record, before)
    last[i] = record
  }
  const { faults, reads } = findings
  return { reads, faults, changes, gone: 0, last: views.map((view) => view.read()) }
}

/** A service that was looked up, and what was read of it. */
interface Held {
  readonly view: ServiceView
  number?: number
  seq: number
}

/** Reads services that come and go, and some that stay. */
export function churning(registry: AttachedRegistry, hammering: Hammering): Hammered {
  const { count } = hammering
  const names = Array.from({ length: count }, (_, i) => nameOf(i))
  const held: (Held | undefined)[] = []
  const newest = names.map(() => 0)
  const findings = new Findings(hammering)
  let changes = 0
  let gone = 0
  while (findings.goesOn()) {
    const i = findings.reads % count
    const name = names[i]!
    if (findings.reads % 16 === 0 && !registry.has(STAYS)) findings.add('what stays was not found')
    if (findings.reads % 65_536 === 0) {
      const all = registry.names()
      if (all[0] !== STAYS || new Set(all).size !== all.length) findings.add('the names are not in order', all)
    }
    let mine = held[i]
    if (mine?.view.registered === false) {
      const { state, epoch, seq } = mine.view.read()
      if (state !== 'unknown' || epoch !== 0 || seq !== 0) findings.add('a removed one came back', name, state, epoch)
      mine = held[i] = undefined
      gone++
    }
    if (mine === undefined) {
      const view = registry.get(name)
      if (view === undefined) continue
      mine = held[i] = { view, seq: 0 }
    }
    const record = mine.view.read()
    const { timestamp, seq } = record
    if (timestamp === 0 && !mine.view.registered) continue
    const number = numberOf(timestamp)
    if (number === undefined) findings.add('half of one record and half of the next', name, record)
    else if (number % count !== i) findings.add('another service', name, number, record)
    else if (number !== (mine.number ?? number)) findings.add('it became another one', name, mine.number, record)
    else if (number < newest[i]!) findings.add('an older service after a newer one', name, newest[i], record)
    else newest[i] = mine.number = number
    if (seq < mine.seq) findings.add('it went back', name, mine.seq, record)
    if (seq !== mine.seq) changes++
    mine.seq = seq
  }
  const { faults, reads } = findings
  return { reads, faults, changes, gone, last: names.flatMap((name) => registry.get(name)?.read() ?? []) }
}

/** Looks names up in the bare table. */
export function searching(hammering: Hammering): Hammered {
  const { count, there } = hammering
  const table = new TableReader(hammering.table as SharedArrayBuffer)
  const findings = new Findings(hammering)
  const newest = Array.from({ length: count }, () => 0)
  let changes = 0
  let gone = 0
  while (findings.goesOn()) {
    const i = findings.reads % count
    const number = Atomics.load(there!, i)
    if (number === 0) continue
    if (number !== newest[i]) changes++
    newest[i] = number
    const place = table.find(`${nameOf(i)} ${number}`)
    const record = place && table.read(place)
    if (record !== undefined && record.seq !== number) findings.add('another service', i, number, record)
    if (record === undefined && Atomics.load(there!, i) === number) findings.add('it was not found', i, number)
    if (record === undefined) gone++
  }
  const { faults, reads } = findings
  return { reads, faults, changes, gone, last: [] }
}
