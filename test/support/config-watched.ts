/** For tests of the watcher: a file on the real disk, watched on a virtual clock. */
import type { Clock, ServiceOptions } from 'keelson'
import { Config, ConfigWatcher } from 'keelson/config'
import { expect } from 'vitest'
import { z } from 'zod'
import { notes } from './config.js'
import { type World, world } from './world.js'

const schema: z.ZodObject<{ n: z.ZodNumber }> = z.object({ n: z.number() })

/** What such a test has at hand. */
export interface Watched extends World {
  readonly config: Config<{ n: number }>
  readonly watcher: ConfigWatcher
  readonly logger: ReturnType<typeof notes>
  /** The delays of its sleeps so far. */
  readonly sleeps: readonly number[]
  tick(times?: number): Promise<void>
  /** Waits until a look that is under way is over. */
  looking(): Promise<void>
  /** The paths of each change, joined. */
  readonly changes: string[]
  errors(): string[]
  n(): number
}

/** A watched configuration, asleep after its first look; `tick` lets its sleep pass and waits for the look that follows. */
export async function watched(
  path: string,
  options: ServiceOptions & { before?: () => void; schema?: typeof schema } = {},
): Promise<Watched> {
  const { before, schema: wanted = schema, ...rest } = options
  const config = await Config.load(path, { schema: wanted })
  const logger = notes()
  const { app, clock, log } = world({ logger })
  const sleeps: number[] = []
  let isAsleep = false
  const own: Clock = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    defer: (callback) => clock.defer(callback),
    setTimeout(callback, ms) {
      isAsleep = true
      sleeps.push(ms)
      return clock.setTimeout(callback, ms)
    },
    clearTimeout(handle) {
      isAsleep = false
      clock.clearTimeout(handle)
    },
  }
  /** The disk takes time of its own, which no virtual clock can give it. */
  const asleep = async (): Promise<void> => {
    for (let turns = 0; !isAsleep && turns < 100_000; turns++) await new Promise((resolve) => setImmediate(resolve))
    expect(isAsleep).toBe(true)
  }
  const looking = async (): Promise<void> => {
    const before = sleeps.length
    while (isAsleep && sleeps.length === before) await new Promise((resolve) => setImmediate(resolve))
  }
  const tick = async (times = 1): Promise<void> => {
    for (let count = 0; count < times; count++) {
      await clock.advance(sleeps.at(-1) ?? 0)
      await asleep()
    }
    await asleep()
  }
  const watcher = new ConfigWatcher(config, { clock: own, ...rest })
  await app.register(watcher)
  before?.()
  await app.start()
  await asleep()
  const changes: string[] = []
  config.onChange(({ paths }) => changes.push(paths.join()))
  const errors = (): string[] => logger.lines.filter((line) => line.startsWith('error'))
  return {
    app,
    clock,
    log,
    config,
    watcher,
    logger,
    sleeps,
    tick,
    looking,
    changes,
    errors,
    n: () => config.integer('n'),
  }
}
