// Runs the cases: each contestant and case in a fresh process, the contestants of a case one after the other in each
// round, in an order that moves on from round to round. Asserts first, measures then.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Case, type Figures, Results, type Task } from './scenario.js'

/** No measurement may take longer than this, in milliseconds; who needs more is left out. */
const PATIENCE = 90_000

/** What runs in a fresh process is plain JavaScript: nothing is loaded there but Node, the contestant and the scenario. */
export const compiled: string = fileURLToPath(new URL('node_modules/.bench', import.meta.url))
const child = join(compiled, 'child.js')

/** Runs one task in a process of its own. */
export function run(task: Task, patience: number = PATIENCE): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const args = ['--expose-gc', '--max-old-space-size=8192', child, JSON.stringify(task)]
    const options = {
      timeout: patience,
      env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'production' },
      maxBuffer: 2 ** 26,
    }
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      const last = stdout.trimEnd().split('\n').at(-1) ?? ''
      if (error === null && last.startsWith('{')) resolve(JSON.parse(last) as Figures)
      else
        reject(
          new Error(
            `${task.scenario} ${task.contestant} ${JSON.stringify(task.params)}: ${error?.killed ? `took longer than ${patience / 1_000} s` : stderr || error?.message}`,
          ),
        )
    })
  })
}

/** Runs the cases of one scenario; who fails is left out of that case and told. */
export async function runCases(
  scenario: string,
  cases: readonly Case[],
  rounds: number,
  tell: (line: string) => void,
): Promise<Results> {
  const results = new Results(cases)
  const lose = (error: unknown): void => {
    const why = String((error as Error).message).slice(0, 2_000)
    results.lost.push(why)
    tell(`lost: ${why}`)
  }
  const verdicts = new Map<string, Promise<boolean>>()
  const isRight = (task: Task): Promise<boolean> => {
    const key = JSON.stringify(task)
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const verdict = run(task).then(
      () => true,
      (error: unknown) => {
        lose(error)
        return false
      },
    )
    verdicts.set(key, verdict)
    return verdict
  }
  for (const { id, params, asserted = params, contestants, rounds: own, patience } of cases) {
    const began = performance.now()
    const fit: string[] = []
    for (const contestant of contestants)
      if (await isRight({ scenario, contestant, params: asserted, verify: true })) fit.push(contestant)
    for (let round = 0; round < Math.min(rounds, own ?? rounds); round++)
      for (let k = 0; k < fit.length; k++) {
        const contestant = fit[(k + round) % fit.length]!
        try {
          results.enter(id, contestant, round, await run({ scenario, contestant, params, verify: false }, patience))
        } catch (error) {
          lose(error)
        }
      }
    tell(`${scenario}, ${id}: ${((performance.now() - began) / 1_000).toFixed(1)} s`)
  }
  return results
}
