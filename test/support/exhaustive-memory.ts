/**
 * What an explorer has to know of a run to tell its states apart: all that what happens next can depend on.
 *
 * Two states are one if they agree in the state, health, attempt, blockers and age of every service, in the hooks in flight
 * and their age, in when the next timer is due, and in what cannot be read but follows from what was asked for: the desire
 * for each service and its failures since, and of each open call its age and what it met - what was wanted already, which
 * a start leaves alone, and what was up, which a stop answers for. Not told apart are the time of day, the numbers of
 * epochs, errors and old reasons, which of two things of the same age is the older one, and services that the graph itself
 * does not tell apart.
 */
import { isKeelsonError, type ServiceStatus, type Snapshot } from '../../src/index.js'
import type { Observation } from '../../src/testing/observation.js'
import type { Stage } from '../../src/testing/stage.js'
import { automorphisms, type Graph, requirements } from './exhaustive-graphs.js'

/** Reasons of a stop that tell more than the desire does once it is over. */
const LASTING: readonly string[] = ['completed', 'rollback', 'cancelled']

/** What a call met. */
interface Meeting {
  readonly call?: string
  /** Which object it brings. */
  readonly instance?: number | undefined
  readonly intent: number
  /** What nobody wanted before. */
  readonly fresh: readonly string[]
  /** What was up, and how. */
  readonly up: readonly (readonly [name: string, state: string])[]
  /** What it takes back if it is refused. */
  readonly before: readonly (readonly [name: string, known: Known])[]
  readonly all: string
}

/** What is known of a service. */
interface Known {
  desire: string
  /** Which intent asked for that, and when. */
  asked: number
  askedAt: number
  /** Since the last time that something cleared them. */
  failures: number
  /** It was asked for while it was stopping. */
  remembered: boolean
}

const REFUSALS: readonly string[] = ['CLOSED', 'SERVICE_NOT_FOUND', 'SERVICE_IN_USE', 'SERVICE_DUPLICATE']

/** A hook in flight. */
interface Flight {
  readonly service: string
  readonly hook: string
  readonly instance: number
  readonly epoch: number
  readonly at: number
}

export class Memory {
  readonly #known = new Map<string, Known>()
  readonly #required: ReadonlyMap<string, readonly string[]>
  readonly #symmetries: readonly ReadonlyMap<string, string>[]
  /** What each open call has met. */
  readonly #meetings = new Map<number, Meeting>()
  /** What the next call meets. */
  #met: Meeting = { intent: 0, fresh: [], up: [], before: [], all: '' }
  #intents = 0
  #all = ''
  /** The object of each name that was brought last, if it is not the first. */
  readonly #latest = new Map<string, number>()
  /** The object that is or was registered under a name. */
  readonly #there = new Map<string, number>()

