/** Section 5: in which order permits go, and what happens to the place of one that cannot use its own (R21). */
import { expect, it } from 'vitest'
import { Stage } from '../support/laws3.js'
import { Queue } from '../support/laws3-queue.js'

const NEVER = new Promise<never>(() => undefined)
const after = (initialBackoff: number) => ({ restart: { initialBackoff } })

it('R21 permits go in registration order to those who became able at the same time', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  for (const name of ['c', 'a', 'b', 'd']) queue.join(name)
  await queue.boot()
  await queue.clock.advance(5000)
  for (const name of ['c', 'a', 'b', 'd']) await queue.open(name)
  expect(queue.order).toEqual(['c', 'a', 'b', 'd'])
})

it('R21 registration order decides also among those who began to back off at different times', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  queue.join('holder', after(1))
  queue.join('a', { ...after(100), stop: () => queue.clock.sleep(200) })
  queue.join('b', { ...after(250), stop: () => queue.clock.sleep(50) })
  queue.join('c', after(300))
  await queue.boot()
  await queue.clock.advance(299)
  expect(queue.heldBy('a')).toEqual(['backoff'])
  await queue.clock.advance(1)
  for (const name of ['holder', 'a', 'b', 'c']) await queue.open(name)
  expect(queue.order).toEqual(['holder', 'a', 'b', 'c'])
})

it('R21 permits go to who was due first, whatever the registration order', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  queue.join('holder', after(1))
  queue.join('late', after(300))
  queue.join('middle', after(200))
  queue.join('early', after(100))
  await queue.boot()
  await queue.clock.advance(5000)
  for (const name of ['holder', 'early', 'middle', 'late']) await queue.open(name)
  expect(queue.order).toEqual(['holder', 'early', 'middle', 'late'])
})

it('R21 able is: due, dependencies satisfied and delay over', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  // a restart by hand needs no permit; its second start takes a while
  queue.cast('db', { start: (life) => (life > 1 ? queue.clock.sleep(450) : undefined) })
  queue.join('holder', after(1))
  queue.join('delayed', { ...after(100), startDelay: 300 })
  queue.join('dependent', { ...after(50), dependsOn: ['db'] })
  queue.join('due', after(200))
  queue.join('between', after(500))
  await queue.boot()
  await queue.clock.advance(400)
  queue.app.restartService('db').catch(() => undefined)
  await queue.clock.advance(5000)
  const order = ['holder', 'due', 'between', 'delayed', 'dependent']
  for (const name of order) await queue.open(name)
  expect(queue.order).toEqual(order)
})

it('R21 one that becomes able in the turn in which a permit comes free does not overtake who waited for it', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  const db = queue.cast('db', {
    ...after(1),
    start: (life, { signal }) => (life > 1 ? queue.retry('db', signal) : undefined),
  })
  queue.join('newcomer', { ...after(50), dependsOn: ['db'] })
  queue.join('tail', after(100))
  await queue.boot()
  await queue.crash(db)
  await queue.clock.advance(200)
  expect([queue.order, queue.heldBy('newcomer'), queue.heldBy('tail')]).toEqual([['db'], ['dependency'], ['permit']])
  await queue.open('db')
  expect(queue.order).toEqual(['db', 'tail'])
  await queue.open('tail')
  expect(queue.order).toEqual(['db', 'tail', 'newcomer'])
})

it('R21 a head that always fails is followed by everybody else before it comes again', async () => {
  const stage = new Stage({ maxConcurrentRetries: 1 })
  const order: string[] = []
  for (const name of ['head', 'second', 'third']) {
    stage.cast(name, {
      start: async (life) => {
        if (life === 1) throw new Error('boom')
        order.push(name)
        await stage.clock.sleep(100)
        if (name === 'head') throw new Error('always')
      },
      restart: { initialBackoff: 10, multiplier: 1, maxRetries: 0 },
    })
  }
  await stage.boot()
  await stage.clock.advance(500)
  expect(order.slice(0, 4)).toEqual(['head', 'second', 'third', 'head'])
})

it('R21 a head that hangs up to its timeout again and again starves nobody', async () => {
  const stage = new Stage({ maxConcurrentRetries: 1 })
  const order: string[] = []
  for (const name of ['stuck', 'second', 'third']) {
    stage.cast(name, {
      start: (life) => {
        if (life === 1) throw new Error('boom')
        order.push(`${stage.clock.now()} ${name}`)
        return name === 'stuck' ? NEVER : undefined
      },
      startTimeout: 1000,
      abortGrace: 100,
      restart: { initialBackoff: 10 },
    })
  }
  await stage.boot()
  await stage.clock.advance(5000)
  expect(order.slice(0, 3)).toEqual(['10 stuck', '1110 second', '1110 third'])
})

