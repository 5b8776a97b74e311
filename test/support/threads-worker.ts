/** A worker service in hand: an application on a virtual clock, and a thread that does as the test says. */
import { type KeelsonError, Orchestrator } from 'keelson'
import { type EventRecord, recordEvents, VirtualClock } from 'keelson/testing'
import { type WorkerServiceOptions, workerService } from 'keelson/threads'
import { settled } from './promises.js'
import { Air, after, farUrl, type There } from './threads-far.js'

type Options = Omit<WorkerServiceOptions, 'url'>

export interface Staged {
  readonly air: Air
  readonly clock: VirtualClock
  readonly app: Orchestrator
  /** The state events. */
  readonly log: EventRecord
  readonly registered: Promise<void>
  /** Why the service is down, and what was thrown. */
  errorOf(): KeelsonError
  causeOf(): unknown
  /** The number of its thread. */
  threadOf(): unknown
}

/** An application with one worker service that does `act`. */
export function stage(act: (there: There, url: string) => unknown, options: Options = {}): Staged {
  const air = new Air()
  const clock = new VirtualClock()
  const app = new Orchestrator({ clock, random: () => 0.5 })
  const { worker, ...rest } = options
  const made = workerService('resizer', {
    url: farUrl(),
    restart: { policy: 'never' },
    ...rest,
    worker: { ...worker, workerData: air.does(act, undefined, farUrl().href) },
  })
  const log = recordEvents(app, { types: ['state'] })
  after(async () => {
    const stop = settled(app.stop())
    while (stop.status === 'pending')
      await clock.advance(1_000).then(() => new Promise((resolve) => setImmediate(resolve)))
  })
  const errorOf = (): KeelsonError => app.getServiceStatus('resizer').error as KeelsonError
  const causeOf = (): unknown => errorOf()?.cause
  const threadOf = (): unknown => app.getServiceStatus('resizer').data?.threadId
  return { air, clock, app, log, errorOf, causeOf, threadOf, registered: app.register(made) }
}
