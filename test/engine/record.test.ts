/** A service at run time, as data: what is read off it, at the edges of each reading. */
import { describe, expect, it } from 'vitest'
import { append, without } from '../../src/engine/list.js'
import { Down, type Driver, Edge, Part, Record } from '../../src/engine/record.js'
import { edges, Fact } from '../../src/kernel/edge.js'
import { defaultSettings } from '../../src/kernel/settings.js'
import { PHASE } from '../../src/kernel/state.js'
import type { ServiceState } from '../../src/service.js'

const LIVE = { current: {} } as unknown as Partial<Record>
const CORE = { core: { service: 'the service' } } as unknown as Partial<Record>
const record = (...fields: Partial<Record>[]): Record => {
  const made: Record = Object.assign(new Record('db', defaultSettings(), { now: 0, wall: 0 }), ...fields)
  made.phase = PHASE[made.state]
  return made
}
const always = {
  settings: { ...defaultSettings(), restart: { ...defaultSettings().restart, policy: 'always' } },
} as const
const driver = {} as Driver
const edge = (to: Record, fields: object = {}, implied = false): Edge =>
  new Edge(record(), to, edges('api', [{ name: 'db', ...fields }])[0] as Edge['spec'], implied)

describe('what a record says', () => {
  it('R13 it is in use with an instance, or through a dependent', () => {
    expect([{}, { users: 1 }, LIVE].map((fields) => record(fields).inUse)).toEqual([false, true, true])
  })

  it('R6 it is desired up while somebody wants it and nobody told it to be down', () => {
    const claims = [new Part(driver, record(), true, true)]
    const all: Partial<Record>[] = [{}, { wanted: true }, { claims }, { wanted: true, down: Down.manual }]
    expect(all.map((fields) => record(fields).desired)).toEqual([false, true, true, false])
  })

  it.each([
    [0, 'cancelled', false],
    [Down.manual, 'manual', false],
    [Down.shut, 'shutdown', false],
    [Down.manual | Down.shut, 'shutdown', false],
    [Down.removing, 'removed', true],
    [Down.manual | Down.shut | Down.removing, 'removed', true],
  ] as const)('R9 told to be down as %d it is down as %s', (down, reason, removing) => {
    const told = record({ down, withdrawn: 'cancelled' })
    expect([told.downReason, told.removing]).toEqual([reason, removing])
  })

  it('R13 a stop waits for those that lean on it, a shutdown for all that are in use', () => {
    const instant = { now: 5, wall: 6 }
    const told = record({ leaning: 2, users: 3 })
    expect(told.awaited).toBe(2)
    const stop = told.stopping(instant)
    expect([told.awaited, stop.asked, told.stopping({ now: 7, wall: 8 })]).toEqual([2, instant, stop])
    stop.orderAll = true
    expect(told.awaited).toBe(3)
  })

  it('R17 it has completed for good without an instance, unless the policy runs it again', () => {
    const all = [{}, { completed: true }, { completed: true, ...LIVE }, { completed: true, ...always }]
    expect(all.map((fields) => record(fields as Partial<Record>).completedForGood)).toEqual([false, true, false, false])
  })

  it.each<readonly [string, boolean, Partial<Record>]>([
    ['active and healthy', true, { state: 'running', health: 'healthy' }],
    ['active and degraded', true, { state: 'connected', health: 'degraded' }],
    ['active without a verdict', false, { state: 'running', health: 'checking' }],
    ['about to stop', false, { state: 'running', health: 'healthy', ending: true }],
    ['in an epoch that is to end', false, { state: 'running', health: 'healthy', epoch: 2, leastEpoch: 3 }],
    ['in the epoch that was asked for', true, { state: 'running', health: 'healthy', epoch: 3, leastEpoch: 3 }],
    ['completed and wanted', true, { state: 'stopped', completed: true, wanted: true }],
    ['completed and not wanted', false, { state: 'stopped', completed: true }],
    ['completed, and running again', false, { state: 'starting', completed: true, wanted: true, ...LIVE }],
    ['at rest', false, { state: 'stopped', wanted: true }],
  ])('R29 one that is %s is what an operation waits for: %s', (_, ok, fields) => {
    expect(record(fields).ok).toBe(ok)
  })
})

describe('the facts', () => {
  const names = (fields: Partial<Record>): string[] => {
    const { factsNow } = record(CORE, fields)
    return Object.entries(Fact).flatMap(([name, bit]) => ((factsNow & bit) === 0 ? [] : [name]))
  }
  const wait = edge(record())

  it.each<readonly [Partial<Record>, readonly string[]]>([
    [{ state: 'running', health: 'healthy', wanted: true }, ['started', 'healthy', 'wanted']],
    [{ state: 'running', health: 'checking', wanted: true }, ['started', 'wanted']],
    [{ state: 'running', health: 'unhealthy', wanted: true }, ['started', 'settled', 'wanted']],
    [{ state: 'running', health: 'healthy', ending: true }, ['ending']],
    [{ state: 'running', health: 'healthy', completed: true }, ['started', 'healthy', 'completed', 'ended']],
    [{ state: 'stopped' }, ['settled']],
    [{ state: 'stopped', wanted: true }, ['wanted']],
    [{ state: 'stopped', completed: true }, ['started', 'completed', 'settled', 'ended']],
    [{ state: 'waiting', completed: true, ...always, wanted: true }, ['started', 'completed', 'settled', 'wanted']],
    [{ state: 'failed', gaveUp: true, wanted: true }, ['settled', 'gaveUp', 'wanted']],
    [{ state: 'auth_required', gaveUp: true, wanted: true }, ['settled', 'gaveUp', 'wanted']],
    [{ state: 'retrying', wanted: true }, ['settled', 'wanted']],
    [{ state: 'waiting', wanted: true }, ['wanted']],
    [{ state: 'waiting', wanted: true, stuck: 1 }, ['settled', 'wanted']],
    [{ state: 'waiting' }, ['settled']],
    [{ state: 'starting' }, []],
    [{ state: 'stopping' }, []],
  ])('of %o are %j', (fields, facts) => {
    const { state = 'unknown' } = fields
    const live = PHASE[state as ServiceState] === 'active' && fields.completed !== true ? LIVE : {}
    expect(names({ ...live, ...fields }).sort()).toEqual([...facts].sort())
  })

  it('one that failed by a mere wait has not given up', () => {
    const failed = record(CORE, { state: 'failed', gaveUp: true, wanted: true })
    failed.pausing.failedWait = wait
    expect(failed.factsNow & Fact.gaveUp).toBe(0)
  })

  it('a missing one has settled, and nothing else', () => {
    expect(record({ state: 'running', health: 'healthy', wanted: true }).factsNow).toBe(Fact.settled)
  })
})

