// How many bad results of a service's checks there can have been in a row, told from its checks alone (R24-R26).
// An upper bound, since it is only asked whether there were enough; a stall is told by a pulse of a fiftieth of the timeout.

import type { Observation, Scene } from '../observation.js'
import { type Chronicle, chronicleOf } from './chronicle.js'

interface Row {
  bad: number
  /** The check in flight: its number, and when it was entered. */
  id: number
  at: number
  /** The host was blocked for too long meanwhile: whatever comes of it counts for nothing (R26). */
  void: boolean
}

/** The rows of bad results in a scene. */
export class Results {
  readonly #scene: Scene
  readonly #chronicle: Chronicle
  readonly #rows = new Map<string, Row>()

  constructor(scene: Scene) {
    this.#scene = scene
    this.#chronicle = chronicleOf(scene)
  }

  see(seen: Observation): void {
    if (seen.kind === 'enter') {
      if (seen.hook === 'start') this.#rows.delete(seen.service)
      if (seen.hook === 'check') {
        const row = this.#rows.get(seen.service)
        if (row === undefined) this.#rows.set(seen.service, { bad: 0, id: seen.id, at: seen.at, void: false })
        else Object.assign(row, { id: seen.id, at: seen.at, void: false })
      }
    } else if (seen.kind === 'stall') {
      for (const [name, row] of this.#rows) {
        const timeout = this.#scene.service(name)?.healthCheck.timeout ?? Number.POSITIVE_INFINITY
        if (row.id < 0 || row.void || seen.ms <= timeout * 0.27 + 3) continue
        row.bad += this.#late(name, row, seen.at - seen.ms)
        row.void = true
      }
    } else if (seen.kind === 'leave' && seen.hook === 'check') {
      const row = this.#rows.get(seen.service)
      if (row?.id !== seen.id) return
      if (row.void) {
        row.id = -1
        return
      }
      const late = this.#late(seen.service, row, this.#chronicle.now)
      row.bad += late
      row.id = -1
      const bad = seen.failed || seen.answer === 'unhealthy' || seen.answer === false || !('answer' in seen)
      if (bad) row.bad++
      // A good one that comes after its time is void; so is, perhaps, what came while the host was blocked.
      else if (late === 0 && this.#chronicle.whole && seen.answer !== 'unknown' && seen.answer !== 'checking')
        row.bad = 0
    }
  }

  /** The most bad results in a row that a service can have had by now. */
  most(name: string): number {
    const row = this.#rows.get(name)
    if (row === undefined) return 0
    return row.bad + (row.id < 0 || row.void ? 0 : this.#late(name, row, this.#chronicle.now))
  }

  /** How often a check in flight may have counted as failed: at its timeout, and at each interval after it. */
  #late(name: string, { at }: Row, now: number): number {
    const { timeout = Number.POSITIVE_INFINITY, interval = 1 } = this.#scene.service(name)?.healthCheck ?? {}
    const over = now - at - timeout
    return over < -1 ? 0 : 1 + Math.ceil((over + 1) / Math.max(1, Math.min(interval, 1_000) * 0.9))
  }
}
