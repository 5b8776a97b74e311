// The HTTP API. `POST /orders` answers 201 only after the order is in the database; `GET /orders` counts them.
// A stop drains: no new connections, idle ones are closed, and every request that has begun gets its answer.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { BaseService, type HealthStatus, type StartContext, type StopContext } from 'keelson'
import type { Database } from './database.js'

export class Api extends BaseService {
  #port: number
  #server: Server | undefined
  #open = 0
  #orders = 0

  constructor(port = 0) {
    super('api', {
      type: 'http',
      dependsOn: ['database', { name: 'schema', condition: 'completed' }],
      healthCheck: { interval: 1_000, timeout: 1_000 },
    })
    this.#port = port
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/orders`
  }

  protected override async onStart({ own, service, status, log }: StartContext): Promise<void> {
    const database = service<Database>('database')
    const server = createServer(async (request, response) => {
      this.#open++
      response.once('close', () => {
        this.#open--
        if (!server.listening) server.closeIdleConnections() // draining, and this one is idle from now on
      })
      try {
        await this.#handle(database, request, response)
      } catch (error) {
        log.debug('an order was refused', { error })
        answer(response, 503, { error: 'come back later' })
      }
    })
    own(() => server.closeAllConnections())
    await once(server.listen(this.#port, '127.0.0.1'), 'listening')
    this.#port = (server.address() as AddressInfo).port // and the next epoch is found where this one was
    this.#server = server
    status('listening', this.url)
  }

  protected override async onStop({ signal }: StopContext): Promise<void> {
    if (!this.#server?.listening) return
    signal.addEventListener('abort', () => this.#server?.closeAllConnections())
    await once(this.#server.close(), 'close')
  }

  protected override onCheck(): HealthStatus {
    return this.#server?.listening ? 'healthy' : 'unhealthy'
  }

  override getServiceData(): Record<string, unknown> {
    return { orders: this.#orders, open: this.#open }
  }

  async #handle(database: Database, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request)
    const route = `${request.method} ${request.url}`
    if (route === 'POST /orders' && body) {
      const [row] = await database.query('insert into orders (item) values ($1) returning id', [body])
      this.#orders++
      answer(response, 201, row)
    } else if (route === 'GET /orders') {
      const [row] = await database.query('select count(*)::int as placed, count(label)::int as labelled from orders')
      answer(response, 200, row)
    } else {
      answer(response, 404, { error: 'POST an item to /orders, or GET /orders' })
    }
  }
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
}
