/** Options that the engine applies live: changing only these restarts nothing. */
import { defineService } from 'keelson'
import { expect, it } from 'vitest'
import { host, lines } from './host.js'

const text = (more: object = {}): object => ({ name: 'a', type: 'plain', ...more })

it('changing only restart, healthCheck, essential or startDelay keeps the epoch and takes effect', async () => {
  const h = await host()
  await h.write('a.json', text({ config: { version: 1, start: undefined } }))
  await h.scan()
  await h.write(
    'a.json',
    text({ config: { version: 1 }, essential: false, startDelay: 7_000, restart: { policy: 'never' } }),
  )
  const { steps } = await h.scan()
  expect(steps).toMatchObject([
    { action: 'reconfigure', because: 'a.json has changed: restart, essential, startDelay, which needs no restart' },
  ])
  expect([h.is('a'), h.built, h.app.getServiceStatus('a').essential]).toEqual(['running 1', ['a@1'], false])
  expect(lines((await h.scan()).steps)).toEqual(['keep a'])
  const again = h.app.restartService('a')
  await h.clock.settle()
  expect(h.is('a')).toBe('waiting 1') // the new delay
  await h.clock.advance(7_000)
  await again
  expect(h.is('a')).toBe('running 2')
})

it('each of them alone is applied, and is what the service goes by from then on', async () => {
  const h = await host()
  let crash: (error: Error) => void = () => {}
  h.factories.register('brittle', (_config, env) => {
    const run = (): Promise<never> => new Promise((_, reject) => (crash = reject))
    return defineService(env.name, { ...env.options, run, check: () => false })
  })
  const brittle = (more: object): Promise<void> => h.write('b.json', { name: 'b', type: 'brittle', ...more })
  const report = { healthCheck: { onUnhealthy: 'report', failureThreshold: 1_000 } }
  await brittle(report)
  await h.scan()
  const only = async (more: object): Promise<string[]> => {
    await brittle(more)
    return (await h.scan()).steps.map(({ action, because }) => `${action}: ${because}`)
  }
  expect(await only({ healthCheck: { ...report.healthCheck, failureThreshold: 1 } })).toEqual([
    'reconfigure: b.json has changed: healthCheck, which needs no restart',
  ])
  await h.clock.advance(20_000)
  expect(h.app.getServiceStatus('b').health).toBe('unhealthy') // after one bad check, not after a thousand
  expect(
    await only({ healthCheck: { ...report.healthCheck, failureThreshold: 1 }, restart: { policy: 'never' } }),
  ).toEqual(['reconfigure: b.json has changed: restart, which needs no restart'])
  expect(h.is('b')).toBe('running 1')
  crash(new Error('no'))
  await h.clock.settle()
  expect(h.is('b')).toBe('failed 1') // and not on its way back
})

it('what is taken out of the file is the default again, also of what the service was built with', async () => {
  const h = await host()
  await h.write('a.json', text({ essential: false }))
  await h.scan()
  await h.write('a.json', text({ startDelay: 5 }))
  await h.scan()
  expect(h.app.getServiceStatus('a').essential).toBe(true)
  await h.write('a.json', text({ essential: false }))
  await h.scan()
  expect([h.app.getServiceStatus('a').essential, h.is('a')]).toEqual([false, 'running 1'])
})

it('with anything else it is a replacement, and one that fails leaves what was changed before in force', async () => {
  const h = await host()
  await h.write('a.json', text({ config: { version: 1 } }))
  await h.scan()
  await h.write('a.json', text({ config: { version: 1 }, essential: false }))
  await h.scan()
  await h.write('a.json', text({ config: { version: 2, start: 'fails' }, startDelay: 5 }))
  await h.scan()
  expect([h.hooks.at(-1), h.app.getServiceStatus('a').essential]).toEqual(['a@1 start', false])
  await h.write('a.json', text({ config: { version: 1 }, essential: false }))
  expect(lines((await h.scan()).steps)).toEqual(['keep a'])
})

it('a health check for a service without a check is refused by the orchestrator, and nothing else is touched', async () => {
  const h = await host()
  h.factories.register('blind', (_config, env) => {
    const { healthCheck: _, ...options } = env.options
    return defineService(env.name, options)
  })
  await h.write('a.json', { name: 'a', type: 'blind' })
  await h.scan()
  await h.write('a.json', { name: 'a', type: 'blind', healthCheck: { interval: 5 } })
  const { steps } = await h.scan()
  expect(steps).toMatchObject([{ action: 'reconfigure', outcome: 'failed', error: { code: 'CONFIG_INVALID' } }])
  expect(h.is('a')).toBe('running 1')
})
