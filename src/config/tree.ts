// Plain data: what a configuration is made of, however it was written. Copied, bounded and frozen on its way in, so
// that whatever reads it later meets neither a surprise nor an end of the stack.
// Owns paths through it, too: how they are written, how they read in a message, what changed between two trees.

import { types } from 'node:util'
import { KeelsonError } from '../index.js'

/** A value of a configuration: what JSON can say. */
export type ConfigValue = null | boolean | number | string | readonly ConfigValue[] | ConfigTree

/** An object of a configuration. */
export interface ConfigTree {
  /** What stands under the key, if it is there. */
  readonly [key: string]: ConfigValue
}

/** Where a value is: keys with dots between them, or a list of keys - which is how keys with dots are reached. */
export type ConfigPath = string | readonly string[]

/** The deepest nesting that is taken; libraries that walk a tree do it by recursion. */
export const MAX_DEPTH = 100
/** The most values that are taken; a few aliases of YAML can stand for billions. */
const MAX_VALUES = 1_000_000

/** The code of whatever this room refuses; message: *subject: what - with which value; what to do*. */
export function refused(subject: string, what: string, cause?: { readonly cause: unknown }): KeelsonError {
  return new KeelsonError('CONFIG_INVALID', `${subject}: ${what}`, cause)
}

/** A value as it reads in a message. */
export function show(value: unknown): string {
  if (value === undefined) return 'missing'
  if (typeof value === 'string') return value === '' ? 'an empty text' : `'${line(value, 60)}'`
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : typeof value === 'bigint' ? `${value}n` : String(value)
}

const SECRET =
  /pass(?:word|wd|phrase|code)|secret|token(?!s|iz)|credential|(?:api|private|access|signing|encryption)[_-]?key/i
const SECRET_WORD = /(?:^|[_-])(?:pass|pw|pwd)$/i
/** What an address may have before the host, as `postgres://user:password@host`. */
const USERINFO = /(:\/\/[^\s/:@]*:)\S*@/g

/** Whether one of the names that a value goes by - a key of its path, its variable - says that it is a secret. */
const isSecret = (names: readonly (PropertyKey | undefined)[]): boolean =>
  names.some((name) => SECRET.test(String(name)) || SECRET_WORD.test(String(name)))

/**
 * A value by the names that it goes by - the keys of its path - as it reads in a message, which goes to logs: short and in
 * one line. What is called as secrets are is not shown, nor is the password of an address.
 */
export function shown(value: unknown, names: readonly (PropertyKey | undefined)[]): string {
  if ((typeof value !== 'string' && typeof value !== 'number') || value === '') return show(value)
  if (isSecret(names)) return `a ${typeof value === 'string' ? 'text' : 'number'} that is not shown here`
  return show(typeof value === 'string' ? value.slice(0, 4_096).replace(USERINFO, '$1…@') : value)
}

/** The words of a schema about a value, some of which quote it: without what is not shown of it. */
export function unquoted(words: string, value: unknown, says: string): string {
  return typeof value === 'string' && value.length > 2 && !says.includes(value) ? words.replaceAll(value, '…') : words
}

/** A text without what would break a line of a log, at most so long. */
export function line(text: string, longest = 300): string {
  const flat = text.slice(0, longest + 1).replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
  return text.length > longest ? `${flat.slice(0, longest)}…` : flat
}

/** What was thrown, as it reads in a message. */
export function saidBy(thrown: unknown): string {
  try {
    return line(String((Object(thrown) as { message?: unknown }).message ?? thrown))
  } catch {
    return 'a value that cannot be read'
  }
}

/** A path as it reads in a message and in a list of changes. */
export function pathText(keys: readonly PropertyKey[]): string {
  if (keys.length === 0) return 'the whole'
  return line(keys.map((key) => (key === '' ? "''" : String(key))).join('.'), 100)
}

/** The keys of a path; `CONFIG_INVALID` for one that is none. */
export function keysOf(subject: string, path: ConfigPath): readonly string[] {
  if (path === '') return []
  if (typeof path === 'string') {
    const keys = path.split('.')
    if (!keys.includes('')) return keys
    throw refused(subject, `the path ${show(path)} has an empty part; pass keys with one dot between them, or a list`)
  }
  if (Array.isArray(path) && path.every((key) => typeof key === 'string')) return path
  throw refused(subject, `the path is ${show(path)}; pass text such as 'link.timeout', or a list of keys`)
}

export const isObject = (value: unknown): value is ConfigTree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What stands under a key, looked for among own properties only. */
export function child(value: unknown, key: string): ConfigValue | undefined {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(key)) return undefined
  return (value as ConfigTree)[key]
}

