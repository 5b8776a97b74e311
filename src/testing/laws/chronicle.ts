// What the observations of one simulation add up to: services as the events tell them, lives as their hooks tell them,
// calls as their callers see them. Folded once per observation and shared by all laws of a scene; judges nothing.
// Written from the rules alone: nothing here comes from the kernel or the engine.

import type { AnyEvent, OperationEvent, ServiceStatus, Snapshot, StateEvent } from '../../index.js'
import type { Observation, Scene, SceneService } from '../observation.js'
import { type Called, Calls } from './calls.js'
import { type Known, phaseOf, unknown } from './known.js'
import { type Hooked, type Life, Lives } from './lives.js'

/** Each turn is looked at as a whole; with MANY services only after STRIDE times as many events. */
const MANY = 50
const STRIDE = 4

/** What a law hears that looks at cuts. */
export const CUTS: readonly Observation['kind'][] = ['event', 'turn', 'quiet', 'steady', 'end']

/** The fold of all observations so far. */
export class Chronicle {
  readonly scene: Scene
  readonly services: Map<string, Known> = new Map()
  now = 0
  seq = 0
  /** How long the host has been blocked, in sum. */
  stalled = 0
  /** Set while an observation is told with which events and snapshot agree: a consistent cut. */
  cut: Snapshot | undefined
  /** The cut is a quiet one: nothing more happens by itself before time passes. */
  quiet = false
  /** The script is over. */
  calm = false
  /** Grows whenever the graph may have become another one. */
  graph = 0
  /** Of a `health` event being told: what was known of the service until now. */
  formerHealth: Pick<Known, 'state' | 'health' | 'error'> | undefined
  readonly #lives = new Lives()
  readonly #calls: Calls
  #last: Observation | undefined
  #statuses: ReadonlyMap<string, ServiceStatus> | undefined
  #ahead: { readonly snapshot: Snapshot; readonly quiet: boolean } | undefined
  #looked = 0
  #stalledQuiet = 0
  #quietAt = 0
  #blockedAt = Number.NEGATIVE_INFINITY
  /** Names of which a replacement was asked, each with the object that is there; what was there before, and its last epoch. */
  readonly #replacing = new Map<string, SceneService | undefined>()
  readonly #replaced = new Map<string, { readonly was: SceneService; readonly until: number }>()

  constructor(scene: Scene) {
    this.scene = scene
    this.#calls = new Calls(scene.settings.shutdownTimeout)
    const { seq, services } = scene.app.snapshot()
    this.seq = seq
    for (const { name, state, health, error, epoch, attempt } of services)
      this.services.set(name, {
        ...unknown(name, epoch, seq),
        ...{ state, prior: state, health, error, attempt },
      })
  }

