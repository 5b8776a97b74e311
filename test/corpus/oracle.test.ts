/** The oracle against instants worked out by hand, so that two wrongs do not agree. */
import { describe, expect, test } from 'vitest'
import {
  comeUp,
  crew,
  dependents,
  goDown,
  loss,
  makespan,
  pathFaults,
  timesOf,
  wanted,
} from '../support/corpus-oracle.js'
import { type ComposeService, load } from '../support/corpus-stack.js'

const healthy = (name: string) => ({ name, condition: 'service_healthy' })
const completed = (name: string) => ({ name, condition: 'service_completed_successfully' })

/** db ← migrate (job) ← api ← web; db ← cache ← web; api may use mail; spare has no replicas. */
const services: ComposeService[] = [
  { name: 'web', dependsOn: [healthy('api'), { name: 'cache' }] },
  { name: 'api', dependsOn: [completed('migrate'), { name: 'mail', required: false }] },
  { name: 'migrate', dependsOn: [healthy('db')] },
  { name: 'cache', dependsOn: [{ name: 'db' }] },
  { name: 'db', healthcheck: { startPeriod: 500 } },
  { name: 'mail' },
  { name: 'spare', replicas: 0 },
]
const stack = load({ name: 'made-up', services })
const t = (name: string) => timesOf(stack, name)
const at = 1_000
const lives = comeUp(stack, wanted(stack), () => at)
const migrated = at + t('db').start + 500 + t('db').check + t('migrate').start + t('migrate').run + t('migrate').stop

describe('the oracle', () => {
  const lost = (name: string) => dependents(stack, name, loss(new Set(crew(stack).serving)))

  test('draws the same times again, other ones for other services, all within bounds', () => {
    expect(t('db')).toEqual(timesOf(stack, 'db'))
    const draws = Array.from({ length: 200 }, (_, i) => t(`service-${i}`).start)
    expect(new Set(draws).size).toBeGreaterThan(40)
    expect(Math.min(...draws)).toBeGreaterThanOrEqual(1)
    expect(Math.max(...draws)).toBeLessThanOrEqual(50)
  })

  test('wants all but what has no replicas', () => {
    expect([...wanted(stack)].sort()).toEqual(['api', 'cache', 'db', 'mail', 'migrate', 'web'])
  })

  test('starts each service after its own edges, whatever their condition', () => {
    expect(lives.get('db')?.enter).toBe(at)
    expect(lives.get('cache')?.enter).toBe(at + t('db').start)
    expect(lives.get('migrate')?.enter).toBe(at + t('db').start + 500 + t('db').check)
    expect(lives.get('api')?.enter).toBe(migrated)
    expect(lives.get('web')?.enter).toBe(migrated + t('api').start)
    expect(makespan(stack, lives)).toBe(migrated + t('api').start + t('web').start)
  })

  test('knows the critical path, and what is none', () => {
    expect(pathFaults(stack, lives, ['db', 'migrate', 'api', 'web'])).toEqual([])
    expect(pathFaults(stack, lives, ['db', 'cache', 'web'])).not.toEqual([])
    expect(pathFaults(stack, lives, ['db', 'migrate', 'api'])).not.toEqual([])
    expect(pathFaults(stack, lives, ['migrate', 'api', 'web'])).not.toEqual([])
    expect(pathFaults(stack, lives, [])).not.toEqual([])
  })

  test('lets a job be started while it runs and after it completed, but not while it stops', () => {
    const watcher = load({
      name: 'made-up',
      services: [
        { name: 'a', dependsOn: [completed('job')] },
        { name: 'job' },
        { name: 'b', dependsOn: [{ name: 'job' }] },
      ],
    })
    const job = comeUp(watcher, new Set(['job']), () => 0).get('job')
    if (!job) throw new Error('no job')
    const enter = (earliest: number) =>
      comeUp(watcher, new Set(['job', 'b']), (name) => (name === 'b' ? earliest : 0)).get('b')?.enter
    expect(enter(0)).toBe(job.active)
    expect(enter(job.ended)).toBe(job.rest)
    expect(enter(job.rest + 1)).toBe(job.rest + 1)
  })

  test('takes down what requires the lost one, not through jobs, which are at rest', () => {
    expect(lost('db')).toEqual(new Set(['cache', 'web']))
    expect(lost('api')).toEqual(new Set(['web']))
    expect(lost('mail')).toEqual(new Set())
    expect(dependents(stack, 'mail', () => true)).toEqual(new Set(['api', 'web']))
  })

  test('stops dependents first, over all edges and across jobs at rest, and waits for none when sick', () => {
    const names = new Set(['web', 'api', 'cache', 'db', 'mail'])
    const deaths = goDown(stack, names, at, () => true)
    expect(deaths.get('web')?.enter).toBe(at)
    expect(deaths.get('api')?.enter).toBe(at + t('web').stop)
    expect(deaths.get('mail')?.enter).toBe(at + t('web').stop + t('api').stop)
    expect(deaths.get('db')?.enter).toBe(at + t('web').stop + Math.max(t('api').stop, t('cache').stop))
    expect(goDown(stack, names, at, () => true, 'db').get('db')?.enter).toBe(at)
  })
})
