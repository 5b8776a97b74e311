/**
 * Every kind of edge (condition × optional × onLoss × onTimeout) against everything that can happen to its target.
 * What the dependent does is foretold millisecond by millisecond by an oracle that knows the words of section 4 and no engine.
 */
import { describe, expect, it } from 'vitest'
import { type Stage, stage } from '../support/laws2.js'
import {
  DEPENDENT,
  type Edge,
  edges,
  type Fact,
  free,
  type Story,
  stories,
  TARGET,
  WAIT,
} from '../support/tables-edges.js'

const ACTIVE: readonly Fact[] = ['checking', 'healthy', 'sick', 'reup']
const COMPLETED: readonly Fact[] = ['completed', 'rerun', 'reup']
const SETTLED: readonly Fact[] = ['down', 'absent', 'stuck', 'sick', ...COMPLETED]
const AT_REST: readonly Fact[] = ['down', 'absent', 'stuck', 'completed']

function satisfied({ condition }: Edge, fact: Fact): boolean {
  if (condition === 'started') return ACTIVE.includes(fact) || COMPLETED.includes(fact)
  if (condition === 'completed') return COMPLETED.includes(fact)
  return fact === 'healthy' || fact === 'reup'
}

function lost({ condition, onLoss }: Edge, before: Fact, fact: Fact): boolean {
  if (onLoss !== 'stop' || !ACTIVE.includes(before) || ACTIVE.includes(fact)) return false
  return condition === 'healthy' || fact !== 'closing'
}

const END = 9_000

/** The states of the dependent, a wait that is over at once left out; and how often it was started in spite of the target. */
function foretell(edge: Edge, story: Story): { log: string[]; warnings: number } {
  const facts = story
    .facts(edge)
    .split(', ')
    .map((one) => one.split(' ') as [string, Fact])
    .map(([from, fact]) => [Number(from), fact] as const)
  let past = -1
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
    const before = facts[past]?.[1]
    while ((facts[past + 1]?.[0] ?? END + 1) <= t) past += 1
    const [asked = 0, fact = 'down'] = facts[past] ?? []
    const wanted = fact !== 'down' && fact !== 'absent'
    if (!wanted) deadline = Number.POSITIVE_INFINITY
    else if ((before === 'down' || before === 'absent') && t > (story.asked ?? 0)) deadline = t + WAIT
    if (state === 'starting' && t === since + DEPENDENT.up) enter(t, 'running')
    if (state === 'stopping' && t === since + DEPENDENT.down) enter(t, 'waiting')
    if ((state === 'starting' || state === 'running') && lost(edge, before ?? fact, fact))
      enter(t, 'stopping', ' (dependency)')
    // One that is being stopped has settled when it is at rest (section 12).
    const rested = AT_REST.includes(facts[past - 1]?.[1] ?? 'down')
    const leaving = !wanted && !rested && t < (asked === 500 ? free(edge) : asked) + TARGET.down
    const settles = edge.optional && SETTLED.includes(fact) && !leaving
    if (state === 'waiting' && (satisfied(edge, fact) || settles)) enter(t, 'starting')
    // Over an optional edge, to settle is as good as to be satisfied (R14).
    if (state === 'failed' && (satisfied(edge, fact) || settles)) enter(t, 'starting')
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
  const dependsOn = [{ name: 't', timeout: WAIT, ...edge }]
  const dependent = { ...DEPENDENT, dependsOn, autoStart: story.asked === undefined || story.joins === true }
  const s = stage({
    ...(!story.joins && { a: dependent }),
    ...(!story.absent && { t: { ...TARGET, loop: true, ...story.script } }),
    ...story.others,
  })
  s.watch(s.app.start({ onFailure: 'keep' }))
  const call = ({ app, make }: Stage): Promise<unknown> =>
    story.joins ? app.register(make.call(s, 'a', dependent).service) : app.startService('a')
  const ask = [story.asked ?? -1, (the: Stage) => the.watch(call(the))] as const
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
    expect({ log: seen(s.states('a')), warnings: s.warnings().length }).toEqual(foretell(edge, story))
  })
})
