// How values cross from thread to thread: as they are, but for errors, which structured cloning would strip of all that
// makes them useful - their code, their class, their causes. Says which field it is that cannot cross.

import {
  ERROR_CODES,
  type ErrorCode,
  isKeelsonError,
  KeelsonError,
  type OperationReport,
  type ServiceOutcome,
} from '../index.js'

type Step = string | number
/** Errors that were taken out of a value, each with the way to where it stood. */
export type Errors = readonly (readonly [way: readonly Step[], error: Sent])[]

/** An error on its way. */
interface Sent {
  readonly kind: 'keelson' | 'error' | 'value' | 'text'
  readonly name?: string
  readonly code?: ErrorCode
  readonly message?: string
  readonly stack?: string | undefined
  readonly fields?: Readonly<Record<string, unknown>>
  readonly value?: unknown
  /** A list of at most one: a cause may be `undefined`. */
  readonly cause?: readonly Sent[]
  readonly suppressed?: readonly Sent[]
  readonly errors?: readonly Sent[]
  readonly report?: Packed
}

/** A value without its errors, and these, if there are any. */
export type Packed = readonly [value: unknown, errors?: Errors | undefined]

/** Longer chains of causes are somebody's mistake, and so are errors that hold one another; of these go so many. */
const DEPTH = 16
const MANY = 1000
/** What is nested deeper is named no further. */
const DEEP = 100
const KINDS = new Map<string, new (message?: string) => Error>(
  [TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError].map((kind) => [kind.name, kind]),
)

/** Makes a value ready for the way. What holds no error is sent as it is. */
export function pack(value: unknown): Packed {
  if (!holdsError(value)) return [value]
  const errors: [Step[], Sent][] = []
  return [strip(value, [], errors, new Map()), errors]
}

/** What `pack` was given. */
export function unpack(value: unknown, errors: Errors = []): unknown {
  let whole = value
  for (const [way, sent] of errors) {
    const error = received(sent)
    const last = way.at(-1)
    if (last === undefined) whole = error
    else {
      let holder = whole as Record<Step, unknown>
      for (const step of way.slice(0, -1)) holder = holder[step] as Record<Step, unknown>
      holder[last] = error
    }
  }
  return whole
}

/**
 * A report as a flat list: to clone its objects, or to write them down as text, takes longer than all the rest of their
 * way. What is of the report itself comes first, then the critical path, then a row for each service.
 */
export type Listed = readonly unknown[]
type Head = [
  operation: OperationReport['operation'],
  target: string | undefined,
  outcome: OperationReport['outcome'],
  duration: number,
  path: number,
]
const HEAD = 5
type Row = [
  name: string,
  outcome: ServiceOutcome['outcome'],
  state: ServiceOutcome['state'],
  hookDuration: number | undefined,
  error: unknown,
  waitedFor: ServiceOutcome['waitedFor'] | undefined,
]
const ROW = 6

/** Makes a report ready for the way. */
export function list({ operation, target, outcome, duration, criticalPath, services }: OperationReport): Listed {
  const all: unknown[] = [operation, target, outcome, duration, criticalPath.length, ...criticalPath]
  for (const { name, outcome, state, hookDuration, error, waitedFor } of services)
    all.push(name, outcome, state, hookDuration, error, waitedFor.length > 0 ? waitedFor : undefined)
  return all
}

/** The report that `list` was given. */
export function unlist(all: Listed): OperationReport {
  const [operation, target, outcome, duration, path] = all as Head
  const services: ServiceOutcome[] = []
  for (let at = HEAD + path; at < all.length; at += ROW) services.push(unlisted(all.slice(at, at + ROW) as Row))
  const criticalPath = all.slice(HEAD, HEAD + path) as string[]
  return { operation, ...(target === undefined ? {} : { target }), outcome, duration, services, criticalPath }
}

function unlisted([name, outcome, state, hookDuration, error, waitedFor = []]: Row): ServiceOutcome {
  const took = hookDuration === undefined ? {} : { hookDuration }
  return { name, outcome, state, waitedFor, ...took, ...(error === undefined ? {} : { error }) }
}

const isError = (value: unknown): value is Error => value instanceof Error || isKeelsonError(value)

/** Objects that are looked into; what else can be cloned is cloned as it is. */
function isPlain(value: unknown): value is Record<string, unknown> | unknown[] {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** `above` is what it was found in, and all else that was looked into before. */
function holdsError(value: unknown, above?: Set<object>): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (!isPlain(value)) return isError(value)
  if (above?.has(value)) return false
  above?.add(value)
  for (const each of Array.isArray(value) ? value : Object.values(value))
    if (typeof each === 'object' && holdsError(each, above ?? new Set([value]))) return true
  return false
}

