// What the observations of one simulation add up to: services as the events tell them, lives as their hooks tell them,
// calls as their callers see them. Folded once per observation and shared by all laws of a scene; judges nothing.
// Written from the rules alone: nothing here comes from the kernel or the engine.

import {
  type AnyEvent,
  type HealthStatus,
  isKeelsonError,
  type OperationEvent,
  type ServiceState,
  type Snapshot,
  type StateEvent,
} from '../../index.js'
import type { HookName, Observation, Scene } from '../observation.js'

/** Kinds of observations by name. */
export type Seen<Kind extends Observation['kind']> = Extract<Observation, { readonly kind: Kind }>

/** A registered service, as the events up to now tell it. */
export interface Known {
  readonly name: string
  state: ServiceState
  /** The state before the last `state` event. */
  prior: ServiceState
  health: HealthStatus
  error: unknown
  epoch: number
  attempt: number | undefined
  /** When it entered its state: when that was told, and the earliest that it can have been; and the state before. */
  since: number
  sinceLeast: number
  priorSinceLeast: number
  /** What `stalled` was then. */
  stalledThen: number
  /** `seq` of the last event that told it. */
  seq: number
  /** The reason of its last `stopping`, as upgraded by where that ended. */
  reason: string | undefined
  /** `seq` of its last `starting`, and of the last event by which it left its active phase. */
  startSeq: number
  lostSeq: number
  /** `seq` of the last operation that may have asked it to start. */
  askedSeq: number
  /** Whether its last ended epoch ended of itself without error; `undefined` where that cannot be told from outside. */
  completed: boolean | undefined
}

/** One epoch of one object, as its hooks tell it. */
export interface Life {
  readonly name: string
  readonly instance: number
  readonly epoch: number
  readonly startedAt: number
  /** Hooks of it that have been entered and have not left; a check is none of these. */
  readonly open: Set<Hooked>
  startLeft: boolean
  startFailed: boolean
  runLeft: boolean
  runFailed: boolean
  /** `ctx.fail` was called. */
  failed: boolean
  stopAt: number
  stopLeft: boolean
  stopReason: string | undefined
  /** Resources that were handed over and not yet disposed of, oldest first. */
  readonly owned: number[]
}

/** A hook in flight. */
export interface Hooked {
  readonly id: number
  readonly hook: HookName
  readonly at: number
  readonly life: Life
  /** What `stalled` was when it was entered. */
  readonly stalledThen: number
}

/** A call and what became of it. */
export interface Called {
  readonly seen: Seen<'call'>
  readonly stalledThen: number
  /** Its `begin` and `end` events; a call that was refused has none. */
  begin: OperationEvent | undefined
  beganAt: number
  end: OperationEvent | undefined
  abortedAt: number
  abortReason: unknown
  settled: Seen<'settled'> | undefined
}

/** One in so many turns is looked at as a whole; with more services than this, one in as many quiet moments as there are. */
const EVERY_TURN = 4
const MANY = 50

const KINDS: Readonly<Record<Seen<'call'>['call'], string>> = {
  start: 'start',
  startService: 'start',
  restartService: 'restart',
  stop: 'stop',
  stopService: 'stop',
  dispose: 'stop',
  register: 'register',
  unregister: 'unregister',
  replace: 'replace',
}

/** The fold of all observations so far. */
export class Chronicle {
  readonly scene: Scene
  readonly services: Map<string, Known> = new Map()
  /** The latest life of each name. */
  readonly lives: Map<string, Life> = new Map()
  readonly hooks: Map<number, Hooked> = new Map()
  /** Calls that have not settled. */
  readonly calls: Map<number, Called> = new Map()
  /** Operations that have begun and not ended, by the id of their events. */
  readonly operations: Map<number, Called> = new Map()
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
  /** The life, and the hook in flight, that the observation being told is about. */
  life: Life | undefined
  hooked: Hooked | undefined
  /** Of a hook being entered: the latest life of its name until now, and whether its `onStop` had been entered. */
  former: Life | undefined
  formerStopped = false
  /** Of a `health` event being told: what was known of the service until now. */
  formerHealth: Pick<Known, 'state' | 'health' | 'error'> | undefined
  /** The call that the observation being told is about. */
  called: Called | undefined
  #last: Observation | undefined
  #ahead: { readonly snapshot: Snapshot; readonly quiet: boolean } | undefined
  #quiets = 0
  #deadlines: { readonly from: number; readonly until: number; readonly stalledThen: number; readonly of: Called }[] =
    []
  #turns = 0
  #stalledQuiet = 0
  #quietAt = 0
  #blockedAt = Number.NEGATIVE_INFINITY
  #replacing = 0

