/**
 * The rows and columns of the table edge × fate of its target: every kind of edge, and everything that can befall a target.
 * A fate is told as what is true of the target from which millisecond on; what the dependent does about it is foretold in
 * test/tables/edges.test.ts, from these facts alone.
 */
import type { Condition, Dependency, HealthStatus } from 'keelson'
import { expect } from 'vitest'
import type { Script, Stage } from './laws2.js'

export type Edge = Required<Pick<Dependency, 'condition' | 'optional' | 'onTimeout'>> & Pick<Dependency, 'onLoss'>

/** Every kind of edge. */
export const edges: Edge[] = (['started', 'healthy', 'completed'] satisfies Condition[]).flatMap((condition) =>
  [false, true].flatMap((optional) =>
    (['fail', 'warn', 'continue'] as const).flatMap((onTimeout): Edge[] =>
      condition === 'completed'
        ? [{ condition, optional, onTimeout }]
        : (['stop', 'keep'] as const).map((onLoss) => ({ condition, optional, onTimeout, onLoss })),
    ),
  ),
)

export const WAIT = 1_000
export const TARGET: Readonly<{ up: number; down: number }> = { up: 100, down: 10 }
export const DEPENDENT: Readonly<{ up: number; down: number }> = { up: 5, down: 20 }
const BACKOFF = 3_000

/** What is true of the target from a time on. */
export type Fact =
  | 'starting'
  | 'checking'
  | 'healthy'
  | 'sick' // active with a bad verdict
  | 'ending' // its epoch ends and it is wanted
  | 'closing' // its epoch ends of itself without error
  | 'completed'
  | 'stuck' // backing off, failed, auth_required, or waiting for one that is
  | 'down' // not wanted
  | 'absent'
  | 'rerun' // starting again, having completed
  | 'reup' // active and healthy again, having completed

export interface Story {
  readonly title: string
  readonly script?: Script
  /** What befalls the target. */
  readonly acts?: readonly (readonly [at: number, act: (s: Stage) => unknown])[]
  /** What is true of it; may depend on how long the dependent keeps it from stopping. */
  readonly facts: (edge: Edge) => string
  /** When the dependent is asked for; default with the target. */
  readonly asked?: number
  readonly only?: (edge: Edge) => boolean
  /** Not registered at first. */
  readonly absent?: boolean
  /** The dependent is not registered before it is asked for. */
  readonly joins?: boolean
  readonly others?: Readonly<Record<string, Script>>
}

const START = '0 starting, 100 healthy'
/** Checked each 100 ms, by an answer that takes no time. */
const healthCheck = { interval: 100, timeout: 50, failureThreshold: 1 }
const checked = { says: 'checking', healthCheck: { ...healthCheck, onUnhealthy: 'report' } } as const
const again = { restart: { initialBackoff: BACKOFF, jitter: 0 } }
const never = { restart: { policy: 'never' } } as const
const falls = (health: HealthStatus) => (s: Stage) => {
  s.the('t').health = health
}
const crash = (s: Stage) => s.the('t').crash()
const byHand = (s: Stage) => s.watch(s.app.stopService('t'))
const startAgain = (s: Stage) => s.watch(s.app.startService('t'))
/** When a target that is asked at 500 to go is free to: its dependents that would lose it go first. */
export const free = (edge: Edge): number => (edge.onLoss === 'stop' ? 500 + DEPENDENT.down : 500)

