// npm run demo                   a small shop, open until Ctrl-C
// npm run demo -- --port=8080    the same at a fixed port
// npm run demo -- --story        its whole story, played and checked; exit code 0 if everything came out as promised
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openShop } from './live.js'
import { tellStory } from './story/index.js'

const { values } = parseArgs({ options: { story: { type: 'boolean' }, port: { type: 'string', default: '0' } } })

const folder = mkdtempSync(join(tmpdir(), 'keelson-demo-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
process.stdout.on('error', () => {}) // nobody reads any more: no reason to stop without order

if (values.story) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))
  process.exitCode = await tellStory(folder)
} else {
  await openShop(folder, Number(values.port))
}
