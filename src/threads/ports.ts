// What this room needs of Node's threads and process, in one place. The process is the global one: importing it as a module
// would open its streams.

import * as nodeThreads from 'node:worker_threads'
import {
  getEnvironmentData,
  isMainThread,
  MessageChannel,
  type MessagePort,
  setEnvironmentData,
  threadId,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads'
import { KeelsonError } from '../index.js'

/** Which thread of which process this is. */
export const here: { readonly pid: number; readonly thread: number; readonly isMain: boolean } = {
  pid: process.pid,
  thread: threadId,
  isMain: isMainThread,
}

/** Wall-clock time, in milliseconds. */
export const wall = (): number => Date.now()

/** Monotonic time, in milliseconds. */
export const now = (): number => performance.now()

/** The longest that Node's timers take. */
const LONGEST = 2 ** 31 - 1

/** Rings when so many milliseconds are over, unless the function that it returns is called before. */
export function alarm(ms: number, ring: () => void): () => void {
  const at = now() + ms
  let handle: NodeJS.Timeout
  const set = (): void => {
    const left = at - now()
    handle = setTimeout(left > LONGEST ? set : ring, Math.min(left, LONGEST))
  }
  set()
  return () => clearTimeout(handle)
}

/** Under this name everything of this room stands in the environment data and in messages between threads. */
const MARK = 'keelson.threads'

/** What a thread inherits from the one that made it. */
export interface Inherited {
  /** The registries that are shared with it, by name. */
  readonly shared: ReadonlyMap<string, Address>
  /** The worker service that it is, if it is one. */
  readonly worker?: { readonly parent: number; readonly id: number } | undefined
}

/** Where a shared registry is found. */
export interface Address {
  readonly keelson: typeof MARK
  readonly pid: number
  /** The owner's thread. */
  readonly thread: number
  /** Its number among all that this thread has shared. */
  readonly id: number
  readonly name: string
  readonly table: SharedArrayBuffer
}

/** Who knocks: a thread that attaches to a registry, or a worker service that is up. */
export interface Knock {
  readonly keelson: typeof MARK
  readonly to: 'registry' | 'worker'
  readonly id: number
  readonly port: MessagePort
  /** Its first word is 1 once somebody has opened, whatever else listens there and throws. */
  readonly heard: Int32Array
}

export function address(id: number, name: string, table: SharedArrayBuffer): Address {
  return { keelson: MARK, pid: here.pid, thread: here.thread, id, name, table }
}

export function inherited(): Inherited {
  return (getEnvironmentData(MARK) as Inherited | undefined) ?? { shared: new Map() }
}

/** What threads made from now on inherit. */
export function bequeath(what: Inherited): void {
  setEnvironmentData(MARK, what as never)
}

/** Who opens in this thread, for all copies of this module that it has loaded. */
interface Doors {
  /** How many there have been. */
  count: number
  readonly open: Map<string, (port: MessagePort, thread: number) => void>
  readonly answer: (message: unknown, thread: number) => void
}

const DOORS: unique symbol = Symbol.for('keelson.threads.doors') as never

function doors(): Doors {
  const home = globalThis as { [DOORS]?: Doors }
  if (home[DOORS] !== undefined) return home[DOORS]
  const open: Doors['open'] = new Map()
  const answer: Doors['answer'] = (message, thread) => {
    const { keelson, to, id, port, heard } = (message ?? {}) as Partial<Knock>
    if (keelson !== MARK || port === undefined || heard === undefined) return
    Atomics.store(heard, 0, 1)
    const opens = open.get(`${to} ${id}`)
    if (opens === undefined)
      port.close() // whoever knocks is told at once that nobody is there
    else opens(port, thread)
  }
  home[DOORS] = { count: 0, open, answer }
  return home[DOORS]
}

/** A door to other threads. */
export interface Door {
  /** Its number among all that this thread has opened. */
  readonly id: number
  shut(): void
}

/** Opens a door to other threads, until it is shut. */
export function door(to: Knock['to'], opens: (port: MessagePort, thread: number) => void): Door {
  const all = doors()
  const id = ++all.count
  // First of all: who else listens may not know what to make of it, and throw.
  if (all.open.size === 0) process.prependListener('workerMessage', all.answer)
  all.open.set(`${to} ${id}`, opens)
  const shut = (): void => {
    if (all.open.delete(`${to} ${id}`) && all.open.size === 0) process.off('workerMessage', all.answer)
  }
  return { id, shut }
}

/**
 * Knocks at a door of another thread with one end of a channel; resolves when somebody there has the other.
 * @throws `CLOSED` when that thread is not there, or nobody in it opens; `CONFIG_INVALID` where Node has no such message,
 * or another listener throws before it is heard.
 */
export async function knock(
  subject: string,
  thread: number,
  to: Knock['to'],
  id: number,
  { port1, port2 }: MessageChannel,
): Promise<void> {
  const { postMessageToThread } = nodeThreads as Partial<typeof nodeThreads>
  if (postMessageToThread === undefined)
    throw new KeelsonError(
      'CONFIG_INVALID',
      `${subject} - this Node has no postMessageToThread; use 20.19, 22.5 or later, or the handle of a registry in the main thread`,
    )
  const heard = new Int32Array(new SharedArrayBuffer(4))
  const message: Knock = { keelson: MARK, to, id, port: port2, heard }
  let lost = (): void => {}
  try {
    await new Promise<void>((resolve, reject) => {
      // A thread that ends with the message on its way answers never: the channel ends, too.
      lost = () => reject(new Error('it ended meanwhile'))
      port1.once('close', lost)
      postMessageToThread(thread, message, [port2]).then(resolve, reject)
    })
  } catch (cause) {
    if (Atomics.load(heard, 0) !== 0) return
    throw (cause as { code?: unknown }).code === 'ERR_WORKER_MESSAGING_ERRORED'
      ? new KeelsonError('CONFIG_INVALID', `${subject} - a 'workerMessage' listener there throws; mend it`, { cause })
      : new KeelsonError('CLOSED', `${subject} - is closed, or the thread at its other end is gone`, { cause })
  } finally {
    port1.off('close', lost)
  }
}

/** A port that leads to the registry of this address. @throws what `knock` throws. */
export async function opened(subject: string, { thread, id }: Address): Promise<MessagePort> {
  const channel = new MessageChannel()
  const { port1 } = channel
  port1.on('message', () => {}) // keeps the thread up until the owner has been asked
  try {
    await knock(subject, thread, 'registry', id, channel)
  } catch (error) {
    port1.close()
    throw error
  }
  port1.removeAllListeners('message')
  port1.unref() // of itself only when listeners go one by one
  return port1
}

/** Whether anybody may still be at the other end; a port that was closed before is silent for ever. */
export function isOpen(port: MessagePort): boolean {
  port.ref()
  const { hasRef } = port as MessagePort & { hasRef(): boolean }
  const isAlive = hasRef.call(port)
  port.unref()
  return isAlive
}

/** Makes a thread that inherits this beside what every thread does. */
export function spawn(url: URL | string, options: WorkerOptions, id: number): Worker {
  const before = inherited()
  bequeath({ ...before, worker: { parent: here.thread, id } })
  try {
    return new Worker(url, options)
  } finally {
    bequeath(before)
  }
}

/** What the guard of a blocked thread runs: nothing but listening, until the other end of its port is gone. */
const GUARD = `
const { workerData: { port, words, closed } } = require('node:worker_threads')
port.on('close', () => Atomics.store(words, closed, 1))
port.on('message', () => {})
`

/**
 * Makes a thread that says in the table when the owner's thread is gone: one that is blocked could not see it. It ends
 * with this thread, or when the function that it returns is called.
 */
export function guard(port: MessagePort, words: Int32Array, closed: number): () => void {
  const worker = new Worker(GUARD, { eval: true, workerData: { port, words, closed }, transferList: [port] })
  worker.unref()
  return () => void worker.terminate()
}
