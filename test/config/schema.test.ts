/** Schemas: any Standard Schema, the typed value, all issues at once, and a schema that misbehaves. */
import { isKeelsonError } from 'keelson'
import { Config, type ConfigIssue, type StandardSchema, validate } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { file, refusal } from '../support/config.js'

/** A schema made by hand, of nobody's library. */
const schemaOf = (answer: (value: unknown) => unknown): StandardSchema => ({
  '~standard': { version: 1, vendor: 'test', validate: answer as never },
})

const link = z.object({ link: z.object({ timeout: z.number().positive(), hosts: z.array(z.string()).min(1) }) })

describe('the value', () => {
  it('is what the schema makes of the tree, defaults and transforms included; paths read the tree as written', () => {
    const schema = z.object({ port: z.number().default(80), url: z.string().transform((text) => new URL(text)) })
    const config = Config.parse({ url: 'http://a/' }, { schema })
    expect(config.value.port + 1).toBe(81)
    expect(config.value.url.host).toBe('a')
    expect(config.get('port')).toBe(undefined)
    expect(config.string('url')).toBe('http://a/')
  })

  it('is frozen as far as it is plain, without freezing what the schema keeps', () => {
    const kept = { deep: { list: [1] } }
    const at = new Date(0)
    const config = Config.parse({}, { schema: schemaOf(() => ({ value: { kept, at } })) })
    const value = config.value as { kept: typeof kept; at: Date }
    expect(() => value.kept.deep.list.push(2)).toThrow(TypeError)
    kept.deep.list.push(3)
    expect(value.kept).toEqual({ deep: { list: [1] } })
    expect(value.at).toBe(at)
  })

  it('may refer to itself', () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    const value = Config.parse({}, { schema: schemaOf(() => ({ value: loop })) }).value as typeof loop
    expect(value.self).toBe(value)
    expect(Object.isFrozen(value)).toBe(true)
  })

  it('is the tree without a schema', () => {
    const config = Config.parse({ port: 80 })
    expect(config.value).toBe(config.get(''))
  })

  it('comes of a schema that takes its time, when it is loaded', async () => {
    const schema = z.object({ port: z.number().refine(async (port) => port < 100, 'too high') })
    expect((await Config.load(file('a.json', '{"port":80}'), { schema })).value.port).toBe(80)
    const path = file('a.json', '{"port":800}')
    expect(await refusal(() => Config.load(path, { schema }))).toBe(
      `config ${path}: port is 800 - too high; correct it`,
    )
    expect(await refusal(() => Config.parse({ port: 80 }, { schema }))).toBe(
      'config: the schema answers later (it is asynchronous); use Config.load, which waits',
    )
  })
})

describe('issues', () => {
  it('are all reported together, each with its path, value and origin, and as data', async () => {
    const env = { APP_LINK_TIMEOUT: '-5' }
    const call = (): Config =>
      Config.parse({ link: { timeout: 3, hosts: ['a', 5, null] } }, { schema: link, envPrefix: 'APP', env })
    expect(await refusal(call)).toBe(
      'config: link.timeout is -5 (from APP_LINK_TIMEOUT) - Too small: expected number to be >0; ' +
        'link.hosts.1 is 5 - Invalid input: expected string, received number; ' +
        'link.hosts.2 is null - Invalid input: expected string, received null; correct them',
    )
    try {
      call()
    } catch (error) {
      const report = isKeelsonError(error) ? (error.report as readonly ConfigIssue[]) : []
      expect(report.map(({ path, variable }) => [path, variable])).toEqual([
        ['link.timeout', 'APP_LINK_TIMEOUT'],
        ['link.hosts.1', undefined],
        ['link.hosts.2', undefined],
      ])
    }
  })

  it('about what is missing, about the whole, and with paths of segments', async () => {
    expect(await refusal(() => Config.parse({}, { schema: link }))).toBe(
      'config: link is missing - Invalid input: expected object, received undefined; correct it',
    )
    const issues = [{ message: 'no\ngood' }, { message: 'nor this', path: [{ key: 'a' }, 0, Symbol.iterator] }]
    expect(await refusal(() => Config.parse({}, { schema: schemaOf(() => ({ issues })) }))).toBe(
      'config: the whole - no good; a.0.Symbol(Symbol.iterator) is missing - nor this; correct them',
    )
  })

  it('beyond fifty are counted in the message and listed in the report', async () => {
    const list = Array.from({ length: 60 }, () => 'x')
    expect(await refusal(() => Config.parse({ list }, { schema: z.object({ list: z.array(z.number()) }) }))).toMatch(
      /list\.49 is 'x' - [^;]*; and 10 more; correct them$/,
    )
  })
})

