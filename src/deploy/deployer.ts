// The service that keeps an orchestrator equal to a directory: reads, decides, acts, and again after a while.
// Never two readings and decisions at once; what they began goes on beside them. Its hooks wait for nothing that could
// wait for them: a host that stops in the middle of a scan finds it gone at once.

import { resolve } from 'node:path'
import {
  asLogger,
  BaseService,
  type Clock,
  type HealthStatus,
  KeelsonError,
  type Logger,
  type RunContext,
  type StopContext,
  systemClock,
  type Unsubscribe,
} from '../index.js'
import {
  BACKOFF,
  checkOptions,
  checkScan,
  type DeployerOptions,
  INTERVAL,
  type ScanOptions,
  TIMEOUT,
} from './deployer-options.js'
import { Deployment, type DeployTarget, stepOf } from './deployment.js'
import { envOf } from './env.js'
import { decide } from './plan.js'
import { Shelf } from './shelf.js'
import { isChange, type Move } from './situation.js'
import type { DeployEvent, DeployEventMap, DeployPlan, DeployReport, DeployResult, DeployStep } from './story.js'
import { asError, line, show, textOf } from './wording.js'

/**
 * Keeps what is deployed in an orchestrator equal to a directory of descriptors.
 *
 * *Guarantees:* one bad file never holds up the others, and never takes away the last good one before it. What is
 * unchanged is not touched, wherever its file is. A changed service is built before the old one is stopped, and if it
 * does not come up, the old one runs again (R49). Readings and decisions never overlap, nor do steps of one name. A
 * stop of its host, at any moment, waits for no scan.
 *
 * *What it cannot know:* a text is taken as it is when two looks in a row have found it so. One that was cut off and says
 * something whole all the same, as YAML may, is deployed like any other; who writes beside the file and then renames does
 * not run that risk. In an orchestrator with `order: 'registration'` the files of one scan are registered with what they
 * need before them, but what comes in a later scan comes after all that is there: needed by one of those it closes a
 * cycle, and is refused (`DEPENDENCY_CYCLE`) until that has gone or needs it no longer.
 *
 * Registered in the orchestrator it deploys into, or started alone, it scans at once and then each `interval`; without
 * being started it does so only when `scan()` is called. What it has deployed stays when it stops; another deployer does
 * not take it over.
 *
 * Runnable: `examples/14-deploy.ts`.
 */
export class Deployer extends BaseService {
  /** Where the descriptors are, as an absolute path. */
  readonly directory: string
  readonly #shelf: Shelf
  readonly #deployment: Deployment
  /** Where it writes itself; `undefined`: to its host. */
  readonly #logger: Logger | undefined
  readonly #clock: Clock
  readonly #interval: number
  readonly #orchestrator: DeployTarget
  readonly #listeners = new Set<Listening>()
  /** What was told of a name or a file, so that it is told once. */
  #told = new Map<string, string>()
  /** The end of the last reading and decision, and how many there are to come. */
  #idle: Promise<unknown> = Promise.resolve()
  #passes = 0
  /** What was refused in the last one. */
  #refused: readonly DeployStep[] = []
  /** What was deployed since it was started. */
  readonly #brought = new Set<string>()
  /** Of the epoch that it has, or had last. */
  #context: RunContext | undefined
  #said = ''

  /** @throws `CONFIG_INVALID` with the path of an offending option (R51). */
  constructor(options: DeployerOptions) {
    checkOptions(options)
    const { name = 'deployer', dependsOn, essential } = options
    const own = Object.entries({ dependsOn, essential }).filter(([, value]) => value !== undefined)
    super(name, { type: 'deployer', ...Object.fromEntries(own) })
    const { orchestrator, factories, directory, interval = INTERVAL, timeout = TIMEOUT, clock = systemClock } = options
    this.directory = resolve(directory)
    this.#orchestrator = orchestrator
    this.#interval = interval
    this.#clock = clock
    this.#logger = options.env?.logger
    this.#shelf = new Shelf(this.directory, factories)
    const backoff = { ...BACKOFF, ...options.backoff }
    this.#deployment = new Deployment({ orchestrator, factories, env: envOf(options.env), clock, timeout, backoff })
  }

  /**
   * What a scan would do now, and why; reads the directory and changes nothing.
   * @throws `CONFIG_INVALID` when the directory cannot be read.
   */
  async plan(): Promise<DeployPlan> {
    const moves = await this.#alone(async () =>
      decide(this.#deployment.situation(await this.#shelf.look(), new Set<string>())),
    )
    return Object.freeze({ directory: this.directory, steps: Object.freeze(moves.map(stepOf)) })
  }

