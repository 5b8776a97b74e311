/** What is shared, and how every other thread reads it: with no message, no lock, and as it is. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { defineService, Orchestrator } from 'keelson'
import { VirtualClock } from 'keelson/testing'
import { shareRegistry } from 'keelson/threads'
import { describe, expect, it } from 'vitest'
import { Chance } from '../../src/testing/chance.js'
import { codeOf } from '../support/laws2.js'
import { bundled } from '../support/threads-bundle.js'
import { after, type Far, farThread, reaches } from '../support/threads-far.js'

const run = promisify(execFile)

function shared(app: Orchestrator, name?: string): ReturnType<typeof shareRegistry> {
  after(() => app[Symbol.asyncDispose]())
  return shareRegistry(app, name === undefined ? {} : { name })
}

/** All that a thread reads of all services. */
const readAll = (far: Far) =>
  far.run(({ services }) => services.names().map((name) => ({ ...services.get(name)?.toJSON() })))

const WORDS: readonly string[] = [
  'store',
  '__proto__',
  'constructor',
  'toString',
  ' ',
  '\0',
  'naïve',
  'e\u0301',
  'é',
  '🚢',
  '\ud83d',
  '\udea2',
  '\udea2\ud83d',
  'ﷺ'.repeat(7),
  'x'.repeat(255),
  'x'.repeat(256),
  'long '.repeat(20_000),
]

