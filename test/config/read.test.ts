/** Reading by dot paths: what each reader takes, what it refuses and how that reads, and that nothing inherited is seen. */
import { Config } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { refusal } from '../support/config.js'

const config = Config.parse({
  name: 'gateway',
  port: 8080,
  ratio: 0.25,
  debug: false,
  nothing: null,
  link: { timeout: '1m30s', hosts: ['a', { name: 'b' }], 'a.b': 1, '': 2 },
  huge: 2 ** 60,
  infinite: Infinity,
  odd: Number.NaN,
})

describe('paths', () => {
  it.each([
    ['port', 8080],
    ['link.timeout', '1m30s'],
    ['link.hosts.0', 'a'],
    ['link.hosts.1.name', 'b'],
    [['link', 'a.b'], 1],
    [['link', ''], 2],
    ['nothing', null],
    ['nothing.more', undefined],
    ['port.more', undefined],
    ['link.a.b', undefined],
    ['link.hosts.2', undefined],
    ['link.hosts.00', undefined],
    ['link.hosts.-1', undefined],
    ['link.hosts.length', undefined],
    ['link.hosts.map', undefined],
    ['name.length', undefined],
    ['Port', undefined],
    ['constructor', undefined],
    ['__proto__', undefined],
    ['link.__proto__.x', undefined],
    ['toString.name', undefined],
  ])('%j reads %j', (path, value) => {
    expect(config.get(path)).toBe(value)
    expect(config.has(path)).toBe(value !== undefined)
    expect(config.get(path, 'else')).toBe(value === undefined ? 'else' : value)
  })

  it('the empty path is the whole', () => {
    expect(config.get('')).toBe(config.toJSON())
    expect(config.section('').path).toBe('')
  })

  it.each([
    ['a..b', "config: the path 'a..b' has an empty part; pass keys with one dot between them, or a list"],
    ['.', "config: the path '.' has an empty part; pass keys with one dot between them, or a list"],
    [5, "config: the path is 5; pass text such as 'link.timeout', or a list of keys"],
    [[5], "config: the path is a list; pass text such as 'link.timeout', or a list of keys"],
  ])('%j is refused', async (path, message) => {
    expect(await refusal(() => config.get(path as string))).toBe(message)
    expect(await refusal(() => config.has(path as string))).toBe(message)
  })
})

type Reader = 'string' | 'number' | 'integer' | 'boolean' | 'duration'

const read = (reader: Reader, ...args: unknown[]): unknown => Reflect.apply(config[reader], config, args)

