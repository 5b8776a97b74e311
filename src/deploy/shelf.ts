// The files of a deployment as they were understood: of each the last descriptor that was whole, and what is wrong with
// it now. What has not changed is not read again, and a bad file does not take away the good one before it.
// Knows factories only to ask whether a config is right; knows no orchestrator.

import { parseTree } from '../config/index.js'
import type { KeelsonError } from '../index.js'
import { type Descriptor, type Identity, identityOf, readDescriptor } from './descriptor.js'
import { type Content, rawOf, readDirectory } from './directory.js'
import type { FactoryRegistry } from './factory-registry.js'
import { refuseInexact } from './plain.js'
import { asError, line } from './wording.js'

/** A descriptor that is whole: known type, right config. */
export interface Candidate {
  readonly descriptor: Descriptor
  readonly identity: Identity
}

/** One file. */
export interface Entry {
  readonly file: string
  /** Grows with every change of the file, so that an error is told once for each. */
  readonly version: number
  /** The last one that was whole, if there was one. */
  readonly candidate: Candidate | undefined
  /** What is wrong with the file now. */
  readonly error: KeelsonError | undefined
  /** What stood in it: its text, or why it could not be read. */
  readonly raw: string
  /** How many types were known when it was understood. */
  readonly types: number
}

export class Shelf {
  readonly #directory: string
  readonly #factories: FactoryRegistry
  #entries: ReadonlyMap<string, Entry> = new Map()
  #version = 0

  constructor(directory: string, factories: FactoryRegistry) {
    this.#directory = directory
    this.#factories = factories
  }

  /** What the directory said when it was last read. */
  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries
  }

  /** Looks, and remembers what it has seen. */
  async read(): Promise<ReadonlyMap<string, Entry>> {
    this.#entries = await this.look()
    return this.#entries
  }

  /** What the directory says now, by file name, sorted. Rejects when it cannot be read. */
  async look(): Promise<ReadonlyMap<string, Entry>> {
    const before = this.#entries
    const known = new Map([...before].map(([file, { raw }]) => [file, raw]))
    const contents = await readDirectory(this.#directory, known)
    const gone = [...before.values()].filter(({ file }) => !contents.has(file))
    const entries = await Promise.all(
      [...contents].map(async ([file, content]) => {
        const raw = rawOf(content)
        // A file under a new name is still the same file if it says the same: also one that is not whole.
        const last = before.get(file) ?? gone.find((entry) => entry.raw === raw)
        if (last?.raw === raw && last.types === this.#factories.types.length) return { ...last, file }
        return this.#understood(file, content, raw, last, gone)
      }),
    )
    return new Map(entries.map((entry) => [entry.file, entry]))
  }

  async #understood(
    file: string,
    content: Content,
    raw: string,
    last: Entry | undefined,
    gone: readonly Entry[],
  ): Promise<Entry> {
    const version = last?.raw === raw ? last.version : ++this.#version
    const types = this.#factories.types.length
    let candidate = last?.candidate
    try {
      if (content.error !== undefined) throw content.error
      const subject = `descriptor ${line(file)}`
      const data: unknown = await parseTree(content.text, file, subject)
      refuseInexact(data, subject)
      // Moved and spoilt at once: it still says whose file it is, and what that was in its last place goes on.
      const { name } = Object(data) as { readonly name?: unknown }
      candidate ??= gone.find((entry) => entry.candidate?.descriptor.name === name)?.candidate
      const descriptor = readDescriptor(data, subject)
      if (descriptor.enabled) this.#factories.check(descriptor, file)
      return {
        file,
        version,
        raw,
        types,
        candidate: { descriptor, identity: identityOf(descriptor) },
        error: undefined,
      }
    } catch (thrown) {
      const error = asError(thrown, 'CONFIG_INVALID', `descriptor ${line(file)}`)
      return { file, version, raw, types, candidate, error }
    }
  }
}
