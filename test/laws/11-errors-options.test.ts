/** §11, options: checked as a whole, at construction, with the path of the offending field (R51). */
import { BaseService, defineService, Orchestrator, type OrchestratorOptions, type ServiceOptions } from 'keelson'
import { describe, expect, it } from 'vitest'
import { service, settled, world } from '../support/world.js'

type Bad = readonly [path: string, options: object]

/** A nested object in which only `path` has a value; `dependsOn[0].x` is a field of a dependency on `db`. */
function at(path: string, value: unknown): object {
  if (path.startsWith('dependsOn[0].')) return { dependsOn: [{ name: 'db', [path.slice(13)]: value }] }
  const [first = '', second] = path.split('.')
  return { [first]: second === undefined ? value : { [second]: value } }
}

const TIMEOUTS = ['startTimeout', 'stopTimeout', 'healthCheck.timeout', 'dependsOn[0].timeout']
const INTERVALS = ['healthCheck.interval']
const DELAYS = [
  'startDelay',
  'abortGrace',
  'restart.initialBackoff',
  'restart.maxBackoff',
  'restart.stableAfter',
  'healthCheck.startGrace',
]
const COUNTS = ['restart.maxRetries']
const THRESHOLDS = ['healthCheck.failureThreshold', 'healthCheck.successThreshold']
const NUMBERS = [...TIMEOUTS, ...INTERVALS, ...DELAYS, ...COUNTS, ...THRESHOLDS, 'restart.multiplier', 'restart.jitter']
const WORDS = [
  'restart.policy',
  'healthCheck.onUnhealthy',
  'dependsOn[0].condition',
  'dependsOn[0].onTimeout',
  'dependsOn[0].onLoss',
]
const FLAGS = ['essential', 'autoStart', 'remote', 'dependsOn[0].optional']

const refused: Bad[] = [
  ...NUMBERS.flatMap((path) =>
    [Number.NaN, -1, -0.001, Number.NEGATIVE_INFINITY, '5', null, {}, true].map((bad): Bad => [path, at(path, bad)]),
  ),
  ...[...TIMEOUTS, ...INTERVALS, ...THRESHOLDS].map((path): Bad => [path, at(path, 0)]),
  ...[...INTERVALS, ...DELAYS, ...COUNTS, ...THRESHOLDS, 'restart.multiplier', 'restart.jitter'].map(
    (path): Bad => [path, at(path, Number.POSITIVE_INFINITY)],
  ),
  ...[...COUNTS, ...THRESHOLDS].map((path): Bad => [path, at(path, 1.5)]),
  ['restart.multiplier', { restart: { multiplier: 0.99 } }],
  ['restart.multiplier', { restart: { multiplier: 0 } }],
  ['restart.jitter', { restart: { jitter: 1.01 } }],
  ...WORDS.flatMap((path) => ['sometimes', '', 7, null, ['never']].map((bad): Bad => [path, at(path, bad)])),
  ...FLAGS.flatMap((path) => ['yes', 1, null].map((bad): Bad => [path, at(path, bad)])),
  ...[7, null, {}].map((bad): Bad => ['type', { type: bad }]),
  ...['x', {}, null].map((bad): Bad => ['classify', { classify: bad }]),
  ...[7, 'x', null, []].flatMap((bad): Bad[] => [
    ['restart', { restart: bad }],
    ['healthCheck', { healthCheck: bad }],
  ]),
  ...['db', {}, null, new Set(['db'])].map((bad): Bad => ['dependsOn', { dependsOn: bad }]),
  ...[7, null, undefined, '', [], {}].map((bad): Bad => ['dependsOn[1]', { dependsOn: ['db', bad] }]),
  ['dependsOn[0].name', { dependsOn: [{ name: '' }] }],
  ['dependsOn[0].name', { dependsOn: [{ name: 7 }] }],
]

