// What one `onStop` is given: the counterpart of an epoch's context, with a signal of its own (R32).

import { KeelsonError } from '../errors.js'
import type { Logger, StopContext, StopReason } from '../service.js'
import { asLogger } from './ports.js'
import type { Record } from './record.js'
import { LazySignal } from './signal.js'

/** What one `onStop` is given; its signal is made when it is asked for. */
export class Closing extends LazySignal implements StopContext {
  readonly epoch: number
  readonly reason: StopReason
  /** Milliseconds that were left for the stop when its hook was entered. */
  readonly left: number
  readonly #name: string
  readonly #logger: Logger

  constructor({ epoch, stopReason = 'manual', name }: Record, left: number, logger: Logger) {
    super()
    this.epoch = epoch
    this.reason = stopReason
    this.left = left
    this.#name = name
    this.#logger = logger
  }

  get log(): Logger {
    return asLogger(this.#logger, { service: this.#name, epoch: this.epoch })
  }

  protected override why(): unknown {
    return new KeelsonError('STOP_TIMEOUT', `service '${this.#name}' - the time for its stop is over`)
  }
}
