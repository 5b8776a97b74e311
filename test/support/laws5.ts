/**
 * For the laws of events: the fold of a log from a snapshot (R37), and a random story of an orchestrator to fold.
 * The story is told by a seed, so what fails once fails always.
 */
import type { AnyEvent, EventType, Orchestrator, ServiceStatus, Snapshot, StartContext } from 'keelson'
import { type Scripted, service, type World, world } from './world.js'

export const KINDS: readonly EventType[] = Object.keys({
  state: 0,
  health: 0,
  status: 0,
  retry: 0,
  registered: 0,
  unregistered: 0,
  operation: 0,
  warning: 0,
  listenerError: 0,
} satisfies Record<EventType, 0>) as EventType[]

/** What the events tell of a service. */
export type Folded = Pick<ServiceStatus, 'state' | 'health' | 'epoch'> & { error: unknown; attempt: number | undefined }

const folded = ({ state, health, epoch, error, attempt }: ServiceStatus): Folded => ({
  state,
  health,
  epoch,
  error,
  attempt,
})

/** The services of a snapshot as the fold has them. */
export function tell({ services }: Pick<Snapshot, 'services'>): Map<string, Folded> {
  return new Map(services.map((status) => [status.name, folded(status)]))
}

/** Folds events into what a snapshot told; `odd` takes a line for each event that changes nothing or does not fit. */
export function fold(from: Snapshot, events: readonly AnyEvent[], odd: string[] = []): Map<string, Folded> {
  const services = tell(from)
  let seq = from.seq
  for (const event of events) {
    if (event.seq <= from.seq) continue
    if (event.seq !== ++seq) odd.push(`seq ${event.seq} instead of ${seq}`)
    seq = event.seq
    if (event.type === 'registered') {
      if (services.has(event.name)) odd.push(`${seq}: ${event.name} is registered twice`)
      services.set(event.name, {
        state: 'unknown',
        health: 'unknown',
        epoch: event.epoch,
        error: undefined,
        attempt: undefined,
      })
    } else if (event.type === 'unregistered') {
      if (!services.delete(event.name)) odd.push(`${seq}: ${event.name} was not registered`)
    } else if (event.type === 'state') {
      const known = services.get(event.name)
      if (known?.state !== event.oldState)
        odd.push(`${seq}: ${event.name} leaves ${event.oldState}, not ${known?.state}`)
      if (event.oldState === event.newState) odd.push(`${seq}: ${event.name} stays ${event.newState}`)
      const { newState: state, health, epoch, error, attempt } = event
      services.set(event.name, { state, health, epoch, error, attempt })
    } else if (event.type === 'health') {
      const known = services.get(event.name)
      if (known === undefined || known.health !== event.oldHealth || known.state !== event.state)
        odd.push(`${seq}: health of ${event.name} in ${event.state} was not ${event.oldHealth}`)
      else if (event.newHealth === known.health && event.error === known.error)
        odd.push(`${seq}: ${event.name} unchanged`)
      else services.set(event.name, { ...known, health: event.newHealth, error: event.error, epoch: event.epoch })
    }
  }
  return services
}

/** The lines in which two readings differ; errors are compared as what they are, not as what they say. */
export function differences(told: Map<string, Folded>, read: Map<string, Folded>): string[] {
  const names = new Set([...told.keys(), ...read.keys()])
  return [...names].flatMap((name) => {
    const [a, b] = [told.get(name), read.get(name)]
    if (a === undefined || b === undefined) return `${name}: ${a === undefined ? 'only read' : 'only told'}`
    return (['state', 'health', 'epoch', 'error', 'attempt'] as const).flatMap((field) =>
      a[field] === b[field] ? [] : `${name}.${field}: told ${String(a[field])}, is ${String(b[field])}`,
    )
  })
}