const unknown: Bad[] = [
  ['dependOn', { dependOn: ['db'] }],
  ['constructor', { constructor: 1 }],
  ['restart.retries', { restart: { retries: 3 } }],
  ['restart.maxretries', { restart: { maxretries: 3 } }],
  ['healthCheck.retries', { healthCheck: { retries: 3 } }],
  ['dependsOn[0].waitFor', { dependsOn: [{ name: 'db', waitFor: 'healthy' }] }],
  ['shutdownTimeout', { shutdownTimeout: 3 }],
]

const contradictory: Bad[] = [
  ...(['maxRetries', 'initialBackoff', 'maxBackoff', 'multiplier', 'jitter', 'stableAfter'] as const).map(
    (field): Bad => [`restart.${field}`, { restart: { policy: 'never', [field]: 1 } }],
  ),
  ['restart.initialBackoff', { restart: { initialBackoff: 2_000, maxBackoff: 1_000 } }],
  ['dependsOn[0].onLoss', { dependsOn: [{ name: 'db', condition: 'completed', onLoss: 'stop' }] }],
  ['dependsOn[0].onLoss', { dependsOn: [{ name: 'db', condition: 'completed', onLoss: 'keep' }] }],
  ['dependsOn[0].onTimeout', { dependsOn: [{ name: 'db', timeout: Number.POSITIVE_INFINITY, onTimeout: 'warn' }] }],
]

const check = { check: () => true }
const withCheck = (options: object): object => ('healthCheck' in options ? { ...options, ...check } : options)
const invalid = (path: string) =>
  expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(path) as string })
class Checked extends BaseService {
  protected override onCheck() {
    return true
  }
}
const plain = ([path, options]: Bad): [string, object, string] => [
  path,
  options,
  JSON.stringify(options, (_, value) => (typeof value === 'number' && !Number.isFinite(value) ? String(value) : value)),
]

