// observe(): gives an orchestrator an observer. It comes in as any subscriber does: by public events, and by the
// diagnostics channels that tell of failed checks and lost events. What it makes of them is in trace.ts and numbers.ts.

import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import {
  type Clock,
  type EventMap,
  type EventType,
  KeelsonError,
  type Orchestrator,
  systemClock,
  type Unsubscribe,
} from '../index.js'
import { Fence } from './fence.js'
import { Numbers } from './numbers.js'
import { type Attributes, nopObserver, type Observer, type Span } from './observer.js'
import { Timeline } from './timeline.js'
import { Trace } from './trace.js'

/** Options of {@link observe}. */
export interface ObserveOptions {
  /** The clock of the orchestrator, if it has one of its own. Default: the host's. */
  readonly clock?: Clock
  /** Attributes of every span and number, to tell one orchestrator of a program from another. */
  readonly attributes?: Attributes
  /**
   * What spans without a parent of their own are put below, asked for each: for an orchestrator inside another one
   * `() => outer.spanOf('inner')`. Default: nothing.
   */
  readonly parent?: () => Span | null | undefined
}

/** Ends an observation when it is called, or by `using`; spans under way end then. */
export interface Observation extends Unsubscribe {
  /** The span of the start or stop of this service that is under way. */
  spanOf(name: string): Span | undefined
}

const KNOWN: readonly string[] = ['clock', 'attributes', 'parent'] satisfies (keyof ObserveOptions)[]

/** What is looked at. */
interface Watch {
  readonly trace: Trace
}

/** What becomes of each kind of event; a new kind does not compile until it has an answer. */
const HANDLERS = {
  operation: ({ trace }, event) => trace.operation(event),
  state: ({ trace }, event) => trace.state(event),
  health: ({ trace }, event) => trace.passed(event),
  registered: ({ trace }, event) => trace.passed(event),
  unregistered: ({ trace }, { name }) => trace.gone(name),
  // These begin and end nothing, and cause nothing that does; what they count is counted where it happens.
  status: undefined,
  retry: undefined,
  warning: undefined,
  listenerError: undefined,
} satisfies { readonly [Type in EventType]: ((watch: Watch, event: EventMap[Type]) => void) | undefined }

/**
 * Gives an orchestrator an observer, from now on.
 *
 * - Spans: `keelson.start`, `keelson.restart`, … for each operation, from when it takes effect to when its promise
 *   settles; below it `keelson.service.start` and `keelson.service.stop` for each epoch that begins or ends because of it,
 *   dependents that return after its end included. What a service does by itself - a crash, a bad verdict, a retry - is
 *   part of the operation that it comes from while that is under way; after that it is the root of a trace of its own.
 * - Counters: `keelson.service.transitions`, `keelson.service.restarts`, `keelson.service.check.failures`,
 *   `keelson.events.dropped`. Histograms, in seconds: `keelson.service.start.duration`,
 *   `keelson.service.stop.duration`, `keelson.service.dependency_wait.duration`.
 * - Errors: of an operation what its promise rejects with, unless it was cancelled; of a start what it failed with; of a
 *   stop what was unclean about it. Durations are monotonic: setting the wall clock does not change them.
 *
 * *Guarantees:* an observer that throws or rejects disturbs neither the orchestrator nor other spans; it is reported
 * like any listener (R39). With {@link nopObserver} nothing is subscribed to.
 *
 * @throws `CONFIG_INVALID` for something that is no orchestrator or no observer, and for an unknown or wrong option.
 *
 * Runnable: `examples/15-observe.ts`.
 */
export function observe(app: Orchestrator, observer: Observer, options: ObserveOptions = {}): Observation {
  check(app, observer, options)
  if (observer === nopObserver)
    return observation(
      () => {},
      () => undefined,
    )
  const { clock = systemClock, attributes = {}, parent = () => null } = options
  const fence = new Fence()
  const numbers = new Numbers(observer, fence, attributes)
  const trace = new Trace({ observer, fence, timeline: new Timeline(clock), numbers, attributes, parent })
  const watch: Watch = { trace }
  const ends: (() => void)[] = []
  for (const type of Object.keys(HANDLERS) as EventType[]) {
    const handle = HANDLERS[type] as ((watch: Watch, event: EventMap[EventType]) => void) | undefined
    if (handle === undefined) continue
    ends.push(
      app.on(type, (event) => {
        handle(watch, event)
        fence.raise()
      }),
    )
  }
  // Channels live as long as the process: an orchestrator that nobody ends to observe must not.
  const observed = new WeakRef(app)
  const listen = <Message>(channel: string, listener: (message: Message) => void): void => {
    const ours = (message: unknown): void => {
      if ((message as { orchestrator?: unknown }).orchestrator === observed.deref()) listener(message as Message)
    }
    subscribe(channel, ours)
    ends.push(() => unsubscribe(channel, ours))
  }
  // Whatever the observer throws here is raised with the next event: thrown into a channel it would end the process.
  listen<Parameters<Numbers['checkFailed']>[0]>('keelson:check', (failure) => numbers.checkFailed(failure))
  listen<{ dropped: number }>('keelson:drop', ({ dropped }) => numbers.lost(dropped))
  return observation(
    () => {
      for (const end of ends.splice(0)) end()
      trace.close()
    },
    (name) => trace.spanOf(name),
  )
}

function check(app: unknown, observer: unknown, options: ObserveOptions): void {
  const lacks = (what: unknown, methods: readonly string[]): string | undefined =>
    methods.find((method) => typeof (Object(what) as Record<string, unknown>)[method] !== 'function')
  const method = lacks(observer, ['startSpan', 'counter', 'histogram'])
  if (lacks(app, ['on']) !== undefined) throw invalid('app is no orchestrator; pass one')
  if (method !== undefined) throw invalid(`observer has no ${method}(); pass an Observer, such as otelObserver()`)
  if (typeof options !== 'object' || options === null) throw invalid('options is no object; pass { clock }')
  for (const key of Object.keys(options))
    if (!KNOWN.includes(key)) throw invalid(`${key} is no option; known are ${KNOWN.join(', ')}`)
  const { clock, attributes, parent } = options
  const missing = clock === undefined ? undefined : lacks(clock, ['now', 'wall'])
  if (missing !== undefined) throw invalid(`clock has no ${missing}(); pass the Clock of the orchestrator`)
  if (attributes !== undefined && (typeof attributes !== 'object' || attributes === null))
    throw invalid('attributes is no object; pass values by name')
  if (parent !== undefined && typeof parent !== 'function') throw invalid('parent is no function; pass () => span')
}

const invalid = (what: string): KeelsonError => new KeelsonError('CONFIG_INVALID', `observe(): ${what}`)

function observation(end: () => void, spanOf: (name: string) => Span | undefined): Observation {
  return Object.assign(end, { spanOf, [Symbol.dispose ?? Symbol.for('Symbol.dispose')]: end }) as Observation
}
