// The shop: six services, and what each of them needs. Who starts when follows from that; the order here does not.
import { type Logger, Orchestrator } from 'keelson'
import { Api } from './services/api.js'
import { courier } from './services/courier.js'
import { Database } from './services/database.js'
import { Dispatch } from './services/dispatch.js'
import { Labels } from './services/labels.js'
import { schema } from './services/schema.js'

export interface ShopOptions {
  /** Where the database keeps its data. */
  readonly folder: string
  /** Where the API listens; 0 takes a free port. */
  readonly port?: number
  /** Where the courier will be found, one day. */
  readonly courierPort: number
  readonly logger?: Logger
}

export interface Shop {
  readonly app: Orchestrator
  readonly database: Database
  readonly api: Api
  readonly labels: Labels
}

export function createShop({ folder, port, courierPort, logger = silent }: ShopOptions): Shop {
  const database = new Database(folder)
  const api = new Api(port)
  const labels = new Labels()
  const services = [database, schema(), api, labels, new Dispatch(), courier(courierPort)]
  return { app: new Orchestrator({ services, logger, shutdownTimeout: 10_000 }), database, api, labels }
}

const nothing = () => {}
const silent: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing }
