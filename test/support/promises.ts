/** Promises as data: one whose handles are outside, and one whose outcome can be looked at without waiting. */

/** A promise with its handles outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

export function deferred<T = void>(): Deferred<T> {
  let handles: Omit<Deferred<T>, 'promise'>
  const promise = new Promise<T>((resolve, reject) => {
    handles = { resolve, reject }
  })
  return { promise, ...handles! }
}

/** The outcome of a promise, live: `pending` until it settles. */
export interface Settled<T> {
  status: 'pending' | 'fulfilled' | 'rejected'
  value?: T
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into what it expects
  error?: any
}

/** Watches a promise; its rejection counts as handled. */
export function settled<T>(promise: Promise<T>): Settled<T> {
  const outcome: Settled<T> = { status: 'pending' }
  promise.then(
    (value) => Object.assign(outcome, { status: 'fulfilled', value }),
    (error: unknown) => Object.assign(outcome, { status: 'rejected', error }),
  )
  return outcome
}