  constructor(graph: Graph, isUp: boolean) {
    this.#required = requirements(graph)
    this.#symmetries = automorphisms(graph)
    if (isUp) this.#all = 'up'
    const desire = isUp ? 'up' : ''
    for (const name of this.#required.keys())
      this.#known.set(name, { desire, asked: 0, askedAt: 0, failures: 0, remembered: false })
  }

  /** An intent, in words, and what it meets. */
  intend(words: string, stage: Stage): void {
    const { services } = stage.app.snapshot()
    const now = stage.clock.now()
    for (const { name } of services) this.#there.set(name, stage.service(name)?.instance ?? 1)
    const [verb = '', name] = words.split(' ')
    if (!INTENTS.includes(verb)) return
    const desire = verb === 'start' || verb === 'restart' ? 'up' : name === undefined ? 'shut' : verb
    const all = this.#all
    if (name === undefined) this.#all = desire
    const names = name === undefined ? [...this.#required.keys()] : desire === 'up' ? [...this.#closure(name)] : [name]
    const fresh = names.filter((each) => desire === 'up' && this.#known.get(each)?.desire !== 'up')
    const up = desire === 'up' ? [] : services.filter(isUp).map(({ name: each, state }) => [each, state] as const)
    const asked = ++this.#intents
    const before = names.map((each) => [each, this.#known.get(each) as Known] as const)
    this.#met = { intent: asked, fresh, up, before, all }
    const stopping = services.flatMap((status) => (status.state === 'stopping' ? [status.name] : []))
    for (const each of names) {
      const isStopping = stopping.includes(each)
      const failures = isStopping && desire !== 'up' ? (this.#known.get(each)?.failures ?? 0) : 0
      this.#known.set(each, { desire, asked, askedAt: now, failures, remembered: isStopping && desire === 'up' })
    }
  }

  #closure(name: string): Set<string> {
    const found = new Set([name])
    for (const each of found) for (const dependency of this.#required.get(each) ?? []) found.add(dependency)
    return found
  }

  see(seen: Observation): void {
    if (seen.kind === 'call') {
      const { id, call, target, instance } = seen
      this.#meetings.set(id, { call, instance, ...this.#met })
      if (target !== undefined && instance !== undefined) this.#latest.set(target, instance)
    }
    if (seen.kind === 'settled') this.#settled(seen)
    if (seen.kind !== 'event' || seen.event.type !== 'state') return
    const { name, reason, newState } = seen.event
    const known = this.#known.get(name)
    if (known === undefined) return
    known.remembered = false
    if (newState !== 'stopping') return
    if (reason === 'failed') known.failures += 1
    else if (reason !== 'dependency') known.failures = 0
  }

  /** A start of all that failed, and one that was aborted, has taken back what it alone wanted (R29, R34). */
  #settled({ id, rejected, value }: Extract<Observation, { kind: 'settled' }>): void {
    const { intent, fresh, call, before, all } = this.#meetings.get(id) as Meeting
    this.#meetings.delete(id)
    const code = isKeelsonError(value) ? value.code : 'aborted'
    if (rejected && REFUSALS.includes(code)) {
      for (const [name, known] of before) if (this.#known.get(name)?.asked === intent) this.#known.set(name, known)
      if (intent === this.#intents) this.#all = all
      return
    }
    if (!rejected || !(code === 'aborted' || (code === 'START_INCOMPLETE' && call === 'start'))) return
    for (const name of fresh) {
      const known = this.#known.get(name)
      if (known?.asked === intent) known.desire = 'taken back'
    }
  }

  /** The state of a run, as text. */
  state(stage: Stage, { services }: Snapshot, flights: Iterable<Flight>): string {
    const { clock, calls } = stage
    const [now, wall] = [clock.now(), clock.wall()]
    let least: string | undefined
    for (const symmetry of this.#symmetries) {
      const as = (name: string): string => symmetry.get(name) ?? name
      const list = (names: readonly string[]): string => names.map(as).sort().join('')
      const lines = services.map((service) => `${as(service.name)}${this.#service(service, now, wall, as)}`)
      // Registered anew, it would be the object that was brought last, even if that was refused; one that is about to take
      // the place is another one than that.
      for (const [name, instance] of this.#latest) {
        if (instance === (stage.service(name)?.instance ?? this.#there.get(name))) continue
        const comes = [...this.#meetings.values()].some((met) => met.call === 'replace' && met.instance === instance)
        lines.push(`${as(name)}#${comes ? 'next' : ''}`)
      }
      for (const { service, instance, hook, epoch, at } of flights) {
        const isOld = services.some((status) => status.name === service && status.epoch !== epoch)
        const isGone = instance !== (stage.service(service)?.instance ?? this.#latest.get(service) ?? 1)
        lines.push(`${as(service)}.${hook}${isGone ? '?' : isOld ? '!' : ''}${now - at}`)
      }
      const open = new Set<string>()
      for (const { id, call, target = '', controller, at } of calls.values()) {
        const { intent, fresh = [], up = [] } = this.#meetings.get(id) ?? {}
        const own = fresh.filter((name) => this.#known.get(name)?.asked === intent)
        const met = `${list(fresh)} ${list(own)} ${up.map(([name, state]) => as(name) + state).sort()}`
        // Equal ones are one, as long as none of them can be aborted alone.
        open.add(
          `${controller ? open.size : ''} ${call} ${as(target)} ${controller?.signal.aborted} ${met} ${now - at}`,
        )
      }
      lines.push(...open)
      const text = lines.sort().join('\n')
      if (least === undefined || text < least) least = text
    }
    return `${this.#all} ${clock.next === undefined ? '' : clock.next - now}\n${least}`
  }

  #service(status: ServiceStatus, now: number, wall: number, as: (name: string) => string): string {
    const { name, phase, state, health, stopReason = '', attempt = '', nextRetryAt, blockedBy = [], since } = status
    const { desire, failures, askedAt, remembered } = this.#known.get(name) as Known
    const why = state === 'stopping' || LASTING.includes(stopReason) ? stopReason : ''
    const blocked = blockedBy.map((cause) => `${cause.kind}:${as(cause.name)}`).sort()
    // When what is under way ends: a backoff, a hook, a wait that begins anew with each start.
    const due = nextRetryAt === undefined ? '' : Math.max(0, nextRetryAt - wall)
    const isAging = phase === 'moving' || state === 'waiting' || (phase === 'active' && failures > 0)
    const age = isAging ? Math.min(wall - since, state === 'waiting' ? now - askedAt : wall - since) : ''
    return ` ${state} ${health} ${why} ${attempt} ${due} ${age} ${blocked} ${desire} ${failures} ${remembered}`
  }
}

const INTENTS: readonly string[] = ['start', 'stop', 'restart', 'replace', 'remove', 'register']

const isUp = ({ phase }: ServiceStatus): boolean => phase === 'active' || phase === 'moving'
