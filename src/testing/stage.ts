// The stage of one run: its clock, its orchestrator, what is in flight, and the one door through which everything that
// happens is told - to the digest, to the laws, to the coverage, to whoever watches. Decides nothing.
// Owned by play.ts; actors and callers tell it what they do.

import type { Orchestrator, Service, ServiceState, Snapshot } from '../index.js'
import type { Coverage, Input } from './coverage.js'
import { Digest } from './digest.js'
import { type Fault, faultNumber } from './mishaps.js'
import type { CallName, HookName, Law, Observation, Scene, SceneService, SceneSettings } from './observation.js'
import type { Choices } from './scenario.js'
import type { VirtualClock } from './virtual-clock.js'

/** A hook that has been entered and has not settled. */
export interface Flight {
  readonly service: string
  readonly instance: number
  readonly epoch: number
  readonly hook: HookName
  readonly entered: number
  /** When its script lets it end; absent for one that hangs, or waits for something else. */
  readonly due?: number
  /** Lets it end now, well. */
  release(): void
}

/** A call that has not settled. */
export interface OpenCall {
  readonly id: number
  readonly call: CallName
  readonly target?: string
  readonly at: number
  readonly controller?: AbortController
}

/** What was violated, and when. */
export interface Violation {
  /** The title of the law. */
  readonly law: string
  /** What is wrong, in a sentence. */
  readonly message: string
  /** Milliseconds since the beginning of the run. */
  readonly at: number
}

/** Called with every observation, after the laws; `stop` ends the run there. */
export type Watch = (seen: Observation, stage: Stage) => 'stop' | undefined | void

/** Time spent in each law, in the order of the laws: one observation of `every` is measured. */
export interface Meter {
  readonly now: () => number
  readonly every: number
  readonly spent: number[]
}

interface StageOptions {
  readonly clock: VirtualClock
  readonly choices: Choices
  readonly coverage?: Coverage | undefined
  readonly watch?: Watch | undefined
  readonly meter?: Meter | undefined
}

const KINDS: readonly Observation['kind'][] = [
  ...(['event', 'enter', 'own', 'leave', 'call', 'abort', 'settled', 'fail', 'listens', 'heard', 'stall'] as const),
  ...(['turn', 'quiet', 'calm', 'steady', 'end'] as const),
]

/** The law that needs no observation. */
export const UNCAUGHT = 'R44 nothing that goes wrong inside is thrown at the host'

/** So much does not happen in one millisecond, even where a thousand services start: somebody goes in circles. */
const TOO_MUCH = 100_000

export class Stage implements Scene {
  readonly clock: VirtualClock
  readonly choices: Choices
  readonly coverage: Coverage | undefined
  /** Hooks in flight. */
  readonly hooks: Set<Flight> = new Set()
  /** Calls that have not settled, by their number. */
  readonly calls: Map<number, OpenCall> = new Map()
  /** The contexts that actors were given last: kept here, so that the end of the run lets go of all of them. */
  readonly contexts: Map<object, unknown> = new Map()
  /** Timers of the simulation's own: whatever else is pending is the library's. */
  ownTimers = 0
  stepsLeft = 0
  /** Faults are off. */
  calm = false
  /** Nothing is observed any more. */
  over = false
  cut = false
  violation: Violation | undefined
  transitions = 0
  /** The host was stalled since it was last quiet: a turn may have been cut in two (R45). */
  stalled = false
  /** How many calls hooks and listeners may still make: else a service that restarts itself never comes to an end. */
  reentries = 60
  readonly #watch: Watch | undefined
  readonly #meter: Meter | undefined
  readonly #digest = new Digest()
  readonly #known = new WeakMap<Service, SceneService>()
  readonly #objects = new Map<string, SceneService[]>()
  #checkers = new Map<Observation['kind'], readonly Checker[]>()
  #app: Orchestrator | undefined
  #settings: SceneSettings | undefined
  #numbers = 0
  #instant = -1
  #inInstant = 0
  #seen = 0
  #dirty = false

  constructor(options: StageOptions) {
    this.clock = options.clock
    this.coverage = options.coverage
    this.#watch = options.watch
    this.#meter = options.meter
    const { choices } = options
    this.choices = { pick: (n) => this.#pick(choices, n) }
  }

  /** The orchestrator of the run. */
  get app(): Orchestrator {
    return this.#app as Orchestrator
  }

  get settings(): SceneSettings {
    return this.#settings as SceneSettings
  }

  /** Whether anything was observed since this was last asked. */
  get dirty(): boolean {
    const dirty = this.#dirty
    this.#dirty = false
    return dirty
  }

  get digest(): string {
    return this.#digest.toString()
  }

  /** From here on the laws look. */
  begin(app: Orchestrator, settings: SceneSettings, laws: readonly Law[]): void {
    this.#app = app
    this.#settings = settings
    const checkers = laws.map(
      (law, index): Checker => ({ title: law.title, index, hears: law.hears, check: law.begin(this) }),
    )
    for (const kind of KINDS)
      this.#checkers.set(
        kind,
        checkers.filter(({ hears }) => hears === undefined || hears.includes(kind)),
      )
  }

  service(name: string): SceneService | undefined {
    const service = this.#app?.registry.get(name)
    return service && this.#known.get(service)
  }

