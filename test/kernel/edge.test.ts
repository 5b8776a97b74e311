/** A declared dependency, on its own: its defaults, what is refused, and what the facts of its target mean to it. */
import { describe, expect, it } from 'vitest'
import type { EdgeSpec } from '../../src/kernel/edge.js'
import { edges, Fact, hopeless, implied, leans, open } from '../../src/kernel/edge.js'

const REQUIRED: EdgeSpec = {
  name: 'db',
  condition: 'healthy',
  optional: false,
  timeout: 300_000,
  onTimeout: 'fail',
  onLoss: 'stop',
}
const OPTIONAL: EdgeSpec = { ...REQUIRED, optional: true, onTimeout: 'continue', onLoss: 'keep' }

describe('declaring', () => {
  it.each([
    { what: 'a name', dependsOn: ['db'], is: REQUIRED },
    { what: 'an object', dependsOn: [{ name: 'db' }], is: REQUIRED },
    { what: 'an optional one', dependsOn: [{ name: 'db', optional: true }], is: OPTIONAL },
    { what: 'a field that is undefined', dependsOn: [{ name: 'db', timeout: undefined }], is: REQUIRED },
    {
      what: 'every field',
      dependsOn: [
        { name: 'db', condition: 'started', optional: true, timeout: 5, onTimeout: 'warn', onLoss: 'stop' } as const,
      ],
      is: { name: 'db', condition: 'started', optional: true, timeout: 5, onTimeout: 'warn', onLoss: 'stop' },
    },
    {
      what: 'a wait for ever',
      dependsOn: [{ name: 'db', timeout: Infinity }],
      is: { ...REQUIRED, timeout: Infinity },
    },
    {
      what: 'a condition that only gates the start',
      dependsOn: [{ name: 'db', condition: 'completed' as const }],
      is: { ...REQUIRED, condition: 'completed' },
    },
  ])('$what gets the defaults of the table', ({ dependsOn, is }) => {
    expect(edges('api', dependsOn)).toEqual([is])
  })

  it('the edge of the registration order is optional, with its defaults', () => {
    expect(implied('db')).toEqual(OPTIONAL)
  })

  it('none, and an empty list, are no dependencies', () => {
    expect(edges('api', undefined)).toEqual([])
    expect(edges('api', [])).toEqual([])
  })

  it('cannot be changed afterwards', () => {
    const list = edges('api', ['db'])
    expect([Object.isFrozen(list), Object.isFrozen(list[0]), Object.isFrozen(edges('api', []))]).toEqual([
      true,
      true,
      true,
    ])
  })

  it.each([
    { dependsOn: 'db', says: "api: dependsOn is 'db'; pass an array of names or { name, … }" },
    { dependsOn: { name: 'db' }, says: 'api: dependsOn is an object; pass an array of names or { name, … }' },
    { dependsOn: ['db', ''], says: "api: dependsOn[1] is ''; pass the name of a service" },
    { dependsOn: [7], says: 'api: dependsOn[0] is 7; pass an object' },
    { dependsOn: [{}], says: 'api: dependsOn[0].name is undefined; pass a string that is not empty' },
    { dependsOn: ['db', { name: 'db' }], says: "api: dependsOn names 'db' twice; merge the two" },
    {
      dependsOn: [{ name: 'db', condition: 'completed', onLoss: 'keep' }],
      says: "api: dependsOn[0].onLoss has no effect, since condition 'completed' only gates the start; leave it out",
    },
    {
      dependsOn: [{ name: 'db', timeout: Infinity, onTimeout: 'warn' }],
      says: 'api: dependsOn[0].onTimeout has no effect, since timeout is Infinity; leave one of them out',
    },
  ])('R51 refuses $dependsOn with the path', ({ dependsOn, says }) => {
    expect(() => edges('api', dependsOn)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(says) }),
    )
  })
})

describe('facts', () => {
  const edge = (fields: Partial<EdgeSpec>): EdgeSpec => ({ ...REQUIRED, ...fields })
  const names = Object.keys(Fact) as (keyof typeof Fact)[]
  const bits = names.map((name) => Fact[name])

  it('each is a bit of its own', () => {
    expect(bits.every((bit) => bit > 0 && Number.isInteger(Math.log2(bit)))).toBe(true)
    expect(new Set(bits).size).toBe(names.length)
  })

  it.each(['started', 'healthy', 'completed'] as const)(
    'an edge that needs %s opens by that fact alone',
    (condition) => {
      const spec = edge({ condition })
      expect(names.filter((name) => open(spec, Fact[name]))).toEqual([condition])
      expect(names.filter((name) => open({ ...spec, optional: true }, Fact[name])).sort()).toEqual(
        [condition, 'settled'].sort(),
      )
    },
  )

  it('R29 a wait is in vain over a required edge that fails, for one that gave up or ended', () => {
    expect(names.filter((name) => hopeless(edge({}), Fact[name]))).toEqual(['gaveUp', 'ended'])
    expect(names.filter((name) => hopeless(edge({ onTimeout: 'warn' }), Fact[name]))).toEqual([])
    expect(names.filter((name) => hopeless(edge({ onTimeout: 'continue' }), Fact[name]))).toEqual([])
  })

  it('R13 R14 only an edge that stops with its target, and not one that gates the start, leans on it', () => {
    expect(leans(edge({}))).toBe(true)
    expect(leans(edge({ condition: 'started' }))).toBe(true)
    expect(leans(edge({ condition: 'completed' }))).toBe(false)
    expect(leans(edge({ onLoss: 'keep' }))).toBe(false)
    expect(leans(edge({ onLoss: 'keep', condition: 'completed' }))).toBe(false)
  })
})
