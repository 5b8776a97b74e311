/** A thousand descriptors at once: deployed, changed, renamed and removed in one scan each, without a long hold of the host. */
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { host } from './host.js'

it('a thousand descriptors, each needing two others, come, change, move and go in one scan each', async () => {
  const h = await host()
  const size = 1_000
  const file = (i: number): string => join(h.folder, `${(i * 7919) % size}.json`)
  const text = (i: number, version: number): string => {
    const dependsOn = [Math.floor(i / 2), Math.floor(i / 3)].filter((to, at, all) => to !== i && all.indexOf(to) === at)
    return JSON.stringify({
      name: `s${i}`,
      type: 'plain',
      dependsOn: dependsOn.map((to) => `s${to}`),
      config: { version },
    })
  }
  const numbers = Array.from({ length: size }, (_, i) => i)
  const running = (): number => h.app.getAllServices().filter(({ state }) => state === 'running').length
  const outcomes = async (): Promise<Record<string, number>> => {
    const counts: Record<string, number> = {}
    for (const { action, outcome } of (await h.scan()).steps) {
      counts[`${action} ${outcome}`] = (counts[`${action} ${outcome}`] ?? 0) + 1
    }
    return counts
  }
  await Promise.all(numbers.map((i) => writeFile(file(i), text(i, 1))))
  expect(await outcomes()).toEqual({ 'deploy done': size })
  expect([running(), h.hooks.length]).toEqual([size, size])
  expect(await outcomes()).toEqual({ 'keep unchanged': size })

  // Every tenth changes, and all have other names.
  await Promise.all(numbers.map((i) => rename(file(i), join(h.folder, `moved-${i}.json`))))
  await Promise.all(
    numbers.filter((i) => i % 10 === 9).map((i) => writeFile(join(h.folder, `moved-${i}.json`), text(i, 2))),
  )
  expect(await outcomes()).toEqual({ 'keep unchanged': size * 0.9, 'replace done': size / 10 })
  expect(running()).toBe(size)
  expect(new Set(h.built).size).toBe(size * 1.1)

  await Promise.all(numbers.map((i) => rm(join(h.folder, `moved-${i}.json`))))
  expect(await outcomes()).toEqual({ 'undeploy done': size })
  expect(h.app.registry.size).toBe(0)
}, 60_000)

it('a chain of a thousand that turns round, and a ring of a thousand, are decided without a search per edge', async () => {
  const h = await host()
  const size = 1_000
  const chain = (needs: (i: number) => number[]): Promise<unknown> =>
    Promise.all(
      Array.from({ length: size }, (_, i) =>
        h.write(`${i}.json`, { name: `s${i}`, type: 'plain', dependsOn: needs(i).map((to) => `s${to}`) }),
      ),
    )
  await chain((i) => [(i + 1) % size])
  const ring = await h.scan()
  expect(ring.steps.every(({ error }) => error?.code === 'DEPENDENCY_CYCLE')).toBe(true)
  expect(ring.steps[0]?.because).toMatch(/: closes a cycle: s\d+ → .* → \(990 more\) → s\d+ → s\d+; take one/)
  await chain((i) => (i + 1 < size ? [i + 1] : []))
  await h.scan()
  expect(h.hooks.at(-1)).toBe('s0@0 start')
  const { steps } = await h.deployer.plan()
  expect(steps.every(({ action }) => action === 'keep')).toBe(true)
}, 60_000)
