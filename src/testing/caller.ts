// Does the deeds of a scenario: calls the orchestrator, aborts, crashes, stalls, releases. Every call is told to the stage
// when it is made and when it settles, and no call's rejection is left unhandled.
// Knows what to do, not when: steps, hooks and listeners bring their deeds here.

import type { Service, StartOptions } from '../index.js'
import { type Actor, cast, type Ensemble } from './actors.js'
import { thrown } from './mishaps.js'
import type { CallName, Told } from './observation.js'
import type { Deed, Scenario, ServicePlan } from './scenario.js'
import type { Stage } from './stage.js'

type Call = Extract<Deed, { deed: 'call' }>
type From = Told<'call'>['from']

export class Caller {
  readonly #stage: Stage
  readonly #extras: readonly ServicePlan[]
  /** Switches a listener on and off. */
  readonly #listen: (listener: number, on: boolean) => void
  readonly #actors = new WeakMap<Service, Actor>()
  /** The latest object of each name, registered or not. */
  readonly #latest = new Map<string, Service>()
  #ensemble: Ensemble | undefined

  constructor(stage: Stage, { extras }: Pick<Scenario, 'extras'>, listen: (listener: number, on: boolean) => void) {
    this.#stage = stage
    this.#extras = extras
    this.#listen = listen
  }

  /** Makes a service of a plan. Deeds on a name reach the object that is registered under it then. */
  cast(ensemble: Ensemble, plan: ServicePlan): Service {
    this.#ensemble = ensemble
    const actor = cast(ensemble, plan)
    this.#actors.set(actor.service, actor)
    this.#latest.set(plan.name, actor.service)
    return actor.service
  }

  /** Does deeds one after the other, in one synchronous stretch up to the first hop; gives the promises of its calls. */
  do(deeds: readonly Deed[], from: From): Promise<unknown>[] {
    const stage = this.#stage
    if (stage.over || (from !== 'script' && (stage.calm || stage.reentries-- <= 0))) return []
    if (deeds.length > 1) stage.met('burst of calls')
    const calls: Promise<unknown>[] = []
    for (const [i, deed] of deeds.entries()) {
      if (deed.deed === 'hop') {
        stage.met('calls some microtasks apart')
        void this.#later(deed.hops, deeds.slice(i + 1), from)
        break
      }
      const call = this.#do(deed, from)
      if (call) calls.push(call)
    }
    return calls
  }

