/**
 * Every kind of edge (condition × optional × onLoss × onTimeout) against everything that can happen to its target.
 * What the dependent does is foretold millisecond by millisecond by an oracle that knows the words of section 4 and no engine.
 */
import type { Condition, Dependency, HealthStatus } from 'keelson'
import { describe, expect, it } from 'vitest'
import { type Script, type Stage, stage } from '../support/laws2.js'

type Edge = Required<Pick<Dependency, 'condition' | 'optional' | 'onTimeout'>> & Pick<Dependency, 'onLoss'>

const edges: Edge[] = (['started', 'healthy', 'completed'] satisfies Condition[]).flatMap((condition) =>
  [false, true].flatMap((optional) =>
    (['fail', 'warn', 'continue'] as const).flatMap((onTimeout): Edge[] =>
      condition === 'completed'
        ? [{ condition, optional, onTimeout }]
        : (['stop', 'keep'] as const).map((onLoss) => ({ condition, optional, onTimeout, onLoss })),
    ),
  ),
)

const WAIT = 1_000
const TARGET = { up: 100, down: 10 }
const DEPENDENT = { up: 5, down: 20 }
const BACKOFF = 3_000

/** What is true of the target from a time on. */
type Fact =
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

interface Story {
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
const free = (edge: Edge) => (edge.onLoss === 'stop' ? 500 + DEPENDENT.down : 500)

const stories: Story[] = [
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
]

/** What the words leave open: when a service that is told to stop counts as settled, and whether settling ends a failed wait. */
interface Reading {
  readonly settledWhileLeaving: boolean
  readonly settlingEndsFailure: boolean
}
const readings: Reading[] = [true, false].flatMap((settledWhileLeaving) =>
  [true, false].map((settlingEndsFailure) => ({ settledWhileLeaving, settlingEndsFailure })),
)

const ACTIVE: readonly Fact[] = ['checking', 'healthy', 'sick']
const SETTLED: readonly Fact[] = ['down', 'absent', 'stuck', 'sick', 'completed']

function satisfied({ condition }: Edge, fact: Fact): boolean {
  if (condition === 'started') return ACTIVE.includes(fact) || fact === 'completed'
  return fact === condition
}

function lost({ condition, onLoss }: Edge, before: Fact, fact: Fact): boolean {
  if (onLoss !== 'stop' || !ACTIVE.includes(before) || ACTIVE.includes(fact)) return false
  return condition === 'healthy' || fact !== 'closing'
}

const END = 9_000

/** The states of the dependent, a wait that is over at once left out; and how often it was started in spite of the target. */
function foretell(edge: Edge, story: Story, reading: Reading): { log: string[]; warnings: number } {
  const facts = story
    .facts(edge)
    .split(', ')
    .map((one) => one.split(' ') as [string, Fact])
    .reverse()
  const factAt = (t: number): Fact => facts.find(([from]) => Number(from) <= t)?.[1] ?? 'down'
  const log: string[] = []
  let warnings = 0
  let state = 'waiting'
  let since = story.asked ?? 0
  let deadline = since + WAIT
  const enter = (t: number, next: string, reason = '') => {
    if (state === 'waiting' && t > since) log.push(`${since} waiting`)
    state = next
    since = t
    if (next === 'waiting') deadline = t + WAIT
    else log.push(`${t} ${next}${reason}`)
  }
  for (let t = since; t <= END; t += 1) {
    const fact = factAt(t)
    const before = t === since && t === 0 ? fact : factAt(t - 1)
    const wanted = fact !== 'down' && fact !== 'absent'
    if (!wanted) deadline = Number.POSITIVE_INFINITY
    else if ((before === 'down' || before === 'absent') && t > (story.asked ?? 0)) deadline = t + WAIT
    if (state === 'starting' && t === since + DEPENDENT.up) enter(t, 'running')
    if (state === 'stopping' && t === since + DEPENDENT.down) enter(t, 'waiting')
    if ((state === 'starting' || state === 'running') && lost(edge, before, fact)) enter(t, 'stopping', ' (dependency)')
    const asked = facts.find(([from]) => Number(from) <= t)?.[0]
    const atRest = asked === '500' ? free(edge) + TARGET.down : Number(asked) + TARGET.down
    const leaving = !wanted && !reading.settledWhileLeaving && Number(asked) > 0 && t < atRest
    const settles = edge.optional && SETTLED.includes(fact) && !leaving
    if (state === 'waiting' && (satisfied(edge, fact) || settles)) enter(t, 'starting')
    if (state === 'failed' && (satisfied(edge, fact) || (settles && reading.settlingEndsFailure))) enter(t, 'starting')
    if (state === 'waiting' && t === deadline) {
      if (edge.onTimeout === 'warn') warnings += 1
      if (edge.onTimeout === 'fail') enter(t, 'failed', ' (dependency)')
      else enter(t, 'starting')
    }
  }
  if (state === 'waiting') log.push(`${since} waiting`)
  return { log, warnings }
}

/** Leaves out a wait that is over in the millisecond in which it began. */
function seen(log: string[]): string[] {
  return log.filter((line, i) => !line.endsWith(' waiting') || !log[i + 1]?.startsWith(`${line.split(' ')[0]} `))
}

async function play(edge: Edge, story: Story): Promise<Stage> {
  const s = stage({
    a: { ...DEPENDENT, dependsOn: [{ name: 't', timeout: WAIT, ...edge }], autoStart: story.asked === undefined },
    ...(!story.absent && { t: { ...TARGET, loop: true, ...story.script } }),
    ...story.others,
  })
  s.watch(s.app.start({ onFailure: 'keep' }))
  const ask = [story.asked ?? -1, (the: Stage) => the.watch(the.app.startService('a'))] as const
  const acts = [...(story.acts ?? []), ...(story.asked === undefined ? [] : [ask])].sort(([a], [b]) => a - b)
  for (const [at, act] of acts) {
    await s.clock.advance(at - s.now)
    await act(s)
  }
  await s.clock.advance(END - s.now)
  return s
}

describe.each(stories)('the target $title', (story) => {
  const kinds = edges.filter((edge) => story.only?.(edge) ?? true)
  it.each(kinds)('R14 edge $condition, optional $optional, onLoss $onLoss, onTimeout $onTimeout', async (edge) => {
    const s = await play(edge, story)
    const told = readings.map((reading) => foretell(edge, story, reading))
    const happened = { log: seen(s.states('a')), warnings: s.warnings().length }
    // All readings agree in most cells; then there is one answer.
    expect(happened).toEqual(told.find((one) => JSON.stringify(one) === JSON.stringify(happened)) ?? told[0])
  })
})
