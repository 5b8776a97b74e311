// What being observed costs: a wide graph is started and stopped by itself, with the observer that does nothing, and with
// one that takes every span and number and keeps none, and the same without any observer is subtracted.

import assert from 'node:assert/strict'
import type * as Keelson from 'keelson'
import type * as Observe from 'keelson/observe'
import { entry } from '../contestants/keelson.js'
import type { Figures, Results, Row, Scenario } from '../scenario.js'
import { median } from '../statistics.js'

const SERVICES = 500
const WARM = 40
const MEASURED = 101

let spans = 0

/** Takes everything, keeps nothing: what is measured is keelson's part. */
const span: Observe.Span = { setAttribute() {}, setError() {}, end: () => void spans++ }
const taking: Observe.Observer = {
  startSpan: () => span,
  counter: () => ({ add() {} }),
  histogram: () => ({ record() {} }),
}

type Observing = (app: Keelson.Orchestrator) => () => unknown

/** The doors of the build that is measured. */
async function doors(): Promise<typeof Keelson & typeof Observe> {
  const room = entry === 'keelson' ? 'keelson/observe' : entry.replace(/index\.js$/, 'observe/index.js')
  return { ...((await import(entry)) as typeof Keelson), ...((await import(room)) as typeof Observe) }
}

async function measure(): Promise<Figures> {
  const { defineService, nopObserver, Orchestrator, observe } = await doors()
  const once = async (observing: Observing): Promise<number> => {
    const services = Array.from({ length: SERVICES }, (_, i) => defineService(`s${i}`, { start() {}, stop() {} }))
    const app = new Orchestrator({ services })
    const end = observing(app)
    const t = performance.now()
    await app.start()
    await app.stop()
    const took = performance.now() - t
    end()
    return (took * 1_000) / SERVICES
  }
  const nobody: Observing = () => () => {}
  const kinds: Readonly<Record<string, Observing>> = {
    again: nobody, // what is left of nothing: the noise
    nop: (app) => observe(app, nopObserver),
    taken: (app) => observe(app, taking),
  }
  const figures: Figures = {}
  for (const phase of [WARM, MEASURED])
    for (const [kind, observing] of Object.entries(kinds)) {
      const differences: number[] = []
      for (let k = 0; k < phase; k++) {
        const without = await once(nobody)
        differences.push((await once(observing)) - without)
      }
      figures[kind] = median(differences)
    }
  assert.equal(spans, (WARM + MEASURED) * (2 * SERVICES + 2))
  return figures
}

/** The observer that takes everything is given all of it. */
async function verify(): Promise<void> {
  const { defineService, Orchestrator, observe } = await doors()
  const app = new Orchestrator({ services: [defineService('a'), defineService('b', { dependsOn: ['a'] })] })
  const names: string[] = []
  const observer: Observe.Observer = {
    ...taking,
    startSpan(name) {
      names.push(name)
      return span
    },
  }
  const end = observe(app, observer)
  await app.start()
  await app.stop()
  end()
  const of = (kind: string): string[] => [`keelson.${kind}`, `keelson.service.${kind}`, `keelson.service.${kind}`]
  assert.deepEqual(names, [...of('start'), ...of('stop')])
}

function rows(results: Results): Row[] {
  const cost = (figure: string): number => median(results.values('observe', 'keelson', figure))
  return [
    { what: 'nothing, as it is told apart here', value: cost('again'), unit: 'µs' },
    {
      what: 'nopObserver, per service',
      value: cost('nop'),
      unit: 'µs',
      atMost: 0.3,
      gist: 'no observer, µs per service',
    },
    { what: 'an observer that takes everything, per service', value: cost('taken'), unit: 'µs' },
  ]
}

export const scenario: Scenario = {
  name: 'observe',
  about: 'start and stop of 500 no-op services with an observer, µs per service beyond the same without',
  main: 'nop',
  cases: () => [{ id: 'observe', params: {}, contestants: ['keelson'] }],
  verify,
  measure,
  rows,
}
