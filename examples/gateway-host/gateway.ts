// The gateway: an orchestrator that hosts a deployer and a watched configuration, and nothing else. What it serves is
// what the files of a directory say; what it says beside that, its configuration and environment.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Orchestrator } from 'keelson'
import { Config, ConfigWatcher } from 'keelson/config'
import { Deployer, FactoryRegistry } from 'keelson/deploy'
import { observe } from 'keelson/observe'
import { z } from 'zod'
import { Listener, Page, Route, type Routes } from './services.js'
import { Traces } from './traces.js'

const settings: z.ZodType<{ greeting: string; link: { timeout: string | number } }> = z.object({
  greeting: z.string().min(1),
  link: z.object({ timeout: z.union([z.string(), z.number()]) }),
})

export class Gateway {
  readonly folder: string
  readonly app: Orchestrator
  readonly deployer: Deployer
  readonly config: Config<z.infer<typeof settings>>
  /** Its environment: what `process.env` is to a program. */
  readonly env: Record<string, string>
  readonly traces: Traces
  /** What the deployer has done or refused, in a line each. */
  readonly log: string[] = []
  /** How many requests there were. */
  asked = 0
  readonly #routes: Routes = new Map()

  private constructor(folder: string, config: Gateway['config'], env: Record<string, string>) {
    this.folder = folder
    this.config = config
    this.env = env
    this.app = new Orchestrator()
    this.traces = new Traces()
    observe(this.app, this.traces.observer)
    this.deployer = new Deployer({
      orchestrator: this.app,
      factories: this.#factories(),
      directory: join(folder, 'services'),
      interval: 25,
      env: { config, observer: this.traces.observer },
      backoff: { initialBackoff: 60_000, maxBackoff: 60_000 },
    })
    this.deployer.on('deploy', ({ outcome, action, name, file, error }) => {
      this.log.push(`${outcome} ${action} ${name ?? file}${error ? ` - ${error.message}` : ''}`)
    })
  }

  static async build(folder: string): Promise<Gateway> {
    await mkdir(join(folder, 'services'))
    const path = join(folder, 'gateway.json')
    await writeFile(path, JSON.stringify({ greeting: 'good morning', link: { timeout: '2s' } }))
    const env: Record<string, string> = { GATEWAY_LINK_TIMEOUT: '5' }
    const config = await Config.load(path, { schema: settings, envPrefix: 'GATEWAY', env })
    const gateway = new Gateway(folder, config, env)
    const watcher = new ConfigWatcher(config, { name: 'config', interval: 25, debounce: 10 })
    await gateway.app.register(watcher)
    await gateway.app.register(gateway.deployer)
    return gateway
  }

  #factories(): FactoryRegistry {
    const factories = new FactoryRegistry()
    factories.register('page', (config, env) => new Page(config, env), {
      schema: z.strictObject({ text: z.string(), warmUp: z.number().min(0).default(0) }),
    })
    factories.register('route', (config, env) => new Route(config, env, this.#routes), {
      schema: z.strictObject({ path: z.string().startsWith('/'), page: z.string().min(1) }),
    })
    factories.register('listener', (_config, env) => new Listener(env, this.#routes), { schema: z.strictObject({}) })
    return factories
  }

  /** Where the gateway listens now. */
  get url(): string {
    return (this.app.registry.get('listener') as Listener | undefined)?.url ?? ''
  }

  /** A request from outside: status, greeting, answer. */
  async get(path: string): Promise<string> {
    this.asked++
    const response = await fetch(this.url + path)
    return `${response.status} ${response.headers.get('greeting')}: ${await response.text()}`
  }

  /** State and epoch of a service; `-` if there is none. */
  is(name: string): string {
    if (!this.app.registry.has(name)) return '-'
    const { state, epoch } = this.app.getServiceStatus(name)
    return `${state} ${epoch}`
  }
}
