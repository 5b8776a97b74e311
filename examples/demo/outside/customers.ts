// Those who order over HTTP, and write down every order that was acknowledged: by that list the shop is measured.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'

const GOODS = ['tea', 'a kettle', 'two cups', 'a lamp', 'a notebook', 'a pencil']

/** An order whose head is at the shop and whose last byte is not: in flight until `finish` is called. */
export interface OpenOrder {
  finish(): Promise<boolean>
}

export class Customers {
  readonly acknowledged: Map<number, string> = new Map()
  refused = 0
  readonly #url: () => string
  readonly #agent = new Agent({ keepAlive: true })
  #ordered = 0

  constructor(url: () => string) {
    this.#url = url
  }

  /** Places so many orders, some at a time. */
  async order(count: number, atOnce = 16): Promise<void> {
    let left = count
    const one = async () => {
      while (left-- > 0) await this.begin().finish()
    }
    await Promise.all(Array.from({ length: atOnce }, one))
  }

  /** Orders and orders until the signal; whoever is refused comes back a little later. */
  async keepOrdering(signal: AbortSignal, atOnce = 8): Promise<void> {
    const one = async () => {
      while (!signal.aborted) if (!(await this.begin().finish())) await new Promise((done) => setTimeout(done, 50))
    }
    await Promise.all(Array.from({ length: atOnce }, one))
  }

  begin(): OpenOrder {
    const item = `${GOODS[this.#ordered++ % GOODS.length]}, order slip ${this.#ordered}`
    const headers = { 'content-length': item.length }
    const call = request(this.#url(), { method: 'POST', agent: this.#agent, headers })
    call.on('error', () => {}) // told by the promise
    const answered = this.#answer(call, item)
    call.write(item.slice(0, 1))
    return {
      finish: () => {
        call.end(item.slice(1))
        return answered
      },
    }
  }

  /** Nobody keeps a connection open. */
  leave(): void {
    this.#agent.destroy()
  }

  async #answer(call: NodeJS.EventEmitter, item: string): Promise<boolean> {
    try {
      const [response] = (await once(call, 'response')) as [IncomingMessage]
      const { id } = (await json(response)) as { id?: number }
      if (response.statusCode !== 201 || id === undefined) throw new Error(`answered ${response.statusCode}`)
      this.acknowledged.set(id, item)
      return true
    } catch {
      this.refused++
      return false
    }
  }
}
