/** Overrides from the environment: which key a variable means, what its text becomes there, and what is skipped. */
import { Config, type StandardSchema } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Env, laid, notes, refusal } from '../support/config.js'

const skipped = (config: Config): string[] => config.warnings.map(({ message }) => message)

describe('which key a variable means', () => {
  it.each<[string, object, Env, object]>([
    [
      'a path, an underscore between keys',
      { link: { timeout: 1 } },
      { APP_LINK_TIMEOUT: '5' },
      { link: { timeout: 5 } },
    ],
    ['a path that is not there yet', {}, { APP_LINK_TIMEOUT: '5' }, { link: { timeout: 5 } }],
    [
      'a key with underscores',
      { link: { max_retries: 1 } },
      { APP_LINK_MAX_RETRIES: '5' },
      { link: { max_retries: 5 } },
    ],
    ['a key with capitals', { link: { maxRetries: 1 } }, { APP_LINK_MAXRETRIES: '5' }, { link: { maxRetries: 5 } }],
    [
      'a key with capitals, word by word',
      { link: { maxRetries: 1 } },
      { APP_LINK_MAX_RETRIES: '5' },
      { link: { maxRetries: 5 } },
    ],
    ['a key with dashes', { 'max-retries': 1 }, { APP_MAX_RETRIES: '5' }, { 'max-retries': 5 }],
    ['a key in capitals', { LINK: { MAX: 1 } }, { APP_LINK_MAX: '5' }, { LINK: { MAX: 5 } }],
    ['a name in small letters', { link: { maxRetries: 1 } }, { APP_link_maxRetries: '5' }, { link: { maxRetries: 5 } }],
    ['the longest of several', { a: { b: 1 }, a_b: 1 }, { APP_A_B: '5' }, { a: { b: 1 }, a_b: 5 }],
    ['the longest that has what follows', { a: { b_c: 1 }, a_b: {} }, { APP_A_B_C: '5' }, { a: { b_c: 5 }, a_b: {} }],
    ['the longest, if none has what follows', { a: {}, a_b: {} }, { APP_A_B_C: '5' }, { a: {}, a_b: { c: 5 } }],
    [
      'the one spelt most alike',
      { max_retries: 1, maxRetries: 1 },
      { APP_MAX_RETRIES: '5' },
      { max_retries: 5, maxRetries: 1 },
    ],
    [
      'the other one spelt most alike',
      { max_retries: 1, maxRetries: 1 },
      { APP_MAXRETRIES: '5' },
      { max_retries: 1, maxRetries: 5 },
    ],
    ['by its capitals', { port: 1, Port: 1 }, { APP_port: '5', APP_Port: '6' }, { port: 5, Port: 6 }],
    ['an element of a list', { list: [{ host: 'a' }] }, { APP_LIST_0_HOST: 'b' }, { list: [{ host: 'b' }] }],
    [
      'what the prefix begins, and nothing else',
      { port: 1 },
      { PORT: '2', APPPORT: '3', app_PORT: '4', MY_APP_PORT: '5' },
      { port: 1 },
    ],
    [
      'names that every object has',
      {},
      { APP_CONSTRUCTOR_PROTOTYPE_X: '1', APP_TOSTRING: '2' },
      { constructor: { prototype: { x: 1 } }, tostring: 2 },
    ],
  ])('%s', (_, data, env, result) => {
    const config = laid(data, env)
    expect(config.value).toEqual(result)
    expect(config.warnings).toEqual([])
    expect(({} as { x?: unknown }).x).toBe(undefined)
  })

  it('a prefix may end in its underscore', () => {
    expect(Config.parse({}, { envPrefix: 'MY_APP_', env: { MY_APP_PORT: '5' } }).value).toEqual({ port: 5 })
  })

  it('keys that only the schema declares are declared', () => {
    const schema = z.object({
      link: z.object({ maxRetries: z.number().default(3), max_size: z.number().optional() }).prefault({}),
      by_name: z.record(z.string(), z.object({ hostName: z.string() })).optional(),
    })
    const env = { APP_LINK_MAX_RETRIES: '5', APP_LINK_MAX_SIZE: '6', APP_BY_NAME_A_HOST_NAME: '7' }
    expect(laid({}, env, schema).value).toEqual({
      link: { maxRetries: 5, max_size: 6 },
      by_name: { a: { hostName: '7' } },
    })
  })
})

