/** Anything at all as a file, as data and as an environment: a clear error or a right answer, and nothing half done. */
import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { isKeelsonError } from 'keelson'
import { Config, parseTree } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { file } from '../support/config.js'

const HOSTILE = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'valueOf',
  'length',
  '',
  '0',
  '-1',
  'a.b',
  'a',
  'b',
  'A',
  'a_b',
  'aB',
  'A_B',
]
const NUMBERS = [0, -0, 1e308, -1e308, 5e-324, 2 ** 53, 2 ** 63, Number.MAX_VALUE, Infinity, -Infinity, Number.NaN]
const key = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 6 }))
const leaf = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('5s', '1m30s', '1e999', 'null', '-1'),
)
const { tree } = fc.letrec<{ tree: object; value: unknown }>((tie) => ({
  tree: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((pairs) => {
    const made = {}
    for (const [name, value] of pairs)
      Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true })
    return made
  }),
  value: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('value'), { maxLength: 3 }), tie('tree')),
}))
const variable = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      'APP',
      'APP_',
      'app_',
      'APP_A',
      'APP_B',
      'APP_A_B',
      'APP_AB',
      'APP_a_b',
      'APP_A__B',
      'APP___PROTO___X',
      'APP_CONSTRUCTOR_X',
      'APP_0',
      'APP_A_0',
    ),
    fc.string({ maxLength: 8 }).map((rest) => `APP_${rest}`),
  ),
  fc.oneof(fc.constantFrom('', '5', 'true', 'null', '1e999', '5s', '[1]', '0x1'), fc.string({ maxLength: 6 })),
)
const environment = fc.array(variable, { maxLength: 8 })
const path = fc.oneof(
  key,
  fc.array(key, { maxLength: 4 }),
  fc.array(fc.constantFrom('a', 'b', '0'), { maxLength: 4 }).map((keys) => keys.join('.')),
)

/** What a call gives; `undefined` for a refusal that is as refusals must be, and anything else is thrown on. */
async function attempt<Result>(call: () => Result | Promise<Result>): Promise<Result | undefined> {
  try {
    return await call()
  } catch (error) {
    if (!isKeelsonError(error, 'CONFIG_INVALID')) throw error
    expect(error.message).toMatch(/^[\w ./-]+: .+$/)
    expect(error.message.length).toBeLessThan(2_000)
    return undefined
  }
}

/** Nothing that every object has was changed, and all of a tree is frozen, plain and its own. */
function clean(root?: unknown): void {
  expect(Object.keys(Object.prototype)).toEqual([])
  expect(Object.keys(Array.prototype)).toEqual([])
  expect(Object.keys(Object)).toEqual([])
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    expect(Object.isFrozen(value)).toBe(true)
    expect([Object.prototype, Array.prototype]).toContain(Object.getPrototypeOf(value))
    expect(Object.hasOwn(value, '__proto__')).toBe(false)
    for (const each of Object.values(value)) visit(each)
  }
  visit(root)
}

const runs = { numRuns: 300 }

describe('any text', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: fc.constantFrom(...'{}[]":,=-&*!|>#\n \t019eE.abc_'), maxLength: 60 }),
    tree.map((data) => JSON.stringify(data)),
    fc.tuple(tree, fc.nat(), fc.nat()).map(([data, from, to]) => {
      const whole = JSON.stringify(data)
      return whole.slice(0, from % (whole.length + 1)) + whole.slice(to % (whole.length + 1))
    }),
  )
  it.each(['json', 'yaml', 'toml'])('as %s is a tree or a refusal', async (extension) => {
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        clean(await attempt(() => parseTree(given, `a.${extension}`)))
      }),
      runs,
    )
  })

  it('nested to any depth, closed or not, is a refusal', async () => {
    const opening = fc.constantFrom('[', '{"a":', '[{"a":', '- ', '? ', '&a [', '!!map {a: ', 'a = [', '{ a = ')
    await fc.assert(
      fc.asyncProperty(opening, fc.integer({ min: 101, max: 5_000 }), fc.boolean(), async (open, times, isClosed) => {
        const deep = `{"deep":${open.repeat(times)}${isClosed ? '1' : ''}`
        for (const extension of ['json', 'yaml', 'toml']) {
          expect(await attempt(() => parseTree(deep, `a.${extension}`))).toBe(undefined)
        }
      }),
      { numRuns: 20 },
    )
  }, 30_000)
})

describe('any bytes', () => {
  it('in a file that is loaded, then reloaded, leave a whole version behind', async () => {
    const at = file('app.json', '{"a":1}')
    const config = await Config.load(at, { schema: z.object({ a: z.number() }) })
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      tree.map((data) => new TextEncoder().encode(JSON.stringify(data))),
      fc.nat().map((a) => new TextEncoder().encode(`{"a":${a}}`)),
    )
    await fc.assert(
      fc.asyncProperty(bytes, async (given) => {
        const before = config.current
        writeFileSync(at, given)
        const failed = await config.reload().then(
          () => false,
          () => true,
        )
        if (failed) expect(config.current).toBe(before)
        else expect(config.value).toEqual({ a: JSON.parse(new TextDecoder().decode(given)).a })
        clean(config.toJSON())
      }),
      runs,
    )
  })
})