describe('readers', () => {
  it.each<[Reader, string, unknown]>([
    ['string', 'name', 'gateway'],
    ['number', 'ratio', 0.25],
    ['number', 'huge', 2 ** 60],
    ['integer', 'port', 8080],
    ['boolean', 'debug', false],
    ['duration', 'link.timeout', 90_000],
    ['duration', 'port', 8_080_000],
  ])('%s of %s is %j, with a default as well', (reader, path, value) => {
    expect(read(reader, path)).toBe(value)
    expect(read(reader, path, null)).toBe(value)
  })

  it.each<[Reader, string, string]>([
    ['string', 'port', 'config: port is 8080; make it text'],
    ['string', 'nothing', 'config: nothing is null; make it text'],
    ['string', 'link', 'config: link is an object; make it text'],
    ['string', 'link.hosts', 'config: link.hosts is a list; make it text'],
    ['string', 'absent', 'config: absent is missing; set it, or pass a default'],
    ['number', 'name', "config: name is 'gateway'; make it a finite number"],
    ['number', 'odd', 'config: odd is NaN; make it a finite number'],
    ['integer', 'ratio', 'config: ratio is 0.25; make it a whole number between ±(2^53 - 1)'],
    ['boolean', 'port', 'config: port is 8080; make it true or false'],
    ['duration', 'name', expect.stringContaining("config: name is 'gateway'; make it a duration such as '250ms'")],
  ])('%s of %s is refused, and the default where one is passed', async (reader, path, message) => {
    expect(await refusal(() => read(reader, path))).toEqual(message)
    expect(read(reader, path, null)).toBe(null)
    expect(read(reader, path, undefined)).toBe(undefined)
  })

  it.each<[Reader, string, string]>([
    ['number', 'infinite', 'config: infinite is Infinity, which is out of range; make it a finite number'],
    ['integer', 'huge', 'config: huge is 1152921504606847000, which is out of range; make it a whole number between'],
    ['integer', 'infinite', 'config: infinite is Infinity, which is out of range; make it a whole number between'],
    ['duration', 'infinite', 'config: infinite is Infinity, which is out of range; make it a duration such as'],
    ['duration', 'huge', 'config: huge is 1152921504606847000, which is out of range; make it a duration such as'],
  ])('%s of %s is out of range, also where a default is passed', async (reader, path, message) => {
    expect(await refusal(() => read(reader, path))).toContain(message)
    expect(await refusal(() => read(reader, path, 1))).toContain(message)
  })

  it('what is found is shown in one line of bounded length', async () => {
    const long = Config.parse({ text: `a\nb\u2028${'c'.repeat(100)}` })
    expect(await refusal(() => long.number('text'))).toBe(
      `config: text is 'a b ${'c'.repeat(56)}…'; make it a finite number`,
    )
  })
})

describe('durations', () => {
  it.each<[unknown, number]>([
    ['250ms', 250],
    ['5s', 5_000],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1d12h', 129_600_000],
    ['1d1h1m1s1ms', 90_061_001],
    ['1500us', 1.5],
    ['20µs', 0.02],
    ['7ns', 0.000007],
    ['1.5s', 1_500],
    ['1.005s', 1_005],
    ['0.1h', 360_000],
    ['0s', 0],
    ['007s', 7_000],
    ['5', 5_000],
    ['0.25', 250],
    [5, 5_000],
    [0, 0],
    [1.005, 1_005],
    [0.0000001, 0.0001],
    ['9007199254740991ms', Number.MAX_SAFE_INTEGER],
  ])('%j is %d ms', (value, ms) => {
    expect(Config.parse({ value }).duration('value')).toBeCloseTo(ms, 9)
  })

  it.each(['9007199254740992ms', '-5s', '-1ms', -1, 1e308, `${'9'.repeat(390)}s`, '200000000000d'])(
    '%j is out of range',
    async (value) => {
      const config = Config.parse({ value })
      expect(await refusal(() => config.duration('value', 5))).toContain(
        'which is out of range; make it a duration such as',
      )
    },
  )

  it.each([
    '',
    ' ',
    's',
    'five',
    '5 s',
    '5S',
    '5sec',
    '30s1m',
    '1s1s',
    '1ms1s',
    '1.s',
    '.5s',
    '1e3s',
    '--5s',
    '5s-',
    '+5s',
    '5,5s',
    '٥s',
    true,
    null,
    {},
    [],
  ])('%j is none', async (value) => {
    const config = Config.parse({ value })
    expect(await refusal(() => config.duration('value'))).toContain(
      "make it a duration such as '250ms', '5s' or '1m30s'",
    )
    expect(config.duration('value', 7)).toBe(7)
  })
})

it.each([
  ['out of range', `${'9'.repeat(390)}s`, 'which is out of range'],
  ['none', '1'.repeat(500), "'1111"],
  ['none', '1s'.repeat(300), "'1s1s"],
])('a text of hundreds of characters is %s', async (_, value, message) => {
  expect(await refusal(() => Config.parse({ value }).duration('value'))).toContain(message)
})

