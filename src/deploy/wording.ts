// How this room says things: paths, values, issues of a schema and things thrown, each as part of one line.

import { shown } from '../config/index.js'
import { isKeelsonError, KeelsonError } from '../index.js'

/** A path into data as people write it: `dependsOn[0].name`. */
export function at(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (/^\d+$/.test(String(key)) ? `[${String(key)}]` : `.${String(key)}`)).join('')
  return text === '' ? 'the whole' : text.replace(/^\./, '')
}

/** A value as it reads in a message: short, whatever it is. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${line(value, 60)}'`
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  if (typeof value === 'function') return 'a function'
  return value === undefined ? 'missing' : String(value)
}

/** A text without what would break a line of a log, at most so long. */
export function line(text: string, longest = 300): string {
  const flat = text.slice(0, longest + 1).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return text.length > longest ? `${flat.slice(0, longest)}…` : flat
}

/** What a schema has against one field: its path, what stands there, and what should. */
export interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** One issue of a schema about `data` as part of a line. `root` is the path of `data` itself. */
export function lineOf({ message, path = [] }: Issue, data: unknown, root: readonly PropertyKey[] = []): string {
  const keys = path.map((part) => (typeof part === 'object' ? part.key : part))
  const found = keys.reduce(
    (inner, key) => (Object.hasOwn(Object(inner), key) ? Reflect.get(Object(inner), key) : undefined),
    data,
  )
  const says = shown(found, [...root, ...keys])
  // Some libraries quote what they were given, also what is not shown of it.
  const hidden = typeof found === 'string' && found.length > 2 && !says.includes(found) ? found : undefined
  const words = hidden === undefined ? String(message) : String(message).replaceAll(hidden, '…')
  return `${at([...root, ...keys])} is ${says} - ${line(words)}`
}

/** One line about anything that can be thrown. */
export function textOf(thrown: unknown): string {
  try {
    const { message, code } = Object(thrown) as { message?: unknown; code?: unknown }
    if (typeof message !== 'string' || message === '') return line(String(typeof code === 'string' ? code : thrown))
    return line(typeof code === 'string' && !message.includes(code) ? `${code}: ${message}` : message)
  } catch {
    return 'a value that cannot be read'
  }
}

/** Anything thrown as an error of keelson; what is one already stays itself. */
export function asError(thrown: unknown, code: KeelsonError['code'], subject: string): KeelsonError {
  return isKeelsonError(thrown) ? thrown : new KeelsonError(code, `${subject}: ${textOf(thrown)}`, { cause: thrown })
}

/** Everything that is wrong in a line, at most twenty things. */
export function several(says: readonly string[]): string {
  const more = says.length > 20 ? [`and ${says.length - 20} more`] : []
  return [...says.slice(0, 20), ...more].join('; ')
}

/** Names in a line, at most ten of them. */
export function list(names: Iterable<string>): string {
  const all = [...names]
  const shown = all.slice(0, 10).map((name) => `'${line(name, 60)}'`)
  return all.length > 10 ? `${shown.join(', ')} and ${all.length - 10} more` : shown.join(', ')
}

/** A cycle as the path that it is, at most ten names of it. */
export function arrows(cycle: readonly string[]): string {
  if (cycle.length <= 11) return cycle.join(' → ')
  return [...cycle.slice(0, 9), `(${cycle.length - 11} more)`, ...cycle.slice(-2)].join(' → ')
}
