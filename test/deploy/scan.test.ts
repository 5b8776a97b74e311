/** A scan makes the orchestrator equal to the directory: what is new, changed, gone, and what is left alone. */
import { defineService } from 'keelson'
import { describe, expect, it } from 'vitest'
import { settled } from '../support/promises.js'
import { host, lines } from './host.js'

const plain = (name: string, more: object = {}): object => ({ name, type: 'plain', ...more })
const version = (name: string, number: number, more: object = {}): object =>
  plain(name, { config: { version: number, ...more } })

describe('a scan', () => {
  it('R48 deploys what is new, undeploys what is gone or not enabled, leaves alone what is unchanged', async () => {
    const h = await host()
    await h.write('a.json', plain('a'))
    await h.write('b.json', plain('b'))
    await h.write('c.json', plain('c', { enabled: false }))
    expect(lines((await h.scan()).steps)).toEqual(['deploy a', 'deploy b', 'keep c'])
    expect([h.is('a'), h.is('b'), h.is('c')]).toEqual(['running 1', 'running 1', '-'])

    await h.write('b.json', plain('b', { enabled: false }))
    await h.write('c.json', plain('c'))
    await h.write('a.json', JSON.stringify({ type: 'plain', name: 'a', enabled: true, config: {} }))
    expect(lines((await h.scan()).steps)).toEqual(['deploy c', 'undeploy b', 'keep a'])
    expect([h.is('a'), h.is('b'), h.is('c')]).toEqual(['running 1', '-', 'running 1'])

    await h.remove('a.json')
    await h.scan()
    expect(h.is('a')).toBe('-')
    expect(h.hooks).toEqual(['a@0 start', 'b@0 start', 'b@0 stop (removed)', 'c@0 start', 'a@0 stop (removed)'])
    expect(h.told()).toEqual(['done deploy a', 'done deploy b', 'done deploy c', 'done undeploy b', 'done undeploy a'])
  })

  it('R49 builds what has changed before it stops the old one, and replaces it in a new epoch', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', version('a', 2))
    await h.scan()
    expect(h.hooks).toEqual(['a@1 start', 'a@1 stop (replaced)', 'a@2 start'])
    expect(h.is('a')).toBe('running 2')

    await h.write('a.json', version('a', 3, { factory: 'throws' }))
    const { steps } = await h.scan()
    expect(h.hooks).toHaveLength(3)
    expect(steps[0]?.error?.message).toBe("descriptor 'a' of type 'plain' in a.json: its factory threw: no a today")
  })

  it('R49 puts the old one back when the new one does not come up', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', version('a', 2, { start: 'fails' }))
    const { steps } = await h.scan()
    expect(steps).toMatchObject([{ action: 'replace', name: 'a', outcome: 'failed', attempt: 1 }])
    expect(h.hooks.slice(1)).toEqual(['a@1 stop (replaced)', 'a@2 start', 'a@2 stop (failed)', 'a@1 start'])
    expect(h.told()).toEqual(['done deploy a', 'failed replace a START_INCOMPLETE'])
  })

  it('R49 bounds a replacement that never comes up', async () => {
    const h = await host({ timeout: 5_000 })
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', version('a', 2, { start: 'hangs' }))
    const begun = h.clock.now()
    const { steps } = await h.scan()
    expect(steps[0]?.error?.code).toBe('START_INCOMPLETE')
    expect(h.clock.now() - begun).toBeLessThanOrEqual(5_000)
    expect(h.hooks.at(-1)).toBe('a@1 start')
  })

  it('R16 gives a replacement the pause that its descriptor asks for beside its bound', async () => {
    const h = await host({ timeout: 5_000 })
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', { ...version('a', 2), startDelay: 90_000 })
    await h.scan()
    expect([h.is('a'), h.hooks.at(-1)]).toEqual(['running 2', 'a@2 start'])
  })

  it('R51 refuses an option that it does not know, and a signal that is none', async () => {
    const h = await host()
    const scan = (options: unknown): Promise<unknown> => h.deployer.scan(options as object)
    for (const [options, message] of [
      [{ sginal: AbortSignal.abort() }, 'scan: sginal is no option; known are signal'],
      [{ signal: 3 }, 'scan: signal is 3; pass an AbortSignal'],
      [null, 'scan: options is null; pass an object with signal, or nothing'],
    ] as const)
      await expect(scan(options)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message })
  })

  it('tries a broken replacement again after a backoff that grows, not in every scan, and at once when the file changes', async () => {
    const h = await host({ backoff: { initialBackoff: 1_000, multiplier: 3, maxBackoff: 5_000 } })
    await h.write('a.json', version('a', 1))
    await h.scan()
    const zero = h.clock.now()
    await h.write('a.json', version('a', 2, { start: 'fails' }))
    const tries: number[] = []
    for (let second = 0; second < 20; second++) {
      const before = h.built.length
      const { steps } = await h.scan()
      if (h.built.length > before) tries.push(h.clock.now() - zero)
      else expect(steps[0]).toMatchObject({ action: 'wait', outcome: 'postponed' })
      await h.clock.advance(1_000)
    }
    expect(tries).toEqual([0, 1_000, 4_000, 9_000, 14_000, 19_000])
    const { because } = (await h.deployer.plan()).steps[0] ?? {}
    expect(because).toBe(
      "attempt 6 failed: replace 'a' - failed: service 'a' - onStart failed: a@2 does not start; tried again in 4 s, or when a.json or what it needs changes",
    )
    await h.write('a.json', version('a', 3))
    await h.scan()
    expect(h.hooks.at(-1)).toBe('a@3 start')
    expect(h.deployer.getServiceData()).toMatchObject({ deployed: 1, failing: 0, refused: [] })
  })

  it('has nothing more to try when the file of a broken replacement is as it was, and is well again', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', version('a', 2, { start: 'fails' }))
    await h.scan()
    expect(h.deployer.getServiceData().failing).toBe(1)
    await h.write('a.json', version('a', 1))
    await h.scan()
    expect([h.is('a'), h.deployer.getServiceData().failing]).toEqual(['running 3', 0])
  })

  it('R31 says so when what it has undeployed did not stop cleanly, and it is gone all the same', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1, { stop: 'fails' }))
    await h.scan()
    await h.remove('a.json')
    const { steps } = await h.scan()
    expect(steps).toMatchObject([{ action: 'undeploy', outcome: 'done', error: { code: 'STOP_INCOMPLETE' } }])
    expect(h.is('a')).toBe('-')
  })

  it('R48 puts back what somebody else has removed, and takes no name that is not its own', async () => {
    const h = await host()
    await h.write('a.json', plain('a'))
    await h.scan()
    await h.app.unregister('a')
    await h.scan()
    expect(h.is('a')).toBe('running 1')

    await h.app.register(h.factories.build({ name: 'b', type: 'plain', config: {} }))
    await h.write('b.json', version('b', 2))
    const { steps } = await h.scan()
    expect(steps.find(({ name }) => name === 'b')?.error).toMatchObject({
      code: 'SERVICE_DUPLICATE',
      message:
        "descriptor 'b' in b.json: the name is taken by a service that this deployer has not deployed; choose another, or unregister that",
    })
    await h.remove('b.json')
    await h.scan()
    expect(h.is('b')).toBe('running 1')
  })

  it('R47 registers into an orchestrator that is not running without starting anything, and only exchanges there', async () => {
    const h = await host({ isUp: false })
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', version('a', 2))
    await h.scan()
    expect([h.is('a'), h.hooks]).toEqual(['unknown 0', []])
    await h.app.start()
    expect(h.hooks).toEqual(['a@2 start'])
  })

  it('R6 leaves down what was stopped by hand, also when its file changes, and what that requires', async () => {
    const h = await host()
    await h.write('db.json', version('db', 1))
    await h.write('api.json', plain('api', { dependsOn: ['db'] }))
    await h.write('web.json', plain('web'))
    await h.scan()
    await h.app.stopService('db')
    await h.write('api.json', plain('api', { dependsOn: ['db'], config: { version: 1 } }))
    await h.write('web.json', plain('web', { dependsOn: ['db'], config: { version: 1 } }))
    await h.write('db.json', version('db', 2))
    const { steps } = await h.scan()
    expect(lines(steps)).toEqual(['replace db', 'wait api', 'wait web'])
    expect(steps[1]?.because).toBe("requires 'db', which was stopped by hand; start that, and this is replaced")
    expect([h.is('db'), h.is('api'), h.is('web')]).toEqual(['stopped 1', 'waiting 1', 'running 1'])
    await h.app.startService('db')
    await h.scan()
    expect(h.hooks.slice(-2).sort()).toEqual(['api@1 start', 'web@1 start'])
  })

  it('rejects with the reason of its signal, and begins nothing then', async () => {
    const h = await host()
    await h.write('a.json', plain('a'))
    await expect(h.deployer.scan({ signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    const abort = new AbortController()
    const scan = h.deployer.scan({ signal: abort.signal })
    abort.abort(new Error('too late'))
    await expect(scan).rejects.toThrow('too late')
    await h.scan()
    expect([h.built, h.is('a')]).toEqual([['a@0'], 'running 1'])
  })

  it('never overlaps another: calls of one moment build each service once, and all see it deployed', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1))
    await Promise.all([h.scan(), h.scan(), h.scan()])
    await h.write('a.json', version('a', 2, { takes: 1_000 }))
    const reports = await Promise.all([h.scan(), h.scan(), h.scan()])
    expect(h.built).toEqual(['a@1', 'a@2'])
    expect(h.is('a')).toBe('running 2')
    expect(reports.map(({ steps }) => steps[0]?.outcome).sort()).toEqual(['done', 'unchanged', 'unchanged'])
  })

  it('R49 a replacement under way is put back when its file changes, is gone or is as before: nobody waits for a broken one', async () => {
    const h = await host({ timeout: 100_000 })
    const hanging = version('a', 2, { start: 'hangs' })
    await h.write('a.json', version('a', 1))
    await h.scan()
    for (const [content, is, hook] of [
      [version('a', 3), 'running', 'a@3 start'],
      [version('a', 3), 'running', 'a@3 start'], // as before: it was put back
      [version('a', 3, { takes: 1 }), 'running', 'a@3 start'],
      [plain('a', { ...hanging, enabled: false }), '-', 'a@3 stop (removed)'],
    ] as const) {
      await h.write('a.json', hanging)
      const first = settled(h.deployer.scan())
      while (!h.is('a').startsWith('starting')) await new Promise((resolve) => setImmediate(resolve))
      const begun = h.clock.now()
      await h.write('a.json', content)
      await h.scan()
      expect([h.is('a').split(' ')[0], h.hooks.at(-1)]).toEqual([is, hook])
      expect(first.value?.steps[0]).toMatchObject({ action: 'replace', outcome: 'postponed' })
      expect(h.clock.now() - begun).toBeLessThan(1_000)
    }
    expect(h.events.filter(({ outcome }) => outcome !== 'done')).toEqual([])
  })

  it('undeploys also what it has given up replacing for a while', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1))
    await h.scan()
    await h.write('a.json', version('a', 2, { start: 'fails' }))
    await h.scan()
    await h.write('a.json', { ...version('a', 2, { start: 'fails' }), enabled: false })
    await h.scan()
    expect([h.is('a'), h.deployer.getServiceData().failing]).toEqual(['-', 0])
  })

  it('takes a type that was registered later, in the next scan', async () => {
    const h = await host()
    await h.write('a.json', { name: 'a', type: 'late' })
    await h.scan()
    await h.scan()
    expect(h.told()).toEqual(['refused refuse a.json CONFIG_INVALID'])
    h.factories.register('late', (_config, env) => defineService(env.name, env.options))
    await h.scan()
    expect(h.is('a')).toBe('running 1')
  })
})