describe('R38 R47 the table', () => {
  it('R47 shows every service in the order of registration, the state, health, epoch and time as in the owner', async () => {
    const app = new Orchestrator({
      services: [
        defineService('api', { dependsOn: ['store'], autoStart: false }),
        defineService('store', { check: () => 'degraded' }),
        defineService('far', { remote: true }),
        defineService('job', { run: () => {} }),
      ],
    })
    shared(app)
    const far = await farThread()
    expect((await readAll(far)).map(({ name, state, epoch }) => [name, state, epoch])).toEqual([
      ['api', 'unknown', 0],
      ['store', 'unknown', 0],
      ['far', 'unknown', 0],
      ['job', 'unknown', 0],
    ])
    await app.start()
    await reaches(app, 'job', 'stopped')
    const { services } = app.snapshot()
    expect((await readAll(far)).map(({ seq, ...rest }) => rest)).toEqual([
      { name: 'api', state: 'unknown', health: 'unknown', epoch: 0, attempt: 0, since: services[0]?.since },
      { name: 'store', state: 'running', health: 'degraded', epoch: 1, attempt: 0, since: services[1]?.since },
      { name: 'far', state: 'connected', health: 'healthy', epoch: 1, attempt: 0, since: services[2]?.since },
      {
        name: 'job',
        state: 'stopped',
        health: 'unknown',
        epoch: 1,
        attempt: 0,
        since: services[3]?.since,
        stopReason: 'completed',
      },
    ])
    const counts = await far.run(({ services }) => [services.size, services.has('api'), services.has('apis')])
    expect(counts).toEqual([4, true, false])
  })

  it('R19 R20 shows the attempt while it is retried, and the reason when it has given up', async () => {
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock, random: () => 0.5 })
    await app.register(
      defineService('store', {
        restart: { maxRetries: 2, initialBackoff: 10 },
        start: () => {
          throw new Error('no')
        },
      }),
    )
    shared(app)
    const far = await farThread()
    const look = () => far.run(({ services }) => services.get('store')?.read())
    await app.startService('store').catch(() => {})
    expect(await look()).toMatchObject({ state: 'retrying', epoch: 1, attempt: 1, stopReason: 'failed' })
    await clock.advance(10)
    expect(await look()).toMatchObject({ state: 'retrying', epoch: 2, attempt: 2, stopReason: 'failed' })
    await clock.advance(20)
    expect(await look()).toMatchObject({ state: 'failed', epoch: 3, stopReason: 'failed' })
  })

  it('R37 is the owner’s after any history', async () => {
    const chance = new Chance(7)
    const clock = new VirtualClock()
    const app = new Orchestrator({ clock })
    shared(app)
    const far = await farThread()
    const failing = new Set<string>()
    const make = (name: string, dependsOn: readonly string[]) =>
      defineService(name, {
        dependsOn,
        restart: { maxRetries: 2 },
        start: () => {
          if (failing.has(name)) throw new Error('no')
        },
      })
    const names = Array.from({ length: 12 }, (_, i) => `s${i}`)
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 6; n++) {
        const i = chance.pick(names.length)
        const name = names[i] as string
        const act = [
          () => app.register(make(name, i > 0 ? [names[chance.pick(i)] as string] : [])),
          () => app.unregister(name, { force: true }),
          () => app.startService(name),
          () => app.restartService(name),
          () => app.stopService(name),
          () => void (failing.delete(name) || failing.add(name)),
        ][chance.pick(6)] as () => unknown
        void Promise.resolve(act()).catch(() => {})
      }
      await clock.advance(chance.pick(3) * 1_000)
      const expected = app.getAllServices().map(({ name, state, health, epoch, attempt = 0 }) => ({
        name,
        state,
        health,
        epoch,
        attempt,
      }))
      const found = await readAll(far)
      expect(found.map(({ name, state, health, epoch, attempt }) => ({ name, state, health, epoch, attempt }))).toEqual(
        expected,
      )
    }
  })

  it('R47 grows with the registry; a view taken before goes on telling what is true', async () => {
    const first = defineService('first', {})
    const app = new Orchestrator({ services: [first] })
    shared(app)
    const far = await farThread()
    await far.run(({ services, kept }) => {
      kept.view = services.get('first')
    })
    const crowd = Array.from({ length: 3_000 }, (_, i) => defineService(`${'n'.repeat(i % 90)}${i}`, {}))
    for (const service of crowd) await app.register(service)
    await app.startService('first')
    const found = await far.run(
      ({ services, kept }, names) => [
        kept.view.state,
        kept.view === services.get('first'),
        services.size,
        names.filter((name) => services.get(name)?.name !== name),
        JSON.stringify(services.names()) === JSON.stringify(['first', ...names]),
      ],
      crowd.map(({ name }) => name),
    )
    expect(found).toEqual(['running', true, 3_001, [], true])
  })

  it('R47 takes names of any length and of any Unicode, lone surrogates included, and mistakes none for another', async () => {
    const app = new Orchestrator({ services: WORDS.slice(0, 5).map((name) => defineService(name, {})) })
    shared(app)
    const far = await farThread()
    for (const name of WORDS.slice(5)) await app.register(defineService(name, {}))
    await app.startService(WORDS[13] as string)
    const found = await far.run(({ services }, words) => {
      const states = words.map((name) => services.get(name)?.state)
      return [services.names(), states, words.map((name) => services.get(`${name}\0\ud83d`)?.name)] as const
    }, WORDS)
    expect(found[0]).toEqual(WORDS)
    expect(found[1]).toEqual(WORDS.map((_, i) => (i === 13 ? 'running' : 'unknown')))
    expect(found[2]).toEqual(WORDS.map(() => undefined))
    const odd = WORDS[11] as string
    expect(
      await far.run(async ({ services }, name) => (await services.startService(name)).services[0]?.name, odd),
    ).toBe(odd)
    expect(app.getServiceStatus(odd).state).toBe('running')
    await far.run(({ services }, name) => services.unregister(name), odd)
    expect(app.registry.has(odd)).toBe(false)
  })

  it('R3 R48 a removed one is unknown for ever; one that takes its name is another', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    shared(app)
    const far = await farThread()
    await app.start()
    await far.run(({ services, kept }) => {
      kept.old = services.get('store')
    })
    await app.unregister('store')
    const look = () =>
      far.run(({ services, kept }) => [
        kept.old.registered,
        kept.old.read(),
        kept.old.is('running'),
        services.has('store'),
        services.size,
        services.get('store')?.epoch,
      ])
    const nothing = { state: 'unknown', health: 'unknown', epoch: 0, attempt: 0, since: 0, seq: 0 }
    expect(await look()).toEqual([false, nothing, false, false, 0, undefined])
    await app.register(defineService('store', {}))
    await reaches(app, 'store', 'running')
    expect(await look()).toEqual([false, nothing, false, true, 1, 1])
  })
})

