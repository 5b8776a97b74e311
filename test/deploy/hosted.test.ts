/** A deployer as a service of the orchestrator it deploys into: whatever happens to its host, nobody waits for ever. */
import { join } from 'node:path'
import { defineService, Orchestrator } from 'keelson'
import { type DeployEventMap, Deployer, FactoryRegistry } from 'keelson/deploy'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { settled } from '../support/promises.js'
import { type Host, type HostOptions, host, lines, passing } from './host.js'

const text = (name: string, version: number, more: object = {}, config: object = {}): object => ({
  name,
  type: 'plain',
  config: { version, ...config },
  ...more,
})

/** The next event of a kind, while virtual time passes as it has to. */
function next<Type extends keyof DeployEventMap>(h: Host, type: Type): Promise<DeployEventMap[Type]> {
  const event = new Promise<DeployEventMap[Type]>((resolve) => {
    const end = h.deployer.on(type, (each) => {
      end()
      resolve(each)
    })
  })
  return passing(h.clock, event)
}

/** When `a` is what `is` tells of it. */
function reaches(h: Host, what: string): Promise<void> {
  if (h.is('a') === what) return Promise.resolve()
  const there = new Promise<void>((resolve) => {
    const end = h.app.on('state', () => {
      if (h.is('a') !== what) return
      end()
      resolve()
    })
  })
  return passing(h.clock, there)
}

