/** A thread that does as it is told: functions come as text, run here, and what they give or throw goes back. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import * as keelson from 'keelson'
import * as threads from 'keelson/threads'
import type { FarAnswer, FarCall, FarSet, There } from '../support/threads-far.js'

const { attach, ready } = workerData as FarSet

const codeOf = async (act: () => unknown): Promise<string> => {
  try {
    await act()
    return 'nothing was thrown'
  } catch (error) {
    return keelson.isKeelsonError(error) ? error.code : `${error}`
  }
}
const message = (what: unknown): void => parentPort?.postMessage({ what })
const there: There = {
  services: undefined as never,
  keelson,
  threads,
  kept: {},
  codeOf,
  tell: message,
  port: parentPort as MessagePort,
}

const answer = (given: FarAnswer): void => parentPort?.postMessage(given)

async function run({ id, source, args }: FarCall): Promise<void> {
  try {
    const act = new Function(`return (${source})`)()
    answer({ id, value: await act(there, ...args) })
  } catch (error) {
    const { name, message, stack, code, cause } = error as Error & { code?: unknown }
    answer({ id, thrown: { name, message, stack, code, cause: `${cause}` } })
  }
}

if (ready === true) await threads.workerReady()
if (attach !== undefined) Object.assign(there, { services: await threads.attachRegistry(attach) })
parentPort?.on('message', (call: FarCall) => void run(call))
answer({ id: 0, value: undefined })
