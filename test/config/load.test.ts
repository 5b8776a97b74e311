/** Loading from the real disk: the three formats by extension, and what is no configuration, each with its own words. */
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isKeelsonError } from 'keelson'
import { Config, parseTree } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { file, folder, refusal } from '../support/config.js'
import { run } from '../support/house.js'

const TEXTS = {
  'app.json': '{ "link": { "timeout": "5s", "hosts": ["a", "b"] }, "port": 80 }',
  'app.yaml': '# the gateway\nlink:\n  timeout: 5s\n  hosts: &hosts [a, b]\nport: 80\n',
  'app.YML': 'link: { timeout: 5s, hosts: [a, b] }\nport: 80',
  'app.toml': 'port = 80 # http\n[link]\ntimeout = "5s"\nhosts = ["a", "b"]\n',
}

describe('formats', () => {
  it.each(Object.entries(TEXTS))('%s is read by its extension', async (name, text) => {
    const path = file(name, text)
    const config = await Config.load(path)
    expect(config.value).toEqual({ link: { timeout: '5s', hosts: ['a', 'b'] }, port: 80 })
    expect(config.name).toBe(`config ${path}`)
    expect(await parseTree(text, name)).toEqual(config.value)
  })

  it('a file: URL and a byte order mark are taken', async () => {
    const path = file('app.json', '\uFEFF{"port": 80}')
    expect((await Config.load(pathToFileURL(path))).integer('port')).toBe(80)
  })

  it('a link is followed', async () => {
    const link = join(folder(), 'link.json')
    symlinkSync(file('app.json', '{"port": 80}'), link)
    expect((await Config.load(link)).integer('port')).toBe(80)
  })

  const levels = Array.from({ length: 99 }, (_, level) => level)
  it.each([
    ['JSON', 'a.json', `${'{"a":'.repeat(100)}1${'}'.repeat(100)}`],
    ['YAML, braces', 'a.yaml', `${'{ a: '.repeat(100)}1${' }'.repeat(100)}`],
    [
      'YAML, indented',
      'a.yaml',
      `${levels.map((level) => `${' '.repeat(level)}a:`).join('\n')}\n${' '.repeat(99)}a: 1`,
    ],
    ['YAML, dashes', 'a.yaml', `a: \n${'- '.repeat(98)}[1]`],
    ['TOML', 'a.toml', `${'a.'.repeat(99)}a = 1`],
  ])('a hundred levels are taken: %s', async (_, name, text) => {
    expect(JSON.stringify(await parseTree(text, name)).replace(/[^[{]/g, '')).toHaveLength(100)
  })

  it('the merge key of YAML merges', async () => {
    const yaml = 'all: &all { retries: 3, timeout: 5s }\nlink:\n  <<: *all\n  timeout: 1s\n"<<": text\n'
    expect((await Config.load(file('a.yaml', yaml))).toJSON()).toEqual({
      all: { retries: 3, timeout: '5s' },
      link: { retries: 3, timeout: '1s' },
      '<<': 'text',
    })
    const path = file('b.yaml', 'a: &a { x: 1 }\nb:\n  <<: { "__proto__": { polluted: 1 } }\n')
    expect(await refusal(() => Config.load(path))).toContain("has the key '__proto__'")
    expect(await refusal(() => Config.load(file('c.yaml', 'a:\n  <<: 5\n')))).toContain('it is no YAML: ')
  })

  it('comments alone are an empty configuration', async () => {
    expect(await parseTree('# nothing yet\n', 'a.yaml')).toEqual({})
    expect(await parseTree('# nothing yet\n', 'a.toml')).toEqual({})
  })

  it('dates are text, infinity is a number where the format has one', async () => {
    expect(await parseTree('a = 1979-05-27\nb = 1979-05-27T07:32:00-05:00\nc = 07:32:00\nd = inf', 'a.toml')).toEqual({
      a: '1979-05-27',
      b: '1979-05-27T07:32:00.000-05:00',
      c: '07:32:00.000',
      d: Infinity,
    })
    expect(await parseTree('a: 2024-01-01\nb: .inf', 'a.yaml')).toEqual({ a: '2024-01-01', b: Infinity })
  })
})

describe('refusals', () => {
  it.each<[what: string, name: string, text: string | Uint8Array, message: string]>([
    [
      'a comma too many',
      'a.json',
      '{"a":\n  1,}',
      'it is no JSON: Expected double-quoted property name in JSON at position 10 (line 2, column 5); correct it',
    ],
    [
      'a text that ends early',
      'a.json',
      '{"a": 1',
      expect.stringMatching(/it is no JSON: .*position 7 \(line 1, column 8\); correct it$/),
    ],
    ['an empty file', 'a.json', '', 'it is empty; write JSON into it'],
    ['an empty file of YAML', 'a.yaml', ' \n\t', 'it is empty; write YAML into it'],
    ['an empty file of TOML', 'a.toml', '\uFEFF', 'it is empty; write TOML into it'],
    ['a list', 'a.json', '[1]', 'it is a list; make it an object at the top'],
    ['a text', 'a.yaml', 'text', "it is 'text'; make it an object at the top"],
    ['null', 'a.json', 'null', 'it is null; make it an object at the top'],
    ['a number that overflows', 'a.json', '{"a":{"b":1e400}}', 'a.b is a number out of range; write a smaller one'],
    [
      'a prototype in JSON',
      'a.json',
      '{"a":{"__proto__":{"b":1}}}',
      "a has the key '__proto__', which no object may have; choose another",
    ],
    [
      'a prototype in YAML',
      'a.yaml',
      '__proto__: { b: 1 }',
      "it has the key '__proto__', which no object may have; choose another",
    ],
    [
      'a prototype in TOML',
      'a.toml',
      '[__proto__]\nb = 1',
      "it has the key '__proto__', which no object may have; choose another",
    ],
    [
      'malformed YAML',
      'a.yaml',
      'a: [1\nb: 2',
      'it is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ] at line 2, column 1; correct it',
    ],
    ['a key twice', 'a.yaml', 'a: 1\na: 2', 'it is no YAML: Map keys must be unique at line 2, column 1; correct it'],
    [
      'two documents',
      'a.yaml',
      'a: 1\n---\nb: 1',
      expect.stringContaining('it is no YAML: Source contains multiple documents'),
    ],
    ['bytes', 'a.yaml', 'a: !!binary aGk=', 'a is an instance of Buffer; only plain data can be configuration'],
    ['a set', 'a.yaml', 'a: !!set {b}', 'a is an instance of Set; only plain data can be configuration'],
    ['YAML nested deep', 'a.yaml', `a: ${'['.repeat(5_000)}`, 'it is no YAML: it is nested too deep; correct it'],
    [
      'malformed TOML',
      'a.toml',
      'a = ',
      'it is no TOML: Invalid TOML document: invalid value (line 1, column 5); correct it',
    ],
    [
      'an integer that loses digits',
      'a.toml',
      'a = 9007199254740993',
      'it is no TOML: Invalid TOML document: integer value cannot be represented losslessly (line 1, column 5); correct it',
    ],
    ['no UTF-8', 'a.json', new Uint8Array([0x7b, 0xff, 0x7d]), 'it is no UTF-8 text; save it as UTF-8'],
    [
      'a huge file',
      'a.json',
      new Uint8Array(16 * 1024 * 1024 + 1).fill(32),
      'it has 16777217 bytes; a configuration has at most 16777216',
    ],
    [
      'JSON nested deep',
      'a.json',
      `{"a":${'[['.repeat(500_000)}${']]'.repeat(500_000)}}`,
      expect.stringContaining('… is nested deeper than 100 levels; make it flatter'),
    ],
    ['an unknown extension', 'a.ini', '', "the extension is '.ini'; name it .json, .yaml, .yml, .toml"],
    ['no extension', 'config', '', 'the file has no extension; name it .json, .yaml, .yml, .toml'],
  ])('%s (%s) is refused', async (_, name, text, message) => {
    const path = file(name, text)
    const refused = await refusal(() => Config.load(path))
    expect(refused.startsWith(`config ${path}: `)).toBe(true)
    expect(refused.slice(`config ${path}: `.length)).toEqual(message)
  })

  it('aliases of YAML that stand for billions', async () => {
    const lines = [
      'a: &a [x, x]',
      ...[...'bcdefghijklmnopqrstuvwxyz'].map(
        (name, i) => `${name}: &${name} [*${String.fromCharCode(97 + i)}, *${String.fromCharCode(97 + i)}]`,
      ),
    ]
    expect(await refusal(() => parseTree(lines.join('\n'), 'a.yaml'))).toContain(
      'config a.yaml: it is no YAML: Excessive alias count',
    )
    const chain = Array.from({ length: 300 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}]`)
    expect(await refusal(() => parseTree(['a0: &a0 x', ...chain].join('\n'), 'a.yaml'))).toContain(
      'Excessive alias count',
    )
    expect(await refusal(() => parseTree('a: &a [*a]', 'a.yaml'))).toContain('is nested deeper than 100 levels')
  })

  it('a file that is not there, cannot be read, or is no file; the cause is what the disk said', async () => {
    const there = folder()
    const absent = join(there, 'absent.json')
    expect(await refusal(() => Config.load(absent))).toBe(
      `config ${absent}: it cannot be read: there is no such file; correct the path, or make it readable`,
    )
    const error: unknown = await Config.load(absent).catch((thrown: unknown) => thrown)
    expect(isKeelsonError(error, 'CONFIG_INVALID') && (error.cause as NodeJS.ErrnoException).code).toBe('ENOENT')
    mkdirSync(join(there, 'folder.json'))
    expect(await refusal(() => Config.load(join(there, 'folder.json')))).toMatch(/it is no file; give the path of one$/)
    symlinkSync('/dev/zero', join(there, 'endless.json'))
    expect(await refusal(() => Config.load(join(there, 'endless.json')))).toMatch(
      /it is no file; give the path of one$/,
    )
    symlinkSync('loop.json', join(there, 'loop.json'))
    expect(await refusal(() => Config.load(join(there, 'loop.json')))).toContain('it cannot be read: ELOOP: ')
  })

  it.skipIf(process.getuid?.() === 0)('a file that may not be read', async () => {
    const path = file('secret.json', '{}')
    chmodSync(path, 0)
    expect(await refusal(() => Config.load(path))).toContain('it cannot be read: EACCES: ')
  })

  it.each([[5], [''], [null], [new URL('http://x/a.json')], ['a\0b.json']])('%s as a path', async (path) => {
    expect(await refusal(() => Config.load(path as string))).toMatch(
      /^Config.load: path is .*; pass the path of a file, or a file: URL$/,
    )
  })

  it('begin with the words of the caller of parseTree', async () => {
    expect(await refusal(() => parseTree('{', 'a.json', 'descriptor a.json'))).toMatch(
      /^descriptor a.json: it is no JSON: /,
    )
  })
})

/** Runs Node where neither optional peer is installed, and prints the message with which loading a file ends. */
async function withoutPeers(path: string): Promise<string> {
  const hook = `export async function resolve(name, context, next) {
    if (name !== 'yaml' && name !== 'smol-toml') return next(name, context)
    throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' })
  }`
  const program = `
    import { register } from 'node:module'
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)})
    const { Config } = await import('keelson/config')
    await Config.load(${JSON.stringify(path)}).then(({ value }) => console.log(JSON.stringify(value)), (error) => console.log(error.code, error.message))`
  const { stdout, stderr } = await run('--no-deprecation', '--input-type=module', '-e', program)
  return stderr || stdout.trim()
}

describe('optional peers that are not installed', () => {
  it.each([
    ['YAML', 'yaml', 'app.yml'],
    ['TOML', 'smol-toml', 'app.toml'],
  ])(
    '%s says to install %s',
    async (name, peer, at) => {
      const path = file(at, 'a: 1')
      expect(await withoutPeers(path)).toBe(
        `CONFIG_INVALID config ${path}: ${name} needs the package '${peer}', which is not installed; run npm install ${peer}`,
      )
    },
    30_000,
  )

  it('are not missed by JSON', async () => {
    expect(await withoutPeers(file('app.json', '{"port":80}'))).toBe('{"port":80}')
  }, 30_000)
})
