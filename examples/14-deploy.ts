// Lesson 14: a directory as the deployable unit. Each file describes a service; what the directory says is what runs.
// Factories turn a description into a service; the deployer is a service itself and does the rest.
import assert from 'node:assert/strict'
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineService, Orchestrator } from 'keelson'
import { Deployer, FactoryRegistry } from 'keelson/deploy'
import { z } from 'zod'

const directory = await mkdtemp(join(tmpdir(), 'keelson-lesson-'))
const write = (file: string, descriptor: object | string): Promise<void> =>
  writeFile(join(directory, file), typeof descriptor === 'string' ? descriptor : JSON.stringify(descriptor))

// 1. A factory per type: `config` is what the schema makes of the file, `env` knows the name and the other options.
const greetings: string[] = []
const factories = new FactoryRegistry()
factories.register(
  'greeter',
  (config, env) =>
    defineService(env.name, {
      ...env.options,
      start: () => {
        if (config.greeting === '') throw new Error('nothing to say')
        greetings.push(`${env.name}: ${config.greeting}`)
      },
    }),
  { schema: z.object({ greeting: z.string().default('hello') }) },
)

// 2. Files in any order; `visitor` needs `host`. A YAML file would do as well.
await write('1-visitor.json', { name: 'visitor', type: 'greeter', dependsOn: ['host'] })
await write('2-host.json', { name: 'host', type: 'greeter', config: { greeting: 'welcome' } })

const app = new Orchestrator()
const deployer = new Deployer({ orchestrator: app, factories, directory, interval: 60_000 })
await app.register(deployer)
await app.start() // from here on it scans by itself; below it is asked to, so as not to wait for the interval
await deployer.scan()
assert.deepEqual(greetings, ['host: welcome', 'visitor: hello'])
const epoch = (name: string): number => app.getServiceStatus(name).epoch

// 3. `plan` says what a scan would do, and why. A file under another name is the same service.
await rename(join(directory, '1-visitor.json'), join(directory, 'visitor.json'))
await write('2-host.json', { name: 'host', type: 'greeter', config: { greeting: 'good evening' } })
for (const { action, name, because } of (await deployer.plan()).steps) console.log(`${action} ${name}: ${because}`)
await deployer.scan()
assert.equal(greetings.includes('host: good evening'), true)
assert.equal(app.getServiceStatus('host').state, 'running')

// 4. A file that is half written, or a new version that does not start: what was good goes on.
await write('visitor.json', '{ "name": "visi')
await write('2-host.json', { name: 'host', type: 'greeter', config: { greeting: '' } })
const report = await deployer.scan()
for (const { outcome, error } of report.steps) if (error) console.log(`${outcome}: ${error.message}`)
assert.deepEqual(report.steps.map(({ outcome }) => outcome).sort(), ['failed', 'refused', 'unchanged'])
assert.equal(app.getServiceStatus('host').state, 'running')
assert.equal(greetings.filter((each) => each === 'host: good evening').length, 2) // the old one, once more

// 5. Options that can change while a service lives do not restart it.
await write('visitor.json', { name: 'visitor', type: 'greeter', dependsOn: ['host'], essential: false })
await write('2-host.json', { name: 'host', type: 'greeter', config: { greeting: 'good evening' } })
const before = epoch('visitor')
await deployer.scan()
assert.deepEqual([epoch('visitor'), app.getServiceStatus('visitor').essential], [before, false])

// 6. What others need does not go without them.
await rm(join(directory, '2-host.json'))
const { steps } = await deployer.scan()
assert.match(steps.find(({ name }) => name === 'host')?.because ?? '', /'visitor' requires it/)
await rm(join(directory, 'visitor.json'))
await deployer.scan()
assert.deepEqual([...app.registry], [deployer])

await app.stop()
await rm(directory, { recursive: true })
