/**
 * Every public method, and every place of a user's code from which it can be called: what R44 promises for each pair.
 * `a` is the service whose hooks call; `b` depends on it; `c` is nobody's.
 */
import type { CheckContext, EventType, Orchestrator, Service, StartContext, StopContext } from 'keelson'
import { type Part, type Scene, scene, serve } from './laws1.js'

/** A call of one public method; `intent` if it may change a state, in a later turn. */
export type Method = readonly [name: string, call: (scene: Scene) => unknown]

const subject = ({ services }: Scene): Service => services.a as Service
const spare = (all: Scene, name: string): Service => all.make(name)

export const methods: readonly Method[] = [
  ['start()', ({ app }) => app.start()],
  ['stop()', ({ app }) => app.stop()],
  ['startService(a)', ({ app }) => app.startService('a')],
  ['startService(b)', ({ app }) => app.startService('b')],
  ['startService(c)', ({ app }) => app.startService('c')],
  ['stopService(a)', ({ app }) => app.stopService('a')],
  ['stopService(b)', ({ app }) => app.stopService('b')],
  ['stopService(c)', ({ app }) => app.stopService('c')],
  ['restartService(a)', ({ app }) => app.restartService('a')],
  ['restartService(b)', ({ app }) => app.restartService('b')],
  ['register(new)', (all) => all.app.register(spare(all, 'new'))],
  ['register(a), which is there', (all) => all.app.register(subject(all))],
  ['unregister(a)', ({ app }) => app.unregister('a')],
  ['unregister(a, cascade)', ({ app }) => app.unregister('a', { cascade: true })],
  ['unregister(c)', ({ app }) => app.unregister('c')],
  ['replace(c)', (all) => all.app.replace(spare(all, 'c'))],
  ['run()', ({ app }) => app.run({ signal: AbortSignal.abort() })],
  ['service.start()', (all) => subject(all).start()],
  ['service.stop()', (all) => subject(all).stop()],
  ['service.restart()', (all) => subject(all).restart()],
  ['service.onStateChange()', (all) => subject(all).onStateChange(() => {})],
  ['getServiceStatus()', ({ app }) => app.getServiceStatus('a')],
  ['getAllServices()', ({ app }) => app.getAllServices()],
  ['health()', ({ app }) => app.health()],
  ['explain()', ({ app }) => app.explain('b')],
  ['graph()', ({ app }) => [app.graph().toMermaid(), app.graph().toDot(), app.graph().toJSON()]],
  ['snapshot()', ({ app }) => app.snapshot()],
  ['plan(start)', ({ app }) => app.plan('start')],
  ['plan(stop)', ({ app }) => app.plan('stop')],
  ['on()', ({ app }) => app.on('state', () => {})],
  ['once()', ({ app }) => app.once('state', () => {})],
  ['events()', ({ app }) => app.events().return?.()],
  [
    'registry.get() and its like',
    ({ app: { registry } }) => [
      registry.get('a'),
      registry.has('b'),
      registry.getAll(),
      registry.getByType('service'),
      registry.size,
      [...registry],
    ],
  ],
  ['registry.register()', (all) => all.app.registry.register(spare(all, 'new'))],
  ['registry.unregister()', ({ app }) => app.registry.unregister('a')],
  ['[Symbol.asyncDispose]()', ({ app }) => app[Symbol.asyncDispose]()],
  ['asService()', ({ app }) => app.asService('inner')],
]

/** A place from which to call: it makes the scene, with the call in it, and leads the history to it. */
export interface Place {
  readonly stage: (call: (scene: Scene) => void) => Scene
  readonly lead?: (scene: Scene) => void
}

const hook = (name: 'start' | 'run' | 'stop' | 'check') => (call: (scene: Scene) => void) => {
  const all: Scene = beds({
    [name]: (context: StartContext | StopContext | CheckContext) => {
      call(all)
      return name === 'run' ? serve(context) : undefined
    },
  })
  return all
}
const beds = (a: Part): Scene => scene({ a, b: { dependsOn: ['a'] }, c: {} })
const listener = (type: EventType) => (call: (scene: Scene) => void) => {
  const all = beds({ check: () => true, restart: { initialBackoff: 10 }, start: ({ status }) => status('here') })
  all.app.on(type, () => call(all))
  return all
}

const crash = (all: Scene): void => all.context('a').fail('crash')

export const places: Readonly<Record<string, Place>> = {
  onStart: { stage: hook('start') },
  onRun: { stage: hook('run') },
  onStop: { stage: hook('stop') },
  'a check': { stage: hook('check') },
  'a disposer': {
    stage: (call) => {
      const all: Scene = beds({ start: ({ own }) => void own(() => call(all)) })
      return all
    },
  },
  'an abort listener': {
    stage: (call) => {
      const all: Scene = beds({ start: ({ signal }) => signal.addEventListener('abort', () => call(all)) })
      return all
    },
  },
  'a classifier': {
    stage: (call) => {
      const all: Scene = beds({ restart: { initialBackoff: 10 }, classify: () => void call(all) })
      return all
    },
    lead: crash,
  },
  'a data provider': {
    stage: (call) => {
      const all: Scene = beds({ data: () => ({ called: call(all) }) })
      return all
    },
    lead: ({ status }) => void status('a').data,
  },
  'a state listener': { stage: listener('state') },
  'a health listener': { stage: listener('health') },
  'a status listener': { stage: listener('status') },
  'a retry listener': { stage: listener('retry'), lead: crash },
  'an operation listener': { stage: listener('operation') },
  'a registered listener': { stage: listener('registered'), lead: (all) => void all.app.register(all.make('d')) },
  'an unregistered listener': {
    stage: listener('unregistered'),
    lead: ({ app, make }) => {
      void app.register(make('d'))
      void app.unregister('d')
    },
  },
  'a warning listener': {
    stage: listener('warning'),
    lead: (all) => {
      const { own } = all.context('a')
      void all.app.restartService('a').then(() => own(() => Promise.reject('cannot close')))
    },
  },
  'a listenerError listener': {
    stage: (call) => {
      const all = beds({})
      all.app.on('state', () => Promise.reject('a listener that fails'))
      all.app.on('listenerError', () => call(all))
      return all
    },
  },
  'a logger': {
    stage: (call) => {
      const log = () => call(all)
      const all: Scene = scene(
        { a: {}, b: { dependsOn: ['a'] }, c: {} },
        { logger: { debug: log, info: log, warn: log, error: log } },
      )
      for (const type of ['state', 'listenerError'] as const)
        all.app.on(type, () => Promise.reject('a listener that fails'))
      return all
    },
  },
  'a listener of the service': {
    stage: (call) => {
      const all = beds({})
      subject(all).onStateChange(() => call(all))
      return all
    },
  },
}

/** The states of everything, to see that nothing moves within a call. */
export const cut = (app: Orchestrator): string =>
  app
    .getAllServices()
    .filter(({ name }) => name.length === 1)
    .map(({ name, state }) => `${name} ${state}`)
    .join()
