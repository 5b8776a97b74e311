// How the shared table is laid out: one growable buffer of 32-bit words, written by the owner's thread alone.
//
//   header | index: cells that lead from the hash of a name to a record | records | names
//
// A record never moves. Its first word counts its changes, and it has two copies of its fields: the owner writes the copy
// that is not current and then the word; a reader takes word, fields, word, and tries again if it changed meanwhile. So no
// reader ever waits for the writer, not even for one that died in the middle (sequence locks: Lameter 2005, "Effective
// synchronization on Linux/NUMA systems"; with two copies, as the kernel's seqcount_latch: Lamport 1977, "Concurrent
// reading and writing"). All is read and written with Atomics, whose order is the same for every thread.

import type { HealthStatus, ServiceState, StopReason } from '../index.js'

/** Says that a buffer is such a table, and of which make. */
export const MAGIC = 0x6b65_656c
export const MAKE = 1

/** Words of the header. */
export const HEAD = {
  magic: 0,
  make: 1,
  /** 1 once the owner is gone or has closed it. */
  closed: 2,
  /** Raised whenever a name comes or goes; what waits for a name sleeps on it. The word behind it is its flag. */
  directory: 4,
  /** Version of the index; place and mask of it stand in the pair of words that its last bit chooses. */
  index: 6,
  place: 7,
  mask: 9,
  /** How many names there are. */
  size: 11,
  /** Length of the header. */
  length: 16,
} as const

/** Words of a record. */
export const RECORD = {
  /** State, health and reason, and above them a count of changes; what waits for a change sleeps on it. */
  now: 0,
  /** 1 if somebody sleeps on the word before: the owner wakes nobody unasked. */
  flag: 1,
  /** Odd while a service lives here; never the same for two of them. */
  generation: 2,
  /** Its place in the order of registration. */
  order: 3,
  hash: 4,
  /** Where its name stands, and how many code units of UTF-16 it has. */
  name: 5,
  units: 6,
  /** The two copies of its fields. */
  copies: 8,
  copy: 8,
  length: 24,
} as const

/** Words of a copy. */
export const FIELD = { epoch: 0, attempt: 1, time: 2, seq: 4 } as const

/** Cells of the index: a record's place, or one of these. */
export const CELL = { empty: 0, left: -1 } as const

export const STATES: readonly ServiceState[] = [
  'unknown',
  'stopped',
  'disconnected',
  'failed',
  'waiting',
  'retrying',
  'unreachable',
  'auth_required',
  'starting',
  'stopping',
  'running',
  'connected',
]
const HEALTHS: readonly HealthStatus[] = ['unknown', 'checking', 'healthy', 'degraded', 'unhealthy']
const REASONS: readonly (StopReason | undefined)[] = [
  undefined,
  'manual',
  'shutdown',
  'dependency',
  'restart',
  'failed',
  'unhealthy',
  'completed',
  'removed',
  'replaced',
  'rollback',
  'cancelled',
]
const PLACES = {
  state: new Map(STATES.map((word, i) => [word, i])),
  health: new Map(HEALTHS.map((word, i) => [word, i << 4])),
  reason: new Map(REASONS.map((word, i) => [word, i << 7])),
}

/**
 * The first word of a record: what most readers want to know, read at once, and the version by which the others see that
 * they have read one instant. The count comes round after two million changes; a reader would have to sleep through
 * exactly so many in the middle of a reading to be deceived.
 */
const COUNTED = 11

/** What this word becomes by a change. */
export function changed(
  word: number,
  state: ServiceState,
  health: HealthStatus,
  reason: StopReason | undefined,
): number {
  const what = (PLACES.state.get(state) ?? 0) | (PLACES.health.get(health) ?? 0) | (PLACES.reason.get(reason) ?? 0)
  return (((word >>> COUNTED) + 1) << COUNTED) | what
}

/** Where the copy of the fields stands that belongs to this word. */
export const copyOf = (at: number, word: number): number => at + RECORD.copies + ((word >>> COUNTED) & 1) * RECORD.copy

export const stateIn = (word: number): ServiceState => STATES[word & 15] as ServiceState
export const healthIn = (word: number): HealthStatus => HEALTHS[(word >> 4) & 7] as HealthStatus
export const reasonIn = (word: number): StopReason | undefined => REASONS[(word >> 7) & 15]

/** FNV-1a over the code units of a name (http://www.isthe.com/chongo/tech/comp/fnv/); never 0 words long. */
export function hashOf(name: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x0100_0193)
  return hash | 0
}

/** A number up to 2^53 as two words, and back. */
export const high = (value: number): number => Math.floor(value / 2 ** 32) | 0
export const low = (value: number): number => value | 0
export const joined = (lowWord: number, highWord: number): number => (highWord >>> 0) * 2 ** 32 + (lowWord >>> 0)

/** A view of the whole of a buffer as it is now: of fixed length, since those that follow its growth are slower to read. */
export const wordsOf = (buffer: SharedArrayBuffer): Int32Array => new Int32Array(buffer, 0, buffer.byteLength >> 2)
