/**
 * Plays a random part on a registry - whatever thread this is, whatever registry that is - and records it, operation by
 * operation, for the checker of histories. Parts that are played at the same time share the names and the clock.
 */
import { defineService, type Service, type ServiceStatus } from 'keelson'
import { Chance } from '../../src/testing/chance.js'
import { linearize, type Operation, partition, tell } from './linearizable.js'
import { type Ask, type Change, nameModel, REMOVED, type Reached, reading } from './threads-model.js'

export type Recorded = Operation<Ask, string>

/** What of a registry is played on: that of another thread has it, and an application through `ownRegistry`. */
export interface Played {
  has(name: string): boolean
  get(name: string): PlayedView | undefined
  register(service: Service): Promise<unknown>
  unregister(name: string): Promise<unknown>
  startService(name: string): Promise<unknown>
  restartService(name: string): Promise<unknown>
  stopService(name: string): Promise<unknown>
  getServiceStatus(name: string): ServiceStatus | Promise<ServiceStatus>
}

export interface PlayedView {
  readonly registered: boolean
  read(): Pick<ServiceStatus, 'state' | 'health' | 'epoch'>
}

/** One client's part in a history. */
export interface Part {
  readonly client: number
  readonly seed: number
  /** The names that all clients of this history use, and nobody else. */
  readonly names: readonly string[]
  readonly length: number
}

/** A clock that all clients share: each call gives a greater number, whichever thread calls. */
export type Tick = () => number

/** The clock that lives in shared memory. */
export function sharedTick(memory: SharedArrayBuffer): Tick {
  const cell = new Int32Array(memory)
  return () => Atomics.add(cell, 0, 1)
}

const reachedBy: Readonly<Partial<Record<Change, readonly [done: Reached, overtaken?: Reached]>>> = {
  unregister: ['gone'],
  startService: ['up', 'not up'],
  restartService: ['up', 'not up'],
  stopService: ['down', 'not down'],
}

/** Plays it; gives what was recorded, in no order. */
export async function play(registry: Played, { client, seed, names, length }: Part, tick: Tick): Promise<Recorded[]> {
  const chance = new Chance(seed * 64 + client)
  const recorded: Recorded[] = []
  const views = new Map<string, PlayedView>()
  const hooks = new Chance(seed * 64 + 32 + client)

  const note = (input: Ask, call: number, output: string, end = tick(), after?: Recorded): Recorded => {
    const operation = { client, input, output, call, end, ...(after && { after }) }
    recorded.push(operation)
    return operation
  }
  const read = (view: PlayedView): string => {
    const wasRegistered = view.registered
    const { state, health, epoch } = view.read()
    return wasRegistered && view.registered ? reading(state, health, epoch) : REMOVED
  }
  const looked = (name: string, view: PlayedView): void => {
    const call = tick()
    note({ name, do: 'look', view: client }, call, read(view))
  }
  /** Looks a name up and at what was found; keeps the view for later if it is to be kept. */
  const found = (name: string, keep: boolean): void => {
    const call = tick()
    const view = registry.get(name)
    if (view === undefined) note({ name, do: 'see' }, call, 'no')
    else if (keep) {
      note({ name, do: 'get', view: client }, call, 'yes')
      views.set(name, view)
      looked(name, view)
    } else {
      const seen = read(view)
      // If it was removed after it was found, there is no one instant that this tells of.
      if (seen !== REMOVED) note({ name, do: 'see' }, call, seen)
    }
  }
  const changed = async (name: string, deed: Change, made?: Service): Promise<void> => {
    const call = tick()
    const ask = { name, do: deed, ...(made && { tag: made.type }) }
    try {
      await (deed === 'register' ? registry.register(made as Service) : registry[deed](name))
    } catch (error) {
      const answer = codeOf(error)
      const first = note(ask, call, answer)
      const overtaken = answer === 'CANCELLED' ? reachedBy[deed]?.[1] : undefined
      if (overtaken !== undefined) note({ name, do: overtaken }, call, answer, first.end, first)
      return
    }
    const first = note(ask, call, 'done')
    const done = reachedBy[deed]?.[0]
    if (done !== undefined) note({ name, do: done }, call, 'done', first.end, first)
  }
  const asked = async (name: string): Promise<void> => {
    const call = tick()
    const answer = await Promise.resolve(registry.getServiceStatus(name)).then(
      ({ type, state, epoch }) => `${type} ${state} ${epoch}`,
      codeOf,
    )
    note({ name, do: 'status' }, call, answer)
  }
  const made = (name: string, tag: string): Service => {
    const entered = (deed: 'entered' | 'left') => (context: { readonly epoch: number }) => {
      note({ name, do: deed, tag }, tick(), `${context.epoch}`)
      if (hooks.is(0.5)) found(name, false)
      return pause(hooks)
    }
    return defineService(name, { type: tag, start: entered('entered'), stop: entered('left') })
  }
  const deed = async (index: number): Promise<void> => {
    const name = chance.among(names)
    const what = chance.weighted<Change | 'see' | 'has' | 'look' | 'status'>([
      ['register', 4],
      ['unregister', 2],
      ['startService', 3],
      ['restartService', 1],
      ['stopService', 2],
      ['see', 4],
      ['has', 1],
      ['look', 2],
      ['status', 1],
    ])
    if (what === 'register') return changed(name, what, made(name, `${client}.${index}`))
    if (what === 'status') return asked(name)
    if (what === 'see') return found(name, false)
    if (what === 'has') {
      const call = tick()
      note({ name, do: 'has' }, call, registry.has(name) ? 'yes' : 'no')
    } else if (what === 'look') {
      const view = views.get(name)
      if (view === undefined) found(name, true)
      else looked(name, view)
    } else await changed(name, what)
  }

  const open: Promise<void>[] = []
  for (let i = 0; i < length; i++) {
    const doing = deed(i)
    if (chance.is(0.7)) await doing
    else open.push(doing)
    await pause(chance)
  }
  await Promise.all(open)
  return recorded.slice() // hooks that are entered later record in vain
}

/** Nothing, a microtask, or a task. */
function pause(chance: Chance): Promise<void> | undefined {
  const how = chance.pick(3)
  if (how === 0) return
  return how === 1 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve))
}

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? String(error)

const models = { true: nameModel(true), false: nameModel(false) }

/** What is wrong with a history of an application that was started or not, as text. */
export function faultOf(recorded: readonly Recorded[], started: boolean): string | undefined {
  for (const [name, part] of partition(recorded, (ask) => ask.name)) {
    const verdict = linearize(models[`${started}`], part)
    if (!verdict.linearizable) return `${name}: ${tell(part, verdict)}`
  }
  return undefined
}
