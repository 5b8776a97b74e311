// The queue worker: takes order by order out of the database, has its label printed, and writes it down.
// It has a loop and nothing else; if the database or the printer goes away, it waits for both and goes on.
import { setTimeout as sleep } from 'node:timers/promises'
import { BaseService, type RunContext } from 'keelson'
import type { Database } from './database.js'
import type { Labels } from './labels.js'

const NEXT = 'select id, item from orders where label is null order by id limit 1'
const DONE = 'update orders set label = $2 where id = $1'

export class Dispatch extends BaseService {
  #sent = 0

  constructor() {
    super('dispatch', { type: 'worker', dependsOn: ['database', { name: 'schema', condition: 'completed' }, 'labels'] })
  }

  protected override async onRun({ signal, service }: RunContext): Promise<void> {
    const database = service<Database>('database')
    const labels = service<Labels>('labels')
    while (!signal.aborted) {
      const [order] = await database.query<{ id: number; item: string }>(NEXT)
      if (order) {
        await database.query(DONE, [order.id, await labels.print(order)])
        this.#sent++
      } else {
        await sleep(100, undefined, { signal })
      }
    }
  }

  override getServiceData(): Record<string, unknown> {
    return { sent: this.#sent }
  }
}
