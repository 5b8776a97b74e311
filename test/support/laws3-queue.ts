/** The stage of the laws of permits (R21): whoever retries waits at a gate of its own, and who waits there is in flight. */
import { type Part, type Puppet, Stage } from './laws3.js'
import { type Deferred, deferred } from './world.js'

/** Puppets whose first start fails at once and whose retries take as long as the test wants; who is in flight is told. */
export class Queue extends Stage {
  readonly inFlight: Set<string> = new Set()
  /** The most that were ever in flight. */
  most = 0
  /** In the order in which their retries began. */
  readonly order: string[] = []
  readonly gates: Map<string, Deferred<void>> = new Map()

  /** It heeds the abort signal and settles when its gate opens. */
  join(name: string, part: Part = {}): Puppet {
    return this.cast(name, {
      ...part,
      start: (life, { signal }) => {
        if (life === 1) throw new Error('boom')
        return this.retry(name, signal)
      },
    })
  }

  async retry(name: string, signal: AbortSignal): Promise<void> {
    const gate = deferred<void>()
    this.gates.set(name, gate)
    this.order.push(name)
    this.inFlight.add(name)
    this.most = Math.max(this.most, this.inFlight.size)
    signal.addEventListener('abort', () => gate.reject(signal.reason), { once: true })
    await gate.promise.finally(() => this.inFlight.delete(name))
  }

  async open(name: string): Promise<void> {
    this.gates.get(name)?.resolve()
    await this.clock.settle()
  }

  async slam(name: string): Promise<void> {
    this.gates.get(name)?.reject(new Error('boom again'))
    await this.clock.settle()
  }
}
