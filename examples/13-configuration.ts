// Lesson 13: configuration. A file - JSON, or YAML or TOML if the package for it is installed - with the environment
// laid over it, checked by a schema, read through dot paths; and a service that keeps it in step with the file.
// Nothing here reads process.env by itself: a program passes `env: process.env`.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineService, isKeelsonError, Orchestrator } from 'keelson'
import { Config, type ConfigChange, ConfigWatcher } from 'keelson/config'
import { z } from 'zod'

const folder = mkdtempSync(join(tmpdir(), 'keelson-'))
const path = join(folder, 'gateway.json')
const write = (config: object): void => writeFileSync(path, JSON.stringify(config))
write({ name: 'gateway', link: { timeout: '1m30s', maxRetries: 3 } })

// Any Standard Schema will do. Its output is `config.value`, typed; the paths read the tree as it is written.
const schema = z.object({
  name: z.string(),
  port: z.number().default(8080),
  link: z.object({ timeout: z.union([z.string(), z.number()]), maxRetries: z.number().int() }),
})

// APP_LINK_MAX_RETRIES is link.maxRetries: the longest match of declared keys, case aside. What cannot be is skipped.
const env = { APP_LINK_MAX_RETRIES: '5', APP_NAME: '007', APP_LINK: 'off' }
const config = await Config.load(path, { schema, envPrefix: 'APP', env })
assert.equal(config.value.port, 8080)
assert.equal(config.value.link.maxRetries, 5)
assert.equal(config.string('name'), '007') // text stays text
assert.equal(config.duration('link.timeout'), 90_000)
assert.equal(config.duration('link.idle', 1_000), 1_000) // a default is in milliseconds
assert.match(config.warnings[0]!.message, /APP_LINK is skipped: link is an object, which a variable cannot replace/)

// A refusal names the path, what was found, and where it came from.
try {
  config.boolean('name')
  assert.fail()
} catch (error) {
  assert.ok(isKeelsonError(error, 'CONFIG_INVALID'))
  console.log(error.message)
  assert.equal(error.message, `config ${path}: name is '007' (from APP_NAME); make it true or false`)
}

// The watcher is a service like any other: what depends on it starts after it, and hears of changes.
const changed = (): Promise<ConfigChange<typeof config.value>> =>
  new Promise((resolve) => {
    const end = config.onChange((change) => {
      end()
      resolve(change)
    })
  })
const watcher = new ConfigWatcher(config, { interval: 20, debounce: 10 })
const app = new Orchestrator({ services: [watcher, defineService('link', { dependsOn: ['config-watcher'] })] })
await app.start()
const running = app.run() // keeps the program alive, which a watcher alone does not

const before = config.current
const change = changed()
write({ name: 'gateway', link: { timeout: 5, maxRetries: 3 } }) // a bare number is seconds
assert.deepEqual((await change).paths, ['link.timeout'])
assert.ok((await change).touches('link'))
assert.equal(config.duration('link.timeout'), 5_000)
assert.equal(before.duration('link.timeout'), 90_000) // a snapshot never changes

// A file that is refused changes nothing: reload() rejects with every issue, the watcher reports it once.
write({ link: { timeout: true } })
await assert.rejects(config.reload(), /link.timeout is true - .*; correct it/)
assert.equal(config.duration('link.timeout'), 5_000)

await app.stop()
await running
rmSync(folder, { recursive: true })
