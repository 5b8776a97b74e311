// Ten thousand services whose health is asked for every second, by checks that take 0 to 5 ms of waiting: what of a core
// the library uses beyond the checks themselves, and how late the event loop runs. The floor calls the same checks from a
// timer wheel of ten thousand plain timeouts' worth: one interval of a millisecond that serves who is due.

import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type * as Keelson from 'keelson'
import { entry } from '../contestants/keelson.js'
import type { Figures, Params, Results, Row, Scenario } from '../scenario.js'
import { seeded } from '../shapes.js'
import { median } from '../statistics.js'

const INTERVAL = 1_000
const SETTLE = 2_000

interface Counted {
  checks: number
}

/** A check that waits for 0 to 5 ms, or answers at once. */
function checker(counted: Counted): () => Promise<boolean> | boolean {
  const random = seeded(3)
  return () => {
    counted.checks++
    const wait = Math.floor(random() * 6)
    if (wait === 0) return true
    return new Promise((resolve) => setTimeout(resolve, wait, true))
  }
}

/** Starts it all; returns what ends it. */
type Run = (count: number, check: () => Promise<boolean> | boolean) => Promise<() => unknown>

const floor: Run = async (count, check) => {
  const wheel: number[][] = Array.from({ length: INTERVAL }, () => [])
  for (let i = 0; i < count; i++) wheel[i % INTERVAL]!.push(i)
  const healthy = new Uint8Array(count)
  const began = performance.now()
  let turned = 0
  const timer = setInterval(() => {
    const now = Math.floor(performance.now() - began)
    for (; turned < now; turned++)
      for (const i of wheel[turned % INTERVAL]!) {
        const answer = check()
        if (answer instanceof Promise) answer.then((good) => healthy.fill(good ? 1 : 0, i, i + 1))
        else healthy[i] = answer ? 1 : 0
      }
  }, 1)
  return () => clearInterval(timer)
}

const keelson: Run = async (count, check) => {
  const { defineService, Orchestrator } = (await import(entry)) as typeof Keelson
  const services = Array.from({ length: count }, (_, i) =>
    defineService(`s${i}`, { check, healthCheck: { interval: INTERVAL } }),
  )
  const app = new Orchestrator({ services })
  await app.start()
  return () => app.stop()
}

async function measure(name: string, params: Params): Promise<Figures> {
  const counted = { checks: 0 }
  const end = await (name === 'keelson' ? keelson : floor)(Number(params.count), checker(counted))
  await new Promise((resolve) => setTimeout(resolve, SETTLE))
  globalThis.gc?.()
  counted.checks = 0
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const [cpu, began] = [process.cpuUsage(), performance.now()]
  await new Promise((resolve) => setTimeout(resolve, Number(params.time)))
  const { user, system } = process.cpuUsage(cpu)
  const took = performance.now() - began
  delay.disable()
  const rate = counted.checks / (took / 1_000)
  await end()
  assert.ok(rate > Number(params.count) * 0.8, `${rate} checks a second`)
  // The histogram counts from the end of a tick: what is above its resolution is delay.
  return { core: ((user + system) / 1_000 / took) * 100, p99: delay.percentile(99) / 1e6 - 1, rate }
}

function rows(results: Results): Row[] {
  return results.cases.flatMap(({ id }) => {
    const beyond = median(
      results.compared([id, 'keelson', 'core'], [id, 'floor', 'core'], (core, checks) => core - checks),
    )
    const p99 = median(results.values(id, 'keelson', 'p99'))
    const [core, delay] = ['of one core, beyond the checks (the floor)', 'event-loop delay, p99']
    return [
      { what: core, value: beyond, unit: '%', atMost: 5, gist: core },
      { what: delay, value: p99, unit: 'ms', atMost: 10, gist: delay },
    ]
  })
}

export const scenario: Scenario = {
  name: 'checks',
  about:
    '10 000 services with a check each second that takes 0-5 ms: % of one core, event-loop delay p99 in ms, checks per second',
  main: 'core',
  cases: () => [{ id: 'checks 10000', params: { count: 10_000, time: 6_000 }, contestants: ['floor', 'keelson'] }],
  uses: { floor: 'calls the same checks from a wheel of a thousand slots that one interval of a millisecond turns' },
  verify: async (name) => void (await measure(name, { count: 100, time: 2_000 })),
  measure,
  rows,
}
