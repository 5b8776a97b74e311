/**
 * Foreign objects of the `Service` shape: every state of the engine × everything such an object can report (R36).
 * `failed` is a crash, `stopped` and `disconnected` a clean end, its health a check's result, the rest nothing; and its
 * `updateState` is told every state that the engine enters.
 */
import {
  type HealthStatus,
  Orchestrator,
  type Service,
  type ServiceState,
  type StateChange,
  type StateEvent,
  type StateUpdater,
} from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { PHASE, STATES } from '../../src/kernel/state.js'
import { type Deferred, deferred, settled } from '../support/promises.js'

/** A service that is nobody's subclass: its hooks wait for the test, and it says what the test lets it say. */
class Foreign implements Service, StateUpdater {
  readonly name = 't'
  readonly type = 'foreign'
  readonly dependencies = []
  state: ServiceState = 'unknown'
  readonly health: HealthStatus = 'unknown'
  readonly lastError: unknown = undefined
  readonly listeners: Set<(change: StateChange) => void> = new Set()
  readonly told: string[] = []
  starts: Deferred<void>[] = []
  stops: Deferred<void>[] = []

  start(): Promise<void> {
    this.starts.push(deferred())
    return this.starts.at(-1)!.promise
  }

  stop(): Promise<void> {
    this.stops.push(deferred())
    return this.stops.at(-1)!.promise
  }

  restart(): Promise<void> {
    throw new Error('nobody calls it')
  }

  onStateChange(listener: (change: StateChange) => void): ReturnType<Service['onStateChange']> {
    this.listeners.add(listener)
    const off = (): void => void this.listeners.delete(listener)
    return Object.assign(off, { [Symbol.dispose]: off })
  }

  updateState(state: ServiceState): void {
    if (this.told.at(-1) !== state) this.told.push(state)
  }

  report(newState: ServiceState, health: HealthStatus): void {
    const error = newState === 'failed' ? new Error('it broke') : undefined
    const change = { name: 't', oldState: this.state, newState, health, error, epoch: 0, timestamp: 0 }
    for (const listener of [...this.listeners]) listener(change as StateChange)
  }
}

interface Rig {
  readonly foreign: Foreign
  readonly app: Orchestrator
  readonly clock: VirtualClock
}

/** What is awaited and what is left behind by `act` has happened. */
async function then({ clock }: Rig, act: () => unknown): Promise<void> {
  const done = act()
  if (done instanceof Promise) settled(done)
  await clock.settle()
}

const starting = (rig: Rig): Promise<void> => then(rig, () => rig.app.startService('t'))
const running = async (rig: Rig): Promise<void> => {
  await starting(rig)
  await then(rig, () => rig.foreign.starts.at(-1)?.resolve())
}
const refused = (error: object) => async (rig: Rig) => {
  await starting(rig)
  await then(rig, () => rig.foreign.starts.at(-1)?.reject(Object.assign(new Error('no'), error)))
  await then(rig, () => rig.foreign.stops.at(-1)?.resolve())
}

/** How it comes into each state. What lives elsewhere is declared by `remote`, which a foreign object cannot. */
const WAYS: Partial<Record<ServiceState, (rig: Rig) => Promise<void>>> = {
  unknown: async () => undefined,
  stopped: async (rig) => {
    await running(rig)
    await then(rig, () => rig.app.stopService('t'))
    await then(rig, () => rig.foreign.stops.at(-1)?.resolve())
  },
  failed: refused({ code: 'CERT_HAS_EXPIRED' }),
  retrying: refused({ code: 'ECONNREFUSED' }),
  auth_required: refused({ status: 401 }),
  waiting: async (rig) => {
    await starting(rig)
    await then(rig, () => rig.app.stopService('t'))
    await rig.clock.advance(20_000) // both hooks were abandoned
    await then(rig, () => rig.app.startService('t'))
  },
  starting,
  stopping: async (rig) => {
    await running(rig)
    await then(rig, () => rig.app.stopService('t'))
  },
  running,
}

const REPORTS = STATES.flatMap((state) =>
  (['unknown', 'checking', 'healthy', 'degraded', 'unhealthy'] as const).map((health) => [state, health] as const),
)

/** The states that follow if the hooks to come settle, and the health that it then has. */
function follows(now: ServiceState, report: ServiceState, health: HealthStatus): { states: string[]; health: string } {
  const isEnd = report === 'stopped' || report === 'disconnected'
  const active = now === 'running' || now === 'starting'
  const began = now === 'starting' ? ['running'] : []
  if (active && report === 'failed') return { states: ['stopping (failed)', 'retrying'], health: 'unknown' }
  if (active && isEnd) return { states: [...began, 'stopping (completed)', 'stopped'], health: 'unknown' }
  const steps = { starting: ['running'], stopping: ['stopped'] } as Partial<Record<ServiceState, string[]>>
  const states = steps[now] ?? []
  // One bad report of three is no verdict; what is said before it is active is no check's result.
  const counts = now === 'running' && (health === 'degraded' || health === 'healthy')
  return { states, health: counts ? health : active ? 'healthy' : 'unknown' }
}

describe.each(Object.entries(WAYS))('a foreign service that is %s', (state, come) => {
  it.each(REPORTS)('R36 and reports %s, %s', async (reported, health) => {
    const foreign = new Foreign()
    const clock = new VirtualClock()
    const app = new Orchestrator({ services: [foreign], clock, random: () => 0.5 })
    const rig = { foreign, app, clock }
    const events: StateEvent[] = []
    app.on('state', (event) => void events.push(event))
    await come(rig)
    expect(app.getServiceStatus('t').state).toBe(state)
    const from = events.length
    await then(rig, () => foreign.report(reported, health))
    if (state === 'starting') await then(rig, () => foreign.starts.at(-1)?.resolve())
    if (PHASE[app.getServiceStatus('t').state] === 'moving') await then(rig, () => foreign.stops.at(-1)?.resolve())
    const told = follows(state as ServiceState, reported, health)
    const seen = events
      .slice(from)
      .map(({ newState, reason }) =>
        newState === 'stopping' && state !== 'stopping' ? `stopping (${reason})` : newState,
      )
    expect({ states: seen, health: app.getServiceStatus('t').health }).toEqual(told)
    expect(foreign.told, 'updateState is told every state').toEqual(events.map(({ newState }) => newState))
    const listens = PHASE[app.getServiceStatus('t').state] === 'active' ? 1 : 0
    expect(foreign.listeners.size, 'it is listened to while it lives').toBe(listens)

    const stop = settled(app.stop())
    for (const { resolve } of [...foreign.starts, ...foreign.stops]) resolve()
    await clock.settle()
    for (const { resolve } of foreign.stops) resolve()
    await clock.advance(1_000)
    expect([stop.status, clock.pending, foreign.listeners.size]).toEqual(['fulfilled', 0, 0])
  })
})

it('R36 a foreign object comes into every state but those of what lives elsewhere', () => {
  const remote = ['connected', 'disconnected', 'unreachable']
  expect(Object.keys(WAYS).sort()).toEqual(STATES.filter((state) => !remote.includes(state)).sort())
})
