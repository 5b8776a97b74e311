// What the acts play on: the shop, those outside of it, and the record of everything that happened.
import type { OperationEvent, ServiceState, ServiceStatus, StateEvent } from 'keelson'
import { createShop, type Shop } from '../app.js'
import { CourierOffice } from '../outside/courier-office.js'
import { Customers } from '../outside/customers.js'
import { Teller } from './teller.js'

export type Act = (stage: Stage) => Promise<void>

export class Stage {
  readonly tell: Teller = new Teller()
  readonly customers: Customers
  readonly shop: Shop
  readonly office: CourierOffice
  readonly folder: string
  readonly states: StateEvent[] = []
  readonly calls: OperationEvent[] = []
  #mark = 0

  private constructor(folder: string, office: CourierOffice) {
    this.folder = folder
    this.office = office
    this.shop = createShop({ folder, courierPort: office.port })
    this.customers = new Customers(() => this.shop.api.url)
    this.shop.app.on('state', (e) => this.states.push(e))
    this.shop.app.on('operation', (e) => this.calls.push(e))
  }

  static async build(folder: string): Promise<Stage> {
    return new Stage(folder, await CourierOffice.find())
  }

  /** Leaves nothing behind, whatever has happened. */
  async close(): Promise<void> {
    this.customers.leave()
    await this.shop.app.stop().catch(() => {})
    await this.office.close()
  }

  /** From here on, what has been reached is asked anew. */
  mark(): void {
    this.#mark = this.states.at(-1)?.seq ?? 0
  }

  /** Whether a service has entered a state since the mark; it may have left it again. */
  reached(name: string, state: ServiceState): boolean {
    return this.states.some((e) => e.seq > this.#mark && e.name === name && e.newState === state)
  }

  status(name: string): ServiceStatus {
    return this.shop.app.getServiceStatus(name)
  }

  is(name: string, state: ServiceState): boolean {
    return this.status(name).state === state
  }

  /** The last time that a service entered a state, as its place in the one order of events. */
  last(name: string, state: ServiceState): StateEvent {
    const event = this.states.filter((e) => e.name === name && e.newState === state).at(-1)
    if (!event) throw new Error(`${name} has never been ${state}`)
    return event
  }

  /** Whether these changes came one after the other. */
  inOrder(...changes: [name: string, state: ServiceState][]): boolean {
    const places = changes.map(([name, state]) => this.last(name, state).seq)
    return places.every((place, i) => i === 0 || place > (places[i - 1] as number))
  }
}
