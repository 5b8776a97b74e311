/** The watcher on the real disk and the virtual clock: every way of editing a file, half-written and bad ones, its own life. */
import {
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ServiceOptions } from 'keelson'
import { Config, ConfigWatcher } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { file, folder, refusal } from '../support/config.js'
import { watched } from '../support/config-watched.js'
import { run } from '../support/house.js'
import { deferred } from '../support/promises.js'

const write = (path: string, n: number): void => writeFileSync(path, `{"n":${n}}`)

describe('an edit', () => {
  it.each<[string, (path: string) => void]>([
    ['by writing in place', (path) => write(path, 2)],
    [
      'by renaming over it',
      (path) => {
        write(`${path}.new`, 2)
        renameSync(`${path}.new`, path)
      },
    ],
    [
      'by unlinking and creating',
      (path) => {
        unlinkSync(path)
        write(path, 2)
      },
    ],
    [
      'by moving the old one away',
      (path) => {
        renameSync(path, `${path}~`)
        write(path, 2)
      },
    ],
    [
      'by truncating and writing',
      (path) => {
        truncateSync(path)
        write(path, 2)
      },
    ],
    [
      'by a hard link',
      (path) => {
        write(`${path}.new`, 2)
        unlinkSync(path)
        linkSync(`${path}.new`, path)
      },
    ],
    [
      'by making it a link',
      (path) => {
        write(`${path}.new`, 2)
        unlinkSync(path)
        symlinkSync(`${path}.new`, path)
      },
    ],
    [
      'of the same size and with the same dates',
      (path) => {
        const { atime, mtime, size } = statSync(path)
        write(path, 2)
        utimesSync(path, atime, mtime)
        expect([statSync(path).size, statSync(path).mtime]).toEqual([size, mtime])
      },
    ],
    [
      'by exchanging its folder',
      (path) => {
        const there = dirname(path)
        mkdirSync(`${there}-new`)
        write(join(`${there}-new`, 'app.json'), 2)
        renameSync(there, `${there}-old`)
        renameSync(`${there}-new`, there)
        rmSync(`${there}-old`, { recursive: true })
      },
    ],
  ])('%s is applied when two looks, a debounce apart, have found it the same', async (_, edit) => {
    const path = file('app.json', '{"n":1}')
    const { tick, changes, n, sleeps } = await watched(path)
    expect([n(), sleeps]).toEqual([1, [1_000]])
    edit(path)
    await tick()
    expect([n(), changes]).toEqual([1, []])
    await tick()
    expect([n(), changes]).toEqual([2, ['n']])
    await tick(2)
    expect([changes, sleeps]).toEqual([['n'], [1_000, 200, 1_000, 1_000, 1_000]])
  })

  it('by swapping a link, as a mounted volume does, is applied', async () => {
    const volume = folder()
    for (const version of [1, 2]) {
      mkdirSync(join(volume, `..v${version}`))
      write(join(volume, `..v${version}`, 'app.json'), version)
    }
    symlinkSync('..v1', join(volume, '..data'))
    symlinkSync(join('..data', 'app.json'), join(volume, 'app.json'))
    const { tick, n } = await watched(join(volume, 'app.json'))
    expect(n()).toBe(1)
    symlinkSync('..v2', join(volume, '..data_tmp'))
    renameSync(join(volume, '..data_tmp'), join(volume, '..data'))
    rmSync(join(volume, '..v1'), { recursive: true })
    await tick(2)
    expect(n()).toBe(2)
  })

  it('between the load and the start of the service is applied', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, sleeps } = await watched(path, { before: () => write(path, 2) })
    expect([n(), sleeps]).toEqual([1, [200]])
    await tick()
    expect(n()).toBe(2)
  })

  it('while the service was down is applied when it is up again', async () => {
    const path = file('app.json', '{"n":1}')
    const { app, tick, n } = await watched(path)
    await app.stopService('config-watcher')
    write(path, 2)
    await app.startService('config-watcher')
    await tick(2)
    expect(n()).toBe(2)
  })

  it('seen only by the life before is looked at twice by the next', async () => {
    const path = file('app.json', '{"n":1}')
    const { app, clock, tick, looking, n, sleeps } = await watched(path)
    write(path, 2)
    await tick()
    await Promise.all([app.restartService('config-watcher'), clock.settle(), looking()])
    await tick(0)
    expect([n(), sleeps.slice(1)]).toEqual([1, [200, 200]])
    await tick()
    expect(n()).toBe(2)
  })

  it('that goes on is applied once it has come to an end', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, sleeps, changes } = await watched(path)
    for (const next of [2, 3, 4]) {
      write(path, next)
      await tick()
    }
    expect([n(), sleeps]).toEqual([1, [1_000, 200, 200, 200]])
    await tick()
    expect([n(), changes]).toEqual([4, ['n']])
  })

  it('that is taken back in time is none', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, changes, logger } = await watched(path)
    write(path, 2)
    await tick()
    write(path, 1)
    await tick(3)
    expect([changes, logger.lines]).toEqual([[], []])
  })

  it('that changes nothing but the writing is noted, and tells nobody', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, changes, logger, config } = await watched(path)
    writeFileSync(path, '{ "n": 1 }')
    await tick(3)
    expect([changes, config.current.version]).toEqual([[], 1])
    expect(logger.lines).toEqual([`info config ${path} says the same in other words`])
  })

  it('applied by reload() meanwhile is not applied again', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, changes, config } = await watched(path)
    write(path, 2)
    await tick()
    await config.reload()
    await tick(3)
    expect([changes, config.current.version]).toEqual([['n'], 2])
  })
})

