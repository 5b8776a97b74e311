/** For tests of configuration: a folder of the test's own on the real disk, and refusals as one line. */
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isKeelsonError, type Logger } from 'keelson'
import { Config, type StandardSchema } from 'keelson/config'
import { afterEach } from 'vitest'

const folders: string[] = []

/** A new folder, removed after the test. */
export function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), 'keelson-config-')))
  folders.push(made)
  return made
}

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true })
})

/** A file with this text in a folder of its own; its path. */
export function file(name: string, text: string | Uint8Array): string {
  const path = join(folder(), name)
  writeFileSync(path, text)
  return path
}

/** The message of the `CONFIG_INVALID` that a call ends with; anything else is thrown on. */
export async function refusal(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    if (isKeelsonError(error, 'CONFIG_INVALID')) return error.message
    throw error
  }
  throw new Error('it was not refused')
}

/** A logger that keeps what it is told, level first. */
export function notes(): Logger & { readonly lines: string[] } {
  const lines: string[] = []
  const note = (level: string) => (message: string) => void lines.push(`${level} ${message}`)
  return { lines, debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') }
}

export type Env = Record<string, string | undefined>

/** Data with the variables of an environment that begin with APP laid over it. */
export const laid = (data: object, env: Env, schema?: StandardSchema): Config =>
  Config.parse(data, { envPrefix: 'APP', env, schema })