  /**
   * Makes the orchestrator equal to the directory, once. Resolves when every step is over, those of a scan under way
   * included: what is new is registered then and comes up by itself (R47), what was replaced is up, or the old one is
   * back. Whatever is wrong is in the report. It is not for the hooks of what is being deployed: one that waits for the
   * scan which waits for it is abandoned at its `startTimeout` (R32).
   *
   * @throws the reason of `signal`, which ends the waiting and what has not been begun; `CONFIG_INVALID` for an option
   * that is wrong or unknown (R51).
   */
  async scan(options: ScanOptions = {}): Promise<DeployReport> {
    checkScan(options)
    return this.#scan(options.signal, true)
  }

  /**
   * Calls `listener` for each event of a kind: `deploy` for each step that was done, failed or is refused, `scan` at the
   * end of each scan. One that throws disturbs nobody; it is written to the logger.
   */
  on<Type extends keyof DeployEventMap>(type: Type, listener: (event: DeployEventMap[Type]) => void): Unsubscribe {
    const known = type === 'deploy' || type === 'scan'
    if (!known || typeof listener !== 'function')
      throw new KeelsonError(
        'CONFIG_INVALID',
        `service '${this.name}': on(${show(type)}, ${show(listener)}); pass 'deploy' or 'scan', and a function`,
      )
    const listening = { type, listener }
    this.#listeners.add(listening)
    const end = (): void => void this.#listeners.delete(listening)
    return Object.assign(end, { [Symbol.dispose]: end })
  }

  /** What its status shows: the directory, how many services are deployed, what is refused and why. */
  override getServiceData(): Record<string, unknown> {
    const refused = this.#refused.slice(0, 10).map(({ file, because }) => ({ file, because }))
    return { directory: this.directory, deployed: this.#deployment.size, failing: this.#deployment.failing, refused }
  }

  /** Scans until it is told to stop; waits for no step, so that none can hold it up. */
  protected override async onRun(context: RunContext): Promise<void> {
    const { signal } = context
    this.#brought.clear()
    this.#context = context
    this.#said = ''
    while (!signal.aborted) {
      // A directory that answers slowly is not asked again meanwhile.
      if (this.#passes === 0) this.#scan(signal, false).catch(() => {}) // by its signal only
      await this.#pause(signal)
    }
  }

  /** If the start that brought it up is undone, what it has deployed since goes down, too; nobody waits for that. */
  protected override onStop({ reason }: StopContext): void {
    if (reason !== 'rollback' && reason !== 'cancelled') return
    for (const name of this.#brought) this.#orchestrator.stopService(name).catch(() => {})
  }

  /** `degraded` while something is refused or has failed: what was good goes on, and somebody should look. */
  protected override onCheck(): HealthStatus {
    return this.#refused.length > 0 || this.#deployment.failing > 0 ? 'degraded' : 'healthy'
  }

  async #scan(signal: AbortSignal | undefined, joins: boolean): Promise<DeployReport> {
    const tried = new Set<string>()
    const results = new Map<string, DeployResult>()
    const over = new Set<string>()
    for (let reads = true; ; ) {
      signal?.throwIfAborted()
      const pass = this.#alone(() => this.#pass(tried, reads, signal))
      const { error, begun, decided, goesOn } = await until(pass, signal)
      if (error !== undefined) return this.#over({ directory: this.directory, steps: [], error })
      for (const [key, result] of decided) if (!over.has(key)) results.set(key, result)
      for (const [key, result] of await until(Promise.all(begun), signal)) {
        results.set(key, result)
        over.add(key)
      }
      const others = joins ? this.#deployment.underWay : []
      // Steps that had to wait for others are decided anew; so is everything, if others were at work.
      if (!(goesOn && begun.length > 0) && others.length === 0)
        return this.#over({ directory: this.directory, steps: [...results.values()] })
      reads = others.length > 0
      await until(Promise.all(others), signal)
    }
  }

  /** One after the other: readings and decisions. */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#passes++
    const mine = this.#idle.then(work)
    this.#idle = mine.catch(() => {})
    try {
      return await mine
    } finally {
      this.#passes--
    }
  }

  /** Reads, decides, and begins what can be begun; waits for none of it. */
  async #pass(tried: Set<string>, reads: boolean, signal: AbortSignal | undefined): Promise<Pass> {
    const begun: Promise<readonly [string, DeployResult]>[] = []
    const decided: [string, DeployResult][] = []
    let moves: Move[]
    try {
      const entries = reads ? await this.#shelf.read() : this.#shelf.entries
      signal?.throwIfAborted()
      this.#deployment.forget(entries)
      moves = decide(this.#deployment.situation(entries, tried))
    } catch (thrown) {
      signal?.throwIfAborted()
      const error = asError(thrown, 'CONFIG_INVALID', `directory ${this.directory}`)
      const step: DeployStep = { action: 'refuse', because: error.message, error }
      this.#refused = [step]
      this.#tellOnce(new Map([['directory', [step, error.message]]]), this.#told) // its files are as they were
      return { error, begun, decided, goesOn: false }
    }
    const refused = moves.filter(({ action }) => action === 'refuse')
    this.#refused = refused.map(stepOf)
    this.#tellOnce(new Map(refused.map((move) => [move.key, [stepOf(move), `${move.version} ${move.because}`]])))
    for (const move of moves) {
      const { key, name = '', action, after } = move
      if (action === 'keep') this.#deployment.keep(move)
      if (move.overtakes === true) this.#deployment.overtake(name)
      decided.push([key, { ...stepOf(move), outcome: OUTCOMES[action] }])
      if (!isChange(move) || after !== undefined) continue
      tried.add(name)
      begun.push(this.#deployment.begin(move).then((result) => [key, this.#done(result)]))
    }
    return { begun, decided, goesOn: moves.some(({ after }) => after !== undefined) }
  }

  #done(result: DeployResult): DeployResult {
    const { outcome, name = '', action } = result
    if (outcome === 'done' && action === 'deploy') this.#brought.add(name)
    if (outcome === 'done' && action === 'undeploy') this.#brought.delete(name)
    if (outcome !== 'postponed') this.#tell(result)
    return result
  }

  /** Tells what is refused, unless it was told before and nothing has changed since. */
  #tellOnce(
    refused: ReadonlyMap<string, readonly [DeployStep, string]>,
    stands: ReadonlyMap<string, string> = new Map(),
  ): void {
    const before = this.#told
    this.#told = new Map([...stands, ...[...refused].map(([key, [, text]]) => [key, text] as const)])
    for (const [key, [step, text]] of refused) if (before.get(key) !== text) this.#tell({ ...step, outcome: 'refused' })
  }

