import { expect, it } from 'vitest'
import { type Call, codeOf, fail, hang, heed, type Part, type Scene, scene, serve } from '../support/laws1.js'
const N = Number(process.env.SEEDS ?? 100), FROM = Number(process.env.FROM ?? 1)
it.each(Array.from({ length: N }, (_, i) => FROM + i))('seed %i', async (seed) => {
  let st = Math.imul(seed, 2654435761) >>> 0
  const draw = (n: number) => { st = (Math.imul(st, 1_664_525) + 1_013_904_223) >>> 0; return Math.floor((st / 2 ** 32) * n) }
  const pick = <T>(xs: readonly T[]): T => xs[draw(xs.length)] as T
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  let abandon = false
  const part = (i: number): Part => {
    const deps = names.slice(i + 1).filter(() => draw(3) === 0).map((name) => ({
      name, condition: pick(['healthy', 'started', 'healthy'] as const), optional: draw(4) === 0, ...(draw(3) === 0 && { onLoss: pick(['stop', 'keep'] as const) }), timeout: pick([50, 300_000]),
    }))
    const kind = draw(5)
    return {
      dependsOn: deps,
      restart: draw(6) === 0 ? { policy: 'never' } : { policy: pick(['on-failure', 'always'] as const), maxRetries: draw(3), initialBackoff: draw(20), stableAfter: 50 },
      startDelay: draw(4) === 0 ? draw(10) : 0,
      essential: draw(4) !== 0, autoStart: draw(4) !== 0, remote: draw(5) === 0,
      startTimeout: 40, stopTimeout: 30, abortGrace: 10,
      start: (ctx) => {
        ctx.own(() => {})
        const k = draw(12)
        if (k === 0) fail('boom')
        if (k === 1) return all.clock.sleep(draw(15)).then(() => fail(pick(['x', { status: 401 }, { code: 'ECONNREFUSED' }])))
        if (k === 2) { abandon = true; return all.clock.sleep(draw(80)) }
        if (k === 3) return heed(ctx)
        if (k === 4) { ctx.fail('self'); return }
        if (k < 9) return Promise.race([all.clock.sleep(draw(20)), heed(ctx)])
        return undefined
      },
      stop: () => { const k = draw(10); if (k === 0) fail('cleanup'); if (k === 1) return all.clock.sleep(draw(60)); if (k < 5) return all.clock.sleep(draw(15)); return undefined },
      ...(kind === 0 && { run: (ctx) => serve(ctx).then(() => all.clock.sleep(draw(5))) }),
      ...(kind === 1 && { run: (ctx) => Promise.race([serve(ctx), all.clock.sleep(draw(100)).then(() => draw(2) ? undefined : fail('crash'))]) }),
      ...(kind === 2 && { check: () => draw(8) === 0 ? fail('sick') : draw(10) === 0 ? hang() : true, healthCheck: { interval: 10, timeout: 8, failureThreshold: 2 } }),
    }
  }
  const all: Scene = scene(Object.fromEntries(names.map((n, i) => [n, part(i)])), { maxConcurrentStarts: 3, maxConcurrentRetries: 1, shutdownTimeout: 200 })
  const { app, clock, call, log } = all
  const calls: { what: string; call: Call }[] = []
  const faults: string[] = []
  const snap0 = app.snapshot()
  const fold = new Map(snap0.services.map((s) => [s.name, { state: s.state, health: s.health, epoch: s.epoch, attempt: s.attempt, error: s.error }]))
  for (const t of ['state', 'health', 'registered', 'unregistered'] as const) app.on(t, (e: any) => {
    if (e.type === 'registered') fold.set(e.name, { state: 'unknown', health: 'unknown', epoch: 0, attempt: undefined, error: undefined })
    else if (e.type === 'unregistered') fold.delete(e.name)
    else if (e.type === 'state') fold.set(e.name, { state: e.newState, health: e.health, epoch: e.epoch, attempt: e.attempt, error: e.error })
    else { const f = fold.get(e.name)!; f.health = e.newHealth; f.error = e.error }
  })
  const history: string[] = []
  for (let i = 0; i < 60; i++) {
    for (let j = draw(3); j >= 0; j--) {
      const n = pick(names)
      const act = draw(16)
      const ac = new AbortController()
      const opt = draw(6) === 0 ? { signal: ac.signal } : draw(8) === 0 ? { timeout: 1 + draw(60) } : {}
      if ('signal' in opt) void clock.sleep(draw(30)).then(() => ac.abort('ab'))
      const add = (what: string, p: Promise<unknown>) => { history.push(`${clock.now()} ${what}`); calls.push({ what, call: call(p) }) }
      if (act < 3) add(`start ${n}`, app.startService(n, { ...opt, onFailure: pick(['keep', 'rollback', 'retry'] as const) }))
      else if (act < 5) add(`stop ${n}`, app.stopService(n, opt))
      else if (act < 7) add(`restart ${n}`, app.restartService(n, opt))
      else if (act === 7) add('start()', app.start({ ...opt, onFailure: pick(['keep', 'rollback', 'retry'] as const) }))
      else if (act === 8 && draw(3) === 0) add('stop()', app.stop(opt))
      else if (act === 9 && draw(2) === 0) add(`unregister ${n}`, app.unregister(n, { cascade: draw(2) === 0 }))
      else if (act === 10) { if (!app.registry.has(n)) add(`register ${n}`, app.register(all.make(n + '', part(names.indexOf(n))))) }
      else if (act === 11 && draw(2) === 0) { if (app.registry.has(n)) add(`replace ${n}`, app.replace(all.make(n, { ...part(names.indexOf(n)), remote: app.graph().nodes && (app.getServiceStatus(n).state, undefined as never) }) as never).catch((e) => { if (codeOf(e) !== 'CONFIG_INVALID') throw e })) }
      else if (act < 14) all.services[n]?.contexts.start.at(-1)?.fail(pick(['crash', { code: 'ECONNRESET' }]))
    }
    await (draw(3) === 0 ? clock.settle() : clock.advance(draw(20)))
    for (const s of app.getAllServices()) {
      if (s.phase === 'pending' && !s.blockedBy?.length) faults.push(`${clock.now()} ${s.name} ${s.state} blocked by nothing`)
      const f = fold.get(s.name)
      const is = { state: s.state, health: s.health, epoch: s.epoch, attempt: s.attempt, error: s.error }
      if (f?.state !== is.state || f.health !== is.health || f.epoch !== is.epoch || f.attempt !== is.attempt || f.error !== is.error) faults.push(`${clock.now()} fold ${s.name} ${JSON.stringify(f)} is ${JSON.stringify(is)}`)
      app.explain(s.name); 
    }
    app.health(); app.plan('start'); app.plan('stop')
  }
  calls.push({ what: 'final stop', call: call(app.stop()) })
  await clock.advance(200)
  const final = calls.at(-1)!.call
  if (final.outcome === 'pending') faults.push('final stop pending at its deadline')
  await clock.advance(100_000)
  for (const { what, call } of calls) if (call.outcome === 'pending' || (call.outcome.startsWith('threw') && call.error !== 'ab')) faults.push(`${what}: ${call.outcome}`)
  for (const s of app.getAllServices()) if (s.phase !== 'idle') faults.push(`${s.name} ends as ${s.state}`)
  for (const e of log.events) if (e.type === 'warning' && e.code === 'ILLEGAL_TRANSITION') faults.push(e.message)
  if (clock.pending) faults.push(`${clock.pending} pending`)
  const bad = all.overlaps.filter((l) => !/: stop beside (start|run)$/.test(l) && !/: stop beside stop/.test(l))
  all.overlaps.length = 0
  if (bad.length) faults.push(...bad)
  void abandon
  if (faults.length) console.log(seed, faults.slice(0, 5).join('\n   '), '\n', process.env.HIST ? history.join('; ') + '\n' + log.lines(1704067200000).slice(-Number(process.env.HIST)).join('\n') : '')
  expect(faults.slice(0, 3)).toEqual([])
})
