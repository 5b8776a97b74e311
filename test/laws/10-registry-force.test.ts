/** R48, R14: a service that is removed by force is missed by those who require it, until its name is registered again. */
import { defineService, Orchestrator } from 'keelson'
import { recordEvents, VirtualClock } from 'keelson/testing'
import { describe, expect, it } from 'vitest'
import { codeOf } from '../support/laws2.js'

const set = (more: object = {}) => {
  const clock = new VirtualClock()
  const store = () => defineService('store')
  const api = defineService('api', { dependsOn: ['store'], ...more })
  const web = defineService('web', { dependsOn: ['api'] })
  const app = new Orchestrator({ clock, services: [store(), api, web] })
  return { clock, app, store, api, web, seen: recordEvents(app) }
}
const states = ({ app }: { app: Orchestrator }) => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R48 unregister by force', () => {
  it('R14 R48 what requires it stops first, with reason dependency, and waits for the name', async () => {
    const it = set()
    await it.app.start()
    await it.app.unregister('store', { force: true })
    expect(states(it)).toEqual(['api waiting', 'web waiting'])
    const { because, text } = it.app.explain('api')
    expect(because.map(({ name, kind }) => [name, kind]).at(-1)).toEqual(['store', 'missing'])
    expect(text).toContain('store')
    expect(it.app.getServiceStatus('api').stopReason).toBe('dependency')
  })

  it('R14 R48 exactly those come back when the name is registered again, once each', async () => {
    const it = set()
    await it.app.start()
    await it.app.stopService('web')
    await it.app.unregister('store', { force: true })
    await it.app.register(it.store())
    await it.clock.settle()
    expect(states(it)).toEqual(['api running', 'web stopped', 'store running'])
    expect([it.app.getServiceStatus('api').epoch, it.app.getServiceStatus('web').epoch]).toEqual([2, 1])
  })

  it('R14 R48 who runs without it goes on', async () => {
    const it = set({ dependsOn: [{ name: 'store', onLoss: 'keep' }] })
    await it.app.start()
    await it.app.unregister('store', { force: true })
    expect(states(it)).toEqual(['api running', 'web running'])
  })

  it('R51 cascade and force at once is refused, with nothing touched', async () => {
    const it = set()
    await it.app.start()
    expect(await codeOf(() => it.app.unregister('store', { cascade: true, force: true }))).toBe('CONFIG_INVALID')
    expect(states(it)).toEqual(['store running', 'api running', 'web running'])
  })
})

describe('the signal of an orchestrator', () => {
  it('is aborted when it has been disposed of and everything is at rest, and not by a stop', async () => {
    const it = set()
    await it.app.start()
    await it.app.stop()
    expect(it.app.signal.aborted).toBe(false)
    await it.app.start()
    let seen: readonly string[] = []
    it.app.signal.addEventListener('abort', () => {
      seen = states(it)
    })
    await it.app[Symbol.asyncDispose]()
    expect(seen).toEqual(['store stopped', 'api stopped', 'web stopped'])
  })
})
