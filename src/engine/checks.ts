// Health checks of active services (R24-R27): when each runs, how many at once, and which results count.
// One deadline per checked service in the engine's one structure; a pulse while checks are in flight tells when the host
// itself was stalled. What a verdict does to the service is the reconciler's.

import { KeelsonError, type Thrown, told } from '../errors.js'
import { jittered } from '../kernel/backoff.js'
import { judge, resultOf, type Verdict } from '../kernel/health.js'
import { show } from '../kernel/validate.js'
import type { CheckContext, HealthStatus } from '../service.js'
import { CHECK } from './channels.js'
import type { Bucket, Deadlines, Timed } from './deadlines.js'
import type { Clock, Random } from './ports.js'
import type { Record } from './record.js'
import { LazySignal } from './signal.js'
import { isThenable } from './subscribers.js'
import type { Enter, Post } from './turn.js'

export interface ChecksHost {
  readonly owner: object
  readonly clock: Clock
  readonly random: Random
  readonly deadlines: Deadlines
  readonly post: Post
  readonly enter: Enter
  /** The verdict on an active service has changed; `thrown` is what the last check failed with, if it threw. */
  judged(record: Record, health: HealthStatus, thrown: Thrown): void
}

export class Checks {
  readonly #host: ChecksHost
  readonly #limit: number
  /** Checks that hold a place among the limited ones; those that wait for one, first come first served. */
  #placed = 0
  readonly #waiting = new Set<Check>()
  readonly #checks = new Map<Record, Check>()
  readonly #pulse: Pulse

  /** `limit` is how many may be in flight at once. */
  constructor(host: ChecksHost, limit: number) {
    this.#host = host
    this.#limit = limit
    this.#pulse = new Pulse(host.clock, host.deadlines)
  }

  /** Begins to check a service that has become active. */
  begin(record: Record): void {
    const check = this.#of(record)
    const grace = record.settings.healthCheck.startGrace
    if (grace > 0) this.#host.deadlines.arm(check, this.#host.clock.now() + grace)
    else this.#host.enter(this.#run, check)
  }

  /** Ends the checks of an epoch; nothing waits for one in flight, and its result is dropped. */
  end(record: Record): void {
    const check = this.#checks.get(record)
    if (check === undefined) return
    this.#checks.delete(record)
    this.#host.deadlines.disarm(check)
    this.#pulse.leave(check)
    this.#release(check)
    check.over = true
  }

  /** A health that a service told of itself (R36). */
  reported(record: Record, epoch: number, result: HealthStatus): void {
    if (record.active && record.current?.epoch === epoch) this.#judge(this.#of(record), result, [])
  }

  #of(record: Record): Check {
    let check = this.#checks.get(record)
    if (check === undefined) {
      check = new Check(record, (due) => this.#host.post(() => this.#due(due)))
      this.#checks.set(record, check)
    }
    return check
  }