describe('any data', () => {
  it('is read by any reader at any path as a value of its kind, or refused', async () => {
    await fc.assert(
      fc.asyncProperty(tree, environment, fc.array(path, { maxLength: 6 }), async (data, env, paths) => {
        const config = await attempt(() => Config.parse(data, { envPrefix: 'APP', env: Object.fromEntries(env) }))
        clean(config?.toJSON())
        for (const at of config ? paths : []) {
          const kinds = {
            string: (value: unknown) => typeof value === 'string',
            number: Number.isFinite,
            integer: Number.isSafeInteger,
            boolean: (value: unknown) => typeof value === 'boolean',
            duration: (value: unknown) => Number(value) >= 0 && Number(value) <= Number.MAX_SAFE_INTEGER,
          }
          for (const [reader, isKind] of Object.entries(kinds)) {
            const read = (...args: unknown[]): unknown =>
              Reflect.apply(config![reader as keyof typeof kinds], config, args)
            const value = await attempt(() => read(at))
            if (value !== undefined) expect([reader, value, isKind(value as number)]).toEqual([reader, value, true])
            const other = await attempt(() => read(at, null))
            if (value !== undefined) expect(other).toBe(value)
            else expect([null, undefined]).toContain(other)
          }
          const section = await attempt(() => config?.section(at))
          if (section) expect(section.toJSON()).toBe(config?.get(at))
        }
      }),
      runs,
    )
  })

  it('of no plain kind is a refusal', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.object({
          withBigInt: true,
          withDate: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withSparseArray: true,
          withNullPrototype: true,
        }),
        async (data) => {
          clean((await attempt(() => Config.parse(data)))?.toJSON())
        },
      ),
      runs,
    )
  })
})

describe('any environment', () => {
  const schema = z
    .object({ a: z.union([z.number(), z.object({ b: z.string() }).loose()]).optional(), b: z.boolean().optional() })
    .loose()
  it.each([
    ['without a schema', undefined],
    ['with one', schema],
    [
      'with one that does not tell its shape',
      { '~standard': { ...schema['~standard'], jsonSchema: undefined } } as unknown as typeof schema,
    ],
  ])('gives the same whatever its order, %s', async (_, wants) => {
    const both = fc.tuple(tree, environment).chain(([data, env]) => {
      const unique = [...new Map(env)]
      return fc.tuple(fc.constant(data), fc.constant(unique), fc.shuffledSubarray(unique, { minLength: unique.length }))
    })
    await fc.assert(
      fc.asyncProperty(both, async ([data, one, other]) => {
        const tell = async (env: [string, string][]): Promise<unknown> => {
          const config = await attempt(() =>
            Config.parse(data, { envPrefix: 'APP', env: Object.fromEntries(env), schema: wants }),
          )
          return config && [JSON.stringify(config), config.warnings]
        }
        expect(await tell(other)).toEqual(await tell(one))
      }),
      runs,
    )
  })

  it('never takes away what it does not override, and says what it skipped', async () => {
    await fc.assert(
      fc.asyncProperty(tree, environment, async (data, env) => {
        const plain = await attempt(() => Config.parse(data))
        const laid = plain && Config.parse(data, { envPrefix: 'APP', env: Object.fromEntries(env) })
        const visit = (before: unknown, after: unknown): void => {
          if (typeof before !== 'object' || before === null) return expect(Object(after)).not.toBe(after)
          expect(Array.isArray(after)).toBe(Array.isArray(before))
          for (const name of Object.keys(before)) {
            expect(Object.hasOwn(after as object, name)).toBe(true)
            visit((before as Record<string, unknown>)[name], (after as Record<string, unknown>)[name])
          }
        }
        visit(plain?.toJSON(), laid?.toJSON())
        for (const { variable: name, message } of laid?.warnings ?? []) {
          expect(new Map(env).has(name)).toBe(true)
          expect(message).toContain(' is skipped: ')
        }
      }),
      runs,
    )
  })
})

describe('any duration', () => {
  const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }
  it('written out in units is the sum of them', async () => {
    const part = fc.option(fc.nat({ max: 10_000 }), { nil: undefined })
    await fc.assert(
      fc.property(fc.tuple(part, part, part, part, part), (counts) => {
        const parts = Object.entries(UNITS).map(([unit, ms], index) => ({ unit, ms, count: counts[index] }))
        const text = parts.map(({ unit, count }) => (count === undefined ? '' : `${count}${unit}`)).join('')
        const sum = parts.reduce((total, { ms, count = 0 }) => total + ms * count, 0)
        if (text !== '') expect(Config.parse({ text }).duration('text')).toBe(sum)
      }),
      runs,
    )
  })
})
