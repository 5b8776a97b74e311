/**
 * The programs that run-main.test.ts runs, one per name: each a real process with real signals.
 * They say on stdout what happens, so that the test knows when to send its signal.
 */
import { defineService, Orchestrator, type OrchestratorOptions } from 'keelson'
import { runMain } from 'keelson/main'

const say = (what: string): void => console.log(what)
const never = new Promise<never>(() => {})
const forever = { startTimeout: 60_000, stopTimeout: 60_000 }
const app = (options: OrchestratorOptions) => new Orchestrator({ shutdownTimeout: 60_000, ...options })

const db = defineService('db', { start: () => say('db up'), stop: () => say('db down') })

/** A service whose stop hook never returns, and that keeps the process alive. */
const stuck = defineService('stuck', {
  ...forever,
  start: () => {
    setInterval(() => {}, 1_000)
    say('up')
  },
  stop: () => {
    say('stopping')
    return never
  },
})

const programs: Record<string, () => unknown> = {
  async serves() {
    const api = defineService('api', { dependsOn: ['db'], start: () => say('up'), stop: () => say('api down') })
    await runMain(app({ services: [api, db] }))
    say('flushed')
  },

  async 'serves until SIGUSR2'() {
    await runMain(app({ services: [defineService('api', { start: () => say('up') })] }), { signals: ['SIGUSR2'] })
  },

  async 'counts its handlers'() {
    const count = () => say(`handlers ${process.listenerCount('SIGTERM')} ${process.listenerCount('SIGINT')}`)
    count()
    const job = defineService('job', { start: count, run: () => {} })
    await runMain(app({ services: [job] }))
    count()
  },

  async 'starts slowly'() {
    const start = ({ signal }: { signal: AbortSignal }) => {
      setInterval(() => {}, 1_000).unref()
      say('starting')
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    await runMain(app({ services: [db, defineService('slow', { dependsOn: ['db'], ...forever, start })] }))
  },

  async 'fails to start'() {
    const start = () => {
      throw Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
    }
    const api = defineService('api', { dependsOn: ['db'], start })
    await runMain(app({ services: [db, api] }))
  },

  async 'gives up'() {
    const run = async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      throw new Error('the journal is corrupt')
    }
    await runMain(app({ services: [db, defineService('worker', { restart: { policy: 'never' }, run })] }))
  },

  async 'stops uncleanly'() {
    const stop = () => {
      throw new Error('flush failed')
    }
    await runMain(app({ services: [db, defineService('queue', { start: () => say('up'), stop })] }))
  },

  async 'throws nonsense'() {
    const start = () => {
      throw new Proxy({}, { get: () => never.then.call(null as never) })
    }
    await runMain(app({ services: [defineService('odd', { start, restart: { policy: 'never' } })] }))
  },

  async 'leaves a handle open'() {
    setInterval(() => {}, 1_000)
    await runMain(app({ services: [db, defineService('job', { run: () => {} })] }))
    say('at rest')
  },

  async 'has its own exit code'() {
    process.exitCode = 3
    await runMain(app({ services: [defineService('job', { run: () => {} })] }))
  },

  async 'is stuck'() {
    await runMain(app({ services: [stuck] }))
  },

  async 'passes nonsense'() {
    const bad: [unknown, unknown][] = [
      [undefined, {}],
      [{ run: 1 }, {}],
      [app({}), null],
      [app({}), { signal: ['SIGTERM'] }],
      [app({}), { signals: 'SIGTERM' }],
      [app({}), { signals: ['SIGTERM', 'SIGNONE'] }],
      [app({}), { signals: [15] }],
      [app({}), { signals: ['SIGKILL'] }],
      [app({}), { signals: ['SIGHUP', 'SIGHUP'] }],
    ]
    for (const [what, options] of bad) {
      const call = runMain(what as Orchestrator, options as never)
      await call.catch((error) => say(`${error.code} ${error.message}`))
    }
    say(`handlers ${process.listenerCount('SIGTERM') + process.listenerCount('SIGHUP')}`)
  },

  async 'runs two'() {
    const first = runMain(app({ services: [defineService('job', { run: () => {} })] }))
    await runMain(app({ services: [db] })).catch((error) => say(`${error.code} ${error.message}`))
    await first
  },
}

await programs[process.argv[2] ?? '']?.()
