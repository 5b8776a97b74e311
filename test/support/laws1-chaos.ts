/**
 * Histories drawn at random, the same in every run: services with every kind of hook and edge, and calls of every kind,
 * many of them in one turn. What must hold of each history is asserted by its test, and by the laws of every scene.
 */
import type { Dependency, Service, ServiceOptions } from 'keelson'
import { type Call, fail, hang, heed, type Part, type Scene, scene, serve } from './laws1.js'

const names = ['a', 'b', 'c', 'd', 'e', 'f']
const failures = ['boom', { status: 401 }, { code: 'ECONNREFUSED' }, undefined]

export interface Chaos {
  readonly all: Scene
  /** Every call that was made, with what it was. */
  readonly calls: { readonly what: string; readonly call: Call }[]
  /** Does a few things at once, then lets some time pass. */
  step(): Promise<void>
}

export function chaos(seed: number): Chaos {
  let state = Math.imul(seed, 2_654_435_761) >>> 0
  const draw = (most: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
  const once = (of: number): boolean => draw(of) === 0
  const pick = <T>(from: readonly T[]): T => from[draw(from.length)] as T
  const sleep = (most: number): Promise<void> => all.clock.sleep(draw(most))

  const start: Part['start'] = (context) => {
    context.own(() => {})
    const ways: (() => unknown)[] = [
      () => fail('boom'),
      () => sleep(15).then(() => fail(pick(failures))),
      () => sleep(80), // deaf: it is abandoned when that is too long
      () => heed(context),
      () => context.fail('by itself'),
    ]
    return (ways[draw(12)] ?? (() => (once(3) ? undefined : Promise.race([sleep(20), heed(context)]))))()
  }
  const stop: Part['stop'] = () =>
    [() => fail('cleanup'), () => sleep(60), () => sleep(15), () => sleep(15)][draw(10)]?.()
  const lives: Part[] = [
    { run: (context) => serve(context).then(() => sleep(5)) },
    { run: (context) => Promise.race([serve(context), sleep(100).then(() => once(2) && fail('crash'))]) },
    {
      check: () => (once(8) ? fail('sick') : once(10) ? hang() : true),
      healthCheck: { interval: 10, timeout: 8, failureThreshold: 2 },
    },
  ]
  const edge = (name: string): Dependency => ({
    name,
    condition: pick(['healthy', 'started']),
    optional: once(4),
    timeout: pick([50, 300_000]),
    ...(once(3) && { onLoss: pick(['stop', 'keep'] as const) }),
  })
  const options = (): ServiceOptions => ({
    restart: once(6)
      ? { policy: 'never' }
      : { policy: pick(['on-failure', 'always']), maxRetries: draw(3), initialBackoff: draw(20), stableAfter: 50 },
    ...{ startDelay: once(4) ? draw(10) : 0, essential: !once(4), autoStart: !once(4) },
    ...{ startTimeout: 40, stopTimeout: 30, abortGrace: 10 },
  })
  /** Each depends on some of those after it, so that there is no cycle. */
  const part = (name: string): Part => {
    const dependsOn = names.slice(names.indexOf(name) + 1).flatMap((other) => (once(3) ? edge(other) : []))
    return { ...options(), ...lives[draw(5)], dependsOn, remote: names.indexOf(name) % 3 === 2, start, stop }
  }

  const all: Scene = scene(Object.fromEntries(names.map((name) => [name, part(name)])), {
    ...{ maxConcurrentStarts: 3, maxConcurrentRetries: 1, shutdownTimeout: 200 },
  })
  const { app, clock } = all
  const calls: Chaos['calls'] = []
  const limits = () => {
    if (once(8)) return { timeout: 1 + draw(60) }
    if (!once(6)) return {}
    const controller = new AbortController()
    void sleep(30).then(() => controller.abort('never mind'))
    return { signal: controller.signal }
  }
  const onFailure = () => pick(['keep', 'rollback', 'retry'] as const)
  const fresh = (name: string): Service => all.make(name, part(name))
  const acts: [often: number, act: (name: string) => readonly [what: string, promise: Promise<unknown>] | undefined][] =
    [
      [6, (name) => ['start', app.startService(name, { ...limits(), onFailure: onFailure() })]],
      [4, (name) => ['stop', app.stopService(name, limits())]],
      [4, (name) => ['restart', app.restartService(name, limits())]],
      [2, () => ['start all', app.start({ ...limits(), onFailure: onFailure() })]],
      [1, () => ['stop all', app.stop(limits())]],
      [1, (name) => ['unregister', app.unregister(name, { cascade: once(2) })]],
      [2, (name) => (app.registry.has(name) ? undefined : ['register', app.register(fresh(name))])],
      [1, (name) => (app.registry.has(name) ? ['replace', app.replace(fresh(name), limits())] : undefined)],
      [4, (name) => void all.services[name]?.contexts.start.at(-1)?.fail(pick(failures))],
    ]
  const weighted = acts.flatMap(([often, act]) => Array<typeof act>(often).fill(act))
  return {
    all,
    calls,
    step: async () => {
      for (let left = draw(3); left >= 0; left--) {
        const made = pick(weighted)(pick(names))
        if (made) calls.push({ what: made[0], call: all.call(made[1]) })
      }
      await (once(3) ? clock.settle() : clock.advance(draw(20)))
    },
  }
}
