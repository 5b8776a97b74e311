// The live table: one row per service, drawn in place whenever something happens, and four times a second.
import type { Orchestrator, ServiceStatus } from 'keelson'
import { lineOf } from './lines.js'
import { paint } from './paint.js'
import { COLOUR, HEADING, rowOf } from './row.js'

const HIDE = '\x1b[?25l\x1b[?7l' // the cursor, and the wrapping of long lines
const SHOW = '\x1b[?25h\x1b[?7h'

export interface TableText {
  /** What stands above the table. */
  readonly title: () => string
  /** What stands below it. */
  readonly help: string
}

export class Table {
  readonly #app: Orchestrator
  readonly #text: TableText
  readonly #news: string[] = []
  readonly #doing = new Map<string, string>()
  readonly #ended = new AbortController()
  readonly #timer: NodeJS.Timeout
  #height = 0

  constructor(app: Orchestrator, text: TableText) {
    this.#app = app
    this.#text = text
    this.#timer = setInterval(() => this.#draw(), 250).unref()
    process.stdout.write(HIDE)
    process.once('exit', () => process.stdout.write(SHOW))
    void this.#follow()
  }

  /** Draws what is true at the end, and leaves it there. */
  end(): void {
    clearInterval(this.#timer)
    this.#ended.abort()
    if (process.exitCode) this.#height = 0 // not over what has been said about the failure
    this.#draw()
  }

  async #follow(): Promise<void> {
    for await (const event of this.#app.events({ signal: this.#ended.signal })) {
      if (event.type === 'gap' || event.type === 'snapshot') continue
      if (event.type === 'status') this.#doing.set(event.name, event.text)
      const line = lineOf(event)
      if (line) this.#news.push(`${paint('dim', new Date(event.timestamp).toTimeString().slice(0, 8))}  ${line}`)
      this.#draw()
    }
  }

  #draw(): void {
    const { status, because, services } = this.#app.health()
    const blamed = because.map(({ name }) => name).join(', ')
    const room = Math.min(8, Math.max(1, (process.stdout.rows || 24) - services.length - 10))
    const lines = [
      '',
      ` ${this.#text.title()}`,
      '',
      HEADING,
      ...services.map((service) => rowOf(service, this.#note(service))),
      '',
      ` The whole is ${paint(COLOUR[status], status)}${blamed && `: ${blamed}`}`,
      '',
      ...this.#news.slice(-room).map((line) => `   ${line}`),
      ...(this.#ended.signal.aborted ? [] : ['', ` ${paint('dim', this.#text.help)}`]),
    ]
    const back = this.#height > 0 ? `\x1b[${this.#height}F` : ''
    process.stdout.write(`${back}${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#height = lines.length
  }

  #note({ name, phase, state, stopReason, data = {} }: ServiceStatus): string {
    if (phase === 'moving') return this.#doing.get(name) ?? ''
    if (phase === 'pending' || state === 'failed')
      return this.#app.explain(name).text.replace(`${name} is ${state}`, '').replace(/^:? /, '')
    const facts = Object.entries(data).map(([key, value]) => `${key} ${value}`)
    return [...(stopReason === 'completed' ? ['completed'] : []), ...facts].join(' · ')
  }
}
