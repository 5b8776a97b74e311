// A worker thread as a service: spawned, watched, stopped by message first and by force in the end, restarted by policy.
// The thread says itself when it is up; what it registers through attachRegistry() is another matter.

import { MessageChannel, type Worker, type WorkerOptions } from 'node:worker_threads'
import {
  type CheckContext,
  type CheckResult,
  defineService,
  KeelsonError,
  type Service,
  type ServiceOptions,
} from '../index.js'
import { closeAll } from './attach.js'
import { Link } from './link.js'
import { type Door, door, inherited, knock, spawn } from './ports.js'
import { evict } from './share.js'
import { checkOptions } from './waits.js'

/** Options of `workerService`: those of every service, and what its thread runs. */
export interface WorkerServiceOptions extends ServiceOptions {
  /** The module that the thread runs; it calls `workerReady()` when it is up. */
  readonly url: URL | string
  /**
   * Options of Node's `Worker`: `workerData`, `resourceLimits`, `env`, `execArgv` and so on; a function makes them anew for
   * each life, as is necessary where something is transferred, which can be given away but once.
   */
  readonly worker?: WorkerOptions | (() => WorkerOptions)
}

/** What a worker does for the service that it is. */
export interface WorkerDuties {
  /** Run before the thread is ended; bounded by `stopTimeout`. What the thread has registered is at rest by then. */
  readonly stop?: () => unknown
  /** How it is; asked as `healthCheck` says. Without it the thread is healthy if it answers at all. */
  readonly check?: (context: { readonly signal: AbortSignal }) => CheckResult | Promise<CheckResult>
}

/**
 * A worker thread as a service. It is up when its module has called {@link workerReady}; an exit with code 0 is a clean
 * end, every other one, an uncaught error and running out of memory are crashes; its check is answered by its event loop,
 * so that a blocked thread becomes unhealthy. A stop is a message first; when `stopTimeout` is over, the thread is
 * terminated.
 *
 * *Guarantees:* no thread of an earlier epoch is left when the next begins (R2, R3).
 *
 * Runnable: `examples/16-threads.ts`.
 * @throws `SERVICE_INVALID` for a bad name, `CONFIG_INVALID` with the path of an offending option (R51).
 */
export function workerService(name: string, options: WorkerServiceOptions): Service {
  const { url, worker = {}, ...rest } = options ?? {}
  if (!(url instanceof URL) && (typeof url !== 'string' || url === ''))
    throw new KeelsonError(
      'CONFIG_INVALID',
      `service '${name}': url is ${String(url)}; pass the URL or the absolute path of a module`,
    )
  for (const hook of ['start', 'run', 'stop', 'check', 'data'])
    if (hook in rest)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${name}': ${hook} is no option of a thread; its module does that, and says so by workerReady()`,
      )
  const fixed = typeof worker === 'function' ? undefined : threadOptions(name, worker)
  if (fixed?.transferList?.length)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `service '${name}': worker.transferList can be given away but once; let worker be a function that makes it for each life`,
    )
  let thread: Thread | undefined
  return defineService(name, {
    ...rest,
    start: ({ own, signal }) => {
      const made = new Thread(name, url, fixed ?? threadOptions(name, (worker as () => WorkerOptions)()))
      thread = made
      own(() => made.terminate())
      signal.addEventListener('abort', () => made.giveUp(), { once: true })
      return made.ready
    },
    run: ({ signal }) => Promise.race([thread?.ended, aborted(signal)]), // the thread is asked by `stop`
    stop: () => thread?.stop(),
    check: (context) => thread?.check(context),
    data: () => ({ threadId: thread?.id }),
  })
}

/** Options of Node's `Worker` with which it can be one of ours. */
function threadOptions(name: string, options: WorkerOptions): WorkerOptions {
  if (typeof options !== 'object' || options === null)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `service '${name}': worker is ${String(options)}; pass options of Node's Worker, or a function that makes them`,
    )
  for (const stream of ['stdin', 'stdout', 'stderr'] as const)
    if (options[stream] === true)
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${name}': worker.${stream} is true, but nobody has the other end; leave it out`,
      )
  return options
}

/** One thread, from its making to its exit. */
class Thread {
  /** Resolves when it says that it is up; rejects when it ends before. */
  readonly ready: Promise<void>
  /** Resolves when it has exited with code 0; rejects with what ended it. */
  readonly ended: Promise<void>
  /** Its number among the threads of the process. */
  readonly id: number
  readonly #name: string
  readonly #worker: Worker
  readonly #door: Door
  #link: Link | undefined
  #stopped = false
  #isOver = false
  #giveUp = (_why: unknown): void => {}

  constructor(name: string, url: URL | string, options: WorkerOptions) {
    this.#name = name
    let up = (): void => {}
    this.ready = new Promise((resolve, reject) => {
      up = resolve
      this.#giveUp = reject
    })
    this.ready.catch(() => {})
    this.#door = door('worker', (port, from) => {
      if (from !== this.id) return port.close() // a thread that it has made inherits its number, and is told so
      this.#link = new Link(port, {}, () => {})
      up()
    })
    try {
      this.#worker = spawn(url, { name, ...options }, this.#door.id)
    } catch (error) {
      this.#door.shut()
      throw error
    }
    this.id = this.#worker.threadId
    this.ended = new Promise((resolve, reject) => {
      this.#worker.once('error', (error) => {
        this.#isOver = true
        this.#giveUp(error) // before its exit, which may be told in the same moment
        reject(error)
      })
      this.#worker.once('exit', (code) => {
        this.#isOver = true
        this.#door.shut()
        const why = new Error(`the thread of '${this.#name}' exited with code ${code}`)
        this.#giveUp(why)
        if (code === 0 || this.#stopped) resolve()
        else reject(why)
      })
    })
    this.ended.catch(this.#giveUp)
  }

  /** Nobody waits for it any more. */
  giveUp(): void {
    this.#giveUp(new Error(`the thread of '${this.#name}' was given up before it was ready`))
  }

  async check({ signal }: CheckContext): Promise<CheckResult> {
    return (await this.#link?.call('check', [], { signal })) as CheckResult
  }

  /** Asks it to stop, and ends it when it has; one that exits by itself instead says by its code whether all is well. */
  async stop(): Promise<void> {
    const link = this.#link
    if (link === undefined) await evict(this.id)
    else if (!link.closed && !this.#isOver)
      try {
        await link.call('stop', [])
      } catch (error) {
        if (!link.closed) throw error
        await this.ended
      }
    await this.terminate()
  }

  async terminate(): Promise<void> {
    this.#stopped = true
    this.#door.shut()
    await this.#worker.terminate()
  }
}

/**
 * Called in the module of a `workerService`, once it is up: the service is active from then on. The thread stays until the
 * service is stopped.
 * @throws `CONFIG_INVALID` in a thread that no `workerService` has made, when it was called before, or for bad duties.
 */
export async function workerReady(duties: WorkerDuties = {}): Promise<void> {
  const { worker } = inherited()
  checkOptions('workerReady()', duties, ['stop', 'check'])
  for (const [duty, value] of Object.entries(duties))
    if (value !== undefined && typeof value !== 'function')
      throw new KeelsonError('CONFIG_INVALID', `workerReady(): ${duty} is ${String(value)}; pass a function`)
  if (isReady)
    throw new KeelsonError('CONFIG_INVALID', 'workerReady() - was called before; call it once, when all is up')
  if (worker === undefined) throw stranger()
  isReady = true
  const channel = new MessageChannel()
  const link: Link = new Link(
    channel.port1,
    {
      check: (_, { signal }) => duties.check?.({ signal: signal as AbortSignal }),
      stop: async () => {
        await closeAll()
        await duties.stop?.()
      },
    },
    () => {},
  )
  link.hold()
  try {
    await knock('workerReady()', worker.parent, 'worker', worker.id, channel)
    await link.call('up', [])
  } catch (error) {
    link.close()
    throw (error as KeelsonError).code === 'CLOSED' ? stranger() : error
  }
}

const stranger = (): KeelsonError =>
  new KeelsonError('CONFIG_INVALID', 'workerReady() - this thread is no workerService; register it as one')

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

let isReady = false
