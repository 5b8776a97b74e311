/**
 * What an explorer has to know of a run to tell its states apart: all that what happens next can depend on.
 *
 * Two states are one if they agree in the state, health, attempt, backoff and blockers of every service, in what `start`
 * and `stop` would do, in the hooks in flight and how they will end, and in what cannot be read but follows from what was
 * asked for: the desire for each service and its failures since, and of each open call what it met - what was wanted
 * already, which a start leaves alone, and what was up, which a stop answers for. Not told apart are the time of day,
 * the numbers of epochs, errors and old reasons, and services that the graph itself does not tell apart.
 */
import { isKeelsonError, type Snapshot } from '../../src/index.js'
import type { Observation } from '../../src/testing/observation.js'
import type { Stage } from '../../src/testing/stage.js'
import { automorphisms, dependencies, type Graph, NAMES } from './exhaustive-graphs.js'

/** Reasons of a stop that tell more than the desire does once it is over. */
const LASTING: readonly string[] = ['completed', 'rollback', 'cancelled']

interface Meeting {
  readonly call?: string
  readonly intent: number
  /** What nobody wanted before. */
  readonly fresh: readonly string[]
  readonly text: string
}

export class Memory {
  /** How each hook in flight will end. */
  readonly #endings = new Map<string, number>()
  /** What was asked for last, of each service and of all. */
  readonly #desires = new Map<string, string>()
  /** Which intent that was. */
  readonly #asked = new Map<string, number>()
  #intents = 0
  /** What the next call meets. */
  #met: Meeting = { intent: 0, fresh: [], text: '' }
  /** What each open call has met. */
  readonly #meetings = new Map<number, Meeting>()
  readonly #failures = new Map<string, number>()
  readonly #required: ReadonlyMap<string, readonly string[]>
  readonly #symmetries: readonly ReadonlyMap<string, string>[]

  constructor(graph: Graph, isUp: boolean) {
    const edges = dependencies(graph)
    const required = edges.map((deps) => deps.flatMap(({ name, optional }) => (optional ? [] : [name])))
    this.#required = new Map(required.map((names, i) => [NAMES[i] as string, names]))
    this.#symmetries = automorphisms(graph)
    if (isUp) for (const name of ['all', ...this.#required.keys()]) this.#desires.set(name, 'up')
  }

  /** An intent, in words. */
  intend(words: string, { services }: Snapshot): void {
    const [verb = '', name] = words.split(' ')
    if (verb === 'wait' || verb === 'crash' || verb === 'abort') return
    const desire = verb === 'start' || verb === 'restart' ? 'up' : name === undefined ? 'shut' : verb
    if (name === undefined) this.#desires.set('all', desire)
    const names = name === undefined ? [...this.#required.keys()] : desire === 'up' ? [...this.#closure(name)] : [name]
    const fresh = names.filter((each) => desire === 'up' && this.#desires.get(each) !== 'up')
    const up = services.flatMap(({ name: each, phase, state }) =>
      phase === 'active' || phase === 'moving' ? [`${each}:${state}`] : [],
    )
    const intent = ++this.#intents
    this.#met = { intent, fresh, text: (desire === 'up' ? fresh : up).join() }
    for (const each of names) {
      this.#failures.delete(each)
      this.#desires.set(each, desire)
      this.#asked.set(each, intent)
    }
  }

  #closure(name: string): Set<string> {
    const found = new Set([name])
    for (const each of found) for (const dependency of this.#required.get(each) ?? []) found.add(dependency)
    return found
  }

  see(seen: Observation, ending: number): void {
    if (seen.kind === 'enter') this.#endings.set(`${seen.service} ${seen.instance} ${seen.epoch} ${seen.hook}`, ending)
    if (seen.kind === 'call') this.#meetings.set(seen.id, { ...this.#met, call: seen.call })
    if (seen.kind === 'settled') this.#settled(seen)
    if (seen.kind !== 'event' || seen.event.type !== 'state') return
    const { name, newState, reason } = seen.event
    if (newState !== 'stopping') return
    if (reason === 'failed') this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1)
    else if (reason !== 'dependency') this.#failures.delete(name)
  }

  /** A start of all that failed, and one that was aborted, has taken back what it alone wanted (R29, R34). */
  #settled({ id, rejected, value }: Extract<Observation, { kind: 'settled' }>): void {
    const { intent, fresh, call } = this.#meetings.get(id) as Meeting
    this.#meetings.delete(id)
    const code = isKeelsonError(value) ? value.code : 'aborted'
    if (!rejected || !(code === 'aborted' || (code === 'START_INCOMPLETE' && call === 'start'))) return
    for (const name of fresh) if (this.#asked.get(name) === intent) this.#desires.set(name, 'taken back')
  }

  /** The state of a run, as text. */
  state({ app, clock, hooks, calls }: Stage, waits: boolean): string {
    const wall = clock.wall()
    const lines = app.snapshot().services.map((service) => {
      const { name, state, health, stopReason = '', attempt = '', nextRetryAt, blockedBy = [] } = service
      const why = state === 'stopping' || LASTING.includes(stopReason) ? stopReason : ''
      const due = nextRetryAt === undefined ? '' : Math.max(0, nextRetryAt - wall)
      const blocked = blockedBy.map((cause) => `${cause.kind}:${cause.name}`)
      const [desire, failures] = [this.#desires.get(name), this.#failures.get(name)]
      return `${name} ${state} ${health} ${why} ${attempt} ${due} ${blocked.join()} ${desire} ${failures}`
    })
    for (const { service, instance, epoch, hook } of hooks)
      lines.push(`${service} ${hook} ${this.#endings.get(`${service} ${instance} ${epoch} ${hook}`)}`)
    const open = new Set<string>()
    for (const { id, call, target, controller } of calls.values())
      open.add(`${call} ${target} ${controller?.signal.aborted} ${this.#meetings.get(id)?.text}`)
    for (const operation of ['start', 'stop'] as const)
      for (const { name } of app.plan(operation).steps) lines.push(`${operation}s ${name}`)
    lines.push(...open, `${waits} ${this.#desires.get('all')}`)
    let least = ''
    for (const symmetry of this.#symmetries) {
      const text = lines
        .map((line) => rename(line, symmetry))
        .sort()
        .join('\n')
      if (least === '' || text < least) least = text
    }
    return least
  }
}

/** A line with other names; lists in it are in order again. */
function rename(line: string, names: ReadonlyMap<string, string>): string {
  const renamed = names.size === 0 ? line : line.replace(/\b[a-d]\b/g, (name) => names.get(name) ?? name)
  return renamed.includes(',') ? renamed.replace(/\S*,\S*/g, (list) => list.split(',').sort().join()) : renamed
}
