/** A thread that plays its part in histories: told which, it plays it on the registry it is attached to, and tells all. */
import { parentPort, workerData } from 'node:worker_threads'
import { attachRegistry } from 'keelson/threads'
import { type Part, play, sharedTick } from '../support/threads-history.js'

const { clock, name } = workerData as { readonly clock: SharedArrayBuffer; readonly name: string }
const tick = sharedTick(clock)
const registry = await attachRegistry({ name })

parentPort?.on('message', (part: Part | 'end') => {
  if (part === 'end') {
    void registry.close().then(() => parentPort?.close())
    return
  }
  void play(registry, part, tick).then((recorded) => parentPort?.postMessage(recorded))
})
parentPort?.postMessage('attached')
