/** Observations as lines, for whoever reads the log of one seed. */
import type { AnyEvent } from '../../src/index.js'
import type { Observation } from '../../src/testing/observation.js'

const code = (error: unknown): string => {
  if (error === undefined) return ''
  try {
    const { code, message, cause } = error as { code?: unknown; message?: unknown; cause?: unknown }
    return ` ${String(code ?? message).slice(0, 80)}${cause === undefined ? '' : ` (${code_(cause)})`}`
  } catch {
    return ' unreadable'
  }
}
const code_ = (cause: unknown): string => code(cause).trim().split(' (')[0] ?? ''

export function lineOf(seen: Observation): string {
  return `${String(seen.at).padStart(8)} ${words(seen)}`
}

function words(seen: Observation): string {
  switch (seen.kind) {
    case 'event':
      return `         ${eventWords(seen.event)}`
    case 'enter':
      return `  → ${seen.service}#${seen.instance}.${seen.hook} e${seen.epoch} #${seen.id} ${seen.reason ?? ''}`
    case 'leave':
      return `  ← ${seen.service}.${seen.hook} e${seen.epoch} #${seen.id}${seen.failed ? ` failed${code(seen.error)}` : ''}`
    case 'call': {
      const { kind: _, at: __, id, call, target = '', ...rest } = seen
      return `CALL #${id} ${call} ${target} ${JSON.stringify(rest)}`
    }
    case 'settled':
      return `DONE #${seen.id} ${seen.rejected ? `rejected${code(seen.value)}` : 'resolved'}`
    case 'abort':
      return `ABORT #${seen.id}`
    case 'fail':
      return `FAIL ${seen.service} e${seen.epoch}`
    case 'stall':
      return `STALL ${seen.ms}`
    case 'steady':
      return `steady${seen.exhausted ? ' (patience is over)' : ''}`
    case 'turn':
      return `— turn: ${seen.snapshot.services.map(({ name, state }) => `${name} ${state}`).join(', ')}`
    case 'end':
      return `end, ${seen.pendingTimers} timers`
    default:
      return seen.kind
  }
}

function eventWords(event: AnyEvent): string {
  const by = event.causedBy === undefined ? '' : ` by ${event.causedBy}`
  const head = `${event.seq} ${event.type}`
  switch (event.type) {
    case 'state':
      return `${head} ${event.name}: ${event.oldState} → ${event.newState} [${event.health}] ${event.reason ?? ''}${event.attempt === undefined ? '' : ` #${event.attempt}`}${code(event.error)}${by}`
    case 'health':
      return `${head} ${event.name}: ${event.oldHealth} → ${event.newHealth}${code(event.error)}${by}`
    case 'retry':
      return `${head} ${event.name} #${event.attempt} in ${event.delay} (${event.failure})${by}`
    case 'operation':
      return `${head} ${event.operation} ${event.target ?? ''} #${event.id} ${event.phase} ${event.outcome ?? ''}${code(event.error)}${by}`
    case 'warning':
      return `${head} ${event.code} ${event.name ?? ''}: ${event.message}${by}`
    case 'listenerError':
      return `${head} ${event.event}${by}`
    default:
      return `${head} ${event.name}${by}`
  }
}
