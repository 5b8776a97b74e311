/** What becomes of services, and of whoever waits for them, when the thread that they live in ends. */
import { type AnyEvent, defineService, Orchestrator } from 'keelson'
import { describe, expect, it } from 'vitest'
import { farThread, reaches, shared, until } from '../support/threads-far.js'

const states = (app: Orchestrator): string[] => app.getAllServices().map(({ name, state }) => `${name} ${state}`)

describe('R14 R46 the end of its thread', () => {
  it.each(['terminate', 'exit', 'throw', 'out of memory'])(
    'loses what lived in it in that turn: dependents wait, and return when it is registered again (%s)',
    async (way) => {
      const { app } = shared(new Orchestrator({ services: [defineService('store', {})] }))
      const far = await farThread({ attach: {} }, { resourceLimits: { maxOldGenerationSizeMb: 24 } })
      await far.run(({ services, puppet }) => services.register(puppet('thumbs', { dependsOn: ['store'] })))
      await app.register(defineService('api', { dependsOn: ['thumbs'] }))
      await app.register(defineService('bystander', { dependsOn: ['store', { name: 'thumbs', optional: true }] }))
      await app.start()
      const events: AnyEvent[] = []
      for (const kind of ['state', 'unregistered'] as const) app.on(kind, (event) => void events.push(event))
      if (way === 'terminate') void far.terminate()
      else
        far.give(
          (_, way) => {
            if (way === 'exit') process.exit(1)
            setImmediate(() => {
              if (way === 'throw') throw new Error('dies')
              // Bit by bit: a loop without end takes the whole process with it on Node 24.
              const hoard: unknown[] = []
              setInterval(() => {
                for (let i = 0; i < 100; i++) hoard.push(new Array(1_000).fill(hoard.length))
              }, 0)
            })
          },
          [],
          way,
        )
      await until(app, () => !app.registry.has('thumbs') && app.registry.get('api')?.state === 'waiting')
      expect(states(app)).toEqual(['store running', 'api waiting', 'bystander running'])
      expect(app.getServiceStatus('api').stopReason).toBe('dependency')
      expect(app.explain('api').text).toContain('thumbs')
      expect(events.map((event) => `${event.type} ${'name' in event && event.name}`)).toContain('unregistered thumbs')
      const young = await farThread()
      await young.run(({ services, puppet }) => services.register(puppet('thumbs', { dependsOn: ['store'] })))
      await reaches(app, 'api', 'running')
      await young.hears('thumbs start 1')
      expect(app.getServiceStatus('api').epoch).toBe(2)
      expect(app.getServiceStatus('bystander').epoch).toBe(1)
    },
  )

  it.each(['start', 'stop', 'check', 'dispose'] as const)(
    'in the middle of a hook settles the call that waits for it (%s)',
    async (hook) => {
      const { app } = shared()
      const far = await farThread()
      await far.run(async ({ services, keelson, tell }, hook) => {
        const hang = (what: string) => (): Promise<void> | undefined => {
          if (what !== hook) return undefined
          tell('now')
          return new Promise(() => {})
        }
        await services.register(
          keelson.defineService('thumbs', {
            start: (context) => {
              context.own(hang('dispose'))
              return hang('start')()
            },
            stop: hang('stop'),
            check: () => (hang('check')() ?? 'healthy') as never,
          }),
        )
      }, hook)
      await app.register(defineService('api', { dependsOn: ['thumbs'] }))
      const calls: Promise<unknown>[] = [app.start({ onFailure: 'keep' }).catch(() => {})]
      if (hook === 'stop' || hook === 'dispose') {
        await reaches(app, 'api', 'running')
        calls.push(app.stopService('thumbs').catch(() => {}))
      }
      await far.hears('now')
      await far.terminate()
      await until(app, () => !app.registry.has('thumbs'))
      await Promise.all(calls)
      expect(states(app)[0]).toMatch(/^api (waiting|stopped|unknown)$/)
      await app.stop()
    },
  )

  it('calls that it has in flight disturb nobody, and the table stays readable for the others', async () => {
    const { app } = shared(new Orchestrator({ services: [defineService('store', {})] }))
    const [one, two] = [await farThread(), await farThread()]
    await one.run(({ services, puppet, kept }) => {
      for (let i = 0; i < 50; i++) void services.register(puppet(`s${i}`)).catch(() => {})
      void services.startService('store')
      kept.events = services.events()
      void kept.events.next()
    })
    await one.terminate()
    await until(app, () => app.getAllServices().length === 1)
    expect(await two.run(({ services }) => services.names())).toEqual(['store'])
    await two.run(({ services }) => services.restartService('store'))
    expect(await two.run(({ services }) => services.get('store')?.state)).toBe('running')
  })
})