describe('R46 R47 shareRegistry()', () => {
  it('refuses what is no orchestrator, a bad name, and a name that this thread shares already', async () => {
    const app = new Orchestrator()
    shared(app, 'one')
    expect(await codeOf(() => shareRegistry({} as Orchestrator))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => shareRegistry(undefined as never))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => shareRegistry(app, { name: '' }))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => shareRegistry(app, { name: 5 as never }))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => shareRegistry(app, null as never))).toBe('CONFIG_INVALID')
    expect(await codeOf(() => shareRegistry(new Orchestrator(), { name: 'one' }))).toBe('SERVICE_DUPLICATE')
    const gone = new Orchestrator()
    await gone[Symbol.asyncDispose]()
    expect(await codeOf(() => shareRegistry(gone, { name: 'gone' }))).toBe('CLOSED')
  })

  it('several at once, each under a name of its own; one application under two', async () => {
    const [a, b] = [new Orchestrator({ services: [defineService('a', {})] }), new Orchestrator()]
    shared(a, 'a')
    shared(a, 'also a')
    shared(b, 'b')
    const far = await farThread({})
    const found = await far.run(async ({ threads, codeOf }) => {
      const [a, also, b] = await Promise.all(['a', 'also a', 'b'].map((name) => threads.attachRegistry({ name })))
      const unknown = await codeOf(() => threads.attachRegistry())
      return [a?.names(), also?.names(), b?.names(), a?.name, unknown]
    })
    expect(found).toEqual([['a'], ['a'], [], 'a', 'CONFIG_INVALID'])
  })

  it('R46 leaves nothing behind when it is closed, and can be shared again', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    const before = process.listenerCount('workerMessage')
    const first = shared(app)
    const old = await farThread()
    await first.close()
    await first.close()
    expect(process.listenerCount('workerMessage')).toBe(before)
    expect(await codeOf(() => first.connect())).toBe('CLOSED')
    const unshared = await farThread({})
    expect(await unshared.run(({ threads, codeOf }) => codeOf(() => threads.attachRegistry()))).toBe('CONFIG_INVALID')

    await using second = shareRegistry(app)
    expect(second.name).toBe('default')
    const young = await farThread()
    expect(await young.run(({ services }) => services.names())).toEqual(['store'])
    expect(await old.run(({ services, codeOf }) => codeOf(() => services.names()))).toBe('CLOSED')
    // What a thread inherited is what was shared when it was made.
    expect(await old.run(({ threads, codeOf }) => codeOf(() => threads.attachRegistry()))).toBe('CLOSED')
  })

  it('R31 a second close() is over when the first is', async () => {
    const registry = shared(new Orchestrator())
    const far = await farThread()
    await far.run(async ({ services, puppet, kept }) => {
      await services.register(puppet('thumbs'))
      await services.startService('thumbs')
      kept.thumbs.stop = 'deaf'
    })
    const ends: string[] = []
    const first = registry.close().then(() => ends.push('first'))
    const second = registry.close().then(() => ends.push('second'))
    await far.hears('thumbs stop 1 removed')
    await far.run(({ kept }) => kept.thumbs.release())
    await Promise.all([first, second])
    expect(ends).toEqual(['first', 'second'])
  })

  it('R46 ends with the application', async () => {
    const app = new Orchestrator({ services: [defineService('store', {})] })
    const registry = shareRegistry(app)
    const far = await farThread()
    const wait = far.run(({ services, codeOf }) => codeOf(() => services.waitFor('store')))
    await app[Symbol.asyncDispose]()
    expect(await wait).toBe('CLOSED')
    expect(await codeOf(() => registry.connect())).toBe('CLOSED')
    expect(process.listenerCount('workerMessage')).toBe(0)
  })
})

describe('R46 no port keeps a process alive', () => {
  it.each([
    ['nothing', ''],
    ['a handle', ''],
    ['an owner in a thread', 'running\n'],
    ['a thread that only looked', "[ 'store running' ]\nthread 0\n"],
    ['an exit', "[ 'store running', 'guest running' ]\nthread 3\n"],
    ['a closed one', "[ 'store running', 'guest running' ]\nwait CLOSED\nthread 0\n"],
    ['a disposed application', "[ 'store running', 'guest running' ]\nwait CLOSED\nthread 0\n"],
  ])('with %s', async (way, said) => {
    await using program = await bundled(new URL('./ending-program.ts', import.meta.url))
    const { stdout, stderr } = await run(process.execPath, [fileURLToPath(program.url), way])
    expect({ stdout, stderr }).toEqual({ stdout: said, stderr: '' })
  })
})

describe('R46 R48 names that come and go', () => {
  it('R46 leave nothing in the threads that have seen them', async () => {
    const app = new Orchestrator()
    shared(app)
    const far = await farThread()
    const size = await far.run(async ({ services, keelson, kept }) => {
      for (let i = 0; i < 400; i++) {
        await services.register(keelson.defineService(`guest ${i}`))
        kept.last = services.get(`guest ${i}`)
        await services.unregister(`guest ${i}`)
      }
      // Looked up by what no user sees: the objects that were given out are collected.
      const { setFlagsFromString } = process.getBuiltinModule('node:v8')
      setFlagsFromString('--expose-gc')
      const collect = process.getBuiltinModule('node:vm').runInNewContext('gc')
      const views = Array.from({ length: 300 }, () => undefined as unknown as WeakRef<object>)
      for (let i = 0; i < 300; i++) {
        await services.register(keelson.defineService(`other ${i}`))
        views[i] = new WeakRef(services.get(`other ${i}`) as object)
        await services.unregister(`other ${i}`)
      }
      await new Promise((resolve) => setImmediate(resolve))
      collect()
      return views.filter((view) => view.deref() !== undefined).length
    })
    expect(size).toBeLessThan(100)
    expect(app.getAllServices()).toEqual([])
  })
})
