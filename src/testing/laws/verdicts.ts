// How many bad results of a service's checks there can have been in a row, told from its checks alone (R24-R26).
// An upper bound, since it is only asked whether there were enough; a stall is told by a pulse of a fiftieth of the timeout.

import type { Observation, Scene } from '../observation.js'
import { type Chronicle, chronicleOf } from './chronicle.js'

interface Row {
  bad: number
  /** The check in flight: its number, and when it was entered. */
  id: number
  at: number
  /** How long the host had been blocked by then, in sum. */
  stalledThen: number
  /** The host was blocked for too long meanwhile: whatever comes of it counts for nothing (R26). */
  void: boolean
}

/** The rows of bad results in a scene. */
export class Results {
  readonly #scene: Scene
  readonly #chronicle: Chronicle
  readonly #rows = new Map<string, Row>()
  /** Good results that may not have been looked at yet - until then their window lasts - and the row that each ends. */
  readonly #fresh = new Map<string, { readonly bad: number; readonly stalledThen: number }>()

  constructor(scene: Scene) {
    this.#scene = scene
    this.#chronicle = chronicleOf(scene)
  }

  see(seen: Observation): void {
    if (seen.kind === 'quiet') this.#fresh.clear()
    else if (seen.kind === 'enter') {
      this.#fresh.delete(seen.service)
      if (seen.hook === 'start') this.#rows.delete(seen.service)
      if (seen.hook === 'check') {
        const { stalled: stalledThen } = this.#chronicle
        const bad = this.#rows.get(seen.service)?.bad ?? 0
        this.#rows.set(seen.service, { bad, id: seen.id, at: seen.at, stalledThen, void: false })
      }
    } else if (seen.kind === 'stall') {
      for (const [name, row] of this.#rows) {
        if (row.id < 0 || row.void || seen.ms <= this.#timeout(name) * 0.27 + 3) continue
        row.bad += this.#late(name, row, seen.at - seen.ms)
        row.void = true
      }
      for (const [name, { bad, stalledThen }] of this.#fresh) {
        const row = this.#rows.get(name)
        if (row === undefined || !this.#mayBeVoid(name, stalledThen)) continue
        row.bad += bad
        this.#fresh.delete(name)
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
      if (bad || seen.answer === 'unknown' || seen.answer === 'checking') return
      // A good one that comes after its time is void; so is, perhaps, what came while the host was blocked.
      if (late > 0 || !this.#chronicle.whole || this.#mayBeVoid(seen.service, row.stalledThen)) return
      this.#fresh.set(seen.service, { bad: row.bad, stalledThen: row.stalledThen })
      row.bad = 0
    }
  }

  #timeout(name: string): number {
    return this.#scene.service(name)?.healthCheck.timeout ?? Number.POSITIVE_INFINITY
  }

  /** Whether the host has been blocked for long enough since a check was entered. */
  #mayBeVoid(name: string, stalledThen: number): boolean {
    return this.#chronicle.slack(stalledThen) > this.#timeout(name) / 4
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
