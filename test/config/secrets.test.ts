/** Messages go to logs: what they show of a value that may be a secret, and of a text that is no JSON. */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { Config, parseTree } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { jsonFault } from '../../src/config/json-fault.js'
import { refusal } from '../support/config.js'

const word = 'hunter2hunter2'

describe('a secret is not shown', () => {
  it.each<[string, object]>([
    ['APP_DB_PASSWORD', { db: { password: '' } }],
    ['APP_DB_PASS', { db: { pass: '' } }],
    ['APP_API_KEY', { apiKey: '' }],
    ['APP_AUTH_TOKEN', {}],
    ['APP_SECRETS_MAIN', {}],
  ])('of %s, by the name of the variable or of a key', async (variable, data) => {
    const config = Config.parse(data, { envPrefix: 'APP', env: { [variable]: word } })
    const path = leaf(config.toJSON())
    expect(config.string(path)).toBe(word)
    expect(await refusal(() => config.number(path))).toBe(
      `config: ${path.join('.')} is a text that is not shown here (from ${variable}); make it a finite number`,
    )
  })

  it('of a file neither, and not by a schema; what is missing or empty is told', async () => {
    const schema = z.object({
      password: z.string().min(50),
      token: z.string().min(1),
      pin: z.object({ secret: z.string() }),
    })
    expect(await refusal(() => Config.parse({ password: word, token: '', pin: { secret: 4711 } }, { schema }))).toMatch(
      /^config: password is a text that is not shown here - .*; token is an empty text - .*; pin\.secret is a number that is not shown here - /,
    )
    expect(await refusal(() => Config.parse({}).string('password'))).toContain('password is missing')
  })

  it('by a schema that quotes what it was given, neither in the message nor in the report', async () => {
    const schema = z.object({ password: z.string().refine(() => false, { error: ({ input }) => `not "${input}"` }) })
    const parse = (): unknown => Config.parse({}, { schema, envPrefix: 'APP', env: { APP_PASSWORD: word } })
    expect(await refusal(parse)).toContain('not shown here (from APP_PASSWORD) - not "…"; correct it')
    expect(parse).toThrowError(expect.objectContaining({ report: [expect.objectContaining({ message: 'not "…"' })] }))
  })

  it('by a schema that quotes an address', async () => {
    const schema = z.object({ url: z.string().refine(() => false, { error: ({ input }) => `not "${input}"` }) })
    const says = await refusal(() => Config.parse({ url: `postgres://me:${word}@host:5432/db` }, { schema }))
    expect(says).toBe('config: url is \'postgres://me:…@host:5432/db\' - not "…"; correct it')
  })

  it('in an address, which is shown without it', async () => {
    const config = Config.parse({
      url: `postgres://me:${word}@host:5432/db`,
      plain: 'http://host:80/a',
      maxTokens: 1.5,
    })
    expect(await refusal(() => config.number('url'))).toContain("url is 'postgres://me:…@host:5432/db'; make")
    expect(await refusal(() => config.number('plain'))).toContain("plain is 'http://host:80/a'; make")
    expect(await refusal(() => config.integer('maxTokens'))).toContain('maxTokens is 1.5; make')
  })

  it('in a text that is no JSON: the place is told, nothing is quoted', async () => {
    expect(await refusal(() => Config.parse(`{\n  "host": "a",\n  "password": ${word},\n  "port": 1\n}`))).toBe(
      "config: it is no JSON: Unexpected token 'h' (line 3, column 15); correct it",
    )
    for (const name of ['a.json', 'a.yaml', 'a.toml']) {
      const thrown: unknown = await parseTree(`password: "${word}`, name).catch((error: unknown) => error)
      expect(inspect(thrown)).toContain(`config ${name}: it is no `)
      expect(inspect(thrown)).not.toContain(word)
    }
    expect(await refusal(() => Config.parse('{\n"a": }'))).toBe(
      "config: it is no JSON: Unexpected token '}' (line 2, column 6); correct it",
    )
    expect(await refusal(() => Config.parse('{\n"a": 1'))).toMatch(/\(line 2, column 7\); correct it$/)
  })
})

describe('where a text ceases to be JSON', () => {
  it.each<[string, number]>([
    ['{"a":}', 5],
    ['[1,]', 3],
    ['{"a":1}}', 7],
    ['{a:1}', 1],
    ['{"a":tru}', 5],
    ['{"a":1,}', 7],
    ['[1 2]', 3],
    ['{"a" 1}', 5],
    ['{1:2}', 1],
    ['{]', 1],
    ['[}', 1],
    ['1,2', 1],
    ['["\\x"]', 1],
    ['[[], {"a": [{}', 14],
    ['', 0],
  ])('%j at %i', (text, position) => expect(jsonFault(text)).toBe(position))

  it('is found behind texts of any length and at any depth', () => {
    const long = JSON.stringify('\\n"x'.repeat(2_000_000))
    expect(jsonFault(`[${long}, x]`)).toBe(long.length + 3)
    expect(jsonFault(`${'[{"a":'.repeat(300_000)}x`)).toBe(1_800_000)
  })

  it('is where the part before could go on, and the part with it could not', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom('}', ']', ',', ':', '\u0001', 'x'), (json, where, mark) => {
        const at = where % (json.length + 1)
        const text = json.slice(0, at) + mark + json.slice(at)
        try {
          JSON.parse(text)
        } catch {
          const fault = jsonFault(text)
          expect(fault).toBeLessThanOrEqual(text.length)
          expect(fault).toBeLessThanOrEqual(Number(/position (\d+)$/.exec(says(text))?.[1] ?? text.length))
          expect(says(text.slice(0, fault))).toMatch(/end of JSON|position/)
        }
      }),
      { numRuns: 500 },
    )
  })
})

function says(text: string): string {
  try {
    JSON.parse(text)
    return 'end of JSON' // a whole one: what follows it is out of place
  } catch (error) {
    return (error as Error).message
  }
}

/** The path to the one value in a tree. */
function leaf(tree: unknown, keys: readonly string[] = []): string[] {
  const [entry] = Object.entries(Object(tree))
  return typeof tree === 'object' && entry !== undefined ? leaf(entry[1], [...keys, entry[0]]) : [...keys]
}
