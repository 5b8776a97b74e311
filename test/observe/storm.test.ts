/** Random histories: whatever happens, spans come and go as services do, and their tree is sound. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it } from 'vitest'
import { ms, observing, telemetry } from '../support/telemetry.js'
import { service, settled, world } from '../support/world.js'

/** mulberry32: the same story for the same seed. */
function chance(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
}

/** Reasons of stops that one kind of call alone gives. */
const ASKED: { [reason: string]: string | undefined } = {
  manual: 'stop',
  shutdown: 'stop',
  restart: 'restart',
  replaced: 'replace',
  removed: 'unregister',
}

describe.each(Array.from({ length: 40 }, (_, i) => i + 1))('storm %i', (seed) => {
  it('each start and stop is one span, ended once, below one that was there before it', async () => {
    const below = chance(seed)
    const names = Array.from({ length: 9 }, (_, i) => `s${i}`)
    const made = (name: string, i: number) =>
      service(name, {
        dependsOn: names.slice(0, i).filter(() => below(3) === 0),
        start: { takes: below(20), fails: below(3) },
        stop: { takes: below(5), fails: below(4) === 0 },
        startDelay: below(2) * 7,
        essential: below(4) > 0,
        restart: { initialBackoff: 15, maxRetries: below(4) },
        ...(below(3) === 0 ? { run: { takes: 40 + below(60) } } : {}),
        ...(below(3) === 0 ? { check: () => below(3) > 0, healthCheck: { interval: 25, failureThreshold: 2 } } : {}),
      })
    const services = names.map(made)
    const { app, clock, log } = world({ services })
    const { observer, spans } = telemetry()
    const observation = observing(app, observer, { clock })
    for (let step = 0; step < 60; step++) {
      const i = below(names.length)
      const name = names[i] as string
      const calls = [
        () => app.start({ onFailure: (['rollback', 'keep', 'retry'] as const)[below(3)] ?? 'keep' }),
        () => app.startService(name, { timeout: 30 }),
        () => app.startService(name),
        () => app.stopService(name),
        () => app.restartService(name),
        () => app.replace(made(name, i)),
        () => app.stop({ timeout: 20 }),
        () => Promise.resolve(services[i]?.crash()),
      ]
      void settled((calls[below(calls.length)] as () => Promise<unknown>)())
      await clock.advance(below(40))
    }
    void settled(app.stop())
    await clock.advance(60_000)

    const all = spans()
    const of = (name: string): ReadableSpan[] => all.filter((span) => span.name === name)
    const states = log.events.filter((event) => event.type === 'state')
    expect(of('keelson.service.start')).toHaveLength(states.filter(({ newState }) => newState === 'starting').length)
    expect(of('keelson.service.stop')).toHaveLength(states.filter(({ newState }) => newState === 'stopping').length)
    const begins = log.events.filter((event) => event.type === 'operation' && event.phase === 'begin')
    expect(all.filter(({ attributes }) => 'keelson.operation.id' in attributes)).toHaveLength(begins.length)
    expect(log.lines().filter((line) => line.startsWith('listenerError'))).toEqual([])

    const byId = new Map(all.map((span) => [span.spanContext().spanId, span]))
    const unsound = all.filter((span) => {
      const parent = span.parentSpanContext === undefined ? undefined : byId.get(span.parentSpanContext.spanId)
      if (span.parentSpanContext !== undefined && parent === undefined) return true
      return (
        (parent !== undefined && ms(parent.startTime) > ms(span.startTime)) || ms(span.endTime) < ms(span.startTime)
      )
    })
    expect(unsound.map(({ name }) => name)).toEqual([])
    // Whatever only a call can have asked for is below a call of that kind.
    const strayed = of('keelson.service.stop').flatMap((span) => {
      const reason = String(span.attributes['keelson.stop.reason'])
      const asked = ASKED[reason]
      const parent = byId.get(span.parentSpanContext?.spanId ?? '')
      return asked === undefined || asked === parent?.attributes['keelson.operation.name']
        ? []
        : [`${reason} below ${parent?.name}`]
    })
    expect(strayed).toEqual([])
    const downwards = of('keelson.service.start').flatMap(({ attributes, parentSpanContext }) => {
      const { name, attributes: above } = byId.get(parentSpanContext?.spanId ?? '') ?? {}
      return ['stop', 'unregister'].includes(String(above?.['keelson.operation.name']))
        ? [`${attributes['keelson.service.name']}#${attributes['keelson.service.epoch']} below ${name}`]
        : []
    })
    expect(downwards).toEqual([])
    observation()
    expect(spans()).toHaveLength(all.length) // nothing was left open
  })
})
