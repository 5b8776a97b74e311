// One line for each kind of event; a new kind does not compile until it has an answer here.
import type { AnyEvent, EventMap, EventType, Orchestrator } from 'keelson'
import { paint } from './paint.js'

const SAYS = {
  state: ({ oldState, newState, reason, error }) =>
    `${oldState} → ${paint('bold', newState)}${reason ? ` (${reason})${newState === 'stopping' ? '' : why(error)}` : ''}`,
  health: ({ newHealth, error }) => `is ${newHealth}${why(error)}`,
  status: ({ text, detail }) => (detail === undefined ? text : `${text}: ${detail}`),
  retry: ({ attempt, delay }) => `retry ${attempt} in ${(delay / 1_000).toFixed(1)} s`,
  registered: () => undefined,
  unregistered: () => undefined,
  operation: ({ operation, target = 'the shop', phase, outcome }) =>
    phase === 'begin' ? `${operation} ${target}` : `${operation} ${target}: ${outcome}`,
  warning: ({ message }) => paint('yellow', message),
  listenerError: ({ event, error }) => paint('red', `a listener of ${event} threw${why(error)}`),
} satisfies { [Type in EventType]: (event: EventMap[Type]) => string | undefined }

/** What happened, in one line; `undefined` for what is not worth one. */
export function lineOf(event: AnyEvent): string | undefined {
  const say = SAYS[event.type] as (event: AnyEvent) => string | undefined
  const name = 'name' in event ? (event.name ?? '') : ''
  const text = say(event)
  return text && `${name.padEnd(9)} ${text}`
}

/** Where there is no terminal: what happens, line by line, with the seconds since the first. */
export async function printLines(app: Orchestrator): Promise<void> {
  let first: number | undefined
  for await (const event of app.events()) {
    if (event.type === 'gap' || event.type === 'snapshot') continue
    first ??= event.timestamp
    const line = lineOf(event)
    if (line) console.log(`${((event.timestamp - first) / 1_000).toFixed(3).padStart(8)}  ${line}`)
  }
}

function why(error: unknown): string {
  const message = (error as { message?: unknown } | undefined)?.message
  return message === undefined ? '' : ` ${paint('dim', String(message))}`
}
