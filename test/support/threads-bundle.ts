/** Makes one script of a program for threads: a worker then loads in milliseconds, with no TypeScript in the way. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type BuildOptions, build } from 'esbuild'

const src = fileURLToPath(new URL('../../src/', import.meta.url))

/** A script in a folder of its own. */
export interface Bundled extends AsyncDisposable {
  /** What `new Worker` takes. */
  readonly url: URL
}

/** Bundles a program with the sources as they are; dispose of it when its workers have ended. */
export async function bundled(program: URL, options: BuildOptions = {}): Promise<Bundled> {
  const folder = await mkdtemp(join(tmpdir(), 'keelson-threads-'))
  const outfile = join(folder, 'program.mjs')
  await build({
    entryPoints: [fileURLToPath(program)],
    outfile,
    alias: {
      keelson: `${src}index.ts`,
      'keelson/testing': `${src}testing/index.ts`,
      'keelson/threads': `${src}threads/index.ts`,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'inline',
    logLevel: 'error',
    ...options,
  })
  return { url: pathToFileURL(outfile), [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
