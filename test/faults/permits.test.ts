/** The permits of retries when what holds or awaits one is taken out of the queue. */
import { expect } from 'vitest'
import { type Chance, fault, type Stage, stage } from '../support/faults.js'

/**
 * One permit. `holder` retries at 100 and its start takes until 300; `next` is due at 110 and `after` at 120, in any order
 * of registration; each takes 30.
 */
async function queue(chance: Chance, ignoresAbort = false): Promise<Stage> {
  const retried = (due: number, takes: number) => ({ restart: { jitter: 0, initialBackoff: due }, takes })
  const made = Object.entries({ holder: retried(100, 200), next: retried(110, 30), after: retried(120, 30) })
  const s: Stage = await stage(
    chance,
    Object.fromEntries(
      made.map(([name, { takes, restart }]) => [
        name,
        {
          restart,
          abortGrace: 50,
          start: ({ epoch, signal }) => {
            if (epoch === 1) throw new Error('boom')
            return new Promise((resolve, reject) => {
              const timer = s.clock.setTimeout(() => resolve(undefined), takes)
              if (name === 'holder' && ignoresAbort) return
              signal.addEventListener('abort', () => {
                s.clock.clearTimeout(timer)
                reject(signal.reason)
              })
            })
          },
        },
      ]),
    ),
    { maxConcurrentRetries: 1 },
  )
  s.call(s.app.start({ onFailure: 'keep' }))
  await s.clock.advance(100 + chance.between(21, 99))
  expect(s.states()).toEqual({ holder: 'starting', next: 'waiting', after: 'waiting' })
  expect(['next', 'after'].map((name) => s.app.getServiceStatus(name).blockedBy?.map(({ kind }) => kind))).toEqual([
    ['permit'],
    ['permit'],
  ])
  s.forget()
  return s
}

fault('a retry that becomes an explicit start while it waits for its permit', {
  'R6 R21 it starts at once, is no retry any more, and the permit goes to the one behind it': async (chance) => {
    const s = await queue(chance)
    const at = s.now()
    const call = chance.pick(['startService', 'restartService'] as const)
    const start = s.call(s.app[call]('next'))
    await s.clock.settle()
    expect(s.app.getServiceStatus('next').attempt).toBeUndefined()
    await s.clock.advance(1_000)
    expect(start.said).toBe(`done at ${at + 30}`)
    expect(s.stories()).toEqual({
      holder: ['300 running'],
      next: [`${at} starting START_FAILED: boom`, `${at + 30} running`],
      after: ['300 starting #1 START_FAILED: boom', '330 running'],
    })
  },
})

fault('a permit whose holder is stopped', {
  'R21 it is free when its onStart has settled or is abandoned, not before, and goes on in the order of the queue':
    async (chance) => {
      const ignoresAbort = chance.once()
      const s = await queue(chance, ignoresAbort)
      const at = s.now()
      const isRemoved = chance.once()
      const stop = s.call(isRemoved ? s.app.unregister('holder') : s.app.stopService('holder'))
      await s.clock.advance(1_000)
      const free = ignoresAbort ? at + 50 : at
      const reason = isRemoved ? 'removed' : 'manual'
      expect(stop.said).toBe(ignoresAbort ? `STOP_INCOMPLETE (STOP_TIMEOUT) at ${free}` : `done at ${free}`)
      expect(s.stories()).toEqual({
        holder: [
          `${at} stopping (${reason}) #1 START_FAILED: boom`,
          `${free} stopped (${reason}) START_FAILED: boom`,
          ...(isRemoved ? [`${free} unregistered holder`] : []),
        ],
        next: [`${free} starting #1 START_FAILED: boom`, `${free + 30} running`],
        after: [`${free + 30} starting #1 START_FAILED: boom`, `${free + 60} running`],
      })
    },

  'R21 R23 and one that was stopped while it waited is passed over': async (chance) => {
    const s = await queue(chance)
    const at = s.now()
    const stop = s.call(s.app.stopService('next'))
    await s.clock.advance(1_000)
    expect(stop.said).toBe(`done at ${at}`)
    expect(s.stories()).toEqual({
      holder: ['300 running'],
      next: [`${at} stopped (manual) START_FAILED: boom`],
      after: ['300 starting #1 START_FAILED: boom', '330 running'],
    })
  },
})
