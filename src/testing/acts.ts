// How one entry of a hook goes: an act of the scenario, performed. Tells the stage when the hook is entered and when it
// settles, and does in between what the act says - waits, fails, hangs, owns, calls back, blocks the host.
// Knows nothing of services; actors.ts gives each entry its cue.

import type { StartContext, StopReason } from '../index.js'
import type { Coverage, Input } from './coverage.js'
import { faultsOf, thrown } from './mishaps.js'
import type { HookName, Told } from './observation.js'
import type { Act, Deed } from './scenario.js'
import type { Flight, Stage } from './stage.js'

/** One entry of a hook. */
export interface Cue {
  readonly stage: Stage
  readonly service: string
  readonly instance: number
  readonly hook: HookName
  readonly epoch: number
  /** Of `start` and `run`. */
  readonly context?: Pick<StartContext, 'own' | 'fail' | 'status'> | undefined
  /** Absent where there is none: disposers. */
  readonly signal?: (() => AbortSignal | undefined) | undefined
  readonly reason?: StopReason | undefined
  /** Of `dispose`. */
  readonly resource?: number | undefined
  /** The hook itself, if there is a real one. */
  readonly pass?: (() => unknown) | undefined
  /** Does what an act does on entry; gives the promises of its calls. */
  readonly call: (deeds: readonly Deed[]) => Promise<unknown>[]
  /** Plays inside another orchestrator: is not told. */
  readonly muted?: boolean | undefined
}

/** The inputs that the ends of hooks are, failed and not. */
const ENDS: Readonly<Record<HookName, readonly [Input, Input]>> = {
  start: ['start resolves', 'start fails'],
  run: ['run ends', 'run fails'],
  stop: ['stop resolves', 'stop fails'],
  check: ['check resolves', 'check fails'],
  dispose: ['dispose resolves', 'dispose fails'],
}

const WELL: Act = { end: 'pass' }

/** Enters the hook and lets it go as the act says; without one it passes. What the engine gets to see is returned or thrown. */
export function perform(cue: Cue, act: Act = WELL): unknown {
  const { stage, hook, context } = cue
  const entry = new Entry(cue, act)
  if (act !== WELL) {
    const { coverage } = stage
    if (coverage) meet(coverage, faultsOf(hook, act))
    for (const inner of act.owns ?? []) hand(cue, inner)
    if (act.status !== undefined) context?.status(act.status)
    if (act.stalls) stage.stall(act.stalls)
    if (act.fails !== undefined) entry.failLater(act.fails)
  }
  const calls = act.deeds ? cue.call(act.deeds) : []
  const waited = act.awaits === true && calls.length > 0 ? Promise.allSettled(calls) : undefined
  if (act.end === 'throw') {
    const error = thrown(act.error)
    entry.leave(true, error)
    throw error
  }
  const stays = hook === 'run' && act.end === 'pass' && act.takes === undefined && cue.pass === undefined
  if (act.end !== 'hang' && act.takes === undefined && waited === undefined && !stays) return entry.end()
  return entry.wait(waited, stays)
}

function meet(coverage: Coverage, faults: readonly number[]): void {
  for (const fault of faults) coverage.fault(fault)
}

/** Hands something to `own()`: a function that is an object with a disposal, too. */
function hand(cue: Cue, act: Act): void {
  const { stage, service, instance, epoch, call, muted, context } = cue
  if (context === undefined) return
  const resource = stage.number()
  const its: Cue = { stage, service, instance, epoch, call, muted, resource, hook: 'dispose' }
  const dispose = (): unknown => perform(its, stage.calm ? undefined : act)
  if (!muted) stage.see({ kind: 'own', at: stage.clock.now(), service, epoch, instance, resource })
  context.own(Object.assign(dispose, { [Symbol.asyncDispose]: async () => void (await dispose()) }))
}

/** One entry from its beginning to its end. */
class Entry {
  readonly #cue: Cue
  readonly #act: Act
  readonly #id: number
  readonly #entered: number
  #flight: Flight | undefined

