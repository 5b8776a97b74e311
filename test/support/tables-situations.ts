/**
 * The rows of the table state × input: every state, and every way of being in it that behaves on its own.
 * Each is brought about through the public API alone, by the hooks of the stage and the passing of time.
 */
import type { ServiceState } from 'keelson'
import type { Stage, Staging } from './tables-states.js'

export interface Situation {
  readonly state: ServiceState
  readonly staging?: Staging
  /** Brings `t` there; without it nothing has happened yet. */
  readonly come?: (stage: Stage) => Promise<unknown>
}

const refused = (): Error => Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })
const remote: Staging = { t: { remote: true } }

/** Its start fails, in the first `times` attempts, under a call that may go on waiting; the next one would succeed. */
const failing =
  (error: Error, times = 1, onFailure: 'keep' | 'retry' = 'retry') =>
  async (stage: Stage): Promise<void> => {
    stage.t.start.next = error
    await stage.bring((options) => stage.app.startService('t', { ...options, onFailure }))
    for (let k = 1; k < times; k++) await stage.clock.advance(1_000 * 2 ** (k - 1))
    stage.t.start.next = 'at once'
  }

/** Its `onStop` hangs from now on. */
const holdStop = async (stage: Stage): Promise<void> => {
  await stage.up()
  stage.t.stop.next = 'held'
}

const fail = async (stage: Stage): Promise<void> => {
  stage.t.contexts.at(-1)?.fail(new Error('it broke'))
  await stage.clock.settle()
}

export const SITUATIONS: Readonly<Record<string, Situation>> = {
  unknown: { state: 'unknown' },
  'stopped by hand': {
    state: 'stopped',
    come: async (stage) => {
      await stage.up()
      await stage.bring((options) => stage.app.stopService('t', options))
    },
  },
  'stopped with all': {
    state: 'stopped',
    come: async (stage) => {
      await stage.up()
      await stage.bring((options) => stage.app.stop(options))
    },
  },
  completed: {
    state: 'stopped',
    come: async (stage) => {
      await stage.up()
      stage.t.run.flight?.resolve(undefined)
      await stage.clock.settle()
    },
  },
  'disconnected by hand': {
    state: 'disconnected',
    staging: remote,
    come: async (stage) => {
      await stage.up()
      await stage.bring((options) => stage.app.stopService('t', options))
    },
  },
  'failed for good': {
    state: 'failed',
    come: failing(Object.assign(new Error('tls'), { code: 'CERT_HAS_EXPIRED' }), 1, 'keep'),
  },
  'failed in its wait': {
    state: 'failed',
    staging: { t: { dependsOn: [{ name: 'd', timeout: 500 }] } },
    come: async (stage) => {
      stage.d.start.next = 'held'
      await stage.bring((options) => stage.app.startService('t', options))
      await stage.clock.advance(500)
    },
  },
  'waiting for one that starts': {
    state: 'waiting',
    come: async (stage) => {
      stage.d.start.next = 'held'
      await stage.bring((options) => stage.app.startService('t', options))
    },
  },
  'waiting for one that was stopped': {
    state: 'waiting',
    come: async (stage) => {
      await stage.up()
      await stage.bring((options) => stage.app.stopService('d', options))
    },
  },
  'waiting through its delay': {
    state: 'waiting',
    staging: { t: { startDelay: 1_500 } },
    come: (stage) => stage.bring((options) => stage.app.startService('t', options)),
  },
  'waiting for a permit': {
    state: 'waiting',
    staging: { app: { maxConcurrentStarts: 1 } },
    come: async (stage) => {
      await stage.bring(() => stage.app.startService('d'))
      stage.p.start.next = 'held'
      await stage.bring(() => stage.app.startService('p'))
      await stage.bring((options) => stage.app.startService('t', options))
    },
  },
  'waiting after a clean end': {
    state: 'waiting',
    staging: { t: { restart: { policy: 'always', initialBackoff: 1_000, jitter: 0 } } },
    come: async (stage) => {
      await stage.up()
      stage.t.run.flight?.resolve(undefined)
      await stage.clock.settle()
    },
  },
  'waiting for its abandoned hook': {
    state: 'waiting',
    come: async (stage) => {
      stage.t.start.next = 'held'
      stage.t.start.deaf = true
      await stage.bring((options) => stage.app.startService('t', { ...options, onFailure: 'retry' }))
      await stage.clock.advance(3_000 + 1_000 + 1_000)
      stage.t.start.next = 'at once'
    },
  },
  retrying: { state: 'retrying', come: failing(new Error('boom')) },
  unreachable: { state: 'unreachable', staging: remote, come: failing(refused(), 3) },
  auth_required: {
    state: 'auth_required',
    come: failing(Object.assign(new Error('login'), { status: 401 }), 1, 'keep'),
  },
  starting: {
    state: 'starting',
    come: async (stage) => {
      stage.t.start.next = 'held'
      await stage.bring((options) => stage.app.startService('t', options))
    },
  },
  'stopping by hand': {
    state: 'stopping',
    come: async (stage) => {
      await holdStop(stage)
      await stage.bring((options) => stage.app.stopService('t', options))
    },
  },
  'stopping to restart': {
    state: 'stopping',
    come: async (stage) => {
      await holdStop(stage)
      await stage.bring((options) => stage.app.restartService('t', options))
    },
  },
  'stopping after a crash': {
    state: 'stopping',
    come: async (stage) => {
      await holdStop(stage)
      await fail(stage)
    },
  },
  'stopping after a clean end': {
    state: 'stopping',
    come: async (stage) => {
      await holdStop(stage)
      stage.t.run.flight?.resolve(undefined)
      await stage.clock.settle()
    },
  },
  'stopping for a lost dependency': {
    state: 'stopping',
    come: async (stage) => {
      await holdStop(stage)
      stage.d.contexts.at(-1)?.fail(new Error('it broke'))
      await stage.clock.settle()
    },
  },
  'stopping with its onStart in flight': {
    state: 'stopping',
    come: async (stage) => {
      stage.t.start.next = 'held'
      stage.t.start.deaf = true
      await stage.bring((options) => stage.app.startService('t', options))
      await stage.bring((options) => stage.app.stopService('t', options))
    },
  },
  'stopping with its onRun in flight': {
    state: 'stopping',
    come: async (stage) => {
      stage.t.run.deaf = true
      await stage.up()
      await stage.bring((options) => stage.app.stopService('t', options))
    },
  },
  running: { state: 'running', come: (stage) => stage.up() },
  connected: { state: 'connected', staging: remote, come: (stage) => stage.up() },
}
