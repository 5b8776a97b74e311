/** §9, the host: long turns let its other tasks in (R45). What a transition costs is in 09-host-cost. */
import { type OperationReport, Orchestrator, type Service } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { type Scripted, service, settled } from '../support/world.js'

/** Some tens of milliseconds. */
const TENS = 60

/** A clock on which time passes while the engine works: every look at it costs half a millisecond. */
class WorkingClock extends VirtualClock {
  override now(): number {
    this.stall(0.5)
    return super.now()
  }
}

/** The host's other tasks: how long each had to wait for its turn, and what it saw. */
function heartbeat(clock: VirtualClock, each: () => void = () => {}): { gaps: number[]; stop(): void } {
  const gaps: number[] = []
  let last = VirtualClock.prototype.now.call(clock)
  let isOn = true
  const beat = (): void => {
    const now = VirtualClock.prototype.now.call(clock)
    gaps.push(now - last)
    last = now
    each()
    if (isOn) clock.defer(beat)
  }
  clock.defer(beat)
  return { gaps, stop: () => (isOn = false) }
}

/** Runs a call to its end while a heart beats. */
async function beside<T>(
  clock: VirtualClock,
  call: () => Promise<T>,
  each?: () => void,
): Promise<{ result: T; gaps: number[] }> {
  const heart = heartbeat(clock, each)
  const outcome = settled(call())
  const ended = (async () => {
    while (outcome.status === 'pending') await later(clock)
    heart.stop()
  })()
  while (outcome.status === 'pending') await clock.advance(1)
  await ended
  if (outcome.status === 'rejected') throw outcome.error
  return { result: outcome.value as T, gaps: heart.gaps }
}

/** Settles in a later task. */
const later = (clock: VirtualClock): Promise<void> => new Promise((resolve) => clock.defer(resolve))

const many = (count: number, make: (i: number) => Service): Service[] =>
  Array.from({ length: count }, (_, i) => make(i))
const worst = (gaps: number[]): number => gaps.reduce((a, b) => Math.max(a, b), 0)

