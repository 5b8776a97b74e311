// What the gateway is made of: pages that answer, routes that lead to them, a listener that passes requests on.
// Ordinary services; that they come from files is none of their business.
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { BaseService, type StartContext } from 'keelson'
import type { FactoryEnv } from 'keelson/deploy'

/** Listens on a free port until the epoch is over. */
async function listen(handler: RequestListener, { own, signal }: StartContext): Promise<number> {
  const server: Server = createServer(handler).listen({ port: 0, host: '127.0.0.1', signal })
  own(() => {
    server.closeAllConnections()
    return new Promise((done) => server.close(done))
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

export interface PageConfig {
  readonly text: string
  /** How long its start takes, in milliseconds. */
  readonly warmUp: number
}

/** Answers each request with its text. */
export class Page extends BaseService {
  readonly #config: PageConfig
  url = ''

  constructor(config: PageConfig, { name, options }: FactoryEnv) {
    super(name, options)
    this.#config = config
  }

  protected override async onStart(context: StartContext): Promise<void> {
    await sleep(this.#config.warmUp, undefined, { signal: context.signal })
    if (this.#config.text === '') throw new Error('a page needs a text')
    const port = await listen((_request, response) => response.end(this.#config.text), context)
    this.url = `http://127.0.0.1:${port}`
  }
}

/** Where requests go, by path. */
export type Routes = Map<string, string>

export interface RouteConfig {
  readonly path: string
  readonly page: string
}

/** Leads a path to a page, as long as that is there: it depends on it. */
export class Route extends BaseService {
  readonly #config: RouteConfig
  readonly #routes: Routes

  constructor(config: RouteConfig, { name, options }: FactoryEnv, routes: Routes) {
    super(name, { ...options, dependsOn: [config.page, ...(options.dependsOn ?? [])] })
    this.#config = config
    this.#routes = routes
  }

  protected override onStart({ service, own }: StartContext): void {
    const { path, page } = this.#config
    this.#routes.set(path, service<Page>(page).url)
    own(() => this.#routes.delete(path))
  }
}

/** Passes requests on, and says in a header what the configuration says at that moment. */
export class Listener extends BaseService {
  readonly #routes: Routes
  readonly #env: FactoryEnv
  url = ''

  constructor(env: FactoryEnv, routes: Routes) {
    super(env.name, env.options)
    this.#env = env
    this.#routes = routes
  }

  protected override async onStart(context: StartContext): Promise<void> {
    const port = await listen(async ({ url: path = '' }, response) => {
      const { config, observer } = this.#env
      const span = observer.startSpan('gateway.request', { 'url.path': path }, null)
      const target = this.#routes.get(path)
      try {
        if (target === undefined) response.statusCode = 404
        const answer =
          target && (await fetch(target, { signal: AbortSignal.timeout(config.duration('link.timeout', 1_000)) }))
        response.setHeader('greeting', config.string('greeting')).end(answer ? await answer.text() : 'no such page')
      } catch (error) {
        span.setError(error)
        response.writeHead(502).end(String(error))
      }
      span.setAttribute('http.response.status_code', response.statusCode)
      span.end()
    }, context)
    this.url = `http://127.0.0.1:${port}`
  }
}
