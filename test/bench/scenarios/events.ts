// What state events cost: a wide graph is started and stopped with 1 to 1 000 subscribers, and with an async iterator, and
// the same without anybody listening is subtracted. The yardstick is a bare eventemitter3 that hands the same kind of
// object to as many listeners.

import assert from 'node:assert/strict'
import type * as Keelson from 'keelson'
import { entry } from '../contestants/keelson.js'
import type { Figures, Results, Row, Scenario } from '../scenario.js'
import { median } from '../statistics.js'

const SUBSCRIBERS = [1, 10, 100, 1_000]
const SERVICES = 500
/** Each service starts and stops: four state events. */
const EVENTS = SERVICES * 4
const WARM = 40
const MEASURED = 41

let delivered = 0
const listener = (event: { newState: string }): void => {
  if (event.newState.length > 0) delivered++
}

/** Attaches who listens; gives who is not done with the last event when the stop is, and what detaches them. */
type Listening = (app: Keelson.Orchestrator) => { readonly reading?: Promise<unknown>; end?(): unknown }

async function keelson(): Promise<Figures> {
  const { defineService, Orchestrator } = (await import(entry)) as typeof Keelson
  const once = async (listen: Listening): Promise<number> => {
    const services = Array.from({ length: SERVICES }, (_, i) => defineService(`s${i}`, { start() {}, stop() {} }))
    const app = new Orchestrator({ services })
    const { reading, end } = listen(app)
    const t = performance.now()
    await app.start()
    await app.stop()
    if (reading !== undefined) await reading
    const took = performance.now() - t
    end?.()
    return (took * 1_000) / EVENTS
  }
  const subscribed =
    (count: number): Listening =>
    (app) => {
      const ends = Array.from({ length: count }, () => app.on('state', (event) => listener(event)))
      return { end: () => ends.map((end) => end()) }
    }
  const iterated: Listening = (app) => {
    const stream = app.events({ buffer: EVENTS * 2 })
    let states = 0
    const reading = (async () => {
      for await (const event of stream) if (event.type === 'state' && ++states === EVENTS) return
    })()
    return { reading }
  }
  const nobody: Listening = () => ({})
  const extra = async (listen: Listening, repeat: number): Promise<number> => {
    const differences: number[] = []
    for (let k = 0; k < repeat; k++) {
      const without = await once(nobody)
      differences.push((await once(listen)) - without)
    }
    return median(differences)
  }
  const figures: Figures = {}
  for (const phase of [WARM, MEASURED])
    for (const count of SUBSCRIBERS) {
      delivered = 0
      const repeat = count === 1_000 ? Math.ceil(phase / 8) : phase
      figures[`${count}`] = await extra(subscribed(count), repeat)
      assert.equal(delivered, EVENTS * count * repeat)
    }
  await extra(iterated, WARM)
  figures.iterator = await extra(iterated, MEASURED)
  return figures
}

/** The least: an object and an `emit` per event. */
async function bare() {
  const { EventEmitter } = await import('eventemitter3')
  return new EventEmitter<{ state: [Parameters<typeof listener>[0] & { seq: number }] }>()
}

async function emitter(): Promise<Figures> {
  const figures: Figures = {}
  for (const phase of [WARM, MEASURED])
    for (const count of SUBSCRIBERS) {
      const bus = await bare()
      for (let k = 0; k < count; k++) bus.on('state', (event) => listener(event))
      const times: number[] = []
      delivered = 0
      for (let k = 0; k < phase; k++) {
        const t = performance.now()
        for (let i = 0; i < EVENTS; i++) {
          const event = {
            type: 'state',
            seq: i,
            timestamp: t,
            name: 's',
            oldState: 'starting',
            newState: 'running',
          }
          bus.emit('state', event)
        }
        times.push(((performance.now() - t) * 1_000) / EVENTS)
      }
      figures[`${count}`] = median(times)
      assert.equal(delivered, EVENTS * count * phase)
    }
  return figures
}

/** Every subscriber gets every change, in order, and so does the iterator. */
async function verify(name: string): Promise<void> {
  if (name === 'eventemitter3') {
    const heard: number[] = []
    const bus = await bare()
    for (let k = 0; k < 3; k++) bus.on('state', ({ seq }) => heard.push(seq * 3 + k))
    for (let seq = 0; seq < 5; seq++) bus.emit('state', { newState: 'running', seq })
    assert.deepEqual(heard, [...Array(15).keys()])
    return
  }
  const { defineService, Orchestrator } = (await import(entry)) as typeof Keelson
  const app = new Orchestrator({ services: [defineService('a'), defineService('b', { dependsOn: ['a'] })] })
  const seen: string[][] = [[], [], []]
  for (const lines of seen.slice(0, 2)) app.on('state', ({ name, newState }) => void lines.push(`${name} ${newState}`))
  const stream = app.events()
  await app.start()
  await app.stop()
  const wanted = seen[0]!.length
  for await (const event of stream)
    if (event.type === 'state' && seen[2]!.push(`${event.name} ${event.newState}`) === wanted) break
  assert.equal(
    seen[0]!.join(),
    'b waiting,a starting,a running,b starting,b running,b stopping,b stopped,a stopping,a stopped',
  )
  assert.deepEqual(seen, [seen[0], seen[0], seen[0]])
}

function rows(results: Results): Row[] {
  const id = 'events'
  const mine = (figure: string): number[] => results.values(id, 'keelson', figure)
  // What the other ninety-nine subscribers cost tells what one delivery does.
  const [one, hundred] = [[id, 'keelson', '1'] as const, [id, 'keelson', '100'] as const]
  const beside = median(results.compared(one, hundred, (a, b) => a - (b - a) / 99))
  const rows: Row[] = [
    {
      what: 'one event, beside its deliveries',
      value: beside,
      unit: 'µs',
      atMost: 0.5,
      gist: 'one state event, beside its deliveries',
    },
  ]
  for (const count of ['100', '1000']) {
    const ratio = median(results.ratios(id, 'keelson', 'eventemitter3', count))
    rows.push({
      what: `${count} subscribers: × eventemitter3`,
      value: ratio,
      atMost: 1.5,
      gist: 'one delivery, from 100 subscribers on, × eventemitter3',
    })
  }
  rows.push({ what: 'to an async iterator, per event', value: median(mine('iterator')), unit: 'µs' })
  return rows
}

export const scenario: Scenario = {
  name: 'events',
  about:
    'one state event delivered to 1, 10, 100, 1 000 subscribers and to an async iterator, µs beyond the same unheard',
  main: '100',
  cases: () => [{ id: 'events', params: {}, contestants: ['eventemitter3', 'keelson'] }],
  uses: { eventemitter3: 'a bare emitter: one object of the same shape and one `emit` for each event' },
  verify,
  measure: (name) => (name === 'keelson' ? keelson() : emitter()),
  rows,
}