function strip(value: unknown, way: readonly Step[], errors: [Step[], Sent][], seen: Map<object, unknown>): unknown {
  if (isError(value)) {
    errors.push([[...way], sent(value, DEPTH, { left: MANY })])
    return undefined
  }
  if (!isPlain(value)) return value
  const known = seen.get(value)
  if (known !== undefined) return known
  const copy: Record<Step, unknown> | unknown[] = Array.isArray(value) ? [] : {}
  seen.set(value, copy)
  for (const [key, each] of Object.entries(value))
    Object.defineProperty(copy, key, {
      value: strip(each, [...way, key], errors, seen),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  return copy
}

function sent(thrown: unknown, depth: number, room: { left: number }): Sent {
  try {
    if (!isError(thrown)) return clonable(thrown) ? { kind: 'value', value: thrown } : text(thrown)
    const { name, message, stack } = thrown
    const below = (error: unknown): Sent => (depth > 0 && room.left-- > 0 ? sent(error, depth - 1, room) : text(error))
    const common: Sent = {
      kind: 'error',
      name: String(name),
      message: String(message),
      stack: typeof stack === 'string' ? stack : undefined,
      ...('cause' in thrown ? { cause: [below(thrown.cause)] } : {}),
    }
    if (isKeelsonError(thrown) && ERROR_CODES.includes(thrown.code)) {
      const { code, report, suppressed } = thrown
      return {
        ...common,
        kind: 'keelson',
        code,
        suppressed: suppressed.map(below),
        ...(report === undefined ? {} : { report: pack(report) }),
      }
    }
    const fields = Object.entries(thrown).filter(
      ([key, value]) => key !== 'cause' && key !== 'errors' && clonable(value),
    )
    const { errors } = thrown as { errors?: unknown }
    return {
      ...common,
      ...(fields.length > 0 ? { fields: Object.fromEntries(fields) } : {}),
      ...(Array.isArray(errors) ? { errors: errors.map(below) } : {}),
    }
  } catch {
    return { kind: 'text', message: 'something that throws when it is read' }
  }
}

function received(sent: Sent): unknown {
  const { kind, message = '', stack } = sent
  if (kind === 'value') return sent.value
  if (kind === 'text') return new Error(message)
  const options = sent.cause === undefined ? {} : { cause: received(sent.cause[0] as Sent) }
  let error: Error
  if (kind === 'keelson')
    error = new KeelsonError(sent.code as ErrorCode, message, {
      ...options,
      suppressed: (sent.suppressed ?? []).map(received),
      ...(sent.report === undefined ? {} : { report: unpack(...sent.report) }),
    })
  else {
    const { name = 'Error', errors, fields } = sent
    error =
      errors === undefined ? new (KINDS.get(name) ?? Error)(message) : new AggregateError(errors.map(received), message)
    if (sent.cause !== undefined) define(error, 'cause', options.cause)
    if (error.name !== name) define(error, 'name', name)
    for (const [key, value] of Object.entries(fields ?? {})) define(error, key, value, true)
  }
  if (stack !== undefined) define(error, 'stack', stack)
  return error
}

/** What was thrown, if it can cross; else its text, as an error. */
export function crossing(thrown: unknown): unknown {
  try {
    if (isError(thrown) || clonable(thrown)) return thrown
  } catch {} // not even that can be asked
  return new Error(inWords(thrown))
}

function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}

function text(value: unknown): Sent {
  return { kind: 'text', message: inWords(value) }
}

function inWords(value: unknown): string {
  try {
    return typeof value === 'function' ? `a function ${value.name}`.trimEnd() : String(value)
  } catch {
    return 'something that throws when it is read'
  }
}

function clonable(value: unknown): boolean {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol'))
    return true
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

/** The first field of a value that cannot cross, in words; `undefined` if all of it can. */
export function uncrossable(value: unknown, path: string): string | undefined {
  return clonable(value) ? undefined : (culprit(value, path, new Set(), 0) ?? `${path} cannot cross to another thread`)
}

function culprit(value: unknown, path: string, seen: Set<object>, depth: number): string | undefined {
  if (depth > DEEP) return `${path.slice(0, 100)}… is nested too deep to cross to another thread; give plain data`
  if (!isPlain(value)) {
    if (clonable(value) || isError(value)) return undefined
    const what = typeof value === 'object' ? `a ${value?.constructor?.name ?? 'object'}` : `a ${typeof value}`
    return `${path} is ${what}, which cannot cross to another thread; give plain data`
  }
  if (seen.has(value)) return undefined
  seen.add(value)
  try {
    for (const key of Object.keys(value)) {
      const way = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`
      const found = culprit((value as Record<string, unknown>)[key], way, seen, depth + 1)
      if (found !== undefined) return found
    }
    return undefined
  } catch (error) {
    return `${path} throws when it is read (${inWords(error)}), and cannot cross to another thread; give plain data`
  }
}