describe('options of a service', () => {
  it.each([...refused, ...unknown, ...contradictory].map(plain))(
    'R51 %s is refused with its path: %3$s',
    (path, options) => {
      expect(() => defineService('api', withCheck(options))).toThrow(invalid(path))
      expect(() => defineService('api', withCheck(options))).toThrow(/^service 'api'/)
      expect(() => new Checked('api', options as ServiceOptions)).toThrow(invalid(path))
    },
  )

  it('R51 healthCheck is refused without a check, and taken with one', () => {
    expect(() => defineService('api', { healthCheck: { interval: 5 } })).toThrow(invalid('healthCheck'))
    expect(() => defineService('api', { healthCheck: {} })).toThrow(invalid('healthCheck'))
    class Unchecked extends BaseService {}
    expect(() => new Unchecked('api', { healthCheck: { interval: 5 } })).toThrow(invalid('healthCheck'))
    expect(new Checked('api', { healthCheck: { interval: 5 } }).name).toBe('api')
  })

  it('R51 a dependency named twice is refused, in either form', () => {
    for (const dependsOn of [
      ['db', 'db'],
      ['db', { name: 'db' }],
      [{ name: 'db', optional: true }, 'x', { name: 'db' }],
    ])
      expect(() => defineService('api', { dependsOn })).toThrow(invalid("dependsOn names 'db' twice"))
  })

  it.each(['start', 'run', 'stop', 'check', 'data'])('R51 a %s that is no function is refused', (hook) => {
    for (const bad of ['x', 7, {}, null, Promise.resolve()])
      expect(() => defineService('api', { [hook]: bad } as object)).toThrow(invalid(hook))
  })

  it('R51 a definition that is no object is refused', () => {
    for (const bad of [null, 'x', 7, [], () => {}])
      expect(() => defineService('api', bad as object)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    for (const bad of [null, 'x', 7, []])
      expect(() => new Checked('api', bad as object)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  const taken: object[] = [
    ...[...DELAYS, ...COUNTS, 'restart.jitter'].map((path) => at(path, 0)),
    ...TIMEOUTS.map((path) => at(path, Number.POSITIVE_INFINITY)),
    ...[...TIMEOUTS, ...INTERVALS, ...DELAYS.filter((path) => path !== 'restart.initialBackoff')].map((path) =>
      at(path, 2 ** 40),
    ),
    ...NUMBERS.map((path) => at(path, undefined)),
    { restart: { jitter: 1 } },
    { restart: { multiplier: 1 } },
    { restart: { policy: 'never' } },
    { restart: { policy: 'never', maxRetries: undefined } },
    { restart: { initialBackoff: 5, maxBackoff: 5 } },
    { dependsOn: [{ name: 'db', condition: 'completed' }] },
    { dependsOn: [{ name: 'db', timeout: Number.POSITIVE_INFINITY }] },
    { dependsOn: [] },
  ]
  it.each(taken.map((options) => plain(['', options])))(
    'R51 zero where it means something, Infinity for a timeout: taken %s%3$s',
    (_, options) => {
      const made = defineService('api', withCheck(options))
      const { app } = world({ services: [made] })
      expect(app.getServiceStatus('api').state).toBe('unknown')
    },
  )

  it('R51 nothing is registered, started or left behind when options are refused', async () => {
    const { app, clock, log } = world({ services: [service('db')] })
    await app.start()
    await clock.settle()
    log.clear()
    expect(() => void app.register(defineService('api', { startTimeout: 0 }))).toThrow(invalid('startTimeout'))
    await clock.settle()
    expect([log.lines(), app.getAllServices().map(({ name }) => name)]).toEqual([[], ['db']])
  })
})

describe('options of an orchestrator', () => {
  const shared = [...refused, ...unknown, ...contradictory].filter(([path]) =>
    /^(restart|healthCheck|startTimeout|stopTimeout|abortGrace)/.test(path),
  )
  const own: Bad[] = [
    ['serivces', { serivces: [] }],
    ['essential', { essential: true }],
    ...[0, -1, Number.NaN, 1.5, '4', null].flatMap((bad): Bad[] =>
      ['maxConcurrentStarts', 'maxConcurrentRetries', 'maxConcurrentChecks'].map((path) => [path, { [path]: bad }]),
    ),
    ...[0, -1, Number.NaN, '4'].map((bad): Bad => ['shutdownTimeout', { shutdownTimeout: bad }]),
    ...[-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY].map((bad): Bad => ['history', { history: bad }]),
    ['order', { order: 'alphabetical' }],
    ['logger', { logger: 'console' }],
    ['logger.warn', { logger: { debug() {}, info() {}, error() {} } }],
    ['clock', { clock: Date }],
    ['clock.defer', { clock: { now: () => 0, wall: () => 0, setTimeout: () => 0, clearTimeout() {} } }],
    ['random', { random: 0.5 }],
    ['services', { services: 'db' }],
    ['services', { services: { db: 1 } }],
    ['registry', { registry: {} }],
    ['registry', { registry: new Map() }],
  ]
  it.each([...shared, ...own].map(plain))('R51 %s is refused with its path: %3$s', (path, options) => {
    expect(() => new Orchestrator(options as OrchestratorOptions)).toThrow(invalid(path))
    expect(() => new Orchestrator(options as OrchestratorOptions)).toThrow(/^orchestrator/)
  })

  it('R51 nothing of it is kept: the services are free for another', () => {
    const db = service('db')
    expect(() => new Orchestrator({ services: [db], shutdownTimeout: -1 })).toThrow(invalid('shutdownTimeout'))
    expect(new Orchestrator({ services: [db] }).registry.has('db')).toBe(true)
  })

  it('R51 policy never of a service stands beside a backoff of the orchestrator: not the same object', async () => {
    const { app, clock } = world({
      restart: { initialBackoff: 5, maxRetries: 2 },
      services: [service('a', { restart: { policy: 'never' }, start: { fails: true } })],
    })
    const start = settled(app.start())
    await clock.advance(100)
    expect(start.error).toMatchObject({ code: 'START_INCOMPLETE' })
    expect(app.getServiceStatus('a')).toMatchObject({ state: 'failed', epoch: 1 })
  })
})
