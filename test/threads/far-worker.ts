/** A thread that does as it is told: functions come as text, run here, and what they give or throw goes back. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import * as keelson from 'keelson'
import * as threads from 'keelson/threads'
import type { FarAnswer, FarCall, FarSet, There } from '../support/threads-far.js'
import { puppet } from '../support/threads-puppet.js'

const { attach, source, channel, args = [] } = workerData as FarSet

const codeOf = async (act: () => unknown): Promise<string> => {
  try {
    await act()
    return 'nothing was thrown'
  } catch (error) {
    return keelson.isKeelsonError(error) ? error.code : `${error}`
  }
}
const air = channel === undefined ? undefined : new BroadcastChannel(channel)
const message = (what: unknown): void => (air ?? parentPort)?.postMessage({ what })
const there: There = {
  services: undefined as never,
  keelson,
  threads,
  kept: {},
  codeOf,
  tell: message,
  port: parentPort as MessagePort,
}

there.puppet = (name, role) => {
  const { service, part } = puppet(keelson.defineService, message, name, role)
  there.kept[name] = part
  return service
}

const answer = (given: FarAnswer): void => parentPort?.postMessage(given)

async function run({ id, source, args }: FarCall): Promise<void> {
  try {
    answer({ id, value: await actOf(source)(there, ...args) })
  } catch (error) {
    const { name, message, stack, code, cause } = error as Error & { code?: unknown }
    answer({ id, thrown: { name, message, stack, code, cause: `${cause}` } })
  }
}

const actOf = (text: string): ((there: There, ...args: readonly unknown[]) => unknown) =>
  new Function(`return (${text})`)()

if (attach !== undefined) Object.assign(there, { services: await threads.attachRegistry(attach) })
if (source === undefined) {
  parentPort?.on('message', (call: FarCall) => void run(call))
  answer({ id: 0, value: undefined })
} else {
  if (air !== undefined) {
    air.onmessage = ({ data }) => void ('run' in data && actOf(data.run)(there))
    ;(air as BroadcastChannel & { unref(): void }).unref()
  }
  await actOf(source)(there, ...args)
}