describe('a schema that misbehaves', () => {
  it.each<[string, (value: unknown) => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
      'the schema threw: boom; correct the schema',
    ],
    [
      'throws nothing of worth',
      () => {
        throw undefined
      },
      'the schema threw: undefined; correct the schema',
    ],
    [
      'throws what cannot be read',
      () => {
        throw Object.create(null)
      },
      'the schema threw: a value that cannot be read; correct the schema',
    ],
    ['has issues and does not say which', () => ({ issues: [] }), 'the schema does not say what is wrong; correct it'],
    ['has an issue without words', () => ({ issues: [{ path: ['a'] }] }), 'a is 1 - undefined; correct it'],
    ['rejects', () => Promise.reject(new Error('boom')), 'the schema threw: boom; correct the schema'],
    ['answers nothing', () => undefined, 'the schema answered nothing; pass one that follows Standard Schema'],
    [
      'answers something else',
      () => ({ issues: 'many' }),
      'the schema answered an object; pass one that follows Standard Schema',
    ],
    [
      'writes to what it is given',
      (value) => {
        ;(value as { a: number }).a = 2
      },
      "the schema threw: Cannot assign to read only property 'a' of object '#<Object>'; correct the schema",
    ],
  ])('one that %s is refused', async (_, answer, message) => {
    const path = file('a.json', '{"a":1}')
    expect(await refusal(() => Config.load(path, { schema: schemaOf(answer) }))).toBe(`config ${path}: ${message}`)
  })

  it('one that declares the key __proto__ has no variable put anything there', () => {
    const property = { type: 'object', properties: { x: { type: 'number' } } }
    const properties = JSON.parse(JSON.stringify({ proto: property }).replace('proto', '__proto__'))
    const validate = (value: unknown): { value: unknown } => ({ value })
    const standard = { version: 1, vendor: 'mine', validate, jsonSchema: { input: () => ({ properties }) } } as const
    const config = Config.parse(
      {},
      { schema: { '~standard': standard }, envPrefix: 'APP', env: { APP___proto___X: '1' } },
    )
    expect(config.warnings[0]?.message).toContain("it has the key '__proto__', which no object may have")
    expect(Object.getPrototypeOf(config.toJSON())).toBe(Object.prototype)
  })

  it('one whose shape cannot be told still validates', () => {
    const schema = z.object({ port: z.number() })
    const untold = {
      '~standard': {
        ...schema['~standard'],
        jsonSchema: {
          input: () => {
            throw new Error('no')
          },
        },
      },
    }
    expect(Config.parse({}, { schema: untold as never, envPrefix: 'APP', env: { APP_PORT: '5' } }).value).toEqual({
      port: 5,
    })
  })

  it('one that contains itself, with keys that overlap, is no trap for a long name', () => {
    type Node = { a?: Node | undefined; a_a?: Node | undefined; a_a_a?: Node | undefined }
    const node: z.ZodType<Node> = z.lazy(() => z.object({ a: node, a_a: node, a_a_a: node }).partial())
    const name = `APP${'_A'.repeat(60)}_X`
    const config = Config.parse({}, { schema: node, envPrefix: 'APP', env: { [name]: '5' } })
    expect(config.warnings).toEqual([])
    expect(JSON.stringify(config)).toContain('"x":5')
  })
})

it('validate gives typed, frozen output, and begins its messages as told', async () => {
  const value = await validate(link, { link: { timeout: 1, hosts: ['a'] } }, 'descriptor a.json')
  expect(value.link.hosts.map((host) => host.length)).toEqual([1])
  expect(Object.isFrozen(value.link.hosts)).toBe(true)
  expect(await refusal(() => validate(link, { link: { timeout: 1, hosts: [] } }, 'descriptor a.json'))).toBe(
    'descriptor a.json: link.hosts is a list - Too small: expected array to have >=1 items; correct it',
  )
})
