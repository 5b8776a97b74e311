/** What a descriptor may say; the JSON Schema that editors are given is the one that is checked here. */
import { descriptorJsonSchema, descriptorSchema } from 'keelson/deploy'
import { expect, it } from 'vitest'
import { read } from '../support/house.js'
import { host } from './host.js'

it('is what the shipped JSON Schema says; `npm test -- test/deploy/descriptor.test.ts -u` writes it anew', async () => {
  const text = `${JSON.stringify(descriptorJsonSchema(), null, 2)}\n`
  await expect(text).toMatchFileSnapshot('../../src/deploy/descriptor.schema.json')
  const { exports, files } = JSON.parse(read('package.json'))
  expect(exports['./descriptor.schema.json']).toBe('./src/deploy/descriptor.schema.json')
  expect(files).toContain('src/deploy/descriptor.schema.json')
})

it('every field of it has a description for whoever edits one', () => {
  const bare: string[] = []
  const look = (path: string, node: Record<string, unknown>): void => {
    for (const [key, inner] of Object.entries((node.properties ?? {}) as Record<string, Record<string, unknown>>)) {
      if (typeof inner.description !== 'string') bare.push(`${path}${key}`)
      look(`${path}${key}.`, inner)
    }
    const { items } = node as { items?: { anyOf?: Record<string, unknown>[] } }
    for (const each of items?.anyOf ?? []) look(`${path}[].`, each)
  }
  look('', descriptorJsonSchema())
  for (const key of ['config', 'dependsOn'])
    look(`${key}`, (descriptorJsonSchema().properties as Record<string, Record<string, unknown>>)[key] ?? {})
  expect(bare).toEqual([])
})

it('has defaults for what it does not say', () => {
  expect(descriptorSchema.parse({ name: 'a', type: 'x', $schema: 'y' })).toEqual({
    name: 'a',
    type: 'x',
    enabled: true,
    config: {},
  })
})

it.each<[string, object | string, string | RegExp]>([
  ['a list', '[]', 'descriptor x.json: it is a list; make it an object at the top'],
  [
    'no name',
    { type: 'plain' },
    'descriptor x.json: name is missing - Invalid input: expected string, received undefined',
  ],
  ['an empty name', { name: '', type: 'plain' }, /^descriptor x\.json: name is an empty text - Too small/],
  [
    'unknown fields',
    { name: 'a', type: 'plain', dependson: [], enabeld: true },
    'descriptor x.json: dependson is no field; correct its name, or take it out; enabeld is no field; correct its name, or take it out',
  ],
  [
    'an unknown field further inside',
    { name: 'a', type: 'plain', restart: { retries: 1 }, dependsOn: ['b'] },
    'descriptor x.json: restart.retries is no field; correct its name, or take it out',
  ],
  [
    'a thousand mistakes',
    { name: 'a', type: 'plain', dependsOn: Array.from({ length: 1_000 }, () => 3) },
    /^descriptor x\.json: dependsOn\[0\] is 3 - .*; dependsOn\[19\] is 3 - [^;]*; and 980 more$/,
  ],
  [
    'several mistakes',
    { name: 1, type: 'plain', startDelay: -1, restart: { policy: 'maybe' }, dependsOn: ['', 3, { nmae: 'b' }] },
    /name is 1 - .*; dependsOn\[0\] is an empty text - .*; dependsOn\[1\] is 3 - the name of a service, or an object with a name; dependsOn\[2\].*; restart\.policy is 'maybe' - .*"never"\|"on-failure"\|"always"; startDelay is -1 - /,
  ],
  [
    'a wrong word further inside, where a name would do as well',
    { name: 'a', type: 'plain', dependsOn: ['b', { name: 'c', condition: 'ready' }] },
    /^descriptor x\.json: dependsOn\[1\]\.condition is 'ready' - .*"started"\|"healthy"\|"completed"$/,
  ],
  [
    'a missing name and an unknown one',
    { name: 'a', type: 'plain', dependsOn: [{ nmae: 'b' }] },
    /^descriptor x\.json: dependsOn\[0\]\.name is missing - .*; dependsOn\[0\]\.nmae is no field; correct its name, or take it out$/,
  ],
  [
    'an option without effect',
    { name: 'a', type: 'plain', restart: { policy: 'never', maxRetries: 3 } },
    "descriptor x.json: service 'a': restart.maxRetries has no effect beside restart.policy 'never'; leave one of them out",
  ],
  [
    'backoffs the wrong way round',
    { name: 'a', type: 'plain', restart: { initialBackoff: 9, maxBackoff: 8 } },
    /initialBackoff 9 is above restart\.maxBackoff 8/,
  ],
  [
    'a dependency twice',
    { name: 'a', type: 'plain', dependsOn: ['b', { name: 'b' }] },
    /dependsOn names 'b' twice; merge the two/,
  ],
  [
    'a number that is not what was written',
    '{"name":"a","type":"plain","config":{"ids":[1,12345678901234567890]}}',
    'descriptor x.json: config.ids[1] is 12345678901234567000, which is not the number that was written; write it as a string',
  ],
  [
    'a number that is none',
    '{"name":"a","type":"plain","startDelay":1e999}',
    /^descriptor x\.json: startDelay is a number out of range/,
  ],
  [
    'a prototype',
    '{"name":"a","type":"plain","config":{"__proto__":{"polluted":true}}}',
    /^descriptor x\.json: .*'__proto__'/,
  ],
  [
    'a name with line breaks',
    '{"name":"a\\nb","type":"\\u0007"}',
    "descriptor 'a b' of type ' ' in x.json: its type has no factory; known are 'plain', 'job': correct the type, or register it",
  ],
])('%s is refused in one line that names the file and the path', async (_what, content, says) => {
  const h = await host()
  await h.write('x.json', content)
  const { steps } = await h.scan()
  expect(steps).toHaveLength(1)
  const text = steps[0]?.error?.message ?? ''
  if (typeof says === 'string') expect(text).toBe(says)
  else expect(text).toMatch(says)
  expect(text).not.toMatch(/\n/)
  expect(h.app.registry.size).toBe(0)
})

it('R51 the options that it may have are those that the schema of the core knows, in the same bounds', async () => {
  const h = await host()
  const all = {
    name: 'a',
    type: 'plain',
    dependsOn: [{ name: 'b', condition: 'started', timeout: 5, onTimeout: 'warn', onLoss: 'keep', optional: true }],
    restart: {
      policy: 'always',
      maxRetries: 0,
      initialBackoff: 0,
      maxBackoff: 1e300,
      multiplier: 1,
      jitter: 1,
      stableAfter: 0,
    },
    healthCheck: {
      interval: 0.5,
      timeout: 1,
      startGrace: 0,
      failureThreshold: 1,
      successThreshold: 1,
      onUnhealthy: 'report',
    },
    essential: false,
    startDelay: 0,
  }
  await h.write('a.json', all)
  await h.scan()
  expect(h.told()).toEqual(['done deploy a'])
})
