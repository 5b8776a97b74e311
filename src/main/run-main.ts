// runMain: an orchestrator as the whole of a process - signals in, exit code out.
// The only module that touches the process; everything it decides about services it leaves to the orchestrator.
// Owned by the program's main file, which calls it once, at its end.

import { constants } from 'node:os'
import { KeelsonError, type Orchestrator } from '../index.js'
import { failureText } from './failure-text.js'

/** Options of {@link runMain}. */
export interface RunMainOptions {
  /** The signals that stop the program. Default `['SIGTERM', 'SIGINT']`. */
  readonly signals?: readonly NodeJS.Signals[]
}

/** How long the second signal lets the stop take, in milliseconds. */
const HURRY = 1_000
/** How long what is left of the program may go on after the stop, in milliseconds. */
const LINGER = 1_000

let isTaken = false

/**
 * Runs an orchestrator as the whole of a process: starts it, stops it at a signal, sets the exit code and ends the
 * process. It is `app.run()` with signals and exit codes added.
 *
 * *Guarantees* (R35):
 * - The process ends with 0 after a clean stop, also by a signal, also by one during the start; with 1 after a failed
 *   start, an essential service that gave up or an unclean stop. What went wrong is printed to stderr: the message, the
 *   culprits with their errors, the first cause with its stack.
 * - A second signal shortens the stop to 1 000 ms, after which the process ends with 128 + the number of that signal. A
 *   third ends it at once in the same way.
 * - Handlers are installed by this call only and removed before it resolves (R46).
 *
 * Resolves when the orchestrator is at rest and `process.exitCode` is set, and never rejects for what happened to the
 * services. A program with nothing left to do ends there by itself, so code behind the call may still flush a log; one
 * whose leftover handles keep it alive - an abandoned hook, a forgotten socket - is ended by `process.exit` 1 000 ms
 * later. An exit code other than 0 that the program has set itself is kept when the stop was clean.
 *
 * @throws `CONFIG_INVALID` for something that is no orchestrator, an unknown option, a signal that does not exist or
 * cannot be caught, and for a second call in one process - nest orchestrators with `asService` instead. Nothing is
 * started and no handler is installed then.
 */
export async function runMain(app: Pick<Orchestrator, 'run' | 'stop'>, options: RunMainOptions = {}): Promise<void> {
  const signals = check(app, options)
  isTaken = true
  const abort = new AbortController()
  let count = 0
  let hurried: NodeJS.Signals | undefined
  const onSignal = (signal: NodeJS.Signals): void => {
    count += 1
    if (count === 1) abort.abort(new KeelsonError('CANCELLED', `runMain: the process was told to stop by ${signal}`))
    if (count === 2) {
      hurried = signal
      app.stop({ timeout: HURRY }).catch(() => undefined) // run() rejects with the same
    }
    if (count > 2) process.exit(codeOf(signal))
  }
  for (const signal of signals) process.on(signal, onSignal)
  let code = 0
  try {
    await app.run({ signal: abort.signal })
  } catch (error) {
    code = 1
    process.stderr.write(`${failureText(error)}\n`)
  } finally {
    for (const signal of signals) process.off(signal, onSignal)
  }
  if (hurried) process.exit(codeOf(hurried))
  if (code !== 0) process.exitCode = code
  setTimeout(() => process.exit(), LINGER).unref()
}

const codeOf = (signal: NodeJS.Signals): number => 128 + constants.signals[signal]

function check(app: unknown, options: RunMainOptions): readonly NodeJS.Signals[] {
  const { run, stop } = Object(app) as Record<string, unknown>
  if (typeof run !== 'function' || typeof stop !== 'function') throw invalid('app is no orchestrator; pass one')
  if (typeof options !== 'object' || options === null) throw invalid('options is no object; pass { signals }')
  for (const key of Object.keys(options)) if (key !== 'signals') throw invalid(`${key} is no option; known is signals`)
  const signals: unknown = options.signals ?? ['SIGTERM', 'SIGINT']
  if (!Array.isArray(signals)) throw invalid('signals is no array; pass names such as SIGTERM')
  for (const [index, signal] of signals.entries()) {
    const says = `signals.${index} is ${typeof signal === 'string' ? `'${signal}'` : typeof signal}`
    if (typeof signal !== 'string' || !Object.hasOwn(constants.signals, signal)) {
      throw invalid(`${says}, which is no signal; pass names such as SIGTERM`)
    }
    if (signal === 'SIGKILL' || signal === 'SIGSTOP') throw invalid(`${says}, which no process can catch; leave it out`)
    if (signals.indexOf(signal) !== index) throw invalid(`${says} for the second time; name it once`)
  }
  if (isTaken) throw invalid('app is the second of this process; nest it in the first by asService()')
  return signals
}

const invalid = (what: string): KeelsonError => new KeelsonError('CONFIG_INVALID', `runMain: ${what}`)
