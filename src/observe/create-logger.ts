// createLogger: a logger on pino for programs that have none yet - lines for people or JSON for machines, one per record.
// pino is an optional peer, loaded when the first logger is made and never before.

import { createRequire } from 'node:module'
import type { Logger as Pino, pino } from 'pino'
import { type Clock, isKeelsonError, KeelsonError, type Logger, systemClock } from '../index.js'
import type { Level } from './parse-level.js'
import { textOf } from './text-of.js'

/** Options of {@link createLogger}. */
export interface LoggerOptions {
  /** What is written at least. Default `info`. */
  readonly level?: Level
  /** `json` for machines, `text` for people. Default `json`. */
  readonly format?: 'text' | 'json'
  /** Who writes: the field `source` of each record. Default: none. */
  readonly source?: string
  /** Where to, one line per call. Default: the standard output. */
  readonly stream?: { write(line: string): unknown }
  /** Time of the records. Default: the host's. */
  readonly clock?: Clock
}

const LEVELS: readonly unknown[] = ['debug', 'info', 'warn', 'error', 'silent']
const FORMATS: readonly unknown[] = ['text', 'json']
const KNOWN = ['level', 'format', 'source', 'stream', 'clock']

/**
 * Makes a logger for `new Orchestrator({ logger })` and for anything else: each record has `level`, `time` (`json`:
 * milliseconds since the Unix epoch), `source` if there is one, the fields and `msg`; of a service also `service` and
 * `epoch`. An error among the fields is written with its code, message and stack, those of its causes included. A field
 * that is called as one of these is written with an underscore behind it: `time_`.
 *
 * @throws `CONFIG_INVALID` for an unknown or wrong option, and if `pino` is not installed.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  check(options)
  const { level = 'info', format = 'json', source, stream, clock = systemClock } = options
  const make = load()
  const target = stream ?? make.destination({ dest: 1, sync: true })
  const log: Pino = make(
    {
      level,
      base: source === undefined ? null : { source },
      errorKey: 'error',
      serializers: { error: asIs, err: asIs }, // they are made readable before
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":${Math.floor(clock.wall())}`,
    },
    format === 'json' ? target : { write: (line: string) => void target.write(textOf(line)) },
  )
  const own = new Set(['level', 'time', 'msg', ...(source === undefined ? [] : ['source'])])
  const readable = (value: unknown): unknown => plain(value, make.stdSerializers.err)
  const at =
    (name: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] =>
    (message, fields) => {
      if (!log.isLevelEnabled(name)) return
      // pino has the fields first.
      if (fields === undefined || fields === null) log[name](message)
      else log[name](fieldsOf(fields, own, readable), message)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

const asIs = (value: unknown): unknown => value

/** The fields as a record has them: none takes the place of one of its own, whatever was passed. */
function fieldsOf(fields: unknown, own: ReadonlySet<string>, readable: (value: unknown) => unknown): object {
  if (fields instanceof Error) return { error: readable(fields) }
  if (typeof fields !== 'object' || fields === null) return { value: fields }
  const free = (name: string): string =>
    own.has(name) || (name.endsWith('_') && own.has(name.replace(/_+$/, ''))) ? `${name}_` : name
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [free(name), readable(value)]))
}

/** An error as a record has it: of keelson's with code, cause and what it suppressed, of others as pino has them. */
function plain(error: unknown, other: (error: Error) => { readonly stack: string }): unknown {
  if (isKeelsonError(error)) return { ...error.toJSON(), stack: other(error).stack }
  return error instanceof Error ? other(error) : error
}

function load(): typeof pino {
  try {
    return createRequire(import.meta.url)('pino') as typeof pino
  } catch (cause) {
    throw new KeelsonError(
      'CONFIG_INVALID',
      "createLogger() - needs the package 'pino', which cannot be loaded; npm install pino, or pass a logger of your own",
      { cause },
    )
  }
}

function check(options: LoggerOptions): void {
  const invalid = (path: string, what: string): KeelsonError =>
    new KeelsonError('CONFIG_INVALID', `createLogger(): ${path} ${what}`)
  if (typeof options !== 'object' || options === null)
    throw invalid('options', `is no object; pass { ${KNOWN.join(', ')} }`)
  for (const name of Object.keys(options))
    if (!KNOWN.includes(name)) throw invalid(name, `is no option; known are ${KNOWN.join(', ')}`)
  const { level, format, source, stream, clock } = options
  if (level !== undefined && !LEVELS.includes(level))
    throw invalid('level', `is ${show(level)}; pass one of ${LEVELS.join(', ')}`)
  if (format !== undefined && !FORMATS.includes(format))
    throw invalid('format', `is ${show(format)}; pass one of ${FORMATS.join(', ')}`)
  if (source !== undefined && typeof source !== 'string') throw invalid('source', `is ${show(source)}; pass a string`)
  if (stream !== undefined && typeof stream?.write !== 'function')
    throw invalid('stream', 'has no write(); pass a stream')
  if (clock !== undefined && typeof clock?.wall !== 'function') throw invalid('clock', 'has no wall(); pass a Clock')
}

const show = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : typeof value)