export function lookup(tree: ConfigValue, keys: readonly string[]): ConfigValue | undefined {
  let found: ConfigValue | undefined = tree
  for (const key of keys) found = child(found, key)
  return found
}

/** A tree that may still be written to, until it is frozen. */
export type Draft = { [key: string]: ConfigValue }

/** A copy of plain data, every part of it checked and nothing of it shared; `subject` begins the message of a refusal. */
export function copy(subject: string, root: unknown, { finite = false }: { readonly finite?: boolean } = {}): Draft {
  let left = MAX_VALUES
  const keys: string[] = []
  const refuse = (what: string): KeelsonError =>
    refused(subject, keys.length > 0 ? `${pathText(keys)} ${what}` : `it ${what}`)
  const visit = (value: unknown): ConfigValue => {
    if (--left < 0) throw refused(subject, `it has more than ${MAX_VALUES} values; make it smaller`)
    if (finite && (value === Infinity || value === -Infinity))
      throw refuse('is a number out of range; write a smaller one')
    if (value === null || ['string', 'boolean', 'number'].includes(typeof value)) return value as ConfigValue
    if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value)
    if (typeof value === 'bigint') throw refuse('is a whole number beyond ±(2^53 - 1); write it as text')
    if (types.isDate(value)) return dateText(value) ?? fail(refuse('is a date that does not exist; correct it'))
    if (typeof value !== 'object') throw refuse(`is ${show(value)}; only plain data can be configuration`)
    if (keys.length >= MAX_DEPTH) throw refuse(`is nested deeper than ${MAX_DEPTH} levels; make it flatter`)
    const inner = (key: string, each: unknown): ConfigValue => {
      keys.push(key)
      const copied = visit(each)
      keys.pop()
      return copied
    }
    if (Array.isArray(value)) return Array.from(value, (each, index) => inner(String(index), each ?? null))
    if (!isPlain(value)) throw refuse(`is ${named(value)}; only plain data can be configuration`)
    const draft: Draft = {}
    for (const key of Object.keys(value)) {
      const each: unknown = (value as Draft)[key]
      if (each === undefined) continue
      const copied = inner(key, each)
      if (key === '__proto__') throw refuse("has the key '__proto__', which no object may have; choose another")
      draft[key] = copied
    }
    return draft
  }
  const copied = visit(root)
  if (isObject(copied)) return copied as Draft
  throw refused(subject, `it is ${show(copied)}; make it an object at the top`)
}

function fail(error: Error): never {
  throw error
}

/** A date as text: TOML and YAML have dates, and a time zone or the absence of one must survive. */
function dateText(date: Date): string | undefined {
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString()
}

/** An object of braces, of whichever realm; not an instance of a class. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function named(value: object): string {
  const { name } = Object(Reflect.get(value, 'constructor')) as { name?: unknown }
  return typeof name === 'string' && name !== '' ? `an instance of ${line(name, 60)}` : 'no plain object'
}

/** Freezes a tree of plain data, all of it. */
export function freeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) for (const each of Object.values(Object.freeze(value))) freeze(each)
  return value
}

/** What a schema gave, with all of it that is plain copied and frozen; instances of classes stay what they are. */
export function sealed<Value>(root: Value): Value {
  const done = new Map<object, unknown>()
  const visit = (value: unknown, depth: number): unknown => {
    if (typeof value !== 'object' || value === null || depth > 10 * MAX_DEPTH) return value
    if (!Array.isArray(value) && !isPlain(value)) return value
    if (done.has(value)) return done.get(value)
    const twin: object = Array.isArray(value) ? [] : Object.create(Object.getPrototypeOf(value))
    done.set(value, twin)
    for (const key of Object.keys(value)) {
      const each = visit((value as Draft)[key], depth + 1)
      Object.defineProperty(twin, key, { value: each, enumerable: true, writable: true, configurable: true })
    }
    return Object.freeze(twin)
  }
  return visit(root, 0) as Value
}

/** The paths at which two trees differ: the deepest that both have, a list as a whole. */
export function changes(before: ConfigValue | undefined, after: ConfigValue | undefined): (readonly string[])[] {
  const found: (readonly string[])[] = []
  const visit = (a: ConfigValue | undefined, b: ConfigValue | undefined, keys: readonly string[]): void => {
    if (isObject(a) && isObject(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        visit(child(a, key), child(b, key), [...keys, key])
    } else if (!same(a, b)) found.push(keys)
  }
  visit(before, after, [])
  return found
}

function same(a: ConfigValue | undefined, b: ConfigValue | undefined): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && same(child(a, key), child(b, key)))
  )
}
