/** Whatever stands in the files: a clear error or a correct result, never a crash, never a half-applied state. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Host, host } from './host.js'

const runs = { numRuns: 60 }

/** A host with one good service that has to survive whatever is beside it. */
async function withWitness(): Promise<Host> {
  const h = await host()
  await h.write('witness.json', { name: 'witness', type: 'plain' })
  await h.scan()
  return h
}

/** Everything that must hold after a scan of anything. */
function sound(h: Host): void {
  expect(h.is('witness')).toBe('running 1')
  for (const { outcome, error, because } of h.events) {
    expect(because.length).toBeGreaterThan(0)
    if (outcome === 'done') continue
    expect(error?.code).toMatch(/^[A-Z_]+$/)
    expect(error?.message).not.toMatch(/\n|undefined is not|cannot read propert|not a function|call stack/i)
    expect((error?.message ?? '').length).toBeLessThan(20_000)
  }
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
}

const key = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'name',
    'type',
    'config',
    'then',
  ),
  fc.string(),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'large' },
    fc.constantFrom<unknown>(null, true, -0, 1e308, -1e-320, 2 ** 53, 'plain', 'witness', '\u0000', '\ud800'),
    fc.double({ noNaN: true }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('any')), { maxLength: 4 }).map((pairs) => pairsToText(pairs)),
  ),
}))

/** An object as text with these very keys, which an object literal could not have. */
class Text {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
const write = (any: unknown): string =>
  any instanceof Text
    ? any.text
    : Array.isArray(any)
      ? `[${any.map(write).join(',')}]`
      : (JSON.stringify(any) ?? 'null')
function pairsToText(pairs: readonly (readonly [string, unknown])[]): Text {
  return new Text(`{${pairs.map(([k, v]) => `${JSON.stringify(k)}:${write(v)}`).join(',')}}`)
}

describe('a file of', () => {
  it('random bytes', async () => {
    const h = await withWitness()
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('json', 'yaml'), async (bytes, extension) => {
        await h.write(`x.${extension}`, Buffer.from(bytes).toString('latin1'))
        await h.scan()
        sound(h)
        await h.remove(`x.${extension}`)
      }),
      runs,
    )
  })

  it('a good descriptor, cut off or with some of its bytes changed', async () => {
    const h = await withWitness()
    const good = JSON.stringify({
      name: 'x',
      type: 'plain',
      dependsOn: ['witness'],
      restart: { maxRetries: 3 },
      config: { version: 1 },
    })
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length), fc.string({ maxLength: 3 }), fc.nat(5), async (at, put, drop) => {
        await h.write('x.json', good.slice(0, at) + put + good.slice(at + drop))
        await h.scan()
        sound(h)
      }),
      runs,
    )
    await h.write('x.json', good)
    await h.scan()
    expect(h.is('x')).toMatch(/^running/)
  })

  it('any JSON at all, with prototype keys, huge numbers and odd strings in every place', async () => {
    const h = await withWitness()
    const field = (name: string): fc.Arbitrary<readonly [string, unknown]> => fc.tuple(fc.constant(name), value.any)
    const descriptor = fc
      .tuple(
        fc.tuple(fc.constant('name'), fc.oneof(fc.string({ unit: 'binary' }), key)),
        fc.tuple(fc.constant('type'), fc.constantFrom('plain', 'job', '__proto__', 'constructor')),
        fc.subarray([
          'config',
          'dependsOn',
          'restart',
          'healthCheck',
          'essential',
          'startDelay',
          'enabled',
          '__proto__',
        ]),
      )
      .chain(([name, type, fields]) => fc.tuple(fc.constant(name), fc.constant(type), ...fields.map(field)))
    await fc.assert(
      fc.asyncProperty(descriptor, async (pairs) => {
        await h.write('x.json', pairsToText(pairs).text)
        await h.scan()
        sound(h)
      }),
      runs,
    )
  })

  it('nesting beyond all bounds, in JSON and in YAML, and YAML that refers to itself', async () => {
    const h = await withWitness()
    const deep = 200_000
    const bomb = Array.from({ length: 30 }, (_, i) => `a${i}: &a${i} [${i ? `*a${i - 1},*a${i - 1}` : 'x'}]`).join('\n')
    const texts: Record<string, string> = {
      'a.json': '['.repeat(deep) + ']'.repeat(deep),
      'b.json': `{"name":"x","type":"plain","config":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}}`,
      'c.json': '['.repeat(deep),
      'd.yaml': `name: x\ntype: plain\nconfig: ${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      'e.yaml': `name: x\ntype: plain\nconfig:\n  ${bomb.replaceAll('\n', '\n  ')}`,
      'f.yaml': 'name: x\ntype: plain\nconfig: &self\n  me: *self',
      'g.yaml':
        'name: x\ntype: plain\nconfig: { when: 2001-12-14t21:59:43.10-05:00, not: .nan, inf: -.inf, set: !!set {a, b} }',
    }
    for (const [file, text] of Object.entries(texts)) await h.write(file, text)
    const { steps } = await h.scan()
    sound(h)
    expect(steps.filter(({ action }) => action !== 'keep').map(({ file, outcome }) => `${file} ${outcome}`)).toEqual(
      Object.keys(texts).map((file) => `${file} refused`),
    )
  })
})

it('R48 after any sequence of edits what runs is what the files say, or the last that was good', async () => {
  const names = ['a', 'b', 'c', 'd']
  const edit = fc.record({
    file: fc.constantFrom('1.json', '2.json', '3.json', '4.json'),
    what: fc.constantFrom('write', 'write', 'write', 'break', 'remove', 'disable', 'broken start', 'rename'),
    name: fc.constantFrom(...names),
    version: fc.nat(3),
    dependsOn: fc.subarray(names),
    scans: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 25 }), async (edits) => {
      const h = await host({ backoff: { initialBackoff: 1, maxBackoff: 1 } })
      for (const { file, what, name, version, dependsOn, scans } of edits) {
        const config = { version, ...(what === 'broken start' && { start: 'fails' }) }
        const descriptor = { name, type: 'plain', dependsOn, config, enabled: what !== 'disable' }
        if (what === 'remove') await h.remove(file).catch(() => {})
        else if (what === 'rename') await h.rename(file, '4.json').catch(() => {})
        else await h.write(file, what === 'break' ? '{' : descriptor)
        if (scans) await h.scan()
      }
      // At rest: nothing is left that a further scan would change, unless it is broken or refused.
      for (let i = 0; i < 6; i++) {
        await h.scan()
        await h.clock.advance(2)
      }
      const { steps } = await h.deployer.plan()
      const broken = new Set(h.events.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name))
      for (const { action, name = '' } of steps) {
        if (['keep', 'refuse', 'wait'].includes(action)) continue
        // Or the last good version of one that is broken still needs it.
        const users = h.app.getAllServices().filter(({ dependencies }) => dependencies.includes(name))
        const concerned = [name, ...users.map((user) => user.name)]
        expect(concerned.some((each) => broken.has(each)) ? [] : [action, name]).toEqual([])
      }
      // Whatever is registered came from here, and is up unless it waits, has failed, or is waiting to be tried again.
      for (const { name, state, blockedBy } of h.app.getAllServices()) {
        if (state !== 'running')
          expect(['waiting', 'retrying', 'failed'], `${name}: ${JSON.stringify(blockedBy)}`).toContain(state)
      }
      await h.app.stop()
    }),
    { numRuns: 40 },
  )
}, 60_000)
