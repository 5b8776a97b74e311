/**
 * A registry in small, as if answers came from far away: right, or broken in one way. It shows that the checker of
 * histories sees each of these ways through the recorder that the real one goes through.
 */
import { KeelsonError, type Service, type ServiceState, type ServiceStatus } from 'keelson'
import { Chance } from '../../src/testing/chance.js'
import type { Played, PlayedView } from './threads-history.js'

export const flaws = [
  'two may register one name at once',
  'register is answered before it was done',
  'unregister is answered before it was done',
  'start is answered before it was done',
  'stop is answered and never done',
  'a look-up is served from a cache',
  'a view shows whoever bears the name',
  'a reader sees an older record after a newer one',
  'a reader sees half of one record and half of the next',
] as const
export type Flaw = (typeof flaws)[number]

interface Entry {
  readonly type: string
  state: ServiceState
  epoch: number
  registered: boolean
  before: Pick<ServiceStatus, 'state' | 'health' | 'epoch'>
}

export class Double implements Played {
  readonly #entries = new Map<string, Entry>()
  readonly #chance: Chance
  readonly #flaw: Flaw | undefined
  #cache = new Map<string, Entry>()
  #reads = 0

  constructor(seed: number, flaw?: Flaw) {
    this.#chance = new Chance(seed)
    this.#flaw = flaw
  }

  has(name: string): boolean {
    return this.#seen().has(name)
  }

  get(name: string): PlayedView | undefined {
    const entry = this.#seen().get(name)
    if (entry === undefined) return
    const isOf = (): Entry =>
      (this.#is('a view shows whoever bears the name') ? this.#entries.get(name) : entry) ?? entry
    return {
      get registered() {
        return isOf().registered
      },
      read: () => this.#read(isOf()),
    }
  }

  async register({ name, type }: Service): Promise<void> {
    await this.#travel()
    if (this.#entries.has(name)) throw failure('SERVICE_DUPLICATE', name)
    const entry: Entry = { type, state: 'unknown', epoch: 0, registered: true, before: record('unknown', 0) }
    if (this.#is('two may register one name at once')) await this.#travel()
    await this.#done(this.#is('register is answered before it was done'), () => {
      this.#entries.set(name, entry)
    })
  }

  async unregister(name: string): Promise<void> {
    await this.#travel()
    const entry = this.#find(name)
    await this.#done(this.#is('unregister is answered before it was done'), () => {
      entry.registered = false
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
    })
  }

  async startService(name: string): Promise<void> {
    await this.#travel()
    const entry = this.#find(name)
    await this.#done(this.#is('start is answered before it was done'), () => this.#bring(entry, 'running'))
  }

  async restartService(name: string): Promise<void> {
    await this.#travel()
    const entry = this.#find(name)
    this.#bring(entry, 'stopped')
    this.#bring(entry, 'running')
    await this.#travel()
  }

  async stopService(name: string): Promise<void> {
    await this.#travel()
    const entry = this.#find(name)
    if (!this.#is('stop is answered and never done')) this.#bring(entry, 'stopped')
    await this.#travel()
  }

  async getServiceStatus(name: string): Promise<ServiceStatus> {
    await this.#travel()
    const { type, state, epoch } = this.#find(name)
    await this.#travel()
    return { type, state, epoch } as ServiceStatus
  }

  #is(flaw: Flaw): boolean {
    return this.#flaw === flaw
  }

  #find(name: string): Entry {
    const entry = this.#entries.get(name)
    if (entry === undefined) throw failure('SERVICE_NOT_FOUND', name)
    return entry
  }

  /** A change, and then its answer; too early, the answer overtakes the change. */
  async #done(isEarly: boolean, change: () => void): Promise<void> {
    if (isEarly) void this.#travel().then(change)
    else change()
    await this.#travel()
  }

  #bring(entry: Entry, state: 'running' | 'stopped'): void {
    if (entry.state === state) return
    entry.before = record(entry.state, entry.epoch)
    entry.state = state
    if (state === 'running') entry.epoch++
  }

  #seen(): ReadonlyMap<string, Entry> {
    if (!this.#is('a look-up is served from a cache')) return this.#entries
    if (this.#reads++ % 8 === 0) this.#cache = new Map(this.#entries)
    return this.#cache
  }

  #read({ state, epoch, before }: Entry): Pick<ServiceStatus, 'state' | 'health' | 'epoch'> {
    const now = record(state, epoch)
    if (this.#reads++ % 4 > 0) return now
    if (this.#is('a reader sees an older record after a newer one')) return before
    return this.#is('a reader sees half of one record and half of the next') ? { ...now, epoch: before.epoch } : now
  }

  /** Up to four tasks, in which others do what they do. */
  async #travel(): Promise<void> {
    for (let left = this.#chance.pick(5); left > 0; left--) await new Promise((resolve) => setImmediate(resolve))
  }
}

const record = (state: ServiceState, epoch: number): Pick<ServiceStatus, 'state' | 'health' | 'epoch'> => ({
  state,
  health: state === 'running' ? 'healthy' : 'unknown',
  epoch,
})

const failure = (code: 'SERVICE_DUPLICATE' | 'SERVICE_NOT_FOUND', name: string): KeelsonError =>
  new KeelsonError(code, `service '${name}' - refused by the double`)
