/**
 * The arrangement of nearly every test of the room: a real folder, an orchestrator on a virtual clock, a deployer, and
 * services that write down what happens to them.
 *
 *     const h = await host()
 *     await h.write('a.json', { name: 'a', type: 'plain', config: { version: 1 } })
 *     await h.scan()
 *     expect(h.hooks).toEqual(['a@1 start'])
 *
 * - A `plain` service starts and stops at once; its config can make its factory throw, its start fail, take virtual time or
 *   hang. A `job` ends of itself.
 * - After each test the orchestrators are stopped, nothing of them may be left on the clock, and the folders are removed.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineService, Orchestrator, type OrchestratorOptions } from 'keelson'
import {
  type DeployEvent,
  Deployer,
  type DeployerOptions,
  type DeployReport,
  type DeployStep,
  FactoryRegistry,
} from 'keelson/deploy'
import { VirtualClock } from 'keelson/testing'
import 'yaml' // loaded here, since nobody can tell how long a first import takes
import { afterEach, expect } from 'vitest'
import { z } from 'zod'
import { settled } from '../support/promises.js'

const plain = z.strictObject({
  version: z.number().default(0),
  factory: z.literal('throws').optional(),
  start: z.enum(['fails', 'hangs']).optional(),
  takes: z.number().optional(),
  stop: z.enum(['fails', 'hangs']).optional(),
})

export interface Host {
  readonly folder: string
  readonly app: Orchestrator
  readonly clock: VirtualClock
  readonly factories: FactoryRegistry
  readonly deployer: Deployer
  /** `a@1 start`, `a@1 stop (replaced)`, in order. */
  readonly hooks: string[]
  /** How often each type's factory was called. */
  readonly built: string[]
  /** The `deploy` events, and each as a line. */
  readonly events: DeployEvent[]
  readonly told: () => string[]
  /** Writes a descriptor, or a text as it is. */
  write(file: string, content: object | string): Promise<void>
  remove(file: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** A scan, in which as much virtual time passes as it needs, or as is said. */
  scan(ms?: number): Promise<DeployReport>
  /** A name's state and epoch: `running 2`; `-` if it is not registered. */
  is(name: string): string
}

const hosts: { app: Orchestrator; clock: VirtualClock; folder: string; deployer: Deployer }[] = []

export type HostOptions = Partial<DeployerOptions> & { readonly app?: OrchestratorOptions; readonly isUp?: boolean }

/** A folder, an orchestrator that is running unless told otherwise, and a deployer that is nobody's service yet. */
export async function host({ app: appOptions = {}, isUp = true, ...options }: HostOptions = {}): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), 'keelson-deploy-'))
  const clock = new VirtualClock()
  const app = new Orchestrator({ random: () => 0.5, ...appOptions, clock })
  const factories = options.factories ?? new FactoryRegistry()
  const hooks: string[] = []
  const built: string[] = []
  factories.register(
    'plain',
    ({ version, factory, start, takes, stop }, env) => {
      built.push(`${env.name}@${version}`)
      if (factory === 'throws') throw new Error(`no ${env.name} today`)
      const label = `${env.name}@${version}`
      const hang = (signal: AbortSignal): Promise<never> =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      return defineService(env.name, {
        ...env.options,
        ...(env.options.healthCheck && { check: () => true }),
        start: async ({ signal }) => {
          hooks.push(`${label} start`)
          if (takes) await Promise.race([clock.sleep(takes), hang(signal)])
          if (start === 'hangs') await hang(signal)
          if (start === 'fails') throw new Error(`${label} does not start`)
        },
        stop: async ({ signal, reason }) => {
          hooks.push(`${label} stop (${reason})`)
          if (stop === 'hangs') await hang(signal)
          if (stop === 'fails') throw new Error(`${label} does not stop`)
        },
      })
    },
    { schema: plain },
  )
  factories.register('job', (_config, env) =>
    defineService(env.name, { ...env.options, run: () => void hooks.push(`${env.name} ran`) }),
  )
  const deployer = new Deployer({ orchestrator: app, directory: folder, clock, ...options, factories })
  const events: DeployEvent[] = []
  deployer.on('deploy', (event) => events.push(event))
  hosts.push({ app, clock, folder, deployer })
  if (isUp) await app.start()
  const text = (content: object | string): string =>
    typeof content === 'string' ? content : JSON.stringify(content, null, 2)
  return {
    folder,
    app,
    clock,
    factories,
    deployer,
    hooks,
    built,
    events,
    told: () =>
      events.map(({ action, outcome, name, file, error }) =>
        [`${outcome} ${action} ${name ?? file ?? 'directory'}`, ...(error ? [error.code] : [])].join(' '),
      ),
    write: (file, content) => writeFile(join(folder, file), text(content)),
    remove: (file) => rm(join(folder, file)),
    rename: (from, to) => rename(join(folder, from), join(folder, to)),
    scan: (ms = 200_000) => passing(clock, deployer.scan(), ms),
    is: (name) => {
      if (!app.registry.has(name)) return '-'
      const { state, epoch } = app.getServiceStatus(name)
      return `${state} ${epoch}`
    },
  }
}

/** Waits for what needs both the disk and virtual time, of which `ms` at most pass, and only while the disk is idle. */
export async function passing<Result>(clock: VirtualClock, promise: Promise<Result>, ms = 200_000): Promise<Result> {
  const outcome = settled(promise)
  const end = clock.now() + ms
  for (;;) {
    await idle()
    await clock.settle()
    if (outcome.status !== 'pending') return promise
    if (isBusy()) continue
    const next = clock.next
    if (next === undefined || next > end) throw new Error(`nothing more happens until ${end}, and it is not over`)
    await clock.advance(Math.max(next - clock.now(), 0))
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Whether something is being read or written. */
const isBusy = (): boolean => process.getActiveResourcesInfo().some((kind) => /^(fs|file|close)/i.test(kind))

/** Some turns of the host in which the disk had nothing to do. */
async function idle(): Promise<void> {
  for (let quiet = 0; quiet < 20; quiet++) {
    await turn()
    if (isBusy()) quiet = 0
  }
}

/** The steps of a plan or report as lines: `deploy a`, `refuse b.json`. */
export const lines = (steps: readonly DeployStep[]): string[] =>
  steps.map(({ action, name, file, after }) =>
    [`${action} ${name ?? file ?? 'directory'}`, ...(after ? [`after ${after.join(' ')}`] : [])].join(' '),
  )

afterEach(async () => {
  const left: string[] = []
  for (const { app, clock, folder } of hosts.splice(0)) {
    const stop = settled(app.stop())
    for (let i = 0; i < 100 && (stop.status === 'pending' || clock.pending > 0); i++) await clock.advance(10_000)
    if (stop.status === 'pending') left.push('a stop that never settled')
    if (clock.pending > 0) left.push(`timers: ${clock.pending}`)
    for (const { name, phase, state } of app.getAllServices()) if (phase !== 'idle') left.push(`${name} is ${state}`)
    rmSync(folder, { recursive: true, force: true })
  }
  expect(left, 'what the hosts of the test left behind').toEqual([])
})
