/**
 * The columns of the table state × input: everything that can come to a service - calls, ends of hooks, verdicts of
 * checks, fates of what it depends on, time. An input that cannot come in a situation says why, having looked.
 */
import type { HealthStatus } from 'keelson'
import type { Held, Stage } from './tables-states.js'

export interface Input {
  /** Makes it happen; a promise is that of a call. */
  readonly act: (stage: Stage) => unknown
  /** Why it cannot happen now; `undefined` if it can. */
  readonly impossible?: (stage: Stage) => string | undefined
  /** Held hooks are let go 100 ms later, unless it is time itself that is to act. */
  readonly holds?: true
}

const inFlight =
  (of: (stage: Stage) => Held, what: string) =>
  (stage: Stage): string | undefined =>
    of(stage).flight === undefined ? `no ${what} is in flight` : undefined

const hook = (of: (stage: Stage) => Held, what: string, act: (held: Held) => void): Input => ({
  act: (stage) => act(of(stage)),
  impossible: inFlight(of, what),
})

const answers = (verdict: HealthStatus): Input =>
  hook(
    ({ t }) => t.check,
    'check',
    (check) => check.flight?.resolve(verdict),
  )

export const INPUTS: Readonly<Record<string, Input>> = {
  'start()': { act: ({ app }) => app.start() },
  startService: { act: ({ app }) => app.startService('t') },
  restartService: { act: ({ app }) => app.restartService('t') },
  'stop()': { act: ({ app }) => app.stop() },
  stopService: { act: ({ app }) => app.stopService('t') },
  unregister: { act: ({ app }) => app.unregister('t') },
  register: { act: (stage) => stage.app.register(stage.another()) },
  replace: { act: (stage) => stage.app.replace(stage.another()) },
  dispose: { act: ({ app }) => app[Symbol.asyncDispose]() },
  abort: {
    act: ({ signal }) => signal.abort(),
    impossible: ({ earlier }) => (earlier?.status === 'pending' ? undefined : 'no call is waiting'),
  },
  'onStart resolves': hook(
    ({ t }) => t.start,
    'onStart',
    (start) => start.flight?.resolve(undefined),
  ),
  'onStart rejects': hook(
    ({ t }) => t.start,
    'onStart',
    (start) => start.flight?.reject(new Error('boom')),
  ),
  'onRun resolves': hook(
    ({ t }) => t.run,
    'onRun',
    (run) => run.flight?.resolve(undefined),
  ),
  'onRun rejects': hook(
    ({ t }) => t.run,
    'onRun',
    (run) => run.flight?.reject(new Error('it broke')),
  ),
  'onStop resolves': hook(
    ({ t }) => t.stop,
    'onStop',
    (stop) => stop.flight?.resolve(undefined),
  ),
  'onStop rejects': hook(
    ({ t }) => t.stop,
    'onStop',
    (stop) => stop.flight?.reject(new Error('flush')),
  ),
  'ctx.fail': {
    act: ({ t }) => t.contexts.at(-1)?.fail(new Error('it broke')),
    impossible: ({ t }) => (t.contexts.length === 0 ? 'no hook was ever entered' : undefined),
  },
  'check says healthy': answers('healthy'),
  'check says degraded': answers('degraded'),
  'check says unhealthy': answers('unhealthy'),
  'd comes up': {
    act: ({ d }) => d.start.flight?.resolve(undefined),
    impossible: inFlight(({ d }) => d.start, 'onStart of d'),
  },
  'd crashes': {
    act: ({ d }) => d.contexts.at(-1)?.fail(new Error('it broke')),
    impossible: ({ d }) => (d.contexts.length === 0 ? 'no hook of d was ever entered' : undefined),
  },
  'd completes': {
    act: ({ d }) => d.run.flight?.resolve(undefined),
    impossible: inFlight(({ d }) => d.run, 'onRun of d'),
  },
  'd is started': { act: ({ app }) => app.startService('d') },
  'd is restarted': { act: ({ app }) => app.restartService('d') },
  'd is stopped': { act: ({ app }) => app.stopService('d') },
  'd is unregistered': { act: ({ app }) => app.unregister('d') },
  'd is unregistered with t': { act: ({ app }) => app.unregister('d', { cascade: true }) },
  'a permit is free': {
    act: ({ p }) => p.start.flight?.resolve(undefined),
    impossible: inFlight(({ p }) => p.start, 'onStart of another with the permit'),
  },
  'time passes': { act: () => undefined, holds: true },
}