  constructor(scene: Scene) {
    this.scene = scene
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
    if (this.#replacing > 0) this.graph++
    this.#last = seen
    this.now = seen.at
    this.cut = undefined
    switch (seen.kind) {
      case 'event':
        this.#event(seen.event)
        if (this.#ahead !== undefined && this.#ahead.snapshot.seq <= this.seq) this.#cut(this.#ahead)
        return
      case 'enter':
        return this.#enter(seen)
      case 'leave':
        return this.#leave(seen)
      case 'own':
        this.#lifeOf(seen.service, seen.instance, seen.epoch)?.owned.push(seen.resource)
        return
      case 'fail': {
        const life = this.lives.get(seen.service)
        if (life?.epoch === seen.epoch) life.failed = true
        return
      }
      case 'call':
        this.called = called(seen, this.stalled)
        this.calls.set(seen.id, this.called)
        return
      case 'abort': {
        this.called = this.calls.get(seen.id)
        if (this.called === undefined) return
        this.called.abortedAt = seen.at
        this.called.abortReason = seen.reason
        return
      }
      case 'settled':
        this.called = this.calls.get(seen.id)
        this.calls.delete(seen.id)
        if (this.called === undefined) return
        this.called.settled = seen
        if (this.called.begin !== undefined && this.called.end?.error !== seen.value && isRefusal(seen, this.called))
          this.#refused(this.called)
        return
      case 'stall':
        this.stalled += seen.ms
        this.#blockedAt = seen.at
        return
      case 'turn':
        // A snapshot costs who reads it: a look at each quiet moment, and at some of the turns between, will do.
        if (++this.#turns % EVERY_TURN !== 0 || !this.whole) return
        return this.#reach(seen.snapshot, false)
      case 'calm':
        this.calm = true
        return
      case 'quiet':
        this.#quiets++
        this.#stalledQuiet = this.stalled
        this.#quietAt = seen.at
        if (this.services.size > MANY && this.#quiets % this.services.size !== 0) return
        // What is due in this millisecond has yet to happen.
        return this.#reach(seen.snapshot, seen.nextTimer === undefined || seen.nextTimer > seen.at)
      default:
        return this.#reach(seen.snapshot, false)
    }
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

  #cut({ snapshot, quiet }: { readonly snapshot: Snapshot; readonly quiet: boolean }): void {
    this.cut = snapshot
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
        this.graph++
        return
      case 'operation':
        this.#operation(event)
        return
      default:
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
    } else if (event.newState === 'stopping' && phaseOf(known.prior) === 'active') known.lostSeq = event.seq
    else if (known.prior === 'stopping') known.completed = this.#completed(event, known)
  }

  /**
   * A run that has resolved may have been asked to, or may have ended of itself while a stop for another reason waited
   * (R13), and a start meanwhile undoes what it completed: from outside these cannot always be told apart.
   */
  #completed({ name, reason, newState }: StateEvent, known: Known): boolean | undefined {
    if (newState === 'failed' || newState === 'retrying' || newState === 'unreachable') return false
    if (newState === 'auth_required' || reason === 'shutdown') return false
    if (reason === 'failed' || reason === 'unhealthy') return false
    if (reason === 'completed') return known.askedSeq < known.startSeq ? true : undefined
    const life = this.lives.get(name)
    const kind = this.scene.service(name)?.kind
    if (kind !== 'managed' && kind !== undefined) return undefined
    return life?.runLeft === true && !life.runFailed ? undefined : false
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

  /** Whether some operation may be in the last tenth of its time, in which no order is kept (R31). */
  get hurried(): boolean {
    for (const { from, until, stalledThen, of } of this.#deadlines)
      if (from <= this.now && (this.now <= until + this.slack(stalledThen) + 1 || of.end === undefined)) return true
    return false
  }

  #deadline(call: Called): void {
    const { seen } = call
    const { shutdownTimeout } = this.scene.settings
    const stops =
      seen.call === 'stop' || seen.call === 'stopService' || seen.call === 'unregister' || seen.call === 'dispose'
    const timeout = (stops ? seen.timeout : undefined) ?? shutdownTimeout
    this.#deadlines = this.#deadlines.filter(({ until, of }) => of.end === undefined || until >= this.now)
    this.#deadlines.push({
      from: this.now + timeout - Math.min(1_000, timeout / 10),
      until: this.now + timeout,
      stalledThen: call.stalledThen,
      of: call,
    })
  }

  #operation(event: OperationEvent): void {
    if (event.operation === 'replace') this.#replacing += event.phase === 'begin' ? 1 : -1
    if (event.phase === 'end') {
      const ended = this.operations.get(event.id)
      this.operations.delete(event.id)
      this.called = ended
      if (ended !== undefined) ended.end = event
      return
    }
    // Calls take effect in the order in which they were made.
    this.called = undefined
    for (const call of this.calls.values()) {
      const { seen } = call
      if (call.begin !== undefined || seen.aborted === true || KINDS[seen.call] !== event.operation) continue
      if (seen.target !== event.target) continue
      call.begin = event
      call.beganAt = this.now
      this.called = call
      this.operations.set(event.id, call)
      this.#renewed(event)
      if (event.operation !== 'register') this.#deadline(call)
      return
    }
  }

