// The inside of a service as the engine sees it: its hooks behind one small table, what it declares, where it lives.
// Every service has exactly one core, a BaseService from its construction on, a foreign object from its registration on.
// User code is reached through the table only, so that nothing of a user's closures is compiled into the engine.

import type { EdgeSpec } from '../kernel/edge.js'
import { PHASE } from '../kernel/state.js'
import type {
  CallOptions,
  CheckContext,
  HealthStatus,
  Service,
  ServiceOptions,
  ServiceState,
  StartContext,
  StateChange,
  StatusUpdate,
  StopContext,
} from '../service.js'
import type { Subscribers } from './subscribers.js'

/** How the hooks of one kind of service are called; shared by all services of that kind. */
export interface HookTable {
  start(service: Service, context: StartContext): unknown
  run(service: Service, context: StartContext): unknown
  stop(service: Service, context: StopContext): unknown
  check(service: Service, context: CheckContext): unknown
  data(service: Service): unknown
}

/** A hook that was given up on and has not settled. */
export interface Abandoned {
  readonly core: ServiceCore
  readonly hook: string
  /** Whom it holds up (R32), and how each is told that it has settled: where it ran, and where its service went. */
  readonly held: Map<object, () => void>
}

/** What a service says of itself. */
export interface Declaration {
  readonly options: ServiceOptions
  readonly edges: readonly EdgeSpec[]
  readonly runs: boolean
  readonly checks: boolean
}

/** What a service that is an orchestrator itself offers to the one that holds it (R36). */
export interface Nest {
  /** Its engine, and what is registered there. */
  readonly keeper: Keeper
  readonly cores: () => Iterable<ServiceCore>
  /** Told when the deadline of a stop under way was shortened: milliseconds that are left. */
  hurried: ((left: number) => void) | undefined
}

/** Who drives a registered service: its own `start`, `stop` and `restart` go there. */
export interface Keeper {
  startService(name: string, options?: CallOptions): Promise<unknown>
  stopService(name: string, options?: CallOptions): Promise<unknown>
  restartService(name: string, options?: CallOptions): Promise<unknown>
  /** Number of the last event: where a subscription begins. */
  readonly seq: number
  /** Made for one service alone, which may leave it for an orchestrator. */
  readonly solo: boolean
  /** Disposed of: what it kept may go elsewhere. */
  readonly closed: boolean
}

/** What a service tells of itself. */
export interface Told {
  readonly state: ServiceState
  readonly health: HealthStatus
  readonly lastError: unknown
  readonly epoch: number
}

const NEVER_STARTED: Told = Object.freeze({ state: 'unknown', health: 'unknown', lastError: undefined, epoch: 0 })

export class ServiceCore {
  readonly service: Service
  /** As it was when it was declared: a name does not change. */
  readonly name: string
  readonly table: HookTable
  readonly options: ServiceOptions
  readonly edges: readonly EdgeSpec[]
  readonly runs: boolean
  readonly checks: boolean
  /** Who keeps it; `undefined` while it is registered nowhere. */
  keeper: Keeper | undefined
  /** What it tells: its record while it is registered, else what it was when it left. */
  told: Told = NEVER_STARTED
  changes: Subscribers<StateChange> | undefined
  statuses: Subscribers<StatusUpdate> | undefined
  /** Its abandoned hooks that have not settled. */
  abandoned: Set<Abandoned> | undefined
  /** Wants to be told every state that it enters (R36); looked at when it is registered. */
  updates = false
  /** The orchestrator that it is, if it is one. */
  nests: Nest | undefined

  constructor(service: Service, name: string, table: HookTable, declared: Declaration) {
    this.service = service
    this.name = name
    this.table = table
    this.options = declared.options
    this.edges = declared.edges
    this.runs = declared.runs
    this.checks = declared.checks
  }

  get type(): string {
    return this.options.type ?? 'service'
  }

  /** Leaves its keeper; what it told last stays readable. One that waited waits no more, or nobody would take it. */
  release(): void {
    const { state: last, health, lastError, epoch } = this.told
    const state = PHASE[last] !== 'pending' ? last : this.options.remote ? 'disconnected' : 'stopped'
    this.keeper = undefined
    this.told = Object.freeze({ state, health, lastError, epoch })
  }
}

/** The key under which a service of keelson, of whichever copy of the module, carries its core. */
export const CORE: unique symbol = Symbol.for('keelson.service') as never