  /** Takes in an observation, once, however many laws tell it. */
  see(seen: Observation): void {
    if (seen === this.#last) return
    if (this.#replacing.size > 0) this.#exchanged()
    this.#last = seen
    this.now = seen.at
    this.cut = undefined
    switch (seen.kind) {
      case 'event':
        this.#event(seen.event)
        if (this.#ahead !== undefined && this.#ahead.snapshot.seq <= this.seq) this.#cut(this.#ahead)
        return
      case 'enter':
        return this.#lives.enter(seen, this.stalled)
      case 'leave':
        return this.#lives.leave(seen)
      case 'own':
        return this.#lives.own(seen)
      case 'fail':
        return this.#lives.fail(seen)
      case 'call':
        if (seen.call === 'replace') this.#replaces(seen.target ?? '')
        return this.#calls.call(seen, this.stalled)
      case 'abort':
        return this.#calls.abort(seen)
      case 'settled':
        this.#calls.settled(seen)
        if (this.called?.seen.call === 'replace') this.#isReplaced(this.called.seen.target ?? '')
        return
      case 'stall':
        this.stalled += seen.ms
        this.#blockedAt = seen.at
        return
      case 'turn':
        if (!this.whole || this.#isDear()) return
        return this.#reach(seen.snapshot, false)
      case 'calm':
        this.calm = true
        return
      case 'listens':
      case 'heard':
        return
      case 'quiet':
        this.#stalledQuiet = this.stalled
        this.#quietAt = seen.at
        this.#calls.quiet()
        if (this.#isDear()) return
        // What is due in this millisecond has yet to happen.
        return this.#reach(seen.snapshot, seen.nextTimer === undefined || seen.nextTimer > seen.at)
      default:
        return this.#reach(seen.snapshot, false)
    }
  }

  /** The latest life of each name. */
  get lives(): ReadonlyMap<string, Life> {
    return this.#lives.latest
  }

  /** The life, and the hook in flight, that the last observation of a hook was about. */
  get life(): Life | undefined {
    return this.#lives.life
  }

  get hooked(): Hooked | undefined {
    return this.#lives.hooked
  }

  /** Hooks in flight that end as soon as their signal is aborted. */
  get heeding(): ReadonlySet<Hooked> {
    return this.#lives.heeding
  }

  /** Of the last hook entered: the latest life of its name until then, and whether its `onStop` had been entered. */
  get former(): Life | undefined {
    return this.#lives.former
  }

  get formerStopped(): boolean {
    return this.#lives.formerStopped
  }

  /** Calls that have not settled. */
  get calls(): ReadonlyMap<number, Called> {
    return this.#calls.open
  }

  /** Operations that have begun and not ended, by the id of their events. */
  get operations(): ReadonlyMap<number, Called> {
    return this.#calls.operations
  }

  /** The call that the last observation of a call or an operation was about. */
  get called(): Called | undefined {
    return this.#calls.called
  }

  /** Whether some operation may be in the last tenth of its time, in which no order is kept (R31). */
  get hurried(): boolean {
    return this.#calls.isHurried(this.now, this.stalled)
  }

  /** Whether less has happened since the last look than there is to look at. */
  #isDear(): boolean {
    if (this.services.size > MANY && this.seq - this.#looked < STRIDE * this.services.size) return true
    this.#looked = this.seq
    return false
  }

  #reach(snapshot: Snapshot, quiet: boolean): void {
    if (snapshot.seq <= this.seq) this.#cut({ snapshot, quiet })
    else this.#ahead = { snapshot, quiet }
  }

  /** No turn can be in the middle of its work: time has passed since the host was blocked (R45). */
  get whole(): boolean {
    return this.now > this.#blockedAt + 1
  }

  /** The earliest that what is told now can have happened: a turn is told when it is over, and its hooks may block. */
  get earliest(): number {
    return this.stalled === this.#stalledQuiet ? this.now : this.#quietAt
  }

  /** How long the host has been blocked since `then`, a former value of `stalled`. */
  slack(then: number): number {
    return this.stalled - then
  }

  /** While a replacement is asked for, what may come to stand under a name, or come back to it. */
  newcomers(name: string): readonly SceneService[] {
    if (!this.#replacing.has(name)) return []
    const all = [this.#replaced.get(name)?.was]
    for (const { seen } of this.calls.values())
      if (seen.call === 'replace' && seen.target === name) all.push(this.scene.object(name, seen.instance ?? 0))
    return all.filter((each) => each !== undefined)
  }

  /** What the object declared whose epoch an event tells of: another one may have taken its place in the same turn. */
  declared({ name, epoch }: { readonly name: string; readonly epoch: number }): SceneService | undefined {
    const replaced = this.#replaced.get(name)
    return replaced !== undefined && epoch <= replaced.until ? replaced.was : this.scene.service(name)
  }

  /**
   * Whether the last epoch of a service may have ended of itself, whatever came while it was stopping. A run that has
   * resolved may have been asked to, one that is not seen may have, and a start meanwhile undoes what it completed: from
   * outside these cannot always be told apart.
   */
  mayHaveEnded(name: string): boolean {
    const kind = this.scene.service(name)?.kind
    if (kind !== 'managed' && kind !== undefined) return true
    const life = this.#lives.latest.get(name)
    return life?.runLeft === true && !life.runFailed
  }

  /** The services of the cut by name. */
  get statuses(): ReadonlyMap<string, ServiceStatus> {
    this.#statuses ??= new Map(this.cut?.services.map((status) => [status.name, status]))
    return this.#statuses
  }

  #cut({ snapshot, quiet }: { readonly snapshot: Snapshot; readonly quiet: boolean }): void {
    this.cut = snapshot
    this.#statuses = undefined
    this.quiet = quiet
    this.#ahead = undefined
  }

  #event(event: AnyEvent): void {
    this.seq = event.seq
    switch (event.type) {
      case 'state':
        return this.#state(event)
      case 'health': {
        const known = this.services.get(event.name)
        if (known === undefined) return
        this.formerHealth = { state: known.state, health: known.health, error: known.error }
        known.health = event.newHealth
        known.error = event.error
        known.seq = event.seq
        return
      }
      case 'registered':
        this.services.set(event.name, { ...unknown(event.name, event.epoch, event.seq), since: this.now })
        this.graph++
        return
      case 'unregistered':
        this.services.delete(event.name)
        this.#replaced.delete(event.name)
        this.graph++
        return
      case 'operation':
        this.#calls.operation(event, this.now)
        if (event.phase === 'begin' && this.called !== undefined) this.#renewed(event)
        return
      default:
    }
  }

  /** A replacement takes its place without being told, in the turn of its call at the earliest: what is registered tells. */
  #replaces(target: string): void {
    if (!this.#replacing.has(target)) this.#replacing.set(target, this.scene.service(target))
  }

  #isReplaced(target: string): void {
    for (const { seen } of this.calls.values()) if (seen.call === 'replace' && seen.target === target) return
    this.#replacing.delete(target)
  }

  #exchanged(): void {
    for (const [target, before] of this.#replacing) {
      const now = this.scene.service(target)
      if (now?.instance === before?.instance) continue
      this.#replacing.set(target, now)
      this.graph++
      if (before === undefined || now === undefined) continue
      const { epoch, phase } = this.scene.app.getServiceStatus(target)
      this.#replaced.set(target, { was: before, until: phase === 'idle' || phase === 'pending' ? epoch : epoch - 1 })
    }
  }

  #state(event: StateEvent): void {
    const known = this.services.get(event.name)
    if (known === undefined) return
    known.prior = known.state
    known.priorSinceLeast = known.sinceLeast
    known.state = event.newState
    known.health = event.health
    known.error = event.error
    known.epoch = event.epoch
    known.attempt = event.attempt
    known.since = this.now
    known.sinceLeast = this.earliest
    known.stalledThen = this.#stalledQuiet
    known.seq = event.seq
    if (event.newState === 'stopping' || known.prior === 'stopping') known.reason = event.reason
    if (event.newState === 'starting') {
      known.reason = undefined
      known.startSeq = event.seq
    } else if (event.newState === 'stopping') {
      if (phaseOf(known.prior) === 'active') known.lostSeq = event.seq
      // An end for another reason takes away what an earlier life completed.
      if (event.reason !== 'completed' && known.completed === true) known.completed = undefined
    } else if (known.prior === 'stopping') known.completed = this.#completed(event, known)
  }

  #completed({ name, reason, newState }: StateEvent, known: Known): boolean | undefined {
    if (newState === 'failed' || newState === 'retrying' || newState === 'unreachable') return false
    if (newState === 'auth_required' || reason === 'shutdown') return false
    if (reason === 'failed' || reason === 'unhealthy') return false
    if (reason === 'completed') return known.askedSeq < known.startSeq ? true : undefined
    return this.mayHaveEnded(name) ? undefined : false
  }

  /** What is started or restarted by name, or stopped with all the others, has not completed any more. */
  #renewed({ operation, target, seq }: OperationEvent): void {
    if (operation === 'stop') {
      if (target !== undefined) return
      for (const known of this.services.values()) known.completed = known.state === 'stopping' ? undefined : false
      return
    }
    if (operation === 'register' || operation === 'unregister') return
    for (const known of this.services.values()) known.askedSeq = seq
    const known = target === undefined ? undefined : this.services.get(target)
    if (known === undefined || known.completed === false) return
    const phase = phaseOf(known.state)
    // One that is up keeps what its last epoch left.
    known.completed = operation !== 'replace' && (phase === 'idle' || phase === 'pending') ? false : undefined
  }
}

const chronicles = new WeakMap<Scene, Chronicle>()

/** The one chronicle of a scene. */
export function chronicleOf(scene: Scene): Chronicle {
  const known = chronicles.get(scene)
  if (known !== undefined) return known
  const made = new Chronicle(scene)
  chronicles.set(scene, made)
  return made
}
