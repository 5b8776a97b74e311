/** Reloading: the whole tree at once or not at all, snapshots that never mix, and who is told what changed. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { Config, type ConfigChange } from 'keelson/config'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { file, notes, refusal } from '../support/config.js'

const schema = z.object({ a: z.number(), b: z.number().optional(), deep: z.object({ x: z.number() }).optional() })

async function loaded(
  text = '{"a":1,"b":1}',
): Promise<{ config: Config<z.infer<typeof schema>>; path: string; write: (text: string) => void }> {
  const path = file('app.json', text)
  return { config: await Config.load(path, { schema }), path, write: (next) => writeFileSync(path, next) }
}

describe('reload()', () => {
  it('swaps the whole tree, and leaves snapshots and sections as they were', async () => {
    const { config, write } = await loaded('{"a":1,"b":1,"deep":{"x":1}}')
    const before = config.current
    const section = config.section('deep')
    write('{"a":2,"b":2,"deep":{"x":2}}')
    const change = await config.reload()
    expect([config.value, config.number('a'), config.current.version]).toEqual([{ a: 2, b: 2, deep: { x: 2 } }, 2, 2])
    expect([before.value, before.number('a'), before.section('deep').number('x'), section.number('x')]).toEqual([
      { a: 1, b: 1, deep: { x: 1 } },
      1,
      1,
      1,
    ])
    expect([change?.previous, change?.current]).toEqual([before, config.current])
  })

  it.each([
    ['malformed', '{"a":2'],
    ['empty', ''],
    ['refused by the schema', '{"a":"x","b":2}'],
    ['nested too deep', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`],
  ])('rejects when the file is %s, and keeps the old version, whole', async (_, text) => {
    const { config, path, write } = await loaded()
    const before = config.current
    const told: ConfigChange[] = []
    config.onChange((change) => told.push(change))
    write(text)
    expect(await refusal(() => config.reload())).toMatch(`config ${path}: `)
    expect(config.current).toBe(before)
    expect(told).toEqual([])
    write('{"a":3}')
    await config.reload()
    expect([config.value, config.current.version]).toEqual([{ a: 3 }, 2])
  })

  it('rejects when the file is gone, and is well again when it is back', async () => {
    const { config, path } = await loaded()
    renameSync(path, `${path}.away`)
    expect(await refusal(() => config.reload())).toContain('there is no such file')
    expect(config.value).toEqual({ a: 1, b: 1 })
    renameSync(`${path}.away`, path)
    expect(await config.reload()).toBe(undefined)
  })

  it('is nothing when nothing changed but the writing: the same snapshot, nobody told', async () => {
    const { config, write } = await loaded()
    const before = config.current
    config.onChange(() => expect.unreachable())
    write('{ "b": 1,\n  "a": 1 }')
    expect(await config.reload()).toBe(undefined)
    expect(config.current).toBe(before)
  })

  it('tells anew what was skipped and where a value came from, also when every value is the same', async () => {
    const env: Record<string, string> = {}
    const config = Config.parse({ a: 1, link: {} }, { envPrefix: 'APP', env })
    const { value } = config
    Object.assign(env, { APP_A: '1', APP_LINK: 'off' })
    expect(await config.reload()).toBe(undefined)
    expect(config.warnings.map(({ variable }) => variable)).toEqual(['APP_LINK'])
    expect(await refusal(() => config.string('a'))).toBe("config: a is '1' (from APP_A); make it text")
    expect([config.value === value, config.current.version]).toEqual([true, 1])
    delete env.APP_LINK
    await config.reload()
    expect(config.warnings).toEqual([])
  })

  it('reads the environment anew, also without a file', async () => {
    const env: Record<string, string> = { APP_A: '1' }
    const config = Config.parse({ a: 0 }, { envPrefix: 'APP', env })
    env.APP_A = '2'
    expect(config.number('a')).toBe(1)
    expect((await config.reload())?.paths).toEqual(['a'])
    expect(config.number('a')).toBe(2)
    delete env.APP_A
    await config.reload()
    expect(config.number('a')).toBe(0)
  })

  it('calls that overlap follow one another and see what was written before them', async () => {
    const { config, write } = await loaded()
    const versions: number[] = []
    config.onChange(({ current }) => versions.push(current.number('a')))
    write('{"a":2}')
    const first = config.reload()
    const same = config.reload()
    await Promise.resolve()
    await Promise.resolve()
    write('{"a":3}')
    const second = config.reload()
    await Promise.all([first, same, second])
    expect(config.number('a')).toBe(3)
    expect(versions.at(-1)).toBe(3)
    expect(config.current.version).toBe(versions.length + 1)
  })

  it('one that rejects does not stop the next', async () => {
    const { config, write } = await loaded()
    write('{')
    const bad = config.reload()
    expect(await refusal(() => bad)).toContain('it is no JSON')
    write('{"a":2}')
    expect((await config.reload())?.paths).toEqual(['a', 'b'])
  })
})

describe('onChange', () => {
  it.each<[string, object, object, string[]]>([
    ['a leaf', { a: { b: 1, c: 1 } }, { a: { b: 2, c: 1 } }, ['a.b']],
    ['leaves here and there', { a: 1, b: { c: 1 } }, { a: 2, b: { c: 2 } }, ['a', 'b.c']],
    ['one that came', { a: {} }, { a: { b: 1 } }, ['a.b']],
    ['an object that came', {}, { a: { b: { c: 1 } } }, ['a']],
    ['an object that went', { a: { b: { c: 1 } } }, {}, ['a']],
    ['an object that became a scalar', { a: { b: 1 } }, { a: 1 }, ['a']],
    ['an object that became a list', { a: { 0: 1 } }, { a: [1] }, ['a']],
    ['a list, as a whole', { a: [{ b: 1 }, 2] }, { a: [{ b: 2 }, 2] }, ['a']],
    ['a list that grew', { a: [1] }, { a: [1, 1] }, ['a']],
    ['null and absent', { a: null }, {}, ['a']],
    ['number and text', { a: 1 }, { a: '1' }, ['a']],
    ['a key that every object inherits', {}, { constructor: 1 }, ['constructor']],
    ['nothing, whatever the order', { a: 1, b: [{ c: 1, d: 1 }] }, { b: [{ d: 1, c: 1 }], a: 1 }, []],
  ])('tells which paths changed: %s', async (_, before, after, paths) => {
    const path = file('app.json', JSON.stringify(before))
    const config = await Config.load(path)
    const told: ConfigChange[] = []
    config.onChange((change) => told.push(change))
    writeFileSync(path, JSON.stringify(after))
    await config.reload()
    expect(told.map((change) => change.paths)).toEqual(paths.length > 0 ? [paths] : [])
  })

  it('a change knows whether it touches a path', async () => {
    const path = file('app.json', '{"a":{"b":{"c":1}},"x":1}')
    const config = await Config.load(path)
    writeFileSync(path, '{"a":{"b":{"c":2}},"x":1}')
    const change = await config.reload()
    expect(['a', 'a.b', 'a.b.c', 'a.b.c.d', '', 'x', 'a.c', 'b'].filter((at) => change?.touches(at))).toEqual([
      'a',
      'a.b',
      'a.b.c',
      'a.b.c.d',
      '',
    ])
  })

  it('is called after the swap and before reload() resolves, in the order of subscription', async () => {
    const { config, write } = await loaded()
    const seen: string[] = []
    config.onChange(() => seen.push(`first ${config.number('a')}`))
    const end = config.onChange(() => seen.push('never'))
    config.onChange(({ previous, current }) => seen.push(`second ${previous.number('a')} ${current.number('a')}`))
    end()
    end()
    write('{"a":2}')
    await config.reload().then(() => seen.push('resolved'))
    expect(seen).toEqual(['first 2', 'second 1 2', 'resolved'])
  })

  it('ends by using, and in the middle of a round', async () => {
    const { config, write } = await loaded()
    const seen: string[] = []
    config.onChange(() => later())
    const later = config.onChange(() => seen.push('ended meanwhile'))
    {
      using subscription = config.onChange(() => seen.push('ended by using'))
      expect(typeof subscription).toBe('function')
    }
    write('{"a":2}')
    await config.reload()
    expect(seen).toEqual([])
  })

  it('a listener that throws or rejects disturbs nobody, and is logged', async () => {
    const path = file('app.json', '{"a":1}')
    const logger = notes()
    const config = await Config.load(path, { logger })
    const seen: number[] = []
    config.onChange(() => {
      throw new Error('boom')
    })
    config.onChange(() => Promise.reject(new Error('late')) as never)
    config.onChange(({ current }) => seen.push(current.number('a')))
    writeFileSync(path, '{"a":2}')
    await config.reload()
    expect(seen).toEqual([2])
    expect(logger.lines).toEqual(
      ['boom', 'late'].map((why) => `error config ${path}: a listener of onChange threw: ${why}`),
    )
  })

  it('is logged into a pino with the fields where pino has them', async () => {
    const lines: string[] = []
    const logger = pino({ base: null, errorKey: 'error' }, { write: (line) => void lines.push(line) })
    const env: Record<string, string> = { APP_LINK: 'off' }
    const config = Config.parse({ link: {} }, { envPrefix: 'APP', env, logger })
    config.onChange(() => {
      throw new Error('boom')
    })
    env.APP_A = '1'
    await config.reload()
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { variable: 'APP_LINK', path: 'link', msg: expect.stringContaining('APP_LINK is skipped') },
      { error: { message: 'boom' }, msg: 'config: a listener of onChange threw: boom' },
    ])
  })

  it('a logger that throws disturbs nobody either', async () => {
    const path = file('app.json', '{"a":1}')
    const broken = (): never => {
      throw new Error('disk full')
    }
    const logger = { debug: broken, info: broken, warn: broken, error: broken }
    const config = await Config.load(path, { logger, envPrefix: 'APP', env: { APP_: '' } })
    config.onChange(broken)
    writeFileSync(path, '{"a":2}')
    expect((await config.reload())?.paths).toEqual(['a'])
  })

  it('a listener may reload', async () => {
    const { config, path, write } = await loaded()
    const inner: (Promise<unknown> | undefined)[] = []
    config.onChange(() => {
      if (config.number('a') > 2) return
      writeFileSync(path, readFileSync(path, 'utf8').replace('2', '3'))
      inner.push(config.reload())
    })
    write('{"a":2}')
    await config.reload()
    await Promise.all(inner)
    expect([config.number('a'), inner.length]).toEqual([3, 1])
  })

  it('takes functions only', async () => {
    const { config, path } = await loaded()
    expect(await refusal(() => config.onChange(5 as never))).toBe(`config ${path}: onChange takes a function, not 5`)
    rmSync(path)
  })
})
