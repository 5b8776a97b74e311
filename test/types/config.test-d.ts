/** What the compiler must know of a configuration. Checked by `npm run typecheck`, never run; see services.test-d.ts. */
import type { Service, Unsubscribe } from 'keelson'
import {
  Config,
  type ConfigChange,
  type ConfigSection,
  type ConfigSnapshot,
  type ConfigTree,
  ConfigWatcher,
  type InferOutput,
  type StandardSchema,
  validate,
} from 'keelson/config'
import { z } from 'zod'
import type { Equal, Expect } from './expect.js'

/** All of it in one function: what it declares is nobody's but its own. */
export async function configuration(): Promise<unknown> {
  const schema = z.object({ port: z.number().default(80), url: z.string().transform((text) => new URL(text)) })
  type Output = { port: number; url: URL }

  // `value` is typed by the schema's output, from `load` and from `parse`; without a schema it is a tree.

  const loaded = await Config.load('app.json', { schema, envPrefix: 'APP', env: process.env })
  const parsed = Config.parse({ url: 'http://a/' }, { schema })
  const plain = Config.parse('{}')
  type Values = [
    Expect<Equal<typeof loaded, Config<Output>>>,
    Expect<Equal<typeof parsed.value, Output>>,
    Expect<Equal<typeof parsed.current.value, Output>>,
    Expect<Equal<typeof plain, Config<ConfigTree>>>,
    Expect<Equal<InferOutput<typeof schema>, Output>>,
  ]
  const standard: StandardSchema = schema
  const validated: Promise<Output> = validate(schema, {}, 'descriptor')
  // @ts-expect-error a schema is a Standard Schema
  Config.parse({}, { schema: { parse: () => 1 } })
  // @ts-expect-error no such option
  Config.load('app.json', { prefix: 'APP' })

  // Readers: the kind, or what the default is.

  const text: string = plain.string('a')
  const optional: string | undefined = plain.string('a', undefined)
  const either: number | 'none' = plain.number('a', 'none' as const)
  const wait: number = plain.duration('a', 5_000)
  const unknown: unknown = plain.get('a')
  const section: ConfigSection = plain.section(['a', 'b.c'], {})
  // @ts-expect-error without a default it is no undefined
  const never: undefined = plain.string('a')
  // @ts-expect-error a default duration is milliseconds, not text
  plain.duration('a', '5s')
  // @ts-expect-error what is got is unknown
  plain.get('a').length

  // Snapshots are read-only, changes are of the configuration's type.

  const snapshot: ConfigSnapshot<Output> = parsed.current
  // @ts-expect-error a configuration is not written to
  parsed.current = snapshot
  // @ts-expect-error nor is a tree
  plain.value.a = 1
  const changed: Promise<ConfigChange<Output> | undefined> = parsed.reload()
  const end: Unsubscribe = parsed.onChange(({ paths, current, touches }) => {
    const port: number = current.value.port
    void [paths[0]?.length, port, touches]
  })

  // A typed configuration goes wherever any configuration goes.

  const any: Config = parsed
  const watcher: Service = new ConfigWatcher(parsed, { interval: 500, debounce: 50, essential: false })
  // @ts-expect-error a watcher watches a configuration
  new ConfigWatcher('app.json')

  const seen = [standard, validated, text, optional, either, wait, unknown, section, never, changed, end, any, watcher]
  return [seen] satisfies unknown[] as unknown as [Values]
}
