// How long an orchestrator stays up: until somebody says so, an essential service gives up, or all have completed (R35).
// Watches the engine; owns no state of it.

import { isKeelsonError } from '../errors.js'
import type { Engine } from './engine.js'
import { markEssential } from './start.js'

/** Why an engine has no reason to stay up: somebody stops it, all is done, or a service gave up. */
export type Leave =
  | { readonly why: 'completed' }
  | { readonly why: 'stopped'; readonly by: readonly Promise<unknown>[] }
  | { readonly why: 'gave up'; readonly error: unknown }

/** Whether the engine has a reason to stay up, looking at what is true now. */
function leave(engine: Engine): Leave | undefined {
  if (engine.shutdowns.size > 0 || !engine.running)
    return { why: 'stopped', by: [...engine.shutdowns].map(({ promise }) => promise) }
  let completed = true
  let mark = 0
  for (const record of engine.topology.records.values()) {
    if (!record.desired) continue
    if (record.state === 'failed' && record.gaveUp && record.pause.failedWait === undefined) {
      if (mark === 0) {
        mark = engine.nextMark()
        markEssential(
          engine.topology,
          [...engine.topology.records.values()].filter(({ settings }) => settings.autoStart),
          mark,
        )
      }
      if (record.mark === mark) return { why: 'gave up', error: record.lastError }
    }
    if (!record.completedForGood) completed = false
  }
  return completed ? { why: 'completed' } : undefined
}

/** Resolves as soon as there is no reason to stay up. Looks when something ended, in a turn of its own. */
export function untilLeave(engine: Engine): { readonly left: Promise<Leave>; cancel(): void } {
  let cancel = (): void => {}
  const left = new Promise<Leave>((resolve) => {
    let asked = false
    const look = (): void => {
      asked = false
      const reason = leave(engine)
      if (reason === undefined) return
      cancel()
      resolve(reason)
    }
    const watcher = (): void => {
      if (asked) return
      asked = true
      engine.reconciler.post(look)
    }
    cancel = () => void engine.watchers.delete(watcher)
    engine.watchers.add(watcher)
    watcher()
  })
  return { left, cancel: () => cancel() }
}

/** Starts, stays, stops; rejects with the first cause (R35). */
export async function stayUp(engine: Engine, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted === true) return
  const { deadlines } = engine.reconciler
  let onAbort = (): void => {}
  const aborted = new Promise<'aborted'>((resolve) => {
    onAbort = () => resolve('aborted')
    signal?.addEventListener('abort', onAbort, { once: true })
  })
  deadlines.hold()
  const causes: unknown[] = []
  try {
    const started = engine.start().then(
      () => undefined,
      (error: unknown) => {
        if (!isKeelsonError(error, 'CANCELLED')) causes.push(error)
      },
    )
    await Promise.race([started, aborted])
    for (;;) {
      const watch = untilLeave(engine)
      const reason: Leave | 'aborted' | undefined =
        causes.length > 0 ? undefined : await Promise.race([watch.left, aborted])
      watch.cancel()
      if (typeof reason === 'object' && reason.why === 'gave up') causes.push(reason.error)
      try {
        if (typeof reason === 'object' && reason.why === 'stopped') await Promise.all(reason.by)
        await engine.stop()
        break
      } catch (error) {
        // A later start() overtook the stop, so there is something to stay for again.
        if (isKeelsonError(error, 'CANCELLED') && causes.length === 0 && reason !== 'aborted') continue
        if (!isKeelsonError(error, 'CLOSED')) causes.push(error)
        break
      }
    }
    await started
  } finally {
    signal?.removeEventListener('abort', onAbort)
    deadlines.release()
  }
  if (causes.length > 0) throw causes[0]
}
