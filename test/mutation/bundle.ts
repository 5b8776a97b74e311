/** Makes one script of the library, the simulator and the tests, with mutants in it; each run of it is a world of its own. */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { ticking } from './mutants.js'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** Free names of the script: what the worker gives it. */
export const GIVEN = ['require', 'module', 'exports', '$mutant', '$hit', '$tick'] as const

/** The name of what happens in a world before any trial. */
export const LOADING = 'loading'

const ticked = new Map<string, string>()

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
        contents: mutated.get(relative(root, path)) ?? plain(path),
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

function plain(path: string): string {
  let text = ticked.get(path)
  if (text === undefined) {
    const own = readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
    text = ticking(path, own)
    ticked.set(path, text)
  }
  return text
}
