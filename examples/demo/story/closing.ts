// Acts 7 and 8: the shop closes while customers stand in it, and the books are compared.
import { Database } from '../services/database.js'
import type { Act } from './stage.js'
import { seconds } from './teller.js'

export const shopCloses: Act = async (stage) => {
  const { shop, customers, tell } = stage
  tell.act('The shop closes while forty customers are half-way through their order')
  const orders = Array.from({ length: 40 }, () => customers.begin())
  await tell.until('forty requests have begun', () => stage.status('api').data?.open === 40)
  const pid = shop.labels.pid as number

  const closing = shop.app.stop()
  await tell.until('the API is stopping', () => stage.is('api', 'stopping'))
  tell.check('the database stays, as long as the API needs it', stage.is('database', 'running'))
  const answers = await Promise.all(orders.map((order) => order.finish()))
  tell.check('each of the forty was answered: acknowledged', answers.every(Boolean), answers.filter(Boolean).length)

  const report = await closing
  tell.check(`everything is at rest, cleanly, after ${seconds(report.duration)}`, report.outcome === 'done')
  tell.check('first the API, then the database', stage.inOrder(['api', 'stopped'], ['database', 'stopping']))
  tell.check('first the queue worker, then its printer', stage.inOrder(['dispatch', 'stopped'], ['labels', 'stopping']))
  tell.check('no process is left', !isAlive(pid))
  customers.leave()
}

export const booksAreCompared: Act = async ({ folder, customers, tell }) => {
  tell.act('The books are compared')
  const database = new Database(folder) // the same service, alone
  await database.start()
  const rows = await database.query<{ id: number; item: string }>('select id, item from orders')
  await database.stop()

  const kept = new Map(rows.map(({ id, item }) => [id, item]))
  const lost = [...customers.acknowledged].filter(([id, item]) => kept.get(id) !== item).length
  const count = customers.acknowledged.size
  tell.check(`${count} orders were acknowledged, ${count} are in the database`, lost === 0, `${lost} are lost`)
  if (kept.size > count) tell.say(`${kept.size - count} more were kept whose customer never got the answer`)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
