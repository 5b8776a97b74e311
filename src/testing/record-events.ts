// A recorder of an orchestrator's events, and the compact lines in which tests assert whole event logs.
// It is a subscriber like any other: it sees what listeners see, when they see it, and keeps nothing from anybody.
// The table below has one line per kind of event; a new kind does not compile until it has one, too.

import type { AnyEvent, EventMap, EventType, Orchestrator, ServiceState, Unsubscribe } from '../index.js'

/** What is recorded. */
export interface RecordOptions {
  /** The kinds of events to record. Default: every kind. */
  readonly types?: readonly EventType[]
}

/** What {@link recordEvents} gives: the events so far, as data and as text. */
export interface EventRecord extends Disposable {
  /** What was delivered since the beginning or the last `clear()`, in the order of delivery. */
  readonly events: readonly AnyEvent[]
  /**
   * One line per event:
   *
   * - `db: stopping → retrying (failed) #1 START_FAILED: ECONNREFUSED` - a state event: reason, attempt and error as far
   *   as the event has them. Of the health only what the state does not say: `db: starting → running [checking]`.
   * - `health db: checking → unhealthy`, with the error if there is one
   * - `status db: replaying journal - 40 %`
   * - `retry db #1 in 1000 (connectivity)`
   * - `registered db`, `unregistered db`
   * - `operation start #1 begin`, `operation restart db #2 end failed START_INCOMPLETE`
   * - `warning DEPENDENCY_TIMEOUT db`: the code and the service, not the prose
   * - `listenerError state: boom`
   *
   * An error reads as its code and, behind a colon, what caused it: by its code, else by its message.
   *
   * With `from`, a wall-clock time such as `clock.wall()` at the start of the test, each line begins with the milliseconds
   * since then: `1000 db: retrying → starting`.
   */
  lines(from?: number): string[]
  /** The states that one service entered, in order. */
  states(name: string): ServiceState[]
  /** Forgets the events so far; goes on recording. */
  clear(): void
  /** Ends the recording; what was recorded stays. Also by `using`. */
  stop(): void
}

type Lines = { readonly [Type in EventType]: (event: EventMap[Type]) => string }

const LINES = {
  state: ({ name, oldState, newState, health, reason, attempt, error }) =>
    `${name}: ${oldState} → ${newState}${health === 'unknown' || health === 'healthy' ? '' : ` [${health}]`}` +
    `${reason ? ` (${reason})` : ''}${attempt === undefined ? '' : ` #${attempt}`}${why(error)}`,
  health: ({ name, oldHealth, newHealth, error }) => `health ${name}: ${oldHealth} → ${newHealth}${why(error)}`,
  status: ({ name, text, detail }) => `status ${name}: ${text}${detail === undefined ? '' : ` - ${detail}`}`,
  retry: ({ name, attempt, delay, failure }) => `retry ${name} #${attempt} in ${delay} (${failure})`,
  registered: ({ name }) => `registered ${name}`,
  unregistered: ({ name }) => `unregistered ${name}`,
  operation: ({ operation, target, id, phase, outcome, error }) =>
    `operation ${operation}${target === undefined ? '' : ` ${target}`} #${id} ${phase}` +
    `${outcome ? ` ${outcome}` : ''}${why(error)}`,
  warning: ({ code, name }) => `warning ${code}${name === undefined ? '' : ` ${name}`}`,
  listenerError: ({ event, error }) => `listenerError ${event}:${why(error)}`,
} satisfies Lines

const TYPES = Object.keys(LINES) as EventType[]

/**
 * Records the events of an orchestrator from now on, for assertions on the whole log.
 *
 * *Guarantees:* nothing that is delivered to listeners is missing (R41); the order is that of delivery (R38). The
 * recorder reads events only when asked, and needs no time of its own.
 */
export function recordEvents(app: Pick<Orchestrator, 'on'>, options: RecordOptions = {}): EventRecord {
  let events: AnyEvent[] = []
  const subscriptions: Unsubscribe[] = (options.types ?? TYPES).map((type) =>
    app.on(type, (event: AnyEvent) => {
      events.push(event)
    }),
  )
  const stop = (): void => {
    for (const unsubscribe of subscriptions.splice(0)) unsubscribe()
  }
  return {
    get events() {
      return events
    },
    lines: (from) => events.map((event) => (from === undefined ? '' : `${event.timestamp - from} `) + lineOf(event)),
    states: (name) => events.flatMap((event) => (event.type === 'state' && event.name === name ? event.newState : [])),
    clear: () => {
      events = []
    },
    stop,
    [Symbol.dispose]: stop,
  }
}

function lineOf<Type extends EventType>(event: EventMap[Type]): string {
  const line: (event: EventMap[Type]) => string = (LINES as Lines)[event.type as Type]
  return line(event)
}

/** ` CODE: cause`, as short as it is stable. */
function why(error: unknown): string {
  if (error === undefined) return ''
  const own = word(error)
  const cause = typeof error === 'object' && error !== null && 'cause' in error ? `: ${word(error.cause)}` : ''
  return ` ${own}${cause}`
}

function word(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return String(thrown)
  try {
    const { code, message, name } = thrown as { code?: unknown; message?: unknown; name?: unknown }
    return String(code ?? (message || name) ?? 'an object').split('\n', 1)[0] ?? ''
  } catch {
    return 'a value that cannot be read'
  }
}
