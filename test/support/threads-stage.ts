/**
 * A stage for services that live here or in other threads: the same scenario is played with both, on a virtual clock, and
 * whatever can be seen of it is compared.
 */
import { defineService, Orchestrator, type OrchestratorOptions } from 'keelson'
import { type EventRecord, recordEvents, VirtualClock } from 'keelson/testing'
import { shareRegistry } from 'keelson/threads'
import { type Settled, settled } from './promises.js'
import { after, type Far, farThread } from './threads-far.js'
import { type Part, puppet, type Role } from './threads-puppet.js'

/** Which thread a service lives in: 0 is this one. */
export type Cast = Readonly<Record<string, number>>

/** All that can be seen of what happened; what happens to unrelated services at once has no order. */
export interface Seen {
  readonly operations: readonly string[]
  /** The events of each service, in order. */
  readonly services: readonly (readonly string[])[]
  /** What each service told, in order. */
  readonly said: readonly (readonly string[])[]
  readonly states: readonly string[]
}

let count = 0

export class Stage {
  readonly app: Orchestrator
  readonly clock: VirtualClock = new VirtualClock()
  readonly log: EventRecord
  readonly #cast: Cast
  readonly #fars: Far[] = []
  readonly #parts = new Map<string, Part>()
  readonly #here: string[] = []
  readonly #began: number
  readonly #name = `stage ${++count}`

  private constructor(cast: Cast, options: OrchestratorOptions) {
    this.app = new Orchestrator({ random: () => 0.5, clock: this.clock, ...options })
    this.#began = this.clock.wall()
    this.log = recordEvents(this.app)
    this.#cast = cast
  }

  static async set(cast: Cast, options: OrchestratorOptions = {}): Promise<Stage> {
    const stage = new Stage(cast, options)
    const size = Math.max(0, ...Object.values(cast))
    if (size > 0) {
      shareRegistry(stage.app, { name: stage.#name })
      const threads = Array.from({ length: size }, () => farThread({ attach: { name: stage.#name } }))
      stage.#fars.push(...(await Promise.all(threads)))
    }
    after(() => void stage.app[Symbol.asyncDispose]().catch(() => {}))
    return stage
  }

  /** The thread in which a service lives. */
  far(name: string): Far {
    const far = this.#fars[(this.#cast[name] ?? 0) - 1]
    if (far === undefined) throw new Error(`'${name}' lives here`)
    return far
  }

  isFar(name: string): boolean {
    return (this.#cast[name] ?? 0) > 0
  }

  /** Registers a service where it lives. */
  async add(name: string, role: Role = {}): Promise<void> {
    if (this.isFar(name))
      await this.far(name).run(({ services, puppet }, name, role) => services.register(puppet(name, role)), name, role)
    else {
      const { service, part } = puppet(defineService, (what) => this.#here.push(what), name, role)
      this.#parts.set(name, part)
      await this.app.register(service)
    }
    await this.settle()
  }

  /** What it does from now on. */
  async plays(name: string, part: Partial<Pick<Part, 'start' | 'stop' | 'check' | 'code'>>): Promise<void> {
    if (this.isFar(name))
      await this.far(name).run(({ kept }, name, part) => void Object.assign(kept[name], part), name, part)
    else Object.assign(this.#parts.get(name) as Part, part)
  }

  /** Something happens to it of itself. */
  async does(
    name: string,
    what: 'crash' | 'end' | 'fail' | 'release' | 'own late' | 'status' | 'crash permanently',
  ): Promise<void> {
    const act = (part: Part, what: string, name: string, tell: (what: string) => void): void => {
      const error = Object.assign(new Error(`${name} crashed`), {
        code: what === 'crash permanently' ? 'E2' : part.code,
      })
      if (what.startsWith('crash')) part.context?.fail(error)
      if (what === 'end') part.end()
      if (what === 'fail') part.end(error)
      if (what === 'release') part.release()
      if (what === 'own late') part.context?.own(() => tell(`${name} disposes of what was late`))
      if (what === 'status') part.context?.status('well', 'as ever')
    }
    if (this.isFar(name))
      await this.far(name).run(
        ({ kept, tell }, source, name, what) => new Function(`return (${source})`)()(kept[name], what, name, tell),
        `${act}`,
        name,
        what,
      )
    else act(this.#parts.get(name) as Part, what, name, (said) => this.#here.push(said))
    await this.settle()
  }

  /** Begins a call; its outcome can be looked at. */
  async call(act: (app: Orchestrator) => Promise<unknown>): Promise<Settled<unknown>> {
    const outcome = settled(act(this.app))
    await this.settle()
    return outcome
  }

  /** Time goes from one thing that falls due to the next: what it sets off in other threads takes none of it. */
  async passes(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    for (let left = ms; left > 0; left = end - this.clock.now()) {
      const { next = end } = this.clock
      await this.clock.advance(Math.min(left, Math.max(0, next - this.clock.now())))
      await this.settle()
    }
  }

  /** Until nothing happens any more, here and there, as long as no time passes. */
  async settle(): Promise<void> {
    for (let still = 0, last = ''; still < 3; ) {
      await this.clock.settle()
      for (const far of this.#fars) {
        // A call there and a call from there, each behind all that was said before on its port.
        await far.run(({ services }) => services.explain('').catch(() => {}))
      }
      await this.clock.settle()
      const now = `${this.log.events.length} ${this.#said().length} ${this.app.snapshot().seq}`
      still = now === last ? still + 1 : 0
      last = now
    }
  }

  #said(): string[] {
    return [...this.#here, ...this.#fars.flatMap((far) => far.heard as string[])]
  }

  seen(): Seen {
    const told = (lines: readonly string[], of: RegExp): string[] => lines.filter((line) => of.test(line))
    const log = this.log.lines(this.#began)
    const said = this.#said()
    const states = this.app
      .getAllServices()
      .map(({ name, state, health, epoch, attempt = 0, stopReason = '', error }) =>
        [name, state, health, epoch, attempt, stopReason, (error as { code?: string })?.code ?? ''].join(' '),
      )
    const names = [...new Set(said.map((what) => what.split(' ', 1)[0] as string))].sort()
    return {
      operations: told(log, /^\d+ operation/),
      services: names.map((name) => told(log, new RegExp(`^\\d+ (?!operation)(.* )?${name}\\b`))),
      said: names.map((name) => told(said, new RegExp(`^${name} `))),
      states,
    }
  }
}