it('R21 a head that lost its dependency is passed over, and comes again when it is able again', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  queue.cast('db', { start: (life) => (life > 1 ? queue.clock.sleep(500) : undefined) })
  queue.join('holder', after(1))
  queue.join('head', { ...after(10), dependsOn: ['db'] })
  queue.join('tail', after(20))
  queue.join('last', after(300))
  await queue.boot()
  await queue.clock.advance(50)
  expect([queue.heldBy('head'), queue.heldBy('tail')]).toEqual([['permit'], ['permit']])
  queue.app.restartService('db').catch(() => undefined)
  await queue.clock.settle()
  await queue.open('holder')
  expect([queue.order, queue.heldBy('head')]).toEqual([['holder', 'tail'], ['dependency']])
  await queue.clock.advance(1000)
  expect([queue.status('db').state, queue.heldBy('head'), queue.heldBy('last')]).toEqual([
    'running',
    ['permit'],
    ['permit'],
  ])
  await queue.open('tail')
  await queue.open('last')
  expect(queue.order).toEqual(['holder', 'tail', 'last', 'head'])
})

it('R21 a head that is stopped or removed while it waits is passed over', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  for (const name of ['holder', 'stopped', 'removed', 'tail']) queue.join(name)
  await queue.boot()
  await queue.clock.advance(1000)
  await queue.app.stopService('stopped')
  await queue.app.unregister('removed')
  await queue.open('holder')
  expect(queue.order).toEqual(['holder', 'tail'])
  await queue.open('tail')
  await queue.clock.advance(100_000)
  expect([queue.order, queue.status('stopped').state, queue.app.registry.has('removed')]).toEqual([
    ['holder', 'tail'],
    'stopped',
    false,
  ])
})

it('R21 a retry that becomes a start by hand while it waits for its permit starts at once, and takes none', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  for (const name of ['holder', 'asked', 'tail', 'last']) queue.join(name)
  await queue.boot()
  await queue.clock.advance(1000)
  expect(queue.heldBy('asked')).toEqual(['permit'])
  await queue.start('asked')
  expect([...queue.inFlight]).toEqual(['holder', 'asked'])
  await queue.open('holder')
  expect([...queue.inFlight], 'its old place is worth nothing').toEqual(['asked', 'tail'])
  await queue.open('asked')
  expect([...queue.inFlight], 'and it gives back no permit that it had not').toEqual(['tail'])
  await queue.open('tail')
  expect(queue.order).toEqual(['holder', 'asked', 'tail', 'last'])
})

it('R21 one that is stopped and started again while it waits starts as by hand, and once', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  for (const name of ['holder', 'asked', 'tail']) queue.join(name)
  await queue.boot()
  await queue.clock.advance(1000)
  await queue.app.stopService('asked')
  await queue.start('asked')
  expect([...queue.inFlight]).toEqual(['holder', 'asked'])
  await queue.open('asked')
  await queue.open('holder')
  expect(queue.order).toEqual(['holder', 'asked', 'tail'])
})

it('R21 the bound and the order hold through a hundred retries of random length and luck', async () => {
  const queue = new Queue({ maxConcurrentRetries: 3 })
  let seed = 42
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }
  const all = Array.from({ length: 30 }, (_, index) =>
    queue.cast(`s${index}`, {
      start: async (life, { signal }) => {
        if (life === 1) throw new Error('boom')
        const retry = queue.retry(`s${index}`, signal)
        const wish = random()
        queue.clock.sleep(Math.ceil(wish * 500)).then(() => {
          if (wish > 0.6) queue.gates.get(`s${index}`)?.resolve()
          else queue.gates.get(`s${index}`)?.reject(new Error('bad luck'))
        })
        await retry
      },
      restart: { initialBackoff: 50, multiplier: 1, maxRetries: 0 },
    }),
  )
  await queue.boot()
  await queue.clock.advance(60_000)
  expect(all.map(({ service }) => service.state)).toEqual(Array(30).fill('running'))
  expect(queue.most).toBe(3)
  const rounds = queue.order.map((name) => queue.order.filter((other) => other === name).length)
  expect(queue.order.slice(0, 30), 'each once before anybody twice').toHaveLength(
    new Set(queue.order.slice(0, 30)).size,
  )
  expect(Math.max(...rounds)).toBeGreaterThan(1)
})

it('R21 a retry that finds its permit free does not pass through waiting', async () => {
  const queue = new Queue({ maxConcurrentRetries: 1 })
  queue.join('a')
  await queue.boot()
  await queue.clock.advance(1000)
  expect(queue.states('a')).toEqual(['starting', 'stopping', 'retrying', 'starting'])
  await queue.open('a')
})