  /** Makes one call; resolves when it has settled. */
  call(deed: Call, from: From): Promise<void> | undefined {
    const stage = this.#stage
    const brings = deed.call === 'register' || deed.call === 'replace'
    const service = brings ? this.#brought(deed.target) : undefined
    if (brings && !service) return undefined
    const target = service?.name ?? (deed.target as string | undefined)
    const { call, timeout, onFailure, cascade } = deed
    const controller = deed.signal ? new AbortController() : undefined
    if (deed.signal === 'aborted') controller?.abort(new Error('aborted before'))
    const id = stage.number()
    this.#met(deed)
    stage.input(call, target)
    const seen: Told<'call'> = { kind: 'call', at: stage.clock.now(), id, call, from }
    if (target !== undefined) seen.target = target
    if (timeout !== undefined) seen.timeout = timeout
    if (onFailure !== undefined) seen.onFailure = onFailure
    if (cascade !== undefined) seen.cascade = cascade
    if (controller) seen.signal = true
    if (controller?.signal.aborted) seen.aborted = true
    const instance = service && stage.instanceOf(service)
    if (instance !== undefined) seen.instance = instance
    stage.see(seen)
    if (controller?.signal.aborted) stage.see({ kind: 'abort', at: seen.at, id, reason: controller.signal.reason })
    const open = { id, call, at: seen.at }
    stage.calls.set(id, { ...open, ...(target === undefined ? {} : { target }), ...(controller ? { controller } : {}) })
    const settled = (rejected: boolean, value: unknown): void => {
      stage.calls.delete(id)
      stage.see({ kind: 'settled', at: stage.clock.now(), id, rejected, value })
    }
    const options = {
      ...(timeout === undefined ? {} : { timeout }),
      ...(controller ? { signal: controller.signal } : {}),
    }
    return this.#made(call, target ?? '', service, options, deed).then(
      (value) => settled(false, value),
      (error: unknown) => settled(true, error),
    )
  }

  #made(
    call: CallName,
    target: string,
    service: Service | undefined,
    options: StartOptions,
    deed: Call,
  ): Promise<unknown> {
    const { app } = this.#stage
    const start = deed.onFailure === undefined ? options : { ...options, onFailure: deed.onFailure }
    switch (call) {
      case 'start':
        return app.start(start)
      case 'stop':
        return app.stop(options)
      case 'startService':
        return app.startService(target, start)
      case 'stopService':
        return app.stopService(target, options)
      case 'restartService':
        return app.restartService(target, start)
      case 'register':
        return app.register(service as Service)
      case 'unregister':
        return app.unregister(target, deed.cascade === undefined ? {} : { cascade: deed.cascade })
      case 'replace':
        return app.replace(service as Service, options)
      case 'dispose':
        return app[Symbol.asyncDispose]()
    }
  }

  /** Returns the promise of a call. */
  #do(deed: Deed, from: From): Promise<unknown> | undefined {
    const stage = this.#stage
    switch (deed.deed) {
      case 'call':
        return this.call(deed, from)
      case 'abort':
        this.#abort()
        return undefined
      case 'crash':
        this.#crash(deed)
        return undefined
      case 'report': {
        const actor = this.#actor(deed.target)
        if (actor?.report) stage.met('foreign report')
        actor?.report?.(deed.state, deed.health)
        return undefined
      }
      case 'release':
        for (const flight of [...stage.hooks]) if (flight.service === deed.target) flight.release()
        return undefined
      case 'stall':
        stage.met('stalled loop')
        stage.stall(deed.ms)
        return undefined
      case 'jump':
        stage.met('wall-clock jump')
        stage.clock.jump(deed.ms)
        return undefined
      case 'listen':
        stage.met('listener comes and goes')
        this.#listen(deed.listener, deed.on)
        return undefined
      default:
        return undefined
    }
  }

  async #later(hops: number, deeds: readonly Deed[], from: From): Promise<void> {
    for (let hop = 0; hop < hops; hop++) await null
    this.do(deeds, from)
  }

  #actor(name: string): Actor | undefined {
    const service = this.#stage.app.registry.get(name)
    return service && this.#actors.get(service)
  }

  /** A fresh object of one of the extras, or once more the latest one of a name. */
  #brought(target: string | number | undefined): Service | undefined {
    if (typeof target === 'string') return this.#latest.get(target)
    const plan = this.#extras[target ?? 0]
    return plan && this.#ensemble && this.cast(this.#ensemble, plan)
  }

  #abort(): void {
    const stage = this.#stage
    const call = [...stage.calls.values()].reverse().find(({ controller }) => controller?.signal.aborted === false)
    if (!call) return
    stage.met('aborted call')
    stage.input('abort', call.target)
    const reason = new Error('aborted')
    stage.see({ kind: 'abort', at: stage.clock.now(), id: call.id, reason })
    call.controller?.abort(reason)
  }

  #crash({ target, error }: Extract<Deed, { deed: 'crash' }>): void {
    const stage = this.#stage
    const actor = this.#actor(target)
    if (actor?.report) return actor.report('failed')
    if (!actor?.context) return
    stage.met('crash')
    stage.input('fail', target)
    stage.see({ kind: 'fail', at: stage.clock.now(), service: target, epoch: actor.context.epoch })
    actor.context.fail(thrown(error))
  }

  #met({ call, cascade, signal, timeout, target }: Call): void {
    const stage = this.#stage
    if (timeout !== undefined) stage.met('call with timeout')
    if (signal === 'aborted') stage.met('aborted signal')
    if (call === 'register') stage.met(typeof target === 'number' ? 'register' : 'register again')
    if (call === 'unregister') stage.met(cascade ? 'unregister with cascade' : 'unregister')
    if (call === 'replace') stage.met('replace')
    if (call === 'dispose') stage.met('dispose of the orchestrator')
  }
}