describe('what its text becomes', () => {
  it.each<[text: string, value: unknown]>([
    ['5', 5],
    ['-0.5', -0.5],
    ['1e3', 1000],
    ['true', true],
    ['false', false],
    ['null', null],
    ['', ''],
    ['text', 'text'],
    ['True', 'True'],
    ['007', '007'],
    ['+5', '+5'],
    [' 5', ' 5'],
    ['0x10', '0x10'],
    ['NaN', 'NaN'],
    ['Infinity', 'Infinity'],
    ['1e400', '1e400'],
    ['9007199254740991', 9007199254740991],
    ['9007199254740993', '9007199254740993'],
    ['"5"', '"5"'],
    ['[1]', '[1]'],
    ['{"a":1}', '{"a":1}'],
  ])('%j where nothing is declared: a number, boolean or null as in JSON, else text', (text, value) => {
    expect(laid({}, { APP_KEY: text }).get('key')).toBe(value)
    expect(laid({ key: null }, { APP_KEY: text }).get('key')).toBe(value)
  })

  it.each<[declared: unknown, text: string, value: unknown]>([
    ['x', '5', '5'],
    ['x', 'true', 'true'],
    ['x', 'null', 'null'],
    ['x', '', ''],
    [1, '5', 5],
    [1, '+007', 7],
    [1, '.5', 0.5],
    [1, 'null', null],
    [1, 'five', 'five'],
    [1, '', ''],
    [1, '1e400', '1e400'],
    [true, 'false', false],
    [true, '0', false],
    [false, '1', true],
    [false, 'Yes', true],
    [true, 'OFF', false],
    [true, 'maybe', 'maybe'],
  ])('where the file has %j, %j becomes %j', (declared, text, value) => {
    expect(laid({ key: declared }, { APP_KEY: text }).get('key')).toBe(value)
  })

  const telling = z.object({
    text: z.string().optional(),
    flag: z.boolean().optional(),
    count: z.int().optional(),
    either: z.union([z.string(), z.number()]).optional(),
    list: z
      .preprocess((given) => (typeof given === 'string' ? given.split(',') : given), z.array(z.string()))
      .optional(),
    color: z.enum(['red', '1']).optional(),
    fixed: z.literal([7, 'seven']).optional(),
    odd: z.custom<string>((given) => typeof given === 'string').optional(),
  })
  // The same schema, but one that does not tell its shape: then it is asked with one reading after the other.
  const silent: typeof telling = { '~standard': { ...telling['~standard'], jsonSchema: undefined } } as never
  const shaped: [string, typeof telling][] = [
    ['one that tells its shape', telling],
    ['one that does not', silent],
  ]

  describe.each(shaped)('by a schema, %s', (_, schema) => {
    it.each<[keyof z.infer<typeof telling>, string, unknown]>([
      ['text', '5', '5'],
      ['text', 'true', 'true'],
      ['flag', '1', true],
      ['flag', 'no', false],
      ['count', '5', 5],
      ['count', '+5', 5],
      ['either', '5', 5],
      ['either', 'five', 'five'],
      ['list', 'a,b', ['a', 'b']],
      ['color', '1', '1'],
      ['fixed', '7', 7],
      ['fixed', 'seven', 'seven'],
      ['odd', '5', '5'],
    ])('%s: %j becomes %j', (key, text, value) => {
      expect(laid({}, { [`APP_${key}`]: text }, schema).value).toEqual({ [key]: value })
    })

    it('of several readings that are wrong the likeliest is told', async () => {
      expect(await refusal(() => laid({}, { APP_COUNT: '1.5' }, schema))).toMatch(
        /^config: count is 1.5 \(from APP_COUNT\) - /,
      )
    })

    it('several are found at once', () => {
      const env = { APP_TEXT: '5', APP_FLAG: '1', APP_COUNT: '5', APP_ODD: 'null' }
      expect(laid({}, env, schema).value).toEqual({ text: '5', flag: true, count: 5, odd: 'null' })
    })

    it('what is wrong however it is read is told with the variable', async () => {
      expect(await refusal(() => laid({ text: 1 }, { APP_COUNT: 'five' }, schema))).toBe(
        'config: text is 1 - Invalid input: expected string, received number; ' +
          "count is 'five' (from APP_COUNT) - Invalid input: expected number, received string; correct them",
      )
    })
  })

  it('a variable that nobody declares is read as what it is asked for', () => {
    const config = laid({}, { APP_SECRET: '0123', APP_PIN: '42', APP_ON: '1', APP_WAIT: '5', APP_SLOW: '2m' })
    expect(config.string('secret')).toBe('0123')
    expect(config.string('pin')).toBe('42')
    expect(config.integer('pin')).toBe(42)
    expect(config.boolean('on')).toBe(true)
    expect(config.duration('wait')).toBe(5_000)
    expect(config.duration('slow')).toBe(120_000)
  })

  it('a bare number in a variable is seconds, as in the file that it overrides', () => {
    expect(laid({ timeout: 3 }, { APP_TIMEOUT: '5' }).duration('timeout')).toBe(5_000)
    expect(laid({ timeout: '3s' }, { APP_TIMEOUT: '5' }).duration('timeout')).toBe(5_000)
    expect(laid({ timeout: '3s' }, { APP_TIMEOUT: '1e3' }).duration('timeout')).toBe(1_000_000)
    expect(laid({}, { APP_TIMEOUT: '1e3' }).duration('timeout')).toBe(1_000_000)
    expect(laid({}, { APP_TIMEOUT: '.5' }).duration('timeout')).toBe(500)
  })

  it('a refusal names the variable', async () => {
    const config = laid({ port: 1 }, { APP_PORT: 'high', APP_BIG: '1e400', APP_ID: '9007199254740993' })
    expect(await refusal(() => config.number('port'))).toBe(
      "config: port is 'high' (from APP_PORT); make it a finite number",
    )
    expect(await refusal(() => config.number('big'))).toContain("big is '1e400' (from APP_BIG), which is out of range")
    expect(await refusal(() => config.integer('id', 1))).toContain('(from APP_ID), which is out of range')
    expect(await refusal(() => config.section('port'))).toBe(
      "config: port is 'high' (from APP_PORT); make it an object",
    )
  })
})

