/**
 * The programs that host.test.ts runs, one per name: what the library keeps alive and lets go of, in a process of its
 * own. They say on stdout what they found.
 */
import { defineService, Orchestrator, type OrchestratorOptions, type Service } from 'keelson'

const say = (what: unknown): void => console.log(typeof what === 'string' ? what : JSON.stringify(what))
const task = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Whether what is made in `make` is collected; it must keep nothing of it. */
async function collected(refs: WeakRef<object>[]): Promise<boolean[]> {
  for (let i = 0; i < 20 && refs.some((ref) => ref.deref()); i++) {
    await task()
    globalThis.gc?.()
  }
  return refs.map((ref) => ref.deref() === undefined)
}

const orchestrator = (options: OrchestratorOptions) => new Orchestrator(options)

const programs: Record<string, () => unknown> = {
  async 'lets go of ended epochs'() {
    const refs: WeakRef<object>[] = []
    const held = defineService('held', {
      start: (context) => {
        const resource = { [Symbol.dispose]: () => {}, big: new Array(1_000) }
        context.own(resource)
        refs.push(new WeakRef(context), new WeakRef(context.signal), new WeakRef(resource))
      },
      check: () => true,
    })
    const app = orchestrator({ services: [held] })
    const end = app.on('state', () => {})
    await app.start()
    await app.restartService('held')
    say(await collected(refs.slice(0, 3)))
    await app.stop()
    say(await collected(refs))
    end()
  },

  async 'lets go of services'() {
    const refs: WeakRef<object>[] = []
    const fresh = (name: string): Service => {
      const made = defineService(name, { start: () => {}, check: () => true })
      refs.push(new WeakRef(made))
      return made
    }
    const app = orchestrator({ services: [fresh('removed'), fresh('replaced')] })
    await app.start()
    await app.unregister('removed')
    await app.replace(defineService('replaced'))
    say(await collected(refs))
    await app.stop()
  },

  async 'lets go of orchestrators'() {
    const refs: WeakRef<object>[] = []
    const controller = new AbortController()
    await (async () => {
      const app = orchestrator({ services: [defineService('a', { check: () => true })] })
      app.events({ signal: new AbortController().signal })
      app.on('state', () => {})
      await app.start({ signal: controller.signal })
      await app.stop({ signal: controller.signal })
      refs.push(new WeakRef(app), new WeakRef(app.registry))
    })()
    say(await collected(refs))
  },

  async 'is up'() {
    const app = orchestrator({
      services: [defineService('a', { check: () => true, run: () => new Promise(() => {}) })],
    })
    process.on('exit', () => say(app.getServiceStatus('a').state))
    await app.start()
    say('started')
  },

  async 'retries in the background'() {
    const start = () => Promise.reject(new Error('no'))
    const app = orchestrator({ services: [defineService('a', { start, restart: { initialBackoff: 50_000 } })] })
    process.on('exit', () => say(app.getServiceStatus('a').state))
    await app.startService('a').catch((error) => say(error.code))
  },

  async 'retries in an operation'() {
    let left = 2
    const start = () => (left-- > 0 ? Promise.reject(new Error('no')) : undefined)
    const app = orchestrator({ services: [defineService('a', { start, restart: { initialBackoff: 100 } })] })
    await app.start({ onFailure: 'retry' })
    say(app.getServiceStatus('a').state)
  },

  async 'waits for its delay'() {
    const app = orchestrator({ services: [defineService('a', { startDelay: 100 })] })
    await app.start()
    say(app.getServiceStatus('a').state)
    await app.stop()
    say(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout'))
  },

  async runs() {
    const app = orchestrator({ services: [defineService('a')] })
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 300).unref()
    await app.run({ signal: controller.signal })
    say(app.getServiceStatus('a').state)
  },

  async stops() {
    const stop = () => new Promise(() => {})
    const app = orchestrator({ services: [defineService('a', { stop, stopTimeout: 200 })] })
    await app.start()
    await app.stop().catch((error) => say(error.code))
    say(app.getServiceStatus('a').state)
  },
}

await programs[process.argv[2] ?? '']?.()
