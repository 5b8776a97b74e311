/** Section 5: how many retries are in flight at once, who is next, and that nobody is starved (R21). */
import { describe, expect, it } from 'vitest'
import { failing } from '../support/laws3.js'
import { Queue } from '../support/laws3-queue.js'
import { settled } from '../support/world.js'

const NEVER = new Promise<never>(() => undefined)

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `s${index}`)

describe('how many', () => {
  it('R21 at most maxConcurrentRetries are in flight at any instant, and the next begins as one settles', async () => {
    const queue = new Queue({ maxConcurrentRetries: 2 })
    for (const name of names(6)) queue.join(name)
    await queue.boot()
    await queue.clock.advance(100_000)
    expect([...queue.inFlight]).toEqual(['s0', 's1'])
    for (const name of ['s2', 's3', 's4', 's5']) {
      expect([queue.status(name).phase, queue.heldBy(name)]).toEqual(['pending', ['permit']])
    }
    await queue.open('s1')
    expect([...queue.inFlight]).toEqual(['s0', 's2'])
    await queue.open('s2')
    expect([...queue.inFlight]).toEqual(['s0', 's3'])
    await queue.slam('s3')
    expect([...queue.inFlight]).toEqual(['s0', 's4'])
    await queue.open('s0')
    expect([...queue.inFlight]).toEqual(['s4', 's5'])
    expect([queue.most, queue.clock.now()]).toEqual([2, 101_000 - 1000])
  })

  it('R21 the bound is five where nothing is said', async () => {
    const queue = new Queue()
    for (const name of names(12)) queue.join(name)
    await queue.boot()
    await queue.clock.advance(2000)
    expect(queue.inFlight.size).toBe(5)
    for (const name of names(12)) await queue.open(name)
    expect([queue.most, queue.order]).toEqual([5, names(12)])
  })

  it('R21 the bound is one of an orchestrator, not of all', async () => {
    const queues = [new Queue({ maxConcurrentRetries: 1 }), new Queue({ maxConcurrentRetries: 1 })]
    for (const queue of queues) {
      for (const name of names(2)) queue.join(name)
      await queue.boot()
      await queue.clock.advance(1000)
    }
    expect(queues.map(({ inFlight }) => [...inFlight])).toEqual([['s0'], ['s0']])
  })

  it('R21 who waits for a permit shows the attempt, and starts with it', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    queue.join('head')
    queue.join('tail')
    await queue.boot()
    await queue.clock.advance(1500)
    expect(queue.status('tail').attempt).toBe(1)
    await queue.open('head')
    await queue.open('tail')
    expect(
      queue
        .take()
        .filter((line) => line.includes('tail'))
        .slice(-2),
    ).toEqual(['1500 tail waiting → starting #1', '1500 tail starting → running healthy'])
  })

  it('R21 first starts, starts by hand and returns of R14 need no permit and take none', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    const db = queue.cast('db', { restart: { initialBackoff: 1 } })
    const slow = (life: number, { signal }: { signal: AbortSignal }) =>
      life > 1 ? queue.retry('slow', signal) : undefined
    const api = queue.cast('api', { dependsOn: ['db'], start: slow })
    const late = queue.cast('late', { autoStart: false, start: () => NEVER, startTimeout: 10_000 })
    const byHand = queue.join('byHand', { restart: { initialBackoff: 60_000 } })
    queue.join('holder', { restart: { initialBackoff: 2 } })
    queue.join('next', { restart: { initialBackoff: 3 } })
    await queue.boot()
    await queue.crash(db)
    await queue.clock.advance(100)
    // api is a return and hangs, yet holder has the one permit
    expect([queue.order, api.starts.length, queue.heldBy('next')]).toEqual([['slow', 'holder'], 2, ['permit']])
    await queue.start('late')
    await queue.start('byHand')
    expect([late.starts.length, byHand.starts.length, queue.heldBy('next')]).toEqual([1, 2, ['permit']])
    await queue.open('holder')
    expect(queue.order).toEqual(['slow', 'holder', 'byHand', 'next'])
  })

  it('R21 a restart after a clean end needs a permit, too', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    const ends = (name: string) =>
      queue.cast(name, {
        restart: { policy: 'always' },
        start: (life, { signal }) => (life > 1 ? queue.retry(name, signal) : undefined),
        run: (life) => (life === 1 ? 'done' : undefined),
      })
    ends('a')
    ends('b')
    await queue.boot()
    await queue.clock.advance(5000)
    expect([queue.order, queue.heldBy('b')]).toEqual([['a'], ['permit']])
    await queue.open('a')
    expect(queue.order).toEqual(['a', 'b'])
  })
})

