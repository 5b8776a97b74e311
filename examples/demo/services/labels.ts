// The label printer: a real child process. Kill it, and the restart policy puts another one in its place.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { BaseService, type StartContext } from 'keelson'
import { Line } from '../line.js'

const PROGRAM = new URL('../programs/labels.mjs', import.meta.url)

export class Labels extends BaseService {
  #child: ChildProcess | undefined
  #line: Line | undefined
  #printed = 0

  constructor() {
    super('labels', { type: 'process', restart: { initialBackoff: 500, jitter: 0 } })
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  protected override async onStart({ own, fail, signal }: StartContext): Promise<void> {
    const child = fork(PROGRAM, { execArgv: [] })
    own(() => child.kill('SIGKILL')) // whatever happens, no orphan; a process that has ended takes no harm
    const line = new Line((question) => child.send(question, () => {})) // that it is gone, its exit will tell
    const dead = (error: Error) => {
      fail(error) // first, so that our dependents hear of it before their labels reject
      line.cut(error)
    }
    child.once('error', dead)
    child.once('exit', (code, killer) => dead(new Error(`process ${child.pid} ended with ${killer ?? `code ${code}`}`)))

    await once(child, 'message', { signal })
    child.on('message', (message) => line.answer(message as { id: number }))
    this.#child = child
    this.#line = line
  }

  protected override async onStop(): Promise<void> {
    if (!this.#child?.connected) return
    this.#child.disconnect()
    await once(this.#child, 'exit')
  }

  override getServiceData(): Record<string, unknown> {
    return { pid: this.pid, printed: this.#printed }
  }

  async print(order: { id: number; item: string }): Promise<string> {
    if (!this.#line) throw new Error('the label printer is not there')
    const label = await this.#line.ask<string>({ order })
    this.#printed++
    return label
  }
}
