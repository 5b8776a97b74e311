// keelson/threads: one application, seen, driven and extended by all threads of the program.

export { type AttachedRegistry, type AttachOptions, attachRegistry } from './attach.js'
export { type SharedRegistry, type ShareOptions, shareRegistry, type ThreadHandle } from './share.js'
export type { ServiceReading, ServiceView, WaitCondition } from './view.js'
export type { WaitOptions } from './waits.js'
export { type WorkerDuties, type WorkerServiceOptions, workerReady, workerService } from './worker-service.js'
