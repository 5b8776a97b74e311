/** A signal at every step of a start: whatever is up is stopped in order, nothing more is started, and it is no failure. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { type Chance, fault, type Stage, stage } from '../support/faults.js'
import { STEPS } from '../support/faults-program.js'
import type { Behaviour } from '../support/world.js'

/** A random graph whose hooks take time, ignore their signal, wait for a verdict or run to an end. */
function plan(chance: Chance): Record<string, Behaviour> {
  const count = chance.between(5, 9)
  const parts: [string, Behaviour][] = []
  for (let i = 0; i < count; i++) {
    const below = chance.shuffled(parts.map(([name]) => name)).slice(0, chance.between(0, 2))
    const dependsOn = below.map((name) =>
      chance.once() ? name : { name, optional: chance.once(), onLoss: 'keep' as const },
    )
    const start = { takes: chance.between(0, 4), ignoresAbort: chance.once() }
    const part: Behaviour = {
      dependsOn,
      start,
      stop: { takes: chance.between(0, 3) },
      startDelay: chance.pick([0, 0, 2]),
    }
    parts.push([`s${i}`, chance.once() ? part : { ...part, check: { takes: 1 } }])
  }
  return Object.fromEntries(parts)
}

/** Plays the plan of this seed and aborts `run()` as soon as `isNow`; `seen` is how many events there were until then. */
async function played(chance: Chance, parts: Record<string, Behaviour>, isNow: (events: number, s: Stage) => boolean) {
  const end = new AbortController()
  const s = await stage(chance, parts, { bystanders: 0 })
  let events = 0
  let at: number | undefined
  const look = (): void => {
    if (at !== undefined || !isNow(events, s)) return
    at = s.now()
    end.abort(new Error('SIGTERM'))
  }
  for (const type of ['state', 'health', 'operation'] as const)
    s.app.on(type, () => {
      events += 1
      look()
    })
  const run = s.call(s.app.run({ signal: end.signal }))
  look()
  for (let ms = 0; ms < 60 && at === undefined; ms++) {
    await s.clock.advance(1)
    look()
  }
  const seen = events
  await s.clock.advance(5_000)
  return { s, run, at: at ?? -1, seen }
}

/** What must be so after a signal, wherever it came. */
function expectCleanEnd({ s, run, at }: Awaited<ReturnType<typeof played>>, where: string): void {
  const odd: string[] = []
  if (!run.said.startsWith('done')) odd.push(`run: ${run.said}`)
  if (Number(run.said.split(' ').at(-1)) > at + 40) odd.push(`the signal came at ${at}, the end: ${run.said}`)
  for (const { name, state, error } of s.app.getAllServices())
    if (!/unknown|stopped/.test(state) || error) odd.push(`${name} is ${state}`)
  for (const { name, calls } of Object.values(s.cast))
    if (calls.start > 1 || calls.start !== calls.stop) odd.push(`${name}: ${calls.start} starts, ${calls.stop} stops`)
  const alive = new Set<string>()
  let isStopping = false
  for (const event of s.log.events) {
    if (event.type === 'operation' && event.operation === 'stop' && event.phase === 'begin') {
      isStopping = true
      const late = event.timestamp - s.log.events[0]!.timestamp - at
      if (late !== 0) odd.push(`the stop began ${late} ms after the signal`)
    }
    if (event.type !== 'state') continue
    if (event.newState === 'starting') alive.add(event.name)
    if (event.newState === 'starting' && isStopping) odd.push(`${event.name} was started after the signal`)
    if (event.newState === 'failed') odd.push(`${event.name} has failed`)
    if (event.oldState === 'stopping') alive.delete(event.name)
    if (event.newState !== 'stopping' || event.oldState === 'starting') continue
    for (const { from, to } of s.app.graph().edges)
      if (to === event.name && alive.has(from)) odd.push(`${to} stops under ${from}`)
  }
  if (!isStopping) odd.push('nobody stopped it')
  if (s.clock.pending > 0) odd.push(`${s.clock.pending} timers are left`)
  expect(odd, where).toEqual([])
}

fault('SIGTERM at every step of a start plan, systematically', {
  'R5 R13 R35 run() resolves after an orderly stop, each start has its one stop, nobody starts any more, nothing has failed':
    async (chance) => {
      const parts = plan(chance)
      const whole = await played(chance, parts, (_, s) => s.now() === 60)
      expect(Object.values(whole.s.hooks())).toEqual(Object.keys(parts).map(() => '1/1'))
      expectCleanEnd(whole, 'after the start')
      for (let k = 0; k <= whole.seen; k++)
        expectCleanEnd(await played(chance, parts, (events) => events === k), `at event ${k} of ${whole.seen}`)
      for (let ms = 1; ms <= 40; ms++)
        expectCleanEnd(await played(chance, parts, (_, s) => s.now() >= ms), `at ${ms} ms`)
    },
})

/** Runs the real program to its standstill, sends the signal, and gives how it ended. */
function real(step: string): Promise<{ end: unknown; out: string[]; err: string }> {
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const env = { ...process.env, NODE_OPTIONS: '', NO_COLOR: '1' }
  const args = ['--import', 'tsx', 'test/support/faults-program.ts', step]
  const child = spawn(process.execPath, args, { cwd, env, timeout: 20_000 })
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => {
    out += data
    if (out.endsWith('ready\n')) child.kill('SIGTERM')
  })
  child.stderr.on('data', (data) => {
    err += data
  })
  return new Promise((resolve) => {
    child.on('close', (code, signal) => resolve({ end: code ?? signal, out: out.split('\n').slice(0, -1), err }))
  })
}

fault(
  'SIGTERM at every step of a start plan, systematically',
  {
    'R35 a real process at each step of its start ends with 0, having stopped what it had started': async () => {
      const ends = await Promise.all(STEPS.map(real))
      for (const [i, end] of ends.entries()) {
        const started = STEPS.slice(0, i + 1)
        expect(end).toEqual({
          end: 0,
          out: [
            ...started.map((name) => `${name} starts`),
            'ready',
            ...[...started].reverse().map((name) => `${name} stops`),
          ],
          err: '',
        })
      }
    },
  },
  { seeds: [1], timeout: 30_000 },
)
