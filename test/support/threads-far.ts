/**
 * Another thread in hand: a test says what is done there, in place.
 *
 *     const far = await farThread()
 *     expect(await far.run(({ services }, name) => services.get(name)?.state, 'store')).toBe('running')
 *
 * A function that runs there sees nothing of the test but its arguments, which are cloned; `kept` lives as long as the
 * thread. What it throws is thrown here, with its code. `heard` is what it told by `tell`, in order.
 */
import { BroadcastChannel, type MessagePort, Worker, type WorkerOptions } from 'node:worker_threads'
import { defineService, Orchestrator, type Service } from 'keelson'
import {
  type AttachedRegistry,
  type AttachOptions,
  type SharedRegistry,
  shareRegistry,
  type ThreadHandle,
} from 'keelson/threads'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { type Deferred, deferred } from './promises.js'
import { type Bundled, bundled } from './threads-bundle.js'
import type { Role } from './threads-puppet.js'

/** What a function in the other thread is given. */
export interface There {
  readonly services: AttachedRegistry
  readonly keelson: typeof import('keelson')
  readonly threads: typeof import('keelson/threads')
  // biome-ignore lint/suspicious/noExplicitAny: what one call leaves there for the next is its own affair
  readonly kept: Record<string, any>
  /** The code of what is thrown, or its text. */
  codeOf(act: () => unknown): Promise<string>
  /** Says something to the test. */
  tell(what: unknown): void
  /** A service in hand; what it does stands in `kept`, under its name. */
  puppet: (name: string, role?: Role) => Service
  /** The port that leads to the test. */
  readonly port: MessagePort
}

/** What a thread is made with. */
export interface FarSet {
  /** What it attaches to before anything else; left out: nothing. */
  readonly attach?: AttachOptions | ThreadHandle | undefined
  /** What it does, of itself; nobody can tell it anything but over the air then, and nothing keeps it up. */
  readonly source?: string
  readonly args?: readonly unknown[]
  /** Where it is heard, and told what to do. */
  readonly channel?: string
}

export interface FarCall {
  readonly id: number
  readonly source: string
  readonly args: readonly unknown[]
}

export interface FarAnswer {
  readonly id: number
  readonly value?: unknown
  readonly thrown?: object
}

type Act<Args extends readonly unknown[], Result> = (there: There, ...args: Args) => Result

export class Far {
  readonly worker: Worker
  /** What it told. */
  readonly heard: unknown[] = []
  /** Its exit code, once it has one. */
  readonly exited: Promise<number>
  readonly #calls = new Map<number, Deferred<unknown>>()
  readonly #waiting = new Set<() => void>()
  #id = 0