describe('a long turn', () => {
  it.each(['unrelated', 'in one chain', 'on one root'])(
    'R45 lets other tasks in between, with 10 000 services %s',
    async (shape) => {
      const clock = new WorkingClock()
      const dependsOn = (i: number): string[] => {
        if (i === 0 || shape === 'unrelated') return []
        return [shape === 'in one chain' ? `s${i - 1}` : 's0']
      }
      const app = new Orchestrator({
        clock,
        shutdownTimeout: Number.POSITIVE_INFINITY,
        services: many(10_000, (i) => service(`s${i}`, { dependsOn: dependsOn(i) }, clock)),
      })
      for (const call of [
        () => app.start(),
        () => app.stopService('s0'),
        () => app.startService('s0'),
        () => app.stop(),
      ]) {
        const { gaps } = await beside(clock, call)
        expect(worst(gaps)).toBeLessThan(TENS)
      }
      expect(app.getAllServices().filter(({ state }) => state !== 'stopped')).toEqual([])
    },
    60_000,
  )

  it('R45 turns that follow one another without a task between them count as one', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({
      clock,
      services: many(1_000, (i) =>
        service(`s${i}`, { dependsOn: i === 0 ? [] : [`s${i - 1}`], start: () => clock.stall(1) }, clock),
      ),
    })
    const { gaps } = await beside(clock, () => app.start())
    expect(clock.now()).toBeGreaterThanOrEqual(1_000)
    expect(worst(gaps)).toBeLessThan(TENS)
    await app.stop()
  })

  it('R45 hooks that block the host do so in portions: its other tasks come in between', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({
      clock,
      services: many(4_000, (i) =>
        service(`s${i}`, { start: () => clock.stall(1), stop: () => clock.stall(1) }, clock),
      ),
    })
    const up = await beside(clock, () => app.start())
    const down = await beside(clock, () => app.stop({ timeout: 60_000 }))
    for (const { gaps } of [up, down]) expect(worst(gaps)).toBeLessThanOrEqual(1_000)
  })

  it('R45 the delivery of the events of a long turn does not hold the host either', async () => {
    const clock = new WorkingClock()
    const app = new Orchestrator({ clock, services: many(5_000, (i) => service(`s${i}`, {}, clock)) })
    let events = 0
    const end = app.on('state', () => void events++)
    const { gaps } = await beside(clock, () => app.start())
    expect(events).toBe(10_000)
    expect(worst(gaps)).toBeLessThan(TENS)
    end()
    await beside(clock, () => app.stop())
  })

  it('R45 at every cut a hook is entered of each service that is starting, and none of one that waits', async () => {
    const clock = new WorkingClock()
    const services = Array.from({ length: 3_000 }, (_, i) =>
      service(`s${i}`, { dependsOn: i % 4 === 0 ? [] : [`s${i - 1}`], start: () => later(clock) }, clock),
    )
    const app = new Orchestrator({ clock, services })
    const broken: string[] = []
    let cuts = 0
    const look = (): void => {
      cuts++
      for (const { name, state, calls } of services as Scripted[]) {
        const entered = state === 'starting' || state === 'running'
        if (calls.start !== (entered ? 1 : 0)) broken.push(`${name} is ${state}, entered ${calls.start}`)
      }
    }
    await beside(clock, () => app.start(), look)
    expect(broken.slice(0, 5)).toEqual([])
    expect(cuts).toBeGreaterThan(10)
    await beside(clock, () => app.stop())
  }, 20_000)

  it('R45 an intent that comes between two slices is obeyed', async () => {
    const clock = new WorkingClock()
    const services = many(5_000, (i) => service(`s${i}`, { dependsOn: i === 0 ? [] : ['s0'] }, clock))
    const app = new Orchestrator({ clock, services })
    let stop: ReturnType<typeof settled> | undefined
    let beats = 0
    const start = settled(app.start())
    const heart = heartbeat(clock, () => {
      if (++beats === 3) stop = settled(app.stop())
      if (stop !== undefined && stop.status !== 'pending') heart.stop()
    })
    await clock.settle()
    expect(start.error).toMatchObject({ code: 'CANCELLED' })
    expect((services as Scripted[]).filter(({ calls }) => calls.start !== calls.stop)).toEqual([])
    expect(app.getAllServices().filter(({ phase }) => phase !== 'idle')).toEqual([])
    expect(clock.pending).toBe(0)
  }, 20_000)

  it.each(['start', 'stop'] as const)(
    'R45 what %s() asks of 10 000 services is applied in pieces too',
    async (call) => {
      const clock = new WorkingClock()
      const services = many(10_000, (i) => service(`s${i}`, {}, clock)) as Scripted[]
      const app = new Orchestrator({ clock, services, shutdownTimeout: Number.POSITIVE_INFINITY })
      if (call === 'stop') await beside(clock, () => app.start())
      let cuts = 0
      const look = (): void => {
        if (services.every(({ calls }) => calls[call] === 0)) cuts++
      }
      await beside(clock, () => app[call](), look)
      expect(cuts).toBeGreaterThan(10)
      if (call === 'start') await beside(clock, () => app.stop())
    },
  )

  describe('R44 whoever comes between two pieces of an intent finds it whole', () => {
    type App = Orchestrator
    const acts: Record<string, (app: App, clock: VirtualClock) => unknown> = {
      'registers one that is required': (app, clock) => app.register(service('late', { dependsOn: ['s3'] }, clock)),
      'removes a service from the registry': (app) => app.registry.unregister('s2999'),
      'unregisters one': (app) => app.unregister('s2999'),
      'unregisters one with all that need it': (app) => app.unregister('s0', { cascade: true }),
      'removes one by force': (app) => app.unregister('s0', { force: true }),
      'replaces one': (app, clock) => app.replace(service('s2999', { dependsOn: ['s0', 's3'] }, clock)),
      'changes the options of one': (app) => app.reconfigure('s2999', { restart: { policy: 'never' } }),
      'starts one': (app) => app.startService('s2999'),
      'restarts one': (app) => app.restartService('s0'),
      'stops one': (app) => app.stopService('s2999'),
      'stops what all need': (app) => app.stopService('s0'),
      'stops all': (app) => app.stop(),
      'starts all once more': (app) => app.start(),
      'disposes of it': (app) => app[Symbol.asyncDispose](),
    }

    /**
     * What becomes of `start()` of 3 000 services when somebody does this: after so many tasks of the host, in a listener,
     * when it is told to be over and has not resolved, or when it has.
     */
    async function story(clock: VirtualClock, act: (typeof acts)[string], when: number | 'heard' | 'ending' | 'over') {
      const atOnce = when === 'ending' || when === 'over'
      const services = many(3_000, (i) =>
        service(`s${i}`, i > 0 ? { dependsOn: ['s0'] } : atOnce ? {} : { startDelay: 60_000 }, clock),
      )
      const app = new Orchestrator({ clock, services, shutdownTimeout: Number.POSITIVE_INFINITY })
      let acted: ReturnType<typeof settled> | undefined
      let isWhole = false
      const now = (): void => {
        isWhole = services.every(({ state }) => state === 'waiting')
        acted = settled((async () => act(app, clock))())
      }
      let isTold = false
      const unheard = app.on('operation', ({ phase }) => {
        if (when === 'heard') now()
        isTold = phase === 'end'
        if (isTold || when === 'heard') unheard()
      })
      const start = settled(app.start())
      let beats = 0
      const heart = heartbeat(clock, () => {
        const isOver = atOnce && isTold && (start.status === 'pending') === (when === 'ending')
        if (++beats === when || isOver) now()
        if (acted !== undefined) heart.stop()
      })
      while (start.status === 'pending' || (acted?.status ?? 'pending') === 'pending') await clock.advance(1_000)
      const codes = [start, acted].map((outcome) => (outcome?.error as { code?: string } | undefined)?.code)
      const states = app.getAllServices().map(({ name, state }) => `${name} ${state}`)
      const down = settled(app[Symbol.asyncDispose]())
      while (down.status === 'pending') await clock.advance(1)
      const rows = (start.value as OperationReport | undefined)?.services.map(
        ({ name, outcome }) => `${name} ${outcome}`,
      )
      return { isWhole, told: { codes, states, rows }, left: clock.pending }
    }

    it.each(Object.keys(acts))(
      'R44 who %s',
      async (title) => {
        const act = acts[title] as (typeof acts)[string]
        const whole = await story(new VirtualClock(), act, 1)
        expect(whole.isWhole).toBe(true)
        let between = 0
        for (const after of ['heard', 1, 2, 3, 5, 8] as const) {
          const cut = await story(new WorkingClock(), act, after)
          if (!cut.isWhole) between++
          expect(cut.told, `after ${after} tasks`).toEqual(whole.told)
          expect(cut.left).toBe(0)
        }
        expect(between).toBeGreaterThan(2)
        const over = await story(new VirtualClock(), act, 'over')
        expect(over.told.rows?.length).toBe(3_000)
        expect(await story(new WorkingClock(), act, 'ending')).toEqual(over)
      },
      20_000,
    )
  })
})
