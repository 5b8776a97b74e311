/** What the JSON Schema that a schema may carry tells overrides: keys and types, wherever in it they are declared. */
import type { StandardSchema } from 'keelson/config'
import { describe, expect, it } from 'vitest'
import { type Env, laid } from '../support/config.js'

describe('what a shape tells', () => {
  /** A schema that takes everything and tells this shape. */
  const telling = (shape: object): StandardSchema => {
    const jsonSchema = { input: () => shape as Record<string, unknown> }
    return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }), jsonSchema } }
  }
  const node = { type: 'object', properties: { nextNode: { $ref: '#/$defs/a~1b~0c' }, text: { type: 'string' } } }

  it.each<[string, object, Env, object]>([
    [
      'a reference',
      { $ref: '#/$defs/a~1b~0c', $defs: { 'a/b~c': node } },
      { APP_NEXT_NODE_TEXT: '5' },
      { nextNode: { text: '5' } },
    ],
    [
      'a reference to the root',
      { properties: { deepLink: { $ref: '#' }, t: { type: 'string' } } },
      { APP_DEEP_LINK_T: '5' },
      { deepLink: { t: '5' } },
    ],
    [
      'a reference to nothing, or elsewhere',
      { allOf: [{ $ref: '#/$defs/no' }, { $ref: 'http://x/' }] },
      { APP_A: '5' },
      { a: 5 },
    ],
    ['a reference to itself', { properties: { a: { $ref: '#/properties/a' } } }, { APP_A: '5' }, { a: 5 }],
    [
      'alternatives',
      { anyOf: [{ properties: { aB: { type: 'string' } } }, { properties: { cD: { type: 'string' } } }] },
      { APP_A_B: '5', APP_C_D: '6' },
      { aB: '5', cD: '6' },
    ],
    [
      'what must hold at once',
      { allOf: [{ properties: { aB: { type: 'boolean' } } }], oneOf: [{ properties: { cD: { type: 'string' } } }] },
      { APP_A_B: '1', APP_C_D: '6' },
      { aB: true, cD: '6' },
    ],
    ['several types', { properties: { a: { type: ['boolean', 'null'] } } }, { APP_A: 'null' }, { a: null }],
    [
      'choices',
      { properties: { a: { enum: ['1', '2'] }, b: { enum: [null, true] }, c: { const: '3' } } },
      { APP_A: '1', APP_B: '1', APP_C: '3' },
      { a: '1', b: true, c: '3' },
    ],
    ['a choice of a list', { properties: { a: { enum: [['x']] } } }, { APP_A: '5' }, { a: '5' }],
    ['nonsense', { properties: [1], anyOf: 'x', type: 5, enum: {}, items: 1 }, { APP_A: '5' }, { a: 5 }],
  ])('%s', (_, shape, env, result) => {
    const config = laid({}, env, telling(shape))
    expect([config.toJSON(), config.warnings]).toEqual([result, []])
  })

  it('of the elements of a list', () => {
    const items = { properties: { hostName: { type: 'string' } } }
    const shape = { properties: { list: { items }, pair: { prefixItems: [{ type: 'number' }, { type: 'string' }] } } }
    const env = { APP_LIST_0_HOST_NAME: '5', APP_PAIR_0: '6', APP_PAIR_1: '7' }
    const config = laid({ list: [{}], pair: [null, null] }, env, telling(shape))
    expect(config.toJSON()).toEqual({ list: [{ hostName: '5' }], pair: [6, '7'] })
  })
})