/** A host whose orchestrator holds the deployer, and is not running yet. */
async function hosting(options: HostOptions = {}): Promise<Host> {
  const h = await host({ isUp: false, ...options })
  await h.app.register(h.deployer)
  return h
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('a deployer hosted by the orchestrator it deploys into', () => {
  it('scans at once and then each interval, while it is up', async () => {
    const h = await hosting({ interval: 30_000 })
    await h.write('a.json', text('a', 1))
    await h.app.start()
    expect(lines((await next(h, 'scan')).steps)).toEqual(['deploy a'])
    const first = h.clock.now()
    await h.write('a.json', text('a', 2))
    await next(h, 'deploy')
    expect([h.is('a'), h.clock.now() - first]).toEqual(['running 2', 30_000])
    await h.app.stopService('deployer')
    await h.write('a.json', text('a', 3))
    await h.clock.advance(300_000)
    for (let i = 0; i < 100; i++) await turn()
    expect([h.is('a'), h.clock.pending]).toEqual(['running 2', 0])
    expect(h.app.getServiceStatus('deployer').data).toEqual({
      directory: h.folder,
      deployed: 1,
      failing: 0,
      refused: [],
    })
  })

  it('says how it is: degraded while something is refused or failing', async () => {
    const h = await hosting({ interval: 1_000 })
    await h.write('a.json', '{')
    await h.app.start()
    await next(h, 'scan')
    await h.clock.advance(11_000)
    expect(h.app.getServiceStatus('deployer').health).toBe('degraded')
    await h.write('a.json', text('a', 1))
    await next(h, 'deploy')
    await h.clock.advance(11_000)
    expect(h.app.getServiceStatus('deployer').health).toBe('healthy')
    await passing(h.clock, h.app.stop())
  })

  it('R44 is told to stop in the middle of a scan, at any moment: the stop waits for nothing, and the next start makes it whole', async () => {
    for (let moment = 0; moment < 60; moment += 1 + Math.floor(moment / 10)) {
      const h = await hosting({ interval: 1_000 })
      await h.write('keep.json', text('keep', 1))
      await h.write('change.json', text('change', 1, { dependsOn: ['keep'] }))
      await h.write('go.json', text('go', 1))
      await h.app.start()
      await next(h, 'scan')
      await h.write('change.json', text('change', 2, { dependsOn: ['new'] }, { takes: 50 }))
      await h.write('new.json', text('new', 2, { dependsOn: ['deployer'] }, { takes: 50 }))
      await h.remove('go.json')
      await h.clock.advance(1_000 + 10 * moment)
      for (let i = 0; i < moment; i++) await turn()
      const begun = h.clock.now()
      await passing(h.clock, h.app.stop())
      expect(h.clock.now() - begun, `stopped at moment ${moment}`).toBeLessThanOrEqual(1_000)
      expect(h.app.getAllServices().filter(({ phase }) => phase !== 'idle')).toEqual([])
      for (let i = 0; i < 20; i++) await turn()

      await passing(h.clock, h.app.start())
      for (let i = 0; i < 5; i++) await next(h, 'scan')
      expect([h.is('keep'), h.is('change'), h.is('new'), h.is('go')].map((each) => each.split(' ')[0])).toEqual([
        'running',
        'running',
        'running',
        '-',
      ])
      expect(h.events.filter(({ outcome }) => outcome === 'failed' || outcome === 'refused')).toEqual([])
    }
  }, 60_000)

  it('R31 stops with its host while a replacement hangs, and by name while one is under way, which then goes on', async () => {
    const h = await hosting({ interval: 1_000 })
    await h.write('a.json', text('a', 1))
    await h.app.start()
    await next(h, 'scan')
    await h.write('a.json', text('a', 2, {}, { takes: 20_000 }))
    await h.clock.advance(1_000)
    await reaches(h, 'starting 2')
    const before = h.clock.now()
    await passing(h.clock, h.app.stopService('deployer'))
    expect(h.clock.now()).toBe(before)
    expect(h.is('a')).toBe('starting 2')
    await h.clock.advance(20_000)
    expect(h.is('a')).toBe('running 2')

    await h.app.startService('deployer')
    await next(h, 'scan')
    await h.write('a.json', text('a', 3, {}, { start: 'hangs' }))
    await reaches(h, 'starting 3')
    const stop = settled(h.app.stop())
    await h.clock.advance(1_000)
    expect(stop.status).toBe('fulfilled')
  })

  it('R29 goes with a start that is rolled back, and so does what it has deployed', async () => {
    const h = await hosting()
    await h.write('a.json', text('a', 1))
    await h.write('b.json', text('b', 1, { dependsOn: ['a'] }))
    await h.app.register(
      defineService('bad', {
        start: async () => {
          await h.clock.sleep(5_000)
          throw new Error('bad luck')
        },
        restart: { policy: 'never' },
      }),
    )
    const start = settled(h.app.start())
    await next(h, 'scan')
    expect(h.is('b')).toBe('running 1')
    await h.clock.advance(5_000)
    expect(start.error?.code).toBe('START_INCOMPLETE')
    expect(h.app.getAllServices().map(({ name, state }) => `${name} ${state}`)).toEqual([
      'deployer stopped',
      'bad failed',
      'a stopped',
      'b stopped',
    ])
    await h.app.unregister('bad')
    await h.app.start()
    expect([h.is('a'), h.is('b')]).toEqual(['running 2', 'running 2'])
  })

  it('R34 goes with a start that is aborted, and so does what it has deployed', async () => {
    const h = await hosting()
    await h.write('a.json', text('a', 1))
    await h.app.register(defineService('slow', { start: () => h.clock.sleep(5_000) }))
    const abort = new AbortController()
    const start = settled(h.app.start({ signal: abort.signal }))
    await next(h, 'scan')
    abort.abort(new Error('changed my mind'))
    await h.clock.advance(5_000)
    expect(start.error?.message).toBe('changed my mind')
    expect([h.is('a'), h.is('deployer')]).toEqual(['stopped 1', 'stopped 1'])
  })

  it('R47 deploys no service under its own name, and may be what others depend on', async () => {
    const h = await hosting()
    await h.write('self.json', text('deployer', 1))
    await h.write('a.json', text('a', 1, { dependsOn: ['deployer'] }))
    await h.app.start()
    await next(h, 'scan')
    expect(h.told()).toEqual(['refused refuse deployer SERVICE_DUPLICATE', 'done deploy a'])
    await h.write('a.json', text('a', 2, { dependsOn: ['deployer'] }))
    await next(h, 'deploy')
    expect(h.is('a')).toBe('running 2')
    await h.app.restartService('deployer')
    await next(h, 'scan')
    expect([h.is('a'), h.hooks.at(-2)]).toEqual(['running 3', 'a@2 stop (dependency)'])
  })

  it('one that hangs holds up nobody else: other files are seen to in every interval', async () => {
    const h = await hosting({ interval: 1_000, timeout: 100_000 })
    await h.write('a.json', text('a', 1))
    await h.write('b.json', text('b', 1))
    await h.app.start()
    await next(h, 'scan')
    await h.write('a.json', text('a', 2, {}, { start: 'hangs' }))
    for (const version of [2, 3, 4]) {
      await h.write('b.json', text('b', version))
      await next(h, 'deploy')
      expect(h.hooks.at(-1)).toBe(`b@${version} start`)
    }
    expect(h.is('a')).toBe('starting 2')
    expect((await h.deployer.plan()).steps.find(({ name }) => name === 'a')?.because).toBe(
      'an earlier scan is still at it',
    )
    await passing(h.clock, h.app.stop())
  })

  it('R32 a hook that awaits the scan which waits for it is abandoned in time, and the old one is back', async () => {
    const h = await hosting({ interval: 100_000, timeout: 300_000 })
    const seen: string[] = []
    h.factories.register('curious', (config, env) =>
      defineService(env.name, {
        ...env.options,
        startTimeout: 5_000,
        start: async () => {
          if ((config as { version: number }).version > 1) await h.deployer.scan()
          seen.push('up')
        },
      }),
    )
    await h.write('a.json', { name: 'a', type: 'curious', config: { version: 1 } })
    await h.app.start()
    await next(h, 'scan')
    await h.write('a.json', { name: 'a', type: 'curious', config: { version: 2 } })
    await h.write('b.json', text('b', 1))
    const report = await h.scan()
    expect(report.steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual(['a failed', 'b done'])
    await reaches(h, 'running 3') // the hook has its answer, and is gone
    await passing(h.clock, h.app.stop())
  })

  it('ends with a host that is disposed of in the middle of a scan; scans after that change nothing', async () => {
    const h = await hosting({ interval: 1_000 })
    await h.write('a.json', text('a', 1))
    await h.app.start()
    await turn()
    await h.app[Symbol.asyncDispose]()
    await h.write('b.json', text('b', 1))
    const { steps } = await h.scan()
    expect(steps.filter(({ name }) => name === 'b')).toMatchObject([{ action: 'deploy', outcome: 'postponed' }])
    expect(h.is('b')).toBe('-')
  })
})

it('a deployer alone scans while it is up, into an orchestrator that is not its host', async () => {
  const h = await host()
  await h.write('a.json', text('a', 1))
  await h.deployer.start()
  await next(h, 'scan')
  await h.deployer.stop()
  expect([h.is('a'), h.app.registry.has('deployer'), h.clock.pending]).toEqual(['running 1', false, 0])
})

it('two deployers of one orchestrator leave alone what is the other’s', async () => {
  const h = await host()
  const other = await host()
  const second = new Deployer({
    orchestrator: h.app,
    factories: other.factories,
    directory: other.folder,
    clock: h.clock,
  })
  await h.write('a.json', text('a', 1))
  await h.scan()
  await other.write('a.json', text('a', 2))
  await other.write('b.json', text('b', 1))
  await passing(h.clock, second.scan())
  await h.scan()
  expect([h.is('a'), h.is('b'), h.hooks]).toEqual(['running 1', 'running 1', ['a@1 start']])
})

it('R39 a listener that throws or rejects disturbs nobody, and is written to the logger', async () => {
  const written: string[] = []
  const write = (level: string) => (message: string) => void written.push(`${level} ${message}`)
  const logger = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  const h = await host({ env: { logger } })
  h.deployer.on('deploy', () => {
    throw new Error('no')
  })
  h.deployer.on('scan', (() => Promise.reject(new Error('no'))) as () => void)
  await h.write('a.json', text('a', 1))
  await h.write('b.json', '{')
  await h.scan()
  await turn()
  expect(h.events).toHaveLength(2)
  expect(written.map((each) => each.slice(0, 60)).sort()).toEqual([
    "error deployer: a listener of 'deploy' threw: no",
    "error deployer: a listener of 'deploy' threw: no",
    "error deployer: a listener of 'scan' threw: no",
    "info deployer: deploy 'a' done: a.json describes it, and it ",
    'warn deployer: refused: descriptor b.json: it is no JSON: Ex',
  ])
})

describe('what a deployer writes', () => {
  const records = (lines: readonly string[]): object[] => lines.map((line) => JSON.parse(line))

  it('goes to the logger of its environment, a pino for example, with its own name and epoch', async () => {
    const lines: string[] = []
    const logger = pino({ base: null }, { write: (line) => void lines.push(line) })
    const h = await host({ env: { logger } })
    await h.write('a.json', text('a', 1))
    await h.scan()
    await h.app.register(h.deployer)
    await h.write('b.json', '{')
    await h.scan()
    expect(records(lines)).toMatchObject([
      { msg: expect.stringMatching(/^deployer: deploy 'a' done/), service: 'deployer', epoch: 0, name: 'a' },
      { msg: expect.stringMatching(/^deployer: refused: /), service: 'deployer', epoch: 1, file: 'b.json' },
    ])
  })

  it('goes to the logger of its host while it is up, if its environment has none', async () => {
    const lines: string[] = []
    const logger = pino({ base: null }, { write: (line) => void lines.push(line) })
    const h = await host({ app: { logger }, name: 'second' })
    await h.write('a.json', text('a', 1))
    await h.scan()
    expect(lines).toEqual([]) // it is nobody's service yet
    await h.app.register(h.deployer)
    await h.write('a.json', '{')
    await h.scan()
    expect(records(lines)).toMatchObject([
      { msg: expect.stringMatching(/^second: refused: /), service: 'second', epoch: 1, file: 'a.json' },
    ])
  })
})

it('a directory is meant as it was when the deployer was made, wherever the program goes afterwards', () => {
  const factories = new FactoryRegistry()
  const deployer = new Deployer({ orchestrator: new Orchestrator(), factories, directory: 'services' })
  expect(deployer.directory).toBe(join(process.cwd(), 'services'))
})

it('R51 options are checked as a whole, at construction', () => {
  const h = { orchestrator: new Orchestrator(), factories: { check() {}, build() {} } as never, directory: '/x' }
  const wrong: [object, RegExp][] = [
    [{ ...h, orchestrator: {} }, /^new Deployer: orchestrator is an object; pass an Orchestrator$/],
    [{ ...h, directory: '' }, /directory is ''; pass a text that is not empty/],
    [{ ...h, interval: 0 }, /interval is 0; pass milliseconds above 0, at most 2147483647/],
    [{ ...h, intervall: 1 }, /intervall is no option; known are orchestrator, /],
    [{ ...h, timeout: Number.NaN }, /timeout is NaN/],
    [{ ...h, backoff: { jitter: 1 } }, /backoff\.jitter is no option/],
    [
      { ...h, backoff: { initialBackoff: 9, maxBackoff: 8 } },
      /backoff\.initialBackoff is 9; pass at most backoff\.maxBackoff, which is 8/,
    ],
    [{ ...h, env: { logger: {} } }, /env\.logger is an object; pass a logger with debug, info, warn and error/],
    [{ ...h, clock: 3 }, /clock is 3; pass a Clock/],
    [{ orchestrator: h.orchestrator, factories: h.factories }, /directory is missing/],
    [null as never, /options is null/],
  ]
  for (const [options, message] of wrong)
    expect(() => new Deployer(options as never)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
  expect(() => new Deployer({ ...h, name: '' })).toThrow(/name is ''/)
})
