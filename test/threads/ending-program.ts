/** A process with shared registries in every condition; it ends by itself when nothing of them keeps it up. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { defineService, Orchestrator } from 'keelson'
import { attachRegistry, shareRegistry, type ThreadHandle } from 'keelson/threads'

type Way =
  | 'nothing'
  | 'a handle'
  | 'a closed one'
  | 'a disposed application'
  | 'a thread that only looked'
  | 'an exit'
  | 'an owner in a thread'

async function owner(way: Way): Promise<void> {
  const app = new Orchestrator({ services: [defineService('store', {})] })
  const shared = shareRegistry(app)
  await app.start()
  if (way === 'nothing') return
  if (way === 'a handle') {
    shared.connect()
    return
  }
  const worker = new Worker(new URL(import.meta.url), { workerData: way })
  worker.once('exit', (code) => console.log(`thread ${code}`))
  await new Promise<void>((resolve) =>
    worker.once('message', () => {
      // At once: its exit may be told in the same moment.
      console.log(app.getAllServices().map(({ name, state }) => `${name} ${state}`))
      resolve()
    }),
  )
  if (way === 'a closed one') await shared.close()
  if (way === 'a disposed application') await app[Symbol.asyncDispose]()
}

async function other(way: Way): Promise<void> {
  const services = await attachRegistry()
  await services.waitFor('store')
  if (way !== 'a thread that only looked') {
    await services.register(defineService('guest', { dependsOn: ['store'] }))
    await services.waitFor('guest')
    void services.waitFor('never').catch(({ code }) => console.log(`wait ${code}`))
  }
  parentPort?.postMessage('done')
  if (way === 'an exit') process.exit(3)
}

/** The application lives in a thread, which nothing holds; the main thread looks and starts something. */
async function visitor(): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: 'an owner in a thread' })
  const handle = await new Promise<ThreadHandle>((resolve) => worker.once('message', resolve))
  const services = await attachRegistry(handle)
  await services.startService('store')
  console.log(services.get('store')?.state)
  worker.unref()
}

function host(): void {
  const app = new Orchestrator({ services: [defineService('store', {})] })
  const handle = shareRegistry(app).connect()
  parentPort?.on('message', () => {})
  parentPort?.postMessage(handle, [handle.port])
}

const way: Way = isMainThread ? process.argv[2] : workerData
if (way === 'an owner in a thread') await (isMainThread ? visitor() : host())
else await (isMainThread ? owner(way) : other(way))