describe('an edge', () => {
  it('R13 is closed towards one that is about to stop, if it leans on it, waived or not', () => {
    const ending = record({ facts: Fact.ending })
    for (const [fields, opens] of [
      [{}, false],
      [{ onLoss: 'keep' }, true],
      [{ condition: 'completed' }, true],
    ] as const) {
      const closed = edge(ending, fields)
      expect(closed.opens()).toBe(false)
      closed.waived = true
      expect(closed.opens()).toBe(opens)
    }
  })

  it('R29 asks its target for what is hopeless', () => {
    expect([Fact.gaveUp, Fact.wanted].map((facts) => edge(record({ facts })).hopeless)).toEqual([true, false])
  })
})

describe('a part of an operation', () => {
  it.each<readonly [Partial<Record>, number]>([
    [{ epoch: 4 }, 5],
    [{ epoch: 4, leastEpoch: 9 }, 5],
    [{ epoch: 4, ...LIVE }, 4],
    [{ epoch: 4, leastEpoch: 5, ...LIVE }, 5],
    [{ epoch: 4, leastEpoch: 3, ...LIVE }, 4],
    [{ epoch: 4, state: 'stopping', ...LIVE }, 5],
    [{ epoch: 4, state: 'running', ending: true, ...LIVE }, 5],
  ])('R8 of %o asks for epoch %d', (fields, least) => {
    const part = new Part(driver, record(fields), true, false)
    const { epochBefore, wasLive, essential, target, ok, took } = part
    expect(part.least).toBe(least)
    expect([epochBefore, wasLive, essential, target]).toEqual([4, fields.current !== undefined, true, false])
    expect([ok, took]).toEqual([false, -1])
  })

  it('is taken out of the lists of its service, and no other is', () => {
    const db = record()
    const [a, b, c] = [0, 1, 2].map(() => new Part(driver, db, true, true)) as [Part, Part, Part]
    db.claims = [a, b, c]
    db.stops = [a, b, c]
    for (const [gone, left] of [
      [a, [b, c]],
      [a, [b, c]],
      [c, [b]],
      [a, [b]],
      [b, []],
      [b, []],
    ] as const) {
      db.unclaim(gone)
      db.unawait(gone)
      expect(new Set(db.claims)).toEqual(new Set(left))
      expect(new Set(db.stops)).toEqual(new Set(left))
    }
    db.claims = [a, b]
    db.unclaim()
    expect(db.claims).toEqual([])
  })
})

describe('waiting', () => {
  it('what nobody has asked for is one shared nothing', () => {
    const [a, b] = [record(), record()]
    expect([a.paused, a.pause === b.pause, Object.isFrozen(a.pause)]).toEqual([false, true, true])
    a.pausing.dueAt = 5
    expect([a.paused, a.pause.dueAt, b.pause.dueAt]).toEqual([true, 5, 0])
    a.unpause()
    expect([a.paused, a.pause.dueAt]).toEqual([false, 0])
  })

  it('what it failed by stays when it waits no longer, until it is taken up again', () => {
    const failed = record()
    const culprit = new Error('boom') as unknown as NonNullable<Record['lastError']>
    const failedWait = edge(record())
    Object.assign(failed.pausing, { culprit, failedWait, dueAt: 5 })
    failed.unpause()
    expect(failed.pause).toMatchObject({ dueAt: 0 })
    expect([failed.pause.culprit, failed.pause.failedWait]).toEqual([culprit, failedWait])
    failed.resume()
    expect(failed.paused).toBe(false)
  })
})

it('R10 a dependency is found by its declared name; one of the order of registration is none', () => {
  const api = record({ deps: [edge(record(CORE), {}, true)] })
  expect(api.dependency('db')).toBe(null)
  api.deps = [edge(record(CORE))]
  expect([api.dependency('db'), api.dependency('cache')]).toEqual(['the service', null])
  api.deps = [edge(record())]
  expect(api.dependency('db')).toBe(undefined)
})

describe('lists', () => {
  it('the shared empty one is never put into, and all lengths keep their order', () => {
    const empty: number[] = []
    let list = empty
    for (let i = 0; i < 20; i++) list = append(list, i)
    expect([empty, list]).toEqual([[], Array.from({ length: 20 }, (_, i) => i)])
  })

  it('an item is taken out wherever it is, once', () => {
    for (const item of [1, 2, 3, 4]) {
      const list = [1, 2, 3]
      without(list, item)
      expect(list.sort()).toEqual([1, 2, 3].filter((each) => each !== item))
    }
    const list = [1]
    without(list, 1)
    expect(list).toEqual([])
  })
})
