// A directory as it is now: which files it has that can be descriptors, and what stands in each.
// Reads only; never waits for a pipe, never fails for one bad file, and believes a change only when it has looked again:
// a file that is being renamed may be met under neither name, and one that is being written half.

import { constants } from 'node:fs'
import { lstat, open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { KeelsonError } from '../index.js'
import { line, textOf } from './wording.js'

/** What stands in a file, or why that cannot be told. */
export type Content = { readonly text: string; readonly error?: undefined } | { readonly error: KeelsonError }

const MAX_BYTES = 1024 * 1024
const AT_ONCE = 16
const MOST_LOOKS = 10

/** Files that an editor or a mount keeps beside the real ones begin with a dot. */
const isDescriptor = (name: string): boolean => /^[^.].*\.(json|ya?ml)$/.test(name)

/**
 * The contents of a directory's files, by name, sorted. What is not as it was - `known` - is believed when two looks in a
 * row have found the same: a file may be on its way to another name, or be written at this moment. A file that is written
 * all the time is in error alone; names that come and go all the time leave no file to be sure of.
 * @throws `CONFIG_INVALID` when the directory itself cannot be read, or its names do not come to rest.
 */
export async function readDirectory(path: string, known: ReadonlyMap<string, string>): Promise<Map<string, Content>> {
  let seen = known
  for (let looks = 1; ; looks++) {
    const { found, isTorn } = await look(path)
    const raw = new Map([...found].map(([name, content]) => [name, rawOf(content)]))
    const areNamesAtRest = !isTorn && raw.size === seen.size && [...raw.keys()].every((name) => seen.has(name))
    const restless = [...raw.keys()].filter((name) => seen.get(name) !== raw.get(name))
    if (areNamesAtRest && (restless.length === 0 || looks === MOST_LOOKS)) {
      for (const name of restless) found.set(name, refusal(name, 'changes faster than it can be read; let it rest'))
      return found
    }
    if (looks === MOST_LOOKS) break
    seen = raw
  }
  throw new KeelsonError(
    'CONFIG_INVALID',
    `directory ${path}: its files come and go faster than they can be read; nothing is done until it is at rest`,
  )
}

/** What stood in a file, or why that cannot be told, to compare. */
export const rawOf = (content: Content): string =>
  content.error === undefined ? content.text : `\0${content.error.message}`

/** One look at all files; torn if one that was listed was gone before it could be read. */
async function look(path: string): Promise<{ readonly found: Map<string, Content>; readonly isTorn: boolean }> {
  const names = (await namesIn(path)).sort()
  const found = new Map<string, Content | undefined>(names.map((name) => [name, undefined]))
  const queue = [...names]
  const worker = async (): Promise<void> => {
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) found.set(name, await contentOf(path, name))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  const there = new Map([...found].filter((entry): entry is [string, Content] => entry[1] !== undefined))
  return { found: there, isTorn: there.size < found.size }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).filter(isDescriptor)
  } catch (error) {
    throw new KeelsonError(
      'CONFIG_INVALID',
      `directory ${path}: cannot be read: ${textOf(error)}; nothing is changed until it can`,
      { cause: error },
    )
  }
}

/** What stands in one file; `undefined` if it is gone by now. */
async function contentOf(directory: string, name: string): Promise<Content | undefined> {
  const path = join(directory, name)
  const refuse = (what: string, ...cause: [] | [unknown]): Content => refusal(name, what, ...cause)
  try {
    // Opened so that a pipe nobody writes to answers, too.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const stat = await handle.stat()
      if (!stat.isFile()) return refuse(`is no regular file; put it elsewhere, or give it another extension`)
      if (stat.size > MAX_BYTES) return refuse(`has ${stat.size} bytes; a descriptor has at most ${MAX_BYTES}`)
      const bytes = await handle.readFile()
      try {
        return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
      } catch (error) {
        return refuse('is no UTF-8 text; save it as UTF-8', error)
      }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !(await isThere(path))) return undefined
    return refuse(`cannot be read: ${textOf(error)}; make it readable, or remove it`, error)
  }
}

const refusal = (name: string, what: string, ...cause: [] | [unknown]): Content => ({
  error: new KeelsonError(
    'CONFIG_INVALID',
    `descriptor ${line(name)}: ${what}`,
    cause.length === 0 ? {} : { cause: cause[0] },
  ),
})

/** Whether the name is there, also as a link that leads nowhere. */
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: unknown) => codeOf(error) !== 'ENOENT',
  )

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | null)?.code