export const stories: Story[] = [
  { title: 'starts and stays', facts: () => START },
  {
    title: 'is checked for a while, then healthy',
    script: checked,
    acts: [[250, falls('healthy')]],
    facts: () => '0 starting, 100 checking, 300 healthy',
  },
  {
    title: 'has a bad first verdict, reports it and recovers',
    script: checked,
    acts: [
      [250, falls('unhealthy')],
      [650, falls('healthy')],
    ],
    facts: () => '0 starting, 100 checking, 300 sick, 700 healthy',
  },
  {
    title: 'has a bad verdict later and only reports it',
    script: { ...checked, says: 'healthy' },
    acts: [[450, falls('unhealthy')]],
    facts: () => `${START}, 500 sick`,
  },
  {
    title: 'has a bad verdict and is restarted for it',
    script: { says: 'healthy', healthCheck, ...again },
    acts: [
      [450, falls('unhealthy')],
      [650, falls('healthy')],
    ],
    facts: () => `${START}, 500 ending, 510 stuck, 3510 starting, 3610 healthy`,
  },
  {
    title: 'fails to start, succeeds after a backoff and crashes later',
    script: { fails: 1, ...again },
    acts: [[4000, crash]],
    facts: () => '0 starting, 100 ending, 110 stuck, 3110 starting, 3210 healthy, 4000 ending, 4010 stuck',
  },
  {
    title: 'gives up at its first start',
    script: { fails: 1, ...never },
    facts: () => '0 starting, 100 ending, 110 stuck',
  },
  {
    title: 'gives up at its first start and is started by hand',
    script: { fails: 1, ...never },
    acts: [[2000, startAgain]],
    facts: () => '0 starting, 100 ending, 110 stuck, 2000 starting, 2100 healthy',
  },
  {
    title: 'lacks credentials',
    script: { fails: 1, classify: () => 'auth' },
    facts: () => '0 starting, 100 ending, 110 stuck',
  },
  {
    title: 'waits itself for one that gave up',
    script: { dependsOn: [{ name: 'u', timeout: Number.POSITIVE_INFINITY }] },
    others: { u: { ...TARGET, fails: 1, ...never } },
    facts: () => '0 starting, 110 stuck',
  },
  {
    title: 'crashes and comes back after a backoff',
    script: again,
    acts: [[500, crash]],
    facts: () => `${START}, 500 ending, 510 stuck, 3510 starting, 3610 healthy`,
  },
  {
    title: 'crashes while its dependent is starting',
    script: again,
    acts: [[102, crash]],
    facts: () => `${START}, 102 ending, 112 stuck, 3112 starting, 3212 healthy`,
  },
  {
    title: 'crashes for good',
    script: never,
    acts: [[500, crash]],
    facts: () => `${START}, 500 ending, 510 stuck`,
  },
  {
    title: 'ends cleanly',
    acts: [[150, (s) => s.the('t').end()]],
    facts: () => `${START}, 150 closing, 160 completed`,
  },
  {
    title: 'ended cleanly before its dependent was asked for',
    acts: [[150, (s) => s.the('t').end()]],
    asked: 500,
    facts: () => `${START}, 150 closing, 160 completed`,
  },
  {
    title: 'ended cleanly and is started by hand',
    acts: [
      [150, (s) => s.the('t').end()],
      [3000, startAgain],
    ],
    facts: () => `${START}, 150 closing, 160 completed, 3000 starting, 3100 healthy`,
  },
  {
    title: 'is stopped by hand while it starts',
    acts: [[50, byHand]],
    facts: () => '0 starting, 50 down',
  },
  {
    title: 'is stopped by hand while it starts and started again',
    acts: [
      [50, byHand],
      [5000, startAgain],
    ],
    facts: () => '0 starting, 50 down, 5000 starting, 5100 healthy',
  },
  { title: 'is stopped by hand', acts: [[500, byHand]], facts: () => `${START}, 500 down` },
  {
    title: 'is stopped by hand and started again',
    acts: [
      [500, byHand],
      [2000, startAgain],
    ],
    facts: () => `${START}, 500 down, 2000 starting, 2100 healthy`,
  },
  {
    title: 'is restarted by hand',
    acts: [[500, (s) => s.watch(s.app.restartService('t'))]],
    facts: (edge) => `${START}, 500 ending, ${free(edge) + 10} starting, ${free(edge) + 110} healthy`,
  },
  {
    title: 'is about to be restarted, which waits for another, when its dependent is asked for',
    asked: 700,
    others: { w: { dependsOn: ['t'], down: 500 } },
    acts: [[500, (s) => s.watch(s.app.restartService('t'))]],
    facts: () => `${START}, 500 ending, 1010 starting, 1110 healthy`,
  },
  {
    title: 'is replaced',
    acts: [[500, (s) => s.watch(s.app.replace(s.make('t', { ...TARGET, loop: true }).service))]],
    facts: (edge) => `${START}, 500 ending, ${free(edge) + 10} starting, ${free(edge) + 110} healthy`,
  },
  {
    title: 'is removed, which is allowed',
    only: (edge) => edge.optional,
    acts: [[500, (s) => s.watch(s.app.unregister('t'))]],
    facts: () => `${START}, 500 absent`,
  },
  {
    title: 'is refused its removal',
    only: (edge) => !edge.optional,
    acts: [[500, (s) => expect(s.app.unregister('t')).rejects.toMatchObject({ code: 'SERVICE_IN_USE' })]],
    facts: () => START,
  },
  { title: 'was never asked for', only: (edge) => edge.optional, script: { autoStart: false }, facts: () => '0 down' },
  {
    title: 'is registered later',
    only: (edge) => edge.optional,
    absent: true,
    acts: [[500, (s) => s.watch(s.app.register(s.make('t', { ...TARGET, loop: true }).service))]],
    facts: () => '0 absent, 500 starting, 600 healthy',
  },
  {
    title: 'takes too long to start, and crashes later',
    script: { up: 5_000, ...again },
    acts: [[6_000, crash]],
    facts: () => '0 starting, 5000 healthy, 6000 ending, 6010 stuck, 9010 starting',
  },
  {
    title: 'serves, but is degraded',
    script: { ...checked, says: 'degraded' },
    facts: () => START,
  },
  {
    title: 'does not start in time, again and again',
    script: { up: 9_999, startTimeout: 400, ...again },
    facts: () => '0 starting, 400 ending, 410 stuck, 3410 starting, 3810 ending, 3820 stuck',
  },
  {
    title: 'uses up its retries',
    script: { fails: 9, restart: { ...again.restart, maxRetries: 1 } },
    facts: () => '0 starting, 100 ending, 110 stuck, 3110 starting, 3210 ending, 3220 stuck',
  },
  {
    title: 'crashes, comes back and crashes again',
    script: again,
    acts: [
      [500, crash],
      [4000, crash],
    ],
    facts: () => `${START}, 500 ending, 510 stuck, 3510 starting, 3610 healthy, 4000 ending, 4010 stuck`,
  },
  {
    title: 'crashes and is started by hand in its backoff',
    script: again,
    acts: [
      [500, crash],
      [900, startAgain],
    ],
    facts: () => `${START}, 500 ending, 510 stuck, 900 starting, 1000 healthy`,
  },
  {
    title: 'crashes and is stopped by hand in its backoff',
    script: again,
    acts: [
      [500, crash],
      [900, byHand],
    ],
    facts: () => `${START}, 500 ending, 510 stuck, 900 down`,
  },
  { title: 'pauses before it starts', script: { startDelay: 200 }, facts: () => '0 starting, 300 healthy' },
  {
    title: 'ends cleanly and always runs again',
    script: { restart: { policy: 'always', initialBackoff: BACKOFF } },
    acts: [[150, (s) => s.the('t').end()]],
    facts: () => `${START}, 150 closing, 160 completed, 3160 rerun, 3260 reup`,
  },
  {
    title: 'is replaced while it starts',
    acts: [[50, (s) => s.watch(s.app.replace(s.make('t', { ...TARGET, loop: true }).service))]],
    facts: () => '0 starting, 50 ending, 60 starting, 160 healthy',
  },
  {
    title: 'is replaced by one that cannot start, and put back',
    acts: [[500, (s) => s.watch(s.app.replace(s.make('t', { ...TARGET, loop: true, fails: 9 }).service))]],
    facts: (edge) =>
      `${START}, 500 ending, ${free(edge) + 10} starting, ${free(edge) + 110} ending, ${free(edge) + 120} starting, ${free(edge) + 220} healthy`,
  },
  { title: 'never comes', only: (edge) => edge.optional, absent: true, facts: () => '0 absent' },
  {
    title: 'is missing when its dependent joins a running system, and registered later',
    absent: true,
    joins: true,
    asked: 100,
    acts: [[2000, (s) => s.watch(s.app.register(s.make('t', { ...TARGET, loop: true }).service))]],
    facts: () => '0 absent, 2000 starting, 2100 healthy',
  },
  {
    title: 'is removed and registered again',
    only: (edge) => edge.optional,
    acts: [
      [500, (s) => s.watch(s.app.unregister('t'))],
      [2000, (s) => s.watch(s.app.register(s.make('t', { ...TARGET, loop: true }).service))],
    ],
    facts: () => `${START}, 500 absent, 2000 starting, 2100 healthy`,
  },
]
