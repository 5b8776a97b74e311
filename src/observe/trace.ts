// The spans of an orchestrator: one per operation, below it one per start and stop of a service, with true parents,
// times and errors. What a service does by itself after the operation that it comes from is over - a crash, a bad verdict,
// a retry - begins a trace of its own, whose root is its start or stop and below which is what follows from that.
// Fed with events in their order; knows nothing of who delivers them.

import type { OperationEvent, OperationKind, ServiceState, StateEvent } from '../index.js'
import { errorText, errorType } from './error-type.js'
import type { Fence } from './fence.js'
import type { Numbers } from './numbers.js'
import type { Attributes, AttributeValue, Observer, Span } from './observer.js'
import { type Origin, Origins, timeIn } from './origins.js'
import type { Timeline } from './timeline.js'

/** What a trace needs. */
export interface TraceHost {
  readonly observer: Observer
  readonly fence: Fence
  readonly timeline: Timeline
  readonly numbers: Numbers
  /** Attributes of every span. */
  readonly attributes: Attributes
  /** What spans without a parent of ours are below. */
  readonly parent: () => Span | null | undefined
}

/** A service, as far as its past matters to its spans. */
interface Life {
  /** Of its last event, and where that comes from. */
  seq: number
  /** Of the event that its last stop comes from. */
  stopSeq: number
  origin: Origin | undefined
  /** Why it stopped last. */
  reason: string | undefined
  /** The restart policy will start it. */
  backsOff: boolean
  moving: Moving | undefined
}

/** A start or stop under way. */
interface Moving {
  readonly kind: 'start' | 'stop'
  readonly span: Span | undefined
  readonly origin: Origin
  readonly began: number
}

/** A call: what it asked of which service. */
interface Call extends Origin {
  readonly key: string
}

/** The call that each reason of a stop is asked for by. The event before it may be of another: it was waited for. */
const ASKED: Readonly<{ [reason: string]: { readonly operation: OperationKind; readonly all?: true } | undefined }> = {
  manual: { operation: 'stop' },
  shutdown: { operation: 'stop', all: true },
  restart: { operation: 'restart' },
  replaced: { operation: 'replace' },
  removed: { operation: 'unregister' },
}

/** Calls that bring something up, and those that do not. */
const RAISES: readonly OperationKind[] = ['start', 'restart', 'replace', 'register']
const OTHERS: readonly OperationKind[] = ['stop', 'unregister']

/** Reasons of a stop that a start follows by itself. */
const AGAIN: ReadonlySet<string> = new Set(['restart', 'replaced', 'dependency'])

/** Ends that a service comes to by itself. */
const OWN_ENDS: ReadonlySet<string | undefined> = new Set(['failed', 'unhealthy', 'completed'])

/** The spans of one orchestrator. */
export class Trace {
  readonly #host: TraceHost
  readonly #origins = new Origins()
  /** Under way, by id. */
  readonly #calls = new Map<number, Call>()
  /** The last that asked this of that service, under way or not. */
  readonly #last = new Map<string, Call>()
  /** The last that was to bring something up. */
  #raised: Call | undefined
  readonly #lives = new Map<string, Life>()

  constructor(host: TraceHost) {
    this.#host = host
  }

