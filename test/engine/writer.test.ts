/** The one writer of state, on its own: no public call can ask it for an illegal transition. */
import { expect, it } from 'vitest'
import { silent } from '../../src/base-service.js'
import { EventLog } from '../../src/engine/event-log.js'
import { Moment } from '../../src/engine/ports.js'
import { Record } from '../../src/engine/record.js'
import { Writer } from '../../src/engine/writer.js'
import { defaultSettings } from '../../src/kernel/settings.js'
import { VirtualClock } from '../../src/testing/index.js'

it('R1 a transition that is not in the table is dropped, counted and reported, never thrown', () => {
  const moment = new Moment(new VirtualClock())
  const snapshot = () => ({ seq: 0, timestamp: 0, services: [] })
  const log = new EventLog({ owner: {}, logger: silent, wake: () => {}, snapshot, wall: () => 0 }, 8)
  const seen: unknown[] = []
  log.on('warning', (event) => seen.push(event))
  log.on('state', (event) => seen.push(event))
  const writer = new Writer(log, moment)
  const record = new Record('db', defaultSettings(), { now: 0, wall: 0 })
  expect(writer.move(record, 'running', 'healthy')).toBe(false)
  log.deliver()
  expect(record).toMatchObject({ state: 'unknown', health: 'unknown' })
  expect(writer.dropped).toBe(1)
  expect(seen).toMatchObject([{ type: 'warning', code: 'ILLEGAL_TRANSITION', name: 'db', seq: 1 }])
})
