// What this room needs of Node's threads and process, in one place. The process is the global one: importing it as a module
// would open its streams.

import {
  getEnvironmentData,
  isMainThread,
  type MessagePort,
  postMessageToThread,
  setEnvironmentData,
  threadId,
  Worker,
  type WorkerOptions,
} from 'node:worker_threads'

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

const doors = new Map<string, (port: MessagePort, thread: number) => void>()

function opened(message: unknown, thread: number): void {
  const { keelson, to, id, port } = (message ?? {}) as Partial<Knock>
  if (keelson !== MARK || port === undefined) return
  const open = doors.get(`${to} ${id}`)
  if (open === undefined)
    port.close() // whoever knocks is told at once that nobody is there
  else open(port, thread)
}

/** Opens a door to other threads, until the function that it returns is called. */
export function door(to: Knock['to'], id: number, open: (port: MessagePort, thread: number) => void): () => void {
  if (doors.size === 0) process.on('workerMessage', opened)
  doors.set(`${to} ${id}`, open)
  return () => {
    doors.delete(`${to} ${id}`)
    if (doors.size === 0) process.off('workerMessage', opened)
  }
}

/** Knocks at a door of another thread; rejects if that thread is not there. */
export async function knock(thread: number, to: Knock['to'], id: number, port: MessagePort): Promise<void> {
  const message: Knock = { keelson: MARK, to, id, port }
  await postMessageToThread(thread, message, [port])
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
