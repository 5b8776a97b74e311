/** What holds of every history (R1-R5, R7, R9, R37, R43), on histories drawn at random; the same ones in every run. */
import type { AnyEvent, ServiceStatus } from 'keelson'
import { describe, expect, it } from 'vitest'
import { chaos } from '../support/laws1-chaos.js'

const HISTORIES = 80

/** What is wrong with a status, by what its state says must be there. */
function flaws(status: ServiceStatus): string[] {
  const { state, phase, health, error, attempt, nextRetryAt, stopReason, blockedBy, epoch } = status
  const backingOff = state === 'retrying' || state === 'unreachable'
  const holds: [rule: string, holds: boolean][] = [
    ['R4 has its error', !(backingOff || state === 'failed' || state === 'auth_required') || error !== undefined],
    ['R4 has no error once active', phase !== 'active' || error === undefined],
    ['R7 knows what holds it', phase !== 'pending' || (blockedBy?.length ?? 0) > 0],
    ['R9 knows why it stops', state !== 'stopping' || stopReason !== undefined],
    ['R9 knows why it is down', state !== 'stopped' || epoch === 0 || stopReason !== undefined],
    ['R9 has forgotten why it was down', state !== 'starting' || stopReason === undefined],
    ['R19 tells its attempt until it is active', attempt === undefined || (phase !== 'active' && phase !== 'idle')],
    ['R18 tells when it tries again', !backingOff || (attempt !== undefined && nextRetryAt !== undefined)],
    ['R24 has a health only while active', (phase === 'active') === (health !== 'unknown')],
  ]
  return holds.flatMap(([rule, holds]) => (holds ? [] : `${status.name} (${state}) not: ${rule}`))
}

const observed = ({ state, health, epoch, attempt, error }: Partial<ServiceStatus>) => ({
  state,
  health,
  epoch,
  attempt,
  error,
})

/** Keeps what the events say of each service. */
function fold(events: readonly AnyEvent[]): Map<string, ReturnType<typeof observed>> {
  const known = new Map<string, ReturnType<typeof observed>>()
  for (const event of events) {
    if (event.type === 'registered') known.set(event.name, observed({ state: 'unknown', health: 'unknown', epoch: 0 }))
    if (event.type === 'unregistered') known.delete(event.name)
    if (event.type === 'state') known.set(event.name, observed({ ...event, state: event.newState }))
    if (event.type === 'health') {
      const { epoch, attempt } = known.get(event.name) ?? {}
      known.set(
        event.name,
        observed({ ...event, health: event.newHealth, epoch: epoch ?? 0, ...(attempt && { attempt }) }),
      )
    }
  }
  return known
}

describe('in every history', () => {
  it.each(Array.from({ length: HISTORIES }, (_, i) => i + 1))(
    'R1 to R9 hold, and everything settles and comes to rest (history %i)',
    async (seed) => {
      const { all, calls, step } = chaos(seed)
      const { app, clock, call, log, beside, overlaps } = all
      const faults: string[] = []
      for (let i = 0; i < 50 && faults.length === 0; i++) {
        await step()
        const told = fold(log.events)
        for (const status of app.getAllServices()) {
          faults.push(...flaws(status))
          expect(told.get(status.name), `R37 the events about ${status.name}`).toEqual(observed(status))
        }
      }
      calls.push({ what: 'the last stop', call: call(app.stop()) })
      await clock.advance(200)
      expect(calls.at(-1)?.call.outcome, 'R31 the last stop').toMatch(/^(done|STOP_INCOMPLETE)$/)
      await clock.advance(60_000)
      for (const { what, call } of calls) if (call.outcome === 'pending') faults.push(`${what} never settled`)
      for (const event of log.events)
        if (event.type === 'warning' && event.code === 'ILLEGAL_TRANSITION') faults.push(event.message)
      // Hooks that were abandoned are deaf starts, loops and stops; onStop alone may be entered beside one (R43).
      beside.push(...overlaps.filter((line) => /: stop beside/.test(line)))
      expect(faults).toEqual([])
      expect(calls.length).toBeGreaterThan(50)
    },
  )
})