describe('what is skipped', () => {
  const object = z.object({
    link: z.object({ timeout: z.number() }).optional(),
    list: z.array(z.object({})).optional(),
    port: z.number().optional(),
  })
  const deep = `APP${'_A'.repeat(101)}`
  it.each<[string, object, Env, string, StandardSchema?]>([
    [
      'a scalar for an object',
      { link: { a: 1 } },
      { APP_LINK: '5' },
      'APP_LINK is skipped: link is an object, which a variable cannot replace',
    ],
    [
      'null for an object',
      { link: {} },
      { APP_LINK: 'null' },
      'APP_LINK is skipped: link is an object, which a variable cannot replace',
    ],
    [
      'a scalar for a list',
      { list: [] },
      { APP_LIST: '[1]' },
      'APP_LIST is skipped: list is a list, which a variable cannot replace',
    ],
    [
      'a way through a scalar',
      { link: 5 },
      { APP_LINK_TIMEOUT: '5' },
      'APP_LINK_TIMEOUT is skipped: link.timeout passes through link, which is no object',
    ],
    [
      'a way through null',
      { link: null },
      { APP_LINK_TIMEOUT: '5' },
      'APP_LINK_TIMEOUT is skipped: link.timeout passes through link, which is no object',
    ],
    [
      'an element that is not there',
      { list: [1] },
      { APP_LIST_1: '5' },
      'APP_LIST_1 is skipped: the list list has no element 1',
    ],
    [
      'a property of a list',
      { list: [1] },
      { APP_LIST_LENGTH: '0' },
      'APP_LIST_LENGTH is skipped: the list list has no element length',
    ],
    [
      'keys that match equally',
      { port: 1, Port: 2 },
      { APP_PORT: '5' },
      "APP_PORT is skipped: 'port' and 'Port' match it equally",
    ],
    ['an empty name', {}, { APP_: '5' }, 'APP_ is skipped: a part of its name is empty'],
    ['an empty part', {}, { APP_A__B: '5' }, 'APP_A__B is skipped: a part of its name is empty'],
    ['a prototype', {}, { APP___PROTO___X: '5' }, 'APP___PROTO___X is skipped: a part of its name is empty'],
    ['what is too deep', {}, { [deep]: '5' }, `${deep.slice(0, 100)}… is skipped: it is nested deeper than 100 levels`],
    [
      'a scalar for an object of the schema',
      {},
      { APP_LINK: '5' },
      'APP_LINK is skipped: link is an object, which a variable cannot replace',
      object,
    ],
    [
      'a way through a scalar of the schema',
      {},
      { APP_PORT_X: '5' },
      'APP_PORT_X is skipped: port.x passes through port, which is no object',
      object,
    ],
    [
      'an element of a list of the schema',
      {},
      { APP_LIST_0_A: '5' },
      'APP_LIST_0_A is skipped: the list list has no element 0',
      object,
    ],
  ])('%s, and reported', (_, data, env, message, schema) => {
    const config = laid(data, env, schema)
    expect(config.value).toEqual(data)
    expect(skipped(config)).toEqual([`config: the variable ${message}; rename or unset it`])
    expect(config.warnings[0]!.variable).toBe(Object.keys(env)[0])
  })

  it('the second of two that mean one path', () => {
    const config = laid({ maxRetries: 1 }, { APP_MAX_RETRIES: '5', APP_MAXRETRIES: '6' })
    expect(config.value).toEqual({ maxRetries: 6 })
    expect(config.warnings).toEqual([
      {
        variable: 'APP_MAX_RETRIES',
        path: 'maxRetries',
        message:
          'config: the variable APP_MAX_RETRIES is skipped: maxRetries is set by APP_MAXRETRIES already; rename or unset it',
      },
    ])
  })

  it('the log is told once, and again only of what is new', async () => {
    const logger = notes()
    const env: Env = { APP_LINK: '5' }
    const config = Config.parse({ link: {}, port: 1 }, { envPrefix: 'APP', env, logger })
    expect(logger.lines).toHaveLength(1)
    await config.reload()
    expect(logger.lines).toHaveLength(1)
    env.APP_PORT_X = '1'
    await config.reload()
    expect(logger.lines.map((line) => line.split(';')[0])).toEqual([
      'warn config: the variable APP_LINK is skipped: link is an object, which a variable cannot replace',
      'warn config: the variable APP_PORT_X is skipped: port.x passes through port, which is no object',
    ])
  })
})

