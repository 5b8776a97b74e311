/** What the loader makes of Compose facts, good and bad; and what the other tests take for granted about the corpus. */
import { describe, expect, test } from 'vitest'
import { type ComposeService, complete, corpus, load, missing, ordered } from '../support/corpus-stack.js'

const loaded = (...services: ComposeService[]) => [...load({ name: 'made-up', services }).services.values()]
const restart = (facts: Partial<ComposeService>) => loaded({ name: 'a', ...facts })[0]?.restart

describe('the corpus', () => {
  test('holds 141 stacks with 1,999 services, and all but the two cycles can be run', () => {
    expect(corpus).toHaveLength(141)
    expect(corpus.flatMap((compose) => compose.services)).toHaveLength(1_999)
    expect(ordered).toHaveLength(139)
  })

  test('flags exactly the stacks that miss a service', () => {
    const flagged = corpus.filter((compose) => compose.flags?.includes('missing-dependency'))
    expect(corpus.filter((compose) => missing(compose).size > 0)).toEqual(flagged)
    expect(flagged).toHaveLength(13)
  })

  test('waits for no job that restarts always, which would end again and again (R17)', () => {
    const jobs = ordered.flatMap((compose) => [...load(compose).services.values()].filter((service) => service.job))
    expect(jobs).toHaveLength(40)
    expect(jobs.filter((job) => job.restart.policy === 'always' || job.check)).toEqual([])
  })
})

describe('the loader', () => {
  test('maps conditions, and makes a job of what others wait for to complete', () => {
    const [job, api] = loaded(
      { name: 'job' },
      {
        name: 'api',
        dependsOn: [
          { name: 'job', condition: 'service_completed_successfully' },
          { name: 'db', condition: 'service_healthy', required: false },
          { name: 'log', restart: true },
        ],
      },
    )
    expect(job?.job).toBe(true)
    expect(api?.job).toBe(false)
    expect(api?.dependsOn).toEqual([
      { name: 'job', condition: 'completed', optional: false, loss: false },
      { name: 'db', condition: 'healthy', optional: true, loss: false },
      { name: 'log', condition: 'started', optional: false, loss: true },
    ])
  })

  test('reads the loss of an edge the way of keelson, or of Compose', () => {
    const services = [{ name: 'a', dependsOn: [{ name: 'b' }, { name: 'c', restart: true }] }]
    const edges = (reading: 'keelson' | 'compose') => load({ name: '', services }, reading).services.get('a')?.dependsOn
    expect(edges('keelson')?.map((edge) => [edge.loss, edge.onLoss])).toEqual([
      [true, undefined],
      [true, undefined],
    ])
    expect(edges('compose')?.map((edge) => [edge.loss, edge.onLoss])).toEqual([
      [false, 'keep'],
      [true, 'stop'],
    ])
  })

  test('maps restart policies, and lets deploy win', () => {
    expect(restart({})).toEqual({ policy: 'never' })
    expect(restart({ restart: 'no' })).toEqual({ policy: 'never' })
    expect(restart({ restart: 'always' })).toEqual({ policy: 'always', maxRetries: 0 })
    expect(restart({ restart: 'unless-stopped' })).toEqual({ policy: 'always', maxRetries: 0 })
    expect(restart({ restart: 'on-failure' })).toEqual({ policy: 'on-failure', maxRetries: 0 })
    expect(restart({ restart: 'on-failure:3' })).toEqual({ policy: 'on-failure', maxRetries: 3 })
    expect(
      restart({
        restart: 'always',
        deployRestartPolicy: { condition: 'on-failure', maxAttempts: 2, delay: 5, window: 9 },
      }),
    ).toEqual({ policy: 'on-failure', maxRetries: 2, initialBackoff: 5, stableAfter: 9 })
    expect(restart({ deployRestartPolicy: { condition: 'any' } })).toEqual({ policy: 'always', maxRetries: 0 })
    expect(restart({ restart: 'always', deployRestartPolicy: { condition: 'none' } })).toEqual({ policy: 'never' })
  })

  test('maps checks with the defaults of Compose', () => {
    const check = (healthcheck: ComposeService['healthcheck']) =>
      loaded({ name: 'a', ...(healthcheck && { healthcheck }) })[0]?.check
    expect(check(undefined)).toBeUndefined()
    expect(check({})).toEqual({ interval: 30_000, timeout: 30_000, failureThreshold: 3, startGrace: 0 })
    expect(check({ interval: 1, timeout: 2, retries: 3, startPeriod: 4 })).toEqual({
      interval: 1,
      timeout: 2,
      failureThreshold: 3,
      startGrace: 4,
    })
  })

  test('takes a bad value as not stated', () => {
    for (const bad of ['sometimes', 'on-failures', 'Always', ''])
      expect(restart({ restart: bad })).toEqual({ policy: 'never' })
    for (const bad of ['on-failure:', 'on-failure:-1', 'on-failure:x', 'on-failure:1.5'])
      expect(restart({ restart: bad })).toEqual({ policy: 'on-failure', maxRetries: 0 })
    for (const bad of [-1, 0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const healthcheck = { interval: bad, timeout: bad, retries: bad, startPeriod: bad }
      const [service] = loaded({ name: 'a', healthcheck, stopGracePeriod: bad })
      expect(service?.check).toEqual({ interval: 30_000, timeout: 30_000, failureThreshold: 3, startGrace: 0 })
      expect(service?.stopTimeout).toBe(10_000)
    }
  })

  test('starts nothing of which no replica is wanted', () => {
    expect(loaded({ name: 'a', replicas: 0 })[0]?.autoStart).toBe(false)
    expect(loaded({ name: 'a', replicas: 3 })[0]?.autoStart).toBe(true)
  })

  test('adds placeholders for what is missing, a job where one is waited for', () => {
    const services: ComposeService[] = [
      { name: 'a', dependsOn: [{ name: '' }, { name: 'init', condition: 'service_completed_successfully' }] },
    ]
    const stack = load(complete({ name: 'made-up', services }))
    expect([...stack.services.values()].map(({ name, job }) => [name, job])).toEqual([
      ['a', false],
      ['nameless', false],
      ['init', true],
    ])
  })
})
