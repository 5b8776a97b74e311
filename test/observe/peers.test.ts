/** The peers are optional: without them everything that does not need them works, and what does says so. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { reach, root, run } from '../support/house.js'

let folder = ''
beforeAll(async () => {
  // Far from any node_modules: pino and the rest are not there.
  folder = await mkdtemp(join(tmpdir(), 'keelson-observe-'))
  const { outputFiles } = await build({
    entryPoints: [`${root}src/observe/index.ts`],
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    write: false,
  })
  await writeFile(join(folder, 'observe.mjs'), outputFiles[0]?.text ?? '')
})
afterAll(() => rm(folder, { recursive: true }))

it('keelson/observe loads without pino, and createLogger says what is missing and what to do', async () => {
  const program = join(folder, 'program.mjs')
  await writeFile(
    program,
    `import { createLogger, consoleObserver, parseLevel } from './observe.mjs'
     console.log(parseLevel('warning', 'info'), typeof consoleObserver.startSpan)
     try { createLogger() } catch ({ code, message, cause }) { console.log(code, message, cause.code) }`,
  )
  const { code, stdout, stderr } = await run(program)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout.trimEnd().split('\n')).toEqual([
    'warn function',
    "CONFIG_INVALID createLogger() - needs the package 'pino', which cannot be loaded; npm install pino, or pass a logger of your own MODULE_NOT_FOUND",
  ])
})

it('OpenTelemetry is reached from keelson/observe/otel alone', () => {
  const outside = (entry: string): string[] => [...reach(entry)].filter((path) => path.startsWith('@opentelemetry'))
  expect(outside('src/observe/otel/index.ts')).toEqual(['@opentelemetry/api'])
  expect(outside('src/observe/index.ts')).toEqual([])
})

it('createLogger writes to the standard output by default, whole lines at once, in the order of the calls', async () => {
  const program = `
    import { createLogger } from 'keelson/observe'
    const log = createLogger({ format: 'text', source: 'main' })
    log.info('first', { port: 1 })
    console.log('between')
    log.error('last', { error: new Error('boom') })
    process.exit(3)`
  const { code, stdout, stderr } = await run('--input-type=module', '-e', program)
  expect({ code, stderr }).toEqual({ code: 3, stderr: '' })
  const lines = stdout.split('\n')
  expect(lines[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO {2}main: first port=1$/)
  expect(lines[1]).toBe('between')
  expect(lines[2]).toMatch(/ERROR main: last error=boom$/)
  expect(lines[3]).toMatch(/^ {4}Error: boom$/)
})
