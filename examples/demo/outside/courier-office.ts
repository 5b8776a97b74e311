// The far end of the courier: an address where at first nobody listens.
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'

export class CourierOffice {
  readonly port: number
  #server: Server | undefined
  readonly #visitors = new Set<Socket>()

  private constructor(port: number) {
    this.port = port
  }

  /** Finds a free port below those that systems hand out by themselves, so that it stays free while nobody is there. */
  static async find(): Promise<CourierOffice> {
    for (;;) {
      const office = new CourierOffice(20_000 + Math.floor(Math.random() * 10_000))
      try {
        await office.open()
        await office.close()
        return office
      } catch {
        // taken by somebody else
      }
    }
  }

  get isOpen(): boolean {
    return this.#server !== undefined
  }

  async open(): Promise<void> {
    const server = createServer((visitor) => {
      this.#visitors.add(visitor.unref())
      visitor.on('error', () => {}).once('close', () => this.#visitors.delete(visitor))
    })
    await once(server.listen(this.port, '127.0.0.1').unref(), 'listening')
    this.#server = server
  }

  async close(): Promise<void> {
    const closed = this.#server && once(this.#server.close(), 'close')
    this.#server = undefined
    for (const visitor of this.#visitors) visitor.destroy()
    await closed
  }
}