  /** Enters it as soon as there is a place for it. */
  #place(check: Check): void {
    if (this.#placed >= this.#limit) {
      this.#waiting.add(check)
      return
    }
    this.#placed++
    check.placed = true
    this.#host.enter(this.#run, check)
  }

  /** Its place goes to the next, or it no longer waits for one. */
  #leave(check: Check): void {
    this.#waiting.delete(check)
    if (!check.placed) return
    check.placed = false
    this.#placed--
    const [next] = this.#waiting
    if (next === undefined) return
    this.#waiting.delete(next)
    this.#place(next)
  }

  /** What is in flight holds a place no longer and is told to end. */
  #release(check: Check): void {
    this.#leave(check)
    const { context } = check
    check.context = undefined
    if (context !== undefined) this.#host.enter(() => context.abort())
  }

  #due(check: Check): void {
    if (check.over) return
    if (check.bucket !== undefined) return // armed anew meanwhile
    if (!check.inFlight) return check.began < 0 ? this.#host.enter(this.#run, check) : this.#place(check)
    // Its timeout has passed, or one more interval of hanging.
    const { interval } = check.record.settings.healthCheck
    this.#pulse.look()
    check.hung = true
    this.#release(check)
    this.#host.deadlines.arm(check, this.#host.clock.now() + this.#jittered(interval))
    if (!check.void)
      this.#judge(check, 'unhealthy', [
        told(
          'UNHEALTHY',
          `service '${check.record.name}' - its check hangs since ${Math.round(this.#host.clock.now() - check.began)} ms`,
          [],
        ),
      ])
  }

  /** Enters the check hook. The first of an epoch has no place among the limited ones to give back. */
  readonly #run = (check: Check): void => {
    const { core, current } = check.record
    if (check.over || check.inFlight || core === undefined || current === undefined) return this.#leave(check)
    const { timeout } = check.record.settings.healthCheck
    check.inFlight = true
    check.void = check.hung = false
    check.began = this.#host.clock.now()
    const context = new Checking(current.epoch, check.record.name)
    check.context = context
    const settled = (answer: unknown, ...thrown: Thrown): void =>
      this.#host.post(() => this.#settled(check, answer, thrown))
    this.#pulse.enter(check, timeout)
    try {
      const answer = core.table.check(core.service, context)
      if (!isThenable(answer)) return settled(answer)
      answer.then(
        (value) => settled(value),
        (error: unknown) => settled('unhealthy', error),
      )
    } catch (error) {
      return settled('unhealthy', error)
    }
    this.#host.deadlines.arm(check, check.began + timeout)
  }

  #settled(check: Check, answer: unknown, thrown: Thrown): void {
    if (check.over || !check.inFlight) return
    this.#pulse.look()
    this.#pulse.leave(check)
    check.inFlight = false
    check.context = undefined
    this.#release(check)
    const result = resultOf(answer)
    if (!check.hung && !check.void) {
      if (result === undefined)
        this.#judge(check, 'unhealthy', [new TypeError(`a check answers a health, true or false, not ${show(answer)}`)])
      else this.#judge(check, result, thrown)
    }
    if (check.over) return
    const { interval } = check.record.settings.healthCheck
    const wait = check.verdict.health === 'checking' ? Math.min(interval, 1_000) : interval
    this.#host.deadlines.arm(check, this.#host.clock.now() + this.#jittered(wait))
  }

  #jittered(interval: number): number {
    return jittered(interval, 0.1, this.#host.random())
  }

  #judge(check: Check, result: HealthStatus, thrown: Thrown): void {
    const { record } = check
    if (result === 'unhealthy' && CHECK.hasSubscribers) {
      const { name, epoch, core } = record
      const error = thrown.length > 0 ? { error: thrown[0] } : {}
      CHECK.publish({ orchestrator: this.#host.owner, name, type: core?.type ?? 'service', epoch, ...error })
    }
    const before = check.verdict.health
    check.verdict = judge(record.settings.healthCheck, check.verdict, result)
    if (check.verdict.health !== before) this.#host.judged(record, check.verdict.health, thrown)
  }
}

/** The checks of one epoch. */
class Check implements Timed {
  readonly record: Record
  readonly #onDue: (check: Check) => void
  bucket: Bucket | undefined
  slot = 0
  verdict: Verdict
  inFlight = false
  /** When it was entered last; -1 before the first time, which is not limited. */
  began = -1
  /** The host was stalled in its window: whatever it says does not count (R26). */
  void = false
  /** Its timeout has passed: it has counted as failed, and does so again with each interval. */
  hung = false
  over = false
  /** It holds one of the limited places. */
  placed = false
  context: Checking | undefined

  constructor(record: Record, onDue: (check: Check) => void) {
    this.record = record
    this.#onDue = onDue
    this.verdict = { health: record.health, row: 0 }
  }

  due(): void {
    this.#onDue(this)
  }
}

/** What one check is given; its signal is made when it is asked for. */
class Checking extends LazySignal implements CheckContext {
  readonly epoch: number
  readonly #name: string

  constructor(epoch: number, name: string) {
    super()
    this.epoch = epoch
    this.#name = name
  }

  protected override why(): unknown {
    return new KeelsonError('CANCELLED', `service '${this.#name}' - the time of its check is over`)
  }
}

/** Notices stalls of the host while checks are in flight: a pulse that comes late tells by how much (R26). */
class Pulse implements Timed {
  bucket: Bucket | undefined
  slot = 0
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #watched = new Map<Check, number>()
  #period = Infinity
  #at = 0

  constructor(clock: Clock, deadlines: Deadlines) {
    this.#clock = clock
    this.#deadlines = deadlines
  }

  /** A check goes in flight: stalls of more than a quarter of its timeout make it void. */
  enter(check: Check, timeout: number): void {
    const late = this.#watched.size > 0 && this.look()
    this.#watched.set(check, timeout / 4)
    // A fiftieth of the timeout is exact enough for a quarter of it.
    const period = Math.min(100, Math.max(1, timeout / 50))
    if (this.#watched.size > 1 && period >= this.#period && !late) return
    this.#period = this.#watched.size > 1 ? Math.min(period, this.#period) : period
    this.#beat()
  }

  leave(check: Check): void {
    if (this.#watched.delete(check) && this.#watched.size === 0) this.#deadlines.disarm(this)
  }

  /** Looks how late the pulse is by now; whom that concerns is void. Returns whether it is late at all. */
  look(): boolean {
    if (this.#watched.size === 0) return false
    const late = this.#clock.now() - this.#at
    if (late > 0) for (const [check, most] of this.#watched) if (late > most) check.void = true
    return late > 0
  }

  due(): void {
    this.look()
    if (this.#watched.size > 0) this.#beat()
  }

  #beat(): void {
    this.#at = Math.ceil(this.#clock.now() + this.#period)
    this.#deadlines.arm(this, this.#at)
  }
}
