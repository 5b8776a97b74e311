// The one error class of the library and its closed list of codes (lifecycle.md §11).
// Owns: how an error reads, how it serialises, how it is recognised across copies of the module.
// Knows nothing about services; every other module may import it.

/** The closed list of codes; `code` is what programs switch on (R50). */
export const ERROR_CODES = [
  'SERVICE_DUPLICATE',
  'SERVICE_NOT_FOUND',
  'SERVICE_INVALID',
  'SERVICE_IN_USE',
  'DEPENDENCY_MISSING',
  'DEPENDENCY_CYCLE',
  'DEPENDENCY_TIMEOUT',
  'START_FAILED',
  'START_TIMEOUT',
  'STOP_FAILED',
  'STOP_TIMEOUT',
  'CRASHED',
  'UNHEALTHY',
  'START_INCOMPLETE',
  'STOP_INCOMPLETE',
  'CANCELLED',
  'CONFIG_INVALID',
  'CLOSED',
] as const

/** One of {@link ERROR_CODES}. */
export type ErrorCode = (typeof ERROR_CODES)[number]

/** What {@link KeelsonError.toJSON} gives: name, code, message and a text of the cause (R50). */
export interface ErrorJSON {
  /** Always `KeelsonError`: tells these records from those of other errors. */
  readonly name: string
  /** What programs that read the log switch on; one of {@link ERROR_CODES}. */
  readonly code: ErrorCode
  /** For people: *subject - what - with which value - what to do*. */
  readonly message: string
  /** One line on the thing thrown, at most 300 characters; absent if nothing was. */
  readonly cause?: string
  /** One line on each error that came after it while cleaning up, oldest first (R4); absent if none did. */
  readonly suppressed?: readonly string[]
}

const BRAND = Symbol.for('keelson.error')

/** Attaches an error that came while cleaning up after `first` (R4). */
export let suppress: (first: KeelsonError, later: unknown) => void

/**
 * The error that every promise of the library rejects with and every status carries.
 *
 * A message reads *subject - what - with which value - what to do*; `cause` is the thing really thrown, untouched, also
 * when it is `undefined`, a string or a frozen object (R50). An error of a cleanup or a rollback that followed is found
 * in `suppressed`, never in the place of the first (R4).
 */
export class KeelsonError<Report = unknown> extends Error {
  /** What programs switch on; one of {@link ERROR_CODES}. */
  readonly code: ErrorCode
  // Not fields: a log record would drown in these.
  readonly #report: Report | undefined
  #suppressed: readonly unknown[]

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; report?: Report; suppressed?: readonly unknown[] } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.#report = options.report
    this.#suppressed = options.suppressed ?? []
  }

  /** The `OperationReport` of the call, on `START_INCOMPLETE`, `STOP_INCOMPLETE` and `CANCELLED` of an operation. */
  get report(): Report | undefined {
    return this.#report
  }

  /** Errors that came after this one while cleaning up because of it, oldest first (R4). */
  get suppressed(): readonly unknown[] {
    return this.#suppressed
  }

  static {
    suppress = (first, later) => {
      first.#suppressed = [...first.#suppressed, later]
    }
  }

  /** A plain, JSON-safe form: name, code, message and a text of the cause (R50). */
  toJSON(): ErrorJSON {
    return {
      name: this.name,
      code: this.code,
      message: this.message,
      ...('cause' in this ? { cause: describe(this.cause) } : {}),
      ...(this.suppressed.length > 0 ? { suppressed: this.suppressed.map(describe) } : {}),
    }
  }
}
Object.defineProperty(KeelsonError.prototype, 'name', { value: 'KeelsonError', configurable: true, writable: true })
// By this, errors of every copy of the module in a program are recognised, without `instanceof`.
Object.defineProperty(KeelsonError.prototype, BRAND, { value: true })

/** Tells whether a caught value is an error of keelson, of whichever copy of the module; optionally with this code. */
export function isKeelsonError(value: unknown, code?: ErrorCode): value is KeelsonError {
  try {
    if (typeof value !== 'object' || value === null || (value as { [BRAND]?: unknown })[BRAND] !== true) return false
    return code === undefined || (value as KeelsonError).code === code
  } catch {
    return false // a proxy that throws on read is not ours
  }
}

/**
 * An error that tells what happened to a service, with what was thrown there, if anything was. It has no stack of its
 * own: that would show nothing but the engine, and costs more than all the rest of a retry.
 */
export function told(code: ErrorCode, message: string, thrown: Thrown): KeelsonError {
  const { stackTraceLimit } = Error
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return new KeelsonError(code, message, thrown.length > 0 ? { cause: thrown[0] } : {})
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

/** What was thrown, if anything was: `undefined` can be thrown, too. */
export type Thrown = readonly [] | readonly [unknown]

const LONGEST = 300

/**
 * One line for anything that can be thrown: an error's code and message, a string as it is, other values as they print.
 * Never throws, never longer than 300 characters; follows an error without a message to its cause.
 */
export function describe(thrown: unknown): string {
  try {
    return shorten(text(thrown, 0))
  } catch {
    return 'a value that cannot be read'
  }
}

function text(thrown: unknown, depth: number): string {
  if (typeof thrown === 'string') return thrown === '' ? 'an empty string' : thrown
  if (typeof thrown !== 'object' || thrown === null) return String(thrown)
  const { message, code, name, cause, errors } = thrown as { [key: string]: unknown }
  if (typeof message === 'string' && message !== '') {
    const says = typeof code === 'string' && !message.includes(code) ? `${code}: ${message}` : message
    return !isKeelsonError(thrown) && depth === 0 && isErrorLike(cause) ? `${says} (${shorten(text(cause, 1))})` : says
  }
  if (Array.isArray(errors) && errors.length > 0 && depth < 3) return text(errors[0], depth + 1) // AggregateError of a dual-stack connect
  if (typeof code === 'string') return code
  if (isErrorLike(cause) && depth < 3) return text(cause, depth + 1)
  if (typeof name === 'string' && name !== '') return name
  return Object.prototype.toString.call(thrown)
}

function isErrorLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { message?: unknown }).message === 'string'
}

function shorten(line: string): string {
  const flat = line.slice(0, LONGEST + 1).replace(/\s+/g, ' ')
  return flat.length > LONGEST || line.length > LONGEST ? `${flat.slice(0, LONGEST - 1)}…` : flat
}
