/** A thread that does nothing but read the shared table and check what it reads; see `hammer.test.ts` for what is true. */
import { parentPort, workerData } from 'node:worker_threads'
import { attachRegistry } from 'keelson/threads'
import { churning, cycling, type Hammering, searching } from '../support/threads-hammer.js'

const hammering = workerData as Hammering
const registry = hammering.what === 'search' ? undefined : await attachRegistry({ name: hammering.name })
parentPort?.postMessage('attached')
const result =
  registry === undefined ? searching(hammering) : (hammering.what === 'cycle' ? cycling : churning)(registry, hammering)
parentPort?.postMessage(result)
await registry?.close()