  /** A refused call has no events: those that were taken for its own belong to the next of its kind, and so on. */
  #refused(call: Called): void {
    let { begin, beganAt, end } = call
    for (const next of this.calls.values()) {
      if (begin === undefined) break
      const { seen } = next
      if (seen.id < call.seen.id || seen.aborted === true) continue
      if (KINDS[seen.call] !== begin.operation || seen.target !== begin.target) continue
      if (end === undefined) this.operations.set(begin.id, next)
      const { begin: nextBegin, beganAt: nextBeganAt, end: nextEnd } = next
      Object.assign(next, { begin, beganAt, end })
      begin = nextBegin
      beganAt = nextBeganAt
      end = nextEnd
      if (begin === undefined) Object.assign(call, { begin: undefined, beganAt: -1, end: undefined })
    }
  }

  #enter(seen: Seen<'enter'>): void {
    this.former = this.lives.get(seen.service)
    this.formerStopped = this.former !== undefined && this.former.stopAt >= 0
    let life = this.#lifeOf(seen.service, seen.instance, seen.epoch)
    if (seen.hook === 'start') {
      life = begun(seen)
      this.lives.set(seen.service, life)
    }
    this.life = life
    this.hooked = undefined
    if (life === undefined) return
    this.hooked = { id: seen.id, hook: seen.hook, at: seen.at, life, stalledThen: this.stalled }
    this.hooks.set(seen.id, this.hooked)
    if (seen.hook !== 'check') life.open.add(this.hooked)
    if (seen.hook !== 'stop') return
    life.stopAt = seen.at
    life.stopReason = seen.reason
  }

  #leave(seen: Seen<'leave'>): void {
    const hooked = this.hooks.get(seen.id)
    this.hooked = hooked
    this.life = hooked?.life
    if (hooked === undefined) return
    const { life } = hooked
    this.hooks.delete(seen.id)
    life.open.delete(hooked)
    if (seen.hook === 'start') {
      life.startLeft = true
      life.startFailed = seen.failed
    } else if (seen.hook === 'run') {
      life.runLeft = true
      life.runFailed = seen.failed
    } else if (seen.hook === 'stop') life.stopLeft = true
  }

  #lifeOf(name: string, instance: number, epoch: number): Life | undefined {
    const life = this.lives.get(name)
    return life?.epoch === epoch && life.instance === instance ? life : undefined
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

/** What a state is worth, with the two hooks told apart. */
export function phaseOf(state: ServiceState): 'idle' | 'pending' | 'starting' | 'stopping' | 'active' {
  switch (state) {
    case 'running':
    case 'connected':
      return 'active'
    case 'starting':
    case 'stopping':
      return state
    case 'waiting':
    case 'retrying':
    case 'unreachable':
    case 'auth_required':
      return 'pending'
    default:
      return 'idle'
  }
}

const REFUSALS: readonly unknown[] = [
  'CLOSED',
  'SERVICE_NOT_FOUND',
  'SERVICE_IN_USE',
  'SERVICE_INVALID',
  'CONFIG_INVALID',
  'DEPENDENCY_CYCLE',
  'DEPENDENCY_MISSING',
]

/** Whether a call may have been turned down at once, without ever becoming an operation. */
function isRefusal({ rejected, value }: Seen<'settled'>, { seen, abortedAt, abortReason }: Called): boolean {
  if (!rejected) return false
  return isKeelsonError(value) ? REFUSALS.includes(value.code) : abortedAt === seen.at && value === abortReason
}

function unknown(name: string, epoch: number, seq: number): Known {
  return {
    name,
    state: 'unknown',
    prior: 'unknown',
    health: 'unknown',
    error: undefined,
    epoch,
    attempt: undefined,
    since: 0,
    sinceLeast: 0,
    priorSinceLeast: 0,
    stalledThen: 0,
    seq,
    reason: undefined,
    startSeq: 0,
    lostSeq: 0,
    askedSeq: 0,
    completed: false,
  }
}

function begun({ service, instance, epoch, at }: Seen<'enter'>): Life {
  return {
    name: service,
    instance,
    epoch,
    startedAt: at,
    open: new Set(),
    startLeft: false,
    startFailed: false,
    runLeft: false,
    runFailed: false,
    failed: false,
    stopAt: -1,
    stopLeft: false,
    stopReason: undefined,
    owned: [],
  }
}

function called(seen: Seen<'call'>, stalledThen: number): Called {
  return {
    seen,
    stalledThen,
    begin: undefined,
    beganAt: -1,
    end: undefined,
    abortedAt: -1,
    abortReason: undefined,
    settled: undefined,
  }
}
