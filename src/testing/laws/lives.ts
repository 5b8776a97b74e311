// The lives of the services of a scene as their hooks tell them: which epoch of which object is the latest, which hooks
// are in flight, what is owned. Part of the chronicle; judges nothing.

import type { HookName, Observation } from '../observation.js'

type Seen<Kind extends Observation['kind']> = Extract<Observation, { readonly kind: Kind }>

/** One epoch of one object, as its hooks tell it. */
export interface Life {
  readonly name: string
  readonly instance: number
  readonly epoch: number
  readonly startedAt: number
  /** Hooks of it that have been entered and have not left; a check is none of these. */
  readonly open: Set<Hooked>
  startLeft: boolean
  startFailed: boolean
  runLeft: boolean
  runFailed: boolean
  /** `ctx.fail` was called. */
  failed: boolean
  stopAt: number
  stopLeft: boolean
  stopReason: string | undefined
  /** Resources that were handed over and not yet disposed of, oldest first. */
  readonly owned: number[]
}

/** A hook in flight. */
export interface Hooked {
  readonly id: number
  readonly hook: HookName
  readonly at: number
  readonly life: Life
  /** What `stalled` was when it was entered. */
  readonly stalledThen: number
}

/** The latest life of each name, and all hooks in flight. */
export class Lives {
  readonly latest: Map<string, Life> = new Map()
  readonly hooks: Map<number, Hooked> = new Map()
  /** Those of them that end as soon as their signal is aborted. */
  readonly heeding: Set<Hooked> = new Set()
  /** The life, and the hook in flight, that the last observation was about. */
  life: Life | undefined
  hooked: Hooked | undefined
  /** Of the last hook that was entered: the latest life of its name before, and whether its `onStop` had been entered. */
  former: Life | undefined
  formerStopped = false

  own({ service, instance, epoch, resource }: Seen<'own'>): void {
    this.#lifeOf(service, instance, epoch)?.owned.push(resource)
  }

  fail({ service, epoch }: Seen<'fail'>): void {
    const life = this.latest.get(service)
    if (life?.epoch === epoch) life.failed = true
  }

  enter(seen: Seen<'enter'>, stalledThen: number): void {
    this.former = this.latest.get(seen.service)
    this.formerStopped = this.former !== undefined && this.former.stopAt >= 0
    let life = this.#lifeOf(seen.service, seen.instance, seen.epoch)
    if (seen.hook === 'start') {
      life = begun(seen)
      this.latest.set(seen.service, life)
    }
    this.life = life
    this.hooked = undefined
    if (life === undefined) return
    this.hooked = { id: seen.id, hook: seen.hook, at: seen.at, life, stalledThen }
    this.hooks.set(seen.id, this.hooked)
    if (seen.hook !== 'check') life.open.add(this.hooked)
    if (seen.heeds === true) this.heeding.add(this.hooked)
    if (seen.hook !== 'stop') return
    life.stopAt = seen.at
    life.stopReason = seen.reason
  }

  leave(seen: Seen<'leave'>): void {
    const hooked = this.hooks.get(seen.id)
    this.hooked = hooked
    this.life = hooked?.life
    if (hooked === undefined) return
    const { life } = hooked
    this.hooks.delete(seen.id)
    life.open.delete(hooked)
    this.heeding.delete(hooked)
    if (seen.hook === 'start') {
      life.startLeft = true
      life.startFailed = seen.failed
    } else if (seen.hook === 'run') {
      life.runLeft = true
      life.runFailed = seen.failed
    } else if (seen.hook === 'stop') life.stopLeft = true
  }

  #lifeOf(name: string, instance: number, epoch: number): Life | undefined {
    const life = this.latest.get(name)
    return life?.epoch === epoch && life.instance === instance ? life : undefined
  }
}

function begun({ service, instance, epoch, at }: Seen<'enter'>): Life {
  return {
    name: service,
    instance,
    epoch,
    startedAt: at,
    open: new Set(),
    startLeft: false,
    startFailed: false,
    runLeft: false,
    runFailed: false,
    failed: false,
    stopAt: -1,
    stopLeft: false,
    stopReason: undefined,
    owned: [],
  }
}
