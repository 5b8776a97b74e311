// The fresh process: does the one thing that it is told, and says what came out as the last line of its output.

import type { Task } from './scenario.js'
import { scenario } from './scenarios/index.js'

const task = JSON.parse(process.argv[2] ?? '{}') as Task
const { verify, measure } = await scenario(task.scenario)
const figures = task.verify ? await verify(task.contestant, task.params) : await measure(task.contestant, task.params)
process.stdout.write(`\n${JSON.stringify(figures ?? {})}\n`, () => process.exit(0))
