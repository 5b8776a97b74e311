/**
 * Stands in for the test runner inside a worker: collects the tests of a file and runs one of them. Real assertions, real
 * tests, but hundreds of thousands of runs, so nothing of a runner that costs time: no isolation, no reports, no retries.
 */
import { createRequire } from 'node:module'

type Body = (...args: unknown[]) => unknown
type Hook = (() => unknown) | undefined

/** One test, with the hooks of the groups around it. */
export interface Test {
  readonly id: string
  readonly run: () => Promise<void>
}

interface Group {
  readonly before: Hook[]
  readonly after: Hook[]
}

/** What a test file finds when it imports the runner. */
export interface StandIn {
  readonly module: Record<string, unknown>
  /** Loads a file by what imports it; returns its tests. */
  collect(file: string, load: () => Promise<unknown>): Promise<Test[]>
}

export async function standIn(): Promise<StandIn> {
  kit ??= assertions()
  const expect = await kit
  let groups: Group[] = [{ before: [], after: [] }]
  let tests: Test[] = []
  let file = ''
  let names: string[] = []
  let finished: Hook[] = []

  const add = (name: unknown, body: Body | undefined, args: readonly unknown[], test: unknown): void => {
    if (typeof body !== 'function' || CROWD.test(String(name))) return
    const around = [...groups]
    const run = async (): Promise<void> => {
      finished = []
      try {
        for (const { before } of around) for (const hook of before) await hook?.()
        await body(...args, ...(args.length === 0 ? [test] : []))
      } finally {
        for (const { after } of around) for (const hook of [...after].reverse()) await hook?.()
        for (const hook of finished) await hook?.()
      }
    }
    tests.push({ id: `${file} ${tests.length} ${[...names, String(name)].join(' > ')}`, run })
  }
  const context = { expect, onTestFinished: (hook: Hook) => finished.push(hook) }
  const bodyOf = (a: unknown, b: unknown): Body | undefined => (typeof a === 'function' ? a : b) as Body | undefined
  const spread = (row: unknown): readonly unknown[] => (Array.isArray(row) ? row : [row])
  const none = (): void => {}

  const it = (name: unknown, a: unknown, b?: unknown): void => add(name, bodyOf(a, b), [], context)
  const each =
    (rows: Iterable<unknown>, take: (row: unknown) => readonly unknown[]) =>
    (name: unknown, a: unknown, b?: unknown) => {
      for (const row of rows) add(name, bodyOf(a, b), take(row), context)
    }
  Object.assign(it, {
    each: (rows: Iterable<unknown>) => each(rows, spread),
    for: (rows: Iterable<unknown>) => each(rows, (row) => [row, context]),
    runIf: (condition: unknown) => (condition ? it : none),
    skipIf: (condition: unknown) => (condition ? none : it),
    skip: none,
    concurrent: it,
  })

  const describe = (name: unknown, a: unknown, b?: unknown, args: readonly unknown[] = []): void => {
    const [outer, called] = [groups, names]
    groups = [...groups, { before: [], after: [] }]
    names = [...names, String(name)]
    bodyOf(a, b)?.(...args)
    groups = outer
    names = called
  }
  Object.assign(describe, {
    each: (rows: Iterable<unknown>) => (name: unknown, a: unknown, b?: unknown) => {
      for (const row of rows) describe(name, a, b, spread(row))
    },
    concurrent: describe,
    skip: none,
  })

  const module = {
    it,
    test: it,
    describe,
    expect,
    beforeEach: (hook: Hook) => groups.at(-1)?.before.push(hook),
    afterEach: (hook: Hook) => groups.at(-1)?.after.push(hook),
    beforeAll: (hook: Hook) => groups.at(-1)?.before.push(hook),
    afterAll: (hook: Hook) => groups.at(-1)?.after.push(hook),
    onTestFinished: (hook: Hook) => finished.push(hook),
  }
  const collect = async (name: string, load: () => Promise<unknown>): Promise<Test[]> => {
    file = name
    tests = []
    names = []
    // What a shared file hooks in at its top is meant for every file that imports it: it is loaded but once.
    groups = groups.slice(0, 1)
    await load()
    return tests
  }
  return { module, collect }
}

/** Tests of scale: they take seconds, and notice nothing that smaller ones do not. */
const CROWD = /thousand|\d0 000/

let kit: Promise<unknown> | undefined

/** The runner's own `expect`, taken without the runner. */
async function assertions(): Promise<unknown> {
  const near = createRequire(createRequire(import.meta.url).resolve('vitest/package.json'))
  const matchers = await import(near.resolve('@vitest/expect'))
  const { chai } = matchers
  for (const part of [matchers.JestExtend, matchers.JestChaiExpect, matchers.JestAsymmetricMatchers]) chai.use(part)
  const expect = (value: unknown, message?: string): unknown => chai.expect(value, message)
  Object.assign(expect, chai.expect, (globalThis as Record<symbol, object>)[matchers.ASYMMETRIC_MATCHERS_OBJECT])
  Object.defineProperty(globalThis, matchers.GLOBAL_EXPECT, { value: expect, configurable: true })
  matchers.setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null }, expect)
  chai.expect.extend(expect, matchers.customMatchers)
  return expect
}
