// Text to plain data, by the extension of the file it came from: JSON always, YAML and TOML by their optional peers,
// which are loaded when such a file is met and not before.
// Knows files and their texts, not what is said in them.

import { readFile, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { isKeelsonError } from '../index.js'
import { jsonFault } from './json-fault.js'
import { type ConfigTree, copy, type Draft, freeze, line, MAX_DEPTH, refused, saidBy } from './tree.js'

/** The longest text that is taken, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024

type Parse = (text: string) => unknown

/** What a parser that recurses may be given: deeper than any tree that is taken, far from the end of a stack. */
const maxDepth = 2 * MAX_DEPTH

const PEERS: Readonly<Record<string, () => Promise<Parse>>> = {
  yaml: async () => {
    const { Lexer, Parser, parse } = await import('yaml')
    return (text) => {
      // Its first half keeps a stack of its own; its second half the host's, at whose end not even an error is certain.
      const parser = new Parser()
      for (const lexeme of new Lexer().lex(text)) {
        Array.from(parser.next(lexeme))
        if (parser.stack.length > maxDepth) throw new RangeError('it is nested too deep')
      }
      return parse(text, { logLevel: 'error', merge: true }) ?? {} // `<<: *defaults` means what people write it for
    }
  },
  'smol-toml': async () => {
    const { parse } = await import('smol-toml')
    return (text) => parse(text, { maxDepth })
  },
}

/** A format by its name, and the package it needs. */
interface Format {
  readonly name: string
  readonly peer?: string
}

const FORMATS: Readonly<Record<string, Format>> = {
  '.json': { name: 'JSON' },
  '.yaml': { name: 'YAML', peer: 'yaml' },
  '.yml': { name: 'YAML', peer: 'yaml' },
  '.toml': { name: 'TOML', peer: 'smol-toml' },
}

/**
 * Turns the text of a file into plain data, frozen all through, as the extension of `path` says: `.json`, or `.yaml`,
 * `.yml` and `.toml` if the optional peer is installed. Reads no file. `subject` begins the message of an error.
 *
 * *Guarantees:* at most 100 levels and a million values, no key `__proto__`; dates come as ISO text; YAML is 1.2, with
 * the merge key `<<` of 1.1.
 * @throws `CONFIG_INVALID` for a text that is empty, malformed, not an object at the top or beyond these bounds, for an
 * extension that is not known, and for a peer that is not installed.
 */
export async function parseTree(text: string, path: string, subject: string = `config ${path}`): Promise<ConfigTree> {
  return freeze(await draftOf(subject, text, path))
}

/** The same as a draft. */
export async function draftOf(subject: string, text: string, path: string): Promise<Draft> {
  const { name, peer } = formatOf(subject, path)
  return peer ? drafted(subject, text, name, await loaded(subject, name, peer)) : jsonDraft(subject, text)
}

/** The same for JSON, which needs nobody. */
export function jsonDraft(subject: string, text: string): Draft {
  return drafted(subject, text, 'JSON', JSON.parse)
}

/** The format that the extension stands for. */
export function formatOf(subject: string, path: string): Format {
  const extension = extname(path).toLowerCase()
  const format = Object.hasOwn(FORMATS, extension) ? FORMATS[extension] : undefined
  if (format !== undefined) return format
  const says = extension === '' ? 'the file has no extension' : `the extension is '${line(extension, 20)}'`
  throw refused(subject, `${says}; name it ${Object.keys(FORMATS).join(', ')}`)
}

function drafted(subject: string, text: string, name: string, parse: Parse): Draft {
  const whole = text.startsWith('\uFEFF') ? text.slice(1) : text
  // Not {}: an editor that truncates and then writes shows a file like this for a moment.
  if (whole.trim() === '') throw refused(subject, `it is empty; write ${name} into it`)
  try {
    // JSON has no infinity: what reads as one was too large for a number.
    return copy(subject, parse(whole), { finite: name === 'JSON' })
  } catch (error) {
    if (isKeelsonError(error)) throw error
    const why = name === 'JSON' ? jsonReason(error, whole) : reason(error)
    // The parser's own error quotes the text, and is logged with ours.
    throw refused(subject, `it is no ${name}: ${why}; correct it`, { cause: new SyntaxError(why) })
  }
}

/** What a parser says, without the picture that follows, and where. */
function reason(error: unknown): string {
  const { message, line: row, column } = Object(error) as { message?: unknown; line?: unknown; column?: unknown }
  const says = line(String(message ?? error).split(/:?\n\n/, 1)[0] as string)
  return typeof row === 'number' && typeof column === 'number' ? `${says} (line ${row}, column ${column})` : says
}

/** What the parser of the host says, without what it quotes - that may be a secret -, and where. */
function jsonReason(error: unknown, text: string): string {
  const says = reason(error)
    .replace(/ \(line \d+ column \d+\)$/, '') // newer hosts say that themselves, most do not
    .replace(/,? (?:\.{3})?".*is not valid JSON$/, '')
  const at = /at position (\d+)$/.exec(says)?.[1]
  const before = text.slice(0, at === undefined ? jsonFault(text) : Number(at)).split('\n')
  return `${says} (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`
}

async function loaded(subject: string, name: string, peer: string): Promise<Parse> {
  try {
    return await (PEERS[peer] as () => Promise<Parse>)()
  } catch (error) {
    const { code } = Object(error) as { code?: unknown }
    if (code !== 'ERR_MODULE_NOT_FOUND')
      throw refused(subject, `the package '${peer}' cannot be loaded`, { cause: error })
    throw refused(subject, `${name} needs the package '${peer}', which is not installed; run npm install ${peer}`, {
      cause: error,
    })
  }
}

/** The text of a file. */
export async function textOf(subject: string, path: string): Promise<string> {
  let bytes: Buffer
  try {
    const { size, isFile } = await stat(path).then((found) => ({ size: found.size, isFile: found.isFile() }))
    // Before reading: a pipe would never end, a device perhaps not either.
    if (!isFile) throw refused(subject, 'it is no file; give the path of one')
    if (size > MAX_BYTES) throw refused(subject, `it has ${size} bytes; a configuration has at most ${MAX_BYTES}`)
    bytes = await readFile(path)
  } catch (error) {
    if (isKeelsonError(error)) throw error
    const { code } = Object(error) as { code?: unknown }
    const says = code === 'ENOENT' ? 'there is no such file' : saidBy(error)
    throw refused(subject, `it cannot be read: ${says}; correct the path, or make it readable`, { cause: error })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw refused(subject, 'it is no UTF-8 text; save it as UTF-8', { cause: error })
  }
}