/** Numbers from 0 to 1, the same for the same seed. */
export function numbers(seed: number): () => number {
  let state = seed * 0x9e3779b9
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface Story extends World {
  /** One more random thing that happens, and a random time that passes. */
  turn(): Promise<void>
}

/** Services that depend on one another at random, fail and recover at random, and are asked for anything at random. */
export function story(seed: number, look: (app: Orchestrator) => void = () => {}): Story {
  const random = numbers(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const live: Scripted[] = []
  let made = 0
  const make = (name: string, known: readonly string[], remote: boolean): Scripted => {
    const dependsOn = known
      .filter(() => random() < 0.25)
      .map((dependency) => ({
        name: dependency,
        condition: (['started', 'healthy'] as const)[below(2)] ?? 'healthy',
        optional: random() < 0.3,
      }))
    const act = async (odds: number, { signal }: { signal: AbortSignal }): Promise<void> => {
      look(app)
      if (random() < 0.5) await clock.sleep(below(300))
      if (random() < odds && !signal.aborted) throw new Error(`${name} failed`)
    }
    const scripted = service(name, {
      dependsOn,
      remote,
      start: (context) => act(0.25, context),
      stop: (context) => act(0.1, context),
      ...(random() < 0.3 && {
        run: async (context: StartContext) => {
          await new Promise<void>((resolve) =>
            context.signal.addEventListener('abort', () => resolve(), { once: true }),
          )
        },
      }),
      ...(random() < 0.5 && {
        check: () => (['healthy', 'healthy', 'degraded', 'unhealthy', 'checking'] as const)[below(5)],
        healthCheck: { interval: 100, failureThreshold: 2, onUnhealthy: random() < 0.5 ? 'restart' : 'report' },
      }),
      startDelay: random() < 0.2 ? 50 : 0,
      restart: { policy: random() < 0.2 ? 'always' : 'on-failure', maxRetries: below(4), initialBackoff: 50 },
      essential: random() < 0.7,
    })
    live.push(scripted)
    return scripted
  }
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const remotes = new Map(names.map((name) => [name, random() < 0.3]))
  const staged = world({ history: 100_000 })
  const { app, clock } = staged
  for (const [i, name] of names.entries()) void app.register(make(name, names.slice(0, i), remotes.get(name) === true))
  for (const kind of KINDS) app.on(kind, () => random() < 0.1 && look(app))

  const pick = (): string => names[below(names.length)] ?? 'a'
  const deeds: readonly (() => Promise<unknown> | undefined)[] = [
    () => app.start({ onFailure: (['rollback', 'keep', 'retry'] as const)[below(3)] ?? 'keep' }),
    () => app.start({ onFailure: 'keep' }),
    () => app.startService(pick()),
    () => app.startService(pick(), { timeout: 1 + below(200) }),
    () => app.restartService(pick()),
    () => app.stopService(pick()),
    () => (random() < 0.3 ? app.stop({ timeout: 2_000 }) : undefined),
    () => (random() < 0.3 ? app.unregister(pick(), { cascade: random() < 0.7 }) : undefined),
    () => {
      const name = names.find((each) => !app.registry.has(each))
      if (name === undefined) return undefined
      return app.register(make(name, names.slice(0, names.indexOf(name)), remotes.get(name) === true))
    },
    () => {
      const name = pick()
      if (!app.registry.has(name)) return undefined
      return app.replace(make(name, names.slice(0, names.indexOf(name)), remotes.get(name) === true))
    },
    () => live[below(live.length)]?.crash(`crash ${++made}`) as undefined,
    () => live[below(live.length)]?.contexts.start.at(-1)?.status(`line ${++made}`) as undefined,
  ]
  return {
    ...staged,
    turn: async () => {
      for (let i = below(3); i >= 0; i--) deeds[below(deeds.length)]?.()?.catch(() => {})
      if (random() < 0.5) look(app)
      await clock.advance(random() < 0.3 ? 0 : below(400))
    },
  }
}