  operation({ id, seq, phase, operation, target, timestamp, outcome, error }: OperationEvent): void {
    const { timeline, fence } = this.#host
    const now = timeline.of(timestamp)
    if (phase === 'begin') {
      const key = keyOf(operation, target)
      const origin: Call = { span: undefined, open: true, wall: timestamp, now, seq, key }
      this.#calls.set(id, origin)
      this.#last.set(key, origin)
      if (RAISES.includes(operation)) this.#raised = origin
      this.#origins.note(seq, origin)
      const named = target === undefined ? {} : { 'keelson.operation.target': target }
      this.#begin(`keelson.${operation}`, origin, now, {
        'keelson.operation.name': operation,
        'keelson.operation.id': id,
        ...named,
      })
      return
    }
    const origin = this.#calls.get(id)
    if (origin === undefined) return // it began before anybody looked
    this.#calls.delete(id)
    origin.open = false
    fence.call(() => origin.span?.setAttribute('keelson.operation.outcome', outcome ?? 'done'))
    if (outcome === 'failed') fence.call(() => origin.span?.setError(error))
    fence.call(() => origin.span?.end(timeIn(origin, now)))
  }

  /** An event of a service that moves nothing, yet may be what something else is caused by. */
  passed({ name, seq, causedBy }: { readonly name: string; readonly seq: number; readonly causedBy?: number }): void {
    const life = this.#life(name)
    const origin = this.#caused(life, causedBy)
    if (origin !== undefined) this.#origins.note(seq, origin)
    life.seq = seq
    life.origin = origin
  }

  state(event: StateEvent): void {
    const { name, seq, newState, timestamp, reason } = event
    const { numbers, timeline } = this.#host
    const now = timeline.of(timestamp)
    const life = this.#life(name)
    const came = this.#from(event, life)
    const origin = came ?? { span: undefined, open: false, wall: timestamp, now, seq }
    this.#origins.note(seq, origin)
    life.seq = seq
    life.origin = origin
    numbers.transition(event)
    this.#end(life, event, now)
    if (newState === 'starting') {
      numbers.starting(event, life.reason, life.backsOff)
      life.moving = this.#move('start', event, origin, now)
      life.reason = undefined
    } else if (newState === 'stopping') {
      life.stopSeq = origin.seq
      life.moving = this.#move('stop', event, origin, now)
    }
    if (newState !== 'starting' && reason !== undefined) life.reason = reason
    life.backsOff =
      newState === 'retrying' ||
      newState === 'unreachable' ||
      (newState === 'waiting' && (reason === 'completed' || (reason === undefined && life.backsOff)))
  }

  /** A service was removed: its name may come to mean another one. */
  gone(name: string): void {
    this.#lives.delete(name)
    for (const operation of [...RAISES, ...OTHERS]) this.#last.delete(keyOf(operation, name))
  }

  /** The span of the start or stop of a service that is under way. */
  spanOf(name: string): Span | undefined {
    return this.#lives.get(name)?.moving?.span
  }

  /** Nobody looks any more: what is under way ends here. */
  close(): void {
    const now = this.#host.timeline.of(this.#host.timeline.wall())
    for (const { moving } of this.#lives.values())
      this.#host.fence.call(() => moving?.span?.end(timeIn(moving.origin, now)))
    for (const origin of this.#calls.values()) this.#host.fence.call(() => origin.span?.end(timeIn(origin, now)))
    this.#lives.clear()
    this.#calls.clear()
    this.#last.clear()
    this.#raised = undefined
  }

  #life(name: string): Life {
    let life = this.#lives.get(name)
    if (life === undefined) {
      life = { seq: 0, stopSeq: 0, origin: undefined, reason: undefined, backsOff: false, moving: undefined }
      this.#lives.set(name, life)
    }
    return life
  }

  #caused({ seq, origin }: Life, causedBy: number | undefined): Origin | undefined {
    if (causedBy === undefined) return undefined
    return causedBy === seq ? origin : this.#origins.of(causedBy)
  }

  /** Where a change of state comes from; `undefined` if it is the first of something. */
  #from({ name, newState, oldState, causedBy, reason, waitedFor }: StateEvent, life: Life): Origin | undefined {
    const origin = this.#caused(life, causedBy)
    if (newState === 'stopping') {
      const asked = reason && ASKED[reason]
      const key = asked && keyOf(asked.operation, asked.all ? undefined : name)
      const call = key === undefined || key === origin?.key ? undefined : this.#last.get(key)
      if (call !== undefined) return call
      return isOwnEnd(oldState, reason) && origin?.open !== true ? undefined : origin
    }
    if (newState !== 'starting' || causedBy !== life.seq) return origin
    if (life.backsOff) return origin?.open ? origin : undefined
    return this.#awaited(waitedFor) ?? this.#remembered(name, life) ?? origin
  }

  /** The call that a start was remembered for while the service was stopping, or that changed what it waits for. */
  #remembered(name: string, { stopSeq, reason }: Life): Origin | undefined {
    const later = (call: Call | undefined): Call[] => (call?.open && call.seq > stopSeq ? [call] : [])
    const named = RAISES.flatMap((operation) => later(this.#last.get(keyOf(operation, name))))
    // What was to start again anyway does so because of what has stopped it.
    if (named.length > 0 || reason === undefined || AGAIN.has(reason)) return latest(named)
    return [...later(this.#last.get('start')), ...later(this.#raised)][0]
  }

  /** A pause or a permit came between a dependency and the start: it still comes from the one that was waited for longest. */
  #awaited(waitedFor: StateEvent['waitedFor'] = []): Origin | undefined {
    const last = [...waitedFor].sort((a, b) => b.duration - a.duration)[0]
    return last && this.#lives.get(last.name)?.origin
  }

  #move(kind: 'start' | 'stop', event: StateEvent, origin: Origin, now: number): Moving {
    const { name, serviceType, epoch, attempt, reason, error } = event
    const attributes: { [name: string]: AttributeValue } = {
      'keelson.service.name': name,
      'keelson.service.type': serviceType,
      'keelson.service.epoch': epoch,
    }
    if (kind === 'start' && attempt !== undefined) attributes['keelson.service.attempt'] = attempt
    if (kind === 'stop' && reason !== undefined) attributes['keelson.stop.reason'] = reason
    if (kind === 'stop' && OWN_ENDS.has(reason) && error !== undefined) {
      // Not an error of the stop; but nowhere else does a trace say what the service has died of.
      attributes['keelson.failure.type'] = errorType(error)
      attributes['keelson.failure.message'] = errorText(error)
    }
    return { kind, span: this.#begin(`keelson.service.${kind}`, origin, now, attributes), origin, began: now }
  }

  /** A span below that of its origin, or as that of its origin. */
  #begin(name: string, origin: Origin, now: number, attributes: Attributes): Span | undefined {
    const { observer, fence, parent } = this.#host
    const below = origin.span ?? fence.call(parent) ?? null
    const span = fence.call(() =>
      observer.startSpan(name, { ...this.#host.attributes, ...attributes }, below, timeIn(origin, now)),
    )
    origin.span ??= span
    return span
  }

  /** What was moving has arrived, or turns back. */
  #end(life: Life, event: StateEvent, now: number): void {
    const { moving } = life
    if (moving === undefined) return
    life.moving = undefined
    const { kind, span, origin, began } = moving
    const { newState, reason, error, unclean = [] } = event
    const { fence, numbers } = this.#host
    const failed = kind === 'start' && newState === 'stopping' && OWN_ENDS.has(reason)
    const errors = failed ? [error] : kind === 'stop' ? unclean : []
    if (errors.length > 0) for (const each of errors) fence.call(() => span?.setError(each))
    else if (kind === 'start' && newState === 'stopping')
      fence.call(() => span?.setAttribute('keelson.stop.reason', reason ?? 'cancelled'))
    fence.call(() => span?.end(timeIn(origin, Math.max(began, now))))
    // A start that somebody cut short says nothing of how long starts take.
    if (newState !== 'stopping' || errors.length > 0) numbers.moved(kind, Math.max(0, now - began), event, errors)
  }
}

function latest(calls: readonly Call[]): Call | undefined {
  return calls.reduce<Call | undefined>(
    (last, call) => (last === undefined || call.seq > last.seq ? call : last),
    undefined,
  )
}

function keyOf(operation: OperationKind, target: string | undefined): string {
  return target === undefined ? operation : `${operation} ${target}`
}

/** A service that was up comes down without being asked; a failed start is part of whatever started it. */
function isOwnEnd(oldState: ServiceState, reason: string | undefined): boolean {
  return oldState !== 'starting' && OWN_ENDS.has(reason)
}
