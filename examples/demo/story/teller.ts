// Tells the story line by line, and checks it: what was promised and did not happen ends it.
import { setTimeout as sleep } from 'node:timers/promises'
import { paint } from '../view/paint.js'

export class BrokenPromise extends Error {}

export class Teller {
  #act = 0
  #checks = 0

  get checks(): number {
    return this.#checks
  }

  act(title: string): void {
    console.log(`\n ${paint('cyan', String(++this.#act))}  ${paint('bold', title)}`)
  }

  say(text: string): void {
    console.log(`      ${paint('dim', text)}`)
  }

  check(fact: string, holds: boolean, instead?: unknown): void {
    if (!holds) throw new BrokenPromise(instead === undefined ? fact : `${fact} - instead: ${String(instead)}`)
    this.#checks++
    console.log(`    ${paint('green', '✓')} ${fact}`)
  }

  /** Waits for something that has to come by itself, fifteen seconds at most. */
  async until(fact: string, holds: () => boolean, instead?: () => unknown): Promise<void> {
    for (const late = performance.now() + 15_000; !holds() && performance.now() < late; ) await sleep(5)
    this.check(fact, holds(), instead?.())
  }
}

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
