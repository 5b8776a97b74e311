/** A dry run, on its own: what is not done yet, in an order in which it can be done. */
import { expect, it } from 'vitest'
import { type Planned, plan } from '../../src/kernel/plan.js'

const service = (name: string, after: readonly string[] = [], done = false): Planned => ({
  name,
  after,
  done,
  because: `wants ${name}`,
})

it('what waits comes after all that it waits for, whatever the order it is given in', () => {
  const { steps } = plan('start', [service('api', ['db', 'cache']), service('cache', ['db']), service('db')])
  expect(steps).toEqual([
    { name: 'db', action: 'start', after: [], because: 'wants db' },
    { name: 'cache', action: 'start', after: ['db'], because: 'wants cache' },
    { name: 'api', action: 'start', after: ['db', 'cache'], because: 'wants api' },
  ])
})

it('what is done is no step, and nobody comes after it', () => {
  const { operation, steps } = plan('stop', [service('db', ['api']), service('api', [], true), service('log', ['db'])])
  expect(operation).toBe('stop')
  expect(steps.map(({ name, after }) => [name, after])).toEqual([
    ['db', []],
    ['log', ['db']],
  ])
})

it('what waits for the same comes in the order given', () => {
  const all = [service('root'), service('a', ['root']), service('b', ['root']), service('c', ['a', 'b'])]
  expect(plan('start', all).steps.map(({ name }) => name)).toEqual(['root', 'a', 'b', 'c'])
})

it('cannot be changed afterwards', () => {
  const made = plan('start', [service('a'), service('b', ['a'])])
  for (const part of [made, made.steps, made.steps[1], made.steps[1]?.after]) expect(Object.isFrozen(part)).toBe(true)
})