  constructor(worker: Worker) {
    this.worker = worker
    this.exited = new Promise((resolve) => worker.once('exit', resolve))
    this.#calls.set(0, deferred<unknown>())
    worker.on('message', (message: FarAnswer & { what?: unknown }) => {
      if ('what' in message) {
        this.heard.push(message.what)
        for (const look of [...this.#waiting]) look()
      } else this.#settle(message)
    })
    worker.once('error', (error) => this.#end(error))
    worker.once('exit', (code) => this.#end(new Error(`the thread has exited with code ${code}`)))
  }

  /** Resolves when it is there, and attached. */
  get up(): Promise<unknown> {
    return this.#calls.get(0)?.promise ?? Promise.resolve()
  }

  /** Runs a function there. */
  run<Args extends readonly unknown[], Result>(act: Act<Args, Result>, ...args: Args): Promise<Awaited<Result>> {
    const id = ++this.#id
    const call = deferred<unknown>()
    this.#calls.set(id, call)
    this.worker.postMessage({ id, source: `${act}`, args } satisfies FarCall)
    return call.promise as Promise<Awaited<Result>>
  }

  /** Like `run`, giving some of the arguments away; nobody asks for what it gives. */
  give<Args extends readonly unknown[]>(act: Act<Args, unknown>, transfer: readonly unknown[], ...args: Args): void {
    this.worker.postMessage({ id: ++this.#id, source: `${act}`, args } satisfies FarCall, transfer as never)
  }

  /** Resolves when it has told this. */
  hears(what: unknown, times = 1): Promise<void> {
    const text = JSON.stringify(what)
    const isHeard = (): boolean => this.heard.filter((each) => JSON.stringify(each) === text).length >= times
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isHeard()) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }

  async terminate(): Promise<void> {
    await this.worker.terminate()
  }

  #settle({ id, value, thrown }: FarAnswer): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (thrown === undefined) call?.resolve(value)
    else call?.reject(Object.assign(new Error(), thrown))
  }

  #end(why: Error): void {
    for (const { promise, reject } of this.#calls.values()) {
      promise.catch(() => {})
      reject(why)
    }
    this.#calls.clear()
  }
}

const left: (() => unknown)[] = []

/** Done after the test, last in first out. */
export function after(act: () => unknown): void {
  left.push(act)
}

let program: Bundled
beforeAll(async () => {
  program = await bundled(new URL('../threads/far-worker.ts', import.meta.url))
})
afterAll(() => program[Symbol.asyncDispose]())

/** What such a thread runs. */
export const farUrl = (): URL => program.url

/** Another thread, ended after the test; attached as `attach` says, by default to what is shared as `default`. */
export async function farThread(set: FarSet = { attach: {} }, options: WorkerOptions = {}): Promise<Far> {
  const far = new Far(new Worker(program.url, { ...options, workerData: set }))
  after(() => far.terminate())
  await far.up
  return far
}

let channels = 0

/** Threads that somebody else makes: heard and directed over the air, whichever of them is there. */
export class Air {
  readonly heard: unknown[] = []
  readonly #channel: BroadcastChannel
  readonly #waiting = new Set<() => void>()

  constructor() {
    this.#channel = new BroadcastChannel(`far ${process.pid} ${++channels}`)
    this.#channel.onmessage = (event) => {
      const { data } = event as { data: object & { what?: unknown } }
      if (!('what' in data)) return
      this.heard.push(data.what)
      for (const look of [...this.#waiting]) look()
    }
    after(() => this.#channel.close())
  }

  /** `workerData` of a thread that does this. */
  does<Args extends readonly unknown[]>(act: Act<Args, unknown>, attach?: AttachOptions, ...args: Args): FarSet {
    return { source: `${act}`, args, attach, channel: this.#channel.name }
  }

  /** Whoever is there does this. */
  tell(act: (there: There) => unknown): void {
    this.#channel.postMessage({ run: `${act}` })
  }

  /** Resolves when this was said so often. */
  hears(what: unknown, times = 1): Promise<void> {
    const count = (): number => this.heard.filter((each) => each === what).length
    return new Promise((resolve) => {
      const look = (): void => {
        if (count() < times) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
      look()
    })
  }
}

/** Shares an application until the end of the test; a thread that died in the middle of its stop is no matter then. */
export function shared(
  app: Orchestrator = new Orchestrator(),
  name = 'default',
): SharedRegistry & { app: Orchestrator } {
  after(() => app[Symbol.asyncDispose]().catch(() => {}))
  return Object.assign(shareRegistry(app, { name }), { app })
}

/** Resolves when this holds of the application; looked at after every event. */
export function until(app: Orchestrator, holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const ends: (() => void)[] = []
    const look = (): void => {
      if (!holds()) return
      for (const end of ends.splice(0)) end()
      resolve()
    }
    for (const kind of ['state', 'health', 'registered', 'unregistered', 'operation', 'status'] as const)
      ends.push(app.on(kind, look))
    look()
  })
}

/** Resolves when a service is in this state. */
export function reaches(app: Orchestrator, name: string, state: string): Promise<void> {
  return until(app, () => app.registry.get(name)?.state === state)
}

afterEach(async () => {
  for (const act of left.splice(0).reverse()) await act()
})

/** A service whose start takes until it is told. */
export function held(name: string): { service: Service; go: () => void; fail: (error: Error) => void } {
  const { promise, resolve, reject } = deferred()
  return {
    service: defineService(name, { start: () => promise, restart: { policy: 'never' } }),
    go: resolve,
    fail: reject,
  }
}
