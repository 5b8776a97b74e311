// The shop, open until Ctrl-C. At a terminal: a live table, and keys to make trouble with. Else: a line per event.
import { runMain } from 'keelson/main'
import { createShop } from './app.js'
import { CourierOffice } from './outside/courier-office.js'
import { Customers } from './outside/customers.js'
import { type Commands, helpOf, listenToKeys } from './view/keys.js'
import { printLines } from './view/lines.js'
import { paint } from './view/paint.js'
import { Table } from './view/table.js'

/** When the courier appears by itself, in milliseconds. */
const COURIER_COMES = 12_000

export async function openShop(folder: string, port: number): Promise<void> {
  const office = await CourierOffice.find()
  const { app, api, database, labels } = createShop({ folder, port, courierPort: office.port })
  const customers = new Customers(() => api.url)
  const later = setTimeout(() => office.isOpen || office.open(), COURIER_COMES).unref()

  const commands: Commands = {
    o: { does: '100 orders', run: () => customers.order(100) },
    d: { does: 'crash the database', run: () => database.crash() },
    k: { does: 'kill the label printer', run: () => labels.pid && process.kill(labels.pid, 'SIGKILL') },
    c: { does: 'courier comes / goes', run: () => (office.isOpen ? office.close() : office.open()) },
  }
  if (process.stdin.isTTY && process.stdout.isTTY) listenToKeys(commands)
  const hint = () => (api.state === 'running' ? `   curl -d tea ${api.url}` : '')
  const title = () => `${paint('bold', 'A small shop on keelson')}${hint()}`
  const table = process.stdout.isTTY ? new Table(app, { title, help: helpOf(commands) }) : undefined
  if (!table) void printLines(app)

  await runMain(app, { signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] })
  table?.end()
  clearTimeout(later)
  await office.close()
}