it('a look that a reload() has overtaken does not undo it: the next looks tell', async () => {
  const asked: number[] = []
  const open = deferred()
  const slow = z.object({
    n: z.number().refine(async (n) => {
      asked.push(n)
      if (n === 3) await open.promise
      return true
    }),
  })
  const path = file('app.json', '{"n":1}')
  const { config, tick, n, looking } = await watched(path, { schema: slow })
  write(path, 2)
  await tick()
  write(path, 3)
  const reloaded = config.reload()
  while (asked.at(-1) !== 3) await new Promise((resolve) => setImmediate(resolve))
  write(path, 2) // what the watcher saw before, and sees again while 3 is being validated
  const look = tick()
  await looking()
  open.resolve()
  await Promise.all([reloaded, look])
  expect([n(), [...new Set(asked)]]).toEqual([3, [1, 3]])
  await tick(2)
  expect([n(), [...new Set(asked)]]).toEqual([2, [1, 3, 2]])
})

describe('a file that is not whole', () => {
  it.each<[string, string]>([
    ['half-written', '{"n":'],
    ['empty', ''],
    ['refused by the schema', '{"m":1}'],
  ])('because it is %s is looked at until it is, without a word if that is soon', async (_, half) => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, errors, watcher } = await watched(path)
    writeFileSync(path, half)
    await tick(2)
    expect([n(), errors()]).toEqual([1, []])
    write(path, 2)
    await tick(2)
    expect([n(), errors(), watcher.problem]).toEqual([2, [], undefined])
  })

  it('that is missing for a while is taken up where it comes back', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, errors } = await watched(path)
    unlinkSync(path)
    await tick(2)
    expect([n(), errors()]).toEqual([1, []])
    write(path, 2)
    await tick(2)
    expect(n()).toBe(2)
  })

  it.each<[string, (path: string) => void, string]>([
    ['malformed', (path) => writeFileSync(path, '{'), 'it is no JSON: '],
    ['refused', (path) => writeFileSync(path, '{"n":"x"}'), "n is 'x' - Invalid input"],
    ['empty', (path) => truncateSync(path), 'it is empty'],
    ['missing', (path) => unlinkSync(path), 'it cannot be read: there is no such file'],
    [
      'a folder',
      (path) => {
        unlinkSync(path)
        mkdirSync(path)
      },
      'it is no file',
    ],
  ])('and stays %s is reported once, and the old version stays', async (_, spoil, message) => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, errors, watcher, app, log, changes, clock } = await watched(path)
    spoil(path)
    await tick(20)
    expect(errors()).toHaveLength(1)
    expect(errors()[0]).toContain(`error config ${path}: ${message}`)
    expect(errors()[0]).toMatch(/; version 1 stays$/)
    expect(log.lines().filter((line) => line.startsWith('status'))).toEqual([
      expect.stringContaining(`status config-watcher: the old version stays - config ${path}: ${message}`),
    ])
    expect([n(), changes, watcher.problem?.code]).toEqual([1, [], 'CONFIG_INVALID'])
    expect(app.getServiceStatus('config-watcher').data).toEqual({
      file: path,
      version: 1,
      problem: watcher.problem?.message,
    })
    await clock.advance(12_000) // its next check
    expect(app.health()).toMatchObject({ status: 'degraded', because: [{ name: 'config-watcher' }] })
  })

  it('is reported again when it is bad in another way, and no more when it is good', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, errors, watcher, logger } = await watched(path)
    writeFileSync(path, '{')
    await tick(5)
    writeFileSync(path, '{"n":')
    await tick(5)
    expect(errors()).toHaveLength(2)
    write(path, 2)
    await tick(2)
    expect([n(), watcher.problem, errors().length]).toEqual([2, undefined, 2])
    expect(logger.lines.at(-1)).toBe(`info config ${path} changed: n`)
  })

  it('that comes between two looks at a better text makes those begin anew', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, n, sleeps } = await watched(path)
    writeFileSync(path, '{')
    await tick(5)
    write(path, 2)
    await tick()
    writeFileSync(path, '{')
    await tick()
    write(path, 2)
    await tick()
    expect([n(), sleeps.at(-1)]).toEqual([1, 200])
    await tick()
    expect(n()).toBe(2)
  })

  it('is told to be well again when it says what it said before', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, watcher, logger, changes, log } = await watched(path)
    unlinkSync(path)
    await tick(5)
    write(path, 1)
    await tick()
    expect([watcher.problem, changes, logger.lines.at(-1)]).toEqual([undefined, [], `info config ${path} is as before`])
    expect(log.lines().at(-1)).toBe('status config-watcher: is as before')
  })
})