  #tell(result: DeployResult): void {
    const { after: _, ...step } = result
    const event: DeployEvent = Object.freeze({ type: 'deploy', ...step, timestamp: this.#clock.wall() })
    const { action, outcome, name, file, because, error, retryAt } = event
    const fields = { action, outcome, ...(name && { name }), ...(file && { file }), ...(error && { error }) }
    const about = name === undefined ? '' : ` '${line(name)}'`
    const again = retryAt === undefined ? '' : '; tried again later'
    if (outcome === 'done') this.#log('info', `${action}${about} done: ${because}`, fields)
    else if (outcome === 'refused') this.#log('warn', `refused: ${because}`, fields)
    else this.#log('warn', `${action}${about} failed: ${error?.message}${again}`, fields)
    this.#emit('deploy', event)
  }

  #over(report: DeployReport): DeployReport {
    const given = Object.freeze({ ...report, steps: Object.freeze([...report.steps]) })
    this.#emit('scan', Object.freeze({ type: 'scan', ...given, timestamp: this.#clock.wall() }))
    const bad = this.#refused.length + this.#deployment.failing
    const text = `${this.#deployment.size} deployed${bad > 0 ? `, ${bad} refused or failing` : ''}`
    const [first] = this.#refused
    if (text !== this.#said) this.#context?.status(text, ...(first === undefined ? [] : [first.because]))
    this.#said = text
    return given
  }

  #emit<Type extends keyof DeployEventMap>(type: Type, event: DeployEventMap[Type]): void {
    for (const listening of [...this.#listeners]) {
      if (listening.type !== type || !this.#listeners.has(listening)) continue
      const failed = (error: unknown): void =>
        this.#log('error', `a listener of '${type}' threw: ${textOf(error)}`, { error })
      try {
        const answer: unknown = (listening.listener as (event: DeployEventMap[Type]) => unknown)(event)
        if (answer instanceof Promise) answer.catch(failed)
      } catch (error) {
        failed(error)
      }
    }
  }

  #log(level: 'info' | 'warn' | 'error', what: string, fields: Readonly<Record<string, unknown>>): void {
    const own = this.#logger && asLogger(this.#logger, { service: this.name, epoch: this.epoch })
    const log = own ?? this.#context?.log
    log?.[level](`${this.name}: ${what}`, fields)
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const over = (): void => {
        this.#clock.clearTimeout(timer)
        signal.removeEventListener('abort', over)
        resolve()
      }
      const timer = this.#clock.setTimeout(over, this.#interval)
      // It keeps no process alive: what is deployed does, or `run` (R46).
      ;(timer as { unref?: () => unknown } | undefined)?.unref?.()
      signal.addEventListener('abort', over)
      if (signal.aborted) over()
    })
  }
}

interface Listening {
  readonly type: string
  readonly listener: (event: never) => void
}

interface Pass {
  /** Why the directory could not be read. */
  readonly error?: KeelsonError
  readonly begun: readonly Promise<readonly [string, DeployResult]>[]
  readonly decided: readonly (readonly [string, DeployResult])[]
  /** Some steps wait for those that were begun. */
  readonly goesOn: boolean
}

const OUTCOMES: Readonly<Record<DeployStep['action'], DeployResult['outcome']>> = {
  deploy: 'postponed',
  replace: 'postponed',
  reconfigure: 'postponed',
  undeploy: 'postponed',
  wait: 'postponed',
  keep: 'unchanged',
  refuse: 'refused',
}

/** The promise, or the reason of the signal, whichever comes first. */
function until<Result>(promise: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
