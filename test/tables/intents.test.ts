/**
 * Intent × intent × intent: every sequence of three calls, in one turn and in turns of their own, on services at rest and
 * up, against an oracle that knows the words of R6 and R8 only; and the algebra of it: idempotent and associative.
 */
import { defineService, isKeelsonError, Orchestrator, type Service } from 'keelson'
import { type EventRecord, recordEvents, VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { type Settled, settled } from '../support/promises.js'
import { type End, type Prophecy, TRIPLES, turn, turns, VERBS, type Verb } from '../support/tables-intents.js'

/** `a`, which requires `b`, with hooks that take `takes` ms, and every object that is ever brought as `a`. */
class Rig {
  readonly clock: VirtualClock = new VirtualClock()
  readonly objects: Service[] = [this.#make()]
  readonly calls: Settled<unknown>[] = []
  readonly app: Orchestrator
  readonly log: EventRecord
  readonly #takes: number

  constructor(takes = 0) {
    this.#takes = takes
    const b = defineService('b', {})
    this.app = new Orchestrator({ services: [b, this.objects[0]!], clock: this.clock })
    this.log = recordEvents(this.app, { types: ['state'] })
  }

  #make(): Service {
    const pass = (): Promise<void> | undefined => (this.#takes > 0 ? this.clock.sleep(this.#takes) : undefined)
    return defineService('a', { dependsOn: ['b'], start: pass, stop: pass })
  }

  async begin(up: boolean): Promise<void> {
    if (!up) return
    settled(this.app.start())
    await this.clock.advance(this.#takes)
    this.log.clear()
  }

  call(verb: Verb): void {
    this.calls.push(settled(this.#act(verb)))
  }

  /** What has become of it, in the words of the oracle. */
  get found(): Prophecy {
    const a = this.app.registry.get('a')
    const status = a === undefined ? undefined : this.app.getServiceStatus('a')
    const epoch =
      status?.epoch ?? this.log.events.reduce((last, e) => (e.type === 'state' && e.name === 'a' ? e.epoch : last), -1)
    return {
      calls: this.calls.map(({ status, error }) =>
        status === 'rejected' ? codeOf(error) : status === 'fulfilled' ? 'done' : status,
      ),
      a: status === undefined ? 'absent' : endOf(status.phase),
      b: endOf(this.app.getServiceStatus('b').phase),
      object: a === undefined ? -1 : this.objects.indexOf(a),
      epochs: [epoch],
    }
  }

  /** Brings everything to rest; every promise has settled, and no timer is left. */
  async end(): Promise<void> {
    const stop = settled(this.app.stop())
    await this.clock.advance(10 * this.#takes)
    expect([...this.calls, stop].filter(({ status }) => status === 'pending')).toEqual([])
    expect(this.clock.pending).toBe(0)
  }

  #act(verb: Verb): Promise<unknown> {
    const { app } = this
    // Objects are numbered by the call that brings them.
    if (verb === 'register' || verb === 'replace') this.objects[this.calls.length + 1] = this.#make()
    switch (verb) {
      case 'start':
        return app.start()
      case 'stop':
        return app.stop()
      case 'stop b':
        return app.stopService('b')
      case 'register':
      case 'replace':
        return app[verb](this.objects.at(-1)!)
      default:
        return app[verb]('a')
    }
  }
}

const codeOf = (error: unknown): string => (isKeelsonError(error) ? error.code : String(error))
const endOf = (phase: string): End => (phase === 'active' ? 'up' : phase === 'pending' ? 'waiting' : 'down')

/** What was found, but for what the rules leave open. */
function expectTold(found: Prophecy, told: Prophecy): void {
  const open = found.calls.map((call, i) => (told.calls[i]?.split(' or ').includes(call) ? told.calls[i] : call))
  // Of what is not registered any more neither the object nor the epoch can be read.
  const absent = told.a === 'absent'
  expect({
    ...found,
    calls: open,
    ...(!absent && told.epochs.includes(found.epochs[0]!) && { epochs: told.epochs }),
    ...(absent && { epochs: [], object: -1 }),
  }).toEqual(absent ? { ...told, epochs: [], object: -1 } : told)
}

describe.each([
  ['at rest', false],
  ['up', true],
])('three intents on a service that is %s', (_where, up) => {
  it.each(TRIPLES)('R8 in one turn: %s, %s, %s', async (...triple) => {
    const rig = new Rig()
    await rig.begin(up)
    for (const verb of triple) rig.call(verb)
    await rig.clock.settle()
    expectTold(rig.found, turn(triple, up))
    await rig.end()
  })

  it.each(TRIPLES)('R6 R8 in turns of their own: %s, %s, %s', async (...triple) => {
    const rig = new Rig()
    await rig.begin(up)
    for (const verb of triple) {
      rig.call(verb)
      await rig.clock.settle()
    }
    expectTold(rig.found, turns(triple, up))
    await rig.end()
  })

  it.each(VERBS)('R8 idempotent: %s twice in a turn is %s', async (verb) => {
    const [once, twice] = await Promise.all(
      [1, 2].map(async (times) => {
        const rig = new Rig()
        await rig.begin(up)
        for (let i = 0; i < times; i++) rig.call(verb)
        await rig.clock.settle()
        const { calls, ...found } = rig.found
        const lines = rig.log.lines()
        await rig.end()
        return { found, lines, first: calls[0], second: calls[1] }
      }),
    )
    const { second, ...rest } = twice!
    expect(rest).toEqual({ found: once!.found, lines: once!.lines, first: once!.first })
    // Two of one direction join; what can be there only once is refused the second time.
    const alone: Partial<Record<Verb, string>> = {
      unregister: 'SERVICE_NOT_FOUND',
      register: 'SERVICE_DUPLICATE',
      replace: 'SERVICE_IN_USE',
    }
    expect(second).toBe(alone[verb] ?? once!.first)
  })
})

/** The ways to deal three calls out to turns. */
const GROUPINGS = [
  [0, 0, 0],
  [0, 0, 1],
  [0, 1, 1],
  [0, 1, 2],
] as const

/** Calls that share a turn as far as their numbers are equal, while hooks take their time and none is over between. */
async function group(triple: readonly Verb[], grouping: readonly number[]): Promise<Prophecy> {
  const rig = new Rig(10)
  await rig.begin(true)
  for (const [i, verb] of triple.entries()) {
    if (i > 0 && grouping[i] !== grouping[i - 1]) await rig.clock.settle()
    rig.call(verb)
  }
  await rig.clock.advance(100)
  const { found } = rig
  await rig.end()
  return found
}

/** Whether a call is refused when it is made, of calls that take their time: then it was no intent. */
function isRefused(triple: readonly Verb[], grouping: readonly number[]): boolean {
  let [stopping, restarting, removing, replacing, stopped] = [false, false, false, false, false]
  for (const [i, verb] of triple.entries()) {
    if (i > 0 && grouping[i] !== grouping[i - 1]) {
      // What was overtaken in a turn is over after it.
      if (restarting) stopping = false
      if (stopped) replacing = false
    }
    const isStart = verb === 'startService' || verb === 'restartService' || verb === 'replace'
    if (verb === 'register' || (isStart && stopping)) return true
    if (removing && (isStart || verb === 'unregister')) return true
    if (replacing && verb === 'replace') return true
    if (verb === 'stop') stopping = true
    else if (verb === 'start') restarting = stopping
    else if (verb === 'unregister') removing = true
    else if (verb === 'replace') replacing = true
    else if (!isStart) stopped = replacing
  }
  return false
}

const REFUSED = ['CLOSED', 'SERVICE_NOT_FOUND', 'SERVICE_IN_USE', 'SERVICE_DUPLICATE']

describe('three intents on services that are up and whose hooks take their time', () => {
  it.each(TRIPLES)('R8 associative: %s, %s, %s', async (...triple) => {
    const accepted: Prophecy[] = []
    for (const grouping of GROUPINGS) {
      const found = await group(triple, grouping)
      // What was refused was no intent; that depends on when it was called.
      const refused = found.calls.some((call) => REFUSED.includes(call))
      expect(refused, `refused when dealt out ${grouping}`).toBe(isRefused(triple, grouping))
      if (!refused) accepted.push(found)
    }
    // Nor was the start of what is removed in the same turn: it wants nothing, `b` neither.
    const start = triple.findIndex((verb) => verb === 'startService' || verb === 'restartService' || verb === 'replace')
    const isGone = start >= 0 && triple.indexOf('unregister', start) > start
    const ends = accepted.map(({ a, b, object }) => ({ a, object, ...(!isGone && { b }) }))
    expect(ends).toEqual(ends.map(() => ends[0]))
  })
})
