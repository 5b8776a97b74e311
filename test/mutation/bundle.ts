/** Makes one script of the library, the simulator and the tests, with mutants in it; each run of it is a world of its own. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { ticking } from './mutants.js'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** The files as they are when this begins, whoever works on them meanwhile. */
const snapshot = new Map<string, string>()
for (const folder of ['src', 'test'])
  for (const path of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }))
    if (/^(?!bench).*\.ts$/.test(path)) snapshot.set(join(root, folder, path), textOf(join(root, folder, path)))

/** A file as it is. */
export function textOf(path: string): string {
  return snapshot.get(path) ?? readFileSync(path, 'utf8')
}

/** The script; `mutated` has the texts of the files that are not taken as they are. */
export async function bundle(tests: readonly string[], mutated: ReadonlyMap<string, string>): Promise<string> {
  const files = tests.map((file) => `${JSON.stringify(file)}: () => import(${JSON.stringify(`./${file}`)}),`)
  const contents = `
    export { generate } from './src/testing/generate.js'
    export { trial } from './test/sim/block.js'
    export const files = {\n${files.join('\n')}\n}`
  const texts: Plugin = {
    name: 'texts',
    setup({ onLoad }) {
      onLoad({ filter: /\/(?:src|test)\/.*\.ts$/ }, ({ path }) => ({
        contents: mutated.get(relative(root, path)) ?? prepared(path),
        loader: 'ts',
      }))
    },
  }
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: 'ts' },
    alias: {
      keelson: `${root}src/index.ts`,
      'keelson/main': `${root}src/main/index.ts`,
      'keelson/testing': `${root}src/testing/index.ts`,
    },
    plugins: [texts],
    external: ['vitest', 'esbuild', 'typescript', 'fast-check'],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}

const plain = new Map<string, string>()

function prepared(path: string): string {
  const known = plain.get(path)
  if (known !== undefined) return known
  const text = ticking(path, textOf(path).replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)))
  plain.set(path, text)
  return text
}
