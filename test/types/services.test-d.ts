/**
 * What the compiler must know of services: checked by `npm run typecheck`, never run.
 * A line below `@ts-expect-error` must not compile; one that does is an error, too.
 */
import {
  BaseService,
  type CheckContext,
  type Clock,
  type Dependency,
  defineService,
  type HealthChecker,
  type HealthStatus,
  type Logger,
  Orchestrator,
  type RunContext,
  type Service,
  type ServiceDataProvider,
  type ServiceOptions,
  ServiceRegistry,
  type ServiceState,
  type StartContext,
  type StateChange,
  type StateUpdater,
  type StatusReporter,
  type StopContext,
  type StopReason,
  type Unsubscribe,
} from 'keelson'
import { VirtualClock } from 'keelson/testing'
import type { Equal, Expect } from './expect.js'

class Connection implements AsyncDisposable {
  readonly open = true
  async [Symbol.asyncDispose](): Promise<void> {}
}

// A class of one's own: the hooks get their contexts, and what they may answer.

class Consumer extends BaseService {
  #connection: Connection | undefined
  readonly url: string
  constructor(url: string) {
    super('consumer', {
      type: 'queue',
      dependsOn: ['db', { name: 'broker', condition: 'healthy' }],
      restart: { policy: 'always' },
    })
    this.url = url
  }
  protected override async onStart({ signal, epoch, own, status, fail, log, service }: StartContext): Promise<void> {
    this.#connection = own(new Connection())
    const db = service<Database>('db')
    const plain = service('broker')
    status('connected', db.pool.toFixed())
    log.info('up', { epoch })
    signal.throwIfAborted()
    if (!this.#connection.open) fail('anything can be thrown')
    type _ = [
      Expect<Equal<typeof db, Database>>,
      Expect<Equal<typeof plain, Service>>,
      Expect<Equal<typeof epoch, number>>,
    ]
  }
  protected override async onRun({ signal }: RunContext): Promise<void> {
    type _ = Expect<Equal<typeof signal, AbortSignal>>
  }
  protected override onStop({ reason, signal, epoch, log }: StopContext): void {
    type _ = [Expect<Equal<typeof reason, StopReason>>, Expect<Equal<typeof signal, AbortSignal>>]
    log.debug(`${epoch} ends`)
  }
  protected override onCheck({ signal }: CheckContext): HealthStatus {
    return signal.aborted || this.#connection?.open ? 'healthy' : 'unhealthy'
  }
  override getServiceData() {
    return { url: this.url, handled: 3 }
  }
}
class Database extends BaseService {
  readonly pool = 4
  protected override async onCheck(): Promise<boolean> {
    return true
  }
}

const consumer = new Consumer('amqp://')
const asService: Service = consumer
const states: [ServiceState, HealthStatus, number] = [consumer.state, consumer.health, consumer.epoch]
const started: Promise<void> = consumer.start({ signal: new AbortController().signal, timeout: 5 })
// @ts-expect-error the hooks are nobody's but the engine's
consumer.onStart
// @ts-expect-error what a service is cannot be written
consumer.state = 'running'
// @ts-expect-error the class is abstract
new BaseService('x')
// @ts-expect-error a name is a string
defineService(7)
class Wrong extends BaseService {
  // @ts-expect-error a check answers a health
  protected override onCheck(): string {
    return 'fine'
  }
}

// A service out of functions: contexts are inferred.

defineService('inferred', {
  dependsOn: ['db'],
  start: ({ own, epoch, service }) => {
    const server = own({ port: 80, [Symbol.dispose]: () => {} })
    const stop = own(() => 'stopped')
    const db = service<Database>('db')
    type _ = [
      Expect<Equal<typeof server, { port: number; [Symbol.dispose]: () => void }>>,
      Expect<Equal<typeof stop, () => string>>,
      Expect<Equal<typeof epoch, number>>,
      Expect<Equal<typeof db, Database>>,
    ]
    // @ts-expect-error what is owned can be disposed of
    own({ port: 80 })
    // @ts-expect-error a string is no service
    service<string>('db')
  },
  run: async ({ signal, own }) => {
    type _ = Expect<Equal<typeof signal, AbortSignal>>
    own(new Connection())
  },
  stop: (context) => {
    type _ = Expect<Equal<typeof context, StopContext>>
    // @ts-expect-error what ends owns nothing new
    context.own
  },
  check: (context) => {
    type _ = Expect<Equal<typeof context, CheckContext>>
    return 'degraded'
  },
  data: () => ({ rows: 3 }),
})
defineService('says nothing', { check: () => {} })
defineService('says true', { check: async () => true })
defineService('returns a promise', { start: () => fetch('http://localhost'), run: async () => 7 })
// @ts-expect-error a check answers a health, a boolean or nothing
defineService('x', { check: () => 'fine' })
// @ts-expect-error a hook is a function
defineService('x', { start: 'now' })
// @ts-expect-error data is an object
defineService('x', { data: () => 7 })

// Options: no unknown field, no word that is none.

const options: ServiceOptions = {
  type: 'http',
  dependsOn: ['a', { name: 'b', condition: 'completed', optional: true, timeout: Number.POSITIVE_INFINITY }],
  restart: {
    policy: 'on-failure',
    maxRetries: 0,
    initialBackoff: 1,
    maxBackoff: 2,
    multiplier: 1,
    jitter: 0,
    stableAfter: 3,
  },
  healthCheck: {
    interval: 1,
    timeout: 1,
    startGrace: 0,
    failureThreshold: 1,
    successThreshold: 1,
    onUnhealthy: 'report',
  },
  classify: (error) => (error instanceof TypeError ? 'permanent' : undefined),
}
// @ts-expect-error no such option
defineService('x', { dependOn: ['db'] })
// @ts-expect-error no such policy
defineService('x', { restart: { policy: 'sometimes' } })
// @ts-expect-error no such field of the restart policy
defineService('x', { restart: { retries: 3 } })
// @ts-expect-error a duration is a number
defineService('x', { startTimeout: '5s' })
// @ts-expect-error no such condition
defineService('x', { dependsOn: [{ name: 'db', condition: 'ready' }] })
// @ts-expect-error a dependency has a name
defineService('x', { dependsOn: [{ condition: 'healthy' }] })
// @ts-expect-error absent is absent, not undefined: such an option was meant
defineService('x', { startTimeout: undefined })
// @ts-expect-error no such class of failures
defineService('x', { classify: () => 'fatal' })

new Orchestrator({
  services: [consumer],
  order: 'registration',
  clock: new VirtualClock(),
  random: Math.random,
  logger: console,
})
// @ts-expect-error no such option
new Orchestrator({ service: [consumer] })
// @ts-expect-error no such order
new Orchestrator({ order: 'alphabetical' })
// @ts-expect-error a clock can defer
const clock: Clock = { now: () => 0, wall: () => 0, setTimeout: () => 0, clearTimeout: () => {} }
const logger: Logger = console
// @ts-expect-error a logger has four methods
const half: Logger = { info: () => {} }

// Foreign implementations and capabilities.

const unsubscribe: Unsubscribe = Object.assign(() => {}, { [Symbol.dispose]: () => {} })
class Foreign implements Service, HealthChecker, ServiceDataProvider, StateUpdater, StatusReporter {
  readonly name = 'foreign'
  readonly type = 'legacy'
  readonly dependencies: readonly Dependency[] = [{ name: 'db' }]
  readonly state = 'stopped'
  readonly health = 'unknown'
  readonly lastError = undefined
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async restart(): Promise<void> {}
  onStateChange(listener: (change: StateChange) => void): Unsubscribe {
    void listener
    return unsubscribe
  }
  checkHealth(): HealthStatus {
    return 'healthy'
  }
  getServiceData() {
    return { rows: 7 }
  }
  updateState(state: ServiceState, health: HealthStatus): void {
    void [state, health]
  }
  onStatusUpdate(): Unsubscribe {
    return unsubscribe
  }
}
const registry = new ServiceRegistry()
registry.register(new Foreign())
const got: Service | undefined = registry.get('foreign')
const all: Service[] = [...registry, ...registry.getAll(), ...registry.getByType('legacy')]
// @ts-expect-error how many there are cannot be written
registry.size = 0
// @ts-expect-error not a service
registry.register({ name: 'x' })

// Subscriptions are functions and disposable.

const end = consumer.onStateChange(({ oldState, newState, reason, epoch }) => {
  type _ = [
    Expect<Equal<typeof newState, ServiceState>>,
    Expect<Equal<typeof oldState, ServiceState>>,
    Expect<Equal<typeof reason, StopReason | 'exhausted' | undefined>>,
    Expect<Equal<typeof epoch, number>>,
  ]
})
const disposable: Disposable = end
end()

export const used: unknown[] = [asService, states, started, options, clock, logger, half, got, all, disposable, Wrong]
