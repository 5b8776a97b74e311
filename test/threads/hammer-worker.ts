/** A thread that does nothing but read the shared table and check what it reads; see `hammer.test.ts` for what is true. */
import { parentPort, workerData } from 'node:worker_threads'
import { attachRegistry } from 'keelson/threads'
import { churning, cycling, type Hammering } from '../support/threads-hammer.js'

const hammering = workerData as Hammering
const registry = await attachRegistry({ name: hammering.name })
parentPort?.postMessage('attached')
const result = hammering.what === 'cycle' ? cycling(registry, hammering) : churning(registry, hammering)
parentPort?.postMessage(result)
await registry.close()
