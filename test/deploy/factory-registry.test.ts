/** Factories: what they are given, what they may give, and how it reads when something is wrong. */

import { defineService, type Service } from 'keelson'
import { Config } from 'keelson/config'
import { type Descriptor, type FactoryEnv, FactoryRegistry } from 'keelson/deploy'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

const link = z.object({ port: z.coerce.number().int(), hosts: z.array(z.string()).default([]) })

function registry(): FactoryRegistry {
  const factories = new FactoryRegistry()
  factories.register('link', (config, env) => defineService(env.name, { ...env.options, data: () => config }), {
    schema: link,
  })
  return factories
}

const message = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    const { code, message: says } = error as { code: string; message: string }
    return `${code} ${says}`
  }
  return 'nothing was thrown'
}

describe('a factory', () => {
  it('is given what the schema makes of the config, with its type', () => {
    const factories = new FactoryRegistry()
    const seen: number[] = []
    factories.register(
      'link',
      (config, env) => {
        const { port } = config
        const sum: number = port + config.hosts.length
        // @ts-expect-error the schema knows no such field
        void config.ports
        seen.push(sum)
        return defineService(env.name)
      },
      { schema: link },
    )
    factories.register('open', (config: unknown, env) => defineService(env.name, { data: () => ({ config }) }))
    factories.build({ name: 'a', type: 'link', config: { port: '8080', hosts: ['x'] } })
    expect(seen).toEqual([8081])
    expect(factories.types).toEqual(['link', 'open'])
    expect([factories.has('open'), factories.has('nope')]).toEqual([true, false])
  })

  it('is given an environment whose defaults can be used, and the options of its descriptor', () => {
    const factories = new FactoryRegistry()
    let given: FactoryEnv | undefined
    factories.register('any', (_config, env) => {
      given = env
      return defineService(env.name, env.options)
    })
    const descriptor: Descriptor = {
      name: 'a',
      type: 'any',
      enabled: true,
      config: {},
      dependsOn: ['b'],
      startDelay: 5,
    }
    const service = factories.build(descriptor)
    given?.logger.info('into the void')
    given?.observer.startSpan('nothing').end()
    expect(given?.config.get('no.such', 7)).toBe(7)
    expect(given?.options).toEqual({ type: 'any', dependsOn: ['b'], startDelay: 5 })
    expect([service.name, service.type]).toEqual(['a', 'any'])

    const config = Config.parse({ link: { timeout: 3 } })
    factories.build(descriptor, { config })
    expect(given?.config).toBe(config)
    expect(given?.logger).toBeDefined()
  })

  it('is given any logger as one that is called with the message first, and that disturbs nobody', () => {
    const lines: string[] = []
    const factories = new FactoryRegistry()
    factories.register('any', (_config, env) => {
      env.logger.info('built', { port: 1 })
      return defineService(env.name, env.options)
    })
    const stream = { write: (line: string) => void lines.push(line) }
    factories.build({ name: 'a', type: 'any', config: {} }, { logger: pino({ base: null }, stream) })
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ msg: 'built', port: 1 }])
    const full = (): never => {
      throw new Error('disk full')
    }
    const logger = { debug: full, info: full, warn: full, error: full }
    expect(factories.build({ name: 'a', type: 'any', config: {} }, { logger }).name).toBe('a')
  })

  it('of an unknown type, or with a config that its schema refuses, is told with file, descriptor, type and path', () => {
    const factories = registry()
    expect(message(() => factories.check({ name: 'edge', type: 'lnik', config: {} }, 'edge.json'))).toBe(
      "CONFIG_INVALID descriptor 'edge' of type 'lnik' in edge.json: its type has no factory; known are 'link': correct the type, or register it",
    )
    expect(message(() => new FactoryRegistry().check({ name: 'edge', type: 'x', config: {} }))).toMatch(
      /none is registered/,
    )
    const config = { port: 'http', hosts: ['a', { b: 1 }] }
    expect(message(() => factories.check({ name: 'edge', type: 'link', config }, 'edge.json'))).toBe(
      "CONFIG_INVALID descriptor 'edge' of type 'link' in edge.json: " +
        "config.port is 'http' - Invalid input: expected number, received NaN; " +
        'config.hosts[1] is an object - Invalid input: expected string, received object',
    )
    expect(message(() => factories.check({ name: 'edge', type: 'link', config: 3 }))).toMatch(/: config is 3 - /)
  })

  it('has a config whose secrets no message tells', () => {
    const quoted = z.string().refine(() => false, { error: ({ input }) => `not "${input}"` })
    const factories = new FactoryRegistry()
    factories.register('db', (_config, env) => defineService(env.name), {
      schema: z.object({ password: quoted, url: quoted, name: quoted }),
    })
    const config = { password: 'hunter2', url: 'pg://me:hunter2@host', name: 'shop' }
    expect(message(() => factories.check({ name: 'a', type: 'db', config }))).toBe(
      "CONFIG_INVALID descriptor 'a' of type 'db': config.password is a text that is not shown here - not \"…\"; " +
        'config.url is \'pg://me:…@host\' - not "…"; config.name is \'shop\' - not "shop"',
    )
  })

  it('that throws, gives a promise, no service, another name or loses a dependency is told what to do', () => {
    const factories = new FactoryRegistry()
    const boom = new Error('boom')
    const gives = (type: string, factory: (env: FactoryEnv) => unknown): void =>
      factories.register(type, (_config, env) => factory(env) as Service)
    gives('throws', () => {
      throw boom
    })
    gives('later', async (env) => defineService(env.name))
    gives('rejects', () => Promise.reject(boom))
    gives('nothing', () => undefined)
    gives('fixed', () => defineService('fixed'))
    gives('alone', (env) => defineService(env.name))
    gives('prickly', () => Object.defineProperty({}, 'start', { get: () => expect.fail('ouch') }))
    const build = (type: string): string =>
      message(() => factories.build({ name: 'a', type, config: {}, dependsOn: ['b', { name: 'c' }] }, {}, 'a.json'))
    expect(['throws', 'later', 'rejects', 'nothing', 'fixed', 'alone', 'prickly'].map(build)).toEqual([
      "SERVICE_INVALID descriptor 'a' of type 'throws' in a.json: its factory threw: boom",
      "SERVICE_INVALID descriptor 'a' of type 'later' in a.json: its factory gave a promise; build the service at once, and do what takes time in its start",
      "SERVICE_INVALID descriptor 'a' of type 'rejects' in a.json: its factory gave a promise; build the service at once, and do what takes time in its start",
      "SERVICE_INVALID descriptor 'a' of type 'nothing' in a.json: its factory gave nothing, which is no service; return one",
      "SERVICE_INVALID descriptor 'a' of type 'fixed' in a.json: its factory made a service named 'fixed'; name it env.name, which is 'a'",
      "SERVICE_INVALID descriptor 'a' of type 'alone' in a.json: its factory made a service that does not depend on 'b', 'c'; give it env.options among its own options",
      "SERVICE_INVALID descriptor 'a' of type 'prickly' in a.json: its factory made a service that throws when it is looked at: ouch",
    ])
    try {
      factories.build({ name: 'a', type: 'throws', config: {} })
    } catch (error) {
      expect((error as Error).cause).toBe(boom)
    }
  })

  it('has a schema that answers at once', () => {
    const factories = new FactoryRegistry()
    factories.register('later', (_config, env) => defineService(env.name), {
      schema: z.object({}).refine(async () => true),
    })
    expect(message(() => factories.check({ name: 'a', type: 'later', config: {} }))).toMatch(
      /^CONFIG_INVALID descriptor 'a' of type 'later': the schema of its config answers later; use one that answers at once/,
    )
    const thenable = {
      '~standard': { version: 1, vendor: 'x', validate: () => Object.fromEntries([['then', () => {}]]) as never },
    } as const
    factories.register('thenable', (_config, env) => defineService(env.name), { schema: thenable })
    expect(message(() => factories.check({ name: 'a', type: 'thenable', config: {} }))).toMatch(/answers later/)
    const throwing = {
      '~standard': {
        version: 1,
        vendor: 'x',
        validate: () => {
          throw new Error('ouch')
        },
      },
    } as const
    factories.register('throwing', (_config, env) => defineService(env.name), { schema: throwing })
    expect(message(() => factories.check({ name: 'a', type: 'throwing', config: {} }))).toMatch(
      /the schema of its config threw: ouch/,
    )
  })

  it('R51 is registered once, with what it has to be', () => {
    const factories = registry()
    const any = factories as unknown as { register(...args: unknown[]): void }
    const factory = (): Service => defineService('a')
    expect(message(() => any.register('link', factory))).toBe(
      "SERVICE_DUPLICATE factory 'link': the type is taken; choose another",
    )
    expect(message(() => any.register('', factory))).toMatch(/^CONFIG_INVALID factory '': its type is no text/)
    expect(message(() => any.register('x', 3))).toMatch(
      /^CONFIG_INVALID factory 'x': it is 3; pass \(config, env\) => service/,
    )
    expect(message(() => any.register('x', factory, { scheme: 1 }))).toMatch(/scheme is no option; known is schema/)
    expect(message(() => any.register('x', factory, { schema: {} }))).toMatch(
      /schema is an object; pass a Standard Schema/,
    )
    expect(message(() => any.register('x', factory, null))).toMatch(/options is null/)
    expect(factories.types).toEqual(['link'])
  })
})