describe('a plan', () => {
  it('says what a scan would do and why, and does none of it', async () => {
    const h = await host()
    await h.write('a.json', version('a', 1))
    await h.write('b.json', plain('b', { dependsOn: ['a'] }))
    await h.write('c.json', plain('c'))
    await h.write('d.json', plain('d'))
    await h.scan()
    h.events.length = h.built.length = 0
    await h.write('a.json', version('a', 2))
    await h.write('b.json', plain('b', { dependsOn: ['a'], startDelay: 5 }))
    await h.write('c.json', plain('e', { dependsOn: ['ghost', 'a'] }))
    await h.write('f.json', '[')
    await h.remove('d.json')
    const { directory, steps } = await h.deployer.plan()
    expect(directory).toBe(h.folder)
    expect(steps.map(({ action, name, because }) => `${action} ${name}: ${because}`)).toEqual([
      'replace a: a.json has changed: config',
      'reconfigure b: b.json has changed: startDelay, which needs no restart',
      "deploy e: c.json describes it, and it is not there; it will wait for 'ghost', which nobody has registered",
      'undeploy d: d.json is gone',
      'undeploy c: c.json does not describe it any more',
      expect.stringMatching(/^refuse undefined: descriptor f\.json: it is no JSON/),
    ])
    expect([h.built, h.events, h.is('a'), h.is('d')]).toEqual([[], [], 'running 1', 'running 1'])
    expect(lines((await h.scan()).steps)).toEqual(lines(steps))
  })
})