  constructor(cue: Cue, act: Act) {
    const { stage, service, epoch, hook, instance, reason, resource } = cue
    this.#cue = cue
    this.#act = act
    this.#id = stage.number()
    this.#entered = stage.clock.now()
    if (cue.muted === true) return
    const seen: Told<'enter'> = { kind: 'enter', at: this.#entered, service, epoch, hook, id: this.#id, instance }
    if (reason !== undefined) seen.reason = reason
    if (resource !== undefined) seen.resource = resource
    if ((hook === 'start' || hook === 'run') && cue.pass === undefined && act.abort !== 'ignore') seen.heeds = true
    stage.see(seen)
  }

  /** It settles, this very moment, with this error or answer. */
  leave(failed: boolean, value?: unknown): void {
    const { stage, service, epoch, hook, muted } = this.#cue
    if (this.#flight) stage.hooks.delete(this.#flight)
    if (!muted) {
      stage.input(ENDS[hook][failed ? 1 : 0], service)
      const seen: Told<'leave'> = { kind: 'leave', at: stage.clock.now(), service, epoch, hook, id: this.#id, failed }
      if (failed) seen.error = value
      else if (hook === 'check') seen.answer = value
      stage.see(seen)
    }
    if (this.#act.ownsLate && !stage.calm) hand(this.#cue, WELL)
  }

  /** Ends as the act says: the value of the hook, or its error. */
  end(): unknown {
    const { hook, pass } = this.#cue
    const { end, error, says = 'healthy' } = this.#act
    if (end === 'reject') {
      const reason = thrown(error)
      this.leave(true, reason)
      return Promise.reject(reason)
    }
    if (pass) return this.#through(pass)
    const answer = hook === 'check' ? says : undefined
    this.leave(false, answer)
    return answer
  }

  /** In flight until its time is over, what it waits for has settled, it is aborted, or it is released. */
  wait(waited: Promise<unknown> | undefined, stays: boolean): Promise<unknown> {
    const { stage, service, instance, epoch, hook } = this.#cue
    const { takes, end, abort = stays ? 'finish' : 'heed' } = this.#act
    return new Promise((resolve, reject) => {
      let isOver = false
      let heeds = abort !== 'ignore'
      let timer: unknown
      const finish = (how: () => unknown): void => {
        if (isOver) return
        isOver = true
        if (timer !== undefined) stage.never(timer)
        timer = undefined
        try {
          resolve(how())
        } catch (error) {
          reject(error)
        }
      }
      const well = (): unknown => {
        const answer = hook === 'check' ? 'healthy' : undefined
        this.leave(false, answer)
        return answer
      }
      // Reading it makes one.
      const signal = heeds || hook === 'run' ? this.#cue.signal?.() : undefined
      const aborted = (): void => {
        if (!heeds) return
        if (abort === 'heed')
          finish(() => {
            this.leave(true, signal?.reason)
            throw signal?.reason
          })
        else finish(well)
      }
      const release = (): void => {
        // A loop that was deaf to its end still is no loop that ends of itself.
        if (hook !== 'run' || signal?.aborted === true) finish(well)
        else heeds = true
      }
      const flight: Flight = { service, instance, epoch, hook, entered: this.#entered, release }
      this.#flight = takes === undefined || end === 'hang' ? flight : { ...flight, due: this.#entered + takes }
      stage.hooks.add(this.#flight)
      if (end !== 'hang' && takes !== undefined) {
        const over = (): void => finish(() => this.end())
        timer = stage.later(takes, () => {
          timer = undefined
          if (waited) void waited.then(over)
          else over()
        })
      } else if (waited) void waited.then(() => finish(() => this.end()))
      if (signal?.aborted) aborted()
      else if (heeds || hook === 'run') signal?.addEventListener('abort', aborted, { once: true })
    })
  }

  /** `ctx.fail` after so many milliseconds. */
  failLater(ms: number): void {
    const { stage, service, epoch, context, muted } = this.#cue
    const fail = (): void => {
      if (stage.calm) return
      if (!muted) {
        stage.input('fail', service)
        stage.see({ kind: 'fail', at: stage.clock.now(), service, epoch })
      }
      context?.fail(thrown(this.#act.error))
    }
    if (ms === 0) fail()
    else stage.later(ms, fail)
  }

  /** Calls the real hook, and tells when that settles. */
  #through(pass: () => unknown): unknown {
    const { stage, service, instance, epoch, hook } = this.#cue
    const { says } = this.#act
    let result: unknown
    try {
      result = pass()
    } catch (error) {
      this.leave(true, error)
      throw error
    }
    if (!(result instanceof Promise)) {
      this.leave(false, says ?? result)
      return says ?? result
    }
    this.#flight ??= { service, instance, epoch, hook, entered: this.#entered, release: () => {} }
    stage.hooks.add(this.#flight)
    return result.then(
      (value) => {
        this.leave(false, says ?? value)
        return says ?? value
      },
      (error: unknown) => {
        this.leave(true, error)
        throw error
      },
    )
  }
}
