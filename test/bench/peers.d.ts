// What is used here of packages that only this folder has: types are checked where they are not installed.

declare module 'eventemitter3' {
  export class EventEmitter<Events extends Record<string, unknown[]> = Record<string, [unknown]>> {
    on<Name extends keyof Events & string>(event: Name, listener: (...args: Events[Name]) => unknown): this
    emit<Name extends keyof Events & string>(event: Name, ...args: Events[Name]): boolean
    listenerCount(event: keyof Events & string): number
  }
}

declare module 'p-limit' {
  export default function pLimit(concurrency: number): <Value>(task: () => Promise<Value>) => Promise<Value>
}

declare module 'p-retry' {
  export default function pRetry<Value>(
    task: () => Promise<Value>,
    options: { retries: number; minTimeout: number; maxTimeout: number; factor: number },
  ): Promise<Value>
}
