/** A worker of the simulation: is told blocks of seeds, plays them, tells the results. */
import { parentPort, workerData } from 'node:worker_threads'
import { catchAll, playBlock } from './block.js'

Error.stackTraceLimit = 0 // thousands of errors are made that nobody reads
catchAll()
const { current, slot } = workerData as { readonly current: Float64Array; readonly slot: number }

parentPort?.on('message', ({ from, count }: { readonly from: number; readonly count: number }) => {
  const play = playBlock(from, count, (seed) => {
    current[slot] = seed
  })
  void play.then((result) => parentPort?.postMessage(result))
})
