// Who listens in a run: the simulation's own observer, always the first, and the listeners of the scenario - which throw,
// reject, hang, call back, come and go, or read an iterator slowly.
// They only listen; what they call goes through the caller like everything else.

import type { AnyEvent, EventType, Unsubscribe } from '../index.js'
import type { Caller } from './caller.js'
import { faultsOf, thrown } from './mishaps.js'
import { heard } from './observation.js'
import type { Act, ListenerPlan } from './scenario.js'
import { Reading, type Stage } from './stage.js'

const TYPES = {
  state: true,
  health: true,
  status: true,
  retry: true,
  registered: true,
  unregistered: true,
  operation: true,
  warning: true,
  listenerError: true,
} satisfies Record<EventType, true>

/** Above so many services not every turn is told, since its reading costs as much as there are services. */
const MANY = 50

/** Tells the stage every event, and once per turn that delivers some, before them, that it is over. */
export function observe(stage: Stage, services: number): void {
  const { app, clock } = stage
  const stride = services > MANY ? services : 1
  let next = 0
  let isTold = false
  const forget = (): void => {
    isTold = false
  }
  for (const type of Object.keys(TYPES) as EventType[]) {
    app.on(type, (event) => {
      if (!isTold && event.seq >= next) {
        // What a turn delivers it delivers in one synchronous stretch.
        isTold = true
        void Promise.resolve().then(forget)
        next = event.seq + stride
        if (!stage.stalled) stage.see(new Reading(stage, 'turn'))
      }
      stage.see({ kind: 'event', at: clock.now(), event })
    })
  }
}

/** What a listener has been told since it came. */
interface Heard {
  count: number
  sum: number
  /** How much of it the stage knows. */
  told: number
}

/** The listeners of a scenario. */
export class Audience {
  readonly #stage: Stage
  readonly #plans: readonly ListenerPlan[]
  readonly #ends = new Map<number, () => void>()
  /** What each listener to one kind of events has been told. */
  readonly #heard = new Map<number, Heard>()
  #caller: Caller | undefined

  constructor(stage: Stage, plans: readonly ListenerPlan[]) {
    this.#stage = stage
    this.#plans = plans
  }

  begin(caller: Caller): void {
    this.#caller = caller
    for (const listener of this.#plans.keys()) this.listen(listener, true)
  }

  /** Ends all of them. */
  end(): void {
    for (const listener of [...this.#ends.keys()]) this.listen(listener, false)
  }

  /** Tells the stage what the listeners have been told, one by one: what came in between was for all of them. */
  tell(): void {
    for (const [listener, heard] of this.#heard) {
      const { count, sum, told } = heard
      if (count === told) continue
      heard.told = count
      this.#stage.see({ kind: 'heard', at: this.#stage.clock.now(), listener, count, sum })
    }
  }

  /** Begins or ends the subscription of one. */
  listen(listener: number, on: boolean): void {
    const plan = this.#plans[listener]
    const end = this.#ends.get(listener)
    if (!plan || on === (end !== undefined)) return
    if (end) {
      end()
      this.#ends.delete(listener)
    } else this.#ends.set(listener, plan.type === 'iterator' ? this.#read(plan) : this.#subscribe(plan, listener))
  }

  #subscribe({ type, target = '', acts }: ListenerPlan, listener: number): Unsubscribe {
    const { app } = this.#stage
    let calls = 0
    const hear = (): unknown => this.#hear(acts[calls++ % acts.length], listener)
    if (type === 'changes')
      return app.registry.get(target)?.onStateChange(hear) ?? Object.assign(() => {}, { [Symbol.dispose]() {} })
    return this.#follow(type as EventType, hear, listener)
  }

  /** Keeps count of what a listener is told. */
  #follow(type: EventType, hear: () => unknown, listener: number): Unsubscribe {
    const { app } = this.#stage
    const own: Heard = { count: 0, sum: 0, told: 0 }
    const after = app.snapshot().seq
    const end = app.on(type, ({ seq }: AnyEvent) => {
      own.count++
      own.sum = heard(own.sum, seq)
      return hear()
    })
    this.#heard.set(listener, own)
    this.#listens(type, listener, true, after)
    const leave = (): void => {
      end()
      this.#heard.delete(listener)
      this.#listens(type, listener, false, after)
    }
    return Object.assign(leave, { [Symbol.dispose]: leave })
  }

  #listens(type: EventType, listener: number, on: boolean, after: number): void {
    this.#stage.see({ kind: 'listens', at: this.#stage.clock.now(), listener, type, on, after })
  }

  #hear(act: Act | undefined, listener: number): unknown {
    const stage = this.#stage
    if (act === undefined || stage.calm || stage.over) return undefined
    for (const fault of faultsOf('listener', act)) stage.coverage?.fault(fault)
    if (act.stalls) stage.stall(act.stalls)
    if (act.deeds) this.#caller?.do(act.deeds, 'listener')
    if (act.end === 'throw') throw thrown(act.error)
    if (act.end === 'reject') return Promise.reject(thrown(act.error))
    if (act.end === 'hang') return new Promise(() => {})
    if (act.abort === 'finish') this.listen(listener, false) // it has heard enough
    return undefined
  }

  /** Reads events one after the other, and takes its time. */
  #read({ acts, buffer, since }: ListenerPlan): () => void {
    const stage = this.#stage
    const controller = new AbortController()
    const events = stage.app.events({
      signal: controller.signal,
      ...(buffer === undefined ? {} : { buffer }),
      ...(since === undefined ? {} : { since }),
    })
    const read = async (): Promise<void> => {
      let count = 0
      for await (const item of events) {
        const takes = acts[count++ % acts.length]?.takes
        if (item.type === 'gap') stage.met('slow iterator')
        if (takes !== undefined && !stage.calm) await new Promise<void>((resolve) => stage.later(takes, resolve))
      }
    }
    void read()
    return () => controller.abort()
  }
}
