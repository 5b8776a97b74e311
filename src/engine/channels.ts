// Diagnostics channels of the host: where its agents listen without an adapter (Node's `diagnostics_channel`).
// Tracing channels around `onStart` and `onStop`, and plain ones for two things that are no events. Nothing is made for
// a channel that nobody listens to; whoever listens changes nothing of what the engine does.

import { type Channel, channel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'
import type { StopReason } from '../service.js'
import type { ServiceCore } from './core.js'
import { isThenable } from './subscribers.js'

/** Around the hooks: `tracing:keelson:start:…` and `tracing:keelson:stop:…`, with a {@link HookMessage}. */
export const HOOKS: Readonly<{ [hook in 'start' | 'stop']: TracingChannel<unknown, HookMessage> }> = {
  start: tracingChannel('keelson:start'),
  stop: tracingChannel('keelson:stop'),
}

/** One message per result of a check that counts as a failure, below the threshold too. */
export const CHECK: Channel = channel('keelson:check')

/** One message per event that a slow reader of `events()` loses. */
export const DROP: Channel = channel('keelson:drop')

/** What the messages say of a service. */
interface Subject {
  /** The `Orchestrator` it is registered in, or the service itself if it lives alone. */
  readonly orchestrator: object
  readonly name: string
  readonly type: string
  readonly epoch: number
}

/** One entered hook: the same object from `start` to `asyncEnd`, as Node's own channels have it. */
interface HookMessage extends Subject {
  readonly reason: StopReason | undefined
  result?: unknown
  error?: unknown
}

/**
 * Calls a hook with its channel around it. A plain value stays one and a thenable is asked once: heard or unheard, it
 * takes the same course.
 */
export function traced(
  hook: 'start' | 'stop',
  orchestrator: object,
  { name, type, table, service }: ServiceCore,
  context: { readonly epoch: number; readonly reason?: StopReason },
): unknown {
  const channels = HOOKS[hook]
  const { epoch, reason } = context
  const message: HookMessage = { orchestrator, name, type, epoch, reason }
  const tell = (channel: 'error' | 'asyncStart' | 'asyncEnd'): void => channels[channel].publish(message)
  return channels.traceSync(() => {
    const answer = table[hook](service, context as never)
    if (!isThenable(answer)) return answer
    const promise = Promise.resolve(answer)
    const settled = (): void => {
      tell('asyncStart')
      tell('asyncEnd')
    }
    promise.then(
      (result) => {
        message.result = result
        settled()
      },
      (error: unknown) => {
        message.error = error
        tell('error')
        settled()
      },
    )
    return promise
  }, message)
}
