/** The doors of the house are the same in every list that names them, and behind each stands what is said. */
import { dirname } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, it } from 'vitest'
import tsup from '../../tsup.config.js'
import { doors, files, reach, read, root, run } from '../support/house.js'

const list = (pairs: [string, string][]): Record<string, string> => Object.fromEntries(pairs.sort())

it('package exports, folders with a door, tsup entries and aliases are the same list', () => {
  const exported = list(doors.map((d) => [d.name, d.source]))
  const { compilerOptions } = JSON.parse(read('tsconfig.json'))
  const aliases = Object.entries<string[]>(compilerOptions.paths).map(([name, [path = '']]) => [name, path.slice(2)])
  const entries = Object.entries((tsup as { entry: Record<string, string> }).entry)
  const folders = files('src', '/index.ts').map((path) => ['keelson', ...path.split('/').slice(1, -1)].join('/'))

  expect(list(aliases as [string, string][])).toEqual(exported)
  expect(list(entries.map(([name, path]) => [`dist/${name}.js`, path]))).toEqual(
    list(doors.map((d) => [d.built, d.source])),
  )
  expect(folders.sort()).toEqual(Object.keys(exported))
})

it('each name leads to its source here, without a build', async () => {
  const probe = (name: string): string => `await import('${name}'); console.log(import.meta.resolve('${name}'))`
  const results = await Promise.all(doors.map(({ name }) => run('--input-type=module', '-e', probe(name))))
  const reached = results.map(({ stdout, stderr }) => stderr || stdout.trim().slice(stdout.lastIndexOf('/src/') + 1))
  expect(reached).toEqual(doors.map(({ source }) => source))
})

it('importing a door adds no listener, timer, handle or global', async () => {
  // MessagePort is how the TypeScript runner talks to its own thread; zod keeps two registries of its own on the global.
  const probe = (name: string): string => `
    import 'node:events'
    const look = () => [
      ...process.eventNames().map((event) => String(event) + process.listenerCount(event)),
      ...process.getActiveResourcesInfo().filter((kind) => kind !== 'MessagePort'),
      ...Reflect.ownKeys(globalThis).map(String).filter((key) => !key.startsWith('__zod_')),
    ]
    const before = look()
    await import('${name}')
    for (const one of look()) before.includes(one) ? before.splice(before.indexOf(one), 1) : console.log('adds', one)`
  const results = await Promise.all(doors.map(({ name }) => run('--input-type=module', '-e', probe(name))))
  expect(results.map(({ code, stdout }) => `${code} ${stdout.trim()}`)).toEqual(doors.map(() => '0 '))
})

it('the root entry reaches no room and no library', () => {
  const rooms = doors.map(({ source }) => dirname(source)).filter((folder) => folder !== 'src')
  const isAllowed = (path: string): boolean =>
    path.startsWith('src/') ? !rooms.includes(dirname(path)) : /^node:/.test(path)
  expect([...reach('src/index.ts')].filter((path) => !isAllowed(path))).toEqual([])
})

it('the root entry weighs at most 32 KiB, minified and gzipped', async () => {
  const form = { bundle: true, minify: true, format: 'esm', platform: 'node', target: 'node20' } as const
  const entryPoints = [`${root}src/index.ts`]
  const { outputFiles } = await build({ ...form, entryPoints, write: false, logLevel: 'silent' })
  expect(gzipSync(outputFiles[0]?.contents ?? '').length).toBeLessThanOrEqual(32 * 1024)
})
