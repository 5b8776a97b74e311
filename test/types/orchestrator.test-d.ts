/**
 * What the compiler must know of an orchestrator: its calls, events, readings and errors. Checked by
 * `npm run typecheck`, never run; see services.test-d.ts.
 */
import {
  type AnyEvent,
  type Cause,
  type DependencyGraph,
  defineService,
  ERROR_CODES,
  type ErrorCode,
  type ErrorJSON,
  type EventMap,
  type EventType,
  type Explanation,
  type GapItem,
  type HealthEvent,
  type HealthReport,
  isKeelsonError,
  KeelsonError,
  type OperationOutcome,
  type OperationReport,
  Orchestrator,
  type OrchestratorEvent,
  type Plan,
  type Service,
  type ServiceStatus,
  type Snapshot,
  type SnapshotItem,
  type StateEvent,
  type Unsubscribe,
} from 'keelson'
import { runMain } from 'keelson/main'
import { recordEvents } from 'keelson/testing'
import type { Equal, Expect } from './expect.js'

const app = new Orchestrator({ services: [defineService('a')] })
const { signal } = new AbortController()

// Calls resolve to reports, the two registrations to nothing.

const reports: Promise<OperationReport>[] = [
  app.start({ onFailure: 'retry', signal, timeout: Number.POSITIVE_INFINITY }),
  app.stop({ timeout: 5, signal }),
  app.startService('a', { onFailure: 'rollback' }),
  app.stopService('a'),
  app.restartService('a'),
  app.replace(defineService('a'), { signal }),
]
const nothing: Promise<void>[] = [
  app.register(defineService('b')),
  app.unregister('b', { cascade: true }),
  app.run({ signal }),
  runMain(app),
]
// @ts-expect-error no such way to fail
app.start({ onFailure: 'ignore' })
// @ts-expect-error a stop has no onFailure
app.stop({ onFailure: 'keep' })
// @ts-expect-error a replacement has no onFailure
app.replace(defineService('a'), { onFailure: 'keep' })
// @ts-expect-error run has no timeout
app.run({ timeout: 5 })
// @ts-expect-error a signal is an AbortSignal, not its controller
app.start({ signal: new AbortController() })
// @ts-expect-error only a service can be registered
app.register({ name: 'b' })
// @ts-expect-error the registry is what it is
app.registry = undefined
const nested: Service = app.asService('inner', { essential: false })
const closed: AsyncDisposable = app

// Events narrow by their kind, in `on` and in an iteration.

const end: Unsubscribe = app.on('state', (event) => {
  type _ = Expect<Equal<typeof event, StateEvent>>
  // @ts-expect-error no field of a state event
  event.oldHealth
  // @ts-expect-error events are not written
  event.newState = 'failed'
})
app.once('health', (event) => {
  type _ = Expect<Equal<typeof event, HealthEvent>>
})
app.on('operation', ({ outcome, phase }) => {
  type _ = [Expect<Equal<typeof outcome, OperationOutcome | undefined>>, Expect<Equal<typeof phase, 'begin' | 'end'>>]
})
app.on('retry', async ({ failure }) => {
  type _ = Expect<Equal<typeof failure, 'transient' | 'connectivity' | 'permanent' | 'auth'>>
})
// @ts-expect-error no such kind
app.on('states', () => {})
// @ts-expect-error gaps are for iterators
app.on('gap', () => {})
using subscription = app.on('warning', ({ code }) => {
  type _ = Expect<Equal<typeof code, 'DEPENDENCY_TIMEOUT' | 'STOP_FAILED' | 'ILLEGAL_TRANSITION'>>
})

export async function read(): Promise<string> {
  for await (const item of app.events({ since: 5, buffer: 10, signal })) {
    switch (item.type) {
      case 'state':
        return item.newState
      case 'health':
        return item.newHealth
      case 'status':
        return item.text
      case 'retry':
        return item.dueAt.toFixed()
      case 'registered':
      case 'unregistered':
        return item.serviceType
      case 'operation':
        return item.operation
      case 'warning':
        return item.code
      case 'listenerError':
        return item.event
      case 'gap': {
        type _ = Expect<Equal<typeof item, GapItem>>
        // @ts-expect-error a gap has no place in the order
        item.seq
        return item.dropped.toFixed()
      }
      case 'snapshot': {
        type _ = Expect<Equal<typeof item, SnapshotItem>>
        return item.snapshot.seq.toFixed()
      }
      default: {
        const never: never = item
        return never
      }
    }
  }
  return ''
}
type Kinds = [
  Expect<
    Equal<
      EventType,
      | 'state'
      | 'health'
      | 'status'
      | 'retry'
      | 'registered'
      | 'unregistered'
      | 'operation'
      | 'warning'
      | 'listenerError'
    >
  >,
  Expect<Equal<AnyEvent, EventMap[EventType]>>,
  Expect<Equal<OrchestratorEvent, AnyEvent | GapItem | SnapshotItem>>,
]
// A table of all kinds does not compile until each has an answer.
// @ts-expect-error eight kinds are missing
const table: Record<EventType, number> = { state: 1 }
// @ts-expect-error no such option
app.events({ from: 5 })

// Readings are data, and stay as they are.

const status: ServiceStatus = app.getServiceStatus('a')
// @ts-expect-error a status is a snapshot
status.state = 'running'
// @ts-expect-error its lists, too
status.dependencies.push('b')
const cause: Cause | undefined = status.blockedBy?.[0]
const explanation: Explanation = app.explain('a')
const health: HealthReport = app.health()
const graph: DependencyGraph = app.graph()
const texts: string[] = [graph.toMermaid(), graph.toDot(), JSON.stringify(graph), explanation.text]
const snapshot: Snapshot = app.snapshot()
const plan: Plan = app.plan('start', 'a')
// @ts-expect-error only these two can be planned
app.plan('restart')
const list: ServiceStatus[] = app.getAllServices()

// Errors: a closed list of codes, recognised without instanceof.

export function handle(error: unknown): string {
  if (isKeelsonError(error, 'START_INCOMPLETE')) {
    const json: ErrorJSON = error.toJSON()
    return json.code
  }
  if (!isKeelsonError(error)) return 'somebody else'
  switch (error.code) {
    case 'CLOSED':
      return error.message
    // @ts-expect-error no such code
    case 'OOPS':
      return ''
    default:
      return error.code
  }
}
const codes: readonly ErrorCode[] = ERROR_CODES
// @ts-expect-error no such code
isKeelsonError(undefined, 'OOPS')
// @ts-expect-error the code of an error is not written
new KeelsonError('CLOSED', 'x').code = 'CRASHED'
const withReport: OperationReport | undefined = new KeelsonError<OperationReport>('STOP_INCOMPLETE', 'x').report
const record = recordEvents(app, { types: ['state'] })
// @ts-expect-error no such kind
recordEvents(app, { types: ['gap'] })

export const used: unknown[] = [
  reports,
  nothing,
  nested,
  closed,
  end,
  subscription,
  table,
  cause,
  health,
  texts,
  snapshot,
  plan,
  list,
  codes,
  withReport,
  record,
]
export type { Kinds }
