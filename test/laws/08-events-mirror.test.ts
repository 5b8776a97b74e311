/** R38, R39, R44: a mirror is told what a turn has decided, before its hooks are entered and its events delivered. */
import { defineService, type Observed, Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'

/** An orchestrator with a copy of what is observed, kept by a mirror, and a log of what happened when. */
function mirrored() {
  const clock = new VirtualClock()
  const log: string[] = []
  const copy = new Map<string, Observed>()
  let fails = false
  const hook = (name: string, what: string) => () => {
    log.push(`${what} ${name}: ${copy.get(name)?.state}`)
    if (fails && name === 'db') throw new Error('no')
  }
  const service = (name: string, more: object = {}) =>
    defineService(name, { start: hook(name, 'start'), stop: hook(name, 'stop'), ...more })
  const restart = { initialBackoff: 100, jitter: 0 }
  const app = new Orchestrator({
    clock,
    services: [service('db', { restart }), service('api', { dependsOn: ['db'], check: () => true })],
  })
  for (const { name, ...status } of app.snapshot().services)
    copy.set(name, { name, registered: true, attempt: 0, stopReason: undefined, seq: 0, ...status })
  const end = app.mirror((changed) => {
    for (const each of changed) each.registered ? copy.set(each.name, each) : copy.delete(each.name)
  })
  app.on('state', ({ name, newState }) => log.push(`told ${name}: ${newState}, copied ${copy.get(name)?.state}`))
  const statuses = () =>
    app
      .getAllServices()
      .map(({ name, state, health, epoch, attempt = 0, stopReason }) =>
        [name, state, health, epoch, attempt, stopReason].join(' '),
      )
  const copied = () =>
    [...copy.values()].map(({ name, state, health, epoch, attempt, stopReason }) =>
      [name, state, health, epoch, attempt, stopReason].join(' '),
    )
  return { app, clock, log, copy, copied, statuses, service, end, fail: (on: boolean) => (fails = on) }
}

describe('a mirror', () => {
  it('R38 R44 shows the state that a hook belongs to when the hook is entered, and before its event is delivered', async () => {
    const { app, log } = mirrored()
    await app.start()
    await app.stop()
    expect(log.filter((line) => /^(start|stop)/.test(line))).toEqual([
      'start db: starting',
      'start api: starting',
      'stop api: stopping',
      'stop db: stopping',
    ])
    const told = log.filter((line) => line.startsWith('told')).map((line) => /: (\w+), copied (\w+)/.exec(line))
    // What is copied is never behind; it may be ahead by what the same turn decided next.
    expect(told.every((match) => match !== null && match[2] !== 'unknown')).toBe(true)
  })

  it('R37 is what every status says, after each turn of a life with failures, retries, checks and hot change', async () => {
    const { app, clock, copied, statuses, service, fail } = mirrored()
    const same = () => expect(copied()).toEqual(statuses())
    fail(true)
    const starting = app.startService('api').catch(() => {}) // the restart policy goes on
    await clock.settle()
    same()
    expect(statuses()[0]).toBe('db retrying unknown 1 1 failed')
    fail(false)
    await clock.advance(100)
    await starting
    same()
    await app.register(service('late', { dependsOn: ['api'] }))
    same()
    await app.startService('late')
    await app.restartService('db')
    await clock.settle()
    same()
    await app.unregister('db', { force: true })
    same()
    await app.register(service('db'))
    await app.start()
    await clock.settle()
    expect(new Set(copied())).toEqual(new Set(statuses()))
    await app.stop()
    expect(new Set(copied())).toEqual(new Set(statuses()))
  })

  it('R39 that throws is reported, and disturbs nobody', async () => {
    const { app, copied, statuses } = mirrored()
    const errors: unknown[] = []
    app.on('listenerError', ({ error }) => errors.push(error))
    const mistake = new Error('mirror')
    const end = app.mirror(() => {
      throw mistake
    })
    await app.start()
    end()
    expect(new Set(errors)).toEqual(new Set([mistake]))
    expect(copied()).toEqual(statuses())
    const many = errors.length
    await app.stop()
    expect(errors.length).toBe(many)
  })

  it('is told of a registration at once, also where nothing is wanted up', async () => {
    const { app, copy, service } = mirrored()
    await app.register(service('more'))
    expect(copy.get('more')).toMatchObject({ state: 'unknown', epoch: 0 })
    app.registry.unregister('more')
    await Promise.resolve()
    expect(copy.has('more')).toBe(false)
  })

  it('is told nothing more once it has ended, and takes nothing but a function', async () => {
    const { app, copy, end } = mirrored()
    end()
    await app.start()
    expect(copy.get('db')?.state).toBe('unknown')
    expect(await codeOf(() => app.mirror(7 as never))).toBe('CONFIG_INVALID')
  })
})