describe('from when to when', () => {
  it('R21 a retry is in flight until its onStart has settled: its onStop holds no permit', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    queue.join('head', { stop: () => queue.clock.sleep(5000), restart: { initialBackoff: 100 } })
    queue.join('tail', { restart: { initialBackoff: 6000 } })
    await queue.boot()
    await queue.clock.advance(6000)
    expect(queue.order).toEqual(['head'])
    await queue.slam('head')
    expect([queue.status('head').state, [...queue.inFlight]]).toEqual(['stopping', ['tail']])
  })

  it('R21 a permit is free when an onStart that ignores its timeout was abandoned, and not before', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    const head = queue.cast('head', {
      start: (life) => (life === 1 ? failing(1)(life) : NEVER),
      startTimeout: 5000,
      abortGrace: 300,
    })
    const tail = queue.join('tail')
    await queue.boot()
    await queue.clock.advance(1000 + 5000 + 299)
    expect([head.starts, tail.starts]).toEqual([[0, 1000], [0]])
    await queue.clock.advance(1)
    expect(tail.starts).toEqual([0, 6300])
  })

  it.each([
    ['stopped', (queue: Queue): Promise<unknown> => queue.app.stopService('head')],
    ['removed', (queue: Queue): Promise<unknown> => queue.app.unregister('head')],
    ['restarted by hand', (queue: Queue): Promise<unknown> => queue.app.restartService('head')],
  ])('R21 the permit of one that is %s goes to the next, once', async (_what, act) => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    for (const name of ['head', 'second', 'third']) queue.join(name)
    await queue.boot()
    await queue.clock.advance(1000)
    expect(queue.order).toEqual(['head'])
    act(queue).catch(() => undefined)
    await queue.clock.settle()
    expect(queue.order.filter((name) => name !== 'head')).toEqual(['second'])
    expect(queue.heldBy('third')).toEqual(['permit'])
    await queue.open('second')
    expect(queue.order.at(-1)).toBe('third')
  })

  it('R21 the permit of one that is stopped and ignores it is free when its onStart was abandoned, and not before', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    queue.cast('head', { start: (life) => (life === 1 ? failing(1)(life) : NEVER), abortGrace: 300 })
    const tail = queue.join('tail')
    await queue.boot()
    await queue.clock.advance(1000)
    queue.app.stopService('head').catch(() => undefined)
    await queue.clock.advance(299)
    expect(tail.starts).toEqual([0])
    await queue.clock.advance(1)
    expect(tail.starts).toEqual([0, 1300])
  })

  it('R21 a retry in flight that lost its dependency keeps its attempt and returns without a permit', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    // a restart by hand needs no permit
    const db = queue.cast('db', { start: (life) => (life > 1 ? queue.clock.sleep(100) : undefined) })
    queue.join('head', { dependsOn: ['db'] })
    queue.join('tail')
    await queue.boot()
    await queue.clock.advance(1000)
    queue.take()
    queue.app.restartService('db').catch(() => undefined)
    await queue.clock.advance(100)
    expect([db.starts.length, [...queue.inFlight]]).toEqual([2, ['tail', 'head']])
    await queue.open('head')
    expect(queue.take().filter((line) => line.includes('head'))).toEqual([
      '1000 head starting → stopping (dependency) #1',
      '1000 head stopping → waiting #1',
      '1100 head waiting → starting #1',
      '1100 head starting → running healthy',
    ])
  })

  it('R21 the permit of one that loses its dependency goes to the next', async () => {
    const queue = new Queue({ maxConcurrentRetries: 1 })
    const db = queue.cast('db', { restart: { initialBackoff: 30_000 } })
    queue.join('head', { dependsOn: ['db'] })
    queue.join('tail')
    await queue.boot()
    await queue.clock.advance(1000)
    expect([...queue.inFlight]).toEqual(['head'])
    await queue.crash(db)
    expect([...queue.inFlight]).toEqual(['tail'])
  })

  it('R21 permits of what a stop of the whole ended are there again after the next start', async () => {
    const queue = new Queue({ maxConcurrentRetries: 2 })
    const doomed = new Set<string>()
    for (const name of names(4)) {
      queue.cast(name, {
        start: (_life, { signal }) => {
          if (doomed.delete(name)) throw new Error('boom')
          return queue.retry(name, signal)
        },
      })
    }
    for (let round = 0; round < 3; round++) {
      for (const name of names(4)) doomed.add(name)
      await queue.boot()
      await queue.clock.advance(1000)
      expect([...queue.inFlight]).toEqual(['s0', 's1'])
      const stop = settled(queue.app.stop())
      await queue.clock.settle()
      expect([stop.status, queue.inFlight.size]).toEqual(['fulfilled', 0])
    }
    expect(queue.most).toBe(2)
  })
})