describe('sections', () => {
  it('read below their path, and name the whole path in a refusal', async () => {
    const link = config.section('link')
    expect([link.path, link.duration('timeout'), link.has('name')]).toEqual(['link', 90_000, false])
    expect(link.section(['hosts', '1']).string('name')).toBe('b')
    expect(await refusal(() => link.section('hosts.1').number('name'))).toBe(
      "config: link.hosts.1.name is 'b'; make it a finite number",
    )
    expect(JSON.stringify(link)).toBe(JSON.stringify(config.get('link')))
  })

  it('are refused where there is no object, or are those of the default', async () => {
    expect(await refusal(() => config.section('absent'))).toBe('config: absent is missing; set it, or pass a default')
    expect(await refusal(() => config.section('absent', undefined))).toContain('absent is missing; set it')
    expect(await refusal(() => config.section('link.hosts'))).toBe('config: link.hosts is a list; make it an object')
    const given = { deep: { x: 1 } }
    const section = config.section('port', given)
    given.deep.x = 2
    expect([section.path, section.number('deep.x')]).toEqual(['port', 1])
    expect(await refusal(() => config.section('port', [1]))).toBe(
      'config: the default of port: it is a list; make it an object at the top',
    )
  })
})

describe('what is read', () => {
  it('is frozen all through, and no part of what was given', () => {
    const given = { list: [{ deep: [1] }] }
    const parsed = Config.parse(given)
    given.list[0]!.deep[0] = 2
    expect(parsed.get('list.0.deep')).toEqual([1])
    const visit = (value: unknown): void => {
      expect(Object.isFrozen(value)).toBe(true)
      for (const each of Object.values(Object(value))) visit(each)
    }
    visit(parsed.toJSON())
    expect(parsed.value).toBe(parsed.toJSON())
  })

  it('is plain data: dates are ISO text, what is undefined is absent, a safe bigint is a number', () => {
    const date = new Date('2024-01-01T00:00:00Z')
    expect(
      Config.parse({ date, absent: undefined, big: 5n, list: [undefined], bare: Object.create(null) }).value,
    ).toEqual({
      date: '2024-01-01T00:00:00.000Z',
      big: 5,
      list: [null],
      bare: {},
    })
  })

  const loop: Record<string, unknown> = {}
  loop.loop = loop
  it.each<[string, object, string]>([
    ['a function', { a: { f: () => 1 } }, 'config: a.f is a function; only plain data can be configuration'],
    ['a symbol', { a: Symbol('s') }, 'config: a is Symbol(s); only plain data can be configuration'],
    ['a map', { a: [new Map()] }, 'config: a.0 is an instance of Map; only plain data can be configuration'],
    ['a bigint', { a: 2n ** 60n }, 'config: a is a whole number beyond ±(2^53 - 1); write it as text'],
    ['a bad date', { a: new Date(Number.NaN) }, 'config: a is a date that does not exist; correct it'],
    ['a list', [1], 'config: it is a list; make it an object at the top'],
    ['an instance', new URL('file:///x'), 'config: it is an instance of URL; only plain data can be configuration'],
    [
      'a prototype',
      JSON.parse('{"a":{"__proto__":{"b":1}}}'),
      "config: a has the key '__proto__', which no object may have; choose another",
    ],
    ['a loop', loop, `config: ${'loop.'.repeat(20)}… is nested deeper than 100 levels; make it flatter`],
    [
      'a trap',
      {
        get a() {
          throw new Error('no')
        },
      },
      'config: the data cannot be read; pass plain data',
    ],
  ])('is never %s', async (_, data, message) => {
    expect(await refusal(() => Config.parse(data))).toBe(message)
  })

  it('is no more than a million values, however few they were written as', async () => {
    const ten = (value: unknown): unknown[] => Array.from({ length: 10 }, () => value)
    const bomb = [1, 2, 3, 4, 5, 6].reduce<unknown>(ten, 1)
    expect(await refusal(() => Config.parse({ bomb }))).toBe('config: it has more than 1000000 values; make it smaller')
  })
})
