/** The other end of the worker: gives it orders, and a new one takes its place when a mutant never comes to an end. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Answer, Order, Probed, Trial } from './orders.js'

/** Seconds without an answer, after which a worker is ended; the usual bound is the loops that it counts itself. */
const PATIENCE = 120

export class Hunter {
  #script = ''
  #trials: readonly Trial[] = []
  #worker: ChildProcess | undefined
  #loaded = false

  /** From now on this is the script. */
  async load(script: string, trials: readonly Trial[] = []): Promise<void> {
    this.#script = script
    this.#trials = trials.map(({ id, ticks }) => ({ id, ticks }))
    this.end()
    await this.#ready()
  }

  /** What each test and each seed is like with no mutant. */
  probe(files: readonly string[], seeds: number): Promise<Probed[]> {
    return this.#all({ ask: 'probe', files, seeds: Array.from({ length: seeds }, (_, i) => i + 1) })
  }

  /** The same once more, in another order. */
  again(): Promise<Probed[]> {
    return this.#all({ ask: 'again' })
  }

  async #all(first: Order): Promise<Probed[]> {
    const all: Probed[] = []
    for (let order: Order | undefined = first; ; order = undefined) {
      const answer = await this.#ask(order)
      if (answer?.is !== 'probed') throw new Error('the worker ended; without mutants it must not')
      all.push(...answer.probed)
      if (!answer.more) return all
    }
  }

  /** Returns which trial noticed the mutant. */
  async hunt(mutant: number, trials: readonly number[], patience: number): Promise<{ by?: string; error?: string }> {
    if (trials.length === 0) return {}
    await this.#ready()
    const answer = await this.#ask({ ask: 'hunt', mutant, trials, patience })
    if (answer?.is !== 'hunted') return { by: 'end of the worker', error: 'it never ends' }
    return answer.by === undefined ? {} : { by: answer.by, error: answer.error.slice(0, 200) }
  }

  end(): void {
    this.#worker?.kill('SIGKILL')
    this.#worker = undefined
    this.#loaded = false
  }

  async #ready(): Promise<void> {
    if (this.#worker === undefined) {
      const execArgv = ['--import', 'tsx', '--max-old-space-size=1000', '--expose-gc']
      this.#worker = fork(new URL('worker.ts', import.meta.url), {
        execArgv,
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
    }
    if (this.#loaded) return
    const answer = await this.#ask({ ask: 'load', script: this.#script, trials: this.#trials })
    if (answer?.is !== 'ready') throw new Error('the worker does not begin')
    this.#loaded = true
  }

  /** The next answer; `undefined` if the worker ended instead. */
  #ask(order: Order | undefined): Promise<Answer | undefined> {
    const worker = this.#worker
    if (worker === undefined) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const done = (answer: Answer | undefined): void => {
        clearTimeout(patience)
        worker.off('message', told).off('exit', gone)
        if (answer === undefined) this.end()
        resolve(answer)
      }
      const told = (answer: Answer): void => done(answer)
      const gone = (): void => done(undefined)
      const patience = setTimeout(gone, PATIENCE * 1_000)
      worker.on('message', told).on('exit', gone)
      if (order !== undefined) worker.send(order)
    })
  }
}