describe('the service', () => {
  it('holds nothing when it is stopped: asleep, in a debounce, in the middle of a look', async () => {
    const path = file('app.json', '{"n":1}')
    const { app, clock } = await watched(path)
    await app.stop()
    expect(clock.pending).toBe(0)
    const second = await watched(path)
    write(path, 2)
    await second.tick()
    await second.app.stop()
    expect([second.clock.pending, second.n()]).toEqual([0, 1])
    const third = await watched(path)
    await third.clock.advance(1_000)
    await third.app.stop()
    expect(third.clock.pending).toBe(0)
  })

  it('keeps no process alive by itself', async () => {
    const path = file('app.json', '{"n":1}')
    const program = `
      import { Orchestrator } from 'keelson'
      import { Config, ConfigWatcher } from 'keelson/config'
      const app = new Orchestrator({ services: [new ConfigWatcher(await Config.load(${JSON.stringify(path)}))] })
      await app.start()
      console.log('up')`
    expect(await run('--input-type=module', '-e', program)).toEqual({ code: 0, stdout: 'up\n', stderr: '' })
  }, 30_000)

  it('looks as often as it is told', async () => {
    const path = file('app.json', '{"n":1}')
    const { tick, sleeps, n } = await watched(path, { interval: 50, debounce: 0, name: 'eye' } as ServiceOptions)
    write(path, 2)
    await tick(2)
    expect([n(), sleeps]).toEqual([2, [50, 0, 50]])
  })

  it('takes the options of every service, and refuses what it does not know', async () => {
    const config = await Config.load(file('app.json', '{"n":1}'))
    const watcher = new ConfigWatcher(config, { name: 'eye', dependsOn: ['disk'], essential: false })
    expect([watcher.name, watcher.type, watcher.dependencies[0]?.name]).toEqual(['eye', 'config', 'disk'])
    expect(await refusal(() => new ConfigWatcher(config, { intervall: 5 } as never))).toMatch(/intervall is no option/)
    expect(await refusal(() => new ConfigWatcher(config, { interval: 0 }))).toBe(
      "service 'config-watcher': interval is 0; pass milliseconds from 1 to 2^31 - 1",
    )
    expect(await refusal(() => new ConfigWatcher(config, { debounce: 2 ** 31 }))).toBe(
      "service 'config-watcher': debounce is 2147483648; pass milliseconds from 0 to 2^31 - 1",
    )
    expect(await refusal(() => new ConfigWatcher(Config.parse({})))).toBe(
      "service 'config-watcher': the configuration has no file to watch; make it with Config.load",
    )
    expect(await refusal(() => new ConfigWatcher({} as never))).toBe(
      "service 'config-watcher': the configuration is an object; pass one of Config.load",
    )
  })
})