  object(name: string, instance: number): SceneService | undefined {
    return this.#objects.get(name)?.[instance - 1]
  }

  /** Enters a new object into the scene; `describe` is told which of its name it is. */
  introduce(name: string, service: (instance: number) => readonly [Service, SceneService]): Service {
    const objects = this.#objects.get(name) ?? []
    const [made, scene] = service(objects.length + 1)
    this.#objects.set(name, objects)
    objects.push(scene)
    this.#known.set(made, scene)
    return made
  }

  /** Which object of its name a service is. */
  instanceOf(service: Service): number | undefined {
    return this.#known.get(service)?.instance
  }

  /** A number that nothing else in this run has. */
  number(): number {
    return ++this.#numbers
  }

  /** Tells that something happened. */
  see(seen: Observation): void {
    if (this.over) return
    if (seen.kind !== 'quiet' && seen.kind !== 'heard') this.#dirty = true
    this.#digest.see(seen)
    if (seen.at !== this.#instant) {
      this.#instant = seen.at
      this.#inInstant = 0
    } else if (++this.#inInstant > TOO_MUCH)
      return this.fault(new Error(`${TOO_MUCH} things happened in one millisecond`))
    if (seen.kind === 'event' && seen.event.type === 'state') this.transitions++
    this.#judge(seen)
    if (!this.over && this.#watch?.(seen, this) === 'stop') this.#end(true)
  }

  /** The run is over: holds on to nothing of it, since services of a user may outlive it. */
  clear(): void {
    this.over = true
    this.contexts.clear()
    this.hooks.clear()
    this.calls.clear()
    this.#checkers.clear()
  }

  /** Something was thrown at the host that nobody is there to catch: no law is needed to see that this is wrong. */
  fault(error: unknown): void {
    if (this.over) return
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.violation = { law: UNCAUGHT, message, at: this.clock.now() }
    this.#end(false)
  }

  /** Tells that an input met a service; without a name, every one. */
  input(input: Input, name = ''): void {
    const { coverage } = this
    if (coverage === undefined || this.over) return
    if (name !== '') coverage.input(input, this.#stateOf(name))
    else for (const { name: each } of this.app.registry) coverage.input(input, this.#stateOf(each))
  }

  /** Tells that a fault has been done. */
  met(fault: Fault): void {
    this.coverage?.fault(faultNumber(fault))
  }

  /** A timer of the simulation's own. */
  later(ms: number, callback: () => void): unknown {
    this.ownTimers++
    return this.clock.setTimeout(() => {
      this.ownTimers--
      callback()
    }, ms)
  }

  /** Takes a timer of its own back that has not fired. */
  never(timer: unknown): void {
    this.ownTimers--
    this.clock.clearTimeout(timer)
  }

  stall(ms: number): void {
    this.stalled = true
    this.clock.stall(ms)
    this.see({ kind: 'stall', at: this.clock.now(), ms })
  }

  #stateOf(name: string): ServiceState {
    const service = this.app.registry.get(name)
    if (service === undefined) return 'unknown'
    return this.#known.get(service)?.kind === 'foreign' ? this.app.getServiceStatus(name).state : service.state
  }

  #pick(choices: Choices, n: number): number {
    if (n < 2 || this.over) return 0
    try {
      return choices.pick(n)
    } catch {
      this.#end(true)
      return 0
    }
  }

  /** Tells the laws that hear this kind, until one of them says that something is wrong. */
  #judge(seen: Observation): void {
    const checkers = this.#checkers.get(seen.kind)
    if (checkers === undefined) return
    const meter = this.#meter
    const isMeasured = meter !== undefined && ++this.#seen % meter.every === 0
    let i = 0
    let message: string | undefined
    try {
      if (isMeasured)
        for (; i < checkers.length && message === undefined; i++) message = measured(checkers[i]!, seen, meter)
      else for (; i < checkers.length && message === undefined; i++) message = checkers[i]!.check(seen)
      i--
    } catch (error) {
      message = `the law itself threw: ${error instanceof Error ? error.stack : String(error)}`
    }
    if (message === undefined) return
    this.violation = { law: checkers[i]!.title, message, at: seen.at }
    this.#end(false)
  }

  #end(cut: boolean): void {
    this.over = true
    this.cut = cut
  }
}

/** An observation whose snapshot is made when it is first asked for: to be asked for at once, or not at all. */
export class Reading<Kind extends 'turn' | 'quiet'> {
  readonly kind: Kind
  readonly at: number
  readonly nextTimer: number | undefined
  readonly #stage: Stage
  #snapshot: Snapshot | undefined

  constructor(stage: Stage, kind: Kind) {
    this.#stage = stage
    this.kind = kind
    this.at = stage.clock.now()
    this.nextTimer = stage.clock.next
  }

  get snapshot(): Snapshot {
    this.#snapshot ??= this.#stage.app.snapshot()
    return this.#snapshot
  }
}

interface Checker {
  readonly title: string
  /** The place of its law. */
  readonly index: number
  readonly hears: Law['hears']
  readonly check: (seen: Observation) => string | undefined
}

function measured({ check, index }: Checker, seen: Observation, { now, spent }: Meter): string | undefined {
  const began = now()
  const message = check(seen)
  spent[index] = (spent[index] ?? 0) + now() - began
  return message
}