describe('options', () => {
  it.each<[object, string]>([
    [{ env: {} }, "config: options.env has no effect without envPrefix; pass one such as 'APP', or leave it out"],
    [
      { envPrefix: 'APP' },
      'config: options.envPrefix has no effect without env; pass env: process.env, or leave it out',
    ],
    [{ envPrefix: '', env: {} }, 'config: options.envPrefix is an empty text; pass text that is not empty'],
    [{ envPrefix: 'APP', env: 5 }, 'config: options.env is 5; pass an object of variables, such as process.env'],
    [{ envPrefix: 'APP', env: { APP_X: 5 } }, 'config: options.env.APP_X is 5; pass text'],
    [{ schema: {} }, 'config: options.schema is an object; pass a Standard Schema, such as one of zod'],
    [{ logger: { warn() {} } }, 'config: options.logger is an object; pass a logger with debug, info, warn and error'],
    [{ schemas: 1 }, 'config: options.schemas is no option; known are schema, envPrefix, env, logger'],
    [null as never, 'config: options is null; pass an object'],
  ])('%j is refused', async (options, message) => {
    expect(await refusal(() => Config.parse({}, options))).toBe(message)
  })

  it('a variable that is undefined is none', () => {
    expect(laid({ port: 1 }, { APP_PORT: undefined }).value).toEqual({ port: 1 })
  })
})
