/** What the compiler must know of factories and observers. Checked by `npm run typecheck`, never run; see services.test-d.ts. */
import { asLogger, defineService, type Logger, Orchestrator, type Service, type ServiceOptions } from 'keelson'
import { Config, type InferOutput } from 'keelson/config'
import {
  type DeployEvent,
  Deployer,
  type Descriptor,
  descriptorSchema,
  type Factory,
  FactoryRegistry,
} from 'keelson/deploy'
import { nopObserver, type Observer, observe } from 'keelson/observe'
import { otelObserver } from 'keelson/observe/otel'
import { pino } from 'pino'
import { z } from 'zod'
import type { Equal, Expect } from './expect.js'

/** All of it in one function: what it declares is nobody's but its own. */
export function deployment(): unknown {
  const schema = z.object({
    port: z.coerce.number(),
    path: z
      .string()
      .default('/')
      .transform((text) => text.length),
  })
  type Output = { port: number; path: number }
  const factories = new FactoryRegistry()

  // The config of a factory is the output of its schema; without one it is unknown.

  factories.register(
    'link',
    (config, env) => {
      type Given = [Expect<Equal<typeof config, Output>>, Expect<Equal<typeof env.options, ServiceOptions>>]
      const given = [env.logger, env.observer, env.config] satisfies [Logger, Observer, Config] as unknown as Given
      return defineService(env.name, { ...env.options, data: () => ({ given }) })
    },
    { schema },
  )
  factories.register('open', (config, env) => {
    type Given = Expect<Equal<typeof config, unknown>>
    return defineService(env.name, { data: () => ({ config: config as Given }) })
  })
  const written: Factory<InferOutput<typeof schema>> = ({ port }, { name }) =>
    defineService(name, { data: () => ({ port }) })
  factories.register('written', written, { schema })
  // @ts-expect-error a service is built at once
  factories.register('late', async (_config, env) => defineService(env.name, {}), { schema })
  // @ts-expect-error a factory takes what its schema gives
  factories.register('other', (config: { host: string }, env) => defineService(env.name, { type: config.host }), {
    schema,
  })
  // @ts-expect-error a schema is a Standard Schema
  factories.register('none', (_config, env) => defineService(env.name, {}), { schema: { parse: () => 1 } })

  // A deployer is a service; its environment takes any logger, and a configuration of any type.

  const orchestrator = new Orchestrator({ logger: pino(), order: 'registration' })
  const config = Config.parse({ port: 1 }, { schema })
  const deployer: Deployer & Service = new Deployer({
    orchestrator,
    factories,
    directory: 'services',
    env: { logger: pino(), observer: otelObserver(), config },
  })
  // @ts-expect-error without a directory there is nothing to deploy
  new Deployer({ orchestrator, factories })
  deployer.on('deploy', (event) => {
    type Given = Expect<Equal<typeof event, DeployEvent>>
    const code: string | undefined = event.error?.code
    void (code as Given | undefined | string)
  })
  // @ts-expect-error no such kind
  deployer.on('deployed', () => {})
  const descriptor: Descriptor = descriptorSchema.parse({ name: 'a', type: 'link' })
  // @ts-expect-error a descriptor is read-only
  descriptor.name = 'b'

  // An observer of one's own is three functions.

  const own: Observer = {
    startSpan: (_name, attributes = {}, parent = null, at = 0) => {
      type Given = Expect<Equal<typeof attributes, Readonly<Record<string, string | number | boolean>>>>
      void [attributes as Given | object, parent?.end(at)]
      return { setAttribute() {}, setError() {}, end() {} }
    },
    counter: () => ({ add() {} }),
    histogram: nopObserver.histogram,
  }
  // @ts-expect-error an observer has all three
  observe(orchestrator, { startSpan: own.startSpan })
  const log: Logger = asLogger(console, { service: 'a' })
  return [written, descriptor, own, log, observe(orchestrator, own).spanOf('a')]
}
