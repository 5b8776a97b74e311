/**
 * A real program of three services for test/faults/sigterm.test.ts: its start comes to a standstill at the step that its
 * argument names, says `ready` and waits for a signal.
 */
import { pathToFileURL } from 'node:url'
import { defineService, Orchestrator } from 'keelson'
import { runMain } from 'keelson/main'

/** The services in the order in which they start. */
export const STEPS = ['db', 'api', 'web'] as const

function program(step: string): Promise<void> {
  const say = (what: string): void => console.log(what)
  const services = STEPS.map((name, i) =>
    defineService(name, {
      dependsOn: STEPS.slice(0, i),
      start: ({ signal }) => {
        say(`${name} starts`)
        if (name !== step) return undefined
        const alive = setInterval(() => {}, 1_000)
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            clearInterval(alive)
            reject(signal.reason)
          })
          say('ready')
        })
      },
      stop: () => say(`${name} stops`),
    }),
  )
  return runMain(new Orchestrator({ services }))
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await program(process.argv[2] ?? '')
